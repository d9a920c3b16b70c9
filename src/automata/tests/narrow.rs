// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts that make deterministic automata too large: what is read instead finds the same, and time stays in bounds.

use super::referee::by_reference;
use super::{engines, random};
use crate::automata::engine::{Engine, Failure, Mode, Plan, Reading};
use crate::automata::pattern::{Match, Pattern};
use crate::automata::scanner::{Compiled, Scanner};
use crate::automata::set::{Options, Set};
use crate::base::failing;
use crate::base::random::Random;

pub fn compiled(texts: &[String]) -> Option<Compiled> {
    let patterns = texts.iter().map(|text| Pattern { text: text.as_bytes(), flags: 0 });
    let usable: Vec<Pattern> =
        patterns.filter(|pattern| Set::compile(&[*pattern], &Options::default()).is_ok()).collect();
    Compiled::new(Set::compile(&usable, &Options::default()).ok()?).ok()
}

/// Patterns with factors whose ends count, and patterns without factors that do.
pub fn counting(random: &mut Random) -> Vec<String> {
    let count = |random: &mut Random| random.below(30);
    let mut all = Vec::new();
    for _ in 0..1 + random.below(4) {
        let (least, more) = (count(random), count(random));
        all.push(format!("{}.{{{least},{}}}{}", random::pattern(random, 1), least + more, random::pattern(random, 1)));
        let factor = ["abab", "bba", "aab", "ba_b"][random.below(4) as usize];
        all.push(format!("{factor}.{{0,{}}}{}", count(random), random::pattern(random, 1)));
        all.push(format!("{factor}(?s:.)*{}", random::pattern(random, 2)));
    }
    all
}

#[test]
fn an_automaton_that_is_too_large_gives_way_and_nothing_is_missed() {
    let mut random = Random::new(0x7a57);
    let (mut flushes, mut matches, mut sets) = (0, 0, 0);
    while sets < 80 {
        let Some(compiled) = compiled(&counting(&mut random)) else { continue };
        sets += 1;
        let mut scanner = Scanner::new(&compiled).unwrap();
        // So few that it is full again and again, and so many that it is full now and then.
        scanner.narrow([1 << 7, 1 << 10, 1 << 13][sets % 3]);
        for _ in 0..6 {
            let text = random::text(&mut random, 700);
            let expected = by_reference(&compiled.set, 0, &[&text]);
            matches += expected.len();
            let cut = random.below(700) as usize;
            for chunks in [vec![&text[..]], vec![&text[..cut], &text[cut..]]] {
                let (found, counts) = engines::by_scanner(&compiled, &mut scanner, &chunks);
                flushes += counts.flushes;
                assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(&text));
            }
        }
    }
    assert!(flushes > 150 && matches > 10_000, "{flushes} flushes, {matches} matches");
}

/// Short streams with ever other states: each is too short to show that something is wrong.
#[test]
fn flushes_are_bounded_by_bytes_however_short_the_streams_are() {
    let texts: Vec<String> = (0..40).map(|number| format!("x{}.{{0,90}}[yz]{}", number % 7, number / 7)).collect();
    let compiled = compiled(&texts).unwrap();
    assert_eq!(compiled.set.patterns_factored, 0, "they are read by an automaton");
    let mut scanner = Scanner::new(&compiled).unwrap();
    scanner.narrow(1 << 13);
    let mut random = Random::new(3);
    let (mut flushes, mut bytes) = (0, 0);
    for _ in 0..400 {
        let text: Vec<u8> = (0..512).map(|_| b"x0123456yz"[random.below(10) as usize]).collect();
        let (found, counts) = engines::by_scanner(&compiled, &mut scanner, &[&text]);
        assert_eq!(found, by_reference(&compiled.set, 0, &[&text]));
        (flushes, bytes) = (flushes + counts.flushes, bytes + counts.bytes);
    }
    // 2^13 entries are some hundred states, each to be good for 32 bytes.
    assert!((1..40).contains(&flushes), "{flushes} flushes in {bytes} bytes");
}

#[test]
fn prefixes_are_verified_by_walking_back_as_the_baseline_does() {
    let mut random = Random::new(0xbac);
    let (mut seeds, mut sets) = (0, 0);
    while sets < 150 {
        let texts: Vec<String> = (0..1 + random.below(4))
            .map(|_| {
                let (before, after) = (random::pattern(&mut random, 3), random::pattern(&mut random, 1));
                format!("{before}[ab_]{{0,{}}}abab{after}", random.below(20))
            })
            .collect();
        let Some(compiled) = compiled(&texts) else { continue };
        sets += 1;
        let mut scanner = Scanner::new(&compiled).unwrap();
        for length in [30, 300] {
            let mut text = random::text(&mut random, length);
            for _ in 0..length / 15 {
                let at = random.below(length as u64 - 4) as usize;
                text[at..at + 4].copy_from_slice(b"abab");
            }
            let expected = by_reference(&compiled.set, 0, &[&text]);
            let pieces: Vec<&[u8]> = text.chunks(1 + random.below(40) as usize).collect();
            for chunks in [vec![&text[..]], pieces] {
                let (found, counts) = engines::by_scanner(&compiled, &mut scanner, &chunks);
                seeds += counts.seeds;
                assert_eq!(found, expected, "{texts:?} on {:?}", String::from_utf8_lossy(&text));
            }
        }
    }
    assert!(seeds > 1000, "{seeds} seeds");
}

#[test]
fn offsets_go_beyond_four_gibibytes() {
    let compiled = compiled(&["abab".into(), "a[bc]".into(), "b$".into()]).unwrap();
    let offset = (1 << 32) - 3;
    let expected: Vec<Match> =
        [(0, 4), (1, 2), (1, 4), (2, 4)].map(|(pattern, end)| Match { pattern, stream: 9, end: offset + end }).into();
    for mode in [Mode::Auto, Mode::Blocking, Mode::NonBlocking] {
        let mut engine = Engine::new(&compiled, Plan { mode, differential: true }).unwrap();
        let (mut reading, mut found) = (Reading::at(offset), Vec::new());
        for chunk in [&b"aba"[..], b"b"] {
            engine.read(&compiled, &mut reading, 9, chunk, None, &mut found).unwrap();
        }
        engine.finish(&compiled, &mut reading, 9, &mut found).unwrap();
        found.sort_unstable();
        assert_eq!(found, expected, "{mode:?}");
    }
}

/// Each allocation of a read fails once: what was read before stays, and reading on finds everything.
#[test]
fn a_chunk_that_was_not_read_for_lack_of_memory_can_be_read_again() {
    let mut random = Random::new(0x0f0f);
    let mut failures = 0;
    for round in 0..60 {
        let Some(compiled) = compiled(&counting(&mut random)) else { continue };
        let text = random::text(&mut random, 400);
        let expected = by_reference(&compiled.set, 0, &[&text]);
        for mode in [Mode::Auto, Mode::Blocking, Mode::NonBlocking] {
            let plan = Plan { mode, differential: round % 2 == 0 };
            failing::next(true);
            assert!(Engine::new(&compiled, plan).is_err(), "it needs memory");
            let mut engine = Engine::new(&compiled, plan).unwrap();
            let (mut reading, mut found) = (Reading::default(), Vec::new());
            for chunk in text.chunks(37) {
                let known = found.len();
                failing::next(random.below(2) == 0);
                let first = engine.read(&compiled, &mut reading, 0, chunk, None, &mut found);
                failing::next(false);
                if let Err(failure) = first {
                    assert_eq!((failure, found.len()), (Failure::NoMemory, known));
                    failures += 1;
                    engine.read(&compiled, &mut reading, 0, chunk, None, &mut found).unwrap();
                } else if random.below(4) == 0 {
                    // What was found could not be kept.
                    engine.undo(&mut reading);
                    found.truncate(known);
                    engine.read(&compiled, &mut reading, 0, chunk, None, &mut found).unwrap();
                }
            }
            failing::next(true);
            let known = found.len();
            if engine.finish(&compiled, &mut reading, 0, &mut found).is_err() {
                assert_eq!(found.len(), known);
                engine.finish(&compiled, &mut reading, 0, &mut found).unwrap();
            }
            failing::next(false);
            found.sort_unstable();
            assert_eq!(found, expected, "{mode:?}");
        }
    }
    assert!(failures > 100, "{failures} failures");
}
