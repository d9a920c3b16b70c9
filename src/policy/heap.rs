// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pairing heaps whose nodes lie in one table, one node for each strand: linking allocates nothing, and any node can be
//! taken out.
//!
//! Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap: a new form of self-adjusting heap" (1986): insertion in
//! constant time, removal in amortised logarithmic time. (`base::heap` is the same over addresses, for timers.) A heap
//! is named by its root, so one table serves every lane. What comes first depends on the keys alone, never on the shape
//! of the heap: no two keys are equal.
//!
//! ```text
//! node.child   leftmost child, which comes later
//! node.next    next child of the same parent
//! node.back    the parent when leftmost, else the sibling to the left; NONE for the root and for unlinked nodes
//! ```

use super::rules::{NONE, StrandIndex};

/// The place of one strand. The first in order has the lowest rank, among equals the lowest sequence number.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) rank: i64,
    pub(super) sequence: u64,
    pub(super) child: StrandIndex,
    pub(super) next: StrandIndex,
    pub(super) back: StrandIndex,
}

impl Node {
    pub(super) const UNLINKED: Node = Node { rank: 0, sequence: 0, child: NONE, next: NONE, back: NONE };

    #[inline]
    fn before(&self, other: &Node) -> bool {
        (self.rank, self.sequence) < (other.rank, other.sequence)
    }
}

/// The root after `strand`, which is unlinked, has joined the heap of `root`.
#[inline]
pub(super) fn insert(nodes: &mut [Node], root: StrandIndex, strand: StrandIndex) -> StrandIndex {
    if root == NONE { strand } else { meld(nodes, root, strand) }
}

/// The root after `strand` has left the heap of `root`. Its key stays with it.
#[inline]
pub(super) fn remove(nodes: &mut [Node], root: StrandIndex, strand: StrandIndex) -> StrandIndex {
    let node = &mut nodes[strand as usize];
    let (child, next, back) = (node.child, node.next, node.back);
    (node.child, node.next, node.back) = (NONE, NONE, NONE);
    if back == NONE {
        return if child == NONE { NONE } else { combine(nodes, child) };
    }
    let left = &mut nodes[back as usize];
    if left.child == strand {
        left.child = next;
    } else {
        left.next = next;
    }
    if next != NONE {
        nodes[next as usize].back = back;
    }
    if child == NONE {
        return root;
    }
    let orphans = combine(nodes, child);
    meld(nodes, root, orphans)
}

/// One heap of two, given by their roots.
#[inline]
fn meld(nodes: &mut [Node], one: StrandIndex, other: StrandIndex) -> StrandIndex {
    let (first, later) = if nodes[other as usize].before(&nodes[one as usize]) { (other, one) } else { (one, other) };
    let sibling = nodes[first as usize].child;
    if sibling != NONE {
        nodes[sibling as usize].back = later;
    }
    let below = &mut nodes[later as usize];
    below.next = sibling;
    below.back = first;
    nodes[first as usize].child = later;
    first
}

/// One heap of a list of siblings: neighbours are paired from the left, then the pairs are joined from the right.
fn combine(nodes: &mut [Node], first: StrandIndex) -> StrandIndex {
    let mut pairs = NONE; // linked through `next`, the rightmost in front
    let mut rest = first;
    while rest != NONE {
        let one = rest;
        let other = core::mem::replace(&mut nodes[one as usize].next, NONE);
        nodes[one as usize].back = NONE;
        let pair = if other == NONE {
            rest = NONE;
            one
        } else {
            rest = core::mem::replace(&mut nodes[other as usize].next, NONE);
            nodes[other as usize].back = NONE;
            meld(nodes, one, other)
        };
        nodes[pair as usize].next = pairs;
        pairs = pair;
    }
    let mut root = pairs;
    let mut rest = core::mem::replace(&mut nodes[root as usize].next, NONE);
    while rest != NONE {
        let following = core::mem::replace(&mut nodes[rest as usize].next, NONE);
        root = meld(nodes, root, rest);
        rest = following;
    }
    root
}

/// The strands in the heap of `root`, at most one more than there are nodes.
#[cfg(test)]
pub(super) fn members(nodes: &[Node], root: StrandIndex) -> Vec<StrandIndex> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(strand) = open.pop() {
        if strand != NONE && found.len() <= nodes.len() {
            found.push(strand);
            open.extend([nodes[strand as usize].child, nodes[strand as usize].next]);
        }
    }
    found
}
