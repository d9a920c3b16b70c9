// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who am I: from the stack pointer to the body of the running strand.
//!
//! All stacks lie in one range, so a subtraction and a comparison tell a strand from an OS thread, and a shift finds
//! the body. No thread-local is read, so nothing that a compiler may cache across a switch is involved. Programs that
//! switch stacks themselves set `STRAND_IDENTITY=tls`: then a thread-local that is written at each resume is read, in
//! one function that is never inlined.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use super::body::{self, Body};
use crate::memory::stack_class::{Layout, StackId};

static BASE: AtomicUsize = AtomicUsize::new(0);
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static REGION_SHIFT: AtomicU32 = AtomicU32::new(0);
static BY_THREAD: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: Cell<*const Body> = const { Cell::new(core::ptr::null()) };
}

/// Publishes where the stacks lie; `None` when there are none (before init, after shutdown, in a forked child).
pub fn publish(layout: Option<Layout>, by_thread: bool) {
    match layout {
        Some(layout) => {
            BASE.store(layout.base, Ordering::Relaxed);
            REGION_SHIFT.store(layout.region_shift, Ordering::Relaxed);
            BY_THREAD.store(by_thread, Ordering::Relaxed);
            LENGTH.store(layout.length(), Ordering::Release);
        }
        None => {
            LENGTH.store(0, Ordering::Release);
            BY_THREAD.store(false, Ordering::Relaxed);
        }
    }
}

/// Whether the thread-local is used.
pub fn is_by_thread() -> bool {
    BY_THREAD.load(Ordering::Relaxed)
}

/// Where the stacks lie.
#[inline(always)]
pub fn layout() -> Layout {
    Layout { base: BASE.load(Ordering::Relaxed), region_shift: REGION_SHIFT.load(Ordering::Relaxed) }
}

/// The stack whose slot holds `address`, also in a signal handler.
pub fn stack_at(address: usize) -> Option<StackId> {
    if address.wrapping_sub(BASE.load(Ordering::Relaxed)) >= LENGTH.load(Ordering::Relaxed) {
        return None;
    }
    layout().stack_at(address)
}

/// The body on a stack that is in use.
#[inline(always)]
pub fn body_on(stack: StackId) -> &'static Body {
    // SAFETY: the stack is in use by a started strand, so its body page is mapped and holds a body (all-zero memory
    // is one). It stays mapped while the runtime is initialised.
    unsafe { &*(layout().body(stack, body::SIZE) as *const Body) }
}

/// The body of the strand that is running here; `None` on an OS thread (a worker's own stack included).
#[inline(always)]
pub fn current() -> Option<&'static Body> {
    let pointer = stack_pointer();
    let offset = pointer.wrapping_sub(BASE.load(Ordering::Relaxed));
    // Relaxed: a strand sees the values that were there before it was created; another thread's stack pointer lies
    // outside whatever range it reads.
    if offset >= LENGTH.load(Ordering::Relaxed) {
        return if BY_THREAD.load(Ordering::Relaxed) { by_thread() } else { None };
    }
    if BY_THREAD.load(Ordering::Relaxed) {
        return by_thread();
    }
    layout().stack_at(pointer).map(body_on)
}

/// Tells the thread-local who runs now. Called by the worker at each switch, only when identity is by thread.
#[inline(never)]
pub fn set_by_thread(body: *const Body) {
    CURRENT.with(|current| current.set(body));
}

#[inline(never)]
fn by_thread() -> Option<&'static Body> {
    let body = CURRENT.with(Cell::get);
    // SAFETY: set at resume to the body of the strand that runs on this thread, null otherwise.
    (!body.is_null()).then(|| unsafe { &*body })
}

#[inline(always)]
fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register. Not `pure`: the answer differs after a switch to another stack.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags))
    };
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags))
    };
    pointer
}
