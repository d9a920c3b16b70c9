// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records, one behind the other, and which item each is of.

use crate::base::room::Grow;
use crate::base::status::{Outcome, Status};

/// Records and, beside each, a mark.
#[derive(Default)]
pub(super) struct Log {
    pub(super) words: Vec<u32>,
    pub(super) marks: Vec<u32>,
}

impl Log {
    pub(super) fn reserve(&mut self, records: usize, stride: usize, least: usize) -> Outcome<()> {
        let words = records.checked_mul(stride).ok_or(Status::NO_MEMORY)?;
        self.words.room(if words == 0 { 0 } else { words.max(least) })?;
        Ok(self.marks.room(records)?)
    }

    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.marks.clear();
    }

    /// Appends a record; where it lies. There is room.
    pub(super) fn append(&mut self, record: &[u32], mark: u32) -> usize {
        let at = self.words.len();
        append(&mut self.words, record);
        append(&mut self.marks, &[mark]);
        at
    }

    /// Appends a record; its place.
    ///
    /// # Safety
    /// There is room. So many words lie at `record`.
    #[inline(always)]
    pub(super) unsafe fn append_unchecked(&mut self, record: *const u32, words: usize, mark: u32) -> *mut u32 {
        debug_assert!(self.words.capacity() - self.words.len() >= words && self.marks.len() < self.marks.capacity());
        // SAFETY: by contract.
        unsafe {
            append_words(&mut self.marks, &mark, 1);
            append_words(&mut self.words, record, words)
        }
    }

    /// Takes the entries out for whose marks `keep` says no.
    pub(super) fn retain(&mut self, stride: usize, keep: impl Fn(u32) -> bool) {
        let mut kept = 0;
        for at in 0..self.marks.len() {
            let mark = self.marks[at];
            if keep(mark) {
                self.words.copy_within(at * stride..(at + 1) * stride, kept * stride);
                self.marks[kept] = mark;
                kept += 1;
            }
        }
        self.words.truncate(kept * stride);
        self.marks.truncate(kept);
    }
}

/// Appends to a vector that has room, else nothing. A record of a few words is not worth a call of memcpy.
#[inline(always)]
pub(super) fn append(to: &mut Vec<u32>, record: &[u32]) {
    if to.capacity() - to.len() >= record.len() {
        // SAFETY: there is room, and the record is readable.
        unsafe { append_words(to, record.as_ptr(), record.len()) };
    }
}

/// # Safety
/// There is room for so many words, which lie at `record`.
#[inline(always)]
pub(super) unsafe fn append_words(to: &mut Vec<u32>, record: *const u32, words: usize) -> *mut u32 {
    let at = to.len();
    // SAFETY: by contract; all words are written before they count.
    unsafe {
        let place = to.as_mut_ptr().add(at);
        match words {
            1 => place.write(*record),
            2 => place.cast::<u64>().write_unaligned(record.cast::<u64>().read_unaligned()),
            _ => (0..words).for_each(|word| place.add(word).write(*record.add(word))),
        }
        to.set_len(at + words);
        place
    }
}
