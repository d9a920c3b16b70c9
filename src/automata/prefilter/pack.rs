// SPDX-License-Identifier: MIT OR Apache-2.0
//! A compiled set as the words that a device reads.
//!
//! ```text
//! per filter: bitmap, slots       candidates: 10 words each        texts: 2 words each       bytes | case bits, packed
//!
//! candidate: bytes low, high, case low, high, keep low, high, text, offset, back, more
//! text:      first word of its bytes, length; the case bits lie `cases` words behind the bytes
//! ```

use super::literals::{Candidate, Literals};

/// Words of a candidate.
#[allow(dead_code, reason = "the device's side of the layout says it too")]
pub const CANDIDATE_WORDS: u32 = 10;

/// Where one filter lies, and how it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedFilter {
    /// Bytes of its windows.
    pub width: u32,
    /// See `Shape`.
    pub mask: u32,
    /// See `Shape`.
    pub fold: u32,
    /// See `Filter`.
    pub word_shift: u32,
    /// See `Filter`.
    pub slot_shift: u32,
    /// First word of its bitmap.
    pub bitmap: u32,
    /// First word of its slots.
    pub slots: u32,
}

/// See the module documentation.
pub struct Packed {
    /// Everything.
    pub words: Vec<u32>,
    /// The filters.
    pub filters: Vec<PackedFilter>,
    /// First word of the candidates.
    pub candidates: u32,
    /// First word of the texts.
    pub texts: u32,
    /// From a word of bytes to that of their case bits.
    pub cases: u32,
    /// Length of each text, for whoever reads what was found.
    pub lengths: Vec<u32>,
}

/// Most iterations that verifying one hit may take: software devices cut an invocation off at 65,535, silently.
const ITERATIONS_MAX: usize = 30_000;

impl Literals {
    /// The words; `None` where they are too many to be numbered, or where so many literals share their windows, or so
    /// long ones, that a device might not verify a hit to the end.
    pub fn pack(&self) -> Option<Packed> {
        if self.iterations() > ITERATIONS_MAX {
            return None;
        }
        let mut words: Vec<u32> = Vec::new();
        let mut filters = Vec::new();
        for filter in &self.filters {
            let bitmap = u32::try_from(words.len()).ok()?;
            words.extend(filter.bitmap.iter());
            let slots = u32::try_from(words.len()).ok()?;
            words.extend(filter.slots.iter());
            filters.push(PackedFilter {
                width: filter.shape.width as u32,
                mask: filter.shape.mask,
                fold: filter.shape.fold,
                word_shift: filter.word_shift,
                slot_shift: filter.slot_shift,
                bitmap,
                slots,
            });
        }
        let candidates = u32::try_from(words.len()).ok()?;
        for candidate in &self.candidates {
            for wide in candidate.check() {
                words.extend([wide as u32, (wide >> 32) as u32]);
            }
            words.extend([candidate.text, candidate.offset, u32::from(candidate.back), u32::from(candidate.more)]);
        }
        let texts = u32::try_from(words.len()).ok()?;
        let mut at = words.len() + 2 * self.count() as usize;
        for text in 0..self.count() {
            words.extend([u32::try_from(at).ok()?, self.length_of(text) as u32]);
            at += self.length_of(text).div_ceil(4);
        }
        let cases = u32::try_from(at - words.len()).ok()?;
        for text in 0..self.count() {
            words.extend(packed(self.bytes_of(text)));
        }
        for text in 0..self.count() {
            words.extend(packed(self.case_of(text)));
        }
        u32::try_from(words.len()).ok()?;
        let lengths = (0..self.count()).map(|text| self.length_of(text) as u32).collect();
        Some(Packed { words, filters, candidates, texts, cases, lengths })
    }
}

impl Literals {
    /// The most iterations of a hit: its candidates, and the words of their texts.
    fn iterations(&self) -> usize {
        let (mut most, mut sum) = (0, 0);
        for candidate in &self.candidates {
            sum += 1 + self.length_of_candidate(candidate).div_ceil(4);
            most = most.max(sum);
            if !candidate.more {
                sum = 0;
            }
        }
        most
    }

    fn length_of_candidate(&self, candidate: &Candidate) -> usize {
        if self.count() == 0 { 0 } else { self.length_of(candidate.text) }
    }
}

/// Bytes in words, zeros behind them.
fn packed(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks(4).map(|four| four.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
}
