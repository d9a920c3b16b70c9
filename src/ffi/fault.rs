// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults of tasks
//!
//! A task that fails leaves a record: the code, a message, the strand, where it failed, and the
//! failure that led to it. Where its entry function returns a code, the message is that of its
//! strand's last failed call if that failed with this code; strand_fail(), strand_assert() and
//! strand_promise_fail() have their own. A task that fails with STRAND_ERR_FAILED after it was told
//! of another task's failure, by an await or a join, has that failure as its cause.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::task::strand_task;
use super::{guard, spawn::strand_id};
use crate::strand::failure::Failure;
use crate::task::calls;
use core::ffi::c_char;

/// One failure of a chain.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_fault {
    /// sizeof(strand_fault)
    pub size: u32,
    /// Why.
    pub code: strand_status,
    /// The strand that failed; 0 for a promise.
    pub strand: strand_id,
    /// The task that failed. Its handle may be stale.
    pub task: strand_task,
    /// How many causes lie below this one.
    pub causes: u32,
    /// Entries of addresses that are used.
    pub address_count: u32,
    /// Bytes of name that are used.
    pub name_length: usize,
    /// Bytes of message that are used.
    pub message_length: usize,
    /// Name of the strand, terminated and cut.
    pub name: [c_char; 64],
    /// What happened, in words; terminated and cut.
    pub message: [c_char; 504],
    /// Return addresses on the strand's stack, from the caller of strand_fail() or strand_assert()
    /// outwards, as far as the code there has unwind tables.
    pub addresses: [u64; 32],
}

// SAFETY: repr(C), size first, no field straddles a multiple of 8 (the arrays begin and end at
// one); zero is 0 in every field.
unsafe impl Sized32 for strand_fault {
    const NAME: &'static str = "strand_fault";
}

/// Tells why a task has failed.
///
/// @param task   the task
/// @param depth  0 for its own failure, 1 for the cause of that, and so on
/// @param out    filled; out->size is set by the caller
/// @return STRAND_OK;
///         STRAND_ERR_EMPTY: it has not failed, or the chain is not as deep, or there was no
///         memory for the record;
///         STRAND_ERR_WOULD_BLOCK: it has not ended;
///         STRAND_ERR_INVALID: out is NULL or has no such size, or task names no task and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_task_fault(task: strand_task, depth: usize, out: *mut strand_fault) -> strand_status {
    guard(|| {
        // SAFETY: NULL or a struct as its size says, by the caller's promise.
        unsafe { sized::check(out, "strand_task_fault") }?;
        let failure = calls::failure(task, depth)?;
        // SAFETY: as above.
        unsafe { sized::write(out, &fault_of(&failure), "strand_task_fault") }
    })
}

fn fault_of(failure: &Failure) -> strand_fault {
    let mut fault = strand_fault {
        size: 0,
        code: failure.code.0,
        strand: failure.strand,
        task: failure.task,
        causes: failure.causes(),
        address_count: 0,
        name_length: 0,
        message_length: 0,
        name: [0; 64],
        message: [0; 504],
        addresses: [0; 32],
    };
    fault.name_length = copy(failure.name(), &mut fault.name);
    fault.message_length = copy(failure.message(), &mut fault.message);
    for (to, from) in fault.addresses.iter_mut().zip(failure.addresses()) {
        *to = *from as u64;
        fault.address_count += 1;
    }
    fault
}

/// Copies a text and leaves room for its terminator; how many bytes it took.
fn copy(text: &[u8], place: &mut [c_char]) -> usize {
    let length = text.len().min(place.len() - 1);
    for (to, from) in place.iter_mut().zip(&text[..length]) {
        *to = *from as c_char;
    }
    length
}
