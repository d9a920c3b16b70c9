// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters of one worker: one writer, read by anybody, summed on reading.

use core::sync::atomic::{AtomicU64, Ordering};

/// A counter that only its worker's thread changes.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more. Only the worker's own thread.
    #[inline(always)]
    pub fn add(&self, more: u64) {
        // Relaxed load of our own last store; Release so that a reader of the sum (`runtime::count`) who sees an end
        // also sees the spawn before it.
        self.0.store(self.0.load(Ordering::Relaxed) + more, Ordering::Release);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// See the module documentation.
#[derive(Default)]
pub struct Counts {
    /// Counted strands spawned (or started) by strands of this worker.
    pub spawned: Count,
    /// Counted strands that ended on this worker.
    pub finished: Count,
    /// Uncounted strands spawned by strands of this worker.
    pub uncounted_spawned: Count,
    /// Uncounted strands that ended on this worker.
    pub uncounted_finished: Count,
    /// Strands resumed.
    pub switches: Count,
    /// Turns given away.
    pub yields: Count,
    /// Strands that began to wait here.
    pub parks: Count,
    /// Strands made ready from here.
    pub wakes: Count,
    /// Successful visits to other workers.
    pub steals: Count,
    /// Strands taken by those.
    pub stolen: Count,
    /// Times this worker went to sleep.
    pub sleeps: Count,
    /// Workers woken from here.
    pub woken: Count,
}
