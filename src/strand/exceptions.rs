// SPDX-License-Identifier: MIT OR Apache-2.0
//! C++ exceptions that are being handled belong to the strand, not to the thread.
//!
//! The C++ runtime keeps two words for each thread: the exceptions caught and not yet ended, and the number of those
//! thrown and not yet caught. A strand that switches inside a `catch` would leave them to the next strand. Where the
//! program has a C++ runtime (its `__cxa_get_globals` can be found by name), they are exchanged at each switch; other
//! programs pay nothing.

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::body::Body;
use crate::base::sys;

/// The two words, as the Itanium C++ ABI lays them out.
pub type Handled = [usize; 2];

static GLOBALS: AtomicUsize = AtomicUsize::new(0);

/// Looks for a C++ runtime; true when there is one.
pub fn look_for_runtime() -> bool {
    let found = sys::symbol(c"__cxa_get_globals");
    GLOBALS.store(found as usize, Ordering::Release);
    !found.is_null()
}

/// Exchanges the words of this thread with those of a strand that is being switched in or out.
pub fn exchange(body: &Body) {
    let address = GLOBALS.load(Ordering::Relaxed);
    if address == 0 {
        return;
    }
    // SAFETY: the address is that of `__cxa_get_globals`, which takes nothing and gives this thread's two words.
    unsafe {
        let get: extern "C" fn() -> *mut c_void = core::mem::transmute(address);
        let words = get().cast::<Handled>();
        words.write_unaligned(body.handled.replace(words.read_unaligned()));
    }
}
