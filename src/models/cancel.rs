// SPDX-License-Identifier: MIT OR Apache-2.0
//! `wait::cancel` beside `wait::block`: a strand that is cancelled while it goes to sleep does not stay asleep, and a
//! message that it was given meanwhile is not lost.

use loom::thread;
use std::sync::Arc;

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::lock::ByteLock;
use crate::base::model::Defect::{NoFence, Relaxed, Torn};
use crate::base::status::Status;
use crate::base::sync::atomic::Ordering;
use crate::base::sync::cell::Cell;
use crate::strand::head::{Head, Phase};
use crate::strand::poll;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, FOREVER, Published, Source, Woken, open_sole};
use crate::wait::cancel::{self, Raised};
use crate::wait::list::{List, Node};

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

/// Something that opens once, and those who wait for it.
struct Gate {
    lock: ByteLock,
    open: Cell<bool>,
    list: List,
}

// SAFETY: the cells are touched under the lock only.
unsafe impl Sync for Gate {}
// SAFETY: as above.
unsafe impl Send for Gate {}

impl Gate {
    fn new() -> Arc<Gate> {
        Arc::new(Gate { lock: ByteLock::new(), open: Cell::new(false), list: List::new() })
    }

    fn open(&self) {
        let mut woken = Woken::new();
        self.lock.lock();
        self.open.set(true);
        self.list.win_all(&mut woken, Status::OK);
        self.lock.unlock();
        woken.wake_all();
    }

    fn wait(&self) -> Status {
        block::wait(&Passing { gate: self, node: Node::new() }, WaitKind::Receive, 0, FOREVER)
    }
}

struct Passing<'a> {
    gate: &'a Gate,
    node: Node,
}

impl Source for Passing<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        self.gate.lock.lock();
        let published = if self.gate.open.get() {
            Published::Done(Status::OK)
        } else {
            // SAFETY: in no list; it stays in place until `wait` returns.
            unsafe { self.gate.list.push(&self.node, waiter) };
            if sole && !open_sole(waiter) {
                self.gate.list.remove(&self.node);
                Published::Done(Status::CANCELLED)
            } else {
                Published::Waiting
            }
        };
        self.gate.lock.unlock();
        published
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        self.gate.lock.lock();
        self.gate.list.remove(&self.node);
        self.gate.lock.unlock();
    }
}

fn cancel_strand(strand: &'static Head, reason: u64) {
    assert!(cancel::cancel(strand, None, reason, |_| unreachable!()));
}

/// A strand is woken from one wait, shields itself and waits again, while it is cancelled.
fn shield_and_cancel() {
    let setting = Setting::new(1);
    let strand = setting.strand(0);
    let head = strand.0.head();
    let (first, second) = (Gate::new(), Gate::new());
    let (one, two) = (first.clone(), second.clone());
    let waiting = strand.run(move |body| {
        let before = one.wait();
        cancel::shield(body).unwrap();
        let shielded = two.wait();
        cancel::unshield(body).unwrap();
        (before, shielded, cancel::unshield(body))
    });
    first.open();
    cancel_strand(head, 5);
    second.open();
    let (before, shielded, unbalanced) = waiting.join().unwrap();
    assert!(matches!(before, Status::OK | Status::CANCELLED));
    assert_eq!((shielded, unbalanced), (Status::OK, Err(Status::INVALID)));
}

/// A strand that waits is cancelled while another cancelled strand comes to its end.
fn cancel_beside_an_end() {
    let setting = Setting::new(1);
    let ending = setting.fresh_strand(Phase::Ready);
    cancel_strand(ending, 1);
    let strand = setting.strand(0);
    let head = strand.0.head();
    let gate = Gate::new();
    let waiting = strand.run(move |body| (gate.wait(), cancel::reason_of(body)));
    let end = thread::spawn(move || {
        ending.cancelled.store(0, Ordering::Relaxed);
        cancel::ended();
    });
    cancel_strand(head, 2);
    assert_eq!(waiting.join().unwrap(), (Status::CANCELLED, Some(2)));
    end.join().unwrap();
    assert!(poll::is_raised(poll::CANCEL), "a cancelled strand is left");
    head.cancelled.store(0, Ordering::Relaxed);
    cancel::ended();
    assert!(!poll::is_raised(poll::CANCEL), "none is left");
}

/// The last cancelled strand ends while somebody begins to cancel another.
fn raise_and_lower() {
    let raised = Raised::new();
    let lower = thread::spawn(move || drop(raised));
    let other = Raised::new();
    assert!(poll::is_raised(poll::CANCEL));
    lower.join().unwrap();
    assert!(poll::is_raised(poll::CANCEL));
    drop(other);
    assert!(!poll::is_raised(poll::CANCEL));
}

#[test]
fn a_shielded_wait_is_not_cancelled_although_the_wait_before_it_was_about_to_be() {
    holds(3, shield_and_cancel);
}

#[test]
fn a_cancel_beside_the_end_of_another_cancelled_strand_is_not_lost() {
    holds(3, cancel_beside_an_end);
}

#[test]
fn the_poll_word_is_raised_while_somebody_cancels() {
    holds(3, raise_and_lower);
}

#[test]
fn control_a_lock_that_two_hold_cancels_a_shielded_wait() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", shield_and_cancel);
}

#[test]
fn control_a_count_in_two_steps_lowers_the_poll_word_beside_a_cancel() {
    fails_with(Torn, "wait/cancel.rs", "if REASONS.fetch_sub(1", raise_and_lower);
}

#[test]
fn control_a_cancel_of_one_without_its_fence_leaves_it_asleep() {
    fails_with(NoFence, "wait/cancel.rs", "fence::heavy()", cancel_beside_an_end);
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
