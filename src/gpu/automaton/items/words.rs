// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables and the text of a batch as words of buffers: what the program reads, on the processor and on an adapter.
//!
//! ```text
//! tables   rows      first edge, first accept, class, join    for each state; one row more ends the last ones
//!          edges     state, class                              its successors
//!          accepts   pattern, kinds of the byte after
//!          classes   8 words: a bit for each byte
//!          starting  first entry for each byte, and one more;  entries: state, kinds of the byte before in the top byte
//! text     base of the keys, positions, mask of the slots, 0; then two places to a word
//! place    byte, bit 8: a window has ended, bits 9 to 11: number of the kind of the byte before
//! ```
//! States of all automata are numbered through. A window of n bytes has n + 1 positions: one before each byte, and its end.
//!
//! A pair of a state and a position is reached once from each state before. So most states need no look at whether they were
//! reached before: those of one predecessor. The others, the joins, are numbered, and each is claimed before it is pushed.

use crate::automata::bytes::{KINDS, kind_of};
use crate::automata::set::Set;
use crate::automata::tables::Tables;
use crate::base::room::{Grow, NoMemory, filled};
use crate::base::status::Outcome;
use crate::gpu::automaton::batch::Batch;

/// Words of a row of a state.
pub const ROW: usize = 4;
/// Words before the rows.
pub const HEAD: usize = 2;
/// A state that is no join.
pub const NO_JOIN: u32 = u32::MAX;
/// Words before the places of a text.
pub const TEXT_HEAD: usize = 4;
/// Of a place: the window ends here.
pub const END: u32 = 1 << 8;
/// Bits below the number of a kind.
pub const KIND_BITS: u32 = 9;
/// Bits of a state in an entry of `starting`.
pub const STATE_BITS: u32 = 24;

/// The tables, and what is known of them.
#[derive(Debug, Default)]
pub struct Words {
    /// See the module documentation.
    pub words: Vec<u32>,
    /// First state of each part, and their number.
    pub bases: Vec<u32>,
    /// Joins.
    pub joins: u32,
    /// Whether matches begin anywhere.
    pub starts: bool,
}

/// Why there are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// They would have more words than a buffer.
    Large,
    /// NO_MEMORY.
    Memory,
}

impl From<NoMemory> for Refused {
    fn from(_: NoMemory) -> Refused {
        Refused::Memory
    }
}

/// What lies where.
struct Layout {
    rows: usize,
    edges: usize,
    accepts: usize,
    classes: usize,
    starting: usize,
    entries: usize,
}

impl Words {
    /// Of those parts of a set whose bits are set; the first is begun by seeds. More than `most` words are refused.
    pub fn new(set: &Set, parts: u64, most: u64) -> Result<Words, Refused> {
        let mut packed = Words::default();
        packed.bases.room(set.rest.len() + 2)?;
        packed.bases.push(0);
        let mut states = 0;
        for (_, tables) in chosen(set, parts) {
            states += tables.map_or(0, Tables::count);
            packed.bases.push(states);
        }
        let (layout, all) = layout(set, parts, states as usize);
        if all as u64 > most.min(u64::from(u32::MAX)) {
            return Err(Refused::Large);
        }
        packed.words = filled(0, all)?;
        packed.words[..HEAD].copy_from_slice(&[layout.rows as u32, layout.starting as u32]);
        let mut seeded = filled(false, set.factored.count() as usize)?;
        set.factors.iter().for_each(|factor| seeded[factor.seed as usize] = true);
        packed.fill(set, parts, layout, &seeded);
        Ok(packed)
    }

    fn fill(&mut self, set: &Set, parts: u64, layout: Layout, seeded: &[bool]) {
        let Layout { mut edges, mut accepts, mut classes, starting, mut entries, rows } = layout;
        let mut row = rows;
        for (part, tables) in chosen(set, parts) {
            let Some(tables) = tables else { continue };
            let (base, first_class) = (self.bases[part], classes);
            let (sets, of_state) = tables.classes();
            for set in sets {
                set.iter().for_each(|byte| self.words[classes + usize::from(byte) / 32] |= 1 << (byte % 32));
                classes += 8;
            }
            let class = |state: u32| (first_class + 8 * of_state[state as usize] as usize) as u32;
            for state in 0..tables.count() {
                let begins = if part == 0 { seeded[state as usize] } else { tables.starts(state) != 0 };
                let ways = tables.predecessors(state).len() + usize::from(begins);
                let join = if ways > 1 { self.joins } else { NO_JOIN };
                self.joins += u32::from(ways > 1);
                self.words[row..row + ROW].copy_from_slice(&[edges as u32, accepts as u32, class(state), join]);
                row += ROW;
                for next in tables.successors(state) {
                    self.words[edges..edges + 2].copy_from_slice(&[base + next, class(*next)]);
                    edges += 2;
                }
                for accept in tables.accepts(state) {
                    self.words[accepts..accepts + 2].copy_from_slice(&[accept.pattern, u32::from(accept.next)]);
                    accepts += 2;
                }
            }
        }
        self.words[row..row + 2].copy_from_slice(&[edges as u32, accepts as u32]);
        for byte in 0..=255u8 {
            self.words[starting + usize::from(byte)] = entries as u32;
            for (part, tables) in chosen(set, parts).skip(1) {
                let Some(tables) = tables else { continue };
                for state in tables.starting(byte) {
                    let kinds = u32::from(tables.starts(*state));
                    self.words[entries] = (self.bases[part] + state) | kinds << STATE_BITS;
                    self.starts = true;
                    entries += 1;
                }
            }
        }
        self.words[starting + 256] = entries as u32;
    }

    /// How often what ends with a state of a part is told of.
    pub fn accepts(&self, state: u32) -> u32 {
        let row = self.words[0] as usize + state as usize * ROW;
        (self.words[row + ROW + 1] - self.words[row + 1]) / 2
    }

    /// Whether a state is one that has to be claimed.
    pub fn is_join(&self, state: u32) -> bool {
        self.words[self.words[0] as usize + state as usize * ROW + 3] != NO_JOIN
    }
}

/// Every part of a set, those that are left out as none.
fn chosen(set: &Set, parts: u64) -> impl Iterator<Item = (usize, Option<&Tables>)> {
    set.tables().enumerate().map(move |(part, tables)| (part, (parts >> part & 1 != 0).then_some(tables)))
}

/// What lies where, and how many words there are.
fn layout(set: &Set, parts: u64, states: usize) -> (Layout, usize) {
    let (mut edges, mut accepts, mut classes, mut starting) = (0, 0, 0, 0);
    for (part, tables) in chosen(set, parts) {
        let Some(tables) = tables else { continue };
        edges += (0..tables.count()).map(|state| tables.successors(state).len()).sum::<usize>();
        accepts += (0..tables.count()).map(|state| tables.accepts(state).len()).sum::<usize>();
        classes += tables.classes().0.len();
        if part > 0 {
            starting += (0..=255).map(|byte| tables.starting(byte).len()).sum::<usize>();
        }
    }
    let rows = HEAD;
    let first_edge = rows + (states + 1) * ROW;
    let first_accept = first_edge + 2 * edges;
    let first_class = first_accept + 2 * accepts;
    let first_start = first_class + 8 * classes;
    let entries = first_start + 257;
    let layout =
        Layout { rows, edges: first_edge, accepts: first_accept, classes: first_class, starting: first_start, entries };
    (layout, entries + starting)
}

/// Index of the first position of a window in the text of its batch: each window before it has one more than bytes.
pub fn position(batch: &Batch, window: usize) -> u32 {
    batch.windows[window].from + window as u32
}

/// Positions of a batch.
pub fn positions(batch: &Batch) -> usize {
    batch.text.len() + batch.windows.len()
}

/// Words of a text of so many positions.
pub const fn text_words(positions: usize) -> usize {
    TEXT_HEAD + positions.div_ceil(2)
}

/// The text of a batch as the program reads it.
pub fn pack(batch: &Batch, head: [u32; TEXT_HEAD], out: &mut Vec<u32>) -> Outcome<()> {
    out.clear();
    let words = text_words(positions(batch));
    out.resize_to(words, 0)?;
    out[..TEXT_HEAD].copy_from_slice(&head);
    let mut kind = [0; 256];
    (0..=255u8).for_each(|byte| kind[usize::from(byte)] = kind_of(byte).trailing_zeros());
    const { assert!(KINDS <= 8) };
    let mut at = 0;
    let mut put = |place: u32| {
        out[TEXT_HEAD + at / 2] |= place << (16 * (at as u32 % 2));
        at += 1;
    };
    for (number, window) in batch.windows.iter().enumerate() {
        let mut before = window.before.trailing_zeros();
        for byte in batch.bytes(number) {
            put(u32::from(*byte) | before << KIND_BITS);
            before = kind[usize::from(*byte)];
        }
        put(END | before << KIND_BITS);
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::automata::bytes::EDGE;
    use crate::automata::pattern::Pattern;
    use crate::automata::reference::Place;
    use crate::automata::set::Options;
    use crate::base::failing;
    use crate::base::status::Status;
    use crate::gpu::automaton::batch::Begins;

    fn set(texts: &[&str]) -> Set {
        let patterns: Vec<Pattern<'_>> = texts.iter().map(|text| Pattern { text: text.as_bytes(), flags: 0 }).collect();
        Set::compile(&patterns, &Options::default()).expect("valid")
    }

    #[test]
    fn joins_are_the_states_with_several_ways_in() {
        for (text, joins) in [("x[yz]", 0), ("x[ab]*y", 2), ("x(?:a|b)*y", 2), ("abc[de]*f", 3), ("x(?:ab|cd)*y", 3)] {
            let set = set(&[text]);
            let words = Words::new(&set, u64::MAX, u64::MAX).expect("small");
            assert_eq!(words.joins, joins, "{text}");
            let all = (0..*words.bases.last().unwrap()).filter(|state| words.is_join(*state)).count();
            assert_eq!(all as u32, joins, "{text}");
        }
    }

    #[test]
    fn tables_are_refused_that_are_too_large_or_have_no_memory() {
        let set = set(&["x[yz]", "needle"]);
        let words = Words::new(&set, u64::MAX, u64::MAX).expect("small");
        let length = words.words.len() as u64;
        assert!(Words::new(&set, u64::MAX, length).is_ok());
        assert_eq!(Words::new(&set, u64::MAX, length - 1).unwrap_err(), Refused::Large);
        failing::next(true);
        assert_eq!(Words::new(&set, u64::MAX, length).unwrap_err(), Refused::Memory);
        let only_rest = Words::new(&set, !1, u64::MAX).expect("small");
        assert!(only_rest.starts && only_rest.words.len() < words.words.len());
        assert!(!Words::new(&set, 1, u64::MAX).expect("small").starts);
    }

    #[test]
    fn a_text_tells_bytes_ends_and_the_kinds_before() {
        let mut batch = Batch::new(1, Begins::Seeds);
        batch.add(Place { stream: 1, end: 0 }, EDGE, b"a\n").unwrap();
        batch.add(Place { stream: 2, end: 9 }, kind_of(b'-'), b"_").unwrap();
        assert_eq!((positions(&batch), position(&batch, 0), position(&batch, 1)), (5, 0, 3));
        let mut words = Vec::new();
        pack(&batch, [7, 8, 9, 0], &mut words).unwrap();
        assert_eq!((&words[..TEXT_HEAD], words.len()), (&[7, 8, 9, 0][..], text_words(5)));
        let place = |at: usize| words[TEXT_HEAD + at / 2] >> (16 * (at % 2)) & 0xffff;
        let told: Vec<(u32, u32)> = (0..5).map(|at| (place(at) & 0x1ff, place(at) >> KIND_BITS)).collect();
        let [edge, word, feed, other] = [0, 1, 2, 4];
        assert_eq!(told, [(97, edge), (10, word), (END, feed), (95, other), (END, word)]);
        failing::next(true);
        assert_eq!(pack(&batch, [0; 4], &mut Vec::new()), Err(Status::NO_MEMORY));
    }
}
