// SPDX-License-Identifier: MIT OR Apache-2.0
//! The poll word: 0 when no strand has anything to attend to at a checkpoint.

use crate::base::sync::atomic::{AtomicU32, Ordering};
use crate::base::sync::shared_static;

/// Some strand was cancelled, or the runtime is shutting down.
pub const CANCEL: u32 = 1;
/// Some worker's strand has run long while others are ready.
pub const PREEMPT: u32 = 2;
/// The stepped engine is up: every checkpoint ends a step.
pub const STEPPED: u32 = 4;
/// Whoever directs wants to know which objects a strand uses.
pub const FOLLOWED: u32 = 16;
/// The world is to be stopped, or is.
pub const STOP: u32 = 32;
/// Calls that may switch are places where another strand may go first.
pub const EXPLORED: u32 = 8;

shared_static! {
    /// Exported to C as `strand_poll_word`, which emitted code may load and test inline.
    #[unsafe(export_name = "strand_poll_word")]
    pub static WORD: AtomicU32 = AtomicU32::new(0);
}

/// Raises a reason.
pub fn raise(reason: u32) {
    WORD.fetch_or(reason, Ordering::SeqCst);
}

/// Takes a reason back.
pub fn lower(reason: u32) {
    WORD.fetch_and(!reason, Ordering::SeqCst);
}

/// Whether any of `reasons` is raised.
#[inline(always)]
pub fn is_raised(reasons: u32) -> bool {
    // Relaxed: a reason that matters to a particular strand comes with its own ordering (the cancel flag and a wake).
    WORD.load(Ordering::Relaxed) & reasons != 0
}
