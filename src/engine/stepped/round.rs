// SPDX-License-Identifier: MIT OR Apache-2.0
//! One round: expire timers, pick, run one strand to its next suspension or checkpoint, account.

use core::sync::atomic::Ordering;

use super::{CHECKPOINT, Inject, PREEMPTED, Seat, Stepped};
use crate::engine::parallel::worker::Worker;
use crate::engine::parallel::{self, NO_TIMER};
use crate::engine::{After, Commit, clock, outside, world};
use crate::policy::Cause;
use crate::record::token::Injected;
use crate::strand::context::YIELD;
use crate::strand::fault;
use crate::strand::head::{self, FLAG_STARTED, Head, Phase};
use crate::strand::waiter::WaitKind;

/// Why a strand stopped running. The numbers are those of the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Reason {
    /// No step was made.
    None = 0,
    /// It gave its turn away.
    Yielded = 1,
    /// It came to a checkpoint.
    Checkpoint = 2,
    /// It waits.
    Waits = 3,
    /// It has ended.
    Ended = 4,
    /// It has ended with a fault.
    Failed = 5,
    /// Another strand goes first.
    Preempted = 6,
}

/// The last step.
#[derive(Clone, Copy, Debug)]
pub struct LastStep {
    /// Handle of the strand that ran.
    pub strand: u64,
    /// Why it stopped.
    pub reason: Reason,
    /// What it waits for, if it does.
    pub waits_for: WaitKind,
    /// The handle of that.
    pub object: u64,
}

impl LastStep {
    /// Before the first step.
    pub const NONE: LastStep = LastStep { strand: 0, reason: Reason::None, waits_for: WaitKind::None, object: 0 };
}

/// What a round came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Round {
    /// A strand ran.
    Ran,
    /// Timers of OS threads fired; nothing ran.
    Fired,
    /// Nothing can run before an OS thread acts or a moment of the real clock comes.
    Idle {
        /// That moment.
        until: Option<i64>,
    },
    /// Nothing can ever run again.
    Stuck,
}

impl Stepped {
    /// One round.
    pub fn round(&self, seat: &Seat<'_>) -> Round {
        let worker = seat.worker;
        let earliest = worker.timers().earliest();
        let mut fired = false;
        if !self.virtual_clock
            && earliest != NO_TIMER
            && let Some(now) = self.with_oracle(|oracle| oracle.timers(earliest))
        {
            self.fire(worker, now);
            fired = earliest <= now;
        }
        if let Some(strand) = self.pick(false) {
            self.step(worker, strand);
            return Round::Ran;
        }
        // What fired may have been the wait of the very thread that drives.
        if self.halted.get() || fired {
            return Round::Fired;
        }
        let busy = outside::somebody_may_come() || outside::active() > 0;
        if !worker.engine().has_timers() {
            // Nor does what is armed make a difference to anybody.
            return if busy || self.holds_somebody() { Round::Idle { until: None } } else { Round::Stuck };
        }
        let earliest = worker.timers().earliest();
        if !self.virtual_clock {
            return Round::Idle { until: Some(earliest) };
        }
        // What is due already needs no move of the clock.
        if busy && earliest > clock::shown() {
            return Round::Idle { until: None };
        }
        clock::set_virtual(earliest.max(clock::shown()));
        self.fire(worker, clock::shown());
        match self.pick(false) {
            Some(strand) => {
                self.step(worker, strand);
                Round::Ran
            }
            None => Round::Fired,
        }
    }

    /// Fires the timers that are due at `now`.
    fn fire(&self, worker: &'static Worker, now: i64) {
        let before = self.with_schedule(|schedule| schedule.ready_count());
        worker.fire_timers(worker.timers(), now);
        let ready = self.with_schedule(|schedule| schedule.ready_count()) - before;
        self.ask_director(|director| director.fired(now, ready));
    }

    /// The strand that goes next.
    #[inline]
    pub(super) fn pick(&self, can_go_on: bool) -> Option<&'static Head> {
        if let Some(chosen) = self.chosen.take() {
            return Some(chosen);
        }
        self.picks.set(self.picks.get() + 1);
        if self.picks.get() >= self.injection_at.get() {
            self.inject();
        }
        let index = if self.policy_picks.get() {
            self.with_schedule(|schedule| schedule.pick(&mut ()))?
        } else {
            self.with_oracle(|oracle| self.with_schedule(|schedule| oracle.pick(schedule, can_go_on)))?
        };
        Some(head::at(index))
    }

    /// Injects what the director has for this moment.
    #[cold]
    fn inject(&self) {
        self.injection_at.set(u64::MAX);
        loop {
            let (injection, strand) = match self.with_oracle(|oracle| oracle.injection(self.picks.get())) {
                Inject::Now(injection, strand) => (injection, strand),
                Inject::At(pick) => return self.injection_at.set(pick),
                Inject::Never => return,
            };
            let Some(engine) = parallel::engine() else { return };
            let worker = &engine.workers()[0];
            let earliest = worker.timers().earliest();
            if injection.kind == Injected::Timeout && self.virtual_clock && earliest != NO_TIMER {
                clock::set_virtual(earliest.max(clock::now()));
                worker.fire_timers(worker.timers(), clock::shown());
            }
            (engine.upcalls.inject)(injection.kind, injection.object, strand);
        }
    }

    /// Runs a strand to its next suspension or checkpoint.
    fn step(&self, worker: &'static Worker, strand: &'static Head) {
        let (id, generation) = (head::handle_of(strand), strand.generation());
        let faults = fault::total();
        let reason = self.run(worker, strand);
        let ended = strand.generation() != generation;
        let mut last = LastStep { strand: id, reason, ..LastStep::NONE };
        if ended {
            // It may have failed in an earlier step, and waited in its on-exit functions since. Nobody else has run after its
            // end, so its body is as it left it.
            let failed = fault::total() != faults || strand.has(FLAG_STARTED) && strand.body().fault.get() != 0;
            last.reason = if failed { Reason::Failed } else { Reason::Ended };
        } else if reason == Reason::Waits {
            let waiter = &strand.body().waiter;
            (last.waits_for, last.object) = (waiter.kind(), waiter.object.load(Ordering::Relaxed));
        }
        self.last.set(last);
        self.steps.set(self.steps.get() + 1);
        self.with_oracle(|oracle| oracle.step(&last));
        if ended {
            worker.tell_quiet(false);
        }
        if world::is_stopping() {
            worker.rest_if_asked();
        }
    }

    fn run(&self, worker: &'static Worker, strand: &'static Head) -> Reason {
        strand.set_phase(Phase::Running);
        let body = if strand.has(FLAG_STARTED) {
            strand.body()
        } else {
            match worker.start(strand) {
                Some(body) => body,
                None => return Reason::Failed,
            }
        };
        loop {
            match worker.switch_in(body) {
                YIELD => {
                    worker.counts.yields.add(1);
                    self.ready(strand, Cause::Yielded);
                    return Reason::Yielded;
                }
                CHECKPOINT => {
                    strand.set_phase(Phase::Ready);
                    let index = head::index_of(strand);
                    if self.with_schedule(|schedule| schedule.keeps_turn(index)) {
                        self.chosen.set(Some(strand));
                    } else {
                        self.ready(strand, Cause::Checkpoint);
                    }
                    return Reason::Checkpoint;
                }
                PREEMPTED => {
                    strand.set_phase(Phase::Ready);
                    return Reason::Preempted;
                }
                action => {
                    let commit = action as *mut Commit;
                    // SAFETY: the record lies on the stack of the strand, which is switched out and held by us.
                    match unsafe { ((*commit).run)(worker, strand, commit) } {
                        After::Gone => {
                            let spawned_first = strand.phase() == Phase::Ready;
                            return if spawned_first { Reason::Yielded } else { Reason::Waits };
                        }
                        After::Resume => {
                            if strand.phase() != Phase::Running {
                                strand.set_phase(Phase::Running);
                            }
                        }
                        After::HandOver(next) => {
                            // The policy decides who goes next here, too.
                            let next = head::at(next);
                            if next.has(FLAG_STARTED) {
                                self.woken(next)
                            } else {
                                self.ready(next, Cause::Spawned)
                            }
                            return Reason::Waits;
                        }
                    }
                }
            }
        }
    }
}
