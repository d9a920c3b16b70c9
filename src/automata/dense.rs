// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bit-parallel engine: a bit for each state, a word at a time.
//!
//! ```text
//! next = (active << 1) & follows      most states are followed by the one after them
//!      |  active & loops              or by themselves
//!      |  exits                       states with the same other successors, all of them at once: what counts, as in `.{0,99}x`
//!      |  exceptions                  other successors, state by state
//!      |  starts[kind of the byte before]
//! next &= takes[class of the byte]
//! ```
//! For automata of which much is active all the time, as with `x.*y`: there a worklist has as many items as there are bytes,
//! and this has a few words.

use super::bytes::{KINDS, Kinds, kind_of};
use super::known::Mixing;
use super::pattern::Match;
use super::reference::{Place, report, report_waiting};
use super::tables::Tables;
use crate::base::room::{Grow, Room, filled, room_in};
use core::ops::Range;
use std::collections::HashMap;

/// Bits of a word. Devices use the same tables, each word as two.
const BITS: usize = 64;
/// So many states with the same other successors are taken together.
const TOGETHER: usize = 4;

/// The tables, as bits.
#[derive(PartialEq, Eq, Debug)]
pub struct Bits {
    pub(super) words: usize,
    /// For each byte the number of its class.
    pub(super) class: Vec<u8>,
    /// For each class the states that take it.
    pub(super) takes: Vec<u64>,
    /// For each kind the states that begin after a byte of it.
    pub(super) starts: Vec<u64>,
    /// States that can follow the state before them.
    pub(super) follows: Vec<u64>,
    /// States that can follow themselves.
    pub(super) loops: Vec<u64>,
    /// States with other successors.
    pub(super) exceptional: Vec<u64>,
    /// Of them those of all exits, and the others.
    leaving: Vec<u64>,
    alone: Vec<u64>,
    exits: Vec<Exit>,
    /// For each class the exits that lead somewhere with a byte of it, and where its row ends.
    open: Vec<u32>,
    open_ends: Vec<u32>,
    /// States with which something ends.
    pub(super) accepting: Vec<u64>,
    /// Bit of each state, and state of each bit.
    pub(super) bit_of: Vec<u32>,
    pub(super) state_of: Vec<u32>,
}

/// States with the same other successors.
#[derive(PartialEq, Eq, Debug)]
struct Exit {
    /// The words in which they lie, and their bits there.
    words: Range<usize>,
    from: Vec<u64>,
    /// Bits of the successors.
    to: Vec<u32>,
}

impl Bits {
    /// The bits of tables. States are laid out so that as many as possible follow the one before them.
    pub fn new(tables: &Tables) -> Room<Bits> {
        let state_of = chains(tables)?;
        let mut bit_of = filled(0, state_of.len())?;
        state_of.iter().enumerate().for_each(|(bit, state)| bit_of[*state as usize] = bit as u32);
        let words = state_of.len().div_ceil(BITS);
        let empty = || filled(0u64, words);
        let mut bits = Bits {
            words,
            class: Vec::new(),
            takes: Vec::new(),
            starts: filled(0, words * KINDS)?,
            follows: empty()?,
            loops: empty()?,
            exceptional: empty()?,
            leaving: empty()?,
            alone: empty()?,
            exits: Vec::new(),
            open: Vec::new(),
            open_ends: Vec::new(),
            accepting: empty()?,
            bit_of,
            state_of,
        };
        for state in 0..tables.count() {
            bits.add(tables, state);
        }
        bits.gather_exits(tables)?;
        bits.fill_classes(tables)?;
        Ok(bits)
    }

    fn add(&mut self, tables: &Tables, state: u32) {
        let bit = self.bit_of[state as usize];
        for next in tables.successors(state) {
            match self.bit_of[*next as usize] {
                next if next == bit => set(&mut self.loops, next),
                next if next == bit + 1 => set(&mut self.follows, next),
                _ => set(&mut self.exceptional, bit),
            }
        }
        for kind in 0..KINDS {
            if tables.starts(state) >> kind & 1 != 0 {
                set(&mut self.starts[kind * self.words..][..self.words], bit);
            }
        }
        if !tables.accepts(state).is_empty() {
            set(&mut self.accepting, bit);
        }
    }

    /// The bits of those successors of a state that are neither itself nor the bit after it.
    fn others(&self, tables: &Tables, bit: u32, out: &mut Vec<u32>) -> Room<()> {
        out.clear();
        let next = tables.successors(self.state_of[bit as usize]).iter().map(|next| self.bit_of[*next as usize]);
        out.add_each(next.filter(|next| *next != bit && *next != bit + 1))?;
        out.sort_unstable();
        Ok(())
    }

    /// Exceptional states with the same successors become an exit, where they are many.
    fn gather_exits(&mut self, tables: &Tables) -> Room<()> {
        let mut groups: HashMap<Vec<u32>, Vec<u32>, Mixing> = HashMap::default();
        let mut to = Vec::new();
        for bit in 0..self.state_of.len() as u32 {
            if self.exceptional[bit as usize / BITS] >> (bit as usize % BITS) & 1 == 0 {
                continue;
            }
            self.others(tables, bit, &mut to)?;
            if let Some(group) = groups.get_mut(&to) {
                group.add(bit)?;
                continue;
            }
            room_in(&mut groups)?;
            let mut group = Vec::new();
            group.add(bit)?;
            groups.insert(core::mem::take(&mut to), group);
        }
        for (to, group) in groups {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            if group.len() < TOGETHER {
                continue;
            }
            let words = *first as usize / BITS..*last as usize / BITS + 1;
            let mut from = filled(0, words.len())?;
            for bit in &group {
                set(&mut from, bit - (words.start * BITS) as u32);
                set(&mut self.leaving, *bit);
            }
            self.exits.add(Exit { words, from, to })?;
        }
        for (word, alone) in self.alone.iter_mut().enumerate() {
            *alone = self.exceptional[word] & !self.leaving[word];
        }
        // What a map has in some order, in one that depends on the patterns alone.
        self.exits.sort_unstable_by(|left, right| left.to.cmp(&right.to));
        Ok(())
    }

    fn fill_classes(&mut self, tables: &Tables) -> Room<()> {
        let mut row = filled(0u64, self.words)?;
        for byte in 0..=255u8 {
            row.fill(0);
            for (bit, state) in self.state_of.iter().enumerate() {
                if tables.takes(*state, byte) {
                    set(&mut row, bit as u32);
                }
            }
            let count = self.takes.len() / self.words.max(1);
            let known = (0..count).find(|class| self.takes[class * self.words..][..self.words] == row[..]);
            if known.is_none() {
                self.takes.add_all(&row)?;
                let takes = |to: &u32| row[*to as usize / BITS] >> (*to as usize % BITS) & 1 != 0;
                let open = self.exits.iter().enumerate().filter(|(_, exit)| exit.to.iter().any(takes));
                self.open.add_each(open.map(|(number, _)| number as u32))?;
                self.open_ends.add(self.open.len() as u32)?;
            }
            self.class.add(known.unwrap_or(count) as u8)?;
        }
        Ok(())
    }
}

fn set(words: &mut [u64], bit: u32) {
    words[bit as usize / BITS] |= 1 << (bit as usize % BITS);
}

/// An order of the states in which chains stay together.
fn chains(tables: &Tables) -> Room<Vec<u32>> {
    let mut placed = filled(false, tables.count() as usize)?;
    let mut order = Vec::new();
    order.room(tables.count() as usize)?;
    for first in 0..tables.count() {
        let mut state = Some(first).filter(|state| !placed[*state as usize]);
        while let Some(here) = state {
            placed[here as usize] = true;
            order.push(here);
            state = tables.successors(here).iter().copied().find(|next| !placed[*next as usize]);
        }
    }
    Ok(order)
}

/// Working memory of a thread.
#[derive(Debug)]
pub struct Memory {
    /// A zero, then the words.
    active: Vec<u64>,
    next: Vec<u64>,
    states: Vec<u32>,
}

impl Memory {
    /// Memory for these bits.
    pub fn new(bits: &Bits) -> Room<Memory> {
        Ok(Memory { active: filled(0, bits.words + 1)?, next: filled(0, bits.words + 1)?, states: Vec::new() })
    }
}

/// Reads a chunk from every start on; matches, and the number of words that were stepped. What is active, sorted, comes and
/// goes through `active`; what ended before the first byte was reported.
#[allow(clippy::too_many_arguments, reason = "tables twice, memory, and what the other engines take too")]
pub fn run(
    tables: &Tables,
    bits: &Bits,
    memory: &mut Memory,
    text: &[u8],
    place: Place,
    last: Kinds,
    active: &mut Vec<u32>,
    out: &mut Vec<Match>,
) -> Room<u64> {
    memory.active.fill(0);
    active.iter().for_each(|state| set(&mut memory.active[1..], bits.bit_of[*state as usize]));
    read(tables, bits, memory, text, place, last, out)?;
    collect(bits, memory)?;
    memory.states.sort_unstable();
    active.clear();
    active.add_all(&memory.states)?;
    Ok((text.len() * bits.words) as u64)
}

fn read(
    tables: &Tables,
    bits: &Bits,
    memory: &mut Memory,
    text: &[u8],
    place: Place,
    last: Kinds,
    out: &mut Vec<Match>,
) -> Room<()> {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has these instructions.
        return unsafe { read_avx2(tables, bits, memory, text, place, last, out) };
    }
    read_anywhere(tables, bits, memory, text, place, last, out)
}

/// The same code, for vectors of four words.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn read_avx2(
    tables: &Tables,
    bits: &Bits,
    memory: &mut Memory,
    text: &[u8],
    place: Place,
    last: Kinds,
    out: &mut Vec<Match>,
) -> Room<()> {
    read_anywhere(tables, bits, memory, text, place, last, out)
}

#[inline(always)]
fn read_anywhere(
    tables: &Tables,
    bits: &Bits,
    memory: &mut Memory,
    text: &[u8],
    mut place: Place,
    last: Kinds,
    out: &mut Vec<Match>,
) -> Room<()> {
    let mut last = last.trailing_zeros() as usize;
    for (index, byte) in text.iter().enumerate() {
        step(tables, bits, memory, last, *byte);
        place.end += 1;
        last = kind_of(*byte).trailing_zeros() as usize;
        let accepted = memory.active[1..].iter().zip(&bits.accepting).fold(0, |all, (active, own)| all | active & own);
        if accepted != 0 {
            collect(bits, memory)?;
            report(tables, &memory.states, place, out)?;
            if let Some(next) = text.get(index + 1) {
                report_waiting(tables, &memory.states, place, kind_of(*next), out)?;
            }
        }
    }
    Ok(())
}

#[inline(always)]
fn step(tables: &Tables, bits: &Bits, memory: &mut Memory, last: usize, byte: u8) {
    let words = bits.words;
    let class = usize::from(bits.class[usize::from(byte)]);
    let takes = &bits.takes[class * words..][..words];
    let starts = &bits.starts[last * words..][..words];
    let (follows, loops) = (&bits.follows[..words], &bits.loops[..words]);
    let (alone, leaving) = (&bits.alone[..words], &bits.leaving[..words]);
    let (before, active) = (&memory.active[..words], &memory.active[1..=words]);
    let next = &mut memory.next[1..=words];
    let (mut exceptions, mut leaves) = (0, 0);
    for word in 0..words {
        let own = active[word];
        let shifted = own << 1 | before[word] >> (BITS - 1);
        exceptions |= own & alone[word];
        leaves |= own & leaving[word];
        next[word] = (shifted & follows[word] | own & loops[word] | starts[word]) & takes[word];
    }
    if leaves != 0 {
        let begin = class.checked_sub(1).map_or(0, |before| bits.open_ends[before] as usize);
        for exit in &bits.open[begin..bits.open_ends[class] as usize] {
            let exit = &bits.exits[*exit as usize];
            let left =
                active[exit.words.clone()].iter().zip(&exit.from).fold(0, |all, (active, own)| all | active & own);
            if left != 0 {
                exit.to.iter().for_each(|to| admit(next, takes, *to));
            }
        }
    }
    if exceptions != 0 {
        for word in 0..words {
            let mut left = active[word] & alone[word];
            while left != 0 {
                let bit = word * BITS + left.trailing_zeros() as usize;
                left &= left - 1;
                for state in tables.successors(bits.state_of[bit]) {
                    admit(next, takes, bits.bit_of[*state as usize]);
                }
            }
        }
    }
    core::mem::swap(&mut memory.active, &mut memory.next);
}

/// A successor, if it takes the byte.
#[inline(always)]
fn admit(next: &mut [u64], takes: &[u64], bit: u32) {
    let (word, bit) = (bit as usize / BITS, bit as usize % BITS);
    next[word] |= takes[word] & 1 << bit;
}

/// The active states, into `memory.states`.
fn collect(bits: &Bits, memory: &mut Memory) -> Room<()> {
    memory.states.clear();
    for (word, active) in memory.active[1..].iter().enumerate() {
        let mut left = *active;
        while left != 0 {
            memory.states.add(bits.state_of[word * BITS + left.trailing_zeros() as usize])?;
            left &= left - 1;
        }
    }
    Ok(())
}
