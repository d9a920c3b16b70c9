// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a step costs in bytes.

use super::script::identity;
use crate::record::{Recorder, Replay};

/// Bytes for each of a million steps.
fn bytes_per_step(mut pick: impl FnMut(&mut Recorder)) -> f64 {
    const STEPS: u64 = 1_000_000;
    let mut recorder = Recorder::in_memory(&identity()).unwrap();
    for step in 0..STEPS {
        pick(&mut recorder);
        recorder.step(step);
    }
    let recording = recorder.finish_in_memory(0).unwrap();
    let bytes = recording.len() as f64 / STEPS as f64;
    assert_eq!(Replay::in_memory(recording).unwrap().summary().picks(), STEPS);
    bytes
}

#[test]
fn a_predicted_pick_takes_less_than_a_hundredth_of_a_byte() {
    let bytes = bytes_per_step(Recorder::predicted);
    println!("predicted: {bytes:.5} bytes a step");
    assert!(bytes < 0.01, "{bytes}");
}

#[test]
fn an_explicit_pick_takes_less_than_two_and_a_half_bytes() {
    for (strands, most) in [(16, 1.05), (1_000, 2.0), (20_000, 2.5)] {
        let mut state = 88_172_645_463_325_252u64;
        let bytes = bytes_per_step(|recorder| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            recorder.pick(state % strands);
        });
        println!("explicit, random of {strands}: {bytes:.3} bytes a step");
        assert!(bytes < most, "{bytes}");
    }
    let mut strand = 0;
    let bytes = bytes_per_step(|recorder| {
        strand = (strand + 1) % 1_000;
        recorder.pick(strand);
    });
    println!("explicit, in turn: {bytes:.3} bytes a step");
    assert!(bytes < 1.05, "{bytes}");
}
