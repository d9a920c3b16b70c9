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
