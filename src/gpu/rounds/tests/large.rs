// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many items. `STRAND_TEST_LARGE=1` makes them as many as the properties say; each prints what it took.

use super::*;

fn large() -> bool {
    std::env::var("STRAND_TEST_LARGE").is_ok()
}

fn report(what: &str, shelf: &Shelf, visits: u64, took: Duration) {
    let rate = visits as f64 / took.as_secs_f64() / 1e6;
    let (rounds, submissions, active) = (shelf.rounds, shelf.submissions, shelf.active_ns as f64 / 1e9);
    println!(
        "{what}: {visits} visits, {rate:.1} M/s, {rounds} rounds, {submissions} submissions, {active:.3} s on the device"
    );
}

#[test]
fn ten_million_items_go_through_a_queue_of_sixteen_thousand() {
    let Some(service) = software() else { return };
    let count: u32 = if large() { 10_000_000 } else { 1_000_000 };
    let source = "fn run(item: Item) { if (item.param % 65536u == 7u) { emit(Record(item.param)); } }";
    let trial = Trial { emit_max: 1, capacity: 1 << 14, ..Trial::new(source, &[Word::Param]) };
    let items: Vec<u32> = (0..count).collect();
    let shelf = trial.shelf();
    let begun = std::time::Instant::now();
    let shelf = {
        let mut shelf = shelf;
        shelf.queues[0].extend(&items);
        trial.run(&service, shelf).ok()
    };
    report("through 2^14", &shelf, u64::from(count), begun.elapsed());
    assert_eq!(shelf.tally.finished, u64::from(count));
    assert_eq!(shelf.records(1).len(), (0..count).filter(|param| param % 65_536 == 7).count());
}

#[test]
fn a_tree_of_two_million_in_sixteen_thousand() {
    let Some(service) = software() else { return };
    let levels = if large() { 20 } else { 17 };
    let source = "fn run(item: Item) {
        if (item.param == 0u) { return; }
        push(Item(item.param - 1u), BAND_SAME);
        push(Item(item.param - 1u), BAND_SAME);
    }";
    let trial = Trial { fan_out_max: 2, newest_first: true, capacity: 1 << 14, ..Trial::new(source, &[Word::Param]) };
    let begun = std::time::Instant::now();
    let shelf = trial.run_items(&service, &[levels]).ok();
    report("tree in 2^14", &shelf, shelf.tally.visits, begun.elapsed());
    assert_eq!(shelf.tally.finished, (2 << levels) - 1);
    assert!(shelf.peak <= 1 << 14);
}

#[test]
fn requeues_in_rounds_and_at_once() {
    let Some(service) = software() else { return };
    let source = "fn run(item: Item) {
        if (item.continuation_data != 0u) { requeue(item.continuation_pc + 1u, item.continuation_data - 1u, BAND_SAME); }
    }";
    let words = [Word::ContinuationPc, Word::ContinuationData];
    let times = if large() { 500 } else { 50 };
    for inner in [1, 8, 4096] {
        let trial = Trial { capacity: 1 << 16, inner, ..Trial::new(source, &words) };
        let items: Vec<u32> = (0..1 << 16).flat_map(|_| [0, times]).collect();
        let begun = std::time::Instant::now();
        let shelf = trial.run_items(&service, &items).ok();
        report(&format!("requeue, {inner} at once"), &shelf, shelf.tally.visits, begun.elapsed());
        assert_eq!(shelf.tally.requeued, u64::from(times) << 16);
    }
}

#[test]
fn trivial_items_in_one_batch() {
    let Some(service) = software() else { return };
    let count: u32 = if large() { 1 << 22 } else { 1 << 18 };
    let source = "fn run(item: Item) { emit(Record(item.param * 3u)); }";
    for (what, source) in [("trivial", "fn run(item: Item) {}"), ("trivial, a record each", source)] {
        for reserve in RESERVES {
            let base = Trial::new(source, &[Word::Param]);
            let trial = Trial { emit_max: 1, capacity: 1 << 20, reserve: Some(reserve), ..base };
            let items: Vec<u32> = (0..count).collect();
            let begun = std::time::Instant::now();
            let shelf = trial.run_items(&service, &items).ok();
            report(&format!("{what}, {reserve:?}"), &shelf, u64::from(count), begun.elapsed());
            assert_eq!(shelf.tally.finished, u64::from(count));
        }
    }
}
