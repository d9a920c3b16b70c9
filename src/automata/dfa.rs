// SPDX-License-Identifier: MIT OR Apache-2.0
//! A deterministic automaton that is made while text is read: each of its states is a set of states of the tables.
//!
//! ```text
//! next[state + class of the byte] = state, with FLAG where the loop has something to do:
//!     it is not known yet, something ends there, or nothing is active there
//! ```
//! A state is named by where its row begins. Only what the text visits is made. If that is too much, everything is forgotten and
//! begun anew; whether a text pays for that is what `thrash.rs` judges.

use super::alphabet::Alphabet;
use super::bytes::{Kinds, kind_of};
use super::known::{Mixing, Sets};
use super::tables::Tables;
use crate::base::room::{Grow, Room, filled, room_in};
use std::collections::HashMap;

/// Bit of an entry: leave the loop.
const FLAG: u32 = 1 << 31;
/// An entry that was not made yet.
const UNKNOWN: u32 = u32::MAX;
/// The state in which nothing is active; only where starts are not tried.
pub const DEAD: u32 = 0;

/// Most entries of the table, by how many states the tables have: rows for so many times as many.
const ROWS: usize = 16;
const ENTRIES_MIN: usize = 1 << 18;
const ENTRIES_MAX: usize = 1 << 22;
/// Most members of all sets together, for each entry that there may be.
const MEMBERS: usize = 2;

/// The automaton so far.
pub struct Dfa {
    /// Whether matches begin at every byte; otherwise states come from outside alone.
    begins: bool,
    alphabet: Alphabet,
    next: Vec<u32>,
    sets: Sets,
    /// Whether something may end with a state.
    ends: Vec<bool>,
    entered: HashMap<u64, u32, Mixing>,
    entries_max: usize,
    /// How often everything was forgotten.
    pub flushes: u64,
    mark: Vec<u32>,
    round: u32,
    working: Vec<u32>,
    from: Vec<u32>,
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
    /// All states were forgotten, and the text goes on: whether this way of reading pays is to be judged.
    Forgotten,
}

/// Where the loop is.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    /// The state.
    pub state: u32,
    /// The next byte to be read.
    pub at: usize,
}

impl Dfa {
    /// The automaton of these tables.
    pub fn new(tables: &Tables, alphabet: &Alphabet, begins: bool) -> Room<Dfa> {
        let alphabet = alphabet.copy()?;
        let rows = (tables.count() as usize).saturating_mul(ROWS) << alphabet.shift;
        let mut dfa = Dfa {
            begins,
            alphabet,
            next: Vec::new(),
            sets: Sets::default(),
            ends: Vec::new(),
            entered: HashMap::default(),
            entries_max: rows.clamp(ENTRIES_MIN, ENTRIES_MAX),
            flushes: 0,
            mark: filled(0, tables.count() as usize)?,
            round: 0,
            working: Vec::new(),
            from: Vec::new(),
        };
        dfa.forget(tables)?;
        dfa.flushes = 0;
        Ok(dfa)
    }

    /// Has room for fewer states, so that tests see what becomes of too many.
    #[cfg(test)]
    pub fn narrow(&mut self, entries: usize) {
        self.entries_max = entries;
    }

    fn forget(&mut self, tables: &Tables) -> Room<()> {
        self.next.clear();
        self.sets.clear();
        self.ends.clear();
        self.entered.clear();
        self.flushes += 1;
        if !self.begins {
            // The first state is the dead one.
            self.state(tables, &[], 0)?;
        }
        Ok(())
    }

    /// Whether so much was made that it is better to begin anew.
    fn is_full(&self) -> bool {
        self.next.len() + self.alphabet.stride() > self.entries_max
            || self.sets.members() > self.entries_max * MEMBERS
            || self.entered.len() > self.entries_max / 8
    }

    /// How many states fit.
    pub fn states_max(&self) -> usize {
        self.entries_max >> self.alphabet.shift
    }

    /// The state of a set, which is sorted, after a byte of such a kind. May forget all other states.
    pub fn enter(&mut self, tables: &Tables, set: &[u32], last: Kinds) -> Room<u32> {
        if self.is_full() {
            self.forget(tables)?;
        }
        self.state(tables, set, self.alphabet.group(last))
    }

    fn state(&mut self, tables: &Tables, set: &[u32], last: u8) -> Room<u32> {
        if let Some(number) = self.sets.find(set, last) {
            return Ok(number << self.alphabet.shift);
        }
        let stride = self.alphabet.stride();
        self.next.room(stride)?;
        self.ends.room(1)?;
        let number = self.sets.insert(set, last)?;
        self.ends.push(set.iter().any(|state| !tables.accepts(*state).is_empty()));
        self.next.resize(self.next.len() + stride, UNKNOWN);
        Ok(number << self.alphabet.shift)
    }

    /// The states of the tables that are active, sorted.
    pub fn set(&self, state: u32) -> &[u32] {
        self.sets.of(state >> self.alphabet.shift)
    }

    /// Whether something may end with a state.
    pub fn ends(&self, state: u32) -> bool {
        self.ends[(state >> self.alphabet.shift) as usize]
    }

    /// The state with one more member. May forget all other states.
    pub fn insert(&mut self, tables: &Tables, state: u32, member: u32, last: Kinds) -> Room<u32> {
        let key = u64::from(state) << 32 | u64::from(member);
        if let Some(into) = self.entered.get(&key) {
            return Ok(*into);
        }
        let mut set = core::mem::take(&mut self.working);
        set.clear();
        set.add_all(self.set(state))?;
        if let Err(place) = set.binary_search(&member) {
            set.room(1)?;
            set.insert(place, member);
        }
        let flushes = self.flushes;
        let into = self.enter(tables, &set, last)?;
        self.working = set;
        if flushes == self.flushes {
            room_in(&mut self.entered)?;
            self.entered.insert(key, into);
        }
        Ok(into)
    }

    /// Reads text from the cursor up to `to`, or until something ends or nothing is active or all is forgotten.
    #[inline]
    pub fn run(&mut self, tables: &Tables, cursor: &mut Cursor, text: &[u8], to: usize) -> Room<Stop> {
        let text = &text[..to];
        loop {
            let entry = walk(&self.next, &self.alphabet.class, cursor, text);
            if cursor.at == text.len() {
                return Ok(Stop::End);
            }
            if entry == UNKNOWN {
                let flushes = self.flushes;
                self.make(tables, cursor, text[cursor.at])?;
                if flushes != self.flushes {
                    return Ok(Stop::Forgotten);
                }
                continue;
            }
            let state = entry & !FLAG;
            *cursor = Cursor { state, at: cursor.at + 1 };
            return Ok(if state == DEAD && !self.begins { Stop::Dead } else { Stop::Ends });
        }
    }

    /// Makes the entry of a state and a byte.
    #[cold]
    fn make(&mut self, tables: &Tables, cursor: &mut Cursor, byte: u8) -> Room<()> {
        let class = self.alphabet.class[usize::from(byte)];
        let last = self.sets.tag(cursor.state >> self.alphabet.shift);
        let (mut from, mut set) = (core::mem::take(&mut self.from), core::mem::take(&mut self.working));
        from.clear();
        from.add_all(self.set(cursor.state))?;
        self.successors(tables, &from, last, self.alphabet.byte_of[usize::from(class)], &mut set)?;
        set.sort_unstable();
        if self.is_full() {
            self.forget(tables)?;
            cursor.state = self.state(tables, &from, last)?;
        }
        let into = self.state(tables, &set, self.alphabet.group(kind_of(byte)))?;
        (self.from, self.working) = (from, set);
        let flag = if self.ends(into) || (into == DEAD && !self.begins) { FLAG } else { 0 };
        self.next[cursor.state as usize + usize::from(class)] = into | flag;
        Ok(())
    }

    fn successors(&mut self, tables: &Tables, from: &[u32], last: u8, byte: u8, set: &mut Vec<u32>) -> Room<()> {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.mark.fill(0);
            self.round = 1;
        }
        let (mark, round) = (&mut self.mark, self.round);
        let mut fresh = |state: &u32| core::mem::replace(&mut mark[*state as usize], round) != round;
        set.clear();
        for state in from {
            for next in tables.successors(*state) {
                if tables.takes(*next, byte) && fresh(next) {
                    set.add(*next)?;
                }
            }
        }
        if self.begins {
            for state in tables.starting(byte) {
                if tables.starts(*state) >> last & 1 != 0 && fresh(state) {
                    set.add(*state)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads on while nothing is to be done; the entry at which that was over, if the text is not.
#[inline(always)]
fn walk(next: &[u32], class: &[u8; 256], cursor: &mut Cursor, text: &[u8]) -> u32 {
    let (mut state, mut at) = (cursor.state, cursor.at);
    let mut entry = state;
    while at < text.len() {
        entry = next[state as usize + usize::from(class[usize::from(text[at])])];
        if entry & FLAG != 0 {
            break;
        }
        state = entry;
        at += 1;
    }
    *cursor = Cursor { state, at };
    entry
}
