// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of the reference that draws numbers: the pool of `Random` and the priorities of `Pct`.

use super::super::{Cause, Kind, Rules, StrandIndex};
use crate::base::random::Random;
use std::collections::BTreeMap;

/// A priority of `Pct`, the greater the sooner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Priority {
    /// Dropped for spinning; the number is that of demotions before, negated.
    Spun(i64),
    /// Dropped at the change point of this number, the first drawn being 1.
    Changed(u32),
    /// Drawn at admission (the lowest number drawn is the highest priority); then the order of admission.
    First(std::cmp::Reverse<u64>, std::cmp::Reverse<u64>),
}

#[derive(Clone)]
pub struct Choices {
    kind: Kind,
    random: Random,
    /// Of `Random`: a strand joins at the end, and the last takes the place of one that leaves.
    pool: Vec<StrandIndex>,
    priorities: BTreeMap<StrandIndex, Priority>,
    /// Step of each change point, in the order in which they are drawn.
    pub points: Vec<u64>,
    step: u64,
    admitted: u64,
    demotions: i64,
    spinner: Option<StrandIndex>,
    spins: u32,
}

impl Choices {
    pub fn new(rules: &Rules) -> Self {
        let mut random = Random::new(rules.seed);
        let points = if rules.kind == Kind::Pct { rules.depth - 1 } else { 0 };
        let points = (0..points).map(|_| 1 + random.below(rules.steps)).collect();
        Choices {
            kind: rules.kind,
            random,
            pool: Vec::new(),
            priorities: BTreeMap::new(),
            points,
            step: 0,
            admitted: 0,
            demotions: 0,
            spinner: None,
            spins: 0,
        }
    }

    pub fn born(&mut self, strand: StrandIndex) {
        if self.kind == Kind::Pct {
            self.admitted += 1;
            let drawn = self.random.bits() >> 2;
            let priority = Priority::First(std::cmp::Reverse(drawn), std::cmp::Reverse(self.admitted));
            self.priorities.insert(strand, priority);
        }
    }

    pub fn priority(&self, strand: StrandIndex) -> Priority {
        self.priorities[&strand]
    }

    pub fn join(&mut self, strand: StrandIndex) {
        self.pool.push(strand);
    }

    pub fn leave(&mut self, strand: StrandIndex) {
        if let Some(position) = self.pool.iter().position(|member| *member == strand) {
            let last = self.pool.pop().unwrap();
            if last != strand {
                self.pool[position] = last;
            }
        }
    }

    pub fn draw(&mut self) -> StrandIndex {
        let n = self.pool.len() as u64;
        self.pool[if n == 1 { 0 } else { self.random.below(n) as usize }]
    }

    pub fn skip(&mut self) {
        self.random.bits();
    }

    /// `strand` is ready, for this reason.
    pub fn note(&mut self, strand: StrandIndex, cause: Cause) {
        if self.kind != Kind::Pct {
            return;
        }
        let gave_up_turn = cause == Cause::Yielded || cause == Cause::Checkpoint;
        let again = gave_up_turn && self.spinner == Some(strand);
        self.spins = if again { self.spins + 1 } else { u32::from(gave_up_turn) };
        self.spinner = gave_up_turn.then_some(strand).or(self.spinner);
        if self.spins == 100 {
            self.demotions += 1;
            self.priorities.insert(strand, Priority::Spun(-self.demotions));
            self.spins = 0;
        }
    }

    /// `strand` is picked.
    pub fn ran(&mut self, strand: StrandIndex) {
        if self.kind == Kind::Pct {
            self.step += 1;
            // The point drawn last decides; the paper numbers priorities like points.
            if let Some(last) = self.points.iter().rposition(|point| *point == self.step) {
                self.priorities.insert(strand, Priority::Changed(last as u32 + 1));
            }
        }
    }
}
