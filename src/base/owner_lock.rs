// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lock that its owner takes with two plain stores and that everybody else pays for.
//!
//! Each worker owns one and takes it around every touch of its run queues, hundreds of millions of times; thieves take
//! it now and then. It is Dekker's algorithm with asymmetric fences: the owner announces itself with a store and a
//! light fence and looks for a visitor; a visitor announces itself, passes a heavy fence and looks for the owner.
//!
//! ```text
//! owner_in   1 while the owner is inside
//! visitor    1 while a visitor is inside or knocks; visitors exclude each other by swapping it
//! ```

use super::fence;
use super::sync::atomic::{AtomicBool, Ordering};
use super::sync::{spin, yield_thread};

/// See the module documentation.
#[repr(C)]
pub struct OwnerLock {
    owner_in: AtomicBool,
    visitor: AtomicBool,
}

/// A visitor gives up after so many looks: the owner has most likely been descheduled inside.
const VISITOR_SPINS: u32 = if cfg!(loom) { 2 } else { 400 };

impl OwnerLock {
    /// A free lock.
    pub fn new() -> Self {
        OwnerLock { owner_in: AtomicBool::new(false), visitor: AtomicBool::new(false) }
    }

    /// The owner enters. Only the owning thread may call this, and not twice without [`Self::leave`].
    #[inline(always)]
    pub fn enter(&self) {
        self.owner_in.store(true, Ordering::Relaxed);
        // Pairs with the heavy fence in `visit`: one of the two sees the other.
        fence::light();
        // Acquire pairs with the Release store in `end_visit`: what the visitor changed is visible.
        if self.visitor.load(Ordering::Acquire) {
            self.enter_contended();
        }
    }

    /// The owner leaves.
    #[inline(always)]
    pub fn leave(&self) {
        // Release pairs with the Acquire load in `visit`.
        self.owner_in.store(false, Ordering::Release);
    }

    #[cold]
    fn enter_contended(&self) {
        loop {
            self.owner_in.store(false, Ordering::Release);
            let mut spins = 0u32;
            while self.visitor.load(Ordering::Acquire) {
                spin();
                spins += 1;
                if spins.is_multiple_of(1024) {
                    yield_thread();
                }
            }
            self.owner_in.store(true, Ordering::Relaxed);
            fence::light();
            if !self.visitor.load(Ordering::Acquire) {
                return;
            }
        }
    }

    /// A visitor tries to enter; false when another visitor or the owner is inside.
    pub fn visit(&self) -> bool {
        // Acquire pairs with `end_visit` of the visitor before us.
        if self.visitor.swap(true, Ordering::Acquire) {
            return false;
        }
        fence::heavy();
        for _ in 0..VISITOR_SPINS {
            if !self.owner_in.load(Ordering::Acquire) {
                return true;
            }
            spin();
        }
        self.end_visit();
        false
    }

    /// The visitor leaves.
    pub fn end_visit(&self) {
        self.visitor.store(false, Ordering::Release);
    }
}

impl Default for OwnerLock {
    fn default() -> Self {
        Self::new()
    }
}
