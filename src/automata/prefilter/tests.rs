// SPDX-License-Identifier: MIT OR Apache-2.0
//! Literals found by every engine, beside the aho-corasick crate.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use proptest::prelude::*;

use super::{Engine, Literal, Literals, Refusal, Scratch};

/// A literal that owns its text.
#[derive(Clone, Debug)]
struct Wanted {
    id: u32,
    bytes: Vec<u8>,
    nocase: bool,
}

fn wanted(id: u32, bytes: &[u8], nocase: bool) -> Wanted {
    Wanted { id, bytes: bytes.to_vec(), nocase }
}

fn compile(wanted: &[Wanted]) -> Literals {
    let literals: Vec<Literal<'_>> =
        wanted.iter().map(|one| Literal { id: one.id, bytes: &one.bytes, nocase: one.nocase }).collect();
    Literals::new(&literals).unwrap()
}

/// What the other crate finds: every occurrence of every literal, overlapping.
fn expected(wanted: &[Wanted], text: &[u8]) -> BTreeSet<(u32, usize)> {
    let mut all = BTreeSet::new();
    for nocase in [false, true] {
        let some: Vec<&Wanted> = wanted.iter().filter(|one| one.nocase == nocase).collect();
        if some.is_empty() {
            continue;
        }
        let other: AhoCorasick = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(nocase)
            .build(some.iter().map(|one| &one.bytes))
            .unwrap();
        all.extend(other.find_overlapping_iter(text).map(|found| (some[found.pattern().as_usize()].id, found.end())));
    }
    all
}

/// What a set finds; an error where it finds one thing twice.
fn found(set: &Literals, text: &[u8]) -> Result<BTreeSet<(u32, usize)>, String> {
    let (mut all, mut twice) = (BTreeSet::new(), None);
    set.scan(&mut Scratch::new().unwrap(), text, |id, end| {
        if !all.insert((id, end)) {
            twice = Some(format!("{id} at {end} twice"));
        }
    });
    twice.map_or(Ok(all), Err)
}

/// Compares a set with what is expected, on text that ends where its memory does.
fn agrees(set: &Literals, expected: &BTreeSet<(u32, usize)>, text: &[u8]) -> Result<(), String> {
    let found = found(set, &text.to_vec().into_boxed_slice())?;
    if found == *expected {
        return Ok(());
    }
    let (missing, extra) = (expected.difference(&found).next(), found.difference(expected).next());
    Err(format!("{:?}: missing {missing:?}, extra {extra:?} of {}", set.engine, expected.len()))
}

fn all_engines_agree(wanted: &[Wanted], text: &[u8]) -> Result<(), String> {
    let expected = expected(wanted, text);
    Engine::all().try_for_each(|engine| agrees(&compile(wanted).with_engine(engine), &expected, text))
}

/// Text like that of documents, by a fixed rule.
fn prose(length: usize) -> Vec<u8> {
    let words =
        ["the ", "user ", "error: ", "Failed ", "login\n", "from 10.0.0.", "%ASA-4-", "abcabd", "\0\u{ff}", "GET /x "];
    let mut state = 88_172_645_463_325_252_u64;
    let mut text = Vec::new();
    while text.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend_from_slice(words[(state >> 33) as usize % words.len()].as_bytes());
    }
    text.truncate(length);
    text
}

/// Each under an identifier of its own, so that nothing may be found twice.
fn numbered(texts: Vec<(Vec<u8>, bool)>) -> Vec<Wanted> {
    texts.iter().zip(0..).map(|((bytes, nocase), id)| wanted(id, bytes, *nocase)).collect()
}

fn a_text(alphabet: &'static [u8], longest: usize) -> impl Strategy<Value = (Vec<u8>, bool)> {
    (proptest::collection::vec(proptest::sample::select(alphabet), 1..=longest), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_literals_are_found_everywhere(
        texts in proptest::collection::vec(a_text(b"aAbB\0 ", 12), 1..40),
        text in proptest::collection::vec(proptest::sample::select(&b"aAbB\0 "[..]), 0..400),
    ) {
        prop_assert_eq!(all_engines_agree(&numbered(texts), &text), Ok(()));
    }

    #[test]
    fn random_bytes_are_found_everywhere(
        texts in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..5), any::<bool>()), 1..60),
        text in proptest::collection::vec(any::<u8>(), 0..600),
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..30),
    ) {
        let wanted = numbered(texts);
        let mut text = text;
        for (which, place) in places {
            let bytes = &wanted[which.index(wanted.len())].bytes;
            if text.len() > bytes.len() {
                let at = place.index(text.len() - bytes.len());
                text[at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
        prop_assert_eq!(all_engines_agree(&wanted, &text), Ok(()));
    }
}

#[test]
fn a_literal_is_found_at_every_place_of_a_text_of_every_length() {
    for literal in [&b"x"[..], b"xy", b"xyz", b"wxyz", b"vwxyz", b"uvwxyz", b"a long literal of many bytes, xyz"] {
        let wanted = [wanted(7, literal, false)];
        let sets: Vec<Literals> = Engine::all().map(|engine| compile(&wanted).with_engine(engine)).collect();
        for length in literal.len()..=150 {
            for at in 0..=length - literal.len() {
                let mut text = vec![b'.'; length].into_boxed_slice();
                text[at..at + literal.len()].copy_from_slice(literal);
                for set in &sets {
                    assert_eq!(found(set, &text), Ok(BTreeSet::from([(7, at + literal.len())])), "{:?}", set.engine);
                }
            }
        }
    }
}

#[test]
fn segments_hide_nothing() {
    let wanted = [wanted(1, b"segment border", true), wanted(2, b"er", false), wanted(3, b"b", false)];
    for shift in 0..20 {
        let mut text = prose(3 * super::scan::SEGMENT);
        for border in 1..3 {
            let at = border * super::scan::SEGMENT - shift;
            text[at..at + 14].copy_from_slice(b"SEGMENT BORDer");
        }
        assert_eq!(all_engines_agree(&wanted, &text), Ok(()), "{shift}");
    }
}

#[test]
fn one_text_under_several_identifiers_is_found_under_each_once() {
    let wanted =
        [wanted(5, b"same", false), wanted(9, b"same", false), wanted(5, b"same", false), wanted(5, b"SAME", true)];
    assert_eq!(all_engines_agree(&wanted[..3], b"the same, the same"), Ok(()));
    assert_eq!(found(&compile(&wanted[..3]), b"same"), Ok(BTreeSet::from([(5, 4), (9, 4)])));
    // Under one identifier, as another text: an occurrence of each is reported.
    assert_eq!(found(&compile(&wanted), b"same"), Err("5 at 4 twice".to_owned()));
}

#[test]
fn text_of_one_letter_has_every_run_of_it() {
    let runs: Vec<Wanted> =
        (1..=40).map(|length| wanted(length, &vec![b'a'; length as usize], length % 3 == 0)).collect();
    assert_eq!(all_engines_agree(&runs, &[b'a'; 5000]), Ok(()));
    assert_eq!(all_engines_agree(&runs, &[b'A'; 500]), Ok(()));
    let nearly: Vec<Wanted> =
        (1..=40).map(|length| wanted(length, &[vec![b'a'; length as usize], vec![b'b']].concat(), false)).collect();
    assert_eq!(all_engines_agree(&nearly, &[&[b'a'; 5000][..], b"b"].concat()), Ok(()));
}

#[test]
fn a_hundred_thousand_literals_are_found() {
    let many: Vec<Wanted> = (0..100_000_u32)
        .map(|id| {
            wanted(
                id,
                format!("{}{:x}", ["user ", "/x", "%ASA-", ""][id as usize % 4], id.wrapping_mul(2_654_435_761))
                    .as_bytes(),
                id % 5 == 0,
            )
        })
        .collect();
    let mut text = prose(200_000);
    for index in 0..2000 {
        let bytes = &many[index * 47].bytes;
        text[index * 90..index * 90 + bytes.len()].copy_from_slice(bytes);
    }
    assert_eq!(all_engines_agree(&many, &text), Ok(()));
}

#[test]
fn a_literal_without_bytes_is_refused() {
    let literals = [Literal { id: 1, bytes: b"x", nocase: false }, Literal { id: 2, bytes: b"", nocase: true }];
    assert_eq!(Literals::new(&literals).err(), Some(Refusal::Empty(1)));
    assert_eq!(found(&compile(&[]), b"text"), Ok(BTreeSet::new()));
}

#[test]
fn control_a_bit_that_is_not_set_and_a_wrong_byte_are_noticed() {
    let wanted: Vec<Wanted> =
        (0..50).map(|id| wanted(id, format!("literal {id} of fifty").as_bytes(), false)).collect();
    let text: Vec<u8> = wanted.iter().flat_map(|one| one.bytes.clone()).collect();
    let expected = expected(&wanted, &text);
    let mut set = compile(&wanted);
    assert_eq!(agrees(&set, &expected, &text), Ok(()));
    let word = set.filters[0].bitmap.iter().position(|word| *word != 0).unwrap();
    let kept = std::mem::replace(&mut set.filters[0].bitmap[word], 0);
    assert!(agrees(&set, &expected, &text).unwrap_err().contains("missing Some"));
    set.filters[0].bitmap[word] = kept;
    set.spoil(3);
    assert!(agrees(&set, &expected, &text).unwrap_err().contains("missing Some"));
}

/// Three pages of which the outer two cannot be touched.
struct Page(*mut u8);
const PAGE: usize = 4096;

impl Page {
    fn new() -> Page {
        // SAFETY: new memory, of which nobody knows.
        let all = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(core::ptr::null_mut(), 3 * PAGE, libc::PROT_NONE, flags, -1, 0)
        };
        assert_ne!(all, libc::MAP_FAILED);
        // SAFETY: the page in the middle.
        let middle = unsafe { all.cast::<u8>().add(PAGE) };
        // SAFETY: as above.
        assert_eq!(unsafe { libc::mprotect(middle.cast(), PAGE, libc::PROT_READ | libc::PROT_WRITE) }, 0);
        Page(middle)
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the page is there, and this one's own.
        unsafe { core::slice::from_raw_parts_mut(self.0, PAGE) }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`.
        unsafe { libc::munmap(self.0.sub(PAGE).cast(), 3 * PAGE) };
    }
}

#[test]
fn nothing_beside_the_text_is_read() {
    let mut page = Page::new();
    for literal in [&b"x"[..], b"xy", b"xyz", b"wxyz", b"uvwxyz", b"a literal of 21 bytes"] {
        let wanted = [wanted(7, literal, false), wanted(8, b"QRSTUV", true)];
        let sets: Vec<Literals> = Engine::all().map(|engine| compile(&wanted).with_engine(engine)).collect();
        for length in (0..200).chain([PAGE - 65, PAGE - 1, PAGE]) {
            for at_end in [true, false] {
                let from = if at_end { PAGE - length } else { 0 };
                let text = &mut page.bytes()[from..from + length];
                text.fill(b'.');
                if length >= literal.len() {
                    let at = if at_end { length - literal.len() } else { 0 };
                    text[at..at + literal.len()].copy_from_slice(literal);
                }
                let expected = expected(&wanted, text);
                for set in &sets {
                    assert_eq!(found(set, text).as_ref(), Ok(&expected), "{:?}, {length} bytes", set.engine);
                }
            }
        }
    }
}
