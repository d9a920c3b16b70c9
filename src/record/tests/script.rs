// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run for tests: what an engine would tell a recorder, and ask a replay.

use proptest::prelude::*;

use crate::record::event::{Coding, FIELDS, Payload, SHAPES, shape_of};
use crate::record::raw::Raw;
use crate::record::{Fact, Failure, Identity, Mismatch, Pick, Recorder, Replay};

/// One thing that a run does.
#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    Predicted,
    Pick(u64),
    Event { tag: u8, fields: [u64; FIELDS], bytes: Vec<u8> },
    Step(u64),
    Flush,
}

impl Act {
    pub fn raw(&self) -> Option<Raw<'_>> {
        match self {
            Act::Event { tag, fields, bytes } => Some(Raw { tag: *tag, fields: *fields, bytes }),
            _ => None,
        }
    }
}

pub fn identity() -> Identity {
    Identity {
        build_id: *b"0123456789abcdef",
        policy: 6,
        seed: 7,
        quantum: 1,
        engine_version: 1,
        ..Identity::default()
    }
}

/// Records a run into memory.
pub fn record(script: &[Act], status: i32) -> Vec<u8> {
    let mut recorder = Recorder::in_memory(&identity()).unwrap();
    tell(&mut recorder, script);
    recorder.finish_in_memory(status).unwrap()
}

pub fn tell(recorder: &mut Recorder, script: &[Act]) {
    for act in script {
        match act {
            Act::Predicted => recorder.predicted(),
            Act::Pick(strand) => recorder.pick(*strand),
            Act::Step(fingerprint) => recorder.step(*fingerprint),
            Act::Flush => recorder.flush().unwrap(),
            Act::Event { .. } => recorder.event(&act.raw().unwrap().event().unwrap()),
        }
    }
}

/// How a run goes that follows a recording.
#[derive(Clone, Copy, PartialEq)]
pub enum Run {
    /// As a good engine: a pick that it cannot follow is refused, and inputs must be those of the script.
    Strict,
    /// The worst case: it takes every pick and every input as it comes, and nothing that it does depends on them.
    Blind,
}

/// Why a recording was not accepted.
#[derive(Debug)]
pub enum Refusal {
    AtOpen(Failure),
    While(Mismatch),
}

impl Refusal {
    /// The name of the code; `OPEN` for a file that was refused.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::AtOpen(_) => "OPEN",
            Refusal::While(mismatch) => mismatch.code.name(),
        }
    }
}

/// Runs the script again, following a recording.
pub fn follow(recording: Vec<u8>, script: &[Act], status: i32, run: Run) -> Result<(), Refusal> {
    let mut replay = Replay::in_memory(recording).map_err(Refusal::AtOpen)?;
    follow_open(&mut replay, script, status, run).map_err(Refusal::While)
}

pub fn follow_open(replay: &mut Replay, script: &[Act], status: i32, run: Run) -> Result<(), Mismatch> {
    for act in script {
        match act {
            Act::Predicted | Act::Pick(_) => match (replay.next_pick()?, act) {
                (Pick::End, _) => break,
                (Pick::Strand(recorded), Act::Pick(mine)) if run == Run::Strict && recorded != *mine => {
                    return Err(replay.refused_pick(recorded.is_multiple_of(2)));
                }
                (pick, act) if run == Run::Strict => {
                    assert_eq!(pick == Pick::Predicted, *act == Act::Predicted, "{pick:?} for {act:?}");
                }
                _ => {}
            },
            Act::Step(fingerprint) => replay.step(*fingerprint)?,
            Act::Flush => {}
            Act::Event { .. } => {
                let event = act.raw().unwrap().event().unwrap();
                assert!(replay.due()?.is_none_or(|due| Fact::event(&Raw::of(&due)) != Fact::Nothing));
                let recorded = replay.expect(&event)?;
                assert!(run == Run::Blind || recorded == event, "{recorded:?} for {event:?}");
            }
        }
    }
    replay.finish(status)
}

/// A value that a field of this coding may have.
pub fn value(coding: Coding) -> BoxedStrategy<u64> {
    let small = 0u64..4;
    match coding {
        Coding::U8 => any::<u8>().prop_map(u64::from).boxed(),
        Coding::U32 => prop_oneof![small, any::<u32>().prop_map(u64::from)].boxed(),
        Coding::U64 => prop_oneof![small, any::<u64>()].boxed(),
        Coding::I32 => any::<i32>().prop_map(|value| i64::from(value) as u64).boxed(),
        Coding::I64 | Coding::Time => prop_oneof![small, any::<i64>().prop_map(|value| value as u64)].boxed(),
    }
}

/// Any event.
pub fn event() -> impl Strategy<Value = Act> {
    let one = (0..SHAPES.len()).prop_flat_map(|index| {
        let shape = &SHAPES[index];
        let fields: Vec<_> = shape.fields.iter().map(|field| value(field.coding)).collect();
        let longest = if shape.payload == Payload::None { 0 } else { 20 };
        (Just(shape.tag), fields, prop::collection::vec(any::<u8>(), 0..=longest))
    });
    one.prop_map(|(tag, values, bytes)| {
        let mut fields = [0; FIELDS];
        fields[..values.len()].copy_from_slice(&values);
        repair(tag, &mut fields);
        Act::Event { tag, fields, bytes }
    })
}

/// Makes a choice one of the things chosen from.
pub fn repair(tag: u8, fields: &mut [u64; FIELDS]) {
    if tag == crate::record::event::CHOICE {
        fields[1] = fields[1].max(1);
        fields[2] %= fields[1];
    }
}

/// A run: events from outside, a pick, what the strand does, its step; and so on. `steps` of them.
pub fn run(steps: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Act>> {
    let pick = prop_oneof![4 => Just(Act::Predicted), 3 => (1u64..40).prop_map(Act::Pick), 1 => any::<u64>().prop_map(Act::Pick)];
    let events = || prop::collection::vec(prop_oneof![9 => event(), 1 => Just(Act::Flush)], 0..3);
    let step = (events(), pick, events(), any::<u64>()).prop_map(|(before, pick, within, fingerprint)| {
        let mut acts = before;
        acts.push(pick);
        acts.extend(within);
        acts.push(Act::Step(fingerprint));
        acts
    });
    prop::collection::vec(step, steps).prop_map(|steps| steps.concat())
}

/// The name of what an act records.
pub fn name(act: &Act) -> &'static str {
    match act {
        Act::Event { tag, .. } => shape_of(*tag).unwrap().name,
        Act::Predicted => "predicted",
        Act::Pick(_) => "pick",
        Act::Step(_) => "step",
        Act::Flush => "flush",
    }
}
