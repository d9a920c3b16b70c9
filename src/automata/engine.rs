// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which engine reads a stream, and whether a second one that shares none of its loops reads it too and both must agree.

use super::pattern::Match;
use super::reference::{self, Carried, Scratch};
use super::scanner::{self, Compiled, Counts, Scanner, settle};
use super::stream::Stream;
use super::verify::Hits;
use super::worklist;
use crate::base::room::{Grow, NoMemory, Room, each};

/// An engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The fastest there is.
    Auto,
    /// The baseline: byte for byte.
    Blocking,
    /// Items in a worklist.
    NonBlocking,
}

/// How streams are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The engine.
    pub mode: Mode,
    /// Another one reads everything too.
    pub differential: bool,
}

/// A stream between two chunks, as the engines of a plan need it.
#[derive(Debug, Default)]
pub struct Reading {
    /// What the engines beside the baseline carry.
    pub stream: Stream,
    /// What the baseline carries, for each automaton.
    pub baseline: Vec<Carried>,
}

impl Reading {
    /// Bytes so far.
    pub fn offset(&self) -> u64 {
        self.stream.offset.max(self.baseline.first().map_or(0, |carried| carried.offset))
    }

    /// A baseline of so many automata at least.
    pub fn prepare(&mut self, automata: usize) -> Room<()> {
        while self.baseline.len() < automata {
            self.baseline.add(Carried::default())?;
        }
        Ok(())
    }

    /// As if so many bytes had been read, none of which matters.
    #[cfg(test)]
    pub fn at(offset: u64) -> Reading {
        let stream = Stream { offset, last: super::bytes::OTHER, ..Stream::default() };
        let carried = || Carried { offset, last: super::bytes::OTHER, active: Vec::new() };
        Reading { stream, baseline: (0..=super::set::RESTS).map(|_| carried()).collect() }
    }

    /// Becomes as another one is. Without memory it is of no use.
    pub fn become_as(&mut self, other: &Reading) -> Room<()> {
        self.stream.become_as(&other.stream)?;
        self.baseline.truncate(other.baseline.len());
        self.prepare(other.baseline.len())?;
        self.baseline.iter_mut().zip(&other.baseline).try_for_each(|(to, from)| to.become_as(from))
    }
}

/// Two engines disagree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// The first match that only one of them has.
    pub first: Match,
    /// Whether the baseline has it.
    pub in_baseline: bool,
}

/// Why a chunk was not read. Its stream is as it was before, and nothing was reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// No memory is left.
    NoMemory,
    /// Two engines disagree.
    Mismatch(Mismatch),
}

impl From<NoMemory> for Failure {
    fn from(_: NoMemory) -> Failure {
        Failure::NoMemory
    }
}

/// Working memory of a thread for a plan.
pub struct Engine {
    plan: Plan,
    /// The stream before the chunk that is read.
    before: Reading,
    scanner: Option<Scanner>,
    items: Option<worklist::Memory>,
    baseline: Vec<Scratch>,
    other: Vec<Match>,
}

impl Engine {
    /// Memory for a set.
    pub fn new(compiled: &Compiled, plan: Plan) -> Room<Engine> {
        let fast = plan.mode == Mode::Auto || (plan.mode == Mode::Blocking && plan.differential);
        let baseline = plan.mode == Mode::Blocking || plan.differential;
        let tables = compiled.set.tables().filter(|_| baseline);
        let non_blocking = plan.mode == Mode::NonBlocking;
        Ok(Engine {
            plan,
            before: Reading::default(),
            scanner: if fast { Some(Scanner::new(compiled)?) } else { None },
            items: if non_blocking { Some(worklist::Memory::new(compiled)?) } else { None },
            baseline: each(tables.map(Scratch::new))?,
            other: Vec::new(),
        })
    }

    /// Reads the next chunk of a stream: its matches, sorted, each once, at the end of `out`. `given`: where factors stand in
    /// it, sorted, if a device has sought them.
    pub fn read(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        chunk: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Match>,
    ) -> Result<Counts, Failure> {
        let from = out.len();
        self.before.become_as(reading)?;
        let result = self.read_on(compiled, reading, number, chunk, given, out);
        if result.is_err() {
            self.undo(reading);
            out.truncate(from);
        }
        result
    }

    /// The chunk that was read last, or the end, was not: what was found could not be kept.
    pub fn undo(&mut self, reading: &mut Reading) {
        core::mem::swap(reading, &mut self.before);
    }

    fn read_on(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        chunk: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Match>,
    ) -> Result<Counts, Failure> {
        let before = out.len();
        let mut other = core::mem::take(&mut self.other);
        other.clear();
        let counts = match self.plan.mode {
            Mode::Blocking => self.read_baseline(compiled, reading, number, chunk, out),
            _ => self.read_fast(compiled, reading, number, chunk, given, out),
        }?;
        if self.plan.differential {
            match self.plan.mode {
                Mode::Blocking => self.read_fast(compiled, reading, number, chunk, given, &mut other),
                _ => self.read_baseline(compiled, reading, number, chunk, &mut other),
            }?;
            self.compare(&out[before..], &other).map_err(Failure::Mismatch)?;
        }
        self.other = other;
        Ok(counts)
    }

    fn read_fast(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        chunk: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Match>,
    ) -> Room<Counts> {
        match (&mut self.scanner, &mut self.items) {
            (Some(scanner), _) => scanner.scan(compiled, &mut reading.stream, number, chunk, given, out),
            (None, Some(items)) => items.scan(compiled, &mut reading.stream, number, chunk, given, out),
            (None, None) => Ok(Counts::default()),
        }
    }

    fn read_baseline(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        chunk: &[u8],
        out: &mut Vec<Match>,
    ) -> Room<Counts> {
        let before = out.len();
        let mut visits = 0;
        reading.prepare(self.baseline.len())?;
        for ((tables, carried), scratch) in compiled.set.tables().zip(&mut reading.baseline).zip(&mut self.baseline) {
            visits += reference::scan(tables, carried, scratch, number, chunk, out)?;
        }
        settle(out, before);
        Ok(Counts { bytes: chunk.len() as u64, visits, matches: (out.len() - before) as u64, ..Counts::default() })
    }

    /// The stream is over: what ends there. The reading is as new.
    pub fn finish(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        out: &mut Vec<Match>,
    ) -> Result<u64, Failure> {
        let from = out.len();
        self.before.become_as(reading)?;
        let result = self.finish_all(compiled, reading, number, out);
        if result.is_err() {
            self.undo(reading);
            out.truncate(from);
        }
        result
    }

    fn finish_all(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        out: &mut Vec<Match>,
    ) -> Result<u64, Failure> {
        let before = out.len();
        let mut other = Vec::new();
        let blocking = self.plan.mode == Mode::Blocking;
        if !blocking || self.plan.differential {
            let into = if blocking { &mut other } else { &mut *out };
            scanner::finish(compiled, &mut reading.stream, number, into)?;
        }
        if blocking || self.plan.differential {
            let into = if blocking { &mut *out } else { &mut other };
            let from = into.len();
            for (tables, carried) in compiled.set.tables().zip(&mut reading.baseline) {
                reference::finish(tables, carried, number, into)?;
            }
            settle(into, from);
        }
        *reading = Reading::default();
        if self.plan.differential {
            self.compare(&out[before..], &other).map_err(Failure::Mismatch)?;
        }
        Ok((out.len() - before) as u64)
    }

    fn compare(&self, found: &[Match], other: &[Match]) -> Result<(), Mismatch> {
        let Some(index) = (0..found.len().max(other.len())).find(|index| found.get(*index) != other.get(*index)) else {
            return Ok(());
        };
        // Both are sorted: the smaller one is what the other lacks.
        let (first, in_found) = match (found.get(index), other.get(index)) {
            (Some(found), Some(other)) if found < other => (*found, true),
            (_, Some(other)) => (*other, false),
            (Some(found), None) => (*found, true),
            (None, None) => return Ok(()),
        };
        Err(Mismatch { first, in_baseline: in_found == (self.plan.mode == Mode::Blocking) })
    }
}
