// SPDX-License-Identifier: MIT OR Apache-2.0
//! Slices: what is taken from the queues, and whether there is anything.

use super::{Host, Slice, Tenant};
use crate::gpu::worklist::piece::Piece;
use crate::gpu::worklist::segments::Records;
use crate::gpu::worklist::shape::Order;
use crate::work::drain::{Grant, Queued};

/// Fewer items are copied rather than taken with their segment.
const WHOLE: u64 = 64;

impl Host {
    /// Whether there is an item that could be taken at this moment.
    pub fn has_ready(&self) -> bool {
        self.queued > 0
            && (0..self.queues.len()).any(|number| takeable(&self.queues, &self.tenants, number).takeable > 0)
    }

    /// Whether there is an item that could be taken once nothing is in flight.
    pub fn has_work(&self) -> bool {
        let enabled = |number: usize| self.tenants[number % self.shape.tenants as usize].enabled;
        self.queued > 0 && (0..self.queues.len()).any(|number| enabled(number) && !self.queues[number].is_empty())
    }

    /// Takes up to `limit` items of one band and tenant, appended to `into`, which does not grow: they are in flight.
    pub fn take_slice(&mut self, limit: u64, into: &mut Vec<u32>) -> Option<Slice> {
        let room = (into.capacity() - into.len()) / self.shape.record_words();
        let grant = self.grant(limit.min(room as u64), false)?;
        let number = self.number(grant.band, grant.tenant);
        let (queue, pool) = (&mut self.queues[number], &mut self.pool);
        let count = match self.shape.order {
            Order::Fifo => queue.pop_front(pool, grant.count as usize, into),
            Order::Lifo => queue.pop_back(pool, grant.count as usize, into),
        };
        if grant.raised > 0 {
            let from = into.len() - count * self.shape.record_words();
            self.shape.fields.aged(&mut into[from..], grant.raised);
        }
        Some(self.took(Slice { band: grant.band, tenant: grant.tenant, count: count as u32 }))
    }

    /// As [`Self::take_slice`], in place of what `into` holds: copies, or a segment as it is.
    pub fn take_piece(&mut self, limit: u64, into: &mut Piece) -> Option<Slice> {
        self.empty_piece(into);
        let order = self.shape.order;
        let room = into.copies().capacity() / self.shape.record_words();
        let grant = self.grant(limit.min(room as u64), true)?;
        let number = self.number(grant.band, grant.tenant);
        let queue = &mut self.queues[number];
        let mut count = grant.count as usize;
        if grant.count >= WHOLE && grant.count == queue.at_end(order) {
            into.segment = queue.take_end(order);
        } else {
            count = match order {
                Order::Fifo => queue.pop_front(&mut self.pool, count, into.copies()),
                Order::Lifo => queue.pop_back(&mut self.pool, count, into.copies()),
            };
        }
        if grant.raised > 0 {
            self.shape.fields.aged(into.words_mut(), grant.raised);
        }
        Some(self.took(Slice { band: grant.band, tenant: grant.tenant, count: count as u32 }))
    }

    /// Nobody needs the items of a piece any more.
    pub fn empty_piece(&mut self, piece: &mut Piece) {
        if let Some(segment) = piece.segment.take() {
            segment.give_to(&mut self.pool);
        }
        piece.copies().clear();
    }

    /// What the next slice is. With `whole` no more than a segment, where that is at least half of what it would be. Of
    /// several tenants each gets what is its due.
    fn grant(&mut self, limit: u64, whole: bool) -> Option<Grant> {
        if limit == 0 || self.queued == 0 {
            return None;
        }
        let (queues, tenants, across, order) = (&self.queues, &self.tenants, self.shape.tenants, self.shape.order);
        let there = |band: u32, tenant: u32| {
            let number = (band * across + tenant) as usize;
            let mut there = takeable(queues, tenants, number);
            if whole && across == 1 {
                let segment = queues[number].at_end(order);
                let most = there.takeable.min(limit);
                if (most.div_ceil(2).max(WHOLE)..most).contains(&segment) {
                    there.takeable = segment;
                }
            }
            there
        };
        let grant = self.drain.next(limit, there)?;
        let overtakes = (0..grant.band).any(|before| (0..across).any(|tenant| there(before, tenant).takeable > 0));
        self.counters.guarded += u64::from(overtakes);
        Some(grant)
    }

    /// Items are in flight.
    fn took(&mut self, slice: Slice) -> Slice {
        let count = u64::from(slice.count);
        self.queued -= count;
        self.in_flight += count;
        self.tenants[slice.tenant as usize].in_flight += count;
        self.counters.slices += 1;
        self.counters.device_peak = self.counters.device_peak.max(self.in_flight);
        slice
    }
}

/// What there is in a queue, and how much of it may be taken.
fn takeable(queues: &[Records], tenants: &[Tenant], number: usize) -> Queued {
    let (length, known) = (queues[number].length(), &tenants[number % tenants.len()]);
    let allowed = known.allowed().saturating_sub(known.in_flight);
    Queued { length, takeable: length.min(allowed) }
}
