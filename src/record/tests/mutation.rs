// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever single thing is changed in a recording is refused or reported; never is it followed in silence.
//!
//! The run that follows is the worst there is: it takes every pick and every input as it comes, and nothing that it
//! does depends on them. So what its own behaviour would show is not counted on.

use proptest::prelude::*;

use super::forge::{forge, marks};
use super::script::{Act, Run, event, follow, follow_open, name, record, repair, run, value};
use crate::record::Replay;
use crate::record::event::{Payload, shape_of};
use crate::record::format::{END, HEADER};

/// One change to what is recorded.
#[derive(Clone, Debug)]
enum Change {
    Delete,
    Duplicate,
    Swap,
    Insert(Act),
    Replace(Act),
    Pick(u64),
    Predict,
    Field(prop::sample::Index, u64),
    Byte(prop::sample::Index, u8),
    Lengthen(u8),
    Shorten,
}

fn change() -> impl Strategy<Value = Change> {
    use Change::{Byte, Delete, Duplicate, Field, Insert, Lengthen, Pick, Predict, Replace, Shorten, Swap};
    prop_oneof![
        2 => Just(Delete),
        1 => Just(Duplicate),
        2 => Just(Swap),
        1 => event().prop_map(Insert),
        1 => event().prop_map(Replace),
        1 => any::<u64>().prop_map(Pick),
        1 => Just(Predict),
        4 => (any::<prop::sample::Index>(), any::<u64>()).prop_map(|(which, value)| Field(which, value)),
        1 => (any::<prop::sample::Index>(), 1u8..).prop_map(|(which, bits)| Byte(which, bits)),
        1 => any::<u8>().prop_map(Lengthen),
        1 => Just(Shorten),
    ]
}

/// Where the acts are that are recorded.
fn recorded(script: &[Act]) -> Vec<usize> {
    (0..script.len()).filter(|&at| !matches!(script[at], Act::Step(_) | Act::Flush)).collect()
}

fn is_pick(act: &Act) -> bool {
    matches!(act, Act::Predicted | Act::Pick(_))
}

/// The place of the step that ends the pick at `at`.
fn step_of(script: &[Act], at: usize) -> usize {
    at + script[at..].iter().position(|act| matches!(act, Act::Step(_))).unwrap()
}

/// Makes the change at the act `places[which]`.
fn apply(script: &[Act], change: &Change, which: usize) -> Vec<Act> {
    let places = recorded(script);
    let at = places[which];
    let mut changed = script.to_vec();
    match change {
        Change::Delete if is_pick(&script[at]) => {
            changed.remove(step_of(script, at));
            changed.remove(at);
        }
        Change::Delete => _ = changed.remove(at),
        Change::Duplicate if is_pick(&script[at]) => {
            let step = step_of(script, at);
            changed.splice(step + 1..step + 1, [script[at].clone(), script[step].clone()]);
        }
        Change::Duplicate => changed.insert(at, script[at].clone()),
        Change::Swap => changed.swap(at, places[(which + 1) % places.len()]),
        Change::Insert(act) => changed.insert(at, act.clone()),
        Change::Replace(act) if !is_pick(&script[at]) => changed[at] = act.clone(),
        Change::Pick(strand) if is_pick(&script[at]) => changed[at] = Act::Pick(*strand),
        Change::Predict if is_pick(&script[at]) => changed[at] = Act::Predicted,
        _ => change_inside(&mut changed[at], change),
    }
    changed
}

fn change_inside(act: &mut Act, change: &Change) {
    let Act::Event { tag, fields, bytes } = act else { return };
    let shape = shape_of(*tag).unwrap();
    match change {
        Change::Field(which, wanted) if !shape.fields.is_empty() => {
            let index = which.index(shape.fields.len());
            let coding = shape.fields[index].coding;
            let mut runner = proptest::test_runner::TestRunner::deterministic();
            // A value that the field can have: the one wanted, cut down to it.
            let sample = value(coding).new_tree(&mut runner).unwrap().current();
            fields[index] = match coding {
                crate::record::event::Coding::U8 => wanted & 0xFF,
                crate::record::event::Coding::U32 => wanted & 0xFFFF_FFFF,
                crate::record::event::Coding::I32 => *wanted as i32 as i64 as u64,
                _ => wanted.wrapping_add(sample),
            };
            repair(*tag, fields);
        }
        Change::Byte(which, bits) if !bytes.is_empty() => {
            let index = which.index(bytes.len());
            bytes[index] ^= bits;
        }
        Change::Lengthen(byte) if shape.payload != Payload::None => bytes.push(*byte),
        Change::Shorten => _ = bytes.pop(),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
    #[test]
    fn a_single_change_to_the_events_is_never_followed_in_silence(
        script in run(1..12),
        change in change(),
        which: prop::sample::Index,
    ) {
        let (original, which) = (record(&script, 0), which.index(recorded(&script).len()));
        let make = |change: &Change| forge(&original, record(&apply(&script, change, which), 0));
        let mut forged = make(&change);
        if forged == original {
            // The change does not apply here, or two equal things changed places. A deletion always applies.
            forged = make(&Change::Delete);
        }
        prop_assert_ne!(&forged, &original);
        let result = follow(forged, &script, 0, Run::Blind);
        prop_assert!(result.is_err(), "{change:?}");
    }
}

/// Every change of one kind at every place of a run over more than one check.
#[test]
fn every_deletion_duplicate_and_exchange_in_a_long_run_is_found() {
    let mut script = Vec::new();
    for step in 0..1_100u64 {
        if step % 50 == 0 {
            script.push(Act::Event { tag: 0x08, fields: [step * step, 0, 0, 0], bytes: Vec::new() });
        }
        script.push(if step % 7 == 0 { Act::Pick(step % 5) } else { Act::Predicted });
        if step % 64 == 0 {
            script.push(Act::Event { tag: 0x13, fields: [1, 0, 0, 0], bytes: step.to_le_bytes().to_vec() });
        }
        script.push(Act::Step(step % 3));
    }
    let original = record(&script, 0);
    let places = recorded(&script);
    let mut found = 0;
    for change in [Change::Delete, Change::Duplicate, Change::Swap] {
        for which in (0..places.len()).filter(|which| which % 5 == 0 || !is_pick(&script[places[*which]])) {
            let forged = forge(&original, record(&apply(&script, &change, which), 0));
            if forged == original {
                continue;
            }
            let result = follow(forged, &script, 0, Run::Blind);
            assert!(result.is_err(), "{change:?} of {} at {which}", name(&script[places[which]]));
            found += 1;
        }
    }
    assert!(found > 400, "{found}");
}

/// A small run with one of everything, for changes at every byte.
fn small() -> Vec<Act> {
    let mut script = Vec::new();
    for (index, shape) in crate::record::event::SHAPES.iter().enumerate() {
        let bytes = if shape.payload == Payload::None { Vec::new() } else { vec![7; 3] };
        let mut fields = [0; 4];
        (0..shape.fields.len()).for_each(|field| fields[field] = 5 - field as u64);
        script.push(Act::Event { tag: shape.tag, fields, bytes });
        script.push(if index % 2 == 0 { Act::Predicted } else { Act::Pick(index as u64) });
        script.push(Act::Step(index as u64));
        if index == 7 {
            script.push(Act::Flush);
        }
    }
    script
}

#[test]
fn every_changed_bit_of_a_file_is_refused() {
    let original = record(&small(), 0);
    follow(original.clone(), &small(), 0, Run::Blind).unwrap();
    for bit in 0..original.len() * 8 {
        let mut changed = original.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let refusal = follow(changed, &small(), 0, Run::Blind).unwrap_err();
        assert_eq!(refusal.code(), "OPEN", "bit {} of byte {}: {refusal:?}", bit % 8, bit / 8);
    }
}

#[test]
fn every_missing_and_every_repeated_byte_is_refused() {
    let original = record(&small(), 0);
    for at in 0..original.len() {
        let (mut shorter, mut longer) = (original.clone(), original.clone());
        shorter.remove(at);
        longer.insert(at, original[at]);
        // Where equal bytes lie side by side, it does not show which of them is missing; what is missing shows.
        for changed in [shorter, longer] {
            let refusal = follow(changed, &small(), 0, Run::Blind).unwrap_err();
            let allowed = if at >= original.len() - END { &["OPEN", "TRUNCATED"][..] } else { &["OPEN"] };
            assert!(allowed.contains(&refusal.code()), "byte {at}: {refusal:?}");
        }
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused_in_its_header_and_reported_as_truncated_after_it() {
    let original = record(&small(), 0);
    for length in 0..original.len() {
        let refusal = follow(original[..length].to_vec(), &small(), 0, Run::Blind).unwrap_err();
        let expected = if length < HEADER { "OPEN" } else { "TRUNCATED" };
        assert_eq!(refusal.code(), expected, "{length} bytes: {refusal:?}");
    }
}

#[test]
fn blocks_in_another_order_or_of_another_recording_are_refused() {
    let original = record(&small(), 0);
    let other = record(&[&[Act::Predicted, Act::Step(0)], &small()[..]].concat(), 0);
    let ends = |file: &[u8]| marks(file).tails.iter().map(|tail| tail + 12).collect::<Vec<usize>>();
    type Two = [usize; 2];
    let ([a, b], [c, d]): (Two, Two) = (ends(&original).try_into().unwrap(), ends(&other).try_into().unwrap());
    let exchanged = [&original[..HEADER], &original[a..b], &original[HEADER..a], &original[b..]].concat();
    let repeated = [&original[..a], &original[HEADER..a], &original[a..]].concat();
    let missing = [&original[..HEADER], &original[a..]].concat();
    let foreign = [&original[..a], &other[c..d], &original[b..]].concat();
    for (changed, what) in
        [(exchanged, "exchanged"), (repeated, "repeated"), (missing, "missing"), (foreign, "foreign")]
    {
        let refusal = follow(changed, &small(), 0, Run::Blind).unwrap_err();
        assert_eq!(refusal.code(), "OPEN", "{what}: {refusal:?}");
    }
}

/// The negative control: a reader that looks at neither CRCs nor check hashes follows what is wrong.
#[test]
fn control_without_checks_a_changed_input_is_followed_in_silence() {
    let script = small();
    let original = record(&script, 0);
    let clock = script.iter().position(|act| matches!(act, Act::Event { tag: 0x08, .. })).unwrap();
    let mut changed = script.clone();
    let Act::Event { fields, .. } = &mut changed[clock] else { unreachable!() };
    fields[0] += 1;
    let forged = forge(&original, record(&changed, 0));
    let mut careless = Replay::without_checks(forged.clone()).unwrap();
    follow_open(&mut careless, &script, 0, Run::Blind).unwrap();
    assert_eq!(follow(forged, &script, 0, Run::Blind).unwrap_err().code(), "CHECK");

    let mut silent = 0;
    for bit in 0..original.len() * 8 {
        let mut changed = original.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let followed = Replay::without_checks(changed)
            .is_ok_and(|mut replay| follow_open(&mut replay, &script, 0, Run::Blind).is_ok());
        silent += usize::from(followed);
    }
    println!("without checks, {silent} of {} single bits change nothing that is noticed", original.len() * 8);
    assert!(silent > original.len(), "{silent}");
}
