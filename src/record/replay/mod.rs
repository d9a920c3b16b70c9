// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run follows a recording: the recording gives the inputs and the explicit picks, everything else is compared.
//!
//! The engine asks in the order in which it recorded:
//! ```text
//! due() ...                      before a pick: is an input from outside recorded here? then expect() it
//! next_pick()                    predicted, or which strand
//! clock(), choice(), expect() .. while the strand runs
//! step(fingerprint)              after it
//! finish(status)                 at the end
//! ```
//! Nothing allocates after `open`, unless the file was changed since.

mod compare;
mod cursor;

use core::ffi::CStr;

use cursor::Here;

use super::check::Check;
use super::event::Event;
use super::failure::Failure;
use super::format::{CHECK_EVERY, End};
use super::identity::Identity;
use super::items::{self, Bases};
use super::mismatch::{Code, Fact, Mismatch};
use super::raw::Raw;
use super::reader::Blocks;
use super::source::Source;
use super::walk::{Summary, walk};

/// What is picked next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pick {
    /// What the policy predicts.
    Predicted,
    /// This strand.
    Strand(u64),
    /// The recording was cut off here: nobody knows.
    End,
}

/// See the module documentation.
pub struct Replay {
    blocks: Blocks,
    summary: Summary,
    /// Predicted picks left in the run at the cursor.
    run: u64,
    /// Explicit picks left at the cursor.
    picks: u8,
    /// Events left in the block.
    left: u32,
    /// The cursor, in the events of the block.
    at: usize,
    /// Where in the file these begin.
    offset: u64,
    /// What the tail of the block says.
    tail: u64,
    /// Neither blocks nor an end are left.
    over: Option<Option<End>>,
    bases: Bases,
    check: Check,
    at_event: Check,
    steps: u64,
    strand: u64,
    compares_check: bool,
}

impl Replay {
    /// Opens a recording, and verifies all of it.
    pub fn open(path: &CStr) -> Result<Replay, Failure> {
        let path = path.to_bytes();
        Replay::over(Blocks::open(Source::open(path)?, path)?)
    }

    /// As [`Replay::open`], for a recording in memory.
    #[allow(dead_code)] // for tests and fuzz targets
    pub fn in_memory(bytes: Vec<u8>) -> Result<Replay, Failure> {
        Replay::over(Blocks::open(Source::Memory(bytes), b"in memory")?)
    }

    fn over(mut blocks: Blocks) -> Result<Replay, Failure> {
        let summary = walk(&mut blocks, &mut |_, _| Ok(()))?;
        blocks.rewind();
        let check = Check::new(blocks.header_crc());
        Ok(Replay {
            blocks,
            summary,
            run: 0,
            picks: 0,
            left: 0,
            at: 0,
            offset: 0,
            tail: check.value(),
            over: None,
            bases: Bases::default(),
            check,
            at_event: check,
            steps: 0,
            strand: 0,
            compares_check: true,
        })
    }

    /// Follows a recording that is not to be believed; what the tests are tested with.
    #[cfg(test)]
    pub fn without_checks(bytes: Vec<u8>) -> Result<Replay, Failure> {
        let mut replay = Replay::over(Blocks::open_with(Source::Memory(bytes), b"in memory", false)?)?;
        replay.compares_check = false;
        Ok(replay)
    }

    /// Who made the recording: policy, seed and flags to run with are here.
    pub fn identity(&self) -> &Identity {
        &self.summary.identity
    }

    /// Whether a run of `mine` can follow it.
    pub fn check_identity(&self, mine: &Identity) -> Result<(), Mismatch> {
        mine.check(self.identity())
    }

    /// What it holds; `end` is none for one that was cut off.
    #[allow(dead_code)] // for tests and fuzz targets
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Steps of the run so far.
    #[allow(dead_code)] // for tests and fuzz targets
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What is picked next. A pick of a strand that cannot run is told as [`Replay::refused_pick`] says.
    #[inline]
    pub fn next_pick(&mut self) -> Result<Pick, Mismatch> {
        if self.run == 0 {
            return self.next_recorded_pick();
        }
        self.run -= 1;
        self.at_event = self.check;
        Ok(Pick::Predicted)
    }

    fn next_recorded_pick(&mut self) -> Result<Pick, Mismatch> {
        match self.here()? {
            Here::Predicted => {
                self.strand = 0;
                self.run -= 1;
                self.at_event = self.check;
                Ok(Pick::Predicted)
            }
            Here::Picks => {
                let place = self.place();
                let (strand, end) = items::pick(self.blocks.events(), self.at, &mut self.bases)
                    .map_err(|_| self.mismatch_at(place, Code::Unreadable, Fact::Nothing, Fact::Nothing))?;
                self.at = end;
                self.picks -= 1;
                self.strand = strand;
                self.check.add_pick(strand);
                self.at_event = self.check;
                Ok(Pick::Strand(strand))
            }
            Here::Truncated => Ok(Pick::End),
            Here::End => Err(self.mismatch(Code::Exhausted, Fact::TheEnd, Fact::AnyPick)),
            Here::Event | Here::Check => {
                let expected = self.fact_here()?;
                Err(self.mismatch(Code::EventKind, expected, Fact::AnyPick))
            }
        }
    }

    /// The strand of the last pick cannot run: it waits (`exists`), or was never spawned.
    #[cold]
    pub fn refused_pick(&self, exists: bool) -> Mismatch {
        let code = if exists { Code::PickNotReady } else { Code::PickUnknown };
        let why = if exists { "it waits" } else { "no such strand" };
        self.mismatch(code, Fact::Pick(self.strand), Fact::Text(why))
    }

    /// Another strand has run than the one of the last pick.
    #[cold]
    pub fn other_pick(&self, strand: u64) -> Mismatch {
        self.mismatch(Code::EventArgs, Fact::Pick(self.strand), Fact::Pick(strand))
    }

    /// The event that is recorded here, if one is: before a pick that is something from outside. It stays until
    /// [`Replay::expect`] is called with it.
    pub fn due(&mut self) -> Result<Option<Event<'_>>, Mismatch> {
        if self.here()? != Here::Event {
            return Ok(None);
        }
        let mut bases = self.bases;
        let item = items::item(self.blocks.events(), self.at, &mut bases, true);
        match item.ok().and_then(|(item, _)| item.raw(self.blocks.events())?.event()) {
            Some(event) => Ok(Some(event)),
            None => Err(self.unreadable()),
        }
    }

    /// The run does `event`: kind and arguments are compared. Gives the event as it is recorded, with its inputs.
    pub fn expect(&mut self, event: &Event<'_>) -> Result<Event<'_>, Mismatch> {
        let mine = Raw::of(event);
        match self.here()? {
            Here::Event => {}
            Here::Truncated => return Err(self.mismatch(Code::Truncated, Fact::TheEnd, Fact::event(&mine))),
            Here::End => return Err(self.mismatch(Code::Exhausted, Fact::TheEnd, Fact::event(&mine))),
            Here::Predicted | Here::Picks | Here::Check => {
                let expected = self.fact_here()?;
                return Err(self.mismatch(Code::EventKind, expected, Fact::event(&mine)));
            }
        }
        let (place, mut bases) = (self.place(), self.bases);
        let Ok((item, end)) = items::item(self.blocks.events(), self.at, &mut bases, true) else {
            return Err(self.unreadable());
        };
        let Some(recorded) = item.raw(self.blocks.events()) else { return Err(self.unreadable()) };
        if !mine.agrees_with(&recorded) {
            let code = if mine.tag == recorded.tag { Code::EventArgs } else { Code::EventKind };
            return Err(self.mismatch_at(place, code, Fact::event(&recorded), Fact::event(&mine)));
        }
        recorded.add_to(&mut self.check);
        self.at_event = self.check;
        (self.at, self.bases) = (end, bases);
        self.left -= 1;
        // Agreeing with an event that was made from a shape, it has that shape.
        recorded.event().ok_or(Mismatch {
            code: Code::Unreadable,
            step: self.steps,
            offset: place,
            strand: self.strand,
            expected: Fact::Nothing,
            actual: Fact::Nothing,
        })
    }

    /// The clock is read: what did it say?
    pub fn clock(&mut self) -> Result<i64, Mismatch> {
        match self.expect(&Event::Clock { value: 0 })? {
            Event::Clock { value } => Ok(value),
            _ => Err(self.unreadable()),
        }
    }

    /// The program has bytes of its own: which were they?
    pub fn user(&mut self, kind: u32, bytes: &mut [u8]) -> Result<(), Mismatch> {
        if let Some(Event::User { kind: recorded, bytes: theirs }) = self.due()?
            && recorded == kind
            && theirs.len() != bytes.len()
        {
            let (expected, actual) = (self.fact_here()?, Fact::event(&Raw::of(&Event::User { kind, bytes })));
            return Err(self.mismatch(Code::EventArgs, expected, actual));
        }
        match self.expect(&Event::User { kind, bytes })? {
            Event::User { bytes: recorded, .. } => {
                bytes.copy_from_slice(recorded);
                Ok(())
            }
            _ => Err(self.unreadable()),
        }
    }

    /// Whether the recording was cut off, and all of it was followed.
    pub fn is_cut_off(&mut self) -> Result<bool, Mismatch> {
        Ok(self.here()? == Here::Truncated)
    }

    /// The run is about to make a pick: whether the recording has anything left.
    pub fn goes_on(&mut self) -> Result<(), Mismatch> {
        match self.here()? {
            Here::End => Err(self.mismatch(Code::Exhausted, Fact::TheEnd, Fact::AnyPick)),
            Here::Truncated => Err(self.cut_off()),
            Here::Predicted | Here::Picks | Here::Event | Here::Check => Ok(()),
        }
    }

    /// What is said about a run that goes on where the recording was cut off.
    #[cold]
    pub fn cut_off(&self) -> Mismatch {
        self.mismatch(Code::Truncated, Fact::TheEnd, Fact::AnyPick)
    }

    /// What is recorded here does not come.
    #[cold]
    pub fn nothing_came(&mut self) -> Result<Mismatch, Mismatch> {
        let code = if self.here()? == Here::End { Code::Exhausted } else { Code::EventKind };
        let expected = self.fact_here()?;
        Ok(self.mismatch(code, expected, Fact::Text("waited for it in vain")))
    }

    /// Random bytes of the system are asked for: which came?
    #[allow(dead_code)] // no part of the engine asks for it yet
    pub fn entropy(&mut self, bytes: &mut [u8]) -> Result<(), Mismatch> {
        match self.expect(&Event::Entropy { bytes })? {
            Event::Entropy { bytes: recorded } => {
                bytes.copy_from_slice(recorded);
                Ok(())
            }
            _ => Err(self.unreadable()),
        }
    }

    /// One of `n` things is to be chosen: which was it?
    pub fn choice(&mut self, kind: u8, n: u32) -> Result<u32, Mismatch> {
        match self.expect(&Event::Choice { kind, n, chosen: 0 })? {
            Event::Choice { chosen, .. } => Ok(chosen),
            _ => Err(self.unreadable()),
        }
    }

    /// The picked strand has run to its next stop; see [`super::Recorder::step`].
    #[inline]
    pub fn step(&mut self, fingerprint: u64) -> Result<(), Mismatch> {
        self.check.add(fingerprint);
        self.steps += 1;
        if self.steps.is_multiple_of(CHECK_EVERY) { self.compare_check() } else { Ok(()) }
    }

    /// The run ends and returns `status`.
    pub fn finish(&mut self, status: i32) -> Result<(), Mismatch> {
        match self.here()? {
            Here::Truncated => Err(self.mismatch(Code::Truncated, Fact::TheEnd, Fact::Status(status))),
            Here::End => match self.over.flatten() {
                Some(end) => self.compare_end(&end, status),
                None => Err(self.unreadable()),
            },
            _ => {
                let expected = self.fact_here()?;
                Err(self.mismatch(Code::Leftover, expected, Fact::TheEnd))
            }
        }
    }
}
