// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory for what items will do, before they run.

use super::{Host, Promise};
use crate::base::status::{Outcome, Status};

impl Host {
    /// Makes sure that the results of `items` items of a tenant have somewhere to go, each of which runs once: whatever
    /// they push, emit and become. It is enough too for those that do not end to be put back.
    /// Nobody else gets that memory until [`Self::forget`].
    pub fn reserve(&mut self, tenant: u32, items: u64) -> Outcome<Promise> {
        let items = usize::try_from(items).map_err(|_| Status::NO_MEMORY)?;
        let children = items.saturating_mul((self.shape.fan_out_max as usize).saturating_add(1));
        let emits = items.saturating_mul(self.shape.emit_max as usize);
        // Each of the queues may need a segment of its own, and all together those of all records.
        let queued = self.queues[0].segments_for(children) + self.shape.bands as usize;
        let noted = self.paused.segments_for(items) + self.faults.segments_for(items);
        let more = queued + noted + self.emitted.segments_for(emits);
        let need = self.promised + more;
        self.pool.reserve(need)?;
        for band in 0..self.shape.bands {
            let number = self.number(band, tenant);
            self.queues[number].reserve(need)?;
        }
        self.paused.reserve(need)?;
        self.emitted.reserve(need)?;
        self.faults.reserve(need)?;
        self.promised = need;
        Ok(Promise(more))
    }

    /// As [`Self::renew`], for a device that brings back up to `items` items, of whatever band and tenant, of which up to
    /// `reports` one by one, and `records` emitted records.
    pub fn reserve_back(&mut self, promise: &mut Promise, items: u64, reports: u64, records: u64) -> Outcome<()> {
        let [items, reports, records] =
            [items, reports, records].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        // At either end of each queue a segment may be begun.
        let begun = items.min(2 * self.queues.len());
        let noted = self.paused.segments_for(reports) + self.faults.segments_for(reports);
        let more = self.queues[0].segments_for(items) + begun + noted + self.emitted.segments_for(records);
        let need = self.promised - promise.0 + more;
        self.pool.reserve(need)?;
        for queue in &mut self.queues {
            queue.reserve(need)?;
        }
        for kept in [&mut self.paused, &mut self.faults, &mut self.emitted] {
            kept.reserve(need)?;
        }
        self.promised = need;
        promise.0 = more;
        Ok(())
    }

    /// As [`Self::forget`], of memory for what a device brings back: much of it was never needed.
    pub fn forget_back(&mut self, promise: Promise) {
        self.forget(promise);
        self.pool.trim(self.promised);
    }

    /// The items of a promise have come to where they belong, or did not run.
    pub fn forget(&mut self, promise: Promise) {
        self.promised -= promise.0;
    }

    /// As [`Self::reserve`], for items some of whose results were handed over already. Without memory the old promise
    /// stays.
    pub fn renew(&mut self, promise: &mut Promise, tenant: u32, items: u64) -> Outcome<()> {
        let before = self.promised;
        self.promised -= promise.0;
        match self.reserve(tenant, items) {
            Ok(renewed) => *promise = renewed,
            Err(status) => {
                self.promised = before;
                return Err(status);
            }
        }
        Ok(())
    }
}
