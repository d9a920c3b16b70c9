// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outcome of a task (`task::outcome`): it is written once, whoever completes, cancels and abandons it; who waits is told,
//! whoever releases it meanwhile; and its entry runs or its argument is dropped.

use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::{NoFence, Relaxed, Torn};
use crate::base::status::Status;
use crate::task::join::{NOBODY, Rule};
use crate::task::outcome::{State, Task};
use crate::task::promise::{self, PromiseOptions};
use crate::task::{calls, join, table};
use crate::wait::block::{FOREVER, Woken};
use crate::wait::reason;

/// An engine, and a table of tasks that goes before it.
struct Tasks(Setting);

impl Tasks {
    fn new(workers: u32) -> Tasks {
        let setting = Setting::new(workers);
        table::start().unwrap();
        Tasks(setting)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the threads of the execution have ended.
            unsafe { table::stop() };
        }
    }
}

fn new_promise() -> (u64, u64) {
    promise::create(&PromiseOptions::default()).unwrap()
}

/// What the one who completes has done before, for those who are told.
struct Work(UnsafeCell<u32>);

// SAFETY: written before the completion, read after the await; loom checks that.
unsafe impl Sync for Work {}
// SAFETY: as above.
unsafe impl Send for Work {}

/// A promise is completed by one strand and cancelled by another, and a third one waits.
fn complete_and_cancel() {
    let tasks = Tasks::new(3);
    let (promise, task) = new_promise();
    let work = Arc::new(Work(UnsafeCell::new(0)));
    let waiting = {
        let work = work.clone();
        tasks.0.strand(0).run(move |_| {
            let got = calls::await_value(task, FOREVER);
            if got == Ok(7) {
                // SAFETY: it was completed; loom checks that.
                work.0.with(|done| assert_eq!(unsafe { *done }, 1));
            }
            got
        })
    };
    let completing = tasks.0.strand(1).run(move |_| {
        // SAFETY: nobody reads before the completion; loom checks that.
        work.0.with_mut(|done| unsafe { *done = 1 });
        promise::complete(promise, 7)
    });
    let cancelled = calls::cancel(task, 5);
    let (got, completed) = (waiting.join().unwrap(), completing.join().unwrap());
    let ended = calls::outcome(task).unwrap();
    match (completed, cancelled) {
        (Ok(()), Err(Status::ALREADY)) => assert_eq!((got, ended.state, ended.value), (Ok(7), State::Succeeded, 7)),
        (Err(Status::ALREADY), Ok(())) => {
            assert_eq!((got, ended.state, ended.reason), (Err(Status::CANCELLED), State::Cancelled, 5));
        }
        both => panic!("{both:?}"),
    }
    promise::release(promise).unwrap();
    calls::release(task).unwrap();
}

/// The last handle is released while one waits and another completes.
fn release_beside_an_await() {
    let tasks = Tasks::new(2);
    let (promise, task) = new_promise();
    let waiting = tasks.0.strand(0).run(move |_| calls::await_value(task, FOREVER));
    let completing = tasks.0.strand(1).run(move |_| {
        promise::complete(promise, 7).unwrap();
        promise::release(promise).unwrap();
    });
    calls::release(task).unwrap();
    completing.join().unwrap();
    assert!(matches!(waiting.join().unwrap(), Ok(7) | Err(Status::STALE)));
    assert!(matches!(calls::outcome(task), Err(Status::STALE)));
}

/// The last handle of an open promise is released while one waits.
fn abandon() {
    let tasks = Tasks::new(1);
    let (promise, task) = new_promise();
    let waiting = tasks.0.strand(0).run(move |_| calls::await_value(task, FOREVER));
    promise::release(promise).unwrap();
    assert_eq!(waiting.join().unwrap(), Err(Status::CANCELLED));
    assert_eq!(calls::outcome(task).unwrap().reason, reason::ABANDONED);
    calls::release(task).unwrap();
}

static DROPPED: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn count_dropped(_: *mut core::ffi::c_void) {
    DROPPED.fetch_add(1, Ordering::Relaxed);
}

/// The strand of a task begins, and ends it, while somebody cancels it.
fn begin_and_cancel() {
    let tasks = Tasks::new(1);
    DROPPED.store(0, Ordering::Relaxed);
    let task: &'static Task = table::take().unwrap();
    task.drop_argument.set(Some(count_dropped));
    task.drop_value.set(None);
    task.scope.set(0);
    task.open(true, false);
    let handle = table::handle_of(task);
    let running = thread::spawn(move || {
        // The handle of a strand that was never spawned: there is nobody to wake.
        let runs = task.begin(1);
        if runs {
            task.succeed(9);
        }
        let mut woken = Woken::new();
        let rest = task.end_strand(&mut woken);
        woken.wake_all();
        if let Some(rest) = rest {
            table::settle(task, rest);
        }
        runs
    });
    let cancelled = calls::cancel(handle, 5);
    let runs = running.join().unwrap();
    let ended = calls::outcome(handle).unwrap();
    assert_eq!(DROPPED.load(Ordering::Relaxed), u32::from(!runs), "entered or dropped, never both");
    assert_eq!(ended.state, if runs { State::Succeeded } else { State::Cancelled });
    assert!(cancelled.is_ok() || runs, "{cancelled:?}");
    calls::release(handle).unwrap();
    drop(tasks);
}

/// Two promises are completed while a strand joins them.
fn join_two(any: bool) {
    let tasks = Tasks::new(3);
    let (first, second) = (new_promise(), new_promise());
    let joining = tasks.0.strand(0).run(move |_| {
        let both = [first.1, second.1];
        let rule = if any { Rule::Any } else { Rule::AllSettled };
        let mut ranks = [9; 2];
        // SAFETY: two handles.
        let joined = unsafe { join::join(rule, both.as_ptr(), 2, FOREVER, |at, _, rank| ranks[at] = rank) }.unwrap();
        assert_eq!(joined.status, Status::OK);
        assert_eq!(ranks[0] + ranks[1], 1);
        assert!(if any { ranks[joined.decided] == 0 } else { joined.decided == NOBODY });
    });
    let completing = tasks.0.strand(1).run(move |_| promise::complete(first.0, 1));
    let other = promise::complete(second.0, 2);
    let one = completing.join().unwrap();
    joining.join().unwrap();
    // A loser may have been cancelled before.
    assert!(one.is_ok() || other.is_ok());
    assert!(any || one.is_ok() && other.is_ok());
    for (promise, task) in [first, second] {
        promise::release(promise).unwrap();
        calls::release(task).unwrap();
    }
}

#[test]
fn of_a_completion_and_a_cancellation_one_is_the_outcome() {
    holds(2, complete_and_cancel);
}

#[test]
fn a_release_takes_nothing_from_who_waits() {
    holds(2, release_beside_an_await);
}

#[test]
fn who_waits_for_an_abandoned_promise_is_told() {
    holds(3, abandon);
}

#[test]
fn a_task_is_entered_or_its_argument_dropped() {
    holds(3, begin_and_cancel);
}

#[test]
fn a_join_sees_every_end() {
    holds(2, || join_two(false));
}

#[test]
fn a_join_for_a_success_has_one_who_decided() {
    holds(1, || join_two(true));
}

#[test]
fn control_a_begin_without_its_fence_runs_a_cancelled_task() {
    fails_with(NoFence, "task/outcome.rs", "fence::light();", begin_and_cancel);
}

#[test]
fn control_a_cancel_without_its_fence_runs_a_cancelled_task() {
    fails_with(NoFence, "task/outcome.rs", "fence::heavy();", begin_and_cancel);
}

#[test]
fn control_a_lock_that_two_hold_writes_two_outcomes() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", complete_and_cancel);
}

#[test]
fn control_a_lock_that_does_not_release_hides_who_waits() {
    fails_with(Relaxed, "base/lock.rs", "self.locked.store(0", abandon);
}
