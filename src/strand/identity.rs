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
use crate::memory::stack_class::{self, CLASSES, Layout, SLOT_SHIFT, StackId};

/// First address of the stacks; the second word is the shift that turns an offset into a class. Without stacks, and
/// with identity by thread, the shift is 0, so that no address has a class.
static BASE: AtomicUsize = AtomicUsize::new(0);
static CLASS_SHIFT: AtomicU32 = AtomicU32::new(0);
/// The true layout, also with identity by thread; its length is 0 when there are no stacks.
static REGION_SHIFT: AtomicU32 = AtomicU32::new(0);
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static BY_THREAD: AtomicBool = AtomicBool::new(false);

#[cfg(not(loom))]
thread_local! {
    static CURRENT: Cell<*const Body> = const { Cell::new(core::ptr::null()) };
}
#[cfg(loom)]
loom::thread_local! {
    static CURRENT: Cell<*const Body> = Cell::new(core::ptr::null());
}

/// Low bits that are set in the last address of a slot, for each class.
const SLOT_MASK: [usize; CLASSES] = {
    let mut masks = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        masks[class] = (1 << SLOT_SHIFT[class]) - 1;
        class += 1;
    }
    masks
};

/// Publishes where the stacks lie; `None` when there are none (before init, after shutdown, in a forked child).
pub fn publish(layout: Option<Layout>, by_thread: bool) {
    match layout {
        Some(layout) => {
            BASE.store(layout.base, Ordering::Relaxed);
            REGION_SHIFT.store(layout.region_shift, Ordering::Relaxed);
            BY_THREAD.store(by_thread, Ordering::Relaxed);
            LENGTH.store(layout.length(), Ordering::Relaxed);
            CLASS_SHIFT.store(if by_thread { 0 } else { layout.region_shift }, Ordering::Release);
        }
        None => {
            CLASS_SHIFT.store(0, Ordering::Release);
            BY_THREAD.store(false, Ordering::Relaxed);
            LENGTH.store(0, Ordering::Relaxed);
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
    // Relaxed: a strand sees the values that were there before it was created; another thread's stack pointer lies
    // outside whatever range it reads.
    let class = pointer.wrapping_sub(BASE.load(Ordering::Relaxed)) >> (CLASS_SHIFT.load(Ordering::Relaxed) & 63);
    if class >= CLASSES {
        return elsewhere();
    }
    let body = stack_class::body_below((pointer | SLOT_MASK[class]) + 1, body::SIZE);
    // SAFETY: the stack pointer lies in a slot, so the strand of that slot is running here, and its body is in use.
    Some(unsafe { &*(body as *const Body) })
}

#[cold]
#[inline(never)]
fn elsewhere() -> Option<&'static Body> {
    if BY_THREAD.load(Ordering::Relaxed) { by_thread() } else { None }
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
    // SAFETY: reads a register. `pure`, so that it is read once in a function: a function runs on one stack from its
    // first instruction to its last, and only the stack matters here, not the exact address.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("mov {}, rsp", out(reg) pointer, options(pure, nomem, nostack, preserves_flags))
    };
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) pointer, options(pure, nomem, nostack, preserves_flags))
    };
    pointer
}
