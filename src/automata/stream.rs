// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a stream carries from one chunk to the next.

use super::bytes::{EDGE, Kinds, kind_of};
use super::set::RESTS;
use crate::base::room::{Grow, Room};

/// A stream between two chunks.
#[derive(PartialEq, Eq, Debug)]
pub struct Stream {
    /// Bytes so far.
    pub offset: u64,
    /// Kind of the last byte.
    pub last: Kinds,
    /// The last bytes, as many as factors and their prefixes may need.
    pub history: Vec<u8>,
    /// States behind factors that are active, sorted.
    pub tails: Vec<u32>,
    /// States of the rest that are active, sorted, for each of its automata.
    pub rest: [Vec<u32>; RESTS],
}

impl Default for Stream {
    fn default() -> Stream {
        Stream { offset: 0, last: EDGE, history: Vec::new(), tails: Vec::new(), rest: Default::default() }
    }
}

impl Stream {
    /// Room for what [`Stream::advance`] keeps.
    pub fn prepare(&mut self, keep: usize) -> Room<()> {
        self.history.room(keep.saturating_sub(self.history.len()))
    }

    /// A chunk has been read: its last bytes are kept, `keep` with those of before. There is room for them.
    pub fn advance(&mut self, chunk: &[u8], keep: usize) {
        let Some(last) = chunk.last() else { return };
        self.offset += chunk.len() as u64;
        self.last = kind_of(*last);
        if chunk.len() >= keep {
            self.history.clear();
            self.history.extend_from_slice(&chunk[chunk.len() - keep..]);
        } else {
            let old = (keep - chunk.len()).min(self.history.len());
            self.history.drain(..self.history.len() - old);
            self.history.extend_from_slice(chunk);
        }
    }

    /// Becomes as another one is. Without memory it is of no use.
    pub fn become_as(&mut self, other: &Stream) -> Room<()> {
        (self.offset, self.last) = (other.offset, other.last);
        let copy = |to: &mut Vec<u32>, from: &[u32]| {
            to.clear();
            to.add_all(from)
        };
        self.history.clear();
        self.history.add_all(&other.history)?;
        copy(&mut self.tails, &other.tails)?;
        self.rest.iter_mut().zip(&other.rest).try_for_each(|(to, from)| copy(to, from))
    }
}

/// A chunk, and what came before it.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Bytes before the chunk.
    pub history: &'a [u8],
    /// The chunk.
    pub chunk: &'a [u8],
    /// Whether the history is all there was.
    pub whole: bool,
}

impl Window<'_> {
    /// The byte before an index of the chunk, negative in the history; `None` before the first that is known.
    #[inline]
    pub fn before(&self, index: isize) -> Option<u8> {
        let index = index - 1;
        match usize::try_from(index) {
            Ok(index) => self.chunk.get(index).copied(),
            Err(_) => self.history.len().checked_sub(index.unsigned_abs()).map(|index| self.history[index]),
        }
    }
}
