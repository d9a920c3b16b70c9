// SPDX-License-Identifier: MIT OR Apache-2.0
//! States of many patterns that are always active together become one.
//!
//! Two states are active together if the same bytes lead to them, matches begin with them alike, and the same states come
//! before them. Common prefixes fall together by that, as in a trie; what lies on a cycle longer than one state stays.

use super::bytes::{ByteSet, Kinds};
use super::tables::Draft;
use crate::base::room::{Grow, Room, filled, list, room_in};
use std::collections::HashMap;

#[derive(PartialEq, Eq, Hash)]
struct Likeness {
    bytes: ByteSet,
    starts: Kinds,
    loops: bool,
    before: Vec<u32>,
}

/// The merged states, and which of them each state has become. New numbers follow the order of the old ones.
pub fn prefixes(drafts: Vec<Draft>) -> Room<(Vec<Draft>, Vec<u32>)> {
    let place = places(&drafts)?;
    let count = place.iter().max().map_or(0, |last| *last as usize + 1);
    let mut merged: Vec<Option<Draft>> = list((0..count).map(|_| None))?;
    for (mut draft, place_of) in drafts.into_iter().zip(&place) {
        draft.successors.iter_mut().for_each(|next| *next = place[*next as usize]);
        match &mut merged[*place_of as usize] {
            Some(into) => {
                into.successors.add_all(&draft.successors)?;
                into.accepts.add_all(&draft.accepts)?;
            }
            empty => *empty = Some(draft),
        }
    }
    let mut merged: Vec<Draft> = list(merged.into_iter().flatten())?;
    for draft in &mut merged {
        draft.successors.sort_unstable();
        draft.successors.dedup();
        draft.accepts.sort_unstable();
        draft.accepts.dedup_by(|next, kept| {
            let same = next.pattern == kept.pattern;
            if same {
                kept.next |= next.next;
            }
            same
        });
    }
    Ok((merged, place))
}

/// The place of each state, in topological order as far as there is one.
fn places(drafts: &[Draft]) -> Room<Vec<u32>> {
    const NONE: u32 = u32::MAX;
    let mut before: Vec<Vec<u32>> = list(drafts.iter().map(|_| Vec::new()))?;
    let mut loops = filled(false, drafts.len())?;
    for (state, draft) in drafts.iter().enumerate() {
        for next in &draft.successors {
            if *next as usize == state {
                loops[state] = true;
            } else {
                before[*next as usize].add(state as u32)?;
            }
        }
    }
    let mut missing: Vec<usize> = list(before.iter().map(Vec::len))?;
    let mut place = filled(NONE, drafts.len())?;
    let mut known: HashMap<Likeness, u32> = HashMap::new();
    let mut count = 0;
    let mut ready: Vec<u32> = list((0..drafts.len() as u32).rev().filter(|state| missing[*state as usize] == 0))?;
    let mut unplaced = 0;
    loop {
        let (state, on_cycle) = match ready.pop() {
            Some(state) => (state as usize, false),
            None => match (unplaced..drafts.len()).find(|state| place[*state] == NONE) {
                Some(state) => (state, true),
                None => break,
            },
        };
        if on_cycle {
            unplaced = state + 1;
        }
        if place[state] != NONE {
            continue;
        }
        let draft = &drafts[state];
        let mut fresh = || {
            count += 1;
            count - 1
        };
        place[state] = if on_cycle {
            fresh()
        } else {
            let mut predecessors: Vec<u32> = list(before[state].iter().map(|state| place[*state as usize]))?;
            predecessors.sort_unstable();
            predecessors.dedup();
            let like = Likeness { bytes: draft.bytes, starts: draft.starts, loops: loops[state], before: predecessors };
            room_in(&mut known)?;
            *known.entry(like).or_insert_with(fresh)
        };
        for next in &draft.successors {
            let next = *next as usize;
            if next != state {
                missing[next] -= 1;
                if missing[next] == 0 && place[next] == NONE {
                    ready.add(next as u32)?;
                }
            }
        }
    }
    Ok(place)
}
