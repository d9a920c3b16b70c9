// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fast engine: factors are sought, from where one stands the automaton is walked on, and the patterns without factors
//! are read by an automaton of their own. Both automata are made deterministic while they run, as long as that pays.

use super::alphabet::Alphabet;
use super::bytes::{ANY, EDGE, kind_of};
use super::dense::{self, Bits};
use super::dfa::{Cursor, DEAD, Dfa, Stop};
use super::factor::FACTOR_MAX;
use super::pattern::Match;
use super::prefilter::Literals;
use super::prefilter::Refusal;
use super::reference::{self, Carried, Place, report, report_waiting};
use super::set::Set;
use super::sparse::{self, Item, WINDOW};
use super::stream::{Stream, Window};
use super::tables::Tables;
use super::thrash::Thrash;
use super::verify::{Hits, Memory, Seed, Seeker};
use super::worklist;
use crate::base::room::{Grow, Room, each};

/// A set that can be scanned for.
pub struct Compiled {
    /// The tables.
    pub set: Set,
    seeker: Option<Seeker>,
    /// Bytes of a stream's past that are kept.
    keep: usize,
    /// Bits of those automata of the rest that are stepped so.
    bits: Vec<Option<Bits>>,
    /// Bits of the others, for texts that make a deterministic automaton too large.
    others: Vec<Option<Bits>>,
    /// Classes of bytes: of the automaton of patterns with factors, and of each one of the rest.
    tails: Alphabet,
    rest: Vec<Alphabet>,
}

impl Compiled {
    /// Makes what finds the factors of a set.
    pub fn new(set: Set) -> Result<Compiled, Refusal> {
        let seeker = if set.factors.is_empty() { None } else { Some(Seeker::new(&set.factors, &set.factored)?) };
        let keep = if set.factors.is_empty() { 0 } else { set.reach().max(FACTOR_MAX) };
        let bits = each(set.rest.iter().map(worklist::bits_of))?;
        let pairs = set.rest.iter().zip(&bits);
        let others = each(pairs.map(|(tables, bits)| if bits.is_none() { other_bits(tables) } else { Ok(None) }))?;
        let tails = Alphabet::new(&set.factored, false)?;
        let rest = each(set.rest.iter().map(|tables| Alphabet::new(tables, true)))?;
        Ok(Compiled { set, seeker, keep, bits, others, tails, rest })
    }

    /// Seeds of a chunk; how many factors occurred.
    pub fn seeds(
        &self,
        memory: &mut Memory,
        stream: &Stream,
        chunk: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Seed>,
    ) -> Room<u64> {
        out.clear();
        let whole = stream.history.len() as u64 == stream.offset;
        let window = Window { history: &stream.history, chunk, whole };
        self.seeker.as_ref().map_or(Ok(0), |seeker| seeker.seek(&self.set.factored, memory, &window, given, out))
    }

    /// The literals of all factors; `None` where there are no factors.
    pub fn literals(&self) -> Option<&Literals> {
        self.seeker.as_ref().map(Seeker::literals)
    }

    /// For each automaton of the rest its bits, if it is one for them.
    pub fn bits(&self) -> &[Option<Bits>] {
        &self.bits
    }

    /// Bits of any automaton of the rest that is not too large for them.
    fn bits_at_need(&self, part: usize) -> Option<&Bits> {
        self.bits[part].as_ref().or(self.others[part].as_ref())
    }

    /// How many bytes of a stream's past are kept.
    pub fn keep(&self) -> usize {
        self.keep
    }
}

/// Most states of an automaton that is stepped bit by bit when nothing else is left.
const BITS_STATES: u32 = 1 << 14;

fn other_bits(tables: &Tables) -> Room<Option<Bits>> {
    if tables.count() <= BITS_STATES { Bits::new(tables).map(Some) } else { Ok(None) }
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
    /// Whether the tails are worth a deterministic automaton, and what reads them where they are not.
    tails_thrash: Thrash,
    items: sparse::Memory,
    active: Vec<u32>,
    rest: Vec<Reader>,
}

/// Working memory for one automaton of the rest.
struct Reader {
    dfa: Dfa,
    thrash: Thrash,
    bits: Option<dense::Memory>,
    scratch: reference::Scratch,
}

/// One chunk of one stream, and where what is found goes.
struct Reading<'a> {
    number: u32,
    offset: u64,
    chunk: &'a [u8],
    out: &'a mut Vec<Match>,
}

impl Reading<'_> {
    fn place(&self, at: usize) -> Place {
        Place { stream: self.number, end: self.offset + at as u64 }
    }

    /// What ends with a set at an index of the chunk. Behind the chunk's last byte only what ends whatever comes.
    #[inline]
    fn ends(&mut self, tables: &Tables, set: &[u32], at: usize) -> Room<()> {
        report(tables, set, self.place(at), self.out)?;
        if at < self.chunk.len() {
            let waiting = |state: &u32| tables.accepts(*state).iter().any(|accept| accept.next != ANY);
            if set.iter().any(waiting) {
                return report_waiting(tables, set, self.place(at), kind_of(self.chunk[at]), self.out);
            }
        }
        Ok(())
    }
}

impl Scanner {
    /// Memory for a set.
    pub fn new(compiled: &Compiled) -> Room<Scanner> {
        let reader = |(part, tables): (usize, &Tables)| -> Room<Reader> {
            let dfa = Dfa::new(tables, &compiled.rest[part], true)?;
            Ok(Reader {
                thrash: Thrash::new(dfa.states_max()),
                dfa,
                bits: compiled.bits_at_need(part).map(dense::Memory::new).transpose()?,
                scratch: reference::Scratch::new(tables)?,
            })
        };
        let tails = Dfa::new(&compiled.set.factored, &compiled.tails, false)?;
        Ok(Scanner {
            memory: Memory::new()?,
            seeds: Vec::new(),
            tails_thrash: Thrash::new(tails.states_max()),
            tails,
            items: sparse::Memory::default(),
            active: Vec::new(),
            rest: each(compiled.set.rest.iter().enumerate().map(reader))?,
        })
    }

    /// Has room for few states of deterministic automata, so that tests see what becomes of too many.
    #[cfg(test)]
    pub fn narrow(&mut self, entries: usize) {
        self.tails.narrow(entries);
        self.tails_thrash = Thrash::new(self.tails.states_max());
        for reader in &mut self.rest {
            reader.dfa.narrow(entries);
            reader.thrash = Thrash::new(reader.dfa.states_max());
        }
    }

    fn flushes(&self) -> u64 {
        self.tails.flushes + self.rest.iter().map(|reader| reader.dfa.flushes).sum::<u64>()
    }

    /// Matches of the next chunk of a stream, sorted, each once, at the end of `out`. Without memory neither the stream nor what was
    /// added to `out` is of use.
    pub fn scan(
        &mut self,
        compiled: &Compiled,
        stream: &mut Stream,
        number: u32,
        chunk: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Match>,
    ) -> Room<Counts> {
        let Some(first) = chunk.first() else { return Ok(Counts::default()) };
        let before = out.len();
        let mut reading = Reading { number, offset: stream.offset, chunk, out };
        let set = &compiled.set;
        report_waiting(&set.factored, &stream.tails, reading.place(0), kind_of(*first), reading.out)?;
        for (tables, active) in set.rest.iter().zip(&stream.rest) {
            report_waiting(tables, active, reading.place(0), kind_of(*first), reading.out)?;
        }
        let flushes = self.flushes();
        let hits = compiled.seeds(&mut self.memory, stream, chunk, given, &mut self.seeds)?;
        let mut visits = self.walk(&set.factored, stream, &mut reading)?;
        for (part, (tables, reader)) in set.rest.iter().zip(&mut self.rest).enumerate() {
            visits += reader.read(tables, compiled.bits_at_need(part), stream, part, &mut reading)?;
        }
        stream.prepare(compiled.keep)?;
        stream.advance(chunk, compiled.keep);
        settle(out, before);
        Ok(Counts {
            bytes: chunk.len() as u64,
            hits,
            seeds: self.seeds.len() as u64,
            visits,
            matches: (out.len() - before) as u64,
            flushes: self.flushes() - flushes,
        })
    }

    /// From the seeds on, and from what was active before.
    fn walk(&mut self, tables: &Tables, stream: &mut Stream, reading: &mut Reading<'_>) -> Room<u64> {
        let length = reading.chunk.len();
        if self.tails_thrash.is_on() {
            return self.walk_slowly(tables, stream, reading, 0, 0);
        }
        let (mut visits, mut next_seed, mut flushes) = (0, 0, self.tails.flushes);
        let mut cursor = Cursor { state: self.tails.enter(tables, &stream.tails, EDGE)?, at: 0 };
        loop {
            if flushes != self.tails.flushes {
                flushes = self.tails.flushes;
                self.tails_thrash.forgotten();
                if self.tails_thrash.is_on() {
                    stream.tails.clear();
                    stream.tails.add_all(self.tails.set(cursor.state))?;
                    return Ok(visits + self.walk_slowly(tables, stream, reading, cursor.at, next_seed)?);
                }
            }
            let to = self.seeds.get(next_seed).map_or(length, |seed| seed.end as usize);
            if cursor.state == DEAD {
                cursor.at = to;
            }
            if cursor.at < to {
                let from = cursor.at;
                let stop = self.tails.run(tables, &mut cursor, reading.chunk, to)?;
                visits += (cursor.at - from) as u64;
                self.tails_thrash.read(cursor.at - from);
                match stop {
                    Stop::Ends => reading.ends(tables, self.tails.set(cursor.state), cursor.at)?,
                    Stop::Dead => cursor.at = to,
                    Stop::End | Stop::Forgotten => {}
                }
                continue;
            }
            let Some(seed) = self.seeds.get(next_seed).copied() else { break };
            next_seed += 1;
            reading.ends(tables, &[seed.state], seed.end as usize)?;
            let waits = cursor.at == length && !tables.accepts(seed.state).is_empty();
            if waits || !tables.successors(seed.state).is_empty() {
                cursor.state = self.tails.insert(tables, cursor.state, seed.state, EDGE)?;
            }
        }
        stream.tails.clear();
        stream.tails.add_all(self.tails.set(cursor.state))?;
        Ok(visits)
    }

    /// The same item by item, from some index and some seed on: for texts in which tails of so many patterns are active in so many
    /// ways that sets of them are hardly ever met again.
    #[cold]
    fn walk_slowly(
        &mut self,
        tables: &Tables,
        stream: &mut Stream,
        reading: &mut Reading<'_>,
        from: usize,
        seed: usize,
    ) -> Room<u64> {
        let mut visits = 0;
        let mut seeds = &self.seeds[seed..];
        let mut active = core::mem::take(&mut self.active);
        active.clear();
        active.add_all(&stream.tails)?;
        let mut at = from;
        loop {
            let text = &reading.chunk[at..reading.chunk.len().min(at + WINDOW)];
            let own = seeds.partition_point(|seed| seed.end as usize <= at + text.len());
            let items = seeds[..own].iter().map(|seed| Item { state: seed.state, index: seed.end - at as u32 });
            let window = sparse::Window { text, place: reading.place(at) };
            visits += sparse::run(tables, &mut self.items, window, items, &mut active, reading.out)?;
            seeds = &seeds[own..];
            at += text.len();
            if at == reading.chunk.len() {
                break;
            }
            report_waiting(tables, &active, reading.place(at), kind_of(reading.chunk[at]), reading.out)?;
        }
        self.tails_thrash.skipped(at - from);
        stream.tails.clear();
        stream.tails.add_all(&active)?;
        self.active = active;
        Ok(visits)
    }
}

impl Reader {
    /// Reads a chunk from every start on.
    fn read(
        &mut self,
        tables: &Tables,
        bits: Option<&Bits>,
        stream: &mut Stream,
        part: usize,
        reading: &mut Reading<'_>,
    ) -> Room<u64> {
        let length = reading.chunk.len();
        let mut at = 0;
        if !self.thrash.is_on() {
            let flushes = self.dfa.flushes;
            let mut cursor = Cursor { state: self.dfa.enter(tables, &stream.rest[part], stream.last)?, at: 0 };
            if flushes != self.dfa.flushes {
                self.thrash.forgotten();
            }
            while !self.thrash.is_on() && cursor.at < length {
                let from = cursor.at;
                let stop = self.dfa.run(tables, &mut cursor, reading.chunk, length)?;
                self.thrash.read(cursor.at - from);
                match stop {
                    Stop::Ends => reading.ends(tables, self.dfa.set(cursor.state), cursor.at)?,
                    Stop::Forgotten => self.thrash.forgotten(),
                    Stop::End | Stop::Dead => {}
                }
            }
            stream.rest[part].clear();
            stream.rest[part].add_all(self.dfa.set(cursor.state))?;
            at = cursor.at;
        }
        let more = if at < length { self.read_slowly(tables, bits, stream, part, reading, at)? } else { 0 };
        Ok(at as u64 + more)
    }

    /// Bit by bit, or set by set where there are too many, from some index on.
    #[cold]
    fn read_slowly(
        &mut self,
        tables: &Tables,
        bits: Option<&Bits>,
        stream: &mut Stream,
        part: usize,
        reading: &mut Reading<'_>,
        at: usize,
    ) -> Room<u64> {
        let (chunk, place) = (reading.chunk, reading.place(at));
        self.thrash.skipped(chunk.len() - at);
        let last = if at == 0 { stream.last } else { kind_of(chunk[at - 1]) };
        if let (Some(bits), Some(memory)) = (bits, &mut self.bits) {
            return dense::run(tables, bits, memory, &chunk[at..], place, last, &mut stream.rest[part], reading.out);
        }
        let active = core::mem::take(&mut stream.rest[part]);
        let mut carried = Carried { offset: place.end, last, active };
        // What ends before `at` and depends on the byte there is reported once more; the caller keeps one of each.
        let visits = reference::scan(tables, &mut carried, &mut self.scratch, place.stream, &chunk[at..], reading.out)?;
        stream.rest[part] = carried.active;
        stream.rest[part].sort_unstable();
        Ok(visits)
    }
}

/// The stream is over: what ends there.
pub fn finish(compiled: &Compiled, stream: &mut Stream, number: u32, out: &mut Vec<Match>) -> Room<()> {
    let before = out.len();
    let place = Place { stream: number, end: stream.offset };
    report_waiting(&compiled.set.factored, &stream.tails, place, EDGE, out)?;
    for (tables, active) in compiled.set.rest.iter().zip(&stream.rest) {
        report_waiting(tables, active, place, EDGE, out)?;
    }
    *stream = Stream::default();
    settle(out, before);
    Ok(())
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
