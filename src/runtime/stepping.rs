// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host that drives the stepped engine itself, step by step; and its last steps at shutdown.

use super::count;
use crate::base::status::{Outcome, Status};
use crate::base::sys;
use crate::engine::clock;
use crate::engine::outside;
use crate::engine::parallel::{self, Parallel};
use crate::engine::stepped::{LastStep, Reason, Round, Seat, Stepped};
use crate::strand::identity;
use crate::strand::message::fail;
use crate::wait::block::FOREVER;

/// How things stand after some steps. The numbers are those of the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Standing {
    /// Work is left.
    Continue = 0,
    /// No counted strand is left.
    AllDone = 1,
    /// Nothing can run before somebody outside acts, or a moment of the real clock comes.
    Idle = 2,
    /// Counted strands are left, and nothing can ever run again.
    Deadlock = 3,
    /// The last step ended its strand with a fault.
    Fault = 4,
}

/// What came of some steps.
pub struct Steps {
    /// How things stand.
    pub standing: Standing,
    /// Steps made by this call.
    pub made: u64,
    /// Steps made since init.
    pub total: u64,
    /// The last step there was.
    pub last: LastStep,
}

/// Makes up to `most` steps.
pub fn step(most: u64) -> Outcome<Steps> {
    if identity::current().is_some() {
        return fail(Status::INVALID, format_args!("strand_scheduler_step is for OS threads; this is a strand"));
    }
    if most == 0 {
        return fail(Status::INVALID, format_args!("max_steps is 0: it must be at least 1"));
    }
    outside::refuse_on_worker()?;
    let call = outside::enter()?;
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    let Some(stepped) = engine.stepped() else {
        return fail(
            Status::UNSUPPORTED,
            format_args!("only the stepped engine is stepped; this runtime was initialised with another"),
        );
    };
    let Some(seat) = Seat::take(stepped, &engine.workers()[0]) else { return busy() };
    let (standing, made) = outside::asleep_behind_the_gate(|| some_steps(engine, stepped, &seat, most));
    if stepped.is_halted() {
        return stepped.refuse();
    }
    let steps = Steps { standing, made, total: stepped.steps(), last: stepped.last_step() };
    drop(seat);
    drop(call);
    Ok(steps)
}

/// Somebody else drives already.
#[cold]
pub fn busy<T>() -> Outcome<T> {
    fail(Status::BUSY, format_args!("another OS thread is running or stepping this runtime: one at a time"))
}

fn some_steps(engine: &Parallel, stepped: &Stepped, seat: &Seat<'_>, most: u64) -> (Standing, u64) {
    let mut made = 0;
    loop {
        if !count::somebody_is_left(engine) {
            return (Standing::AllDone, made);
        }
        if made == most {
            return (Standing::Continue, made);
        }
        if !stepped.may_step() || stepped.is_halted() {
            return (Standing::Idle, made);
        }
        match stepped.round(seat) {
            Round::Ran => {
                made += 1;
                if stepped.last_step().reason == Reason::Failed {
                    return (Standing::Fault, made);
                }
            }
            Round::Fired => {}
            Round::Idle { .. } => return (Standing::Idle, made),
            Round::Stuck => {
                count::quiet(true);
                if stepped.is_quiescent() {
                    stepped.tell_stuck();
                    return (Standing::Deadlock, made);
                }
            }
        }
        if made < most && count::somebody_is_left(engine) {
            let _ = stepped.let_others_in();
        }
    }
}

/// Runs strands that were told to end, at shutdown, until `done`. False when the deadline has passed, or when nothing
/// more can happen. The caller holds the gate.
pub fn drive_to_the_end(engine: &'static Parallel, stepped: &Stepped, deadline: i64, done: &dyn Fn() -> bool) -> bool {
    const PAUSE: i64 = 1_000_000;
    // A virtual clock stands still while a strand that ignores its cancel goes on and on: the time that was left counts.
    let patience = if deadline == FOREVER { i64::MAX } else { deadline.saturating_sub(clock::shown()).max(0) };
    let began = sys::monotonic();
    loop {
        if done() {
            return true;
        }
        if deadline != FOREVER && (clock::shown() >= deadline || sys::monotonic() - began >= patience) {
            return false;
        }
        let round = Seat::take(stepped, &engine.workers()[0]).map(|seat| stepped.round(&seat));
        match round {
            Some(Round::Ran | Round::Fired) => _ = stepped.let_others_in(),
            Some(Round::Stuck | Round::Idle { until: None }) if outside::inside() == 0 && outside::away() == 0 => {
                return done();
            }
            _ => stepped.sleep_behind_the_gate(Some(sys::monotonic() + PAUSE)),
        }
    }
}
