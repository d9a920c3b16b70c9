// SPDX-License-Identifier: MIT OR Apache-2.0
//! `wait::cancel` beside `wait::block`: a strand that is cancelled while it goes to sleep does not stay asleep, and a
//! message that it was given meanwhile is not lost.

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::lock::ByteLock;
use crate::base::model::Defect::{NoFence, Relaxed, Torn};
use crate::base::status::Status;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, FOREVER, Published, Source, open_sole};
use crate::wait::cancel;

/// A source under a lock that never fires; or one that has what is waited for as soon as it is looked at.
struct Quiet {
    lock: ByteLock,
    done: bool,
}

impl Source for Quiet {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        self.lock.lock();
        let published = if self.done {
            Published::Done(Status::OK)
        } else if sole && !open_sole(waiter) {
            Published::Done(Status::CANCELLED)
        } else {
            Published::Waiting
        };
        self.lock.unlock();
        published
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        self.lock.lock();
        self.lock.unlock();
    }
}

/// A strand waits while everything is cancelled.
fn wait_and_cancel(deadline: i64, done: bool) {
    let setting = Setting::new(1);
    let waiter = setting.strand(0).run(move |_| {
        let source = Quiet { lock: ByteLock::new(), done };
        let first = block::wait(&source, WaitKind::Receive, 0, deadline);
        let second = block::wait(&source, WaitKind::Receive, 0, deadline);
        (first, second)
    });
    cancel::begin_all();
    cancel::wake_all(&setting.engine.strands, |_| unreachable!());
    let expected = if done { Status::OK } else { Status::CANCELLED };
    assert_eq!(waiter.join().unwrap(), (expected, expected));
}

#[test]
fn a_wait_that_begins_while_everything_is_cancelled_ends() {
    holds(3, || wait_and_cancel(FOREVER, false));
}

#[test]
fn a_wait_in_steps_that_begins_while_everything_is_cancelled_ends() {
    holds(3, || wait_and_cancel(10, false));
}

#[test]
fn what_a_source_has_done_counts_although_the_wait_is_cancelled() {
    holds(3, || wait_and_cancel(10, true));
}

#[test]
fn control_a_wait_without_its_fence_stays_asleep() {
    fails_with(NoFence, "wait/block.rs", "fence::light()", || wait_and_cancel(FOREVER, false));
}

#[test]
fn control_a_wait_that_opens_without_release_overwrites_its_result() {
    fails_with(Relaxed, "base/claim.rs", "self.0.store(OPEN, ", || wait_and_cancel(FOREVER, false));
}

#[test]
fn control_a_canceller_without_its_fence_leaves_a_strand_asleep() {
    fails_with(NoFence, "wait/cancel.rs", "fence::heavy()", || wait_and_cancel(FOREVER, false));
}

#[test]
fn control_a_publication_in_two_steps_overwrites_a_cancellation() {
    fails_with(Torn, "base/claim.rs", "self.0.compare_exchange(OPENING, OPEN", || wait_and_cancel(10, false));
}
