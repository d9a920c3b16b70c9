// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state word of a head (`strand::head`) and waiting for its end (`wait::end`): a strand is started once, ends once,
//! and whoever joins it sees what it did. That no phase is skipped is a debug assertion at every change.

use loom::cell::UnsafeCell;
use loom::thread;
use std::cell::Cell;
use std::sync::Arc;

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::{Relaxed, Torn};
use crate::base::status::Status;
use crate::engine;
use crate::runtime::{spawning, strands};
use crate::strand::head::{self, Phase};
use crate::wait::block::FOREVER;
use crate::wait::{cancel, end};

/// What the strand did, for those who join it.
struct Work(UnsafeCell<u32>);

// SAFETY: written by the strand, read after its end; loom checks that.
unsafe impl Sync for Work {}
// SAFETY: as above.
unsafe impl Send for Work {}

/// Strands join one that ends meanwhile; the first has a time limit, if it is to have one.
fn join(deadline: i64, joiners: u32, beside: impl FnOnce(&Setting)) -> Vec<Result<(), Status>> {
    let setting = Setting::new(joiners + 1);
    let strand = setting.fresh_strand(Phase::Ready);
    let handle = head::handle_of(strand);
    let work = Arc::new(Work(UnsafeCell::new(0)));
    let joining: Vec<_> = (0..joiners)
        .map(|joiner| {
            let work = work.clone();
            let deadline = if joiner == 0 { deadline } else { FOREVER };
            setting.strand(joiner).run(move |_| {
                let joined = strands::join(handle, deadline);
                if joined.is_ok() {
                    // SAFETY: the strand has ended; loom checks that.
                    work.0.with(|done| assert_eq!(unsafe { *done }, 1));
                }
                joined
            })
        })
        .collect();
    beside(&setting);
    // SAFETY: nobody reads before the end; loom checks that.
    work.0.with_mut(|done| unsafe { *done = 1 });
    end::finish_unstarted(&setting.engine.workers()[joiners as usize], strand, Status::NO_MEMORY);
    let joined: Vec<_> = joining.into_iter().map(|joiner| joiner.join().unwrap()).collect();
    assert_eq!(strand.phase(), Phase::Free);
    assert_eq!(head::compare(strand, head::lookup(&setting.engine.strands, handle).unwrap().1), Err(Status::STALE));
    joined
}

fn join_end(joiners: u32) {
    assert!(join(FOREVER, joiners, |_| {}).iter().all(Result::is_ok));
}

fn join_or_time_out() {
    let joined = join(10, 1, |setting| {
        if let Some(strand) = setting.engine.fire(0, 10) {
            engine::ready_last(strand);
        }
    });
    assert!(matches!(joined[0], Ok(()) | Err(Status::TIMEOUT)));
}

fn join_or_cancel() {
    let joined = join(FOREVER, 1, |_| cancel::begin_all());
    // Nobody is woken by `begin_all` alone, so this also shows that the end wakes whoever overlooked it.
    assert!(matches!(joined[0], Ok(()) | Err(Status::CANCELLED)));
}

/// A dormant strand is started by several threads at once, and perhaps ended by a shutdown.
fn start(starters: u32, shutdown: bool) {
    let setting = Setting::new(1);
    let strand = setting.fresh_strand(Phase::Dormant);
    let handle = head::handle_of(strand);
    let starting: Vec<_> = (0..starters).map(|_| thread::spawn(move || spawning::start(handle))).collect();
    let ended = Cell::new(false);
    if shutdown {
        cancel::wake_all(&setting.engine.strands, |dormant| {
            assert!(std::ptr::eq(dormant, strand) && !ended.replace(true));
            end::finish_dormant(dormant);
        });
    }
    let ended = ended.get();
    let started: Vec<_> = starting.into_iter().map(|starter| starter.join().unwrap()).collect();
    let times = started.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(times + usize::from(ended), 1, "{started:?}");
    assert!(started.iter().all(|answer| matches!(answer, Ok(()) | Err(Status::ALREADY | Status::STALE))));
    assert_eq!(strand.phase(), if ended { Phase::Free } else { Phase::Ready });
}

#[test]
fn whoever_joins_a_strand_sees_what_it_did() {
    holds(3, || join_end(1));
}

#[test]
fn the_end_of_a_strand_wakes_all_who_join_it() {
    holds(2, || join_end(2));
}

#[test]
fn a_join_ends_with_the_strand_or_with_its_time_limit() {
    holds(3, join_or_time_out);
}

#[test]
fn a_join_that_is_cancelled_while_it_begins_ends() {
    holds(3, join_or_cancel);
}

#[test]
fn a_dormant_strand_is_started_once() {
    holds(3, || start(2, false));
}

#[test]
fn a_dormant_strand_is_started_or_ended_by_the_shutdown() {
    holds(3, || start(1, true));
}

#[test]
fn control_a_lock_that_two_hold_starts_a_strand_twice() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", || start(2, false));
}

#[test]
fn control_a_lock_that_does_not_release_hides_a_joiner() {
    fails_with(Relaxed, "base/lock.rs", "self.locked.store(0", || join_end(1));
}
