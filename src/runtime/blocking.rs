// SPDX-License-Identifier: MIT OR Apache-2.0
//! Regions in which a strand blocks the thread of its worker.
//!
//! While there is a region the slow paths of calls are taken, where a strand in one is refused what could switch. If the
//! strand ends in it all the same (it fails, or its entry returns) an exit hook ends the region.

use core::ffi::c_void;

use super::strands;
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::worker;
use crate::engine::world;
use crate::strand::body::Body;
use crate::strand::identity;
use crate::strand::message::fail;
use crate::strand::on_exit;
use crate::wait::cancel::{self, Raised};

/// The running strand is about to block its thread.
pub fn begin() -> Outcome<()> {
    let body = strands::on_strand()?;
    // At the end of the region it would wait for itself.
    world::refuse_owner()?;
    let worker = worker::of(body);
    if worker.region_depth() == u32::MAX {
        return fail(Status::LIMIT, format_args!("strand_block_begin is nested too deeply"));
    }
    if worker.region.is_of(body) {
        worker.begin_region(body);
        return Ok(());
    }
    on_exit::push(body, end_with_strand, (body as *const Body).cast_mut().cast())?;
    // Until the region ends.
    core::mem::forget(Raised::new());
    worker.begin_region(body);
    Ok(())
}

/// The running strand does not block its thread any more.
pub fn end() -> Outcome<()> {
    let body = strands::on_strand()?;
    let worker = worker::of(body);
    if !worker.region.is_of(body) || worker.region.is_callback() {
        return fail(Status::INVALID, format_args!("strand_block_end without its strand_block_begin"));
    }
    if worker.end_region() {
        on_exit::pop(body, end_with_strand);
        cancel::lower();
    }
    Ok(())
}

/// The strand ends in its region.
extern "C" fn end_with_strand(_: *mut c_void) {
    let Some(body) = identity::current() else { return };
    let worker = worker::of(body);
    while worker.region.is_of(body) {
        if worker.end_region() {
            cancel::lower();
        }
    }
}
