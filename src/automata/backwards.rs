// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a match that begins somewhere before reaches a state: the tables walked backwards, by a deterministic automaton that is
//! made while text is read. Where a factor stands often and much can come before it, as in `<[a-z]{1,9}[^>]{1,80}/src`, sets of
//! states would be gathered anew at every place.
//!
//! ```text
//! next[state + class of the byte before] = state, or NOT_YET made, or BEGINS: a match can begin after that byte, or NEVER
//! ```

use super::alphabet::Alphabet;
use super::bytes::{EDGE, Kinds, kind_of};
use super::known::Sets;
use super::stream::Window;
use super::tables::Tables;
use crate::base::room::{Grow, Room};

const NOT_YET: u32 = u32::MAX;
const BEGINS: u32 = u32::MAX - 1;
const NEVER: u32 = u32::MAX - 2;

/// Most entries; then everything is forgotten.
const ENTRIES_MAX: usize = 1 << 20;

/// The automaton so far; a thread's own.
#[derive(Default)]
pub struct Backwards {
    next: Vec<u32>,
    sets: Sets,
    working: Vec<u32>,
    /// How often everything was forgotten.
    pub flushes: u64,
}

impl Backwards {
    /// Whether a match that begins somewhere before reaches `enter` with the byte at `start`. The alphabet is one in which the kinds
    /// of bytes matter as they do to starts.
    pub fn reaches(
        &mut self,
        tables: &Tables,
        alphabet: &Alphabet,
        window: &Window<'_>,
        enter: u32,
        start: isize,
    ) -> Room<bool> {
        let mut at = start;
        let mut state = self.state(alphabet, &[enter])?;
        loop {
            let Some(byte) = window.before(at) else {
                let kind: Kinds = if window.whole { EDGE } else { 0 };
                let set = self.sets.of(state >> alphabet.shift);
                return Ok(set.iter().any(|state| tables.starts(*state) & kind != 0));
            };
            let place = state as usize + usize::from(alphabet.class[usize::from(byte)]);
            let mut entry = self.next[place];
            if entry == NOT_YET {
                entry = self.make(tables, alphabet, &mut state, byte)?;
            }
            match entry {
                BEGINS => return Ok(true),
                NEVER => return Ok(false),
                next => state = next,
            }
            at -= 1;
        }
    }

    fn state(&mut self, alphabet: &Alphabet, set: &[u32]) -> Room<u32> {
        if let Some(number) = self.sets.find(set, 0) {
            return Ok(number << alphabet.shift);
        }
        if self.next.len() + alphabet.stride() > ENTRIES_MAX || self.sets.members() > ENTRIES_MAX {
            self.next.clear();
            self.sets.clear();
            self.flushes += 1;
        }
        self.next.room(alphabet.stride())?;
        let number = self.sets.insert(set, 0)?;
        self.next.resize(self.next.len() + alphabet.stride(), NOT_YET);
        Ok(number << alphabet.shift)
    }

    /// Makes the entry of a state and the byte before: what it says. The state may have been forgotten; nobody needs it then.
    #[cold]
    fn make(&mut self, tables: &Tables, alphabet: &Alphabet, state: &mut u32, byte: u8) -> Room<u32> {
        let class = usize::from(alphabet.class[usize::from(byte)]);
        let number = *state >> alphabet.shift;
        let kind = kind_of(byte);
        let mut before = core::mem::take(&mut self.working);
        before.clear();
        let mut entry = NEVER;
        for here in self.sets.of(number) {
            if tables.starts(*here) & kind != 0 {
                entry = BEGINS;
            }
            for earlier in tables.predecessors(*here) {
                if tables.takes(*earlier, byte) {
                    before.add(*earlier)?;
                }
            }
        }
        let flushes = self.flushes;
        if entry != BEGINS && !before.is_empty() {
            before.sort_unstable();
            before.dedup();
            entry = self.state(alphabet, &before)?;
        }
        self.working = before;
        if flushes == self.flushes {
            self.next[*state as usize + class] = entry;
        }
        Ok(entry)
    }
}
