// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ticker: a thread that looks after workers whose strand runs for long.
//!
//! Workers look after themselves between strands. The ticker covers what they cannot see while one strand runs: a
//! lone ready strand behind it, timers that are due, strands given to the worker from outside. Every millisecond it
//! compares what each worker has picked; where nothing moved and something waits, it wakes an idle worker to take it,
//! or, when there is none, asks the running strand to give way at its next checkpoint. Where a worker picks seldom, a
//! strand that waits alone is offered to the others: two that suspend every hundred microseconds would else share a
//! worker for ever.
//! It sleeps without a time limit as soon as every worker is idle, so an idle process uses no processor time; workers
//! that push work poke it with one load.

use super::Parallel;
use super::parker::Parker;
use super::worker::Worker;
use crate::base::fence;
use crate::base::sync::atomic::{AtomicU32, Ordering};
use crate::base::sync::monotonic;
use crate::engine::world::Rest;
use crate::strand::poll;

/// Period while anything runs; also the slice after which a strand should give way.
pub const PERIOD: i64 = 1_000_000;
/// Where a worker picks less often than once in so many nanoseconds, a strand that waits alone is worth another worker: a theft
/// costs a third of that.
const LONG: u64 = 30_000;
/// Quiet periods before the ticker sleeps without a time limit.
const QUIET_PERIODS: u32 = if cfg!(loom) { 0 } else { 8 };

const NONE: u32 = 0;
const AWAKE: u32 = 1;
const ASLEEP: u32 = 2;

/// See the module documentation.
pub struct Ticker {
    state: AtomicU32,
    parker: Parker,
    pub(super) rest: Rest,
}

impl Ticker {
    pub(super) fn new() -> Self {
        Ticker { state: AtomicU32::new(NONE), parker: Parker::new(), rest: Rest::new() }
    }

    /// Something was pushed that the ticker may have to look after.
    #[inline(always)]
    pub fn poke(&self) {
        // Pairs with the heavy fence in `sleep`: the pusher sees ASLEEP, or the ticker sees a busy worker.
        fence::light();
        if self.state.load(Ordering::Relaxed) != AWAKE {
            self.poke_slowly();
        }
    }

    #[cold]
    #[inline(never)]
    fn poke_slowly(&self) {
        match self.state.swap(AWAKE, Ordering::AcqRel) {
            NONE => super::threads::start_ticker(),
            ASLEEP => self.parker.unpark(),
            _ => {}
        }
    }

    /// There will be nothing to look after: pokes do nothing.
    pub(super) fn never_needed(&self) {
        self.state.store(AWAKE, Ordering::Release);
    }

    /// The thread could not be started: the next poke tries again.
    pub(super) fn not_started(&self) {
        self.state.store(NONE, Ordering::Release);
    }

    /// Wakes the thread so that it sees the engine stop.
    pub(super) fn stop(&self) {
        self.parker.unpark();
    }

    /// The body of the thread.
    pub(super) fn run(&self, engine: &'static Parallel) {
        let mut seen = [0u64; super::idle::WORKERS_MAX];
        let mut last = monotonic();
        let mut quiet = 0;
        while !engine.is_stopping() {
            if engine.all_are_idle() {
                quiet += 1;
            } else {
                quiet = 0;
            }
            if quiet > QUIET_PERIODS {
                self.sleep(engine);
                quiet = 0;
            } else {
                self.parker.park(Some(monotonic() + PERIOD));
            }
            self.rest.end();
            let now = monotonic();
            // Nothing is known of how workers picked before the ticker slept.
            let elapsed = (now - core::mem::replace(&mut last, now)).min(2 * PERIOD) as u64;
            self.look(engine, &mut seen, now, elapsed);
            self.rest.begin();
        }
    }

    fn sleep(&self, engine: &'static Parallel) {
        self.state.store(ASLEEP, Ordering::Release);
        // Pairs with the light fence in `poke`.
        fence::heavy();
        let all_idle = engine.all_are_idle();
        if all_idle && !engine.is_stopping() {
            self.parker.park(None);
        }
        self.state.store(AWAKE, Ordering::Release);
    }

    /// The look at `now`, `elapsed` nanoseconds after the last one.
    fn look(&self, engine: &'static Parallel, seen: &mut [u64], now: i64, elapsed: u64) {
        // The last counted strand may have ended on a worker that has not picked since.
        (engine.upcalls.quiet)(false);
        let mut raised = false;
        for (worker, seen) in engine.workers().iter().zip(seen) {
            let progress = worker.progress();
            let turns = progress.wrapping_sub(core::mem::replace(seen, progress));
            let stuck = turns == 0 && progress != 0;
            if stuck && waits(engine, worker, now) {
                raised |= self.help(engine, worker, now);
            } else {
                worker.preempt.store(false, Ordering::Relaxed);
            }
            let ended = worker.left_alone.ends(now);
            // Where it picks more often, two strands do better together, if it is each other that they wait for.
            let long = turns.saturating_mul(LONG) <= elapsed;
            let lone = long && worker.queues.has_lone() && !worker.left_alone.is_set();
            worker.lone.offer(lone);
            if (lone || ended && worker.queues.surplus() >= 2) && engine.idle.wants_wake() {
                engine.wake_from_outside();
            }
        }
        let waiting = |worker: &Worker| {
            worker.queues.surplus() > 0 || worker.queues.has_next() || worker.timers.earliest() <= now
        };
        if engine.idle.count() == 0
            && engine.idle.searching() == 0
            && (engine.inject.len() > 0 || engine.workers().iter().any(waiting))
        {
            engine.call_in_if_lacking();
        }
        if raised {
            poll::raise(poll::PREEMPT);
        } else if poll::is_raised(poll::PREEMPT) {
            poll::lower(poll::PREEMPT);
        }
    }

    /// Something waits behind a strand that runs for long. True when the strand was asked to give way.
    fn help(&self, engine: &'static Parallel, worker: &Worker, now: i64) -> bool {
        let others_can = worker.queues.surplus() > 0
            || worker.queues.has_next()
            || engine.inject.len() > 0
            || worker.timers.earliest() <= now;
        // Where theft does not pay, only what nobody else can do is worth a wake.
        let worth = engine.inject.len() > 0 || worker.timers.earliest() <= now || !worker.left_alone.is_set();
        if others_can && worth && engine.idle.searching() == 0 && engine.idle.count() > 0 {
            engine.wake_from_outside();
        }
        worker.preempt.store(true, Ordering::Relaxed);
        true
    }
}

fn waits(engine: &Parallel, worker: &Worker, now: i64) -> bool {
    !worker.queues.is_empty() || worker.mailbox.len() > 0 || engine.inject.len() > 0 || worker.timers.earliest() <= now
}
