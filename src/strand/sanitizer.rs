// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells AddressSanitizer, where the program is built with it, that frames are left without being returned from. Compilers say so before
//! calls that are declared not to return; `strand_exit`, which returns off-strand, is not one of those.

use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::base::sys;

/// Not looked up yet.
const UNKNOWN: *mut c_void = core::ptr::without_provenance_mut(1);

static HANDLER: AtomicPtr<c_void> = AtomicPtr::new(UNKNOWN);

/// The frames above this one will not be returned to.
#[cold]
pub fn leaves_frames() {
    // Relaxed: whoever comes first looks it up, all find the same.
    let mut handler = HANDLER.load(Ordering::Relaxed);
    if handler == UNKNOWN {
        handler = sys::symbol(c"__asan_handle_no_return");
        HANDLER.store(handler, Ordering::Relaxed);
    }
    if !handler.is_null() {
        // SAFETY: the sanitizer's own function, which takes nothing and returns nothing.
        unsafe { core::mem::transmute::<*mut c_void, extern "C" fn()>(handler)() };
    }
}
