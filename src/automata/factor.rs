// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mandatory factors: runs of bytes of which every match of a pattern contains one.
//!
//! A text in which no factor of a pattern occurs has no match of it, and factors are found much faster than patterns are
//! matched. Where a factor occurs, the rest is verified: backwards from its first state to a start, forwards from its last
//! one. So the factors of a pattern are a cut through its automaton, with few bytes before it.

use super::bytes::ByteSet;
use super::glushkov::Automaton;
use super::parse::{Node, Parsed};

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
#[derive(Clone, PartialEq, Eq, Debug)]
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
pub fn factors(parsed: &Parsed, automaton: &Automaton) -> Option<Vec<Factor>> {
    let known = Finder { parsed, automaton }.node(&parsed.root, Some(0));
    let chains = known.best?;
    let before = lengths_before(automaton);
    let factors: Option<Vec<Factor>> = chains.iter().map(|chain| factor(chain, parsed, automaton, &before)).collect();
    factors.filter(|factors| !factors.is_empty())
}

fn factor(chain: &Chain, parsed: &Parsed, automaton: &Automaton, before: &[Option<usize>]) -> Option<Factor> {
    let state = |position: &u32| automaton.of_position[*position as usize].first().copied();
    let (enter, seed) = (state(chain.first()?)?, state(chain.last()?)?);
    let reach = before[enter as usize]? + chain.len() + 1;
    let bytes = chain.iter().map(|position| parsed.positions[*position as usize]).collect();
    (reach <= REACH_MAX).then_some(Factor { bytes, enter, seed, reach: reach as u32, pattern: 0 })
}

/// For each state the most bytes that a match can have before it; `None` where that is unbounded.
fn lengths_before(automaton: &Automaton) -> Vec<Option<usize>> {
    let count = automaton.states.len();
    let mut entries = vec![0u32; count];
    for state in &automaton.states {
        state.successors.iter().for_each(|next| entries[*next as usize] += 1);
    }
    // In topological order; what lies on a cycle or behind one is never reached and stays unbounded.
    let mut ready: Vec<usize> = (0..count).filter(|state| entries[*state] == 0).collect();
    let mut most = vec![0usize; count];
    let mut bounded = vec![None; count];
    while let Some(state) = ready.pop() {
        bounded[state] = Some(most[state]);
        for next in &automaton.states[state].successors {
            let next = *next as usize;
            most[next] = most[next].max(most[state] + 1);
            entries[next] -= 1;
            if entries[next] == 0 {
                ready.push(next);
            }
        }
    }
    bounded
}

struct Finder<'a> {
    parsed: &'a Parsed,
    automaton: &'a Automaton,
}

impl Finder<'_> {
    /// `before`: the most bytes of a match before this part; `None` unbounded, where no factor is of use.
    fn node(&self, node: &Node, before: Option<usize>) -> Known {
        match node {
            Node::Empty(condition) => {
                let always = *condition == super::condition::Condition::ALWAYS;
                Known { exact: always.then(|| vec![Vec::new()]), best: None, most: Some(0) }
            }
            Node::Byte(position) => self.byte(*position),
            Node::Concat(parts) => self.concat(parts, before),
            Node::Alternatives(parts) => {
                let known: Vec<Known> = parts.iter().map(|part| self.node(part, before)).collect();
                Known {
                    exact: union(&known, ALTERNATIVES_MAX, |part| &part.exact),
                    best: union(&known, FACTORS_MAX, |part| &part.best),
                    most: longest(&known),
                }
            }
            Node::Optional(sub) => {
                let known = self.node(sub, before);
                let exact = known.exact.map(|mut chains| {
                    chains.push(Vec::new());
                    chains
                });
                Known { exact, best: None, most: known.most }
            }
            Node::Star(_) => Known { exact: None, best: None, most: None },
            Node::Upto(parts) => {
                let known: Vec<Known> = parts.iter().map(|part| self.node(part, None)).collect();
                let most = known.iter().try_fold(0usize, |sum, part| Some(sum + part.most?));
                Known { exact: beginnings(&known), best: None, most }
            }
        }
    }

    fn byte(&self, position: u32) -> Known {
        let few = one_letter(&self.parsed.positions[position as usize]);
        let one = self.automaton.of_position[position as usize].len() == 1;
        Known { exact: (few && one).then(|| vec![vec![position]]), best: None, most: Some(1) }
    }

    fn concat(&self, parts: &[Node], before: Option<usize>) -> Known {
        let mut best: Option<Vec<Chain>> = None;
        // The run that goes on, and the most bytes before it.
        let (mut run, mut begun) = (Some(vec![Vec::new()]), before);
        let (mut at, mut most, mut whole) = (before, Some(0usize), true);
        for part in parts {
            let known = self.node(part, at);
            if near(at) {
                keep_better(&mut best, known.best, self.parsed);
            }
            let longer = run.as_ref().and_then(|run| product(run, known.exact.as_ref()?));
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
        let exact = if whole { run.clone() } else { None };
        self.offer(&mut best, run, begun);
        Known { exact, best, most }
    }

    /// A run that is over becomes a candidate, if little can come before it.
    fn offer(&self, best: &mut Option<Vec<Chain>>, run: Option<Vec<Chain>>, begun: Option<usize>) {
        let long = |chains: &Vec<Chain>| chains.iter().all(|chain| chain.len() >= FACTOR_MIN);
        keep_better(best, run.filter(|chains| near(begun) && long(chains)), self.parsed);
    }
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
fn beginnings(known: &[Known]) -> Option<Vec<Chain>> {
    let mut all = vec![Vec::new()];
    let mut run = vec![Vec::new()];
    for part in known {
        run = product(&run, part.exact.as_ref()?)?;
        all.extend(run.iter().cloned());
    }
    (all.len() <= ALTERNATIVES_MAX).then_some(all)
}

fn union(known: &[Known], limit: usize, of: impl Fn(&Known) -> &Option<Vec<Chain>>) -> Option<Vec<Chain>> {
    let mut all = Vec::new();
    for part in known {
        all.extend(of(part).as_ref()?.iter().cloned());
    }
    (all.len() <= limit).then_some(all)
}

fn longest(known: &[Known]) -> Option<usize> {
    known.iter().try_fold(0, |most, part| Some(part.most?.max(most)))
}

fn product(left: &[Chain], right: &[Chain]) -> Option<Vec<Chain>> {
    if left.len() * right.len() > ALTERNATIVES_MAX {
        return None;
    }
    let mut all = Vec::with_capacity(left.len() * right.len());
    for head in left {
        for tail in right {
            if head.len() + tail.len() > FACTOR_MAX {
                return None;
            }
            all.push([head.as_slice(), tail.as_slice()].concat());
        }
    }
    Some(all)
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
