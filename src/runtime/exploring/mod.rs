// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exploration: the program is run under one schedule after the other until one fails.
//!
//! ```text
//! forked      a child process for each schedule, of an unmodified program     (STRAND_EXPLORE, config.explore)
//! in_process  one function of the program, again and again                    (strand_explore)
//! replayed    one schedule, from its token                                    (STRAND_REPLAY, config.replay)
//! course      the schedule of a process that initialises the runtime again
//! inject      faults that come between two steps
//! guide       sees and decides every pick, notices failures, keeps the story  slot  what a child tells its parent
//! ```

mod course;
pub mod forked;
pub mod guide;
pub mod in_process;
pub mod inject;
pub mod replayed;
pub mod slot;

use super::lifecycle;
use crate::base::random::splitmix64;
use crate::base::status::{Outcome, Status};
use crate::engine::stepped::Stepped;
use crate::explore::{Mode, Plan, Strategy};
use crate::policy::{Kind, Rules, Schedule};
use crate::record::token::{self, Driver, Injection};
use crate::strand::message::fail;

/// The seed of one schedule of a search.
pub fn seed_of(plan: &Plan, index: u64) -> u64 {
    let mut word = index;
    word = plan.seed ^ splitmix64(&mut word);
    splitmix64(&mut word)
}

/// The rules under which the schedules of a search run.
pub fn rules_of(plan: &Plan, steps: u64) -> Rules {
    let kind = match plan.strategy {
        Strategy::Random => Kind::Random,
        Strategy::Pct => Kind::Pct,
        Strategy::Exhaustive => Kind::Chosen,
    };
    Rules { depth: plan.depth, steps, ..Rules::of(kind) }
}

/// Gives the engine a new schedule. For the holder of the gate, while there is no strand.
pub fn install(stepped: &Stepped, rules: &Rules) -> Outcome<()> {
    // What the program set up for itself stays.
    let own = &lifecycle::settings().rules;
    let rules = Rules { handoffs: own.handoffs, token_cap: own.token_cap, ..*rules };
    let made =
        Schedule::new(&rules).and_then(|mut new| stepped.with_schedule(|old| new.adopt_lanes(old)).map(|()| new));
    let schedule = match made {
        Ok(schedule) => schedule,
        Err(status) => return fail(status, format_args!("the exploration cannot schedule like that")),
    };
    stepped.with_schedule(|place| *place = schedule);
    Ok(())
}

/// One schedule, from its token.
pub struct Single {
    /// The rules it runs under.
    pub rules: Rules,
    /// Its seed.
    pub seed: u64,
    /// Its choices, if it is given by them.
    pub choices: Option<Vec<u32>>,
    /// What is injected into it.
    pub injections: Vec<Injection>,
    /// The token.
    pub token: String,
}

impl Single {
    /// The schedule that a token stands for. INVALID with the token's own complaint.
    pub fn of(text: &str) -> Outcome<Single> {
        let schedule = match token::parse(text) {
            Ok(schedule) => schedule,
            Err(failure) => return fail(failure.status, format_args!("{failure}")),
        };
        let plan = |strategy, seed, depth| Plan { seed, depth, ..Plan::of(strategy) };
        let (rules, seed, choices) = match schedule.driver {
            Driver::Random { seed, index } => {
                let plan = plan(Strategy::Random, seed, 0);
                (rules_of(&plan, 0), seed_of(&plan, index), None)
            }
            Driver::Pct { seed, index, depth, steps } => {
                let plan = plan(Strategy::Pct, seed, depth);
                (rules_of(&plan, steps), seed_of(&plan, index), None)
            }
            Driver::Choices(choices) => (Rules::of(Kind::Chosen), 0, Some(choices)),
        };
        Ok(Single { rules, seed, choices, injections: schedule.inject, token: text.to_owned() })
    }

    /// Who decides in it.
    pub fn mode(&self) -> Mode {
        self.choices.as_ref().map_or(Mode::Policy, |choices| Mode::Choices(choices.clone()))
    }
}

/// The token of one schedule of a search: its choices where they are known, else its seed.
pub fn token_of(plan: &Plan, index: u64, steps: u64, choices: Option<Vec<u32>>, inject: Vec<Injection>) -> String {
    let driver = match (choices, plan.strategy) {
        (Some(choices), _) => Driver::Choices(choices),
        (None, Strategy::Random) => Driver::Random { seed: plan.seed, index },
        (None, Strategy::Pct) => Driver::Pct { seed: plan.seed, index, depth: plan.depth, steps },
        (None, Strategy::Exhaustive) => Driver::Choices(Vec::new()),
    };
    token::format(&token::Schedule { driver, inject }).unwrap_or_default()
}

/// NO_MEMORY, with a sentence.
#[cold]
pub fn no_memory<T>() -> Outcome<T> {
    fail(Status::NO_MEMORY, format_args!("no memory to explore schedules"))
}
