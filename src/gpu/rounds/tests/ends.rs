// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an item may do, one thing after the other.

use super::*;
use crate::work::codes;

const WORDS: [Word; 3] = [Word::Param, Word::ContinuationPc, Word::ContinuationData];

/// Every item emits its param.
const ECHO: &str = "fn run(item: Item) { emit(Record(item.param)); }";

#[test]
fn every_item_runs_once_however_places_are_reserved() {
    let Some(service) = software() else { return };
    for reserve in RESERVES {
        for group_size in [1, 8, 64, 100, 256] {
            let trial = Trial { emit_max: 1, reserve: Some(reserve), group_size, ..Trial::new(ECHO, &[Word::Param]) };
            let items: Vec<u32> = (0..10_007).collect();
            let shelf = trial.run_items(&service, &items).ok();
            let mut emitted = shelf.emitted.clone();
            emitted.sort_unstable();
            assert_eq!(emitted, items, "{reserve:?} {group_size}");
            assert_eq!((shelf.tally.finished, shelf.tally.visits), (10_007, 10_007));
        }
    }
}

#[test]
fn a_dispatch_of_more_groups_than_a_dimension_has_is_made_in_two() {
    let Some(service) = software() else { return };
    let items: Vec<u32> = (0..200_001).collect();
    let base = Trial { emit_max: 1, group_size: 1, capacity: 1 << 18, ..Trial::new(ECHO, &[Word::Param]) };
    // The device's own limit is 65,535 groups; then a lower one, with rows that do not come out even.
    for groups_max in [u32::MAX, 1000, 7] {
        let trial = Trial { groups_max, ..base.clone() };
        let shelf = trial.run_items(&service, &items[..if groups_max == 7 { 45 } else { 200_001 }]).ok();
        let mut emitted = shelf.emitted.clone();
        emitted.sort_unstable();
        assert_eq!(emitted, items[..emitted.len()]);
        assert_eq!(emitted.len() as u64, shelf.tally.finished);
        assert!(shelf.launched >= shelf.tally.finished);
    }
}

/// Counts `continuation_data` down; `param` says how it goes on.
const GOES_ON: &str = "
fn run(item: Item) {
    if (item.continuation_data == 0u) { emit(Record(item.continuation_pc)); return; }
    let pc = item.continuation_pc + item.param;
    let data = item.continuation_data - 1u;
    switch item.param % 3u {
        case 0u: { requeue(pc, data, BAND_SAME); }
        case 1u: { yield_now(pc, data); }
        default: { pause(pc, data, 7u); }
    }
}";

#[test]
fn items_go_on_where_they_said() {
    let Some(service) = software() else { return };
    for (reserve, inner, newest_first) in
        [(Reserve::Subgroup, 1, false), (Reserve::Workgroup, 3, true), (Reserve::Lane, 1000, false)]
    {
        let base = Trial::new(GOES_ON, &WORDS);
        let trial = Trial { emit_max: 1, reserve: Some(reserve), inner, newest_first, ..base };
        let mut shelf = trial.shelf();
        shelf.resumes = true;
        let items: Vec<u32> = (0..3000).flat_map(|param| [param, 0, 10]).collect();
        shelf.queues[0].extend(&items);
        let shelf = trial.run(&service, shelf).ok();
        let mut emitted = shelf.emitted.clone();
        emitted.sort_unstable();
        assert_eq!(emitted, (0..3000).map(|param| param * 10).collect::<Vec<u32>>());
        let Tally { requeued, yielded, paused, finished, visits, .. } = shelf.tally;
        assert_eq!((requeued, yielded, paused, finished, visits), (10_000, 10_000, 10_000, 3000, 33_000));
        assert!(shelf.paused.is_empty());
    }
}

#[test]
fn an_item_that_blocks_its_invocation_needs_fewer_rounds() {
    let Some(service) = software() else { return };
    let source = "fn run(item: Item) { if (item.continuation_data != 0u) { requeue(0u, item.continuation_data - 1u, BAND_SAME); } }";
    let rounds = [1, 1000].map(|inner| {
        let trial = Trial { inner, latency: i64::MAX, ..Trial::new(source, &WORDS) };
        let items: Vec<u32> = (0..500).flat_map(|_| [0, 0, 200]).collect();
        let shelf = trial.run_items(&service, &items).ok();
        assert_eq!((shelf.tally.requeued, shelf.tally.finished), (100_000, 500));
        shelf.rounds
    });
    assert_eq!(rounds, [201, 1]);
}

/// An invocation visits an item again and again: what the program keeps for itself begins anew each time.
#[test]
fn private_variables_begin_as_they_are_declared() {
    let Some(service) = software() else { return };
    let source = "override first: u32 = 5u;
var<private> count: u32 = first;
var<private> sum: array<u32, 3>;
fn run(item: Item) {
    count += 1u; sum[1] += 2u;
    if (count != 6u || sum[1] != 2u) { fault(count); return; }
    if (item.continuation_data != 0u) { requeue(0u, item.continuation_data - 1u, BAND_SAME); return; }
    emit(Record(count));
}";
    let words = [Word::Param, Word::ContinuationPc, Word::ContinuationData];
    let trial = Trial { emit_max: 1, inner: 100, ..Trial::new(source, &words) };
    let items: Vec<u32> = (0..100).flat_map(|param| [param, 0, 9]).collect();
    let shelf = trial.run_items(&service, &items).ok();
    assert_eq!((shelf.emitted, shelf.tally.faulted), (vec![6; 100], 0));
    assert_eq!((shelf.rounds, shelf.tally.visits), (1, 1000), "the same invocation makes the ten visits");
}

#[test]
fn counters_of_the_task_are_kept() {
    let Some(service) = software() else { return };
    let source = "fn run(item: Item) {
        if (item.requeue_count < 3u) { requeue(0u, 0u, BAND_SAME); return; }
        if (item.yield_count < 2u) { yield_now(0u, 0u); return; }
        emit(Record(item.state * 1000u + item.flags * 100u + item.requeue_count * 10u + item.yield_count));
    }";
    let words = [Word::State, Word::RequeueCount, Word::YieldCount, Word::Flags];
    let trial = Trial { emit_max: 1, inner: 2, ..Trial::new(source, &words) };
    let shelf = trial.run_items(&service, &[1, 0, 0, 0, 1, u32::MAX - 1, 1, 0]).ok();
    let mut emitted = shelf.emitted.clone();
    emitted.sort_unstable();
    // Yielded is state 5, its flag is 2; the second item has been requeued u32::MAX - 1 times before: minus 2.
    assert_eq!(emitted, [5200 - 20 + 2, 5232]);
    let trial = Trial { source: "fn run(item: Item) { requeue(0u, 0u, BAND_SAME); }".to_owned(), ..trial };
    let shelf = trial.run_items(&service, &[1, u32::MAX - 1, 0, 0]).ok();
    assert_eq!(shelf.faults[0].1, codes::COUNTER);
    assert_eq!((shelf.tally.requeued, shelf.tally.faulted), (1, 1));
}

#[test]
fn what_is_not_allowed_faults_and_leaves_nothing() {
    let Some(service) = software() else { return };
    let cases = [
        ("fault(7u);", 7),
        ("push(item, BAND_SAME); push(item, BAND_SAME); push(item, BAND_SAME);", codes::FAN_OUT),
        ("emit(Record(1u)); emit(Record(1u));", codes::EMITS),
        ("push(item, 2u);", codes::BAND),
        ("requeue(0u, 0u, 5u);", codes::BAND),
        ("requeue(0u, 0u, BAND_SAME); yield_now(0u, 0u);", codes::ENDED_TWICE),
        ("requeue(1u, 0u, BAND_SAME);", codes::NOT_CARRIED),
        ("pause(0u, 1u, 0u);", codes::NOT_CARRIED),
        ("requeue(0u, 0u, BAND_SAME); fault(9u);", 9),
        ("fault(9u); requeue(0u, 0u, BAND_SAME);", 9),
    ];
    for (body, code) in cases {
        for (bands, reserve) in [(1, Reserve::Subgroup), (2, Reserve::Workgroup), (2, Reserve::Lane)] {
            let source = format!(
                "fn run(item: Item) {{
                    emit(Record(item.param));
                    if (item.param % 2u == 0u) {{ push(Item(1u), BAND_SAME); }}
                    if (item.param % 3u == 2u) {{ {} }}
                }}",
                body.replace("push(item", "push(Item(1u)")
            );
            let base = Trial::new(&source, &[Word::Param]);
            let emit_max = if code == codes::EMITS { 2 } else { 1 };
            let trial = Trial { fan_out_max: 2, emit_max, bands, reserve: Some(reserve), ..base };
            let shelf = trial.run_items(&service, &(0..600).collect::<Vec<u32>>()).ok();
            assert_eq!(shelf.faults.len(), 200, "{body} {bands}");
            for (_, told, band, _, record) in &shelf.faults {
                assert_eq!((*told, *band, record[0] % 3), (code, 0, 2), "{body}");
            }
            let mut expected: Vec<u32> = (0..600).filter(|param| param % 3 != 2).collect();
            expected.extend((0..600).filter(|param| param % 3 != 2 && param % 2 == 0).map(|_| 1));
            expected.sort_unstable();
            let mut emitted = shelf.emitted.clone();
            emitted.sort_unstable();
            assert_eq!(emitted, expected, "{body}: nothing of an item that faulted is emitted, its children neither");
            assert_eq!((shelf.tally.faulted, shelf.tally.finished), (200, expected.len() as u64));
        }
    }
}

#[test]
fn a_loop_that_the_driver_would_cut_off_is_a_fault() {
    let Some(service) = software() else { return };
    let flat = "var n = 0u; for (var i = 0u; i < item.param; i++) { n += 1u; } emit(Record(n));";
    let nested = "var n = 0u;
        for (var i = 0u; i < item.param / 100u; i++) { for (var j = 0u; j < 100u; j++) { n += 1u; } }
        emit(Record(n));";
    for (body, fine) in [(flat, 32_767), (nested, 32_000)] {
        let source = format!("fn run(item: Item) {{ {body} }}");
        let trial = Trial { emit_max: 1, ..Trial::new(&source, &[Word::Param]) };
        let shelf = trial.run_items(&service, &[70_000, fine, 100, 32_868]).ok();
        let mut emitted = shelf.emitted.clone();
        emitted.sort_unstable();
        assert_eq!(emitted, [100, fine], "an answer is right or there is none");
        let mut faults: Vec<_> = shelf.faults.iter().map(|kept| (kept.4[0], kept.1)).collect();
        faults.sort_unstable();
        assert_eq!(faults, [(32_868, codes::LOOP_LIMIT), (70_000, codes::LOOP_LIMIT)]);
    }
}

/// Iterations of invocations that run in step add up where they do not loop together. Whoever is cut off then has not counted
/// too many, and still there is no wrong answer.
#[test]
fn what_a_group_is_cut_off_from_together_is_no_answer_of_anybody() {
    let Some(service) = software() else { return };
    let source = "fn run(item: Item) {
        var n = 0u;
        for (var i = 0u; i < item.param; i++) { for (var j = 0u; j < item.continuation_pc; j++) { n += 1u; } }
        emit(Record(item.param, item.continuation_pc, n));
        if (item.param != 0u) { push(Item(0u, 0u, 0u), BAND_SAME); }
    }";
    for reserve in RESERVES {
        let base = Trial::new(source, &WORDS);
        let trial = Trial { emit_max: 1, emit_words: 3, fan_out_max: 1, reserve: Some(reserve), ..base };
        let items: Vec<u32> =
            [(1, 70_000), (280, 250), (100, 100), (70_000, 1), (30_000, 1), (1, 30_000), (2, 15_000), (5, 5)]
                .into_iter()
                .flat_map(|(outer, inner)| [outer, inner, 0])
                .collect();
        let shelf = trial.run_items(&service, &items).ok();
        assert_eq!(shelf.tally.faulted + shelf.tally.finished, 8 + shelf.tally.pushed);
        assert!(shelf.faults.iter().all(|kept| kept.1 == codes::LOOP_LIMIT));
        assert!(shelf.tally.faulted >= 3, "those that loop too often at least");
        for record in shelf.emitted.chunks(3) {
            assert_eq!(record[0] * record[1], record[2], "{reserve:?}: an answer is right or there is none");
        }
        assert_eq!(shelf.tally.pushed + shelf.tally.pushed, shelf.emitted.len() as u64 / 3, "each brings its child");
    }
    // Control: where nobody counts for the group, there are wrong answers.
    if service.facts().loop_limit != 0 && service.facts().subgroup_min != 0 {
        let base = Trial::new(source, &WORDS);
        let spoil = Some(("if (led >= ", "if (false && led >= "));
        let trial = Trial { emit_max: 1, emit_words: 3, fan_out_max: 1, spoil, ..base };
        let items = [1, 70_000, 0, 280, 250, 0, 100, 100, 0, 70_000, 1, 0];
        let shelf = trial.run_items(&service, &items).ok();
        let right = |record: &[u32]| [[100, 100, 10_000], [0, 0, 0]].iter().any(|answer| answer == record);
        assert!(!shelf.emitted.chunks(3).all(right), "{:?}", shelf.emitted);
    }
    // Alone, each of them has its whole bound.
    let base = Trial::new(source, &WORDS);
    let trial = Trial { emit_max: 1, emit_words: 3, fan_out_max: 1, ..base };
    let shelf = trial.run_items(&service, &[1, 30_000, 0]).ok();
    assert_eq!((shelf.tally.faulted, shelf.emitted[2].max(shelf.emitted[5])), (0, 30_000));
}

#[test]
fn visits_by_one_invocation_do_not_add_up_to_what_the_driver_cuts_off() {
    let Some(service) = software() else { return };
    let source = "fn run(item: Item) {
        var n = item.continuation_pc;
        for (var i = 0u; i < 30000u; i++) { n += item.param; }
        if (item.continuation_data != 0u) { requeue(n, item.continuation_data - 1u, BAND_SAME); return; }
        emit(Record(n));
    }";
    let trial = Trial { emit_max: 1, inner: 1000, ..Trial::new(source, &WORDS) };
    let items: Vec<u32> = (1..=50).flat_map(|param| [param, 0, 9]).collect();
    let shelf = trial.run_items(&service, &items).ok();
    let mut emitted = shelf.emitted.clone();
    emitted.sort_unstable();
    assert_eq!(emitted, (1..=50).map(|param| param * 300_000).collect::<Vec<u32>>());
    assert_eq!(shelf.tally.requeued, 450);
}

#[test]
fn children_go_to_their_bands_and_the_most_urgent_go_first() {
    let Some(service) = software() else { return };
    // A clock that every item reads tells who went when: items of one round see the same number, or nearly so.
    let source = "fn run(item: Item) {
        if (item.param >= 1000u) { emit(Record(item.param)); return; }
        push(Item(1000u + item.param % 5u), item.param % 5u);
    }";
    let trial = Trial {
        emit_max: 1,
        fan_out_max: 1,
        bands: 5,
        tenants: 3,
        capacity: 4096,
        latency: i64::MAX,
        ..Trial::new(source, &[Word::Param])
    };
    let mut shelf = trial.shelf();
    for tenant in 0..3 {
        shelf.queue(4, tenant).extend((0..500).map(|number| number + tenant));
    }
    let shelf = trial.run(&service, shelf).ok();
    assert_eq!(shelf.emitted.len(), 1500);
    assert_eq!(shelf.tally.pushed, 1500);
    let position = |band: u32| shelf.emitted.iter().rposition(|record| *record == 1000 + band).unwrap();
    assert!(position(0) < position(1) && position(1) < position(2) && position(2) < position(3), "by urgency");
    assert_eq!(shelf.on_device[..3], [-500, -500, -500], "as many more left the device as the host had put there");
}

#[test]
fn a_band_that_is_passed_over_is_not_forgotten() {
    let Some(service) = software() else { return };
    // Band 0 never runs empty: its items requeue themselves, until the one of band 1 has run.
    let source = "fn run(item: Item) {
        if (item.param == 1u) { emit(Record(1u)); return; }
        if (item.continuation_data != 0u) { requeue(0u, item.continuation_data - 1u, BAND_SAME); } else { emit(Record(0u)); }
    }";
    let trial = Trial { emit_max: 1, bands: 2, latency: i64::MAX, ..Trial::new(source, &WORDS) };
    let mut shelf = trial.shelf();
    shelf.queue(0, 0).extend((0..100).flat_map(|_| [0, 0, 100]));
    shelf.queue(1, 0).extend([1, 0, 0]);
    let shelf = trial.run(&service, shelf).ok();
    assert_eq!(shelf.emitted[0], 1, "it ran before the hundred rounds of the others were over");
    assert_eq!(shelf.emitted.len(), 101);
    assert_eq!(shelf.rounds, 102);
}
