// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be configured: the kinds of policy, their parameters and the defaults.

use crate::base::status::{Outcome, Status};

/// Index of a strand in the table of strands: dense, and used again after the strand has retired.
pub type StrandIndex = u32;

/// No strand.
pub(super) const NONE: StrandIndex = StrandIndex::MAX;

/// The policy. Up to `Pct` the numbers are those of `STRAND_POLICY_` in the C interface.
///
/// For the first six the lane is chosen first and the policy picks inside it (see `lanes.rs`). The last three choose
/// among the strands of all lanes: they look for orderings in which a program fails, and their odds are over the whole
/// program.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// First in, first out; one step a turn.
    Cooperative = 0,
    /// First in, first out; a turn lasts until `quantum` checkpoints.
    RoundRobin = 1,
    /// The highest priority, first in first out among equals. With an `age_step`, the rule of `PriorityAging`.
    PriorityFixed = 2,
    /// Priority that grows by one for each `age_step` picks waited, so that everybody is served: a strand that becomes
    /// ready `age_step` * (its priority - mine) picks after me, or later, does not pass me. Among R strands none waits
    /// for more than `age_step` * (highest priority - its own) + R picks.
    PriorityAging = 3,
    /// Tokens are a right of way. Holders of at least one come first, whatever their number; inside each class the
    /// highest priority, and first in first out among equals. Tokens come from grants alone and are not used up: a
    /// holder keeps them until they are moved to another. Nobody is passed more than `bypass_limit` times.
    PriorityToken = 4,
    /// Tokens are earned and spent. A message delivered to a strand mints one for it, each pick uses one up, and more
    /// tokens come first, first in first out among equals. Priorities play no part. Nobody is passed more than
    /// `bypass_limit` times.
    ProgressAware = 5,
    /// Each eligible strand is equally likely.
    Random = 6,
    /// Probabilistic concurrency testing (see `pct.rs`).
    Pct = 7,
    /// Not a policy of the C interface: the caller's [`Chooser`] answers each pick, over the eligible strands in the
    /// order in which they became ready.
    Chosen = 8,
}

/// A policy with its parameters. 0 is the documented default of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// The policy.
    pub kind: Kind,
    /// Seed of `Random` and `Pct`. Every number is a seed, 0 too.
    pub seed: u64,
    /// `RoundRobin`: checkpoints in a turn. Default 16.
    pub quantum: u32,
    /// `PriorityAging`: picks waited that raise a priority by one; default 8. `PriorityFixed`: the same, and 0 is no
    /// ageing. At most 2^30.
    pub age_step: u32,
    /// `PriorityToken` and `ProgressAware`: how often strands that became ready later may be picked before one that is
    /// ready. Default 64.
    pub bypass_limit: u32,
    /// Most tokens of one strand. Default 16.
    pub token_cap: u32,
    /// `Pct`: depth of the bugs that are looked for, one more than the number of change points. Default 3, at most 64.
    pub depth: u32,
    /// `Pct`: the number of picks over which the change points are spread. Default 1,000.
    pub steps: u64,
    /// Hand-offs that are kept once there is a second lane. Default 256.
    pub handoffs: u32,
}

impl Rules {
    /// `kind` with all defaults and seed 0.
    pub const fn of(kind: Kind) -> Self {
        Rules { kind, seed: 0, quantum: 0, age_step: 0, bypass_limit: 0, token_cap: 0, depth: 0, steps: 0, handoffs: 0 }
    }

    /// The rules with every default filled in; INVALID when a number is out of range.
    pub(super) fn filled(mut self) -> Outcome<Self> {
        if self.age_step > 1 << 30 || self.depth > 64 {
            return Err(Status::INVALID);
        }
        if self.kind == Kind::PriorityAging {
            self.age_step = default(self.age_step, 8);
        }
        self.quantum = default(self.quantum, 16);
        self.bypass_limit = default(self.bypass_limit, 64);
        self.token_cap = default(self.token_cap, 16);
        self.depth = default(self.depth, 3);
        self.handoffs = default(self.handoffs, 256);
        self.steps = if self.steps == 0 { 1_000 } else { self.steps };
        Ok(self)
    }
}

const fn default(number: u32, otherwise: u32) -> u32 {
    if number == 0 { otherwise } else { number }
}

/// Why a strand became ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// It is new.
    Spawned,
    /// What it waited for has come.
    Woken,
    /// A message was delivered to it, which mints a progress token.
    Message,
    /// It ran and gave up its turn.
    Yielded,
    /// It ran to a checkpoint and did not keep its turn.
    Checkpoint,
}

/// Who answers the picks of [`Kind::Chosen`].
pub trait Chooser {
    /// A number below `n`, which is at least 2; a larger answer counts as `n - 1`.
    fn choose(&mut self, n: usize) -> usize;
}

/// For the policies that ask nobody.
impl Chooser for () {
    fn choose(&mut self, _: usize) -> usize {
        0
    }
}
