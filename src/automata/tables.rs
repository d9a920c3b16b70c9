// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables of many patterns: one automaton without assertions, its edges both ways, where matches begin and end.
//!
//! ```text
//! class        per state: number of its set of bytes        classes   the sets, each once
//! successors   offset per state + 1, then the targets        predecessors the same, backwards
//! starts       per state: kinds of the byte before           accepts   per state: (pattern, kinds of the byte after)
//! ```
//! Every engine walks these tables, on the processor and on a device.

use super::bytes::{ByteSet, Kinds};
use super::glushkov::Automaton;
use super::merge;
use super::pattern::{CompileError, SET_STATES};
use crate::base::room::{Grow, Room, list, room_in};
use crate::base::status::Status;
use std::collections::HashMap;

/// A match ends here, if the byte after it is of one of these kinds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Accept {
    /// The pattern.
    pub pattern: u32,
    /// Kinds of the byte after.
    pub next: Kinds,
}

/// Rows of numbers, one for each state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows<T> {
    offsets: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy> Rows<T> {
    fn new<'a>(rows: impl Iterator<Item = &'a [T]>) -> Room<Rows<T>>
    where
        T: 'a,
    {
        let mut all = Rows { offsets: Vec::new(), values: Vec::new() };
        all.offsets.add(0)?;
        rows.into_iter().try_for_each(|row| all.values.add_all(row).and_then(|()| all.end_row()))?;
        Ok(all)
    }

    fn end_row(&mut self) -> Room<()> {
        self.offsets.add(self.values.len() as u32)
    }

    /// One row.
    #[inline]
    pub fn row(&self, index: u32) -> &[T] {
        let index = index as usize;
        &self.values[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    #[cfg(test)]
    /// All values.
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

/// The tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tables {
    classes: Vec<ByteSet>,
    class: Vec<u32>,
    starts: Vec<Kinds>,
    successors: Rows<u32>,
    predecessors: Rows<u32>,
    accepts: Rows<Accept>,
    /// For each byte the states with a start that take it.
    starting: Rows<u32>,
}

/// A state before it gets its place in the tables.
#[derive(Debug)]
pub struct Draft {
    /// The bytes that lead to it.
    pub bytes: ByteSet,
    /// Kinds of the byte before a match that begins with it.
    pub starts: Kinds,
    /// What ends with it.
    pub accepts: Vec<Accept>,
    /// What can follow.
    pub successors: Vec<u32>,
}

/// Gathers the automata of patterns.
#[derive(Default)]
pub struct Gather {
    drafts: Vec<Draft>,
}

impl Gather {
    /// Adds a pattern's automaton; the number of its first state among all that were added.
    pub fn add(&mut self, pattern: u32, automaton: &Automaton) -> Result<u32, CompileError> {
        let base = self.drafts.len();
        if base + automaton.states.len() > SET_STATES {
            return Err(CompileError::of_set(Status::LIMIT, "the set has more than 2^22 states"));
        }
        self.drafts.room(automaton.states.len())?;
        for state in &automaton.states {
            let mut accepts = Vec::new();
            if state.accepts != 0 {
                accepts.add(Accept { pattern, next: state.accepts })?;
            }
            self.drafts.push(Draft {
                bytes: state.bytes,
                starts: state.starts,
                accepts,
                successors: list(state.successors.iter().map(|next| next + base as u32))?,
            });
        }
        Ok(base as u32)
    }

    /// The tables, and the state that each added state has become.
    pub fn finish(self) -> Room<(Tables, Vec<u32>)> {
        let (drafts, place) = merge::prefixes(self.drafts)?;
        Ok((Tables::new(&drafts)?, place))
    }
}

impl Tables {
    fn new(drafts: &[Draft]) -> Room<Tables> {
        let mut number: HashMap<ByteSet, u32> = HashMap::new();
        let mut classes = Vec::new();
        let mut class = Vec::new();
        for draft in drafts {
            let own = match number.get(&draft.bytes) {
                Some(own) => *own,
                None => {
                    room_in(&mut number)?;
                    classes.add(draft.bytes)?;
                    number.insert(draft.bytes, (classes.len() - 1) as u32);
                    (classes.len() - 1) as u32
                }
            };
            class.add(own)?;
        }
        let mut before: Vec<Vec<u32>> = list(drafts.iter().map(|_| Vec::new()))?;
        for (state, draft) in drafts.iter().enumerate() {
            draft.successors.iter().try_for_each(|next| before[*next as usize].add(state as u32))?;
        }
        let begins = list((0..drafts.len() as u32).filter(|state| drafts[*state as usize].starts != 0))?;
        let mut starting = Rows::new(core::iter::empty())?;
        for byte in 0..=255 {
            let taking = begins.iter().filter(|state| drafts[**state as usize].bytes.contains(byte));
            starting.values.add_each(taking.copied())?;
            starting.end_row()?;
        }
        Ok(Tables {
            classes,
            class,
            starts: list(drafts.iter().map(|draft| draft.starts))?,
            successors: Rows::new(drafts.iter().map(|draft| &draft.successors[..]))?,
            predecessors: Rows::new(before.iter().map(|before| &before[..]))?,
            accepts: Rows::new(drafts.iter().map(|draft| &draft.accepts[..]))?,
            starting,
        })
    }

    /// Number of states.
    pub fn count(&self) -> u32 {
        self.class.len() as u32
    }

    /// Whether a byte leads to a state.
    #[inline]
    pub fn takes(&self, state: u32, byte: u8) -> bool {
        self.classes[self.class[state as usize] as usize].contains(byte)
    }

    /// The bytes that lead to a state.
    pub fn class(&self, state: u32) -> &ByteSet {
        &self.classes[self.class[state as usize] as usize]
    }

    /// The sets of bytes, each once, and for each state the number of its set.
    pub fn classes(&self) -> (&[ByteSet], &[u32]) {
        (&self.classes, &self.class)
    }

    /// States that can follow a state, upwards.
    #[inline]
    pub fn successors(&self, state: u32) -> &[u32] {
        self.successors.row(state)
    }

    #[cfg(test)]
    /// All edges forwards.
    pub fn edges(&self) -> &Rows<u32> {
        &self.successors
    }

    /// States that a state can follow, upwards.
    #[inline]
    pub fn predecessors(&self, state: u32) -> &[u32] {
        self.predecessors.row(state)
    }

    /// Kinds of the byte before, where a match begins with this state; 0: none does.
    #[inline]
    pub fn starts(&self, state: u32) -> Kinds {
        self.starts[state as usize]
    }

    /// What ends with this state.
    #[inline]
    pub fn accepts(&self, state: u32) -> &[Accept] {
        self.accepts.row(state)
    }

    /// The states with a start that a byte leads to.
    #[inline]
    pub fn starting(&self, byte: u8) -> &[u32] {
        self.starting.row(u32::from(byte))
    }

    /// The tables with one edge bent to another state: what parity has to notice.
    #[cfg(test)]
    pub fn with_wrong_edge(&self, edge: usize, target: u32) -> Tables {
        let mut wrong = self.clone();
        wrong.successors.values[edge] = target;
        wrong
    }
}
