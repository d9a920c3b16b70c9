// SPDX-License-Identifier: MIT OR Apache-2.0
//! Graphs for tests: the shapes that searches find hard, each from a seed.

use super::csr::{Csr, check_offsets, check_targets};

/// A graph with its memory.
pub struct Owned {
    /// See [`Csr`].
    pub offsets: Vec<u32>,
    /// See [`Csr`].
    pub targets: Vec<u32>,
    /// See [`Csr`].
    pub weights: Option<Vec<u32>>,
}

impl Owned {
    /// Where it lies.
    pub fn view(&self) -> Csr<'_> {
        Csr { offsets: &self.offsets, targets: &self.targets, weights: self.weights.as_deref() }
    }

    /// How many vertices.
    pub fn vertices(&self) -> u32 {
        self.offsets.len() as u32 - 1
    }
}

/// A stream of numbers: splitmix64.
pub struct Numbers(u64);

impl Numbers {
    /// From a seed.
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    /// The next one.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next one below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }
}

/// A graph of these edges, in the order of their sources; weights below `heaviest` where that is not 0.
pub fn of_edges(vertices: u32, mut edges: Vec<(u32, u32)>, heaviest: u32, seed: u64) -> Owned {
    edges.sort_by_key(|(from, _)| *from);
    let mut offsets = vec![0u64; vertices as usize + 1];
    for (from, _) in &edges {
        offsets[*from as usize + 1] += 1;
    }
    for place in 1..offsets.len() {
        offsets[place] += offsets[place - 1];
    }
    let targets: Vec<u32> = edges.iter().map(|(_, to)| *to).collect();
    let mut numbers = Numbers::new(seed ^ 0xE1);
    let weights: Vec<u32> = targets.iter().map(|_| if heaviest == 0 { 1 } else { numbers.below(heaviest) }).collect();
    assert_eq!(check_offsets(&offsets), Ok(targets.len() as u64));
    assert_eq!(check_targets(vertices.into(), &targets), Ok(()));
    let offsets = offsets.iter().map(|offset| *offset as u32).collect();
    Owned { offsets, targets, weights: (heaviest > 0).then_some(weights) }
}

/// The recursive matrix of Graph500: 2^scale vertices, `degree` edges a vertex, both directions.
pub fn rmat(scale: u32, degree: u32, heaviest: u32, seed: u64) -> Owned {
    let mut numbers = Numbers::new(seed);
    let vertices = 1u32 << scale;
    let mut edges = Vec::new();
    // Vertices are numbered by lot, so that the number says nothing about the degree.
    let mut names: Vec<u32> = (0..vertices).collect();
    for place in (1..vertices).rev() {
        names.swap(place as usize, numbers.below(place + 1) as usize);
    }
    for _ in 0..u64::from(vertices) * u64::from(degree) / 2 {
        let (mut from, mut to) = (0usize, 0usize);
        for _ in 0..scale {
            let lot = numbers.below(100);
            (from, to) =
                (from << 1 | usize::from(lot >= 76), to << 1 | usize::from((57..76).contains(&lot) || lot >= 95));
        }
        edges.push((names[from], names[to]));
        edges.push((names[to], names[from]));
    }
    of_edges(vertices, edges, heaviest, seed)
}

/// A grid of `side` by `side`, edges in four directions.
pub fn grid(side: u32, heaviest: u32, seed: u64) -> Owned {
    let mut edges = Vec::new();
    for row in 0..side {
        for column in 0..side {
            let here = row * side + column;
            if column + 1 < side {
                edges.extend([(here, here + 1), (here + 1, here)]);
            }
            if row + 1 < side {
                edges.extend([(here, here + side), (here + side, here)]);
            }
        }
    }
    of_edges(side * side, edges, heaviest, seed)
}

/// A line of vertices, each with an edge to the next.
pub fn path(vertices: u32, heaviest: u32, seed: u64) -> Owned {
    of_edges(vertices, (1..vertices).map(|to| (to - 1, to)).collect(), heaviest, seed)
}

/// One vertex with an edge to every other, and back.
pub fn star(vertices: u32, heaviest: u32, seed: u64) -> Owned {
    let spokes = (1..vertices).flat_map(|leaf| [(0, leaf), (leaf, 0)]);
    of_edges(vertices, spokes.collect(), heaviest, seed)
}

/// Edges by lot; loops and parallel edges among them.
pub fn random(vertices: u32, edges: u32, heaviest: u32, seed: u64) -> Owned {
    let mut numbers = Numbers::new(seed);
    let edges = (0..edges).map(|_| (numbers.below(vertices), numbers.below(vertices)));
    of_edges(vertices, edges.collect(), heaviest, seed)
}
