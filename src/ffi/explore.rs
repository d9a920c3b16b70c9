// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exploration
//!
//! Finds an order of events in which a program fails, and a token that brings that order back. A
//! whole unmodified program is explored with STRAND_EXPLORE in the environment (see
//! strand_config.explore), one function of it with strand_explore(). Decisions are taken at every
//! yield, wait and checkpoint and before every call that may switch; what happens between two of
//! them happens at once, so races on plain memory between them are not found: a thread sanitizer
//! finds those. Runs of the parallel engine are not replayed.

use super::sized::{self, Sized32};
use super::spawn::strand_entry;
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::explore::Plan;
use crate::runtime::exploring::Single;
use crate::runtime::exploring::in_process::{self, Found, Program};
use crate::runtime::strands;
use crate::strand::message::fail;
use core::ffi::{CStr, c_char, c_void};

/// Bytes of strand_explore_result.token.
pub const STRAND_TOKEN_MAX: usize = 512;

/// What strand_explore() does.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_explore_options {
    /// sizeof(strand_explore_options)
    pub size: u32,
    /// 0
    pub reserved: u32,
    /// How schedules are chosen and how many, as text; NULL is "pct".
    /// "random": every decision at random. Keys: runs=10000, seed=1.
    /// "pct": as STRAND_POLICY_PCT. Keys: runs=10000, seed=1, depth=3, steps= (default: what the
    /// longest schedule had).
    /// "exhaustive": every schedule with at most so many preemptions. Keys: preemptions=2 (or all),
    /// runs= (default: all), reduce=objects, which leaves out schedules that only change the order
    /// of stretches without a common channel, strand, token or timer: right for strands that share
    /// nothing but those, and not for strands that share memory.
    /// random and pct: inject=cancel,close,oom,timeout:n=2 (any of them), so many faults in each
    /// schedule: a strand is cancelled, a channel closed, an allocation of the library fails, the
    /// earliest deadline comes at once.
    /// All of them: max_steps=1000000, after which a schedule counts as one that does not end.
    /// Example: "pct:depth=2,runs=100000,seed=7".
    pub plan: *const c_char,
    /// A token: only that schedule is run. NULL: a search.
    pub replay: *const c_char,
    /// Puts the program's data back to where every schedule begins. Runs before each schedule, on
    /// the caller's stack, with arg; it spawns no strand. NULL: there is nothing to put back.
    pub reset: Option<unsafe extern "C" fn(arg: *mut c_void)>,
}

/// What came of strand_explore().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_explore_result {
    /// sizeof(strand_explore_result), set by the caller.
    pub size: u32,
    /// 1 when a schedule failed, else 0.
    pub failed: u32,
    /// Schedules run; those run to shorten the one that failed are not counted.
    pub runs: u64,
    /// Decisions in them: picks among two or more strands.
    pub decisions: u64,
    /// Number of the schedule that failed, from 1.
    pub failing_run: u64,
    /// "exhaustive": 1 when every schedule within the bound was run.
    pub complete: u32,
    /// 0
    pub reserved: u32,
    /// The token of the failing schedule, terminated; empty when none failed or when it is too
    /// long, and then the message has it.
    pub token: [c_char; 512],
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null, None or 0 in every field.
unsafe impl Sized32 for strand_explore_options {
    const NAME: &'static str = "strand_explore_options";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_explore_result {
    const NAME: &'static str = "strand_explore_result";
}

/// Runs body as a strand under one schedule after the other until one fails. A schedule fails when
/// a strand of it ends with a fault (strand_assert() and strand_fail() too), when its counted
/// strands wait for each other, or when it takes more than max_steps steps. Of a schedule that
/// fails a shorter one is sought that fails too; the message says what failed, its last steps, who
/// is left, and the token.
///
/// Each schedule begins with no strand and, with the virtual clock, at one second, and has ended
/// when all strands have. The runtime must have the stepped engine and no strand; afterwards it has
/// none again. What strands leave on channels or in memory is for body and reset to put back.
///
/// @param options  NULL: all defaults
/// @param body     runs as the first strand of every schedule
/// @param arg      handed to body and reset
/// @param result   what came of it; may be NULL. Written with STRAND_OK and STRAND_ERR_FAILED.
/// @return STRAND_OK: no schedule failed;
///         STRAND_ERR_FAILED: one did; the message is the report;
///         STRAND_ERR_INVALID: body is NULL, the plan or the token makes no sense, this is a
///         strand, or a strand does not end when it is cancelled after a schedule;
///         STRAND_ERR_UNSUPPORTED: the runtime has another engine;
///         STRAND_ERR_BUSY: strands are alive, another OS thread drives, or the whole program is
///         being explored, recorded or replayed;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_LIMIT;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED,
///         STRAND_ERR_CANCELLED
///
/// @context host-thread
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_explore(
    options: *const strand_explore_options,
    body: strand_entry,
    arg: *mut c_void,
    result: *mut strand_explore_result,
) -> strand_status {
    guard(|| {
        let function = "strand_explore";
        let body = check::callback(body, function, "body")?;
        // SAFETY: NULL or a struct as its size says, by the caller's promise.
        let options = if options.is_null() { None } else { Some(unsafe { sized::read(options, function) }?) };
        let reset = options.as_ref().and_then(|options| options.reset);
        // SAFETY: NULL or terminated, by the caller's promise.
        let (plan, replay) = unsafe { (text(options.map(|o| o.plan)), text(options.map(|o| o.replay))) };
        let plan = plan_of(plan?.unwrap_or("pct"))?;
        let single = replay?.map(Single::of).transpose()?;
        if !result.is_null() {
            // SAFETY: as many writable bytes as its size says, by the caller's promise.
            unsafe { sized::check(result, function) }?;
        }
        let program = Program { body, arg, reset, site: strand_explore as *const () as usize };
        let found = in_process::search(&plan, single.as_ref(), &program)?;
        if !result.is_null() {
            // SAFETY: as many writable bytes as its size says, by the caller's promise.
            unsafe { sized::write(result, &convert(&found), function) }?;
        }
        match found.failure {
            None => Ok(()),
            Some(_) => fail(Status::FAILED, format_args!("{}", in_process::message(&found))),
        }
    })
}

/// # Safety
/// The pointer is null or names a terminated text that lives for `'a`.
unsafe fn text<'a>(pointer: Option<*const c_char>) -> Outcome<Option<&'a str>> {
    let Some(pointer) = pointer.filter(|pointer| !pointer.is_null()) else { return Ok(None) };
    // SAFETY: by contract.
    match unsafe { CStr::from_ptr(pointer) }.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => fail(Status::INVALID, format_args!("strand_explore: plan or replay is not text")),
    }
}

fn plan_of(text: &str) -> Outcome<Plan> {
    match Plan::parse(text) {
        Ok(plan) => Ok(plan),
        Err(wrong) => fail(Status::INVALID, format_args!("strand_explore: the plan has {wrong}")),
    }
}

fn convert(found: &Found) -> strand_explore_result {
    let mut token = [0; STRAND_TOKEN_MAX];
    let mut failing_run = 0;
    if let Some((index, _, text, _)) = &found.failure {
        failing_run = index + 1;
        if text.len() < STRAND_TOKEN_MAX {
            for (place, byte) in token.iter_mut().zip(text.bytes()) {
                *place = byte as c_char;
            }
        }
    }
    strand_explore_result {
        size: 0,
        failed: u32::from(found.failure.is_some()),
        runs: found.runs,
        decisions: found.decisions,
        failing_run,
        complete: u32::from(found.complete),
        reserved: 0,
        token,
    }
}

/// Says that something must be so. When it is not, the strand ends with the fault
/// STRAND_ERR_FAILED and this message, as with strand_fail(), and this does not return; an
/// exploration reports it. Off-strand a false condition is STRAND_ERR_FAILED.
///
/// @param condition  0 is false
/// @param message    what was expected; may be NULL
/// @return STRAND_OK: it is true;
///         STRAND_ERR_FAILED: it is false, off-strand; the message says what
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_assert(condition: i32, message: *const c_char) -> strand_status {
    if condition != 0 {
        return super::status::STRAND_OK;
    }
    // SAFETY: NULL or terminated, by the caller's promise.
    let message = if message.is_null() { c"" } else { unsafe { CStr::from_ptr(message) } };
    let text = strands::false_assertion(message.to_bytes());
    if strands::current() != 0 {
        // SAFETY: the caller wants its strand to end here; nothing on its frames needs a destructor: the text is plain
        // bytes on this stack.
        unsafe { strands::fail_strand(Status::FAILED, text.as_bytes(), (&raw const text).addr()) };
    }
    guard(|| fail(Status::FAILED, format_args!("{}", crate::strand::fault::Lossy(text.as_bytes()))))
}
