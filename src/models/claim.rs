// SPDX-License-Identifier: MIT OR Apache-2.0
//! `base::claim`: a wait has one winner, who sees the waiter suspended; a source that fires while the waiter is still
//! being published leaves it to its opener.

use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

use super::{fails_with, holds};
use crate::base::claim::{Claim, Won};
use crate::base::model::Defect::{Relaxed, Torn};

/// A wait: the waiter's own state, touched by its opener while it is being published, by the winner afterwards.
struct Wait {
    claim: Claim,
    suspended: UnsafeCell<u32>,
    result: UnsafeCell<u32>,
}

// SAFETY: the cells belong to whom the claim word says; loom checks that.
unsafe impl Sync for Wait {}
// SAFETY: as above.
unsafe impl Send for Wait {}

impl Wait {
    /// A source fires. `Some` when it has won.
    fn fire(&self, source: u32) -> Option<Won> {
        let won = self.claim.claim()?;
        // SAFETY: the winner alone writes the result; loom checks that.
        self.result.with_mut(|result| unsafe { *result = source });
        if won == Won::Wake {
            // SAFETY: the waiter is suspended and ours.
            self.suspended.with(|state| assert_eq!(unsafe { *state }, 2, "woken before it was published"));
        }
        Some(won)
    }
}

/// A waiter with `sources` sources that all fire, published in steps.
fn race(sources: u32) {
    let wait = Arc::new(Wait { claim: Claim::new(), suspended: UnsafeCell::new(0), result: UnsafeCell::new(0) });
    wait.claim.begin();
    let fired: Vec<_> = (1..=sources)
        .map(|source| {
            let wait = wait.clone();
            thread::spawn(move || wait.fire(source))
        })
        .collect();
    // SAFETY: not published yet, so nobody else touches it; loom checks that.
    wait.suspended.with_mut(|state| unsafe { *state = 2 });
    let suspended = wait.claim.publish();
    let won: Vec<Won> = fired.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(won.len(), 1, "one winner");
    assert_eq!(won[0] == Won::Wake, suspended, "the opener goes on exactly when the winner leaves the waiter to it");
    // SAFETY: the winner has ended.
    assert_ne!(wait.result.with(|result| unsafe { *result }), 0);
    assert!(wait.claim.claim().is_none(), "a claim word moves once");
    wait.claim.close();
    assert!(wait.claim.claim().is_none(), "no wait is open");
}

#[test]
fn a_wait_has_one_winner_who_sees_the_waiter_suspended() {
    holds(3, || race(2));
}

#[test]
fn a_wait_with_three_sources_has_one_winner() {
    holds(3, || race(3));
}

#[test]
fn control_a_claim_in_two_steps_has_two_winners() {
    fails_with(Torn, "base/claim.rs", "match self.0.compare_exchange(OPEN, CLAIMED", || race(2));
}

#[test]
fn control_an_early_claim_in_two_steps_is_overwritten() {
    fails_with(Torn, "base/claim.rs", "match self.0.compare_exchange(OPENING, CLAIMED_EARLY", || race(2));
}

#[test]
fn control_a_publication_in_two_steps_overwrites_an_early_claim() {
    fails_with(Torn, "base/claim.rs", "self.0.compare_exchange(OPENING, OPEN", || race(1));
}

#[test]
fn control_a_publication_that_does_not_release_shows_a_waiter_that_still_runs() {
    fails_with(Relaxed, "base/claim.rs", "self.0.compare_exchange(OPENING, OPEN", || race(1));
}

#[test]
fn control_a_claim_that_does_not_acquire_finds_a_waiter_that_still_runs() {
    fails_with(Relaxed, "base/claim.rs", "match self.0.compare_exchange(OPEN, CLAIMED", || race(1));
}
