// SPDX-License-Identifier: MIT OR Apache-2.0
//! Information and statistics

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::Status;
use crate::diagnose::{facts, statistics};
use crate::runtime::{count, snapshot};
use crate::strand::message::fail;
use core::ffi::{CStr, c_char};
use core::fmt;

/// What the runtime has counted since strand_scheduler_init(). The counters are read one after
/// the other while strands run, so they need not fit each other exactly.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_statistics {
    /// sizeof(strand_statistics)
    pub size: u32,
    /// Workers.
    pub workers: u32,
    /// Strands spawned.
    pub spawned: u64,
    /// Strands that have ended.
    pub finished: u64,
    /// Strands alive now.
    pub live: u64,
    /// Times a strand was resumed.
    pub switches: u64,
    /// Times a strand gave way.
    pub yields: u64,
    /// Times a strand began to wait.
    pub parks: u64,
    /// Times a waiting strand was woken.
    pub wakes: u64,
    /// Times a worker took strands from another.
    pub steals: u64,
    /// Strands taken that way.
    pub stolen_strands: u64,
    /// Times a worker went to sleep for want of work.
    pub worker_sleeps: u64,
    /// Times a sleeping worker was woken.
    pub worker_wakes: u64,
    /// Strands that ended with a fault.
    pub faults: u64,
    /// Stacks that have memory, in use or kept for the next strand.
    pub stacks_mapped: u64,
    /// Stacks kept for the next strand.
    pub stacks_cached: u64,
    /// Bytes of address space that mapped stacks take, guards excluded.
    pub stack_bytes_mapped: u64,
    /// How stacks are guarded: 0 not at all, 1 by madvise, 2 by mprotect.
    pub guard_pages_kind: u64,
    /// The largest value that live has had.
    pub live_peak: u64,
    /// 0
    pub reserved: [u64; 8],
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is a value of every field.
unsafe impl Sized32 for strand_statistics {
    const NAME: &'static str = "strand_statistics";
}

/// A text that the library offers by its name. Known before init: "version", "abi", "engine",
/// "identity" (stack-pointer or thread-local: how a strand is told which one it is), "guard"
/// (madvise or mprotect: how stacks are guarded), "fence" (asymmetric or symmetric: how workers
/// are woken), "features", "stack_classes" (usable bytes, separated by spaces). Known after init:
/// "workers".
///
/// The text is cut to fit and always ends with a zero byte when capacity is not 0.
///
/// @param key       which
/// @param buffer    where the text goes; may be NULL when capacity is 0
/// @param capacity  bytes at buffer
/// @param needed    the length of the whole text without its zero byte; may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: key is NULL or unknown, or buffer is NULL and capacity is not 0;
///         STRAND_ERR_NOT_INITIALISED: the key is one that is known after init;
///         STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_info(
    key: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> strand_status {
    guard(|| {
        check::pointer(key, "strand_info", "key")?;
        if capacity > 0 {
            check::pointer(buffer, "strand_info", "buffer")?;
        }
        // SAFETY: not NULL, and a string that ends, by the caller's promise.
        let Ok(key) = unsafe { CStr::from_ptr(key) }.to_str() else {
            return fail(Status::INVALID, format_args!("strand_info: key is not text in UTF-8"));
        };
        let mut text = Text { buffer: buffer.cast(), capacity, length: 0 };
        facts::info(key, &mut text)?;
        let length = text.finish();
        if !needed.is_null() {
            // SAFETY: writable, by the caller's promise.
            unsafe { needed.write(length) };
        }
        Ok(())
    })
}

/// Reads the counters.
///
/// @param out  set out->size to sizeof(strand_statistics); all other fields are written
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL or its size is wrong;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_statistics_read(out: *mut strand_statistics) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_statistics_read", "out")?;
        let counted = convert(&count::statistics()?);
        // SAFETY: as many writable bytes as its size says, by the caller's promise.
        unsafe { sized::write(out, &counted, "strand_statistics_read") }
    })
}

/// How many times a worker has resumed a strand: tells whether all workers took part.
///
/// @param worker  from 0
/// @param out     the number
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: there is no such worker, or out is NULL;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worker_runs(worker: u32, out: *mut u64) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_worker_runs", "out")?;
        let runs = statistics::worker_runs(worker)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(runs) };
        Ok(())
    })
}

/// Writes a line for every strand that is alive: handle, name, state, what it waits on, where it
/// was spawned. The text is cut to fit and always ends with a zero byte when capacity is not 0.
///
/// @param buffer    where the text goes; may be NULL when capacity is 0
/// @param capacity  bytes at buffer
/// @return the length of the whole text without its zero byte; 0 when no runtime is there
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_dump(buffer: *mut c_char, capacity: usize) -> usize {
    let capacity = if buffer.is_null() { 0 } else { capacity };
    // SAFETY: `capacity` bytes at `buffer` are writable, by the caller's promise, and 0 for NULL.
    unsafe { count::dump(buffer.cast(), capacity) }
}

/// Writes what is known about the runtime at this moment as one JSON document, for tools. Handles and
/// the seed are texts of hexadecimal digits, all other numbers are numbers, and a name that is not
/// UTF-8 has U+FFFD for what is not. Its members:
///
/// - schema: 1; it counts changes that a reader of older documents would misunderstand. Members may
///   be added without one. version: of the library. engine: "stepped" or "parallel".
/// - policy: name (as STRAND_POLICY has it; "chosen" while an exploration decides), seed, and its
///   parameters by the names of strand_config, with the defaults filled in.
/// - clock: virtual, and now. steps: made since init. external_holds: open. counters: as
///   strand_statistics has them.
/// - lanes: lane, name, weight, width, and ready: strands of the lane that can be picked.
/// - next: the strand that was picked already and goes next, or null.
/// - strands: id, name, state (dormant, ready, running, waiting), lane, priority, tokens, held;
///   position among those that are ready, where the policy keeps an order of arrival: the smaller
///   became ready earlier; waits: null, or for (receive, send, join, task, park, sleep, all and more),
///   object, deadline, and holder (in words, of a lock), each null where there is none; counted,
///   started, stack_bytes, spawned_at.
/// - channels: id, name, length, capacity (null: without bound), receivers and senders that wait,
///   closed.
/// - tasks: id, state (pending, running, succeeded, failed, cancelled), strand (null: none has begun),
///   scope (null: the root), promise, handles, and waiting: those who wait for its end.
/// - handoffs: records of strand, from, to, step and reason, oldest first, and dropped.
///
/// On the stepped engine all of it is of one moment. On the parallel engine each strand and each
/// channel is read while the others go on. The text is cut to fit and always ends with a zero byte
/// when capacity is not 0.
///
/// @param buffer    where the text goes; may be NULL when capacity is 0
/// @param capacity  bytes at buffer
/// @return the length of the whole text without its zero byte; 0 when no runtime is there
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_snapshot(buffer: *mut c_char, capacity: usize) -> usize {
    let capacity = if buffer.is_null() { 0 } else { capacity };
    let mut text = Text { buffer: buffer.cast(), capacity, length: 0 };
    snapshot::write(&mut text);
    text.finish()
}

fn convert(counted: &statistics::Statistics) -> strand_statistics {
    strand_statistics {
        size: 0,
        workers: counted.workers,
        spawned: counted.spawned,
        finished: counted.finished,
        live: counted.live,
        switches: counted.switches,
        yields: counted.yields,
        parks: counted.parks,
        wakes: counted.wakes,
        steals: counted.steals,
        stolen_strands: counted.stolen_strands,
        worker_sleeps: counted.worker_sleeps,
        worker_wakes: counted.worker_wakes,
        faults: counted.faults,
        stacks_mapped: counted.stacks_mapped,
        stacks_cached: counted.stacks_cached,
        stack_bytes_mapped: counted.stack_bytes_mapped,
        guard_pages_kind: counted.guard_pages_kind,
        live_peak: counted.live_peak,
        reserved: [0; 8],
    }
}

/// The caller's buffer: takes what fits, leaves room for the zero byte, counts everything.
struct Text {
    buffer: *mut u8,
    capacity: usize,
    length: usize,
}

impl Text {
    /// Writes the zero byte; returns the length of the whole text.
    fn finish(self) -> usize {
        if self.capacity > 0 {
            let end = self.length.min(self.capacity - 1);
            // SAFETY: below `capacity` bytes that are writable, by the caller's promise.
            unsafe { self.buffer.add(end).write(0) };
        }
        self.length
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.capacity.saturating_sub(self.length + 1);
        let fits = text.len().min(room);
        if fits > 0 {
            // SAFETY: `length + fits` is below `capacity` bytes that are writable, by the
            // caller's promise.
            unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), self.buffer.add(self.length), fits) };
        }
        self.length += text.len();
        Ok(())
    }
}
