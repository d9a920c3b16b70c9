// SPDX-License-Identifier: MIT OR Apache-2.0
//! A batch of items that a native kernel runs, and what it says of them: `strand_work` as C knows it.
//!
//! ```text
//! items      r0 r1 r2 ...                     the records as they were taken: one slice
//! children   r r r r                          what goes to the queue, in the order of the calls: pushed, requeued, yielded
//! again      r r                              requeued items that this runner runs at once (inner steps)
//! held       (epoch r) (epoch r)              paused items
//! emits      e e e                            emitted records
//! ends       one byte for each item           how it ended; nothing said: it is done
//! ```
//! Beside each log lies which item each entry is of. A batch in which no item has faulted, which is nearly every one, moves
//! its logs as they are; else the entries of faulted items are taken out first. All logs have room for the most that the
//! declaration allows, so a call appends without asking for memory.

use core::ffi::c_void;

use crate::base::room::Grow;
use crate::base::status::{Outcome, Status};
use crate::gpu::program::Kernel;
use crate::gpu::worklist::debug::{self, Debug};
use crate::gpu::worklist::host::{Host, Slice};
use crate::gpu::worklist::ledger::{Tally, Violation};
use crate::gpu::worklist::piece::Piece;
use crate::gpu::worklist::segments::SEGMENT_WORDS;
use crate::gpu::worklist::shape::Shape;
use crate::work::codes;
use crate::work::fields::{Fields, Onward};
use crate::work::words::Word;

/// The band of the item itself.
pub const BAND_SAME: u32 = u32::MAX;
/// Most items of a batch: a segment of the shortest records.
pub const ITEMS_MAX: u32 = SEGMENT_WORDS as u32;
/// Words of results that a batch is made for, where its items allow it.
const RESULT_WORDS: u64 = 1 << 15;
/// Bits of the mark of a child that say its band; the others say of which item it is.
const BAND_BITS: u32 = 3;
const BAND_MASK: u32 = (1 << BAND_BITS) - 1;

/// How an item has ended, as one byte.
mod end {
    pub const DONE: u8 = 0;
    pub const REQUEUED: u8 = 1;
    pub const YIELDED: u8 = 2;
    pub const PAUSED: u8 = 3;
    pub const FAULTED: u8 = 4;
}

/// Memory that a kernel may use: address and bytes.
#[derive(Clone, Copy)]
pub struct Window {
    /// Where it begins.
    pub address: *mut u8,
    /// How long it is.
    pub bytes: u64,
}

/// Records and, beside each, a mark.
#[derive(Default)]
struct Log {
    words: Vec<u32>,
    marks: Vec<u32>,
}

impl Log {
    fn reserve(&mut self, records: usize, stride: usize, least: usize) -> Outcome<()> {
        let words = records.checked_mul(stride).ok_or(Status::NO_MEMORY)?;
        self.words.room(if words == 0 { 0 } else { words.max(least) })?;
        Ok(self.marks.room(records)?)
    }

    fn clear(&mut self) {
        self.words.clear();
        self.marks.clear();
    }

    /// Appends a record; where it lies. There is room.
    fn append(&mut self, record: &[u32], mark: u32) -> usize {
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
    unsafe fn append_unchecked(&mut self, record: *const u32, words: usize, mark: u32) -> *mut u32 {
        debug_assert!(self.words.capacity() - self.words.len() >= words && self.marks.len() < self.marks.capacity());
        // SAFETY: by contract.
        unsafe {
            append_words(&mut self.marks, &mark, 1);
            append_words(&mut self.words, record, words)
        }
    }

    /// Takes the entries out for whose marks `keep` says no.
    fn retain(&mut self, stride: usize, keep: impl Fn(u32) -> bool) {
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
fn append(to: &mut Vec<u32>, record: &[u32]) {
    if to.capacity() - to.len() >= record.len() {
        // SAFETY: there is room, and the record is readable.
        unsafe { append_words(to, record.as_ptr(), record.len()) };
    }
}

/// # Safety
/// There is room for so many words, which lie at `record`.
#[inline(always)]
unsafe fn append_words(to: &mut Vec<u32>, record: *const u32, words: usize) -> *mut u32 {
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

/// See the module documentation.
pub struct Batch {
    fields: Fields,
    words: usize,
    emit_words: usize,
    bands: u32,
    fan_out_max: u32,
    emit_max: u32,
    /// Most items that there is room for.
    items_max: u32,
    slice: Slice,
    /// Requeued items of the same band run again at once.
    inner: bool,
    /// Some of the children are of another band than the slice.
    mixed: bool,
    /// Items that a kernel may speak of: none while no kernel runs.
    live: u32,
    /// Nothing in a record changes when its item goes on, but its continuation.
    plain: bool,
    /// The places of the continuation in a record; the number of its words or more: not carried.
    pc_at: usize,
    data_at: usize,
    items: Piece,
    /// The first of them, while a kernel runs.
    first: *const u32,
    children: Log,
    again: Log,
    held: Log,
    emits: Log,
    ends: Vec<u8>,
    pushes: Vec<u32>,
    emitted: Vec<u32>,
    /// Items that faulted, with their codes.
    codes: Vec<(u32, u32)>,
    /// What the kernel wrote down of which item; what there was no room for.
    debug: Vec<(u32, [u32; 4])>,
    undebugged: u64,
    tally: Tally,
    windows: Vec<Window>,
}

// SAFETY: the windows are memory of buffers that the worklist keeps; whoever has the batch may use them.
unsafe impl Send for Batch {}

/// Most items of a batch of this shape.
fn items_max(shape: &Shape) -> u32 {
    let words = shape.record_words() as u64 * (u64::from(shape.fan_out_max) + 1);
    let emits = u64::from(shape.emit_words) * u64::from(shape.emit_max);
    let fit = RESULT_WORDS / words.max(emits).max(1);
    (fit.min(u64::from(ITEMS_MAX)) as u32).min(shape.capacity).max(1)
}

impl Batch {
    /// An empty batch, with room for all that its kernel may say. NO_MEMORY.
    pub fn new(shape: &Shape, windows: &[Window]) -> Outcome<Batch> {
        let items_max = items_max(shape);
        let (count, words) = (items_max as usize, shape.record_words());
        let mut batch = Batch {
            fields: shape.fields,
            words,
            emit_words: shape.emit_words as usize,
            bands: shape.bands,
            fan_out_max: shape.fan_out_max,
            emit_max: shape.emit_max,
            items_max,
            slice: Slice { band: 0, tenant: 0, count: 0 },
            inner: false,
            mixed: false,
            live: 0,
            plain: shape.fields.is_plain(),
            pc_at: shape.fields.offset(Word::ContinuationPc).unwrap_or(usize::MAX),
            data_at: shape.fields.offset(Word::ContinuationData).unwrap_or(usize::MAX),
            items: Piece::default(),
            first: core::ptr::null(),
            children: Log::default(),
            again: Log::default(),
            held: Log::default(),
            emits: Log::default(),
            ends: Vec::new(),
            pushes: Vec::new(),
            emitted: Vec::new(),
            codes: Vec::new(),
            debug: Vec::new(),
            undebugged: 0,
            tally: Tally::default(),
            windows: Vec::new(),
        };
        let children = (shape.fan_out_max as usize + 1).saturating_mul(count);
        batch.items.reserve(count * words)?;
        // What fits a segment has the memory of one: it may become one.
        batch.children.reserve(children, words, SEGMENT_WORDS)?;
        batch.again.reserve(count, words, 0)?;
        batch.held.reserve(count, words + 1, 0)?;
        let emits = (shape.emit_max as usize).saturating_mul(count);
        batch.emits.reserve(emits, shape.emit_words as usize, SEGMENT_WORDS)?;
        batch.ends.room(count)?;
        batch.pushes.room(count)?;
        batch.emitted.room(count)?;
        batch.codes.room(count)?;
        batch.windows.room(windows.len())?;
        batch.windows.extend_from_slice(windows);
        Ok(batch)
    }

    /// Most items that there is room for.
    pub fn items_max(&self) -> u32 {
        self.items_max
    }

    /// Items that wait to run again.
    pub fn again(&self) -> u64 {
        self.again.marks.len() as u64
    }

    /// The slice that it runs.
    pub fn slice(&self) -> Slice {
        self.slice
    }

    /// Takes a slice from the host side; false when there is none.
    pub fn fill(&mut self, host: &mut Host, limit: u64) -> bool {
        let slice = host.take_piece(limit.min(u64::from(self.items_max)), &mut self.items);
        self.slice = slice.unwrap_or(Slice { count: 0, ..self.slice });
        slice.is_some()
    }

    /// Puts its items back, at once after [`Self::fill`], or where a promise covers them.
    pub fn put_back(&mut self, host: &mut Host) -> Outcome<()> {
        host.put_piece_back(self.slice.band, self.slice.tenant, &mut self.items)?;
        self.slice.count = 0;
        Ok(())
    }

    /// Nobody needs its items any more.
    pub fn empty(&mut self, host: &mut Host) {
        host.empty_piece(&mut self.items);
    }

    /// The items that are to run again are its items now.
    pub fn refill(&mut self, host: &mut Host) {
        host.empty_piece(&mut self.items);
        self.items.exchange(&mut self.again.words);
        self.slice.count = self.again.marks.len() as u32;
        self.again.clear();
    }

    /// Runs the kernel. With `inner`, items that it requeues in their band wait in the batch.
    ///
    /// # Safety
    /// `batch` is alive, and used by nobody else until this returns. The kernel is the program's own.
    #[inline]
    pub unsafe fn run(batch: *mut Batch, kernel: Kernel, data: *mut c_void, inner: bool) {
        // SAFETY: by contract; the borrow ends before the kernel is called.
        let (items, count) = unsafe { (*batch).begin(inner) };
        // SAFETY: by contract; so many records lie there, and nothing moves them while it runs.
        unsafe { kernel(batch.cast(), items, count, data) };
        // SAFETY: by contract; the kernel has returned.
        unsafe { (*batch).end() };
    }

    fn begin(&mut self, inner: bool) -> (*const u32, u32) {
        let count = self.slice.count as usize;
        self.children.clear();
        self.held.clear();
        self.emits.clear();
        self.codes.clear();
        self.ends.clear();
        self.ends.resize(count, end::DONE);
        if self.fan_out_max > 0 {
            self.pushes.clear();
            self.pushes.resize(count, 0);
        }
        if self.emit_max > 0 {
            self.emitted.clear();
            self.emitted.resize(count, 0);
        }
        self.tally = Tally::default();
        (self.inner, self.mixed, self.live) = (inner, false, self.slice.count);
        self.first = self.items.words().as_ptr();
        (self.first, self.slice.count)
    }

    /// Nothing further is said of its items.
    fn end(&mut self) {
        self.live = 0;
        if !self.codes.is_empty() {
            self.drop_faulted();
        }
        let count = u64::from(self.slice.count);
        let again = self.again();
        let tally = &mut self.tally;
        tally.faulted = self.codes.len() as u64;
        (tally.visits, tally.admitted) = (count, count);
        tally.emitted = self.emits.marks.len() as u64;
        tally.pushed = self.children.marks.len() as u64 - tally.yielded - (tally.requeued - again);
        tally.finished = count - tally.requeued - tally.yielded - tally.paused - tally.faulted;
    }

    /// The strand of the kernel ended in the middle of it: every item of the batch has faulted.
    pub fn abandon(&mut self, code: u32) {
        for item in 0..self.slice.count {
            self.fault_item(item, code);
        }
        self.end();
    }

    #[cold]
    fn drop_faulted(&mut self) {
        let ends = &self.ends;
        let stays = |item: u32| ends[item as usize] != end::FAULTED;
        self.children.retain(self.words, |mark| stays(mark >> BAND_BITS));
        self.again.retain(self.words, stays);
        self.held.retain(self.words + 1, stays);
        self.emits.retain(self.emit_words, stays);
    }

    /// Hands the results to the host side, where memory was promised for them.
    pub fn commit(&mut self, host: &mut Host) -> Outcome<Result<(), Violation>> {
        let Slice { band, tenant, .. } = self.slice;
        if self.mixed {
            self.put_mixed(host)?;
        } else if !self.children.words.is_empty() {
            host.put_whole(band, tenant, &mut self.children.words)?;
        }
        if !self.emits.words.is_empty() {
            host.emit_whole(&mut self.emits.words)?;
        }
        for held in self.held.words.chunks_exact(self.words + 1) {
            host.pause(held[0], band, tenant, &held[1..])?;
        }
        for (item, code) in &self.codes {
            let at = *item as usize * self.words;
            host.fault(*code, band, tenant, &self.items.words()[at..at + self.words])?;
        }
        Ok(host.settle(tenant, &self.tally, self.again()))
    }

    /// Children of several bands: each run of one band at once.
    fn put_mixed(&mut self, host: &mut Host) -> Outcome<()> {
        let mut words = &self.children.words[..];
        for run in self.children.marks.chunk_by(|a, b| (a ^ b) & BAND_MASK == 0) {
            let (now, later) = words.split_at(run.len() * self.words);
            host.put(run[0] & BAND_MASK, self.slice.tenant, now)?;
            words = later;
        }
        Ok(())
    }

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

    /// What was written down while the kernel ran goes to the worklist's ring. No lock is held.
    #[inline]
    pub fn give_debug(&mut self, to: &Debug) {
        if !self.debug.is_empty() || self.undebugged != 0 {
            self.give_debug_slowly(to);
        }
    }

    #[cold]
    fn give_debug_slowly(&mut self, to: &Debug) {
        let (Slice { band, tenant, .. }, items, words) = (self.slice, self.items.words(), self.words);
        let records = self.debug.iter().map(|(item, said)| {
            let at = *item as usize * words;
            (*said, band, tenant, &items[at..at + words])
        });
        to.add(&self.fields, records, self.undebugged);
        self.debug.clear();
        self.undebugged = 0;
    }

    /// What became of its items.
    pub fn tally(&self) -> &Tally {
        &self.tally
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
    fn fault_item(&mut self, item: u32, code: u32) {
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
