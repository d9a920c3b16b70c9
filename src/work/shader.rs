// SPDX-License-Identifier: MIT OR Apache-2.0
//! A record as a shader sees it: the text of `struct Item`, and of functions that load and store one. The text is WGSL.

use core::fmt::Write;

use super::codes;
use super::fields::Fields;
use super::state::{self, State};
use super::words::Word;

/// The struct, and the number of words of a record.
pub fn item(fields: &Fields) -> String {
    let mut text = "struct Item {\n".to_owned();
    for word in fields.words() {
        push(&mut text, format_args!("    {}: u32,\n", word.name()));
    }
    push(&mut text, format_args!("}}\nconst ITEM_WORDS = {}u;\n", fields.length()));
    text
}

/// `fn NAME(base: u32) -> Item`: the record that begins at word `base` of `array`, a variable of type `array<u32>`.
pub fn load(fields: &Fields, name: &str, array: &str) -> String {
    let mut text = format!("fn {name}(base: u32) -> Item {{\n    return Item(");
    for place in 0..fields.length() {
        let comma = if place == 0 { "" } else { ", " };
        push(&mut text, format_args!("{comma}{array}[base + {place}u]"));
    }
    text.push_str(");\n}\n");
    text
}

/// `fn NAME(base: u32, item: Item)`: the other direction.
pub fn store(fields: &Fields, name: &str, array: &str) -> String {
    let mut text = format!("fn {name}(base: u32, item: Item) {{\n");
    for (place, word) in fields.words().enumerate() {
        push(&mut text, format_args!("    {array}[base + {place}u] = item.{};\n", word.name()));
    }
    text.push_str("}\n");
    text
}

/// The fault codes of the library, as constants.
pub fn codes() -> String {
    let mut text = String::new();
    for (code, name) in codes::ALL {
        push(&mut text, format_args!("const {name} = {code:#x}u;\n"));
    }
    text
}

/// Writing to a string does not fail.
fn push(text: &mut String, what: core::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

/// `fn item_go_on(item: ptr<function, Item>, onward: u32, pc: u32, data: u32, epoch: u32) -> u32`: what
/// [`Fields::go_on`] does, with constants `ONWARD_REQUEUE`, `ONWARD_YIELD` and `ONWARD_PAUSE` for the kinds; the result is 0 or the code of the fault.
pub fn go_on(fields: &Fields) -> String {
    let mut text = ONWARD.to_owned();
    text.push_str("fn item_go_on(item: ptr<function, Item>, onward: u32, pc: u32, data: u32, epoch: u32) -> u32 {\n");
    for (word, value) in [(Word::ContinuationPc, "pc"), (Word::ContinuationData, "data")] {
        if !fields.has(word) {
            push(&mut text, format_args!("    if ({value} != 0u) {{ return {:#x}u; }}\n", codes::NOT_CARRIED));
        }
    }
    for (word, onward) in [(Word::RequeueCount, "ONWARD_REQUEUE"), (Word::YieldCount, "ONWARD_YIELD")] {
        if fields.has(word) {
            let (name, code) = (word.name(), codes::COUNTER);
            push(&mut text, format_args!("    if (onward == {onward}) {{\n"));
            push(&mut text, format_args!("        if ((*item).{name} == 0xffffffffu) {{ return {code:#x}u; }}\n"));
            push(&mut text, format_args!("        (*item).{name} += 1u;\n    }}\n"));
        }
    }
    for (word, of) in [(Word::State, State::word as fn(State) -> u32), (Word::Flags, state::flag::of)] {
        if fields.has(word) {
            let [requeued, yielded, paused] = [State::Requeued, State::Yielded, State::Paused].map(of);
            let name = word.name();
            push(&mut text, format_args!("    (*item).{name} = select(select({paused}u, {yielded}u, "));
            push(&mut text, format_args!("onward == ONWARD_YIELD), {requeued}u, onward == ONWARD_REQUEUE);\n"));
        }
    }
    if fields.has(Word::ResumeEpoch) {
        text.push_str("    if (onward == ONWARD_PAUSE) { (*item).resume_epoch = epoch; }\n");
    }
    for (word, value) in [(Word::ContinuationPc, "pc"), (Word::ContinuationData, "data")] {
        if fields.has(word) {
            push(&mut text, format_args!("    (*item).{} = {value};\n", word.name()));
        }
    }
    text.push_str("    return 0u;\n}\n");
    text
}

const ONWARD: &str = "\
const ONWARD_REQUEUE = 0u;
const ONWARD_YIELD = 1u;
const ONWARD_PAUSE = 2u;
";
