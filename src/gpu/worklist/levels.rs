// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which items of a FIFO are open, where what an item pushes waits until all that were queued before it are done.
//!
//! ```text
//! queue   open open open | next next ...     in flight: of the open level alone
//!         <──── left ───>                    children go to the tail; what did not run returns to the head
//! ```
//! Two levels lie in one queue, one behind the other, so a number says where the border is. The next level opens when
//! nothing of this one is queued or in flight: whoever hands the last batch over finds it open. A runner that finds
//! nothing open waits as where nothing is queued, for those who have batches.
//!
//! This is the order of items and no more: a program must come to the same end without it. One runner keeps the order
//! of the queue anyway.

/// See the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Levels {
    wanted: bool,
    on: bool,
    /// Items of the open level that are queued.
    left: u64,
}

impl Levels {
    /// Of a worklist that is to keep to them, or of one that is not.
    pub const fn new(wanted: bool) -> Levels {
        Levels { wanted, on: false, left: 0 }
    }

    /// A run of so many runners begins. What is queued is one level.
    pub fn begin(&mut self, runners: u32) {
        (self.on, self.left) = (self.wanted && runners > 1, 0);
    }

    /// Items that may be taken, where so many are queued and in flight.
    pub fn open(&mut self, queued: u64, in_flight: u64) -> u64 {
        if !self.on {
            return u64::MAX;
        }
        if in_flight == 0 && self.left == 0 {
            self.left = queued;
        }
        self.left
    }

    /// So many were taken.
    pub fn took(&mut self, items: u64) {
        self.left = self.left.saturating_sub(items);
    }

    /// So many of those in flight are at the head of the queue again.
    pub fn returned(&mut self, items: u64) {
        self.left += if self.on { items } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_waits_for_all_that_were_there() {
        let mut levels = Levels::new(true);
        levels.begin(2);
        assert_eq!(levels.open(5, 0), 5);
        levels.took(3);
        assert_eq!(levels.open(12, 0), 2, "those three have pushed ten, which lie behind the two that are left");
        levels.took(2);
        assert_eq!(levels.open(10, 2), 0, "two are in flight");
        levels.returned(1);
        assert_eq!(levels.open(11, 1), 1, "one of them did not run");
        levels.took(1);
        assert_eq!(levels.open(10, 1), 0);
        assert_eq!(levels.open(14, 0), 14, "all are done");
        levels.took(4);
        levels.begin(2);
        assert_eq!(levels.open(20, 0), 20, "another run");
    }

    #[test]
    fn without_them_and_for_one_runner_every_item_may_be_taken() {
        for (mut levels, runners) in [(Levels::new(false), 2), (Levels::new(true), 1)] {
            let before = levels;
            levels.begin(runners);
            levels.took(3);
            levels.returned(2);
            assert_eq!((levels.open(7, 1), levels), (u64::MAX, before));
        }
    }
}
