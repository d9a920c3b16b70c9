// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Pct`: where the change points are, which orderings are met how often, and that spinning ends.

use super::super::defect::{self, Defect};
use super::super::{Cause, Kind, Rules, Schedule, StrandIndex};
use super::random::chi_square;

/// An event: the n-th step of a strand, both counted from 0.
type Event = (StrandIndex, usize);

/// The events of one schedule: `strands` strands of `steps` steps each, which never wait.
fn run(schedule: &mut Schedule, seed: u64, strands: u32, steps: usize) -> Vec<Event> {
    schedule.clear(seed);
    for strand in 0..strands {
        schedule.admit(strand, 0, 0).unwrap();
        schedule.ready(strand, Cause::Spawned);
    }
    let (mut done, mut events) = (vec![0; strands as usize], Vec::new());
    while let Some(strand) = schedule.pick(&mut ()) {
        let step = &mut done[strand as usize];
        events.push((strand, *step));
        *step += 1;
        if *step == steps {
            schedule.retire(strand);
        } else {
            schedule.ready(strand, Cause::Yielded);
        }
    }
    events
}

fn of(depth: u32, steps: u64) -> Schedule {
    Schedule::new(&Rules { depth, steps, ..Rules::of(Kind::Pct) }).unwrap()
}

/// How often the first change of strands comes after pick 1, 2, ... of two strands that never wait.
fn first_changes(depth: u32, picks: usize) -> Vec<u32> {
    let mut schedule = of(depth, picks as u64);
    let mut cells = vec![0; picks];
    for seed in 0..20_000 {
        let events = run(&mut schedule, seed, 2, picks + 1);
        let first = events.iter().take_while(|event| event.0 == events[0].0).count();
        if let Some(cell) = cells.get_mut(first - 1) {
            *cell += 1;
        }
    }
    cells
}

#[test]
fn the_change_point_is_equally_likely_at_each_of_the_steps() {
    let cells = first_changes(2, 20);
    assert_eq!(cells.iter().sum::<u32>(), 20_000, "there is always one");
    assert!(chi_square(&cells) < 66.0, "{cells:?}"); // 19 degrees of freedom: once in a million
    assert_eq!(first_changes(1, 20).iter().sum::<u32>(), 0, "depth 1 has none");
}

#[test]
fn with_several_change_points_the_first_comes_as_early_as_it_should() {
    // The least of three uniform draws over 1..=20 is t with probability ((21 - t)^3 - (20 - t)^3) / 20^3.
    let cells = first_changes(4, 20);
    for (before, seen) in cells.iter().enumerate() {
        let above = |t: usize| ((20 - t) as f64 / 20.0).powi(3);
        let expected = 20_000.0 * (above(before) - above(before + 1));
        let deviation = (f64::from(*seen) - expected).abs() / expected.sqrt();
        assert!(deviation < 5.0, "step {}: {seen} instead of {expected}", before + 1);
    }
}

/// In how many of `schedules` the events come in this order.
fn met(schedule: &mut Schedule, schedules: u64, strands: u32, steps: usize, order: &[Event]) -> u64 {
    let ordered = |seed: &u64| {
        let events = run(schedule, *seed, strands, steps);
        let places = order.iter().map(|event| events.iter().position(|other| other == event).unwrap());
        places.is_sorted()
    };
    (0..schedules).filter(ordered).count() as u64
}

/// Another strand comes between two steps of one: depth 2.
const DEPTH_2: &[Event] = &[(0, 1), (1, 2), (0, 2)];

/// Two strands drop, and the one that drops later is the higher one afterwards: depth 3.
const DEPTH_3_LATER_HIGHER: &[Event] = &[(0, 1), (1, 1), (2, 1), (1, 2), (0, 2)];

/// Two strands drop, and the one that drops earlier is the higher one afterwards: depth 3.
const DEPTH_3_EARLIER_HIGHER: &[Event] = &[(0, 1), (1, 1), (2, 1), (0, 2), (1, 2)];

/// Whether `seen` of `schedules` can be a probability of 1 in `bound` or more, five standard deviations granted: the
/// bound of the paper is met exactly by two strands.
fn often_enough(seen: u64, schedules: u64, bound: u64) -> bool {
    let expected = schedules as f64 / bound as f64;
    seen as f64 >= expected - 5.0 * expected.sqrt()
}

#[test]
fn an_ordering_is_met_at_least_as_often_as_the_paper_proves() {
    let schedules = 20_000;
    for (strands, steps) in [(2, 5), (4, 5), (3, 12)] {
        let all = u64::from(strands) * steps as u64;
        let seen = met(&mut of(2, all), schedules, strands, steps, DEPTH_2);
        assert!(often_enough(seen, schedules, u64::from(strands) * all), "{strands} strands of {steps} steps: {seen}");
    }
    for order in [DEPTH_3_LATER_HIGHER, DEPTH_3_EARLIER_HIGHER] {
        let seen = met(&mut of(3, 12), schedules, 3, 4, order);
        assert!(often_enough(seen, schedules, 3 * 12 * 12), "{order:?}: {seen}");
    }
}

#[test]
fn control_without_change_points_or_depth_the_ordering_is_never_met() {
    assert_eq!(met(&mut of(1, 20), 2_000, 4, 5, DEPTH_2), 0);
    assert_eq!(defect::with(Defect::NoChangePoints, || met(&mut of(2, 20), 2_000, 4, 5, DEPTH_2)), 0);
    assert_eq!(met(&mut of(2, 12), 2_000, 3, 4, DEPTH_3_LATER_HIGHER), 0, "one change point is too few");
    assert!(!often_enough(0, 20_000, 3 * 12 * 12), "the tolerance does not swallow the bound");
}

#[test]
fn the_bound_on_steps_can_be_set_for_the_next_schedule() {
    let mut schedule = of(2, 1_000_000);
    assert_eq!(met(&mut schedule, 500, 2, 5, DEPTH_2), 0, "the change point lies far behind the end");
    schedule.set_steps(10);
    assert!(met(&mut schedule, 500, 2, 5, DEPTH_2) > 0);
    assert_eq!(schedule.rules().steps, 10);
}

/// Picks until strand 1 runs, while strand 0 gives up its turn again and again; at most 1,000.
fn picks_until_other(seed: u64, disturbed: bool) -> u32 {
    let rules = Rules { seed, depth: 1, ..Rules::of(Kind::Pct) };
    let mut schedule = Schedule::new(&rules).unwrap();
    for strand in 0..3 {
        schedule.admit(strand, 0, 0).unwrap();
    }
    schedule.ready(0, Cause::Spawned);
    schedule.ready(1, Cause::Spawned);
    (0..1_000)
        .find(|turn| {
            let strand = schedule.pick(&mut ()).unwrap();
            schedule.ready(strand, if turn % 2 == 0 { Cause::Yielded } else { Cause::Checkpoint });
            if disturbed && turn % 50 == 0 {
                schedule.ready(2, Cause::Woken);
                assert!(schedule.take(2));
            }
            strand == 1
        })
        .unwrap_or(1_000)
}

#[test]
fn a_strand_that_spins_makes_way_after_a_hundred_turns() {
    let waits: Vec<u32> = (0..64).map(|seed| picks_until_other(seed, false)).collect();
    assert!(waits.contains(&0) && waits.contains(&100), "{waits:?}");
    assert!(waits.iter().all(|wait| [0, 100].contains(wait)), "{waits:?}");
    let disturbed: Vec<u32> = (0..64).map(|seed| picks_until_other(seed, true)).collect();
    assert!(disturbed.iter().all(|wait| [0, 1_000].contains(wait)), "others are woken, so nobody spins: {disturbed:?}");
}

#[test]
fn control_spinning_that_never_ends_is_noticed() {
    let longest = |seed| picks_until_other(seed, false);
    assert_eq!(defect::with(Defect::NoSpinDemotion, || (0..64).map(longest).max()), Some(1_000));
}
