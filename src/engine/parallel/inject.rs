// SPDX-License-Identifier: MIT OR Apache-2.0
//! A queue that anybody may push to: work of OS threads for all workers, and strands that stay for their own worker.

use core::cell::UnsafeCell;

use super::queues::Fifo;
use crate::base::lock::ByteLock;
use crate::base::sync::atomic::{AtomicU32, Ordering};
use crate::strand::head::Head;

/// See the module documentation.
#[repr(align(128))]
pub struct Inject {
    lock: ByteLock,
    length: AtomicU32,
    list: UnsafeCell<Fifo>,
}

// SAFETY: the list is touched under the lock only.
unsafe impl Sync for Inject {}
// SAFETY: as above; nothing is tied to a thread.
unsafe impl Send for Inject {}

impl Inject {
    /// An empty queue.
    pub fn new() -> Self {
        Inject { lock: ByteLock::new(), length: AtomicU32::new(0), list: UnsafeCell::new(Fifo::new()) }
    }

    /// Number of strands; a hint without the lock.
    #[inline]
    pub fn len(&self) -> u32 {
        self.length.load(Ordering::Relaxed)
    }

    /// Appends.
    pub fn push(&self, head: &Head) {
        self.lock.lock();
        // SAFETY: the lock is held.
        let list = unsafe { &*self.list.get() };
        list.push(head);
        self.length.store(list.len(), Ordering::Relaxed);
        self.lock.unlock();
    }

    /// Takes up to `out.len()`, oldest first.
    pub fn take(&self, out: &mut [Option<&'static Head>]) -> usize {
        if self.len() == 0 {
            return 0;
        }
        self.lock.lock();
        // SAFETY: the lock is held.
        let list = unsafe { &*self.list.get() };
        let mut count = 0;
        while count < out.len() {
            let Some(head) = list.pop() else { break };
            out[count] = Some(head);
            count += 1;
        }
        self.length.store(list.len(), Ordering::Relaxed);
        self.lock.unlock();
        count
    }
}

impl Default for Inject {
    fn default() -> Self {
        Self::new()
    }
}
