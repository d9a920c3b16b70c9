// SPDX-License-Identifier: MIT OR Apache-2.0
//! Promises
//!
//! A promise is a task that no strand computes: whoever holds the promise completes the task, from
//! any thread, once. Both handles are counted, each for itself. The task is cancelled when the last
//! handle of an open promise is released.
//!
//! A promise that was made by a thread, or with STRAND_PROMISE_EXTERNAL, says that somebody outside
//! will complete it: while it is open, a program that waits is no deadlock. One that a strand has
//! made says no such thing.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::task::{strand_scope, strand_task};
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;
use crate::task::promise::{self, PromiseOptions};
use core::ffi::c_char;

/// Names a promise; below 2^62 and never used again. 0 is no promise.
pub type strand_promise = u64;

/// Somebody outside of the strands will complete the promise, as with strand_external_acquire().
pub const STRAND_PROMISE_EXTERNAL: u32 = 1;

/// How a promise is made: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_promise_options {
    /// sizeof(strand_promise_options)
    pub size: u32,
    /// STRAND_PROMISE_ bits.
    pub flags: u32,
    /// The scope its task belongs to; 0 for the root.
    pub scope: strand_scope,
    /// Ends the value if nobody takes it from the task.
    pub value_drop: Option<unsafe extern "C" fn(value: u64)>,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is None or 0 in every field.
unsafe impl Sized32 for strand_promise_options {
    const NAME: &'static str = "strand_promise_options";
}

/// Makes a promise and its task.
///
/// @param scope  the scope its task belongs to; 0 for the root
/// @param out    the promise's handle
/// @param task   the task's handle
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out or task is NULL, or scope names no scope and never did;
///         STRAND_ERR_STALE: the scope is gone;
///         STRAND_ERR_LIMIT: there are as many tasks as handles can name;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the scope is cancelled or the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_promise_new(
    scope: strand_scope,
    out: *mut strand_promise,
    task: *mut strand_task,
) -> strand_status {
    guard(|| {
        let options = PromiseOptions { scope, ..PromiseOptions::default() };
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { create(&options, out, task, "strand_promise_new") }
    })
}

/// Makes a promise and its task, with options.
///
/// @param options  NULL: as strand_promise_new() into the root. Copied.
/// @param out      the promise's handle
/// @param task     the task's handle
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out or task is NULL, or an option has no such value;
///         STRAND_ERR_STALE, STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY, STRAND_ERR_CANCELLED,
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED: as strand_promise_new()
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_promise_new_with(
    options: *const strand_promise_options,
    out: *mut strand_promise,
    task: *mut strand_task,
) -> strand_status {
    guard(|| {
        let function = "strand_promise_new_with";
        let mut made = PromiseOptions::default();
        if !options.is_null() {
            // SAFETY: a struct as its size says, by the caller's promise.
            let options = unsafe { sized::read(options, function) }?;
            check::flags(options.flags, STRAND_PROMISE_EXTERNAL, function)?;
            made.external = options.flags & STRAND_PROMISE_EXTERNAL != 0;
            (made.scope, made.drop_value) = (options.scope, options.value_drop);
        }
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { create(&made, out, task, function) }
    })
}

/// # Safety
/// `out` and `task` are null or writable.
unsafe fn create(
    options: &PromiseOptions,
    out: *mut strand_promise,
    task: *mut strand_task,
    function: &str,
) -> Outcome<()> {
    check::pointer(out, function, "out")?;
    check::pointer(task, function, "task")?;
    let (promise, handle) = promise::create(options)?;
    // SAFETY: by contract, and not null.
    unsafe {
        out.write(promise);
        task.write(handle);
    }
    Ok(())
}

/// Ends the task of a promise with a value.
///
/// @param promise  the promise
/// @param value    handed to those who await the task
/// @return STRAND_OK: the value is the task's;
///         STRAND_ERR_ALREADY: the task has ended, by another completion or a cancellation; the
///         value is still the caller's;
///         STRAND_ERR_INVALID: promise names no promise and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_promise_complete(promise: strand_promise, value: u64) -> strand_status {
    guard(|| promise::complete(promise, value))
}

/// Ends the task of a promise with a failure.
///
/// @param promise  the promise
/// @param code     why: a STRAND_ERR_ number or any negative one of the language's own
/// @param message  text of length bytes; copied; NULL for none
/// @param length   bytes at message; a long one is cut
/// @return STRAND_OK;
///         STRAND_ERR_ALREADY: the task has ended;
///         STRAND_ERR_INVALID: code is not negative, message is NULL and length is not 0, or promise
///         names no promise and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_promise_fail(
    promise: strand_promise,
    code: strand_status,
    message: *const c_char,
    length: usize,
) -> strand_status {
    guard(|| {
        let function = "strand_promise_fail";
        if code >= 0 {
            return fail(Status::INVALID, format_args!("{function}: code is {code}; that of a failure is negative"));
        }
        // SAFETY: `length` readable bytes, by the caller's promise.
        let message = unsafe { check::text(message, length, function, "message") }?;
        promise::complete_failed(promise, Status(code), message)
    })
}

/// Ends the task of a promise as cancelled.
///
/// @param promise  the promise
/// @param reason   as in strand_task_cancel()
/// @return STRAND_OK;
///         STRAND_ERR_ALREADY: the task has ended;
///         STRAND_ERR_INVALID: promise names no promise and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_promise_cancel(promise: strand_promise, reason: u64) -> strand_status {
    guard(|| promise::cancel(promise, reason))
}

/// Asks whether it is still worth while to complete a promise.
///
/// @param promise  the promise
/// @return STRAND_OK: its task was not cancelled;
///         STRAND_ERR_CANCELLED: it was, or the runtime is shutting down;
///         STRAND_ERR_INVALID: promise names no promise and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_promise_is_cancelled(promise: strand_promise) -> strand_status {
    guard(|| promise::look(promise))
}

/// Takes one more handle on a promise, to be released too.
///
/// @param promise  the promise
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: promise names no promise and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_LIMIT: it has 2^30;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_promise_retain(promise: strand_promise) -> strand_status {
    guard(|| promise::retain(promise))
}

/// Gives a handle on a promise back. With the last one of an open promise its task is cancelled, for
/// the reason STRAND_CANCEL_ABANDONED.
///
/// @param promise  the promise
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: promise names no promise and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_promise_release(promise: strand_promise) -> strand_status {
    guard(|| promise::release(promise))
}
