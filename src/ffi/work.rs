// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inside of a kernel
//!
//! What a native kernel says of the items of its batch. An item is named by its place in the batch, from 0
//! on; one of which nothing is said is done when the kernel returns. What an item does takes effect when
//! the kernel returns, all of it: of an item that ends with a fault nothing is pushed and nothing emitted
//! (what it wrote to buffers stays). Items may be spoken of in any order and as often as needed; where one
//! queue gets several of them, they come in the order of the calls.
//!
//! These calls belong to the thread on which the kernel runs, until it returns. None of them waits, and
//! none allocates.

use super::program::strand_work;
use super::refused;
use super::status::strand_status;
use crate::base::status::{Outcome, Status};
use crate::gpu::cpu::batch::{BAND_SAME, Batch};
use crate::strand::message::fail;
use core::ffi::c_void;

/// The band of the item that speaks.
pub const STRAND_BAND_SAME: u32 = u32::MAX;

const _: () = assert!(STRAND_BAND_SAME == BAND_SAME);

/// Pushes an item: a child of this one, of the same tenant.
///
/// @param work    what the kernel got
/// @param index   the item that speaks
/// @param record  as many words as the program's records have; copied
/// @param band    its band, or STRAND_BAND_SAME
/// @return STRAND_OK;
///         STRAND_ERR_LIMIT: these are more than fan_out_max, and the item has faulted
///         (STRAND_WORK_FAULT_FAN_OUT);
///         STRAND_ERR_INVALID: work or record is NULL, there is no such item, the kernel has returned, or
///         there is no such band (then the item has faulted, STRAND_WORK_FAULT_BAND)
///
/// @context callback
/// @switches never
/// @threadsafe no
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_work_push(
    work: *mut strand_work,
    index: u32,
    record: *const u32,
    band: u32,
) -> strand_status {
    if record.is_null() || !record.is_aligned() {
        return wrong(Status::INVALID, "strand_work_push", "record is NULL or not aligned");
    }
    // SAFETY: what a kernel got, by the caller's promise; a record lies there.
    said(unsafe { batch(work) }.and_then(|batch| unsafe { batch.push(index, record, band) }), "strand_work_push")
}

/// Emits a record: it can be taken with strand_worklist_take().
///
/// @param work    what the kernel got
/// @param index   the item that speaks
/// @param record  emit_words words of the program; copied
/// @return STRAND_OK;
///         STRAND_ERR_LIMIT: these are more than emit_max, and the item has faulted
///         (STRAND_WORK_FAULT_EMITS);
///         STRAND_ERR_INVALID: work or record is NULL, there is no such item, or the kernel has returned
///
/// @context callback
/// @switches never
/// @threadsafe no
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_work_emit(work: *mut strand_work, index: u32, record: *const u32) -> strand_status {
    if record.is_null() || !record.is_aligned() {
        return wrong(Status::INVALID, "strand_work_emit", "record is NULL or not aligned");
    }
    // SAFETY: what a kernel got, by the caller's promise; a record lies there.
    said(unsafe { batch(work) }.and_then(|batch| unsafe { batch.emit(index, record) }), "strand_work_emit")
}

/// The item has more to do: it is run again, with continuation_pc and continuation_data set to pc and
/// data where its record carries them. Its requeue_count goes up.
///
/// @param work   what the kernel got
/// @param index  the item
/// @param pc     where it goes on
/// @param data   what it goes on with
/// @param band   its band from now on, or STRAND_BAND_SAME
/// @return STRAND_OK;
///         STRAND_ERR_ALREADY: it has ended otherwise before, and now it has faulted
///         (STRAND_WORK_FAULT_ENDED_TWICE);
///         STRAND_ERR_INVALID: work is NULL, there is no such item, or the kernel has returned; or the
///         item has faulted: no such band (STRAND_WORK_FAULT_BAND), pc or data is not 0 and not carried
///         (STRAND_WORK_FAULT_NOT_CARRIED), or its counter is at its end (STRAND_WORK_FAULT_COUNTER)
///
/// @context callback
/// @switches never
/// @threadsafe no
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_work_requeue(
    work: *mut strand_work,
    index: u32,
    pc: u32,
    data: u32,
    band: u32,
) -> strand_status {
    // SAFETY: what a kernel got, by the caller's promise.
    said(unsafe { batch(work) }.and_then(|batch| batch.requeue(index, pc, data, band)), "strand_work_requeue")
}

/// The item gives way: as strand_work_requeue(), but always through the queue, and its yield_count goes
/// up.
///
/// @param work   what the kernel got
/// @param index  the item
/// @param pc     where it goes on
/// @param data   what it goes on with
/// @return as strand_work_requeue()
///
/// @context callback
/// @switches never
/// @threadsafe no
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_work_yield(work: *mut strand_work, index: u32, pc: u32, data: u32) -> strand_status {
    // SAFETY: what a kernel got, by the caller's promise.
    said(unsafe { batch(work) }.and_then(|batch| batch.yield_now(index, pc, data)), "strand_work_yield")
}

/// The item waits for an epoch: strand_worklist_resume() with this epoch or a later one makes it ready.
///
/// @param work   what the kernel got
/// @param index  the item
/// @param pc     where it goes on
/// @param data   what it goes on with
/// @param epoch  the program's own count of something
/// @return as strand_work_requeue()
///
/// @context callback
/// @switches never
/// @threadsafe no
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_work_pause(
    work: *mut strand_work,
    index: u32,
    pc: u32,
    data: u32,
    epoch: u32,
) -> strand_status {
    // SAFETY: what a kernel got, by the caller's promise.
    said(unsafe { batch(work) }.and_then(|batch| batch.pause(index, pc, data, epoch)), "strand_work_pause")
}

/// The item ends with a code: strand_worklist_faults() shows it. What it has pushed and emitted this time
/// is forgotten.
///
/// @param work   what the kernel got
/// @param index  the item
/// @param code   the program's own, below 0x80000000
/// @return STRAND_OK;
///         STRAND_ERR_ALREADY: it has faulted before; the first code stays;
///         STRAND_ERR_INVALID: work is NULL, there is no such item, the kernel has returned, or the code
///         is one of the library's
///
/// @context callback
/// @switches never
/// @threadsafe no
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_work_fault(work: *mut strand_work, index: u32, code: u32) -> strand_status {
    // SAFETY: what a kernel got, by the caller's promise.
    said(unsafe { batch(work) }.and_then(|batch| batch.fault(index, code)), "strand_work_fault")
}

/// The memory of one of the worklist's buffers. Several kernels may run at once: who writes where is the
/// program's affair.
///
/// @param work    what the kernel got
/// @param number  which one, in the order in which the worklist was made with them
/// @param bytes   its length; may be NULL
/// @return where it begins; NULL when there is no such buffer, work is NULL or the kernel has returned
///
/// @context callback
/// @switches never
/// @threadsafe no
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_work_buffer(work: *mut strand_work, number: u32, bytes: *mut u64) -> *mut c_void {
    // SAFETY: what a kernel got, by the caller's promise.
    let Ok(window) = unsafe { batch(work) }.and_then(|batch| batch.window(number)) else {
        return core::ptr::null_mut();
    };
    if !bytes.is_null() && bytes.is_aligned() {
        // SAFETY: writable, by the caller's promise.
        unsafe { bytes.write(window.bytes) };
    }
    window.address.cast()
}

/// # Safety
/// `work` is null, or what the kernel got that makes the call.
#[inline(always)]
pub(super) unsafe fn batch<'a>(work: *mut strand_work) -> Outcome<&'a mut Batch> {
    // SAFETY: by contract; the runner does not touch the batch while its kernel runs.
    unsafe { work.cast::<Batch>().as_mut() }.ok_or(Status::INVALID)
}

/// These calls are made for every item, so there is no boundary for panics around them: nothing in them panics.
#[inline(always)]
pub(super) fn said(outcome: Outcome<()>, function: &str) -> strand_status {
    match outcome {
        Ok(()) => 0,
        Err(status) => explain(status, function),
    }
}

#[cold]
#[inline(never)]
fn explain(status: Status, function: &str) -> strand_status {
    let why = match (status, function) {
        (Status::LIMIT, "strand_work_push") => "the item pushes more than fan_out_max of its program, and has faulted",
        (Status::LIMIT, _) => "the item emits more than emit_max of its program, and has faulted",
        (Status::ALREADY, "strand_work_fault") => "the item has faulted before: the first code stays",
        (Status::ALREADY, _) => "the item was said to end before, and has faulted now",
        (_, "strand_work_push") => "work is NULL, there is no such item or band, or the kernel has returned",
        (_, "strand_work_fault") => {
            "work is NULL, there is no such item, code is above 0x7fffffff, or the kernel has returned"
        }
        (_, "strand_work_requeue" | "strand_work_yield" | "strand_work_pause") => {
            "work is NULL, there is no such item or band, pc or data is not 0 and not carried by records, \
             the item has done this too often, or the kernel has returned"
        }
        _ => "work is NULL, there is no such item, or the kernel has returned",
    };
    wrong(status, function, why)
}

#[cold]
#[inline(never)]
pub(super) fn wrong(status: Status, function: &str, why: &str) -> strand_status {
    match fail::<()>(status, format_args!("{function}: {why}")) {
        Err(status) => refused(status),
        Ok(()) => 0,
    }
}
