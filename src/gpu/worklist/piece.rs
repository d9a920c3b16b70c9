// SPDX-License-Identifier: MIT OR Apache-2.0
//! Items in one piece, as a kernel gets them: a segment of the queue as it is, or copies.
//!
//! A segment that has at least half of what may be taken is taken whole: nothing is copied, and the lock is held as long
//! for many items as for few. Else records of several segments are copied together.

use super::segments::Segment;
use crate::base::room::Grow;
use crate::base::status::Outcome;

/// See the module documentation.
#[derive(Default)]
pub struct Piece {
    copies: Vec<u32>,
    /// Where it is not copies.
    pub(super) segment: Option<Segment>,
}

impl Piece {
    /// Makes room for copies of so many words. NO_MEMORY.
    pub fn reserve(&mut self, words: usize) -> Outcome<()> {
        Ok(self.copies.room(words)?)
    }

    /// The records.
    pub fn words(&self) -> &[u32] {
        match &self.segment {
            Some(segment) => segment.words(),
            None => &self.copies,
        }
    }

    /// They, to be changed.
    pub(super) fn words_mut(&mut self) -> &mut [u32] {
        match &mut self.segment {
            Some(segment) => segment.words_mut(),
            None => &mut self.copies,
        }
    }

    /// Memory for copies; none of a segment is left.
    pub(super) fn copies(&mut self) -> &mut Vec<u32> {
        debug_assert!(self.segment.is_none());
        &mut self.copies
    }

    /// Exchanges copies for others, which have as much room. There is no segment.
    pub fn exchange(&mut self, words: &mut Vec<u32>) {
        core::mem::swap(self.copies(), words);
    }
}
