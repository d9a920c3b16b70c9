// SPDX-License-Identifier: MIT OR Apache-2.0
//! The claim word: one per wait, and whoever moves it has won that wait.
//!
//! ```text
//! IDLE ──begin──► OPENING ──publish──► OPEN ──claim──► CLAIMED
//!           ▲        └────claim───► CLAIMED_EARLY (the opener resumes the waiter itself)
//!           └────────reopen─────────────┘
//! ```
//! A message, a close, a timer and a cancellation may all want to end the same wait. The first to move the word wins,
//! alone transfers data and alone makes the waiter ready; the others find it claimed and leave. A wait with several
//! sources is published source by source while it is still `OPENING`; a source that fires meanwhile leaves the waiter
//! to its opener, so that nobody resumes a waiter that is still being published. The opener too claims the wait before
//! it moves anything for a source that it finds ready; when the other side of that source turns out to be gone, it opens
//! the wait again and publishes all sources anew, because whoever came meanwhile took it for a wait that is over.

use super::sync::atomic::{AtomicU32, Ordering};

const IDLE: u32 = 0;
const OPENING: u32 = 1;
const OPEN: u32 = 2;
const CLAIMED: u32 = 3;
const CLAIMED_EARLY: u32 = 4;

/// See the module documentation.
pub struct Claim(AtomicU32);

/// What winning a claim obliges to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Won {
    /// The waiter is suspended: the winner makes it ready.
    Wake,
    /// The waiter is still being published: its opener will see the claim and go on at once.
    LeaveToOpener,
}

impl Claim {
    /// No wait is open. All-zero memory is one too.
    pub fn new() -> Self {
        Claim(AtomicU32::new(IDLE))
    }

    /// Opens a wait of one source: it is open as soon as that source is published.
    #[inline]
    pub fn open(&self) {
        // Release pairs with the Acquire of a canceller's claim, which does not come through the source's lock: the
        // suspended context is visible to whoever resumes it.
        self.0.store(OPEN, Ordering::Release);
    }

    /// Opens a wait of several sources, to be followed by [`Self::publish`].
    #[inline]
    pub fn begin(&self) {
        // Release pairs with the Acquire of an early claim: its status comes after what `Waiter::describe` wrote.
        self.0.store(OPENING, Ordering::Release);
    }

    /// The opener has claimed its own wait and moved nothing: the wait is open again, as after [`Self::begin`]. No
    /// source knows the waiter any more.
    #[cold]
    pub fn reopen(&self) {
        self.begin();
    }

    /// Every source is published. False when one of them has already claimed the wait: the opener goes on at once.
    #[inline]
    pub fn publish(&self) -> bool {
        // AcqRel: Release hands the suspended waiter to the winner's Acquire; Acquire takes the result of an early one.
        self.0.compare_exchange(OPENING, OPEN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Tries to win the wait.
    #[inline]
    pub fn claim(&self) -> Option<Won> {
        // Acquire pairs with `publish` (or with the lock that published the source): the waiter is suspended.
        match self.0.compare_exchange(OPEN, CLAIMED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(Won::Wake),
            Err(OPENING) => self.claim_opening(),
            Err(_) => None,
        }
    }

    #[cold]
    fn claim_opening(&self) -> Option<Won> {
        match self.0.compare_exchange(OPENING, CLAIMED_EARLY, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(Won::LeaveToOpener),
            // It was published in between.
            Err(OPEN) => {
                self.0.compare_exchange(OPEN, CLAIMED, Ordering::AcqRel, Ordering::Acquire).ok().map(|_| Won::Wake)
            }
            Err(_) => None,
        }
    }

    /// Whether nobody has won the wait yet; for dumps.
    pub fn is_open(&self) -> bool {
        // Relaxed: it may be won the moment after.
        matches!(self.0.load(Ordering::Relaxed), OPEN | OPENING)
    }

    /// The waiter runs again: no wait is open.
    #[inline]
    pub fn close(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }
}

impl Default for Claim {
    fn default() -> Self {
        Self::new()
    }
}
