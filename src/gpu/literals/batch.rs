// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pieces of streams, laid beside one another in the text of one batch.

use core::ops::Range;

use crate::automata::pattern::Match;

/// A piece of a stream: what is to be searched, with what of its past a literal may begin in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of the stream.
    pub stream: u32,
    /// Where its bytes lie in the memory of the request.
    pub bytes: Range<usize>,
    /// Of them, the bytes that were searched before: what ends there is known.
    pub known: usize,
    /// Offset in the stream of the first byte.
    pub offset: u64,
}

/// Positions of a batch for each of which it is known which piece is the first.
const BLOCK: usize = 1024;

/// Which pieces a batch has, and where.
#[derive(Default)]
pub struct Batch {
    /// Index of the piece, its first position in the batch.
    placed: Vec<(usize, usize)>,
    /// For each block the index in `placed` of the piece at its first position.
    first: Vec<u32>,
    /// Bytes in all.
    pub length: usize,
}

impl Batch {
    /// Takes pieces from `pieces[next..]` while they fit, one at least; the index of the next.
    pub fn fill(&mut self, pieces: &[Piece], next: usize, room: usize) -> usize {
        self.placed.clear();
        self.first.clear();
        self.length = 0;
        let mut at = next;
        while let Some(piece) = pieces.get(at) {
            if self.length + piece.bytes.len() > room {
                break;
            }
            self.placed.push((at, self.length));
            self.length += piece.bytes.len();
            while self.first.len() * BLOCK < self.length {
                self.first.push((self.placed.len() - 1) as u32);
            }
            at += 1;
        }
        at
    }

    /// The memory that the batch is made of, where neighbours lie beside one another as one range.
    pub fn ranges(&self, pieces: &[Piece]) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (piece, _) in &self.placed {
            let bytes = pieces[*piece].bytes.clone();
            match ranges.last_mut() {
                Some(last) if last.end == bytes.start => last.end = bytes.end,
                _ => ranges.push(bytes),
            }
        }
        ranges
    }

    /// The pieces themselves.
    pub fn pieces(&self) -> impl Iterator<Item = usize> + '_ {
        self.placed.iter().map(|(piece, _)| *piece)
    }

    /// The match of a text of `length` bytes that ends before position `end`; `None` where that lies in two pieces, or was
    /// known.
    pub fn place(&self, pieces: &[Piece], length: usize, end: usize) -> Option<(u32, u64)> {
        let last = end.checked_sub(1)?;
        let mut index = *self.first.get(last / BLOCK)? as usize;
        while self.placed.get(index + 1).is_some_and(|next| next.1 <= last) {
            index += 1;
        }
        let (piece, start) = *self.placed.get(index)?;
        let piece = &pieces[piece];
        let within = end - start;
        (within >= length && within > piece.known).then(|| (piece.stream, piece.offset + within as u64))
    }
}

/// A match of a pattern.
pub fn found(pattern: u32, (stream, end): (u32, u64)) -> Match {
    Match { pattern, stream, end }
}
