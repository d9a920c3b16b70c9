// SPDX-License-Identifier: MIT OR Apache-2.0
//! Classes of bytes that tables do not tell apart: the columns of a deterministic automaton. Made once for a set; all threads
//! that scan use the same.

use super::bytes::{KINDS, Kinds, kind_of};
use super::tables::Tables;
use crate::base::room::{Grow, Room, copied, filled};

/// The columns.
#[derive(PartialEq, Eq, Debug)]
pub struct Alphabet {
    /// The class of each byte.
    pub class: [u8; 256],
    /// A byte of each class.
    pub byte_of: Vec<u8>,
    /// Two to its power are entries of a row: one for each class, and those that nobody uses.
    pub shift: u32,
    /// For each kind the group of kinds that starts do not tell apart.
    group: [u8; KINDS],
}

impl Alphabet {
    /// The classes of these tables. `begins`: the kind of the last byte matters, since matches begin after it.
    pub fn new(tables: &Tables, begins: bool) -> Room<Alphabet> {
        let group = groups(tables, begins);
        let mut alphabet = Alphabet { class: [0; 256], byte_of: Vec::new(), shift: 0, group };
        let sets = tables.classes().0;
        // One word for each set and the bytes: which of the bytes of a class so far differ from it is found by comparing all.
        let words = sets.len().div_ceil(64) + 1;
        let mut signatures = filled(0u64, 256 * words)?;
        for byte in 0..=255u8 {
            let signature = &mut signatures[usize::from(byte) * words..][..words];
            signature[0] = u64::from(group[number_of(kind_of(byte))]);
            for (index, set) in sets.iter().enumerate() {
                signature[1 + index / 64] |= u64::from(set.contains(byte)) << (index % 64);
            }
        }
        let of = |byte: u8| &signatures[usize::from(byte) * words..][..words];
        for byte in 0..=255u8 {
            let known = alphabet.byte_of.iter().position(|other| of(*other) == of(byte));
            if known.is_none() {
                alphabet.byte_of.add(byte)?;
            }
            alphabet.class[usize::from(byte)] = known.unwrap_or(alphabet.byte_of.len() - 1) as u8;
        }
        alphabet.shift = alphabet.byte_of.len().next_power_of_two().trailing_zeros();
        Ok(alphabet)
    }

    /// Another one like it.
    pub fn copy(&self) -> Room<Alphabet> {
        Ok(Alphabet { byte_of: copied(&self.byte_of)?, ..*self })
    }

    /// Entries of a row.
    pub fn stride(&self) -> usize {
        1 << self.shift
    }

    /// The group of a kind, by its number.
    pub fn group(&self, kind: Kinds) -> u8 {
        self.group[number_of(kind)]
    }
}

fn number_of(kind: Kinds) -> usize {
    kind.trailing_zeros() as usize
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
