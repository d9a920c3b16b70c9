// SPDX-License-Identifier: MIT OR Apache-2.0
//! Timers
//!
//! A timer expires at a time, once or again and again. Each expiration is a message to its channel,
//! if it has one and there is room; every other expiration is counted, and strand_timer_wait()
//! collects the count. So there are two ways to use one: with a channel, which a strand_select() can
//! wait for beside other things (what is counted are then the messages that found no room); or
//! without, and then a strand_timer_wait() in a loop is a ticker.
//!
//! A timer never expires early. With a period it expires at the first deadline and at that time plus
//! once, twice, three times the period and so on, however late the one before was: it does not drift.
//! Where several of these times have passed at once, one is a message and the others are counted.
//!
//! A deadline of a single call needs no timer: every call that waits takes one. Timers do not hold
//! up the end of strand_scheduler_run(), and an armed one stands in the way of STRAND_ERR_DEADLOCK
//! only where somebody waits for it, or to receive from its channel: an expiration that nobody waits
//! for wakes nobody. A shutdown stops them all.

use super::channel::strand_chan;
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;
use crate::sync::timer;

/// A timer, until it is released.
pub type strand_timer = u64;

/// Makes a timer, which is not armed. It takes no reference of the channel: when it expires and the
/// channel is closed or gone, it is stopped, and the expiration is counted. The message is the value as
/// it is: no transfer function is called, but the channel's drop function gets it like any other that
/// nobody receives.
///
/// @param chan   where expirations go: a channel of 8-byte elements with room for one or more. One
///               that is STRAND_UNBOUNDED may have to grow; where memory is short the expiration is
///               counted instead. 0: they are counted only
/// @param value  the message
/// @param out    the timer
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, chan names no channel, its elements have another size, or
///         it has no room;
///         STRAND_ERR_STALE: the channel was released;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_LIMIT;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_timer_new(chan: strand_chan, value: u64, out: *mut strand_timer) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_timer_new", "out")?;
        let made = timer::create(chan, value)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made) };
        Ok(())
    })
}

/// Arms a timer; one that is armed already is set to the new times instead. What was counted
/// before is forgotten; a message that was sent before stays in the channel, and no further one of the
/// earlier times comes once this call has returned.
///
/// @param timer     the timer
/// @param deadline  when it expires, a time as from strand_after(); one that has passed is at once
/// @param period    nanoseconds from then to the next expiration, and so on; 0: it expires once
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: timer names none and never did, deadline is no time (less than 1), or
///         period is negative;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_LIMIT: no thread could be started to keep the time;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_timer_start(timer: strand_timer, deadline: i64, period: i64) -> strand_status {
    guard(|| {
        check_times(deadline, period)?;
        timer::start(timer, deadline, period)
    })
}

fn check_times(deadline: i64, period: i64) -> Outcome<()> {
    if deadline <= 0 {
        return fail(
            Status::INVALID,
            format_args!("strand_timer_start: the deadline {deadline} is no time; strand_after() makes one"),
        );
    }
    if period < 0 {
        return fail(Status::INVALID, format_args!("strand_timer_start: the period {period} is negative"));
    }
    Ok(())
}

/// Disarms a timer: once this call has returned no message of it comes any more. Either it says
/// STRAND_OK and the expiration that was next will not be, or STRAND_ERR_ALREADY and the last one
/// has been: its message is in the channel or was received, or it is counted. What is counted can still
/// be collected, and the timer can be started again.
///
/// @param timer  the timer
/// @return STRAND_OK: it was armed;
///         STRAND_ERR_ALREADY: it was not;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_INVALID: timer names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_timer_stop(timer: strand_timer) -> strand_status {
    guard(|| timer::stop(timer))
}

/// Waits until an expiration is counted, and collects all that are: those that no channel took since
/// the last strand_timer_wait() or strand_timer_start(). Of several who wait the first one gets them. A
/// timer that is not armed is waited for too, since somebody may start it.
///
/// @param timer     the timer
/// @param deadline  see strand_after()
/// @param count     how many expirations there were, at least 1; may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: none was counted in time;
///         STRAND_ERR_CLOSED: the timer was released meanwhile;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_INVALID: timer names none and never did, or the deadline is below -1;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down meanwhile;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_timer_wait(timer: strand_timer, deadline: i64, count: *mut u64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_timer_wait")?;
        let collected = timer::wait(timer, deadline)?;
        if !count.is_null() {
            // SAFETY: writable, by the caller's promise.
            unsafe { count.write(collected) };
        }
        Ok(())
    })
}

/// Stops a timer and gives it up. Those who wait for it get STRAND_ERR_CLOSED, calls that begin
/// afterwards STRAND_ERR_STALE. The channel stays as it is.
///
/// @param timer  the timer
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_INVALID: timer names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_timer_release(timer: strand_timer) -> strand_status {
    guard(|| timer::release(timer))
}
