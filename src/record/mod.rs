// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings of stepped runs: written while a program runs, and followed when it is run again.
//!
//! ```text
//! event, raw  what an event is made of: one table from which coding, comparison, hashing and printing come
//! format     the records of a file: header, block, end        crc, varint, check   the numbers in them
//! writer     Recorder: what a run does to its recording       replay   Replay: the recording tells the run what to do
//! reader     blocks, each checked before it is used; items: the events in one; walk: a whole file
//! token      short schedules as a line of text             print    a recording as text
//! identity   which program, policy and inputs                 mismatch, failure    what is said when something is wrong
//! ```
//! The format is described in `docs/recording-format.md`. Nothing here trusts a file.

pub mod check;
pub mod crc;
pub mod event;
pub mod failure;
pub mod format;
pub mod identity;
pub mod items;
pub mod mismatch;
pub mod print;
pub mod raw;
pub mod reader;
pub mod replay;
pub mod source;
#[cfg(test)]
mod tests;
pub mod token;
pub mod varint;
pub mod walk;
pub mod writer;

pub use event::Event;
pub use failure::Failure;
pub use identity::Identity;
pub use mismatch::{Code, Fact, Mismatch};
pub use print::print;
pub use replay::{Pick, Replay};
pub use walk::{Summary, verify};
pub use writer::Recorder;
