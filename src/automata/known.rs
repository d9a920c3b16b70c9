// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sets of states that a deterministic automaton has met, each with a number: two are the same if they have the same members
//! and the same tag.
//!
//! ```text
//! members   all sets, one behind the other        slots   open addressing: number + 1 of a set; 0 is free
//! ```

use crate::base::room::{Grow, NoMemory, Room, filled};
use core::hash::{BuildHasherDefault, Hasher};

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Known {
    from: u32,
    to: u32,
    hash: u32,
    tag: u8,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Sets {
    members: Vec<u32>,
    known: Vec<Known>,
    slots: Vec<u32>,
}

const SLOTS: usize = 64;

impl Sets {
    /// None is known any more. What they have taken stays for those to come.
    pub fn clear(&mut self) {
        self.members.clear();
        self.known.clear();
        self.slots.fill(0);
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// How many members they have together.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// The members of a set.
    #[inline]
    pub fn of(&self, number: u32) -> &[u32] {
        let known = &self.known[number as usize];
        &self.members[known.from as usize..known.to as usize]
    }

    /// Its tag.
    pub fn tag(&self, number: u32) -> u8 {
        self.known[number as usize].tag
    }

    /// The number of a set that is known.
    pub fn find(&self, set: &[u32], tag: u8) -> Option<u32> {
        self.seek(set, tag, hash_of(set, tag)).ok()
    }

    /// The number of a set, or the slot in which it would be.
    fn seek(&self, set: &[u32], tag: u8, hash: u32) -> Result<u32, usize> {
        if self.slots.is_empty() {
            return Err(0);
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let Some(number) = self.slots[slot].checked_sub(1) else { return Err(slot) };
            let known = &self.known[number as usize];
            if known.hash == hash && known.tag == tag && self.of(number) == set {
                return Ok(number);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Makes a set known that is not; its number, the next one. Nothing changes where there is no memory.
    pub fn insert(&mut self, set: &[u32], tag: u8) -> Room<u32> {
        if self.known.len() * 2 >= self.slots.len() {
            self.widen()?;
        }
        self.members.room(set.len())?;
        self.known.room(1)?;
        let (hash, number) = (hash_of(set, tag), self.known.len() as u32);
        let slot = self.seek(set, tag, hash).err().ok_or(NoMemory)?;
        let from = self.members.len() as u32;
        self.members.extend_from_slice(set);
        self.known.push(Known { from, to: from + set.len() as u32, hash, tag });
        self.slots[slot] = number + 1;
        Ok(number)
    }

    fn widen(&mut self) -> Room<()> {
        let mut wider = filled(0u32, (self.slots.len() * 2).max(SLOTS))?;
        let mask = wider.len() - 1;
        for (number, known) in self.known.iter().enumerate() {
            let mut slot = known.hash as usize & mask;
            while wider[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            wider[slot] = number as u32 + 1;
        }
        self.slots = wider;
        Ok(())
    }
}

fn hash_of(set: &[u32], tag: u8) -> u32 {
    let mut mix = Mix(u64::from(tag));
    set.iter().for_each(|member| mix.write_u32(*member));
    mix.finish() as u32
}

/// A hash of numbers of ours: nobody who gives patterns gains by two of them having one slot, the sets are bounded.
#[derive(Clone, Copy, Default)]
pub struct Mix(u64);

/// For maps.
pub type Mixing = BuildHasherDefault<Mix>;

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // The high bits depend on everything, the low ones on little: both halves are wanted.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failing;

    #[test]
    fn a_set_keeps_its_number_and_others_have_other_ones() {
        let mut sets = Sets::default();
        let all: Vec<Vec<u32>> = (0..500u32).map(|number| (number..number + number % 7).collect()).collect();
        for round in 0..2 {
            let mut numbers = Vec::new();
            for set in &all {
                for tag in 0..2 {
                    numbers.push(sets.find(set, tag).unwrap_or_else(|| sets.insert(set, tag).unwrap()));
                }
            }
            for (index, number) in numbers.iter().enumerate() {
                assert_eq!((sets.of(*number), usize::from(sets.tag(*number))), (&all[index / 2][..], index % 2));
                assert_eq!(sets.find(&all[index / 2], (index % 2) as u8), Some(*number), "round {round}");
            }
            let mut distinct = numbers;
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), sets.count());
            sets.clear();
            assert_eq!(sets.find(&all[1], 0), None);
        }
        failing::next(true);
        let mut none = Sets::default();
        assert_eq!(none.insert(&[1], 0), Err(NoMemory));
        assert_eq!((none.count(), none.find(&[1], 0)), (0, None));
    }
}
