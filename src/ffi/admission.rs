// SPDX-License-Identifier: MIT OR Apache-2.0
//! Admission of work
//!
//! The policy by which a worklist in STRAND_WORKLIST_AUTO mode is run, as a function of its own: how
//! deep the queue is and how full the lanes are decide. It never fails for a number that it is given.
//!
//! A depth of 0 is STRAND_ADMIT_EMPTY. Above spill_depth, or where the budget would need more than 32
//! bits, it is STRAND_ADMIT_SPILL_REQUIRED. From nonblocking_depth on, or below low_occupancy_bps, it
//! is STRAND_ADMIT_NON_BLOCKING, else STRAND_ADMIT_BLOCKING.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::work::evidence::{Evidence, SCHEMA};
use crate::work::measured;
use crate::work::policy::{Mode, Policy};
use core::ffi::c_char;

/// Nothing is queued.
pub const STRAND_ADMIT_EMPTY: u32 = 0;
/// Each item is run to its end by who has begun it.
pub const STRAND_ADMIT_BLOCKING: u32 = 1;
/// An item that has more to do goes back to the queue.
pub const STRAND_ADMIT_NON_BLOCKING: u32 = 2;
/// Items have to go to host memory first.
pub const STRAND_ADMIT_SPILL_REQUIRED: u32 = 3;

/// Flag of a request: where both times are there, the faster way is recommended in place of the one
/// that the thresholds say; the way in use stays unless the other takes less than nine tenths.
pub const STRAND_ADMIT_MEASURED: u32 = 1;

/// The schema of the first fields of strand_evidence.
pub const STRAND_EVIDENCE_SCHEMA: u32 = 1;

/// Nobody has compared results.
pub const STRAND_PARITY_UNCHECKED: u32 = 0;
/// Results of two implementations were compared and are equal.
pub const STRAND_PARITY_EQUAL: u32 = 1;
/// They were compared and differ.
pub const STRAND_PARITY_DIFFERENT: u32 = 2;

/// What is known of a frontier. 0 in a threshold is its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_worklist_request {
    /// sizeof(strand_worklist_request)
    pub size: u32,
    /// 0 or STRAND_ADMIT_MEASURED
    pub flags: u32,
    /// Items that are queued.
    pub depth: u32,
    /// How full batches or lanes are, in basis points; what is above 10,000 counts as 10,000.
    pub occupancy_bps: u32,
    /// Visits that were measured or are planned; given back.
    pub visits: u64,
    /// Time of these visits in blocking kernels, in nanoseconds; 0: not measured.
    pub blocking_ns: u64,
    /// The same in non-blocking kernels.
    pub nonblocking_ns: u64,
    /// From this depth on, non-blocking. Default: 64.
    pub nonblocking_depth: u32,
    /// Above this depth, spill first. Default: 1,048,576.
    pub spill_depth: u32,
    /// Visits budgeted for each item. Default: 8.
    pub visits_per_item: u32,
    /// Below this occupancy, non-blocking. Default: 5,000.
    pub low_occupancy_bps: u32,
    /// With STRAND_ADMIT_MEASURED: the way in use, STRAND_ADMIT_BLOCKING or
    /// STRAND_ADMIT_NON_BLOCKING; 0: neither.
    pub mode_in_use: u32,
    /// 0
    pub reserved: u32,
}

/// What the policy says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_worklist_recommendation {
    /// sizeof(strand_worklist_recommendation)
    pub size: u32,
    /// STRAND_ADMIT_ mode
    pub mode: u32,
    /// depth of the request
    pub depth: u32,
    /// The occupancy that decided: at most 10,000.
    pub occupancy_bps: u32,
    /// depth times visits_per_item: visits after which such a run should have ended.
    pub visit_budget: u64,
    /// visits of the request
    pub visits: u64,
    /// 1: results of both ways have to be the same.
    pub parity_required: u32,
    /// 1: visits are those of single items.
    pub reports_items: u32,
    /// The mode as text: empty, blocking, non_blocking or spill_required. It stays.
    pub label: *const c_char,
}

/// What a run leaves to be judged by. The fields up to reports_items are schema 1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_evidence {
    /// sizeof(strand_evidence)
    pub size: u32,
    /// STRAND_EVIDENCE_SCHEMA
    pub schema: u32,
    /// STRAND_ADMIT_ mode
    pub mode: u32,
    /// Items that were queued at once, at most.
    pub depth: u32,
    /// Items that were run, each time that one was counted.
    pub visits: u64,
    /// How full batches or lanes were, in basis points.
    pub occupancy_bps: u32,
    /// 1: results of both ways have to be the same.
    pub parity_required: u32,
    /// Time in blocking kernels, in nanoseconds.
    pub blocking_ns: u64,
    /// Time in non-blocking kernels, in nanoseconds.
    pub nonblocking_ns: u64,
    /// 1: visits are those of single items.
    pub reports_items: u32,
    /// STRAND_PARITY_ number
    pub parity: u32,
    /// 1: the fields of schema 1 are filled.
    pub complete: u32,
    /// 0
    pub reserved: u32,
    /// Items that went to host memory for want of room.
    pub spilled: u64,
    /// Items that went back to the queue.
    pub requeued: u64,
    /// Slices that were run.
    pub rounds: u64,
    /// Submissions to a device.
    pub submissions: u64,
    /// Bytes to and from a device.
    pub bytes: u64,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null or 0 in every field.
unsafe impl Sized32 for strand_worklist_request {
    const NAME: &'static str = "strand_worklist_request";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_worklist_recommendation {
    const NAME: &'static str = "strand_worklist_recommendation";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_evidence {
    const NAME: &'static str = "strand_evidence";
}

const _: () = assert!(STRAND_EVIDENCE_SCHEMA == SCHEMA);

impl strand_evidence {
    /// The evidence in C terms.
    pub(super) fn of(evidence: &Evidence) -> strand_evidence {
        strand_evidence {
            size: size_of::<strand_evidence>() as u32,
            schema: evidence.schema,
            mode: evidence.mode as u32,
            depth: evidence.depth,
            visits: evidence.visits,
            occupancy_bps: evidence.occupancy_bps,
            parity_required: evidence.parity_required.into(),
            blocking_ns: evidence.blocking_ns,
            nonblocking_ns: evidence.nonblocking_ns,
            reports_items: evidence.reports_items.into(),
            parity: evidence.parity as u32,
            complete: evidence.is_complete().into(),
            reserved: 0,
            spilled: evidence.spilled,
            requeued: evidence.requeued,
            rounds: evidence.rounds,
            submissions: evidence.submissions,
            bytes: evidence.bytes,
        }
    }
}

/// Says how a frontier is best worked on. It depends on nothing but the request: no runtime is
/// needed, and the same request has the same answer.
///
/// @param request  what is known
/// @param out      what to do; its size is set by the caller
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: request or out is NULL or has no such size, there are unknown flags, or
///         mode_in_use is no such mode;
///         STRAND_ERR_UNSUPPORTED: reserved is not 0
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_recommend(
    request: *const strand_worklist_request,
    out: *mut strand_worklist_recommendation,
) -> strand_status {
    guard(|| {
        let function = "strand_worklist_recommend";
        // SAFETY: structs as their sizes say, by the caller's promise.
        let request = unsafe { sized::read(request, function) }?;
        check::flags(request.flags, STRAND_ADMIT_MEASURED, function)?;
        check::zero(request.reserved.into(), function, "reserved")?;
        check::at_most(request.mode_in_use, STRAND_ADMIT_NON_BLOCKING, function, "mode_in_use")?;
        let answer = answer(&request);
        // SAFETY: as above.
        unsafe { sized::write(out, &answer, function) }
    })
}

/// The policy's answer, and that of the times where they are asked for.
fn answer(request: &strand_worklist_request) -> strand_worklist_recommendation {
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    let policy = Policy {
        nonblocking_depth: or(request.nonblocking_depth, Policy::STANDARD.nonblocking_depth),
        spill_depth: or(request.spill_depth, Policy::STANDARD.spill_depth),
        visits_per_item: or(request.visits_per_item, Policy::STANDARD.visits_per_item),
        low_occupancy_bps: or(request.low_occupancy_bps, Policy::STANDARD.low_occupancy_bps),
    };
    let said = policy.recommend(request.depth, request.occupancy_bps);
    let timed = request.flags & STRAND_ADMIT_MEASURED != 0 && request.blocking_ns != 0 && request.nonblocking_ns != 0;
    let mode = match said.mode {
        Mode::Blocking | Mode::NonBlocking if timed => {
            measured::faster(Mode::of(request.mode_in_use), request.blocking_ns, request.nonblocking_ns)
        }
        mode => mode,
    };
    strand_worklist_recommendation {
        size: size_of::<strand_worklist_recommendation>() as u32,
        mode: mode as u32,
        depth: request.depth,
        occupancy_bps: said.occupancy_bps,
        visit_budget: said.budget,
        visits: request.visits,
        parity_required: 1,
        reports_items: 1,
        label: mode.label().as_ptr(),
    }
}
