// SPDX-License-Identifier: MIT OR Apache-2.0
//! What worklists and their runs are made with, read and checked.

use super::worklist::*;
use super::{check, sized};
use crate::base::status::{Outcome, Status};
use crate::gpu::worklist::list::{Options, Way};
use crate::gpu::worklist::run::{Limits, WORKERS_MAX};
use crate::gpu::worklist::shape::{Order, Spill};
use crate::strand::message::fail;
use crate::wait::block::FOREVER;

/// # Safety
/// `options` is null or points to a struct as its size says, with as many buffers as it says.
pub(super) unsafe fn options_of(options: *const strand_worklist_options) -> Outcome<Options> {
    let function = "strand_worklist_new";
    if options.is_null() {
        return Ok(Options::default());
    }
    // SAFETY: by contract.
    let given = unsafe { sized::read(options, function) }?;
    check::flags(given.flags, STRAND_WORKLIST_DIFFERENTIAL, function)?;
    check::zero(given.reserved.into(), function, "reserved")?;
    check::at_most(given.order, STRAND_WORKLIST_LIFO, function, "order")?;
    check::at_most(given.spill, STRAND_WORKLIST_SPILL_ERROR, function, "spill")?;
    check::at_most(given.mode, STRAND_WORKLIST_NON_BLOCKING, function, "mode")?;
    let mut wanted = Options::default();
    wanted.differential = given.flags & STRAND_WORKLIST_DIFFERENTIAL != 0;
    wanted.order = if given.order == STRAND_WORKLIST_LIFO { Order::Lifo } else { Order::Fifo };
    wanted.spill = if given.spill == STRAND_WORKLIST_SPILL_ERROR { Spill::Error } else { Spill::Host };
    wanted.way = [Way::Auto, Way::Blocking, Way::NonBlocking][given.mode as usize];
    wanted.numbers(given.capacity, given.bands, given.tenants)?;
    wanted.debug(given.debug_max)?;
    wanted.bounds(given.host_items_max, given.spill_items_max, given.emitted_max, given.faults_max);
    if given.buffer_count > 0 {
        check::pointer(given.buffers, function, "buffers")?;
        // SAFETY: so many handles lie there, by contract.
        wanted.buffers(unsafe { core::slice::from_raw_parts(given.buffers, given.buffer_count as usize) })?;
    }
    Ok(wanted)
}

/// # Safety
/// `options` is null or points to a struct as its size says.
pub(super) unsafe fn limits_of(options: *const strand_run_options, function: &str) -> Outcome<Limits> {
    let or = |value: u64, default: u64| if value == 0 { default } else { value };
    if options.is_null() {
        return Ok(Limits::NONE);
    }
    // SAFETY: by contract.
    let given = unsafe { sized::read(options, function) }?;
    check::flags(given.flags, STRAND_RUN_UNTIL_CLOSED, function)?;
    check::zero(given.reserved.into(), function, "reserved")?;
    check::deadline(given.deadline, function)?;
    if given.workers > WORKERS_MAX {
        return fail(
            Status::LIMIT,
            format_args!("{function}: workers is {}: it can be at most {WORKERS_MAX}", given.workers),
        );
    }
    Ok(Limits {
        until_closed: given.flags & STRAND_RUN_UNTIL_CLOSED != 0,
        visits_max: or(given.visits_max, u64::MAX),
        rounds_max: or(given.rounds_max, u64::MAX),
        deadline: if given.deadline == 0 { FOREVER } else { given.deadline },
        workers: given.workers,
    })
}
