// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fast engine: factors are sought, from where one stands the automaton is walked on, and the patterns without factors
//! are read by an automaton of their own. Both automata are made deterministic while they run.

use super::bytes::{ANY, EDGE, kind_of};
use super::dense::Bits;
use super::dfa::{Cursor, DEAD, Dfa, Stop};
use super::factor::FACTOR_MAX;
use super::pattern::Match;
use super::prefilter::Literals;
use super::prefilter::Refusal;
use super::reference::{self, Carried, Place, report, report_waiting};
use super::set::Set;
use super::stream::{Stream, Window};
use super::tables::Tables;
use super::verify::{Hits, Memory, Seed, Seeker};
use super::worklist;
use std::sync::Arc;

/// A set that can be scanned for.
pub struct Compiled {
    /// The tables.
    pub set: Set,
    seeker: Option<Seeker>,
    /// Bytes of a stream's past that are kept.
    keep: usize,
    /// Bits of those automata of the rest that are stepped so.
    bits: Vec<Option<Bits>>,
}

impl Compiled {
    /// Makes what finds the factors of a set.
    pub fn new(set: Set) -> Result<Compiled, Refusal> {
        let seeker = if set.factors.is_empty() { None } else { Some(Seeker::new(&set.factors, &set.factored)?) };
        let keep = if set.factors.is_empty() { 0 } else { set.reach().max(FACTOR_MAX) };
        let bits = set.rest.iter().map(worklist::bits_of).collect();
        Ok(Compiled { set, seeker, keep, bits })
    }

    /// Seeds of a chunk; how many factors occurred.
    pub fn seeds(
        &self,
        memory: &mut Memory,
        stream: &Stream,
        chunk: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Seed>,
    ) -> u64 {
        out.clear();
        let whole = stream.history.len() as u64 == stream.offset;
        let window = Window { history: &stream.history, chunk, whole };
        self.seeker.as_ref().map_or(0, |seeker| seeker.seek(&self.set.factored, memory, &window, given, out))
    }

    /// The literals of all factors; `None` where there are no factors.
    pub fn literals(&self) -> Option<&Arc<Literals>> {
        self.seeker.as_ref().map(Seeker::literals)
    }

    /// For each automaton of the rest its bits, if it is one for them.
    pub fn bits(&self) -> &[Option<Bits>] {
        &self.bits
    }

    /// How many bytes of a stream's past are kept.
    pub fn keep(&self) -> usize {
        self.keep
    }
}

/// Counts of a scan.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Bytes read.
    pub bytes: u64,
    /// Occurrences of factors.
    pub hits: u64,
    /// States that became active because their factor and its prefix stood there, or a match began.
    pub seeds: u64,
    /// States, or sets of states, that were visited.
    pub visits: u64,
    /// Matches reported.
    pub matches: u64,
    /// How often a deterministic automaton was forgotten, because it had grown too large.
    pub flushes: u64,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        self.bytes += other.bytes;
        self.hits += other.hits;
        self.seeds += other.seeds;
        self.visits += other.visits;
        self.matches += other.matches;
        self.flushes += other.flushes;
    }
}

/// Working memory of a thread that scans.
pub struct Scanner {
    memory: Memory,
    seeds: Vec<Seed>,
    tails: Dfa,
    rest: Vec<Reader>,
}

/// Working memory for one automaton of the rest.
struct Reader {
    dfa: Dfa,
    scratch: reference::Scratch,
    /// Bytes that are stepped set by set, because making the automaton deterministic did not pay.
    slow_for: usize,
}

/// Forgotten so often within one call: it does not pay.
const FLUSHES_MAX: u64 = 1;
/// Bytes that are stepped set by set then.
const SLOW_FOR: usize = 1 << 20;

impl Scanner {
    /// Memory for a set.
    pub fn new(compiled: &Compiled) -> Scanner {
        let reader = |tables: &Tables| Reader {
            dfa: Dfa::new(tables, true),
            scratch: reference::Scratch::new(tables),
            slow_for: 0,
        };
        Scanner {
            memory: Memory::default(),
            seeds: Vec::new(),
            tails: Dfa::new(&compiled.set.factored, false),
            rest: compiled.set.rest.iter().map(reader).collect(),
        }
    }

    fn flushes(&self) -> u64 {
        self.tails.flushes + self.rest.iter().map(|reader| reader.dfa.flushes).sum::<u64>()
    }

    /// Matches of the next chunk of a stream, sorted, each once, at the end of `out`.
    pub fn scan(
        &mut self,
        compiled: &Compiled,
        stream: &mut Stream,
        number: u32,
        chunk: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Match>,
    ) -> Counts {
        let Some(first) = chunk.first() else { return Counts::default() };
        let before = out.len();
        let place = Place { stream: number, end: stream.offset };
        report_waiting(&compiled.set.factored, &stream.tails, place, kind_of(*first), out);
        for (tables, active) in compiled.set.rest.iter().zip(&stream.rest) {
            report_waiting(tables, active, place, kind_of(*first), out);
        }
        let flushes = self.flushes();
        let hits = compiled.seeds(&mut self.memory, stream, chunk, given, &mut self.seeds);
        let mut visits = self.walk(&compiled.set.factored, stream, number, chunk, out);
        for (part, (tables, reader)) in compiled.set.rest.iter().zip(&mut self.rest).enumerate() {
            visits += reader.read(tables, stream, part, number, chunk, out);
        }
        stream.advance(chunk, compiled.keep);
        settle(out, before);
        Counts {
            bytes: chunk.len() as u64,
            hits,
            seeds: self.seeds.len() as u64,
            visits,
            matches: (out.len() - before) as u64,
            flushes: self.flushes() - flushes,
        }
    }

    /// From the seeds on, and from what was active before.
    fn walk(&mut self, tables: &Tables, stream: &mut Stream, number: u32, chunk: &[u8], out: &mut Vec<Match>) -> u64 {
        let mut visits = 0;
        let mut seeds = self.seeds.iter().copied().peekable();
        let mut cursor = Cursor { state: self.tails.enter(tables, &stream.tails, EDGE), at: 0 };
        loop {
            let to = seeds.peek().map_or(chunk.len(), |seed| seed.end as usize);
            if cursor.state == DEAD {
                cursor.at = to;
            }
            while cursor.at < to {
                let from = cursor.at;
                let stop = self.tails.run(tables, &mut cursor, chunk, to);
                visits += (cursor.at - from) as u64;
                match stop {
                    Stop::Ends => ends(tables, self.tails.set(cursor.state), stream, number, chunk, cursor.at, out),
                    Stop::Dead => cursor.at = to,
                    Stop::End => {}
                }
            }
            let Some(seed) = seeds.next() else { break };
            ends(tables, &[seed.state], stream, number, chunk, seed.end as usize, out);
            let waits = cursor.at == chunk.len() && !tables.accepts(seed.state).is_empty();
            if waits || !tables.successors(seed.state).is_empty() {
                cursor.state = self.tails.insert(tables, cursor.state, seed.state, EDGE);
            }
        }
        stream.tails.clear();
        stream.tails.extend_from_slice(self.tails.set(cursor.state));
        visits
    }
}

impl Reader {
    /// Reads a chunk from every start on.
    fn read(
        &mut self,
        tables: &Tables,
        stream: &mut Stream,
        part: usize,
        number: u32,
        chunk: &[u8],
        out: &mut Vec<Match>,
    ) -> u64 {
        if self.slow_for > 0 {
            return self.read_slowly(tables, stream, part, number, chunk, 0, out);
        }
        let mut visits = 0;
        let flushes = self.dfa.flushes;
        let mut cursor = Cursor { state: self.dfa.enter(tables, &stream.rest[part], stream.last), at: 0 };
        while self.slow_for == 0 && cursor.at < chunk.len() {
            let from = cursor.at;
            if self.dfa.run(tables, &mut cursor, chunk, chunk.len()) == Stop::Ends {
                ends(tables, self.dfa.set(cursor.state), stream, number, chunk, cursor.at, out);
            }
            visits += (cursor.at - from) as u64;
            if self.dfa.flushes - flushes > FLUSHES_MAX {
                self.slow_for = SLOW_FOR;
            }
        }
        stream.rest[part].clear();
        stream.rest[part].extend_from_slice(self.dfa.set(cursor.state));
        if cursor.at < chunk.len() {
            visits += self.read_slowly(tables, stream, part, number, chunk, cursor.at, out);
        }
        visits
    }

    /// Set by set, from some index on.
    #[cold]
    #[allow(clippy::too_many_arguments, reason = "as read, and where to begin")]
    fn read_slowly(
        &mut self,
        tables: &Tables,
        stream: &mut Stream,
        part: usize,
        number: u32,
        chunk: &[u8],
        at: usize,
        out: &mut Vec<Match>,
    ) -> u64 {
        self.slow_for = self.slow_for.saturating_sub(chunk.len() - at);
        let last = if at == 0 { stream.last } else { kind_of(chunk[at - 1]) };
        let active = core::mem::take(&mut stream.rest[part]);
        let mut carried = Carried { offset: stream.offset + at as u64, last, active };
        // What ends before `at` and depends on the byte there is reported once more; the caller keeps one of each.
        let visits = reference::scan(tables, &mut carried, &mut self.scratch, number, &chunk[at..], out);
        stream.rest[part] = carried.active;
        stream.rest[part].sort_unstable();
        visits
    }
}

/// The stream is over: what ends there.
pub fn finish(compiled: &Compiled, stream: &mut Stream, number: u32, out: &mut Vec<Match>) {
    let before = out.len();
    let place = Place { stream: number, end: stream.offset };
    report_waiting(&compiled.set.factored, &stream.tails, place, EDGE, out);
    for (tables, active) in compiled.set.rest.iter().zip(&stream.rest) {
        report_waiting(tables, active, place, EDGE, out);
    }
    *stream = Stream::default();
    settle(out, before);
}

/// Sorts what was reported since, and keeps one of each.
pub fn settle(out: &mut Vec<Match>, before: usize) {
    if out.len() - before < 2 {
        return;
    }
    out[before..].sort_unstable();
    let mut kept = before + 1;
    for index in before + 1..out.len() {
        if out[index] != out[kept - 1] {
            out[kept] = out[index];
            kept += 1;
        }
    }
    out.truncate(kept);
}

/// What ends with a set at an index of the chunk. Behind the chunk's last byte only what ends whatever comes.
#[inline]
fn ends(tables: &Tables, set: &[u32], stream: &Stream, number: u32, chunk: &[u8], at: usize, out: &mut Vec<Match>) {
    let place = Place { stream: number, end: stream.offset + at as u64 };
    report(tables, set, place, out);
    if at < chunk.len() {
        let kind = kind_of(chunk[at]);
        let waiting = |state: &u32| tables.accepts(*state).iter().any(|accept| accept.next != ANY);
        if set.iter().any(waiting) {
            report_waiting(tables, set, place, kind, out);
        }
    }
}
