// SPDX-License-Identifier: MIT OR Apache-2.0
//! The four kinds that rank: the lowest rank is picked, and among equals who became ready first.
//!
//! ```text
//! PriorityFixed   -priority
//! PriorityAging   (pick of the lane at which it became ready) - priority * age_step
//! PriorityToken   holders before the others; then -priority
//! ProgressAware   -tokens
//! ```
//!
//! **Ageing.** A strand that has waited w picks of its lane counts as priority + w / age_step, not rounded: every w grows
//! alike, so the order of two strands that wait never changes and the rank above, which does not change either, stands
//! for it. Hence the bound: a strand that comes t picks later is ahead only when its priority is more than t / age_step
//! higher.
//!
//! **Bypass limit** (`PriorityToken`, `ProgressAware`). A pick is out of turn when it is not of the strand that has been
//! ready longest. The lane counts such picks, and each strand notes the count when it becomes ready. Once that is
//! `bypass_limit` ago, it has its turn, the longest ready first. Everyone who was ready before it has waited for at
//! least as many, so nobody who comes later passes it again: at most `bypass_limit` ever do.

use super::defect::{Defect, seeded};
use super::fifo::Fifo;
use super::heap::{self, Node};
use super::memory::grow;
use super::rules::{Kind, NONE, Rules, StrandIndex};
use super::strands::Strand;
use crate::base::status::Outcome;

#[derive(Clone, Copy)]
struct Queue {
    root: StrandIndex,
    picks: u64,
    out_of_turn: u64,
}

const EMPTY: Queue = Queue { root: NONE, picks: 0, out_of_turn: 0 };

/// What a strand notes of its lane when it becomes ready.
#[derive(Clone, Copy)]
struct Arrival {
    picks: u64,
    out_of_turn: u64,
}

pub(super) struct Ranked {
    rules: Rules,
    nodes: Vec<Node>,
    arrivals: Vec<Arrival>,
    queues: Vec<Queue>,
    /// By time of becoming ready; only where there is a bypass limit.
    age: Option<Fifo>,
}

impl Ranked {
    pub(super) fn new(rules: Rules) -> Self {
        let limited = matches!(rules.kind, Kind::PriorityToken | Kind::ProgressAware);
        let age = limited.then(Fifo::new);
        Ranked { rules, nodes: Vec::new(), arrivals: Vec::new(), queues: Vec::new(), age }
    }

    pub(super) fn admit(&mut self, strands: usize) -> Outcome<()> {
        grow(&mut self.arrivals, strands, Arrival { picks: 0, out_of_turn: 0 })?;
        grow(&mut self.nodes, strands, Node::UNLINKED)?;
        self.age.as_mut().map_or(Ok(()), |age| age.admit(strands))
    }

    pub(super) fn lanes(&mut self, lanes: usize) -> Outcome<()> {
        if let Some(age) = &mut self.age {
            age.lanes(lanes)?;
        }
        grow(&mut self.queues, lanes, EMPTY)
    }

    pub(super) fn clear(&mut self, lanes: usize) {
        self.nodes.clear();
        self.arrivals.clear();
        self.queues.truncate(lanes);
        self.queues.fill(EMPTY);
        if let Some(age) = &mut self.age {
            age.clear(lanes);
        }
    }

    /// `strand`, which is not linked, becomes ready now.
    pub(super) fn place(&mut self, strand: StrandIndex, sequence: u64, entry: &Strand) {
        let queue = &self.queues[entry.lane as usize];
        self.arrivals[strand as usize] = Arrival { picks: queue.picks, out_of_turn: queue.out_of_turn };
        self.nodes[strand as usize].sequence = if seeded(Defect::EqualsReversed) { !sequence } else { sequence };
        self.nodes[strand as usize].rank = self.rank(queue.picks, entry);
        if let Some(age) = &mut self.age {
            age.place(strand, sequence);
        }
    }

    pub(super) fn link(&mut self, lane: u32, strand: StrandIndex) {
        let queue = &mut self.queues[lane as usize];
        queue.root = heap::insert(&mut self.nodes, queue.root, strand);
        if let Some(age) = &mut self.age {
            age.link(lane, strand);
        }
    }

    pub(super) fn unlink(&mut self, lane: u32, strand: StrandIndex) {
        let queue = &mut self.queues[lane as usize];
        queue.root = heap::remove(&mut self.nodes, queue.root, strand);
        if let Some(age) = &mut self.age {
            age.unlink(lane, strand);
        }
    }

    /// The priority or the tokens of `strand`, which is ready, have changed. It keeps the time it has waited.
    pub(super) fn rerank(&mut self, strand: StrandIndex, entry: &Strand) {
        let rank = self.rank(self.arrivals[strand as usize].picks, entry);
        if rank == self.nodes[strand as usize].rank || seeded(Defect::StaleRank) {
            return;
        }
        if entry.held {
            self.nodes[strand as usize].rank = rank;
            return;
        }
        let queue = &mut self.queues[entry.lane as usize];
        queue.root = heap::remove(&mut self.nodes, queue.root, strand);
        self.nodes[strand as usize].rank = rank;
        queue.root = heap::insert(&mut self.nodes, queue.root, strand);
    }

    /// Its place among equals.
    pub(super) fn sequence(&self, strand: StrandIndex) -> u64 {
        self.nodes[strand as usize].sequence
    }

    /// Who is next in the lane; [`NONE`] when it is empty.
    pub(super) fn first(&self, lane: u32) -> StrandIndex {
        match self.overdue(lane) {
            NONE => self.queues[lane as usize].root,
            overdue => overdue,
        }
    }

    /// `strand` is next, as `first` says or by force: takes it out and counts the pick.
    pub(super) fn take(&mut self, lane: u32, strand: StrandIndex) {
        let out_of_turn = self.age.as_ref().is_some_and(|age| age.first(lane) != strand);
        self.unlink(lane, strand);
        self.count(lane, out_of_turn);
    }

    /// Whether the running strand would be picked again if it became ready now; if so the pick is counted.
    pub(super) fn again(&mut self, entry: &Strand) -> bool {
        let lane = entry.lane;
        let queue = &self.queues[lane as usize];
        if queue.root != NONE {
            let better = self.rank(queue.picks, entry) < self.nodes[queue.root as usize].rank;
            if !better || self.overdue(lane) != NONE {
                return false;
            }
        }
        let out_of_turn = queue.root != NONE;
        self.count(lane, out_of_turn);
        true
    }

    fn count(&mut self, lane: u32, out_of_turn: bool) {
        let queue = &mut self.queues[lane as usize];
        queue.picks += 1;
        queue.out_of_turn += u64::from(out_of_turn);
    }

    /// The strand of the lane that has been ready longest, if it has been passed as often as may be.
    fn overdue(&self, lane: u32) -> StrandIndex {
        let Some(age) = &self.age else { return NONE };
        let oldest = age.first(lane);
        if oldest == NONE {
            return NONE;
        }
        let passed = self.queues[lane as usize].out_of_turn - self.arrivals[oldest as usize].out_of_turn;
        let limit = u64::from(self.rules.bypass_limit) + u64::from(seeded(Defect::BypassOff));
        if passed >= limit { oldest } else { NONE }
    }

    /// The rank of a strand that became ready at the pick `since` of its lane.
    fn rank(&self, since: u64, entry: &Strand) -> i64 {
        let priority = i64::from(entry.priority);
        match self.rules.kind {
            Kind::PriorityToken if entry.tokens == 0 => (1 << 40) - priority,
            Kind::ProgressAware => -i64::from(entry.tokens),
            Kind::PriorityFixed | Kind::PriorityAging if self.rules.age_step > 0 && !seeded(Defect::NoAgeing) => {
                since as i64 - priority * i64::from(self.rules.age_step)
            }
            _ => -priority,
        }
    }
}

#[cfg(test)]
impl Ranked {
    /// Those in the heaps, and those in the queues beside them unless they are the same.
    pub(super) fn linked(&self) -> Vec<StrandIndex> {
        let mut found: Vec<_> = self.queues.iter().flat_map(|queue| heap::members(&self.nodes, queue.root)).collect();
        if let Some(age) = &self.age {
            let mut by_age = age.linked();
            by_age.sort_unstable();
            found.sort_unstable();
            if by_age != found {
                found.extend(by_age);
            }
        }
        found
    }

    pub(super) fn room(&self) -> usize {
        let age = self.age.as_ref().map_or(0, Fifo::room);
        self.nodes.capacity() + self.arrivals.capacity() + self.queues.capacity() + age
    }
}
