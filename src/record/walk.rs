// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole recording, event by event: what `verify`, `print` and `Replay::open` do before anything is believed.
//!
//! Beyond the CRCs it checks what the writer keeps: picks and events are as many as blocks and end say, a check comes
//! after each 1,024th pick and nowhere else, and every block is used up by its events.

use core::ffi::CStr;

use super::failure::Failure;
use super::format::{BlockHead, CHECK_EVERY, End};
use super::identity::Identity;
use super::items::{self, Bases, Item, Nonsense};
use super::raw::Raw;
use super::reader::{Blocks, Next};
use super::source::Source;

/// What a recording holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Who made it.
    pub identity: Identity,
    /// Bytes of the file.
    pub bytes: u64,
    /// Complete blocks.
    pub blocks: u64,
    /// Events in them.
    pub events: u64,
    /// Picks that the policy predicts.
    pub predicted: u64,
    /// Picks that are in the recording.
    pub explicit: u64,
    /// Checks.
    pub checks: u64,
    /// The end record; none where the recording is truncated.
    pub end: Option<End>,
    /// Where the complete records end.
    pub complete: u64,
    /// Bytes of the largest block's events.
    pub largest: usize,
}

impl Summary {
    /// All picks.
    pub fn picks(&self) -> u64 {
        self.predicted.saturating_add(self.explicit)
    }
}

/// What a walk meets.
pub enum Visit<'a> {
    /// A block begins.
    Block(&'a BlockHead),
    /// So many predicted picks, the first of which has this number.
    Predicted {
        /// Picks before.
        first: u64,
        /// How many.
        count: u64,
    },
    /// An explicit pick.
    Pick {
        /// Picks before.
        number: u64,
        /// The strand.
        strand: u64,
    },
    /// Half a check hash.
    Check(u32),
    /// An event.
    Event(&'a Raw<'a>),
    /// An event of a later version.
    Unknown(u8),
}

/// Walks through all of it. `each` gets where in the file a thing lies, and the thing.
pub fn walk(
    blocks: &mut Blocks,
    each: &mut dyn FnMut(u64, Visit<'_>) -> Result<(), Failure>,
) -> Result<Summary, Failure> {
    blocks.rewind();
    let mut summary = Summary { identity: *blocks.identity(), bytes: blocks.file_length(), ..Summary::default() };
    let mut bases = Bases::default();
    loop {
        summary.complete = blocks.position();
        match blocks.advance()? {
            Next::Truncated => return Ok(summary),
            Next::End(end) => {
                compare_with_end(blocks, &summary, &end)?;
                summary.end = Some(end);
                summary.complete = summary.bytes;
                return Ok(summary);
            }
            Next::Block { head, offset, .. } => {
                if head.first_pick != summary.picks() {
                    let (picks, found) = (summary.picks(), head.first_pick);
                    return Err(blocks.corrupt(
                        summary.complete + 8,
                        format_args!("expected {picks} picks before the block, found {found}"),
                    ));
                }
                each(summary.complete, Visit::Block(&head))?;
                walk_block(blocks, &head, offset, &mut bases, &mut summary, each)?;
            }
        }
    }
}

fn walk_block(
    blocks: &Blocks,
    head: &BlockHead,
    offset: u64,
    bases: &mut Bases,
    summary: &mut Summary,
    each: &mut dyn FnMut(u64, Visit<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let events = blocks.events();
    let corrupt = |nonsense: Nonsense| {
        blocks.corrupt(offset + nonsense.at as u64, format_args!("expected {}", nonsense.expected))
    };
    let mut at = 0;
    for _ in 0..head.events {
        let start = offset + at as u64;
        let (item, end) = items::item(events, at, bases, blocks.minor() > 0).map_err(corrupt)?;
        let number = summary.picks();
        match item {
            Item::Predicted(count) => {
                let room = room_before_check(summary);
                if count > room {
                    return Err(corrupt(Nonsense { at, expected: "a check after each 1,024th pick" }));
                }
                each(start, Visit::Predicted { first: number, count })?;
                summary.predicted += count;
                at = end;
            }
            Item::Picks(count) => {
                at = end;
                for _ in 0..count {
                    if room_before_check(summary) == 0 {
                        return Err(corrupt(Nonsense { at, expected: "a check after each 1,024th pick" }));
                    }
                    let (strand, end) = items::pick(events, at, bases).map_err(corrupt)?;
                    each(offset + at as u64, Visit::Pick { number: summary.picks(), strand })?;
                    summary.explicit += 1;
                    at = end;
                }
            }
            Item::Check(half) => {
                if summary.checks.saturating_add(1).saturating_mul(CHECK_EVERY) != number {
                    return Err(corrupt(Nonsense { at, expected: "no check before the next 1,024th pick" }));
                }
                each(start, Visit::Check(half))?;
                summary.checks += 1;
                at = end;
            }
            Item::Unknown(tag) => {
                each(start, Visit::Unknown(tag))?;
                at = end;
            }
            Item::Event { .. } => {
                if let Some(raw) = item.raw(events) {
                    each(start, Visit::Event(&raw))?;
                }
                at = end;
            }
        }
    }
    if at != events.len() {
        return Err(corrupt(Nonsense { at, expected: "the end of the block" }));
    }
    summary.blocks += 1;
    summary.events += u64::from(head.events);
    summary.largest = summary.largest.max(events.len());
    Ok(())
}

/// How many picks may come before the next check.
fn room_before_check(summary: &Summary) -> u64 {
    summary.checks.saturating_add(1).saturating_mul(CHECK_EVERY).saturating_sub(summary.picks())
}

fn compare_with_end(blocks: &Blocks, summary: &Summary, end: &End) -> Result<(), Failure> {
    let at = blocks.position();
    if summary.events != end.events {
        let (found, said) = (summary.events, end.events);
        return Err(blocks.corrupt(at + 16, format_args!("the end says {said} events, there are {found}")));
    }
    let checks = end.steps / CHECK_EVERY;
    if summary.picks().wrapping_sub(end.steps) > 1 || checks != summary.checks {
        let (picks, said) = (summary.picks(), end.steps);
        return Err(blocks.corrupt(
            at + 8,
            format_args!("the end says {said} steps; there are {picks} picks and {} checks", summary.checks),
        ));
    }
    Ok(())
}

/// Reads and verifies the recording at `path` without following it.
pub fn verify(path: &CStr) -> Result<Summary, Failure> {
    let path = path.to_bytes();
    walk(&mut Blocks::open(Source::open(path)?, path)?, &mut |_, _| Ok(()))
}
