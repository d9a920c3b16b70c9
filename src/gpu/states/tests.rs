// SPDX-License-Identifier: MIT OR Apache-2.0
//! Automata on the software device, beside the baseline on the processor and the regex crate. Without such a device each test
//! says so and passes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::wave::Most;
use super::*;
use crate::automata::bytes::{EDGE, kind_of};
use crate::automata::pattern::{CASELESS, Match, Pattern};
use crate::automata::reference::{self, Carried, Place, Scratch, report, report_waiting};
use crate::automata::scanner::Compiled;
use crate::automata::set::{Options, Set};
use crate::automata::tables::Tables;
use crate::automata::tests::random;
use crate::automata::tests::referee::Referee;
use crate::base::random::Random;
use crate::base::status::Status;
use crate::gpu::service::tests::{ask, software};
use crate::gpu::service::{Failure, Held, Reply, Service};

fn compile(patterns: &[(&str, u32)]) -> Arc<Compiled> {
    let patterns: Vec<Pattern> =
        patterns.iter().map(|(text, flags)| Pattern { text: text.as_bytes(), flags: *flags }).collect();
    Arc::new(Compiled::new(Set::compile(&patterns, &Options::default()).expect("valid")).expect("compiles"))
}

fn bring(service: &Service, compiled: &Arc<Compiled>, wanted: Wanted, change: Rewrite) -> Option<Arc<Held<Resident>>> {
    let compiled = compiled.clone();
    let made = ask(|reply| {
        service.make(
            move |gpu| {
                let resident = Resident::changed(gpu, &compiled, wanted, &change)?;
                Ok(resident.map(|resident| Arc::new(gpu.hold(resident))))
            },
            reply,
        );
    });
    made.expect("an automaton on the device")
}

fn walk(service: &Service, resident: &Arc<Held<Resident>>, request: Request, most: Most) -> Result<Outcome, Failure> {
    ask(|reply: Reply<Outcome>| {
        if let Some(walk) = Walk::with_most(resident.clone(), request, most, reply) {
            service.start(Box::new(walk));
        }
    })
}

/// What was found in streams, and how.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    matches: BTreeSet<Match>,
    again: u32,
    visits: u64,
}

fn tables_of(compiled: &Compiled, part: usize) -> &Tables {
    compiled.set.tables().nth(part).expect("a part")
}

/// Streams read by a device, in rounds: in each the next chunk of every stream.
fn by_device(
    service: &Service,
    resident: &Arc<Held<Resident>>,
    compiled: &Compiled,
    streams: &[Vec<Vec<u8>>],
    most: Most,
) -> Result<Read, Failure> {
    let parts = resident.parts().to_vec();
    let mut active = vec![Vec::new(); streams.len() * parts.len()];
    let mut offsets = vec![(0, EDGE); streams.len()];
    let mut read = Read { matches: BTreeSet::new(), again: 0, visits: 0 };
    for round in 0..streams.iter().map(Vec::len).max().unwrap_or(0) {
        let (mut text, mut windows, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for (number, chunks) in streams.iter().enumerate() {
            let chunk = chunks.get(round).map_or(&[][..], |chunk| chunk);
            windows.push(Window { from: text.len(), length: chunk.len(), before: offsets[number].1 });
            text.extend_from_slice(chunk);
            if let Some(first) = chunk.first() {
                for (kernel, part) in parts.iter().enumerate() {
                    let place = Place { stream: number as u32, end: offsets[number].0 };
                    let before = &active[number * parts.len() + kernel];
                    report_waiting(tables_of(compiled, *part), before, place, kind_of(*first), &mut found).unwrap();
                }
            }
        }
        let request = Request { text, windows: windows.clone(), active, stop: Arc::new(AtomicBool::new(false)) };
        let outcome = walk(service, resident, request, most)?;
        let ends: BTreeSet<End> = outcome.ends.iter().copied().collect();
        if ends.len() != outcome.ends.len() {
            return Err(Failure::new(Status::DEVICE, "an end was found twice"));
        }
        for end in &outcome.ends {
            let (window, tables) = (&windows[end.window as usize], tables_of(compiled, parts[end.kernel as usize]));
            let place = Place { stream: end.window, end: offsets[end.window as usize].0 + u64::from(end.index) };
            report(tables, &[end.state], place, &mut found).unwrap();
            if (end.index as usize) < window.length {
                let next = outcome.text[window.from + end.index as usize];
                report_waiting(tables, &[end.state], place, kind_of(next), &mut found).unwrap();
            }
        }
        for (number, chunks) in streams.iter().enumerate() {
            if let Some(last) = chunks.get(round).and_then(|chunk| chunk.last()) {
                offsets[number] = (offsets[number].0 + chunks[round].len() as u64, kind_of(*last));
            }
        }
        active = outcome.active;
        read.again += outcome.again;
        read.visits += outcome.visits;
        read.matches.extend(found);
    }
    for (number, (offset, _)) in offsets.iter().enumerate() {
        for (kernel, part) in parts.iter().enumerate() {
            let (place, mut found) = (Place { stream: number as u32, end: *offset }, Vec::new());
            let before = &active[number * parts.len() + kernel];
            report_waiting(tables_of(compiled, *part), before, place, EDGE, &mut found).unwrap();
            read.matches.extend(found);
        }
    }
    Ok(read)
}

/// The same by the baseline on the processor.
fn by_processor(compiled: &Compiled, parts: &[usize], streams: &[Vec<Vec<u8>>]) -> (BTreeSet<Match>, u64) {
    let (mut found, mut visits) = (Vec::new(), 0);
    for part in parts {
        let tables = tables_of(compiled, *part);
        let mut scratch = Scratch::new(tables).unwrap();
        for (number, chunks) in streams.iter().enumerate() {
            let mut carried = Carried::default();
            for chunk in chunks {
                visits +=
                    reference::scan(tables, &mut carried, &mut scratch, number as u32, chunk, &mut found).unwrap();
            }
            reference::finish(tables, &mut carried, number as u32, &mut found).unwrap();
        }
    }
    (found.into_iter().collect(), visits)
}

/// A text in pieces.
fn cut(random: &mut Random, text: &[u8], pieces: usize) -> Vec<Vec<u8>> {
    let mut borders: Vec<usize> =
        (1..pieces).map(|_| random.below(text.len() as u64 + 1) as usize).chain([0, text.len()]).collect();
    borders.sort_unstable();
    borders.windows(2).map(|pair| text[pair[0]..pair[1]].to_vec()).collect()
}

fn streams(random: &mut Random, count: usize, longest: usize, pieces: usize) -> Vec<Vec<Vec<u8>>> {
    let one = |random: &mut Random| {
        let length = random.below(longest as u64 + 1) as usize;
        let text = random::text(random, length);
        cut(random, &text, pieces)
    };
    (0..count).map(|_| one(random)).collect()
}

fn random_set(random: &mut Random) -> Option<Arc<Compiled>> {
    let mut texts: Vec<String> = (0..1 + random.below(6)).map(|_| random::pattern(random, 2)).collect();
    if random.below(2) == 0 {
        // What makes a part bit-parallel, and what has many exceptional states.
        texts.push(
            ["a.*b", "a[^b]*c(?:a?b?c?){20}$", "(?s)b.{0,40}a", r"\ba.*\n.*c\b"][random.below(4) as usize].to_owned(),
        );
    }
    let flags: Vec<u32> = texts.iter().map(|_| if random.below(3) == 0 { CASELESS } else { 0 }).collect();
    let usable: Vec<Pattern> = texts
        .iter()
        .zip(&flags)
        .map(|(text, flags)| Pattern { text: text.as_bytes(), flags: *flags })
        .filter(|pattern| Set::compile(&[*pattern], &Options::default()).is_ok())
        .collect();
    let set = Set::compile(&usable, &Options::default()).ok()?;
    Some(Arc::new(Compiled::new(set).expect("compiles")))
}

/// Waves of a few windows, a few bytes, and little room.
fn small(resident: &Resident) -> Most {
    Most { text: 100, windows: 3, found: resident.most.found.min(3 * (2 * states(resident) + 40)), ..resident.most }
}

fn states(resident: &Resident) -> usize {
    resident.kernels.iter().map(|kernel| kernel.states + 1).sum()
}

#[test]
fn every_kernel_finds_what_the_processor_finds_wherever_streams_are_cut() {
    let Some(service) = software() else { return };
    let mut random = Random::new(0xb175);
    let (mut matches, mut again, mut sets, mut by_kind) = (0, 0, 0, [0; 3]);
    while sets < 14 {
        let Some(compiled) = random_set(&mut random) else { continue };
        sets += 1;
        let streams = streams(&mut random, 20, 120, 3);
        for (kind, wanted) in [Wanted::Baseline, Wanted::Dense, Wanted::DenseShared].into_iter().enumerate() {
            let Some(resident) = bring(&service, &compiled, wanted, |text| text) else { continue };
            by_kind[kind] += 1;
            let (expected, visits) = by_processor(&compiled, resident.parts(), &streams);
            let whole = by_device(&service, &resident, &compiled, &streams, resident.most).expect("a walk");
            assert_eq!(whole.matches, expected, "{wanted:?}");
            let little = by_device(&service, &resident, &compiled, &streams, small(&resident)).expect("a walk");
            assert_eq!(little.matches, expected, "{wanted:?}");
            if wanted == Wanted::Baseline {
                assert_eq!((whole.visits, little.visits), (visits, visits));
            }
            matches += expected.len();
            again += little.again;
        }
    }
    assert!(matches > 5_000 && again > 30, "{matches} matches, {again} waves again");
    assert!(by_kind.iter().all(|count| *count > 5), "{by_kind:?}");
}

/// The regex crate says which parts of a text a pattern matches; every way of cutting the text is a stream of its own.
#[test]
fn every_kernel_finds_what_the_regex_crate_finds() {
    const LENGTH: usize = 7;
    let Some(service) = software() else { return };
    let mut random = Random::new(0x4e6);
    let (mut ends, mut kernels) = (0, 0);
    for number in 0..24 {
        // Some that can be stepped bit by bit.
        let text = match number % 3 {
            0 => format!("{}.*{}", random::pattern(&mut random, 1), random::pattern(&mut random, 1)),
            _ => random::pattern(&mut random, 2),
        };
        let pattern = Pattern { text: text.as_bytes(), flags: 0 };
        let (Ok(set), Some(referee)) = (Set::compile(&[pattern], &Options::default()), Referee::new(&text, LENGTH))
        else {
            continue;
        };
        let compiled = Arc::new(Compiled::new(set).expect("compiles"));
        let texts: Vec<Vec<u8>> = (0..6).map(|_| random::text(&mut random, LENGTH)).collect();
        let cut = |text: &Vec<u8>| -> Vec<Vec<Vec<u8>>> {
            (0..=LENGTH).map(|at| vec![text[..at].to_vec(), text[at..].to_vec()]).collect()
        };
        let streams: Vec<Vec<Vec<u8>>> = texts.iter().flat_map(cut).collect();
        let mut expected = BTreeSet::new();
        for (stream, chunks) in (0..).zip(&streams) {
            let found = referee.ends(&chunks.concat());
            expected.extend(found.into_iter().map(|end| Match { pattern: 0, stream, end }));
        }
        ends += expected.len();
        for wanted in [Wanted::Baseline, Wanted::Dense, Wanted::DenseShared] {
            let Some(resident) = bring(&service, &compiled, wanted, |text| text) else { continue };
            kernels += 1;
            let read = by_device(&service, &resident, &compiled, &streams, resident.most).expect("a walk");
            assert_eq!(read.matches, expected, "{wanted:?} {text:?}");
        }
    }
    assert!(ends > 300 && kernels > 20, "{ends} ends, {kernels} kernels");
}

/// A set with a part that has bits, and one with many states.
fn some_set() -> Arc<Compiled> {
    compile(&[
        ("abab", 0),
        ("a.*b$", 0),
        (r"\bb+\b", 0),
        ("(?s)a.{0,60}c", 0),
        ("b+a", 0),
        ("c.*[ab]", 0),
        ("cab|bac", CASELESS),
    ])
}

/// A set whose bits need more than one word of an invocation, on a chain from one to the next.
fn wide_set() -> Arc<Compiled> {
    compile(&[("(?:[abcA_ ]|[\\n\\r]){560}", 0), (r"a.*b$", 0), (r"\bb+a", 0), ("[bc]+.*a", 0)])
}

fn one_stream(text: Vec<u8>) -> Vec<Vec<Vec<u8>>> {
    vec![vec![text]]
}

#[test]
fn one_a_hundred_and_ten_thousand_streams_are_read() {
    let Some(service) = software() else { return };
    let compiled = some_set();
    let mut random = Random::new(3);
    for wanted in [Wanted::Baseline, Wanted::Dense] {
        let resident = bring(&service, &compiled, wanted, |text| text).expect("a part for it");
        for count in [1, 100, 10_000] {
            let streams = streams(&mut random, count, 12, 2);
            let (expected, _) = by_processor(&compiled, resident.parts(), &streams);
            let read = by_device(&service, &resident, &compiled, &streams, resident.most).expect("a walk");
            assert!(read.matches == expected, "{wanted:?} {count}");
            assert!(count == 1 || expected.len() > count / 2, "{wanted:?} {count}: {}", expected.len());
        }
    }
}

/// Windows as long as a wave can have them take far more iterations than the driver lets a dispatch make: none is cut off.
#[test]
fn the_longest_windows_are_read_to_their_ends() {
    let Some(service) = software() else { return };
    let compiled = some_set();
    let mut random = Random::new(4);
    for (wanted, length) in [(Wanted::Baseline, 40_000), (Wanted::Dense, 70_000), (Wanted::DenseShared, 70_000)] {
        let resident = bring(&service, &compiled, wanted, |text| text).expect("a part for it");
        let text = random::text(&mut random, length);
        let streams = one_stream(text);
        let (expected, visits) = by_processor(&compiled, resident.parts(), &streams);
        let read = by_device(&service, &resident, &compiled, &streams, resident.most).expect("a walk");
        assert!(read.matches == expected, "{wanted:?}");
        assert!(expected.len() > length / 20 && (wanted != Wanted::Baseline || visits > 4 * 65_535), "{visits} visits");
    }
}

#[test]
fn what_has_no_room_is_read_again_and_nothing_is_lost_or_there_twice() {
    let Some(service) = software() else { return };
    let compiled = compile(&[("a.*", 0), ("[ab]", 0), ("(?s)a.{0,9}", 0)]);
    let streams: Vec<Vec<Vec<u8>>> = (0..9).map(|number| vec![vec![b'a'; 50 * number], vec![b'b'; 40]]).collect();
    for wanted in [Wanted::Baseline, Wanted::Dense] {
        let resident = bring(&service, &compiled, wanted, |text| text).expect("a part for it");
        let (expected, _) = by_processor(&compiled, resident.parts(), &streams);
        for room in [3 * 60, 3 * 500, 3 * 5000, resident.most.found] {
            let most = Most { found: room, ..resident.most };
            let read = by_device(&service, &resident, &compiled, &streams, most).expect("a walk");
            assert_eq!(read.matches, expected, "{wanted:?} {room}");
            let fits = room == resident.most.found;
            assert!(
                if fits { read.again == 0 } else { room > 3 * 500 || read.again > 2 },
                "{wanted:?} {room}: {}",
                read.again
            );
        }
        // Not even one byte's records have room: an answer, not a part of them.
        let most = Most { found: 3, ..resident.most };
        let failure = by_device(&service, &resident, &compiled, &streams, most).expect_err("no room");
        assert_eq!(failure.status, Status::LIMIT, "{failure}");
        // The sets that were left behind are gone.
        let read = by_device(&service, &resident, &compiled, &streams, resident.most).expect("a walk");
        assert_eq!(read.matches, expected, "{wanted:?} after it");
    }
}

#[test]
fn what_cannot_be_read_is_answered_with_a_status() {
    let Some(service) = software() else { return };
    let compiled = some_set();
    let resident = bring(&service, &compiled, Wanted::Baseline, |text| text).expect("a part for it");
    let request = |windows: Vec<Window>, parts: usize, stop| Request {
        text: vec![b'a'; 100_000],
        active: vec![Vec::new(); windows.len() * parts],
        windows,
        stop: Arc::new(AtomicBool::new(stop)),
    };
    let window = |from, length| vec![Window { from, length, before: EDGE }];
    let parts = resident.parts().len();
    let most = resident.most;
    let none = walk(&service, &resident, request(Vec::new(), parts, false), most).expect("nothing");
    assert_eq!((none.ends.len(), none.active.len(), none.text.len()), (0, 0, 100_000));
    let empty = walk(&service, &resident, request(window(7, 0), parts, false), most).expect("no bytes");
    assert_eq!((empty.ends.len(), empty.visits), (0, 0));
    for (request, status) in [
        (request(window(99_999, 2), parts, false), Status::INVALID),
        (request(window(0, 2), parts - 1, false), Status::INVALID),
        (request(window(0, 100_000), parts, true), Status::CANCELLED),
    ] {
        let failure = walk(&service, &resident, request, most).expect_err("refused");
        assert_eq!(failure.status, status, "{failure}");
    }
    service.destroy();
    let failure = walk(&service, &resident, request(window(0, 10), parts, false), most).expect_err("lost");
    assert_eq!(failure.status, Status::DEVICE, "{failure}");
}

/// Subgroups of another size than the device has said: the kernel says so itself, and memory of the group is used.
#[test]
fn subgroups_that_are_not_as_they_were_said_to_be_are_done_without() {
    let Some(service) = software() else { return };
    let compiled = some_set();
    let resident = bring(&service, &compiled, Wanted::Dense, |text| {
        let changed = text.replace("subgroup != GROUP", "subgroup == GROUP");
        assert!(changed != text || !text.contains("subgroup"));
        changed
    })
    .expect("a part for it");
    let streams = streams(&mut Random::new(6), 10, 100, 2);
    let (expected, _) = by_processor(&compiled, resident.parts(), &streams);
    let read = by_device(&service, &resident, &compiled, &streams, resident.most).expect("a walk");
    assert_eq!((read.matches, expected.len() > 100), (expected, true));
}

#[test]
fn control_kernels_that_are_wrong_are_noticed() {
    let Some(service) = software() else { return };
    let mut random = Random::new(5);
    let (compiled, mut streams) = (wide_set(), streams(&mut random, 10, 300, 2));
    let long = random::text(&mut random, 800);
    streams.push(cut(&mut random, &long, 2));
    for wanted in [Wanted::Baseline, Wanted::Dense, Wanted::DenseShared] {
        let resident = bring(&service, &compiled, wanted, |text| text).expect("a part for it");
        let (expected, _) = by_processor(&compiled, resident.parts(), &streams);
        let read = by_device(&service, &resident, &compiled, &streams, resident.most).expect("a walk");
        assert!(read.matches == expected && expected.len() > 400, "{wanted:?}: {}", expected.len());
    }
    let wrong: [(Wanted, &'static str, &'static str); 8] = [
        (Wanted::Baseline, "256u * last", "256u"),
        (Wanted::Baseline, "here = params.half - here", "here = here"),
        (Wanted::Baseline, "place + 3u <= params.room", "place + 300u <= params.room && place % 300u != 0u"),
        (Wanted::Dense, "select(before, carried, lane == 0u)", "before"),
        (Wanted::Dense, "subgroupBallot(own != 0u).x", "subgroupBallot(own != 0u).x & 1u"),
        (Wanted::Dense, "known >> 8u;", "4u;"),
        (Wanted::DenseShared, "words[half + word - 1u] >> 31u", "words[half + word - 1u] >> 30u"),
        (Wanted::DenseShared, "if word > 0u {", "if lane > 0u {"),
    ];
    for (wanted, from, to) in wrong {
        let compiled_there = compiled.clone();
        let made = ask(|reply| {
            service.make(
                move |gpu| {
                    let change = |text: String| {
                        let changed = text.replace(from, to);
                        assert_ne!(changed, text, "{from}");
                        changed
                    };
                    let resident = Resident::changed(gpu, &compiled_there, wanted, &change)?;
                    Ok(resident.map(|resident| Arc::new(gpu.hold(resident))))
                },
                reply,
            );
        });
        let resident = made.expect("compiles").expect("a part for it");
        let (expected, _) = by_processor(&compiled, resident.parts(), &streams);
        match by_device(&service, &resident, &compiled, &streams, resident.most) {
            Ok(read) => assert!(read.matches != expected, "{wanted:?}: {to} was not noticed"),
            Err(failure) => assert_eq!(failure.status, Status::DEVICE, "{failure}"),
        }
    }
}
