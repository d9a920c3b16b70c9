// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wake protocol: ready work and an idle worker find each other, and at most one worker is woken for it.
//!
//! ```text
//! who has work                               who has none
//!   publish the work                           announce: set my idle bit, stop searching
//!   light fence                                heavy fence
//!   read idle count and searching count        look at every queue again
//!   idle > 0 and searching = 0: wake one       found: retract; else sleep
//! ```
//! The two fences are one store-buffering pair: either the publisher sees the idle worker, or that worker's last look
//! sees the work. A searching worker counts as one who will look again, so nobody is woken while one searches; when the
//! last searcher finds something, it wakes the next (the work may be more than it took).

use crate::base::fence;
use crate::base::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Largest number of workers.
pub const WORKERS_MAX: usize = 1024;
const WORDS: usize = if cfg!(loom) { 1 } else { WORKERS_MAX / 64 };

/// See the module documentation.
pub struct Idle {
    count: AtomicU32,
    searching: AtomicU32,
    bits: [AtomicU64; WORDS],
}

impl Idle {
    /// Nobody is idle.
    pub fn new() -> Self {
        Idle {
            count: AtomicU32::new(0),
            searching: AtomicU32::new(0),
            bits: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Idle workers.
    #[inline]
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::SeqCst)
    }

    /// Workers that look for work.
    #[inline]
    pub fn searching(&self) -> u32 {
        self.searching.load(Ordering::Relaxed)
    }

    /// The publisher's look, after its work is in a queue: whether somebody should be woken.
    #[inline(always)]
    pub fn wants_wake(&self) -> bool {
        // Pairs with the heavy fence in `announce`.
        fence::light();
        self.count.load(Ordering::Relaxed) != 0 && self.searching.load(Ordering::Relaxed) == 0
    }

    /// Takes one idle worker out of the set, on behalf of which the caller then wakes it; it comes back searching.
    pub fn claim(&self) -> Option<u32> {
        for (position, word) in self.bits.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let bit = bits.trailing_zeros();
                // AcqRel: one claimer gets the bit; what it read before is not reordered after.
                if word.fetch_and(!(1 << bit), Ordering::AcqRel) & 1 << bit != 0 {
                    self.searching.fetch_add(1, Ordering::SeqCst);
                    self.count.fetch_sub(1, Ordering::SeqCst);
                    return Some(position as u32 * 64 + bit);
                }
                bits = word.load(Ordering::Relaxed);
            }
        }
        None
    }

    /// Takes a particular idle worker out of the set.
    pub fn claim_this(&self, worker: u32) -> bool {
        let claimed = self.clear(worker);
        if claimed {
            self.searching.fetch_add(1, Ordering::SeqCst);
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
        claimed
    }

    fn clear(&self, worker: u32) -> bool {
        let bit = 1u64 << (worker % 64);
        self.bits[worker as usize / 64].fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    /// A searching worker says that it is about to sleep; it must look at every queue once more afterwards.
    pub fn announce(&self, worker: u32) {
        // The count goes up before the bit is set: whoever finds the bit may take the count down.
        self.count.fetch_add(1, Ordering::SeqCst);
        self.bits[worker as usize / 64].fetch_or(1 << (worker % 64), Ordering::AcqRel);
        self.searching.fetch_sub(1, Ordering::SeqCst);
        // Pairs with the light fence in `wants_wake`.
        fence::heavy();
    }

    /// Takes the announcement back. False when somebody has claimed this worker meanwhile: its token is on the way,
    /// and with it the worker is searching.
    pub fn retract(&self, worker: u32) -> bool {
        let mine = self.clear(worker);
        if mine {
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
        mine
    }

    /// A worker begins to search.
    pub fn start_searching(&self) {
        self.searching.fetch_add(1, Ordering::SeqCst);
    }

    /// A searching worker has found work; true when it was the last one, who then wakes another if work is left.
    pub fn found(&self) -> bool {
        self.searching.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

impl Default for Idle {
    fn default() -> Self {
        Self::new()
    }
}
