// SPDX-License-Identifier: MIT OR Apache-2.0
//! A record of each move of a strand from one lane to another, in a ring that forgets the oldest.

use super::memory::reserve;
use super::rules::StrandIndex;
use crate::base::status::Outcome;

/// What the caller wants to be recorded with a move.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Mark {
    /// The strand's name for ever; its index will be another's.
    pub name: u64,
    /// The step in which it moved, as the engine counts them.
    pub step: u64,
    /// Why, as the caller said.
    pub reason: u32,
}

/// One move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handoff {
    /// Who moved.
    pub strand: StrandIndex,
    /// The lane it left.
    pub from: u32,
    /// The lane it joined.
    pub to: u32,
    /// What the caller said of it.
    pub mark: Mark,
}

/// The ring. It has no memory until it is given some.
pub(super) struct Handoffs {
    ring: Vec<Handoff>,
    size: usize,
    oldest: usize,
    dropped: u64,
}

impl Handoffs {
    pub(super) const fn new() -> Self {
        Handoffs { ring: Vec::new(), size: 0, oldest: 0, dropped: 0 }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Keeps the last `size` records from now on, and forgets those there are.
    pub(super) fn resize(&mut self, size: usize) -> Outcome<()> {
        let mut ring = Vec::new();
        reserve(&mut ring, size)?;
        *self = Handoffs { ring, size, oldest: 0, dropped: 0 };
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.ring.clear();
        (self.oldest, self.dropped) = (0, 0);
    }

    pub(super) fn record(&mut self, handoff: Handoff) {
        if self.ring.len() < self.size {
            self.ring.push(handoff); // within the capacity that `resize` reserved
            return;
        }
        self.dropped += 1;
        if let Some(place) = self.ring.get_mut(self.oldest) {
            *place = handoff;
            self.oldest = (self.oldest + 1) % self.size;
        }
    }

    /// The records that are left, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Handoff> {
        let (newer, older) = self.ring.split_at(self.oldest);
        older.iter().chain(newer).copied()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}
