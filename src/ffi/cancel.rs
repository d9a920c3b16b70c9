// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cancellation
//!
//! A cancellation is a request. A strand that is asked to end gets STRAND_ERR_CANCELLED from every
//! call that could suspend it (any deadline but STRAND_NO_WAIT; also a yield, a sleep, a lock) and
//! from strand_checkpoint(), before the call tries anything, and again each time until it ends or
//! a shield holds that off. A call that it waits in returns so too. Nothing is unwound: what the
//! strand does with the status is its own affair. Calls with STRAND_NO_WAIT work as ever. Where a
//! message and a cancellation race, one of them wins: what was transferred is STRAND_OK.
//!
//! Tokens form a tree. One that fires cancels what is bound to it (the `cancel` of
//! strand_spawn_options), and fires all tokens below it, once and for ever. A strand that is
//! spawned without a token has none, whatever its spawner has. A token is counted: what is made
//! has one reference. The last release takes its deadline and its hooks away, unless strands are
//! bound to it or tokens are left below it; then that happens when they are gone.

use super::spawn::strand_id;
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::Status;
use crate::runtime::{strands, tokens};
use crate::wait::on_cancel::Call;
use crate::wait::reason;
use core::ffi::c_void;

/// A node of the cancel tree; below 2^62 and never used again. 0 is none.
pub type strand_cancel = u64;
/// A function that a token calls when it fires; below 2^62 and never used again. 0 is none.
pub type strand_cancel_hook = u64;

/// What a token calls when it fires.
pub type strand_cancel_fn = Option<unsafe extern "C" fn(data: *mut c_void, reason: u64)>;
/// What ends the data of a hook that is never called.
pub type strand_cancel_drop = Option<unsafe extern "C" fn(data: *mut c_void)>;

const UINT64_MAX: u64 = u64::MAX;

/// Reasons from here on are the runtime's own; a program gives lower ones.
pub const STRAND_CANCEL_RUNTIME: u64 = UINT64_MAX / 2 + 1;
/// A join of tasks was decided without this one.
pub const STRAND_CANCEL_JOIN_DECIDED: u64 = UINT64_MAX / 2 + 1;
/// The scope was closed.
pub const STRAND_CANCEL_SCOPE_CLOSED: u64 = UINT64_MAX / 2 + 2;
/// The runtime is shutting down.
pub const STRAND_CANCEL_SHUTDOWN: u64 = UINT64_MAX / 2 + 3;
/// A promise was released without being completed.
pub const STRAND_CANCEL_ABANDONED: u64 = UINT64_MAX / 2 + 4;
/// A deadline has passed.
pub const STRAND_CANCEL_DEADLINE: u64 = UINT64_MAX / 2 + 5;
/// Another child of the scope has failed.
pub const STRAND_CANCEL_SCOPE_FAILED: u64 = UINT64_MAX / 2 + 6;

const _: () = assert!(
    STRAND_CANCEL_RUNTIME == reason::FIRST
        && STRAND_CANCEL_JOIN_DECIDED == reason::JOIN_DECIDED
        && STRAND_CANCEL_SCOPE_CLOSED == reason::SCOPE_CLOSED
        && STRAND_CANCEL_SHUTDOWN == reason::SHUTDOWN
        && STRAND_CANCEL_ABANDONED == reason::ABANDONED
        && STRAND_CANCEL_DEADLINE == reason::DEADLINE
        && STRAND_CANCEL_SCOPE_FAILED == reason::SCOPE_FAILED
);

/// Makes a token.
///
/// @param parent    fires this one too; 0 for none. It need not outlive its children.
/// @param deadline  when the token fires by itself, with STRAND_CANCEL_DEADLINE; see
///                  strand_after(). STRAND_FOREVER or 0: never. In the past: it has fired when this
///                  returns. The earliest deadline of a token and those above it counts.
/// @param out       the token; the caller holds the one reference. Below a token that has fired it
///                  has fired too, with the same reason.
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, parent names no token and never did, or the deadline is
///         below -1;
///         STRAND_ERR_STALE: parent is gone;
///         STRAND_ERR_LIMIT: as many tokens as a handle allows;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_cancel_new(
    parent: strand_cancel,
    deadline: i64,
    out: *mut strand_cancel,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_cancel_new", "out")?;
        check::deadline(deadline, "strand_cancel_new")?;
        let token = tokens::make(parent, deadline)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(token) };
        Ok(())
    })
}

/// Fires a token and all below it: the strands bound to them are cancelled, also those that wait
/// now; strands that were not started yet (STRAND_SPAWN_DORMANT) never will be, and their argument
/// is dropped; whoever waits for a token goes on; hooks are called, on the caller's stack, before
/// this returns. A token fires once: on one that has fired this does nothing, and the first reason
/// stays.
///
/// @param token   the token
/// @param reason  the program's own, below STRAND_CANCEL_RUNTIME
/// @return STRAND_OK: it has fired, now or before;
///         STRAND_ERR_INVALID: the token never was, or the reason is one of the runtime's own;
///         STRAND_ERR_STALE: the token is gone;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_cancel_fire(token: strand_cancel, reason: u64) -> strand_status {
    guard(|| {
        tokens::check_reason(reason)?;
        tokens::fire(token, reason)
    })
}

/// Waits until a token has fired. With STRAND_NO_WAIT it asks whether it has. The last release of
/// the token ends the wait.
///
/// @param token     the token
/// @param deadline  see strand_after()
/// @param reason    why it has fired; may be NULL
/// @return STRAND_OK: it has fired;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it has not;
///         STRAND_ERR_INVALID: the token never was, or the deadline is below -1;
///         STRAND_ERR_STALE: the token is gone;
///         STRAND_ERR_CLOSED: its last reference was released meanwhile;
///         STRAND_ERR_CANCELLED: the caller is asked to end (perhaps by this very token), or the
///         runtime was shut down meanwhile;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_cancel_wait(token: strand_cancel, deadline: i64, reason: *mut u64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_cancel_wait")?;
        let why = tokens::wait(token, deadline)?;
        if !reason.is_null() {
            // SAFETY: writable, by the caller's promise.
            unsafe { reason.write(why) };
        }
        Ok(())
    })
}

/// The earliest deadline of a token and those above it.
///
/// @param token     the token
/// @param deadline  the deadline; STRAND_FOREVER for none
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: the token never was, or deadline is NULL;
///         STRAND_ERR_STALE: the token is gone;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_cancel_deadline(token: strand_cancel, deadline: *mut i64) -> strand_status {
    guard(|| {
        check::pointer(deadline, "strand_cancel_deadline", "deadline")?;
        let earliest = tokens::deadline(token)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { deadline.write(earliest) };
        Ok(())
    })
}

/// Has a function called when a token fires: once, on the stack of whoever fires it (for a
/// deadline that of a worker), without a lock. It may not wait there. With a token that has fired
/// it is called at once, before this returns.
///
/// @param token     the token
/// @param function  what to call
/// @param drop      called with data if the token goes without having fired, on the stack of
///                  whoever releases it; may be NULL
/// @param data      handed to both; on a failure, and after strand_cancel_off(), the caller's
/// @param out       for strand_cancel_off(); may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: function is NULL, or the token never was;
///         STRAND_ERR_STALE: the token is gone;
///         STRAND_ERR_LIMIT: as many hooks as a handle allows;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_cancel_on(
    token: strand_cancel,
    function: strand_cancel_fn,
    drop: strand_cancel_drop,
    data: *mut c_void,
    out: *mut strand_cancel_hook,
) -> strand_status {
    guard(|| {
        let function = check::callback(function, "strand_cancel_on", "function")?;
        let hook = tokens::on(token, &Call { function, drop, data })?;
        if !out.is_null() {
            // SAFETY: writable, by the caller's promise.
            unsafe { out.write(hook) };
        }
        Ok(())
    })
}

/// Takes a hook back.
///
/// @param hook  from strand_cancel_on()
/// @return STRAND_OK: it was not called and never will be; its data is the caller's again;
///         STRAND_ERR_ALREADY: it was called and has returned, was taken back before, or went with
///         its token;
///         STRAND_ERR_BUSY: it is being called at this moment (perhaps by the caller);
///         STRAND_ERR_INVALID: it never was;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_cancel_off(hook: strand_cancel_hook) -> strand_status {
    guard(|| tokens::off(hook))
}

/// Takes one more reference.
///
/// @param token  the token
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: the token never was;
///         STRAND_ERR_STALE: the token is gone;
///         STRAND_ERR_LIMIT: too many references;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_cancel_retain(token: strand_cancel) -> strand_status {
    guard(|| tokens::retain(token))
}

/// Gives a reference back. With the last one the handle is stale, and who waits for the token gets
/// STRAND_ERR_CLOSED. Strands that are bound to it stay bound, and tokens below it stay below.
///
/// @param token  the token
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: the token never was;
///         STRAND_ERR_STALE: no reference was left;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_cancel_release(token: strand_cancel) -> strand_status {
    guard(|| tokens::release(token))
}

/// The token that the calling strand is bound to, with a reference for the caller.
///
/// @param out  the token; 0 when there is none
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL;
///         STRAND_ERR_LIMIT: too many references;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_cancel_current(out: *mut strand_cancel) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_cancel_current", "out")?;
        let token = tokens::current()?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(token) };
        Ok(())
    })
}

/// Whether the calling strand is asked to end, shielded or not. Not a suspension point.
///
/// @param reason  why, if it is: the first reason. 0 for a strand that was spawned without options
///                and cancelled before it ran. May be NULL.
/// @return STRAND_OK: it is not;
///         STRAND_ERR_CANCELLED: it is, and the reason is written;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_cancel_requested(reason: *mut u64) -> strand_status {
    guard(|| {
        let Some(why) = strands::cancel_requested()? else { return Ok(()) };
        if !reason.is_null() {
            // SAFETY: writable, by the caller's promise.
            unsafe { reason.write(why) };
        }
        Err(Status::CANCELLED)
    })
}

/// Cancels one strand, without a token. One that was not started yet (STRAND_SPAWN_DORMANT) never
/// will be: it ends at once and its argument is dropped.
///
/// @param id      the strand; also the calling one
/// @param reason  the program's own, below STRAND_CANCEL_RUNTIME
/// @return STRAND_OK: it is cancelled, now or before; the first reason stays;
///         STRAND_ERR_STALE: it has ended;
///         STRAND_ERR_INVALID: id names no strand and never did, or the reason is one of the
///         runtime's own;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_cancel_strand(id: strand_id, reason: u64) -> strand_status {
    guard(|| {
        tokens::check_reason(reason)?;
        strands::cancel_strand(id, reason)
    })
}

/// Begins a shield: until its end the calling strand is not told that it is cancelled. Shields
/// nest. On-exit functions run under one.
///
/// @return STRAND_OK;
///         STRAND_ERR_LIMIT: 65,535 are open;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_shield_begin() -> strand_status {
    guard(strands::shield_begin)
}

/// Ends a shield. After the last one the next call that could suspend says STRAND_ERR_CANCELLED,
/// if the strand was cancelled.
///
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: none is open;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_shield_end() -> strand_status {
    guard(strands::shield_end)
}
