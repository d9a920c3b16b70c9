// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel says of the items of its batch while it runs.

use super::log::append;
use super::{BAND_BITS, BAND_SAME, Batch, Window, end};
use crate::base::room::Grow;
use crate::base::status::{Outcome, Status};
use crate::gpu::worklist::debug;
use crate::work::codes;
use crate::work::fields::Onward;

impl Batch {
    /// Writes four words down, with the item; kept also where it faults. What has no room counts.
    ///
    /// # Safety
    /// Four words lie at `words`.
    pub unsafe fn debug(&mut self, item: u32, words: *const u32) -> Outcome<()> {
        self.check(item)?;
        if self.debug.len() < debug::AT_ONCE as usize && self.debug.room(1).is_ok() {
            // SAFETY: by contract; an array is no more aligned than its elements.
            self.debug.push((item, unsafe { words.cast::<[u32; 4]>().read() }));
        } else {
            self.undebugged += 1;
        }
        Ok(())
    }

    /// Whether a kernel runs this batch now, and it has such an item.
    #[inline(always)]
    fn check(&self, item: u32) -> Outcome<()> {
        if item < self.live { Ok(()) } else { Err(Status::INVALID) }
    }

    /// The number of a band, unless there is none: then the item has faulted.
    fn band(&mut self, item: u32, band: u32) -> Outcome<u32> {
        match band {
            BAND_SAME => Ok(self.slice.band),
            band if band < self.bands => Ok(band),
            _ => self.no_band(item),
        }
    }

    #[cold]
    fn no_band(&mut self, item: u32) -> Outcome<u32> {
        self.fault_item(item, codes::BAND);
        Err(Status::INVALID)
    }

    /// The mark of a child.
    fn mark(&mut self, item: u32, band: u32) -> u32 {
        let mark = item << BAND_BITS | band;
        self.mixed |= band != self.slice.band;
        mark
    }

    /// Pushes a child. More than declared: LIMIT, and the item has faulted.
    ///
    /// # Safety
    /// `record` points to a record.
    #[inline(always)]
    pub unsafe fn push(&mut self, item: u32, record: *const u32, band: u32) -> Outcome<()> {
        if item >= self.live || band != BAND_SAME || self.fan_out_max == 0 {
            // SAFETY: by contract.
            return unsafe { self.push_slowly(item, record, band) };
        }
        let pushes = &mut self.pushes[item as usize];
        if *pushes >= self.fan_out_max {
            return self.refuse(item, codes::FAN_OUT, Status::LIMIT);
        }
        *pushes += 1;
        // SAFETY: by contract; there is room for the most that the declaration allows, which was not passed.
        unsafe { self.children.append_unchecked(record, self.words, item << BAND_BITS | self.slice.band) };
        Ok(())
    }

    /// # Safety
    /// As [`Self::push`].
    #[cold]
    #[inline(never)]
    unsafe fn push_slowly(&mut self, item: u32, record: *const u32, band: u32) -> Outcome<()> {
        self.check(item)?;
        let band = self.band(item, band)?;
        if self.fan_out_max == 0 || self.pushes[item as usize] >= self.fan_out_max {
            return self.refuse(item, codes::FAN_OUT, Status::LIMIT);
        }
        self.pushes[item as usize] += 1;
        let mark = self.mark(item, band);
        // SAFETY: by contract.
        self.children.append(unsafe { core::slice::from_raw_parts(record, self.words) }, mark);
        Ok(())
    }

    /// Emits a record. More than declared: LIMIT, and the item has faulted.
    ///
    /// # Safety
    /// `record` points to an emitted record.
    #[inline(always)]
    pub unsafe fn emit(&mut self, item: u32, record: *const u32) -> Outcome<()> {
        self.check(item)?;
        if self.emit_max == 0 {
            return self.refuse(item, codes::EMITS, Status::LIMIT);
        }
        let emitted = &mut self.emitted[item as usize];
        if *emitted >= self.emit_max {
            return self.refuse(item, codes::EMITS, Status::LIMIT);
        }
        *emitted += 1;
        // SAFETY: by contract; there is room for the most that the declaration allows, which was not passed.
        unsafe { self.emits.append_unchecked(record, self.emit_words, item) };
        Ok(())
    }

    #[cold]
    fn refuse(&mut self, item: u32, code: u32, status: Status) -> Outcome<()> {
        self.fault_item(item, code);
        Err(status)
    }

    /// The item has not ended yet; a second end is a fault.
    fn check_open(&mut self, item: u32) -> Outcome<()> {
        self.check(item)?;
        match self.ends[item as usize] {
            end::DONE => Ok(()),
            _ => self.refuse(item, codes::ENDED_TWICE, Status::ALREADY),
        }
    }

    /// The item has more to do.
    #[inline(always)]
    pub fn requeue(&mut self, item: u32, pc: u32, data: u32, band: u32) -> Outcome<()> {
        let carried = (pc == 0 || self.pc_at < self.words) && (data == 0 || self.data_at < self.words);
        if item >= self.live || band != BAND_SAME || !self.plain || !carried {
            return self.requeue_slowly(item, pc, data, band);
        }
        let end = &mut self.ends[item as usize];
        if *end != end::DONE {
            return self.requeue_slowly(item, pc, data, band);
        }
        *end = end::REQUEUED;
        self.tally.requeued += 1;
        let (log, mark) = match self.inner {
            true => (&mut self.again, item),
            false => (&mut self.children, item << BAND_BITS | self.slice.band),
        };
        // SAFETY: the item is one of the batch, whose records are all there. There is room for each of them once, and it
        // had not ended. The places were compared with the length of a record.
        unsafe {
            let record = self.first.add(item as usize * self.words);
            let place = log.append_unchecked(record, self.words, mark);
            if self.pc_at < self.words {
                place.add(self.pc_at).write(pc);
            }
            if self.data_at < self.words {
                place.add(self.data_at).write(data);
            }
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn requeue_slowly(&mut self, item: u32, pc: u32, data: u32, band: u32) -> Outcome<()> {
        self.check_open(item)?;
        let band = self.band(item, band)?;
        let again = self.inner && band == self.slice.band;
        self.go_on(item, Onward::Requeue, pc, data, band, again)?;
        self.ends[item as usize] = end::REQUEUED;
        self.tally.requeued += 1;
        Ok(())
    }

    /// The item gives way.
    pub fn yield_now(&mut self, item: u32, pc: u32, data: u32) -> Outcome<()> {
        self.check_open(item)?;
        self.go_on(item, Onward::Yield, pc, data, self.slice.band, false)?;
        self.ends[item as usize] = end::YIELDED;
        self.tally.yielded += 1;
        Ok(())
    }

    /// Appends the item itself to where it goes on, and sets what has changed in it.
    fn go_on(&mut self, item: u32, onward: Onward, pc: u32, data: u32, band: u32, again: bool) -> Outcome<()> {
        let from = item as usize * self.words;
        let mark = if again { item } else { self.mark(item, band) };
        let log = if again { &mut self.again } else { &mut self.children };
        let at = log.append(&self.items.words()[from..from + self.words], mark);
        match self.fields.go_on(&mut log.words[at..], onward, pc, data) {
            Ok(()) => Ok(()),
            Err(code) => self.refuse(item, code, Status::INVALID),
        }
    }

    /// The item waits for an epoch.
    pub fn pause(&mut self, item: u32, pc: u32, data: u32, epoch: u32) -> Outcome<()> {
        self.check_open(item)?;
        let from = item as usize * self.words;
        append(&mut self.held.words, &[epoch]);
        let at = self.held.append(&self.items.words()[from..from + self.words], item);
        if let Err(code) = self.fields.go_on(&mut self.held.words[at..], Onward::Pause(epoch), pc, data) {
            return self.refuse(item, code, Status::INVALID);
        }
        self.ends[item as usize] = end::PAUSED;
        self.tally.paused += 1;
        Ok(())
    }

    /// The item ends with a code of the program's own.
    pub fn fault(&mut self, item: u32, code: u32) -> Outcome<()> {
        self.check(item)?;
        if code >= codes::FIRST {
            return Err(Status::INVALID);
        }
        if self.ends[item as usize] == end::FAULTED {
            return Err(Status::ALREADY);
        }
        self.fault_item(item, code);
        Ok(())
    }

    /// The first code counts.
    #[cold]
    pub(super) fn fault_item(&mut self, item: u32, code: u32) {
        match core::mem::replace(&mut self.ends[item as usize], end::FAULTED) {
            end::FAULTED => return,
            end::REQUEUED => self.tally.requeued -= 1,
            end::YIELDED => self.tally.yielded -= 1,
            end::PAUSED => self.tally.paused -= 1,
            _ => {}
        }
        if self.codes.len() < self.codes.capacity() {
            self.codes.push((item, code));
        }
    }

    /// The memory of a buffer.
    pub fn window(&self, number: u32) -> Outcome<Window> {
        match self.windows.get(number as usize) {
            Some(window) if self.live > 0 => Ok(*window),
            _ => Err(Status::INVALID),
        }
    }
}
