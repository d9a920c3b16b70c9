// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spawning strands
//!
//! A strand is a function that runs on a stack of its own and can wait without blocking a thread.
//! It starts with errno 0 and the default floating-point modes, and both follow it from thread to
//! thread.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::runtime::spawning::{self, SpawnOptions};
use crate::strand::message::fail;
use core::ffi::{c_char, c_void};

/// Names a strand, for ever: a handle is never used again, and below 2^62. 0 is no strand.
pub type strand_id = u64;

/// The function a strand runs. It may not let an exception leave: a foreign exception that
/// reaches its end ends the process, with the strand named. The result goes to the strand_exit
/// hook of the language, and without one it is ignored.
pub type strand_entry = Option<unsafe extern "C-unwind" fn(arg: *mut c_void) -> *mut c_void>;

/// The strand becomes ready only by strand_start(), and until then nobody waits for its end but
/// strand_join().
pub const STRAND_SPAWN_DORMANT: u32 = 1;
/// strand_scheduler_run() and strand_wait_all() do not wait for the strand.
pub const STRAND_SPAWN_UNCOUNTED: u32 = 2;
/// The strand runs at once in place of the one that spawns it, which goes on later: the call
/// switches. Off-strand the flag has no effect.
pub const STRAND_SPAWN_RUN_FIRST: u32 = 4;
/// The strand stays on the worker it is given to, whatever the configuration says.
pub const STRAND_SPAWN_PINNED: u32 = 8;
/// The strand may move between workers at any switch, whatever the configuration says.
pub const STRAND_SPAWN_MIGRATABLE: u32 = 16;
/// The strand starts with the spawning strand's values of all strand locals. They stay the
/// spawning strand's: what is inherited is not dropped when the strand ends.
pub const STRAND_SPAWN_INHERIT_LOCALS: u32 = 32;

const KNOWN_FLAGS: u32 = 63;

/// How a strand is made: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_spawn_options {
    /// sizeof(strand_spawn_options)
    pub size: u32,
    /// STRAND_SPAWN_ bits.
    pub flags: u32,
    /// Name for dumps and messages, of name_length bytes. Copied, and cut where it is long.
    pub name: *const c_char,
    /// Bytes at name.
    pub name_length: usize,
    /// Usable bytes of stack: the strand gets the smallest class that holds them. Default: the
    /// configuration's. More than the largest class is STRAND_ERR_LIMIT.
    pub stack_bytes: usize,
    /// The lane it is in at first: 0, or one that strand_lane_new() made.
    pub lane: u32,
    /// For policies that look at it; higher comes first. See strand_set_priority().
    pub priority: i32,
    /// The scope whose child it is, from strand_scope_open(); 0 for the root.
    pub scope: u64,
    /// Ends the argument if the strand never starts. Runs on the stack of whoever finds that out.
    pub arg_drop: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    /// Not 0: so many bytes at arg are copied, and entry gets the address of the copy, which is
    /// aligned to 16 bytes and lives as long as the strand.
    pub arg_bytes: usize,
    /// Handed to the language hooks as the strand's own pointer.
    pub local: *mut c_void,
    /// The cancel token that reaches the strand, from strand_cancel_new(); 0 for none. The strand
    /// counts on it until its end. Not together with a scope, whose own token reaches it.
    pub cancel: u64,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null, None or 0 in every
// field.
unsafe impl Sized32 for strand_spawn_options {
    const NAME: &'static str = "strand_spawn_options";
}

/// Starts a strand with default options. It is ready at once and may have run, and ended, before
/// this returns. On failure the argument is still the caller's.
///
/// The strand gets its stack when it first runs. When none can be had then, it ends with a fault
/// that strand_scheduler_run() reports.
///
/// @param entry  what the strand runs
/// @param arg    handed to entry
/// @param out    the strand's handle; may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: entry is NULL;
///         STRAND_ERR_LIMIT: as many strands are alive as the configuration or a handle allows;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn strand_spawn(entry: strand_entry, arg: *mut c_void, out: *mut strand_id) -> strand_status {
    // The caller's return address, which dumps show as the place of the spawn, becomes the fourth
    // argument. Only code without a prologue can still see it. endbr64 and hint 34 (bti c) are what
    // indirect calls must meet where the processor checks them, and do nothing elsewhere.
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("endbr64", "mov rcx, [rsp]", "jmp {}", sym spawn_at);
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("hint #34", "mov x3, x30", "b {}", sym spawn_at);
}

/// Starts a strand with options. It switches only with STRAND_SPAWN_RUN_FIRST.
///
/// @param options  NULL: as strand_spawn(). Copied, with the name.
/// @param entry    what the strand runs
/// @param arg      handed to entry; with arg_bytes, what is copied
/// @param out      the strand's handle; may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: entry is NULL, an option has no such value, or there is no such lane;
///         STRAND_ERR_UNSUPPORTED: an option that this version does not have yet;
///         STRAND_ERR_LIMIT: as strand_spawn(), or more stack than the largest class;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the token has fired, the scope is cancelled, or the runtime is
///         shutting down;
///         STRAND_ERR_STALE: the token or the scope is gone;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn strand_spawn_with(
    options: *const strand_spawn_options,
    entry: strand_entry,
    arg: *mut c_void,
    out: *mut strand_id,
) -> strand_status {
    // As strand_spawn; here the return address is the fifth argument.
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("endbr64", "mov r8, [rsp]", "jmp {}", sym spawn_with_at);
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("hint #34", "mov x4, x30", "b {}", sym spawn_with_at);
}

unsafe extern "C" fn spawn_at(
    entry: strand_entry,
    arg: *mut c_void,
    out: *mut strand_id,
    site: usize,
) -> strand_status {
    guard(|| {
        let entry = check::callback(entry, "strand_spawn", "entry")?;
        // SAFETY: entry may be called once with arg, by the caller's promise.
        let id = unsafe { spawning::spawn(entry, arg, site) }?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { store(out, id) };
        Ok(())
    })
}

unsafe extern "C" fn spawn_with_at(
    options: *const strand_spawn_options,
    entry: strand_entry,
    arg: *mut c_void,
    out: *mut strand_id,
    site: usize,
) -> strand_status {
    if options.is_null() {
        // SAFETY: the caller's promises are those of strand_spawn.
        return unsafe { spawn_at(entry, arg, out, site) };
    }
    guard(|| {
        let entry = check::callback(entry, "strand_spawn_with", "entry")?;
        // SAFETY: a struct as its size says, by the caller's promise.
        let options = unsafe { sized::read(options, "strand_spawn_with") }?;
        // SAFETY: the name is readable while this call lasts, by the caller's promise.
        let options = unsafe { convert(&options, arg) }?;
        // SAFETY: entry may be called once with arg or its copy, by the caller's promise.
        let id = unsafe { spawning::spawn_with(&options, entry, arg, site) }?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { store(out, id) };
        Ok(())
    })
}

/// # Safety
/// The name is readable for `'a`.
unsafe fn convert<'a>(options: &strand_spawn_options, arg: *mut c_void) -> Outcome<SpawnOptions<'a>> {
    let function = "strand_spawn_with";
    check::flags(options.flags, KNOWN_FLAGS, function)?;
    if options.arg_bytes > 0 && arg.is_null() {
        return fail(Status::INVALID, format_args!("{function}: arg is NULL, but arg_bytes is {}", options.arg_bytes));
    }
    Ok(SpawnOptions {
        flags: options.flags,
        // SAFETY: the caller's promise.
        name: unsafe { check::text(options.name, options.name_length, function, "name") }?,
        stack_bytes: options.stack_bytes,
        arg_drop: options.arg_drop,
        arg_bytes: options.arg_bytes,
        local: options.local,
        lane: options.lane,
        priority: options.priority,
        cancel: options.cancel,
        scope: options.scope,
        is_task: false,
    })
}

/// # Safety
/// `out` is null or writable.
unsafe fn store(out: *mut strand_id, id: strand_id) {
    if !out.is_null() {
        // SAFETY: the caller's promise.
        unsafe { out.write(id) };
    }
}
