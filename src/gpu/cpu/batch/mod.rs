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

mod calls;
mod log;

use core::ffi::c_void;

use crate::base::room::Grow;
use crate::base::status::Outcome;
use crate::gpu::program::Kernel;
use crate::gpu::worklist::debug::Debug;
use crate::gpu::worklist::host::{Host, Slice};
use crate::gpu::worklist::ledger::{Tally, Violation};
use crate::gpu::worklist::piece::Piece;
use crate::gpu::worklist::segments::SEGMENT_WORDS;
use crate::gpu::worklist::shape::Shape;
use crate::work::fields::Fields;
use crate::work::words::Word;
use log::Log;

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
}
