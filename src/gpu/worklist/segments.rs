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
use crate::base::room::Grow;
use crate::base::status::{Outcome, Status};
use crate::work::drain::Order;

/// Words of a segment: 16 KiB, what a first-level cache holds beside a batch of results.
pub const SEGMENT_WORDS: usize = 4096;
/// Free segments that a pool keeps in any case: 4 MiB.
const KEPT: usize = 256;
/// Free segments that it keeps at most where so many were used lately: 64 MiB.
const KEPT_MOST: usize = 4096;

/// So many records were copied, or segments moved: tests count what is done under one hold of a lock.
#[inline(always)]
fn moved(_count: usize) {
    #[cfg(test)]
    held::count(_count as u64);
}

/// See [`moved`].
#[cfg(test)]
pub mod held {
    use core::cell::Cell;

    std::thread_local! {
        /// Since the lock was taken, and the most.
        static COUNTED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }

    pub fn count(more: u64) {
        let (now, most) = COUNTED.get();
        COUNTED.set((now + more, most));
    }

    /// The lock was taken.
    pub fn begin() {
        COUNTED.set((0, COUNTED.get().1));
    }

    /// It is given back.
    pub fn end() {
        let (now, most) = COUNTED.get();
        COUNTED.set((0, most.max(now)));
    }

    /// The most under one hold since this was asked before.
    pub fn most() -> u64 {
        COUNTED.replace((0, 0)).1
    }
}

/// Segments that nobody uses, and how many are used. As many are kept as were used at once since the run before the last
/// began: fresh memory costs more than what is done with it.
#[derive(Default)]
pub struct Pool {
    free: Vec<Vec<u32>>,
    used: usize,
    /// The most at once since the last run began, and in the time before.
    most: [usize; 2],
}

impl Pool {
    /// An empty one.
    pub const fn new() -> Pool {
        Pool { free: Vec::new(), used: 0, most: [0; 2] }
    }

    /// An empty one that so many segments can be lent to. NO_MEMORY.
    pub fn with_room(segments: usize) -> Outcome<Pool> {
        let mut made = Pool::new();
        made.free.room(segments)?;
        Ok(made)
    }

    /// Moves up to so many segments to another, which has room for them, but those that are promised.
    pub fn lend(&mut self, to: &mut Pool, segments: usize, promised: usize) {
        let room = to.free.capacity() - to.free.len();
        let first = self.free.len() - segments.min(room).min(self.free.len().saturating_sub(promised));
        to.free.extend(self.free.drain(first..));
    }

    /// So many segments are used that were taken elsewhere.
    fn adopt(&mut self, segments: usize) {
        self.used += segments;
        self.most[0] = self.most[0].max(self.used);
    }

    /// A run begins: what was needed before the last one no longer counts.
    pub fn begin(&mut self, promised: usize) {
        self.most = [self.used, self.most[0]];
        self.trim(promised);
    }

    fn kept(&self) -> usize {
        let [now, before] = self.most;
        now.max(before).saturating_sub(self.used).clamp(KEPT, KEPT_MOST)
    }

    /// Makes sure that so many segments can be taken.
    pub fn reserve(&mut self, segments: usize) -> Outcome<()> {
        if self.free.len() >= segments {
            return Ok(());
        }
        let missing = segments - self.free.len();
        self.free.room(missing)?;
        for _ in 0..missing {
            self.free.push(segment()?);
        }
        Ok(())
    }

    /// Keeps no more free segments than usual, and those that are promised.
    pub fn trim(&mut self, promised: usize) {
        self.free.truncate(promised.max(self.kept()));
    }

    /// One of those that were reserved.
    fn take(&mut self) -> Outcome<Vec<u32>> {
        let segment = match self.free.pop() {
            Some(segment) => segment,
            None => segment()?,
        };
        self.adopt(1);
        Ok(segment)
    }

    fn give(&mut self, mut words: Vec<u32>) {
        words.clear();
        self.used = self.used.saturating_sub(1);
        if self.free.len() < self.kept() && (self.free.len() < self.free.capacity() || self.free.try_reserve(1).is_ok())
        {
            self.free.push(words);
        }
    }
}

fn segment() -> Outcome<Vec<u32>> {
    let mut words = Vec::new();
    words.room(SEGMENT_WORDS)?;
    Ok(words)
}

/// Some records of a queue, where they lie.
pub struct Segment {
    words: Vec<u32>,
    /// Words at the beginning that were taken out.
    head: usize,
}

impl Segment {
    fn length(&self) -> usize {
        self.words.len() - self.head
    }

    /// Its records.
    pub fn words(&self) -> &[u32] {
        &self.words[self.head..]
    }

    /// They, to be changed.
    pub fn words_mut(&mut self) -> &mut [u32] {
        &mut self.words[self.head..]
    }

    /// Nobody needs it any more.
    pub fn give_to(self, pool: &mut Pool) {
        pool.give(self.words);
    }
}

/// Where a pass over the first records of a queue stands: [`Records::sweep`].
pub struct Pass {
    segment: usize,
    /// Records that it has not come to.
    pub left: u64,
}

impl Pass {
    /// One over the first so many records.
    pub const fn over(records: u64) -> Pass {
        Pass { segment: 0, left: records }
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
                moved(now.len() / self.stride);
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
            moved(now);
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

    /// Records of the segment at the end where they are taken.
    pub fn at_end(&self, order: Order) -> u64 {
        let segment = match order {
            Order::Fifo => self.segments.front(),
            Order::Lifo => self.segments.back(),
        };
        segment.map_or(0, |segment| (segment.length() / self.stride) as u64)
    }

    /// Takes that segment as it is.
    pub fn take_end(&mut self, order: Order) -> Option<Segment> {
        let segment = match order {
            Order::Fifo => self.segments.pop_front(),
            Order::Lifo => self.segments.pop_back(),
        }?;
        self.length -= (segment.length() / self.stride) as u64;
        Some(segment)
    }

    /// Puts a segment back where [`Self::take_end`] had taken it. There is a place: it had one, or one was reserved.
    pub fn put_end(&mut self, order: Order, segment: Segment) -> Outcome<()> {
        self.reserve(1)?;
        self.length += (segment.length() / self.stride) as u64;
        match order {
            Order::Fifo => self.segments.push_front(segment),
            Order::Lifo => self.segments.push_back(segment),
        }
        Ok(())
    }

    /// As [`Self::push_back`], of words in memory that a segment may be: where they fill half of one they are not copied, and
    /// `words` is a segment of the pool from now on. One was reserved.
    pub fn push_back_whole(&mut self, pool: &mut Pool, words: &mut Vec<u32>) -> Outcome<()> {
        let full = self.per_segment() * self.stride;
        if words.capacity() != SEGMENT_WORDS || words.len() > full || words.len() < SEGMENT_WORDS / 2 {
            return self.push_back(pool, words);
        }
        self.reserve(1)?;
        let filled = core::mem::replace(words, pool.take()?);
        self.length += (filled.len() / self.stride) as u64;
        moved(1);
        self.segments.push_back(Segment { words: filled, head: 0 });
        Ok(())
    }

    /// What [`Self::append`] needs: segments of the pool, and places for segments.
    pub fn need_of(&self, other: &Records) -> (usize, usize) {
        if other.is_less_than_half() { (1, 1) } else { (0, other.segments.len()) }
    }

    fn is_less_than_half(&self) -> bool {
        self.segments.len() == 1 && self.length < (self.per_segment() / 2) as u64
    }

    /// Appends all records of `other`, whose records are as long: by moving its segments, or by copying less than half of
    /// one. What it needs was reserved.
    pub fn append(&mut self, pool: &mut Pool, other: &mut Records) -> Outcome<()> {
        if other.is_less_than_half() {
            return other.pieces(0).try_for_each(|words| self.push_back(pool, words));
        }
        self.splice_back(pool, other, 0)
    }

    /// Appends all records of `other`, whose records are as long, by moving its segments; beside that, room for `spare`
    /// segments stays. Nothing has changed when there is no memory.
    pub fn splice_back(&mut self, pool: &mut Pool, other: &mut Records, spare: usize) -> Outcome<()> {
        debug_assert_eq!(self.stride, other.stride);
        self.reserve(other.segments.len() + spare)?;
        moved(other.segments.len());
        pool.adopt(other.segments.len());
        self.segments.append(&mut other.segments);
        self.length += core::mem::take(&mut other.length);
        Ok(())
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

    /// Takes out each record for which `keep` says no, among the next of those to which `pass` has not come: of whole
    /// segments, until `most` records were looked at; their number. Between two calls records may be appended, none taken.
    pub fn sweep(&mut self, pool: &mut Pool, pass: &mut Pass, most: u64, mut keep: impl FnMut(&[u32]) -> bool) -> u64 {
        let (stride, end) = (self.stride, pass.left.saturating_sub(most));
        let mut gone = 0;
        while pass.left > end
            && let Some(segment) = self.segments.get_mut(pass.segment)
        {
            let here = (segment.length() / stride).min(usize::try_from(pass.left).unwrap_or(usize::MAX));
            let (mut to, behind) = (segment.head, segment.head + here * stride);
            for at in (segment.head..behind).step_by(stride) {
                if keep(&segment.words[at..at + stride]) {
                    segment.words.copy_within(at..at + stride, to);
                    to += stride;
                }
            }
            gone += ((behind - to) / stride) as u64;
            segment.words.drain(to..behind);
            moved(here);
            pass.left -= here as u64;
            pass.segment += 1;
            if segment.length() == 0 && pass.left > 0 {
                segment.head = 0;
                pool.give(core::mem::take(&mut segment.words));
            }
        }
        self.length -= gone;
        if pass.segment == self.segments.len() {
            pass.left = 0;
        }
        if pass.left == 0 {
            self.segments.retain_mut(|segment| {
                let empty = segment.length() == 0;
                if empty && segment.words.capacity() > 0 {
                    pool.give(core::mem::take(&mut segment.words));
                }
                !empty
            });
        }
        gone
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
#[path = "segments_tests.rs"]
mod tests;
