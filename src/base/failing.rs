// SPDX-License-Identifier: MIT OR Apache-2.0
//! An allocation that an exploration makes fail: the next one, once.

use core::sync::atomic::{AtomicBool, Ordering};

static NEXT: AtomicBool = AtomicBool::new(false);

/// The next allocation fails, if `yes`.
pub fn next(yes: bool) {
    NEXT.store(yes, Ordering::Relaxed);
}

/// Whether this allocation is to fail. Asked before each one that a call of the program leads to.
#[inline]
pub fn now() -> bool {
    // Relaxed: explorations have one thread.
    NEXT.load(Ordering::Relaxed) && NEXT.swap(false, Ordering::Relaxed)
}
