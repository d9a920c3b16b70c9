// SPDX-License-Identifier: MIT OR Apache-2.0
//! The position automaton of a pattern (Glushkov): a state for each position, entered by reading a byte of that position.
//!
//! Every edge, and every way in and out, has a condition on the place it crosses. As both bytes beside a place belong to
//! positions, splitting a position by the kinds of its bytes decides the condition of each edge at compile time. What is
//! left are two sets of kinds: of the byte before a match's first byte, and of the byte after its last one.

use super::bytes::{ANY, ByteSet, EDGE, KINDS, Kinds};
use super::condition::Condition;
use super::parse::{Node, Parsed};
use super::pattern::{CompileError, PATTERN_EDGES, PATTERN_PASSES, What};
use crate::base::room::{Grow, Room, copied, each, filled, list};
use crate::base::status::Status;

/// A state of a pattern's automaton.
#[derive(Debug)]
pub struct State {
    /// The bytes that lead here.
    pub bytes: ByteSet,
    /// Kinds of the byte before, where a match begins with this state; 0 where none does.
    pub starts: Kinds,
    /// Kinds of the byte after, where a match ends with this state; 0 where none does.
    pub accepts: Kinds,
    /// States that can follow, upwards.
    pub successors: Vec<u32>,
}

/// A pattern's automaton.
#[derive(Debug)]
pub struct Automaton {
    /// Its states.
    pub states: Vec<State>,
    /// The states that each position of the pattern has become.
    pub of_position: Vec<Vec<u32>>,
}

type Places = Vec<(u32, Condition)>;

/// How a node can be entered, left and passed.
struct Ways {
    first: Places,
    last: Places,
    empty: Condition,
}

struct Builder {
    follow: Vec<Places>,
    edges: usize,
    passes: usize,
}

/// Builds the automaton of a pattern.
pub fn build(parsed: &Parsed) -> Result<Automaton, CompileError> {
    let mut builder = Builder { follow: list(parsed.positions.iter().map(|_| Vec::new()))?, edges: 0, passes: 0 };
    let mut ways = builder.node(&parsed.root)?;
    if ways.first.is_empty() {
        let message = match ways.empty {
            Condition::NEVER => "it matches nothing",
            _ => "it matches only the empty text, which is never reported",
        };
        return Err(CompileError::at(Status::INVALID, None, message));
    }
    merge(&mut ways.first);
    merge(&mut ways.last);
    builder.follow.iter_mut().for_each(merge);
    let automaton = trim(split(&parsed.positions, &ways, &builder.follow)?)?;
    if automaton.states.is_empty() {
        return Err(CompileError::at(Status::INVALID, None, "it matches nothing"));
    }
    Ok(automaton)
}

/// Sorts by position; alternatives between the same places become one.
fn merge(places: &mut Places) {
    places.sort_unstable_by_key(|(position, _)| *position);
    places.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.or(next.1);
        }
        same
    });
    places.retain(|(_, condition)| *condition != Condition::NEVER);
}

fn with(places: &[(u32, Condition)], condition: Condition) -> Room<Places> {
    let both = places.iter().map(|(position, own)| (*position, own.and(condition)));
    list(both.filter(|(_, both)| *both != Condition::NEVER))
}

impl Builder {
    fn node(&mut self, node: &Node) -> Result<Ways, CompileError> {
        Ok(match node {
            Node::Empty(condition) => Ways { first: Vec::new(), last: Vec::new(), empty: *condition },
            Node::Byte(position) => {
                let place = [(*position, Condition::ALWAYS)];
                Ways { first: copied(&place)?, last: copied(&place)?, empty: Condition::NEVER }
            }
            Node::Concat(parts) => self.sequence(parts, false)?,
            Node::Upto(parts) => self.sequence(parts, true)?,
            Node::Alternatives(parts) => {
                let mut all = Ways { first: Vec::new(), last: Vec::new(), empty: Condition::NEVER };
                for part in parts {
                    let ways = self.node(part)?;
                    all.first.add_all(&ways.first)?;
                    all.last.add_all(&ways.last)?;
                    all.empty = all.empty.or(ways.empty);
                }
                all
            }
            Node::Optional(sub) => Ways { empty: Condition::ALWAYS, ..self.node(sub)? },
            Node::Star(sub) => {
                let mut ways = self.node(sub)?;
                self.link(&ways.last, &ways.first)?;
                ways.empty = Condition::ALWAYS;
                ways
            }
        })
    }

    /// Parts one after the other; with `any` all their beginnings too, the empty one included.
    fn sequence(&mut self, parts: &[Node], any: bool) -> Result<Ways, CompileError> {
        let mut all = Ways { first: Vec::new(), last: Vec::new(), empty: Condition::ALWAYS };
        let mut ends = Vec::new();
        for part in parts {
            let ways = self.node(part)?;
            self.link(&all.last, &ways.first)?;
            all.first.add_all(&with(&ways.first, all.empty)?)?;
            if ways.empty != Condition::NEVER {
                self.pass(all.last.len())?;
            }
            all.last = with(&all.last, ways.empty)?;
            all.last.add_all(&ways.last)?;
            merge(&mut all.last);
            all.empty = all.empty.and(ways.empty);
            if any {
                ends.add_all(&all.last)?;
                self.count(all.last.len())?;
            }
        }
        if any {
            merge(&mut ends);
            (all.last, all.empty) = (ends, Condition::ALWAYS);
        }
        Ok(all)
    }

    fn link(&mut self, from: &[(u32, Condition)], to: &[(u32, Condition)]) -> Result<(), CompileError> {
        self.count(from.len() * to.len())?;
        for (before, leaves) in from {
            let follow = &mut self.follow[*before as usize];
            follow.add_each(to.iter().map(|(after, enters)| (*after, leaves.and(*enters))))?;
        }
        Ok(())
    }

    /// So many ways lead past a part, all of them looked at: bounded, as edges are.
    fn pass(&mut self, ways: usize) -> Result<(), CompileError> {
        self.passes += ways;
        if self.passes > PATTERN_PASSES {
            let what = What::MoreThan(PATTERN_PASSES, "ways past parts that may read nothing");
            return Err(CompileError::at(Status::LIMIT, None, what));
        }
        Ok(())
    }

    /// Work is bounded: a pattern cannot be small and its automaton huge.
    fn count(&mut self, edges: usize) -> Result<(), CompileError> {
        self.edges += edges;
        if self.edges > PATTERN_EDGES {
            let what = What::MoreThan(PATTERN_EDGES, "edges between its states");
            return Err(CompileError::at(Status::LIMIT, None, what));
        }
        Ok(())
    }
}

/// Each position becomes as many states as conditions beside it tell kinds of its bytes apart.
fn split(positions: &[ByteSet], ways: &Ways, follow: &[Places]) -> Room<Automaton> {
    let kinds_of = group_kinds(positions.len(), ways, follow)?;
    let mut states = Vec::new();
    let mut of_position: Vec<Vec<u32>> = Vec::new();
    let mut kind_of_state = Vec::new();
    for (bytes, groups) in positions.iter().zip(&kinds_of) {
        let mut own = Vec::new();
        for group in groups.iter().filter(|group| **group != 0) {
            let bytes = if *group == ANY & !EDGE { *bytes } else { bytes.of_kinds(*group) };
            if bytes.is_empty() {
                continue;
            }
            own.add(states.len() as u32)?;
            kind_of_state.add(group.trailing_zeros() as usize)?;
            states.add(State { bytes, starts: 0, accepts: 0, successors: Vec::new() })?;
        }
        of_position.add(own)?;
    }
    for (position, condition) in &ways.first {
        for state in &of_position[*position as usize] {
            states[*state as usize].starts = condition.before(kind_of_state[*state as usize]);
        }
    }
    for (position, condition) in &ways.last {
        for state in &of_position[*position as usize] {
            states[*state as usize].accepts = condition.after(kind_of_state[*state as usize]);
        }
    }
    for (position, places) in follow.iter().enumerate() {
        for state in &of_position[position] {
            let before = kind_of_state[*state as usize];
            let mut successors = Vec::new();
            for (after, condition) in places {
                let next = of_position[*after as usize].iter();
                successors
                    .add_each(next.filter(|next| condition.allows(before, kind_of_state[**next as usize])).copied())?;
            }
            successors.sort_unstable();
            states[*state as usize].successors = successors;
        }
    }
    Ok(Automaton { states, of_position })
}

/// Keeps the states that lie on a way from a start to an accept.
fn trim(automaton: Automaton) -> Room<Automaton> {
    let Automaton { states, of_position } = automaton;
    let mut before: Vec<Vec<u32>> = list(states.iter().map(|_| Vec::new()))?;
    for (state, own) in states.iter().enumerate() {
        own.successors.iter().try_for_each(|next| before[*next as usize].add(state as u32))?;
    }
    let all = 0..states.len() as u32;
    let starts = all.clone().filter(|state| states[*state as usize].starts != 0);
    let accepts = all.filter(|state| states[*state as usize].accepts != 0);
    let reached = closure(states.len(), starts, |state| &states[state as usize].successors)?;
    let useful = closure(states.len(), accepts, |state| &before[state as usize])?;
    let mut place = filled(None, states.len())?;
    let kept = (0..states.len()).filter(|state| reached[*state] && useful[*state]);
    kept.enumerate().for_each(|(new, old)| place[old] = Some(new as u32));
    let moved = |list_of: &[u32]| list(list_of.iter().filter_map(|state| place[*state as usize]));
    let of_position = each(of_position.iter().map(|own| moved(own)))?;
    let mut kept = Vec::new();
    for (state, _) in states.iter().zip(&place).filter(|(_, place)| place.is_some()) {
        kept.add(State { successors: moved(&state.successors)?, ..*state })?;
    }
    Ok(Automaton { states: kept, of_position })
}

fn closure<'a>(count: usize, from: impl Iterator<Item = u32>, next: impl Fn(u32) -> &'a Vec<u32>) -> Room<Vec<bool>> {
    let mut seen = filled(false, count)?;
    let mut open: Vec<u32> = list(from)?;
    open.iter().for_each(|state| seen[*state as usize] = true);
    while let Some(state) = open.pop() {
        for after in next(state) {
            if !core::mem::replace(&mut seen[*after as usize], true) {
                open.add(*after)?;
            }
        }
    }
    Ok(seen)
}

/// The groups of kinds of a position; 0 where there are fewer.
type Groups = [Kinds; KINDS - 1];

/// For each position the sets of kinds that no condition beside it tells apart.
fn group_kinds(count: usize, ways: &Ways, follow: &[Places]) -> Room<Vec<Groups>> {
    // What tells kinds apart at a position: conditions after it (rows) and before it (columns).
    let mut rows: Vec<Vec<Condition>> = list((0..count).map(|_| Vec::new()))?;
    let mut columns: Vec<Vec<Condition>> = list((0..count).map(|_| Vec::new()))?;
    let note = |list: &mut Vec<Condition>, condition: Condition| -> Room<()> {
        if condition != Condition::ALWAYS && !list.contains(&condition) {
            list.add(condition)?;
        }
        Ok(())
    };
    ways.first.iter().try_for_each(|(position, condition)| note(&mut columns[*position as usize], *condition))?;
    ways.last.iter().try_for_each(|(position, condition)| note(&mut rows[*position as usize], *condition))?;
    for (position, places) in follow.iter().enumerate() {
        for (after, condition) in places {
            note(&mut rows[position], *condition)?;
            note(&mut columns[*after as usize], *condition)?;
        }
    }
    let same = |position: usize, left: usize, right: usize| {
        rows[position].iter().all(|condition| condition.after(left) == condition.after(right))
            && columns[position].iter().all(|condition| condition.before(left) == condition.before(right))
    };
    list((0..count).map(|position| {
        let mut groups: Groups = [0; KINDS - 1];
        // Kind number 0 is the edge, which is no byte.
        for kind in 1..KINDS {
            let fits = |group: &&mut Kinds| **group == 0 || same(position, group.trailing_zeros() as usize, kind);
            if let Some(group) = groups.iter_mut().find(fits) {
                *group |= 1 << kind;
            }
        }
        groups
    }))
}
