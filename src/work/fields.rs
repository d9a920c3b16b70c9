// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compact records: the words of a task that a program carries, in their order. A mask says which.
//!
//! ```text
//! task     state op tenant priority in out param pc data ...     16 words
//! mask                                     1     1  1
//! record                                   param pc data          3 words
//! ```
//! A word that is not carried is what the queue knows (state, tenant, band), else 0.

use super::codes;
use super::state::{State, flag};
use super::task::{Refusal, Task};
use super::words::{Fill, WORDS, Word};

/// The words of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fields {
    mask: u32,
    /// The place of each word in a record, or [`ABSENT`].
    offsets: [u8; WORDS],
}

const ABSENT: u8 = u8::MAX;

/// What a queue knows of a record that lies in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its state.
    pub state: State,
    /// Its band.
    pub band: u32,
    /// Its tenant.
    pub tenant: u32,
}

/// How an item goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Onward {
    /// It has more to do.
    Requeue,
    /// It gives way.
    Yield,
    /// It waits for this epoch.
    Pause(u32),
}

impl Fields {
    /// The words of a mask; none where the mask is 0 or has bits above the sixteen.
    pub const fn new(mask: u32) -> Option<Fields> {
        if mask == 0 || mask >> WORDS != 0 {
            return None;
        }
        let mut offsets = [ABSENT; WORDS];
        let (mut number, mut next) = (0, 0);
        while number < WORDS {
            if mask >> number & 1 == 1 {
                offsets[number] = next;
                next += 1;
            }
            number += 1;
        }
        Some(Fields { mask, offsets })
    }

    /// All sixteen: a record is a task.
    pub const WHOLE: Fields = match Fields::new(0xFFFF) {
        Some(fields) => fields,
        None => unreachable!(),
    };

    /// The mask.
    pub const fn mask(&self) -> u32 {
        self.mask
    }

    /// Words of a record: 1 to 16.
    pub const fn length(&self) -> usize {
        self.mask.count_ones() as usize
    }

    /// Whether records carry `word`.
    pub const fn has(&self, word: Word) -> bool {
        self.mask & word.bit() != 0
    }

    /// The place of `word` in a record.
    pub const fn offset(&self, word: Word) -> Option<usize> {
        match self.offsets[word.number()] {
            ABSENT => None,
            offset => Some(offset as usize),
        }
    }

    /// The carried words, in their order.
    pub fn words(&self) -> impl Iterator<Item = Word> + use<> {
        let mask = self.mask;
        Word::ALL.into_iter().filter(move |word| mask & word.bit() != 0)
    }

    /// The first word that `task` sets and that would be lost. State, band, tenant, flags, the epoch of a pause and the
    /// count of ageing are kept by the queue.
    pub fn lost(&self, task: &Task) -> Option<Word> {
        let kept =
            |word: Word| word.fill() != Fill::Zero || matches!(word, Word::Flags | Word::ResumeEpoch | Word::AgeTicks);
        Word::ALL.into_iter().find(|word| !self.has(*word) && !kept(*word) && task[*word] != 0)
    }

    /// Writes the carried words of `task` to the beginning of `record`, as many as fit.
    pub fn pack(&self, task: &Task, record: &mut [u32]) {
        for (word, place) in self.words().zip(record) {
            *place = task[word];
        }
    }

    /// As [`Self::pack`], for a task that a program hands over; a word that would be lost is refused.
    pub fn pack_whole(&self, task: &Task, record: &mut [u32]) -> Result<(), Refusal> {
        match self.lost(task) {
            Some(word) => Err(Refusal::NotCarried(word)),
            None => {
                self.pack(task, record);
                Ok(())
            }
        }
    }

    /// The task that a record stands for, in a queue of this place. The queue is right about the place, also where the
    /// record carries those words.
    pub fn unpack(&self, record: &[u32], place: Place) -> Task {
        let mut task = Task::default();
        for (word, value) in self.words().zip(record) {
            task[word] = *value;
        }
        task[Word::State] = place.state.word();
        task[Word::TenantId] = place.tenant;
        task[Word::Priority] = place.band;
        if !self.has(Word::Flags) {
            task[Word::Flags] = flag::of(place.state);
        }
        task
    }

    /// Whether nothing in a record changes when its item goes on, but its continuation.
    pub const fn is_plain(&self) -> bool {
        self.mask & TOLD == 0
    }

    /// What happens to a record whose item goes on: every word that tells of it and is carried is set. Otherwise the
    /// code of the fault that the item has, and the record is as it was.
    #[inline]
    pub fn go_on(&self, record: &mut [u32], onward: Onward, pc: u32, data: u32) -> Result<(), u32> {
        let (at_pc, at_data) =
            (self.offsets[Word::ContinuationPc as usize], self.offsets[Word::ContinuationData as usize]);
        if (at_pc == ABSENT && pc != 0) || (at_data == ABSENT && data != 0) {
            return Err(codes::NOT_CARRIED);
        }
        if self.mask & TOLD != 0 {
            self.tell(record, onward)?;
        }
        set(record, at_pc, pc);
        set(record, at_data, data);
        Ok(())
    }

    /// The words of a record that change although no kernel has said so.
    #[cold]
    #[inline(never)]
    fn tell(&self, record: &mut [u32], onward: Onward) -> Result<(), u32> {
        let (state, counter) = match onward {
            Onward::Requeue => (State::Requeued, Some(Word::RequeueCount)),
            Onward::Yield => (State::Yielded, Some(Word::YieldCount)),
            Onward::Pause(_) => (State::Paused, None),
        };
        if let Some(count) = counter.and_then(|word| self.offset(word)).and_then(|at| record.get_mut(at)) {
            *count = count.checked_add(1).ok_or(codes::COUNTER)?;
        }
        set(record, self.offsets[Word::State as usize], state.word());
        set(record, self.offsets[Word::Flags as usize], flag::of(state));
        if let Onward::Pause(epoch) = onward {
            set(record, self.offsets[Word::ResumeEpoch as usize], epoch);
        }
        Ok(())
    }

    /// What happens to records that are taken after waiting has raised them by so many bands.
    pub fn aged(&self, records: &mut [u32], raised: u32) {
        let Some(at) = self.offset(Word::AgeTicks) else { return };
        for record in records.chunks_exact_mut(self.length()) {
            record[at] = record[at].saturating_add(raised);
        }
    }

    /// What happens to a record whose pause has ended.
    pub fn resumed(&self, record: &mut [u32]) {
        set(record, self.offsets[Word::State as usize], State::Ready.word());
        set(record, self.offsets[Word::Flags as usize], flag::RESUME_READY);
    }
}

/// Words that change when an item goes on, its continuation apart.
const TOLD: u32 =
    Word::State.bit() | Word::Flags.bit() | Word::ResumeEpoch.bit() | Word::RequeueCount.bit() | Word::YieldCount.bit();

#[inline]
fn set(record: &mut [u32], offset: u8, value: u32) {
    if let Some(place) = record.get_mut(offset as usize) {
        *place = value;
    }
}
