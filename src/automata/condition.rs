// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an assertion asks of the place between two bytes: a matrix of the kinds before and after.
//!
//! Every assertion that is supported (`^`, `$`, line ends, ASCII word boundaries) is decided by the kind of the byte before a
//! place and the kind of the byte after it. A condition is the set of the pairs that it allows: conjunction is
//! intersection, alternatives are union, and no assertion outlives the compilation.

use super::bytes::{ANY, CARRIAGE_RETURN, EDGE, KINDS, Kinds, LINE_FEED, WORD};
use regex_syntax::hir::Look;

/// Pairs of kinds: bit `before * KINDS + after`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Condition(u32);

impl Condition {
    /// Allows no place.
    pub const NEVER: Condition = Condition(0);
    /// Allows every place.
    pub const ALWAYS: Condition = Condition((1 << (KINDS * KINDS)) - 1);

    /// Both hold.
    pub fn and(self, other: Condition) -> Condition {
        Condition(self.0 & other.0)
    }

    /// One of them holds.
    pub fn or(self, other: Condition) -> Condition {
        Condition(self.0 | other.0)
    }

    /// Whether it allows a byte of kind number `before`, then one of kind number `after`.
    pub fn allows(self, before: usize, after: usize) -> bool {
        self.0 >> (before * KINDS + after) & 1 != 0
    }

    /// The kinds allowed after a byte of kind number `before`.
    pub fn after(self, before: usize) -> Kinds {
        (self.0 >> (before * KINDS)) as Kinds & ANY
    }

    /// The kinds allowed before a byte of kind number `after`.
    pub fn before(self, after: usize) -> Kinds {
        (0..KINDS).filter(|before| self.allows(*before, after)).fold(0, |kinds, before| kinds | 1 << before)
    }

    fn where_pairs(allowed: impl Fn(Kinds, Kinds) -> bool) -> Condition {
        let mut bits = 0;
        for before in 0..KINDS {
            for after in 0..KINDS {
                if allowed(1 << before, 1 << after) {
                    bits |= 1 << (before * KINDS + after);
                }
            }
        }
        Condition(bits)
    }

    /// The condition of an assertion; `None` for those that need more than a byte on either side.
    pub fn of(look: Look) -> Option<Condition> {
        let word = |kind: Kinds| kind == WORD;
        Some(match look {
            Look::Start => Condition::where_pairs(|before, _| before == EDGE),
            Look::End => Condition::where_pairs(|_, after| after == EDGE),
            Look::StartLF => Condition::where_pairs(|before, _| before & (EDGE | LINE_FEED) != 0),
            Look::EndLF => Condition::where_pairs(|_, after| after & (EDGE | LINE_FEED) != 0),
            Look::StartCRLF => Condition::where_pairs(|before, after| {
                before & (EDGE | LINE_FEED) != 0 || (before == CARRIAGE_RETURN && after != LINE_FEED)
            }),
            Look::EndCRLF => Condition::where_pairs(|before, after| {
                after & (EDGE | CARRIAGE_RETURN) != 0 || (after == LINE_FEED && before != CARRIAGE_RETURN)
            }),
            Look::WordAscii => Condition::where_pairs(|before, after| word(before) != word(after)),
            Look::WordAsciiNegate => Condition::where_pairs(|before, after| word(before) == word(after)),
            Look::WordStartAscii => Condition::where_pairs(|before, after| !word(before) && word(after)),
            Look::WordEndAscii => Condition::where_pairs(|before, after| word(before) && !word(after)),
            Look::WordStartHalfAscii => Condition::where_pairs(|before, _| !word(before)),
            Look::WordEndHalfAscii => Condition::where_pairs(|_, after| !word(after)),
            Look::WordUnicode
            | Look::WordUnicodeNegate
            | Look::WordStartUnicode
            | Look::WordEndUnicode
            | Look::WordStartHalfUnicode
            | Look::WordEndHalfUnicode => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_read_by_rows_and_columns() {
        let boundary = Condition::of(Look::WordAscii).expect("supported");
        let (edge, word, other) = (0, 1, 4);
        assert!(boundary.allows(edge, word) && boundary.allows(word, other));
        assert!(!boundary.allows(word, word) && !boundary.allows(edge, other));
        assert_eq!(boundary.after(word), ANY & !WORD);
        assert_eq!(boundary.before(word), ANY & !WORD);
        let not = Condition::of(Look::WordAsciiNegate).expect("supported");
        assert_eq!(boundary.and(not), Condition::NEVER);
        assert_eq!(boundary.or(not), Condition::ALWAYS);
        assert_eq!(Condition::of(Look::WordUnicode), None);
    }
}
