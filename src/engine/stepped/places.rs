// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names for what a program has in its own memory: an exploration compares what stretches of different schedules have
//! touched, and the same mutex may lie elsewhere in the next schedule.
//!
//! A number is given at the first use, and that use counts as making something, so of two first uses both orders are
//! searched. Hence whatever was used before a decision has the same number in every schedule that comes by there.

use core::cell::{RefCell, RefMut};

/// Places that are told apart; more count as everything.
const PLACES_MAX: usize = 4096;

/// See the module documentation. For the holder of the gate.
pub struct Places(RefCell<Vec<usize>>);

impl Places {
    /// None was used yet.
    pub const fn new() -> Places {
        Places(RefCell::new(Vec::new()))
    }

    fn list(&self) -> RefMut<'_, Vec<usize>> {
        self.0.borrow_mut()
    }

    /// The number of a place, and whether it was given just now; `None` where no further one can be remembered.
    pub fn number(&self, address: usize) -> (Option<u32>, bool) {
        let mut list = self.list();
        // Places of late are asked for most.
        if let Some(number) = list.iter().rposition(|known| *known == address) {
            return (Some(number as u32), false);
        }
        if list.len() == PLACES_MAX || list.try_reserve(1).is_err() {
            return (None, false);
        }
        list.push(address);
        (Some(list.len() as u32 - 1), true)
    }

    /// A schedule begins.
    pub fn forget(&self) {
        self.list().clear();
    }
}
