// SPDX-License-Identifier: MIT OR Apache-2.0
//! The header and the declares, as compilers see them.

use super::tools::{find, installed, path, run, scratch, try_run};
use std::fs;

const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wundef", "-fsyntax-only"];
const C: [&str; 5] = ["c99", "c11", "c17", "c2x", "gnu17"];
const CPP: [&str; 5] = ["c++11", "c++14", "c++17", "c++20", "gnu++20"];

/// Includes the header twice, alone and in all its configurations, and uses a little of everything.
const PROGRAM: &str = r#"
#include <strand.h>
#include <strand.h>
#if STRAND_VERSION_NUMBER < 1000 || STRAND_ABI_VERSION < 1 || STRAND_ERR_INVALID != -1
#error "the macros can be used by the preprocessor"
#endif
typedef char version_is_text[sizeof STRAND_VERSION_STRING > 5 ? 1 : -1];
strand_status use(strand_chan chan, uint64_t *value);
strand_status use(strand_chan chan, uint64_t *value) {
    strand_config config = { sizeof config, STRAND_ENGINE_PARALLEL, 2, STRAND_POLICY_COOPERATIVE, 0,
        STRAND_MIGRATE_FREE, STRAND_FAULT_ISOLATE, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    strand_status status = strand_scheduler_init(&config);
    if (status != STRAND_OK) return status;
    if (strand_poll_word != 0) status = strand_checkpoint();
    errno = 0;
    return errno != 0 ? status : strand_chan_recv(chan, value, STRAND_FOREVER);
}
"#;

#[test]
fn header_is_clean_in_every_standard_of_c() {
    let program = source("use.c", PROGRAM);
    for compiler in [find(&["gcc", "cc"], "the header with gcc"), find(CLANG, "the header with clang")] {
        for standard in C {
            check(compiler.as_deref(), standard, &["-Wstrict-prototypes"], &program);
        }
    }
}

#[test]
fn header_is_clean_in_every_standard_of_cpp() {
    // A C++ compiler warns of an initialiser that leaves members out, not of this complete one.
    let program = source("use.cc", PROGRAM);
    for compiler in [find(&["g++", "c++"], "the header with g++"), find(CLANGPP, "the header with clang++")] {
        for standard in CPP {
            check(compiler.as_deref(), standard, &[], &program);
        }
    }
}

#[test]
fn errno_is_the_strands_unless_the_program_declines() {
    let Some(compiler) = find(&["gcc", "cc", "clang"], "errno in the header") else {
        return;
    };
    let program = source("errno.c", "#include <strand.h>\nint f(void);\nint f(void) { return errno; }\n");
    let include = format!("-I{}", path("include").display());
    let expands = |options: &[&str]| {
        let arguments = [&["-E", &include, &program], options].concat();
        let (ok, text) = try_run(&compiler, &arguments);
        assert!(ok, "{text}");
        text.lines().last().unwrap_or_default().contains("strand_errno_location")
    };
    assert!(expands(&[]));
    assert!(!expands(&["-DSTRAND_NO_ERRNO"]));
}

#[test]
fn header_has_three_kinds_of_linkage() {
    let Some(compiler) = find(&["gcc", "cc", "clang"], "STRAND_API in the header") else {
        return;
    };
    let program = source("api.c", "#include <strand.h>\n");
    for option in ["-DSTRAND_STATIC", "-DSTRAND_BUILD", "-DSTRAND_USE"] {
        check(Some(&compiler), "c99", &[option, "-fvisibility=hidden"], &program);
    }
}

/// `STRAND_UNBOUNDED`, layouts: what a program compiled today relies on for ever.
#[test]
fn structs_have_the_layout_that_programs_are_compiled_with() {
    let Some(compiler) = find(&["gcc", "cc", "clang"], "the layout of structs") else {
        return;
    };
    let sizes = [
        ("strand_language_hooks", size_of::<strand::ffi::config::strand_language_hooks>(), 64),
        ("strand_config", size_of::<strand::ffi::config::strand_config>(), 152),
        ("strand_step_result", size_of::<strand::ffi::step::strand_step_result>(), 48),
        ("strand_explore_options", size_of::<strand::ffi::explore::strand_explore_options>(), 32),
        ("strand_explore_result", size_of::<strand::ffi::explore::strand_explore_result>(), 552),
        ("strand_spawn_options", size_of::<strand::ffi::spawn::strand_spawn_options>(), 80),
        ("strand_scope_options", size_of::<strand::ffi::scope::strand_scope_options>(), 32),
        ("strand_case", size_of::<strand::ffi::select::strand_case>(), 40),
        ("strand_lane_options", size_of::<strand::ffi::policy::strand_lane_options>(), 32),
        ("strand_handoff", size_of::<strand::ffi::policy::strand_handoff>(), 32),
        ("strand_chan_options", size_of::<strand::ffi::channel::strand_chan_options>(), 64),
        ("strand_offload_options", size_of::<strand::ffi::offload::strand_offload_options>(), 32),
        ("strand_device_info", size_of::<strand::ffi::device::strand_device_info>(), 312),
        ("strand_device_options", size_of::<strand::ffi::device::strand_device_options>(), 32),
        ("strand_program_options", size_of::<strand::ffi::program::strand_program_options>(), 88),
        ("strand_pattern", size_of::<strand::ffi::automaton::strand_pattern>(), 24),
        ("strand_pattern_error", size_of::<strand::ffi::automaton::strand_pattern_error>(), 24),
        ("strand_automaton_options", size_of::<strand::ffi::automaton::strand_automaton_options>(), 40),
        ("strand_chunk", size_of::<strand::ffi::automaton::strand_chunk>(), 40),
        ("strand_scan_options", size_of::<strand::ffi::automaton::strand_scan_options>(), 24),
        ("strand_match", size_of::<strand::ffi::automaton::strand_match>(), 16),
        ("strand_automaton_counts", size_of::<strand::ffi::automaton::strand_automaton_counts>(), 104),
        ("strand_outcome", size_of::<strand::ffi::task::strand_outcome>(), 32),
        ("strand_task_options", size_of::<strand::ffi::task::strand_task_options>(), 72),
        ("strand_fault", size_of::<strand::ffi::fault::strand_fault>(), 872),
        ("strand_promise_options", size_of::<strand::ffi::promise::strand_promise_options>(), 24),
        ("strand_down", size_of::<strand::ffi::monitor::strand_down>(), 48),
        ("strand_generator_options", size_of::<strand::ffi::generator::strand_generator_options>(), 64),
        ("strand_mutex", size_of::<strand::ffi::lock::strand_mutex>(), 16),
        ("strand_rwlock", size_of::<strand::ffi::lock::strand_rwlock>(), 32),
        ("strand_semaphore", size_of::<strand::ffi::lock::strand_semaphore>(), 16),
        ("strand_condition", size_of::<strand::ffi::lock::strand_condition>(), 16),
        ("strand_wait_group", size_of::<strand::ffi::lock::strand_wait_group>(), 16),
        ("strand_once", size_of::<strand::ffi::lock::strand_once>(), 16),
        ("strand_gc_root", size_of::<strand::ffi::collector::strand_gc_root>(), 32),
        ("strand_gc_stack", size_of::<strand::ffi::collector::strand_gc_stack>(), 32),
        ("strand_work_task", size_of::<strand::ffi::item::strand_work_task>(), 64),
        ("strand_worklist_request", size_of::<strand::ffi::admission::strand_worklist_request>(), 64),
        ("strand_worklist_recommendation", size_of::<strand::ffi::admission::strand_worklist_recommendation>(), 48),
        ("strand_worklist_options", size_of::<strand::ffi::worklist::strand_worklist_options>(), 80),
        ("strand_run_options", size_of::<strand::ffi::worklist::strand_run_options>(), 40),
        ("strand_worklist_fault", size_of::<strand::ffi::results::strand_worklist_fault>(), 72),
        ("strand_work_note", size_of::<strand::ffi::debug::strand_work_note>(), 80),
        ("strand_worklist_statistics", size_of::<strand::ffi::results::strand_worklist_statistics>(), 256),
        ("strand_evidence", size_of::<strand::ffi::admission::strand_evidence>(), 104),
        ("strand_ingest_counts", size_of::<strand::ffi::ingest::strand_ingest_counts>(), 40),
        ("strand_ingest_options", size_of::<strand::ffi::ingest::strand_ingest_options>(), 48),
        ("strand_graph_options", size_of::<strand::ffi::graph::strand_graph_options>(), 40),
        ("strand_statistics", size_of::<strand::ffi::info::strand_statistics>(), 208),
    ];
    let mut text = "#include <strand.h>\n".to_owned();
    for (name, rust, known) in sizes {
        assert_eq!(rust, known, "{name} has grown: that is allowed, at its end; change the number here");
        text += &format!("typedef char {name}_size[sizeof({name}) == {rust} ? 1 : -1];\n");
    }
    check(Some(&compiler), "c99", &[], &source("layout.c", &text));
}

/// The IR of docs/llvm.md, behind the declares, with every LLVM that the machine has.
#[test]
fn declares_assemble_with_every_llvm_found() {
    let declares = fs::read_to_string(path("include/strand.ll")).unwrap();
    let manual = fs::read_to_string(path("docs/llvm.md")).unwrap();
    let program = source("use.ll", &(declares + &program_of(&manual)));
    let object = scratch("use.o").display().to_string();
    let mut assembled = 0;
    let tools = [(LLC, ["-filetype=obj", "-o"]), (CLANG, ["-c", "-o"])];
    for (names, options) in tools {
        for tool in installed(names) {
            let Some(dialect) = opaque_pointers(&tool) else {
                println!("skip: strand.ll with {tool}: older than LLVM 14");
                continue;
            };
            run(&tool, &[dialect, &options, &[&object, &program]].concat());
            assembled += 1;
        }
    }
    if assembled == 0 {
        println!("skip: strand.ll is not assembled: neither llc nor clang is installed");
    }
}

const CLANG: &[&str] =
    &["clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15"];
const CLANGPP: &[&str] = &[
    "clang++",
    "clang++-22",
    "clang++-21",
    "clang++-20",
    "clang++-19",
    "clang++-18",
    "clang++-17",
    "clang++-16",
    "clang++-15",
];
const LLC: &[&str] = &["llc", "llc-22", "llc-21", "llc-20", "llc-19", "llc-18", "llc-17", "llc-16", "llc-15"];

/// The IR in the manual: all blocks form one module, and the last has `main`.
fn program_of(manual: &str) -> String {
    let blocks = manual.split("```llvm\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let program: String = blocks.collect();
    assert!(program.contains("@main("), "the last block of docs/llvm.md is a program");
    program
}

/// The options with which an `llc` or a `clang` reads opaque pointers: none from LLVM 15 on, and none
/// exist before 14.
fn opaque_pointers(tool: &str) -> Option<&'static [&'static str]> {
    let (_, text) = try_run(tool, &["--version"]);
    let (_, version) = text.split_once("version ")?;
    match version.split('.').next()?.parse::<u32>().ok()? {
        15.. if tool.starts_with("clang") => Some(&["-Wno-override-module"]),
        15.. => Some(&[]),
        14 if tool.starts_with("clang") => Some(&["-Wno-override-module", "-mllvm", "-opaque-pointers"]),
        14 => Some(&["--opaque-pointers"]),
        _ => None,
    }
}

/// Checks a program under all warnings; without the compiler, `find` has said so.
fn check(compiler: Option<&str>, standard: &str, more: &[&str], program: &str) {
    let Some(compiler) = compiler else { return };
    let standard = format!("-std={}", known(compiler, standard));
    let include = format!("-I{}", path("include").display());
    run(compiler, &[&STRICT, more, &[&standard, &include, program]].concat());
}

/// C23 and C++20 have other names in older compilers.
fn known<'a>(compiler: &str, standard: &'a str) -> &'a str {
    let old = match standard {
        "c++20" => "c++2a",
        "gnu++20" => "gnu++2a",
        _ => return standard,
    };
    let asks = ["-E", "-x", "c++", "/dev/null", "-o", "/dev/null"];
    let accepted = try_run(compiler, &[&asks[..], &[&format!("-std={standard}")]].concat()).0;
    if accepted { standard } else { old }
}

fn source(name: &str, text: &str) -> String {
    let path = scratch(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}
