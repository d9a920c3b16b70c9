// SPDX-License-Identifier: MIT OR Apache-2.0
//! `include/strand.h` and `include/strand.ll`: generated from `src/ffi`, complete, and clean for every
//! compiler found. After a change of `src/ffi`: `STRAND_BLESS=1 cargo test --test header`.

// A test that cannot go on fails; that is what these are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compile;
mod generate;
mod llvm;
mod parse;
mod tools;

use parse::{Function, functions, macros};
use std::collections::BTreeSet;
use std::fs;

#[test]
fn header_and_declares_are_what_the_source_generates() {
    let header = generate::header();
    tools::compare("include/strand.h", &header);
    tools::compare("include/strand.ll", &llvm::declares(&header));
}

#[test]
fn every_exported_function_is_in_the_header_once() {
    let mut exported = BTreeSet::new();
    for entry in fs::read_dir(tools::path("src/ffi")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.starts_with("pub ") && line.contains(" fn strand_")) {
            let (_, name) = line.split_once(" fn ").unwrap();
            assert!(exported.insert(name.split('(').next().unwrap().to_owned()), "{line}");
        }
    }
    let declared = functions(&generate::header());
    let names: BTreeSet<String> = declared.iter().map(|function| function.name.clone()).collect();
    assert_eq!(declared.len(), names.len());
    assert_eq!(names, exported);
}

#[test]
fn every_function_has_the_five_tags_and_documents_its_parameters() {
    for function in functions(&generate::header()) {
        let faults = faults(&function);
        assert!(faults.is_empty(), "{}: {}", function.name, faults.join("; "));
    }
}

/// The negative control: a comment with anything missing is found out.
#[test]
fn a_missing_tag_is_noticed() {
    let complete = functions(&generate::header());
    let join = complete.iter().find(|function| function.name == "strand_join").unwrap();
    for line in join.comment.iter().filter(|line| line.starts_with('@')) {
        let comment = join.comment.iter().filter(|other| *other != line).cloned().collect();
        let (name, result) = (join.name.clone(), join.result.clone());
        let parameters = ["id", "deadline"].map(|name| parse::Parameter { kind: "int64_t".into(), name: name.into() });
        let without = Function { comment, result, name, parameters: parameters.into(), returns: true };
        assert_eq!(faults(&without).len(), 1, "without {line}");
    }
}

/// What a function's comment lacks.
fn faults(function: &Function) -> Vec<String> {
    let mut faults = Vec::new();
    let value = |tag: &str| {
        let line = function.comment.iter().find_map(|line| line.strip_prefix(tag));
        line.map(|value| value.trim().to_owned())
    };
    let contexts = ["any", "strand", "host-thread", "callback"];
    for (tag, known) in [
        ("@context ", &contexts[..]),
        ("@switches ", &["never", "may", "always"]),
        ("@threadsafe ", &["yes", "no"]),
        ("@signalsafe ", &["yes", "no"]),
        ("@since ", &["0.1"]),
    ] {
        match value(tag) {
            Some(value) if value.split(", ").all(|word| known.contains(&word)) => {}
            Some(value) => faults.push(format!("{tag}has no value {value}")),
            None => faults.push(format!("{tag}is missing")),
        }
    }
    for parameter in &function.parameters {
        if value(&format!("@param {} ", parameter.name)).is_none() {
            faults.push(format!("@param {} is missing", parameter.name));
        }
    }
    if function.result != "void" && value("@return ").is_none() {
        faults.push("@return is missing".to_owned());
    }
    faults
}

#[test]
fn version_macros_are_those_of_the_package() {
    let macros = macros(&generate::header());
    let value = |name: &str| macros.iter().find(|(found, _)| found == name).unwrap().1.clone();
    assert_eq!(value("STRAND_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MAJOR"));
    assert_eq!(value("STRAND_VERSION_MINOR"), env!("CARGO_PKG_VERSION_MINOR"));
    assert_eq!(value("STRAND_VERSION_PATCH"), env!("CARGO_PKG_VERSION_PATCH"));
    assert_eq!(value("STRAND_VERSION_STRING"), format!("\"{}\"", env!("CARGO_PKG_VERSION")));
    let parts: Vec<u32> = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap()).collect();
    let number = parts[0] * 1_000_000 + parts[1] * 1_000 + parts[2];
    assert_eq!(strand::ffi::version::strand_version(), number);
}

#[test]
fn every_macro_and_type_has_the_prefix() {
    for line in generate::header().lines() {
        if let Some(name) = line.strip_prefix("#define ").or(line.strip_prefix("#  define ")) {
            assert!(name.starts_with("STRAND_") || name.starts_with("errno "), "{line}");
        }
        if line.starts_with("typedef ") {
            assert!(line.contains("strand_"), "{line}");
        }
    }
}
