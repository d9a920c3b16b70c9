// SPDX-License-Identifier: MIT OR Apache-2.0
//! `sync::mutex`, `sync::condition` and `sync::rwlock` over `wait::lot`: one holds a mutex at a time and sees what the one before did,
//! nobody is left asleep, no signal is lost, and who was cancelled or late holds nothing.

use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::{NoFence, Relaxed, Torn};
use crate::base::model::pass_time;
use crate::base::status::{Outcome, Status};
use crate::engine;
use crate::sync::condition::{self, Condition};
use crate::sync::mutex::{self, Mutex};
use crate::sync::rwlock::{self, Access, RwLock};
use crate::wait::block::{FOREVER, NO_WAIT};
use crate::wait::cancel;

/// A number that a mutex guards.
struct Guarded {
    mutex: Mutex,
    condition: Condition,
    number: UnsafeCell<u32>,
}

// SAFETY: the number is touched by whoever holds the mutex; loom checks that.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded { mutex: Mutex::new(), condition: Condition::new(), number: UnsafeCell::new(0) })
    }

    /// The caller holds the mutex.
    fn add_one(&self) -> u32 {
        // SAFETY: loom checks that nobody else is here.
        self.number.with_mut(|number| unsafe {
            *number += 1;
            *number
        })
    }

    fn lock_and_add(&self, deadline: i64) -> Outcome<u32> {
        mutex::lock(&self.mutex, deadline)?;
        let number = self.add_one();
        mutex::unlock(&self.mutex).unwrap();
        Ok(number)
    }
}

/// `strands` strands lock and add `rounds` times each, and a thread of the system once.
fn add_together(strands: u32, rounds: u32, with_thread: bool) {
    let setting = Setting::new(strands);
    let guarded = Guarded::new();
    let adding: Vec<_> = (0..strands)
        .map(|strand| {
            let guarded = guarded.clone();
            setting.strand(strand).run(move |_| (0..rounds).for_each(|_| _ = guarded.lock_and_add(FOREVER).unwrap()))
        })
        .collect();
    if with_thread {
        guarded.lock_and_add(FOREVER).unwrap();
    }
    adding.into_iter().for_each(|strand| strand.join().unwrap());
    // Free again, for a thread that does not wait.
    assert_eq!(guarded.lock_and_add(NO_WAIT), Ok(strands * rounds + u32::from(with_thread) + 1));
}

/// Somebody else holds the mutex; what becomes of a strand that waits for it while its deadline passes, or it is cancelled.
fn waits_while(deadline: i64, beside: impl FnOnce(&Setting)) {
    let setting = Setting::new(1);
    let guarded = Guarded::new();
    mutex::lock(&guarded.mutex, NO_WAIT).unwrap();
    let other = guarded.clone();
    let waiting = setting.strand(0).run(move |_| other.lock_and_add(deadline));
    let unlocking = guarded.clone();
    beside(&setting);
    mutex::unlock(&unlocking.mutex).unwrap();
    let waited = waiting.join().unwrap();
    assert_eq!(guarded.lock_and_add(NO_WAIT), Ok(if waited.is_ok() { 2 } else { 1 }), "{waited:?}");
}

fn lock_or_time_out() {
    waits_while(10, |setting| {
        if let Some(strand) = setting.engine.fire(0, 10) {
            engine::ready_last(strand);
        }
        pass_time(10);
    });
}

fn lock_or_cancel() {
    waits_while(FOREVER, |setting| {
        cancel::begin_all();
        cancel::wake_all(&setting.engine.strands, |_| unreachable!());
    });
}

/// A strand waits until the number is not 0; a thread changes it, and signals with the mutex or without it.
fn wait_for_a_number(with_mutex: bool, waiters: u32) {
    let setting = Setting::new(waiters);
    let guarded = Guarded::new();
    let waiting: Vec<_> = (0..waiters)
        .map(|strand| {
            let guarded = guarded.clone();
            setting.strand(strand).run(move |_| {
                mutex::lock(&guarded.mutex, FOREVER).unwrap();
                // SAFETY: the mutex is held; loom checks that nobody else is here.
                while guarded.number.with(|number| unsafe { *number }) == 0 {
                    condition::wait(&guarded.condition, &guarded.mutex, FOREVER).unwrap();
                }
                guarded.add_one();
                mutex::unlock(&guarded.mutex).unwrap();
            })
        })
        .collect();
    mutex::lock(&guarded.mutex, FOREVER).unwrap();
    guarded.add_one();
    if with_mutex {
        condition::broadcast(&guarded.condition).unwrap();
        mutex::unlock(&guarded.mutex).unwrap();
    } else {
        mutex::unlock(&guarded.mutex).unwrap();
        condition::broadcast(&guarded.condition).unwrap();
    }
    waiting.into_iter().for_each(|strand| strand.join().unwrap());
    assert_eq!(guarded.lock_and_add(NO_WAIT), Ok(waiters + 2));
}

/// A wait on a condition with a deadline that passes: signalled or not, the mutex is held afterwards.
fn wait_or_time_out() {
    let setting = Setting::new(1);
    let guarded = Guarded::new();
    let other = guarded.clone();
    let waiting = setting.strand(0).run(move |_| {
        mutex::lock(&other.mutex, FOREVER).unwrap();
        let mut waited = Ok(());
        // SAFETY: the mutex is held; loom checks that nobody else is here.
        while waited.is_ok() && other.number.with(|number| unsafe { *number }) == 0 {
            waited = condition::wait(&other.condition, &other.mutex, 10);
        }
        other.add_one();
        mutex::unlock(&other.mutex).unwrap();
        waited
    });
    let signaller = guarded.clone();
    let signalling = thread::spawn(move || {
        signaller.lock_and_add(FOREVER).unwrap();
        condition::signal(&signaller.condition).unwrap();
    });
    if let Some(strand) = setting.engine.fire(0, 10) {
        engine::ready_last(strand);
    }
    pass_time(10);
    signalling.join().unwrap();
    let waited = waiting.join().unwrap();
    assert!(matches!(waited, Ok(()) | Err(Status::TIMEOUT)), "{waited:?}");
    assert_eq!(guarded.lock_and_add(NO_WAIT), Ok(3));
}

/// One reads, or writes, what another writes.
fn access_and_write(access: Access) {
    let setting = Setting::new(1);
    let lock = Arc::new((RwLock::new(), Guarded::new()));
    let other = lock.clone();
    let accessing = setting.strand(0).run(move |_| {
        rwlock::lock(&other.0, access, FOREVER).unwrap();
        if access == Access::Write {
            other.1.add_one();
        } else {
            // SAFETY: held to read; loom checks that nobody writes.
            other.1.number.with(|number| unsafe { assert!(*number <= 1) });
        }
        rwlock::unlock(&other.0, access).unwrap();
    });
    rwlock::lock(&lock.0, Access::Write, FOREVER).unwrap();
    lock.1.add_one();
    rwlock::unlock(&lock.0, Access::Write).unwrap();
    accessing.join().unwrap();
    rwlock::lock(&lock.0, Access::Write, NO_WAIT).unwrap();
    assert_eq!(lock.1.add_one(), if access == Access::Write { 3 } else { 2 });
}

#[test]
fn one_holds_a_mutex_at_a_time() {
    holds(3, || add_together(2, 1, false));
}

#[test]
fn one_holds_a_mutex_at_a_time_that_is_used_again() {
    holds(2, || add_together(2, 2, false));
}

#[test]
fn a_thread_and_two_strands_take_turns() {
    holds(1, || add_together(2, 1, true));
}

#[test]
fn a_lock_that_times_out_holds_nothing() {
    holds(2, lock_or_time_out);
}

#[test]
fn a_lock_that_is_cancelled_holds_nothing() {
    holds(2, lock_or_cancel);
}

#[test]
fn a_signal_with_the_mutex_is_not_missed() {
    holds(2, || wait_for_a_number(true, 1));
}

#[test]
fn a_signal_after_the_mutex_is_not_missed() {
    holds(2, || wait_for_a_number(false, 1));
}

#[test]
fn a_wait_that_times_out_has_the_mutex() {
    holds(2, wait_or_time_out);
}

#[test]
fn a_writer_is_alone() {
    holds(2, || access_and_write(Access::Write));
}

#[test]
fn nobody_reads_beside_a_writer() {
    holds(2, || access_and_write(Access::Read));
}

#[test]
fn control_a_mutex_that_is_taken_in_two_steps_has_two_owners() {
    fails_with(Torn, "sync/mutex.rs", "&& mutex.word.compare_exchange(word, word | who", || add_together(2, 1, false));
}

#[test]
fn control_an_unlock_that_does_not_release_shows_less() {
    fails_with(Relaxed, "sync/mutex.rs", "mutex.word.store(0, Ordering::Release);", || add_together(2, 1, false));
}

#[test]
fn control_an_unlock_that_looks_too_early_leaves_one_asleep() {
    fails_with(NoFence, "sync/mutex.rs", "fence::light();", || add_together(2, 1, false));
}

#[test]
fn control_one_who_waits_and_does_not_fence_is_left_asleep() {
    fails_with(NoFence, "sync/mutex.rs", "fence::heavy();", || add_together(2, 1, false));
}

#[test]
fn control_a_read_lock_in_two_steps_lets_a_writer_in() {
    fails_with(Torn, "sync/rwlock.rs", "match self.word.compare_exchange_weak(word, taken", || {
        access_and_write(Access::Read)
    });
}
