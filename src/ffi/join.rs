// SPDX-License-Identifier: MIT OR Apache-2.0
//! Joins
//!
//! A join waits for several tasks at once, which go on beside each other, and has a rule that says
//! when they are decided. Those that are not needed any more are then cancelled, for the reason
//! STRAND_CANCEL_JOIN_DECIDED, and have ended before the call returns. Outcomes come in the order of
//! the list, with the rank in which the tasks completed, also those that had ended before.

use super::status::strand_status;
use super::task::{outcome_of, strand_outcome, strand_task};
use super::{check, guard, sized};
use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;
use crate::task::join::{self, Joined, Rule, Verdict};
use core::ffi::c_void;

/// All are to succeed: the first failure or cancellation cancels the rest, and the call fails.
pub const STRAND_JOIN_ALL: u32 = 0;
/// The first to end decides, however it ends; if it has not succeeded, the call fails.
pub const STRAND_JOIN_RACE: u32 = 1;
/// The first to succeed decides; if none does, the call fails once all have ended.
pub const STRAND_JOIN_ANY: u32 = 2;
/// Waits for all of them, and cancels none.
pub const STRAND_JOIN_ALL_SETTLED: u32 = 3;

/// The join goes on.
pub const STRAND_JOIN_CONTINUE: u32 = 0;
/// The join is decided: the rest is cancelled.
pub const STRAND_JOIN_CANCEL_REST: u32 = 1;

/// Called for each task of a join that has ended, in the order of completion, until it decides.
/// It runs in the call of strand_task_join_with(), on the caller's own stack, and may wait.
pub type strand_join_judge =
    Option<unsafe extern "C" fn(index: usize, outcome: *const strand_outcome, data: *mut c_void) -> u32>;

/// Joins tasks by one of four rules.
///
/// A join that is cut short cancels nothing. If the deadline passes between the decision and the
/// end of the others, those are left cancelled, and decided says so.
///
/// @param kind      STRAND_JOIN_ALL, STRAND_JOIN_RACE, STRAND_JOIN_ANY or STRAND_JOIN_ALL_SETTLED
/// @param tasks     the tasks, each once
/// @param count     how many
/// @param deadline  see strand_after()
/// @param outcomes  one for each task, in their order; the size field of each is set by the caller,
///                  the same in all; may be NULL. Filled with STRAND_OK, STRAND_ERR_FAILED,
///                  STRAND_ERR_TIMEOUT, and STRAND_ERR_WOULD_BLOCK after a decision
/// @param decided   the index of the task that decided, or SIZE_MAX where no single one did; may be
///                  NULL. Filled as outcomes
/// @return STRAND_OK: as the rule wants it;
///         STRAND_ERR_FAILED: not so;
///         STRAND_ERR_EMPTY: there is no task for STRAND_JOIN_RACE or STRAND_JOIN_ANY to choose;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: some have not ended;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
///         meanwhile;
///         STRAND_ERR_INVALID: there is no such kind, tasks is NULL, a task is there twice, never
///         was or makes this call, sizes differ, or the deadline is below -1;
///         STRAND_ERR_STALE: the last handle of a task was released;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_task_join(
    kind: u32,
    tasks: *const strand_task,
    count: usize,
    deadline: i64,
    outcomes: *mut strand_outcome,
    decided: *mut usize,
) -> strand_status {
    guard(|| {
        let rule = match kind {
            STRAND_JOIN_ALL => Rule::All,
            STRAND_JOIN_RACE => Rule::Race,
            STRAND_JOIN_ANY => Rule::Any,
            STRAND_JOIN_ALL_SETTLED => Rule::AllSettled,
            _ => return fail(Status::INVALID, format_args!("strand_task_join: there is no kind {kind} of joins")),
        };
        // SAFETY: the caller's promises.
        unsafe { run("strand_task_join", rule, tasks, count, deadline, (outcomes, decided)) }
    })
}

/// Joins tasks by a rule of the program's own: judge is called for each that has ended. Once it says
/// STRAND_JOIN_CANCEL_REST it is not called again, and the task it was called for has decided.
///
/// @param judge     the rule
/// @param data      handed to judge
/// @param tasks     the tasks, each once
/// @param count     how many
/// @param deadline  see strand_after()
/// @param outcomes  as in strand_task_join()
/// @param decided   as in strand_task_join()
/// @return STRAND_OK: all have ended, by themselves or after the decision;
///         STRAND_ERR_INVALID: judge is NULL, or as strand_task_join();
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK, STRAND_ERR_CANCELLED, STRAND_ERR_STALE,
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED,
///         STRAND_ERR_FORKED: as strand_task_join()
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_task_join_with(
    judge: strand_join_judge,
    data: *mut c_void,
    tasks: *const strand_task,
    count: usize,
    deadline: i64,
    outcomes: *mut strand_outcome,
    decided: *mut usize,
) -> strand_status {
    guard(|| {
        let judge = check::callback(judge, "strand_task_join_with", "judge")?;
        let mut ask = |index, ended: &_, rank| {
            let outcome = strand_outcome { size: size_of::<strand_outcome>() as u32, ..outcome_of(ended, rank) };
            // SAFETY: the function and its data are what the program wants to run.
            match unsafe { judge(index, &outcome, data) } {
                STRAND_JOIN_CONTINUE => Verdict::Continue,
                _ => Verdict::CancelRest,
            }
        };
        // SAFETY: the caller's promises.
        unsafe { run("strand_task_join_with", Rule::Custom(&mut ask), tasks, count, deadline, (outcomes, decided)) }
    })
}

/// # Safety
/// As the functions above promise to their callers.
unsafe fn run(
    function: &str,
    rule: Rule<'_>,
    tasks: *const strand_task,
    count: usize,
    deadline: i64,
    (outcomes, decided): (*mut strand_outcome, *mut usize),
) -> Outcome<()> {
    check::deadline(deadline, function)?;
    if count > 0 {
        check::pointer(tasks, function, "tasks")?;
    }
    // SAFETY: by contract.
    let stride = unsafe { stride_of(outcomes, count, function) }?;
    let place = |index: usize| outcomes.wrapping_byte_add(index * stride);
    // SAFETY: by contract.
    let Joined { status, decided: who } = unsafe {
        join::join(rule, tasks, count, deadline, |index, ended, rank| {
            if !outcomes.is_null() {
                // The sizes were looked at before.
                let _ = sized::write(place(index), &outcome_of(ended, rank), function);
            }
        })
    }?;
    if !decided.is_null() {
        // SAFETY: writable, by the caller's promise.
        unsafe { decided.write(who) };
    }
    if status == Status::OK { Ok(()) } else { Err(status) }
}

/// The size of each of the outcomes, which is how far they lie apart.
///
/// # Safety
/// `outcomes` is null or points to `count` structs as the size of the first one says.
unsafe fn stride_of(outcomes: *const strand_outcome, count: usize, function: &str) -> Outcome<usize> {
    if outcomes.is_null() || count == 0 {
        return Ok(0);
    }
    // SAFETY: the size field of each, by contract.
    unsafe {
        sized::check(outcomes, function)?;
        let stride = (*outcomes).size as usize;
        for index in 1..count {
            let place = outcomes.wrapping_byte_add(index * stride);
            if (*place).size as usize != stride {
                return fail(Status::INVALID, format_args!("{function}: outcomes {index} and 0 differ in size"));
            }
        }
        Ok(stride)
    }
}
