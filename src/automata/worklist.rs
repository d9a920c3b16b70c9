// SPDX-License-Identifier: MIT OR Apache-2.0
//! The non-blocking engine: what factors and starts begin is done item by item, or bit-parallel where much is active.

use super::bytes::kind_of;
use super::dense::{self, Bits};
use super::pattern::Match;
use super::reference::{Place, report_waiting};
use super::scanner::{Compiled, Counts, settle};
use super::sparse::{self, Item, WINDOW};
use super::stream::Stream;
use super::tables::Tables;
use super::verify::{self, Hits, Seed, within};
use crate::base::room::{Room, each};

/// Working memory of a thread.
pub struct Memory {
    seeking: verify::Memory,
    seeds: Vec<Seed>,
    sparse: sparse::Memory,
    dense: Vec<Option<dense::Memory>>,
}

/// Most states of an automaton that is stepped bit by bit.
const DENSE_STATES: u32 = 1 << 12;
/// Values of a byte at which a state that follows itself is active most of the time.
const DENSE_VALUES: u32 = 64;

/// The bits of an automaton of which much is active all the time; `None`: its items are few.
pub fn bits_of(tables: &Tables) -> Room<Option<Bits>> {
    let stays = |state: u32| tables.successors(state).contains(&state) && tables.class(state).len() >= DENSE_VALUES;
    if tables.count() <= DENSE_STATES && (0..tables.count()).any(stays) {
        return Bits::new(tables).map(Some);
    }
    Ok(None)
}

impl Memory {
    /// Memory for a set.
    pub fn new(compiled: &Compiled) -> Room<Memory> {
        Ok(Memory {
            seeking: verify::Memory::new()?,
            seeds: Vec::new(),
            sparse: sparse::Memory::default(),
            dense: each(compiled.bits().iter().map(|bits| bits.as_ref().map(dense::Memory::new).transpose()))?,
        })
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
    ) -> Room<Counts> {
        let (before, mut counts) = (out.len(), Counts::default());
        for (index, window) in chunk.chunks(WINDOW).enumerate() {
            let from = (index * WINDOW) as u32;
            let mut own = Vec::new();
            if let Some(given) = given {
                within(given, from..from + window.len() as u32, &mut own)?;
            }
            counts.add(&self.window(compiled, stream, number, window, given.map(|_| &own[..]), out)?);
        }
        settle(out, before);
        counts.matches = (out.len() - before) as u64;
        Ok(counts)
    }

    #[allow(clippy::too_many_arguments, reason = "what a scan takes, and of which part")]
    fn window(
        &mut self,
        compiled: &Compiled,
        stream: &mut Stream,
        number: u32,
        text: &[u8],
        given: Option<Hits<'_>>,
        out: &mut Vec<Match>,
    ) -> Room<Counts> {
        let set = &compiled.set;
        let place = Place { stream: number, end: stream.offset };
        let first = text.first().map_or(0, |byte| kind_of(*byte));
        report_waiting(&set.factored, &stream.tails, place, first, out)?;
        let mut counts = Counts { bytes: text.len() as u64, ..Counts::default() };
        counts.hits = compiled.seeds(&mut self.seeking, stream, text, given, &mut self.seeds)?;
        counts.seeds = self.seeds.len() as u64;
        let window = sparse::Window { text, place };
        let seeds = self.seeds.iter().map(|seed| Item { state: seed.state, index: seed.end });
        counts.visits += sparse::run(&set.factored, &mut self.sparse, window, seeds, &mut stream.tails, out)?;
        for (part, tables) in set.rest.iter().enumerate() {
            let active = &mut stream.rest[part];
            report_waiting(tables, active, place, first, out)?;
            counts.visits += match (&compiled.bits()[part], &mut self.dense[part]) {
                (Some(bits), Some(memory)) => dense::run(tables, bits, memory, text, place, stream.last, active, out),
                _ => {
                    let starts = sparse::starts(tables, text, stream.last);
                    sparse::run(tables, &mut self.sparse, window, starts, active, out)
                }
            }?;
        }
        stream.prepare(compiled.keep())?;
        stream.advance(text, compiled.keep());
        Ok(counts)
    }
}
