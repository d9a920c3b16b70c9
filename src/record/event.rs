// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events: what a run could not have worked out from its seed, and what it is compared by.
//!
//! One table says for each kind which fields it has, how they are coded, and which are *inputs*: an input comes from
//! the recording when the run is followed, everything else must be equal on both sides.

/// One event of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// Something outside completed: a promise, a readiness, an offload. Inputs: outcome and payload.
    External {
        /// What completed.
        object: u64,
        /// Which kind of completion, in the numbers of the engine.
        kind: u8,
        /// How it ended.
        outcome: i32,
        /// What it brought.
        payload: &'a [u8],
    },
    /// Timers fired together (real clock only). Input: the time.
    Timers {
        /// The time that made them fire.
        now: i64,
        /// How many fired.
        count: u32,
    },
    /// The clock was read. Input: the time.
    Clock {
        /// What it said.
        value: i64,
    },
    /// Random bytes of the system were asked for. Input: the bytes; their number is compared.
    Entropy {
        /// What was given.
        bytes: &'a [u8],
    },
    /// One of `n` things was chosen. Input: which.
    Choice {
        /// What was chosen from, in the numbers of the engine.
        kind: u8,
        /// How many there were.
        n: u32,
        /// The one that was taken, below `n`.
        chosen: u32,
    },
    /// A strand, task or scope was cancelled from outside.
    Cancel {
        /// What was cancelled.
        object: u64,
        /// The reason.
        reason: u64,
    },
    /// A strand was unparked from outside.
    Wake {
        /// The strand.
        strand: u64,
        /// What it was given.
        value: u64,
    },
    /// An input or output operation ended. Inputs: result, error number, payload.
    Io {
        /// Which operation, in the numbers of the engine.
        operation: u8,
        /// On what.
        object: u64,
        /// What it returned.
        result: i64,
        /// The error number, or 0.
        errno: i32,
        /// What was read.
        payload: &'a [u8],
    },
    /// A signal or a request to stop came. Input: its number.
    Signal {
        /// Its number.
        number: u32,
    },
    /// A strand was spawned (explicit mode).
    Spawn {
        /// The strand.
        strand: u64,
        /// Who spawned it; 0 for none.
        parent: u64,
    },
    /// A strand ended with a fault.
    Fault {
        /// The strand.
        strand: u64,
        /// The status.
        code: i32,
    },
    /// Bytes that the program itself records. Input: the bytes.
    User {
        /// A number of the program.
        kind: u32,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A fault was injected.
    Inject {
        /// Which kind, in the numbers of the engine.
        kind: u8,
        /// Into what.
        object: u64,
    },
    /// Work was handed to a device.
    DeviceSubmit {
        /// A number for this batch.
        batch: u64,
        /// Which kind of work.
        kind: u32,
        /// How many items.
        count: u32,
    },
    /// Work on a device ended. Input: the digest of its results.
    DeviceDone {
        /// The number given at the submission.
        batch: u64,
        /// Digest of the results.
        digest: u64,
    },
}

/// Fields of the event with the most of them.
pub const FIELDS: usize = 4;

/// How a field is coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// A number below 2^8.
    U8,
    /// A number below 2^32.
    U32,
    /// Any number.
    U64,
    /// A signed number of 32 bits, zigzag.
    I32,
    /// A signed number of 64 bits, zigzag.
    I64,
    /// A time: the difference to the last one in the recording, zigzag.
    Time,
}

/// Bytes at the end of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// None.
    None,
    /// An input.
    Input,
    /// An input whose length is compared.
    InputOfEqualLength,
}

/// One field of an event.
pub struct Field {
    /// Its name, for people.
    pub name: &'static str,
    /// How it is coded.
    pub coding: Coding,
    /// Whether the recording gives it to the run.
    pub input: bool,
}

/// What an event of one kind is made of.
pub struct Shape {
    /// Its first byte in the file.
    pub tag: u8,
    /// Its name, for people.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// Its bytes.
    pub payload: Payload,
}

/// Tag of a choice, whose last field must be below the one before it.
pub const CHOICE: u8 = 0x04;

const fn same(name: &'static str, coding: Coding) -> Field {
    Field { name, coding, input: false }
}

const fn input(name: &'static str, coding: Coding) -> Field {
    Field { name, coding, input: true }
}

use Coding::{I32, I64, Time, U8, U32, U64};

/// Every kind of event. A tag never changes its meaning.
#[rustfmt::skip]
pub static SHAPES: &[Shape] = &[
    Shape { tag: CHOICE, name: "choice", fields: &[same("kind", U8), same("of", U32), input("chosen", U32)], payload: Payload::None },
    Shape { tag: 0x05, name: "external completion", fields: &[same("object", U64), same("kind", U8), input("outcome", I32)], payload: Payload::Input },
    Shape { tag: 0x07, name: "timers", fields: &[input("now", Time), same("count", U32)], payload: Payload::None },
    Shape { tag: 0x08, name: "clock", fields: &[input("value", Time)], payload: Payload::None },
    Shape { tag: 0x09, name: "entropy", fields: &[], payload: Payload::InputOfEqualLength },
    Shape { tag: 0x0A, name: "input or output", fields: &[same("operation", U8), same("object", U64), input("result", I64), input("errno", I32)], payload: Payload::Input },
    Shape { tag: 0x0B, name: "signal", fields: &[input("number", U32)], payload: Payload::None },
    Shape { tag: 0x0C, name: "cancel", fields: &[same("object", U64), same("reason", U64)], payload: Payload::None },
    Shape { tag: 0x0D, name: "wake", fields: &[same("strand", U64), same("value", U64)], payload: Payload::None },
    Shape { tag: 0x0E, name: "device submission", fields: &[same("batch", U64), same("kind", U32), same("count", U32)], payload: Payload::None },
    Shape { tag: 0x0F, name: "device completion", fields: &[same("batch", U64), input("digest", U64)], payload: Payload::None },
    Shape { tag: 0x10, name: "spawn", fields: &[same("strand", U64), same("parent", U64)], payload: Payload::None },
    Shape { tag: 0x13, name: "bytes of the program", fields: &[same("kind", U32)], payload: Payload::Input },
    Shape { tag: 0x14, name: "fault", fields: &[same("strand", U64), same("code", I32)], payload: Payload::None },
    Shape { tag: 0x15, name: "injection", fields: &[same("kind", U8), same("object", U64)], payload: Payload::None },
];

/// Place in [`SHAPES`] for each tag; 255 for none.
static PLACES: [u8; 256] = {
    let mut places = [u8::MAX; 256];
    let mut place = 0;
    while place < SHAPES.len() {
        places[SHAPES[place].tag as usize] = place as u8;
        place += 1;
    }
    places
};

/// The shape of the events with this tag.
#[inline]
pub fn shape_of(tag: u8) -> Option<&'static Shape> {
    SHAPES.get(PLACES[usize::from(tag)] as usize)
}
