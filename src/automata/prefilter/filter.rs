// SPDX-License-Identifier: MIT OR Apache-2.0
//! The filter of one shape of windows: a bitmap that says of nearly all places of a text that no literal stands there,
//! and the table behind it that leads from a window to the literals which may contain it.
//!
//! ```text
//! word of the bitmap:  | 16 bits: the two bytes after the window | 16 bits: the window |
//!
//! load at p -> key -> key * MULTIPLIER -> top bits: a word of the bitmap; four bits below: one of its low 16
//! load at p + 4 -> follow key -> * FOLLOW -> top four bits of sixteen: one of its high 16
//! both bits set: a hit       (every place; vectors of them)
//!
//! hits: key * MULTIPLIER -> top bits: a slot, which has the first of its candidates; 0 is one that stands nowhere
//! ```
//! A literal that ends with its window, or one byte after it, sets the high bits of everything that may follow. Loads
//! beyond the end of the text bring zeros: whoever is missed by that does not end in the text.

use super::window::Shape;
use crate::base::room::{Room, copied, filled};

/// Knuth's multiplicative hash: its top bits depend on every bit of the key.
pub(super) const MULTIPLIER: u32 = 0x9E37_79B1;
/// The same for the two bytes that follow, in sixteen bits.
pub(super) const FOLLOW: u16 = 0x6F35;
/// Bytes after the window that the bitmap knows of.
pub(super) const FOLLOWING: usize = 2;

/// 2^13 words lie in 32 KiB, which every level-one cache has.
const WORDS_MIN: u32 = 6;
const WORDS_CACHED: u32 = 13;
const WORDS_MAX: u32 = 20;

pub(super) struct Filter {
    pub(super) shape: Shape,
    /// Shift of a hash that leaves the number of a word; the four bits below are the bit's.
    pub(super) word_shift: u32,
    pub(super) bitmap: Vec<u32>,
    /// Shift of a hash that leaves the number of a slot.
    pub(super) slot_shift: u32,
    pub(super) slots: Vec<u32>,
}

impl Filter {
    /// A filter for so many candidates, still without them.
    pub(super) fn new(shape: Shape, keys: usize) -> Room<Filter> {
        let words = words_for(keys);
        let slot_bits = (usize::BITS - (keys * 4).leading_zeros()).max(1);
        Ok(Filter {
            shape,
            word_shift: 32 - words,
            bitmap: filled(0, 1 << words)?,
            slot_shift: 32 - slot_bits,
            slots: filled(0, 1 << slot_bits)?,
        })
    }

    /// The same filter once more.
    pub(super) fn copy(&self) -> Room<Filter> {
        Ok(Filter { bitmap: copied(&self.bitmap)?, slots: copied(&self.slots)?, ..*self })
    }

    /// Lets places pass where `key` is followed by `following`, of which only so many bytes are known.
    pub(super) fn admit(&mut self, key: u32, following: &[u8]) {
        let follow = match following {
            [] => 0xFFFF_0000,
            [first] => {
                (0..=u8::MAX).fold(0, |bits, second| bits | self.follow_bit(u32::from_le_bytes([*first, second, 0, 0])))
            }
            [first, second, ..] => self.follow_bit(u32::from_le_bytes([*first, *second, 0, 0])),
        };
        let hash = key.wrapping_mul(MULTIPLIER);
        self.bitmap[(hash >> self.word_shift) as usize] |= follow | 1 << (hash >> (self.word_shift - 4) & 15);
    }

    #[inline(always)]
    fn follow_bit(&self, load: u32) -> u32 {
        0x1_0000 << (self.shape.follow(load).wrapping_mul(FOLLOW) >> 12)
    }

    /// The slot of a key: less than the number of slots.
    #[inline(always)]
    pub(super) fn slot_of(&self, key: u32) -> usize {
        (key.wrapping_mul(MULTIPLIER) >> self.slot_shift) as usize
    }

    /// Whether a literal may have a window with this key, followed by these bytes.
    #[inline(always)]
    pub(super) fn passes(&self, key: u32, following: u32) -> bool {
        let hash = key.wrapping_mul(MULTIPLIER);
        let word = self.bitmap[(hash >> self.word_shift) as usize];
        // The first bit decides nearly always; the second is not worked out before.
        word >> (hash >> (self.word_shift - 4) & 15) & 1 != 0
            && word >> 16 >> (self.shape.follow(following).wrapping_mul(FOLLOW) >> 12) & 1 != 0
    }
}

/// Four words for a key as long as they stay in the cache; beyond that, one.
fn words_for(keys: usize) -> u32 {
    let of = |count: usize| usize::BITS - count.max(1).leading_zeros();
    let roomy = of(keys.saturating_mul(4));
    roomy.min(WORDS_CACHED).max(of(keys)).clamp(WORDS_MIN, WORDS_MAX)
}
