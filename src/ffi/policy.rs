// SPDX-License-Identifier: MIT OR Apache-2.0
//! Policies and lanes
//!
//! What a program may say about who runs next. The policy is chosen in the configuration; what it
//! looks at (priorities, progress tokens) is set here, and so is what comes before it (lanes,
//! holds).
//!
//! All of this belongs to STRAND_ENGINE_STEPPED. On STRAND_ENGINE_PARALLEL a program that uses it
//! runs unchanged: priorities, lanes and tokens are checked and remembered and can be read back,
//! but the order of strands does not depend on them, and a lane's width bounds nothing. Only
//! holding a strand is refused there, with STRAND_ERR_UNSUPPORTED.

use super::sized::{self, Sized32};
use super::spawn::strand_id;
use super::status::strand_status;
use super::{check, guard};
use crate::runtime::policies::{self, LaneOptions};
use core::ffi::c_char;

/// How a lane is made: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_lane_options {
    /// sizeof(strand_lane_options)
    pub size: u32,
    /// Picks that the lane gets in a row while it has ready strands, before the next lane has its
    /// turn. Default: 1.
    pub weight: u32,
    /// How many of its strands may run at the same time; 1 for strands that take turns, as those
    /// of an actor do. Default: any number. One strand at a time runs on the stepped engine, so
    /// there every width is kept; the parallel engine keeps none.
    pub width: u32,
    /// 0
    pub reserved: u32,
    /// Name for snapshots, of name_length bytes. Copied, and cut where it is long.
    pub name: *const c_char,
    /// Bytes at name.
    pub name_length: usize,
}

/// The record of one move of a strand to another lane. Its layout never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_handoff {
    /// Who moved; it may have ended since.
    pub strand: strand_id,
    /// Steps that had been made since init when it moved.
    pub step: u64,
    /// The lane it left.
    pub from: u32,
    /// The lane it joined.
    pub to: u32,
    /// Why, as the caller of strand_set_lane() said.
    pub reason: u32,
    /// 0
    pub reserved: u32,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null or 0 in every field.
unsafe impl Sized32 for strand_lane_options {
    const NAME: &'static str = "strand_lane_options";
}

/// Sets a strand's priority. A higher number comes first, under policies that look at it. It holds
/// at once: a strand that is ready keeps the time it has waited and takes its new place.
///
/// @param id        the strand; it may wait, run, or not have been started
/// @param priority  any number; 0 is what a strand begins with
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: id never named a strand;
///         STRAND_ERR_STALE: the strand has ended;
///         STRAND_ERR_NO_MEMORY: only on the parallel engine;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_set_priority(id: strand_id, priority: i32) -> strand_status {
    guard(|| policies::set_priority(id, priority))
}

/// A strand's priority, as it was spawned with or was set last. What ageing adds is not part of it.
///
/// @param id   the strand
/// @param out  its priority
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: id never named a strand, or out is NULL;
///         STRAND_ERR_STALE: the strand has ended;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_priority(id: strand_id, out: *mut i32) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_priority", "out")?;
        let priority = policies::priority(id)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(priority) };
        Ok(())
    })
}

/// Holds a strand: it keeps its place among those that are ready, also a place it gets later, and
/// is not picked before strand_resume(). A strand that runs, waits or has not been started is held
/// from the moment at which it would run next; a strand may hold itself. Holds do not add up.
///
/// While strands are ready but held and nothing else can happen, the program is no deadlock:
/// strand_scheduler_step() says STRAND_STEP_IDLE, and a call that drives waits until another
/// thread resumes one, as it does under strand_external_acquire(). Timers go on meanwhile, so a
/// strand may hold another, sleep, and resume it. A shutdown resumes everybody.
///
/// @param id  the strand
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: id never named a strand;
///         STRAND_ERR_STALE: the strand has ended;
///         STRAND_ERR_UNSUPPORTED: the engine is not the stepped one;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_pause(id: strand_id) -> strand_status {
    guard(|| policies::pause(id))
}

/// Lets a strand go that strand_pause() holds: it takes its turn at the place it has kept. For a
/// strand that is not held this does nothing.
///
/// @param id  the strand
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: id never named a strand;
///         STRAND_ERR_STALE: the strand has ended;
///         STRAND_ERR_UNSUPPORTED: the engine is not the stepped one;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_resume(id: strand_id) -> strand_status {
    guard(|| policies::resume(id))
}

/// Makes a lane. Lane 0 is always there. The lane is chosen before the policy picks in it: the
/// turn goes round the lanes that have a strand to run, in the order of their numbers, and each
/// gets as many picks in a row as its weight says. (STRAND_POLICY_RANDOM and STRAND_POLICY_PCT pick
/// among the strands of all lanes.) Lanes stay until shutdown; those that are made while
/// strand_explore() runs go with the schedule that makes them.
///
/// @param options  NULL: weight 1, any width, no name. Copied, with the name.
/// @param out      the lane's number: 1, then 2, and so on
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, or an option has no such value;
///         STRAND_ERR_UNSUPPORTED: reserved is not 0;
///         STRAND_ERR_LIMIT: there are 65,536 lanes;
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
pub unsafe extern "C" fn strand_lane_new(options: *const strand_lane_options, out: *mut u32) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_lane_new", "out")?;
        let mut chosen = LaneOptions::default();
        if !options.is_null() {
            // SAFETY: a struct as its size says, by the caller's promise.
            let options = unsafe { sized::read(options, "strand_lane_new") }?;
            check::zero(options.reserved.into(), "strand_lane_new", "reserved")?;
            // SAFETY: the name is readable while this call lasts, by the caller's promise.
            let name = unsafe { check::text(options.name, options.name_length, "strand_lane_new", "name") }?;
            chosen = LaneOptions { weight: options.weight, width: options.width, name };
        }
        let lane = policies::lane_new(&chosen)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(lane) };
        Ok(())
    })
}

/// Moves a strand to another lane, where it stands as if it had become ready just now, and keeps a
/// record of the move, a hand-off. To the lane in which it is: nothing happens, and there is no
/// record.
///
/// @param id      the strand
/// @param lane    0, or one that strand_lane_new() made
/// @param reason  any number, for the record
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: id never named a strand, or there is no such lane;
///         STRAND_ERR_STALE: the strand has ended;
///         STRAND_ERR_NO_MEMORY: only on the parallel engine;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_set_lane(id: strand_id, lane: u32, reason: u32) -> strand_status {
    guard(|| policies::set_lane(id, lane, reason))
}

/// The lane in which a strand is.
///
/// @param id   the strand
/// @param out  its lane
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: id never named a strand, or out is NULL;
///         STRAND_ERR_STALE: the strand has ended;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_lane(id: strand_id, out: *mut u32) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_lane", "out")?;
        let lane = policies::lane_of(id)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(lane) };
        Ok(())
    })
}

/// Gives a strand progress tokens, which STRAND_POLICY_PRIORITY_TOKEN and
/// STRAND_POLICY_PROGRESS_AWARE look at. A strand has at most as many as token_cap of the
/// configuration says; what is above that is lost.
///
/// @param id      the strand
/// @param tokens  how many more
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: id never named a strand;
///         STRAND_ERR_STALE: the strand has ended;
///         STRAND_ERR_NO_MEMORY: only on the parallel engine;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_tokens_grant(id: strand_id, tokens: u32) -> strand_status {
    guard(|| policies::grant(id, tokens))
}

/// Moves progress tokens from one strand to another: all of them, or none.
///
/// @param from    who has them
/// @param to      who gets them
/// @param tokens  how many
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: from or to never named a strand, or from has fewer;
///         STRAND_ERR_LIMIT: to would have more than token_cap of the configuration;
///         STRAND_ERR_STALE: one of the strands has ended;
///         STRAND_ERR_NO_MEMORY: only on the parallel engine;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_tokens_move(from: strand_id, to: strand_id, tokens: u32) -> strand_status {
    guard(|| policies::move_tokens(from, to, tokens))
}

/// How many progress tokens a strand has.
///
/// @param id   the strand
/// @param out  its tokens
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: id never named a strand, or out is NULL;
///         STRAND_ERR_STALE: the strand has ended;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_tokens(id: strand_id, out: *mut u32) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_tokens", "out")?;
        let tokens = policies::tokens(id)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(tokens) };
        Ok(())
    })
}

/// Copies the records of moves between lanes, oldest first. The last ones are kept, as many as
/// handoffs of the configuration says; reading does not take them away. Record i is number
/// dropped + i of all moves since init, counted from 0.
///
/// @param records   room for capacity records; may be NULL when capacity is 0
/// @param capacity  records that are copied at most, the oldest first
/// @param count     how many are kept, which may be more than capacity
/// @param dropped   how many older ones were dropped; may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: count is NULL, or records is NULL and capacity is not 0;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_handoffs_read(
    records: *mut strand_handoff,
    capacity: usize,
    count: *mut usize,
    dropped: *mut u64,
) -> strand_status {
    guard(|| {
        let function = "strand_handoffs_read";
        check::pointer(count, function, "count")?;
        if capacity > 0 {
            check::pointer(records, function, "records")?;
        }
        let (kept, lost) = policies::handoffs(|place, handoff| {
            if place < capacity {
                let record = strand_handoff {
                    strand: handoff.mark.name,
                    step: handoff.mark.step,
                    from: handoff.from,
                    to: handoff.to,
                    reason: handoff.mark.reason,
                    reserved: 0,
                };
                // SAFETY: room for `capacity` records, by the caller's promise.
                unsafe { records.add(place).write(record) };
            }
        })?;
        // SAFETY: writable, by the caller's promise.
        unsafe { count.write(kept) };
        if !dropped.is_null() {
            // SAFETY: as above.
            unsafe { dropped.write(lost) };
        }
        Ok(())
    })
}
