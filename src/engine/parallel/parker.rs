// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where one thread sleeps: a word with a token, so that a wake before the sleep is not lost.

use crate::base::sync::atomic::{AtomicU32, Ordering};
use crate::base::sync::{futex_wait, futex_wake, monotonic};

const EMPTY: u32 = 0;
const TOKEN: u32 = 1;
const ASLEEP: u32 = 2;

/// See the module documentation.
pub struct Parker(AtomicU32);

impl Parker {
    /// No token.
    pub fn new() -> Self {
        Parker(AtomicU32::new(EMPTY))
    }

    /// Sleeps until there is a token and takes it; false when the deadline (CLOCK_MONOTONIC) passed first.
    pub fn park(&self, deadline: Option<i64>) -> bool {
        // Acquire, here and below, pairs with the Release of `unpark`.
        if self.0.compare_exchange(EMPTY, ASLEEP, Ordering::Acquire, Ordering::Acquire).is_err() {
            self.0.store(EMPTY, Ordering::Relaxed);
            return true;
        }
        loop {
            futex_wait(&self.0, ASLEEP, deadline);
            if self.0.load(Ordering::Acquire) == TOKEN {
                self.0.store(EMPTY, Ordering::Relaxed);
                return true;
            }
            if deadline.is_some_and(|at| monotonic() >= at) {
                return match self.0.compare_exchange(ASLEEP, EMPTY, Ordering::Acquire, Ordering::Acquire) {
                    Ok(_) => false,
                    Err(_) => {
                        self.0.store(EMPTY, Ordering::Relaxed);
                        true
                    }
                };
            }
        }
    }

    /// Leaves a token and wakes the sleeper.
    pub fn unpark(&self) {
        if self.0.swap(TOKEN, Ordering::Release) == ASLEEP {
            futex_wake(&self.0, 1);
        }
    }
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}
