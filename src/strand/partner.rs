// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loading strands before they run.
//!
//! With more strands than fit into the processor's cache, a switch waits for memory: for the page table, the body, and
//! the frames, one after the other. Strands that talk mostly wake the same partner each time. So each body remembers
//! whom its strand woke last, and when a strand is resumed, the processor begins to load its partner's frames, and the
//! body of its partner's partner, whose turn to have the frames loaded comes one switch later. These are hints: what
//! the memory holds meanwhile decides nothing but which lines are loaded.

use core::sync::atomic::Ordering;

use super::body::Body;

/// Lines of frames that are loaded, from the stack pointer up.
#[cfg(all(target_arch = "x86_64", not(feature = "corosensei")))]
const FRAME_LINES: usize = 6;

/// A strand wakes another.
#[inline(always)]
pub fn note(body: &Body, woken: *const Body) {
    body.partner.store(woken as usize, Ordering::Relaxed);
}

/// A strand is about to be resumed.
#[inline(always)]
pub fn prefetch(body: &Body) {
    #[cfg(all(target_arch = "x86_64", not(feature = "corosensei")))]
    {
        let partner = body.partner.load(Ordering::Relaxed) as *const Body;
        if partner.is_null() {
            return;
        }
        // SAFETY: a body of this runtime, which stays mapped; only its atomic fields are read.
        let partner = unsafe { &*partner };
        let next = partner.partner.load(Ordering::Relaxed) as *const Body;
        if core::ptr::eq(next, body) {
            // Two that talk to each other are in the cache.
            return;
        }
        prefetch_both(partner, next);
    }
    #[cfg(not(all(target_arch = "x86_64", not(feature = "corosensei"))))]
    let _ = body;
}

#[cfg(all(target_arch = "x86_64", not(feature = "corosensei")))]
#[inline(always)]
fn prefetch_both(partner: &Body, next: *const Body) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    let load = |address: *const i8| {
        // SAFETY: a prefetch does not fault, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
    };
    load(partner.head.get().cast());
    let frames = partner.context.frames() as *const i8;
    for line in 0..FRAME_LINES {
        load(frames.wrapping_byte_add(64 * line));
    }
    load(next.cast());
    load(next.wrapping_byte_add(core::mem::offset_of!(Body, waiter)).cast());
}
