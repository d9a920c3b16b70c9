// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scopes
//!
//! A scope holds strands and tasks together: its children never outlive it. Whoever opens one, a
//! strand or a thread, is its opener, and alone may join it, ask who is next, and leave it; anybody
//! who has the handle may spawn into it and cancel it, its children too. Scopes of one opener nest:
//! the innermost is left first.
//!
//! A scope has a token in the cancel tree. Cancelling the scope, its deadline, and whatever cancels
//! the opener or an enclosing scope fire it, and with it every descendant; the earliest deadline of
//! the scopes around counts. It reaches the children, not the opener, whose calls go on as before
//! (as with Java's StructuredTaskScope and Go's errgroup). A cancelled scope takes no more
//! children. A scope that is opened under a shield is not reached by what the shield holds off, so
//! that cleaning up may have children.
//!
//! A strand that ends with scopes open has them closed first: they are cancelled, and its end
//! comes when their children are gone. A failure that it was not told of is in the report of
//! strand_scheduler_run(). What an OS thread leaves open stays so until the shutdown.

use super::cancel::strand_cancel;
use super::sized::{self, Sized32};
use super::status::strand_status;
use super::task::{outcome_of, strand_outcome, strand_scope};
use super::{check, guard};
use crate::base::status::Status;
use crate::runtime::{scopes, tokens};
use crate::strand::message::fail;

/// strand_scope_exit() cancels the children and waits for their end, instead of waiting for what
/// they do.
pub const STRAND_SCOPE_CANCEL_ON_EXIT: u32 = 1;
/// Children that have ended are kept for strand_scope_next(). Each takes some memory until then.
pub const STRAND_SCOPE_COLLECT: u32 = 2;

const KNOWN_FLAGS: u32 = STRAND_SCOPE_CANCEL_ON_EXIT | STRAND_SCOPE_COLLECT;

/// How a scope is opened: 0 in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_scope_options {
    /// sizeof(strand_scope_options)
    pub size: u32,
    /// STRAND_SCOPE_ bits.
    pub flags: u32,
    /// What the failure of a child does, a strand's fault or the failure of a task:
    /// STRAND_FAULT_ISOLATE (0): nothing to the others, and 0 leaves it to fault_policy of the
    /// configuration; STRAND_FAULT_FAIL_SCOPE: the first one cancels the scope, and its opener is
    /// told by STRAND_ERR_FAILED; STRAND_FAULT_ABORT: the process ends.
    pub fault_policy: u32,
    /// 0
    pub reserved: u32,
    /// When the scope is cancelled by itself, with STRAND_CANCEL_DEADLINE; see strand_after(). 0
    /// or STRAND_FOREVER: never.
    pub deadline: i64,
    /// A token that cancels the scope too, besides whatever encloses it; 0 for none.
    pub cancel: strand_cancel,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is 0 in every field.
unsafe impl Sized32 for strand_scope_options {
    const NAME: &'static str = "strand_scope_options";
}

/// Opens a scope. Its parent is the innermost scope that the caller has open, or else the scope or
/// token that the calling strand was spawned with.
///
/// @param options  NULL: all defaults
/// @param out      the scope. It is for strand_task_spawn() and for the scope of
///                 strand_spawn_options, strand_task_options and strand_promise_options.
/// @return STRAND_OK; also below what is cancelled: then the scope is cancelled;
///         STRAND_ERR_INVALID: out is NULL, an option has no such value, the deadline is below -1, or
///         the token never was;
///         STRAND_ERR_STALE: the token is gone;
///         STRAND_ERR_LIMIT: as many scopes as a handle allows;
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
pub unsafe extern "C" fn strand_scope_open(
    options: *const strand_scope_options,
    out: *mut strand_scope,
) -> strand_status {
    guard(|| {
        let function = "strand_scope_open";
        check::pointer(out, function, "out")?;
        let (mut flags, mut policy, mut deadline, mut cancel) = (0, 0, 0, 0);
        if !options.is_null() {
            // SAFETY: a struct as its size says, by the caller's promise.
            let options = unsafe { sized::read(options, function) }?;
            check::flags(options.flags, KNOWN_FLAGS, function)?;
            check::zero(options.reserved.into(), function, "reserved")?;
            check::deadline(options.deadline, function)?;
            if options.fault_policy > super::config::STRAND_FAULT_ABORT {
                return fail(
                    Status::INVALID,
                    format_args!("{function}: there is no fault_policy {}", options.fault_policy),
                );
            }
            (flags, policy) = (options.flags, options.fault_policy);
            (deadline, cancel) = (options.deadline, options.cancel);
        }
        let scope = scopes::open(flags, policy, deadline, cancel)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(scope) };
        Ok(())
    })
}

/// Waits until all children have ended, those that they spawn into the scope included. The scope
/// stays open: more may be spawned, unless it was cancelled.
///
/// @param scope     the scope
/// @param deadline  of the wait, not of the scope; see strand_after()
/// @return STRAND_OK: none is left, and nothing was cancelled;
///         STRAND_ERR_FAILED: none is left; a child has failed, and FAIL_SCOPE cancelled the others:
///         the message is about the first;
///         STRAND_ERR_CANCELLED: none is left, and the scope was cancelled; or the caller is asked to
///         end, and there may be children still: strand_cancel_requested() tells;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: some are left;
///         STRAND_ERR_INVALID: the caller is not the opener, the scope never was, or the deadline is
///         below -1;
///         STRAND_ERR_STALE: the scope was left;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_scope_join(scope: strand_scope, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_scope_join")?;
        scopes::join(scope, deadline)
    })
}

/// Waits for the next child to end and says which one it was, in the order of their ends. Only in a
/// scope that was opened with STRAND_SCOPE_COLLECT.
///
/// Whoever has seen that a child has ended, by a join, an await, its outcome, a select or a monitor,
/// finds it told here without a wait; and what is told here has ended: it is joined, or its value
/// taken, without a wait. One exception: in a scope with STRAND_FAULT_FAIL_SCOPE a task that fails is
/// told once the others are cancelled, a moment after its outcome can be seen. The last child that
/// was told may be counted a moment longer: STRAND_ERR_EMPTY comes when it is gone, and until then a
/// call that does not wait gets STRAND_ERR_WOULD_BLOCK.
///
/// @param scope     the scope
/// @param deadline  see strand_after()
/// @param child     a strand_id, or a strand_task with a reference that is the caller's from now on
/// @param outcome   how it ended; may be NULL. A strand has STRAND_SUCCEEDED, STRAND_FAILED with the
///                  code, or STRAND_CANCELLED when it never ran.
/// @return STRAND_OK;
///         STRAND_ERR_EMPTY: there are no children, and all that have ended were told;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: no further one has ended in time;
///         STRAND_ERR_CANCELLED: the caller is asked to end;
///         STRAND_ERR_INVALID: child is NULL, outcome has no such size, the caller is not the opener,
///         the scope keeps no children or never was, or the deadline is below -1;
///         STRAND_ERR_STALE: the scope was left;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_scope_next(
    scope: strand_scope,
    deadline: i64,
    child: *mut u64,
    outcome: *mut strand_outcome,
) -> strand_status {
    guard(|| {
        let function = "strand_scope_next";
        check::pointer(child, function, "child")?;
        check::deadline(deadline, function)?;
        if !outcome.is_null() {
            // SAFETY: a struct as its size says, by the caller's promise.
            unsafe { sized::check(outcome, function) }?;
        }
        let (id, ended) = scopes::next(scope, deadline, !outcome.is_null())?;
        // SAFETY: writable, by the caller's promise.
        unsafe { child.write(id) };
        if outcome.is_null() {
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { sized::write(outcome, &outcome_of(&ended, 0), function) }
    })
}

/// Cancels a scope: its children, all their descendants, and whoever would be spawned later.
///
/// @param scope   the scope
/// @param reason  the program's own, below STRAND_CANCEL_RUNTIME. The first one stays.
/// @return STRAND_OK: it is cancelled, now or before;
///         STRAND_ERR_INVALID: the scope never was, or the reason is one of the runtime's own;
///         STRAND_ERR_STALE: the scope was left;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_scope_cancel(scope: strand_scope, reason: u64) -> strand_status {
    guard(|| {
        tokens::check_reason(reason)?;
        scopes::cancel(scope, reason)
    })
}

/// Leaves a scope at the end of the code that it belongs to: waits until all children have ended
/// (with STRAND_SCOPE_CANCEL_ON_EXIT it cancels them first) and ends the scope, whose handle is
/// stale from then on. It never returns while a child lives, also when the caller is cancelled:
/// that has cancelled the children too.
///
/// @param scope  the innermost scope that the caller has open
/// @return STRAND_OK;
///         STRAND_ERR_FAILED: the scope has ended; a child had failed, as in strand_scope_join();
///         STRAND_ERR_CANCELLED: the scope has ended; it had been cancelled by other than this call.
///         On a thread also: the runtime is shut down, and the scope with it;
///         STRAND_ERR_INVALID: nothing has happened: the caller is not the opener, a scope opened
///         later is still open, or the scope never was;
///         STRAND_ERR_STALE: it was left before;
///         STRAND_ERR_DEADLOCK: on a thread, with the stepped engine: children wait for ever;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_scope_exit(scope: strand_scope) -> strand_status {
    guard(|| scopes::exit(scope))
}

/// Closes a scope: cancels everything in it first, with STRAND_CANCEL_SCOPE_CLOSED, then waits
/// until all of it has ended, and ends the scope. It never returns while a child lives, also when
/// the caller is cancelled.
///
/// @param scope  the innermost scope that the caller has open
/// @return STRAND_OK;
///         STRAND_ERR_FAILED: the scope has ended; a child had failed, as in strand_scope_join();
///         STRAND_ERR_CANCELLED: on a thread: the runtime is shut down, and the scope with it;
///         STRAND_ERR_INVALID, STRAND_ERR_STALE, STRAND_ERR_DEADLOCK: as strand_scope_exit();
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_scope_close(scope: strand_scope) -> strand_status {
    guard(|| scopes::close(scope))
}

/// The scope's token, with a reference for the caller: to wait for the cancellation of the scope, to
/// have a function called then, or to ask for the reason.
///
/// @param scope  the scope
/// @param out    the token
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, or the scope never was;
///         STRAND_ERR_STALE: the scope was left;
///         STRAND_ERR_LIMIT: too many references;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_scope_token(scope: strand_scope, out: *mut strand_cancel) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_scope_token", "out")?;
        let token = scopes::token(scope)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(token) };
        Ok(())
    })
}
