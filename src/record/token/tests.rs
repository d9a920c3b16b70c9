// SPDX-License-Identifier: MIT OR Apache-2.0

use proptest::prelude::*;

use super::*;
use crate::base::status::Status;

fn schedule() -> impl Strategy<Value = Schedule> {
    let driver =
        prop_oneof![
            (any::<u64>(), any::<u64>()).prop_map(|(seed, index)| Driver::Random { seed, index }),
            (any::<u64>(), 0u64..1000, any::<u32>(), any::<u64>())
                .prop_map(|(seed, index, depth, steps)| Driver::Pct { seed, index, depth, steps }),
            prop::collection::vec(prop_oneof![6 => 0u32..4, 1 => any::<u32>()], 0..60).prop_map(Driver::Choices),
            prop::collection::vec((0u32..3, 1usize..200), 0..10).prop_map(|runs| Driver::Choices(
                runs.into_iter().flat_map(|(choice, times)| std::iter::repeat_n(choice, times)).collect()
            )),
        ];
    let kind = prop::sample::select(Injected::ALL.map(|(kind, _)| kind).to_vec());
    let injection = (kind, any::<u64>(), 0u64..3).prop_map(|(kind, step, object)| Injection { kind, step, object });
    (driver, prop::collection::vec(injection, 0..4)).prop_map(|(driver, inject)| Schedule { driver, inject })
}

fn message(text: &str) -> String {
    let failure = parse(text).unwrap_err();
    assert_eq!(failure.status, Status::INVALID);
    failure.to_string()
}

proptest! {
    #[test]
    fn a_token_gives_back_its_schedule(schedule in schedule()) {
        let token = format(&schedule).unwrap();
        prop_assert!(is_token(&token) && token.is_ascii());
        prop_assert_eq!(parse(&token).unwrap(), schedule.clone());
        prop_assert_eq!(parse(&format!(" {token}\n")).unwrap(), schedule);
    }

    #[test]
    fn one_wrong_character_is_never_accepted(schedule in schedule(), at: prop::sample::Index, other: char) {
        let token = format(&schedule).unwrap();
        let at = at.index(token.len());
        let mut wrong = token.clone();
        wrong.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
        prop_assume!(wrong.trim() != token);
        prop_assert!(parse(&wrong).is_err(), "{wrong} for {token}");
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}") {
        prop_assert!(parse(&text).is_err());
        _ = parse(&seal(&format!("strand1:{text}")));
    }

    /// What is accepted is what would have been written: a schedule has one token.
    #[test]
    fn nearly_good_texts_are_refused_or_canonical(
        driver in "(random:seed=|pct:seed=|c:)[0-9a-z]{0,6}",
        rest in "(,index=[0-9]{1,3})?(,depth=[0-9]{1,3})?(,steps=[0-9]{1,3})?(,inject=(oom|cancel)@[0-9]{1,3}(\\.[0-9])?([+]close@7)?)?",
    ) {
        let token = seal(&format!("strand1:{driver}{rest}"));
        if let Ok(schedule) = parse(&token) {
            prop_assert_eq!(format(&schedule).unwrap(), token);
        }
    }
}

#[test]
fn tokens_look_like_this() {
    let inject = vec![
        Injection { kind: Injected::Cancel, step: 5, object: 2 },
        Injection { kind: Injected::Oom, step: 9, object: 0 },
    ];
    let pct = Schedule { driver: Driver::Pct { seed: 7, index: 12, depth: 3, steps: 120 }, inject };
    let token = format(&pct).unwrap();
    assert_eq!(token, seal("strand1:pct:seed=7,index=12,depth=3,steps=120,inject=cancel@5.2+oom@9"));
    let choices = [vec![0, 1, 7], vec![0; 20], vec![8, 1]].concat();
    let token = format(&Schedule { driver: Driver::Choices(choices), inject: Vec::new() }).unwrap();
    assert_eq!(token, seal("strand1:c:02e1j1g12"));
}

/// The tokens in the documentation of the module are real.
#[test]
fn the_documented_tokens_are_tokens() {
    let documented = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! strand1:"));
    let tokens: Vec<String> = documented.map(|rest| format!("strand1:{rest}")).collect();
    assert_eq!(tokens.len(), 3);
    for token in tokens {
        let (body, _) = token.rsplit_once(':').unwrap();
        assert_eq!(token, seal(body));
        parse(&token).unwrap();
    }
}

#[test]
fn a_choice_out_of_few_takes_one_character() {
    let mut state = 1u64;
    let choices: Vec<u32> = (0..500)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u32 % 8
        })
        .collect();
    let token = format(&Schedule { driver: Driver::Choices(choices), inject: Vec::new() }).unwrap();
    assert!(token.len() < 600, "{}", token.len());
    let quiet = Schedule { driver: Driver::Choices(vec![0; CHOICES_MAX]), inject: Vec::new() };
    let token = format(&quiet).unwrap();
    assert!(token.len() < 30, "{token}");
    assert_eq!(parse(&token).unwrap(), quiet);
}

#[test]
fn every_single_wrong_byte_is_found() {
    for text in ["strand1:random:seed=7,index=12", "strand1:c:15k32,inject=close@4.1", "strand1:c:"] {
        let token = seal(text);
        parse(&token).unwrap();
        for at in 0..token.len() {
            for other in (0..128u8).filter(|&other| other != token.as_bytes()[at]) {
                let mut wrong = token.clone().into_bytes();
                wrong[at] = other;
                assert!(parse(std::str::from_utf8(&wrong).unwrap()).is_err(), "{other} at {at} of {token}");
            }
            let mut shorter = token.clone();
            shorter.remove(at);
            assert!(parse(&shorter).is_err(), "{shorter}");
            for other in DIGITS {
                let mut longer = token.clone();
                longer.insert(at, char::from(*other));
                assert!(parse(&longer).is_err(), "{longer}");
            }
            if at > 0 && token.as_bytes()[at] != token.as_bytes()[at - 1] {
                let mut exchanged = token.clone().into_bytes();
                exchanged.swap(at, at - 1);
                assert!(parse(std::str::from_utf8(&exchanged).unwrap()).is_err(), "{at} of {token}");
            }
        }
    }
}

/// The negative control: without the check many of them would be taken for other schedules.
#[test]
fn control_without_the_check_wrong_characters_are_taken_for_other_schedules() {
    let text = "strand1:c:15k32,inject=close@4.1";
    let taken = (0..text.len()).flat_map(|at| DIGITS.iter().map(move |digit| (at, *digit))).filter(|(at, digit)| {
        let mut wrong = text.to_owned().into_bytes();
        let changes = wrong[*at] != *digit;
        wrong[*at] = *digit;
        changes && parse(&seal(std::str::from_utf8(&wrong).unwrap())).is_ok()
    });
    assert!(taken.count() > 100);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, says) in [
        ("", "character 1: expected 'strand1:', found ''"),
        ("runs/trace.rec", "character 1: expected 'strand1:', found 'runs/trace.rec'"),
        ("strand2:c:0:0000000", "character 1: expected 'strand1:', found 'strand2:c:0:0000000'"),
        ("strand1:random", "character 15: expected ':' and a check of 7 characters"),
        ("strand1:c:0:123", "character 13: expected a check of 7 characters, found '123'"),
        ("strand1:c:0:1234567", "character 13: the check does not agree with the token; was it copied whole?"),
        (&seal("strand1:dfs:"), "character 9: expected 'random', 'pct' or 'c', found 'dfs'"),
        (&seal("strand1:random:index=3"), "character 15: expected ':seed=', found ':index=3'"),
        (&seal("strand1:random:seed=,index=3"), "character 21: expected a number that fits, found ',index=3'"),
        (&seal("strand1:random:seed=07,index=3"), "character 21: expected a number that fits, found '07,index=3'"),
        (&seal("strand1:random:seed=7,index=99999999999999999999"), "character 29: expected a number that fits"),
        (&seal("strand1:random:seed=7,index=3;x"), "character 30: expected ',inject=', found ';x'"),
        (&seal("strand1:c:0i"), "character 12: expected a digit or a letter of base 32"),
        (&seal("strand1:c:0z"), "character 12: expected a choice below 2^32"),
        (&seal("strand1:c:0g0"), "character 12: expected a choice below 2^32"),
        (&seal("strand1:c:200"), "character 13: expected another choice, or a repetition"),
        (&seal("strand1:c:1zzzzzzzzf"), "character 11: more than 1048576 choices"),
        (
            &seal("strand1:c:0,inject=fire@3"),
            "character 20: expected 'cancel', 'close', 'oom' or 'timeout', found 'fire'",
        ),
        (&seal("strand1:c:0,inject=oom"), "character 23: expected '@', found ''"),
        (&seal("strand1:c:0,inject=oom@3.0"), "expected a number above 0"),
        (&seal("strand1:c:0,inject=oom@3+"), "expected 'cancel', 'close', 'oom' or 'timeout', found ''"),
    ] {
        let message = message(text);
        assert!(message.starts_with("schedule token, ") && message.contains(says), "{message}\nfor {text}");
    }
    let many = format!("strand1:c:,inject={}", ["oom@1"; 65].join("+"));
    assert!(message(&seal(&many)).ends_with("more than 64 injections"));
    assert!(message(&format!("strand1:{}", "0".repeat(200_000))).ends_with("a token has at most 100000 characters"));
}

#[test]
fn a_schedule_that_is_too_long_has_no_token() {
    for (choices, injections) in [(LENGTH_MAX, 0), (CHOICES_MAX + 1, 0), (0, 65)] {
        let choices = (0..choices as u32).map(|place| if injections == 0 { place % 2 } else { 0 }).collect();
        let inject = vec![Injection { kind: Injected::Oom, step: 1, object: 0 }; injections];
        let failure = format(&Schedule { driver: Driver::Choices(choices), inject }).unwrap_err();
        assert_eq!(failure.status, Status::LIMIT);
        assert!(failure.to_string().contains("record it in a file"), "{failure}");
    }
}

#[test]
fn a_path_is_no_token() {
    for path in ["", "a.rec", "strand", "strand:", "strands:1", "./strand1:c:", "strandx1:"] {
        assert!(!is_token(path), "{path}");
    }
    assert!(is_token("strand1:") && is_token(" strand12:what"));
}
