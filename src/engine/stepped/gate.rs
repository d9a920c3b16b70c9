// SPDX-License-Identifier: MIT OR Apache-2.0
//! One OS thread at a time: the gate that every call of an OS thread passes while the stepped engine is up.
//!
//! Whoever holds the gate owns the engine: its ready strands, its clock, and the strands themselves. A thread that
//! drives holds it for a whole round and opens it between two, so what other threads do happens at a place in the order
//! of steps. Tickets keep the order of arrival.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::base::sys::{futex_wait, futex_wake};

/// See the module documentation.
pub struct Gate {
    tickets: AtomicU32,
    serving: AtomicU32,
    owner: AtomicUsize,
}

fn this_thread() -> usize {
    // SAFETY: pthread_self takes no arguments and cannot fail.
    unsafe { libc::pthread_self() as usize }
}

impl Gate {
    /// An open gate.
    pub const fn new() -> Gate {
        Gate { tickets: AtomicU32::new(0), serving: AtomicU32::new(0), owner: AtomicUsize::new(0) }
    }

    /// Passes; false when the calling thread holds the gate already, and then it must not leave.
    pub fn enter(&self) -> bool {
        // Relaxed: only this thread writes its own name here.
        if self.owner.load(Ordering::Relaxed) == this_thread() {
            return false;
        }
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        loop {
            // Acquire pairs with the Release in `leave`: what the one before did to the engine is visible.
            let serving = self.serving.load(Ordering::Acquire);
            if serving == ticket {
                break;
            }
            futex_wait(&self.serving, serving, None);
        }
        self.owner.store(this_thread(), Ordering::Relaxed);
        true
    }

    /// Passes if that can be done at once: false when another thread holds the gate, or waits for it.
    pub fn try_enter(&self) -> bool {
        let serving = self.serving.load(Ordering::Acquire);
        let drawn =
            self.tickets.compare_exchange(serving, serving.wrapping_add(1), Ordering::SeqCst, Ordering::Relaxed);
        if drawn.is_ok() {
            self.owner.store(this_thread(), Ordering::Relaxed);
        }
        drawn.is_ok()
    }

    /// Lets the next one pass. The calling thread holds the gate.
    pub fn leave(&self) {
        debug_assert_eq!(self.owner.load(Ordering::Relaxed), this_thread());
        self.owner.store(0, Ordering::Relaxed);
        let serving = self.serving.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        // A ticket that is drawn after this look finds its number shown.
        if self.tickets.load(Ordering::SeqCst) != serving {
            futex_wake(&self.serving, i32::MAX);
        }
    }

    /// Whether somebody waits to pass. The calling thread holds the gate.
    #[inline]
    pub fn has_queue(&self) -> bool {
        // Relaxed: a newcomer that is missed is seen at the next round.
        self.tickets.load(Ordering::Relaxed) != self.serving.load(Ordering::Relaxed).wrapping_add(1)
    }

    /// Whether the calling thread holds the gate.
    pub fn is_mine(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == this_thread()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn one_thread_at_a_time_and_a_second_entry_of_the_same_thread_is_told() {
        let gate = Arc::new(Gate::new());
        assert!(gate.enter());
        assert!(!gate.enter());
        assert!(gate.is_mine());
        gate.leave();
        assert!(!gate.is_mine());
        struct Plain(core::cell::UnsafeCell<u64>);
        // SAFETY: the cell is touched behind the gate only.
        unsafe impl Sync for Plain {}
        let count = Arc::new(Plain(core::cell::UnsafeCell::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (gate, count) = (gate.clone(), count.clone());
                std::thread::spawn(move || {
                    for _ in 0..10_000 {
                        assert!(gate.enter());
                        // SAFETY: this thread holds the gate.
                        unsafe { *count.0.get() += 1 };
                        gate.leave();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        // SAFETY: the threads have ended.
        assert_eq!(unsafe { *count.0.get() }, 40_000);
    }
}
