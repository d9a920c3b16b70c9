// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Pct`: probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with
//! probabilistic guarantees of finding bugs", ASPLOS 2010).
//!
//! Each strand gets a random priority of its own, and the highest runs. `depth - 1` change points are drawn, uniformly
//! over the first `steps` picks: the strand that is picked at the i-th of them drops to priority i, which is below all
//! first priorities. As in the paper the i-th point drawn need not be the i-th in time, so of two strands that have
//! dropped either may be the lower one. A bug that needs `depth` ordering constraints among n strands in k steps is
//! met with probability at least 1 / (n k^(depth-1)).
//!
//! Beside the paper: a strand that gives up its turn 100 times in a row (by yielding or at checkpoints) while nobody
//! becomes ready for another reason drops below everybody, so that spinning on what another must do comes to an end.

use super::defect::{Defect, seeded};
use super::heap::{self, Node};
use super::memory::{grow, reserve};
use super::rules::{Cause, NONE, Rules, StrandIndex};
use crate::base::random::Random;
use crate::base::status::Outcome;

/// Turns given up in a row, with nothing else going on, that count as spinning.
const SPIN: u32 = 100;

/// Ranks below it are first priorities; above it are those who dropped. The lowest rank runs.
const DROPPED: i64 = 1 << 62;

struct ChangePoint {
    step: u64,
    rank: i64,
}

pub(super) struct Pct {
    nodes: Vec<Node>,
    root: StrandIndex,
    random: Random,
    depth: u32,
    steps: u64,
    points: Vec<ChangePoint>, // by step
    next_point: usize,
    step: u64,
    admitted: u64,
    lowest: i64,
    spinner: StrandIndex,
    spins: u32,
}

impl Pct {
    pub(super) fn new(rules: &Rules) -> Outcome<Self> {
        let mut points = Vec::new();
        reserve(&mut points, rules.depth as usize)?;
        let mut pct = Pct {
            nodes: Vec::new(),
            root: NONE,
            random: Random::new(0),
            depth: rules.depth,
            steps: rules.steps,
            points,
            next_point: 0,
            step: 0,
            admitted: 0,
            lowest: 0,
            spinner: NONE,
            spins: 0,
        };
        pct.clear(rules.seed);
        Ok(pct)
    }

    pub(super) fn set_steps(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// Forgets all strands and draws new change points.
    pub(super) fn clear(&mut self, seed: u64) {
        self.nodes.clear();
        self.root = NONE;
        self.random = Random::new(seed);
        self.points.clear();
        for label in 1..i64::from(self.depth) {
            let step = 1 + self.random.below(self.steps);
            self.points.push(ChangePoint { step, rank: DROPPED + i64::from(self.depth) - label });
        }
        // Two points on one step: the one drawn later decides, as in the paper. This sort keeps their order and
        // allocates nothing for so few.
        insertion_sort(&mut self.points);
        (self.next_point, self.step, self.admitted) = (0, 0, 0);
        self.lowest = DROPPED + i64::from(self.depth);
        (self.spinner, self.spins) = (NONE, 0);
    }

    pub(super) fn admit(&mut self, strands: usize) -> Outcome<()> {
        grow(&mut self.nodes, strands, Node::UNLINKED)
    }

    /// Draws the priority of a strand that is new.
    pub(super) fn born(&mut self, strand: StrandIndex) {
        self.admitted += 1;
        let node = &mut self.nodes[strand as usize];
        node.rank = (self.random.bits() >> 2) as i64;
        node.sequence = self.admitted; // no two are equal, even should two draws be
    }

    /// `strand` becomes ready; to be called before it is linked.
    #[inline]
    pub(super) fn note(&mut self, strand: StrandIndex, cause: Cause) {
        if !matches!(cause, Cause::Yielded | Cause::Checkpoint) {
            self.spins = 0;
            return;
        }
        if self.spinner != strand {
            (self.spinner, self.spins) = (strand, 0);
        }
        self.spins += 1;
        if self.spins == SPIN && !seeded(Defect::NoSpinDemotion) {
            self.spins = 0;
            self.lowest += 1;
            self.nodes[strand as usize].rank = self.lowest;
        }
    }

    #[inline]
    pub(super) fn link(&mut self, strand: StrandIndex) {
        self.root = heap::insert(&mut self.nodes, self.root, strand);
    }

    #[inline]
    pub(super) fn unlink(&mut self, strand: StrandIndex) {
        self.root = heap::remove(&mut self.nodes, self.root, strand);
    }

    #[inline]
    pub(super) fn pick(&mut self) -> Option<StrandIndex> {
        let strand = self.root;
        if strand == NONE {
            return None;
        }
        self.take(strand);
        Some(strand)
    }

    #[inline]
    pub(super) fn take(&mut self, strand: StrandIndex) {
        self.unlink(strand);
        self.step += 1;
        while let Some(point) = self.points.get(self.next_point).filter(|point| point.step == self.step) {
            if !seeded(Defect::NoChangePoints) {
                self.nodes[strand as usize].rank = point.rank;
            }
            self.next_point += 1;
        }
    }
}

fn insertion_sort(points: &mut [ChangePoint]) {
    for end in 1..points.len() {
        let mut at = end;
        while at > 0 && points[at - 1].step > points[at].step {
            points.swap(at - 1, at);
            at -= 1;
        }
    }
}

#[cfg(test)]
impl Pct {
    pub(super) fn linked(&self) -> Vec<StrandIndex> {
        heap::members(&self.nodes, self.root)
    }

    pub(super) fn room(&self) -> usize {
        self.nodes.capacity() + self.points.capacity()
    }
}
