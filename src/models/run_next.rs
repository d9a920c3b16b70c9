// SPDX-License-Identifier: MIT OR Apache-2.0
//! The run-next slot and the lists of a worker (`queues`, `owner_lock`): what the owner picks while a thief steals, one
//! of the two gets, and nothing is lost.

use loom::thread;

use crate::base::model::Defect::{NoFence, Relaxed};
use crate::models::setting::Setting;
use crate::models::{fails_with, holds};
use crate::strand::head::{self, Head};

/// The owner picks while a thief steals that takes lone strands too, `pushed` strands having been made ready to run next.
fn steal(pushed: usize, picks: usize) {
    let setting = Setting::new(2);
    let strands: Vec<&Head> = (0..pushed).map(|_| setting.ready_strand()).collect();
    let [owner, thief] = [&setting.engine.workers()[0], &setting.engine.workers()[1]];
    let (last, first) = strands.split_last().unwrap();
    first.iter().for_each(|strand| owner.queues.push_next(strand));
    let robbery = thread::spawn(move || {
        let stolen = thief.steal_from(owner, true, false);
        let more = std::iter::from_fn(|| thief.pick_own());
        stolen.into_iter().chain(more).map(head::index_of).collect::<Vec<u32>>()
    });
    owner.owner.enter();
    owner.queues.push_next(last);
    owner.owner.leave();
    let mut taken: Vec<u32> = (0..picks).filter_map(|_| owner.pick_own()).map(head::index_of).collect();
    taken.extend(robbery.join().unwrap());
    taken.extend(std::iter::from_fn(|| owner.pick_own()).map(head::index_of));
    taken.sort_unstable();
    assert_eq!(taken, strands.iter().map(|strand| head::index_of(strand)).collect::<Vec<u32>>());
}

#[test]
fn a_strand_that_is_to_run_next_is_picked_or_stolen() {
    holds(3, || steal(1, 1));
}

#[test]
fn displaced_strands_are_picked_or_stolen() {
    holds(3, || steal(3, 2));
}

#[test]
fn control_an_owner_without_its_fence_picks_what_is_stolen() {
    fails_with(NoFence, "base/owner_lock.rs", "fence::light()", || steal(2, 1));
}

#[test]
fn control_a_thief_without_its_fence_steals_what_is_picked() {
    fails_with(NoFence, "base/owner_lock.rs", "fence::heavy()", || steal(2, 1));
}

#[test]
fn control_a_thief_that_does_not_see_what_the_owner_did_corrupts_the_lists() {
    fails_with(Relaxed, "base/owner_lock.rs", "if !self.owner_in.load(", || steal(2, 1));
}
