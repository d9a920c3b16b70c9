// SPDX-License-Identifier: MIT OR Apache-2.0
//! A watched engine: a recording or a replay hears which OS thread comes to the gate when, and of readings of the
//! clock; a replay may let a thread wait for its place, and halts the engine when the run leaves the recording.

use super::{Arrival, Place, Stepped, Turn, turnover};
use crate::base::status::{Outcome, Status};
use crate::base::sys::monotonic;
use crate::engine::{clock, outside, parallel};
use crate::strand::message::fail;
use crate::strand::{identity, log};

/// A thread that waits for its place looks at least this often.
const LOOK: i64 = 100_000_000;
/// After this it says that it waits.
const WARN: i64 = 3_000_000_000;

/// What the director of an engine is told, beside picks and steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watch {
    /// Nothing.
    Nothing,
    /// Readings of the clock, and who comes to the gate, or goes on after it was open.
    Threads,
    /// That, and the beginning of each round: somebody else may have to come first.
    Rounds,
}

impl Stepped {
    /// What the director is told from now on. For the holder of the gate.
    pub fn watch(&self, watch: Watch) {
        self.watched.set(watch);
        clock::set_watched(watch != Watch::Nothing);
        turnover::bump();
    }

    /// Picks are the policy's, whatever director there is; or the director's again. For the holder of the gate.
    pub fn leave_picks_to_policy(&self, leave: bool) {
        self.policy_picks.set(leave);
    }

    /// A thread that drives begins a round; `opened`: the gate was open since the one before.
    #[inline]
    pub(super) fn arrive_at_round(&self, opened: bool) {
        if opened || self.watched.get() == Watch::Rounds {
            self.arrive(Arrival::GoesOn);
        }
    }

    /// The calling thread has passed the gate: it may have to wait for its place, and counts as it did before.
    #[inline]
    pub fn arrive(&self, arrival: Arrival) {
        if self.is_watched() {
            let _ = self.find_place(arrival);
        }
    }

    /// As [`Self::arrive`], for a thread that makes a call and counts as active.
    #[inline]
    pub(in crate::engine) fn arrive_active(&self) {
        if self.is_watched() && self.place(Arrival::Call, 0) == Place::Later {
            outside::asleep_behind_the_gate(|| self.find_place(Arrival::Call));
        }
    }

    /// A thread that holds the gate is about to make a step: whether it may, or returns without one.
    pub fn may_step(&self) -> bool {
        self.watched.get() == Watch::Nothing || self.find_place(Arrival::Steps) != Place::Idle && self.may_begin()
    }

    /// Whether a round may begin: in the recording nobody else comes first.
    #[inline]
    pub(super) fn may_begin(&self) -> bool {
        self.watched.get() != Watch::Rounds || self.place(Arrival::Steps, 0) != Place::Idle
    }

    /// Whether a thread that has slept may drive: in the recording it is the one that does.
    pub(super) fn may_drive(&self) -> bool {
        self.watched.get() != Watch::Rounds || self.place(Arrival::GoesOn, 0) != Place::Later
    }

    /// Somebody else comes first: the round of the recording found nothing to do, and neither does this one.
    #[cold]
    pub(super) fn let_the_other_come(&self) {
        let until = Some(monotonic() + LOOK);
        let until = self.ask_director(|director| director.idle(until)).unwrap_or(until);
        turnover::bump();
        self.sleep_behind_the_gate(until);
    }

    #[cold]
    fn find_place(&self, arrival: Arrival) -> Place {
        let began = monotonic();
        let (mut waited, mut warned) = (0, false);
        loop {
            let place = self.place(arrival, waited);
            if place != Place::Later {
                return place;
            }
            if waited == 0 {
                // This may be the place of somebody who has looked before.
                turnover::bump();
            }
            self.sleep_behind_the_gate(Some(monotonic() + LOOK));
            waited = (monotonic() - began).max(1);
            if waited > WARN && !warned {
                warned = true;
                log::write(
                    log::WARNING,
                    format_args!(
                        "replay: an OS thread waits for its place; in the recording another thread comes first"
                    ),
                );
            }
        }
    }

    fn place(&self, arrival: Arrival, waited: i64) -> Place {
        self.ask_director(|director| director.arrives(arrival, waited)).unwrap_or(Place::Here)
    }

    /// Whether the director is told.
    pub fn is_watched(&self) -> bool {
        self.watched.get() != Watch::Nothing
    }

    /// Whether the calling thread holds the gate.
    pub fn is_mine(&self) -> bool {
        self.gate.is_mine()
    }

    /// The calling OS thread's turn at the gate, if it comes within some nanoseconds, or if it is the thread's already.
    pub fn turn_within(&self, patience: i64) -> Option<Turn<'_>> {
        let until = monotonic() + patience;
        let entered = !self.gate.is_mine();
        while entered && !self.gate.try_enter() {
            if monotonic() > until {
                return None;
            }
            std::thread::sleep(core::time::Duration::from_millis(1));
        }
        Some(Turn { stepped: self, entered })
    }

    /// The run has left its recording: nobody drives from now on. For the holder of the gate.
    pub fn halt(&self, why: String) {
        if !self.halted.replace(true) {
            // SAFETY: the holder of the gate is one thread, and the text is read only after this.
            unsafe { *self.why.get() = why };
        }
        turnover::bump();
    }

    /// Whether [`Self::halt`] was called.
    pub fn is_halted(&self) -> bool {
        self.halted.get()
    }

    /// REPLAY with the report, where the engine was halted. The caller is inside a call.
    #[cold]
    pub fn refuse<T>(&self) -> Outcome<T> {
        let turn = self.gate.enter();
        // SAFETY: the holder of the gate is one thread; the text is written by such a holder alone, and only once.
        let why = unsafe { &*self.why.get() };
        let refused = fail(Status::REPLAY, format_args!("{why}"));
        if !self.refused.replace(true) {
            why.lines().for_each(|line| log::write(log::ERROR, format_args!("{line}")));
        }
        if turn {
            self.gate.leave();
        }
        refused
    }

    /// Whether somebody was told by [`Self::refuse`].
    pub fn was_refused(&self) -> bool {
        self.refused.get()
    }
}

/// A reading of the clock of a watched engine.
pub fn read_clock() -> i64 {
    let ask = || {
        let stepped = parallel::engine()
            .and_then(|engine| engine.stepped())
            .filter(|stepped| stepped.gate.is_mine() && !stepped.asked.get())?;
        stepped.ask_director(|director| director.clock(clock::shown()))
    };
    if identity::current().is_some() || parallel::this_worker().is_some() {
        return ask().unwrap_or_else(clock::shown);
    }
    // An OS thread reads at its place among the calls.
    match outside::enter() {
        Ok(_call) => ask().unwrap_or_else(clock::shown),
        Err(_) => clock::shown(),
    }
}
