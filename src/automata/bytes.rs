// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of byte values, and the kinds of bytes that assertions tell apart.

/// A set of byte values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// The set of one byte.
    pub fn of(byte: u8) -> ByteSet {
        let mut set = ByteSet::default();
        set.insert(byte);
        set
    }

    /// Adds a byte.
    pub fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    /// Whether the byte is in it.
    #[inline]
    pub fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }

    /// How many bytes are in it.
    pub fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether no byte is in it.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// Its bytes, upwards.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        let set = *self;
        (0..=255).filter(move |byte| set.contains(*byte))
    }

    /// Those of its bytes whose kind is in `kinds`.
    pub fn of_kinds(&self, kinds: Kinds) -> ByteSet {
        let mut kept = ByteSet::default();
        self.iter().filter(|byte| kinds & kind_of(*byte) != 0).for_each(|byte| kept.insert(byte));
        kept
    }
}

/// A set of kinds of bytes, as bits.
pub type Kinds = u8;

/// No byte at all: the start or the end of the stream.
pub const EDGE: Kinds = 1;
/// A letter, a digit or the underscore, of ASCII.
pub const WORD: Kinds = 2;
/// A line feed.
pub const LINE_FEED: Kinds = 4;
/// A carriage return.
pub const CARRIAGE_RETURN: Kinds = 8;
/// Any other byte.
pub const OTHER: Kinds = 16;
/// Every kind.
pub const ANY: Kinds = 31;
/// Number of kinds.
pub const KINDS: usize = 5;

/// The kind of a byte, one bit.
#[inline]
pub const fn kind_of(byte: u8) -> Kinds {
    match byte {
        b'\n' => LINE_FEED,
        b'\r' => CARRIAGE_RETURN,
        b'_' => WORD,
        _ if byte.is_ascii_alphanumeric() => WORD,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in_and_is_cut_by_kind() {
        let mut set = ByteSet::of(b'a');
        for byte in [0, 63, 64, 255, b'\n', b'\r', b'_'] {
            set.insert(byte);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, b'\n', b'\r', 63, 64, b'_', b'a', 255]);
        assert_eq!(set.len(), 8);
        assert_eq!(set.of_kinds(WORD).iter().collect::<Vec<_>>(), [b'_', b'a']);
        assert_eq!(set.of_kinds(LINE_FEED | CARRIAGE_RETURN).iter().collect::<Vec<_>>(), b"\n\r");
        assert!(set.of_kinds(EDGE).is_empty());
    }
}
