// SPDX-License-Identifier: MIT OR Apache-2.0
//! The baseline: the automaton is stepped byte for byte, every start is tried at every byte. Simple, exact, slow; the other
//! engines are held to it.

use super::bytes::{ANY, EDGE, Kinds, kind_of};
use super::pattern::Match;
use super::tables::Tables;
use crate::base::room::{Grow, Room, filled};

/// What a stream carries from one chunk to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried {
    /// Bytes so far.
    pub offset: u64,
    /// Kind of the last byte.
    pub last: Kinds,
    /// States that are active after it, each once.
    pub active: Vec<u32>,
}

impl Default for Carried {
    fn default() -> Carried {
        Carried { offset: 0, last: EDGE, active: Vec::new() }
    }
}

impl Carried {
    /// Becomes as another one is. Without memory it is of no use.
    pub fn become_as(&mut self, other: &Carried) -> Room<()> {
        (self.offset, self.last) = (other.offset, other.last);
        self.active.clear();
        self.active.add_all(&other.active)
    }
}

/// Working memory of a scan.
#[derive(Default)]
pub struct Scratch {
    mark: Vec<u64>,
    round: u64,
    next: Vec<u32>,
}

impl Scratch {
    /// Memory for these tables.
    pub fn new(tables: &Tables) -> Room<Scratch> {
        Ok(Scratch { mark: filled(0, tables.count() as usize)?, round: 0, next: Vec::new() })
    }
}

/// Matches of a chunk, and the number of states that were visited. A match whose end depends on the byte after it comes with
/// that byte, in the next chunk if need be; every other one comes with its last byte.
pub fn scan(
    tables: &Tables,
    carried: &mut Carried,
    scratch: &mut Scratch,
    stream: u32,
    chunk: &[u8],
    out: &mut Vec<Match>,
) -> Room<u64> {
    let mut visits = 0;
    for byte in chunk {
        let kind = kind_of(*byte);
        report_waiting(tables, &carried.active, Place { stream, end: carried.offset }, kind, out)?;
        scratch.round += 1;
        scratch.next.clear();
        let (mark, round, next) = (&mut scratch.mark, scratch.round, &mut scratch.next);
        let mut enter = |state: u32| {
            if mark[state as usize] != round {
                mark[state as usize] = round;
                return next.add(state);
            }
            Ok(())
        };
        for state in &carried.active {
            let mut following = tables.successors(*state).iter().filter(|next| tables.takes(**next, *byte));
            following.try_for_each(|next| enter(*next))?;
        }
        let begins = |state: &&u32| tables.starts(**state) & carried.last != 0;
        tables.starting(*byte).iter().filter(begins).try_for_each(|state| enter(*state))?;
        visits += next.len() as u64;
        core::mem::swap(&mut carried.active, next);
        carried.offset += 1;
        carried.last = kind;
        report(tables, &carried.active, Place { stream, end: carried.offset }, out)?;
    }
    Ok(visits)
}

/// The stream is over: what ends at its last byte, if it is the last.
pub fn finish(tables: &Tables, carried: &mut Carried, stream: u32, out: &mut Vec<Match>) -> Room<()> {
    report_waiting(tables, &carried.active, Place { stream, end: carried.offset }, EDGE, out)?;
    carried.active.clear();
    Ok(())
}

/// Where matches end.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The stream.
    pub stream: u32,
    /// Bytes of it before the end.
    pub end: u64,
}

/// What ends with active states, whatever comes next.
#[inline]
pub fn report(tables: &Tables, active: &[u32], place: Place, out: &mut Vec<Match>) -> Room<()> {
    for state in active {
        let ends = tables.accepts(*state).iter().filter(|accept| accept.next == ANY);
        out.add_each(ends.map(|accept| Match { pattern: accept.pattern, stream: place.stream, end: place.end }))?;
    }
    Ok(())
}

/// The kind of the next byte is known: what ends before it and was not reported.
#[inline]
pub fn report_waiting(tables: &Tables, active: &[u32], place: Place, next: Kinds, out: &mut Vec<Match>) -> Room<()> {
    for state in active {
        for accept in tables.accepts(*state) {
            if accept.next != ANY && accept.next & next != 0 && !reported(tables, active, accept.pattern) {
                out.add(Match { pattern: accept.pattern, stream: place.stream, end: place.end })?;
            }
        }
    }
    Ok(())
}

/// Whether the pattern ends with one of the states in any case, so that [`report`] has said so.
#[cold]
fn reported(tables: &Tables, active: &[u32], pattern: u32) -> bool {
    let always =
        |state: &u32| tables.accepts(*state).iter().any(|accept| accept.next == ANY && accept.pattern == pattern);
    active.iter().any(always)
}
