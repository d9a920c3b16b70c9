// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every schedule, one after the other: depth first over the choices, with a bound on preemptions.
//!
//! A preemption is a choice other than 0 where the strand that ran last could have gone on. Musuvathi and Qadeer,
//! "Iterative context bounding for systematic testing of multithreaded programs" (PLDI 2007): most ordering bugs need
//! two or fewer, and with a bound the number of schedules is polynomial in their length.

use super::ledger::Ledger;

struct Node {
    choice: u32,
    options: u32,
    can_go_on: bool,
}

/// See the module documentation.
pub struct Tree {
    path: Vec<Node>,
    preemptions: u32,
    /// A schedule was too long to be kept: what lies behind it was not searched.
    cut: bool,
}

impl Tree {
    /// Before the first schedule, whose choices are all 0.
    pub fn new(preemptions: u32) -> Tree {
        Tree { path: Vec::new(), preemptions, cut: false }
    }

    /// A schedule has run: the choices that lead to the next one, or `None` when there is none left.
    pub fn next(&mut self, ledger: &Ledger) -> Option<Vec<u32>> {
        self.cut |= ledger.is_cut();
        for decision in ledger.decisions().iter().skip(self.path.len()) {
            if self.path.try_reserve(1).is_err() {
                self.cut = true;
                break;
            }
            self.path.push(Node {
                choice: decision.choice,
                options: decision.options,
                can_go_on: decision.can_go_on != 0,
            });
        }
        let mut spent = self.path.iter().filter(|node| node.is_preemption()).count() as u32;
        while let Some(last) = self.path.last_mut() {
            spent -= u32::from(last.is_preemption());
            let cost = u32::from(last.can_go_on);
            if last.choice + 1 < last.options && spent + cost <= self.preemptions {
                last.choice += 1;
                let mut choices = Vec::new();
                choices.try_reserve_exact(self.path.len()).ok()?;
                choices.extend(self.path.iter().map(|node| node.choice));
                return Some(choices);
            }
            self.path.pop();
        }
        None
    }

    /// Whether every schedule within the bound was run, once [`Self::next`] has no more.
    pub fn is_complete(&self) -> bool {
        !self.cut
    }
}

impl Node {
    fn is_preemption(&self) -> bool {
        self.can_go_on && self.choice != 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Decision;
    use super::*;

    /// Runs a program of `lengths.len()` strands, each of so many steps, none of which waits; returns all schedules.
    fn all(lengths: &[u32], preemptions: u32) -> Vec<Vec<usize>> {
        let mut tree = Tree::new(preemptions);
        let mut choices = Vec::new();
        let mut found = Vec::new();
        loop {
            let mut left = lengths.to_vec();
            let mut order = Vec::new();
            // SAFETY: all-zero memory is an empty ledger.
            let mut ledger: Box<Ledger> = unsafe { Box::new_zeroed().assume_init() };
            let (mut current, mut at) = (0, 0);
            while left.iter().any(|steps| *steps > 0) {
                let can_go_on = !order.is_empty() && left[current] > 0;
                let first = if can_go_on || order.is_empty() { current } else { current + 1 };
                let options: Vec<usize> =
                    (0..left.len()).map(|place| (first + place) % left.len()).filter(|one| left[*one] > 0).collect();
                let mut choice = 0;
                if options.len() > 1 {
                    choice = choices.get(at).copied().unwrap_or(0);
                    at += 1;
                    ledger.note(Decision {
                        ordinal: 0,
                        options: options.len() as u32,
                        choice,
                        can_go_on: u32::from(can_go_on),
                    });
                }
                current = options[choice as usize];
                left[current] -= 1;
                order.push(current);
            }
            found.push(order);
            match tree.next(&ledger) {
                Some(next) => choices = next,
                None => return found,
            }
        }
    }

    fn without_duplicates(mut schedules: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
        schedules.sort();
        schedules.dedup();
        schedules
    }

    #[test]
    fn without_a_bound_every_interleaving_comes_exactly_once() {
        // (2 + 3)! / (2! 3!) and (2 + 2 + 2)! / (2!)^3
        for (lengths, count) in [(vec![2, 3], 10), (vec![2, 2, 2], 90), (vec![1, 1, 1, 1], 24)] {
            let schedules = all(&lengths, u32::MAX);
            assert_eq!(schedules.len(), count);
            assert_eq!(without_duplicates(schedules).len(), count);
        }
    }

    #[test]
    fn a_bound_on_preemptions_leaves_out_exactly_those_that_need_more() {
        let preemptions = |order: &[usize], lengths: &[u32]| {
            let mut left = lengths.to_vec();
            let mut count = 0;
            for (place, one) in order.iter().enumerate() {
                if place > 0 && order[place - 1] != *one && left[order[place - 1]] > 0 {
                    count += 1;
                }
                left[*one] -= 1;
            }
            count
        };
        let lengths = [3, 3, 2];
        let every = all(&lengths, u32::MAX);
        for bound in 0..5 {
            let expected: Vec<_> =
                every.iter().filter(|order| preemptions(order, &lengths) <= bound as usize).cloned().collect();
            assert_eq!(without_duplicates(all(&lengths, bound)), without_duplicates(expected), "bound {bound}");
        }
    }
}
