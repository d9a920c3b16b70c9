// SPDX-License-Identifier: MIT OR Apache-2.0
//! A deterministic automaton that is made while text is read: each of its states is a set of states of the tables.
//!
//! ```text
//! next[state * stride + class of the byte] = state, with FLAG where the loop has something to do:
//!     it is not known yet, something ends there, or nothing is active there
//! ```
//! Only what the text visits is made. If that is too much, everything is forgotten and begun anew; a text that makes it
//! too much again and again is better stepped set by set, which the caller does.

use super::bytes::{KINDS, Kinds, kind_of};
use super::tables::Tables;
use std::collections::HashMap;
use std::sync::Arc;

/// Bit of an entry: leave the loop.
const FLAG: u32 = 1 << 31;
/// An entry that was not made yet.
const UNKNOWN: u32 = u32::MAX;
/// Number of the state in which nothing is active; only where starts are not tried.
pub const DEAD: u32 = 0;

/// Most entries of the table.
const ENTRIES_MAX: usize = 1 << 21;
/// Most states of the tables in all sets together.
const MEMBERS_MAX: usize = 1 << 20;

/// A state.
#[derive(Clone, Debug)]
struct Known {
    set: Arc<[u32]>,
    /// Group of the kind of the last byte, where starts depend on it.
    last: u8,
    ends: bool,
}

/// The automaton so far.
pub struct Dfa {
    /// Whether matches begin at every byte; otherwise states come from outside alone.
    begins: bool,
    class: [u8; 256],
    /// A byte of each class.
    byte_of: Vec<u8>,
    stride: usize,
    /// For each kind the group of kinds that starts do not tell apart.
    group: [u8; KINDS],
    next: Vec<u32>,
    known: Vec<Known>,
    number: HashMap<(Arc<[u32]>, u8), u32>,
    entered: HashMap<(u32, u32), u32>,
    members: usize,
    /// How often everything was forgotten.
    pub flushes: u64,
    mark: Vec<u32>,
    round: u32,
}

/// Why the loop was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The text is over.
    End,
    /// Something ends before this index, with this state.
    Ends,
    /// Nothing is active from this index on.
    Dead,
}

/// Where the loop is.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    /// The state.
    pub state: u32,
    /// The next byte to be read.
    pub at: usize,
}

fn number_of(kind: Kinds) -> usize {
    kind.trailing_zeros() as usize
}

impl Dfa {
    /// The automaton of these tables.
    pub fn new(tables: &Tables, begins: bool) -> Dfa {
        let group = groups(tables, begins);
        let (class, byte_of) = classes(tables, &group);
        let stride = byte_of.len().next_power_of_two();
        let mut dfa = Dfa {
            begins,
            class,
            byte_of,
            stride,
            group,
            next: Vec::new(),
            known: Vec::new(),
            number: HashMap::new(),
            entered: HashMap::new(),
            members: 0,
            flushes: 0,
            mark: vec![0; tables.count() as usize],
            round: 0,
        };
        dfa.forget(tables);
        dfa.flushes = 0;
        dfa
    }

    fn forget(&mut self, tables: &Tables) {
        self.next.clear();
        self.known.clear();
        self.number.clear();
        self.entered.clear();
        self.members = 0;
        self.flushes += 1;
        if !self.begins {
            // The first state is the dead one.
            self.state(tables, &[], 0);
        }
    }

    /// Whether so much was made that it is better to begin anew.
    fn is_full(&self) -> bool {
        self.next.len() + self.stride > ENTRIES_MAX
            || self.members > MEMBERS_MAX
            || self.entered.len() > ENTRIES_MAX / 16
    }

    /// The state of a set, which is sorted, after a byte of such a kind. May forget all other states.
    pub fn enter(&mut self, tables: &Tables, set: &[u32], last: Kinds) -> u32 {
        if self.is_full() {
            self.forget(tables);
        }
        let last = self.group[number_of(last)];
        self.state(tables, set, last)
    }

    fn state(&mut self, tables: &Tables, set: &[u32], last: u8) -> u32 {
        let set: Arc<[u32]> = set.into();
        let key = (set, last);
        if let Some(state) = self.number.get(&key) {
            return *state;
        }
        let state = self.known.len() as u32;
        let ends = key.0.iter().any(|state| !tables.accepts(*state).is_empty());
        self.members += key.0.len() + 1;
        self.next.resize(self.next.len() + self.stride, UNKNOWN);
        self.known.push(Known { set: key.0.clone(), last, ends });
        self.number.insert(key, state);
        state
    }

    /// The states of the tables that are active, sorted.
    pub fn set(&self, state: u32) -> &[u32] {
        &self.known[state as usize].set
    }

    /// Whether something may end with a state.
    pub fn ends(&self, state: u32) -> bool {
        self.known[state as usize].ends
    }

    /// The state with one more member. May forget all other states.
    pub fn insert(&mut self, tables: &Tables, state: u32, member: u32, last: Kinds) -> u32 {
        if let Some(into) = self.entered.get(&(state, member)) {
            return *into;
        }
        let mut set = self.set(state).to_vec();
        if let Err(place) = set.binary_search(&member) {
            set.insert(place, member);
        }
        let flushes = self.flushes;
        let into = self.enter(tables, &set, last);
        if flushes == self.flushes {
            self.entered.insert((state, member), into);
        }
        into
    }

    /// Reads text from the cursor up to `to`, or until something ends or nothing is active.
    #[inline]
    pub fn run(&mut self, tables: &Tables, cursor: &mut Cursor, text: &[u8], to: usize) -> Stop {
        let text = &text[..to];
        loop {
            let (mut state, mut at) = (cursor.state, cursor.at);
            let (next, class, shift) = (&self.next[..], &self.class, self.stride.trailing_zeros());
            let mut entry = state;
            while at < text.len() {
                let byte = text[at];
                entry = next[((state as usize) << shift) + usize::from(class[usize::from(byte)])];
                if entry & FLAG != 0 {
                    break;
                }
                state = entry;
                at += 1;
            }
            *cursor = Cursor { state, at };
            if at == text.len() {
                return Stop::End;
            }
            if entry == UNKNOWN {
                self.make(tables, cursor, text[at]);
                continue;
            }
            let state = entry & !FLAG;
            *cursor = Cursor { state, at: at + 1 };
            return if state == DEAD && !self.begins { Stop::Dead } else { Stop::Ends };
        }
    }

    /// Makes the entry of a state and a byte.
    #[cold]
    fn make(&mut self, tables: &Tables, cursor: &mut Cursor, byte: u8) {
        let class = self.class[usize::from(byte)];
        let (from, last) = (self.known[cursor.state as usize].set.clone(), self.known[cursor.state as usize].last);
        let mut set = self.successors(tables, &from, last, self.byte_of[usize::from(class)]);
        set.sort_unstable();
        if self.is_full() {
            self.forget(tables);
            cursor.state = self.state(tables, &from, last);
        }
        let group = self.group[number_of(kind_of(byte))];
        let into = self.state(tables, &set, group);
        let flag = if self.ends(into) || (into == DEAD && !self.begins) { FLAG } else { 0 };
        self.next[cursor.state as usize * self.stride + usize::from(class)] = into | flag;
    }

    fn successors(&mut self, tables: &Tables, from: &[u32], last: u8, byte: u8) -> Vec<u32> {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.mark.fill(0);
            self.round = 1;
        }
        let (mark, round) = (&mut self.mark, self.round);
        let mut set = Vec::new();
        let mut add = |state: u32| {
            if mark[state as usize] != round {
                mark[state as usize] = round;
                set.push(state);
            }
        };
        for state in from {
            tables.successors(*state).iter().filter(|next| tables.takes(**next, byte)).for_each(|next| add(*next));
        }
        if self.begins {
            let kinds = 1 << last;
            tables
                .starting(byte)
                .iter()
                .filter(|state| tables.starts(**state) & kinds != 0)
                .for_each(|state| add(*state));
        }
        set
    }
}

/// Kinds that no start tells apart have one group: the number of the first of them.
fn groups(tables: &Tables, begins: bool) -> [u8; KINDS] {
    let mut group = [0; KINDS];
    if !begins {
        return group;
    }
    for (kind, own) in group.iter_mut().enumerate() {
        let alike = |state: u32, other: usize| (tables.starts(state) >> kind ^ tables.starts(state) >> other) & 1 == 0;
        let same = |other: &usize| (0..tables.count()).all(|state| alike(state, *other));
        *own = (0..kind).find(same).unwrap_or(kind) as u8;
    }
    group
}

/// Bytes that no state tells apart, nor the kind that starts ask for, have one class.
fn classes(tables: &Tables, group: &[u8; KINDS]) -> ([u8; 256], Vec<u8>) {
    let mut class = [0u8; 256];
    let mut byte_of: Vec<u8> = Vec::new();
    let mut number: HashMap<Vec<u64>, u8> = HashMap::new();
    let sets = tables.classes().0;
    for byte in 0..=255u8 {
        let mut signature = vec![u64::from(group[number_of(kind_of(byte))])];
        for part in sets.chunks(64) {
            signature.push(
                part.iter().enumerate().fold(0, |bits, (index, set)| bits | u64::from(set.contains(byte)) << index),
            );
        }
        class[usize::from(byte)] = *number.entry(signature).or_insert_with(|| {
            byte_of.push(byte);
            (byte_of.len() - 1) as u8
        });
    }
    (class, byte_of)
}
