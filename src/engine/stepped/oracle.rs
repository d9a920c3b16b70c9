// SPDX-License-Identifier: MIT OR Apache-2.0
//! The oracle: the one place that answers what the program does not determine.
//!
//! By default the policy answers. A director (an exploration, a replay) may answer instead, and is told of every strand
//! and every pick.

use crate::base::status::Outcome;
use crate::policy::{Schedule, StrandIndex};
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
    /// A step has ended.
    fn step(&mut self, last: &super::LastStep);
    /// What to inject at this pick; asked when the moment has come that [`super::Stepped::inject_at`] was told.
    fn injection(&mut self, _pick: u64) -> Inject {
        Inject::Never
    }
    /// Counted strands are left, and nothing can ever run again.
    fn stuck(&mut self);
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
}

impl super::Stepped {
    /// Counted strands are left, and nothing can ever run again: whoever directs is told. For the holder of the gate.
    pub fn tell_stuck(&self) {
        self.with_oracle(|oracle| {
            if let Oracle::Director(director) = oracle {
                // SAFETY: as above.
                unsafe { (**director).stuck() };
            }
        });
    }

    /// From now on `director` sees and decides; `None`: the policy again.
    ///
    /// # Safety
    /// The caller holds the gate. The director stays in place until another call of this function.
    pub unsafe fn engage(&self, director: Option<*mut dyn Director>) {
        self.with_oracle(|oracle| *oracle = director.map_or(Oracle::Policy, Oracle::Director));
    }
}
