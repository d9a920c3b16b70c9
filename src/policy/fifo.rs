// SPDX-License-Identifier: MIT OR Apache-2.0
//! First in, first out, a queue for each lane.
//!
//! ```text
//! arrived    head -> ... -> tail       sequence numbers rise; arrivals join at the tail
//! returned   a heap                    strands that were held and came back, to the place they had
//! ```
//! The first of the queue is the earlier of the head and the root. A node is in one of the two or in neither, so both
//! use the same links.

use super::defect::{Defect, seeded};
use super::heap::{self, Node};
use super::memory::grow;
use super::rules::{NONE, StrandIndex};
use crate::base::status::Outcome;

/// The queue of one lane.
#[derive(Clone, Copy)]
struct Queue {
    head: StrandIndex,
    tail: StrandIndex,
    returned: StrandIndex,
}

const EMPTY: Queue = Queue { head: NONE, tail: NONE, returned: NONE };

/// In `Node::rank`: which of the two a node is in. (Ranks inside a heap are thus all equal.)
const ARRIVED: i64 = 0;
const RETURNED: i64 = 1;

/// The queues of all lanes.
pub(super) struct Fifo {
    nodes: Vec<Node>,
    queues: Vec<Queue>,
}

impl Fifo {
    pub(super) fn new() -> Self {
        Fifo { nodes: Vec::new(), queues: Vec::new() }
    }

    /// Makes room for the strands below `strands`.
    pub(super) fn admit(&mut self, strands: usize) -> Outcome<()> {
        grow(&mut self.nodes, strands, Node::UNLINKED)
    }

    pub(super) fn lanes(&mut self, lanes: usize) -> Outcome<()> {
        grow(&mut self.queues, lanes, EMPTY)
    }

    pub(super) fn clear(&mut self, lanes: usize) {
        self.nodes.clear();
        self.queues.truncate(lanes);
        self.queues.fill(EMPTY);
    }

    /// Gives `strand`, which is not linked, a place behind all that came before.
    #[inline]
    pub(super) fn place(&mut self, strand: StrandIndex, sequence: u64) {
        self.nodes[strand as usize].sequence = sequence;
    }

    /// The place it has.
    pub(super) fn sequence(&self, strand: StrandIndex) -> u64 {
        self.nodes[strand as usize].sequence
    }

    /// Puts `strand` into the queue at its place.
    #[inline]
    pub(super) fn link(&mut self, lane: u32, strand: StrandIndex) {
        let queue = &mut self.queues[lane as usize];
        let sequence = self.nodes[strand as usize].sequence;
        if queue.tail == NONE {
            queue.head = strand;
        } else {
            let last = &mut self.nodes[queue.tail as usize];
            if last.sequence > sequence && !seeded(Defect::PauseLosesPlace) {
                self.nodes[strand as usize].rank = RETURNED;
                queue.returned = heap::insert(&mut self.nodes, queue.returned, strand);
                return;
            }
            last.next = strand;
        }
        let node = &mut self.nodes[strand as usize];
        (node.rank, node.back, node.next) = (ARRIVED, queue.tail, NONE);
        queue.tail = strand;
    }

    /// Takes `strand`, which is linked, out of the queue. It keeps its place for a later `link`.
    #[inline]
    pub(super) fn unlink(&mut self, lane: u32, strand: StrandIndex) {
        let queue = &mut self.queues[lane as usize];
        let node = &mut self.nodes[strand as usize];
        if node.rank == RETURNED {
            queue.returned = heap::remove(&mut self.nodes, queue.returned, strand);
            return;
        }
        let (back, next) = (node.back, node.next);
        (node.back, node.next) = (NONE, NONE);
        match back {
            NONE => queue.head = next,
            before => self.nodes[before as usize].next = next,
        }
        match next {
            NONE => queue.tail = back,
            after => self.nodes[after as usize].back = back,
        }
    }

    /// The first of the lane; [`NONE`] when it is empty.
    #[inline]
    pub(super) fn first(&self, lane: u32) -> StrandIndex {
        let queue = &self.queues[lane as usize];
        if queue.returned == NONE {
            return queue.head;
        }
        if queue.head == NONE || self.nodes[queue.returned as usize].sequence < self.nodes[queue.head as usize].sequence
        {
            return queue.returned;
        }
        queue.head
    }

    /// Takes out the first of the lane; [`NONE`] when it is empty.
    #[inline]
    pub(super) fn pop(&mut self, lane: u32) -> StrandIndex {
        let queue = &mut self.queues[lane as usize];
        let first = queue.head;
        if queue.returned != NONE || first == NONE {
            let first = self.first(lane);
            if first != NONE {
                self.unlink(lane, first);
            }
            return first;
        }
        let next = core::mem::replace(&mut self.nodes[first as usize].next, NONE); // a heap wants unlinked nodes
        queue.head = next;
        match next {
            NONE => queue.tail = NONE,
            after => self.nodes[after as usize].back = NONE,
        }
        first
    }
}

#[cfg(test)]
impl Fifo {
    pub(super) fn linked(&self) -> Vec<StrandIndex> {
        let mut found = Vec::new();
        for queue in &self.queues {
            found.extend(heap::members(&self.nodes, queue.returned));
            let mut strand = queue.head;
            while strand != NONE && found.len() <= self.nodes.len() {
                found.push(strand);
                strand = self.nodes[strand as usize].next;
            }
        }
        found
    }

    pub(super) fn room(&self) -> usize {
        self.nodes.capacity() + self.queues.capacity()
    }
}
