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
