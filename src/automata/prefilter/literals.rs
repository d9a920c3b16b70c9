// SPDX-License-Identifier: MIT OR Apache-2.0
//! A set of literals, compiled: distinct texts, the window each is recognised by, and exact comparison.
//!
//! ```text
//! filter (of windows of one width) -> candidates: which text, where in it the window lies, its first eight bytes
//! texts: bytes, case bits, identifiers            (two literals with one text share it)
//! ```
//! A text is compared as `text | case == bytes`: `case` has 0x20 at the letters of a literal that ignores case, where
//! `bytes` has the small letter; for a letter that is exact, for other bytes `case` is zero.

use std::collections::HashMap;

use super::filter::Filter;
use super::rarity::Rarity;
use super::scan::Engine;
use super::window::{MAX_WIDTH, Shape, load_eight};
use crate::base::room::{Grow, NoMemory, Room, copied, each, filled, list, room_in};

/// One literal of a set. Several may have one identifier, and several identifiers one text.
#[derive(Clone, Copy, Debug)]
pub struct Literal<'a> {
    /// What an occurrence is reported under.
    pub id: u32,
    /// The text; at least one byte.
    pub bytes: &'a [u8],
    /// Whether the letters A to Z match in both cases.
    pub nocase: bool,
}

/// Why a set was not compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The literal with this index has no byte: it would occur everywhere.
    Empty(usize),
    /// More than 2^32 bytes or literals.
    TooLarge,
    /// No memory is left.
    NoMemory,
}

impl From<NoMemory> for Refusal {
    fn from(_: NoMemory) -> Refusal {
        Refusal::NoMemory
    }
}

/// A place where a text may stand, given that a window of it may. Eight bytes about the window decide nearly always.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    /// `(text | case) & keep == bytes`, for the eight bytes from `back` before the window on.
    bytes: u64,
    case: u64,
    keep: u64,
    pub(super) text: u32,
    /// From the text's start to the window.
    pub(super) offset: u32,
    pub(super) back: u16,
    /// Whether the next candidate has the same slot.
    pub(super) more: bool,
}

impl Candidate {
    /// One that stands nowhere.
    const NONE: Candidate = Candidate { bytes: 1, case: 0, keep: 0, text: 0, offset: 0, back: 0, more: false };

    /// What its eight bytes are compared with: bytes, case, keep.
    #[cfg(feature = "gpu")]
    pub(super) fn check(&self) -> [u64; 3] {
        [self.bytes, self.case, self.keep]
    }

    /// Whether its eight bytes are there, for a window at `at`.
    #[inline(always)]
    pub(super) fn may_stand(&self, text: &[u8], at: usize) -> bool {
        match at.checked_sub(usize::from(self.back)) {
            Some(begin) => (load_eight(text, begin) | self.case) & self.keep == self.bytes,
            None => false,
        }
    }
}

/// How far before its window a candidate's eight bytes begin, where the text has as many.
pub(super) const BACK: usize = 4;

/// Distinct texts, each with the identifiers it was given under.
#[derive(Clone, Copy)]
struct Text {
    start: u32,
    length: u32,
    ids: u32,
    ids_end: u32,
}

/// A compiled set.
pub struct Literals {
    pub(super) filters: Vec<Filter>,
    pub(super) candidates: Vec<Candidate>,
    texts: Vec<Text>,
    bytes: Vec<u8>,
    cases: Vec<u8>,
    ids: Vec<u32>,
    pub(super) engine: Engine,
}

impl Literals {
    /// Compiles a set, for the widest vectors of this processor.
    pub fn new(literals: &[Literal<'_>]) -> Result<Literals, Refusal> {
        let mut set = Literals {
            filters: Vec::new(),
            candidates: filled(Candidate::NONE, 1)?,
            texts: Vec::new(),
            bytes: Vec::new(),
            cases: Vec::new(),
            ids: Vec::new(),
            engine: Engine::best(),
        };
        set.gather(literals)?;
        for width in 1..=MAX_WIDTH {
            set.add_filter(width)?;
        }
        Ok(set)
    }

    /// The same set once more.
    pub fn copy(&self) -> Room<Literals> {
        Ok(Literals {
            filters: each(self.filters.iter().map(Filter::copy))?,
            candidates: copied(&self.candidates)?,
            texts: copied(&self.texts)?,
            bytes: copied(&self.bytes)?,
            cases: copied(&self.cases)?,
            ids: copied(&self.ids)?,
            engine: self.engine,
        })
    }

    /// Has another way of collecting positions.
    #[cfg(test)]
    pub(super) fn with_engine(mut self, engine: Engine) -> Literals {
        self.engine = engine;
        self
    }

    /// Distinct texts, with their identifiers, in the order in which they were first named.
    fn gather(&mut self, literals: &[Literal<'_>]) -> Result<(), Refusal> {
        let mut known: HashMap<(Vec<u8>, bool), usize> = HashMap::new();
        let mut ids: Vec<Vec<u32>> = Vec::new();
        for (index, literal) in literals.iter().enumerate() {
            if literal.bytes.is_empty() {
                return Err(Refusal::Empty(index));
            }
            let nocase = literal.nocase && literal.bytes.iter().any(u8::is_ascii_alphabetic);
            let mut bytes = copied(literal.bytes)?;
            if nocase {
                bytes.make_ascii_lowercase();
            }
            let key = (bytes, nocase);
            let text = match known.get(&key) {
                Some(text) => *text,
                None => {
                    self.add_text(&key.0, nocase)?;
                    ids.add(Vec::new())?;
                    room_in(&mut known)?;
                    known.insert(key, ids.len() - 1);
                    ids.len() - 1
                }
            };
            ids[text].add(literal.id)?;
        }
        for (text, mut ids) in self.texts.iter_mut().zip(ids) {
            ids.sort_unstable();
            ids.dedup();
            text.ids = u32::try_from(self.ids.len()).map_err(|_| Refusal::TooLarge)?;
            self.ids.add_all(&ids)?;
            text.ids_end = u32::try_from(self.ids.len()).map_err(|_| Refusal::TooLarge)?;
        }
        Ok(())
    }

    fn add_text(&mut self, bytes: &[u8], nocase: bool) -> Result<(), Refusal> {
        let start = u32::try_from(self.bytes.len()).map_err(|_| Refusal::TooLarge)?;
        let length = u32::try_from(bytes.len()).map_err(|_| Refusal::TooLarge)?;
        self.bytes.add_all(bytes)?;
        self.cases.add_each(bytes.iter().map(|byte| if nocase && byte.is_ascii_alphabetic() { 0x20 } else { 0 }))?;
        self.texts.add(Text { start, length, ids: 0, ids_end: 0 })?;
        Ok(())
    }

    /// The filter of the texts that have this width (texts of four bytes and more: 4), if there are any.
    fn add_filter(&mut self, width: usize) -> Room<()> {
        let mut texts = list((0..self.texts.len()).map(|text| text as u32))?;
        texts.retain(|text| (self.texts[*text as usize].length as usize).min(MAX_WIDTH) == width);
        if texts.is_empty() {
            return Ok(());
        }
        let fold = texts.iter().any(|text| self.case_of(*text).iter().any(|case| *case != 0));
        let shape = Shape::new(width, fold);
        let chosen = self.choose(shape, texts)?;
        let mut filter = Filter::new(shape, chosen.len())?;
        let mut by_slot: Vec<(usize, u32, u32)> =
            list(chosen.iter().map(|(key, text, offset)| (filter.slot_of(*key), *text, *offset)))?;
        by_slot.sort_unstable();
        for (key, text, offset) in chosen {
            filter.admit(key, &self.bytes_of(text)[offset as usize + width..]);
        }
        for (index, (slot, text, offset)) in by_slot.iter().enumerate() {
            if filter.slots[*slot] == 0 {
                filter.slots[*slot] = self.candidates.len() as u32;
            }
            let more = by_slot.get(index + 1).is_some_and(|next| next.0 == *slot);
            self.candidates.add(Candidate { more, ..self.candidate(*text, *offset) })?;
        }
        self.filters.add(filter)
    }

    /// For each text the window (key, text, offset) that is expected to cost least: one that is rare, that others have
    /// chosen already (it takes no bit of its own), but not too many of them.
    fn choose(&self, shape: Shape, mut texts: Vec<u32>) -> Room<Vec<(u32, u32, u32)>> {
        /// What a further key costs: a bit of the filter that is set for nothing.
        const NEW_KEY: f64 = 1.0 / 65_536.0;
        /// What a further candidate of a key costs, however rare the key.
        const SHARED: f64 = 1.0 / 1_048_576.0;
        /// Windows looked at in each text; longer texts have rare ones before that.
        const LOOKED_AT: usize = 256;
        let rarity = Rarity::new();
        let mut users: HashMap<u32, u32> = HashMap::new();
        texts.sort_unstable_by_key(|text| (self.texts[*text as usize].length, *text)); // the short ones have no choice
        let mut chosen = Vec::new();
        chosen.room(texts.len())?;
        for text in texts {
            let mut best = (f64::INFINITY, 0, 0);
            for (offset, window) in self.bytes_of(text).windows(shape.width).take(LOOKED_AT).enumerate() {
                let key = shape.key_of(window);
                let sharing = users.get(&key).copied().unwrap_or(0);
                let new = if sharing == 0 { 1.0 } else { 0.0 };
                let following = &self.bytes_of(text)[offset + shape.width..];
                let cost = rarity.of(shape, key) * rarity.of_following(shape, following) * (1.0 + new)
                    + new * NEW_KEY
                    + f64::from(sharing) * SHARED;
                if cost < best.0 {
                    best = (cost, key, offset as u32);
                }
            }
            room_in(&mut users)?;
            *users.entry(best.1).or_insert(0) += 1;
            chosen.push((best.1, text, best.2));
        }
        Ok(chosen)
    }

    fn candidate(&self, text: u32, offset: u32) -> Candidate {
        let (bytes, cases) = (self.bytes_of(text), self.case_of(text));
        let begin = (offset as usize).saturating_sub(BACK).min(bytes.len().saturating_sub(8));
        let count = (bytes.len() - begin).min(8);
        Candidate {
            bytes: load_eight(bytes, begin) & (u64::MAX >> (64 - 8 * count)),
            case: load_eight(cases, begin),
            keep: u64::MAX >> (64 - 8 * count),
            text,
            offset,
            back: (offset as usize - begin) as u16,
            more: false,
        }
    }

    #[inline]
    pub(super) fn bytes_of(&self, text: u32) -> &[u8] {
        let text = &self.texts[text as usize];
        &self.bytes[text.start as usize..][..text.length as usize]
    }

    #[inline]
    pub(super) fn length_of(&self, text: u32) -> usize {
        self.texts[text as usize].length as usize
    }

    #[inline]
    pub(super) fn case_of(&self, text: u32) -> &[u8] {
        let text = &self.texts[text as usize];
        &self.cases[text.start as usize..][..text.length as usize]
    }

    /// Number of distinct texts.
    #[cfg(feature = "gpu")]
    pub(super) fn count(&self) -> u32 {
        self.texts.len() as u32
    }

    /// The identifiers under which a text is reported.
    #[inline]
    pub fn ids_of(&self, text: u32) -> &[u32] {
        let text = &self.texts[text as usize];
        &self.ids[text.ids as usize..text.ids_end as usize]
    }

    /// Whether `found` is what the text has from byte `from` on.
    pub(super) fn part_stands(&self, text: u32, from: usize, found: &[u8]) -> bool {
        let bytes = &self.bytes_of(text)[from..][..found.len()];
        let cases = &self.case_of(text)[from..][..found.len()];
        let mut at = 0;
        while at + 8 <= found.len() {
            if load_eight(found, at) | load_eight(cases, at) != load_eight(bytes, at) {
                return false;
            }
            at += 8;
        }
        found[at..].iter().zip(&cases[at..]).zip(&bytes[at..]).all(|((found, case), byte)| found | case == *byte)
    }
}

#[cfg(test)]
impl Literals {
    /// Changes the last byte of a text: what tests have to notice.
    pub(super) fn spoil(&mut self, text: usize) {
        let Text { start, length, .. } = self.texts[text];
        self.bytes[(start + length - 1) as usize] ^= 1;
    }
}
