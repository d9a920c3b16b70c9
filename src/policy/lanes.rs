// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lanes: groups of strands that share the turns among themselves.
//!
//! A cycle gives each lane with an eligible strand as many picks in a row as its weight says, in the order of the
//! lanes' numbers; a lane that runs empty gives up the rest of its share. Lane 0 is always there.
//!
//! ```text
//! current, left   the lane that has the turn, and the picks it may still have
//! words           a bit for each lane with an eligible strand     summary   a bit for each word that is not 0
//! ```
//! A lane of width 1 never has two strands running at a time. One thread runs one strand at a time, so here every lane
//! is that narrow; the width is kept for those who ask.

use super::defect::{Defect, seeded};
use super::memory::grow;
use super::rules::Kind;
use crate::base::status::{Outcome, Status};

#[derive(Clone, Copy)]
struct Lane {
    weight: u32,
    width: u32,
    eligible: u32,
}

/// All lanes and whose turn it is.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    words: Vec<u64>,
    summary: Vec<u64>,
    current: u32,
    left: u32,
    lasting: usize, // lanes that `clear` leaves
}

impl Lanes {
    pub(super) fn new() -> Outcome<Self> {
        let mut lanes =
            Lanes { lanes: Vec::new(), words: Vec::new(), summary: Vec::new(), current: 0, left: 1, lasting: 1 };
        lanes.add(1, 0)?;
        Ok(lanes)
    }

    /// A new lane; weight 0 is 1, width 0 is without bound.
    pub(super) fn add(&mut self, weight: u32, width: u32) -> Outcome<u32> {
        let lane = u32::try_from(self.lanes.len()).map_err(|_| Status::LIMIT)?;
        let words = self.lanes.len() / 64 + 1;
        grow(&mut self.words, words, 0)?;
        grow(&mut self.summary, (words - 1) / 64 + 1, 0)?;
        grow(&mut self.lanes, lane as usize + 1, Lane { weight: weight.max(1), width, eligible: 0 })?;
        Ok(lane)
    }

    /// Back to the lanes that last, all empty.
    pub(super) fn clear(&mut self) {
        self.lanes.truncate(self.lasting);
        let words = (self.lasting - 1) / 64 + 1;
        self.words.truncate(words);
        self.summary.truncate((words - 1) / 64 + 1);
        self.words.fill(0);
        self.summary.fill(0);
        for lane in &mut self.lanes {
            lane.eligible = 0;
        }
        (self.current, self.left) = (0, self.lanes[0].weight);
    }

    /// Those that there are last from now on.
    pub(super) fn last(&mut self) {
        self.lasting = self.lanes.len();
    }

    /// Lanes that last: the first so many.
    pub(super) fn lasting(&self) -> usize {
        self.lasting
    }

    #[inline]
    pub(super) fn has(&self, lane: u32) -> bool {
        (lane as usize) < self.lanes.len()
    }

    pub(super) fn count(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn weight_and_width(&self, lane: u32) -> Option<(u32, u32)> {
        self.lanes.get(lane as usize).map(|lane| (lane.weight, lane.width))
    }

    /// An eligible strand joined the lane.
    #[inline]
    pub(super) fn joined(&mut self, lane: u32) {
        let entry = &mut self.lanes[lane as usize];
        entry.eligible += 1;
        if entry.eligible == 1 {
            let word = lane as usize / 64;
            self.words[word] |= 1 << (lane % 64);
            self.summary[word / 64] |= 1 << (word % 64);
        }
    }

    /// An eligible strand left the lane.
    #[inline]
    pub(super) fn left(&mut self, lane: u32) {
        let entry = &mut self.lanes[lane as usize];
        entry.eligible -= 1;
        if entry.eligible == 0 {
            let word = lane as usize / 64;
            self.words[word] &= !(1 << (lane % 64));
            if self.words[word] == 0 {
                self.summary[word / 64] &= !(1 << (word % 64));
            }
        }
    }

    #[inline]
    pub(super) fn eligible(&self, lane: u32) -> u32 {
        self.lanes[lane as usize].eligible
    }

    /// The lane whose turn it is; `None` when no strand is eligible.
    #[inline]
    pub(super) fn choose(&self) -> Option<u32> {
        if seeded(Defect::LaneRestarts) {
            return self.from(0);
        }
        if self.left > 0 && self.eligible(self.current) > 0 {
            return Some(self.current);
        }
        self.after_current()
    }

    /// Whether `lane` would be chosen if it had an eligible strand.
    pub(super) fn would_choose(&self, lane: u32) -> bool {
        if self.left > 0 && (lane == self.current || self.eligible(self.current) > 0) {
            return lane == self.current;
        }
        let distance = |lane: u32| (lane + self.count() as u32 - self.current - 1) % self.count() as u32;
        self.after_current().is_none_or(|next| distance(lane) <= distance(next))
    }

    /// A strand of `lane` was picked.
    #[inline]
    pub(super) fn account(&mut self, lane: u32) {
        if lane == self.current && self.left > 0 {
            self.left -= 1;
        } else {
            self.current = lane;
            self.left = if seeded(Defect::WeightIgnored) { 0 } else { self.lanes[lane as usize].weight - 1 };
        }
    }

    /// The next lane with an eligible strand behind the current one, which comes last.
    #[inline]
    fn after_current(&self) -> Option<u32> {
        if self.lanes.len() == 1 {
            return (self.eligible(0) > 0).then_some(0);
        }
        self.from(self.current as usize + 1).or_else(|| self.from(0))
    }

    /// The first lane from `start` on with an eligible strand.
    fn from(&self, start: usize) -> Option<u32> {
        let word = start / 64;
        let rest = self.words.get(word)? & (u64::MAX << (start % 64));
        if rest != 0 {
            return Some((word * 64) as u32 + rest.trailing_zeros());
        }
        let mut group = (word + 1) / 64;
        let mut bits = self.summary.get(group)? & (u64::MAX << ((word + 1) % 64));
        while bits == 0 {
            group += 1;
            bits = *self.summary.get(group)?;
        }
        let word = group * 64 + bits.trailing_zeros() as usize;
        Some((word * 64) as u32 + self.words[word].trailing_zeros())
    }
}

/// Whether the lane is chosen before the strand: see [`Kind`].
pub(super) const fn come_first(kind: Kind) -> bool {
    !matches!(kind, Kind::Random | Kind::Pct | Kind::Chosen)
}
