// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables as words of 32 bits, for the kernels of devices that step every active state byte by byte.

use super::bytes::{KINDS, Kinds, kind_of};
use super::dense::Bits;
use super::tables::Tables;

/// Tables for a walk over states and edges.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackedTables {
    /// What the offsets below point into.
    pub words: Vec<u32>,
    /// For each state: its edges from and to, its set of bytes (8 words), and whether something ends with it. At 0.
    pub states: u32,
    /// For each kind of the byte before and each byte the end of a row of states that begin; the row before ends where it begins.
    pub starting: u32,
    /// For each byte the number of its kind, four in a word.
    pub kinds: u32,
}

/// Words of a state.
const NODE: usize = 4;

impl PackedTables {
    /// `None`: more than 2^32 words.
    pub fn new(tables: &Tables) -> Option<PackedTables> {
        let states = tables.count();
        let (classes, class) = tables.classes();
        let mut words = vec![0; states as usize * NODE];
        let sets = words.len();
        words.extend(classes.iter().flat_map(|set| (0..8).map(|word| bits_of(word, |byte| set.contains(byte)))));
        for state in 0..states {
            let from = words.len();
            words.extend_from_slice(tables.successors(state));
            let own = class[state as usize] as usize;
            let ends = u32::from(!tables.accepts(state).is_empty());
            let node = [from as u32, words.len() as u32, (sets + 8 * own) as u32, ends];
            words[state as usize * NODE..][..NODE].copy_from_slice(&node);
        }
        let kinds = words.len();
        words.extend(packed_kinds());
        // The row's values come first, so that its ends are offsets of words that are there.
        let mut ends = vec![words.len() as u32];
        for kind in 0..KINDS {
            for byte in 0..=255 {
                let begins = |state: &&u32| tables.starts(**state) >> kind & 1 != 0;
                words.extend(tables.starting(byte).iter().filter(begins));
                ends.push(words.len() as u32);
            }
        }
        let starting = words.len();
        words.extend(ends);
        u32::try_from(words.len()).ok()?;
        Some(PackedTables { words, states, starting: starting as u32, kinds: kinds as u32 })
    }
}

/// For each byte the number of its kind, four in a word.
fn packed_kinds() -> impl Iterator<Item = u32> {
    let number = |byte: u32| number_of(kind_of(byte as u8));
    (0..64).map(move |word| (0..4).fold(0, |all, at| all | number(4 * word + at) << (8 * at)))
}

/// The number of a kind.
pub fn number_of(kind: Kinds) -> u32 {
    kind.trailing_zeros()
}

/// 32 of 256 answers as bits.
fn bits_of(word: u32, is: impl Fn(u8) -> bool) -> u32 {
    (0..32).fold(0, |bits, bit| bits | u32::from(is((32 * word + bit) as u8)) << bit)
}

/// Bits, with rows of the same width.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackedBits {
    /// What the offsets below point into. The first four rows are what follows, loops, is exceptional, accepts.
    pub words: Vec<u32>,
    /// For each byte the number of its class, and 8 bits further that of its kind; two in a word.
    pub bytes: u32,
    /// A row for each class.
    pub takes: u32,
    /// A row for each kind.
    pub starts: u32,
    /// For each word the number of the first exceptional state in it.
    pub first: u32,
    /// A row for each exceptional state: its other successors.
    pub rows: u32,
    /// The state of each bit.
    pub state_of: u32,
    /// The bit of each state.
    pub bit_of: u32,
    /// Exceptional states.
    pub exceptions: u32,
    /// Words of 32 bits that a row needs, without what it is filled up with.
    pub needed: u32,
}

impl Bits {
    /// Words of 32 bits of a row.
    pub fn width(&self) -> usize {
        2 * self.words
    }

    /// The bits as words, rows filled up to `width` words.
    pub fn pack(&self, tables: &Tables, width: usize) -> PackedBits {
        let halves = |words: &[u64]| -> Vec<u32> {
            let mut row: Vec<u32> = words.iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]).collect();
            row.resize(width, 0);
            row
        };
        let rows = |all: &[u64]| all.chunks(self.words.max(1)).flat_map(halves).collect::<Vec<u32>>();
        let exceptional = halves(&self.exceptional);
        let mut words =
            [halves(&self.follows), halves(&self.loops), exceptional.clone(), halves(&self.accepting)].concat();
        let mut put = |more: Vec<u32>| {
            let at = words.len() as u32;
            words.extend(more);
            at
        };
        let of_byte = |byte: u32| u32::from(self.class[byte as usize]) | number_of(kind_of(byte as u8)) << 8;
        let bytes = put((0..128).map(|word| of_byte(2 * word) | of_byte(2 * word + 1) << 16).collect());
        let takes = put(rows(&self.takes));
        let starts = put(rows(&self.starts));
        let mut count = 0;
        let first = exceptional.iter().map(|word| {
            count += word.count_ones();
            count - word.count_ones()
        });
        let first = put(first.collect());
        let mut targets = Vec::new();
        for (bit, state) in self.state_of.iter().enumerate() {
            if exceptional[bit / 32] >> (bit % 32) & 1 == 0 {
                continue;
            }
            let mut row = vec![0; width];
            for next in tables.successors(*state) {
                let next = self.bit_of[*next as usize] as usize;
                row[next / 32] |= 1 << (next % 32);
            }
            targets.extend(row);
        }
        let rows = put(targets);
        let state_of = put(self.state_of.clone());
        let bit_of = put(self.bit_of.clone());
        let needed = self.width() as u32;
        PackedBits { words, bytes, takes, starts, first, rows, state_of, bit_of, exceptions: count, needed }
    }
}
