// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tickets
//!
//! A ticket stands for something that a device does: a run of a worklist, a buffer that is read. It is
//! pending first, and then has a result, once and for good, which every call answers that asks for it,
//! however late. Strands wait for it without blocking a thread, OS threads block, and a strand_select()
//! waits for it beside messages and timers (STRAND_CASE_TICKET).
//!
//! A pending ticket of an adapter counts as an external hold: a program that waits for one is no
//! deadlock, and a virtual clock stands still meanwhile. On the processor strands do the work, so that
//! there is a deadlock when they wait too. Giving a ticket up does not end what it stands for;
//! cancelling it asks for that. A shutdown cancels all of them.

use super::status::strand_status;
use super::{check, guard};
use crate::gpu::ticket;

/// Names a ticket; below 2^62 and never used again. 0 is no ticket.
pub type strand_ticket = u64;

/// Waits until a ticket has its result, and returns it. What it stands for says which results there are
/// (strand_worklist_dispatch(), strand_buffer_read()); strand_last_error() has its message. The call itself
/// may end with some of these statuses before there is a result: strand_ticket_poll() tells them apart.
///
/// @param ticket    the ticket
/// @param deadline  until when to wait, see strand_after()
/// @return STRAND_OK, or another result of the ticket;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it had none in time;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down meanwhile;
///         STRAND_ERR_DEADLOCK: every strand waits, and nothing is pending that could wake one; for an OS thread
///         on the stepped engine;
///         STRAND_ERR_STALE: it was released; a call that has begun before goes on;
///         STRAND_ERR_INVALID: ticket names none and never did, or the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH: in a callback, and the deadline is not STRAND_NO_WAIT;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_ticket_await(ticket: strand_ticket, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_ticket_await")?;
        ticket::wait(ticket, deadline)
    })
}

/// Looks whether a ticket has its result. Never waits.
///
/// @param ticket  the ticket
/// @param result  the result, on STRAND_OK; may be NULL
/// @return STRAND_OK: there is a result;
///         STRAND_ERR_WOULD_BLOCK: it is pending;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_INVALID: ticket names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_ticket_poll(ticket: strand_ticket, result: *mut strand_status) -> strand_status {
    guard(|| {
        if !result.is_null() {
            check::pointer(result, "strand_ticket_poll", "result")?;
        }
        let status = ticket::poll(ticket)?;
        if !result.is_null() {
            // SAFETY: writable, by the caller's promise.
            unsafe { result.write(status.0) };
        }
        Ok(())
    })
}

/// Asks for the end of what a ticket stands for. It comes soon, at the next place where it can stop, and
/// the result is STRAND_ERR_CANCELLED then; or what it would have been without this, where it was done
/// before. Memory that was handed over, such as that of strand_buffer_read(), is the caller's again when the
/// ticket has its result, not before. Asking again changes nothing.
///
/// @param ticket  the ticket
/// @return STRAND_OK: it was asked for;
///         STRAND_ERR_ALREADY: there is a result;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_INVALID: ticket names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down, which cancels all;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_ticket_cancel(ticket: strand_ticket) -> strand_status {
    guard(|| ticket::cancel(ticket))
}

/// Gives a ticket up. What it stands for goes on to its end, and calls that wait for it get its result;
/// calls that begin afterwards get STRAND_ERR_STALE.
///
/// @param ticket  the ticket
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_INVALID: ticket names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_ticket_release(ticket: strand_ticket) -> strand_status {
    guard(|| ticket::release(ticket))
}
