// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was recorded is followed to its end, and the same run makes the same bytes.

use proptest::prelude::*;

use super::script::{Act, Run, follow, follow_open, identity, record, run, tell};
use crate::base::status::Status;
use crate::record::format::{EVENT_MAX, EVENTS_MAX};
use crate::record::{Code, Event, Recorder, Replay};

proptest! {
    #[test]
    fn a_recorded_run_follows_its_recording(script in run(0..40), status: i32) {
        let recording = record(&script, status);
        prop_assert_eq!(&recording, &record(&script, status), "the same run, the same bytes");
        for how in [Run::Strict, Run::Blind] {
            let result = follow(recording.clone(), &script, status, how);
            prop_assert!(result.is_ok(), "{:?}", result);
        }
    }

    #[test]
    fn every_event_comes_back_with_its_inputs(script in run(1..10)) {
        let mut replay = Replay::in_memory(record(&script, 0)).unwrap();
        for act in &script {
            match act {
                Act::Predicted | Act::Pick(_) => _ = replay.next_pick().unwrap(),
                Act::Step(fingerprint) => replay.step(*fingerprint).unwrap(),
                Act::Flush => {}
                Act::Event { .. } => {
                    let event = act.raw().unwrap().event().unwrap();
                    prop_assert_eq!(replay.due().unwrap(), Some(event));
                    prop_assert_eq!(replay.due().unwrap(), Some(event), "looking changes nothing");
                    prop_assert_eq!(replay.expect(&event).unwrap(), event);
                }
            }
        }
        replay.finish(0).unwrap();
    }
}

/// Steps of a run that is long enough for many blocks and checks.
fn long() -> Vec<Act> {
    let mut script = Vec::new();
    for step in 0..20_000u64 {
        if step % 3 == 0 {
            let bytes = vec![step as u8; (step % 90) as usize];
            script.push(Act::Event { tag: 0x05, fields: [step, 1, 0, 0], bytes });
        }
        script.push(if step % 700 < 400 { Act::Predicted } else { Act::Pick(step * step % 1009) });
        if step % 1500 == 0 {
            script.push(Act::Flush);
        }
        script.push(Act::Step(step));
        if step % 4000 == 0 {
            script.push(Act::Flush);
        }
    }
    script
}

#[test]
fn a_long_run_has_many_blocks_and_checks() {
    let script = long();
    let recording = record(&script, 3);
    let mut replay = Replay::in_memory(recording).unwrap();
    let summary = *replay.summary();
    assert!(summary.blocks > 15 && summary.checks == 20_000 / 1024, "{summary:?}");
    assert_eq!(summary.picks(), 20_000);
    assert!(summary.largest <= EVENTS_MAX);
    follow_open(&mut replay, &script, 3, Run::Strict).unwrap();
}

#[test]
fn a_difference_is_found_within_1024_steps() {
    let script = long();
    let recording = record(&script, 3);
    let steps: Vec<usize> =
        script.iter().enumerate().filter(|(_, act)| matches!(act, Act::Step(_))).map(|(at, _)| at).collect();
    for wrong in [0, 1, 1023, 1024, 5000, 19_999] {
        let mut other = script.clone();
        other[steps[wrong]] = Act::Step(1 << 63);
        let mut replay = Replay::in_memory(recording.clone()).unwrap();
        let mismatch = follow_open(&mut replay, &other, 3, Run::Strict).unwrap_err();
        assert_eq!(mismatch.code, Code::Check, "{mismatch}");
        assert!(mismatch.step > wrong as u64 && mismatch.step <= wrong as u64 + 1024, "{mismatch} for step {wrong}");
    }
}

#[test]
fn a_payload_larger_than_a_block_has_a_block_of_its_own() {
    let payload: Vec<u8> = (0..300_000u32).map(|number| (number.wrapping_mul(number) >> 7) as u8).collect();
    let sizes = [EVENTS_MAX - 200, EVENTS_MAX - 60, EVENTS_MAX - 20, EVENTS_MAX, EVENTS_MAX + 1, 300_000];
    let mut script = vec![Act::Predicted, Act::Step(1)];
    for size in sizes {
        let bytes = payload[..size].to_vec();
        script.extend([Act::Event { tag: 0x13, fields: [9, 0, 0, 0], bytes }, Act::Predicted, Act::Step(2)]);
    }
    let recording = record(&script, 0);
    follow(recording, &script, 0, Run::Strict).unwrap();
}

#[test]
fn a_payload_that_is_too_large_is_told_at_the_next_flush() {
    let mut recorder = Recorder::in_memory(&identity()).unwrap();
    let bytes = vec![0; EVENT_MAX + 1];
    recorder.event(&Event::Entropy { bytes: &bytes });
    recorder.predicted();
    recorder.step(1);
    let failure = recorder.flush().unwrap_err();
    assert_eq!(failure.status, Status::LIMIT);
    assert!(failure.to_string().contains("16777217"), "{failure}");
    assert_eq!(recorder.finish(0).unwrap_err(), failure, "and at the end");
}

#[test]
fn picks_without_steps_are_told() {
    for (picks, steps) in [(3, 1), (0, 1), (5000, 2048)] {
        let mut recorder = Recorder::in_memory(&identity()).unwrap();
        (0..picks).for_each(|_| recorder.predicted());
        (0..steps).for_each(|_| recorder.step(0));
        let failure = recorder.finish(0).unwrap_err();
        assert_eq!(failure.status, Status::INVALID);
        assert!(failure.to_string().contains("each pick has one step"), "{failure}");
    }
}

#[test]
fn a_recording_without_an_end_is_followed_as_far_as_it_goes() {
    let script = long();
    let whole = record(&script, 3);
    let cut = script.iter().rposition(|act| *act == Act::Flush).unwrap();
    let mut recorder = Recorder::in_memory(&identity()).unwrap();
    tell(&mut recorder, &script[..=cut]);
    let recording = recorder.flushed();
    assert_eq!(recording[..], whole[..recording.len()], "what was flushed stays");
    let mut replay = Replay::in_memory(recording).unwrap();
    assert_eq!(replay.summary().end, None);
    let mismatch = follow_open(&mut replay, &script, 3, Run::Strict).unwrap_err();
    assert_eq!(mismatch.code, Code::Truncated, "{mismatch}");
    let picks = script[..cut].iter().filter(|act| matches!(act, Act::Predicted | Act::Pick(_))).count();
    assert_eq!(mismatch.step, picks as u64, "the step of the last pick is finished, no other is begun");
}
