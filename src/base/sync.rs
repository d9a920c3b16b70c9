// SPDX-License-Identifier: MIT OR Apache-2.0
//! The facade over what threads share: the standard atomics and cells and the kernel's futex, or the model's when loom
//! explores the protocols (`src/models`).
//!
//! The modules that have a model name this one where others name `core::sync::atomic`. Outside of a model it adds
//! nothing: everything here is a re-export.

#[cfg(not(loom))]
pub use core::{cell, sync::atomic};
#[cfg(not(loom))]
pub use std::sync::Mutex;

#[cfg(not(loom))]
pub use super::sys::{futex_wait, futex_wake, monotonic};

#[cfg(loom)]
pub use super::model::{atomic, cell, futex_wait, futex_wake, monotonic, store_and_wake};
#[cfg(loom)]
pub use loom::sync::Mutex;

/// Stores the value that one thread sleeps for on `word`, and wakes it. The word may be gone as soon as it has its value.
#[cfg(not(loom))]
pub fn store_and_wake(word: &atomic::AtomicU32, value: u32) {
    let address = word.as_ptr();
    // Release pairs with the Acquire of whoever finds the value.
    word.store(value, atomic::Ordering::Release);
    super::sys::futex_wake_address(address, 1);
}

/// Tells the processor (or the model) that this thread is spinning.
#[inline(always)]
pub fn spin() {
    #[cfg(not(loom))]
    core::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
}

/// Lets other threads have the processor.
pub fn yield_thread() {
    #[cfg(not(loom))]
    std::thread::yield_now();
    #[cfg(loom)]
    loom::thread::yield_now();
}

/// Statics that a model sees: plain ones, or loom's, which begin anew with every execution.
#[cfg(not(loom))]
macro_rules! shared_static {
    ($($item:tt)*) => { $($item)* };
}

/// As above, in a model: without attributes that only a plain static can have.
#[cfg(loom)]
macro_rules! shared_static {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        loom::lazy_static! {
            static ref $name: $type = $value;
        }
    };
    ($(#[$attribute:meta])* pub static $name:ident: $type:ty = $value:expr;) => {
        loom::lazy_static! {
            pub static ref $name: $type = $value;
        }
    };
}

pub(crate) use shared_static;
