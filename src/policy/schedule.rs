// SPDX-License-Identifier: MIT OR Apache-2.0
//! The strands that are ready, and the pick among them.
//!
//! All memory is had when a strand is admitted or a lane is made; nothing else can fail for want of it. Calls about a
//! strand that was not admitted do nothing, and answer as if it had nothing.

use super::defect::{Defect, seeded};
use super::handoff::Handoffs;
use super::lanes::{self, Lanes};
use super::memory::grow;
use super::order::Order;
use super::rules::{Cause, Chooser, Kind, NONE, Rules, StrandIndex};
use super::strands::{Place, Strand, Strands, entry, entry_mut};
use crate::base::random::Random;
use crate::base::status::{Outcome, Status};

/// See the module documentation.
pub struct Schedule {
    pub(super) rules: Rules,
    pub(super) strands: Strands,
    pub(super) order: Order,
    pub(super) lanes: Lanes,
    pub(super) lanes_first: bool,
    pub(super) handoffs: Handoffs,
    pub(super) ready: usize,
    pub(super) held: usize, // of those that are ready
    pub(super) sequence: u64,
    running: StrandIndex,
    checkpoints: u32, // in the turn of the running one
    choices: Random,
}

/// What choices other than picks are drawn from: the seed of the picks, but another sequence.
fn choices_of(rules: &Rules) -> Random {
    Random::new(rules.seed ^ 0x5e1e_c7ed_ca5e_0000)
}

impl Schedule {
    /// No strands, and lane 0. INVALID when a number of `rules` is out of range; NO_MEMORY.
    pub fn new(rules: &Rules) -> Outcome<Schedule> {
        let rules = rules.filled()?;
        Ok(Schedule {
            rules,
            strands: Strands::new(),
            order: Order::new(&rules)?,
            lanes: Lanes::new()?,
            lanes_first: lanes::come_first(rules.kind),
            handoffs: Handoffs::new(),
            ready: 0,
            held: 0,
            sequence: 0,
            running: NONE,
            checkpoints: 0,
            choices: choices_of(&rules),
        })
    }

    /// Forgets all strands, all hand-offs, and the lanes made after those that [`Self::keep_lanes`] made last (lane 0
    /// alone without it), and keeps the memory: the next schedule of an exploration. Equal to a new schedule of the
    /// same rules with `seed` and these lanes.
    pub fn clear(&mut self, seed: u64) {
        self.strands.clear();
        self.order.clear(seed, self.lanes.lasting());
        self.lanes.clear();
        self.handoffs.clear();
        (self.ready, self.held, self.sequence) = (0, 0, 0);
        (self.running, self.checkpoints) = (NONE, 0);
        self.rules.seed = seed;
        self.choices = choices_of(&self.rules);
    }

    /// One of `n` things that the program leaves open, such as which of several ready cases commits: each is equally
    /// likely, under every rule.
    pub fn choose(&mut self, n: u32) -> u32 {
        self.choices.below(u64::from(n)) as u32
    }

    /// `Pct`: the number of picks over which the change points are spread, from the next `clear` on. 0 changes nothing.
    pub fn set_steps(&mut self, steps: u64) {
        if steps > 0 {
            self.rules.steps = steps;
            if let Order::Pct(pct) = &mut self.order {
                pct.set_steps(steps);
            }
        }
    }

    /// The rules, with every default filled in.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A strand exists now; it is not ready. All memory it can need here is had now. NO_MEMORY, and nothing changed;
    /// INVALID for an unknown lane or a strand that was admitted and has not retired.
    pub fn admit(&mut self, strand: StrandIndex, lane: u32, priority: i32) -> Outcome<()> {
        if strand == NONE || !self.lanes.has(lane) || entry(&self.strands, strand).is_some() {
            return Err(Status::INVALID);
        }
        let strands = self.strands.len().max(strand as usize + 1);
        self.order.admit(strands)?;
        grow(&mut self.strands, strands, Strand::ABSENT)?;
        self.strands[strand as usize] = Strand { place: Place::Away, lane, priority, ..Strand::ABSENT };
        if let Order::Pct(pct) = &mut self.order {
            pct.born(strand);
        }
        Ok(())
    }

    /// It has ended, or will never start. Its index may be admitted again.
    pub fn retire(&mut self, strand: StrandIndex) {
        let Some(known) = entry(&self.strands, strand) else { return };
        if known.place == Place::Ready {
            self.leave(strand);
        }
        if self.running == strand {
            self.running = NONE;
        }
        self.strands[strand as usize] = Strand::ABSENT;
    }

    /// It waits for its turn from now on. One that is ready already keeps its one place; a message still mints.
    #[inline]
    pub fn ready(&mut self, strand: StrandIndex, cause: Cause) {
        if cause == Cause::Message && self.rules.kind == Kind::ProgressAware && !seeded(Defect::NoMint) {
            self.grant(strand, 1);
        }
        let Some(known) = entry_mut(&mut self.strands, strand) else { return };
        if known.place == Place::Ready && !seeded(Defect::ReadyTwice) {
            return;
        }
        known.place = Place::Ready;
        self.ready += 1;
        self.sequence += 1;
        if self.running == strand {
            self.running = NONE;
        }
        self.order.place(strand, self.sequence, known);
        self.order.note(strand, cause);
        if known.held && !seeded(Defect::HeldIsPicked) {
            self.held += 1;
        } else {
            let lane = known.lane;
            self.link(lane, strand);
        }
    }

    /// Who runs next; `None` when nobody is eligible. The chooser is asked under [`Kind::Chosen`] alone.
    #[inline]
    pub fn pick<C: Chooser + ?Sized>(&mut self, chooser: &mut C) -> Option<StrandIndex> {
        let strand = match &mut self.order {
            Order::Fifo(fifo) => {
                let lane = self.lanes.choose()?;
                fifo.pop(lane)
            }
            Order::Ranked(ranked) => {
                let lane = self.lanes.choose()?;
                let strand = ranked.first(lane);
                ranked.take(lane, strand);
                strand
            }
            Order::Pool(pool) => pool.pick()?,
            Order::Pct(pct) => pct.pick()?,
            Order::Line(line) => line.pick(chooser)?,
        };
        self.runs(strand);
        Some(strand)
    }

    /// `strand` runs next, whoever the rules would pick; counted as they count a pick, so after the strand that `pick`
    /// would have named all goes on as after `pick`. False, and nothing changed, when it is not ready or held.
    pub fn take(&mut self, strand: StrandIndex) -> bool {
        let Some(known) = entry(&self.strands, strand) else { return false };
        if known.place != Place::Ready || known.held {
            return false;
        }
        self.order.take(known.lane, strand);
        self.runs(strand);
        true
    }

    /// `strand` was picked and has left the order.
    #[inline]
    fn runs(&mut self, strand: StrandIndex) {
        let known = &mut self.strands[strand as usize];
        known.place = Place::Away;
        self.ready -= 1;
        (self.running, self.checkpoints) = (strand, 0);
        if self.lanes_first {
            let lane = known.lane;
            self.lanes.left(lane);
            self.lanes.account(lane);
            spend(self.rules.kind, known);
        }
    }

    /// At a checkpoint: whether the running strand goes on without going back to the queue. `RoundRobin`: until its
    /// quantum is used up. The four kinds with a rank: while making it ready now and picking would pick it again, and
    /// then this is counted as that pick. The others: never. A held strand never goes on.
    pub fn keeps_turn(&mut self, strand: StrandIndex) -> bool {
        let Some(known) = entry_mut(&mut self.strands, strand) else { return false };
        if self.running != strand || known.held {
            return false;
        }
        match &mut self.order {
            Order::Fifo(_) if self.rules.kind == Kind::RoundRobin => {
                self.checkpoints += 1;
                self.checkpoints < self.rules.quantum + u32::from(seeded(Defect::QuantumOff))
            }
            Order::Fifo(_) => seeded(Defect::CooperativeKeepsTurn),
            Order::Ranked(ranked) => {
                if !self.lanes.would_choose(known.lane) || !ranked.again(known) {
                    return false;
                }
                self.lanes.account(known.lane);
                spend(self.rules.kind, known);
                true
            }
            _ => false,
        }
    }

    /// Strands that are ready, held ones included.
    pub fn ready_count(&self) -> usize {
        self.ready
    }

    /// Strands that are ready and not held: those that can be picked.
    pub fn eligible_count(&self) -> usize {
        self.ready - self.held
    }

    /// Every strand that is ready: first those that can be picked, then those that are held. Under `Chosen` the former
    /// come in the order in which they became ready, and the chooser's answer counts in it; under `Random` in the order
    /// of the pool; otherwise, and those that are held, by index.
    pub fn for_each_ready(&self, mut visit: impl FnMut(StrandIndex)) {
        let listed = match &self.order {
            Order::Pool(pool) => Some(pool.members()),
            Order::Line(line) => Some(line.members()),
            _ => None,
        };
        match listed {
            Some(members) => members.iter().for_each(|strand| visit(*strand)),
            None => self.each_by_index(false, &mut visit),
        }
        if self.held > 0 {
            self.each_by_index(true, &mut visit);
        }
    }

    fn each_by_index(&self, held: bool, visit: &mut impl FnMut(StrandIndex)) {
        for (index, known) in self.strands.iter().enumerate() {
            if known.place == Place::Ready && known.held == held {
                visit(index as StrandIndex);
            }
        }
    }

    /// When it became ready, if it is, as a number that rises: the smaller was there earlier. `None`
    /// where the kind keeps no such order (`Random`, `Pct`).
    pub fn place_of(&self, strand: StrandIndex) -> Option<u64> {
        if self.is_ready(strand) { self.order.sequence(strand) } else { None }
    }

    /// Whether it is ready.
    pub fn is_ready(&self, strand: StrandIndex) -> bool {
        entry(&self.strands, strand).is_some_and(|known| known.place == Place::Ready)
    }

    #[inline]
    pub(super) fn link(&mut self, lane: u32, strand: StrandIndex) {
        self.order.link(lane, strand);
        if self.lanes_first {
            self.lanes.joined(lane);
        }
    }

    pub(super) fn unlink(&mut self, lane: u32, strand: StrandIndex) {
        self.order.unlink(lane, strand);
        if self.lanes_first {
            self.lanes.left(lane);
        }
    }

    /// A ready strand that will not be picked.
    fn leave(&mut self, strand: StrandIndex) {
        let known = self.strands[strand as usize];
        self.ready -= 1;
        if known.held {
            self.held -= 1;
        } else {
            self.unlink(known.lane, strand);
        }
    }
}

#[cfg(test)]
impl Schedule {
    /// Every strand that stands for its turn, as often as it does.
    pub(super) fn linked(&self) -> Vec<StrandIndex> {
        self.order.linked()
    }

    /// Entries for which there is memory.
    pub(super) fn room(&self) -> usize {
        self.strands.capacity() + self.order.room()
    }
}

/// A pick of a strand uses up one of the tokens it has earned.
#[inline]
fn spend(kind: Kind, known: &mut Strand) {
    let spent = match kind {
        Kind::ProgressAware => !seeded(Defect::TokenKept),
        Kind::PriorityToken => seeded(Defect::RightOfWaySpent),
        _ => false,
    };
    if spent {
        known.tokens = known.tokens.saturating_sub(1);
    }
}
