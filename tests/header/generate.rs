// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes `strand.h` from `src/ffi`: the frame of cbindgen.toml around one cbindgen run for each
//! section.
//!
//! One run for everything would be simpler, but puts all constants of the library first, then all
//! types, then all functions. A manual is read by subject.

use super::tools;
use cbindgen::{Builder, Config};
use std::fmt::Write;
use std::fs;

/// The sections in the order of a tutorial.
pub(crate) const SECTIONS: &[&str] = &[
    "version",
    "status",
    "config",
    "time",
    "scheduler",
    "step",
    "spawn",
    "strand",
    "policy",
    "local",
    "park",
    "errno",
    "channel",
    "select",
    "timer",
    "lock",
    "cancel",
    "task",
    "fault",
    "promise",
    "scope",
    "join",
    "monitor",
    "generator",
    "offload",
    "collector",
    "ticket",
    "device",
    "item",
    "buffer",
    "program",
    "admission",
    "worklist",
    "results",
    "work",
    "debug",
    "automaton",
    "graph",
    "ingest",
    "info",
    "explore",
    "record",
];

/// What follows the types that lie in the program's memory: macros, which cbindgen cannot make.
const INITIALISERS: [(&str, &str); 6] = [
    ("strand_mutex", "#define STRAND_MUTEX_INIT { { 0, 0 } }"),
    ("strand_rwlock", "#define STRAND_RWLOCK_INIT { { 0, 0, 0, 0 } }"),
    ("strand_semaphore", "#define STRAND_SEMAPHORE_INIT(units) { { (uint64_t)(units), 0 } }"),
    ("strand_condition", "#define STRAND_CONDITION_INIT { { 0, 0 } }"),
    ("strand_wait_group", "#define STRAND_WAIT_GROUP_INIT { { 0, 0 } }"),
    ("strand_once", "#define STRAND_ONCE_INIT { { 0, 0 } }"),
];

/// Columns of a line.
const WIDTH: usize = 100;

/// The whole header.
pub(crate) fn header() -> String {
    let config = Config::from_file(tools::path("cbindgen.toml")).unwrap();
    let guard = config.include_guard.clone().unwrap();
    let mut text = config.header.clone().unwrap().trim_start().to_owned();
    write!(text, "\n#ifndef {guard}\n#define {guard}\n\n").unwrap();
    for include in &config.sys_includes {
        writeln!(text, "#include <{include}>").unwrap();
    }
    text.push_str(config.after_includes.as_deref().unwrap());
    text.push_str("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    for name in SECTIONS {
        text.push_str(&section(&config, name));
    }
    text.push_str("\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n");
    text.push_str(config.trailer.as_deref().unwrap());
    write!(text, "\n#endif /* {guard} */\n").unwrap();
    text
}

/// A banner made of the module's documentation, then what cbindgen makes of its items.
fn section(config: &Config, name: &str) -> String {
    let path = tools::path(&format!("src/ffi/{name}.rs"));
    let source = fs::read_to_string(&path).unwrap();
    let mut config = config.clone();
    (config.header, config.after_includes, config.trailer) = (None, None, None);
    (config.include_guard, config.cpp_compat) = (None, false);
    config.sys_includes.clear();
    config.export.include = type_names(&source);
    let bindings = Builder::new().with_config(config).with_src(path).generate().unwrap();
    let mut items = Vec::new();
    bindings.write(&mut items);
    let items = String::from_utf8(items).unwrap();
    format!("\n{}\n{}", banner(&source), finish(items.trim_start()))
}

/// Every public type, because cbindgen leaves out those that no function of the same file mentions.
fn type_names(source: &str) -> Vec<String> {
    let declared = |line: &str| {
        let rest = line.strip_prefix("pub struct ").or(line.strip_prefix("pub type "))?;
        rest.split([' ', '{', '=']).next().map(str::to_owned)
    };
    source.lines().filter_map(declared).collect()
}

fn banner(source: &str) -> String {
    let mut lines = source.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim_start);
    let title = lines.next().unwrap();
    let mut text = format!("/* ---- {title} {}", "-".repeat(WIDTH - 9 - title.len()));
    for line in lines {
        text.push_str(if line.is_empty() { "\n *" } else { "\n * " });
        text.push_str(line);
    }
    text + "\n */\n"
}

/// Turns what cbindgen writes into what we want to read, and adds the macros that it cannot make.
fn finish(items: &str) -> String {
    let mut text = String::new();
    for line in items.lines() {
        writeln!(text, "{}", broken(&guarded(line))).unwrap();
        if line.starts_with("#define STRAND_VERSION_NUMBER ") {
            text.push_str("\n/**\n * The version as text.\n */\n#define STRAND_VERSION_STRING ");
            writeln!(text, "\"{}\"", env!("CARGO_PKG_VERSION")).unwrap();
        }
        if let Some((_, define)) = INITIALISERS.iter().find(|(type_name, _)| line == format!("}} {type_name};")) {
            writeln!(text, "\n{define}").unwrap();
        }
    }
    short_comments(&text)
}

/// Puts a negative macro in parentheses.
fn guarded(line: &str) -> String {
    match line.strip_prefix("#define ").and_then(|rest| rest.split_once(" -")) {
        Some((name, value)) => format!("#define {name} (-{value})"),
        None => line.to_owned(),
    }
}

/// Gives each parameter of a declaration a line where they do not fit on one.
fn broken(line: &str) -> String {
    let code = !line.trim_start().starts_with(['*', '/', '#']);
    match line.rsplit_once('(') {
        Some((head, parameters)) if code && line.len() > WIDTH => {
            let margin = " ".repeat(line.len() - line.trim_start().len() + 8);
            let parameters = parameters.replace(", ", &format!(",\n{margin}"));
            format!("{head}(\n{margin}{parameters}")
        }
        _ => line.to_owned(),
    }
}

/// Turns a comment that holds one line into `/** line */`.
fn short_comments(text: &str) -> String {
    let mut result = String::new();
    let mut rest: Vec<&str> = text.lines().rev().collect();
    while let Some(line) = rest.pop() {
        match rest[..] {
            [.., close, only] if line.trim() == "/**" && close.trim() == "*/" && only.len() + 5 <= WIDTH => {
                let only = only.trim_start().trim_start_matches("* ");
                writeln!(result, "{line} {only} */").unwrap();
                rest.truncate(rest.len() - 2);
            }
            _ => writeln!(result, "{line}").unwrap(),
        }
    }
    result
}
