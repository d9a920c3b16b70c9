// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said when a run does not do what its recording says. Made of plain numbers, so that making one never
//! allocates.

use core::fmt;

use super::event::{Coding, FIELDS, Payload, shape_of};
use super::raw::Raw;

/// In which way a run and its recording differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// The recording was made with other flags, another version of the engine or other arguments.
    Header,
    /// The recording was made by another program.
    BuildId,
    /// The recording was made with another policy, seed, quantum or other parameters.
    Policy,
    /// The strand that the recording picks exists, but waits.
    PickNotReady,
    /// The strand that the recording picks was never spawned.
    PickUnknown,
    /// The run does something of another kind than the recording.
    EventKind,
    /// The same kind, with other arguments.
    EventArgs,
    /// The steps before did something else: the check hashes differ.
    Check,
    /// The run goes on where the recording has ended.
    Exhausted,
    /// The run has ended where the recording goes on.
    Leftover,
    /// The run ended with another status, or after another number of steps.
    Result,
    /// The recording has no end: it was cut off, and was followed as far as it goes.
    Truncated,
    /// The file was changed or cannot be read any more since it was opened.
    Unreadable,
}

impl Code {
    /// The name, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Code::Header => "HEADER",
            Code::BuildId => "BUILD_ID",
            Code::Policy => "POLICY",
            Code::PickNotReady => "PICK_NOT_READY",
            Code::PickUnknown => "PICK_UNKNOWN",
            Code::EventKind => "EVENT_KIND",
            Code::EventArgs => "EVENT_ARGS",
            Code::Check => "CHECK",
            Code::Exhausted => "EXHAUSTED",
            Code::Leftover => "LEFTOVER",
            Code::Result => "RESULT",
            Code::Truncated => "TRUNCATED",
            Code::Unreadable => "UNREADABLE",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Code::Header => "the recording was made under other conditions",
            Code::BuildId => "the recording was made by another build of the program",
            Code::Policy => "the recording was made with another policy",
            Code::PickNotReady => "the recorded strand is not ready to run",
            Code::PickUnknown => "the recorded strand was not spawned",
            Code::EventKind => "the run did something else than the recording",
            Code::EventArgs => "the run did the same as the recording with other arguments",
            Code::Check => "the steps since the last check differ from the recording",
            Code::Exhausted => "the run goes on where the recording has ended",
            Code::Leftover => "the run has ended where the recording goes on",
            Code::Result => "the run did not end as the recording",
            Code::Truncated => "the recording was cut off, and was followed as far as it goes",
            Code::Unreadable => "the file of the recording was changed while it was followed",
        }
    }
}

/// One side of a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// There is nothing to say.
    Nothing,
    /// The end of the recording, or of the run.
    TheEnd,
    /// A pick that the policy predicts.
    PredictedPick,
    /// A pick, of no particular strand.
    AnyPick,
    /// A pick of this strand.
    Pick(u64),
    /// A check hash, or half of it.
    Hash(u64),
    /// A check event where the other side has none.
    CheckEvent,
    /// A named number.
    Number(&'static str, u64),
    /// What a run returned.
    Status(i32),
    /// A build id.
    Id([u8; 16]),
    /// A fixed text.
    Text(&'static str),
    /// An event; of its bytes only the number.
    Event {
        /// Which kind.
        tag: u8,
        /// How many bytes it has.
        length: u32,
        /// Its fields.
        fields: [u64; FIELDS],
    },
}

impl Fact {
    /// An event.
    pub fn event(raw: &Raw<'_>) -> Fact {
        Fact::Event { tag: raw.tag, length: raw.bytes.len() as u32, fields: raw.fields }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Fact::Nothing => out.write_str("nothing"),
            Fact::TheEnd => out.write_str("the end"),
            Fact::PredictedPick => out.write_str("a pick as the policy predicts"),
            Fact::AnyPick => out.write_str("a pick"),
            Fact::Pick(strand) => write!(out, "a pick of strand {strand}"),
            Fact::Hash(hash) => write!(out, "check {hash:#x}"),
            Fact::CheckEvent => out.write_str("a check"),
            Fact::Number(name, number) => write!(out, "{name} {number}"),
            Fact::Status(status) => write!(out, "status {status}"),
            Fact::Id(id) => id.iter().try_for_each(|byte| write!(out, "{byte:02x}")),
            Fact::Text(text) => out.write_str(text),
            Fact::Event { tag, length, fields } => describe(out, tag, &fields, length),
        }
    }
}

/// An event in words: `external completion (object 7, kind 1, outcome 0, 5 bytes)`.
fn describe(out: &mut fmt::Formatter<'_>, tag: u8, fields: &[u64; FIELDS], length: u32) -> fmt::Result {
    let Some(shape) = shape_of(tag) else { return write!(out, "an event with tag {tag:#04x}") };
    out.write_str(shape.name)?;
    let mut separator = " (";
    for (field, &value) in shape.fields.iter().zip(fields) {
        write!(out, "{separator}{} ", field.name)?;
        match field.coding {
            Coding::I32 | Coding::I64 | Coding::Time => write!(out, "{}", value as i64)?,
            Coding::U8 | Coding::U32 | Coding::U64 => write!(out, "{value}")?,
        }
        separator = ", ";
    }
    if shape.payload != Payload::None {
        write!(out, "{separator}{length} {}", if length == 1 { "byte" } else { "bytes" })?;
    }
    out.write_str(")")
}

/// A difference between a run and its recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// In which way they differ.
    pub code: Code,
    /// Steps that the run had finished.
    pub step: u64,
    /// Where in the file the recording says what was expected.
    pub offset: u64,
    /// The strand that ran, or was picked; 0 where that is not known. The engine may know better and set it.
    pub strand: u64,
    /// What the recording says.
    pub expected: Fact,
    /// What the run did.
    pub actual: Fact,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {} (step {}", self.code.name(), self.code.sentence(), self.step)?;
        if self.strand != 0 {
            write!(out, ", strand {}", self.strand)?;
        }
        write!(out, ", byte {} of the recording)", self.offset)?;
        if self.expected == Fact::Nothing && self.actual == Fact::Nothing {
            return Ok(());
        }
        write!(out, ": the recording has {}, the run has {}", self.expected, self.actual)
    }
}
