// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scans on devices through the functions of the header: random sets of patterns, random texts in random chunks, and who
//! says what is to be found: the regex crate for short texts, the baseline for longer ones.

use core::mem::{size_of, zeroed};
use std::sync::Mutex;

use super::{automaton::*, config::strand_config, device::*, scheduler::*, status::*, ticket::*, time::*};
use crate::automata::pattern::{CASELESS, Match, Pattern};
use crate::automata::set::{Options, Set};
use crate::automata::tests::random;
use crate::automata::tests::referee::{Referee, by_reference};
use crate::automata::tests::rules::{documentation, sagan_literals, sagan_regexes, usable};
use crate::base::random::Random;
use crate::gpu::automaton::items::seeded::{self, DEFECT, RUN, SLOTS, VOID, WORDS};
use core::sync::atomic::Ordering;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A runtime, and a device of it; false: there is none of the kind.
pub(super) fn with_device(kind: u32, test: impl FnOnce(u64)) -> bool {
    with_config(core::ptr::null(), kind, test)
}

/// The same, with a configuration; null: the default.
pub(super) fn with_config(config: *const strand_config, kind: u32, test: impl FnOnce(u64)) -> bool {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: complete, or null.
    assert_eq!(unsafe { strand_scheduler_init(config) }, STRAND_OK);
    // SAFETY: a struct of numbers and pointers.
    let mut options: strand_device_options = unsafe { zeroed() };
    (options.size, options.kind) = (size_of::<strand_device_options>() as u32, kind);
    let mut device = 0;
    // SAFETY: complete options, a place for the answer.
    let found = unsafe { strand_device_open(&options, &mut device) } == STRAND_OK;
    if found {
        test(device);
        assert_eq!(strand_device_close(device), STRAND_OK);
    } else {
        println!("skip: scans: needs a device of kind {kind}");
    }
    assert_eq!(strand_scheduler_shutdown(STRAND_FOREVER), STRAND_OK);
    found
}

pub(super) fn message() -> String {
    let mut buffer = [0_u8; 600];
    // SAFETY: the buffer is as long as it is said to be.
    let length = unsafe { strand_last_error(buffer.as_mut_ptr().cast(), buffer.len()) };
    String::from_utf8_lossy(&buffer[..length.min(600)]).into_owned()
}

pub(super) fn compile(device: u64, patterns: &[Pattern<'_>], mode: u32, flags: u32) -> u64 {
    let of = |pattern: &Pattern<'_>| strand_pattern {
        size: size_of::<strand_pattern>() as u32,
        flags: pattern.flags,
        text: pattern.text.as_ptr().cast(),
        length: pattern.text.len(),
    };
    let patterns: Vec<strand_pattern> = patterns.iter().map(of).collect();
    // SAFETY: a struct of numbers and pointers.
    let mut options: strand_automaton_options = unsafe { zeroed() };
    (options.size, options.mode, options.flags) = (size_of::<strand_automaton_options>() as u32, mode, flags);
    let mut automaton = 0;
    // SAFETY: complete patterns and options; a place for the answer.
    let status =
        unsafe { strand_automaton_compile(device, patterns.as_ptr(), patterns.len(), &options, &mut automaton) };
    assert_eq!(status, STRAND_OK, "{}", message());
    automaton
}

/// Scans parts of streams: how it ended.
pub(super) fn scan(automaton: u64, parts: &[(u32, &[u8], bool)]) -> strand_status {
    let of = |(stream, data, last): &(u32, &[u8], bool)| strand_chunk {
        size: size_of::<strand_chunk>() as u32,
        stream: *stream,
        flags: if *last { STRAND_CHUNK_LAST } else { 0 },
        reserved: 0,
        data: data.as_ptr().cast(),
        length: data.len() as u64,
        scanned: 0,
    };
    let mut chunks: Vec<strand_chunk> = parts.iter().map(of).collect();
    let mut ticket = 0;
    // SAFETY: the chunks and their bytes stay until the ticket has its result.
    let begun =
        unsafe { strand_automaton_scan(automaton, chunks.as_mut_ptr(), chunks.len(), core::ptr::null(), &mut ticket) };
    assert_eq!(begun, STRAND_OK, "{}", message());
    let status = strand_ticket_await(ticket, STRAND_FOREVER);
    assert_eq!(strand_ticket_release(ticket), STRAND_OK);
    if status == STRAND_OK {
        assert!(chunks.iter().all(|chunk| chunk.scanned == chunk.length));
    }
    status
}

pub(super) fn take(automaton: u64) -> Vec<Match> {
    let none = strand_match { pattern: 0, stream: 0, end: 0 };
    let (mut all, mut room) = (Vec::new(), vec![none; 1000]);
    loop {
        let mut count = 0;
        // SAFETY: room for as many as it says.
        if unsafe { strand_automaton_take(automaton, room.as_mut_ptr(), room.len(), &mut count) } != STRAND_OK {
            all.sort_unstable();
            return all;
        }
        let of = |found: &strand_match| Match { pattern: found.pattern, stream: found.stream, end: found.end };
        all.extend(room[..count].iter().map(of));
    }
}

/// What a device finds in streams that come in chunks of random length, some of several streams in one scan.
fn found(automaton: u64, random: &mut Random, texts: &[Vec<u8>]) -> Vec<Match> {
    let mut at = vec![0; texts.len()];
    let mut over = vec![false; texts.len()];
    while over.iter().any(|over| !over) {
        let mut parts = Vec::new();
        for (stream, text) in texts.iter().enumerate() {
            for _ in 0..random.below(3) {
                if over[stream] {
                    break;
                }
                let length = random.below((text.len() - at[stream]) as u64 + 1) as usize;
                let length = if random.below(4) == 0 { text.len() - at[stream] } else { length };
                let chunk = &text[at[stream]..at[stream] + length];
                at[stream] += length;
                over[stream] = at[stream] == text.len() && random.below(2) == 0;
                parts.push((stream as u32, chunk, over[stream]));
            }
        }
        assert_eq!(scan(automaton, &parts), STRAND_OK, "{}", message());
    }
    take(automaton)
}

/// What the baseline finds in them.
pub(super) fn expected(set: &Set, texts: &[Vec<u8>]) -> Vec<Match> {
    let of = |(stream, text): (usize, &Vec<u8>)| by_reference(set, stream as u32, &[text]);
    let mut all: Vec<Match> = texts.iter().enumerate().flat_map(of).collect();
    all.sort_unstable();
    all
}

/// Patterns that can be compiled; some have factors.
fn random_patterns(random: &mut Random) -> Vec<(String, u32)> {
    let mut texts: Vec<String> = (0..1 + random.below(5)).map(|_| random::pattern(random, 2)).collect();
    for _ in 0..random.below(4) {
        let factor = ["abab", "ab ", "bba", "aab", "ba_b"][random.below(5) as usize];
        texts.push(format!("{}{factor}{}", random::pattern(random, 1), random::pattern(random, 1)));
    }
    let patterns = texts.into_iter().map(|text| (text, if random.below(3) == 0 { CASELESS } else { 0 }));
    let usable = |(text, flags): &(String, u32)| {
        let pattern = Pattern { text: text.as_bytes(), flags: *flags };
        Set::compile(&[pattern], &Options::default()).is_ok()
    };
    patterns.filter(usable).collect()
}

pub(super) fn agrees_with_the_baseline(device: u64, mode: u32, flags: u32, sets: u32, seed: u64) {
    let mut random = Random::new(seed);
    let (mut done, mut matches) = (0, 0);
    while done < sets {
        let texts = random_patterns(&mut random);
        let patterns: Vec<Pattern<'_>> =
            texts.iter().map(|(text, flags)| Pattern { text: text.as_bytes(), flags: *flags }).collect();
        let Ok(set) = Set::compile(&patterns, &Options::default()) else { continue };
        done += 1;
        let automaton = compile(device, &patterns, mode, flags);
        let streams: Vec<Vec<u8>> = (0..1 + random.below(5))
            .map(|_| {
                let length = random.below(300) as usize;
                random::text(&mut random, length)
            })
            .collect();
        let wanted = expected(&set, &streams);
        matches += wanted.len();
        assert_eq!(found(automaton, &mut random, &streams), wanted, "{texts:?} on {streams:?}");
        assert_eq!(strand_automaton_release(automaton), STRAND_OK);
    }
    assert!(matches > 40 * sets as usize, "{matches} matches of {sets} sets");
}

#[test]
fn many_streams_in_batches_have_the_matches_of_the_baseline() {
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        agrees_with_the_baseline(device, STRAND_AUTOMATON_NON_BLOCKING, 0, 20, 0xba7c);
        agrees_with_the_baseline(device, STRAND_AUTOMATON_NON_BLOCKING, STRAND_AUTOMATON_DIFFERENTIAL, 8, 0xd1ff);
    });
    with_device(STRAND_DEVICE_CPU, |device| {
        agrees_with_the_baseline(device, STRAND_AUTOMATON_NON_BLOCKING, STRAND_AUTOMATON_DIFFERENTIAL, 100, 0xc0de);
    });
}

#[test]
fn the_regex_crate_finds_what_a_device_finds() {
    const LENGTH: usize = 6;
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        let mut random = Random::new(0x5eed);
        let (mut done, mut matches) = (0, 0);
        while done < 25 {
            let text_of_pattern = random::pattern(&mut random, 3);
            let pattern = Pattern { text: text_of_pattern.as_bytes(), flags: 0 };
            if Set::compile(&[pattern], &Options::default()).is_err() {
                continue;
            }
            let Some(referee) = Referee::new(&text_of_pattern, LENGTH) else { continue };
            done += 1;
            let streams: Vec<Vec<u8>> = (0..16).map(|_| random::text(&mut random, LENGTH)).collect();
            let of = |(stream, text): (usize, &Vec<u8>)| {
                let ends = referee.ends(text).into_iter();
                ends.map(move |end| Match { pattern: 0, stream: stream as u32, end }).collect::<Vec<Match>>()
            };
            let wanted: Vec<Match> = streams.iter().enumerate().flat_map(of).collect();
            matches += wanted.len();
            let automaton = compile(device, &[pattern], STRAND_AUTOMATON_NON_BLOCKING, 0);
            assert_eq!(found(automaton, &mut random, &streams), wanted, "{text_of_pattern:?} on {streams:?}");
            assert_eq!(strand_automaton_release(automaton), STRAND_OK);
        }
        assert!(matches > 200, "the patterns match: {matches}");
    });
}

#[test]
fn real_rules_on_real_text_are_found_by_a_device() {
    let mut rules = sagan_literals(3);
    rules.truncate(500);
    let literals = rules.len();
    rules.extend(usable(sagan_regexes()));
    let mut text = documentation(60_000);
    if rules.is_empty() || text.is_empty() {
        return;
    }
    let mut random = Random::new(7);
    for _ in 0..300 {
        let rule = &rules[random.below(literals as u64) as usize];
        let at = random.below((text.len() - rule.text.len()) as u64) as usize;
        text[at..at + rule.text.len()].copy_from_slice(&rule.text);
    }
    let patterns: Vec<Pattern<'_>> = rules.iter().map(|rule| rule.pattern()).collect();
    let set = Set::compile(&patterns, &Options::default()).expect("usable");
    let streams: Vec<Vec<u8>> = text.chunks(text.len() / 4 + 1).map(<[u8]>::to_vec).collect();
    let wanted = expected(&set, &streams);
    assert!(wanted.len() > 300, "{} matches", wanted.len());
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        let automaton = compile(device, &patterns, STRAND_AUTOMATON_NON_BLOCKING, 0);
        for _ in 0..2 {
            let all = found(automaton, &mut random, &streams);
            assert_eq!((all.len(), all == wanted), (wanted.len(), true));
        }
        assert_eq!(strand_automaton_release(automaton), STRAND_OK);
    });
}

#[test]
fn tables_that_no_buffer_holds_stay_with_the_processor() {
    let patterns = [Pattern { text: b"x[yz](?:b|bc)*d", flags: 0 }, Pattern { text: b"needle", flags: 0 }];
    let set = Set::compile(&patterns, &Options::default()).expect("valid");
    let streams = vec![b"xybbcd needle".to_vec(), b"xzd needleneedle".to_vec()];
    let wanted = expected(&set, &streams);
    let mut random = Random::new(1);
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        for (words, as_items) in [(300, false), (0, true)] {
            WORDS.store(words, Ordering::Relaxed);
            let automaton = compile(device, &patterns, STRAND_AUTOMATON_NON_BLOCKING, 0);
            WORDS.store(0, Ordering::Relaxed);
            RUN.store(0, Ordering::Relaxed);
            assert_eq!(found(automaton, &mut random, &streams), wanted);
            assert_eq!(RUN.load(Ordering::Relaxed) > 0, as_items, "at most {words} words");
            assert_eq!(strand_automaton_release(automaton), STRAND_OK);
        }
    });
}

/// Two streams with a match each, in two chunks; how the scans ended, the first that did not go well, and what it said.
fn with_defect(device: u64, defect: u32) -> (strand_status, String) {
    DEFECT.store(defect, Ordering::Relaxed);
    let patterns = [Pattern { text: b"x[yz](?:b|bb|bc)*q?d", flags: 0 }, Pattern { text: b"long(?:a|b)+er", flags: 0 }];
    let automaton = compile(device, &patterns, STRAND_AUTOMATON_NON_BLOCKING, STRAND_AUTOMATON_DIFFERENTIAL);
    DEFECT.store(0, Ordering::Relaxed);
    let parts: [[(u32, &[u8], bool); 2]; 2] =
        [[(1, b"..xyb", false), (2, b"longa", false)], [(1, b"bbdxzbcqd", true), (2, b"baber", true)]];
    let mut ended = (STRAND_OK, String::new());
    for parts in &parts {
        let status = scan(automaton, parts);
        if status != STRAND_OK {
            ended = (status, message());
            break;
        }
    }
    assert_eq!(strand_automaton_release(automaton), STRAND_OK);
    ended
}

#[test]
fn a_device_that_does_something_else_is_noticed() {
    let told = |device: u64, defect: u32, says: &str| {
        let (status, text) = with_defect(device, defect);
        assert!(status == STRAND_ERR_PARITY && text.contains(says), "defect {defect}: {status} {text:?}");
    };
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        assert_eq!(with_defect(device, 0), (STRAND_OK, String::new()));
        // Both implementations of the program have the same wrong tables; the engines of the processor have not.
        told(device, seeded::EDGE, "for the processor only");
        told(device, seeded::SHADER, "by the processor");
        told(device, seeded::END, "by the device and 1 by the processor");
        told(device, seeded::CLAIM, "the device");
    });
    with_device(STRAND_DEVICE_CPU, |device| {
        assert_eq!(with_defect(device, 0), (STRAND_OK, String::new()));
        told(device, seeded::EDGE, "for the processor only");
    });
}

#[test]
fn what_does_not_fit_the_seen_set_is_read_in_smaller_parts() {
    let patterns = [Pattern { text: b"x(?:a|aa|b){1,100}c", flags: 0 }, Pattern { text: b"bca", flags: 0 }];
    let set = Set::compile(&patterns, &Options::default()).expect("valid");
    let mut random = Random::new(0xf011);
    let streams: Vec<Vec<u8>> = (0..3)
        .map(|_| (0..1500).map(|_| b"xcaabbaabbaabbaabbaabbaabbaabbaabbaabb"[random.below(38) as usize]).collect())
        .collect();
    let wanted = expected(&set, &streams);
    assert!(wanted.len() > 50, "{} matches", wanted.len());
    for (kind, slots, by_processor) in [
        (STRAND_DEVICE_SOFTWARE, 1 << 11, false),
        (STRAND_DEVICE_SOFTWARE, 1 << 7, true),
        (STRAND_DEVICE_CPU, 1 << 11, false),
        (STRAND_DEVICE_CPU, 1 << 7, true),
    ] {
        with_device(kind, |device| {
            let flags = if kind == STRAND_DEVICE_CPU { STRAND_AUTOMATON_DIFFERENTIAL } else { 0 };
            SLOTS.store(slots, Ordering::Relaxed);
            let automaton = compile(device, &patterns, STRAND_AUTOMATON_NON_BLOCKING, flags);
            SLOTS.store(0, Ordering::Relaxed);
            VOID.iter().for_each(|count| count.store(0, Ordering::Relaxed));
            assert_eq!(found(automaton, &mut random, &streams), wanted, "{slots} slots");
            let [cut, given_up] = [&VOID[0], &VOID[1]].map(|count| count.load(Ordering::Relaxed));
            assert!(cut > 0 && (given_up > 0) == by_processor, "{kind} {slots} slots: {cut} cut, {given_up} given up");
            assert_eq!(strand_automaton_release(automaton), STRAND_OK);
        });
    }
}
