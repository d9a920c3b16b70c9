// SPDX-License-Identifier: MIT OR Apache-2.0
//! Status
//!
//! Every call that can fail returns a strand_status. 0 is success; errors are negative and their
//! numbers never change. On any status but STRAND_OK nothing has changed hands: results are not
//! written, and an argument or element is still the caller's. The reason, with the values
//! involved, is in strand_last_error().

use crate::base::status::Status;
use crate::strand::message;
use core::ffi::c_char;

/// What a call has to say: STRAND_OK or one of the STRAND_ERR_ numbers.
pub type strand_status = i32;

/// Done.
pub const STRAND_OK: strand_status = 0;
/// An argument is wrong: NULL, a number out of range, a handle that was never issued or names
/// another kind of object, a call that may not be made here. The message says which.
pub const STRAND_ERR_INVALID: strand_status = -1;
/// Memory is exhausted. Nothing was changed; the call may be repeated.
pub const STRAND_ERR_NO_MEMORY: strand_status = -2;
/// A limit is reached: of the configuration, the operating system or the design. The message
/// names it and says how to raise it.
pub const STRAND_ERR_LIMIT: strand_status = -3;
/// The handle named something once, and that is gone.
pub const STRAND_ERR_STALE: strand_status = -4;
/// Only a strand may make this call.
pub const STRAND_ERR_NOT_ON_STRAND: strand_status = -5;
/// The deadline was STRAND_NO_WAIT and the call would have had to wait.
pub const STRAND_ERR_WOULD_BLOCK: strand_status = -6;
/// The deadline passed.
pub const STRAND_ERR_TIMEOUT: strand_status = -7;
/// The caller was cancelled, or the runtime is shutting down.
pub const STRAND_ERR_CANCELLED: strand_status = -8;
/// What the call is about is closed: a channel (and for a receiver also empty), a worklist, a device.
pub const STRAND_ERR_CLOSED: strand_status = -9;
/// Every strand waits and nothing is pending that could wake one.
pub const STRAND_ERR_DEADLOCK: strand_status = -10;
/// It was done before, by an earlier call.
pub const STRAND_ERR_ALREADY: strand_status = -11;
/// Somebody else has it.
pub const STRAND_ERR_TAKEN: strand_status = -12;
/// There is nothing to take, or to choose from.
pub const STRAND_ERR_EMPTY: strand_status = -13;
/// Another thread is doing this at the moment.
pub const STRAND_ERR_BUSY: strand_status = -14;
/// Something that was run has failed: a strand, for strand_scheduler_run().
pub const STRAND_ERR_FAILED: strand_status = -15;
/// This version, build or platform cannot do it. The message says what is missing.
pub const STRAND_ERR_UNSUPPORTED: strand_status = -16;
/// The program does not behave as the recording says. Reserved.
pub const STRAND_ERR_REPLAY: strand_status = -17;
/// The configured number of steps is used up. Reserved.
pub const STRAND_ERR_MAX_STEPS: strand_status = -18;
/// This process is the child of a fork: the runtime's threads exist only in the parent.
pub const STRAND_ERR_FORKED: strand_status = -19;
/// The operating system reported an error. The message says which.
pub const STRAND_ERR_IO: strand_status = -20;
/// A device is not there, or it is lost. The message says which.
pub const STRAND_ERR_DEVICE: strand_status = -21;
/// A shader is wrong. The message says where, as line and column of its text.
pub const STRAND_ERR_SHADER: strand_status = -22;
/// A broken invariant inside the library was caught in this call. Please report it, with the
/// message.
pub const STRAND_ERR_PANIC: strand_status = -23;
/// A callback on a worker's stack made a call that may switch strands.
pub const STRAND_ERR_WOULD_SWITCH: strand_status = -24;
/// strand_scheduler_init() has not been called, or the runtime was shut down.
pub const STRAND_ERR_NOT_INITIALISED: strand_status = -25;
/// Two implementations that were compared do not agree.
pub const STRAND_ERR_PARITY: strand_status = -26;

// The core counts in the same numbers.
const _: () = {
    assert!(STRAND_OK == Status::OK.0);
    assert!(STRAND_ERR_INVALID == Status::INVALID.0);
    assert!(STRAND_ERR_NO_MEMORY == Status::NO_MEMORY.0);
    assert!(STRAND_ERR_LIMIT == Status::LIMIT.0);
    assert!(STRAND_ERR_STALE == Status::STALE.0);
    assert!(STRAND_ERR_NOT_ON_STRAND == Status::NOT_ON_STRAND.0);
    assert!(STRAND_ERR_WOULD_BLOCK == Status::WOULD_BLOCK.0);
    assert!(STRAND_ERR_TIMEOUT == Status::TIMEOUT.0);
    assert!(STRAND_ERR_CANCELLED == Status::CANCELLED.0);
    assert!(STRAND_ERR_CLOSED == Status::CLOSED.0);
    assert!(STRAND_ERR_DEADLOCK == Status::DEADLOCK.0);
    assert!(STRAND_ERR_ALREADY == Status::ALREADY.0);
    assert!(STRAND_ERR_TAKEN == Status::TAKEN.0);
    assert!(STRAND_ERR_EMPTY == Status::EMPTY.0);
    assert!(STRAND_ERR_BUSY == Status::BUSY.0);
    assert!(STRAND_ERR_FAILED == Status::FAILED.0);
    assert!(STRAND_ERR_UNSUPPORTED == Status::UNSUPPORTED.0);
    assert!(STRAND_ERR_REPLAY == Status::REPLAY.0);
    assert!(STRAND_ERR_MAX_STEPS == Status::MAX_STEPS.0);
    assert!(STRAND_ERR_FORKED == Status::FORKED.0);
    assert!(STRAND_ERR_IO == Status::IO.0);
    assert!(STRAND_ERR_DEVICE == Status::DEVICE.0);
    assert!(STRAND_ERR_SHADER == Status::SHADER.0);
    assert!(STRAND_ERR_PANIC == Status::PANIC.0);
    assert!(STRAND_ERR_WOULD_SWITCH == Status::WOULD_SWITCH.0);
    assert!(STRAND_ERR_NOT_INITIALISED == Status::NOT_INITIALISED.0);
    assert!(STRAND_ERR_PARITY == Status::PARITY.0);
};

/// The name of a status, such as "STRAND_ERR_CLOSED", for logs and tests.
///
/// @param status  any number
/// @return a string that lives as long as the library; "STRAND_ERR_UNKNOWN" for a number that is
///         no status
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe yes
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_status_name(status: strand_status) -> *const c_char {
    Status(status).name().as_ptr()
}

/// One sentence about a status, for people. What went wrong in a particular call is in
/// strand_last_error().
///
/// @param status  any number
/// @return a string that lives as long as the library
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe yes
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_status_message(status: strand_status) -> *const c_char {
    Status(status).message().as_ptr()
}

/// Copies the message of the last call that failed on this strand (off-strand: on this thread). A
/// call that succeeds leaves it as it is. The message of an answer that a program expects now and
/// then (WOULD_BLOCK, TIMEOUT, CLOSED, CANCELLED, STALE) is that of strand_status_message().
///
/// The text is cut to fit and always ends with a zero byte when capacity is not 0. Ask for the
/// length first with (NULL, 0), or compare the result with capacity.
///
/// @param buffer    where the text goes; may be NULL when capacity is 0
/// @param capacity  bytes at buffer
/// @return the length of the whole message without its zero byte
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_last_error(buffer: *mut c_char, capacity: usize) -> usize {
    let capacity = if buffer.is_null() { 0 } else { capacity };
    // SAFETY: `capacity` bytes at `buffer` are writable, by the caller's promise, and 0 for NULL.
    unsafe { message::last_error(buffer.cast(), capacity) }
}
