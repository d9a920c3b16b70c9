// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread that does what may's threads cannot: it fires timers, and it sees to it that work and idle threads meet.
//!
//! A thread of may's that has nothing to do sleeps until somebody outside sends it something, whatever lies in the
//! queues of the others. So while strands are ready and fewer of them run than there are threads, the keeper sends a
//! messenger every millisecond, to one thread after the other; the messenger's thread then steals what it finds. Where
//! a strand runs for long and others are ready, it is asked to give way at its next checkpoint, as on the parallel
//! engine. When nothing is ready and no timer is armed the keeper sleeps without a time limit.

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering, fence};

use super::{BUSY, May, count_out};
use crate::base::status::{Outcome, Status};
use crate::base::sync::monotonic;
use crate::engine::parallel::worker::Worker;
use crate::engine::parallel::{self, NO_TIMER, Parallel, Parker};
use crate::strand::head::Phase;
use crate::strand::poll;

/// Nanoseconds between two looks while anything runs.
const PERIOD: i64 = 1_000_000;
/// Looks in vain before it sleeps until the next timer.
const QUIET_PERIODS: u32 = 8;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// See the module documentation.
pub struct Keeper {
    state: AtomicU32,
    /// When it will look again.
    until: AtomicI64,
    parker: Parker,
}

/// Starts the thread. LIMIT.
pub fn start() -> Outcome<()> {
    if parallel::start_keeper() { Ok(()) } else { Err(Status::LIMIT) }
}

impl Keeper {
    /// Without its thread.
    pub fn new() -> Keeper {
        Keeper { state: AtomicU32::new(AWAKE), until: AtomicI64::new(i64::MIN), parker: Parker::new() }
    }

    /// Something became ready where nothing was.
    pub fn poke(&self) {
        // Pairs with the fence in `sleep`: it sees who is ready, or is seen asleep.
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::Relaxed) == ASLEEP && self.state.swap(AWAKE, Ordering::AcqRel) == ASLEEP {
            self.parker.unpark();
        }
    }

    /// A timer was armed; it lies among the others.
    pub fn armed(&self, deadline: i64) {
        // Pairs with the fence in `sleep`: it sees the timer, or we see how long it means to sleep.
        fence(Ordering::SeqCst);
        if deadline < self.until.load(Ordering::Relaxed) {
            self.parker.unpark();
        }
    }

    /// Wakes the thread so that it sees the engine stop.
    pub fn stop(&self) {
        self.parker.unpark();
    }

    /// The body of the thread.
    pub fn run(&self, may: &May, engine: &'static Parallel) {
        let mut quiet = 0;
        while !may.is_stopping() {
            quiet = if BUSY.load(Ordering::SeqCst) == 0 { quiet + 1 } else { 0 };
            self.sleep(engine, quiet > QUIET_PERIODS);
            if !may.is_stopping() {
                fire(may, engine);
                look(may, engine);
            }
        }
        // Nobody will be there to lower it.
        poll::lower(poll::PREEMPT);
    }

    fn sleep(&self, engine: &'static Parallel, long: bool) {
        let limit = if long { NO_TIMER } else { monotonic() + PERIOD };
        let until = earliest(engine).min(limit);
        self.until.store(until, Ordering::Relaxed);
        if long {
            self.state.store(ASLEEP, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
        let as_seen = earliest(engine) >= until && !(long && BUSY.load(Ordering::Relaxed) != 0);
        if as_seen {
            self.parker.park((until != NO_TIMER).then_some(until));
        }
        self.state.store(AWAKE, Ordering::Relaxed);
        self.until.store(i64::MIN, Ordering::Relaxed);
    }
}

fn earliest(engine: &'static Parallel) -> i64 {
    engine.workers().iter().map(|worker| worker.timers().earliest()).min().unwrap_or(NO_TIMER)
}

/// Fires the timers that are due; their strands become ready. Those that are no strand's may run functions of the program,
/// which belong on a worker's stack: a pump sees to them.
fn fire(may: &May, engine: &'static Parallel) {
    let now = monotonic();
    if earliest(engine) > now {
        return;
    }
    // While a timer is taken out and its strand not yet ready, nothing must look quiet.
    may.count_in();
    for worker in engine.workers() {
        worker.fire_for_others(now, |strand| {
            strand.set_phase(Phase::Ready);
            may.woken_outside(strand);
        });
    }
    may.timers_fired();
    count_out();
}

/// Sees whether a thread sleeps while strands are ready, and whether one runs for too long.
fn look(may: &May, engine: &'static Parallel) {
    let workers = engine.workers();
    workers[0].tell_quiet(false);
    let busy = BUSY.load(Ordering::SeqCst);
    let running = may.0.desks.iter().filter(|desk| desk.is_at_work()).count();
    let waits = busy > running as u64;
    if waits && running < workers.len() {
        may.kick();
    }
    let mut raised = false;
    for (worker, desk) in workers.iter().zip(&may.0.desks) {
        raised |= ask_to_give_way(worker, desk, waits);
    }
    if raised {
        poll::raise(poll::PREEMPT);
    } else if poll::is_raised(poll::PREEMPT) {
        poll::lower(poll::PREEMPT);
    }
}

fn ask_to_give_way(worker: &Worker, desk: &super::desk::Desk, waits: bool) -> bool {
    let progress = worker.counts.switches.get();
    let stuck = desk.seen.swap(progress, Ordering::Relaxed) == progress && desk.is_at_work();
    worker.ask_to_give_way(stuck && waits);
    stuck && waits
}
