// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stopping and resuming the world, from a strand or from an OS thread.
//!
//! Parallel: raise the poll word, so that running strands give way at their next checkpoint or call that may wait; ask
//! every worker to rest at its next pick; wait until all rest and no OS thread is active inside a call. Stepped: there
//! is one thread, and who holds the gate is alone; an OS thread just keeps the gate.

use std::sync::{Mutex, PoisonError};

use crate::base::status::{Outcome, Status};
use crate::base::sys;
use crate::engine::outside::{self, Call, State};
use crate::engine::parallel::{self, Parallel, worker};
use crate::engine::{self, clock, world};
use crate::io::pool as offload_pool;
use crate::strand::body::Body;
use crate::strand::message::fail;
use crate::strand::{identity, log, poll};
use crate::wait::block::{FOREVER, NO_WAIT};
use crate::wait::cancel::{self, Raised};

/// How long who stops the world sleeps at most before it asks again, in nanoseconds.
const PATIENCE: i64 = 1_000_000;

/// What a stopped world needs until it goes on: the slow paths of calls are taken, and nothing is a deadlock.
struct Stopped {
    _slow: Raised,
    keeps_gate: bool,
}

static STOPPED: Mutex<Option<Stopped>> = Mutex::new(None);

fn stopped() -> std::sync::MutexGuard<'static, Option<Stopped>> {
    STOPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the caller has stopped the world, and all of it has come to rest.
pub fn check_stopped(function: &str) -> Outcome<()> {
    if world::is_mine() && stopped().is_some() {
        return Ok(());
    }
    check_up()?;
    fail(Status::INVALID, format_args!("{function}: the world must be stopped by the caller first: strand_world_stop"))
}

fn check_up() -> Outcome<()> {
    match outside::state() {
        State::Forked => Err(Status::FORKED),
        State::Down => Err(Status::NOT_INITIALISED),
        State::Up | State::Stopping => Ok(()),
    }
}

/// What is left of the time that a stop may take.
#[derive(Clone, Copy)]
struct Limit(i64);

impl Limit {
    fn has_passed(self) -> bool {
        self.0 != FOREVER && (self.0 == NO_WAIT || self.0 <= clock::shown())
    }

    /// The moment of the next look.
    fn next_look(self) -> i64 {
        let soon = sys::monotonic() + PATIENCE;
        if self.0 == FOREVER { soon } else { soon.min(self.0) }
    }

    fn refuse<T>(self) -> Outcome<T> {
        Err(if self.0 == NO_WAIT { Status::WOULD_BLOCK } else { Status::TIMEOUT })
    }
}

/// Stops the world. TIMEOUT, WOULD_BLOCK: it goes on as if nothing had been.
pub fn stop(deadline: i64) -> Outcome<()> {
    let limit = Limit(deadline);
    if world::is_mine() {
        return fail(Status::ALREADY, format_args!("the caller has stopped the world before"));
    }
    match identity::current() {
        Some(body) => stop_on_strand(body, limit),
        None => stop_on_thread(limit),
    }
}

fn stop_on_strand(body: &'static Body, limit: Limit) -> Outcome<()> {
    cancel::refuse_in_region(body)?;
    let engine = worker::of(body).engine();
    refuse_may(engine)?;
    while !world::seize(Some(body)) {
        if limit.has_passed() {
            return limit.refuse();
        }
        // Somebody else stops it: this strand comes to rest as at a checkpoint. SAFETY: the running strand's body; no
        // lock is held.
        unsafe { engine::checkpoint(body) };
    }
    // One that was resumed elsewhere meanwhile: its worker is the one that it runs on now.
    let worker = worker::of(body);
    prepare(false);
    if engine.stepped().is_some() || come_to_rest(engine, Some(worker.index), 0, limit) {
        // Should this strand end or wait all the same, its worker finds out at its next pick.
        worker.ask_to_rest();
        return Ok(());
    }
    go_on();
    limit.refuse()
}

fn stop_on_thread(limit: Limit) -> Outcome<()> {
    outside::refuse_on_worker()?;
    if outside::is_nested() {
        return fail(Status::WOULD_SWITCH, format_args!("a callback inside of a call may not stop the world"));
    }
    let call = loop {
        let entered = outside::try_enter()?;
        if entered.is_some() {
            refuse_may(parallel::engine().ok_or(Status::NOT_INITIALISED)?)?;
        }
        if let Some(call) = entered
            && world::seize(None)
        {
            break call;
        }
        if limit.has_passed() {
            return limit.refuse();
        }
        world::wait_for_go_until(limit.next_look());
    };
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    prepare(engine.stepped().is_some());
    if engine.stepped().is_some() {
        return keep_gate(call);
    }
    if come_to_rest(engine, None, 1, limit) {
        return Ok(());
    }
    go_on();
    limit.refuse()
}

/// Whose workers are not ours cannot be asked to rest.
fn refuse_may(engine: &Parallel) -> Outcome<()> {
    if engine.may().is_none() {
        return Ok(());
    }
    fail(
        Status::UNSUPPORTED,
        format_args!("the world cannot be stopped on the may engine, whose threads are those of may"),
    )
}

fn keep_gate(call: Call) -> Outcome<()> {
    if call.keep_gate() {
        return Ok(());
    }
    if let Some(stopped) = stopped().as_mut() {
        stopped.keeps_gate = false;
    }
    Ok(())
}

/// From now on whoever runs finds out at its next checkpoint.
fn prepare(keeps_gate: bool) {
    outside::hold();
    *stopped() = Some(Stopped { _slow: Raised::new(), keeps_gate });
    poll::raise(poll::STOP);
    offload_pool::settle();
}

/// Waits until everybody rests, but the worker of the caller, and so many OS threads (the caller) are active.
fn come_to_rest(engine: &Parallel, own: Option<u32>, active: u32, limit: Limit) -> bool {
    loop {
        let seen = world::changes();
        if engine.ask_to_rest(own) && outside::active() == active {
            return true;
        }
        if limit.has_passed() {
            return false;
        }
        world::wait_for_change(seen, limit.next_look());
    }
}

/// The world goes on.
fn go_on() {
    let Some(stopped) = stopped().take() else { return };
    poll::lower(poll::STOP);
    outside::let_go();
    let keeps_gate = stopped.keeps_gate;
    drop(stopped);
    world::release();
    if keeps_gate {
        outside::open_gate();
    }
}

/// Resumes the world that the caller has stopped.
pub fn resume() -> Outcome<()> {
    if !world::is_mine() {
        check_up()?;
        return fail(Status::INVALID, format_args!("the caller has not stopped the world, so it cannot resume it"));
    }
    go_on();
    if identity::current().is_none() && !outside::is_nested() {
        // Nobody may have looked meanwhile.
        outside::look_if_quiet();
    }
    Ok(())
}

/// Upcall of the engine: the strand that has stopped the world has ended or waits.
#[cold]
pub fn lost() {
    log::write(
        log::ERROR,
        format_args!("a strand has stopped the world and then ended or suspended; the world goes on without it"),
    );
    go_on();
}
