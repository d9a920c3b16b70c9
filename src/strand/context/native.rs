// SPDX-License-Identifier: MIT OR Apache-2.0
//! The switch in assembly, for x86-64 and the System V ABI.
//!
//! ```text
//! suspended                          new, never resumed
//!   sp ──► address to go on at         sp ──► address of `trampoline`
//!          rbx                                body
//!          rbp                                the loop that runs strands
//!          frames of the strand ...           `begin`, 8 bytes of nothing
//!                                      top ─► body
//! ```
//! Only rbx and rbp are saved by hand: the compiler reserves them. Everything else is declared clobbered, so the
//! function around the switch saves exactly what it needs. The address to go on at is jumped to, never returned to.

use core::arch::{asm, naked_asm};
use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::Action;
use crate::memory::stack_class::{Layout, StackId};
use crate::strand::body::Body;

/// Where the two sides of a switch left off.
#[repr(C)]
pub struct Context {
    strand: AtomicUsize,
    worker: Cell<usize>,
}

impl Context {
    /// Where the frames of a suspended strand begin; of another strand a hint.
    #[inline(always)]
    pub fn frames(&self) -> usize {
        self.strand.load(Ordering::Relaxed)
    }
}

/// Leaves for the stack at `to`, having stored this one's pointer at `from`; comes back with the value that the other
/// side passes.
///
/// # Safety
/// `to` was stored by a switch that has not been resumed since, or prepared by [`create`].
#[inline(always)]
unsafe fn switch(from: *mut usize, to: usize, value: usize) -> usize {
    let received: usize;
    // SAFETY: every register that the other side may change is an output or a clobber; rbx and rbp are saved on this
    // stack. The direction flag is clear on both sides by the ABI.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "lea rax, [rip + 2f]",
            "push rax",
            "mov [rdi], rsp",
            "mov rsp, rsi",
            "pop rax",
            "jmp rax",
            "2:",
            "pop rbx",
            "pop rbp",
            inout("rdi") from => _,
            inout("rsi") to => _,
            inout("rdx") value => received,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            clobber_abi("sysv64"),
        );
    }
    received
}

/// First code of a context: takes its argument and its loop from the stack. Unwinders stop here.
#[unsafe(naked)]
extern "C" fn trampoline() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "pop rdi",
        "pop rsi",
        "pop rax",
        "xor ebp, ebp",
        "call rax",
        "ud2",
        ".cfi_endproc"
    )
}

extern "C" fn begin(body: &'static Body, main: usize) -> ! {
    // SAFETY: `create` put a function of this type onto the stack.
    let main: fn(&'static Body) -> ! = unsafe { core::mem::transmute(main) };
    main(body)
}

/// Creates the context of a stack, whose body must not have one.
///
/// # Safety
/// The stack belongs to the caller, `body` is its body, and `main` runs one strand after the other.
#[cold]
pub unsafe fn create(layout: Layout, stack: StackId, body: &'static Body, main: fn(&'static Body) -> !) {
    debug_assert!(!body.is_alive());
    let top = body as *const Body as usize;
    let first = top - 48;
    let words = [trampoline as *const () as usize, top, main as usize, begin as *const () as usize, 0];
    // SAFETY: the five words lie just below the body on a stack that nobody uses.
    unsafe { core::ptr::copy_nonoverlapping(words.as_ptr(), first as *mut usize, words.len()) };
    body.context.strand.store(first, Ordering::Relaxed);
    super::super::valgrind::register_stack(layout.limit(stack), top);
    body.alive.store(1, Ordering::Relaxed);
}

/// Runs the strand until it suspends.
///
/// # Safety
/// The caller holds the strand (phase RUNNING) and its context is alive.
#[inline(always)]
pub unsafe fn resume(body: &Body) -> Action {
    let context = &body.context;
    // SAFETY: alive by contract, so the strand's side was stored by `create` or `suspend`.
    unsafe { switch(context.worker.as_ptr(), context.strand.load(Ordering::Relaxed), 0) }
}

/// Leaves the running strand for its worker.
///
/// # Safety
/// Called on the strand that `body` belongs to. No lock is held.
#[inline(always)]
pub unsafe fn suspend(body: &Body, action: Action) {
    let context = &body.context;
    // SAFETY: the strand runs, so its worker's side was stored by `resume`.
    unsafe { switch(context.strand.as_ptr(), context.worker.get(), action) };
}

/// Forgets the frames of a suspended context without unwinding them.
///
/// # Safety
/// The caller holds the strand; nothing on its frames is needed any more.
#[cold]
pub unsafe fn abandon(body: &Body) {
    body.alive.store(0, Ordering::Relaxed);
}
