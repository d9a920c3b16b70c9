// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strands at work

use super::spawn::strand_id;
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::Status;
use crate::runtime::{spawning, strands};
use core::ffi::{c_char, c_void};
#[cfg(doc)]
use core::sync::atomic::AtomicU32;

/// The strand that makes the call.
///
/// @return its handle; 0 on a thread that runs no strand
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe yes
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_self() -> strand_id {
    strands::current()
}

/// Lets other ready strands run first. Off-strand it lets other threads run.
///
/// @return STRAND_OK;
///         STRAND_ERR_CANCELLED: the strand is asked to end;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_yield() -> strand_status {
    guard(strands::yield_now)
}

/// 0 while strand_checkpoint() has nothing to do. Code may load and test it inline, one load and
/// a branch, and make the call only when it is not 0. Load it anew each time; it is written by
/// other threads.
// The core defines the symbol; this item exists for the documentation only.
#[cfg(doc)]
#[unsafe(no_mangle)]
pub static strand_poll_word: AtomicU32 = AtomicU32::new(0);

/// Gives way if it is time to: for loops that call nothing that waits. Costs a load and a branch
/// while nothing is wanted. Once a strand has run for a time slice (1 ms) while others are ready,
/// it yields; when the strand is asked to end, the status says so.
///
/// @return STRAND_OK: go on; always so off-strand;
///         STRAND_ERR_CANCELLED: the strand is asked to end
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_checkpoint() -> strand_status {
    guard(strands::checkpoint)
}

/// Waits until a strand has ended, however and however long ago. How it ended is not told: its
/// fault is in the report of strand_scheduler_run().
///
/// @param id        the strand
/// @param deadline  see strand_after()
/// @return STRAND_OK: it has ended;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it has not;
///         STRAND_ERR_INVALID: id names no strand and never did, or the caller itself; or the
///         deadline is below -1;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
///         meanwhile;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_join(id: strand_id, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_join")?;
        strands::join(id, deadline)
    })
}

/// Waits for a time. Other strands run meanwhile; off-strand the thread sleeps.
///
/// @param nanoseconds  how long; 0 or less is a strand_yield()
/// @return STRAND_OK;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
///         meanwhile;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_sleep(nanoseconds: i64) -> strand_status {
    guard(|| strands::sleep(nanoseconds))
}

/// Waits until a time has come. As strand_sleep(), for those who have a time and not a distance: a loop
/// that adds to the time it slept until does not drift.
///
/// @param deadline  see strand_after(); one that has passed, and STRAND_NO_WAIT, is a
///                  strand_yield(); STRAND_FOREVER ends by cancellation only
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: the deadline is below -1;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
///         meanwhile;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_sleep_until(deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_sleep_until")?;
        strands::sleep_until(deadline)
    })
}

/// Makes a strand ready that was spawned STRAND_SPAWN_DORMANT.
///
/// @param id  the strand
/// @return STRAND_OK;
///         STRAND_ERR_ALREADY: it was started before, or spawned without that flag;
///         STRAND_ERR_STALE: it has ended;
///         STRAND_ERR_INVALID: id names no strand and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_start(id: strand_id) -> strand_status {
    guard(|| spawning::start(id))
}

/// Ends the calling strand as if its function had returned, from any depth; for code whose frames
/// cannot return early. Its on-exit functions run on this stack, its frames are dropped without being
/// unwound (no destructor of theirs runs). On a strand it never returns.
///
/// A task has succeeded with result as its value, a generator has ended with result as its final
/// value; where either is cancelled, it has ended because of that, and result is nobody's.
///
/// @param result  what the function would have returned: goes to the strand_exit hook
/// @return STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand
/// @switches always
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_exit(result: *mut c_void) -> strand_status {
    // SAFETY: nothing on the frames is needed, by the caller's promise.
    guard(|| unsafe { strands::exit_strand(result) })
}

/// Ends the calling strand with a fault, and never returns. Its on-exit functions run on this
/// stack, its frames are dropped without being unwound (no destructor of theirs runs), and the
/// others go on. Whoever joins it sees that it has ended; strand_scheduler_run() returns
/// STRAND_ERR_FAILED with the message. Off-strand, and under STRAND_FAULT_ABORT, the fatal hook
/// runs and the process aborts.
///
/// @param code     what to record, a STRAND_ERR_ number or any negative one of the language's own
/// @param message  text of length bytes; copied; NULL for none
/// @param length   bytes at message; a long one is cut
///
/// @context any
/// @switches always
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_fail(code: strand_status, message: *const c_char, length: usize) -> ! {
    // No guard: on a strand the core leaves this frame by a switch, never by a return. SAFETY:
    // `length` readable bytes, by the caller's promise, and the core copies them first.
    unsafe { strands::fail_strand(Status(code), check::lossy_text(message, length), (&raw const length).addr()) };
    std::process::abort()
}

/// Has a function called when the calling strand ends, however it ends. Last in, first out, on
/// the strand's own stack and before those who join it are woken. They may wait: a strand that is
/// asked to end is not told so there.
///
/// @param function  what to call
/// @param data      handed to function
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: function is NULL;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_on_exit(
    function: Option<extern "C" fn(data: *mut c_void)>,
    data: *mut c_void,
) -> strand_status {
    guard(|| {
        let function = check::callback(function, "strand_on_exit", "function")?;
        // SAFETY: function may be called once with data at the strand's end, by the caller's
        // promise.
        unsafe { strands::on_exit(function, data) }
    })
}
