// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every search ends at the distances of the serial one, whatever the order of items, and keeps to its fan-out.

use core::sync::atomic::AtomicU32;
use std::collections::VecDeque;

use proptest::prelude::*;

use crate::graph::distances::{Distances, Reached, UNREACHED};
use crate::graph::frontier::{FAN_OUT, Ground, Search, Seen, Sink, run};
use crate::graph::generate::Owned;
use crate::graph::{generate, reference};

/// In which order items run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Fifo,
    /// What goes on comes after all others.
    FifoToTail,
    Lifo,
    /// By lot.
    Random(u64),
}

/// A worklist of its own, and what a batch has pushed.
struct List {
    words: usize,
    onward: Vec<[u32; 3]>,
    items: VecDeque<[u32; 3]>,
    running: Vec<[u32; 3]>,
    pushes: Vec<u32>,
    pushed: u64,
    requeued: u64,
}

impl Sink for List {
    fn push(&mut self, index: u32, vertex: u32, distance: u32) {
        self.pushes[index as usize] += 1;
        self.pushed += 1;
        self.items.push_back([vertex, 0, distance]);
    }

    fn requeue(&mut self, index: u32, cursor: u32, distance: u32) {
        self.requeued += 1;
        self.onward.push([self.running[index as usize][0], cursor, distance]);
    }
}

/// The distances, and what was pushed and requeued.
fn search(kind: Search, graph: &Owned, source: u32, order: Order, batch: usize) -> (Vec<u32>, List, Seen) {
    search_with(kind, graph, source, order, batch, |_| {})
}

/// The same, after something was done to the bits.
fn search_with(
    kind: Search,
    graph: &Owned,
    source: u32,
    order: Order,
    batch: usize,
    spoil: fn(&mut Reached<'_>),
) -> (Vec<u32>, List, Seen) {
    let words: Vec<AtomicU32> = (0..graph.vertices()).map(|_| AtomicU32::new(UNREACHED)).collect();
    let distances = Distances::new(&words);
    distances.lower(source, 0);
    let mut list = List {
        words: kind.words(),
        onward: Vec::new(),
        items: VecDeque::from([Search::first(source)]),
        running: Vec::new(),
        pushes: Vec::new(),
        pushed: 0,
        requeued: 0,
    };
    let mut numbers = generate::Numbers::new(if let Order::Random(seed) = order { seed } else { 0 });
    let bits: Vec<AtomicU32> = (0..Reached::words(graph.vertices())).map(|_| AtomicU32::new(0)).collect();
    let mut reached = Reached::new(&bits).unwrap();
    spoil(&mut reached);
    reached.set(source);
    let ground = Ground { graph: graph.view(), distances, reached: (batch != 7).then_some(reached) };
    let mut all = Seen::default();
    while !list.items.is_empty() || !list.onward.is_empty() {
        let mut count = batch;
        if order == Order::Fifo && !list.onward.is_empty() {
            count = list.onward.len(); // a batch of their own, as on the processor
            list.onward.drain(..).rev().for_each(|item| list.items.push_front(item));
        } else {
            list.items.extend(list.onward.drain(..));
        }
        let count = count.min(list.items.len());
        list.running = match order {
            Order::Fifo | Order::FifoToTail => list.items.drain(..count).collect(),
            Order::Lifo => list.items.split_off(list.items.len() - count).into(),
            Order::Random(_) => (0..count)
                .map(|_| list.items.swap_remove_back(numbers.below(list.items.len() as u32) as usize).unwrap())
                .collect(),
        };
        list.pushes = vec![0; count];
        let packed: Vec<u32> = list.running.iter().flat_map(|item| item[..list.words].to_vec()).collect();
        let seen = run(kind, ground, &packed, &mut list);
        assert!(list.pushes.iter().all(|pushes| *pushes <= FAN_OUT), "an item keeps to the fan-out");
        all.edges += seen.edges;
        all.overflow |= seen.overflow;
    }
    (words.iter().map(|word| word.load(core::sync::atomic::Ordering::Relaxed)).collect(), list, all)
}

fn expected(kind: Search, graph: &Owned, source: u32) -> Vec<u32> {
    match kind {
        Search::Breadth => reference::breadth(graph, source),
        Search::Shortest => reference::shortest(graph, source),
    }
}

fn shapes() -> Vec<(&'static str, Owned)> {
    vec![
        ("rmat", generate::rmat(10, 16, 100, 1)),
        ("grid", generate::grid(30, 9, 2)),
        ("path", generate::path(500, 7, 3)),
        ("star", generate::star(10_000, 1_000, 4)),
        ("random", generate::random(300, 900, 50, 5)),
        ("loops", generate::random(3, 60, 5, 6)),
        ("one vertex", generate::path(1, 0, 7)),
        ("no edges", generate::of_edges(5, vec![], 3, 8)),
        ("zero weights", generate::random(200, 800, 1, 9)),
    ]
}

#[test]
fn every_shape_in_every_order_ends_at_the_serial_distances() {
    for (name, graph) in shapes() {
        for kind in [Search::Breadth, Search::Shortest] {
            let wanted = expected(kind, &graph, 0);
            for (order, batch) in [(Order::Fifo, 1), (Order::Fifo, 256), (Order::Lifo, 7), (Order::Random(11), 64)] {
                let (found, ..) = search(kind, &graph, 0, order, batch);
                assert_eq!(found, wanted, "{name}, {kind:?}, {order:?}, batches of {batch}");
            }
        }
    }
}

#[test]
fn breadth_first_in_order_pushes_each_vertex_once() {
    let graph = generate::rmat(12, 16, 0, 1);
    let (found, list, seen) = search(Search::Breadth, &graph, 1, Order::Fifo, 1);
    let reached = found.iter().filter(|distance| **distance != UNREACHED).count() as u64;
    assert_eq!(list.pushed + 1, reached);
    let edges: u64 = (0..graph.vertices())
        .filter(|vertex| found[*vertex as usize] != UNREACHED)
        .map(|vertex| u64::from(graph.offsets[vertex as usize + 1] - graph.offsets[vertex as usize]))
        .sum();
    assert_eq!(seen.edges, edges, "and looks at each edge once");
    assert!(list.requeued > 0);
    // In batches too: items of a greater distance wait for those that have edges left.
    for batch in [2, 30, 64, 100, 512] {
        let (_, batches, seen) = search(Search::Breadth, &graph, 1, Order::Fifo, batch);
        assert_eq!((batches.pushed + 1, seen.edges), (reached, edges), "batches of {batch}");
    }
    // The control: by lot, or where those come last, vertices are pushed again.
    for order in [Order::Random(5), Order::FifoToTail] {
        let (_, again, seen) = search(Search::Breadth, &graph, 1, order, 512);
        assert!(again.pushed + 1 > reached && seen.edges > edges, "{order:?}");
    }
}

/// A batch of the last vertex of a level, which has edges left, and of one of the next level with the same neighbours.
#[test]
fn the_next_level_waits_for_edges_that_are_left() {
    let mut edges = vec![(0, 1), (0, 2), (0, 3), (1, 4)];
    edges.extend((10..110).map(|leaf| (3, leaf)));
    edges.extend((10..110).rev().map(|leaf| (4, leaf)));
    let graph = generate::of_edges(110, edges, 0, 1);
    let (found, list, seen) = search(Search::Breadth, &graph, 0, Order::Fifo, 2);
    assert_eq!((found[3], found[4]), (1, 2));
    assert!(found[10..].iter().all(|distance| *distance == 2));
    assert_eq!((list.pushed, seen.edges), (104, 204));
    // 32 leaves at once: 3 is requeued three times, and 4 waits as often.
    assert_eq!(list.requeued, 6);
}

#[test]
fn a_star_of_any_degree_fits_the_fan_out() {
    let graph = generate::star(100_001, 0, 1);
    let (found, list, _) = search(Search::Breadth, &graph, 0, Order::Fifo, 64);
    assert!(found[1..].iter().all(|distance| *distance == 1));
    assert_eq!(list.pushed, 100_000);
    assert_eq!(list.requeued, 100_000 / u64::from(FAN_OUT) - 1, "the hub goes back after every 32 leaves but the last");
}

/// Two edges in a row; the second weighs 1.
fn chain(first: u32) -> Owned {
    Owned { offsets: vec![0, 1, 2, 2], targets: vec![1, 2], weights: Some(vec![first, 1]) }
}

#[test]
fn a_way_that_is_too_long_is_left_out_and_told() {
    let long = chain(u32::MAX - 1);
    let (found, _, seen) = search(Search::Shortest, &long, 0, Order::Fifo, 8);
    assert_eq!(found, [0, u32::MAX - 1, UNREACHED]);
    assert!(seen.overflow);
    let fits = chain(u32::MAX - 2);
    let (found, _, seen) = search(Search::Shortest, &fits, 0, Order::Fifo, 8);
    assert_eq!(found, [0, u32::MAX - 2, u32::MAX - 1]);
    assert!(!seen.overflow, "the control");
}

#[test]
fn items_that_name_nothing_do_nothing() {
    let graph = generate::path(3, 0, 1);
    let words: Vec<AtomicU32> = (0..3).map(|_| AtomicU32::new(UNREACHED)).collect();
    let mut list = List {
        words: 2,
        onward: vec![],
        items: VecDeque::new(),
        running: vec![],
        pushes: vec![0; 8],
        pushed: 0,
        requeued: 0,
    };
    let items = [3, 0, u32::MAX, 0, 0, u32::MAX, 2, 1, 0];
    let ground = Ground { graph: graph.view(), distances: Distances::new(&words), reached: None };
    assert_eq!(run(Search::Breadth, ground, &items, &mut list).edges, 0);
    assert_eq!((list.pushed, list.requeued), (0, 0));
    assert!(words.iter().all(|word| word.load(core::sync::atomic::Ordering::Relaxed) == UNREACHED));
}

#[test]
fn bits_that_are_trusted_whatever_the_distance_give_wrong_answers() {
    let graph = generate::grid(30, 0, 1);
    let wanted = reference::breadth(&graph, 0);
    let (right, ..) = search_with(Search::Breadth, &graph, 0, Order::Random(3), 4, |_| {});
    let (wrong, ..) = search_with(Search::Breadth, &graph, 0, Order::Random(3), 4, |reached| reached.trusted = true);
    assert!(right == wanted && wrong != wanted);
}

/// The control: a search that forgets what is behind the cursor is noticed.
#[test]
fn a_search_that_drops_a_requeued_item_fails() {
    struct Forgetful(List);
    impl Sink for Forgetful {
        fn push(&mut self, index: u32, vertex: u32, distance: u32) {
            self.0.push(index, vertex, distance);
        }
        fn requeue(&mut self, _: u32, _: u32, _: u32) {}
    }
    let graph = generate::star(100, 0, 1);
    let words: Vec<AtomicU32> = (0..100).map(|_| AtomicU32::new(UNREACHED)).collect();
    let distances = Distances::new(&words);
    distances.lower(0, 0);
    let list = List {
        words: 2,
        onward: vec![],
        items: VecDeque::new(),
        running: vec![],
        pushes: vec![0],
        pushed: 0,
        requeued: 0,
    };
    let mut forgetful = Forgetful(list);
    let ground = Ground { graph: graph.view(), distances, reached: None };
    run(Search::Breadth, ground, &[0, 0], &mut forgetful);
    let reached = words.iter().filter(|word| word.load(core::sync::atomic::Ordering::Relaxed) == 1).count();
    assert_eq!(reached, FAN_OUT as usize, "of 99");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_graphs_end_at_the_serial_distances(
        vertices in 1u32..200,
        degree in 0u32..6,
        heaviest in prop_oneof![Just(0u32), 1u32..5, Just(1u32 << 31), Just(u32::MAX)],
        seed: u64,
        source: u32,
        batch in 1usize..100,
        lot: u64,
    ) {
        let graph = generate::random(vertices, vertices * degree, heaviest, seed);
        let source = source % vertices;
        for kind in [Search::Breadth, Search::Shortest] {
            let wanted = expected(kind, &graph, source);
            let (found, _, seen) = search(kind, &graph, source, Order::Random(lot), batch);
            prop_assert_eq!(&found, &wanted);
            let cut = found.contains(&UNREACHED);
            prop_assert!(!seen.overflow || cut || heaviest > 5);
        }
    }
}
