// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two runners of a breadth-first search, a batch of either at a time by lot: what levels save.

use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::VecDeque;

use crate::gpu::worklist::levels::Levels;
use crate::graph::distances::{Distances, Reached, UNREACHED};
use crate::graph::frontier::{Ground, Search, Sink, run};
use crate::graph::generate::{self, Numbers, Owned};
use crate::graph::reference;

/// Items of a batch.
const BATCH: u64 = 16;

/// What a step of a batch has said.
#[derive(Default)]
struct Said {
    ran: Vec<u32>,
    pushed: Vec<u32>,
    again: Vec<u32>,
}

impl Sink for Said {
    fn push(&mut self, _: u32, vertex: u32, _: u32) {
        self.pushed.push(vertex);
    }

    fn requeue(&mut self, index: u32, cursor: u32, _: u32) {
        self.again.extend([self.ran[2 * index as usize], cursor]);
    }
}

/// The distances, vertices that were pushed, and edges that were looked at.
fn search(graph: &Owned, source: u32, levels: bool, lots: &mut Numbers) -> (Vec<u32>, u64, u64) {
    let words: Vec<AtomicU32> = (0..graph.vertices()).map(|_| AtomicU32::new(UNREACHED)).collect();
    let bits: Vec<AtomicU32> = (0..Reached::words(graph.vertices())).map(|_| AtomicU32::new(0)).collect();
    let (distances, reached) = (Distances::new(&words), Reached::new(&bits).unwrap());
    distances.lower(source, 0);
    reached.set(source);
    let ground = Ground { graph: graph.view(), distances, reached: Some(reached) };
    let mut levels = Levels::new(levels);
    levels.begin(2);
    let mut queue = VecDeque::from([[source, 0]]);
    let mut batches = [vec![], vec![]];
    let (mut in_flight, mut pushed, mut edges) = (0, 0, 0);
    while in_flight > 0 || !queue.is_empty() {
        let batch = &mut batches[lots.below(2) as usize];
        if batch.is_empty() {
            let queued = queue.len() as u64;
            let count = levels.open(queued, in_flight).min(queued).min(BATCH);
            levels.took(count);
            in_flight += count;
            batch.extend(queue.drain(..count as usize).flatten());
            continue;
        }
        let mut said = Said { ran: core::mem::take(batch), ..Said::default() };
        let items = said.ran.clone();
        edges += run(Search::Breadth, ground, &items, &mut said).edges;
        in_flight -= (items.len() - said.again.len()) as u64 / 2;
        pushed += said.pushed.len() as u64;
        queue.extend(said.pushed.iter().map(|vertex| [*vertex, 0]));
        *batch = said.again;
    }
    (words.iter().map(|word| word.load(Ordering::Relaxed)).collect(), pushed, edges)
}

#[test]
fn two_runners_that_keep_to_levels_look_at_each_edge_once() {
    let graphs = [
        ("rmat", generate::rmat(10, 16, 0, 1)),
        ("grid", generate::grid(30, 0, 2)),
        ("star", generate::star(10_000, 0, 4)),
        ("random", generate::random(300, 900, 0, 5)),
    ];
    for (name, graph) in &graphs {
        let degree = |vertex: u32| graph.offsets[vertex as usize + 1] - graph.offsets[vertex as usize];
        let source = (0..graph.vertices()).max_by_key(|vertex| degree(*vertex)).unwrap();
        let wanted = reference::breadth(graph, source);
        let reached = || (0..graph.vertices()).filter(|vertex| wanted[*vertex as usize] != UNREACHED);
        let edges: u64 = reached().map(|vertex| u64::from(degree(vertex))).sum();
        let mut without = (0, 0);
        for seed in 0..20 {
            let (found, pushed, seen) = search(graph, source, true, &mut Numbers::new(seed));
            assert_eq!((&found, pushed + 1, seen), (&wanted, reached().count() as u64, edges), "{name}, seed {seed}");
            let (found, pushed, seen) = search(graph, source, false, &mut Numbers::new(seed));
            assert_eq!(found, wanted, "{name}, seed {seed}: right in any order");
            without = (without.0.max(pushed + 1), without.1.max(seen));
        }
        if *name == "rmat" {
            let all = (reached().count() as u64, edges);
            assert!(without.0 > all.0 && without.1 > all.1, "control: without levels {without:?} of {all:?}");
        }
    }
}
