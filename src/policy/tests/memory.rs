// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each request for memory refused in turn: the call says so, nothing has changed, and the next attempt succeeds.

use super::super::memory::refusals;
use super::super::{Cause, Mark, Rules, Schedule};
use super::history::KINDS;
use crate::base::status::{Outcome, Status};

/// Refuses the first request of `attempt`, then the second and so on, until it succeeds; the number of refusals.
fn until_granted(mut attempt: impl FnMut() -> Outcome<()>, mut check: impl FnMut()) -> u32 {
    (0..)
        .find(|granted| {
            let result = refusals::after(*granted, &mut attempt);
            check();
            assert!(matches!(result, Ok(()) | Err(Status::NO_MEMORY)));
            result.is_ok()
        })
        .unwrap()
}

#[test]
fn a_refusal_in_any_place_is_reported_and_changes_nothing() {
    for kind in KINDS {
        let rules = Rules::of(kind);
        until_granted(|| Schedule::new(&rules).map(drop), || {});
        let schedule = core::cell::RefCell::new(Schedule::new(&rules).unwrap());
        schedule.borrow_mut().admit(0, 0, 0).unwrap();
        schedule.borrow_mut().ready(0, Cause::Spawned);
        let works = || {
            let mut schedule = schedule.borrow_mut();
            assert_eq!(schedule.ready_count(), 1);
            assert_eq!(schedule.pick(&mut ()), Some(0));
            schedule.ready(0, Cause::Yielded);
        };
        let refused = until_granted(|| schedule.borrow_mut().admit(500, 0, 0), works);
        assert!(refused >= 2, "{kind:?}: a strand needs memory in two tables at least");
        let lanes = core::cell::Cell::new(1);
        let lane = || {
            let lane = schedule.borrow_mut().lane_new(1, 0)?;
            lanes.set(lane as usize + 1);
            Ok(())
        };
        assert!(until_granted(lane, works) >= 2);
        assert_eq!(lanes.get(), 2);
        assert_eq!(schedule.borrow().lane_count(), 2);
        schedule.borrow_mut().move_lane(500, 1, Mark::default()).unwrap();
        until_granted(|| schedule.borrow_mut().keep_handoffs(10), works);
        works();
    }
}

#[test]
fn nothing_but_admission_and_lanes_asks_for_memory() {
    for kind in KINDS {
        let mut schedule = Schedule::new(&Rules::of(kind)).unwrap();
        for strand in 0..100 {
            schedule.admit(strand, 0, 0).unwrap();
        }
        schedule.lane_new(2, 0).unwrap();
        let room = schedule.room();
        refusals::after(0, || {
            for round in 0..10 {
                for strand in 0..100 {
                    schedule.ready(strand, Cause::Message);
                    schedule.pause(strand);
                    schedule.move_lane(strand, round % 2, Mark::default()).unwrap();
                }
                for strand in (0..100).rev() {
                    schedule.resume(strand);
                }
                assert_eq!(core::iter::from_fn(|| schedule.pick(&mut ())).count(), 100);
            }
            schedule.clear(1);
            for strand in 0..100 {
                // Known indices need nothing new after a `clear`, but asking is allowed.
                assert!(matches!(schedule.admit(strand, 0, 0), Ok(()) | Err(Status::NO_MEMORY)));
            }
        });
        schedule.clear(1);
        for strand in 0..100 {
            schedule.admit(strand, 0, 0).unwrap();
        }
        assert_eq!(schedule.room(), room, "{kind:?}: the memory is kept for the next schedule");
    }
}
