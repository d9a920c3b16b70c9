// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reference: the same calls as `Schedule`, answered by sorting a list each time. Slow and plain on purpose, and
//! written from the rules, not from the code: waiting is counted strand by strand, and a cycle of the lanes is spelt
//! out as a list of turns.

use super::super::{Cause, Kind, Rules, StrandIndex};
use super::choices::Choices;
use std::collections::BTreeMap;

/// A strand that is ready.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Order of becoming ready.
    pub arrival: u64,
    /// Picks of its lane since.
    pub picks: u64,
    /// Those of them that were not of the one that had been ready longest.
    pub out_of_turn: u32,
    /// Picks of strands that became ready later, while this one could have been picked.
    pub passed: u32,
}

#[derive(Clone, Debug)]
pub struct Ref {
    pub lane: u32,
    pub priority: i32,
    pub tokens: u32,
    pub held: bool,
    pub waiting: Option<Waiting>,
}

#[derive(Clone)]
pub struct Model {
    pub rules: Rules,
    pub strands: BTreeMap<StrandIndex, Ref>,
    pub weights: Vec<u32>,
    /// Place in the list of turns of a cycle: lane 0 as often as its weight, then lane 1, and so on.
    turn: usize,
    arrivals: u64,
    pub running: Option<StrandIndex>,
    checkpoints: u32,
    pub choices: Choices,
}

impl Model {
    /// `rules` have their defaults filled in.
    pub fn new(rules: Rules) -> Self {
        Model {
            rules,
            strands: BTreeMap::new(),
            weights: vec![1],
            turn: 0,
            arrivals: 0,
            running: None,
            checkpoints: 0,
            choices: Choices::new(&rules),
        }
    }

    fn lanes_first(&self) -> bool {
        (self.rules.kind as u32) < Kind::Random as u32
    }

    pub fn admit(&mut self, strand: StrandIndex, lane: u32, priority: i32) -> bool {
        if lane as usize >= self.weights.len() || self.strands.contains_key(&strand) {
            return false;
        }
        self.strands.insert(strand, Ref { lane, priority, tokens: 0, held: false, waiting: None });
        self.choices.born(strand);
        true
    }

    pub fn retire(&mut self, strand: StrandIndex) {
        self.choices.leave(strand);
        self.strands.remove(&strand);
        self.running = self.running.filter(|running| *running != strand);
    }

    pub fn ready(&mut self, strand: StrandIndex, cause: Cause) {
        let cap = self.rules.token_cap;
        let Some(known) = self.strands.get_mut(&strand) else { return };
        if cause == Cause::Message && self.rules.kind == Kind::ProgressAware {
            known.tokens = cap.min(known.tokens + 1);
        }
        if known.waiting.is_some() {
            return;
        }
        self.arrivals += 1;
        known.waiting = Some(Waiting { arrival: self.arrivals, picks: 0, out_of_turn: 0, passed: 0 });
        if !known.held {
            self.choices.join(strand);
        }
        self.choices.note(strand, cause);
        self.running = self.running.filter(|running| *running != strand);
    }

    /// Strands that can be picked, the one that has been ready longest first.
    pub fn eligible(&self) -> Vec<StrandIndex> {
        let mut found: Vec<_> = self
            .strands
            .iter()
            .filter(|(_, known)| !known.held)
            .filter_map(|(strand, known)| Some((known.waiting.as_ref()?.arrival, *strand)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, strand)| strand).collect()
    }

    fn eligible_in(&self, lane: u32) -> Vec<StrandIndex> {
        self.eligible().into_iter().filter(|strand| self.strands[strand].lane == lane).collect()
    }

    fn turns(&self) -> Vec<u32> {
        (0_u32..).zip(&self.weights).flat_map(|(lane, weight)| vec![lane; *weight as usize]).collect()
    }

    fn next_lane(&self) -> Option<u32> {
        let turns = self.turns();
        let (before, after) = turns.split_at(self.turn);
        after.iter().chain(before).copied().find(|lane| !self.eligible_in(*lane).is_empty())
    }

    fn had_turn(&mut self, lane: u32) {
        let turns = self.turns();
        if turns.get(self.turn) != Some(&lane) {
            self.turn = turns.iter().position(|other| *other == lane).unwrap();
        }
        self.turn += 1;
    }

    /// Who is picked from `lane`.
    fn best(&self, lane: u32) -> StrandIndex {
        let mut list = self.eligible_in(lane);
        let waiting = |strand: &StrandIndex| self.strands[strand].waiting.as_ref().unwrap();
        let priority = |strand: &StrandIndex| i128::from(self.strands[strand].priority);
        let tokens = |strand: &StrandIndex| self.strands[strand].tokens;
        let limited = matches!(self.rules.kind, Kind::PriorityToken | Kind::ProgressAware);
        if limited && waiting(&list[0]).out_of_turn >= self.rules.bypass_limit {
            return list[0];
        }
        // All sorts are stable: equals stay in the order in which they became ready.
        match self.rules.kind {
            Kind::PriorityFixed | Kind::PriorityAging if self.rules.age_step > 0 => {
                let step = i128::from(self.rules.age_step);
                list.sort_by_key(|strand| -(priority(strand) * step + i128::from(waiting(strand).picks)));
            }
            Kind::PriorityFixed => list.sort_by_key(|strand| -priority(strand)),
            Kind::PriorityToken => list.sort_by_key(|strand| (tokens(strand) == 0, -priority(strand))),
            Kind::ProgressAware => list.sort_by_key(|strand| std::cmp::Reverse(tokens(strand))),
            _ => {}
        }
        list[0]
    }

    pub fn pick(&mut self, answer: usize) -> Option<StrandIndex> {
        let eligible = self.eligible();
        if eligible.is_empty() {
            return None;
        }
        let strand = match self.rules.kind {
            Kind::Random => self.choices.draw(),
            Kind::Pct => *eligible.iter().max_by_key(|strand| self.choices.priority(**strand)).unwrap(),
            Kind::Chosen => eligible[answer % eligible.len()],
            _ => self.best(self.next_lane().unwrap()),
        };
        self.runs(strand);
        Some(strand)
    }

    pub fn take(&mut self, strand: StrandIndex) -> bool {
        let eligible = self.eligible();
        if !eligible.contains(&strand) {
            return false;
        }
        if self.rules.kind == Kind::Random && eligible.len() > 1 {
            self.choices.skip();
        }
        self.runs(strand);
        true
    }

    fn runs(&mut self, strand: StrandIndex) {
        let lane = self.strands[&strand].lane;
        let arrival = self.strands[&strand].waiting.as_ref().unwrap().arrival;
        let first = self.eligible_in(lane)[0];
        self.choices.ran(strand);
        self.choices.leave(strand);
        self.strands.get_mut(&strand).unwrap().waiting = None;
        for known in self.strands.values_mut().filter(|known| known.lane == lane) {
            let held = known.held;
            if let Some(waiting) = &mut known.waiting {
                waiting.picks += 1;
                waiting.out_of_turn += u32::from(strand != first);
                waiting.passed += u32::from(!held && waiting.arrival < arrival);
            }
        }
        if self.lanes_first() {
            self.had_turn(lane);
        }
        if self.rules.kind == Kind::ProgressAware {
            let known = self.strands.get_mut(&strand).unwrap();
            known.tokens = known.tokens.saturating_sub(1);
        }
        self.running = Some(strand);
        self.checkpoints = 0;
    }

    /// For the kinds with a rank this is the definition itself: would it be picked again?
    pub fn keeps_turn(&mut self, strand: StrandIndex) -> bool {
        if self.running != Some(strand) || self.strands[&strand].held {
            return false;
        }
        match self.rules.kind {
            Kind::RoundRobin => {
                self.checkpoints += 1;
                self.checkpoints < self.rules.quantum
            }
            Kind::PriorityFixed | Kind::PriorityAging | Kind::PriorityToken | Kind::ProgressAware => {
                let mut tried = self.clone();
                tried.ready(strand, Cause::Checkpoint);
                let kept = tried.pick(0) == Some(strand);
                if kept {
                    *self = tried;
                }
                kept
            }
            _ => false,
        }
    }

    pub fn set_priority(&mut self, strand: StrandIndex, priority: i32) {
        if let Some(known) = self.strands.get_mut(&strand) {
            known.priority = priority;
        }
    }

    pub fn lane_new(&mut self, weight: u32) -> i64 {
        self.weights.push(weight.max(1));
        self.weights.len() as i64 - 1
    }

    pub fn hold(&mut self, strand: StrandIndex, held: bool) {
        let Some(known) = self.strands.get_mut(&strand) else { return };
        if known.held != held && known.waiting.is_some() {
            if held {
                self.choices.leave(strand);
            } else {
                self.choices.join(strand);
            }
        }
        self.strands.get_mut(&strand).unwrap().held = held;
    }

    pub fn grant(&mut self, strand: StrandIndex, tokens: u32) {
        let cap = self.rules.token_cap;
        if let Some(known) = self.strands.get_mut(&strand) {
            known.tokens = cap.min(known.tokens.saturating_add(tokens));
        }
    }

    pub fn move_tokens(&mut self, from: StrandIndex, to: StrandIndex, tokens: u32) -> bool {
        let has = |strand| self.strands.get(&strand).map(|known| known.tokens);
        let (Some(giver), Some(taker)) = (has(from), has(to)) else { return false };
        if giver < tokens || (from != to && taker + tokens > self.rules.token_cap) {
            return false;
        }
        self.strands.get_mut(&from).unwrap().tokens -= tokens;
        self.strands.get_mut(&to).unwrap().tokens += tokens;
        true
    }

    pub fn move_lane(&mut self, strand: StrandIndex, lane: u32) -> bool {
        let Some(known) = self.strands.get_mut(&strand) else { return false };
        if lane as usize >= self.weights.len() {
            return false;
        }
        if known.lane == lane {
            return true;
        }
        known.lane = lane;
        if known.waiting.is_some() && (self.rules.kind as u32) < Kind::Random as u32 {
            self.arrivals += 1;
            known.waiting = Some(Waiting { arrival: self.arrivals, picks: 0, out_of_turn: 0, passed: 0 });
        }
        true
    }
}
