// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is refused and with which status, hand-offs, turns that are kept, and calls about strands that do not exist.

use super::super::defect::{self, Defect};
use super::super::{Cause, Handoff, Kind, Mark, Rules, Schedule};
use super::history::{Answer, KINDS};
use crate::base::status::Status;

fn of(kind: Kind) -> Schedule {
    Schedule::new(&Rules::of(kind)).unwrap()
}

#[test]
fn the_numbers_of_the_policies_are_those_of_the_c_interface() {
    let numbers: Vec<u32> = KINDS.iter().map(|kind| *kind as u32).collect();
    assert_eq!(numbers, (0..9).collect::<Vec<_>>());
}

#[test]
fn numbers_out_of_range_are_invalid_and_zero_is_the_documented_default() {
    let aging = Rules::of(Kind::PriorityAging);
    for rules in [Rules { age_step: (1 << 30) + 1, ..aging }, Rules { depth: 65, ..Rules::of(Kind::Pct) }] {
        assert_eq!(Schedule::new(&rules).err(), Some(Status::INVALID));
    }
    let filled = *Schedule::new(&aging).unwrap().rules();
    let expected = Rules {
        quantum: 16,
        age_step: 8,
        bypass_limit: 64,
        token_cap: 16,
        depth: 3,
        steps: 1_000,
        handoffs: 256,
        ..aging
    };
    assert_eq!(filled, expected);
    assert_eq!(of(Kind::PriorityFixed).rules().age_step, 0, "static unless it is asked for");
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let rules = Rules { age_step: 1 << 30, ..Rules::of(Kind::PriorityAging) };
    let mut schedule = Schedule::new(&rules).unwrap();
    for (strand, priority) in [(0, i32::MIN), (1, 0), (2, i32::MAX)] {
        schedule.admit(strand, 0, priority).unwrap();
        schedule.ready(strand, Cause::Spawned);
    }
    let order: Vec<_> = core::iter::from_fn(|| schedule.pick(&mut ())).collect();
    assert_eq!(order, [2, 1, 0]);
    let rules = Rules { token_cap: u32::MAX, ..Rules::of(Kind::ProgressAware) };
    let mut schedule = Schedule::new(&rules).unwrap();
    schedule.admit(0, 0, 0).unwrap();
    schedule.admit(1, 0, 0).unwrap();
    schedule.grant(0, u32::MAX);
    schedule.grant(0, u32::MAX);
    schedule.grant(1, 1);
    assert_eq!(schedule.move_tokens(0, 1, u32::MAX), Err(Status::LIMIT));
    assert_eq!(schedule.move_tokens(1, 0, 2), Err(Status::INVALID));
    assert_eq!((schedule.tokens(0), schedule.tokens(1)), (u32::MAX, 1));
}

#[test]
fn a_strand_is_admitted_once_and_to_a_lane_that_exists() {
    for kind in KINDS {
        let mut schedule = of(kind);
        assert_eq!(schedule.admit(3, 1, 0), Err(Status::INVALID));
        assert_eq!(schedule.admit(u32::MAX, 0, 0), Err(Status::INVALID));
        assert_eq!(schedule.admit(3, 0, 0), Ok(()));
        assert_eq!(schedule.admit(3, 0, 0), Err(Status::INVALID));
        schedule.retire(3);
        assert_eq!(schedule.admit(3, 0, 5), Ok(()));
        assert_eq!(schedule.priority(3), 5);
    }
}

#[test]
fn calls_about_strands_that_do_not_exist_do_nothing() {
    for kind in KINDS {
        let mut schedule = of(kind);
        schedule.admit(1, 0, 0).unwrap();
        for strand in [0, 2, 1_000_000] {
            schedule.ready(strand, Cause::Message);
            schedule.pause(strand);
            schedule.resume(strand);
            schedule.set_priority(strand, 9);
            schedule.grant(strand, 9);
            schedule.retire(strand);
            assert!(!schedule.take(strand) && !schedule.keeps_turn(strand) && !schedule.is_ready(strand));
            assert_eq!((schedule.tokens(strand), schedule.priority(strand), schedule.lane_of(strand)), (0, 0, 0));
            assert_eq!(schedule.move_tokens(strand, 1, 0), Err(Status::INVALID));
            assert_eq!(schedule.move_tokens(1, strand, 0), Err(Status::INVALID));
            assert_eq!(schedule.move_lane(strand, 0, Mark::default()), Err(Status::INVALID));
        }
        assert_eq!((schedule.ready_count(), schedule.pick(&mut ())), (0, None));
    }
}

#[test]
fn a_held_strand_is_counted_as_ready_and_never_picked() {
    for kind in KINDS {
        let mut schedule = of(kind);
        schedule.admit(0, 0, 0).unwrap();
        schedule.pause(0);
        schedule.ready(0, Cause::Spawned);
        assert_eq!((schedule.ready_count(), schedule.eligible_count()), (1, 0), "{kind:?}");
        assert!(schedule.pick(&mut ()).is_none() && !schedule.take(0) && schedule.is_held(0));
        schedule.resume(0);
        assert_eq!(schedule.pick(&mut ()), Some(0));
        schedule.pause(0);
        assert!(!schedule.keeps_turn(0), "it gives up its turn at the next checkpoint");
    }
}

#[test]
fn everybody_is_let_go_at_once_and_has_kept_the_place() {
    for kind in KINDS {
        let mut schedule = of(kind);
        for strand in 0..5 {
            schedule.admit(strand, 0, 0).unwrap();
            schedule.ready(strand, Cause::Spawned);
        }
        let places: Vec<_> = (0..5).map(|strand| schedule.place_of(strand)).collect();
        let keeps_order = !matches!(kind, Kind::Random | Kind::Pct);
        assert!(places.iter().all(|place| place.is_some() == keeps_order), "{kind:?}");
        assert!(places.is_sorted() && (!keeps_order || places[0] != places[4]), "{kind:?}");
        for strand in [3, 0] {
            schedule.pause(strand);
        }
        assert_eq!((schedule.eligible_in(0), schedule.eligible_in(1), schedule.ready_count()), (3, 0, 5));
        schedule.resume_all();
        schedule.resume_all();
        assert_eq!((schedule.eligible_in(0), schedule.eligible_count()), (5, 5));
        assert_eq!((0..5).map(|strand| schedule.place_of(strand)).collect::<Vec<_>>(), places, "{kind:?}");
        let mut order: Vec<_> = core::iter::from_fn(|| schedule.pick(&mut ())).collect();
        assert!(!keeps_order || order == [0, 1, 2, 3, 4], "{kind:?}");
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        assert_eq!(schedule.place_of(2), None, "it is not ready any more");
    }
}

#[test]
fn lanes_that_last_are_left_empty_and_the_others_go() {
    for kind in KINDS {
        let mut schedule = of(kind);
        for weight in 2..=130 {
            assert_eq!(schedule.lane_new(weight, 1).unwrap(), weight - 1);
        }
        schedule.keep_lanes();
        assert_eq!(schedule.lane_new(9, 9), Ok(130));
        schedule.admit(1, 129, 0).unwrap();
        schedule.ready(1, Cause::Spawned);
        schedule.clear(3);
        assert_eq!((schedule.lane_count(), schedule.lane(129), schedule.lane(130)), (130, Some((130, 1)), None));
        assert_eq!((schedule.eligible_in(129), schedule.pick(&mut ())), (0, None), "{kind:?}");
        let mut other = of(Kind::PriorityFixed);
        other.lane_new(7, 0).unwrap();
        let mut new = of(kind);
        new.adopt_lanes(&other).unwrap();
        assert_eq!(new.lane_count(), 1, "they do not last");
        new.adopt_lanes(&schedule).unwrap();
        for schedule in [&mut new, &mut schedule] {
            for (strand, lane) in [(0, 129), (1, 1), (2, 0), (3, 64)] {
                schedule.admit(strand, lane, 0).unwrap();
                schedule.ready(strand, Cause::Spawned);
            }
        }
        let order = |schedule: &mut Schedule| -> Vec<_> { core::iter::from_fn(|| schedule.pick(&mut ())).collect() };
        if !matches!(kind, Kind::Random | Kind::Pct) {
            assert_eq!(order(&mut new), order(&mut schedule), "{kind:?}");
        }
    }
}

#[test]
fn a_choice_out_of_range_is_the_last() {
    struct TooMuch;
    impl super::super::Chooser for TooMuch {
        fn choose(&mut self, n: usize) -> usize {
            n + 7
        }
    }
    let mut schedule = of(Kind::Chosen);
    for strand in 0..3 {
        schedule.admit(strand, 0, 0).unwrap();
        schedule.ready(strand, Cause::Spawned);
    }
    let chooser: &mut dyn super::super::Chooser = &mut TooMuch;
    assert_eq!(schedule.pick(chooser), Some(2));
    assert_eq!(schedule.pick(&mut Answer(0)), Some(0));
}

/// Checkpoints of a strand alone until it loses its turn, in three turns.
fn turns(kind: Kind, quantum: u32) -> [u32; 3] {
    let mut schedule = Schedule::new(&Rules { quantum, ..Rules::of(kind) }).unwrap();
    schedule.admit(0, 0, 0).unwrap();
    core::array::from_fn(|_| {
        schedule.ready(0, Cause::Checkpoint);
        assert_eq!(schedule.pick(&mut ()), Some(0));
        (1..1_000).find(|_| !schedule.keeps_turn(0)).unwrap_or(1_000)
    })
}

#[test]
fn a_round_robin_turn_ends_at_its_quantum_and_a_cooperative_one_at_once() {
    assert_eq!(turns(Kind::RoundRobin, 0), [16; 3]);
    assert_eq!(turns(Kind::RoundRobin, 1), [1; 3]);
    assert_eq!(turns(Kind::RoundRobin, 5), [5; 3]);
    for kind in [Kind::Cooperative, Kind::Random, Kind::Pct, Kind::Chosen] {
        assert_eq!(turns(kind, 5), [1; 3], "{kind:?}");
    }
    assert_eq!(turns(Kind::PriorityFixed, 5), [1_000; 3], "nobody is better");
}

#[test]
fn control_a_quantum_that_is_off_by_one_is_noticed() {
    assert_ne!(defect::with(Defect::QuantumOff, || turns(Kind::RoundRobin, 5)), [5; 3]);
}

#[test]
fn a_move_between_lanes_is_recorded_and_the_ring_forgets_the_oldest() {
    for kind in KINDS {
        let mut schedule = of(kind);
        let lanes = [0, schedule.lane_new(1, 0).unwrap(), schedule.lane_new(1, 1).unwrap()];
        schedule.keep_handoffs(4).unwrap();
        schedule.admit(9, 0, 0).unwrap();
        assert_eq!(schedule.move_lane(9, 3, Mark::default()), Err(Status::INVALID));
        assert_eq!(schedule.move_lane(9, 0, Mark::default()), Ok(()), "to its own lane: no move");
        assert_eq!(schedule.handoffs().count(), 0);
        let mut expected = Vec::new();
        for step in 1..11_u64 {
            let (from, to) = (schedule.lane_of(9), lanes[step as usize % 3]);
            let mark = Mark { name: 1 << 40 | step, step, reason: 7 };
            schedule.move_lane(9, to, mark).unwrap();
            if from != to {
                expected.push(Handoff { strand: 9, from, to, mark });
            }
            let kept: Vec<_> = schedule.handoffs().collect();
            assert_eq!(kept, expected[expected.len().saturating_sub(4)..]);
            assert_eq!(schedule.handoffs_dropped(), expected.len().saturating_sub(4) as u64);
        }
        schedule.clear(0);
        assert_eq!((schedule.handoffs().count(), schedule.handoffs_dropped(), schedule.lane_count()), (0, 0, 1));
    }
}
