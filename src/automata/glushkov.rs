// SPDX-License-Identifier: MIT OR Apache-2.0
//! The position automaton of a pattern (Glushkov): a state for each position, entered by reading a byte of that position.
//!
//! Every edge, and every way in and out, has a condition on the place it crosses. As both bytes beside a place belong to
//! positions, splitting a position by the kinds of its bytes decides the condition of each edge at compile time. What is
//! left are two sets of kinds: of the byte before a match's first byte, and of the byte after its last one.

use super::bytes::{ANY, ByteSet, EDGE, KINDS, Kinds};
use super::condition::Condition;
use super::parse::{Node, Parsed};
use super::pattern::{CompileError, PATTERN_EDGES};
use crate::base::status::Status;

/// A state of a pattern's automaton.
#[derive(Clone, Debug)]
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
}

/// Builds the automaton of a pattern.
pub fn build(parsed: &Parsed) -> Result<Automaton, CompileError> {
    let mut builder = Builder { follow: vec![Vec::new(); parsed.positions.len()], edges: 0 };
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
    let automaton = trim(split(&parsed.positions, &ways, &builder.follow));
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

fn with(places: &[(u32, Condition)], condition: Condition) -> Places {
    places
        .iter()
        .map(|(position, own)| (*position, own.and(condition)))
        .filter(|(_, c)| *c != Condition::NEVER)
        .collect()
}

impl Builder {
    fn node(&mut self, node: &Node) -> Result<Ways, CompileError> {
        Ok(match node {
            Node::Empty(condition) => Ways { first: Vec::new(), last: Vec::new(), empty: *condition },
            Node::Byte(position) => {
                let place = vec![(*position, Condition::ALWAYS)];
                Ways { first: place.clone(), last: place, empty: Condition::NEVER }
            }
            Node::Concat(parts) => self.sequence(parts, false)?,
            Node::Upto(parts) => self.sequence(parts, true)?,
            Node::Alternatives(parts) => {
                let mut all = Ways { first: Vec::new(), last: Vec::new(), empty: Condition::NEVER };
                for part in parts {
                    let ways = self.node(part)?;
                    all.first.extend(ways.first);
                    all.last.extend(ways.last);
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
            all.first.extend(with(&ways.first, all.empty));
            all.last = with(&all.last, ways.empty);
            all.last.extend(ways.last);
            merge(&mut all.last);
            all.empty = all.empty.and(ways.empty);
            if any {
                ends.extend_from_slice(&all.last);
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
            follow.extend(to.iter().map(|(after, enters)| (*after, leaves.and(*enters))));
        }
        Ok(())
    }

    /// Work is bounded: a pattern cannot be small and its automaton huge.
    fn count(&mut self, edges: usize) -> Result<(), CompileError> {
        self.edges += edges;
        if self.edges > PATTERN_EDGES {
            let message = format!("it has more than {PATTERN_EDGES} edges between its states");
            return Err(CompileError::at(Status::LIMIT, None, message));
        }
        Ok(())
    }
}

/// Each position becomes as many states as conditions beside it tell kinds of its bytes apart.
fn split(positions: &[ByteSet], ways: &Ways, follow: &[Places]) -> Automaton {
    let kinds_of = group_kinds(positions.len(), ways, follow);
    let mut states = Vec::new();
    let mut of_position: Vec<Vec<u32>> = Vec::new();
    let mut kind_of_state = Vec::new();
    for (position, bytes) in positions.iter().enumerate() {
        let mut own = Vec::new();
        for group in &kinds_of[position] {
            let bytes = if *group == ANY & !EDGE { *bytes } else { bytes.of_kinds(*group) };
            if bytes.is_empty() {
                continue;
            }
            own.push(states.len() as u32);
            kind_of_state.push(group.trailing_zeros() as usize);
            states.push(State { bytes, starts: 0, accepts: 0, successors: Vec::new() });
        }
        of_position.push(own);
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
            let next = places.iter().flat_map(|(after, condition)| {
                of_position[*after as usize].iter().map(move |next| (*next, *condition))
            });
            let allowed = next.filter(|(next, condition)| condition.allows(before, kind_of_state[*next as usize]));
            let mut successors: Vec<u32> = allowed.map(|(next, _)| next).collect();
            successors.sort_unstable();
            states[*state as usize].successors = successors;
        }
    }
    Automaton { states, of_position }
}

/// Keeps the states that lie on a way from a start to an accept.
fn trim(automaton: Automaton) -> Automaton {
    let Automaton { states, of_position } = automaton;
    let mut before: Vec<Vec<u32>> = vec![Vec::new(); states.len()];
    for (state, own) in states.iter().enumerate() {
        own.successors.iter().for_each(|next| before[*next as usize].push(state as u32));
    }
    let all = 0..states.len() as u32;
    let starts = all.clone().filter(|state| states[*state as usize].starts != 0);
    let accepts = all.filter(|state| states[*state as usize].accepts != 0);
    let reached = closure(states.len(), starts, |state| &states[state as usize].successors);
    let useful = closure(states.len(), accepts, |state| &before[state as usize]);
    let mut place = vec![None; states.len()];
    let kept = (0..states.len()).filter(|state| reached[*state] && useful[*state]);
    kept.enumerate().for_each(|(new, old)| place[old] = Some(new as u32));
    let moved = |list: &[u32]| list.iter().filter_map(|state| place[*state as usize]).collect::<Vec<u32>>();
    let of_position = of_position.iter().map(|list| moved(list)).collect();
    let kept = states.iter().zip(&place).filter(|(_, place)| place.is_some());
    let states = kept.map(|(state, _)| State { successors: moved(&state.successors), ..state.clone() }).collect();
    Automaton { states, of_position }
}

fn closure<'a>(count: usize, from: impl Iterator<Item = u32>, next: impl Fn(u32) -> &'a Vec<u32>) -> Vec<bool> {
    let mut seen = vec![false; count];
    let mut open: Vec<u32> = from.collect();
    open.iter().for_each(|state| seen[*state as usize] = true);
    while let Some(state) = open.pop() {
        for after in next(state) {
            if !seen[*after as usize] {
                seen[*after as usize] = true;
                open.push(*after);
            }
        }
    }
    seen
}

/// For each position the sets of kinds that no condition beside it tells apart.
fn group_kinds(count: usize, ways: &Ways, follow: &[Places]) -> Vec<Vec<Kinds>> {
    // What tells kinds apart at a position: conditions after it (rows) and before it (columns).
    let mut rows: Vec<Vec<Condition>> = vec![Vec::new(); count];
    let mut columns: Vec<Vec<Condition>> = vec![Vec::new(); count];
    let note = |list: &mut Vec<Condition>, condition: Condition| {
        if condition != Condition::ALWAYS && !list.contains(&condition) {
            list.push(condition);
        }
    };
    ways.first.iter().for_each(|(position, condition)| note(&mut columns[*position as usize], *condition));
    ways.last.iter().for_each(|(position, condition)| note(&mut rows[*position as usize], *condition));
    for (position, places) in follow.iter().enumerate() {
        for (after, condition) in places {
            note(&mut rows[position], *condition);
            note(&mut columns[*after as usize], *condition);
        }
    }
    let same = |position: usize, left: usize, right: usize| {
        rows[position].iter().all(|condition| condition.after(left) == condition.after(right))
            && columns[position].iter().all(|condition| condition.before(left) == condition.before(right))
    };
    (0..count)
        .map(|position| {
            let mut groups: Vec<Kinds> = Vec::new();
            // Kind number 0 is the edge, which is no byte.
            for kind in 1..KINDS {
                match groups.iter_mut().find(|group| same(position, group.trailing_zeros() as usize, kind)) {
                    Some(group) => *group |= 1 << kind,
                    None => groups.push(1 << kind),
                }
            }
            groups
        })
        .collect()
}
