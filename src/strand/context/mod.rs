// SPDX-License-Identifier: MIT OR Apache-2.0
//! The context switch.
//!
//! A context is created once for a stack and then runs strand after strand: its loop suspends after each of them. A
//! strand whose frames must be dropped (a fault) takes its context with it; the next user of the stack gets a new one.
//! A suspended context is never unwound, because that would unwind foreign frames.
//!
//! Two implementations with the same five functions:
//! - `native`, for x86-64: jumps instead of returns. A switch that ends in `ret` throws the processor's return
//!   predictor off by one frame, so that every return after a switch is mispredicted; in a runtime that sits three calls
//!   below its user this cost 20 of 36 ns of a yield.
//! - `corosensei`, on the crate of that name: every other processor, and sanitizer builds (feature `corosensei`).

#[cfg(any(not(target_arch = "x86_64"), feature = "corosensei"))]
mod corosensei;
#[cfg(any(not(target_arch = "x86_64"), feature = "corosensei"))]
pub use self::corosensei::{Context, abandon, create, resume, suspend};

#[cfg(all(target_arch = "x86_64", not(feature = "corosensei")))]
mod native;
#[cfg(all(target_arch = "x86_64", not(feature = "corosensei")))]
pub use native::{Context, abandon, create, resume, suspend};

/// What a strand suspends with: 0 for a yield, else the address of a commit record on its own stack.
pub type Action = usize;
/// The strand gives its turn away.
pub const YIELD: Action = 0;

/// The name of the implementation, for `strand_info`.
pub const KIND: &str =
    if cfg!(all(target_arch = "x86_64", not(feature = "corosensei"))) { "native" } else { "corosensei" };

/// Registers that a called function leaves as they were, and that may hold a value of a caller.
#[cfg(target_arch = "x86_64")]
type Registers = [usize; 6];
/// As above.
#[cfg(target_arch = "aarch64")]
type Registers = [usize; 12];

#[inline(always)]
fn registers() -> Registers {
    let mut saved: Registers = [0; _];
    // SAFETY: each instruction stores registers into the array.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!(
            "mov [{0}], rbx", "mov [{0} + 8], rbp", "mov [{0} + 16], r12", "mov [{0} + 24], r13",
            "mov [{0} + 32], r14", "mov [{0} + 40], r15",
            in(reg) saved.as_mut_ptr(), options(nostack, preserves_flags)
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!(
            "stp x19, x20, [{0}]", "stp x21, x22, [{0}, 16]", "stp x23, x24, [{0}, 32]", "stp x25, x26, [{0}, 48]",
            "stp x27, x28, [{0}, 64]", "stp x29, x30, [{0}, 80]",
            in(reg) saved.as_mut_ptr(), options(nostack, preserves_flags)
        );
    }
    saved
}

/// Calls `act` with an address of this stack: from there to the first frame lies everything that the callers of this
/// function hold, those values too that they have in registers.
#[inline(never)]
pub fn spilled<T>(act: impl FnOnce(usize) -> T) -> T {
    let saved = registers();
    let result = act(core::hint::black_box(&saved).as_ptr() as usize);
    core::hint::black_box(&saved);
    result
}
