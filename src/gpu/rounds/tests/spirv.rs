// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs in SPIR-V on the software device: the same as those in WGSL, with what an item does written to a mailbox.

use super::random;
use super::*;
use crate::gpu::rounds::spirv::tests::{MAILBOX, made};
use crate::work::codes;

/// A program in WGSL as a module: what the library gives the one is written to the mailbox by the other.
fn module(trial: &Trial) -> Vec<u32> {
    let words: Vec<Word> = trial.fields.words().collect();
    let record = words.len() as u32;
    let pushed = 8 + record;
    let emitted = pushed + trial.fan_out_max * (record + 1);
    let members: String = words.iter().map(|word| format!("{}: u32, ", word.name())).collect();
    let load: Vec<String> = (0..record).map(|place| format!("mailbox.words[{}]", 8 + place)).collect();
    let store: String = (0u32..)
        .zip(&words)
        .map(|(place, word)| format!("mailbox.words[at + {}u] = child.{}; ", place + 1, word.name()))
        .collect();
    let (fan_out, emits, each) = (trial.fan_out_max, trial.emit_max, trial.emit_words);
    made(&format!(
        "{MAILBOX}
const BAND_SAME = 0xffffffffu;
struct Item {{ {members} }}
alias Record = array<u32, {each}>;
fn push(child: Item, band: u32) {{
    let number = mailbox.words[4];
    mailbox.words[4] = number + 1u;
    if (number < {fan_out}u) {{ let at = {pushed}u + number * {}u; mailbox.words[at] = band; {store} }}
}}
fn emit(record: Record) {{
    let number = mailbox.words[5];
    mailbox.words[5] = number + 1u;
    if (number < {emits}u) {{
        var words = record;
        for (var w = 0u; w < {each}u; w++) {{ mailbox.words[{emitted}u + number * {each}u + w] = words[w]; }}
    }}
}}
fn ends(how: u32, pc: u32, data: u32, told: u32) {{
    mailbox.words[0] = how; mailbox.words[1] = pc; mailbox.words[2] = data; mailbox.words[3] = told;
}}
fn requeue(pc: u32, data: u32, band: u32) {{ ends(1u, pc, data, band); }}
fn yield_now(pc: u32, data: u32) {{ ends(2u, pc, data, 0u); }}
fn pause(pc: u32, data: u32, epoch: u32) {{ ends(3u, pc, data, epoch); }}
fn fault(code: u32) {{ ends(4u, 0u, 0u, code); }}
{}
@compute @workgroup_size(1) fn strand_put() {{ run(Item({})); }}",
        record + 1,
        trial.source,
        load.join(", ")
    ))
}

fn in_words(trial: Trial) -> Trial {
    Trial { words: module(&trial), ..trial }
}

#[test]
fn spirv_random_programs_do_what_they_do_in_a_loop() {
    let Some(service) = software() else { return };
    let seeds = std::env::var("STRAND_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(40);
    let mut visits = 0;
    for seed in 0..seeds {
        let (device, reference) = random::compare_as(&service, seed, |text| text, in_words);
        assert_eq!(device, reference, "seed {seed}");
        visits += reference.tally.visits;
    }
    assert!(visits > 1000 * seeds, "the programs do something: {visits}");
}

#[test]
fn spirv_control_a_mailbox_that_is_read_a_word_beside_is_noticed() {
    let Some(service) = software() else { return };
    let beside =
        |trial: Trial| Trial { spoil: Some(("strand_mailed(at + 1u)", "strand_mailed(at)")), ..in_words(trial) };
    let noticed = (0..12).filter(|seed| {
        let (device, reference) = random::compare_as(&service, *seed, |text| text, beside);
        device != reference
    });
    assert!(noticed.count() >= 4);
}

#[test]
fn spirv_a_loop_that_the_driver_would_cut_off_is_a_fault() {
    let Some(service) = software() else { return };
    let flat = "var n = 0u; for (var i = 0u; i < item.param; i++) { n += 1u; } emit(Record(n));";
    for reserve in RESERVES {
        let source = format!("fn run(item: Item) {{ {flat} }}");
        let base =
            Trial { emit_max: 1, reserve: Some(reserve), loop_limit: 4000, ..Trial::new(&source, &[Word::Param]) };
        let trial = in_words(base);
        let shelf = trial.run_items(&service, &[70_000, 3990, 100, 4100]).ok();
        let mut emitted = shelf.emitted.clone();
        emitted.sort_unstable();
        assert_eq!(emitted, [100, 3990], "an answer is right or there is none");
        let mut faults: Vec<_> = shelf.faults.iter().map(|kept| (kept.4[0], kept.1)).collect();
        faults.sort_unstable();
        assert_eq!(faults, [(4100, codes::LOOP_LIMIT), (70_000, codes::LOOP_LIMIT)]);
        // Control: where nobody looks at the count, there are wrong answers.
        let spoil = Some(("if (strand_loops > ", "if (false && strand_loops > "));
        let shelf = Trial { spoil, ..trial }.run_items(&service, &[70_000]).ok();
        assert!(shelf.emitted.iter().all(|count| *count < 70_000) && shelf.faults.is_empty(), "{:?}", shelf.emitted);
    }
}

/// An invocation visits an item again and again: what the module keeps for itself begins anew each time.
#[test]
fn spirv_private_variables_begin_as_they_are_declared() {
    let Some(service) = software() else { return };
    let source = "var<private> count: u32 = 5u;
var<private> sum: array<u32, 3>;
fn run(item: Item) {
    count += 1u; sum[1] += 2u;
    if (count != 6u || sum[1] != 2u) { fault(count); return; }
    if (item.continuation_data != 0u) { requeue(0u, item.continuation_data - 1u, BAND_SAME); return; }
    emit(Record(count));
}";
    let words = [Word::Param, Word::ContinuationPc, Word::ContinuationData];
    let trial = in_words(Trial { emit_max: 1, inner: 100, ..Trial::new(source, &words) });
    let items: Vec<u32> = (0..100).flat_map(|param| [param, 0, 9]).collect();
    let shelf = trial.run_items(&service, &items).ok();
    assert_eq!((shelf.emitted, shelf.tally.faulted, shelf.rounds), (vec![6; 100], 0, 1));
}

#[test]
fn spirv_what_is_not_allowed_faults_and_leaves_nothing() {
    let Some(service) = software() else { return };
    let cases = [
        ("fault(7u);", 7),
        ("push(item, BAND_SAME); push(item, BAND_SAME);", codes::FAN_OUT),
        ("mailbox.words[4] = 0xffffffffu;", codes::FAN_OUT),
        ("emit(Record(1u));", codes::EMITS),
        ("mailbox.words[5] = 0xffffffffu;", codes::EMITS),
        ("push(item, 2u);", codes::BAND),
        ("requeue(0u, 0u, 5u);", codes::BAND),
        ("requeue(1u, 0u, BAND_SAME);", codes::NOT_CARRIED),
        ("mailbox.words[0] = 5u;", codes::STATE),
    ];
    for (body, code) in cases {
        let source = format!(
            "fn run(item: Item) {{ emit(Record(item.param)); if (item.param % 3u == 2u) {{ {} }} }}",
            body.replace("push(item", "push(Item(1u)")
        );
        let base = Trial { fan_out_max: 1, emit_max: 1, bands: 2, ..Trial::new(&source, &[Word::Param]) };
        let shelf = in_words(base).run_items(&service, &(0..300).collect::<Vec<u32>>()).ok();
        assert_eq!(shelf.faults.len(), 100, "{body}");
        assert!(shelf.faults.iter().all(|kept| (kept.1, kept.4[0] % 3) == (code, 2)), "{body}: {:?}", shelf.faults[0]);
        assert_eq!(shelf.emitted.len(), 200, "{body}");
    }
}
