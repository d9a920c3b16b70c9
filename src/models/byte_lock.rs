// SPDX-License-Identifier: MIT OR Apache-2.0
//! `base::lock`: one holder at a time, who sees what the last one did; nobody sleeps on a free lock.

use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

use super::{fails_with, holds};
use crate::base::lock::ByteLock;
use crate::base::model::Defect::{NoFence, Relaxed, Torn};

struct Guarded {
    lock: ByteLock,
    value: UnsafeCell<u32>,
}

// SAFETY: the value is touched under the lock only; loom checks that.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded { lock: ByteLock::new(), value: UnsafeCell::new(0) })
    }

    fn add(&self) {
        self.lock.lock();
        // SAFETY: the lock is held; loom checks that nobody else is here.
        self.value.with_mut(|value| unsafe { *value += 1 });
        self.lock.unlock();
    }
}

/// Threads that each take the lock so many times.
fn contend(threads: u32, times: u32) {
    let shared = Guarded::new();
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || (0..times).for_each(|_| shared.add()))
        })
        .collect();
    (0..times).for_each(|_| shared.add());
    for other in others {
        other.join().unwrap();
    }
    shared.lock.lock();
    // SAFETY: the lock is held.
    assert_eq!(shared.value.with(|value| unsafe { *value }), threads * times);
    shared.lock.unlock();
}

/// One thread only tries, beside one that locks: a failed attempt leaves no trace.
fn attempt() {
    let shared = Guarded::new();
    let other = {
        let shared = shared.clone();
        thread::spawn(move || shared.add())
    };
    let mut added = 1;
    if shared.lock.try_lock() {
        // SAFETY: the lock is held.
        shared.value.with_mut(|value| unsafe { *value += 1 });
        added += 1;
        shared.lock.unlock();
    }
    other.join().unwrap();
    shared.lock.lock();
    // SAFETY: the lock is held.
    assert_eq!(shared.value.with(|value| unsafe { *value }), added);
    shared.lock.unlock();
}

#[test]
fn a_lock_has_one_holder_and_no_forgotten_sleeper() {
    holds(3, || contend(2, 2));
}

#[test]
fn a_lock_of_three_threads_forgets_no_sleeper() {
    holds(3, || contend(3, 1));
}

#[test]
fn an_attempt_at_a_lock_takes_it_or_leaves_no_trace() {
    holds(3, attempt);
}

#[test]
fn control_a_lock_that_is_not_taken_at_once_has_two_holders() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", || contend(2, 1));
}

#[test]
fn control_an_unlock_without_its_fence_forgets_a_sleeper() {
    fails_with(NoFence, "base/lock.rs", "fence::light()", || contend(2, 1));
}

#[test]
fn control_a_sleeper_without_its_fence_is_forgotten() {
    fails_with(NoFence, "base/lock.rs", "fence::heavy()", || contend(2, 1));
}

#[test]
fn control_a_sleeper_that_does_not_acquire_is_forgotten() {
    fails_with(Relaxed, "base/lock.rs", "let seen = word.load(", || contend(3, 1));
}

#[test]
fn control_an_unlock_that_does_not_release_hides_what_the_holder_wrote() {
    fails_with(Relaxed, "base/lock.rs", "self.locked.store(0", || contend(2, 1));
}

#[test]
fn control_a_lock_that_does_not_acquire_does_not_see_what_the_holder_wrote() {
    fails_with(Relaxed, "base/lock.rs", "if self.locked.swap(1", || contend(2, 1));
}
