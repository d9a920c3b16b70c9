// SPDX-License-Identifier: MIT OR Apache-2.0
//! The timers of one worker. Any thread may take one out; any worker may fire those that are due.

use core::cell::UnsafeCell;

use crate::base::heap::{TimerHeap, TimerNode};
use crate::base::lock::ByteLock;
use crate::base::sync::atomic::{AtomicI64, Ordering};
use crate::strand::head::Head;

/// No timer is armed.
pub const NEVER: i64 = i64::MAX;

/// See the module documentation.
#[repr(align(128))]
pub struct Timers {
    lock: ByteLock,
    earliest: AtomicI64,
    heap: UnsafeCell<TimerHeap>,
}

// SAFETY: the heap is touched under the lock only.
unsafe impl Sync for Timers {}
// SAFETY: as above; nothing is tied to a thread.
unsafe impl Send for Timers {}

impl Timers {
    /// No timers.
    pub fn new() -> Self {
        Timers { lock: ByteLock::new(), earliest: AtomicI64::new(NEVER), heap: UnsafeCell::new(TimerHeap::new()) }
    }

    /// The earliest deadline, or [`NEVER`]; a hint without the lock.
    #[inline]
    pub fn earliest(&self) -> i64 {
        self.earliest.load(Ordering::Relaxed)
    }

    fn with<T>(&self, act: impl FnOnce(&TimerHeap) -> T) -> T {
        self.lock.lock();
        // SAFETY: the lock is held.
        let heap = unsafe { &*self.heap.get() };
        let result = act(heap);
        self.earliest.store(heap.earliest().unwrap_or(NEVER), Ordering::Relaxed);
        self.lock.unlock();
        result
    }

    /// Arms a timer whose deadline is set.
    ///
    /// # Safety
    /// The node is not linked and stays in place until it has fired or was disarmed.
    pub unsafe fn arm(&self, node: *const TimerNode) {
        // SAFETY: by contract; the heap's lock is held inside `with`.
        self.with(|heap| unsafe { heap.insert(node) });
    }

    /// Takes a timer out, if it has not fired.
    ///
    /// # Safety
    /// The node was armed here and is alive.
    pub unsafe fn disarm(&self, node: *const TimerNode) {
        self.with(|heap| {
            // SAFETY: alive by contract; whether it is linked is settled under the lock.
            unsafe {
                if (*node).is_linked() {
                    heap.remove(node);
                }
            }
        });
    }

    /// Fires what is due: takes each timer out, asks `expired` whose strand to make ready, and collects those.
    pub fn fire(
        &self,
        now: i64,
        expired: fn(*const TimerNode) -> Option<&'static Head>,
        out: &mut [Option<&'static Head>],
    ) -> usize {
        if self.earliest() > now {
            return 0;
        }
        self.with(|heap| {
            let mut count = 0;
            while count < out.len() {
                // SAFETY: the lock is held.
                let Some(node) = (unsafe { heap.pop_due(now) }) else { break };
                if let Some(head) = expired(node) {
                    out[count] = Some(head);
                    count += 1;
                }
            }
            count
        })
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}
