// SPDX-License-Identifier: MIT OR Apache-2.0
//! The searches as shaders. Invocations of a group wait for each other, so an item is a vertex and a short run of its edges:
//!
//! ```text
//! item (v, from, to)       to = 2^32 - 1: all edges of v
//! more than 64 edges       up to 32 items of equal parts, to band 0: they come before all vertices, so levels stay in order
//! else                     each edge; a vertex whose distance falls is an item of band 1; what is left after 32 of them
//!                          goes back to band 0
//! ```
//! The distance is that of the vertex when the item runs. So items that were overtaken do what is still to be done, which is
//! nothing.

use crate::graph::frontier::{FAN_OUT, Search};

/// Bands of the worklist.
pub const BANDS: u32 = 2;
/// Edges that an item looks at, at most.
const EDGES: u32 = 64;
/// The end of an item that stands for all edges of its vertex.
const ALL: u32 = u32::MAX;

/// The item that begins a search.
pub const fn first(source: u32) -> [u32; 3] {
    [source, 0, ALL]
}

/// The text of a program.
pub fn text(what: Search, weighted: bool) -> String {
    let (weights, next) = match (what, weighted) {
        (Search::Shortest, true) => (
            "@group(1) @binding(3) var<storage, read_write> weights: array<u32>;\n",
            "select(distance + weights[edge], 0xffffffffu, weights[edge] > 0xffffffffu - distance)",
        ),
        _ => ("", "select(distance + 1u, 0xffffffffu, distance == 0xffffffffu)"),
    };
    format!(
        "@group(1) @binding(0) var<storage, read_write> distances: array<atomic<u32>>;
@group(1) @binding(1) var<storage, read_write> offsets: array<u32>;
@group(1) @binding(2) var<storage, read_write> targets: array<u32>;
{weights}
fn run(item: Item) {{
    var edge = item.continuation_pc;
    var end = item.continuation_data;
    if (end == {ALL}u) {{
        edge = offsets[item.param];
        end = offsets[item.param + 1u];
    }}
    if (end - edge > {EDGES}u) {{
        let part = max((end - edge + {FAN_OUT}u - 1u) / {FAN_OUT}u, {EDGES}u);
        while (edge < end) {{
            let stop = select(end, edge + part, end - edge > part);
            push(Item(item.param, edge, stop), 0u);
            edge = stop;
        }}
        return;
    }}
    let distance = atomicLoad(&distances[item.param]);
    var pushed = 0u;
    while (edge < end && pushed < {FAN_OUT}u) {{
        let vertex = targets[edge];
        let next = {next};
        edge += 1u;
        if (atomicLoad(&distances[vertex]) > next) {{
            if (atomicMin(&distances[vertex], next) > next) {{
                push(Item(vertex, 0u, {ALL}u), 1u);
                pushed += 1u;
            }}
        }}
    }}
    if (edge < end) {{
        requeue(edge, end, 0u);
    }}
}}
"
    )
}

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use super::*;
    use crate::gpu::graphs::kernel;
    use crate::gpu::rounds::assemble::assemble;
    use crate::gpu::rounds::shape::{Declared, Reserve, Variant};

    #[test]
    fn every_text_is_a_program_of_the_rounds() {
        for (what, weighted) in [(Search::Breadth, false), (Search::Shortest, false), (Search::Shortest, true)] {
            let limits = kernel::limits(what, weighted, false);
            let declared = Declared::of(&limits);
            let variant = Variant { bands: BANDS, tagged: false, reserve: Reserve::Lane };
            let text = text(what, weighted);
            let made = assemble(&text, &declared, variant, wgpu::Features::empty(), 65_535, &|text| text);
            let made = made.unwrap_or_else(|failure| panic!("{}\n{text}", failure.text));
            assert_eq!(made.bindings.len() as u32, limits.buffer_count, "each buffer is used");
        }
    }
}
