// SPDX-License-Identifier: MIT OR Apache-2.0
//! The regex crate as referee: which non-empty parts of a text a pattern matches, asked one part at a time.

use super::random;
use crate::automata::pattern::{Match, Pattern};
use crate::automata::reference::{self, Carried, Scratch};
use crate::automata::set::{Options, Set};
use crate::base::random::Random;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::BTreeSet;

/// For texts of one length: a regular expression for each part of the text.
pub struct Referee(Vec<(usize, Regex)>);

impl Referee {
    /// `None` where the crate refuses the pattern.
    pub fn new(pattern: &str, length: usize) -> Option<Referee> {
        let mut parts = Vec::new();
        for start in 0..length {
            for end in start + 1..=length {
                let (before, after) = (start, length - end);
                let text = format!(r"\A(?s-u:.){{{before}}}(?:{pattern})(?s-u:.){{{after}}}\z");
                parts.push((end, RegexBuilder::new(&text).unicode(false).build().ok()?));
            }
        }
        Some(Referee(parts))
    }

    /// Ends of all matches that are not empty.
    pub fn ends(&self, text: &[u8]) -> BTreeSet<u64> {
        self.0.iter().filter(|(_, regex)| regex.is_match(text)).map(|(end, _)| *end as u64).collect()
    }
}

/// What the baseline finds in a stream that comes in chunks.
pub fn by_reference(set: &Set, stream: u32, chunks: &[&[u8]]) -> Vec<Match> {
    let mut all = Vec::new();
    for tables in set.tables() {
        let (mut carried, mut scratch, mut found) = (Carried::default(), Scratch::new(tables).unwrap(), Vec::new());
        for chunk in chunks {
            let mut of_chunk = Vec::new();
            reference::scan(tables, &mut carried, &mut scratch, stream, chunk, &mut of_chunk).unwrap();
            of_chunk.sort_unstable();
            of_chunk.dedup();
            found.extend(of_chunk);
        }
        let mut last = Vec::new();
        reference::finish(tables, &mut carried, stream, &mut last).unwrap();
        last.sort_unstable();
        last.dedup();
        found.extend(last);
        all.extend(found);
    }
    all.sort_unstable();
    all
}

#[test]
fn the_baseline_finds_what_the_regex_crate_finds_wherever_the_text_is_cut() {
    const LENGTH: usize = 7;
    let mut random = Random::new(0x5eed);
    let (mut compiled, mut matches) = (0, 0);
    while compiled < 250 {
        let text_of_pattern = random::pattern(&mut random, 3);
        let pattern = Pattern { text: text_of_pattern.as_bytes(), flags: 0 };
        let Ok(set) = Set::compile(&[pattern], &Options::default()) else { continue };
        let Some(referee) = Referee::new(&text_of_pattern, LENGTH) else { continue };
        compiled += 1;
        for _ in 0..12 {
            let text = random::text(&mut random, LENGTH);
            let expected: Vec<u64> = referee.ends(&text).into_iter().collect();
            matches += expected.len();
            for cut in 0..=LENGTH {
                let found = by_reference(&set, 0, &[&text[..cut], &text[cut..]]);
                let ends: Vec<u64> = found.iter().map(|found| found.end).collect();
                assert_eq!(ends, expected, "{text_of_pattern:?} on {:?} cut at {cut}", String::from_utf8_lossy(&text));
            }
        }
    }
    assert!(matches > 1000, "the patterns match: {matches}");
}

#[test]
fn a_wrong_edge_is_noticed() {
    let patterns = [Pattern { text: b"ab[ab]c", flags: 0 }];
    let set = Set::compile(&patterns, &Options { factors: false, ..Options::default() }).expect("valid");
    let text = b"abac abbc abac";
    let right = by_reference(&set, 0, &[text]);
    let edges = set.rest[0].edges().values().len();
    for edge in 0..edges {
        let target = (set.rest[0].edges().values()[edge] + 1) % set.rest[0].count();
        let wrong = Set {
            rest: vec![set.rest[0].with_wrong_edge(edge, target)],
            ..Set::compile(&patterns, &Options { factors: false, ..Options::default() }).expect("valid")
        };
        assert_ne!(by_reference(&wrong, 0, &[text]), right, "edge {edge}");
    }
}
