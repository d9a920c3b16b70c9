// SPDX-License-Identifier: MIT OR Apache-2.0
//! The worklist engine: items are pairs of a state and an index, each is done at most once.
//!
//! ```text
//! seeds (factors that stand there, starts, what was active before) ──► queue ──► item (state, index)
//!            item: what ends there is reported; each successor that takes the byte at `index` is pushed with index + 1,
//!            unless the seen-set of the window has it
//! ```
//! Without the seen-set ambiguous patterns make the same pair again and again; with it the work is bounded by states times
//! bytes, and in practice close to the number of active states. Items have no order: a device does many of them at a time.

use super::bytes::kind_of;
use super::pattern::Match;
use super::reference::{Place, report, report_waiting};
use super::tables::Tables;
use crate::base::room::{Grow, Room, filled};

/// Longest window: indices within one are 16 bits of the seen-set's key on a device.
pub const WINDOW: usize = 1 << 15;

/// A state that is active before the byte at an index of the window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Item {
    /// The state.
    pub state: u32,
    /// The index; the window's length for what is active at its end.
    pub index: u32,
}

/// An exact set of items: open addressing, emptied by a new generation.
#[derive(Debug, Default)]
pub struct Seen {
    /// Generation, state and index of a slot.
    slots: Vec<(u32, Item)>,
    generation: u32,
    used: usize,
}

/// A slot that no generation has taken.
const FREE: (u32, Item) = (0, Item { state: 0, index: 0 });
/// Fewest slots.
const SLOTS: usize = 1 << 12;

impl Seen {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.used = 0;
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.slots.fill(FREE);
            self.generation = 1;
        }
    }

    /// Whether the item was not in it; now it is.
    #[inline]
    pub fn insert(&mut self, item: Item) -> Room<bool> {
        if self.used * 4 >= self.slots.len() * 3 {
            self.grow()?;
        }
        let mut slot = self.slot_of(item);
        loop {
            let (generation, known) = self.slots[slot];
            if generation != self.generation {
                self.slots[slot] = (self.generation, item);
                self.used += 1;
                return Ok(true);
            }
            if known == item {
                return Ok(false);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    fn slot_of(&self, item: Item) -> usize {
        let key = u64::from(item.state) << 32 | u64::from(item.index);
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    #[cold]
    fn grow(&mut self) -> Room<()> {
        let larger = filled(FREE, (self.slots.len() * 2).max(SLOTS))?;
        let old = core::mem::replace(&mut self.slots, larger);
        self.used = 0;
        self.generation = self.generation.max(1);
        for (generation, item) in old {
            if generation == self.generation {
                self.insert(item)?;
            }
        }
        Ok(())
    }
}

/// Working memory of a thread.
#[derive(Debug, Default)]
pub struct Memory {
    queue: Vec<Item>,
    seen: Seen,
    at_end: Vec<u32>,
}

/// Where a window lies.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Its bytes.
    pub text: &'a [u8],
    /// The stream, and how many bytes of it come before the window.
    pub place: Place,
}

/// Does what follows from the items: matches that end in the window, and the number of items. What is active at its end is
/// left in `active`, sorted. The items of `active` at index 0 are among what is begun with; what ends there was reported.
pub fn run(
    tables: &Tables,
    memory: &mut Memory,
    window: Window<'_>,
    seeds: impl Iterator<Item = Item>,
    active: &mut Vec<u32>,
    out: &mut Vec<Match>,
) -> Room<u64> {
    let Memory { queue, seen, at_end } = memory;
    seen.clear();
    queue.clear();
    at_end.clear();
    let text = window.text;
    queue.add_each(active.iter().map(|state| Item { state: *state, index: 0 }))?;
    for item in queue.iter() {
        seen.insert(*item)?;
    }
    for seed in seeds {
        if seen.insert(seed)? {
            ends(tables, window, seed, out)?;
            queue.add(seed)?;
        }
    }
    let mut visits = 0;
    while let Some(item) = queue.pop() {
        visits += 1;
        let Some(byte) = text.get(item.index as usize) else {
            at_end.add(item.state)?;
            continue;
        };
        for next in tables.successors(item.state) {
            let pushed = Item { state: *next, index: item.index + 1 };
            if tables.takes(*next, *byte) && seen.insert(pushed)? {
                ends(tables, window, pushed, out)?;
                queue.add(pushed)?;
            }
        }
    }
    at_end.sort_unstable();
    active.clear();
    active.add_all(at_end)?;
    Ok(visits)
}

/// What ends with an item. What depends on the byte behind the window waits for it.
#[inline]
fn ends(tables: &Tables, window: Window<'_>, item: Item, out: &mut Vec<Match>) -> Room<()> {
    if tables.accepts(item.state).is_empty() {
        return Ok(());
    }
    let place = Place { end: window.place.end + u64::from(item.index), ..window.place };
    report(tables, &[item.state], place, out)?;
    match window.text.get(item.index as usize) {
        Some(byte) => report_waiting(tables, &[item.state], place, kind_of(*byte), out),
        None => Ok(()),
    }
}

/// The items with which matches begin: for each byte the states that take it, if the byte before is of the right kind.
pub fn starts<'a>(tables: &'a Tables, text: &'a [u8], before: u8) -> impl Iterator<Item = Item> + 'a {
    let kinds = core::iter::once(before).chain(text.iter().map(|byte| kind_of(*byte)));
    text.iter().zip(kinds).enumerate().flat_map(move |(index, (byte, kind))| {
        let begins = move |state: &&u32| tables.starts(**state) & kind != 0;
        tables.starting(*byte).iter().filter(begins).map(move |state| Item { state: *state, index: index as u32 + 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seen_set_is_exact_when_it_grows_and_when_it_is_emptied() {
        let mut seen = Seen::default();
        for round in 0..3 {
            seen.clear();
            for state in 0..200 {
                for index in 0..50 {
                    assert_eq!(seen.insert(Item { state, index }), Ok(true), "round {round}");
                }
            }
            assert!((0..200).all(|state| (0..50).all(|index| seen.insert(Item { state, index }) == Ok(false))));
        }
    }
}
