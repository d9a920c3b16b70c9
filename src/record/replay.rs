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

use core::ffi::CStr;

use super::check::Check;
use super::event::{Event, Raw};
use super::failure::Failure;
use super::format::{CHECK_EVERY, End};
use super::identity::Identity;
use super::mismatch::{Code, Fact, Mismatch};
use super::reader::{self, Bases, Blocks, Item, Next};
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

/// What is at the cursor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    Predicted,
    Picks,
    Event,
    Check,
    End,
    Truncated,
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
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Steps of the run so far.
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
                let (strand, end) = reader::pick(self.blocks.events(), self.at, &mut self.bases)
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

    /// The event that is recorded here, if one is: before a pick that is something from outside. It stays until
    /// [`Replay::expect`] is called with it.
    pub fn due(&mut self) -> Result<Option<Event<'_>>, Mismatch> {
        if self.here()? != Here::Event {
            return Ok(None);
        }
        let mut bases = self.bases;
        let item = reader::item(self.blocks.events(), self.at, &mut bases, true);
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
        let Ok((item, end)) = reader::item(self.blocks.events(), self.at, &mut bases, true) else {
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

    /// Random bytes of the system are asked for: which came?
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

    #[cold]
    fn compare_check(&mut self) -> Result<(), Mismatch> {
        match self.here()? {
            Here::Check => {}
            Here::Truncated => return Ok(()),
            Here::End => return Err(self.mismatch(Code::Exhausted, Fact::TheEnd, Fact::CheckEvent)),
            Here::Predicted | Here::Picks | Here::Event => {
                let expected = self.fact_here()?;
                return Err(self.mismatch(Code::EventKind, expected, Fact::CheckEvent));
            }
        }
        let place = self.place();
        match reader::item(self.blocks.events(), self.at, &mut self.bases, true) {
            Ok((Item::Check(half), end)) => {
                if half != self.check.half() && self.compares_check {
                    let (expected, actual) = (Fact::Hash(half.into()), Fact::Hash(self.check.half().into()));
                    return Err(self.mismatch_at(place, Code::Check, expected, actual));
                }
                self.at = end;
                self.left -= 1;
                self.at_event = self.check;
                Ok(())
            }
            _ => Err(self.unreadable()),
        }
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

    fn compare_end(&self, end: &End, status: i32) -> Result<(), Mismatch> {
        if end.status != status {
            return Err(self.mismatch(Code::Result, Fact::Status(end.status), Fact::Status(status)));
        }
        if end.steps != self.steps {
            let (expected, actual) = (Fact::Number("steps:", end.steps), Fact::Number("steps:", self.steps));
            return Err(self.mismatch(Code::Result, expected, actual));
        }
        if end.check != self.check.value() && self.compares_check {
            let (expected, actual) = (Fact::Hash(end.check), Fact::Hash(self.check.value()));
            return Err(self.mismatch(Code::Check, expected, actual));
        }
        Ok(())
    }

    /// What is at the cursor, which is moved to the next block where one is used up, and over events of later
    /// versions.
    fn here(&mut self) -> Result<Here, Mismatch> {
        loop {
            if self.run > 0 {
                return Ok(Here::Predicted);
            }
            if self.picks > 0 {
                return Ok(Here::Picks);
            }
            if self.left == 0 {
                match self.over {
                    Some(Some(_)) => return Ok(Here::End),
                    Some(None) => return Ok(Here::Truncated),
                    None => self.next_block()?,
                }
                continue;
            }
            let mut bases = self.bases;
            match reader::item(self.blocks.events(), self.at, &mut bases, true) {
                Ok((Item::Predicted(count), end)) => (self.run, self.at, self.left) = (count, end, self.left - 1),
                Ok((Item::Picks(count), end)) => (self.picks, self.at, self.left) = (count, end, self.left - 1),
                Ok((Item::Unknown(_), end)) => (self.at, self.left) = (end, self.left - 1),
                Ok((Item::Check(_), _)) => return Ok(Here::Check),
                Ok((Item::Event { .. }, _)) => return Ok(Here::Event),
                Err(_) => return Err(self.unreadable()),
            }
        }
    }

    /// All of a block was followed: its tail must agree.
    #[cold]
    fn next_block(&mut self) -> Result<(), Mismatch> {
        if self.tail != self.at_event.value() && self.compares_check {
            let (expected, actual) = (Fact::Hash(self.tail), Fact::Hash(self.at_event.value()));
            return Err(self.mismatch(Code::Check, expected, actual));
        }
        match self.blocks.next() {
            Ok(Next::Block { head, offset, check }) => {
                (self.left, self.at, self.offset, self.tail) = (head.events, 0, offset, check);
            }
            Ok(Next::End(end)) => self.over = Some(Some(end)),
            Ok(Next::Truncated) => self.over = Some(None),
            Err(_) => return Err(self.unreadable()),
        }
        Ok(())
    }

    /// Where in the file the cursor is.
    fn place(&self) -> u64 {
        if self.over.is_some() { self.summary.complete } else { self.offset + self.at as u64 }
    }

    /// What the recording has at the cursor.
    #[cold]
    fn fact_here(&mut self) -> Result<Fact, Mismatch> {
        let mut bases = self.bases;
        Ok(match self.here()? {
            Here::Predicted => Fact::PredictedPick,
            Here::Check => Fact::CheckEvent,
            Here::End | Here::Truncated => Fact::TheEnd,
            Here::Picks => match reader::pick(self.blocks.events(), self.at, &mut bases) {
                Ok((strand, _)) => Fact::Pick(strand),
                Err(_) => Fact::AnyPick,
            },
            Here::Event => match reader::item(self.blocks.events(), self.at, &mut bases, true) {
                Ok((item, _)) => item.raw(self.blocks.events()).map_or(Fact::Nothing, |raw| Fact::event(&raw)),
                Err(_) => Fact::Nothing,
            },
        })
    }

    #[cold]
    fn mismatch(&self, code: Code, expected: Fact, actual: Fact) -> Mismatch {
        self.mismatch_at(self.place(), code, expected, actual)
    }

    fn mismatch_at(&self, offset: u64, code: Code, expected: Fact, actual: Fact) -> Mismatch {
        Mismatch { code, step: self.steps, offset, strand: self.strand, expected, actual }
    }

    #[cold]
    fn unreadable(&self) -> Mismatch {
        self.mismatch(Code::Unreadable, Fact::Nothing, Fact::Nothing)
    }
}
