// SPDX-License-Identifier: MIT OR Apache-2.0
//! A compiled set: tables of the patterns that have mandatory factors, and of the rest.

use super::factor::{self, Factor};
use super::glushkov::{self, Automaton};
use super::parse;
use super::pattern::{CompileError, FLAGS, PATTERN_STATES, PATTERNS_MAX, Pattern, What};
use super::tables::{Gather, Tables};
use crate::base::room::{Grow, each};
use crate::base::status::Status;

/// Most automata of patterns without factors.
pub const RESTS: usize = 2;

/// How a set is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Most states of one pattern.
    pub pattern_states: usize,
    /// Whether factors are looked for; without them every pattern is one of the rest.
    pub factors: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { pattern_states: PATTERN_STATES, factors: true }
    }
}

/// A compiled set.
#[derive(Debug)]
pub struct Set {
    /// Number of patterns.
    pub patterns: u32,
    /// The automaton of the patterns that have factors.
    pub factored: Tables,
    /// Their factors.
    pub factors: Vec<Factor>,
    /// Automata of the others: of those that count bytes of any value an own one, so that their many sets of active states
    /// are not multiplied with those of the others.
    pub rest: Vec<Tables>,
    /// How many patterns have factors.
    pub patterns_factored: u32,
}

impl Set {
    /// Compiles a set.
    pub fn compile(patterns: &[Pattern<'_>], options: &Options) -> Result<Set, CompileError> {
        if patterns.is_empty() {
            return Err(CompileError::of_set(Status::INVALID, "a set without patterns"));
        }
        if patterns.len() > PATTERNS_MAX {
            return Err(CompileError::of_set(Status::LIMIT, "a set has 2^20 patterns at most"));
        }
        let (mut factored, mut rest) = (Gather::default(), [Gather::default(), Gather::default()]);
        let mut factors = Vec::new();
        let mut patterns_factored = 0;
        for (number, pattern) in patterns.iter().enumerate() {
            let named = |error: CompileError| match error.status {
                Status::NO_MEMORY => error,
                _ => CompileError { pattern: Some(number), ..error },
            };
            let (automaton, own, counts) = one(pattern, options).map_err(named)?;
            match own {
                Some(own) => {
                    let base = factored.add(number as u32, &automaton)?;
                    let placed = own.into_iter().map(|factor| Factor {
                        enter: factor.enter + base,
                        seed: factor.seed + base,
                        pattern: number as u32,
                        ..factor
                    });
                    factors.add_each(placed)?;
                    patterns_factored += 1;
                }
                None => {
                    rest[usize::from(counts)].add(number as u32, &automaton)?;
                }
            }
        }
        let (factored, place) = factored.finish()?;
        let all = rest.into_iter().map(|gather| gather.finish().map(|(tables, _)| tables));
        let rest = each(all.filter(|tables| tables.as_ref().map_or(true, |tables| tables.count() > 0)))?;
        for factor in &mut factors {
            (factor.enter, factor.seed) = (place[factor.enter as usize], place[factor.seed as usize]);
        }
        Ok(Set { patterns: patterns.len() as u32, factored, factors, rest, patterns_factored })
    }

    /// Every automaton.
    pub fn tables(&self) -> impl Iterator<Item = &Tables> {
        core::iter::once(&self.factored).chain(&self.rest)
    }

    /// How many bytes of a stream's past the factors need.
    pub fn reach(&self) -> usize {
        self.factors.iter().map(|factor| factor.reach as usize).max().unwrap_or(0)
    }
}

/// The automaton of a pattern, its factors, and whether it counts.
fn one(pattern: &Pattern<'_>, options: &Options) -> Result<(Automaton, Option<Vec<Factor>>, bool), CompileError> {
    if pattern.flags & !FLAGS != 0 {
        return Err(CompileError::at(Status::INVALID, None, What::Flags(pattern.flags & !FLAGS)));
    }
    let parsed = parse::parse(pattern, options.pattern_states)?;
    let automaton = glushkov::build(&parsed)?;
    let own = if options.factors { factor::factors(&parsed, &automaton)? } else { None };
    Ok((automaton, own, parsed.counts))
}
