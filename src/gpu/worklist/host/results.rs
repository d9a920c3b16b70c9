// SPDX-License-Identifier: MIT OR Apache-2.0
//! What comes back of items that were taken: themselves, or what became of them, and the sums of it.

use super::{Host, NOTE};
use crate::base::status::Outcome;
use crate::gpu::worklist::ledger::{Tally, Violation};
use crate::gpu::worklist::piece::Piece;
use crate::gpu::worklist::segments::{Pool, Records};
use crate::gpu::worklist::shape::Order;
use crate::work::words::WORDS;

impl Host {
    /// As [`Host::put_back`], at any later time: room is made first.
    #[cfg(test)]
    pub fn give_back(&mut self, band: u32, tenant: u32, words: &[u32]) -> Outcome<()> {
        let count = words.len() / self.shape.record_words();
        let number = self.number(band, tenant);
        self.make_room(number, count)?;
        self.put_back(band, tenant, words)
    }

    /// Returns items that were taken and did not run, or that a full device spills. See the module documentation. At once after
    /// they were taken, or where a promise covers them: nothing is allocated.
    pub fn put_back(&mut self, band: u32, tenant: u32, words: &[u32]) -> Outcome<()> {
        let count = (words.len() / self.shape.record_words()) as u64;
        let number = self.number(band, tenant);
        match self.shape.order {
            Order::Fifo => self.queues[number].push_front(&mut self.pool, words)?,
            Order::Lifo => self.queues[number].push_back(&mut self.pool, words)?,
        }
        self.drain.returned(band, tenant, count);
        self.queued += count;
        self.left_device(tenant, count);
        Ok(())
    }

    /// As [`Self::put_back`], of all items of a piece, which is empty then.
    pub fn put_piece_back(&mut self, band: u32, tenant: u32, piece: &mut Piece) -> Outcome<()> {
        match piece.segment.take() {
            Some(segment) => {
                let number = self.number(band, tenant);
                let count = (segment.words().len() / self.shape.record_words()) as u64;
                self.queues[number].put_end(self.shape.order, segment)?;
                self.drain.returned(band, tenant, count);
                self.queued += count;
                self.left_device(tenant, count);
            }
            None => self.put_back(band, tenant, piece.words())?,
        }
        self.empty_piece(piece);
        Ok(())
    }

    fn left_device(&mut self, tenant: u32, count: u64) {
        self.in_flight = self.in_flight.saturating_sub(count);
        let known = &mut self.tenants[tenant as usize];
        known.in_flight = known.in_flight.saturating_sub(count);
    }

    /// Puts children, requeued and yielded items of a tenant into the queue of a band.
    pub fn put(&mut self, band: u32, tenant: u32, words: &[u32]) -> Outcome<()> {
        let number = self.number(band, tenant);
        self.queues[number].push_back(&mut self.pool, words)?;
        self.queued += (words.len() / self.shape.record_words()) as u64;
        Ok(())
    }

    /// As [`Self::put`], of words in memory that may become a segment: see [`Records::push_back_whole`].
    pub fn put_whole(&mut self, band: u32, tenant: u32, words: &mut Vec<u32>) -> Outcome<()> {
        let number = self.number(band, tenant);
        let count = (words.len() / self.shape.record_words()) as u64;
        self.queues[number].push_back_whole(&mut self.pool, words)?;
        self.queued += count;
        Ok(())
    }

    /// As [`Self::emit`], of words in memory that may become a segment.
    pub fn emit_whole(&mut self, words: &mut Vec<u32>) -> Outcome<()> {
        self.emitted.push_back_whole(&mut self.pool, words)
    }

    /// Takes emitted records.
    pub fn emit(&mut self, words: &[u32]) -> Outcome<()> {
        self.emitted.push_back(&mut self.pool, words)
    }

    /// Keeps an item until its epoch.
    pub fn pause(&mut self, epoch: u32, band: u32, tenant: u32, record: &[u32]) -> Outcome<()> {
        note(&mut self.paused, &mut self.pool, [epoch, band, tenant], record)
    }

    /// Keeps an item that has ended with a code, if there are not as many already as may be; else it is counted.
    pub fn fault(&mut self, code: u32, band: u32, tenant: u32, record: &[u32]) -> Outcome<()> {
        if self.faults.length() >= self.shape.faults_max {
            self.counters.faults_dropped += 1;
            return Ok(());
        }
        note(&mut self.faults, &mut self.pool, [code, band, tenant], record)
    }

    /// Counts what became of items of a tenant, after their results were put where they belong. With `stays` the children
    /// and requeued items are not on the host: that many stay on the device.
    pub fn settle(&mut self, tenant: u32, tally: &Tally, stays: u64) -> Result<(), Violation> {
        self.counters.work.add(tally);
        self.in_flight += stays;
        self.tenants[tenant as usize].in_flight += stays;
        self.left_device(tenant, tally.admitted);
        self.note_depth();
        tally.check()?;
        self.counters.check(self.queued, self.paused(), self.in_flight)
    }

    /// Counts a submission of a device that runs items of all tenants at once and keeps their children and those that are
    /// requeued: `changes` says how many more items of each tenant lie there. What it reports item by item, and what it has
    /// emitted, is counted as it comes ([`Self::arrived`]); until then those items count as being there. So whoever looks
    /// meanwhile finds sums that agree.
    pub fn count_device(&mut self, tally: &Tally, changes: &[i64]) {
        let reports = tally.yielded + tally.paused + tally.faulted;
        let (visits, admitted) = (tally.visits.saturating_sub(reports), tally.admitted.saturating_sub(reports));
        let now = Tally { visits, admitted, yielded: 0, paused: 0, faulted: 0, emitted: 0, ..*tally };
        self.counters.work.add(&now);
        self.in_flight = self.in_flight.saturating_add_signed(changes.iter().sum::<i64>() + reports as i64);
        for (tenant, change) in self.tenants.iter_mut().zip(changes) {
            tenant.in_flight = tenant.in_flight.saturating_add_signed(*change);
        }
        self.note_depth();
    }

    /// Counts what has come of such a submission and was put where it belongs.
    pub fn arrived(&mut self, tally: &Tally) {
        self.counters.work.add(tally);
        self.in_flight = self.in_flight.saturating_sub(tally.admitted);
    }

    /// Looks whether the sums agree.
    pub fn check_sums(&self) -> Result<(), Violation> {
        self.counters.check(self.queued, self.paused(), self.in_flight)
    }

    /// So many items lay on a device at once.
    pub fn note_device(&mut self, items: u64) {
        let counters = &mut self.counters;
        counters.device_peak = counters.device_peak.max(items).max(self.in_flight);
        counters.depth_peak = counters.depth_peak.max(counters.device_peak);
    }

    /// Nothing more comes back from the device: what lay there is lost.
    pub fn lose_device(&mut self) {
        self.counters.lost += core::mem::take(&mut self.in_flight);
        self.tenants.iter_mut().for_each(|tenant| tenant.in_flight = 0);
    }

    /// Looks whether a device holds as many items as it was given.
    pub fn check_device(&self, found: u64) -> Result<(), Violation> {
        if found == self.in_flight { Ok(()) } else { Err(Violation::Device { expected: self.in_flight, found }) }
    }
}

fn note(records: &mut Records, pool: &mut Pool, head: [u32; NOTE], record: &[u32]) -> Outcome<()> {
    let mut held = [0; WORDS + NOTE];
    held[..NOTE].copy_from_slice(&head);
    held[NOTE..NOTE + record.len()].copy_from_slice(record);
    records.push_back(pool, &held[..NOTE + record.len()])
}
