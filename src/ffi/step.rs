// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stepping
//!
//! With STRAND_ENGINE_STEPPED the host can drive the program itself. One step runs one strand to
//! its next suspension or checkpoint; nothing runs outside of steps. Calls of other OS threads
//! happen between two steps.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::runtime::stepping;

/// Work is left.
pub const STRAND_STEP_CONTINUE: u32 = 0;
/// No counted strand is left.
pub const STRAND_STEP_ALL_DONE: u32 = 1;
/// Nothing can run before somebody outside acts (an external hold is open, or another thread is
/// inside a call), or before a moment of the real clock comes.
pub const STRAND_STEP_IDLE: u32 = 2;
/// Counted strands are left, and nothing can ever run again.
pub const STRAND_STEP_DEADLOCK: u32 = 3;
/// The last step ended its strand with a fault. Stepping may go on.
pub const STRAND_STEP_FAULT: u32 = 4;

/// No step was made yet.
pub const STRAND_REASON_NONE: u32 = 0;
/// The strand gave its turn away.
pub const STRAND_REASON_YIELDED: u32 = 1;
/// The strand came to a checkpoint.
pub const STRAND_REASON_CHECKPOINT: u32 = 2;
/// The strand waits.
pub const STRAND_REASON_WAITS: u32 = 3;
/// The strand has ended.
pub const STRAND_REASON_ENDED: u32 = 4;
/// The strand has ended with a fault.
pub const STRAND_REASON_FAILED: u32 = 5;
/// The policy let another strand go first, before a call that may switch.
pub const STRAND_REASON_PREEMPTED: u32 = 6;

/// How things stand after some steps.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_step_result {
    /// sizeof(strand_step_result), set by the caller.
    pub size: u32,
    /// One of STRAND_STEP_.
    pub outcome: u32,
    /// Steps made by this call.
    pub steps: u64,
    /// Steps made since init.
    pub total_steps: u64,
    /// The strand of the last step there was; it may have ended.
    pub strand: u64,
    /// Why it stopped: one of STRAND_REASON_.
    pub reason: u32,
    /// 0
    pub reserved: u32,
    /// With STRAND_REASON_WAITS: the strand, channel or token it waits on, or 0.
    pub object: u64,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is 0 in every field.
unsafe impl Sized32 for strand_step_result {
    const NAME: &'static str = "strand_step_result";
}

/// Makes up to max_steps steps and says how things stand. It stops early when no counted strand is
/// left, when nothing can run, and after a step that ended its strand with a fault. Two calls with
/// a and b steps are one call with a + b. It is OK whatever happened in the program.
///
/// @param max_steps  at least 1
/// @param result     how things stand; size set by the caller
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: max_steps is 0, result is NULL or its size is wrong, or this is a
///         strand;
///         STRAND_ERR_BUSY: another OS thread is driving this runtime;
///         STRAND_ERR_UNSUPPORTED: the runtime has another engine;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_WOULD_SWITCH: called from a callback on the driving thread;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context host-thread
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_scheduler_step(max_steps: u64, result: *mut strand_step_result) -> strand_status {
    guard(|| {
        check::pointer(result, "strand_scheduler_step", "result")?;
        // SAFETY: as many bytes as its size says, by the caller's promise.
        unsafe { sized::read(result, "strand_scheduler_step") }?;
        let steps = convert(&stepping::step(max_steps)?);
        // SAFETY: as above.
        unsafe { sized::write(result, &steps, "strand_scheduler_step") }
    })
}

fn convert(steps: &stepping::Steps) -> strand_step_result {
    strand_step_result {
        size: 0,
        outcome: steps.standing as u32,
        steps: steps.made,
        total_steps: steps.total,
        strand: steps.last.strand,
        reason: steps.last.reason as u32,
        reserved: 0,
        object: steps.last.object,
    }
}
