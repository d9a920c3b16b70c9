// SPDX-License-Identifier: MIT OR Apache-2.0
//! Decides each pick of one schedule and writes it down.

use super::follow;
use super::footprint::Footprint;
use super::ledger::{Decision, Ledger, UNKNOWN};
use super::walk::Walk;
use crate::base::status::{Outcome, Status};
use crate::policy::{Schedule, StrandIndex};

/// Who decides.
#[derive(Clone)]
pub enum Mode {
    /// The policy of the schedule: random, or PCT.
    Policy,
    /// These choices; after them always choice 0.
    Choices(Vec<u32>),
    /// The next schedule of a walk through all of them. What happens is logged for a walk elsewhere.
    Walk(Box<Walk>),
}

/// See the module documentation.
pub struct Explorer {
    mode: Mode,
    at: usize,
    /// Work out the choice of every decision, also where the policy decides.
    detailed: bool,
    ordinals: Vec<u32>,
    indices: Vec<StrandIndex>,
    current: u32,
    /// A choice that there was not: its number in the list, what it was, and how many there were.
    misfit: Option<(usize, u32, u32)>,
    options: Vec<u32>,
    /// What the strand that runs has touched.
    footprint: Footprint,
}

impl Explorer {
    /// Nothing is decided yet.
    pub fn new() -> Explorer {
        Explorer {
            mode: Mode::Policy,
            at: 0,
            detailed: false,
            ordinals: Vec::new(),
            indices: Vec::new(),
            current: 0,
            misfit: None,
            options: Vec::new(),
            footprint: Footprint::default(),
        }
    }

    /// The next schedule begins.
    pub fn begin(&mut self, mode: Mode, detailed: bool) {
        self.mode = mode;
        self.detailed = detailed;
        self.restart();
    }

    /// As [`Self::begin`], in the same mode.
    #[inline]
    pub fn restart(&mut self) {
        self.at = 0;
        self.indices.clear();
        self.current = 0;
        self.misfit = None;
        self.footprint.clear();
        if let Mode::Walk(walk) = &mut self.mode {
            walk.begin();
        }
    }

    /// A choice of the list that did not exist: its number, what it was, how many there were.
    pub fn misfit(&self) -> Option<(usize, u32, u32)> {
        self.misfit
    }

    /// Strands of this schedule so far.
    #[inline]
    pub fn admitted(&self) -> usize {
        self.indices.len()
    }

    /// The strand that runs has touched an object.
    #[cold]
    pub fn touch(&mut self, object: u64) {
        self.footprint.touch(object);
    }

    /// The strand that runs may have touched anything.
    #[cold]
    pub fn touch_everything(&mut self) {
        self.footprint.touch_everything();
    }

    /// The schedule has ended: what its last strand did counts too.
    pub fn finish(&mut self, ledger: &mut Ledger) {
        if let Mode::Walk(walk) = &mut self.mode {
            follow::ran(ledger, &self.footprint, false);
            walk.ran(&self.footprint, false);
            self.footprint.clear();
        }
    }

    /// The walk that decides, if one does.
    pub fn walk(&mut self) -> Option<&mut Walk> {
        match &mut self.mode {
            Mode::Walk(walk) => Some(walk),
            _ => None,
        }
    }

    /// The strand with this ordinal.
    pub fn strand(&self, ordinal: u32) -> StrandIndex {
        self.indices[ordinal as usize]
    }

    /// A strand exists.
    #[inline]
    pub fn admit(&mut self, strand: StrandIndex) -> Outcome<()> {
        let needed = strand as usize + 1;
        if self.ordinals.len() < needed {
            self.ordinals.try_reserve(needed - self.ordinals.len()).map_err(|_| Status::NO_MEMORY)?;
            self.ordinals.resize(needed, 0);
        }
        self.indices.try_reserve(1).map_err(|_| Status::NO_MEMORY)?;
        self.options.try_reserve(self.indices.len() + 1).map_err(|_| Status::NO_MEMORY)?;
        self.ordinals[strand as usize] = self.indices.len() as u32;
        self.indices.push(strand);
        Ok(())
    }

    /// The next strand. `can_go_on`: the one that ran last is among the ready ones and did not give its turn away.
    #[inline]
    pub fn pick(&mut self, schedule: &mut Schedule, can_go_on: bool, ledger: &mut Ledger) -> Option<StrandIndex> {
        let options = schedule.eligible_count() as u32;
        let strand = match (&self.mode, options) {
            (_, 0) => return None,
            (Mode::Policy | Mode::Choices(_), 1) => schedule.pick(&mut ())?,
            (Mode::Policy, _) => {
                let choice_of = self.detailed.then(|| self.round(schedule, can_go_on));
                let strand = schedule.pick(&mut ())?;
                let ordinal = self.ordinals[strand as usize];
                let choice = choice_of
                    .and_then(|()| self.options.iter().position(|option| *option == ordinal))
                    .map_or(UNKNOWN, |place| place as u32);
                ledger.note(Decision { ordinal, options, choice, can_go_on: u32::from(can_go_on) });
                strand
            }
            (Mode::Walk(_), _) => self.go_on_walking(schedule, can_go_on, ledger)?,
            (Mode::Choices(_), _) => self.take_listed(schedule, can_go_on, ledger)?,
        };
        ledger.count_pick();
        self.current = self.ordinals[strand as usize];
        Some(strand)
    }

    /// The strand that runs leaves open which one of `n` is taken.
    #[cold]
    pub fn choose(&mut self, schedule: &mut Schedule, n: u32, ledger: &mut Ledger) -> u32 {
        let choice = match &mut self.mode {
            Mode::Policy => schedule.choose(n),
            Mode::Choices(_) => self.listed(n),
            Mode::Walk(walk) => {
                follow::value(ledger, n);
                walk.value(n)
            }
        };
        ledger.note(Decision { ordinal: self.current, options: n, choice, can_go_on: 0 });
        choice
    }

    /// The next choice of the list, for which there are so many possibilities.
    fn listed(&mut self, options: u32) -> u32 {
        let Mode::Choices(choices) = &self.mode else { return 0 };
        let mut choice = choices.get(self.at).copied().unwrap_or(0);
        if choice >= options {
            self.misfit.get_or_insert((self.at, choice, options));
            choice = 0;
        }
        self.at += 1;
        choice
    }

    fn take_listed(&mut self, schedule: &mut Schedule, can_go_on: bool, ledger: &mut Ledger) -> Option<StrandIndex> {
        self.round(schedule, can_go_on);
        let options = self.options.len() as u32;
        let choice = self.listed(options);
        let ordinal = self.options[choice as usize];
        ledger.note(Decision { ordinal, options, choice, can_go_on: u32::from(can_go_on) });
        let strand = self.indices[ordinal as usize];
        schedule.take(strand).then_some(strand)
    }

    fn go_on_walking(&mut self, schedule: &mut Schedule, can_go_on: bool, ledger: &mut Ledger) -> Option<StrandIndex> {
        self.round(schedule, can_go_on);
        let Mode::Walk(walk) = &mut self.mode else { return None };
        if ledger.picks() > 0 {
            follow::ran(ledger, &self.footprint, can_go_on);
            walk.ran(&self.footprint, can_go_on);
        }
        self.footprint.clear();
        follow::pick(ledger, &self.options, can_go_on);
        let choice = walk.choose(&self.options, can_go_on);
        let (ordinal, options) = (self.options[choice], self.options.len() as u32);
        if options > 1 {
            ledger.note(Decision { ordinal, options, choice: choice as u32, can_go_on: u32::from(can_go_on) });
        }
        let strand = self.indices[ordinal as usize];
        schedule.take(strand).then_some(strand)
    }

    /// The eligible strands in the round that begins with the one that ran last, or after it.
    fn round(&mut self, schedule: &Schedule, can_go_on: bool) {
        let first = self.current.wrapping_add(u32::from(!can_go_on));
        self.options.clear();
        let (options, ordinals) = (&mut self.options, &self.ordinals);
        let mut left = schedule.eligible_count();
        schedule.for_each_ready(|strand| {
            // Those that are held come last.
            if left > 0 {
                left -= 1;
                options.push(ordinals[strand as usize]);
            }
        });
        options.sort_unstable_by_key(|ordinal| ordinal.wrapping_sub(first));
    }
}

impl Default for Explorer {
    fn default() -> Self {
        Self::new()
    }
}
