// SPDX-License-Identifier: MIT OR Apache-2.0
//! `base::owner_lock`: the owner and its visitors are never inside together, and a visitor that is refused keeps
//! nobody out.

use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

use super::{fails_with, holds};
use crate::base::model::Defect::{NoFence, Relaxed, Torn};
use crate::base::owner_lock::OwnerLock;

struct Guarded {
    lock: OwnerLock,
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

    fn visit(&self) -> u32 {
        if !self.lock.visit() {
            return 0;
        }
        self.add();
        self.lock.end_visit();
        1
    }
}

/// An owner that enters so many times, and visitors that try once each.
fn share(visitors: u32, entries: u32) {
    let shared = Arc::new(Guarded { lock: OwnerLock::new(), value: UnsafeCell::new(0) });
    let others: Vec<_> = (0..visitors)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || shared.visit())
        })
        .collect();
    for _ in 0..entries {
        shared.lock.enter();
        shared.add();
        shared.lock.leave();
    }
    let visits: u32 = others.into_iter().map(|other| other.join().unwrap()).sum();
    shared.lock.enter();
    // SAFETY: everybody else has ended.
    assert_eq!(shared.value.with(|value| unsafe { *value }), entries + visits);
    shared.lock.leave();
    assert_eq!(shared.visit(), 1, "nobody is inside, so a visitor may enter");
}

#[test]
fn an_owner_and_a_visitor_are_never_inside_together() {
    holds(3, || share(1, 2));
}

#[test]
fn two_visitors_and_the_owner_are_never_inside_together() {
    holds(3, || share(2, 1));
}

#[test]
fn control_an_owner_without_its_fence_does_not_see_the_visitor() {
    fails_with(NoFence, "base/owner_lock.rs", "fence::light()", || share(1, 1));
}

#[test]
fn control_a_visitor_without_its_fence_does_not_see_the_owner() {
    fails_with(NoFence, "base/owner_lock.rs", "fence::heavy()", || share(1, 1));
}

#[test]
fn control_visitors_that_do_not_swap_are_inside_together() {
    fails_with(Torn, "base/owner_lock.rs", "if self.visitor.swap(true", || share(2, 1));
}

#[test]
fn control_an_owner_that_leaves_without_release_hides_what_it_wrote() {
    fails_with(Relaxed, "base/owner_lock.rs", "self.owner_in.store(false", || share(1, 1));
}

#[test]
fn control_a_visitor_that_leaves_without_release_hides_what_it_wrote() {
    fails_with(Relaxed, "base/owner_lock.rs", "self.visitor.store(false", || share(1, 2));
}

#[test]
fn control_an_owner_that_does_not_acquire_misses_what_the_visitor_wrote() {
    fails_with(Relaxed, "base/owner_lock.rs", "if self.visitor.load(", || share(1, 1));
}
