// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each difference is reported under its own code, with the step, and both sides in words.

use super::forge::{forge, reseal};
use super::script::{Act, Refusal, Run, follow, identity, record};
use crate::record::format::END;
use crate::record::{Code, Event, Fact, Mismatch, Replay};

fn event(tag: u8, fields: [u64; 4]) -> Act {
    Act::Event { tag, fields, bytes: Vec::new() }
}

fn base() -> Vec<Act> {
    vec![
        event(0x05, [7, 1, 0, 0]),
        Act::Pick(2),
        event(0x08, [1_000, 0, 0, 0]),
        Act::Step(1),
        Act::Pick(3),
        event(0x04, [1, 4, 2, 0]),
        Act::Step(2),
        Act::Predicted,
        Act::Step(3),
    ]
}

/// Follows the recording of `recorded` with the run `base`.
fn refusal(recorded: &[Act], run: Run) -> Refusal {
    let forged = forge(&record(&base(), 0), record(recorded, 0));
    follow(forged, &base(), 0, run).unwrap_err()
}

fn mismatch(recorded: &[Act], run: Run) -> Mismatch {
    match refusal(recorded, run) {
        Refusal::While(mismatch) => mismatch,
        Refusal::AtOpen(failure) => panic!("{failure}"),
    }
}

fn with(change: impl FnOnce(&mut Vec<Act>)) -> Vec<Act> {
    let mut script = base();
    change(&mut script);
    script
}

#[test]
fn another_kind_of_event() {
    let found = mismatch(&with(|script| _ = script.remove(2)), Run::Strict);
    assert_eq!((found.code, found.step, found.strand), (Code::EventKind, 0, 2));
    let text = found.to_string();
    assert!(text.ends_with("the recording has a pick of strand 3, the run has clock (value 1000)"), "{text}");
    let found = mismatch(&with(|script| script.insert(2, event(0x0B, [15, 0, 0, 0]))), Run::Strict);
    assert_eq!(found.code, Code::EventKind);
    let found = mismatch(&with(|script| script.insert(1, event(0x0B, [15, 0, 0, 0]))), Run::Strict);
    assert_eq!((found.code, found.actual), (Code::EventKind, Fact::AnyPick));
}

#[test]
fn other_arguments() {
    let found = mismatch(&with(|script| script[5] = event(0x04, [1, 5, 2, 0])), Run::Strict);
    assert_eq!((found.code, found.step, found.strand), (Code::EventArgs, 1, 3));
    assert_eq!(
        found.to_string(),
        format!(
            "EVENT_ARGS: the run did the same as the recording with other arguments (step 1, strand 3, byte {} of the recording): \
             the recording has choice (kind 1, of 5, chosen 2), the run has choice (kind 1, of 4, chosen 2)",
            found.offset
        )
    );
    let found = mismatch(&with(|script| script[0] = event(0x05, [8, 1, 0, 0])), Run::Strict);
    assert_eq!(found.code, Code::EventArgs);
}

#[test]
fn another_number_of_random_bytes() {
    let mut recorder = crate::record::Recorder::in_memory(&identity()).unwrap();
    recorder.event(&Event::Entropy { bytes: &[1, 2, 3] });
    let mut replay = Replay::in_memory(recorder.finish_in_memory(0).unwrap()).unwrap();
    let found = replay.entropy(&mut [0; 4]).unwrap_err();
    assert_eq!(found.code, Code::EventArgs);
    assert!(found.to_string().ends_with("has entropy (3 bytes), the run has entropy (4 bytes)"), "{found}");
    let mut bytes = [0; 3];
    replay.entropy(&mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3]);
}

#[test]
fn an_input_that_nobody_can_compare() {
    for changed in [
        with(|script| script[2] = event(0x08, [1_001, 0, 0, 0])),
        with(|script| script[5] = event(0x04, [1, 4, 3, 0])),
        with(|script| script[0] = event(0x05, [7, 1, 5, 0])),
    ] {
        let found = mismatch(&changed, Run::Blind);
        assert_eq!(found.code, Code::Check, "{found}");
    }
}

#[test]
fn a_pick_that_cannot_be_followed() {
    let found = mismatch(&with(|script| script[4] = Act::Pick(8)), Run::Strict);
    assert_eq!((found.code, found.expected), (Code::PickNotReady, Fact::Pick(8)));
    assert!(found.to_string().ends_with("has a pick of strand 8, the run has it waits"), "{found}");
    let found = mismatch(&with(|script| script[4] = Act::Pick(9)), Run::Strict);
    assert_eq!((found.code, found.strand), (Code::PickUnknown, 9));
    let found = mismatch(&with(|script| script[4] = Act::Pick(9)), Run::Blind);
    assert_eq!(found.code, Code::Check, "an engine that follows it is found out");
}

#[test]
fn a_run_that_is_longer_or_shorter() {
    let honest = |recorded: &[Act]| match follow(record(recorded, 0), &base(), 0, Run::Strict).unwrap_err() {
        Refusal::While(found) => found,
        Refusal::AtOpen(failure) => panic!("{failure}"),
    };
    let found = honest(&base()[..7]);
    assert_eq!((found.code, found.expected, found.step), (Code::Exhausted, Fact::TheEnd, 2));
    let found = honest(&[base(), vec![Act::Predicted, Act::Step(4)]].concat());
    assert_eq!((found.code, found.actual, found.step), (Code::Leftover, Fact::TheEnd, 3));
    let longer = [base(), vec![event(0x08, [1, 0, 0, 0])]].concat();
    assert_eq!(mismatch(&longer, Run::Strict).code, Code::Leftover);
}

#[test]
fn another_result() {
    let recording = record(&base(), -15);
    let Refusal::While(found) = follow(recording, &base(), 0, Run::Strict).unwrap_err() else { panic!("opens") };
    assert_eq!((found.code, found.expected, found.actual), (Code::Result, Fact::Status(-15), Fact::Status(0)));
}

#[test]
fn a_recording_that_was_cut_off() {
    let whole = record(&base(), 0);
    let cut = whole[..whole.len() - END].to_vec();
    let Refusal::While(found) = follow(cut, &base(), 0, Run::Strict).unwrap_err() else { panic!("opens") };
    assert_eq!((found.code, found.step), (Code::Truncated, 3));
    let Refusal::While(found) = follow(whole[..150].to_vec(), &base(), 0, Run::Strict).unwrap_err() else {
        panic!("opens")
    };
    assert_eq!((found.code, found.step), (Code::Truncated, 0), "the only block is not complete");
}

#[test]
fn counts_that_do_not_agree_are_refused_at_once() {
    let whole = record(&base(), 0);
    let end = whole.len() - END;
    for (at, says) in
        [(end + 8, "steps; there are 3 picks"), (end + 16, "events, there are 6"), (100 + 8, "expected 0 picks")]
    {
        let mut changed = whole.clone();
        changed[at] += 4;
        reseal(&mut changed);
        let Refusal::AtOpen(failure) = follow(changed, &base(), 0, Run::Strict).unwrap_err() else { panic!("opened") };
        assert!(failure.to_string().contains(says), "{failure}");
    }
}

#[test]
fn checks_stand_after_each_1024th_pick_and_nowhere_else() {
    let steps = |count: usize| vec![[Act::Predicted, Act::Step(0)]; count].concat();
    let whole = record(&steps(1_500), 0);
    // Events of the block: predicted 1024 (3 bytes), check (5), predicted 476 (3).
    let events = 128;
    assert_eq!((whole[events], whole[events + 3], whole[events + 8]), (0x01, 0x12, 0x01));
    let swapped = {
        let mut changed = whole.clone();
        changed[events..events + 8].rotate_left(3);
        changed
    };
    let later = {
        let mut changed = whole.clone();
        changed[events + 1] += 1;
        changed
    };
    for (mut changed, says) in [(swapped, "no check before"), (later, "a check after each 1,024th pick")] {
        reseal(&mut changed);
        let Refusal::AtOpen(failure) = follow(changed, &steps(1_500), 0, Run::Blind).unwrap_err() else {
            panic!("opened")
        };
        assert!(failure.to_string().contains(says), "{failure}");
    }
}
