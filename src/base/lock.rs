// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lock of two bytes whose lock is one locked operation and whose unlock is a plain store.
//!
//! ```text
//! locked    0 free, 1 held
//! sleepers  1 when a thread may be asleep in the lot: the next unlock wakes it
//! ```
//! Held for some tens of nanoseconds and never across a switch, so waiters spin first. A waiter that has spun enough
//! sleeps on one of a few shared futex words (the lot), chosen by the lock's address. The store-buffering race
//! between "unlock, then look for sleepers" and "announce myself, then look at the lock" is closed by the asymmetric
//! fence, so the unlock needs no locked operation.

use super::fence;
use super::sync::atomic::{AtomicU8, Ordering};
use super::sync::spin;

/// See the module documentation.
#[repr(C)]
pub struct ByteLock {
    locked: AtomicU8,
    sleepers: AtomicU8,
}

/// Looks before a waiter goes to sleep; the holder is then most likely not running. A model goes to sleep at once.
const ROUNDS: u32 = if cfg!(loom) { 0 } else { 16 };

impl ByteLock {
    /// A free lock. All-zero memory is one too.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        ByteLock { locked: AtomicU8::new(0), sleepers: AtomicU8::new(0) }
    }

    /// A free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        ByteLock { locked: AtomicU8::new(0), sleepers: AtomicU8::new(0) }
    }

    /// Takes the lock.
    #[inline]
    pub fn lock(&self) {
        let _: bool = self.lock_waiting();
    }

    /// Takes the lock; true when somebody else had it.
    #[inline(always)]
    pub fn lock_waiting(&self) -> bool {
        // Acquire pairs with the Release store of `unlock`: what the last holder wrote is visible.
        if self.locked.swap(1, Ordering::Acquire) == 0 {
            return false;
        }
        self.lock_contended();
        true
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> bool {
        self.locked.load(Ordering::Relaxed) == 0 && self.locked.swap(1, Ordering::Acquire) == 0
    }

    /// Gives the lock back. Only its holder may call this.
    #[inline]
    pub fn unlock(&self) {
        self.locked.store(0, Ordering::Release);
        // Pairs with the heavy fence in `lock_contended`: either we see the sleeper, or it sees the lock free.
        fence::light();
        if self.sleepers.load(Ordering::Relaxed) != 0 {
            self.wake_sleepers();
        }
    }

    #[cold]
    fn lock_contended(&self) {
        loop {
            // Longer pauses each time: every look takes the line away from the holder, who needs it to unlock.
            for round in 0..ROUNDS {
                if self.try_lock() {
                    return;
                }
                for _ in 0..1 << round.min(4) {
                    spin();
                }
            }
            let word = lot::word(self);
            // Read before announcing: a wake between the announcement and the sleep changes the word. Acquire pairs with
            // the Release in `lot::wake`: our announcement comes after the one that was taken back before that wake.
            let seen = word.load(Ordering::Acquire);
            self.sleepers.store(1, Ordering::Relaxed);
            fence::heavy();
            if self.try_lock() {
                return;
            }
            lot::sleep(word, seen);
        }
    }

    #[cold]
    fn wake_sleepers(&self) {
        self.sleepers.store(0, Ordering::Relaxed);
        lot::wake(lot::word(self));
    }
}

impl Default for ByteLock {
    fn default() -> Self {
        Self::new()
    }
}

mod lot {
    use super::super::sync::{atomic, futex_wait, futex_wake};
    use super::ByteLock;
    use atomic::{AtomicU32, Ordering};

    /// One futex word on a line of its own.
    #[cfg(not(loom))]
    #[repr(align(64))]
    struct Word(AtomicU32);

    #[cfg(not(loom))]
    static LOT: [Word; 64] = [const { Word(AtomicU32::new(0)) }; 64];
    #[cfg(loom)]
    super::super::sync::shared_static! {
        static WORD: AtomicU32 = AtomicU32::new(0);
    }

    #[cfg(not(loom))]
    pub(super) fn word(lock: &ByteLock) -> &'static AtomicU32 {
        let address = lock as *const ByteLock as usize;
        &LOT[(address >> 6).wrapping_mul(0x9E37_79B9) >> 16 & 63].0
    }

    /// In a model all locks share a word, as locks with the same hash do.
    #[cfg(loom)]
    pub(super) fn word(_: &ByteLock) -> &'static AtomicU32 {
        &WORD
    }

    pub(super) fn sleep(word: &AtomicU32, seen: u32) {
        futex_wait(word, seen, None);
    }

    pub(super) fn wake(word: &AtomicU32) {
        // Release pairs with the Acquire in `lock_contended`; for those already asleep a changed value is all that counts.
        word.fetch_add(1, Ordering::Release);
        futex_wake(word, i32::MAX);
    }
}
