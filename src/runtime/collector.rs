// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a collector sees of a stopped world: where the library keeps values, and the stacks of strands.
//!
//! Every layer shows its own roots; here they are put together. A stack is shown from where its registers were stored
//! to its first frame: suspended strands store them in the switch, the caller in [`spilled`].

use super::world;
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::{self, worker};
use crate::io::pool;
use crate::strand::body::Body;
use crate::strand::context::spilled;
use crate::strand::head::{self, Head, Phase};
use crate::strand::root::{Kind, Root, Visit};
use crate::strand::{extras, identity, locals, on_exit};
use crate::sync::{channel, timer};
use crate::task::{generator, table};
use crate::wait::{on_cancel, park};

/// Shows every root. The caller has stopped the world.
pub fn visit_roots(visit: Visit<'_>) -> Outcome<()> {
    world::check_stopped("strand_gc_visit_roots")?;
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    for index in 0..engine.strands.fresh() {
        visit_strand(head::at(index), visit);
    }
    channel::visit(visit);
    pool::visit(visit);
    table::visit(visit);
    generator::visit(visit);
    timer::visit(visit);
    on_cancel::visit(visit);
    Ok(())
}

fn visit_strand(strand: &'static Head, visit: Visit<'_>) {
    if strand.phase() == Phase::Free {
        return;
    }
    let owner = head::handle_of(strand);
    let body = strand.started_body();
    match extras::of(strand, body) {
        Some(extras) => extras.visit(owner, body.is_some(), visit),
        None if body.is_none() => visit(Root::word(Kind::Argument, &raw const strand.payload, owner)),
        None => {}
    }
    if let Some(body) = body {
        locals::visit(body.locals.get(), owner, visit);
        on_exit::visit(body, owner, visit);
        if let Some(holder) = park::untaken(body) {
            visit(Root::word(Kind::ParkValue, &raw const holder.payload, owner));
        }
    }
}

/// A stretch of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// The strand; 0 for the stack of an OS thread.
    pub strand: u64,
    /// It is the caller's.
    pub of_caller: bool,
    /// First address.
    pub low: usize,
    /// The address behind the last.
    pub high: usize,
}

/// Shows the stack of every suspended strand, and the caller's. The caller has stopped the world.
#[inline(never)]
pub fn visit_stacks(visit: &mut dyn FnMut(Stretch)) -> Outcome<()> {
    world::check_stopped("strand_gc_visit_stacks")?;
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    let caller = identity::current();
    spilled(|low| {
        let (strand, high) = match caller {
            Some(body) => (head::handle_of(body.head()), top_of(body)),
            None => (0, thread_top(low)),
        };
        visit(Stretch { strand, of_caller: true, low, high });
        for index in 0..engine.strands.fresh() {
            let strand = head::at(index);
            if strand.phase() != Phase::Free
                && let Some(body) = strand.started_body()
                && caller.is_none_or(|caller| !core::ptr::eq(caller, body))
            {
                let region = &worker::of(body).region;
                if strand.phase() == Phase::Running && region.is_of(body) {
                    for (low, high) in region.stretches() {
                        visit(Stretch { strand: head::handle_of(strand), of_caller: false, low, high });
                    }
                    continue;
                }
                let low = body.context.frames();
                visit(Stretch { strand: head::handle_of(strand), of_caller: false, low, high: top_of(body) });
            }
        }
    });
    Ok(())
}

/// Frames begin below the body.
fn top_of(body: &Body) -> usize {
    body as *const Body as usize
}

/// Where the stack of the calling OS thread begins; `low` when that cannot be found out.
fn thread_top(low: usize) -> usize {
    let mut attributes = core::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut stack, mut size) = (core::ptr::null_mut(), 0usize);
    // SAFETY: the attributes are initialised by the first call, read by the second and freed by the third.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return low;
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &mut stack, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    (stack as usize + size).max(low)
}
