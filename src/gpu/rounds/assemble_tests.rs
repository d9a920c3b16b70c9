// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said of programs that are wrong, and that all variants of right ones are valid. No device is needed.

use super::*;
use crate::gpu::rounds::shape::Reserve;
use crate::work::fields::Fields;
use crate::work::words::Word;

fn declared(fields: Fields) -> Declared {
    Declared { fields, fan_out_max: 2, emit_max: 2, emit_words: 3, loop_limit: 1000, group_size: 64, buffer_count: 2 }
}

fn pair() -> Fields {
    crate::work::pair::FIELDS
}

const PLAIN: Variant = Variant { bands: 1, tagged: false, reserve: Reserve::Lane };

fn refusal(source: &str) -> String {
    let outcome = assemble(source, &declared(pair()), PLAIN, wgpu::Features::empty(), 65_535, &|text| text);
    let failure = outcome.map(|_| ()).expect_err(source);
    assert_eq!(failure.status, Status::SHADER, "{}", failure.text);
    failure.text
}

#[test]
fn errors_stand_where_the_author_sees_them() {
    let cases = [
        ("fn run(item: Item) {\n    let x = nothing();\n}", "line 2, column 13: "),
        ("fn run(item: Item) {\n    let x: u32 = 1.5;\n}", "line 2, column "),
        ("fn run(item: Item) { item.nothing; }", "line 1, column "),
        ("fn run(item: Item) {", "line 1, column 21: "),
        ("fn run(item: Item) {}\nfn other() {\n  let x = 1;\n", "line 4, column 1: "),
        ("fn run(item: Item) {}\n/* fn", "line 2, column "),
        ("// \u{e4}\u{f6}\nfn run(item: Item) { /* \u{e4} */ nothing(); }", "line 2, column 30: "),
        ("fn run(item: Item) {}\nfn push(item: Item) {}", "line 2, column 4: "),
        ("fn run(item: Item) {}\nstruct Item { x: u32 }", "line 2, column 8: "),
        ("fn run(item: Item) {}\nfn strand_put() {}", "line 2, column 4: "),
        ("// strand_a\nfn run(item: Item) { /* strand_b */ strand_ended = 0u; }", "line 2, column 37: `strand_ended`"),
        ("fn run(item: Item) {}\nfn f() { strand_count(0u, 1u, 0u); }", "line 2, column 10: `strand_count`"),
        ("fn run(item: Item) { workgroupBarrier(); }", "line 1, column 22: a barrier"),
        (
            "fn run(item: Item) { f(); }\nfn f() { for (;;) { if (true) {\n storageBarrier(); } } }",
            "line 3, column 2: a barrier",
        ),
        (
            "var<workgroup> x: u32;\nfn run(item: Item) { if (item.param == workgroupUniformLoad(&x)) { return; } }",
            "line 2, column 40: a barrier",
        ),
        ("fn run(item: Item) { var x: array<u32, 4>; x[9] = 1u; }", "line 1, column "),
    ];
    for (source, says) in cases {
        assert!(refusal(source).starts_with(says), "{source}: {}", refusal(source));
    }
}

/// Which of them have no value is only known once everything has one, and only where something that is used needs it.
#[test]
fn what_cannot_be_computed_with_an_override_stands_where_the_author_sees_it() {
    let first = "override first: u32 = 0u;\n";
    let computed = "`kept` begins anew with each item";
    let zero = " by zero";
    let cases = [
        (
            "var<private> kept: u32 = first + 1u;\nfn run(item: Item) { requeue(0u, kept, 0u); }",
            "line 2, column 26: ",
            computed,
        ),
        (
            "var<private> kept = array<u32, 2>(1u, first);\nfn run(item: Item) { requeue(0u, kept[1], 0u); }",
            "line 2, column 21: ",
            computed,
        ),
        (
            "var<private> kept: i32 = /* \u{e4} */ i32(first);\nfn run(item: Item) { requeue(0u, u32(kept), 0u); }",
            "line 2, column 34: ",
            computed,
        ),
        ("override second: u32 = 1u / first;\nfn run(item: Item) { fault(second); }", "line 2, column 24: ", zero),
        (
            "override second: u32 = 1u / first; override third = second + 1u;\nfn run(item: Item) { fault(third); }",
            "line 2, column 24: ",
            zero,
        ),
        ("var<private> kept: u32 = 1u / first;\nfn run(item: Item) { fault(kept); }", "line 2, column 26: ", zero),
        (
            "fn run(item: Item) {\n  let x = item.param + 1u;\n  var y: u32 = 1u / first; y += x; fault(y); }",
            "line 4, column 16: ",
            zero,
        ),
        (
            "fn run(item: Item) { fault(other()); }\nfn other() -> u32 { for (var i = 0u; i < 3u; i++) { return 7u % first; } return 1u; }",
            "line 3, column 60: ",
            zero,
        ),
        ("override third: u32;\nfn run(item: Item) { fault(third); }", "line 2, column 1: ", "'third'"),
        (
            "@id(7) override third: u32;\nvar<private> kept = third;\nfn run(item: Item) { requeue(0u, kept, 0u); }",
            "line 2, column 8: ",
            "'7'",
        ),
    ];
    for (rest, place, what) in cases {
        let said = refusal(&format!("{first}{rest}"));
        assert!(said.starts_with(place) && said.contains(what), "{rest}: {said}");
    }
    // The controls: what is computed has its `override`, does not begin anew, or is used by nobody.
    for rest in [
        "override second = first + 1u;\nvar<private> kept: u32 = second;\nfn run(item: Item) { requeue(0u, kept, 0u); }",
        "var<private> kept: u32 = first + 1u;\nfn run(item: Item) { fault(kept); }",
        "var<private> kept: u32 = 1u + 1u;\nfn run(item: Item) { requeue(first, kept, 0u); }",
        "override second: u32 = 1u / first; override third: u32;\nfn run(item: Item) { fault(first); }",
    ] {
        let source = format!("{first}{rest}");
        let made = assemble(&source, &declared(pair()), PLAIN, wgpu::Features::empty(), 65_535, &|text| text);
        let checked = made.map(|made| shader::check(&made.module, wgpu::Features::empty(), "").map(|_| ()));
        assert!(matches!(checked, Ok(Ok(()))), "{rest}: {checked:?}");
    }
}

#[test]
fn a_loop_without_an_end_is_no_error_but_a_bounded_loop() {
    let source = "fn run(item: Item) { loop {} }";
    let outcome = assemble(source, &declared(pair()), PLAIN, wgpu::Features::empty(), 65_535, &|text| text);
    assert!(outcome.is_ok(), "{:?}", outcome.err());
}

#[test]
fn a_program_without_its_function_is_told_so() {
    for source in ["", "fn other(item: Item) {}", "fn run() {}", "fn run(item: u32) {}"] {
        assert!(refusal(source).contains("`fn run(item: Item)`"), "{}", refusal(source));
    }
}

#[test]
fn a_function_that_the_library_would_call_instead_of_that_of_wgsl_is_refused() {
    for (name, what) in [
        ("select", "(a: u32, b: u32, c: bool) -> u32 { return a; }"),
        ("atomicAdd", "(a: ptr<storage, atomic<u32>, read_write>, b: u32) -> u32 { return 0u; }"),
        ("subgroupAdd", "(a: u32) -> u32 { return a; }"),
    ] {
        let said = refusal(&format!("fn run(item: Item) {{}}\nfn {name}{what}"));
        assert!(said.starts_with("line 2, column 1: a function `"), "{said}");
    }
    let source = "fn run(item: Item) {}\nfn min(a: i32, b: i32) -> i32 { return a; }";
    for bands in [1, 2] {
        let variant = Variant { bands, ..PLAIN };
        let made = assemble(source, &declared(Fields::WHOLE), variant, wgpu::Features::empty(), 0, &|text| text);
        assert!(made.is_ok(), "{bands} bands: {:?}", made.err());
    }
}

/// What is called in a text and is no function, struct or alias of it.
fn called_of_others(whole: &str) -> Vec<&str> {
    let all: Vec<(usize, &str)> = names(whole).collect();
    let own =
        |name: &str| all.windows(2).any(|pair| ["fn", "struct", "alias"].contains(&pair[0].1) && pair[1].1 == name);
    let keywords = ["if", "for", "switch", "binding", "group", "builtin", "workgroup_size"];
    let is_called = |(at, name): &&(usize, &str)| whole[at + name.len()..].trim_start().starts_with('(');
    let called = all.iter().filter(is_called).map(|(_, name)| *name);
    called.filter(|name| !keywords.contains(name) && !own(name)).collect()
}

#[test]
fn whatever_the_library_calls_of_wgsl_is_known_as_such() {
    let source = "fn run(item: Item) { push(item, 0u); emit(Record()); requeue(0u, 0u, 0u); pause(0u, 0u, 0u); yield_now(0u, 0u); debug(0u, 0u, 0u, 0u); loop {} }";
    let mut found = Vec::new();
    for reserve in [Reserve::Subgroup, Reserve::Workgroup, Reserve::Lane] {
        for bands in [1, 2] {
            let variant = Variant { bands, tagged: true, reserve };
            let whole = text::step(source, Does::of(source), &declared(Fields::WHOLE), variant, (1, 1), 65_535);
            found.extend(called_of_others(&whole).into_iter().map(str::to_owned));
        }
    }
    assert!(found.iter().all(|name| CALLED.contains(&&name[..])), "{found:?}");
    assert!(CALLED.iter().all(|name| found.iter().any(|found| found == name)), "{found:?}");
    assert_eq!(called_of_others("fn f() { f(); x = min (a, b) + select(a, b, c); }"), ["min", "select"], "control");
}

#[test]
fn buffers_are_where_they_were_declared() {
    let program = |buffers: &str| format!("{buffers}\nfn run(item: Item) {{}}");
    let cases = [
        ("@group(0) @binding(7) var<storage> x: array<u32>;", "line 1, column 23: buffers of a program are in group 1"),
        ("@group(2) @binding(0) var<storage> x: array<u32>;", "group 1, this one is in group 2"),
        ("@group(1) @binding(2) var<storage> x: array<u32>;", "binding 2, and the program declares buffer_count 2"),
        ("@group(1) @binding(0) var t: texture_2d<f32>;", "only storage and uniform buffers"),
        (
            "@group(1) @binding(0) var<storage> x: array<u32>; @group(1) @binding(0) var<storage, read_write> y: array<u32>;",
            "declared twice",
        ),
    ];
    for (buffers, says) in cases {
        assert!(refusal(&program(buffers)).contains(says), "{}", refusal(&program(buffers)));
    }
    let source = program(
        "@group(1) @binding(1) var<storage, read_write> x: array<u32>; @group(1) @binding(0) var<uniform> y: vec4<u32>;",
    );
    let made = assemble(&source, &declared(pair()), PLAIN, wgpu::Features::empty(), 0, &|text| text).unwrap();
    let kinds: Vec<_> = made.bindings.iter().map(|binding| (binding.number, binding.kind)).collect();
    let writable = wgpu::BufferBindingType::Storage { read_only: false };
    assert_eq!(kinds, [(1, writable), (0, wgpu::BufferBindingType::Uniform)]);
}

#[test]
fn a_program_that_makes_no_notes_has_the_text_that_it_would_have_without_them() {
    let sources = [
        "fn run(item: Item) { fault(1u); } // debug",
        "fn debug() {}\nfn run(item: Item) { debug(); fault(1u); }",
        "var<workgroup> debug: u32;\nfn run(item: Item) { debug = 1u; fault(1u); }",
        "@group(1) @binding(0) var<storage, read_write> debug: array<u32>;\nfn run(item: Item) { debug[0] = 1u; fault(1u); }",
    ];
    for source in sources {
        let made = assemble(source, &declared(pair()), PLAIN, wgpu::Features::empty(), 0, &|text| text);
        assert!(made.is_ok(), "{source}: {:?}", made.err());
        let does = Does::of(source);
        assert!(!does.debug, "{source}");
        let text = |does| text::step(source, does, &declared(pair()), PLAIN, (1000, 0), 0);
        let (without, with) = (text(does), text(Does { debug: true, ..does }));
        assert!(!without[source.len()..].contains("debug") && !without.contains("strand_note"));
        // The control: what notes need is there when it is asked for, in one piece.
        let (begin, more) = (with.find("fn strand_note").unwrap(), with.len() - without.len());
        assert!(with[begin..begin + more].contains("fn debug(a: u32"));
        assert_eq!(format!("{}{}", &with[..begin], &with[begin + more..]), without);
    }
    assert!(Does::of("fn run(item: Item) { debug(1u, 2u, 3u, 4u); }").debug);
    assert!(Does::of("fn run(item: Item) { let fn_debug = 1u; debug(1u, 2u, 3u, 4u); }").debug);
}

#[test]
fn every_variant_of_every_program_is_valid() {
    let sources = [
        "fn run(item: Item) {}",
        "fn run(item: Item) { push(item, BAND_SAME); }",
        "fn run(item: Item) { emit(Record(1u, 2u, 3u)); loop { if (ITEM_WORDS == 3u) { break; } } }",
        "fn run(item: Item) { push(item, 0u); emit(Record(1u, 2u, 3u)); requeue(0u, 0u, BAND_SAME); fault(FAULT_BAND); }",
        "fn run(item: Item) { if (item.param == 1u) { debug(1u, 2u, 3u, item.param); } }",
        "var<private> debug: u32;\nfn run(item: Item) { debug = item.param; }",
        "fn run(item: Item) { yield_now(0u, 0u); pause(0u, 0u, 1u); } // \u{e4} comment without an end of line",
    ];
    let mut made = 0;
    for source in sources {
        for fields in [pair(), Fields::WHOLE, Fields::new(Word::Param.bit()).unwrap()] {
            for bands in 1..=5 {
                for tagged in [false, true] {
                    for reserve in [Reserve::Subgroup, Reserve::Workgroup, Reserve::Lane] {
                        let variant = Variant { bands, tagged, reserve };
                        let features = match reserve {
                            Reserve::Subgroup => wgpu::Features::SUBGROUP,
                            _ => wgpu::Features::empty(),
                        };
                        let outcome = assemble(source, &declared(fields), variant, features, 65_535, &|text| text);
                        assert!(outcome.is_ok(), "{source} {variant:?}: {:?}", outcome.err());
                        made += 1;
                    }
                }
            }
        }
    }
    assert_eq!(made, 630);
}
