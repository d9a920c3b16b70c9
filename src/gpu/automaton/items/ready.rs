// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worklist with its own text and set of what was reached, used by one scan at a time.
//!
//! ```text
//! few joins    a bit for each join and position; cleared before each batch
//! more         slots with keys; a batch's keys are above those of all before it, so what is below is a free slot.
//!              Cleared when the keys come to their end.
//! ```

use super::words::{TEXT_HEAD, text_words};
use super::{Resident, write};
use crate::base::room::filled;
use crate::base::status::Outcome;
use crate::gpu::automaton::batch::Room;
use crate::gpu::buffer;
use crate::gpu::worklist::list::{self, Options, Way};

/// Positions of a batch, at most.
const POSITIONS: u64 = 1 << 18;
/// Windows of a batch, at most.
const WINDOWS: u64 = 1 << 12;
/// Joins for which bits are better than keys.
const JOINS: u32 = 1 << 7;
/// Bits.
const BITS: u64 = 1 << 23;
/// Bits, where two are to come to the same words: keys lie where their order puts them.
const BITS_TWICE: u64 = 1 << 27;
/// Positions below which batches would be too small.
const POSITIONS_LEAST: u64 = 1 << 8;
/// Slots.
const SLOTS: u64 = 1 << 20;
/// Items on a device.
const CAPACITY: u32 = 1 << 18;
/// Words that are cleared at once.
const PART: usize = 1 << 16;

/// How large everything is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    joins: u32,
    /// Positions of a batch, at most.
    positions: u64,
    /// Slots less one; 0: bits.
    mask: u32,
    /// Runs are made twice.
    twice: bool,
}

impl Plan {
    /// For so many joins. `twice`: runs are made twice and compared, where there can be bits.
    pub fn new(joins: u32, twice: bool) -> Plan {
        let each = u64::from(joins.max(1));
        let twice = twice && BITS_TWICE / each >= POSITIONS_LEAST;
        if twice || joins <= JOINS {
            let bits = if joins <= JOINS { BITS } else { BITS_TWICE };
            return Plan { joins, positions: (bits / each).min(POSITIONS), mask: 0, twice };
        }
        // A key is a word, and the first base is 1.
        let positions = (u64::from(u32::MAX - 1) / each).min(POSITIONS);
        Plan { joins, positions, mask: (slots() - 1) as u32, twice }
    }

    /// What a batch may have. Each window has a position more than bytes.
    pub fn room(&self) -> Room {
        let windows = WINDOWS.min(self.positions / 16);
        let text = (self.positions - windows) as usize;
        Room { text, window: text, windows: windows as usize }
    }

    fn seen_words(&self) -> u64 {
        match self.mask {
            0 => (u64::from(self.joins) * self.positions).div_ceil(32).max(1),
            mask => u64::from(mask) + 1,
        }
    }
}

fn slots() -> u64 {
    #[cfg(test)]
    match super::seeded::SLOTS.load(core::sync::atomic::Ordering::Relaxed) {
        0 => {}
        slots => return slots,
    }
    SLOTS
}

/// See the module documentation.
pub struct Ready {
    plan: Plan,
    /// Handles.
    pub text: u64,
    seen: u64,
    pub list: u64,
    /// The first key that no batch has used; of bits: how many words of them are not zero.
    next: u64,
}

impl Ready {
    /// Makes everything.
    pub fn new(resident: &Resident) -> Outcome<Ready> {
        let mut ready = Ready { plan: resident.plan, text: 0, seen: 0, list: 0, next: 0 };
        match ready.fill(resident) {
            Ok(()) => Ok(ready),
            Err(status) => {
                ready.release();
                Err(status)
            }
        }
    }

    fn fill(&mut self, resident: &Resident) -> Outcome<()> {
        self.next = u64::from(self.plan.mask != 0);
        self.text = buffer::create(resident.device, 4 * text_words(self.plan.positions as usize) as u64)?;
        self.seen = buffer::create(resident.device, 4 * self.plan.seen_words())?;
        let mut options = Options::default();
        (options.differential, options.way) = (self.plan.twice, Way::NonBlocking);
        options.numbers(CAPACITY, 1, 1)?;
        #[cfg(test)]
        {
            let waiting = super::seeded::WAITING.load(core::sync::atomic::Ordering::Relaxed);
            options.bounds(waiting, 0, waiting, 0);
        }
        options.buffers(&[resident.tables, self.text, self.seen])?;
        self.list = list::create(resident.program, &options)?;
        Ok(())
    }

    /// The words before a text of so many positions. Nothing of it was reached yet.
    pub fn begin(&mut self, positions: u64) -> Outcome<[u32; TEXT_HEAD]> {
        let keys = u64::from(self.plan.joins) * positions;
        let base = match self.plan.mask {
            0 => {
                let used = core::mem::replace(&mut self.next, keys.div_ceil(32));
                self.clear(used)?;
                0
            }
            _ => {
                if self.next + keys > u64::from(u32::MAX) {
                    self.clear(self.plan.seen_words())?;
                    self.next = 1;
                }
                self.next += keys;
                self.next - keys
            }
        };
        Ok([base as u32, positions as u32, self.plan.mask, 0])
    }

    fn clear(&self, words: u64) -> Outcome<()> {
        let part = PART.min(words as usize);
        let zeros = filled(0, part)?;
        let mut at = 0;
        while at < words as usize {
            let count = part.min(words as usize - at);
            write(self.seen, at, &zeros[..count])?;
            at += count;
        }
        Ok(())
    }

    /// Whether nothing is left of any batch.
    pub fn is_empty(&self) -> bool {
        list::get(self.list).is_ok_and(|list| !list.lock().host.has_work())
    }

    /// Gives everything up. A run that is on ends.
    pub fn release(self) {
        if self.list != 0 {
            let _ = list::release(self.list);
        }
        for buffer in [self.text, self.seen].into_iter().filter(|buffer| *buffer != 0) {
            let _ = buffer::release(buffer);
        }
    }
}
