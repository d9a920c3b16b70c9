// SPDX-License-Identifier: MIT OR Apache-2.0
//! One word that threads of the stepped engine sleep on: something has changed, look again.
//!
//! Whoever changes anything does it behind the gate and bumps the word afterwards; whoever sleeps has read the word
//! while it held the gate. So no change is missed. The word is a static, because it is bumped by threads that are
//! leaving, when the engine may already be gone.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::base::sys::{futex_wait, futex_wake};

static WORD: AtomicU32 = AtomicU32::new(0);
/// There is, or was, a stepped engine in this process.
static USED: AtomicBool = AtomicBool::new(false);

/// From now on somebody may sleep here.
pub fn begin() {
    USED.store(true, Ordering::SeqCst);
}

/// As [`bump`], for those who do not know which engine there is.
#[inline]
pub fn bump_if_used() {
    if USED.load(Ordering::Relaxed) {
        bump();
    }
}

/// What the word shows. The caller holds the gate.
pub fn read() -> u32 {
    WORD.load(Ordering::SeqCst)
}

/// Something has changed.
pub fn bump() {
    WORD.fetch_add(1, Ordering::SeqCst);
    futex_wake(&WORD, i32::MAX);
}

/// Sleeps until the word shows something else, or until a moment of the monotonic clock. May return for no reason.
pub fn sleep(seen: u32, until: Option<i64>) {
    futex_wait(&WORD, seen, until);
}
