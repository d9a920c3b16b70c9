// SPDX-License-Identifier: MIT OR Apache-2.0
//! The events of a block, one after the other.

use core::ops::Range;

use super::event::{CHOICE, Coding, FIELDS, Payload, shape_of};
use super::format::{TAG_CHECK, TAG_PICKS, TAG_PREDICTED, TAG_SKIPPED, u32_at};
use super::raw::Raw;
use super::varint::{self, unzigzag};

/// What the differences in the events are counted from.
#[derive(Clone, Copy, Default, Debug)]
pub struct Bases {
    /// The strand of the last explicit pick.
    pub strand: u64,
    /// The last time.
    pub time: i64,
}

/// What an event turned out to be.
#[derive(Clone, Debug)]
pub enum Item {
    /// So many predicted picks.
    Predicted(u64),
    /// So many explicit picks follow as [`pick`] reads them.
    Picks(u8),
    /// Half a check hash.
    Check(u32),
    /// An event with a shape.
    Event {
        /// Its tag.
        tag: u8,
        /// Its fields.
        fields: [u64; FIELDS],
        /// Where its bytes lie.
        bytes: Range<usize>,
    },
    /// An event of a later version.
    Unknown(u8),
}

impl Item {
    /// The event among the bytes of its block; nothing for what has no shape.
    pub fn raw<'a>(&self, events: &'a [u8]) -> Option<Raw<'a>> {
        match self {
            Item::Event { tag, fields, bytes } => {
                Some(Raw { tag: *tag, fields: *fields, bytes: events.get(bytes.clone())? })
            }
            _ => None,
        }
    }
}

/// An event that makes no sense: where in the block, and what was expected there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nonsense {
    /// Place in the block.
    pub at: usize,
    /// What was expected.
    pub expected: &'static str,
}

/// A number at `at`, and where it ends.
fn number(events: &[u8], at: usize) -> Result<(u64, usize), Nonsense> {
    varint::get(events, at).ok_or(Nonsense { at, expected: "a number" })
}

/// The next explicit pick and where it ends.
pub fn pick(events: &[u8], at: usize, bases: &mut Bases) -> Result<(u64, usize), Nonsense> {
    let (coded, end) = number(events, at)?;
    bases.strand = bases.strand.wrapping_add(unzigzag(coded) as u64);
    Ok((bases.strand, end))
}

/// The event at `at`, and where it ends. `skips`: events of later versions are allowed.
pub fn item(events: &[u8], at: usize, bases: &mut Bases, skips: bool) -> Result<(Item, usize), Nonsense> {
    let Some(&tag) = events.get(at) else { return Err(Nonsense { at, expected: "an event" }) };
    let after = at + 1;
    match tag {
        TAG_PREDICTED => match number(events, after)? {
            (0, _) => Err(Nonsense { at: after, expected: "at least one predicted pick" }),
            (count, end) => Ok((Item::Predicted(count), end)),
        },
        TAG_PICKS => match events.get(after) {
            None | Some(0) => Err(Nonsense { at: after, expected: "at least one pick" }),
            Some(&count) => Ok((Item::Picks(count), after + 1)),
        },
        TAG_CHECK => match events.get(after..after + 4) {
            Some(half) => Ok((Item::Check(u32_at(half, 0)), after + 4)),
            None => Err(Nonsense { at: after, expected: "a check of four bytes" }),
        },
        TAG_SKIPPED.. if skips => {
            let (length, start) = number(events, after)?;
            let end = end_of(events, start, length)?;
            Ok((Item::Unknown(tag), end))
        }
        _ => shaped(events, at, tag, bases),
    }
}

/// Where `length` bytes from `start` end.
fn end_of(events: &[u8], start: usize, length: u64) -> Result<usize, Nonsense> {
    let left = (events.len() - start) as u64;
    if length > left {
        return Err(Nonsense { at: start, expected: "as many bytes as it says" });
    }
    Ok(start + length as usize)
}

fn shaped(events: &[u8], at: usize, tag: u8, bases: &mut Bases) -> Result<(Item, usize), Nonsense> {
    let Some(shape) = shape_of(tag) else { return Err(Nonsense { at, expected: "a tag of this version" }) };
    let mut fields = [0; FIELDS];
    let mut place = at + 1;
    for (field, value) in shape.fields.iter().zip(&mut fields) {
        let (coded, end) = number(events, place)?;
        let signed = unzigzag(coded);
        let fits = match field.coding {
            Coding::U8 => coded <= u64::from(u8::MAX),
            Coding::U32 => coded <= u64::from(u32::MAX),
            Coding::I32 => i32::try_from(signed).is_ok(),
            Coding::U64 | Coding::I64 | Coding::Time => true,
        };
        if !fits {
            return Err(Nonsense { at: place, expected: "a smaller number" });
        }
        *value = match field.coding {
            Coding::U8 | Coding::U32 | Coding::U64 => coded,
            Coding::I32 | Coding::I64 => signed as u64,
            Coding::Time => {
                bases.time = bases.time.wrapping_add(signed);
                bases.time as u64
            }
        };
        place = end;
    }
    if tag == CHOICE && fields[2] >= fields[1] {
        return Err(Nonsense { at, expected: "a choice below the number of choices" });
    }
    let mut bytes = place..place;
    if shape.payload != Payload::None {
        let (length, start) = number(events, place)?;
        bytes = start..end_of(events, start, length)?;
    }
    let end = bytes.end;
    Ok((Item::Event { tag, fields, bytes }, end))
}
