// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mandatory factors: runs of bytes of which every match of a pattern contains one.
//!
//! A text in which no factor of a pattern occurs has no match of it, and factors are found much faster than patterns are
//! matched. Where a factor occurs, the rest is verified: backwards from its first state to a start, forwards from its last
//! one. So the factors of a pattern are a cut through its automaton, with few bytes before it.

use super::bytes::ByteSet;
use super::glushkov::Automaton;
use super::parse::{Node, Parsed};
use crate::base::room::{Grow, Room, copied, each, filled, list};

/// Shortest factor, in bytes.
pub const FACTOR_MIN: usize = 3;
/// Longest factor.
pub const FACTOR_MAX: usize = 64;
/// Most texts of a part that are written out.
const ALTERNATIVES_MAX: usize = 48;
/// Most factors of a pattern.
const FACTORS_MAX: usize = 256;
/// How far verification may look back from the end of a factor, one byte for the kind before the match included.
pub const REACH_MAX: usize = 512;

/// A factor of a pattern.
#[derive(PartialEq, Eq, Debug)]
pub struct Factor {
    /// The bytes that each of its places takes, one or both cases of a letter; [`FACTOR_MIN`] to [`FACTOR_MAX`] places.
    pub bytes: Vec<ByteSet>,
    /// The state of its first place.
    pub enter: u32,
    /// The state of its last place.
    pub seed: u32,
    /// How many bytes before the factor's end verification can look at, the one before the match included.
    pub reach: u32,
    /// The pattern.
    pub pattern: u32,
}

/// A row of positions.
type Chain = Vec<u32>;

/// What is known of a part of a pattern.
struct Known {
    /// Every text that it matches, as rows of positions, where they are few and short.
    exact: Option<Vec<Chain>>,
    /// The best rows of which each match contains one.
    best: Option<Vec<Chain>>,
    /// Longest text.
    most: Option<usize>,
}

/// The factors of a pattern as states of its automaton: `None` where it has none that are good enough.
pub fn factors(parsed: &Parsed, automaton: &Automaton) -> Room<Option<Vec<Factor>>> {
    let known = Finder { parsed, automaton }.node(&parsed.root, Some(0))?;
    let Some(chains) = known.best else { return Ok(None) };
    let before = lengths_before(automaton)?;
    let mut factors = Vec::new();
    for chain in &chains {
        match factor(chain, parsed, automaton, &before)? {
            Some(factor) => factors.add(factor)?,
            None => return Ok(None),
        }
    }
    Ok(Some(factors).filter(|factors| !factors.is_empty()))
}

fn factor(chain: &[u32], parsed: &Parsed, automaton: &Automaton, before: &[Option<usize>]) -> Room<Option<Factor>> {
    let state = |position: Option<&u32>| automaton.of_position[*position? as usize].first().copied();
    let (Some(enter), Some(seed)) = (state(chain.first()), state(chain.last())) else { return Ok(None) };
    let Some(before) = before[enter as usize] else { return Ok(None) };
    let reach = before + chain.len() + 1;
    if reach > REACH_MAX {
        return Ok(None);
    }
    let bytes = list(chain.iter().map(|position| parsed.positions[*position as usize]))?;
    Ok(Some(Factor { bytes, enter, seed, reach: reach as u32, pattern: 0 }))
}

/// For each state the most bytes that a match can have before it; `None` where that is unbounded.
fn lengths_before(automaton: &Automaton) -> Room<Vec<Option<usize>>> {
    let count = automaton.states.len();
    let mut entries = filled(0u32, count)?;
    for state in &automaton.states {
        state.successors.iter().for_each(|next| entries[*next as usize] += 1);
    }
    // In topological order; what lies on a cycle or behind one is never reached and stays unbounded.
    let mut ready: Vec<usize> = list((0..count).filter(|state| entries[*state] == 0))?;
    let mut most = filled(0usize, count)?;
    let mut bounded = filled(None, count)?;
    while let Some(state) = ready.pop() {
        bounded[state] = Some(most[state]);
        for next in &automaton.states[state].successors {
            let next = *next as usize;
            most[next] = most[next].max(most[state] + 1);
            entries[next] -= 1;
            if entries[next] == 0 {
                ready.add(next)?;
            }
        }
    }
    Ok(bounded)
}

struct Finder<'a> {
    parsed: &'a Parsed,
    automaton: &'a Automaton,
}

impl Finder<'_> {
    /// `before`: the most bytes of a match before this part; `None` unbounded, where no factor is of use.
    fn node(&self, node: &Node, before: Option<usize>) -> Room<Known> {
        Ok(match node {
            Node::Empty(condition) => {
                let always = *condition == super::condition::Condition::ALWAYS;
                let exact = if always { Some(empty_chain()?) } else { None };
                Known { exact, best: None, most: Some(0) }
            }
            Node::Byte(position) => {
                let exact = if self.is_letter(*position) { Some(one(copied(&[*position])?)?) } else { None };
                Known { exact, best: None, most: Some(1) }
            }
            Node::Concat(parts) => self.concat(parts, before)?,
            Node::Alternatives(parts) => {
                let known: Vec<Known> = each(parts.iter().map(|part| self.node(part, before)))?;
                Known {
                    exact: union(&known, ALTERNATIVES_MAX, |part| &part.exact)?,
                    best: union(&known, FACTORS_MAX, |part| &part.best)?,
                    most: longest(&known),
                }
            }
            Node::Optional(sub) => {
                let mut known = self.node(sub, before)?;
                if let Some(chains) = &mut known.exact {
                    chains.add(Vec::new())?;
                }
                Known { best: None, ..known }
            }
            Node::Star(_) => Known { exact: None, best: None, most: None },
            Node::Upto(parts) => {
                let known: Vec<Known> = each(parts.iter().map(|part| self.node(part, None)))?;
                let most = known.iter().try_fold(0usize, |sum, part| Some(sum + part.most?));
                Known { exact: beginnings(&known)?, best: None, most }
            }
        })
    }

    /// Whether a position is one of a literal.
    fn is_letter(&self, position: u32) -> bool {
        one_letter(&self.parsed.positions[position as usize])
            && self.automaton.of_position[position as usize].len() == 1
    }

    fn concat(&self, parts: &[Node], before: Option<usize>) -> Room<Known> {
        let mut best: Option<Vec<Chain>> = None;
        // The run that goes on, and the most bytes before it.
        let (mut run, mut begun) = (Some(empty_chain()?), before);
        let (mut at, mut most, mut whole) = (before, Some(0usize), true);
        for part in parts {
            // A letter after letters: nearly all parts of nearly all patterns.
            if let (Node::Byte(position), Some(chains)) = (part, &mut run)
                && self.is_letter(*position)
                && chains.iter().all(|chain| chain.len() < FACTOR_MAX)
            {
                chains.iter_mut().try_for_each(|chain| chain.add(*position))?;
                (at, most) = (at.map(|at| at + 1), most.map(|most| most + 1));
                continue;
            }
            let known = self.node(part, at)?;
            if near(at) {
                keep_better(&mut best, known.best, self.parsed);
            }
            let longer = match (&run, &known.exact) {
                (Some(run), Some(exact)) => product(run, exact)?,
                _ => None,
            };
            if longer.is_some() {
                run = longer;
            } else {
                whole = false;
                self.offer(&mut best, run.take(), begun);
                (run, begun) = (known.exact, at);
            }
            at = at.zip(known.most).map(|(at, most)| at + most);
            most = most.zip(known.most).map(|(sum, most)| sum + most);
        }
        let exact = match &run {
            Some(run) if whole => Some(each(run.iter().map(|chain| copied(chain)))?),
            _ => None,
        };
        self.offer(&mut best, run, begun);
        Ok(Known { exact, best, most })
    }

    /// A run that is over becomes a candidate, if little can come before it.
    fn offer(&self, best: &mut Option<Vec<Chain>>, run: Option<Vec<Chain>>, begun: Option<usize>) {
        let long = |chains: &Vec<Chain>| chains.iter().all(|chain| chain.len() >= FACTOR_MIN);
        keep_better(best, run.filter(|chains| near(begun) && long(chains)), self.parsed);
    }
}

/// The row of no positions, alone.
fn empty_chain() -> Room<Vec<Chain>> {
    one(Vec::new())
}

fn one(chain: Chain) -> Room<Vec<Chain>> {
    list(core::iter::once(chain))
}

/// Whether it is one byte, or a letter in both cases: what literals are made of.
fn one_letter(bytes: &ByteSet) -> bool {
    let mut all = bytes.iter();
    match (all.next(), all.next()) {
        (Some(_), None) => true,
        (Some(upper), Some(lower)) => {
            upper.is_ascii_uppercase() && upper.to_ascii_lowercase() == lower && bytes.len() == 2
        }
        _ => false,
    }
}

/// Whether so many bytes before a factor can be looked at.
fn near(before: Option<usize>) -> bool {
    before.is_some_and(|before| before < REACH_MAX - FACTOR_MAX)
}

/// The texts of all beginnings of a sequence, the empty one included.
fn beginnings(known: &[Known]) -> Room<Option<Vec<Chain>>> {
    let mut all = empty_chain()?;
    let mut run = empty_chain()?;
    for part in known {
        let longer = match &part.exact {
            Some(exact) => product(&run, exact)?,
            None => None,
        };
        match longer {
            Some(longer) if all.len() + longer.len() <= ALTERNATIVES_MAX => run = longer,
            _ => return Ok(None),
        }
        run.iter().try_for_each(|chain| all.add(copied(chain)?))?;
    }
    Ok(Some(all))
}

fn union(known: &[Known], limit: usize, of: impl Fn(&Known) -> &Option<Vec<Chain>>) -> Room<Option<Vec<Chain>>> {
    let count: Option<usize> = known.iter().map(|part| of(part).as_ref().map(Vec::len)).sum();
    if count.is_none_or(|count| count > limit) {
        return Ok(None);
    }
    each(known.iter().filter_map(|part| of(part).as_ref()).flatten().map(|chain| copied(chain))).map(Some)
}

fn longest(known: &[Known]) -> Option<usize> {
    known.iter().try_fold(0, |most, part| Some(part.most?.max(most)))
}

fn product(left: &[Chain], right: &[Chain]) -> Room<Option<Vec<Chain>>> {
    if left.len() * right.len() > ALTERNATIVES_MAX {
        return Ok(None);
    }
    let mut all = Vec::new();
    for head in left {
        for tail in right {
            if head.len() + tail.len() > FACTOR_MAX {
                return Ok(None);
            }
            let mut chain = copied(head)?;
            chain.add_all(tail)?;
            all.add(chain)?;
        }
    }
    Ok(Some(all))
}

/// Keeps the candidate whose hits are likely to be fewer.
fn keep_better(best: &mut Option<Vec<Chain>>, candidate: Option<Vec<Chain>>, parsed: &Parsed) {
    let Some(candidate) = candidate.filter(|chains| !chains.is_empty()) else { return };
    if best.as_ref().is_none_or(|best| hits(&candidate, parsed) < hits(best, parsed)) {
        *best = Some(candidate);
    }
}

/// How often text is expected to contain one of the chains: no more than an estimate, by how common bytes are.
fn hits(chains: &[Chain], parsed: &Parsed) -> f64 {
    let of_chain =
        |chain: &Chain| chain.iter().take(12).map(|place| likely(&parsed.positions[*place as usize])).product::<f64>();
    chains.iter().map(of_chain).sum()
}

/// Rough frequency of the bytes of a set in text.
fn likely(bytes: &ByteSet) -> f64 {
    let of_byte = |byte: u8| match byte {
        b' ' => 0.15,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' => 0.06,
        b's' | b'r' | b'h' | b'l' | b'd' | b'c' | b'u' | b'm' => 0.03,
        b'a'..=b'z' => 0.012,
        b'\n' | b'.' | b',' | b'-' | b'0'..=b'9' => 0.01,
        b'A'..=b'Z' | b'_' | b'/' | b':' | b'=' | b'"' | b'(' | b')' => 0.005,
        0 => 0.005,
        _ => 0.002,
    };
    bytes.iter().map(of_byte).sum()
}
