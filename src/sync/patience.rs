// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long to look again before one goes to sleep: as long as the owner runs on another processor it may be done at
//! once, and a sleep costs more than that.

use super::owner;
use crate::base::bias_lock::NO_SEAT;
use crate::base::sync::spin;
use crate::engine::parallel;
use crate::engine::parallel::worker;

/// Looks, with longer pauses each time: every look takes the line away from the owner, who needs it to give back.
const ROUNDS: u32 = if cfg!(loom) { 0 } else { 4 };

/// See the module documentation.
pub struct Patience {
    rounds: u32,
}

impl Patience {
    /// Not tried yet.
    pub fn new() -> Patience {
        Patience { rounds: 0 }
    }

    /// Pauses, unless there is no hope that the owner is done soon. True: look again.
    pub fn spin(&mut self, holder: u64) -> bool {
        if !is_parallel() || holder != 0 && !owner::is_running(holder) {
            return false;
        }
        if self.rounds >= ROUNDS {
            meet(holder);
            return false;
        }
        for _ in 0..1u32 << self.rounds {
            spin();
        }
        self.rounds += 1;
        true
    }
}

/// More than one processor runs strands.
fn is_parallel() -> bool {
    parallel::engine().is_some_and(|engine| engine.stepped().is_none() && engine.workers().len() > 1)
}

/// Strands that wait for each other again and again belong on one worker.
fn meet(holder: u64) {
    if let Some(worker) = worker::running()
        && let Some(other) = owner::worker_of(holder)
        && other != worker.index
    {
        let seat = worker.engine().workers().get(other as usize).map_or(NO_SEAT, |other| other.seat);
        worker.met(seat, true);
    }
}
