// SPDX-License-Identifier: MIT OR Apache-2.0
//! Serial searches that share nothing with the frontier: what tests and benchmarks compare with.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::distances::UNREACHED;
use super::generate::Owned;

fn edges(graph: &Owned, vertex: u32) -> core::ops::Range<usize> {
    let at = vertex as usize;
    graph.offsets[at] as usize..graph.offsets[at + 1] as usize
}

/// Breadth-first search with a queue.
pub fn breadth(graph: &Owned, source: u32) -> Vec<u32> {
    let mut distances = vec![UNREACHED; graph.vertices() as usize];
    let mut queue = Vec::with_capacity(graph.vertices() as usize);
    distances[source as usize] = 0;
    queue.push(source);
    let mut head = 0;
    while head < queue.len() {
        let vertex = queue[head];
        head += 1;
        let next = distances[vertex as usize] + 1;
        for target in &graph.targets[edges(graph, vertex)] {
            if distances[*target as usize] == UNREACHED {
                distances[*target as usize] = next;
                queue.push(*target);
            }
        }
    }
    distances
}

/// Dijkstra's search with a heap, in 64 bits; distances that do not fit are unreached.
pub fn shortest(graph: &Owned, source: u32) -> Vec<u32> {
    let mut distances = vec![u64::MAX; graph.vertices() as usize];
    let mut heap = BinaryHeap::new();
    distances[source as usize] = 0;
    heap.push(Reverse((0u64, source)));
    while let Some(Reverse((distance, vertex))) = heap.pop() {
        if distance > distances[vertex as usize] {
            continue;
        }
        for edge in edges(graph, vertex) {
            let next = distance + graph.weights.as_ref().map_or(1, |weights| u64::from(weights[edge]));
            let target = graph.targets[edge];
            if next < distances[target as usize] {
                distances[target as usize] = next;
                heap.push(Reverse((next, target)));
            }
        }
    }
    distances.into_iter().map(|distance| u32::try_from(distance).unwrap_or(UNREACHED)).collect()
}
