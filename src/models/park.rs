// SPDX-License-Identifier: MIT OR Apache-2.0
//! `wait::park` and what it stands on (`wait::block`, `timers`): an unpark that was answered with OK is the end of the
//! park, and no other is.

use loom::thread;

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::{NoFence, Relaxed, Torn};
use crate::base::model::pass_time;
use crate::base::status::Status;
use crate::engine::{self};
use crate::wait::block::FOREVER;
use crate::wait::{cancel, park};

/// What a park came to, and the unparks beside it.
type Results = (Result<u64, Status>, Vec<Result<(), Status>>);

/// A strand parks, `unparks` threads unpark it.
fn race(deadline: i64, unparks: u64, beside: impl FnOnce(&Setting)) -> Results {
    let setting = Setting::new(1);
    let strand = setting.strand(0);
    let token = park::begin(strand.0).unwrap();
    let engine = setting.engine;
    let unparkers: Vec<_> =
        (1..=unparks).map(|value| thread::spawn(move || park::unpark(&engine.strands, token, value))).collect();
    let parked = strand.run(move |body| park::park(body, token, deadline));
    beside(&setting);
    let unparked: Vec<_> = unparkers.into_iter().map(|thread| thread.join().unwrap()).collect();
    let parked = parked.join().unwrap();
    assert_eq!(park::unpark(&engine.strands, token, 99), Err(Status::STALE), "the token is over");
    let next = park::begin(strand.0).unwrap();
    assert_eq!(park::unpark(&engine.strands, token, 99), Err(Status::STALE), "also in the next epoch");
    assert_eq!(park::unpark(&engine.strands, next, 5), Ok(()));
    assert_eq!(park::park(strand.0, next, FOREVER), Ok(5));
    (parked, unparked)
}

/// One unpark is answered with OK, and its value is the park's.
fn assert_value_of_the_winner((parked, unparked): Results) {
    let winners: Vec<u64> = (1..).zip(&unparked).filter(|(_, answer)| answer.is_ok()).map(|(value, _)| value).collect();
    match parked {
        Ok(value) => assert_eq!(winners, [value]),
        Err(_) => assert_eq!(winners, [0; 0], "{parked:?}: an unpark was answered with OK and is lost"),
    }
    assert!(unparked.iter().all(|answer| matches!(answer, Ok(()) | Err(Status::STALE))));
}

fn unpark(unparks: u64) {
    let results = race(FOREVER, unparks, |_| {});
    assert!(results.0.is_ok());
    assert_value_of_the_winner(results);
}

/// The time limit passes meanwhile.
fn unpark_or_time_out() {
    assert_value_of_the_winner(race(10, 1, |setting| {
        if let Some(strand) = setting.engine.fire(0, 10) {
            engine::ready_last(strand);
        }
        pass_time(10);
    }));
}

/// The time limit has passed before.
fn unpark_or_too_late() {
    pass_time(10);
    assert_value_of_the_winner(race(10, 1, |_| {}));
}

/// Everything is cancelled meanwhile.
fn cancel_beside(unparks: u64) -> Results {
    race(FOREVER, unparks, |setting| {
        cancel::begin_all();
        cancel::wake_all(&setting.engine.strands, |_| unreachable!());
    })
}

fn unpark_or_cancel() {
    assert_value_of_the_winner(cancel_beside(1));
}

fn cancel_alone() {
    assert_eq!(cancel_beside(0).0, Err(Status::CANCELLED));
}

#[test]
fn an_unpark_ends_the_park() {
    holds(3, || unpark(1));
}

#[test]
fn one_of_two_unparks_ends_the_park() {
    holds(3, || unpark(2));
}

#[test]
fn an_unpark_or_the_time_limit_ends_the_park() {
    holds(2, unpark_or_time_out);
}

#[test]
fn an_unpark_answered_with_ok_is_not_lost_to_a_time_limit_that_has_passed() {
    holds(3, unpark_or_too_late);
}

#[test]
fn an_unpark_or_a_cancellation_ends_the_park() {
    holds(2, unpark_or_cancel);
}

#[test]
fn a_park_that_is_cancelled_while_it_begins_ends() {
    holds(3, cancel_alone);
}

#[test]
fn control_a_park_without_its_fence_overlooks_a_cancellation() {
    fails_with(NoFence, "wait/block.rs", "fence::light()", cancel_alone);
}

#[test]
fn control_a_wait_that_begins_without_release_overwrites_an_early_result() {
    fails_with(Relaxed, "base/claim.rs", "self.0.store(OPENING", cancel_alone);
}

#[test]
fn control_an_unpark_in_two_steps_is_answered_twice() {
    fails_with(Torn, "wait/park.rs", "match holder.park.compare_exchange_weak(", || unpark(2));
}

#[test]
fn control_a_park_in_two_steps_overlooks_an_unpark() {
    fails_with(Torn, "wait/park.rs", "match self.holder.park.compare_exchange(armed", || unpark(1));
}

#[test]
fn control_a_close_in_two_steps_loses_an_unpark() {
    fails_with(Torn, "wait/park.rs", "if holder.park.compare_exchange(now, idle", unpark_or_too_late);
}

#[test]
fn control_an_unpark_that_does_not_release_hides_the_value() {
    fails_with(Relaxed, "wait/park.rs", "holder.park.store(word(parts.generation, NOTIFIED)", || unpark(1));
}
