// SPDX-License-Identifier: MIT OR Apache-2.0
//! The oracle: the one place that answers what the program does not determine.
//!
//! By default the policy answers. A director (an exploration, a replay) may answer instead, and is told of every strand
//! and every pick.

use crate::base::status::Outcome;
use crate::engine::clock;
use crate::policy::{Schedule, StrandIndex};
use crate::record::Failure;
use crate::record::token::Injection;

/// Who answers.
pub enum Oracle {
    /// The policy alone.
    Policy,
    /// Somebody who sees, and may answer, every question.
    Director(*mut dyn Director),
}

/// What a director has to inject.
pub enum Inject {
    /// This, and into this strand where a strand is meant. Then ask again.
    Now(Injection, Option<StrandIndex>),
    /// Nothing before the pick of this number.
    At(u64),
    /// Nothing more.
    Never,
}

/// An exploration, a recording or a replay: sees everything that is decided, and may decide it.
pub trait Director {
    /// A strand exists. NO_MEMORY: it cannot be followed, so it is not spawned.
    fn admit(&mut self, strand: StrandIndex) -> Outcome<()>;
    /// The next strand, out of the ready ones. `can_go_on`: the one that ran last is among them, and did not give its
    /// turn away.
    fn pick(&mut self, schedule: &mut Schedule, can_go_on: bool) -> Option<StrandIndex>;
    /// The strand that runs (or whoever holds the gate) leaves it open which one of `n` is taken; `what` is one of
    /// [`crate::engine::choice`].
    fn choose(&mut self, schedule: &mut Schedule, _what: u8, n: u32) -> u32 {
        schedule.choose(n)
    }
    /// A step has ended.
    fn step(&mut self, last: &super::LastStep);
    /// What to inject at this pick; asked when the moment has come that [`super::Stepped::inject_at`] was told.
    fn injection(&mut self, _pick: u64) -> Inject {
        Inject::Never
    }
    /// Counted strands are left, and nothing can ever run again.
    fn stuck(&mut self);
    /// The running strand uses an object: a handle, or one of `touched`. Told only while `poll::FOLLOWED` is raised.
    fn touched(&mut self, _object: u64) {}

    /// Whether the schedules of the program are being searched: everything must come again as it was.
    fn searches(&self) -> bool {
        false
    }

    /// A strand has another thread do something for it: whether that can be followed.
    fn leaves(&mut self) -> bool {
        true
    }

    /// The calling OS thread is about to do something with the engine, for which it has waited so many nanoseconds
    /// already. Asked only while the engine is watched.
    fn arrives(&mut self, _arrival: Arrival, _waited: i64) -> Place {
        Place::Here
    }
    /// The program reads the clock, which shows `now`: what it gets. Asked only while the engine is watched.
    fn clock(&mut self, now: i64) -> i64 {
        now
    }
    /// The earliest timer on the real clock, which shows `now`: the moment at which timers fire, if they do.
    fn timers(&mut self, earliest: i64, now: i64) -> Option<i64> {
        (earliest <= now).then_some(now)
    }
    /// Timers have fired at `now`, and made so many strands ready.
    fn fired(&mut self, _now: i64, _ready: usize) {}
    /// Nothing can run before somebody acts, or before a moment of the clock: how long to sleep on the real one.
    fn idle(&mut self, until: Option<i64>) -> Option<i64> {
        until
    }
    /// The program has bytes that a recording is to have, and a replay to give back.
    fn input(&mut self, _kind: u32, _bytes: &mut [u8]) -> Outcome<()> {
        Ok(())
    }
    /// `run` returns this status.
    fn returned(&mut self, _status: i32) {}
    /// The process dies inside a strand: what is known so far goes to where it is kept. Allocates nothing.
    fn save(&mut self) {}
    /// The run is over: what came of it, as a sentence where it is no success.
    fn finish(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What an OS thread is about to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// It makes a call.
    Call,
    /// It drives, or goes on after a wait inside a call.
    GoesOn,
    /// It steps, and need not.
    Steps,
}

/// Whether it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Now.
    Here,
    /// Others come first.
    Later,
    /// Others come first, and a thread that steps returns before they do.
    Idle,
}

impl Oracle {
    #[inline]
    pub(super) fn admit(&mut self, strand: StrandIndex) -> Outcome<()> {
        match self {
            Oracle::Policy => Ok(()),
            // SAFETY: a director outlives its engagement (contract of `engage`).
            Oracle::Director(director) => unsafe { (**director).admit(strand) },
        }
    }

    #[inline]
    pub(super) fn pick(&mut self, schedule: &mut Schedule, can_go_on: bool) -> Option<StrandIndex> {
        match self {
            Oracle::Policy => schedule.pick(&mut ()),
            // SAFETY: as above.
            Oracle::Director(director) => unsafe { (**director).pick(schedule, can_go_on) },
        }
    }

    #[inline]
    pub(super) fn choose(&mut self, schedule: &mut Schedule, what: u8, n: u32) -> u32 {
        match self {
            Oracle::Policy => schedule.choose(n),
            // SAFETY: as above.
            Oracle::Director(director) => unsafe { (**director).choose(schedule, what, n) },
        }
    }

    #[cold]
    pub(super) fn touched(&mut self, object: u64) {
        if let Oracle::Director(director) = self {
            // SAFETY: as above.
            unsafe { (**director).touched(object) };
        }
    }

    #[cold]
    pub(super) fn injection(&mut self, pick: u64) -> Inject {
        match self {
            Oracle::Policy => Inject::Never,
            // SAFETY: as above.
            Oracle::Director(director) => unsafe { (**director).injection(pick) },
        }
    }

    #[inline]
    pub(super) fn step(&mut self, last: &super::LastStep) {
        if let Oracle::Director(director) = self {
            // SAFETY: as above.
            unsafe { (**director).step(last) };
        }
    }

    #[inline]
    fn director(&mut self) -> Option<&mut (dyn Director + 'static)> {
        match self {
            Oracle::Policy => None,
            // SAFETY: as above.
            Oracle::Director(director) => Some(unsafe { &mut **director }),
        }
    }

    #[inline]
    pub(super) fn timers(&mut self, earliest: i64) -> Option<i64> {
        let now = clock::shown();
        match self.director() {
            None => (earliest <= now).then_some(now),
            Some(director) => director.timers(earliest, now),
        }
    }
}

impl super::Stepped {
    /// Counted strands are left, and nothing can ever run again: whoever directs is told. For the holder of the gate.
    pub fn tell_stuck(&self) {
        self.with_oracle(|oracle| {
            if let Some(director) = oracle.director() {
                director.stuck();
            }
        });
    }

    /// Asks the director, if there is one. For the holder of the gate.
    pub fn ask_director<T>(&self, ask: impl FnOnce(&mut dyn Director) -> T) -> Option<T> {
        self.with_oracle(|oracle| {
            let director = oracle.director()?;
            Some(ask(director))
        })
    }

    /// Whether somebody directs. For the holder of the gate.
    pub fn is_directed(&self) -> bool {
        self.ask_director(|_| ()).is_some()
    }

    /// From now on `director` sees and decides; `None`: the policy again.
    ///
    /// # Safety
    /// The caller holds the gate. The director stays in place until another call of this function.
    pub unsafe fn engage(&self, director: Option<*mut dyn Director>) {
        self.with_oracle(|oracle| *oracle = director.map_or(Oracle::Policy, Oracle::Director));
    }
}
