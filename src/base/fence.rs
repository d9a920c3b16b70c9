// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asymmetric fences: a pair of full fences of which the frequent side costs nothing.
//!
//! Several protocols here are of the form "I write A and read B; you write B and read A; one of us must see the
//! other" (store buffering), with one side a thousand times more frequent than the other: a worker that touches its
//! own queue against a thief, a wake against a worker that falls asleep, an unlock against a thread that goes to
//! sleep on the lock. The frequent side calls [`light`], a compiler fence. The rare side calls [`heavy`], which asks
//! the kernel to run a full fence on every thread of the process (`membarrier(2)`, command PRIVATE_EXPEDITED, Linux
//! 4.14; the technique is that of Dice, Huang and Yang, "Asymmetric Dekker synchronization", 2001). Where the kernel
//! has no such call, or where so many processors run that interrupting them all would cost more than it saves,
//! both sides are ordinary `SeqCst` fences.
//!
//! A model under loom uses the symmetric form: it is the same pairing, with the fence written out on both sides.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

#[cfg(not(loom))]
use super::sys;

/// Above this number of workers an interruption of all of them costs more than the fences it saves.
pub const ASYMMETRIC_WORKERS_MAX: u32 = 16;

#[cfg(not(loom))]
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

/// Chooses the form. Called while no other thread of the runtime exists.
#[cfg(not(loom))]
pub fn choose(workers: u32) {
    let asymmetric = workers <= ASYMMETRIC_WORKERS_MAX && sys::membarrier_register();
    ASYMMETRIC.store(asymmetric, Ordering::SeqCst);
}

/// Whether the frequent side is free.
#[cfg(not(loom))]
pub fn is_asymmetric() -> bool {
    ASYMMETRIC.load(Ordering::Relaxed)
}

/// The frequent side: orders the writes before it before the reads after it, as seen by a thread in [`heavy`].
#[cfg(not(loom))]
#[inline(always)]
pub fn light() {
    // Relaxed: written once before any other thread of the runtime is created.
    if ASYMMETRIC.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The rare side: after it, every write made before a [`light`] fence that has passed is visible here, and every
/// thread that passes a [`light`] fence from now on sees what was written here before.
#[cfg(not(loom))]
pub fn heavy() {
    fence(Ordering::SeqCst);
    if ASYMMETRIC.load(Ordering::Relaxed) && !sys::membarrier() {
        // The registration succeeded, so the kernel cannot refuse; a filter installed later could.
        sys::fatal(
            "libstrand: membarrier was allowed at start and is refused now; a system call filter was installed too late\n",
        );
    }
}

/// A model has only the symmetric form.
#[cfg(loom)]
pub fn choose(_: u32) {}

/// A model has only the symmetric form.
#[cfg(loom)]
pub fn is_asymmetric() -> bool {
    false
}

/// The frequent side and the rare side, as a model sees them.
#[cfg(loom)]
pub use super::model::{fence as heavy, fence as light};
