// SPDX-License-Identifier: MIT OR Apache-2.0
//! An OS thread that waits inside a call: it drives until it need not wait any more, or another thread does.

use crate::base::sync::atomic::{AtomicU32, Ordering};

use super::{Arrival, Round, Seat, Stepped, turnover};
use crate::base::status::Status;
use crate::engine::parallel::worker::Worker;

/// What came of driving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Driven {
    /// What was waited for is there.
    Done,
    /// The wait is in vain: DEADLOCK or MAX_STEPS.
    Stopped(Status),
}

impl Stepped {
    /// Waits until `signal` is not 0. The calling thread holds the gate and counts as asleep.
    pub fn wait_for(&self, worker: &'static Worker, signal: &AtomicU32) -> Driven {
        // Acquire pairs with the Release of the waker's store.
        let signalled = || signal.load(Ordering::Acquire) != 0;
        let mut slept = false;
        loop {
            if signalled() {
                if slept {
                    self.arrive(Arrival::GoesOn);
                }
                return Driven::Done;
            }
            if self.is_halted() {
                return Driven::Stopped(Status::REPLAY);
            }
            // Who drives is part of a recording: nobody takes the seat before its turn.
            if slept && !self.may_drive() {
                self.let_the_other_come();
                continue;
            }
            match Seat::take(self, worker) {
                Some(seat) => return self.drive_on(&seat, &signalled, slept),
                None => self.sleep_behind_the_gate(None),
            }
            slept = true;
        }
    }

    /// Drives until `done`. The calling thread holds the gate, but not all the time. `opened`: it was open since the
    /// thread did something.
    fn drive_on(&self, seat: &Seat<'_>, done: &dyn Fn() -> bool, mut opened: bool) -> Driven {
        let mut left = if self.max_steps == 0 { u64::MAX } else { self.max_steps };
        let over = |left: u64| match () {
            () if done() => Some(Driven::Done),
            () if self.is_halted() => Some(Driven::Stopped(Status::REPLAY)),
            () if left == 0 => Some(Driven::Stopped(Status::MAX_STEPS)),
            () => None,
        };
        // What this thread's own step brought about is seen before others come in.
        let mut result = over(left);
        loop {
            if result.is_none() {
                self.arrive_at_round(opened);
                result = over(left);
            }
            if let Some(result) = result {
                return result;
            }
            if !self.may_begin() {
                self.let_the_other_come();
                opened = true;
                continue;
            }
            match self.round(seat) {
                Round::Ran => left -= 1,
                Round::Fired => {}
                Round::Idle { until } => {
                    let until = self.ask_director(|director| director.idle(until)).unwrap_or(until);
                    self.sleep_behind_the_gate(until);
                    opened = true;
                    continue;
                }
                Round::Stuck => {
                    // Those who wait for all strands hear of it first; the caller may be one of them.
                    seat.worker.tell_quiet(true);
                    if !done() && self.is_quiescent() {
                        self.tell_stuck();
                        return Driven::Stopped(Status::DEADLOCK);
                    }
                }
            }
            result = over(left);
            opened = result.is_none() && self.let_others_in();
        }
    }

    /// Between two rounds: OS threads that wait at the gate pass before the next one. Whether there were any.
    #[inline]
    pub fn let_others_in(&self) -> bool {
        let opens = self.gate.has_queue();
        if opens {
            self.gate.leave();
            self.gate.enter();
        }
        opens
    }

    /// Opens the gate until something has changed, or until a moment of the monotonic clock.
    pub fn sleep_behind_the_gate(&self, until: Option<i64>) {
        let seen = turnover::read();
        self.gate.leave();
        turnover::sleep(seen, until);
        self.gate.enter();
    }
}
