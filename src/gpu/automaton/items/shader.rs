// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the program does with its items, as a shader: see the native kernel.

use super::kernel::{ACTIVE, CLAIM, EMITS, FAN_OUT, FULL, PROBES, SPREAD, START, STEPS};
use super::words::{END, KIND_BITS, NO_JOIN, ROW, STATE_BITS, TEXT_HEAD};
use crate::automata::bytes::ANY;

/// The text of the program.
pub fn text() -> String {
    let (not_start, state_mask, any) = (!START, (1u32 << STATE_BITS) - 1, u32::from(ANY));
    format!(
        "@group(1) @binding(0) var<storage, read_write> tables: array<u32>;
@group(1) @binding(1) var<storage, read_write> text: array<u32>;
@group(1) @binding(2) var<storage, read_write> seen: array<atomic<u32>>;
const NEW = 0u;
const OLD = 1u;
const NONE = 2u;
fn place(position: u32) -> u32 {{
    return (text[{TEXT_HEAD}u + position / 2u] >> (16u * (position % 2u))) & 0xffffu;
}}
fn row_of(state: u32) -> u32 {{
    return tables[0] + state * {ROW}u;
}}
fn claim(state: u32, position: u32) -> u32 {{
    let join = tables[row_of(state) + 3u];
    if (join == {NO_JOIN}u) {{ return NEW; }}
    let base = text[0];
    let mask = text[2];
    let spot = join * text[1] + position;
    if (mask == 0u) {{
        let bit = 1u << (spot % 32u);
        let before = atomicOr(&seen[spot / 32u], bit);
        return select(OLD, NEW, (before & bit) == 0u);
    }}
    let key = base + spot;
    var slot = ((key * {SPREAD}u) >> 7u) & mask;
    var probes = 0u;
    while (probes < {PROBES}u) {{
        let known = atomicLoad(&seen[slot]);
        if (known < base) {{
            let claimed = atomicCompareExchangeWeak(&seen[slot], known, key);
            if (claimed.exchanged) {{ return NEW; }}
        }} else {{
            if (known == key) {{ return OLD; }}
            slot = (slot + 1u) & mask;
        }}
        probes += 1u;
    }}
    return NONE;
}}
fn starts(what: u32, first_cursor: u32, first_position: u32) {{
    var cursor = first_cursor;
    var position = first_position;
    var steps = 0u;
    var pushed = 0u;
    let end = what & {not_start}u;
    while (position < end) {{
        let here = place(position);
        if ((here & {END}u) == 0u) {{
            let row = tables[1] + (here & 0xffu);
            let first = tables[row];
            let count = tables[row + 1u] - first;
            let kind = 1u << (here >> {KIND_BITS}u);
            while (cursor < count) {{
                if (steps >= {STEPS}u || pushed + 1u >= {FAN_OUT}u) {{
                    push(Item(what, cursor, position), BAND_SAME);
                    return;
                }}
                let entry = tables[first + cursor];
                if (((entry >> {STATE_BITS}u) & kind) != 0u) {{
                    let state = entry & {state_mask}u;
                    let claimed = claim(state, position + 1u);
                    if (claimed == NONE) {{ fault({FULL}u); return; }}
                    if (claimed == NEW) {{
                        push(Item(state, 0u, position + 1u), BAND_SAME);
                        pushed += 1u;
                    }}
                }}
                cursor += 1u;
                steps += 1u;
            }}
        }}
        cursor = 0u;
        position += 1u;
        steps += 1u;
        if (steps >= {STEPS}u && position < end) {{
            push(Item(what, 0u, position), BAND_SAME);
            return;
        }}
    }}
}}
fn run(item: Item) {{
    if ((item.param & {START}u) != 0u) {{
        starts(item.param, item.continuation_pc, item.continuation_data);
        return;
    }}
    var state = item.param;
    var cursor = item.continuation_pc;
    var position = item.continuation_data;
    if (cursor == {CLAIM}u) {{
        let claimed = claim(state, position);
        if (claimed == NONE) {{ fault({FULL}u); }}
        if (claimed != NEW) {{ return; }}
        cursor = 0u;
    }}
    var steps = 0u;
    var pushed = 0u;
    var emitted = 0u;
    var goes_on = true;
    while (goes_on) {{
        let row = row_of(state);
        let here = place(position);
        let edge = tables[row];
        let accept = tables[row + 1u];
        let accepts = (tables[row + {ROW}u + 1u] - accept) / 2u;
        let all = accepts + (tables[row + {ROW}u] - edge) / 2u;
        let at_end = (here & {END}u) != 0u;
        var behind = 0u;
        if (!at_end) {{ behind = 1u << (place(position + 1u) >> {KIND_BITS}u); }}
        while (cursor < accepts) {{
            if (steps >= {STEPS}u || emitted >= {EMITS}u) {{
                push(Item(state, cursor, position), BAND_SAME);
                return;
            }}
            let kinds = tables[accept + 2u * cursor + 1u];
            if (kinds == {any}u || (kinds & behind) != 0u) {{
                emit(Record(tables[accept + 2u * cursor], position));
                emitted += 1u;
            }}
            cursor += 1u;
            steps += 1u;
        }}
        if (at_end) {{
            if (emitted >= {EMITS}u) {{
                push(Item(state, cursor, position), BAND_SAME);
                return;
            }}
            emit(Record({ACTIVE}u | state, position));
            return;
        }}
        var held = {NO_JOIN}u;
        while (cursor < all) {{
            if (steps >= {STEPS}u || pushed + 2u >= {FAN_OUT}u) {{
                push(Item(state, cursor, position), BAND_SAME);
                if (held != {NO_JOIN}u) {{ push(Item(held, 0u, position + 1u), BAND_SAME); }}
                return;
            }}
            let at = edge + 2u * (cursor - accepts);
            let byte = here & 0xffu;
            if (((tables[tables[at + 1u] + byte / 32u] >> (byte % 32u)) & 1u) != 0u) {{
                let next = tables[at];
                let claimed = claim(next, position + 1u);
                if (claimed == NONE) {{ fault({FULL}u); return; }}
                if (claimed == NEW) {{
                    if (held == {NO_JOIN}u) {{
                        held = next;
                    }} else {{
                        push(Item(next, 0u, position + 1u), BAND_SAME);
                        pushed += 1u;
                    }}
                }}
            }}
            cursor += 1u;
            steps += 1u;
        }}
        goes_on = held != {NO_JOIN}u;
        state = held;
        cursor = 0u;
        position += 1u;
    }}
}}
"
    )
}

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use super::*;
    use crate::gpu::automaton::items::limits;
    use crate::gpu::rounds::assemble::assemble;
    use crate::gpu::rounds::shape::{Declared, Reserve, Variant};

    #[test]
    fn the_text_is_a_program_of_the_rounds() {
        let declared = Declared::of(&limits());
        for reserve in [Reserve::Lane, Reserve::Workgroup, Reserve::Subgroup] {
            let variant = Variant { bands: 1, tagged: false, reserve };
            let made = assemble(&text(), &declared, variant, wgpu::Features::SUBGROUP, 65_535, &|text| text);
            let made = made.unwrap_or_else(|failure| panic!("{}", failure.text));
            assert_eq!(made.bindings.len() as u32, limits().buffer_count, "each buffer is used");
        }
    }
}
