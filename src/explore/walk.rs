// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every schedule, one after the other: depth first over the choices, with a bound on preemptions, and without those that
//! only change the order of stretches that touch nothing in common.
//!
//! A preemption is a choice other than 0 where the strand that ran last could have gone on. Musuvathi and Qadeer,
//! "Iterative context bounding for systematic testing of multithreaded programs" (PLDI 2007): most ordering bugs need
//! two or fewer, and with a bound the number of schedules is polynomial in their length.
//!
//! The reduction is by sleep sets (Godefroid, "Partial-order methods for the verification of concurrent systems", 1996):
//! once all schedules are done in which a strand goes first at a decision, it *sleeps* in the other branches there until
//! somebody has touched what its stretch touches. With a bound that would leave out schedules whose twin needs one
//! preemption more (Coons, Musuvathi, McKinley, "Bounded partial-order reduction", OOPSLA 2013), so a strand sleeps only
//! where its twin never needs more: when it was the one that could go on undisturbed, or when its stretch ended in a wait,
//! a yield or its end.
//!
//! A strand may also leave open which of several values it gets, in the middle of a stretch. All of them are tried; that
//! is no preemption. What the stretch touches is then what it touches with any of them.

use super::footprint::Footprint;

/// A strand that need not go next.
#[derive(Clone, Debug)]
struct Sleeper {
    ordinal: u32,
    footprint: Footprint,
}

/// A decision on the way to the present schedule.
#[derive(Clone)]
struct Node {
    options: Vec<u32>,
    chosen: usize,
    can_go_on: bool,
    /// Who slept when the decision was first met, and who was sent to sleep at it since.
    asleep: Vec<Sleeper>,
    /// What the chosen strand touched up to its next decision, with every value that it got so far, and whether it could
    /// go on there.
    after: Option<(Footprint, bool)>,
    /// Not who goes next, but which value the strand that runs gets.
    is_value: bool,
}

/// See the module documentation.
#[derive(Clone)]
pub struct Walk {
    path: Vec<Node>,
    preemptions: u32,
    reduces: bool,
    depth: usize,
    spent: u32,
    running: u32,
    at: Option<usize>,
    asleep: Vec<Sleeper>,
    /// Somebody who sleeps goes on: what follows was done before.
    redundant: bool,
    cut: bool,
}

impl Walk {
    /// Before the first schedule.
    pub fn new(preemptions: u32, reduces: bool) -> Walk {
        Walk {
            path: Vec::new(),
            preemptions,
            reduces,
            depth: 0,
            spent: 0,
            running: 0,
            at: None,
            asleep: Vec::new(),
            redundant: false,
            cut: false,
        }
    }

    /// A schedule begins.
    pub fn begin(&mut self) {
        (self.depth, self.spent, self.at, self.redundant) = (0, 0, None, false);
        self.asleep.clear();
    }

    /// The strand that was picked last has come to its next decision, or to the end of the schedule.
    pub fn ran(&mut self, footprint: &Footprint, can_go_on: bool) {
        let running = self.running;
        self.asleep.retain(|one| one.ordinal != running && !one.footprint.conflicts(footprint));
        if let Some(node) = self.at.take().and_then(|at| self.path.get_mut(at)) {
            let (touched, went_on) = node.after.get_or_insert_with(|| (Footprint::default(), false));
            touched.merge(footprint);
            *went_on |= can_go_on;
        }
    }

    /// The strand that runs gets one of `n` values: which.
    pub fn value(&mut self, n: u32) -> u32 {
        if n < 2 {
            return 0;
        }
        if let Some(node) = self.path.get(self.depth) {
            self.depth += 1;
            return (node.chosen as u32).min(n - 1);
        }
        if self.redundant || self.cut {
            return 0;
        }
        if self.path.try_reserve(1).is_err() {
            self.cut = true;
            return 0;
        }
        let options = (0..n).collect();
        self.path.push(Node { options, chosen: 0, can_go_on: false, asleep: Vec::new(), after: None, is_value: true });
        self.depth += 1;
        0
    }

    /// Who goes next: a place among `options`, which are in the order of their choices.
    pub fn choose(&mut self, options: &[u32], can_go_on: bool) -> usize {
        let chosen = self.chosen(options, can_go_on);
        self.spent += cost(chosen, can_go_on);
        self.running = options[chosen];
        chosen
    }

    fn chosen(&mut self, options: &[u32], can_go_on: bool) -> usize {
        if options.len() == 1 {
            self.redundant |= self.sleeps(options[0]);
            return 0;
        }
        if let Some(node) = self.path.get(self.depth) {
            self.asleep.clone_from(&node.asleep);
            self.at = Some(self.depth);
            self.depth += 1;
            // A program that is not the same each time may have fewer options now.
            return node.chosen.min(options.len() - 1);
        }
        let first = (0..options.len())
            .find(|place| !self.sleeps(options[*place]) && self.spent + cost(*place, can_go_on) <= self.preemptions);
        let (Some(first), false, false) = (first, self.redundant, self.cut) else {
            self.redundant = true;
            return 0;
        };
        if self.path.try_reserve(1).is_err() {
            self.cut = true;
            return 0;
        }
        let asleep = self.asleep.clone();
        self.path.push(Node {
            options: options.to_vec(),
            chosen: first,
            can_go_on,
            asleep,
            after: None,
            is_value: false,
        });
        self.at = Some(self.depth);
        self.depth += 1;
        first
    }

    fn sleeps(&self, ordinal: u32) -> bool {
        self.asleep.iter().any(|one| one.ordinal == ordinal)
    }

    /// The schedule has run: makes ready for the next one; false when there is none left.
    pub fn next(&mut self) -> bool {
        let mut spent: u32 = self.path.iter().map(|node| cost(node.chosen, node.can_go_on)).sum();
        while let Some(node) = self.path.last_mut() {
            spent -= cost(node.chosen, node.can_go_on);
            let (footprint, went_on) = node.after.take().unwrap_or((Footprint::everything(), true));
            if self.reduces && !node.is_value && (node.chosen == 0 && node.can_go_on || !went_on) {
                node.asleep.push(Sleeper { ordinal: node.options[node.chosen], footprint });
            }
            let awake = |place: &usize| !node.asleep.iter().any(|one| one.ordinal == node.options[*place]);
            let next = (node.chosen + 1..node.options.len())
                .filter(awake)
                .find(|place| spent + cost(*place, node.can_go_on) <= self.preemptions);
            if let Some(next) = next {
                node.chosen = next;
                return true;
            }
            self.path.pop();
        }
        false
    }

    /// Decisions could not be kept: not everything is searched.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Whether every schedule within the bound was run, once [`Self::next`] has no more.
    pub fn is_complete(&self) -> bool {
        !self.cut
    }
}

/// Preemptions that a choice is.
fn cost(place: usize, can_go_on: bool) -> u32 {
    u32::from(can_go_on && place != 0)
}
