// SPDX-License-Identifier: MIT OR Apache-2.0
//! One batch of a frontier, and what it does to the distances.
//!
//! ```text
//! breadth   item (v, cursor)       next = distance of v + 1
//! shortest  item (v, cursor, d)    stop where the distance of v is below d: a newer item of v does this
//!           for each edge v -> w from the cursor on, if that lowers the distance of w: push (w, 0, ...)
//!           after 32 pushes or 4,096 edges:                                            requeue (v, cursor, ...)
//! ```
//! So a vertex of any degree fits the declared fan-out. In whatever order items run, the distances end at the shortest: a
//! distance that falls is pushed again. A breadth-first search pushes each vertex once where items run one after the other
//! in the order of a FIFO, those that were requeued at once: items of a greater distance than one of their batch that
//! has edges left are requeued as they are.

use super::csr::Csr;
use super::distances::{Distances, Reached, prefetch};

/// Vertices that an item pushes at most.
pub const FAN_OUT: u32 = 32;
/// Edges that an item looks at, at most.
pub const EDGES: usize = 4096;

/// Where the results of items go.
pub trait Sink {
    /// Item `index` of the batch pushes a vertex that it has brought to this distance.
    fn push(&mut self, index: u32, vertex: u32, distance: u32);
    /// Item `index` goes on at an edge; its distance is this.
    fn requeue(&mut self, index: u32, cursor: u32, distance: u32);
}

/// What a batch has found out beside the distances.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Edges that were looked at.
    pub edges: u64,
    /// Some way was too long for 32 bits and was left out.
    pub overflow: bool,
}

/// The searches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Search {
    /// Every edge counts 1.
    Breadth,
    /// Every edge counts its weight.
    Shortest,
}

impl Search {
    /// Words of an item.
    pub const fn words(self) -> usize {
        match self {
            Search::Breadth => 2,
            Search::Shortest => 3,
        }
    }

    /// The item that begins a search.
    pub const fn first(source: u32) -> [u32; 3] {
        [source, 0, 0]
    }
}

/// Items ahead of the one that runs whose lines are fetched: its row, and the beginning of its edges.
const ITEMS_AHEAD: [usize; 2] = [12, 6];
/// Edges ahead of the one that is looked at whose target's distance is fetched.
const EDGES_AHEAD: usize = 16;

/// What the items of a search share.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Where.
    pub graph: Csr<'a>,
    /// What is found.
    pub distances: Distances<'a>,
    /// Of a breadth-first search: who was reached.
    pub reached: Option<Reached<'a>>,
}

/// An item, found in the graph: its edges from `from` to `to` are looked at.
#[derive(Clone, Copy)]
struct Row {
    index: u32,
    distance: u32,
    from: usize,
    to: usize,
}

/// Runs a batch.
pub fn run<S: Sink>(search: Search, ground: Ground<'_>, items: &[u32], sink: &mut S) -> Seen {
    match (search, ground.graph.weights, ground.reached) {
        (Search::Breadth, _, Some(reached)) => {
            batch::<_, _, 2>(ground, items, sink, |row, sink, _| breadth(ground, reached, row, sink))
        }
        (Search::Breadth, _, None) => {
            batch::<_, _, 2>(ground, items, sink, |row, sink, seen| lower(ground, row, sink, seen, |_| 1))
        }
        (Search::Shortest, None, _) => {
            batch::<_, _, 3>(ground, items, sink, |row, sink, seen| lower(ground, row, sink, seen, |_| 1))
        }
        (Search::Shortest, Some(weights), _) => batch::<_, _, 3>(ground, items, sink, |row, sink, seen| {
            lower(ground, row, sink, seen, |edge| weights.get(edge).copied().unwrap_or(0))
        }),
    }
}

/// Finds the items in the graph and hands each to `edges`, which says where it has stopped.
fn batch<S: Sink, E: FnMut(Row, &mut S, &mut Seen) -> usize, const WORDS: usize>(
    Ground { graph, distances, .. }: Ground<'_>,
    items: &[u32],
    sink: &mut S,
    mut edges: E,
) -> Seen {
    let (offsets, targets) = (graph.offsets, graph.targets);
    let (items, _) = items.as_chunks::<WORDS>();
    let mut seen = Seen::default();
    // Of a breadth-first search: the least distance of an item of this batch that has edges left.
    let mut unfinished = u32::MAX;
    for (index, item) in items.iter().enumerate() {
        if let Some(later) = items.get(index + ITEMS_AHEAD[0]) {
            prefetch(offsets.as_ptr().wrapping_add(later[0] as usize));
            distances.fetch(later[0]);
        }
        if let Some(later) = items.get(index + ITEMS_AHEAD[1]) {
            let begin = offsets.get(later[0] as usize).copied().unwrap_or(0);
            prefetch(targets.as_ptr().wrapping_add(begin as usize + later[1] as usize));
        }
        let &[begin, end, ..] = offsets.get(item[0] as usize..).unwrap_or(&[]) else {
            continue; // no vertex of this graph
        };
        let distance = distances.of(item[0]);
        if WORDS == 3 && distance < item[2] {
            continue; // a newer item of this vertex does it
        }
        if WORDS == 2 && distance > unfinished {
            sink.requeue(index as u32, item[1], distance); // after those before it: they may come to its neighbours first
            continue;
        }
        let (from, end) = ((begin as usize).saturating_add(item[1] as usize), end as usize);
        if from >= end {
            continue;
        }
        let to = end.min(from.saturating_add(EDGES));
        let stop = edges(Row { index: index as u32, distance, from, to }, sink, &mut seen);
        seen.edges += (stop - from) as u64;
        if stop < end {
            unfinished = unfinished.min(distance);
            sink.requeue(index as u32, (stop - begin as usize) as u32, distance);
        }
    }
    seen
}

/// Lowers the distances behind the edges of a row; where it has stopped.
#[inline(always)]
fn lower<S: Sink>(
    Ground { graph, distances, .. }: Ground<'_>,
    row: Row,
    sink: &mut S,
    seen: &mut Seen,
    weight: impl Fn(usize) -> u32,
) -> usize {
    let targets = graph.targets;
    let mut left = FAN_OUT;
    for edge in row.from..row.to {
        if let Some(later) = targets.get(edge + EDGES_AHEAD) {
            distances.fetch(*later);
        }
        let Some(target) = targets.get(edge).copied() else {
            break;
        };
        let next = row.distance.saturating_add(weight(edge));
        seen.overflow |= next == u32::MAX;
        if distances.of(target) > next && distances.lower(target, next) {
            sink.push(row.index, target, next);
            left -= 1;
            if left == 0 {
                return edge + 1;
            }
        }
    }
    row.to
}

/// As [`lower`] with the weight 1, by the bits of who was reached. A row of a smaller distance than somebody has brought
/// vertices to meanwhile is done again without them.
#[inline(always)]
fn breadth<S: Sink>(ground: Ground<'_>, reached: Reached<'_>, row: Row, sink: &mut S) -> usize {
    let next = row.distance.saturating_add(1);
    reached.deepen(next);
    let mut left = FAN_OUT;
    let mut stop = row.to;
    for (edge, target) in (row.from..row.to).zip(ground.graph.targets.get(row.from..row.to).unwrap_or(&[])) {
        if reached.has(*target) {
            continue;
        }
        reached.set(*target);
        if ground.distances.lower(*target, next) {
            sink.push(row.index, *target, next);
            left -= 1;
            if left == 0 {
                stop = edge + 1;
                break;
            }
        }
    }
    if reached.is_deepest(next) { stop } else { again(ground, Row { to: stop, ..row }, left, sink) }
}

/// A row that could not go by the bits, once more: what it has lowered by now is not lowered again. Where it has stopped.
#[cold]
#[inline(never)]
fn again<S: Sink>(ground: Ground<'_>, row: Row, left: u32, sink: &mut S) -> usize {
    let next = row.distance.saturating_add(1);
    let mut left = left;
    for edge in row.from..row.to {
        let Some(target) = ground.graph.targets.get(edge).copied() else {
            break;
        };
        if ground.distances.of(target) > next {
            if left == 0 {
                return edge; // this one and what follows: as a requeued item
            }
            if ground.distances.lower(target, next) {
                sink.push(row.index, target, next);
                left -= 1;
            }
        }
    }
    row.to
}
