// SPDX-License-Identifier: MIT OR Apache-2.0
//! The searches as shaders: what [`crate::graph::frontier`] does, for one item.

use crate::graph::frontier::{FAN_OUT, Search};

/// Edges that an invocation looks at, at most: those of a group wait for each other.
const EDGES: u32 = 1024;

/// The text of a program.
pub fn text(what: Search, weighted: bool) -> String {
    let weight = match (what, weighted) {
        (Search::Shortest, true) => "weights[edge]",
        _ => "1u",
    };
    let weights = match (what, weighted) {
        (Search::Shortest, true) => "@group(1) @binding(3) var<storage, read_write> weights: array<u32>;\n",
        _ => "",
    };
    let (stale, item, onward) = match what {
        Search::Breadth => ("", "Item(vertex, 0u)", "0u"),
        Search::Shortest => {
            ("    if (distance < item.continuation_data) { return; }\n", "Item(vertex, 0u, next)", "distance")
        }
    };
    format!(
        "@group(1) @binding(0) var<storage, read_write> distances: array<atomic<u32>>;
@group(1) @binding(1) var<storage, read_write> offsets: array<u32>;
@group(1) @binding(2) var<storage, read_write> targets: array<u32>;
{weights}
fn run(item: Item) {{
    let begin = offsets[item.param];
    let end = offsets[item.param + 1u];
    let distance = atomicLoad(&distances[item.param]);
{stale}    var edge = begin + item.continuation_pc;
    let last = min(end, edge + {EDGES}u);
    var pushed = 0u;
    while (edge < last && pushed < {FAN_OUT}u) {{
        let vertex = targets[edge];
        let weight = {weight};
        edge += 1u;
        let next = select(distance + weight, 0xffffffffu, weight > 0xffffffffu - distance);
        if (atomicLoad(&distances[vertex]) > next) {{
            if (atomicMin(&distances[vertex], next) > next) {{
                push({item}, BAND_SAME);
                pushed += 1u;
            }}
        }}
    }}
    if (edge < end) {{
        requeue(edge - begin, {onward}, BAND_SAME);
    }}
}}
"
    )
}
