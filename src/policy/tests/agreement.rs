// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each call answers as the reference does, for every policy, over random histories: ties, lanes, pauses, changed
//! priorities, tokens, retirement while ready, indices used again.

use super::super::defect::{self, Defect};
use super::super::{Kind, Rules, Schedule};
use super::history::{KINDS, Op, agree, answer, history};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

fn agrees(kind: Kind) {
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    runner
        .run(&history(kind), |(rules, ops)| agree(&rules, &ops).map_err(TestCaseError::fail))
        .unwrap_or_else(|failure| panic!("{kind:?}: {failure}"));
}

macro_rules! agreement {
    ($($name:ident $kind:ident;)*) => {
        $(#[test]
        fn $name() {
            agrees(Kind::$kind);
        })*
    };
}

agreement! {
    cooperative_answers_as_the_reference_does Cooperative;
    round_robin_answers_as_the_reference_does RoundRobin;
    priority_fixed_answers_as_the_reference_does PriorityFixed;
    priority_aging_answers_as_the_reference_does PriorityAging;
    priority_token_answers_as_the_reference_does PriorityToken;
    progress_aware_answers_as_the_reference_does ProgressAware;
    random_answers_as_the_reference_does Random;
    pct_answers_as_the_reference_does Pct;
    chosen_answers_as_the_reference_does Chosen;
}

/// Whether some history of a fixed series, as long as that of a test above, shows the defect.
fn noticed(kind: Kind, seeded: Defect) -> bool {
    let mut runner = TestRunner::deterministic();
    let histories = history(kind);
    (0..100).any(|_| {
        let (rules, ops) = histories.new_tree(&mut runner).unwrap().current();
        defect::with(seeded, || agree(&rules, &ops)).is_err()
    })
}

#[test]
fn control_every_defect_is_noticed_under_each_policy_that_it_touches() {
    use Kind::*;
    let lanes: &[Kind] = &[Cooperative, RoundRobin, PriorityFixed, PriorityAging, PriorityToken, ProgressAware];
    let ranked: &[Kind] = &[PriorityFixed, PriorityAging, PriorityToken, ProgressAware];
    let table: &[(Defect, &[Kind])] = &[
        (Defect::PauseLosesPlace, &[Cooperative, RoundRobin, PriorityToken, ProgressAware, Chosen]),
        (Defect::HeldIsPicked, &KINDS),
        (Defect::QuantumOff, &[RoundRobin]),
        (Defect::CooperativeKeepsTurn, &[Cooperative]),
        (Defect::EqualsReversed, ranked),
        (Defect::NoAgeing, &[PriorityFixed, PriorityAging]),
        (Defect::StaleRank, ranked),
        (Defect::BypassOff, &[PriorityToken, ProgressAware]),
        (Defect::NoMint, &[ProgressAware]),
        (Defect::TokenKept, &[ProgressAware]),
        (Defect::RightOfWaySpent, &[PriorityToken]),
        (Defect::WeightIgnored, lanes),
        (Defect::LaneRestarts, lanes),
        (Defect::RandomSkewed, &[Random]),
        (Defect::NoChangePoints, &[Pct]),
        (Defect::NoSpinDemotion, &[Pct]),
        (Defect::ChoiceReversed, &[Chosen]),
        (Defect::ReadyTwice, &KINDS),
    ];
    for (seeded, kinds) in table {
        for kind in *kinds {
            assert!(noticed(*kind, *seeded), "{seeded:?} went unnoticed under {kind:?}");
        }
    }
}

/// The policies differ from each other, at equal parameters: no two are one rule under two names.
#[test]
fn control_no_policy_passes_for_another() {
    let mut runner = TestRunner::deterministic();
    let histories = history(Kind::Cooperative);
    let histories: Vec<_> = (0..100).map(|_| histories.new_tree(&mut runner).unwrap().current()).collect();
    for kind in KINDS {
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let differ = histories.iter().any(|(rules, ops)| {
                let rules = Rules { age_step: 0, ..*rules };
                answers(&Rules { kind, ..rules }, ops) != answers(&Rules { kind: other, ..rules }, ops)
            });
            assert!(differ, "{kind:?} and {other:?} are the same rule");
        }
    }
}

fn answers(rules: &Rules, ops: &[Op]) -> Vec<Vec<i64>> {
    let mut schedule = Schedule::new(rules).unwrap();
    ops.iter().map(|op| answer(&mut schedule, op)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Replay by `take` of what `pick` named leaves everything as `pick` did.
    #[test]
    fn taking_the_strand_that_would_be_picked_is_a_pick(
        (rules, ops) in prop::sample::select(&KINDS[..]).prop_flat_map(history),
    ) {
        let (mut picking, mut taking) = (Schedule::new(&rules).unwrap(), Schedule::new(&rules).unwrap());
        for op in &ops {
            let picked = answer(&mut picking, op);
            if let (Op::Pick(_), [strand]) = (op, &picked[..])
                && *strand >= 0
            {
                prop_assert!(taking.take(*strand as u32), "{} cannot be taken", strand);
            } else {
                prop_assert_eq!(picked, answer(&mut taking, op));
            }
        }
    }
}
