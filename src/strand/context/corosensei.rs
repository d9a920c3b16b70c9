// SPDX-License-Identifier: MIT OR Apache-2.0
//! The switch on corosensei.

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicUsize, Ordering};

use corosensei::stack::{Stack, StackPointer};
use corosensei::{CoroutineResult, Yielder as CoroYielder};

use super::Action;
use crate::memory::stack_class::{BODY_PAGE, GUARD, Layout, StackId, USABLE};
use crate::strand::body::{self, Body};

type Coroutine = corosensei::Coroutine<(), Action, (), StackSlot>;
type Yielder = CoroYielder<(), Action>;

/// A suspended coroutine and the way out of it; valid while the body is alive.
#[repr(C)]
pub struct Context {
    coroutine: UnsafeCell<MaybeUninit<Coroutine>>,
    yielder: Cell<*const Yielder>,
    frames: AtomicUsize,
}

impl Context {
    /// Where what a suspended strand holds begins; its registers are stored there.
    pub fn frames(&self) -> usize {
        self.frames.load(Ordering::Relaxed)
    }
}

/// The part of a slot that frames may use.
pub struct StackSlot {
    base: usize,
    limit: usize,
}

// SAFETY: base and limit delimit the usable part and the guard below it; the guard is installed before the first use,
// and the smallest class is larger than the minimum size.
unsafe impl Stack for StackSlot {
    #[inline]
    fn base(&self) -> StackPointer {
        non_zero(self.base)
    }
    #[inline]
    fn limit(&self) -> StackPointer {
        non_zero(self.limit)
    }
}

#[inline]
fn non_zero(address: usize) -> StackPointer {
    // Addresses inside a mapping are never 0.
    NonZeroUsize::new(address).unwrap_or(NonZeroUsize::MIN)
}

const _: () = assert!(USABLE[0] + BODY_PAGE > corosensei::stack::MIN_STACK_SIZE);

/// Creates the context of a stack, whose body must not have one.
///
/// # Safety
/// The stack belongs to the caller, `body` is its body, and `main` runs one strand after the other.
#[cold]
pub unsafe fn create(layout: Layout, stack: StackId, body: &'static Body, main: fn(&'static Body) -> !) {
    debug_assert!(!body.is_alive());
    let slot = StackSlot { base: layout.body(stack, body::SIZE), limit: layout.limit(stack) - GUARD };
    let coroutine = Coroutine::with_stack(slot, move |yielder: &Yielder, ()| {
        body.context.yielder.set(yielder);
        main(body)
    });
    // SAFETY: nobody else uses the field while no context is alive.
    unsafe { (*body.context.coroutine.get()).write(coroutine) };
    body.alive.store(1, Ordering::Relaxed);
}

/// Runs the strand until it suspends.
///
/// # Safety
/// The caller holds the strand (phase RUNNING) and its context is alive.
#[inline(always)]
pub unsafe fn resume(body: &Body) -> Action {
    // SAFETY: alive, and nobody else touches the context while the caller holds the strand.
    let coroutine = unsafe { (*body.context.coroutine.get()).assume_init_mut() };
    match coroutine.resume(()) {
        CoroutineResult::Yield(action) => action,
        CoroutineResult::Return(()) => crate::base::sys::fatal("libstrand: the loop of a context ended\n"),
    }
}

/// Leaves the running strand for its worker.
///
/// # Safety
/// Called on the strand that `body` belongs to. No lock is held.
#[inline(always)]
pub unsafe fn suspend(body: &Body, action: Action) {
    let saved = super::registers();
    let low = core::hint::black_box(&saved).as_ptr() as usize;
    body.context.frames.store(low, Ordering::Relaxed);
    // SAFETY: set when the context began, valid for as long as it lives.
    unsafe { (*body.context.yielder.get()).suspend(action) };
    core::hint::black_box(&saved);
}

/// Forgets the frames of a suspended context without unwinding them.
///
/// # Safety
/// The caller holds the strand; nothing on its frames is needed any more.
#[cold]
pub unsafe fn abandon(body: &Body) {
    // SAFETY: alive and held by the caller; the frames are given up by contract.
    unsafe { (*body.context.coroutine.get()).assume_init_mut().force_reset() };
    body.alive.store(0, Ordering::Relaxed);
}
