// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engines beside the baseline: equal sets of matches, whatever the patterns, the text and its cuts.

use super::random;
use super::referee::by_reference;
use super::rules::{documentation, sagan_literals, sagan_regexes, spamassassin_regexes, usable};
use crate::automata::engine::{Engine, Failure, Mode, Plan, Reading};
use crate::automata::pattern::{CASELESS, LITERAL, Match, Pattern};
use crate::automata::scanner::{self, Compiled, Counts, Scanner};
use crate::automata::set::{Options, Set};
use crate::automata::stream::Stream;
use crate::base::random::Random;

/// What the fast engine finds in a stream that comes in chunks.
pub fn by_scanner(compiled: &Compiled, scanner: &mut Scanner, chunks: &[&[u8]]) -> (Vec<Match>, Counts) {
    let (mut stream, mut found, mut counts) = (Stream::default(), Vec::new(), Counts::default());
    for chunk in chunks {
        counts.add(&scanner.scan(compiled, &mut stream, 0, chunk, None, &mut found).unwrap());
    }
    scanner::finish(compiled, &mut stream, 0, &mut found).unwrap();
    found.sort_unstable();
    (found, counts)
}

/// What an engine finds in a stream that comes in chunks, compared with the baseline chunk by chunk.
fn by_engine(compiled: &Compiled, mode: Mode, chunks: &[&[u8]]) -> Vec<Match> {
    let mut engine = Engine::new(compiled, Plan { mode, differential: true }).unwrap();
    let (mut reading, mut found) = (Reading::default(), Vec::new());
    for chunk in chunks {
        engine.read(compiled, &mut reading, 0, chunk, None, &mut found).expect("parity");
    }
    engine.finish(compiled, &mut reading, 0, &mut found).expect("parity");
    found.sort_unstable();
    found
}

/// A set of patterns some of which have factors.
fn random_set(random: &mut Random) -> (Vec<String>, Vec<u32>) {
    let count = 1 + random.below(6);
    let mut patterns: Vec<String> = (0..count).map(|_| random::pattern(random, 2)).collect();
    for _ in 0..random.below(4) {
        let factor = ["abab", "ab ", "bba", "aab", "ba_b"][random.below(5) as usize];
        let (before, after) = (random::pattern(random, 1), random::pattern(random, 1));
        patterns.push(format!("{before}{factor}{after}"));
    }
    let flags = patterns.iter().map(|_| if random.below(3) == 0 { CASELESS } else { 0 }).collect();
    (patterns, flags)
}

#[test]
fn the_fast_engine_finds_what_the_baseline_finds_wherever_the_text_is_cut() {
    let mut random = Random::new(0xfa57);
    let (mut sets, mut matches, mut seeds) = (0, 0, 0);
    while sets < 200 {
        let (texts, flags) = random_set(&mut random);
        let patterns: Vec<Pattern> =
            texts.iter().zip(&flags).map(|(text, flags)| Pattern { text: text.as_bytes(), flags: *flags }).collect();
        let usable: Vec<Pattern> =
            patterns.into_iter().filter(|pattern| Set::compile(&[*pattern], &Options::default()).is_ok()).collect();
        let Ok(set) = Set::compile(&usable, &Options::default()) else { continue };
        sets += 1;
        let compiled = Compiled::new(set).expect("compiles");
        let mut scanner = Scanner::new(&compiled).unwrap();
        for length in [1, 5, 40, 200] {
            let text = random::text(&mut random, length);
            let expected = by_reference(&compiled.set, 0, &[&text]);
            matches += expected.len();
            let cut = random.below(length as u64 + 1) as usize;
            let again = cut + random.below((length - cut) as u64 + 1) as usize;
            let single: Vec<&[u8]> = text.chunks(1).collect();
            for chunks in [vec![&text[..]], vec![&text[..cut], &text[cut..again], &text[again..]], single] {
                let (found, counts) = by_scanner(&compiled, &mut scanner, &chunks);
                seeds += counts.seeds;
                for mode in [Mode::Auto, Mode::Blocking, Mode::NonBlocking] {
                    assert_eq!(by_engine(&compiled, mode, &chunks), expected, "{mode:?} {texts:?} {flags:?}");
                }
                assert_eq!(
                    found,
                    expected,
                    "{texts:?} {flags:?} on {:?} in {} chunks",
                    String::from_utf8_lossy(&text),
                    chunks.len()
                );
            }
        }
    }
    assert!(matches > 10_000 && seeds > 500, "{matches} matches, {seeds} seeds");
}

#[test]
fn real_rules_on_real_text_are_found_by_both_engines_alike() {
    let mut rules = sagan_literals(3);
    rules.truncate(2000);
    rules.extend(usable(sagan_regexes()));
    rules.extend(usable(spamassassin_regexes()).into_iter().take(200));
    let mut text = documentation(60_000);
    if rules.is_empty() || text.is_empty() {
        return;
    }
    // Literals of the rules amid the text, so that there is something to be found.
    let mut random = Random::new(1);
    for _ in 0..400 {
        let rule = &rules[random.below(1000.min(rules.len() as u64)) as usize];
        let at = random.below((text.len() - rule.text.len()) as u64) as usize;
        text[at..at + rule.text.len()].copy_from_slice(&rule.text);
    }
    let patterns: Vec<Pattern> = rules.iter().map(|rule| rule.pattern()).collect();
    let compiled = Compiled::new(Set::compile(&patterns, &Options::default()).expect("usable")).expect("compiles");
    let expected = by_reference(&compiled.set, 0, &[&text]);
    assert!(expected.len() > 500, "{} matches", expected.len());
    let mut scanner = Scanner::new(&compiled).unwrap();
    for size in [text.len(), 4096, 61] {
        let chunks: Vec<&[u8]> = text.chunks(size).collect();
        let (found, counts) = by_scanner(&compiled, &mut scanner, &chunks);
        assert_eq!(found.len(), expected.len(), "in chunks of {size}: {counts:?}");
        assert_eq!(found, expected);
        assert_eq!(by_engine(&compiled, Mode::NonBlocking, &chunks), expected, "in chunks of {size}");
        assert_eq!(counts.bytes, text.len() as u64);
    }
}

#[test]
fn a_caseless_literal_beside_one_with_case_is_told_apart() {
    let patterns = [
        Pattern { text: b"Abc", flags: LITERAL },
        Pattern { text: b"Abc", flags: LITERAL | CASELESS },
        Pattern { text: b"A(?i)bC(?-i)d", flags: 0 },
    ];
    let compiled = Compiled::new(Set::compile(&patterns, &Options::default()).expect("valid")).expect("compiles");
    assert_eq!(compiled.set.patterns_factored, 3);
    let text = b"abc Abc Abcd aBcd ABCd";
    let (found, _) = by_scanner(&compiled, &mut Scanner::new(&compiled).unwrap(), &[text]);
    assert_eq!(found, by_reference(&compiled.set, 0, &[text]));
    let pairs: Vec<(u32, u64)> = found.iter().map(|found| (found.pattern, found.end)).collect();
    assert_eq!(pairs, [(0, 7), (0, 11), (1, 3), (1, 7), (1, 11), (1, 16), (1, 21), (2, 12), (2, 22)]);
}

#[test]
fn engines_that_disagree_are_noticed() {
    let patterns = [Pattern { text: b"foo[a-c]+bar", flags: 0 }, Pattern { text: b"x[yz]", flags: 0 }];
    let mut set = Set::compile(&patterns, &Options::default()).expect("valid");
    let text = b"say fooabcbar and xy";
    assert_eq!(by_engine(&Compiled::new(set).expect("compiles"), Mode::Auto, &[text]).len(), 2);
    set = Set::compile(&patterns, &Options::default()).expect("valid");
    // A factor that leads to a wrong state.
    set.factors[0].seed -= 1;
    let compiled = Compiled::new(set).expect("compiles");
    for (mode, in_baseline) in [(Mode::Auto, true), (Mode::NonBlocking, true), (Mode::Blocking, true)] {
        let mut engine = Engine::new(&compiled, Plan { mode, differential: true }).unwrap();
        let (mut reading, mut found) = (Reading::default(), Vec::new());
        let failure = engine.read(&compiled, &mut reading, 3, text, None, &mut found).expect_err("no parity");
        let Failure::Mismatch(mismatch) = failure else { panic!("memory") };
        assert_eq!((reading.offset(), found.len()), (0, 0), "as it was before");
        assert_eq!(
            (mismatch.first, mismatch.in_baseline),
            (Match { pattern: 0, stream: 3, end: 13 }, in_baseline),
            "{mode:?}"
        );
    }
}
