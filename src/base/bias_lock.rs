// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lock that leans towards whoever takes it again and again: to that one it costs two plain stores.
//!
//! ```text
//! owner    who has the bias (a seat, a number from 1 that one thread has at a time); 0: nobody
//! INSIDE   for each seat the lock in which it is as its owner: never two, and written by that seat only
//! lock     everybody else, and everybody while nobody has the bias
//! ```
//! A channel is mostly used by strands of one worker, which exclude each other already. After enough uses in a row from
//! one seat the lock belongs to it, and its uses are those of the owner's side of an [`super::owner_lock::OwnerLock`].
//! Whoever else wants it takes the plain lock, takes the bias away, passes a heavy fence and waits until the
//! owner is outside: the owner has seen that the bias is gone, or is seen inside. That costs some microseconds, so each
//! time it happens the lock asks for sixteen times as many uses before it leans again, and in the end it never does.
//! Where fences are symmetric a bias would save nothing, and none is given.

use super::fence;
use super::lock::ByteLock;
use super::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use super::sync::cell::Cell;
use super::sync::{spin, yield_thread};

/// The seat of those who have none.
pub const NO_SEAT: u8 = u8::MAX;

/// Uses in a row before the first bias.
const USES: u16 = if cfg!(loom) { 1 } else { 64 };
/// After so many lost biases there is no further one.
const LOST_MAX: u8 = if cfg!(loom) { 2 } else { 4 };
/// log2 of how many times as many uses are asked for after each lost bias, and after all of them.
const MORE_USES: u8 = if cfg!(loom) { 0 } else { 4 };
const MOST_USES: u8 = 9;

/// See the module documentation.
#[repr(C)]
pub struct BiasLock {
    lock: ByteLock,
    owner: AtomicU8,
    // Under `lock`:
    last: Cell<u8>,
    lost: Cell<u8>,
    uses: Cell<u16>,
}

// SAFETY: the cells are touched under the plain lock only.
unsafe impl Sync for BiasLock {}

/// Seats that can have a bias: more than there are workers with asymmetric fences.
const SEATS: usize = 32;
const _: () = assert!(SEATS > fence::ASYMMETRIC_WORKERS_MAX as usize);

/// On a line of its own.
#[repr(align(64))]
struct Inside(AtomicUsize);

#[cfg(not(loom))]
static INSIDE: [Inside; SEATS] = [const { Inside(AtomicUsize::new(0)) }; SEATS];
#[cfg(loom)]
super::sync::shared_static! {
    static INSIDE: [Inside; 4] = core::array::from_fn(|_| Inside(AtomicUsize::new(0)));
}

/// Where the owner at this seat is.
#[inline(always)]
fn inside(seat: u8) -> &'static AtomicUsize {
    &INSIDE[usize::from(seat) % if cfg!(loom) { 4 } else { SEATS }].0
}

/// How the lock was taken, which is how it is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Held {
    /// By the owner of the bias, at this seat.
    Owner(u8),
    /// As by everybody.
    Plain,
    /// As by everybody, and the seat before this one was another.
    After {
        /// That seat.
        seat: u8,
        /// It was still inside.
        waited: bool,
    },
}

impl BiasLock {
    /// A free lock. All-zero memory is one too.
    #[cfg(loom)]
    pub fn new() -> Self {
        BiasLock {
            lock: ByteLock::new(),
            owner: AtomicU8::new(0),
            last: Cell::new(0),
            lost: Cell::new(0),
            uses: Cell::new(0),
        }
    }

    /// Takes the lock from a seat that the calling thread has.
    #[inline(always)]
    pub fn lock_from(&self, seat: u8) -> Held {
        // Relaxed: only this thread gives the bias to its own seat, so its own is never out of date by a gain.
        if self.owner.load(Ordering::Relaxed) == seat {
            // Release, as of the store that leaves: whoever sees this one sees what was written in the lock before.
            inside(seat).store(self.address(), Ordering::Release);
            // Pairs with the heavy fence in `take_bias`: one of the two sees the other.
            fence::light();
            if self.owner.load(Ordering::Relaxed) == seat {
                return Held::Owner(seat);
            }
            inside(seat).store(0, Ordering::Release);
        }
        let waited = self.lock.lock_waiting();
        self.note(seat, waited)
    }

    /// Takes the lock without a seat.
    pub fn lock(&self) {
        self.lock.lock();
        let _: Held = self.note(NO_SEAT, false);
    }

    /// Gives back what [`Self::lock_from`] took.
    #[inline(always)]
    pub fn unlock_from(&self, held: Held) {
        if let Held::Owner(seat) = held {
            // Release pairs with the Acquire in `take_bias`.
            inside(seat).store(0, Ordering::Release);
        } else {
            self.lock.unlock();
        }
    }

    /// Gives back what [`Self::lock`] took.
    #[inline]
    pub fn unlock(&self) {
        self.lock.unlock();
    }

    /// Gives the lock back, which was taken from `seat`, and forgets who has used it.
    pub fn unlock_for_good(&self, held: Held, seat: u8) {
        if held == Held::Owner(seat) {
            inside(seat).store(0, Ordering::Release);
            self.lock.lock();
        }
        let owner = self.owner.load(Ordering::Relaxed);
        if owner == seat {
            // This thread's own, and it is outside.
            self.owner.store(0, Ordering::Relaxed);
        } else if owner != 0 {
            self.take_bias(owner);
        }
        self.last.set(0);
        self.lost.set(0);
        self.uses.set(0);
        self.lock.unlock();
    }

    #[inline(always)]
    fn address(&self) -> usize {
        self as *const Self as usize
    }

    /// Under the plain lock: who uses it, and what follows for the bias.
    #[inline(always)]
    fn note(&self, seat: u8, waited: bool) -> Held {
        let owner = self.owner.load(Ordering::Relaxed);
        if owner != 0 {
            self.take_bias(owner);
        }
        let last = self.last.get();
        if last != seat {
            return self.change(last, seat, waited);
        }
        let uses = self.uses.get();
        if uses < USES << (MORE_USES * self.lost.get()).min(MOST_USES) {
            self.uses.set(uses + 1);
        } else if seat != NO_SEAT && self.lost.get() < LOST_MAX {
            self.give_bias(seat);
        }
        Held::Plain
    }

    #[cold]
    #[inline(never)]
    fn give_bias(&self, seat: u8) {
        if usize::from(seat) < SEATS && (cfg!(loom) || fence::is_asymmetric()) {
            // Under the plain lock, and its unlock publishes it: whoever comes next sees that there is an owner.
            self.owner.store(seat, Ordering::Relaxed);
        }
    }

    #[inline(never)]
    fn change(&self, last: u8, seat: u8, waited: bool) -> Held {
        self.last.set(seat);
        self.uses.set(0);
        if last == 0 || last == NO_SEAT || seat == NO_SEAT { Held::Plain } else { Held::After { seat: last, waited } }
    }

    /// Under the plain lock: nobody has the bias after this, and its owner is outside.
    #[cold]
    #[inline(never)]
    fn take_bias(&self, owner: u8) {
        self.owner.store(0, Ordering::Relaxed);
        self.lost.set((self.lost.get() + 1).min(LOST_MAX));
        // Pairs with the light fence in `lock_from`.
        fence::heavy();
        let mut spins = 0u32;
        // Acquire pairs with the Release of `unlock_from`: what the owner wrote is visible.
        while inside(owner).load(Ordering::Acquire) == self.address() {
            spin();
            spins += 1;
            if spins.is_multiple_of(1024) {
                yield_thread();
            }
        }
    }
}
