// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many items make a batch, and which way of working is faster: from measured times.
//!
//! A batch should take some tens of microseconds: long enough that its fixed costs do not count, short enough that cancels,
//! deadlines and other strands come to their turn. Where time must not decide (the stepped engine) batches have one size.

use crate::work::measured::Measured;
use crate::work::policy::{FULL, Mode, Policy};

/// What a batch should take, in nanoseconds.
const TARGET: i64 = 40_000;
/// After so many nanoseconds a runner lets others go first.
pub const TURN: i64 = 100_000;
/// Items of the first batch.
const FIRST: u32 = 256;
/// Choices of a way between two tries of the other one.
const PROBE: u32 = 64;

/// See the module documentation.
pub struct Pace {
    items: u32,
    measured: Measured,
    /// How full the last batches were, in basis points.
    occupancy: u32,
    /// Time in each way: blocking, non-blocking.
    pub spent: [u64; 2],
    /// The way of the last batch.
    pub last: Mode,
}

impl Pace {
    /// Nothing measured.
    pub const fn new() -> Pace {
        Pace { items: FIRST, measured: Measured::new(PROBE), occupancy: FULL, spent: [0; 2], last: Mode::Empty }
    }

    /// Items of the next batch, at most.
    pub fn items(&self) -> u32 {
        self.items
    }

    /// How full the last batches were, in basis points.
    pub fn occupancy(&self) -> u32 {
        self.occupancy
    }

    /// The way of the next batch, where `depth` items are queued.
    pub fn choose(&mut self, depth: u64) -> Mode {
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        let recommended = match Policy::STANDARD.recommend(depth, self.occupancy).mode {
            // What is beyond the capacity lies in host memory anyway.
            Mode::SpillRequired | Mode::Empty => Mode::NonBlocking,
            mode => mode,
        };
        self.measured.choose(recommended)
    }

    /// A batch of `items` items with `visits` visits took so long. A time of 0 or less: nobody looked.
    pub fn note(&mut self, mode: Mode, items: u32, visits: u64, took: i64, items_max: u32) {
        let full = self.items.min(items_max).max(1);
        let occupancy = (u64::from(items) * u64::from(FULL) / u64::from(full)).min(u64::from(FULL)) as u32;
        self.occupancy = (self.occupancy * 7 + occupancy) / 8;
        self.last = mode;
        let Ok(nanoseconds) = u64::try_from(took) else { return };
        if nanoseconds == 0 {
            return;
        }
        self.spent[usize::from(mode == Mode::NonBlocking)] += nanoseconds;
        self.measured.note(mode, visits, nanoseconds);
        if took > 2 * TARGET {
            self.items = (self.items / 2).max(1);
        } else if took < TARGET && items >= self.items {
            self.items = (self.items * 2).min(items_max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_until_they_take_long_enough() {
        let mut pace = Pace::new();
        for _ in 0..10 {
            pace.note(Mode::NonBlocking, pace.items(), 10, i64::from(pace.items()) * 100, 2048);
        }
        assert!((400..=800).contains(&pace.items()), "{}", pace.items());
        for _ in 0..20 {
            pace.note(Mode::NonBlocking, pace.items(), 10, i64::from(pace.items()) * 1_000_000, 2048);
        }
        assert_eq!(pace.items(), 1);
        for _ in 0..20 {
            pace.note(Mode::NonBlocking, pace.items(), 10, 1, 2048);
        }
        assert_eq!(pace.items(), 2048);
    }

    #[test]
    fn without_times_nothing_changes_but_the_occupancy() {
        let mut pace = Pace::new();
        for _ in 0..100 {
            pace.note(Mode::Blocking, 1, 1, 0, 2048);
        }
        assert_eq!((pace.items(), pace.spent), (FIRST, [0, 0]));
        assert!(pace.occupancy() < 100);
        assert_eq!(pace.choose(10), Mode::NonBlocking, "low occupancy");
    }
}
