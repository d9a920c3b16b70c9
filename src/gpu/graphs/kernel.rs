// SPDX-License-Identifier: MIT OR Apache-2.0
//! The programs of searches: native kernels over the pure batches, and the shaders.

use core::ffi::c_void;
use core::sync::atomic::AtomicU32;

use super::shader;
use crate::base::status::Outcome;
use crate::gpu::cpu::batch::{BAND_SAME, Batch};
use crate::gpu::device;
use crate::gpu::program::{self, GROUP_SIZE, Kernel, LOOP_LIMIT, Limits, Source};
use crate::graph::csr::Csr;
use crate::graph::distances::{Distances, Reached};
use crate::graph::frontier::{self, FAN_OUT, Ground, Search, Sink};
use crate::work::fields::Fields;
use crate::work::pair;
use crate::work::words::Word;

/// Steps of an item of the native kernel before it goes through the queue, to its end: never, since what a vertex of many
/// neighbours has left comes before what it has pushed, so that distances fall in their order. Each step comes further.
const STEPS: u32 = u32::MAX;

/// The words of an item that has three.
const THREE: Fields = match Fields::new(pair::FIELDS.mask() | Word::ContinuationData.bit()) {
    Some(fields) => fields,
    None => unreachable!(),
};

/// What the program of a search declares, on the processor or on an adapter.
pub fn limits(what: Search, weighted: bool, native: bool) -> Limits {
    let fourth = match what {
        Search::Breadth => native, // the bits
        Search::Shortest => weighted,
    };
    Limits {
        fields: if native && what == Search::Breadth { pair::FIELDS } else { THREE },
        fan_out_max: FAN_OUT,
        emit_max: 0,
        emit_words: 1,
        inner_steps: if native { STEPS } else { 1 },
        loop_limit: LOOP_LIMIT,
        group_size: GROUP_SIZE,
        buffer_count: 3 + u32::from(fourth),
    }
}

/// Makes the program of a search: its handle.
pub fn program(device: u64, what: Search, weighted: bool) -> Outcome<u64> {
    let native = device::get(device)?.remote().is_none();
    let kernel = match what {
        Search::Breadth => breadth as Kernel,
        Search::Shortest => shortest as Kernel,
    };
    let text = if native { String::new() } else { shader::text(what, weighted) };
    let source = Source {
        kernel: native.then_some(kernel),
        kernel_data: core::ptr::null_mut(),
        wgsl: text.as_bytes(),
        spirv: &[],
    };
    program::create(device, limits(what, weighted, native), &source)
}

/// Results of a batch go to the worklist. Whatever a search says is inside of what its program declares.
struct Said {
    batch: *mut Batch,
    /// Records carry the distance.
    carries: bool,
}

impl Sink for Said {
    #[inline(always)]
    fn push(&mut self, index: u32, vertex: u32, distance: u32) {
        let record = [vertex, 0, distance];
        // SAFETY: the batch of this call; a record, of which as many words are copied as records have.
        let _ = unsafe { (*self.batch).push(index, record.as_ptr(), BAND_SAME) };
    }

    fn requeue(&mut self, index: u32, cursor: u32, distance: u32) {
        let carried = if self.carries { distance } else { 0 };
        // SAFETY: the batch of this call.
        let _ = unsafe { (*self.batch).requeue(index, cursor, carried, BAND_SAME) };
    }
}

unsafe extern "C-unwind" fn breadth(work: *mut c_void, items: *const u32, count: u32, _: *mut c_void) {
    // SAFETY: by the contract of kernels.
    unsafe { run(Search::Breadth, work.cast(), items, count) }
}

unsafe extern "C-unwind" fn shortest(work: *mut c_void, items: *const u32, count: u32, _: *mut c_void) {
    // SAFETY: by the contract of kernels.
    unsafe { run(Search::Shortest, work.cast(), items, count) }
}

/// # Safety
/// A kernel's arguments; the worklist has the buffers of this search.
unsafe fn run(what: Search, work: *mut Batch, items: *const u32, count: u32) {
    // SAFETY: the batch that is run; its records.
    let (batch, items) = unsafe { (&*work, core::slice::from_raw_parts(items, what.words() * count as usize)) };
    // SAFETY: words that several may lower at the same time, and only so.
    let (distances, last) = unsafe { (atomics(batch, 0), atomics(batch, 3)) };
    // SAFETY: nobody writes to the rows of a graph: their handles are the library's own.
    let (offsets, targets) = unsafe { (words(batch, 1), words(batch, 2)) };
    let (mut weights, mut reached) = (None, None);
    match what {
        Search::Breadth => reached = Reached::new(last),
        // SAFETY: as above.
        Search::Shortest => weights = Some(unsafe { words(batch, 3) }).filter(|weights| !weights.is_empty()),
    }
    let graph = Csr { offsets, targets, weights };
    let ground = Ground { graph, distances: Distances::new(distances), reached };
    let mut said = Said { batch: work, carries: what == Search::Shortest };
    frontier::run(what, ground, items, &mut said);
}

/// # Safety
/// Nobody writes to the buffer but through atomics.
unsafe fn atomics<'a>(batch: &Batch, number: u32) -> &'a [AtomicU32] {
    match batch.window(number) {
        // SAFETY: a buffer is on a boundary of 64 bytes and stays while its worklist runs.
        Ok(window) => unsafe { core::slice::from_raw_parts(window.address.cast(), (window.bytes / 4) as usize) },
        Err(_) => &[],
    }
}

/// # Safety
/// Nobody writes to the buffer.
unsafe fn words<'a>(batch: &Batch, number: u32) -> &'a [u32] {
    match batch.window(number) {
        // SAFETY: as above.
        Ok(window) => unsafe { core::slice::from_raw_parts(window.address.cast(), (window.bytes / 4) as usize) },
        Err(_) => &[],
    }
}
