// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Random`: the eligible strands in no particular, but reproducible, order. A strand joins at the end; when one leaves,
//! the last takes its place.

use super::defect::{Defect, seeded};
use super::memory::{grow, reserve};
use super::rules::{NONE, StrandIndex};
use crate::base::random::Random;
use crate::base::status::Outcome;

pub(super) struct Pool {
    members: Vec<StrandIndex>,
    positions: Vec<u32>,
    random: Random,
}

impl Pool {
    pub(super) fn new(seed: u64) -> Self {
        Pool { members: Vec::new(), positions: Vec::new(), random: Random::new(seed) }
    }

    pub(super) fn admit(&mut self, strands: usize) -> Outcome<()> {
        let more = strands - self.members.len();
        reserve(&mut self.members, more)?;
        grow(&mut self.positions, strands, NONE)
    }

    pub(super) fn clear(&mut self, seed: u64) {
        self.members.clear();
        self.positions.clear();
        self.random = Random::new(seed);
    }

    pub(super) fn members(&self) -> &[StrandIndex] {
        &self.members
    }

    #[inline]
    pub(super) fn link(&mut self, strand: StrandIndex) {
        self.positions[strand as usize] = self.members.len() as u32;
        self.members.push(strand); // within the capacity that `admit` reserved
    }

    #[inline]
    pub(super) fn unlink(&mut self, strand: StrandIndex) {
        self.leave(self.positions[strand as usize]);
    }

    #[inline]
    fn leave(&mut self, position: u32) -> StrandIndex {
        let strand = self.members.swap_remove(position as usize);
        if let Some(moved) = self.members.get(position as usize) {
            self.positions[*moved as usize] = position;
        }
        strand
    }

    /// Draws one, each equally likely. Where there is no choice nothing is drawn.
    #[inline]
    pub(super) fn pick(&mut self) -> Option<StrandIndex> {
        match self.members.len() {
            0 => None,
            1 => self.members.pop(),
            n => {
                let first = u64::from(seeded(Defect::RandomSkewed));
                let position = first + self.random.below(n as u64 - first);
                Some(self.leave(position as u32))
            }
        }
    }

    /// Takes `strand`, and moves the sequence of numbers as far as [`Pool::pick`] does.
    pub(super) fn take(&mut self, strand: StrandIndex) {
        if self.members.len() > 1 {
            self.random.bits();
        }
        self.unlink(strand);
    }
}

#[cfg(test)]
impl Pool {
    pub(super) fn room(&self) -> usize {
        self.members.capacity() + self.positions.capacity()
    }
}
