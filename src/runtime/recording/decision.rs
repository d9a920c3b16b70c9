// SPDX-License-Identifier: MIT OR Apache-2.0
//! Picks and steps as a recording has them.
//!
//! A recording alternates: a pick, then its step. The engine asks for a pick before each call that may switch, too, and
//! runs strands that it need not ask about (one that was just spawned, was picked before such a call, or keeps its turn).
//! Where picks are not written, nobody is asked. So a question inside of a step ends that step, and a step that nobody was asked about gets its pick when it has ended.

use crate::base::handle::INDEX_MAX;
use crate::engine::stepped::LastStep;

/// See the module documentation.
#[derive(Default)]
pub struct Decision {
    open: bool,
    admitted: u64,
}

impl Decision {
    /// A strand exists.
    pub fn admit(&mut self) {
        self.admitted += 1;
    }

    /// A question is answered: the step of the one before, if it has not ended.
    #[inline]
    pub fn begin(&mut self) -> Option<u64> {
        let ends = self.end();
        self.open = true;
        ends
    }

    /// The engine has made a step: whether it has no pick yet, and its fingerprint.
    #[inline]
    pub fn step(&mut self, last: &LastStep) -> (bool, u64) {
        // Indexes, not handles: a second runtime in one process has other generations.
        let index = |handle: u64| handle & u64::from(INDEX_MAX);
        let what = (last.reason as u64) << 24 | (last.waits_for as u64) << 28;
        let word = index(last.strand) | what | index(last.object) << 32;
        (!core::mem::take(&mut self.open), word ^ self.admitted.rotate_right(8))
    }

    /// The step of the last pick, if it has not ended: somebody was asked in the middle of it.
    #[inline]
    pub fn end(&mut self) -> Option<u64> {
        core::mem::take(&mut self.open).then_some(self.admitted.rotate_right(8))
    }
}

/// The number of a strand in a recording: its index and one.
#[inline]
pub fn number_of(last: &LastStep) -> u64 {
    (last.strand & u64::from(INDEX_MAX)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stepped::Reason;

    fn last(strand: u64, reason: Reason) -> LastStep {
        LastStep { strand, reason, ..LastStep::NONE }
    }

    #[test]
    fn picks_and_steps_take_turns_whatever_the_engine_asks() {
        let mut decision = Decision::default();
        assert_eq!(decision.begin(), None);
        assert!(!decision.step(&last(1, Reason::Yielded)).0);
        assert!(decision.step(&last(2, Reason::Yielded)).0, "nobody was asked about it");
        assert_eq!(decision.begin(), None);
        assert!(decision.begin().is_some(), "a question inside of a step ends it");
        assert!(decision.end().is_some());
        assert_eq!(decision.end(), None);
    }

    #[test]
    fn a_step_is_told_from_others() {
        let of = |step: LastStep, admitted: u64| {
            let mut decision = Decision::default();
            (0..admitted).for_each(|_| decision.admit());
            decision.step(&step).1
        };
        let one = last(1, Reason::Yielded);
        let all = [
            of(one, 1),
            of(one, 2),
            of(last(2, Reason::Yielded), 1),
            of(last(1, Reason::Ended), 1),
            of(LastStep { object: 1, ..one }, 1),
        ];
        for (place, left) in all.iter().enumerate() {
            assert!(all[place + 1..].iter().all(|right| left != right), "{place}");
        }
        assert_eq!(of(last(1 | 7 << 24, Reason::Yielded), 1), of(one, 1), "generations do not count");
    }
}
