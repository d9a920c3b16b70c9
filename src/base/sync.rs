// SPDX-License-Identifier: MIT OR Apache-2.0
//! The facade over atomics: the standard ones, or loom's when a model is being checked.
//!
//! Only the modules that have a loom model use it (`lock`, `owner_lock`, `claim`, the idle protocol of the parallel
//! engine and its run-next slot). Everything else names `core::sync::atomic` directly.

#[cfg(not(loom))]
pub use core::sync::atomic;
#[cfg(loom)]
pub use loom::sync::atomic;

/// Tells the processor (or the model) that this thread is spinning.
#[inline]
pub fn spin() {
    #[cfg(not(loom))]
    core::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
}
