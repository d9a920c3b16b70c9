// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to search and for how long: `pct:depth=3,runs=10000,seed=7`.

use core::fmt;

use crate::record::token::{INJECTIONS_MAX, Injected};

/// How schedules are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// Every decision at random.
    Random,
    /// Random priorities with a few change points.
    Pct,
    /// Every schedule within a bound on preemptions.
    Exhaustive,
}

/// A search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How schedules are chosen.
    pub strategy: Strategy,
    /// Seed of the search.
    pub seed: u64,
    /// Schedules at most. Exhaustive: 0 for all.
    pub runs: u64,
    /// Pct: depth of the defects looked for.
    pub depth: u32,
    /// Pct: picks over which change points are spread; 0: as many as the longest schedule had.
    pub steps: u64,
    /// Exhaustive: preemptions in a schedule at most.
    pub preemptions: u32,
    /// Exhaustive: leave out schedules that only change the order of what touches no common object of the library.
    pub reduces: bool,
    /// Steps after which a schedule counts as one that does not end.
    pub max_steps: u64,
    /// Schedules that run beside each other; 0 for one a processor.
    pub jobs: u32,
    /// Standard output of the program is kept.
    pub keeps_output: bool,
    /// Kinds of faults that are injected, a bit each.
    pub kinds: u32,
    /// Faults in a schedule.
    pub injections: u32,
}

/// Why a text is no plan: which piece, and what it could be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wrong<'a> {
    piece: &'a str,
    expected: &'static str,
}

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\": expected {}", self.piece, self.expected)
    }
}

/// Keys of a plan.
const KEYS: &str = "runs=, seed=, depth= (pct), steps= (pct), preemptions= and reduce=objects (exhaustive), max_steps=, jobs=, inject= (random, pct) or output=keep";

impl Plan {
    /// The defaults of a strategy.
    pub const fn of(strategy: Strategy) -> Plan {
        Plan {
            strategy,
            seed: 1,
            runs: if matches!(strategy, Strategy::Exhaustive) { 0 } else { 10_000 },
            depth: 3,
            steps: 0,
            preemptions: 2,
            reduces: false,
            max_steps: 1_000_000,
            jobs: 0,
            keeps_output: false,
            kinds: 0,
            injections: 1,
        }
    }

    /// The plan that a text describes.
    pub fn parse(text: &str) -> Result<Plan, Wrong<'_>> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let strategy = match name {
            "random" => Strategy::Random,
            "pct" => Strategy::Pct,
            "exhaustive" => Strategy::Exhaustive,
            _ => {
                return Err(Wrong {
                    piece: name,
                    expected: "random, pct or exhaustive, then perhaps : and key=value, ...",
                });
            }
        };
        let mut plan = Plan::of(strategy);
        let mut injecting = false;
        for piece in rest.split(',').filter(|piece| !piece.is_empty()) {
            // inject=cancel,close:n=2 is one value, commas and all.
            injecting = match piece.strip_prefix("inject=") {
                Some(first) => plan.inject(piece, first)?,
                None if injecting && (!piece.contains('=') || piece.contains(":n=")) => plan.inject(piece, piece)?,
                None => plan.set(piece).map(|()| false)?,
            };
        }
        Ok(plan)
    }

    /// Whether faults of this kind are injected.
    pub fn injects(&self, kind: Injected) -> bool {
        self.kinds & 1 << kind as u32 != 0
    }

    /// One kind of fault, perhaps with the number of faults behind it. True: further kinds may follow.
    fn inject<'a>(&mut self, piece: &'a str, text: &'a str) -> Result<bool, Wrong<'a>> {
        if self.strategy == Strategy::Exhaustive {
            return Err(Wrong { piece, expected: "no inject= with exhaustive, but with random or pct" });
        }
        let (name, number_of) = text.split_once(":n=").map_or((text, None), |(name, count)| (name, Some(count)));
        let Some(kind) = Injected::named(name) else {
            return Err(Wrong { piece, expected: "inject=cancel,close,oom,timeout, perhaps with :n=2 at its end" });
        };
        self.kinds |= 1 << kind as u32;
        if let Some(count) = number_of {
            self.injections = number(piece, count, 1, INJECTIONS_MAX as u64)? as u32;
        }
        Ok(number_of.is_none())
    }

    fn set<'a>(&mut self, piece: &'a str) -> Result<(), Wrong<'a>> {
        let (key, value) = piece.split_once('=').ok_or(Wrong { piece, expected: KEYS })?;
        match (key, self.strategy) {
            ("runs", Strategy::Exhaustive) => self.runs = number(piece, value, 0, u64::MAX)?,
            ("runs", _) => self.runs = number(piece, value, 1, u64::MAX)?,
            ("seed", Strategy::Random | Strategy::Pct) => self.seed = number(piece, value, 0, u64::MAX)?,
            ("depth", Strategy::Pct) => self.depth = number(piece, value, 1, 64)? as u32,
            ("steps", Strategy::Pct) => self.steps = number(piece, value, 1, 1 << 40)?,
            ("preemptions", Strategy::Exhaustive) if value == "all" => self.preemptions = u32::MAX,
            ("preemptions", Strategy::Exhaustive) => self.preemptions = number(piece, value, 0, 1000)? as u32,
            ("reduce", Strategy::Exhaustive) if value == "objects" => self.reduces = true,
            ("reduce", Strategy::Exhaustive) => return Err(Wrong { piece, expected: "reduce=objects" }),
            ("max_steps", _) => self.max_steps = number(piece, value, 1, u64::MAX)?,
            ("jobs", _) => self.jobs = number(piece, value, 1, 256)? as u32,
            ("output", _) if value == "keep" => self.keeps_output = true,
            ("output", _) => return Err(Wrong { piece, expected: "output=keep" }),
            _ => return Err(Wrong { piece, expected: KEYS }),
        }
        Ok(())
    }
}

fn number<'a>(piece: &'a str, value: &str, least: u64, most: u64) -> Result<u64, Wrong<'a>> {
    match value.parse::<u64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Wrong {
            piece,
            expected: if least == 0 { "a whole number" } else { "a whole number from 1, not too large" },
        }),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.strategy {
            Strategy::Random => write!(out, "random:seed={}", self.seed),
            Strategy::Pct => write!(out, "pct:depth={},seed={}", self.depth, self.seed),
            Strategy::Exhaustive => {
                match self.preemptions {
                    u32::MAX => out.write_str("exhaustive:preemptions=all")?,
                    bound => write!(out, "exhaustive:preemptions={bound}")?,
                }
                out.write_str(if self.reduces { ",reduce=objects" } else { "" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_it_says() {
        assert_eq!(Plan::parse("random"), Ok(Plan::of(Strategy::Random)));
        let plan = Plan::parse("pct:depth=4,runs=50,seed=7,steps=90,jobs=2,output=keep,max_steps=12").unwrap();
        let expected = Plan {
            depth: 4,
            runs: 50,
            seed: 7,
            steps: 90,
            jobs: 2,
            keeps_output: true,
            max_steps: 12,
            ..Plan::of(Strategy::Pct)
        };
        assert_eq!(plan, expected);
        assert_eq!(Plan::parse("exhaustive:preemptions=0").map(|plan| plan.preemptions), Ok(0));
    }

    #[test]
    fn faults_to_inject_are_a_list() {
        let plan = Plan::parse("pct:inject=cancel,close,oom,timeout:n=2,runs=5").unwrap();
        assert!(Injected::ALL.iter().all(|(kind, _)| plan.injects(*kind)));
        assert_eq!((plan.injections, plan.runs), (2, 5));
        let plan = Plan::parse("random:seed=3,inject=close").unwrap();
        assert!(plan.injects(Injected::Close) && !plan.injects(Injected::Oom) && plan.injections == 1);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, named) in [
            ("", "\"\""),
            ("fast", "\"fast\""),
            ("random:depth=3", "depth=3"),
            ("pct:depth=0", "depth=0"),
            ("pct:depth=many", "depth=many"),
            ("random:runs", "runs"),
            ("random:runs=0", "runs=0"),
            ("pct:output=drop", "output=keep"),
            ("exhaustive:seed=3", "seed=3"),
            ("exhaustive:inject=oom", "inject=oom"),
            ("random:inject=fire", "inject=fire"),
            ("random:inject=oom:n=0", "oom:n=0"),
        ] {
            let wrong = Plan::parse(text).unwrap_err().to_string();
            assert!(wrong.contains(named), "{text}: {wrong}");
        }
    }
}
