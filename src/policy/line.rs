// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Chosen`: the eligible strands in the order in which they became ready; the caller says which one runs. The answer 0
//! throughout is the order of `Cooperative`.
//!
//! Leaving moves those behind, 4 bytes each: a search over choices is over few strands, and an order that people can
//! read is worth more than constant time.

use super::defect::{Defect, seeded};
use super::memory::{grow, reserve};
use super::rules::{Chooser, StrandIndex};
use crate::base::status::Outcome;

pub(super) struct Line {
    members: Vec<StrandIndex>,
    sequences: Vec<u64>,
}

impl Line {
    pub(super) fn new() -> Self {
        Line { members: Vec::new(), sequences: Vec::new() }
    }

    pub(super) fn admit(&mut self, strands: usize) -> Outcome<()> {
        let more = strands - self.members.len();
        reserve(&mut self.members, more)?;
        grow(&mut self.sequences, strands, 0)
    }

    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.sequences.clear();
    }

    pub(super) fn members(&self) -> &[StrandIndex] {
        &self.members
    }

    #[inline]
    pub(super) fn place(&mut self, strand: StrandIndex, sequence: u64) {
        self.sequences[strand as usize] = sequence;
    }

    /// The place it has.
    pub(super) fn sequence(&self, strand: StrandIndex) -> u64 {
        self.sequences[strand as usize]
    }

    #[inline]
    pub(super) fn link(&mut self, strand: StrandIndex) {
        let sequence = self.sequences[strand as usize];
        let last = self.members.last().map_or(0, |last| self.sequences[*last as usize]);
        if last <= sequence || seeded(Defect::PauseLosesPlace) {
            self.members.push(strand); // within the capacity that `admit` reserved
        } else {
            let place = self.members.partition_point(|other| self.sequences[*other as usize] < sequence);
            self.members.insert(place, strand);
        }
    }

    pub(super) fn unlink(&mut self, strand: StrandIndex) {
        let sequence = self.sequences[strand as usize];
        let place = self.members.partition_point(|other| self.sequences[*other as usize] < sequence);
        if self.members.get(place) == Some(&strand) {
            self.members.remove(place);
        }
    }

    #[inline]
    pub(super) fn pick<C: Chooser + ?Sized>(&mut self, chooser: &mut C) -> Option<StrandIndex> {
        match self.members.len() {
            0 => None,
            1 => self.members.pop(),
            n => {
                let choice = chooser.choose(n).min(n - 1);
                Some(self.members.remove(if seeded(Defect::ChoiceReversed) { n - 1 - choice } else { choice }))
            }
        }
    }
}

#[cfg(test)]
impl Line {
    pub(super) fn room(&self) -> usize {
        self.members.capacity() + self.sequences.capacity()
    }
}
