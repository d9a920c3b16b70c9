// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was decided in one schedule. Lies in memory that a forked child shares with its parent, so it has a fixed size
//! and no pointers.

use core::sync::atomic::{AtomicU32, Ordering};

/// Decisions that are kept; further ones are made, and counted.
pub const DECISIONS_MAX: usize = 1 << 16;

/// Words of the log that a walk is followed by.
pub const LOG_MAX: usize = 1 << 17;

/// The choice was not worked out.
pub const UNKNOWN: u32 = u32::MAX;

/// One decision.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Decision {
    /// The strand that was picked.
    pub ordinal: u32,
    /// Strands to pick from.
    pub options: u32,
    /// Place of the picked one, or [`UNKNOWN`].
    pub choice: u32,
    /// 1 when the strand that ran last could have gone on.
    pub can_go_on: u32,
}

/// See the module documentation. All-zero memory is an empty one.
#[repr(C)]
pub struct Ledger {
    count: AtomicU32,
    /// Picks, forced ones included.
    picks: AtomicU32,
    /// Words in the log; more than there is room for when it was cut.
    logged: AtomicU32,
    log: [u64; LOG_MAX],
    decisions: [Decision; DECISIONS_MAX],
}

impl Ledger {
    /// Forgets everything.
    #[inline]
    pub fn clear(&mut self) {
        *self.count.get_mut() = 0;
        *self.picks.get_mut() = 0;
        *self.logged.get_mut() = 0;
    }

    /// Writes a decision down.
    #[inline]
    pub fn note(&mut self, decision: Decision) {
        let count = self.count.get_mut();
        if let Some(place) = self.decisions.get_mut(*count as usize) {
            *place = decision;
        }
        *count = count.saturating_add(1);
    }

    /// Counts a pick.
    #[inline]
    pub fn count_pick(&mut self) {
        let picks = self.picks.get_mut();
        *picks = picks.saturating_add(1);
    }

    /// Adds a word to the log.
    pub fn log(&mut self, word: u64) {
        let logged = self.logged.get_mut();
        if let Some(place) = self.log.get_mut(*logged as usize) {
            *place = word;
        }
        *logged = logged.saturating_add(1);
    }

    /// The log; `None` when it was cut.
    pub fn logged(&self) -> Option<&[u64]> {
        // Relaxed: as in `count`.
        self.log.get(..self.logged.load(Ordering::Relaxed) as usize)
    }

    /// Decisions made.
    pub fn count(&self) -> u32 {
        // Relaxed: read after the writer has ended.
        self.count.load(Ordering::Relaxed)
    }

    /// Picks made.
    pub fn picks(&self) -> u32 {
        self.picks.load(Ordering::Relaxed)
    }

    /// Whether some decisions were not kept.
    pub fn is_cut(&self) -> bool {
        self.count() as usize > DECISIONS_MAX
    }

    /// The decisions that were kept.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions[..(self.count() as usize).min(DECISIONS_MAX)]
    }

    /// The choices, if all were worked out and kept.
    pub fn choices(&self) -> Option<Vec<u32>> {
        if self.is_cut() || self.decisions().iter().any(|decision| decision.choice == UNKNOWN) {
            return None;
        }
        let mut choices = Vec::new();
        choices.try_reserve_exact(self.decisions().len()).ok()?;
        choices.extend(self.decisions().iter().map(|decision| decision.choice));
        Some(choices)
    }
}
