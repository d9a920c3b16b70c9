// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tasks
//!
//! A task is a strand with an outcome: a value, a failure or a cancellation, written once and seen
//! alike by everybody who asks, from strands and threads, any number of times. The handle is
//! counted. A task whose last handle is released while it runs goes on, and nobody learns its
//! outcome.
//!
//! A value is one machine word. Whoever gives a task a value_drop has it called once for a value
//! that nobody took with strand_task_take(), when the last handle is gone; and arg_drop once for
//! an argument that the entry function never got. Both run on the stack of whoever finds that out,
//! where they may not wait.

use super::sized::{self, Sized32};
use super::spawn::{
    STRAND_SPAWN_INHERIT_LOCALS, STRAND_SPAWN_MIGRATABLE, STRAND_SPAWN_PINNED, STRAND_SPAWN_RUN_FIRST,
    STRAND_SPAWN_UNCOUNTED,
};
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::Outcome;
use crate::runtime::spawning::SpawnOptions;
use crate::runtime::tasks::{self, TaskOptions};
use crate::task::calls;
use crate::task::outcome::Ended;
use core::ffi::{c_char, c_void};

/// Names a task; below 2^62 and never used again. 0 is no task.
pub type strand_task = u64;

/// Names a scope; 0 is the root, to which everything belongs that is not spawned into another.
pub type strand_scope = u64;

/// The function of a task. 0: the task has succeeded with *value (0 if it wrote none), also when
/// it was cancelled meanwhile. STRAND_ERR_CANCELLED when it was: the task is cancelled. Any other
/// negative number: the task has failed with that code; a positive one: with STRAND_ERR_INVALID.
pub type strand_task_entry = Option<unsafe extern "C-unwind" fn(arg: *mut c_void, value: *mut u64) -> strand_status>;

/// The task has not begun, or is that of an open promise.
pub const STRAND_PENDING: u32 = 0;
/// The task has begun and not ended.
pub const STRAND_RUNNING: u32 = 1;
/// The task has ended with a value.
pub const STRAND_SUCCEEDED: u32 = 2;
/// The task has ended with a failure.
pub const STRAND_FAILED: u32 = 3;
/// The task was cancelled.
pub const STRAND_CANCELLED: u32 = 4;

/// How a task has ended, or how far it is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_outcome {
    /// sizeof(strand_outcome)
    pub size: u32,
    /// STRAND_PENDING, STRAND_RUNNING, STRAND_SUCCEEDED, STRAND_FAILED or STRAND_CANCELLED.
    pub state: u32,
    /// STRAND_SUCCEEDED: the value; 0 when it was taken.
    pub value: u64,
    /// STRAND_FAILED: why. STRAND_SUCCEEDED: STRAND_ERR_TAKEN when the value was taken. Else 0.
    pub code: strand_status,
    /// In a join the place in the order of completion, from 0; UINT32_MAX for a task that has not
    /// ended. Else 0.
    pub rank: u32,
    /// STRAND_CANCELLED: why; the reason of the first who asked for it.
    pub reason: u64,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is 0 in every field.
unsafe impl Sized32 for strand_outcome {
    const NAME: &'static str = "strand_outcome";
}

// A select writes it from the core.
const _: () = assert!(size_of::<strand_outcome>() == size_of::<crate::task::case::RawOutcome>());

/// How a task is made: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_task_options {
    /// sizeof(strand_task_options)
    pub size: u32,
    /// STRAND_SPAWN_ bits, STRAND_SPAWN_DORMANT excepted.
    pub flags: u32,
    /// Name of the task's strand, of name_length bytes. Copied, and cut where it is long.
    pub name: *const c_char,
    /// Bytes at name.
    pub name_length: usize,
    /// Usable bytes of stack, as in strand_spawn_options.
    pub stack_bytes: usize,
    /// The lane it is in at first, as in strand_spawn_options.
    pub lane: u32,
    /// For policies that look at it; higher comes first. See strand_set_priority().
    pub priority: i32,
    /// The scope it belongs to; 0 for the root.
    pub scope: strand_scope,
    /// Ends the argument if the entry function never runs.
    pub arg_drop: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    /// Ends the value if nobody takes it.
    pub value_drop: Option<unsafe extern "C" fn(value: u64)>,
    /// Handed to the language hooks as the strand's own pointer.
    pub local: *mut c_void,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null, None or 0 in every
// field.
unsafe impl Sized32 for strand_task_options {
    const NAME: &'static str = "strand_task_options";
}

const KNOWN_FLAGS: u32 = STRAND_SPAWN_UNCOUNTED
    | STRAND_SPAWN_RUN_FIRST
    | STRAND_SPAWN_PINNED
    | STRAND_SPAWN_MIGRATABLE
    | STRAND_SPAWN_INHERIT_LOCALS;

/// Starts a task. Its strand is ready at once and may have run, and ended, before this returns. On
/// failure the argument is still the caller's.
///
/// @param scope  the scope it belongs to; 0 for the root
/// @param entry  what the task runs
/// @param arg    handed to entry
/// @param out    the task's handle; NULL for a task whose outcome nobody asks for
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: entry is NULL, or scope names no scope and never did;
///         STRAND_ERR_STALE: the scope is gone;
///         STRAND_ERR_LIMIT: as many strands are alive as the configuration or a handle allows;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the scope is cancelled or the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn strand_task_spawn(
    scope: strand_scope,
    entry: strand_task_entry,
    arg: *mut c_void,
    out: *mut strand_task,
) -> strand_status {
    // As strand_spawn: the return address becomes the fifth argument.
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("endbr64", "mov r8, [rsp]", "jmp {}", sym spawn_at);
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("hint #34", "mov x4, x30", "b {}", sym spawn_at);
}

/// Starts a task with options. It switches only with STRAND_SPAWN_RUN_FIRST.
///
/// @param options  NULL: as strand_task_spawn() into the root. Copied, with the name.
/// @param entry    what the task runs
/// @param arg      handed to entry
/// @param out      the task's handle; NULL for a task whose outcome nobody asks for
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: entry is NULL, or an option has no such value;
///         STRAND_ERR_LIMIT: as strand_task_spawn(), or more stack than the largest class;
///         STRAND_ERR_STALE, STRAND_ERR_NO_MEMORY, STRAND_ERR_CANCELLED: as strand_task_spawn();
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn strand_task_spawn_with(
    options: *const strand_task_options,
    entry: strand_task_entry,
    arg: *mut c_void,
    out: *mut strand_task,
) -> strand_status {
    // As above.
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("endbr64", "mov r8, [rsp]", "jmp {}", sym spawn_with_at);
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("hint #34", "mov x4, x30", "b {}", sym spawn_with_at);
}

unsafe extern "C" fn spawn_at(
    scope: strand_scope,
    entry: strand_task_entry,
    arg: *mut c_void,
    out: *mut strand_task,
    site: usize,
) -> strand_status {
    guard(|| {
        let entry = check::callback(entry, "strand_task_spawn", "entry")?;
        // SAFETY: entry may be called once with arg, by the caller's promise.
        let handle = unsafe { tasks::spawn(None, scope, entry, arg, site) }?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { hand_over(out, handle) }
    })
}

unsafe extern "C" fn spawn_with_at(
    options: *const strand_task_options,
    entry: strand_task_entry,
    arg: *mut c_void,
    out: *mut strand_task,
    site: usize,
) -> strand_status {
    if options.is_null() {
        // SAFETY: the caller's promises are those of strand_task_spawn.
        return unsafe { spawn_at(0, entry, arg, out, site) };
    }
    guard(|| {
        let entry = check::callback(entry, "strand_task_spawn_with", "entry")?;
        // SAFETY: a struct as its size says, by the caller's promise.
        let options = unsafe { sized::read(options, "strand_task_spawn_with") }?;
        // SAFETY: the name is readable while this call lasts, by the caller's promise.
        let made = unsafe { convert(&options) }?;
        // SAFETY: entry may be called once with arg, by the caller's promise.
        let handle = unsafe { tasks::spawn(Some(&made), options.scope, entry, arg, site) }?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { hand_over(out, handle) }
    })
}

/// # Safety
/// The name is readable for `'a`.
unsafe fn convert<'a>(options: &strand_task_options) -> Outcome<TaskOptions<'a>> {
    let function = "strand_task_spawn_with";
    check::flags(options.flags, KNOWN_FLAGS, function)?;
    let strand = SpawnOptions {
        flags: options.flags,
        // SAFETY: the caller's promise.
        name: unsafe { check::text(options.name, options.name_length, function, "name") }?,
        stack_bytes: options.stack_bytes,
        local: options.local,
        lane: options.lane,
        priority: options.priority,
        ..SpawnOptions::default()
    };
    Ok(TaskOptions { strand, drop_argument: options.arg_drop, drop_value: options.value_drop })
}

/// Gives the handle to the caller; one that nobody wants is released.
///
/// # Safety
/// `out` is null or writable.
unsafe fn hand_over(out: *mut strand_task, handle: strand_task) -> Outcome<()> {
    if out.is_null() {
        return calls::release(handle);
    }
    // SAFETY: the caller's promise.
    unsafe { out.write(handle) };
    Ok(())
}

/// Waits until a task has ended. The value stays the task's: everybody who awaits it gets the same
/// word. Off-strand the thread is blocked.
///
/// @param task      the task
/// @param deadline  see strand_after()
/// @param value     its value; may be NULL
/// @return STRAND_OK: it has succeeded;
///         STRAND_ERR_FAILED: it has failed; strand_task_outcome() has the code, strand_task_fault()
///         the rest;
///         STRAND_ERR_CANCELLED: it was cancelled, or else the caller is asked to end, or the
///         runtime was shut down meanwhile: strand_task_outcome() tells which;
///         STRAND_ERR_TAKEN: its value was taken;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it has not ended;
///         STRAND_ERR_INVALID: task names no task and never did, or the one that makes the call; or
///         the deadline is below -1;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_task_await(task: strand_task, deadline: i64, value: *mut u64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_task_await")?;
        let got = calls::await_value(task, deadline)?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { store(value, got) };
        Ok(())
    })
}

/// Waits until a task has ended and moves its value out: value_drop will not run for it, and nobody
/// gets it again. Of several who try one gets it.
///
/// @param task      the task
/// @param deadline  see strand_after()
/// @param value     its value
/// @return STRAND_OK: the value is the caller's;
///         STRAND_ERR_TAKEN: it was taken before;
///         STRAND_ERR_INVALID: value is NULL, or as strand_task_await();
///         STRAND_ERR_FAILED, STRAND_ERR_CANCELLED, STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK,
///         STRAND_ERR_STALE, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED,
///         STRAND_ERR_FORKED: as strand_task_await()
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_task_take(task: strand_task, deadline: i64, value: *mut u64) -> strand_status {
    guard(|| {
        check::pointer(value, "strand_task_take", "value")?;
        check::deadline(deadline, "strand_task_take")?;
        let got = calls::take(task, deadline)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { store(value, got) };
        Ok(())
    })
}

/// Tells how a task has ended, or how far it is. A failure that was asked for here, awaited, joined
/// or selected is not reported by strand_scheduler_run().
///
/// @param task  the task
/// @param out   filled; out->size is set by the caller
/// @return STRAND_OK, however far the task is;
///         STRAND_ERR_INVALID: out is NULL or has no such size, or task names no task and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_task_outcome(task: strand_task, out: *mut strand_outcome) -> strand_status {
    guard(|| {
        // SAFETY: NULL or a struct as its size says, by the caller's promise.
        unsafe { sized::check(out, "strand_task_outcome") }?;
        let ended = calls::outcome(task)?;
        // SAFETY: as above.
        unsafe { sized::write(out, &outcome_of(&ended, 0), "strand_task_outcome") }
    })
}

/// An outcome as C sees it.
pub(super) fn outcome_of(ended: &Ended, rank: u32) -> strand_outcome {
    strand_outcome {
        size: 0,
        state: ended.state as u32,
        value: ended.value,
        code: if ended.taken { super::status::STRAND_ERR_TAKEN } else { ended.code.0 },
        rank,
        reason: ended.reason,
    }
}

/// Asks a task to end. One that has not begun is cancelled at once, and its argument goes to
/// arg_drop. One that runs goes on: every call of its strand that may wait returns
/// STRAND_ERR_CANCELLED, and what its entry function returns decides. The task of a promise is
/// cancelled at once.
///
/// @param task    the task
/// @param reason  handed to whoever asks for the outcome; those from 2^63 are the library's own
/// @return STRAND_OK: it was asked for; the first reason stays;
///         STRAND_ERR_ALREADY: the task has ended;
///         STRAND_ERR_INVALID: task names no task and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_task_cancel(task: strand_task, reason: u64) -> strand_status {
    guard(|| calls::cancel(task, reason))
}

/// Takes one more handle on a task, to be released too.
///
/// @param task  the task
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: task names no task and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_LIMIT: it has 2^30;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_task_retain(task: strand_task) -> strand_status {
    guard(|| calls::retain(task))
}

/// Gives a handle on a task back. After the last one calls with it are STRAND_ERR_STALE; who waits
/// for the task goes on waiting. A task that runs is left alone, and its value dropped at its end.
///
/// @param task  the task
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: task names no task and never did;
///         STRAND_ERR_STALE: its last handle was released;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_task_release(task: strand_task) -> strand_status {
    guard(|| calls::release(task))
}

/// The task that the calling strand runs. It is no further handle: one that is to outlive the
/// others is retained.
///
/// @return its handle; 0 on a strand that runs no task, and off-strand
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_task_self() -> strand_task {
    calls::current()
}

/// # Safety
/// `out` is null or writable.
unsafe fn store(out: *mut u64, value: u64) {
    if !out.is_null() {
        // SAFETY: the caller's promise.
        unsafe { out.write(value) };
    }
}
