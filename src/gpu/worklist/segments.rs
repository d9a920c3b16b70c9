// SPDX-License-Identifier: MIT OR Apache-2.0
//! Queues of records of one length: segments of some kilobytes, filled and emptied by whole runs of records.
//!
//! ```text
//! first segment            ...          last segment
//! |....rrrrrrrrrrrrrrr|    |rrrr|       |rrrrrrrr.......|
//!      ^ head                                    ^ end of its words
//! ```
//! Appending may need a segment, and the queue of segments a place for it. Both are reserved before the records exist
//! ([`Pool::reserve`], [`Records::reserve`]): what has run has somewhere to go. Segments that were emptied go back to the
//! pool, which keeps some.

use std::collections::VecDeque;

use crate::base::failing;
use crate::base::status::{Outcome, Status};

/// Words of a segment: 16 KiB, what a first-level cache holds beside a batch of results.
pub const SEGMENT_WORDS: usize = 4096;
/// Free segments that a pool keeps at most: 4 MiB.
const KEPT: usize = 256;

/// Makes room for one more, or says that there is no memory.
pub fn try_reserve<T>(list: &mut Vec<T>, more: usize) -> Outcome<()> {
    if list.capacity() - list.len() >= more {
        return Ok(());
    }
    if failing::now() {
        return Err(Status::NO_MEMORY);
    }
    list.try_reserve(more).map_err(|_| Status::NO_MEMORY)
}

/// Segments that nobody uses.
#[derive(Default)]
pub struct Pool {
    free: Vec<Vec<u32>>,
}

impl Pool {
    /// An empty one.
    pub const fn new() -> Pool {
        Pool { free: Vec::new() }
    }

    /// Makes sure that so many segments can be taken.
    pub fn reserve(&mut self, segments: usize) -> Outcome<()> {
        if self.free.len() >= segments {
            return Ok(());
        }
        let missing = segments - self.free.len();
        try_reserve(&mut self.free, missing)?;
        for _ in 0..missing {
            self.free.push(segment()?);
        }
        Ok(())
    }

    /// Keeps no more free segments than usual, and those that are promised.
    pub fn trim(&mut self, promised: usize) {
        self.free.truncate(promised.max(KEPT));
    }

    /// One of those that were reserved.
    fn take(&mut self) -> Outcome<Vec<u32>> {
        match self.free.pop() {
            Some(segment) => Ok(segment),
            None => segment(),
        }
    }

    fn give(&mut self, mut words: Vec<u32>) {
        words.clear();
        if self.free.len() < KEPT && (self.free.len() < self.free.capacity() || self.free.try_reserve(1).is_ok()) {
            self.free.push(words);
        }
    }
}

fn segment() -> Outcome<Vec<u32>> {
    let mut words = Vec::new();
    try_reserve(&mut words, SEGMENT_WORDS)?;
    Ok(words)
}

struct Segment {
    words: Vec<u32>,
    /// Words at the beginning that were taken out.
    head: usize,
}

impl Segment {
    fn length(&self) -> usize {
        self.words.len() - self.head
    }
}

/// A queue of records.
pub struct Records {
    segments: VecDeque<Segment>,
    /// Words of a record.
    stride: usize,
    /// Records in it.
    length: u64,
}

impl Records {
    /// An empty queue of records of so many words, 1 to [`SEGMENT_WORDS`].
    pub const fn new(stride: usize) -> Records {
        Records { segments: VecDeque::new(), stride, length: 0 }
    }

    /// Words of a record.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Records in it.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Segments that so many more records need at most, wherever they are put.
    pub fn segments_for(&self, records: usize) -> usize {
        records.div_ceil(self.per_segment()) + 1
    }

    fn per_segment(&self) -> usize {
        SEGMENT_WORDS / self.stride
    }

    /// Makes sure that so many segments can be put in at either end.
    pub fn reserve(&mut self, segments: usize) -> Outcome<()> {
        if self.segments.capacity() - self.segments.len() >= segments {
            return Ok(());
        }
        if failing::now() {
            return Err(Status::NO_MEMORY);
        }
        self.segments.try_reserve(segments).map_err(|_| Status::NO_MEMORY)
    }

    /// Appends whole records. Room was reserved, else this may answer NO_MEMORY when some are in.
    pub fn push_back(&mut self, pool: &mut Pool, mut words: &[u32]) -> Outcome<()> {
        debug_assert!(words.len().is_multiple_of(self.stride));
        let full = self.per_segment() * self.stride;
        while !words.is_empty() {
            let room = self.segments.back().map_or(0, |last| full - last.words.len());
            if room == 0 {
                self.reserve(1)?;
                self.segments.push_back(Segment { words: pool.take()?, head: 0 });
                continue;
            }
            let (now, later) = words.split_at(room.min(words.len()));
            if let Some(last) = self.segments.back_mut() {
                last.words.extend_from_slice(now);
                self.length += (now.len() / self.stride) as u64;
            }
            words = later;
        }
        Ok(())
    }

    /// Puts whole records before all others, in their order. Room was reserved.
    pub fn push_front(&mut self, pool: &mut Pool, mut words: &[u32]) -> Outcome<()> {
        debug_assert!(words.len().is_multiple_of(self.stride));
        let full = self.per_segment() * self.stride;
        while !words.is_empty() {
            let room = self.segments.front().map_or(0, |first| first.head);
            if room == 0 {
                self.reserve(1)?;
                let mut fresh = pool.take()?;
                fresh.resize(full, 0);
                self.segments.push_front(Segment { words: fresh, head: full });
                continue;
            }
            let (later, now) = words.split_at(words.len() - room.min(words.len()));
            if let Some(first) = self.segments.front_mut() {
                first.head -= now.len();
                first.words[first.head..first.head + now.len()].copy_from_slice(now);
                self.length += (now.len() / self.stride) as u64;
            }
            words = later;
        }
        Ok(())
    }

    /// Takes the first records, as many as there are and `into` has room for, and appends them to `into`, which does not
    /// grow; their number.
    pub fn pop_front(&mut self, pool: &mut Pool, limit: usize, into: &mut Vec<u32>) -> usize {
        let mut left = limit.min((into.capacity() - into.len()) / self.stride);
        let mut taken = 0;
        while left > 0
            && let Some(first) = self.segments.front_mut()
        {
            let now = left.min(first.length() / self.stride);
            let words = now * self.stride;
            into.extend_from_slice(&first.words[first.head..first.head + words]);
            first.head += words;
            if first.length() == 0 {
                self.drop_front(pool);
            }
            taken += now;
            left -= now;
        }
        self.length -= taken as u64;
        taken
    }

    /// As [`Self::pop_front`], of the last records; they keep their order.
    pub fn pop_back(&mut self, pool: &mut Pool, limit: usize, into: &mut Vec<u32>) -> usize {
        let room = limit.min((into.capacity() - into.len()) / self.stride);
        let taken = usize::try_from(self.length).unwrap_or(usize::MAX).min(room);
        // The segments from which they come are read from the first to the last, and then cut.
        let mut words = taken * self.stride;
        let mut from = self.segments.len();
        let mut before = 0;
        while words > 0 && from > 0 {
            from -= 1;
            let here = self.segments[from].length();
            before = here.saturating_sub(words);
            words = words.saturating_sub(here);
        }
        for segment in self.segments.range(from..) {
            into.extend_from_slice(&segment.words[segment.head + before..]);
            before = 0;
        }
        let mut words = taken * self.stride;
        while words > 0
            && let Some(last) = self.segments.back_mut()
        {
            let now = words.min(last.length());
            last.words.truncate(last.words.len() - now);
            words -= now;
            if last.length() == 0
                && let Some(last) = self.segments.pop_back()
            {
                pool.give(last.words);
            }
        }
        self.length -= taken as u64;
        taken
    }

    /// Copies the first records to `out`, as many as there are and fit, and takes them out; their number.
    pub fn read_front(&mut self, pool: &mut Pool, out: &mut [u32]) -> usize {
        let mut taken = 0;
        let mut out = out;
        while let Some(first) = self.segments.front_mut() {
            let now = (out.len() / self.stride).min(first.length() / self.stride);
            if now == 0 {
                break;
            }
            let words = now * self.stride;
            let (here, rest) = core::mem::take(&mut out).split_at_mut(words);
            here.copy_from_slice(&first.words[first.head..first.head + words]);
            out = rest;
            first.head += words;
            if first.length() == 0 {
                self.drop_front(pool);
            }
            taken += now;
        }
        self.length -= taken as u64;
        taken
    }

    fn drop_front(&mut self, pool: &mut Pool) {
        if let Some(first) = self.segments.pop_front() {
            pool.give(first.words);
        }
    }

    /// Appends all records of `other`, whose records are as long, by moving its segments; beside that, room for `spare`
    /// segments stays. Nothing has changed when there is no memory.
    pub fn splice_back(&mut self, other: &mut Records, spare: usize) -> Outcome<()> {
        debug_assert_eq!(self.stride, other.stride);
        self.reserve(other.segments.len() + spare)?;
        self.segments.append(&mut other.segments);
        self.length += core::mem::take(&mut other.length);
        Ok(())
    }

    /// Each record, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.segments.iter().flat_map(|segment| segment.words[segment.head..].chunks_exact(self.stride))
    }

    /// All records but the first `skip`, in order, by as few pieces as there are.
    pub fn pieces(&self, skip: u64) -> impl Iterator<Item = &[u32]> {
        let mut skip = usize::try_from(skip).unwrap_or(usize::MAX).saturating_mul(self.stride);
        self.segments.iter().map(move |segment| {
            let words = &segment.words[segment.head..];
            let before = skip.min(words.len());
            skip -= before;
            &words[before..]
        })
    }

    /// Takes out each record for which `keep` says no.
    pub fn retain(&mut self, pool: &mut Pool, mut keep: impl FnMut(&[u32]) -> bool) {
        let stride = self.stride;
        let mut kept = 0;
        for segment in &mut self.segments {
            let mut to = segment.head;
            let mut at = segment.head;
            while at < segment.words.len() {
                if keep(&segment.words[at..at + stride]) {
                    segment.words.copy_within(at..at + stride, to);
                    to += stride;
                }
                at += stride;
            }
            segment.words.truncate(to);
            kept += (segment.length() / stride) as u64;
        }
        self.segments.retain_mut(|segment| {
            let empty = segment.length() == 0;
            if empty {
                pool.give(core::mem::take(&mut segment.words));
            }
            !empty
        });
        self.length = kept;
    }

    /// Gives all segments back.
    #[cfg(test)]
    fn clear(&mut self, pool: &mut Pool) {
        while !self.segments.is_empty() {
            self.drop_front(pool);
        }
        self.length = 0;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(stride: usize, steps: &[(u8, usize)]) {
        let mut pool = Pool::new();
        let mut queue = Records::new(stride);
        let mut model: VecDeque<u32> = VecDeque::new();
        let mut next = 0;
        for &(kind, count) in steps {
            let mut fresh = || -> Vec<u32> {
                (0..count * stride)
                    .map(|_| {
                        next += 1;
                        next
                    })
                    .collect()
            };
            match kind {
                0 => {
                    let words = fresh();
                    queue.push_back(&mut pool, &words).unwrap();
                    model.extend(&words);
                }
                1 => {
                    let words = fresh();
                    queue.push_front(&mut pool, &words).unwrap();
                    words.iter().rev().for_each(|word| model.push_front(*word));
                }
                2 => {
                    let mut out = Vec::with_capacity(count * stride + 1);
                    let taken = queue.pop_front(&mut pool, count, &mut out);
                    let expected: Vec<u32> = model.drain(..taken * stride).collect();
                    assert_eq!((out, taken), (expected, count.min(taken + model.len() / stride)));
                }
                3 => {
                    let mut out = Vec::with_capacity(count * stride + 1);
                    let taken = queue.pop_back(&mut pool, count, &mut out);
                    let expected: Vec<u32> = model.split_off(model.len() - taken * stride).into();
                    assert_eq!((out, taken), (expected, count.min(taken + model.len() / stride)));
                }
                4 => {
                    let mut out = vec![0; count * stride + stride / 2];
                    let taken = queue.read_front(&mut pool, &mut out);
                    let expected: Vec<u32> = model.drain(..taken * stride).collect();
                    assert_eq!(out[..taken * stride], expected);
                    assert_eq!(taken, count.min(taken + model.len() / stride));
                }
                5 => {
                    let mut other = Records::new(stride);
                    let words = fresh();
                    other.push_back(&mut Pool::new(), &words).unwrap();
                    queue.splice_back(&mut other, 0).unwrap();
                    model.extend(&words);
                    assert!(other.is_empty());
                }
                _ => {
                    queue.retain(&mut pool, |record| !record[0].is_multiple_of(3));
                    let all: Vec<u32> = model.drain(..).collect();
                    model.extend(all.chunks(stride).filter(|record| !record[0].is_multiple_of(3)).flatten());
                }
            }
            assert_eq!(queue.length() as usize * stride, model.len());
        }
        let left: Vec<u32> = queue.iter().flatten().copied().collect();
        assert_eq!(left, Vec::from(model));
    }

    proptest! {
        #[test]
        fn a_queue_of_segments_is_a_queue(
            stride in 1usize..20,
            steps in prop::collection::vec((0u8..7, prop_oneof![0usize..40, 0usize..3000]), 0..60),
        ) {
            run(stride, &steps);
        }
    }

    #[test]
    fn what_was_reserved_is_there_when_memory_is_gone() {
        let mut pool = Pool::new();
        let mut queue = Records::new(3);
        let need = queue.segments_for(5000);
        pool.reserve(need).unwrap();
        queue.reserve(need).unwrap();
        failing::next(true);
        queue.push_back(&mut pool, &vec![7; 15000]).unwrap();
        assert!(failing::now(), "no allocation was made");
        failing::next(true);
        assert_eq!(pool.reserve(1000), Err(Status::NO_MEMORY));
        failing::next(true);
        assert_eq!(queue.reserve(100_000), Err(Status::NO_MEMORY));
        assert_eq!(queue.length(), 5000);
    }

    #[test]
    fn emptied_segments_are_used_again() {
        let mut pool = Pool::new();
        let mut queue = Records::new(2);
        for _ in 0..100 {
            queue.push_back(&mut pool, &[1; 8192]).unwrap();
            queue.clear(&mut pool);
        }
        assert_eq!(pool.free.len(), 2);
    }
}
