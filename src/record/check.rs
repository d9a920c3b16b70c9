// SPDX-License-Identifier: MIT OR Apache-2.0
//! The check hash: 64 bits over everything that a run recorded and over what each step did.
//!
//! Adding a number permutes the hashes, and for one hash the numbers map to different hashes. So a single difference
//! is never lost: it stays until another difference cancels it, which is a matter of one in 2^64. It finds mistakes,
//! not adversaries.

/// See the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Check(u64);

impl Check {
    /// The hash of a recording whose header has this CRC.
    pub fn new(header_crc: u32) -> Check {
        Check(u64::from(header_crc) ^ 0x6A09_E667_F3BC_C908)
    }

    /// Adds a number.
    #[inline]
    pub fn add(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }

    /// Adds an explicit pick. Not as the number alone, since a step may have that number as its fingerprint, and then
    /// nobody could tell which came first.
    #[inline]
    pub fn add_pick(&mut self, strand: u64) {
        self.add(strand.wrapping_add(0xA54F_F53A_5F1D_36F1));
    }

    /// Adds bytes and how many they are.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for eight in words {
            self.add(u64::from_le_bytes(*eight));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.add(u64::from_le_bytes(last));
        self.add(bytes.len() as u64);
    }

    /// All of it: blocks and the end record.
    pub fn value(self) -> u64 {
        self.0
    }

    /// The half of it that a check event has. The upper one: a multiplication carries upwards.
    pub fn half(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(numbers: &[u64]) -> Check {
        let mut check = Check::new(7);
        numbers.iter().for_each(|&number| check.add(number));
        check
    }

    proptest! {
        #[test]
        fn a_single_difference_stays(numbers in prop::collection::vec(any::<u64>(), 1..50), at: prop::sample::Index, bit in 0..64) {
            let mut other = numbers.clone();
            other[at.index(numbers.len())] ^= 1u64 << bit;
            prop_assert_ne!(of(&numbers), of(&other));
        }

        #[test]
        fn an_exchange_is_seen(a: u64, b: u64, between in prop::collection::vec(any::<u64>(), 0..200)) {
            prop_assume!(a != b);
            let ends = |first, last| [&[first][..], &between, &[last]].concat();
            prop_assert_ne!(of(&ends(a, b)), of(&ends(b, a)));
        }

        #[test]
        fn zeros_at_the_end_of_bytes_count(bytes: Vec<u8>) {
            let mut longer = bytes.clone();
            longer.push(0);
            let (mut one, mut other) = (Check::new(0), Check::new(0));
            one.add_bytes(&bytes);
            other.add_bytes(&longer);
            prop_assert_ne!(one, other);
        }
    }
}
