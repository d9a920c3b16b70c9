// SPDX-License-Identifier: MIT OR Apache-2.0
//! Literals on the software device, beside the processor. Without such a device each test says so and passes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::automata::pattern::Match;
use crate::automata::prefilter::{Literal, Literals, Scratch};
use crate::base::random::Random;
use crate::base::status::Status;
use crate::gpu::service::tests::{ask, software};
use crate::gpu::service::{Failure, Held, Reply, Service};

type Texts = Vec<(Vec<u8>, bool)>;

fn compile(texts: &Texts) -> Arc<Literals> {
    let literals: Vec<Literal<'_>> =
        texts.iter().zip(0..).map(|((bytes, nocase), id)| Literal { id, bytes, nocase: *nocase }).collect();
    Arc::new(Literals::new(&literals).unwrap())
}

type Change = fn(String) -> String;

/// Who verifies.
const BY_HOST: bool = true;
const BY_DEVICE: bool = false;

fn bring(service: &Service, literals: &Arc<Literals>, by_host: bool, change: Change) -> Arc<Held<Resident>> {
    let literals = literals.clone();
    let made = ask(|reply| {
        service.make(move |gpu| Ok(Arc::new(gpu.hold(Resident::changed(gpu, literals, by_host, &change)?))), reply);
    });
    made.expect("a set on the device")
}

/// Verified by the device, and by the host.
fn bring_both(service: &Service, literals: &Arc<Literals>) -> [Arc<Held<Resident>>; 2] {
    [BY_DEVICE, BY_HOST].map(|by_host| bring(service, literals, by_host, |text| text))
}

fn search(
    service: &Service,
    resident: &Arc<Held<Resident>>,
    memory: &[u8],
    pieces: &[Piece],
    batch: usize,
    room: usize,
) -> Result<Found, Failure> {
    let request = Request { memory: Arc::new(memory.to_vec()), pieces: pieces.to_vec() };
    ask(|reply: Reply<Found>| {
        service.start(Box::new(Scan::with_room(resident.clone(), request, reply, batch, room)));
    })
}

/// What the processor finds; nothing of it twice.
fn expected(literals: &Literals, memory: &[u8], pieces: &[Piece]) -> BTreeSet<Match> {
    let mut all = BTreeSet::new();
    for piece in pieces {
        literals.scan(&mut Scratch::new().unwrap(), &memory[piece.bytes.clone()], |id, end| {
            if end > piece.known {
                let found = Match { pattern: id, stream: piece.stream, end: piece.offset + end as u64 };
                assert!(all.insert(found), "{found:?} twice");
            }
        });
    }
    all
}

/// Whether a device finds the same, nothing twice.
fn agrees(found: Found, expected: &BTreeSet<Match>) -> Result<(), String> {
    let count = found.matches.len();
    let set: BTreeSet<Match> = found.matches.into_iter().collect();
    if count != set.len() {
        return Err(format!("{} are there twice", count - set.len()));
    }
    let (missing, extra) = (expected.difference(&set).next(), set.difference(expected).next());
    if missing.is_none() && extra.is_none() {
        return Ok(());
    }
    Err(format!("missing {missing:?}, extra {extra:?} of {}", expected.len()))
}

fn whole(length: usize) -> Vec<Piece> {
    vec![Piece { stream: 0, bytes: 0..length, known: 0, offset: 0 }]
}

/// Pieces of random lengths, some of which overlap the one before, some with a gap.
fn pieces(random: &mut Random, length: usize) -> Vec<Piece> {
    let (mut all, mut at) = (Vec::new(), 0);
    while at < length {
        let end = (at + random.below(700) as usize).min(length);
        let start = at.saturating_sub(random.below(3) as usize * 5);
        let known = at - start;
        all.push(Piece { stream: all.len() as u32, bytes: start..end, known, offset: random.below(1 << 40) });
        at = end + usize::from(random.below(5) == 0) * 3;
    }
    all
}

fn random_texts(random: &mut Random) -> Texts {
    let count = 1 + random.below(60);
    let longest = 1 + random.below(30);
    let one = |random: &mut Random| {
        let length = 1 + random.below(longest);
        ((0..length).map(|_| b"abAB \0e"[random.below(7) as usize]).collect(), random.below(3) == 0)
    };
    (0..count).map(|_| one(random)).collect()
}

fn random_memory(random: &mut Random, texts: &Texts, length: usize) -> Vec<u8> {
    let mut memory: Vec<u8> = (0..length).map(|_| b"abAB \0exyz\xff"[random.below(11) as usize]).collect();
    for _ in 0..length / 50 {
        let text = &texts[random.below(texts.len() as u64) as usize].0;
        let at = random.below((length - text.len()) as u64) as usize;
        memory[at..at + text.len()].copy_from_slice(text);
    }
    memory
}

#[test]
fn a_device_finds_what_the_processor_finds() {
    let Some(service) = software() else { return };
    let mut random = Random::new(0x11e7a1);
    let mut matches = 0;
    for round in 0..40 {
        let texts = random_texts(&mut random);
        let literals = compile(&texts);
        let residents = bring_both(&service, &literals);
        let length = 100 + random.below(20_000) as usize;
        let memory = random_memory(&mut random, &texts, length);
        for pieces in [whole(length), pieces(&mut random, length)] {
            let expected = expected(&literals, &memory, &pieces);
            matches += expected.len();
            for resident in &residents {
                let found = search(&service, resident, &memory, &pieces, 1 << 20, 1 << 17).expect("a search");
                assert_eq!(found.on_processor, 0, "everything has room");
                assert_eq!(agrees(found, &expected), Ok(()), "round {round}");
                // Many batches, and pieces that are cut.
                let found = search(&service, resident, &memory, &pieces, 4096, 1 << 16).expect("a search");
                assert_eq!(agrees(found, &expected), Ok(()), "round {round}");
            }
        }
    }
    assert!(matches > 10_000, "{matches} matches");
}

#[test]
fn what_has_no_room_is_found_on_the_processor() {
    let Some(service) = software() else { return };
    let texts: Texts = (1..=12).map(|length| (vec![b'a'; length], false)).collect();
    let literals = compile(&texts);
    let residents = bring_both(&service, &literals);
    let memory = [vec![b'a'; 10_000], vec![b'.'; 50_000], vec![b'a'; 3]].concat();
    let pieces: Vec<Piece> = (0..memory.len().div_ceil(1000))
        .map(|number| {
            let bytes = number * 1000..memory.len().min((number + 1) * 1000);
            Piece { stream: number as u32, bytes, known: 0, offset: 0 }
        })
        .collect();
    let expected = expected(&literals, &memory, &pieces);
    for resident in &residents {
        let found = search(&service, resident, &memory, &pieces, 5000, 1000).expect("a search");
        assert!(found.on_processor >= 10_000 && found.on_device >= 40_000, "{found:?}");
        assert_eq!(agrees(found, &expected), Ok(()));
        let found = search(&service, resident, &memory, &pieces, 1 << 20, 1 << 18).expect("a search");
        assert_eq!(found.on_processor, 0);
        assert_eq!(agrees(found, &expected), Ok(()));
    }
}

/// More has passed than is copied at first, with matches in all of it.
#[test]
fn what_is_copied_later_is_verified_too() {
    let Some(service) = software() else { return };
    let literals = compile(&vec![(b"needle".to_vec(), false)]);
    let memory = b"needle, ".repeat(40_000);
    let expected = expected(&literals, &memory, &whole(memory.len()));
    for resident in bring_both(&service, &literals) {
        let found = search(&service, &resident, &memory, &whole(memory.len()), 1 << 20, 1 << 17).expect("a search");
        assert_eq!((found.on_processor, agrees(found, &expected)), (0, Ok(())));
    }
    assert_eq!(expected.len(), 40_000);
}

/// Each match counts for 2^22: were all 1024 counted, their number would be 0 again.
#[test]
fn the_number_of_matches_never_comes_round_to_nothing() {
    let Some(service) = software() else { return };
    let literals = compile(&vec![(b"needle".to_vec(), false)]);
    let resident = bring(&service, &literals, BY_DEVICE, |text| {
        let changed = text.replace("atomicAdd(&found.count, 1u)", "atomicAdd(&found.count, 1u << 22u)");
        assert_ne!(changed, text);
        changed
    });
    let memory = b"a needle".repeat(1024);
    let expected = expected(&literals, &memory, &whole(memory.len()));
    let found = search(&service, &resident, &memory, &whole(memory.len()), 1 << 20, 100).expect("a search");
    assert_eq!(found.on_processor, memory.len() as u64);
    assert_eq!((agrees(found, &expected), expected.len()), (Ok(()), 1024));
}

#[test]
fn many_literals_share_a_device() {
    let Some(service) = software() else { return };
    let mut random = Random::new(9);
    let texts: Texts = (0..20_000_u64)
        .map(|number| {
            (format!("{} number {:x}", number % 7, number.wrapping_mul(0x9e37_79b9) >> 5).into_bytes(), number % 5 == 0)
        })
        .collect();
    let literals = compile(&texts);
    let memory = random_memory(&mut random, &texts, 1 << 18);
    let pieces = pieces(&mut random, memory.len());
    let expected = expected(&literals, &memory, &pieces);
    assert!(expected.len() > 2000);
    for resident in bring_both(&service, &literals) {
        let found = search(&service, &resident, &memory, &pieces, 1 << 20, 1 << 17).expect("a search");
        assert_eq!(agrees(found, &expected), Ok(()));
    }
}

#[test]
fn nothing_is_found_in_nothing_and_a_lost_device_answers() {
    let Some(service) = software() else { return };
    let resident = bring(&service, &compile(&vec![(b"text".to_vec(), false)]), BY_HOST, |text| text);
    let nothing = search(&service, &resident, b"", &[], 4096, 16).expect("a search");
    assert_eq!(nothing, Found::default());
    let none = bring(&service, &compile(&Vec::new()), BY_HOST, |text| text);
    assert_eq!(search(&service, &none, b"text", &whole(4), 4096, 16).expect("a search").matches, []);
    // A literal that is as long as a batch cannot be cut, and a piece outside the memory is none.
    let failure = search(&service, &resident, &[0; 100], &whole(100), 3, 16).expect_err("too long");
    assert_eq!(failure.status, Status::LIMIT, "{failure}");
    assert!(search(&service, &resident, &[0; 100], &whole(101), 4096, 16).is_err());
    service.destroy();
    let failure = search(&service, &resident, b"a text", &whole(6), 4096, 16).expect_err("lost");
    assert_eq!(failure.status, Status::DEVICE, "{failure}");
}

#[test]
fn control_kernels_that_are_wrong_are_noticed() {
    let Some(service) = software() else { return };
    let mut random = Random::new(77);
    let texts: Texts =
        (0..50).map(|number| (format!("literal number {number} of these").into_bytes(), number % 2 == 0)).collect();
    let literals = compile(&texts);
    let memory = random_memory(&mut random, &texts, 20_000);
    let pieces = pieces(&mut random, memory.len());
    let expected = expected(&literals, &memory, &pieces);
    let wrong: [(bool, Change); 8] = [
        (BY_DEVICE, |text| text.replace("FOLLOW = 0x6F35u", "FOLLOW = 0x6F33u")),
        (BY_DEVICE, |text| text.replace("(two << 2u)", "(two << 1u)")),
        (BY_DEVICE, |text| text.replace("four(start + done)", "four(start)")),
        (BY_DEVICE, |text| text.replace("start + length <= params.length", "start + length < 9000u")),
        (BY_HOST, |text| text.replace("FOLLOW = 0x6F35u", "FOLLOW = 0x6F33u")),
        (BY_HOST, |text| text.replace("vec2<u32>(params.number, ", "vec2<u32>(params.number + 1u, ")),
        (BY_HOST, |text| text.replace("first + firstTrailingBit(mask)", "first + 1u + firstTrailingBit(mask)")),
        (BY_HOST, |text| text.replace("place < params.room", "place < params.room / 4096u")),
    ];
    for (number, (by_host, change)) in wrong.into_iter().enumerate() {
        let resident = bring(&service, &literals, by_host, change);
        let found = search(&service, &resident, &memory, &pieces, 1 << 20, 1 << 17).expect("a search");
        assert!(agrees(found, &expected).is_err(), "change {number} was not noticed");
    }
    for resident in bring_both(&service, &literals) {
        let found = search(&service, &resident, &memory, &pieces, 1 << 20, 1 << 17).expect("a search");
        assert_eq!(agrees(found, &expected), Ok(()));
    }
}

/// How fast: by hand, `cargo test --release --lib literals_on_a_device_per_second -- --ignored --nocapture` with the files
/// named by LITERALS (one a line) and TEXT.
#[test]
#[ignore = "a measurement"]
fn literals_on_a_device_per_second() {
    let Some(service) = software() else { return };
    let (Ok(lines), Ok(text)) = (std::env::var("LITERALS"), std::env::var("TEXT")) else { return };
    let lines = std::fs::read(lines).unwrap();
    let texts: Texts = lines.split(|byte| *byte == b'\n').take(2000).map(|line| (line.to_vec(), false)).collect();
    let memory: Arc<Vec<u8>> = Arc::new(std::fs::read(text).unwrap());
    let literals = compile(&texts);
    let kernels = |text| std::env::var("WGSL").map_or(text, |path| std::fs::read_to_string(path).unwrap());
    let resident = bring(&service, &literals, std::env::var("BY_DEVICE").is_err(), kernels);
    let pieces: Vec<Piece> = (0..memory.len() / 512)
        .map(|number| Piece { stream: number as u32, bytes: number * 512..(number + 1) * 512, known: 0, offset: 0 })
        .collect();
    for _ in 0..8 {
        let begun = std::time::Instant::now();
        let request = Request { memory: memory.clone(), pieces: pieces.clone() };
        let found: Found = ask(|reply| service.start(Box::new(Scan::new(resident.clone(), request, reply)))).unwrap();
        let rate = memory.len() as f64 / begun.elapsed().as_secs_f64() / 1e6;
        println!("{rate:.0} MB/s, {} matches, {} on the processor", found.matches.len(), found.on_processor);
    }
}
