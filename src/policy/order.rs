// SPDX-License-Identifier: MIT OR Apache-2.0
//! The strands that are ready and not held, in the order that the kind needs.

use super::fifo::Fifo;
use super::line::Line;
use super::pct::Pct;
use super::pool::Pool;
use super::ranked::Ranked;
use super::rules::{Cause, Kind, Rules, StrandIndex};
use super::strands::Strand;
use crate::base::status::Outcome;

pub(super) enum Order {
    Fifo(Fifo),
    Ranked(Ranked),
    Pool(Pool),
    Pct(Pct),
    Line(Line),
}

impl Order {
    /// An empty one with one lane. The rules have their defaults filled in.
    pub(super) fn new(rules: &Rules) -> Outcome<Order> {
        let mut order = match rules.kind {
            Kind::Cooperative | Kind::RoundRobin => Order::Fifo(Fifo::new()),
            Kind::Random => Order::Pool(Pool::new(rules.seed)),
            Kind::Pct => Order::Pct(Pct::new(rules)?),
            Kind::Chosen => Order::Line(Line::new()),
            _ => Order::Ranked(Ranked::new(*rules)),
        };
        order.lanes(1)?;
        Ok(order)
    }

    /// Forgets all strands, and all lanes but the first `lanes`.
    pub(super) fn clear(&mut self, seed: u64, lanes: usize) {
        match self {
            Order::Fifo(fifo) => fifo.clear(lanes),
            Order::Ranked(ranked) => ranked.clear(lanes),
            Order::Pool(pool) => pool.clear(seed),
            Order::Pct(pct) => pct.clear(seed),
            Order::Line(line) => line.clear(),
        }
    }

    /// Has the memory for the strands below `strands`.
    pub(super) fn admit(&mut self, strands: usize) -> Outcome<()> {
        match self {
            Order::Fifo(fifo) => fifo.admit(strands),
            Order::Ranked(ranked) => ranked.admit(strands),
            Order::Pool(pool) => pool.admit(strands),
            Order::Pct(pct) => pct.admit(strands),
            Order::Line(line) => line.admit(strands),
        }
    }

    /// Has at least so many lanes.
    pub(super) fn lanes(&mut self, lanes: usize) -> Outcome<()> {
        match self {
            Order::Fifo(fifo) => fifo.lanes(lanes),
            Order::Ranked(ranked) => ranked.lanes(lanes),
            _ => Ok(()),
        }
    }

    /// Gives `strand`, which is not linked, the place of one that becomes ready now.
    #[inline]
    pub(super) fn place(&mut self, strand: StrandIndex, sequence: u64, known: &Strand) {
        match self {
            Order::Fifo(fifo) => fifo.place(strand, sequence),
            Order::Ranked(ranked) => ranked.place(strand, sequence, known),
            Order::Line(line) => line.place(strand, sequence),
            Order::Pool(_) | Order::Pct(_) => {}
        }
    }

    /// Says why `strand` becomes ready, before it is linked.
    #[inline]
    pub(super) fn note(&mut self, strand: StrandIndex, cause: Cause) {
        if let Order::Pct(pct) = self {
            pct.note(strand, cause);
        }
    }

    /// Lets `strand` stand for its turn at its place.
    #[inline]
    pub(super) fn link(&mut self, lane: u32, strand: StrandIndex) {
        match self {
            Order::Fifo(fifo) => fifo.link(lane, strand),
            Order::Ranked(ranked) => ranked.link(lane, strand),
            Order::Pool(pool) => pool.link(strand),
            Order::Pct(pct) => pct.link(strand),
            Order::Line(line) => line.link(strand),
        }
    }

    /// Takes `strand` out without a pick. It keeps its place for a later `link`.
    pub(super) fn unlink(&mut self, lane: u32, strand: StrandIndex) {
        match self {
            Order::Fifo(fifo) => fifo.unlink(lane, strand),
            Order::Ranked(ranked) => ranked.unlink(lane, strand),
            Order::Pool(pool) => pool.unlink(strand),
            Order::Pct(pct) => pct.unlink(strand),
            Order::Line(line) => line.unlink(strand),
        }
    }

    /// Takes `strand` out as if the rules had picked it.
    pub(super) fn take(&mut self, lane: u32, strand: StrandIndex) {
        match self {
            Order::Ranked(ranked) => ranked.take(lane, strand),
            Order::Pool(pool) => pool.take(strand),
            Order::Pct(pct) => pct.take(strand),
            Order::Fifo(_) | Order::Line(_) => self.unlink(lane, strand),
        }
    }

    /// The number with which `strand`, which is ready, was placed.
    pub(super) fn sequence(&self, strand: StrandIndex) -> Option<u64> {
        match self {
            Order::Fifo(fifo) => Some(fifo.sequence(strand)),
            Order::Ranked(ranked) => Some(ranked.sequence(strand)),
            Order::Line(line) => Some(line.sequence(strand)),
            Order::Pool(_) | Order::Pct(_) => None,
        }
    }

    /// The priority or the tokens of `strand`, which is ready, have changed.
    pub(super) fn rerank(&mut self, strand: StrandIndex, known: &Strand) {
        if let Order::Ranked(ranked) = self {
            ranked.rerank(strand, known);
        }
    }
}

#[cfg(test)]
impl Order {
    /// Every strand that is linked, as often as it is.
    pub(super) fn linked(&self) -> Vec<StrandIndex> {
        match self {
            Order::Fifo(fifo) => fifo.linked(),
            Order::Ranked(ranked) => ranked.linked(),
            Order::Pool(pool) => pool.members().to_vec(),
            Order::Pct(pct) => pct.linked(),
            Order::Line(line) => line.members().to_vec(),
        }
    }

    /// Entries for which there is memory.
    pub(super) fn room(&self) -> usize {
        match self {
            Order::Fifo(fifo) => fifo.room(),
            Order::Ranked(ranked) => ranked.room(),
            Order::Pool(pool) => pool.room(),
            Order::Pct(pct) => pct.room(),
            Order::Line(line) => line.room(),
        }
    }
}
