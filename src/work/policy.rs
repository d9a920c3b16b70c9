// SPDX-License-Identifier: MIT OR Apache-2.0
//! The admission policy: how a frontier of this depth is best worked on. A total function of its arguments: it never
//! fails, and it answers [`Mode::SpillRequired`] before anything could overflow.
//!
//! ```text
//! depth 0                                             Empty
//! depth > 1,048,576, or depth * 8 above 32 bits       SpillRequired
//! depth >= 64, or occupancy < 5,000 basis points      NonBlocking
//! else                                                Blocking
//! ```

/// How to work on a frontier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Mode {
    /// Nothing is queued.
    Empty = 0,
    /// Each item is run to its end by who has begun it.
    Blocking = 1,
    /// An item that has more to do goes back to the queue.
    NonBlocking = 2,
    /// Items must go to host memory first.
    SpillRequired = 3,
}

impl Mode {
    /// All of them, in their order.
    pub const ALL: [Mode; 4] = [Mode::Empty, Mode::Blocking, Mode::NonBlocking, Mode::SpillRequired];

    /// The mode of a number.
    pub const fn of(number: u32) -> Option<Mode> {
        if number < 4 { Some(Mode::ALL[number as usize]) } else { None }
    }

    /// Its label in evidence.
    pub const fn label(self) -> &'static core::ffi::CStr {
        [c"empty", c"blocking", c"non_blocking", c"spill_required"][self as usize]
    }
}

/// All of an occupancy, in basis points.
pub const FULL: u32 = 10_000;

/// The thresholds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// From this depth on, non-blocking.
    pub nonblocking_depth: u32,
    /// Above this depth, spill first.
    pub spill_depth: u32,
    /// Visits budgeted for each item of the frontier.
    pub visits_per_item: u32,
    /// Below this occupancy, non-blocking.
    pub low_occupancy_bps: u32,
}

impl Policy {
    /// What holds unless a program says otherwise.
    pub const STANDARD: Policy =
        Policy { nonblocking_depth: 64, spill_depth: 1_048_576, visits_per_item: 8, low_occupancy_bps: 5_000 };

    /// What to do with a frontier of `depth` items while lanes are occupied to `occupancy_bps`.
    pub const fn recommend(&self, depth: u32, occupancy_bps: u32) -> Recommendation {
        let budget = depth as u64 * self.visits_per_item as u64;
        let occupancy_bps = if occupancy_bps > FULL { FULL } else { occupancy_bps };
        let mode = if depth == 0 {
            Mode::Empty
        } else if depth > self.spill_depth || budget > u32::MAX as u64 {
            Mode::SpillRequired
        } else if depth >= self.nonblocking_depth || occupancy_bps < self.low_occupancy_bps {
            Mode::NonBlocking
        } else {
            Mode::Blocking
        };
        Recommendation { mode, budget, occupancy_bps }
    }
}

/// What a policy says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recommendation {
    /// How.
    pub mode: Mode,
    /// Visits after which the run should have ended.
    pub budget: u64,
    /// The occupancy it went by: at most [`FULL`].
    pub occupancy_bps: u32,
}
