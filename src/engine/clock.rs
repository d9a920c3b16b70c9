// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clock that deadlines are on: the monotonic one, or a virtual one that the stepped engine moves.

use crate::base::sync::atomic::{AtomicI64, Ordering};
use crate::base::sync::{monotonic, shared_static};

/// A virtual clock begins here.
pub const VIRTUAL_START: i64 = 1_000_000_000;
/// In place of a time: every reading of the program goes through the stepped engine, which is watched.
const ASK: i64 = -1;

shared_static! {
    /// What the virtual clock shows; 0 while the real one is used.
    static VIRTUAL: AtomicI64 = AtomicI64::new(0);
}
shared_static! {
    /// As VIRTUAL, or ASK. Readers look here.
    static READ: AtomicI64 = AtomicI64::new(0);
}

/// Now, in nanoseconds, for the program.
#[inline]
pub fn now() -> i64 {
    // Relaxed: whoever moves the clock holds the gate, and so does every thread that could tell.
    match READ.load(Ordering::Relaxed) {
        0 => monotonic(),
        ASK => ask(),
        time => time,
    }
}

#[cold]
fn ask() -> i64 {
    #[cfg(not(loom))]
    return super::stepped::read_clock();
    #[cfg(loom)]
    shown()
}

/// As [`now`], for the library itself: nobody is told.
pub fn shown() -> i64 {
    match VIRTUAL.load(Ordering::Relaxed) {
        0 => monotonic(),
        time => time,
    }
}

/// Whether the clock is a virtual one.
pub fn is_virtual() -> bool {
    VIRTUAL.load(Ordering::Relaxed) != 0
}

/// Sets the virtual clock; 0 takes it away.
pub fn set_virtual(time: i64) {
    VIRTUAL.store(time, Ordering::Relaxed);
    if READ.load(Ordering::Relaxed) != ASK {
        READ.store(time, Ordering::Relaxed);
    }
}

/// From now on the stepped engine is asked at each reading of the program, or no longer.
pub fn set_watched(watched: bool) {
    let read = if watched { ASK } else { VIRTUAL.load(Ordering::Relaxed) };
    READ.store(read, Ordering::Relaxed);
}
