// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a program in SPIR-V, which knows no functions of the library, says what becomes of an item: in words of a variable
//! that each invocation has for itself. And the text of the function `run` around it.
//!
//! ```text
//! word 0 end   1 pc   2 data   3 band, epoch or code   4 pushed   5 emitted   6, 7 nothing
//!      8 the record of the item
//!        fan_out_max times: band, record
//!        emit_max times: emitted record
//! ```

use super::layout::end;
use super::shape::{Declared, Does, STAGED_WORDS_MAX};
use crate::work::shader;

/// The variable.
pub const VARIABLE: &str = "strand_mailbox";
/// The function that the program takes the place of.
pub const PROGRAM: &str = "strand_module";
/// What applies the words; its loops are bounded by what is declared.
pub const APPLY: &str = "strand_apply";

const PC: u32 = 1;
const DATA: u32 = 2;
const TOLD: u32 = 3;
const PUSHED: u32 = 4;
const EMITTED: u32 = 5;
/// Words before the record.
const HEADER: u32 = 8;

/// The first word of the pushed items, that of the emitted records, and words in all.
fn places(declared: &Declared) -> (u32, u32, u32) {
    let record = declared.fields.length() as u32;
    let pushed = HEADER + record;
    let emitted = pushed + declared.fan_out_max * (record + 1);
    (pushed, emitted, emitted + declared.emit_max * declared.emit_words)
}

/// What cannot be: the mailbox is as large as what is held back until an item ends, and both together have the room of the
/// latter.
pub fn refusal(declared: &Declared) -> Option<String> {
    let (staged, most) = (declared.staged_words(), STAGED_WORDS_MAX / 2);
    (staged > u64::from(most)).then(|| {
        format!(
            "an item of this program may push and emit {staged} words, and in SPIR-V {most} can be kept until it ends"
        )
    })
}

/// What such a program may do: nobody looks into the module.
pub fn does(declared: &Declared) -> Does {
    let (push, emit) = (declared.fan_out_max != 0, declared.emit_max != 0);
    Does { push, emit, requeue: true, yields: true, pauses: true, loops: true, report: true, debug: false }
}

/// The text of a program that has the module at [`PROGRAM`] called. `limit`: iterations of a visit; more is a fault.
pub fn text(declared: &Declared, limit: u32) -> String {
    let (pushed, emitted, words) = places(declared);
    let (fan_out, emits, emit_words) = (declared.fan_out_max, declared.emit_max, declared.emit_words);
    let array = format!("{VARIABLE}.words");
    let mut text =
        format!("struct strand_Mailbox {{ words: array<u32, {words}> }}\nvar<private> {VARIABLE}: strand_Mailbox;\n");
    text += &shader::load(&declared.fields, "strand_mailed", &array);
    text += &shader::store(&declared.fields, "strand_mail", &array);
    let clear: String = (0..HEADER).map(|word| format!("    {array}[{word}] = 0u;\n")).collect();
    text += &format!(
        "fn {PROGRAM}() {{}}
fn run(item: Item) {{
{clear}    strand_mail({HEADER}u, item);
    {PROGRAM}();
    {APPLY}();
}}
fn {APPLY}() {{
    if (strand_loops > {limit}u) {{ fault(FAULT_LOOP_LIMIT); return; }}
    let pushes = {array}[{PUSHED}];
    let records = {array}[{EMITTED}];
    if (pushes > {fan_out}u) {{ fault(FAULT_FAN_OUT); return; }}
    if (records > {emits}u) {{ fault(FAULT_EMITS); return; }}
    let end = {array}[0];
    let told = {array}[{TOLD}];
    if (end > {fault}u) {{ fault(FAULT_STATE); return; }}
    if (end == {fault}u) {{ fault(told); return; }}
",
        fault = end::FAULT,
    );
    if fan_out != 0 {
        let each = declared.fields.length() as u32 + 1;
        text += &format!(
            "    for (var number = 0u; number < pushes; number++) {{
        let at = {pushed}u + number * {each}u;
        push(strand_mailed(at + 1u), {array}[at]);
    }}
"
        );
    }
    if emits != 0 {
        let words: Vec<String> = (0..emit_words).map(|word| format!("{array}[at + {word}u]")).collect();
        text += &format!(
            "    for (var number = 0u; number < records; number++) {{
        let at = {emitted}u + number * {emit_words}u;
        emit(Record({}));
    }}
",
            words.join(", ")
        );
    }
    let (requeue, yields, pause) = (end::REQUEUE, end::YIELD, end::PAUSE);
    text += &format!(
        "    let pc = {array}[{PC}];
    let data = {array}[{DATA}];
    if (end == {requeue}u) {{ requeue(pc, data, told); }}
    if (end == {yields}u) {{ yield_now(pc, data); }}
    if (end == {pause}u) {{ pause(pc, data, told); }}
}}
"
    );
    text
}
