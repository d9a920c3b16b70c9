// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bit-parallel engine: a bit for each state, a word at a time.
//!
//! ```text
//! next = (active << 1) & follows      most states are followed by the one after them
//!      |  active & loops              or by themselves
//!      |  exceptions                  other successors, state by state
//!      |  starts[kind of the byte before]
//! next &= takes[class of the byte]
//! ```
//! For automata of which much is active all the time, as with `x.*y`: there a worklist has as many items as there are bytes,
//! and this has a few words.

use super::bytes::{KINDS, Kinds, kind_of};
use super::pattern::Match;
use super::reference::{Place, report, report_waiting};
use super::tables::Tables;
use std::collections::HashMap;

/// Bits of a word. Devices use the same tables, each word as two.
const BITS: usize = 64;

/// The tables, as bits.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// States with which something ends.
    pub(super) accepting: Vec<u64>,
    /// Bit of each state, and state of each bit.
    pub(super) bit_of: Vec<u32>,
    pub(super) state_of: Vec<u32>,
}

impl Bits {
    /// The bits of tables. States are laid out so that as many as possible follow the one before them.
    pub fn new(tables: &Tables) -> Bits {
        let state_of = chains(tables);
        let mut bit_of = vec![0; state_of.len()];
        state_of.iter().enumerate().for_each(|(bit, state)| bit_of[*state as usize] = bit as u32);
        let words = state_of.len().div_ceil(BITS);
        let empty = || vec![0u64; words];
        let mut bits = Bits {
            words,
            class: Vec::new(),
            takes: Vec::new(),
            starts: vec![0; words * KINDS],
            follows: empty(),
            loops: empty(),
            exceptional: empty(),
            accepting: empty(),
            bit_of,
            state_of,
        };
        for state in 0..tables.count() {
            bits.add(tables, state);
        }
        bits.fill_classes(tables);
        bits
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

    fn fill_classes(&mut self, tables: &Tables) {
        let mut number: HashMap<Vec<u64>, u8> = HashMap::new();
        for byte in 0..=255u8 {
            let mut row = vec![0; self.words];
            for (bit, state) in self.state_of.iter().enumerate() {
                if tables.takes(*state, byte) {
                    set(&mut row, bit as u32);
                }
            }
            let fresh = number.len() as u8;
            let class = *number.entry(row.clone()).or_insert(fresh);
            if class == fresh && self.takes.len() == usize::from(fresh) * self.words {
                self.takes.extend(row);
            }
            self.class.push(class);
        }
    }
}

fn set(words: &mut [u64], bit: u32) {
    words[bit as usize / BITS] |= 1 << (bit as usize % BITS);
}

/// An order of the states in which chains stay together.
fn chains(tables: &Tables) -> Vec<u32> {
    let mut placed = vec![false; tables.count() as usize];
    let mut order = Vec::new();
    for first in 0..tables.count() {
        let mut state = Some(first).filter(|state| !placed[*state as usize]);
        while let Some(here) = state {
            placed[here as usize] = true;
            order.push(here);
            state = tables.successors(here).iter().copied().find(|next| !placed[*next as usize]);
        }
    }
    order
}

/// Working memory of a thread.
#[derive(Debug)]
pub struct Memory {
    active: Vec<u64>,
    next: Vec<u64>,
    states: Vec<u32>,
}

impl Memory {
    /// Memory for these bits.
    pub fn new(bits: &Bits) -> Memory {
        Memory { active: vec![0; bits.words], next: vec![0; bits.words], states: Vec::new() }
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
    mut place: Place,
    last: Kinds,
    active: &mut Vec<u32>,
    out: &mut Vec<Match>,
) -> u64 {
    memory.active.fill(0);
    active.iter().for_each(|state| set(&mut memory.active, bits.bit_of[*state as usize]));
    let mut last = last.trailing_zeros() as usize;
    for (index, byte) in text.iter().enumerate() {
        step(tables, bits, memory, last, *byte);
        place.end += 1;
        last = kind_of(*byte).trailing_zeros() as usize;
        if memory.active.iter().zip(&bits.accepting).any(|(active, accepting)| active & accepting != 0) {
            collect(bits, memory);
            report(tables, &memory.states, place, out);
            if let Some(next) = text.get(index + 1) {
                report_waiting(tables, &memory.states, place, kind_of(*next), out);
            }
        }
    }
    collect(bits, memory);
    memory.states.sort_unstable();
    active.clear();
    active.extend_from_slice(&memory.states);
    (text.len() * bits.words) as u64
}

#[inline]
fn step(tables: &Tables, bits: &Bits, memory: &mut Memory, last: usize, byte: u8) {
    let words = bits.words;
    let takes = &bits.takes[usize::from(bits.class[usize::from(byte)]) * words..][..words];
    let starts = &bits.starts[last * words..][..words];
    let mut carry = 0;
    let mut exceptions = false;
    for word in 0..words {
        let active = memory.active[word];
        let shifted = active << 1 | carry;
        carry = active >> (BITS - 1);
        exceptions |= active & bits.exceptional[word] != 0;
        memory.next[word] = (shifted & bits.follows[word] | active & bits.loops[word] | starts[word]) & takes[word];
    }
    if exceptions {
        for word in 0..words {
            let mut left = memory.active[word] & bits.exceptional[word];
            while left != 0 {
                let bit = word * BITS + left.trailing_zeros() as usize;
                left &= left - 1;
                for next in tables.successors(bits.state_of[bit]) {
                    let next = bits.bit_of[*next as usize] as usize;
                    memory.next[next / BITS] |= takes[next / BITS] & 1 << (next % BITS);
                }
            }
        }
    }
    core::mem::swap(&mut memory.active, &mut memory.next);
}

/// The active states, into `memory.states`.
fn collect(bits: &Bits, memory: &mut Memory) {
    memory.states.clear();
    for (word, active) in memory.active.iter().enumerate() {
        let mut left = *active;
        while left != 0 {
            memory.states.push(bits.state_of[word * BITS + left.trailing_zeros() as usize]);
            left &= left - 1;
        }
    }
}
