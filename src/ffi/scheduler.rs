// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scheduler
//!
//! One runtime per process: init starts the workers, shutdown ends them, and init may follow
//! again. Strands run from the first spawn on, whether or not a thread is inside
//! strand_scheduler_run().

use super::config::{self, strand_config};
use super::status::strand_status;
use super::{check, guard, guard_told};
use crate::runtime;

/// Starts the runtime. With a runtime already there and config NULL or equal to the one in force,
/// it is OK and changes nothing: it is not counted, and one shutdown ends the runtime for
/// everybody. So a library that is a guest in somebody's program calls this with NULL and leaves
/// shutdown to the program.
///
/// @param config  NULL: the STRAND_ environment variables, else the defaults. Copied, hooks
///                included.
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: a field or an environment variable has no such value, the message
///         names it;
///         STRAND_ERR_ALREADY: a runtime is there with another configuration;
///         STRAND_ERR_UNSUPPORTED: the configuration asks for what this version does not have, or
///         another copy of the library runs in this process;
///         STRAND_ERR_BUSY: another thread is inside init or shutdown;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_LIMIT: memory, address space or threads are
///         exhausted;
///         STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_scheduler_init(config: *const strand_config) -> strand_status {
    guard(|| {
        // SAFETY: NULL or a struct with its hooks, by the caller's promise.
        let config = unsafe { config::convert(config, "strand_scheduler_init") }?;
        runtime::initialise(config.as_ref())
    })
}

/// Waits until every counted strand has ended: all but those spawned STRAND_SPAWN_UNCOUNTED and
/// those that are dormant. Any number of threads may be inside. The calling thread need not
/// become a worker.
///
/// A deadlock is found by counting, never by a time limit: every counted strand waits, no timer
/// is pending, no strand_external_acquire() is held, and no thread is inside a call that could
/// wake one. Nothing is ended by it: strand_last_error() has the report of who waits on what, a
/// later wake lets the strands go on, and this may be called again.
///
/// @return STRAND_OK: none is left;
///         STRAND_ERR_DEADLOCK: all that are left wait for each other;
///         STRAND_ERR_FAILED: none is left, and at least one ended with a fault that nobody asked
///         about. Told once; the message names the first such strand, its fault and their number;
///         STRAND_ERR_CANCELLED: the runtime was shut down meanwhile;
///         STRAND_ERR_INVALID: called on a strand, which uses strand_wait_all();
///         STRAND_ERR_WOULD_SWITCH: called from a callback on a worker's stack;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context host-thread
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_scheduler_run() -> strand_status {
    guard(runtime::run)
}

/// Waits until the number of counted strands was 0 at some moment of the call. On a strand it
/// waits for all others except those that are themselves inside this call.
///
/// @param deadline  see strand_after()
/// @return STRAND_OK;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: strands are left;
///         STRAND_ERR_DEADLOCK: as strand_scheduler_run();
///         STRAND_ERR_CANCELLED: the runtime was shut down meanwhile;
///         STRAND_ERR_INVALID: the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_wait_all(deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_wait_all")?;
        runtime::wait_all(deadline)
    })
}

/// Announces that something outside the runtime, such as a thread that will send on a channel,
/// may still wake a strand. No deadlock is reported while one is held. Counted; each is given
/// back by strand_external_release().
///
/// @return STRAND_OK;
///         STRAND_ERR_LIMIT: too many are held;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_external_acquire() -> strand_status {
    guard(runtime::external_acquire)
}

/// Gives back one strand_external_acquire(). Any thread may do it, after its last call that wakes
/// a strand.
///
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: none is held;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_external_release() -> strand_status {
    guard(runtime::external_release)
}

/// Ends the runtime: refuses spawns, cancels every strand, wakes threads that wait inside a call
/// (both get STRAND_ERR_CANCELLED) and waits until all have left, drops buffered elements, joins
/// the workers and frees everything. strand_scheduler_init() may follow. Handles from before are
/// stale for ever.
///
/// Strands are asked to end, by the status that their next waiting call returns; nobody's frames
/// are unwound. Past the deadline the strands that are left and wait are abandoned with their
/// stacks. While one still runs nothing is freed: the runtime stays in shutdown, and the call may
/// be repeated.
///
/// @param deadline  see strand_after()
/// @return STRAND_OK;
///         STRAND_ERR_TIMEOUT: the deadline passed, the message names the strands that were left;
///         STRAND_ERR_BUSY: another thread is inside init or shutdown;
///         STRAND_ERR_INVALID: called on a strand, or the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context host-thread
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_scheduler_shutdown(deadline: i64) -> strand_status {
    guard_told(|| {
        check::deadline(deadline, "strand_scheduler_shutdown")?;
        runtime::shutdown(deadline)
    })
}
