// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which engine reads a stream, and whether a second one that shares none of its loops reads it too and both must agree.

use super::pattern::Match;
use super::reference::{self, Carried, Scratch};
use super::scanner::{self, Compiled, Counts, Scanner, settle};
use super::stream::Stream;
use super::verify::Hits;
use super::worklist;

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
#[derive(Clone, Debug, Default)]
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
}

/// Two engines disagree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// The first match that only one of them has.
    pub first: Match,
    /// Whether the baseline has it.
    pub in_baseline: bool,
}

/// Working memory of a thread for a plan.
pub struct Engine {
    plan: Plan,
    scanner: Option<Scanner>,
    items: Option<worklist::Memory>,
    baseline: Vec<Scratch>,
    other: Vec<Match>,
}

impl Engine {
    /// Memory for a set.
    pub fn new(compiled: &Compiled, plan: Plan) -> Engine {
        let fast = plan.mode == Mode::Auto || (plan.mode == Mode::Blocking && plan.differential);
        let baseline = plan.mode == Mode::Blocking || plan.differential;
        let tables = compiled.set.tables().filter(|_| baseline);
        Engine {
            plan,
            scanner: fast.then(|| Scanner::new(compiled)),
            items: (plan.mode == Mode::NonBlocking).then(|| worklist::Memory::new(compiled)),
            baseline: tables.map(Scratch::new).collect(),
            other: Vec::new(),
        }
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
    ) -> Result<Counts, Mismatch> {
        let before = out.len();
        let mut other = core::mem::take(&mut self.other);
        other.clear();
        let counts = match self.plan.mode {
            Mode::Blocking => self.read_baseline(compiled, reading, number, chunk, out),
            _ => self.read_fast(compiled, reading, number, chunk, given, out),
        };
        let mut agreed = Ok(());
        if self.plan.differential {
            match self.plan.mode {
                Mode::Blocking => self.read_fast(compiled, reading, number, chunk, given, &mut other),
                _ => self.read_baseline(compiled, reading, number, chunk, &mut other),
            };
            agreed = self.compare(&out[before..], &other);
        }
        self.other = other;
        agreed.map(|()| counts)
    }

    fn read_fast(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        chunk: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Match>,
    ) -> Counts {
        match (&mut self.scanner, &mut self.items) {
            (Some(scanner), _) => scanner.scan(compiled, &mut reading.stream, number, chunk, given, out),
            (None, Some(items)) => items.scan(compiled, &mut reading.stream, number, chunk, given, out),
            (None, None) => Counts::default(),
        }
    }

    fn read_baseline(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        chunk: &[u8],
        out: &mut Vec<Match>,
    ) -> Counts {
        let before = out.len();
        let mut visits = 0;
        reading.baseline.resize_with(self.baseline.len(), Carried::default);
        for ((tables, carried), scratch) in compiled.set.tables().zip(&mut reading.baseline).zip(&mut self.baseline) {
            visits += reference::scan(tables, carried, scratch, number, chunk, out);
        }
        settle(out, before);
        Counts { bytes: chunk.len() as u64, visits, matches: (out.len() - before) as u64, ..Counts::default() }
    }

    /// The stream is over: what ends there. The reading is as new.
    pub fn finish(
        &mut self,
        compiled: &Compiled,
        reading: &mut Reading,
        number: u32,
        out: &mut Vec<Match>,
    ) -> Result<u64, Mismatch> {
        let before = out.len();
        let mut other = Vec::new();
        let blocking = self.plan.mode == Mode::Blocking;
        if !blocking || self.plan.differential {
            let into = if blocking { &mut other } else { &mut *out };
            scanner::finish(compiled, &mut reading.stream, number, into);
        }
        if blocking || self.plan.differential {
            let into = if blocking { &mut *out } else { &mut other };
            let from = into.len();
            for (tables, carried) in compiled.set.tables().zip(&mut reading.baseline) {
                reference::finish(tables, carried, number, into);
            }
            settle(into, from);
        }
        *reading = Reading::default();
        if self.plan.differential {
            self.compare(&out[before..], &other)?;
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
