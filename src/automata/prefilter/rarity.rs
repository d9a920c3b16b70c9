// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often bytes occur, and which window of a literal is the rarest.

use super::filter::FOLLOWING;
use super::window::{MAX_WIDTH, Shape};

/// Occurrences of each byte among 65,536 of documentation, source and logs; what is hardly there counts as 4.
#[rustfmt::skip]
const OCCURRENCES: [u16; 256] = [
    300, 4, 4, 4, 4, 4, 4, 4, 4, 128, 1600, 4, 4, 300, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    11028, 31, 168, 244, 38, 7, 132, 60, 640, 640, 472, 37, 912, 424, 408, 940,
    448, 496, 372, 240, 196, 204, 188, 144, 160, 180, 672, 328, 384, 296, 404, 5,
    30, 556, 268, 456, 264, 664, 216, 160, 112, 548, 20, 84, 440, 236, 440, 656,
    468, 25, 440, 796, 812, 172, 128, 52, 132, 68, 15, 64, 64, 64, 4, 2184,
    39, 2160, 476, 1412, 1248, 4128, 848, 528, 728, 2144, 56, 280, 1432, 940, 2244, 2008,
    1336, 48, 1936, 2240, 3184, 892, 368, 216, 292, 672, 72, 124, 20, 124, 8, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 60,
];

/// How much likelier four small letters are than by their frequencies.
const IN_WORDS: f64 = 16.0;

/// How probable each byte is, once as it stands and once with the bit of the letters' case set in text and pattern.
pub(super) struct Rarity {
    plain: [f64; 256],
    folded: [f64; 256],
}

impl Rarity {
    pub(super) fn new() -> Rarity {
        let mut rarity = Rarity { plain: [0.0; 256], folded: [0.0; 256] };
        for (byte, occurrences) in OCCURRENCES.iter().enumerate() {
            let probability = f64::from(*occurrences) / 65_536.0;
            rarity.plain[byte] = probability;
            rarity.folded[byte | 0x20] += probability;
        }
        rarity
    }

    /// The probability that a window of this shape holds `key`, if bytes were independent.
    pub(super) fn of(&self, shape: Shape, key: u32) -> f64 {
        let table = if shape.fold == 0 { &self.plain } else { &self.folded };
        let bytes = key.to_le_bytes();
        let bytes = &bytes[..shape.width.min(MAX_WIDTH)];
        // Letters are not independent: those in the middle of a word are far more likely together.
        let word = bytes.iter().all(u8::is_ascii_lowercase);
        let together = if word { IN_WORDS } else { 1.0 };
        bytes.iter().map(|byte| table[usize::from(*byte)]).product::<f64>() * together
    }

    /// The probability that the bitmap lets pass what stands behind such a window.
    pub(super) fn of_following(&self, shape: Shape, following: &[u8]) -> f64 {
        let table = if shape.fold == 0 { &self.plain } else { &self.folded };
        let known: f64 =
            following.iter().take(FOLLOWING).map(|byte| table[usize::from(byte | shape.fold as u8)]).product();
        known.max(1.0 / 16.0)
    }
}
