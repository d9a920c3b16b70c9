// SPDX-License-Identifier: MIT OR Apache-2.0
//! `base::bias_lock`: the owner of the bias, those with other seats and those without one are never inside together,
//! whoever has the bias, gets it, loses it or gives it up for good.

use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

use super::{fails_with, holds};
use crate::base::bias_lock::{BiasLock, Held};
use crate::base::model::Defect::{NoFence, Relaxed};

struct Guarded {
    lock: BiasLock,
    value: UnsafeCell<u32>,
}

// SAFETY: the value is touched inside only; loom checks that.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn add(&self) {
        // SAFETY: the caller is inside; loom checks that nobody else is.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }

    fn add_from(&self, seat: u8, times: u32) {
        for _ in 0..times {
            let held = self.lock.lock_from(seat);
            self.add();
            self.lock.unlock_from(held);
        }
    }

    fn add_without_seat(&self) {
        self.lock.lock();
        self.add();
        self.lock.unlock();
    }

    fn end(&self, seat: u8) {
        let held = self.lock.lock_from(seat);
        self.add();
        self.lock.unlock_for_good(held, seat);
    }
}

/// Uses in a row after which the next one is the owner's: one to be known, one more than a model asks for.
const TO_OWN: u32 = 3;

/// Seat 1 has the bias.
fn owned() -> Arc<Guarded> {
    let shared = Arc::new(Guarded { lock: BiasLock::new(), value: UnsafeCell::new(0) });
    shared.add_from(1, TO_OWN);
    let held = shared.lock.lock_from(1);
    assert_eq!(held, Held::Owner(1));
    shared.lock.unlock_from(held);
    shared
}

/// Seat 1 has the bias and uses it so many times, beside the others.
fn beside(uses: u32, others: &[fn(&Guarded)]) {
    let shared = owned();
    let threads: Vec<_> = others
        .iter()
        .map(|&other| {
            let shared = shared.clone();
            thread::spawn(move || other(&shared))
        })
        .collect();
    shared.add_from(1, uses);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    shared.lock.lock();
    let expected = TO_OWN + uses + others.len() as u32;
    // SAFETY: everybody else has ended.
    assert!(shared.value.with(|value| unsafe { *value }) >= expected);
    shared.lock.unlock();
}

/// Seat 1 ends its use for good while another begins, and uses it again after.
fn end_beside(other: fn(&Guarded)) {
    let shared = owned();
    let theirs = shared.clone();
    let thread = thread::spawn(move || other(&theirs));
    shared.end(1);
    shared.add_from(1, 1);
    thread.join().unwrap();
    shared.add_without_seat();
    // SAFETY: everybody else has ended.
    assert_eq!(shared.value.with(|value| unsafe { *value }), 2 * TO_OWN + 3);
}

#[test]
fn the_owner_of_a_bias_and_another_seat_are_never_inside_together() {
    holds(3, || beside(2, &[|shared| shared.add_from(2, 1)]));
}

#[test]
fn the_owner_of_a_bias_and_a_thread_without_seat_are_never_inside_together() {
    holds(3, || beside(2, &[Guarded::add_without_seat]));
}

#[test]
fn a_seat_that_gets_the_bias_and_its_former_owner_are_never_inside_together() {
    holds(2, || beside(2, &[|shared| shared.add_from(2, TO_OWN + 1)]));
}

#[test]
fn two_who_take_the_bias_away_are_never_inside_together() {
    holds(2, || beside(1, &[|shared| shared.add_from(2, 1), Guarded::add_without_seat]));
}

#[test]
fn an_owner_that_ends_for_good_is_never_inside_with_another() {
    holds(3, || end_beside(|shared| shared.add_from(2, TO_OWN)));
}

#[test]
fn control_an_owner_without_its_fence_does_not_see_that_the_bias_is_gone() {
    fails_with(NoFence, "base/bias_lock.rs", "fence::light()", || beside(1, &[|shared| shared.add_from(2, 1)]));
}

#[test]
fn control_a_taker_without_its_fence_does_not_see_the_owner() {
    fails_with(NoFence, "base/bias_lock.rs", "fence::heavy()", || beside(1, &[|shared| shared.add_from(2, 1)]));
}

#[test]
fn control_an_owner_that_leaves_without_release_hides_what_it_wrote() {
    fails_with(Relaxed, "base/bias_lock.rs", "inside(seat).store(0, Ordering::Release)", || {
        beside(1, &[|shared| shared.add_from(2, 1)])
    });
}

#[test]
fn control_a_taker_that_does_not_acquire_misses_what_the_owner_wrote() {
    fails_with(Relaxed, "base/bias_lock.rs", "while inside(owner).load(", || {
        beside(1, &[|shared| shared.add_from(2, 1)])
    });
}
