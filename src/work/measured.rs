// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measured times overrule the policy: once the time of a visit is known for both ways of working, the faster one is
//! taken. The other takes over only where it is faster by a tenth, so that two ways of the same speed do not alternate.
//!
//! ```text
//! policy says Empty, SpillRequired     that
//! one way has not been measured        what the policy says; every `probe`-th time the other one
//! both measured                        the one in use, unless the other takes < 9/10 of its time a visit;
//!                                      every `probe`-th time the other one, so that its time stays true
//! ```

use super::policy::Mode;

/// The time of a visit, in 1/1024 ns; none before the first measurement.
type Pace = Option<u64>;

/// What has been measured, and the way in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measured {
    blocking: Pace,
    nonblocking: Pace,
    /// The way in use, since both are known.
    used: Option<Mode>,
    /// Choices between two tries of the way not in use; 0: none.
    probe: u32,
    /// Choices since the last try.
    since: u32,
}

impl Measured {
    /// Nothing measured. Every `probe`-th choice tries the other way; 0: never.
    pub const fn new(probe: u32) -> Measured {
        Measured { blocking: None, nonblocking: None, used: None, probe, since: 0 }
    }

    /// `visits` visits of this mode took `nanoseconds`. Of a mode that is neither way, and of no visit, nothing is learnt.
    pub fn note(&mut self, mode: Mode, visits: u64, nanoseconds: u64) {
        let pace = match mode {
            Mode::Blocking => &mut self.blocking,
            Mode::NonBlocking => &mut self.nonblocking,
            Mode::Empty | Mode::SpillRequired => return,
        };
        let Some(new) = nanoseconds.saturating_mul(1024).checked_div(visits) else {
            return;
        };
        // An eighth of the new one: a slice that was disturbed does not turn the choice.
        *pace = Some(pace.map_or(new, |old| old - old / 8 + new / 8));
        self.settle();
    }

    /// The mode to use where the policy recommends `recommended`.
    pub fn choose(&mut self, recommended: Mode) -> Mode {
        let Some(other) = opposite(recommended) else {
            return recommended;
        };
        let (way, opposite) = match self.used {
            Some(used) if used != recommended => (used, recommended),
            _ => (recommended, other),
        };
        self.since = self.since.saturating_add(1);
        if self.probe != 0 && self.since >= self.probe {
            self.since = 0;
            return opposite;
        }
        way
    }

    /// The way that measurement has settled on.
    pub const fn settled(&self) -> Option<Mode> {
        self.used
    }

    /// The measured time of a visit in 1/1024 ns: blocking, non-blocking.
    pub const fn paces(&self) -> (Option<u64>, Option<u64>) {
        (self.blocking, self.nonblocking)
    }

    fn settle(&mut self) {
        if let (Some(blocking), Some(nonblocking)) = (self.blocking, self.nonblocking) {
            self.used = Some(faster(self.used, blocking, nonblocking));
        }
    }
}

/// The faster of the two; the one in use where the other is not faster by a tenth.
pub fn faster(used: Option<Mode>, blocking: u64, nonblocking: u64) -> Mode {
    let clearly = |one: u64, other: u64| u128::from(one) * 10 < u128::from(other) * 9;
    match used {
        Some(Mode::Blocking) if clearly(nonblocking, blocking) => Mode::NonBlocking,
        Some(Mode::Blocking) => Mode::Blocking,
        Some(Mode::NonBlocking) if clearly(blocking, nonblocking) => Mode::Blocking,
        Some(Mode::NonBlocking) => Mode::NonBlocking,
        _ if blocking < nonblocking => Mode::Blocking,
        _ => Mode::NonBlocking,
    }
}

fn opposite(mode: Mode) -> Option<Mode> {
    match mode {
        Mode::Blocking => Some(Mode::NonBlocking),
        Mode::NonBlocking => Some(Mode::Blocking),
        Mode::Empty | Mode::SpillRequired => None,
    }
}
