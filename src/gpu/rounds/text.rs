// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shader of a program: the program's own text first, so that every place in it is what its author sees, then what
//! the library adds. Names of the library's own begin with `strand_`.
//!
//! ```text
//! strand_step        one invocation takes one item of the slice
//!   run(item)        the program's function; push, emit, requeue, ... fill private variables
//!   appends          children and requeued items to the rings, records to the emits, the rest to the reports
//!   counts           how items ended
//! ```

use core::fmt::Write;

use super::layout::*;
use super::led::{LANE, LED};
use super::shape::{Declared, Does, Reserve, Variant, cut_from};
use crate::work::words::Word;
use crate::work::{codes, shader};

/// The entry point of a step.
pub const ENTRY: &str = "strand_step";

/// Functions whose loops are bounded by what they are.
pub const OWN: &[&str] = &[ENTRY, "push", "emit", "strand_put", "strand_apply"];

/// What the generator puts together.
struct Text<'a> {
    declared: &'a Declared,
    variant: Variant,
    does: Does,
    /// Bound on the loops of a visit, and iterations before another.
    loops: (u32, u32),
    /// Iterations after which the driver cuts a subgroup off; 0: it does not.
    driver: u32,
    out: String,
}

/// The whole text of a program that does so. `loops`: see [`super::shape::loop_bounds`]; `driver`: iterations after which
/// the driver cuts a subgroup off, 0: it does not.
pub fn step(source: &str, does: Does, declared: &Declared, variant: Variant, loops: (u32, u32), driver: u32) -> String {
    let mut text = Text { declared, variant, does, loops, driver, out: format!("{source}\n") };
    text.public();
    text.variables();
    text.effects();
    text.endings();
    if does.debug {
        text.debug();
    }
    text.reservation();
    text.put();
    text.entry();
    text.out
}

/// A word of the control block, whose place is known.
fn control(word: usize) -> String {
    format!("strand_control[{}].{}", word / 4, ["x", "y", "z", "w"][word % 4])
}

impl Text<'_> {
    fn add(&mut self, what: core::fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(what); // writing to a string does not fail
        self.out.push('\n');
    }

    fn words(&self) -> usize {
        self.declared.fields.length()
    }

    fn children(&self) -> u32 {
        if self.does.push { self.declared.fan_out_max } else { 0 }
    }

    fn emits(&self) -> u32 {
        if self.does.emit { self.declared.emit_max * self.declared.emit_words } else { 0 }
    }

    /// What a program may name.
    fn public(&mut self) {
        let fields = &self.declared.fields;
        self.out += &shader::item(fields);
        self.out += &shader::codes();
        self.out += &shader::go_on(fields);
        let words = self.declared.emit_words.max(1);
        self.add(format_args!("const BAND_SAME = 0xffffffffu;\nconst EMIT_WORDS = {words}u;"));
        self.add(format_args!("alias Record = array<u32, {words}>;"));
    }

    fn variables(&mut self) {
        let (children, emits) = (self.children(), self.emits());
        self.out += &format!(
            "@group(0) @binding(0) var<storage, read_write> strand_queue: array<u32>;
@group(0) @binding(1) var<uniform> strand_control: array<vec4<u32>, {}>;
@group(0) @binding(2) var<storage, read_write> strand_counters: array<atomic<u32>, {COUNTER_WORDS}>;
@group(0) @binding(3) var<storage, read_write> strand_out: array<u32>;
var<private> strand_loops: u32;
var<private> strand_copy: u32;
var<private> strand_item: Item;
var<private> strand_ended: u32;
var<private> strand_told: u32;
var<private> strand_tag: u32;
var<private> strand_children: u32;
var<private> strand_emits: u32;
",
            CONTROL_WORDS / 4
        );
        if self.leads() {
            self.add(format_args!("var<private> {LED}: u32;\nvar<private> {LANE}: u32;"));
        }
        if children != 0 {
            let bands = self.variant.bands;
            self.add(format_args!("var<private> strand_child: array<Item, {children}>;"));
            if bands > 1 {
                self.add(format_args!("var<private> strand_child_band: array<u32, {children}>;"));
                self.add(format_args!("var<private> strand_to: array<u32, {bands}>;"));
            }
        }
        if emits != 0 {
            self.add(format_args!("var<private> strand_record: array<u32, {emits}>;"));
        }
        self.out += &shader::load(&self.declared.fields, "strand_load", "strand_queue");
        self.out += &shader::store(&self.declared.fields, "strand_store", "strand_queue");
        if self.does.report {
            self.out += &shader::store(&self.declared.fields, "strand_tell", "strand_out");
        }
    }

    /// push and emit.
    fn effects(&mut self) {
        let (fault, bands) = (end::FAULT, self.variant.bands);
        let own = control(SLICE_BAND);
        self.out += &format!(
            "fn strand_fail(code: u32) {{
    if (strand_ended != {fault}u) {{ strand_ended = {fault}u; strand_told = code; }}
}}
fn strand_band(band: u32) -> u32 {{
    return select(band, {own}, band == BAND_SAME);
}}
"
        );
        let most = self.declared.fan_out_max;
        self.out += &format!(
            "fn push(child: Item, band: u32) {{
    let to = strand_band(band);
    if (to >= {bands}u) {{ strand_fail({:#x}u); return; }}
    if (strand_children >= {most}u) {{ strand_fail({:#x}u); return; }}
",
            codes::BAND,
            codes::FAN_OUT
        );
        if self.children() != 0 {
            self.out += "    strand_child[strand_children] = child;\n";
            if bands > 1 {
                self.out += "    strand_child_band[strand_children] = to;\n    strand_to[to] += 1u;\n";
            }
            self.out += "    strand_children += 1u;\n";
        }
        let (most, words) = (self.declared.emit_max, self.declared.emit_words);
        self.out += &format!(
            "}}
fn emit(record: Record) {{
    if (strand_emits >= {most}u) {{ strand_fail({:#x}u); return; }}
",
            codes::EMITS
        );
        if self.emits() != 0 {
            for word in 0..words {
                self.add(format_args!("    strand_record[strand_emits * {words}u + {word}u] = record[{word}];"));
            }
            self.out += "    strand_emits += 1u;\n";
        }
        self.out += "}\n";
    }

    /// The ways to end an item other than to return.
    fn endings(&mut self) {
        let (done, fault, bands) = (end::DONE, end::FAULT, self.variant.bands);
        self.out += &format!(
            "fn strand_goes_on(how: u32, onward: u32, pc: u32, data: u32, told: u32) {{
    if (strand_ended == {fault}u) {{ return; }}
    if (strand_ended != {done}u) {{ strand_fail({twice:#x}u); return; }}
    var next = strand_item;
    let code = item_go_on(&next, onward, pc, data, told);
    if (code != 0u) {{ strand_fail(code); return; }}
    strand_next = next;
    strand_ended = how;
    strand_told = told;
}}
fn requeue(pc: u32, data: u32, band: u32) {{
    let to = strand_band(band);
    if (to >= {bands}u) {{ strand_fail({wrong:#x}u); return; }}
    strand_goes_on({requeue}u, ONWARD_REQUEUE, pc, data, to);
}}
fn yield_now(pc: u32, data: u32) {{ strand_goes_on({yield_}u, ONWARD_YIELD, pc, data, 0u); }}
fn pause(pc: u32, data: u32, epoch: u32) {{ strand_goes_on({pause}u, ONWARD_PAUSE, pc, data, epoch); }}
fn fault(code: u32) {{ strand_fail(code); }}
var<private> strand_next: Item;
",
            twice = codes::ENDED_TWICE,
            wrong = codes::BAND,
            requeue = end::REQUEUE,
            yield_ = end::YIELD,
            pause = end::PAUSE,
        );
    }

    /// Written at once: it is there whatever becomes of the item.
    fn debug(&mut self) {
        self.out += &shader::store(&self.declared.fields, "strand_note", "strand_out");
        let (first, space, band) = (control(DEBUG_FIRST), control(DEBUG_SPACE), control(SLICE_BAND));
        let words = self.words() + DEBUG_HEADER;
        self.out += &format!(
            "fn debug(a: u32, b: u32, c: u32, d: u32) {{
    let strand_number = atomicAdd(&strand_counters[{DEBUGGED}], 1u);
    if (strand_number >= {space}) {{ return; }}
    let strand_base = {first} + strand_number * {words}u;
    strand_out[strand_base] = a;
    strand_out[strand_base + 1u] = b;
    strand_out[strand_base + 2u] = c;
    strand_out[strand_base + 3u] = d;
    strand_out[strand_base + 4u] = {band};
    strand_out[strand_base + 5u] = strand_tag;
    strand_note(strand_base + {DEBUG_HEADER}u, strand_item);
}}
"
        );
    }

    /// `strand_reserve`: places for what the invocations of a group append. `strand_count`: totals.
    fn reservation(&mut self) {
        self.out += match self.variant.reserve {
            Reserve::Lane => BY_LANE,
            Reserve::Workgroup => WORKGROUP,
            Reserve::Subgroup => SUBGROUP,
        };
    }

    /// One item into the ring of a band.
    fn put(&mut self) {
        let (physical, stride) = (control(PHYSICAL), self.variant.stride(&self.declared.fields));
        let tag = match self.variant.tagged {
            true => format!("    strand_queue[base + {}u] = strand_tag;\n", self.words()),
            false => String::new(),
        };
        self.out += &format!(
            "fn strand_put(band: u32, head: u32, place: u32, item: Item) {{
    if (place >= {physical}) {{ atomicAdd(&strand_counters[{LOST}], 1u); return; }}
    var at = head + place;
    if (at >= {physical}) {{ at -= {physical}; }}
    let base = (band * {physical} + at) * {stride}u;
    strand_store(base, item);
{tag}}}
"
        );
    }

    fn entry(&mut self) {
        let group = self.declared.group_size;
        let stride = self.variant.stride(&self.declared.fields);
        let (none, slice, first, physical) = (end::NONE, control(SLICE), control(SLICE_FIRST), control(PHYSICAL));
        self.out += &format!(
            "@compute @workgroup_size({group}) fn {ENTRY}(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {{
    let number = (group.y * {row} + group.x) * {group}u + lane;
    strand_copy = {SPREAD}u + {COPY_WORDS}u * ((group.y * {row} + group.x) % {COPIES}u);
    strand_ended = {none}u;
    var at_once = 0u;
    if (number < {slice}) {{
        var at = {first} + number;
        if (at >= {physical}) {{ at -= {physical}; }}
        let base = ({ring} + at) * {stride}u;
        strand_item = strand_load(base);
",
            row = control(ROW),
            ring = control(SLICE_BASE),
        );
        if self.leads() {
            self.add(format_args!("        {LANE} = lane;"));
        }
        if self.variant.bands > 1 && self.declared.fields.has(Word::AgeTicks) {
            let raised = control(SLICE_RAISED);
            self.add(format_args!("        let age = strand_item.age_ticks + {raised};"));
            self.add(format_args!("        strand_item.age_ticks = select(age, 0xffffffffu, age < {raised});"));
        }
        if self.variant.tagged {
            self.add(format_args!("        strand_tag = strand_queue[base + {}u];", self.words()));
        }
        match self.does.requeue {
            true => self.visits(),
            false => {
                let done = end::DONE;
                self.add(format_args!("        strand_ended = {done}u;\n        run(strand_item);"));
                self.judge("        ");
            }
        }
        self.out += "    }\n";
        if self.leads() {
            self.cut_off();
        }
        self.appends();
        self.counts();
        self.out += "}\n";
    }

    /// An item is visited again by the same invocation while it has only been requeued.
    fn visits(&mut self) {
        let (done, requeue) = (end::DONE, end::REQUEUE);
        let (inner, own, before) = (control(SLICE_INNER), control(SLICE_BAND), self.loops.1);
        // Whoever is here has been here in every visit before, so this is no less than what the group has done.
        let behind = match (self.leads(), self.does.loops) {
            (true, _) => "subgroupAdd(strand_loops) + ",
            (false, true) => "strand_loops + ",
            (false, false) => "",
        };
        self.add(format_args!("        var behind = 0u;\n        var again = false;\n        loop {{"));
        self.add(format_args!("            if (again) {{ strand_item = strand_next; at_once += 1u; }}"));
        self.add(format_args!("            strand_ended = {done}u; strand_loops = 0u;\n            run(strand_item);"));
        self.judge("            ");
        self.out += &format!(
            "            behind += {behind}1u;
            if (strand_ended != {requeue}u || at_once + 1u >= {inner} || behind >= {before}u) {{ break; }}
            if (strand_told != {own} || strand_children + strand_emits != 0u) {{ break; }}
            again = true;
        }}
"
        );
    }

    /// Nothing of an item that has faulted is pushed or emitted.
    fn judge(&mut self, indent: &str) {
        if !self.does.report {
            return;
        }
        let (limit, code, fault) = (self.loops.0, codes::LOOP_LIMIT, end::FAULT);
        let forget = self.forget();
        if self.does.loops {
            self.add(format_args!("{indent}if (strand_loops > {limit}u) {{ strand_fail({code:#x}u); }}"));
        }
        self.add(format_args!(
            "{indent}if (strand_ended == {fault}u) {{ strand_children = 0u; strand_emits = 0u;{forget} }}"
        ));
    }

    /// Whether iterations are counted for a subgroup: see [`super::led`].
    fn leads(&self) -> bool {
        self.driver != 0 && self.does.loops && self.variant.reserve == Reserve::Subgroup
    }

    /// Where the driver has cut one invocation off, no loop of those that run in step with it is whole any more, not those of
    /// the appends either: all of them have faulted.
    fn cut_off(&mut self) {
        let (none, fault, code, from) = (end::NONE, end::FAULT, codes::LOOP_LIMIT, cut_from(self.driver));
        self.add(format_args!("    let led = subgroupAdd(strand_led);"));
        self.add(format_args!("    if (led >= {from}u && strand_ended != {none}u) {{"));
        self.add(format_args!(
            "        if (strand_ended != {fault}u) {{ strand_ended = {fault}u; strand_told = {code:#x}u; }}"
        ));
        let forget = self.forget();
        self.add(format_args!("        strand_children = 0u; strand_emits = 0u;{forget}\n    }}"));
    }

    /// No band gets anything.
    fn forget(&self) -> String {
        match self.children() != 0 && self.variant.bands > 1 {
            true => format!(" strand_to = array<u32, {}>();", self.variant.bands),
            false => String::new(),
        }
    }

    fn appends(&mut self) {
        let (children, emits) = (self.children(), self.emits());
        if children != 0 || self.does.requeue {
            for band in 0..self.variant.bands {
                self.append_to(band, children != 0);
            }
        }
        if emits != 0 {
            let (words, space) = (self.declared.emit_words, control(EMIT_SPACE));
            self.out += &format!(
                "    {{
        let first = strand_reserve({EMITTED}u, strand_emits, lane);
        if (first + strand_emits > {space}) {{
            atomicAdd(&strand_counters[{LOST}], strand_emits);
        }} else {{
            for (var w = 0u; w < strand_emits * {words}u; w++) {{ strand_out[first * {words}u + w] = strand_record[w]; }}
        }}
    }}
"
            );
        }
        if self.does.report {
            self.report();
        }
    }

    /// Children and requeued items of one band.
    fn append_to(&mut self, band: u32, pushes: bool) {
        let one = self.variant.bands == 1;
        let requeue = end::REQUEUE;
        let goes = format!("strand_ended == {requeue}u && strand_told == {band}u");
        let mine = match (pushes, one) {
            (false, _) => "0u".to_owned(),
            (true, true) => "strand_children".to_owned(),
            (true, false) => format!("strand_to[{band}]"),
        };
        let (head, count) = (control(HEAD + band as usize), control(COUNT + band as usize));
        self.out += &format!(
            "    {{
        let goes = {goes};
        var place = strand_reserve({}u, {mine} + select(0u, 1u, goes), lane) + {count};
        if (goes) {{ strand_put({band}u, {head}, place, strand_next); place += 1u; }}
",
            APPENDED + band as usize
        );
        if pushes {
            let of = if one { String::new() } else { format!("if (strand_child_band[c] != {band}u) {{ continue; }} ") };
            self.out += &format!(
                "        for (var c = 0u; c < strand_children; c++) {{
            {of}strand_put({band}u, {head}, place, strand_child[c]);
            place += 1u;
        }}
"
            );
        }
        self.out += "    }\n";
    }

    /// What the host must see of an item.
    fn report(&mut self) {
        let (yields, fault, none) = (end::YIELD, end::FAULT, end::NONE);
        let (first, space, band) = (control(REPORT_FIRST), control(REPORT_SPACE), control(SLICE_BAND));
        let words = self.words() + REPORT_HEADER;
        // Mostly nobody tells anything.
        let (some, all) = match self.variant.reserve {
            Reserve::Subgroup => ("if (subgroupAny(tells)) { ", " }"),
            _ => ("", ""),
        };
        self.out += &format!(
            "    {{
        let tells = strand_ended >= {yields}u && strand_ended != {none}u;
        {some}let number = strand_reserve({REPORTED}u, select(0u, 1u, tells), lane);
        if (tells && number >= {space}) {{
            atomicAdd(&strand_counters[{LOST}], 1u);
        }} else if (tells) {{
            let base = {first} + number * {words}u;
            strand_out[base] = strand_ended;
            strand_out[base + 1u] = strand_told;
            strand_out[base + 2u] = {band};
            strand_out[base + 3u] = strand_tag;
            if (strand_ended == {fault}u) {{ strand_tell(base + {REPORT_HEADER}u, strand_item); }} else {{ strand_tell(base + {REPORT_HEADER}u, strand_next); }}
        }}{all}
    }}
"
        );
    }

    fn counts(&mut self) {
        match self.variant.reserve {
            Reserve::Subgroup => self.ends_together(),
            _ => self.ends(),
        }
        if self.children() != 0 {
            self.add(format_args!("    strand_count({PUSHED}u, strand_children, lane);"));
        }
        if self.does.requeue {
            self.add(format_args!("    strand_count_here({AT_ONCE}u, at_once, lane);"));
        }
        if self.variant.tagged {
            let (done, yields, none) = (end::DONE, end::YIELD, end::NONE);
            self.out += &format!(
                "    let leaves = strand_ended == {done}u || (strand_ended >= {yields}u && strand_ended != {none}u);
    let change = strand_children - select(0u, 1u, leaves);
    if (change != 0u && strand_tag < {TENANTS}u) {{ atomicAdd(&strand_counters[{CHANGE}u + strand_tag], change); }}
"
            );
        }
        if self.variant.reserve == Reserve::Workgroup {
            let group = self.declared.group_size;
            self.out += &WORKGROUP_FLUSH.replace("GROUP", &format!("{group}u"));
        }
    }

    /// The ways in which an item of this program can end, with their counters.
    fn kinds(&self) -> impl Iterator<Item = (usize, u32)> + use<> {
        let Does { requeue, yields, pauses, report, .. } = self.does;
        let kinds = [
            (true, FINISHED, end::DONE),
            (requeue, REQUEUED, end::REQUEUE),
            (yields, YIELDED, end::YIELD),
            (pauses, PAUSED, end::PAUSE),
            (report, FAULTED, end::FAULT),
        ];
        kinds.into_iter().filter(|(can, ..)| *can).map(|(_, counter, end)| (counter, end))
    }

    fn ends(&mut self) {
        for (counter, end) in self.kinds() {
            self.add(format_args!("    strand_count({counter}u, select(0u, 1u, strand_ended == {end}u), lane);"));
        }
    }

    /// A subgroup adds up all kinds at once, eight bits of a word for each but faults, which are counted where there are any.
    fn ends_together(&mut self) {
        let fault = end::FAULT;
        self.add(format_args!(
            "    let ends = subgroupAdd(select(0u, 1u << (8u * strand_ended), strand_ended < {fault}u));"
        ));
        self.add(format_args!("    if (subgroupBroadcastFirst(lane) == lane) {{"));
        for (counter, end) in self.kinds().filter(|(_, end)| *end != fault) {
            let bits = 8 * end;
            self.add(format_args!("        let of_{end} = ends >> {bits}u & 255u;"));
            self.add(format_args!(
                "        if (of_{end} != 0u) {{ atomicAdd(&strand_counters[strand_copy + {counter}u], of_{end}); }}"
            ));
        }
        self.add(format_args!("    }}"));
        if self.does.report {
            let faulted = format!("strand_ended == {fault}u");
            self.add(format_args!(
                "    if (subgroupAny({faulted})) {{ strand_count({FAULTED}u, select(0u, 1u, {faulted}), lane); }}"
            ));
        }
    }
}

const BY_LANE: &str = "\
fn strand_reserve(counter: u32, wanted: u32, lane: u32) -> u32 {
    if (wanted == 0u) { return 0u; }
    return atomicAdd(&strand_counters[counter], wanted);
}
fn strand_count(counter: u32, more: u32, lane: u32) {
    if (more != 0u) { atomicAdd(&strand_counters[strand_copy + counter], more); }
}
fn strand_count_here(counter: u32, more: u32, lane: u32) {
    if (more != 0u) { atomicAdd(&strand_counters[counter], more); }
}
";

const SUBGROUP: &str = "\
fn strand_reserve(counter: u32, wanted: u32, lane: u32) -> u32 {
    let before = subgroupExclusiveAdd(wanted);
    let all = subgroupAdd(wanted);
    var first = 0u;
    if (subgroupBroadcastFirst(lane) == lane && all != 0u) { first = atomicAdd(&strand_counters[counter], all); }
    return subgroupBroadcastFirst(first) + before;
}
fn strand_count(counter: u32, more: u32, lane: u32) {
    let all = subgroupAdd(more);
    if (subgroupBroadcastFirst(lane) == lane && all != 0u) { atomicAdd(&strand_counters[strand_copy + counter], all); }
}
fn strand_count_here(counter: u32, more: u32, lane: u32) {
    let all = subgroupAdd(more);
    if (subgroupBroadcastFirst(lane) == lane && all != 0u) { atomicAdd(&strand_counters[counter], all); }
}
";

/// `strand_first` is written again only behind the next barrier, which everybody reaches after reading it.
const WORKGROUP: &str = "\
var<workgroup> strand_sum: atomic<u32>;
var<workgroup> strand_first: u32;
var<workgroup> strand_tally: array<atomic<u32>, 16>;
fn strand_reserve(counter: u32, wanted: u32, lane: u32) -> u32 {
    var before = 0u;
    if (wanted != 0u) { before = atomicAdd(&strand_sum, wanted); }
    workgroupBarrier();
    if (lane == 0u) {
        let all = atomicExchange(&strand_sum, 0u);
        if (all != 0u) { strand_first = atomicAdd(&strand_counters[counter], all); }
    }
    workgroupBarrier();
    return strand_first + before;
}
fn strand_count(counter: u32, more: u32, lane: u32) {
    if (more != 0u) { atomicAdd(&strand_tally[counter], more); }
}
fn strand_count_here(counter: u32, more: u32, lane: u32) {
    strand_count(counter, more, lane);
}
";

const WORKGROUP_FLUSH: &str = "    workgroupBarrier();
    for (var counter = lane; counter < 16u; counter += GROUP) {
        let all = atomicLoad(&strand_tally[counter]);
        if (all != 0u) { atomicAdd(&strand_counters[counter], all); }
    }
";
