// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strands that talk to each other belong on one worker.
//!
//! Each time a lock changes hands between workers, its line and those behind it move from core to core, which costs
//! more than most messages do. A worker counts how often its strands find that a channel was last used from another
//! worker. Where that happens all the time, so that the moves cost more than a second core gains, it gives its strands
//! to the other worker (the one with the lower index, or the two would change places for ever), and leaves that one
//! alone for a while. Strands that compute between their messages meet less often and stay where they are.

use core::cell::Cell;

use crate::base::sync::monotonic;

/// Meetings before the clock is read.
const MEETINGS: u32 = 64;
/// What counts as so many meetings: one where the other was still inside.
const WAITING: u32 = 8;
/// Nanoseconds between two meetings below which they cost more than they gain.
const TOO_OFTEN: i64 = 250;

/// See the module documentation.
pub struct Company {
    meetings: Cell<u32>,
    since: Cell<i64>,
    /// The worker to follow, until the next look.
    wish: Cell<Option<u32>>,
}

impl Company {
    /// Nobody was met.
    pub const fn new() -> Self {
        Company { meetings: Cell::new(0), since: Cell::new(0), wish: Cell::new(None) }
    }

    /// The worker at seat `own` has met the one at `other`, and perhaps waited for it. True when it should follow that one.
    #[inline]
    pub fn met(&self, other: u8, own: u8, waited: bool) -> bool {
        let meetings = self.meetings.get() + if waited { WAITING } else { 1 };
        self.meetings.set(meetings);
        meetings >= MEETINGS && self.judge(other, own, monotonic())
    }

    #[cold]
    fn judge(&self, other: u8, own: u8, now: i64) -> bool {
        let often = now - self.since.replace(now) < i64::from(MEETINGS) * TOO_OFTEN;
        self.meetings.set(0);
        let follow = often && other < own;
        if follow {
            self.wish.set(Some(u32::from(other) - 1));
        }
        follow
    }

    /// Whom to follow now.
    #[inline]
    pub fn take_wish(&self) -> Option<u32> {
        self.wish.take()
    }
}

impl Default for Company {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// As many meetings as are looked at together, at `now`; whether the worker at `own` follows.
    fn meet(company: &Company, own: u8, other: u8, now: i64) -> bool {
        (1..MEETINGS).for_each(|_| assert!(!company.met(other, own, false)));
        company.judge(other, own, now)
    }

    #[test]
    fn a_worker_follows_the_lower_one_that_it_meets_all_the_time() {
        let company = Company::new();
        let often = i64::from(MEETINGS) * TOO_OFTEN - 1;
        assert!(!meet(&company, 2, 1, 1_000_000_000), "the first look only starts the clock");
        assert_eq!(company.take_wish(), None);
        assert!(meet(&company, 2, 1, 1_000_000_000 + often));
        assert_eq!(company.take_wish(), Some(0), "the worker at seat 1 has index 0");
        assert_eq!(company.take_wish(), None);
    }

    #[test]
    fn a_worker_stays_where_it_meets_seldom_or_a_higher_one() {
        let company = Company::new();
        let often = i64::from(MEETINGS) * TOO_OFTEN;
        assert!(!meet(&company, 2, 1, 1_000_000_000));
        assert!(!meet(&company, 2, 1, 1_000_000_000 + often), "work between the meetings");
        assert!(!meet(&company, 2, 3, 1_000_000_000 + often + 1), "that one comes here");
        assert_eq!(company.take_wish(), None);
    }

    #[test]
    fn waiting_for_the_other_counts_for_several_meetings() {
        let company = Company::new();
        let counted = (0..MEETINGS / WAITING - 1).all(|_| {
            company.met(1, 2, true);
            company.meetings.get() > 0
        });
        assert!(counted);
        company.met(1, 2, true);
        assert_eq!(company.meetings.get(), 0, "the clock was read");
    }
}
