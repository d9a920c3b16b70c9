// SPDX-License-Identifier: MIT OR Apache-2.0
//! What strands, and those who have their handles, may ask for.

use core::ffi::{c_int, c_void};
use core::fmt::Write;

use super::entry;
use crate::base::status::{Outcome, Status};
use crate::engine::outside::{self, State};
use crate::engine::parallel::{self, Parallel, worker};
use crate::engine::{self, touched, world};
use crate::strand::body::Body;
use crate::strand::head::{self, Head};
use crate::strand::message::{Text, fail};
use crate::strand::waiter::WaitKind;
use crate::strand::{identity, locals, on_exit, poll};
use crate::task::scope;
use crate::time::{clock, sleep as sleeping};
use crate::wait::block::{self, FOREVER, NO_WAIT};
use crate::wait::end::Join;
use crate::wait::{cancel, end, park as parking};
/// Counts an OS thread in.
pub(super) fn enter() -> Outcome<outside::Call> {
    outside::enter()
}

pub(super) fn find(engine: &Parallel, id: u64) -> Outcome<(&'static Head, u64)> {
    head::lookup(&engine.strands, id).or_else(|status| explain(id, status))
}

#[cold]
pub(super) fn explain<T>(id: u64, status: Status) -> Outcome<T> {
    match status {
        Status::INVALID => fail(status, format_args!("{id:#x} is not the handle of a strand that was ever spawned")),
        other => Err(other),
    }
}

/// Cancels one strand, for a reason.
pub fn cancel_strand(id: u64, reason: u64) -> Outcome<()> {
    let _call = super::count::enter_anywhere()?;
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    engine::touch(touched::EVERYTHING);
    let (head, generation) = find(engine, id)?;
    if cancel::cancel(head, Some(generation), reason, end::finish_dormant) {
        scope::cancel_open(head, generation, reason);
        return Ok(());
    }
    // Why it is not that strand any more, or not yet.
    head::compare(head, generation).or_else(|status| explain(id, status))
}

/// Whether the running strand is asked to end, shielded or not: why.
pub fn cancel_requested() -> Outcome<Option<u64>> {
    Ok(cancel::reason_of(on_strand()?))
}

/// Begins a shield of the running strand.
pub fn shield_begin() -> Outcome<()> {
    cancel::shield(on_strand()?).or_else(|status| fail(status, format_args!("too many shields are open")))
}

/// Ends it.
pub fn shield_end() -> Outcome<()> {
    cancel::unshield(on_strand()?)
        .or_else(|status| fail(status, format_args!("no shield is open: an end without its begin")))
}

/// The running strand's handle; 0 off-strand.
#[inline]
pub fn current() -> u64 {
    identity::current().map_or(0, |body| head::handle_of(body.head()))
}

/// The body of the running strand, or why there is none.
#[inline]
pub(super) fn on_strand() -> Outcome<&'static Body> {
    match identity::current() {
        Some(body) => Ok(body),
        None => off_strand(),
    }
}

#[cold]
fn off_strand() -> Outcome<&'static Body> {
    match outside::state() {
        State::Forked => Err(Status::FORKED),
        State::Down => Err(Status::NOT_INITIALISED),
        _ => fail(Status::NOT_ON_STRAND, format_args!("only a strand may call this; this is an OS thread")),
    }
}

/// Gives the turn away.
#[inline(always)]
pub fn yield_now() -> Outcome<()> {
    let body = match identity::current() {
        Some(body) => body,
        None => return yield_thread(),
    };
    cancel::before_yielding(body)?;
    // SAFETY: the running strand's body; no lock is held.
    unsafe { engine::yield_now(body) };
    Ok(())
}

#[cold]
fn yield_thread() -> Outcome<()> {
    match outside::state() {
        State::Forked => Err(Status::FORKED),
        State::Down => Err(Status::NOT_INITIALISED),
        _ => {
            outside::refuse_on_worker()?;
            std::thread::yield_now();
            Ok(())
        }
    }
}

/// Attends to cancellation and gives the turn away when asked to.
#[inline]
pub fn checkpoint() -> Outcome<()> {
    if !poll::is_raised(u32::MAX) {
        return Ok(());
    }
    attend()
}

#[cold]
fn attend() -> Outcome<()> {
    let Some(body) = identity::current() else { return Ok(()) };
    if worker::of(body).region.is_of(body) {
        // It counts as stopped, and its worker has been replaced.
        return Ok(());
    }
    if poll::is_raised(poll::STOP) {
        if world::is_of(body) {
            return Ok(());
        }
        // Also a strand that does not look at the status: it would keep the world from stopping.
        // SAFETY: the running strand's body; no lock is held.
        unsafe { engine::checkpoint(body) };
    }
    cancel::before_yielding(body)?;
    // SAFETY: the running strand's body; no lock is held.
    unsafe { engine::checkpoint(body) };
    Ok(())
}

/// Waits for the end of a strand.
#[inline]
pub fn join(id: u64, deadline: i64) -> Outcome<()> {
    let call = match identity::current() {
        Some(body) => {
            if deadline != NO_WAIT {
                cancel::before_waiting(body)?;
            }
            if head::handle_of(body.head()) == id {
                return join_self();
            }
            None
        }
        None => Some(enter()?),
    };
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    engine::touch(id);
    let join = match Join::of(&engine.strands, id) {
        Ok(join) => join,
        Err(Status::STALE) => return Ok(()),
        Err(status) => return explain(id, status),
    };
    let status = block::wait(&join, WaitKind::Join, id, deadline);
    // A strand's wait without a deadline is won by its end alone, which wakes it last.
    if status == Status::OK && (deadline != FOREVER || call.is_some()) {
        join.until_told();
    }
    drop(call);
    if status == Status::OK { Ok(()) } else { Err(status) }
}

#[cold]
fn join_self() -> Outcome<()> {
    fail(Status::INVALID, format_args!("a strand cannot wait for its own end"))
}

/// Sleeps.
pub fn sleep(nanoseconds: i64) -> Outcome<()> {
    if nanoseconds <= 0 {
        return yield_now();
    }
    sleep_for_long(|| clock::after(nanoseconds))
}

/// Sleeps until a deadline.
pub fn sleep_until(deadline: i64) -> Outcome<()> {
    if deadline != FOREVER && deadline <= clock::now() {
        return yield_now();
    }
    sleep_for_long(|| deadline)
}

/// The deadline is asked for once the caller has come in.
fn sleep_for_long(deadline: impl FnOnce() -> i64) -> Outcome<()> {
    let _call = match identity::current() {
        Some(body) => {
            cancel::before_yielding(body)?;
            None
        }
        None => {
            outside::refuse_on_worker()?;
            Some(enter()?)
        }
    };
    match sleeping::sleep_until(deadline()) {
        Status::OK => Ok(()),
        status => Err(status),
    }
}

/// Ends the running strand with a fault; off-strand the process, with the fatal hook. `here` is an address in the frame
/// of the call; a backtrace begins with its caller.
///
/// # Safety
/// Nothing on the strand's frames is needed any more.
pub unsafe fn fail_strand(code: Status, text: &[u8], here: usize) {
    match identity::current() {
        Some(body) => entry::fail_running(body, code, text, here),
        None => crate::strand::fault::die(format_args!(
            "libstrand: strand_fail was called outside a strand: {}",
            crate::strand::fault::Lossy(text)
        )),
    }
}

/// Ends the running strand without a fault; an error off-strand.
///
/// # Safety
/// Nothing on the strand's frames is needed any more.
pub unsafe fn exit_strand(result: *mut c_void) -> Outcome<()> {
    entry::exit_running(on_strand()?, result);
    Ok(())
}

/// The message of a false assertion.
pub fn false_assertion(what: &[u8]) -> Text<496> {
    let mut text = Text::new();
    let what = crate::strand::fault::Lossy(what);
    let _ = write!(text, "assertion failed: {what}");
    text
}

/// Registers an on-exit hook.
///
/// # Safety
/// The function and its data are what the program wants to run.
pub unsafe fn on_exit(function: extern "C" fn(*mut c_void), data: *mut c_void) -> Outcome<()> {
    match on_exit::push(on_strand()?, function, data) {
        Ok(()) => Ok(()),
        Err(status) => fail(status, format_args!("no memory for an on-exit hook")),
    }
}

/// Makes a key for strand locals.
pub fn local_new(drop: Option<extern "C" fn(*mut c_void)>, flags: u32) -> Outcome<u32> {
    let _call = super::count::enter_anywhere()?;
    match locals::new_key(drop, flags) {
        Ok(key) => Ok(key),
        Err(status) => fail(status, format_args!("all {} keys for strand locals are in use", locals::KEYS_MAX)),
    }
}

/// Sets a strand local.
pub fn local_set(key: u32, value: *mut c_void) -> Outcome<()> {
    match locals::set(on_strand()?, key, value) {
        Ok(()) => Ok(()),
        Err(Status::INVALID) => fail(Status::INVALID, format_args!("{key} is not a key for strand locals")),
        Err(status) => fail(status, format_args!("no memory for the locals of a strand")),
    }
}

/// Reads a strand local; null off-strand.
pub fn local_get(key: u32) -> *mut c_void {
    identity::current().map_or(core::ptr::null_mut(), |body| locals::get(body, key))
}

/// Begins a wait that an unpark ends.
pub fn park_begin() -> Outcome<u64> {
    parking::begin(on_strand()?)
}

/// Waits for the unpark.
pub fn park(token: u64, deadline: i64) -> Outcome<u64> {
    let body = on_strand()?;
    if deadline != NO_WAIT {
        cancel::before_waiting(body)?;
    }
    engine::touch(token);
    parking::park(body, token, deadline).or_else(|status| explain_token(token, status))
}

/// Ends a wait.
pub fn unpark(token: u64, value: u64) -> Outcome<()> {
    let _call = if identity::current().is_some() { None } else { Some(enter()?) };
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    engine::touch(token);
    parking::unpark(&engine.strands, token, value).or_else(|status| explain_token(token, status))
}

#[cold]
fn explain_token<T>(token: u64, status: Status) -> Outcome<T> {
    match status {
        Status::INVALID => fail(status, format_args!("{token:#x} is not a token of this strand, or was never issued")),
        other => Err(other),
    }
}

/// Where errno of the running thread lies. It is the strand's until the next call that may switch.
#[inline(never)]
pub fn errno_location() -> *mut c_int {
    // SAFETY: always valid to call.
    unsafe { libc::__errno_location() }
}
