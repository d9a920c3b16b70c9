// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nobody starves, counted: how often a strand that is ready is passed by others, and what share each lane has.

use super::super::defect::{self, Defect};
use super::super::{Cause, Kind, Rules, Schedule, StrandIndex};
use crate::base::random::Random;

/// Strands that are ready, each with the picks it has seen and how many of them were of strands that came later.
struct Counters {
    arrivals: u64,
    strands: Vec<Option<Counter>>,
}

#[derive(Clone, Copy)]
struct Counter {
    arrival: u64,
    seen: u64,
    passed: u64,
}

impl Counters {
    fn new(strands: usize) -> Self {
        Counters { arrivals: 0, strands: vec![None; strands] }
    }

    fn ready(&mut self, schedule: &mut Schedule, strand: StrandIndex, cause: Cause) {
        schedule.ready(strand, cause);
        self.arrivals += 1;
        let entry = &mut self.strands[strand as usize];
        entry.get_or_insert(Counter { arrival: self.arrivals, seen: 0, passed: 0 });
    }

    /// Counts a pick; what the picked one had seen.
    fn picked(&mut self, strand: StrandIndex) -> Counter {
        let picked = self.strands[strand as usize].take().unwrap();
        for waiting in self.strands.iter_mut().flatten() {
            waiting.seen += 1;
            waiting.passed += u64::from(waiting.arrival < picked.arrival);
        }
        picked
    }

    fn passed(&self) -> u64 {
        self.strands.iter().flatten().map(|waiting| waiting.passed).max().unwrap_or(0)
    }

    fn seen(&self, strand: StrandIndex) -> u64 {
        self.strands[strand as usize].map_or(0, |waiting| waiting.seen)
    }
}

fn schedule(rules: Rules, strands: u32, priority: impl Fn(u32) -> i32) -> (Schedule, Counters) {
    let mut schedule = Schedule::new(&rules).unwrap();
    let mut counters = Counters::new(strands as usize);
    for strand in 0..strands {
        schedule.admit(strand, 0, priority(strand)).unwrap();
        counters.ready(&mut schedule, strand, Cause::Spawned);
    }
    (schedule, counters)
}

/// The most that any ready strand was passed by later ones, when half of the strands get tokens at every chance.
fn most_passed(kind: Kind, bypass_limit: u32, seed: u64) -> u64 {
    let (mut schedule, mut counters) = schedule(Rules { bypass_limit, ..Rules::of(kind) }, 12, |n| n as i32 % 3);
    let mut random = Random::new(seed);
    let mut most = 0;
    for _ in 0..20_000 {
        let strand = schedule.pick(&mut ()).unwrap();
        counters.picked(strand);
        most = most.max(counters.passed());
        if strand < 6 {
            schedule.grant(strand, 3);
        }
        let cause = if random.below(2) == 0 && strand < 6 { Cause::Message } else { Cause::Yielded };
        counters.ready(&mut schedule, strand, cause);
    }
    most
}

#[test]
fn with_tokens_nobody_is_passed_more_often_than_the_limit() {
    for kind in [Kind::PriorityToken, Kind::ProgressAware] {
        for limit in [1, 2, 7, 64] {
            let most = most_passed(kind, limit, u64::from(limit));
            assert_eq!(most, u64::from(limit), "{kind:?}: the bound is kept, and it is reached");
        }
        assert_eq!(most_passed(kind, 0, 3), 64, "the documented default");
    }
}

#[test]
fn control_a_limit_that_is_off_by_one_is_noticed() {
    for kind in [Kind::PriorityToken, Kind::ProgressAware] {
        assert_eq!(defect::with(Defect::BypassOff, || most_passed(kind, 7, 7)), 8);
    }
}

/// The longest wait of a strand of the lowest priority, in picks.
fn longest_wait(rules: Rules, highest: i32) -> u64 {
    let priority = |strand: u32| if strand == 0 { 0 } else { highest };
    let (mut schedule, mut counters) = schedule(rules, 8, priority);
    let mut longest = 0;
    for _ in 0..20_000 {
        let strand = schedule.pick(&mut ()).unwrap();
        counters.picked(strand);
        longest = longest.max(counters.seen(0));
        counters.ready(&mut schedule, strand, Cause::Yielded);
    }
    longest
}

fn waits_within_bound(kind: Kind, age_step: u32, highest: i32) -> bool {
    let step = if age_step == 0 { 8 } else { u64::from(age_step) };
    let bound = step * highest as u64 + 8;
    longest_wait(Rules { age_step, ..Rules::of(kind) }, highest) <= bound
}

#[test]
fn with_ageing_the_lowest_priority_waits_for_a_bounded_number_of_picks() {
    for highest in [1, 5, 100] {
        for age_step in [0, 1, 8, 33] {
            assert!(waits_within_bound(Kind::PriorityAging, age_step, highest), "{age_step} {highest}");
        }
        assert!(waits_within_bound(Kind::PriorityFixed, 3, highest));
    }
}

#[test]
fn control_without_ageing_the_lowest_priority_starves() {
    assert!(!waits_within_bound(Kind::PriorityFixed, 0, 1), "static priorities starve: that is what they are");
    assert!(!defect::with(Defect::NoAgeing, || waits_within_bound(Kind::PriorityAging, 8, 5)));
}

/// Picks of each of three lanes (weights 1, 2 and 5, with 1, 9 and 2 strands) in each of several cycles.
fn shares(kind: Kind) -> Vec<[u32; 3]> {
    let mut schedule = Schedule::new(&Rules::of(kind)).unwrap();
    assert_eq!((schedule.lane_new(2, 0), schedule.lane_new(5, 1)), (Ok(1), Ok(2)));
    assert_eq!((schedule.lane(0), schedule.lane(1), schedule.lane(2)), (Some((1, 0)), Some((2, 0)), Some((5, 1))));
    let lanes = [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2];
    for (strand, lane) in (0_u32..).zip(lanes) {
        schedule.admit(strand, lane, strand as i32).unwrap();
        schedule.ready(strand, Cause::Spawned);
    }
    let cycle = |_| {
        let mut picks = [0; 3];
        for _ in 0..8 {
            let strand = schedule.pick(&mut ()).unwrap();
            picks[lanes[strand as usize] as usize] += 1;
            schedule.ready(strand, Cause::Yielded);
        }
        picks
    };
    (0..500).map(cycle).collect()
}

#[test]
fn a_lane_has_as_many_picks_in_each_cycle_as_its_weight() {
    for kind in [Kind::Cooperative, Kind::RoundRobin, Kind::PriorityFixed, Kind::PriorityToken, Kind::ProgressAware] {
        assert!(shares(kind).iter().all(|picks| *picks == [1, 2, 5]), "{kind:?}");
    }
}

#[test]
fn control_lanes_of_equal_weight_are_noticed() {
    let picks = defect::with(Defect::WeightIgnored, || shares(Kind::Cooperative));
    assert!(picks.iter().any(|picks| *picks != [1, 2, 5]));
}

/// Many lanes, so that the index of lanes has several words and groups: each is found, and in the order of numbers.
#[test]
fn a_hundred_thousand_lanes_have_their_turns_in_order() {
    let mut schedule = Schedule::new(&Rules::of(Kind::Cooperative)).unwrap();
    let mut members = Vec::new();
    for lane in 1..100_000_u32 {
        assert_eq!(schedule.lane_new(0, 1), Ok(lane));
        if lane % 6_007 == 0 || lane % 64 == 63 && lane > 90_000 || lane == 99_999 {
            members.push(lane);
        }
    }
    for (strand, lane) in (0_u32..).zip(&members) {
        schedule.admit(strand, *lane, 0).unwrap();
        schedule.ready(strand, Cause::Spawned);
    }
    for _ in 0..3 {
        for lane in &members {
            let strand = schedule.pick(&mut ()).unwrap();
            assert_eq!(schedule.lane_of(strand), *lane);
            schedule.ready(strand, Cause::Yielded);
        }
    }
}
