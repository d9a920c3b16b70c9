// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the compiler makes of patterns, and which it refuses.

use crate::automata::factor::Factor;
use crate::automata::pattern::{CASELESS, CompileError, LITERAL, Pattern};
use crate::automata::set::{Options, Set};
use crate::base::status::Status;

fn compile(patterns: &[(&str, u32)]) -> Result<Set, CompileError> {
    let patterns: Vec<Pattern> =
        patterns.iter().map(|(text, flags)| Pattern { text: text.as_bytes(), flags: *flags }).collect();
    Set::compile(&patterns, &Options::default())
}

fn refused(text: &str) -> CompileError {
    compile(&[("good", 0), (text, 0)]).err().unwrap_or_else(|| unreachable!("{text:?} is refused"))
}

fn factors(text: &str) -> Vec<String> {
    let set = compile(&[(text, 0)]).expect("valid");
    let shown = |factor: &Factor| {
        let place = |bytes: &super::super::bytes::ByteSet| match bytes.len() {
            1 => bytes.iter().map(char::from).collect(),
            _ => format!("[{}]", bytes.iter().map(char::from).collect::<String>()),
        };
        factor.bytes.iter().map(place).collect::<String>()
    };
    let mut all: Vec<String> = set.factors.iter().map(shown).collect();
    all.sort();
    all
}

#[test]
fn what_is_refused_names_the_pattern_the_place_and_the_construct() {
    for (text, status, offset, words) in [
        ("a(?=b)", Status::UNSUPPORTED, Some(1), "look-ahead"),
        (r"(a)\1", Status::UNSUPPORTED, Some(3), "backreferences"),
        (r"a\pL", Status::UNSUPPORTED, Some(1), "Unicode"),
        (r"(?u:\w)a", Status::UNSUPPORTED, None, "Unicode character class"),
        (r"(?u:\b)a", Status::UNSUPPORTED, None, "Unicode word boundary"),
        ("ab(c", Status::INVALID, Some(2), "unclosed group"),
        ("ab[z-a]", Status::INVALID, Some(3), "range"),
        ("", Status::INVALID, None, "empty pattern"),
        ("^", Status::INVALID, None, "only the empty text"),
        ("(?:)*", Status::INVALID, None, "only the empty text"),
        (r"a[^\x00-\xff]b", Status::INVALID, None, "matches nothing"),
        ("(?:a{1000}){1000}", Status::LIMIT, None, "states"),
        ("x(?:a?){3000}b", Status::LIMIT, None, "edges"),
        (r"a[^\x00-\xff]{4000000000}", Status::LIMIT, None, "parts"),
        (r"(?:[^\x00-\xff]|){4000000}{1000}a", Status::LIMIT, None, "parts"),
    ] {
        let error = refused(text);
        assert_eq!((error.status, error.pattern, error.offset), (status, Some(1), offset), "{text}: {error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
    let nested = format!("{}a{}", "(".repeat(30_000), ")".repeat(30_000));
    assert_eq!(refused(&nested).status, Status::LIMIT);
    assert_eq!(refused(&"a".repeat(65_537)).status, Status::LIMIT);
    let bytes = Pattern { text: b"ab\xff", flags: 0 };
    let error = Set::compile(&[bytes], &Options::default()).expect_err("not UTF-8");
    assert_eq!((error.status, error.offset), (Status::INVALID, Some(2)));
    assert!(Set::compile(&[Pattern { flags: LITERAL, ..bytes }], &Options::default()).is_ok());
    assert_eq!(Set::compile(&[], &Options::default()).expect_err("none").status, Status::INVALID);
    let flags = Set::compile(&[Pattern { text: b"a", flags: 64 }], &Options::default()).expect_err("unknown flag");
    assert_eq!(flags.status, Status::INVALID);
}

#[test]
fn factors_are_runs_that_every_match_has() {
    assert_eq!(factors("abcdef"), ["abcdef"]);
    assert_eq!(factors("[a-z]+foo[0-9]"), ["foo"]);
    assert_eq!(factors("(?:foo|bars)baz"), ["barsbaz", "foobaz"]);
    assert_eq!(factors("foo|barbar"), ["barbar", "foo"]);
    assert_eq!(factors("xyz.*longer text"), ["xyz"], "behind what is unbounded there is no factor");
    assert_eq!(factors(r"\bgo(?:es)? home.{0,9}$"), ["go home", "goes home"]);
    assert_eq!(factors("(?i)Ab[x-z]c"), Vec::<String>::new(), "six bytes are too many for a place");
    assert_eq!(factors("ab|cde"), Vec::<String>::new());
    assert_eq!(factors("(?i)key="), ["[Kk][Ee][Yy]="]);
}

#[test]
fn common_prefixes_are_one() {
    let set =
        compile(&[("foobar", LITERAL), ("foobaz", LITERAL), ("fooba.", 0), ("foobar", 0), ("FOO", LITERAL | CASELESS)])
            .expect("valid");
    assert_eq!(set.factored.count(), 5 + 3 + 3);
    let ends: Vec<usize> =
        (0..set.factored.count()).map(|state| set.factored.accepts(state).len()).filter(|n| *n > 0).collect();
    assert_eq!(ends.iter().sum::<usize>(), 5);
    assert!(ends.contains(&2), "two equal patterns end with one state");
}

/// Seconds for which this thread has had a processor: what else runs on the machine does not count.
fn own_time() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the answer.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    time.tv_sec
}

/// Patterns that are long and trivial take time in proportion to their length.
#[test]
fn what_can_be_left_out_in_front_is_left_out_at_once() {
    let began = own_time();
    for text in
        ["a?".repeat(30_000) + "b", r"\b".repeat(30_000) + "b", "x*".repeat(30_000) + "b", "(?:)".repeat(9000) + "b"]
    {
        assert_eq!(compile(&[(&text, 0)]).expect("valid").rest[0].count(), 1);
    }
    assert_eq!(refused(&"a?".repeat(30_000)).status, Status::LIMIT);
    // What reads nothing in between, or behind, is no way around the bounds.
    let words: Vec<String> = (0..2000).map(|number| format!("a{number:03x}")).collect();
    let words = format!("(?:{})", words.join("|"));
    assert!(compile(&[(&format!(r"{words}\b(?:\b|\B)$"), 0)]).is_ok());
    let passes = refused(&(words + &r"\b".repeat(20_000)));
    assert!(passes.status == Status::LIMIT && passes.to_string().contains("ways past"), "{passes}");
    let took = own_time() - began;
    assert!(took < 20, "{took} s: they were compared with one another");
}

#[test]
fn ten_thousand_patterns_are_compiled() {
    let texts: Vec<String> = (0..10_000).map(|number| format!("{number:x} of [a-z]+ and {number}\\.")).collect();
    let patterns: Vec<(&str, u32)> = texts.iter().map(|text| (&text[..], 0)).collect();
    let set = compile(&patterns).expect("valid");
    assert_eq!((set.patterns, set.patterns_factored), (10_000, 10_000));
}
