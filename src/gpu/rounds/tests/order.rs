// SPDX-License-Identifier: MIT OR Apache-2.0
//! In which order bands get their rounds: guard and ageing, on the device as on the host.

use super::*;
use crate::base::random::Random;
use crate::gpu::rounds::layout;
use crate::gpu::service::tests::run;
use crate::work::drain::{AGE, Drain, Order, Queued, STARVED_AFTER, band_bound};

/// The kernel that comes before each round, called again and again by one invocation. In: bands, newest first, rounds, and for
/// each round what was appended to each band, and the largest slice. Out, of each: band, items, and how far it was raised.
fn chooser(spoil: &dyn Fn(String) -> String) -> String {
    let mut prep = spoil(include_str!("../prep.wgsl").to_owned()).replace("@compute @workgroup_size(1)\n", "");
    for (number, name) in ["control", "counters", "args"].iter().enumerate() {
        let from = format!("@group(0) @binding({number}) var<storage, read_write> {name}");
        assert!(prep.contains(&from));
        prep = prep.replace(&from, &format!("var<private> {name}"));
    }
    layout::constants()
        + &prep
        + &format!(
            "@group(0) @binding(0) var<storage, read_write> words: array<u32>;
@compute @workgroup_size(1)
fn main() {{
    control[BAND_COUNT] = words[0];
    control[NEWEST_FIRST] = words[1];
    control[STARVED_AFTER] = {STARVED_AFTER}u;
    control[AGE_AFTER] = {AGE}u;
    control[CAPACITY] = 1u << 30u;
    control[PHYSICAL] = 1u << 30u;
    control[SLICE_MIN] = 1u;
    control[GROUP] = 64u;
    control[ROW_MAX] = 65535u;
    control[BUDGET] = 0xffffffffu;
    for (var r = 0u; r < words[2]; r++) {{
        let row = 3u + {ROW}u * r;
        for (var b = 0u; b < 5u; b++) {{ counters[APPENDED + b] = words[row + b]; }}
        control[SLICE_MAX] = words[row + 5u];
        prep();
        words[row] = control[SLICE_BAND];
        words[row + 1u] = control[SLICE];
        words[row + 2u] = control[SLICE_RAISED];
    }}
}}
"
        )
}

const ROW: usize = 6;
const ROUNDS: usize = 600;

/// How many rounds the kernel and the drain agree on, how far bands were raised, how often one was served out of order.
fn agree(service: &Service, seed: u64, order: Order, spoil: &dyn Fn(String) -> String) -> (usize, u32, u32) {
    let mut random = Random::new(seed);
    let bands = 1 + random.below(5) as u32;
    let mut words = vec![bands, u32::from(order == Order::Lifo), ROUNDS as u32];
    // One band never ends; the others get little, or much at once.
    let (endless, often) = (random.below(u64::from(bands)), 1 + random.below(20));
    for round in 0..ROUNDS {
        for band in 0..5 {
            let some = match (band, random.below(often)) {
                _ if band >= u64::from(bands) => 0,
                (band, _) if band == endless => 64,
                (_, 0) => random.below(16 * often),
                _ => 0,
            };
            words.push(if round == 0 { 200 * u32::from(band < u64::from(bands)) } else { some as u32 });
        }
        words.push(1 + random.below(64) as u32);
    }
    let found = run(service, &chooser(spoil), None, &[], &words);
    let mut drain = Drain::new(bands, 1, order, u64::MAX).unwrap();
    let mut length = [0u64; 5];
    let (mut raised, mut passed) = (0, 0);
    for (round, (given, found)) in words[3..].chunks(ROW).zip(found[3..].chunks(ROW)).enumerate() {
        length.iter_mut().zip(given).for_each(|(length, more)| *length += u64::from(*more));
        let there = |band: u32| Queued { length: length[band as usize], takeable: length[band as usize] };
        let Some(grant) = drain.next(given[5].into(), |band, _| there(band)) else {
            assert_eq!(found[1], 0);
            continue;
        };
        if [found[0], found[1], found[2]] != [grant.band, grant.count as u32, grant.raised] {
            return (round, raised, passed);
        }
        raised = raised.max(grant.raised);
        passed += u32::from((0..grant.band).any(|band| length[band as usize] > 0));
        length[grant.band as usize] -= grant.count;
    }
    (ROUNDS, raised, passed)
}

#[test]
fn a_device_gives_bands_their_rounds_as_the_host_does() {
    let Some(service) = software() else { return };
    let (mut raised, mut passed) = (0, 0);
    for seed in 0..24 {
        let order = if seed % 2 == 0 { Order::Fifo } else { Order::Lifo };
        let (rounds, most, often) = agree(&service, seed, order, &|text| text);
        assert_eq!(rounds, ROUNDS, "seed {seed}, {order:?}: they differ in this round");
        raised = raised.max(most);
        passed += often;
    }
    assert!(raised == 4 && passed > 1000, "bands did wait: {raised}, {passed}");
}

#[test]
fn control_a_device_with_one_rule_less_gives_other_rounds() {
    let Some(service) = software() else { return };
    let spoilt = [
        ("if (control[AGE_AFTER] == 0u) { return band; }", "return band;"),
        ("let starved = passed >= control[STARVED_AFTER];", "let starved = false;"),
        ("control[LEFT + b] -= min(control[LEFT + b], slice);", ""),
        ("count - min(count, control[BELOW + b]));", "0xffffffffu);"),
        ("urgent == best_rank && passed > best_passed", "false"),
    ];
    for (from, to) in spoilt {
        assert!(include_str!("../prep.wgsl").contains(from), "{from}");
        let differs = |seed: u64| {
            let order = if seed.is_multiple_of(2) { Order::Fifo } else { Order::Lifo };
            agree(&service, seed, order, &|text: String| text.replace(from, to)).0 < ROUNDS
        };
        assert!((0..24).any(differs), "{from}");
    }
}

/// An item of the most urgent band goes on for ever; the others tell their number and end.
const URGENT: &str = "fn run(item: Item) {
    if (item.param == 0u) { requeue(0u, 0u, BAND_SAME); return; }
    emit(Record(item.param, item.age_ticks));
}";

/// What the last band of `bands` emits in so many rounds of `slice` items, beside a most urgent one that never ends.
fn beside_urgent(
    service: &Service,
    (bands, backlog, slice, rounds): (u32, u32, u64, u64),
    newest_first: bool,
    spoil: Option<(&'static str, &'static str)>,
) -> Shelf {
    let base = Trial::new(URGENT, &[Word::Param, Word::AgeTicks]);
    let trial = Trial { emit_max: 1, emit_words: 2, bands, newest_first, rounds, spoil, ..base };
    let mut shelf = trial.shelf();
    shelf.slice = Some(slice);
    shelf.queue(0, 0).extend([0, 0].repeat(2 * slice as usize));
    shelf.queue(bands - 1, 0).extend((1..=backlog).flat_map(|number| [number, 0]));
    let shelf = trial.run(service, shelf);
    assert_eq!(shelf.status.as_ref().map(|status| status.0), Some(Status::LIMIT));
    // Nothing is lost and nothing doubled: what was not emitted has come back.
    let mut all: Vec<u32> = shelf.records(2).iter().map(|record| record[0]).collect();
    all.extend(shelf.queues.iter().flatten().step_by(2).filter(|param| **param != 0));
    all.sort_unstable();
    assert_eq!(all, (1..=backlog).collect::<Vec<u32>>());
    assert_eq!(shelf.queued(), 2 * slice + u64::from(backlog) - shelf.tally.finished);
    shelf
}

/// The guard and the ageing of the kernel, switched off.
const GUARDLESS: (&str, &str) = ("let starved = passed >= control[STARVED_AFTER];", "let starved = false;");
const AGELESS: (&str, &str) = ("if (control[AGE_AFTER] == 0u) { return band; }", "return band;");

#[test]
fn an_idle_item_begins_within_the_bound_beside_urgent_ones_that_never_end() {
    let Some(service) = software() else { return };
    let within = u64::from(band_bound(5)) + 1;
    for newest_first in [false, true] {
        let begun = |spoil| beside_urgent(&service, (5, 1, 4, within), newest_first, spoil).emitted.len();
        assert_eq!(begun(None), 2, "after {within} rounds");
        assert_eq!(begun(Some(GUARDLESS)), 0, "the control");
    }
}

#[test]
fn a_band_that_has_waited_gets_every_second_round_until_its_backlog_is_gone() {
    let Some(service) = software() else { return };
    // 50 slices of backlog: the guard alone gives one round of seventeen.
    let (backlog, slice) = (200, 4);
    let within = AGE + 2 * u64::from(backlog) / slice;
    for newest_first in [false, true] {
        let done = |spoil| beside_urgent(&service, (2, backlog, slice, within), newest_first, spoil);
        let shelf = done(None);
        assert_eq!(shelf.tally.finished, u64::from(backlog), "newest first: {newest_first}");
        // The first were served out of their turn, the others because they had waited: their tasks say so.
        let aged = shelf.records(2).iter().filter(|record| record[1] == 1).count();
        assert!(aged >= backlog as usize - 2 * slice as usize, "{aged}");
        assert!(shelf.records(2).iter().all(|record| record[1] <= 1));
        let finished = done(Some(AGELESS)).tally.finished;
        assert!(finished <= (within / 17 + 1) * slice, "the control: {finished}");
    }
}

#[test]
fn what_is_called_back_lies_as_it_lay() {
    let Some(service) = software() else { return };
    for (newest_first, returned_max) in [(false, u32::MAX), (true, u32::MAX), (false, 7), (true, 7)] {
        let base = Trial::new("fn run(item: Item) { emit(Record(item.param)); }", &[Word::Param]);
        let trial = Trial { emit_max: 1, capacity: 64, newest_first, rounds: 20, recall: 2, returned_max, ..base };
        let mut shelf = trial.shelf();
        shelf.slice = Some(10);
        shelf.queues[0].extend(0..1000);
        let shelf = trial.run(&service, shelf);
        assert!(shelf.recalled.1 >= 9, "{:?}", shelf.recalled);
        let mut emitted = shelf.emitted.clone();
        emitted.chunks_mut(10).for_each(<[u32]>::sort_unstable); // a slice has no order
        let taken: Vec<u32> = match newest_first {
            true => (0..20).flat_map(|slice| 990 - 10 * slice..1000 - 10 * slice).collect(),
            false => (0..200).collect(),
        };
        assert_eq!(emitted, taken, "newest first: {newest_first}");
        let left: Vec<u32> = if newest_first { (0..800).collect() } else { (200..1000).collect() };
        assert!(shelf.queues[0].iter().eq(&left), "newest first: {newest_first}");
    }
}
