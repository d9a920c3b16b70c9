// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounded loops: the shape of what is rewritten, and what it does on the software device.

use super::*;
use crate::gpu::service::{shader, tests};

const LIMIT: u32 = 32_768;

const HEAD: &str = "
@group(0) @binding(0) var<storage, read_write> words: array<u32, 4>;
var<private> strand_loops: u32;
";

/// What the library does around an item: 0 and 1 are what the item counted and whether it exceeded its bound.
const MAIN: &str = "
@compute @workgroup_size(1) fn main() {
    strand_loops = 0u;
    words[0] = item(words[2]);
    words[1] = strand_loops;
}";

/// Every shape of loop, each counting iterations of its innermost body up to `n`.
const SHAPES: [(&str, &str); 9] = [
    ("for", "fn item(n: u32) -> u32 { var c = 0u; for (var i = 0u; i < n; i++) { c++; } return c; }"),
    ("while", "fn item(n: u32) -> u32 { var c = 0u; while c < n { c++; } return c; }"),
    ("loop with break", "fn item(n: u32) -> u32 { var c = 0u; loop { if c >= n { break; } c++; } return c; }"),
    (
        "loop with break if in continuing",
        "fn item(n: u32) -> u32 { var c = 0u; loop { c++; continuing { break if c >= n; } } return c; }",
    ),
    (
        "continue",
        "fn item(n: u32) -> u32 { var c = 0u; var i = 0u;
           loop { if i >= n { break; } if i % 2u == 0u { c++; continue; } c++; continuing { i++; } } return c; }",
    ),
    (
        "inside a switch",
        "fn item(n: u32) -> u32 { var c = 0u;
           switch n % 2u { case 0u: { for (var i = 0u; i < n; i++) { switch i { case 5u: { c++; } default: { c++; } } } }
                           default: { while c < n { c++; } } } return c; }",
    ),
    (
        "in a called function",
        "fn deep(n: u32) -> u32 { var c = 0u; while c < n { c++; } return c; }
         fn middle(n: u32) -> u32 { return deep(n); }
         fn item(n: u32) -> u32 { return middle(n); }",
    ),
    ("return from a loop", "fn item(n: u32) -> u32 { var c = 0u; loop { if c >= n { return c; } c++; } return 7u; }"),
    (
        "a call in continuing",
        "fn deep(c: u32) -> u32 { var s = 0u; for (var i = 0u; i < 1u; i++) { s++; } return c + s; }
         fn item(n: u32) -> u32 { var c = 0u; var i = 0u;
           loop { if i >= n { break; } continuing { c = deep(c); i++; } } return c; }",
    ),
];

fn whole(item: &str) -> String {
    format!("{HEAD}{item}{MAIN}")
}

fn bounded(item: &str) -> Module {
    let text = whole(item);
    let module = bound(shader::read(&text).expect("it parses"), LIMIT, &[]);
    shader::check(&module, wgpu::Features::empty(), &text).expect("still valid");
    module
}

fn loops(block: &Block, counted: bool) -> usize {
    block
        .iter()
        .map(|statement| {
            let here = match statement {
                Statement::Loop { body, .. } => usize::from(!counted || starts_with_a_count(body)),
                _ => 0,
            };
            here + super::inner(statement).into_iter().map(|block| loops(block, counted)).sum::<usize>()
        })
        .sum()
}

fn starts_with_a_count(body: &Block) -> bool {
    let mut statements = body.iter();
    matches!(
        (statements.next(), statements.next(), statements.next()),
        (Some(Statement::Emit(_)), Some(Statement::If { accept, .. }), Some(Statement::Store { .. }))
            if matches!(accept.last(), Some(Statement::Break))
    )
}

fn count(module: &Module, counted: bool) -> usize {
    let functions = module.functions.iter().map(|(_, function)| function);
    functions.chain(module.entry_points.iter().map(|entry| &entry.function)).map(|one| loops(&one.body, counted)).sum()
}

#[test]
fn loops_every_loop_of_every_shape_counts() {
    for (name, item) in SHAPES {
        let module = bounded(item);
        assert!(count(&module, false) > 0, "{name}");
        assert_eq!(count(&module, true), count(&module, false), "{name}");
    }
}

#[test]
fn loops_of_exempt_functions_stay_as_they_are() {
    let text = whole(
        "fn ours(n: u32) -> u32 { var c = 0u; while c < n { c++; } return c; }
         fn item(n: u32) -> u32 { var c = 0u; while c < n { c++; } return ours(c); }",
    );
    let module = bound(shader::read(&text).expect("it parses"), LIMIT, &["ours"]);
    assert_eq!((count(&module, true), count(&module, false)), (1, 2));
}

#[test]
fn loops_add_the_counter_where_none_was_declared() {
    let text = "@compute @workgroup_size(1) fn main() { loop { } }";
    let module = bound(shader::read(text).expect("it parses"), 9, &[]);
    shader::check(&module, wgpu::Features::empty(), text).expect("valid");
    assert!(module.global_variables.iter().any(|(_, variable)| variable.name.as_deref() == Some(COUNTER)));
    assert_eq!(count(&module, true), 1);
}

/// What the device makes of an item: its answer, and whether it exceeded the bound.
fn on_device(service: &crate::gpu::service::Service, item: &str, n: u32) -> (u32, bool) {
    let words = tests::run(service, &whole(item), Some(LIMIT), &[], &[0, 0, n, 0]);
    (words[0], words[1] > LIMIT)
}

#[test]
fn loops_within_the_bound_are_exact_and_beyond_it_visible() {
    let Some(service) = tests::software() else { return };
    for (name, item) in SHAPES {
        for n in [1, 2, 1000, 10_000] {
            assert_eq!(on_device(&service, item, n), (n, false), "{name}, {n} iterations");
        }
        assert!(on_device(&service, item, 70_000).1, "{name}: 70,000 iterations went unnoticed");
        assert!(on_device(&service, item, 1_000_000).1, "{name}: 1,000,000 iterations went unnoticed");
    }
}

#[test]
fn loops_exactly_as_many_as_the_bound_pass() {
    let Some(service) = tests::software() else { return };
    let (_, plain) = SHAPES[0];
    // The loop that ends makes one attempt more than it has iterations: the test of its condition.
    assert_eq!(on_device(&service, plain, LIMIT - 1), (LIMIT - 1, false));
    assert!(on_device(&service, plain, LIMIT).1);
}

#[test]
fn loops_nested_count_together() {
    let Some(service) = tests::software() else { return };
    let nested = "fn item(n: u32) -> u32 {
        var c = 0u;
        for (var i = 0u; i < n; i++) { for (var k = 0u; k < n; k++) { c++; } }
        return c; }";
    assert_eq!(on_device(&service, nested, 100), (10_000, false));
    assert!(on_device(&service, nested, 265).1, "265 x 265 = 70,225 went unnoticed");
    assert!(on_device(&service, nested, 1000).1);
    let one_after_another = "fn item(n: u32) -> u32 {
        var c = 0u;
        for (var i = 0u; i < n; i++) { c++; }
        for (var i = 0u; i < n; i++) { c++; }
        for (var i = 0u; i < n; i++) { c++; }
        return c; }";
    assert_eq!(on_device(&service, one_after_another, 10_000), (30_000, false));
    assert!(on_device(&service, one_after_another, 12_000).1);
}

/// The negative control: without the rewriting the driver answers something, and nothing says that it is wrong.
#[test]
fn loops_that_are_not_bounded_are_cut_off_in_silence() {
    let Some(service) = tests::software() else { return };
    let limit = service.facts().loop_limit;
    if limit == 0 {
        println!("skip: the driver cuts nothing off: {}", service.facts().driver);
        return;
    }
    let words = tests::run(&service, &whole(SHAPES[0].1), None, &[], &[0, 0, 70_000, 0]);
    assert!(words[0] < 70_000, "the driver has no such limit, but {limit} was measured");
    assert_eq!(words[1], 0);
}
