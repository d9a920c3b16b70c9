// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which items count as being on the device of an engine that has no memory of its own: the processor.
//!
//! All items lie in the queues of the host side; the ones nearest to the end where slices are taken, as many as the capacity
//! says, count as being on the device, those beyond as spilled. So the order is that of the queue, whatever is spilled, and
//! the counters say what a device of that capacity would have had to move.

/// See the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Residence {
    /// On the device and not in a batch.
    resident: u64,
    /// Beyond it.
    spilled: u64,
}

impl Residence {
    /// Spilled items that have not come back.
    pub fn spilled(&self) -> u64 {
        self.spilled
    }

    /// A batch of so many items was taken: spilled ones that came back for it.
    pub fn take(&mut self, items: u64) -> u64 {
        let here = items.min(self.resident);
        let back = (items - here).min(self.spilled);
        self.resident -= here;
        self.spilled -= back;
        back
    }

    /// So many items came back from a batch, while `running` are in batches: those beyond the capacity are spilled.
    pub fn put(&mut self, items: u64, running: u64, capacity: u64) -> u64 {
        self.resident += items;
        let beyond = self.resident.saturating_sub(capacity.saturating_sub(running));
        self.resident -= beyond;
        self.spilled += beyond;
        beyond
    }

    /// The run has ended: everything is on the host.
    pub fn clear(&mut self) {
        *self = Residence::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_spilled_and_comes_back() {
        let mut residence = Residence::default();
        assert_eq!(residence.take(100), 0, "staged items were never on the device");
        assert_eq!(residence.put(150, 0, 128), 22);
        assert_eq!(residence.take(100), 0);
        assert_eq!(residence.put(150, 0, 128), 50);
        assert_eq!(residence.spilled(), 72);
        assert_eq!(residence.take(128), 0);
        assert_eq!(residence.take(60), 60);
        assert_eq!(residence.take(60), 12, "the others were staged");
        assert_eq!(residence.spilled(), 0);
    }
}
