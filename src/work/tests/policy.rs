// SPDX-License-Identifier: MIT OR Apache-2.0
//! The policy is the table, for every depth and occupancy; measurement overrules it with hysteresis.

use proptest::prelude::*;

use crate::work::evidence::{Evidence, Parity, SCHEMA};
use crate::work::measured::{Measured, faster};
use crate::work::policy::{FULL, Mode, Policy, Recommendation};

/// Depth, occupancy, mode.
const TABLE: [(u32, u32, Mode); 22] = [
    (0, 0, Mode::Empty),
    (0, 10_000, Mode::Empty),
    (1, 0, Mode::NonBlocking),
    (1, 4_999, Mode::NonBlocking),
    (1, 5_000, Mode::Blocking),
    (1, 10_000, Mode::Blocking),
    (63, 4_999, Mode::NonBlocking),
    (63, 5_000, Mode::Blocking),
    (63, 65_535, Mode::Blocking),
    (64, 0, Mode::NonBlocking),
    (64, 2_500, Mode::NonBlocking),
    (64, 5_000, Mode::NonBlocking),
    (64, 10_000, Mode::NonBlocking),
    (65, 10_000, Mode::NonBlocking),
    (1_048_575, 10_000, Mode::NonBlocking),
    (1_048_576, 0, Mode::NonBlocking),
    (1_048_576, 10_000, Mode::NonBlocking),
    (1_048_577, 0, Mode::SpillRequired),
    (1_048_577, 10_000, Mode::SpillRequired),
    (536_870_911, 10_000, Mode::SpillRequired),
    (536_870_912, 10_000, Mode::SpillRequired),
    (u32::MAX, u32::MAX, Mode::SpillRequired),
];

type Rule = fn(u32, u32) -> Recommendation;

fn agrees_with_the_table(rule: Rule) -> bool {
    TABLE.iter().all(|(depth, occupancy, mode)| {
        let said = rule(*depth, *occupancy);
        said.mode == *mode && said.budget == u64::from(*depth) * 8 && said.occupancy_bps == (*occupancy).min(FULL)
    })
}

#[test]
fn the_standard_policy_is_the_table() {
    assert!(agrees_with_the_table(|depth, occupancy| Policy::STANDARD.recommend(depth, occupancy)));
}

/// The control: each threshold that is off by one, and a wrong order of the tests, is caught by the table.
#[test]
fn a_policy_that_is_off_by_one_fails_the_table() {
    const S: Policy = Policy::STANDARD;
    let wrong: [Rule; 9] = [
        |d, o| Policy { nonblocking_depth: 63, ..S }.recommend(d, o),
        |d, o| Policy { nonblocking_depth: 65, ..S }.recommend(d, o),
        |d, o| Policy { spill_depth: 1_048_575, ..S }.recommend(d, o),
        |d, o| Policy { spill_depth: 1_048_577, ..S }.recommend(d, o),
        |d, o| Policy { visits_per_item: 7, ..S }.recommend(d, o),
        |d, o| Policy { low_occupancy_bps: 4_999, ..S }.recommend(d, o),
        |d, o| Policy { low_occupancy_bps: 5_001, ..S }.recommend(d, o),
        |d, o| match S.recommend(d, o) {
            said if d == 0 && o < 5_000 => Recommendation { mode: Mode::NonBlocking, ..said },
            said => said,
        },
        |d, o| Recommendation { occupancy_bps: o, ..S.recommend(d, o) },
    ];
    for (number, rule) in wrong.into_iter().enumerate() {
        assert!(!agrees_with_the_table(rule), "mistake {number} was not noticed");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4096, ..ProptestConfig::default() })]

    /// Whatever the thresholds, there is an answer; a budget above 32 bits is never recommended to be run.
    #[test]
    fn every_policy_answers_everything(n: u32, s: u32, v: u32, l: u32, depth: u32, occupancy: u32) {
        let policy = Policy { nonblocking_depth: n, spill_depth: s, visits_per_item: v, low_occupancy_bps: l };
        let said = policy.recommend(depth, occupancy);
        prop_assert_eq!(said.mode == Mode::Empty, depth == 0);
        prop_assert_eq!(said.budget, u64::from(depth) * u64::from(v));
        prop_assert!(said.occupancy_bps <= FULL);
        if said.mode != Mode::SpillRequired {
            prop_assert!(said.budget <= u64::from(u32::MAX) && depth <= s);
        }
    }

    #[test]
    fn measuring_is_total_and_never_leaves_the_two_ways(
        probe in 0u32..5,
        notes in prop::collection::vec((0u32..4, any::<u64>(), any::<u64>(), 0u32..4), 0..64),
    ) {
        let mut measured = Measured::new(probe);
        for (mode, visits, nanoseconds, recommended) in notes {
            measured.note(Mode::of(mode).unwrap(), visits, nanoseconds);
            let recommended = Mode::of(recommended).unwrap();
            let chosen = measured.choose(recommended);
            match recommended {
                Mode::Empty | Mode::SpillRequired => prop_assert_eq!(chosen, recommended),
                _ => prop_assert!(matches!(chosen, Mode::Blocking | Mode::NonBlocking)),
            }
        }
    }
}

#[test]
fn the_faster_way_is_taken_against_the_policy() {
    let mut measured = Measured::new(0);
    measured.note(Mode::NonBlocking, 1_000, 9_000);
    assert_eq!(measured.choose(Mode::NonBlocking), Mode::NonBlocking);
    assert_eq!(measured.choose(Mode::Blocking), Mode::Blocking, "one time alone decides nothing");
    measured.note(Mode::Blocking, 1_000, 5_000);
    assert_eq!(measured.choose(Mode::NonBlocking), Mode::Blocking);
    assert_eq!(measured.choose(Mode::Empty), Mode::Empty);
    assert_eq!(measured.choose(Mode::SpillRequired), Mode::SpillRequired, "memory is no question of speed");
}

/// Two ways whose times lie within a tenth of each other, in turns: the choice stays. Further apart it turns.
fn turns(rule: fn(Option<Mode>, u64, u64) -> Mode, times: [(u64, u64); 2]) -> usize {
    let mut used = None;
    let mut turns = 0;
    for step in 0..100 {
        let (blocking, nonblocking) = times[step % 2];
        let now = rule(used, blocking, nonblocking);
        turns += usize::from(used.is_some_and(|before| before != now));
        used = Some(now);
    }
    turns
}

#[test]
fn the_choice_does_not_alternate_within_a_tenth() {
    let near = [(1_000, 950), (950, 1_000)];
    let apart = [(1_000, 899), (899, 1_000)];
    assert_eq!(turns(faster, near), 0);
    assert_eq!(turns(faster, apart), 99);
    // The control: without hysteresis it alternates.
    assert_eq!(turns(|_, one, other| faster(None, one, other), near), 99);
}

#[test]
fn the_way_not_in_use_is_tried_now_and_then() {
    let mut measured = Measured::new(8);
    let tried = (0..80).filter(|_| measured.choose(Mode::NonBlocking) == Mode::Blocking).count();
    assert_eq!(tried, 10);
    measured.note(Mode::Blocking, 10, 10);
    measured.note(Mode::NonBlocking, 10, 100);
    let tried = (0..80).filter(|_| measured.choose(Mode::NonBlocking) == Mode::NonBlocking).count();
    assert_eq!(tried, 10, "what has won may lose again");
}

#[test]
fn one_disturbed_slice_does_not_turn_the_choice() {
    let mut measured = Measured::new(0);
    for _ in 0..8 {
        measured.note(Mode::Blocking, 1_000, 1_000);
        measured.note(Mode::NonBlocking, 1_000, 1_400);
    }
    assert_eq!(measured.settled(), Some(Mode::Blocking));
    measured.note(Mode::Blocking, 1_000, 2_500);
    assert_eq!(measured.settled(), Some(Mode::Blocking));
    for _ in 0..32 {
        measured.note(Mode::Blocking, 1_000, 2_500);
    }
    assert_eq!(measured.settled(), Some(Mode::NonBlocking), "a lasting change does");
}

#[test]
fn evidence_is_complete_exactly_when_the_fields_of_schema_1_are() {
    let good = Evidence { mode: Mode::NonBlocking, depth: 64, occupancy_bps: 2_500, ..Evidence::empty() };
    assert!(good.is_complete() && Evidence::empty().is_complete());
    let wrong = [
        Evidence { schema: SCHEMA + 1, ..good },
        Evidence { occupancy_bps: FULL + 1, ..good },
        Evidence { parity_required: false, ..good },
        Evidence { reports_items: false, ..good },
        Evidence { depth: 0, ..good },
    ];
    assert!(wrong.iter().all(|evidence| !evidence.is_complete()));
    assert!(!good.is_proven(), "nobody has compared");
    assert!(!Evidence { parity: Parity::Different, ..good }.is_proven());
    assert!(Evidence { parity: Parity::Equal, ..good }.is_proven());
    assert!(wrong.iter().all(|evidence| !Evidence { parity: Parity::Equal, ..*evidence }.is_proven()));
}

#[test]
fn modes_have_their_labels() {
    let labels: Vec<_> = Mode::ALL.iter().map(|mode| mode.label().to_str().unwrap()).collect();
    assert_eq!(labels, ["empty", "blocking", "non_blocking", "spill_required"]);
    for (number, mode) in Mode::ALL.into_iter().enumerate() {
        assert_eq!(Mode::of(number as u32), Some(mode));
        assert_eq!(mode as usize, number);
    }
    assert!([4, 5, u32::MAX].into_iter().all(|number| Mode::of(number).is_none()));
}
