// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes `strand.ll` from the generated header, so that the two cannot disagree.
//!
//! Attributes are inline, not in groups, so that a front end can paste the text into a module of its own.
//! What is claimed is little, and true of every build: `nounwind` (no exception leaves the library),
//! `noreturn`, `noundef` (a number or pointer must have a value) and `nocapture` (a pointer that the library
//! forgets before it returns). Nothing is claimed about memory: a call that switches lets every other strand
//! run.

use super::parse::{Function, Parameter, Struct, functions, macros, structs};
use std::fmt::Write;

/// The whole file.
pub(crate) fn declares(header: &str) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n; ---- Numbers\n;\n");
    for (name, value) in macros(header) {
        if !name.starts_with("STRAND_VERSION") {
            writeln!(text, ";   {name} = {}", value.trim_matches(['(', ')']).replace("SIZE_MAX", "-1")).unwrap();
        }
    }
    text.push_str("\n; ---- Structs\n");
    for structure in structs(header) {
        text.push_str(&layout(&structure));
    }
    text.push_str("\n; ---- Data\n\n; 0: strand_checkpoint() has nothing to do. Load it anew each time.\n");
    text.push_str("@strand_poll_word = external global i32, align 4\n\n; ---- Functions\n\n");
    for function in functions(header) {
        text.push_str(&declare(&function));
    }
    text
}

const HEAD: &str = "\
; SPDX-License-Identifier: MIT OR Apache-2.0
;
; libstrand for LLVM IR: the declarations of strand.h, generated from it. LLVM 15 and newer (opaque pointers), for
; 64-bit Linux on x86-64 and aarch64: size_t is i64. The file can be linked with a module or pasted into
; one. strand.h is the manual, docs/llvm.md has the rules for emitted code.
;
; strand_entry is `ptr (ptr)`, strand_status is i32, handles, tokens and times are i64. An entry function is
; nounwind or catches what it throws.
";

fn layout(structure: &Struct) -> String {
    let members: Vec<String> = structure.members.iter().map(member).collect();
    let names: Vec<String> = structure.members.iter().map(|member| member.name.clone()).collect();
    let (name, members, names) = (&structure.name, members.join(", "), names.join(", "));
    format!("\n; {names}\n%{name} = type {{ {members} }}\n")
}

/// The type of a member; `name[8]` is an array.
fn member(member: &Parameter) -> String {
    match member.name.split_once('[') {
        Some((_, length)) => format!("[{} x {}]", length.trim_end_matches(']'), scalar(&member.kind)),
        None => scalar(&member.kind).to_owned(),
    }
}

fn declare(function: &Function) -> String {
    let parameters: Vec<String> = function.parameters.iter().map(argument).collect();
    let result = match scalar(&function.result) {
        "void" => "void".to_owned(),
        result => format!("noundef {result}"),
    };
    let ends = if function.returns { "nounwind" } else { "noreturn nounwind" };
    format!("declare {result} @{}({}) {ends}\n", function.name, parameters.join(", "))
}

fn argument(parameter: &Parameter) -> String {
    let forgotten = if is_forgotten(parameter) { " nocapture" } else { "" };
    format!("{}{forgotten} noundef %{}", scalar(&parameter.kind), parameter.name)
}

/// Whether the library keeps no copy of the pointer when it has returned: true of what it reads or fills,
/// not of functions and of the `void *` that it hands back to them.
fn is_forgotten(parameter: &Parameter) -> bool {
    let kind = parameter.kind.as_str();
    kind.ends_with('*') && (kind != "void *" || parameter.name == "element")
}

fn scalar(kind: &str) -> &'static str {
    match kind {
        "void" => "void",
        "int32_t" | "uint32_t" | "int" | "strand_status" => "i32",
        "char" => "i8",
        "int64_t" | "uint64_t" | "size_t" | "strand_id" | "strand_chan" | "strand_park_token" | "strand_task"
        | "strand_scope" | "strand_promise" | "strand_timer" | "strand_generator" | "strand_cancel"
        | "strand_cancel_hook" | "strand_monitor_id" | "strand_ticket" | "strand_device" | "strand_buffer"
        | "strand_program" | "strand_worklist" | "strand_automaton" | "strand_graph" => "i64",
        "function"
        | "strand_entry"
        | "strand_task_entry"
        | "strand_join_judge"
        | "strand_generator_entry"
        | "strand_cancel_fn"
        | "strand_cancel_drop"
        | "strand_kernel" => "ptr",
        "strand_work_task" => "%strand_work_task",
        pointer if pointer.ends_with('*') => "ptr",
        unknown => panic!("strand.ll has no type for {unknown}"),
    }
}
