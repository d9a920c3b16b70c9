// SPDX-License-Identifier: MIT OR Apache-2.0
//! Offload
//!
//! A call that blocks its OS thread (reading a file, looking a name up, a library that knows
//! nothing of strands) stops every strand of that thread's worker. strand_offload() has it made by
//! a thread of a pool, while the calling strand waits and the others go on. Threads are started as
//! they are needed, up to offload_threads of the configuration, and leave after some seconds without
//! work; calls are made in the order in which they came.
//!
//! A call cannot be stopped from outside. One that has not begun is taken back at its deadline or
//! when its strand is cancelled, and then never runs; one that has begun is waited for, as by Go,
//! because its function may use what the strand has on its stack. (libuv and Tokio answer the same
//! way: what runs is not cancelled.) A call made with STRAND_OFFLOAD_ABANDON owns its argument, and so
//! it can be left behind.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::io::offload::{self, Abandon};
use crate::runtime::blocking;
use crate::strand::message::fail;
use core::ffi::c_void;

/// Flag: at its deadline, and when its strand is cancelled, the call is left behind, although it has
/// begun.
pub const STRAND_OFFLOAD_ABANDON: u32 = 1;

/// Options of an offloaded call: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_offload_options {
    /// sizeof(strand_offload_options)
    pub size: u32,
    /// STRAND_OFFLOAD_ bits.
    pub flags: u32,
    /// With STRAND_OFFLOAD_ABANDON, not 0: so many bytes at arg are copied, and fn gets the address of
    /// the copy, which is gone when fn has returned. 0: fn gets arg itself.
    pub arg_bytes: usize,
    /// With STRAND_OFFLOAD_ABANDON: gets what fn would have got, if fn never runs and the status is
    /// STRAND_ERR_TIMEOUT or STRAND_ERR_CANCELLED. Runs on the strand.
    pub arg_drop: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    /// With STRAND_OFFLOAD_ABANDON: gets the result of a call that was left behind. Runs on the
    /// thread that made it.
    pub result_drop: Option<unsafe extern "C" fn(result: *mut c_void)>,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is None or 0 in every field.
unsafe impl Sized32 for strand_offload_options {
    const NAME: &'static str = "strand_offload_options";
}

/// Calls fn(arg) on a thread that may block, and waits for its result. errno and the floating-point
/// modes go there with the call and come back with it, so the call leaves errno as if the strand had
/// made it. The thread is named "strand-offload" and has all asynchronous signals blocked; on it
/// strand_self() is 0, there are no strand locals, and calls of this library behave as on any OS
/// thread. fn may throw nothing.
///
/// The call counts as an external hold while it lasts: it may wake somebody, so nothing is a deadlock
/// meanwhile, and a virtual clock stands still. Calls that wait for each other need as many threads as
/// there are of them. A shutdown waits for calls that run. An OS thread that calls this makes the call
/// itself, at once. Exploration does not know what other threads do: there the schedule fails with a
/// report that says so.
///
/// @param fn        the function; it may block
/// @param arg       handed to it
/// @param deadline  until when the call may wait for its turn, see strand_after(); once begun it is
///                  waited for beyond that
/// @param result    what fn returned; may be NULL
/// @return STRAND_OK: fn has run to its end, even if the deadline has passed or the strand was
///         cancelled meanwhile;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_CANCELLED: fn did not run and never will;
///         STRAND_ERR_WOULD_BLOCK: the deadline was STRAND_NO_WAIT, fn did not run;
///         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY: no thread could be had, fn did not run;
///         STRAND_ERR_PANIC: fn was written in Rust and panicked;
///         STRAND_ERR_INVALID: fn is NULL or the deadline is below -1;
///         STRAND_ERR_UNSUPPORTED: the schedule is being explored;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_offload(
    r#fn: Option<unsafe extern "C-unwind" fn(arg: *mut c_void) -> *mut c_void>,
    arg: *mut c_void,
    deadline: i64,
    result: *mut *mut c_void,
) -> strand_status {
    guard(|| {
        let function = check::callback(r#fn, "strand_offload", "fn")?;
        check::deadline(deadline, "strand_offload")?;
        // SAFETY: nothing is copied.
        let value = unsafe { offload::offload(function, arg, deadline, None) }?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { give(result, value) };
        Ok(())
    })
}

/// Calls fn(arg) on a thread that may block, with options. With STRAND_OFFLOAD_ABANDON the argument
/// is handed over where the status is STRAND_OK, STRAND_ERR_TIMEOUT or STRAND_ERR_CANCELLED: fn gets it,
/// or arg_drop where fn never runs. A call that is left behind goes on to its end; until then it is
/// still an external hold, and a shutdown waits for it.
///
/// @param options   copied
/// @param fn        the function; it may block
/// @param arg       handed to it, or copied
/// @param deadline  see strand_after()
/// @param result    what fn returned; may be NULL
/// @return as strand_offload(); with STRAND_OFFLOAD_ABANDON
///         STRAND_ERR_TIMEOUT, STRAND_ERR_CANCELLED: fn did not run and never will, or it was left
///         behind;
///         STRAND_ERR_NO_MEMORY: no memory for the call, fn did not run;
///         STRAND_ERR_LIMIT: an argument of more than 2^30 bytes is not copied;
///         STRAND_ERR_INVALID: options is NULL, or an option makes no sense
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_offload_with(
    options: *const strand_offload_options,
    r#fn: Option<unsafe extern "C-unwind" fn(arg: *mut c_void) -> *mut c_void>,
    arg: *mut c_void,
    deadline: i64,
    result: *mut *mut c_void,
) -> strand_status {
    guard(|| {
        // SAFETY: a struct as its size says, by the caller's promise.
        let abandon = convert(&unsafe { sized::read(options, "strand_offload_with") }?)?;
        let function = check::callback(r#fn, "strand_offload_with", "fn")?;
        check::deadline(deadline, "strand_offload_with")?;
        if abandon.as_ref().is_some_and(|abandon| abandon.arg_bytes > 0) {
            check::pointer(arg.cast::<u8>(), "strand_offload_with", "arg")?;
        }
        // SAFETY: as many bytes as arg_bytes says are readable, by the caller's promise.
        let value = unsafe { offload::offload(function, arg, deadline, abandon.as_ref()) }?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { give(result, value) };
        Ok(())
    })
}

/// Says that the calling strand is about to block its OS thread, in code that cannot be offloaded because
/// it belongs to this thread, or that calls back. Other strands go on: a spare worker takes the place of
/// this one, up to eight at a time, and takes over what waits behind the strand. The strand stays on its
/// thread until the matching strand_block_end(), so thread-locals stay what they are; strands that may
/// not leave this worker (STRAND_SPAWN_PINNED, STRAND_MIGRATE_NEVER) wait for that too. May be nested. A
/// call that takes below some 20 microseconds is not worth it.
///
/// Between the two the strand makes no call that could wait or switch: it gets STRAND_ERR_WOULD_SWITCH.
/// For strand_world_stop() it counts as stopped, and so it touches nothing that is collected and makes
/// no call that passes values. A strand that ends in between leaves nothing behind. On the stepped engine, where one
/// strand runs at a time, and on the may engine nobody takes its place.
///
/// @return STRAND_OK;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_LIMIT: nested more than 2^32 - 1 times;
///         STRAND_ERR_WOULD_SWITCH: the strand has stopped the world, and would wait for itself at the end;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_block_begin() -> strand_status {
    guard(blocking::begin)
}

/// Says that the calling strand does not block its OS thread any more. While the world is stopped it
/// waits here. Afterwards it is a strand like every other, and may go on on another thread after its
/// next call that switches.
///
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: there is no strand_block_begin() that this could end;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_block_end() -> strand_status {
    guard(blocking::end)
}

fn convert(options: &strand_offload_options) -> Outcome<Option<Abandon>> {
    check::flags(options.flags, STRAND_OFFLOAD_ABANDON, "strand_offload_with")?;
    let abandons = options.flags & STRAND_OFFLOAD_ABANDON != 0;
    if !abandons && (options.arg_bytes > 0 || options.arg_drop.is_some() || options.result_drop.is_some()) {
        return fail(
            Status::INVALID,
            format_args!(
                "strand_offload_with: arg_bytes, arg_drop and result_drop are for calls with STRAND_OFFLOAD_ABANDON; \
                 without it the strand waits for the call and keeps its argument"
            ),
        );
    }
    Ok(abandons.then_some(Abandon {
        arg_bytes: options.arg_bytes,
        arg_drop: options.arg_drop,
        result_drop: options.result_drop,
    }))
}

/// # Safety
/// `result` is null or writable.
unsafe fn give(result: *mut *mut c_void, value: *mut c_void) {
    if !result.is_null() {
        // SAFETY: by contract.
        unsafe { result.write(value) };
    }
}
