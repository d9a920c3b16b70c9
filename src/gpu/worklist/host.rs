// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of a worklist: what every engine shares. Pure: no lock, no clock, no runtime.
//!
//! ```text
//! push ──> queues, one for each band and tenant ── take_slice ──> engine (a batch, or a device's memory)
//!            ^    ^                                                 │
//!            │    └──── put (children, requeued) / put_back ────────┤
//!          resume                                                   │
//!            └───── paused <──────── pause ─────────────────────────┤
//!                   faults <──────── fault ─────────────────────────┤
//!   take <───────── emitted <─────── emit ──────────────────────────┘      and `settle` after each batch or submission
//! ```
//! How an engine uses it:
//! - [`Host::take_slice`] hands items over: they are in flight. One slice is of one band and one tenant.
//! - [`Host::reserve`] before items run makes sure that whatever they do has somewhere to go.
//! - Items that were not run, also those that a full device spills, return through [`Host::put_back`], to the end of the
//!   queue from which they come back first; several slices are given back in the opposite order of taking. Spilling from
//!   the bottom of a device's LIFO, or from the tail of its FIFO, thus keeps the order.
//! - [`Host::put`], [`Host::emit`], [`Host::pause`] and [`Host::fault`] take results; [`Host::settle`] counts them and
//!   looks whether the sums agree ([`super::ledger`]).

use super::ledger::{Counters, Tally, Violation};
use super::piece::Piece;
use super::segments::{Pass, Pool, Records};
use super::shape::{Order, Shape};
use super::staged::Staged;
use crate::base::room::Grow;
use crate::base::status::{Outcome, Status};
use crate::work::drain::{Drain, Grant, Queued};
use crate::work::fields::Place;
use crate::work::state::State;
use crate::work::task::Task;
use crate::work::words::{WORDS, Word};

/// Words before the record of a paused or faulted item: epoch or code, band, tenant.
pub(super) const NOTE: usize = 3;
/// Items of a tenant's turn, where several share a band.
const QUANTUM: u64 = 1024;
/// Fewer items are copied rather than taken with their segment.
const WHOLE: u64 = 64;

/// Items that were taken together: some of one band and tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Their band.
    pub band: u32,
    /// Their tenant.
    pub tenant: u32,
    /// How many.
    pub count: u32,
}

/// Memory that was promised to the results of some items; [`Host::forget`] takes it back.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "the memory is kept until `forget`"]
pub struct Promise(usize);

impl Promise {
    /// Nothing.
    pub const NONE: Promise = Promise(0);
}

/// What is known of a tenant.
#[derive(Clone, Copy, Debug)]
pub struct Tenant {
    /// Whether its items may be taken.
    pub enabled: bool,
    /// Items of it that may be in flight at once; 0 for any number.
    pub quota: u64,
    /// Items of it that are in flight.
    pub in_flight: u64,
}

impl Tenant {
    /// Items of it that may be in flight.
    fn allowed(&self) -> u64 {
        match (self.enabled, self.quota) {
            (false, _) => 0,
            (true, 0) => u64::MAX,
            (true, quota) => quota,
        }
    }

    fn is_over(&self) -> bool {
        self.in_flight > self.allowed()
    }
}

/// See the module documentation.
pub struct Host {
    shape: Shape,
    /// Band by band, the tenants of each.
    queues: Vec<Records>,
    tenants: Vec<Tenant>,
    paused: Records,
    /// Of those, how many were resumed and are still to be swept out.
    gone: u64,
    emitted: Records,
    faults: Records,
    pool: Pool,
    /// Items in the queues.
    queued: u64,
    /// Items that were taken and not returned.
    in_flight: u64,
    /// Segments that results of items in flight may need: [`Host::reserve`].
    promised: usize,
    /// Whose turn it is.
    drain: Drain,
    /// What is counted. Engines add rounds, spills and times themselves.
    pub counters: Counters,
}

impl Host {
    /// The empty host side of a worklist.
    pub fn new(shape: Shape) -> Outcome<Host> {
        let words = shape.record_words();
        let mut queues = Vec::new();
        queues.room((shape.bands * shape.tenants) as usize)?;
        queues.resize_with((shape.bands * shape.tenants) as usize, || Records::new(words));
        let mut tenants = Vec::new();
        tenants.room(shape.tenants as usize)?;
        tenants.resize(shape.tenants as usize, Tenant { enabled: true, quota: 0, in_flight: 0 });
        Ok(Host {
            queues,
            tenants,
            paused: Records::new(words + NOTE),
            gone: 0,
            emitted: Records::new(shape.emit_words as usize),
            faults: Records::new(words + NOTE),
            pool: Pool::new(),
            queued: 0,
            in_flight: 0,
            promised: 0,
            drain: Drain::new(shape.bands, shape.tenants, shape.order, QUANTUM)?,
            counters: Counters::default(),
            shape,
        })
    }

    /// What it was made with.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Items in the queues.
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// Items that were taken and not returned: on the device.
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Paused items.
    pub fn paused(&self) -> u64 {
        self.paused.length() - self.gone
    }

    /// Emitted records that wait to be taken.
    pub fn emitted(&self) -> u64 {
        self.emitted.length()
    }

    /// Faults that wait to be taken.
    pub fn faults(&self) -> u64 {
        self.faults.length()
    }

    /// What is known of a tenant.
    #[cfg(test)]
    pub fn tenant(&self, tenant: u32) -> &Tenant {
        &self.tenants[tenant as usize]
    }

    /// Switches a tenant on or off, and sets its quota.
    pub fn set_tenant(&mut self, tenant: u32, enabled: bool, quota: u64) {
        let known = &mut self.tenants[tenant as usize];
        (known.enabled, known.quota) = (enabled, quota);
    }

    /// Whether more items of a tenant are in flight than may be now: it was switched off, or its quota is lower than what
    /// was taken and pushed.
    pub fn is_over(&self) -> bool {
        self.tenants.iter().any(Tenant::is_over)
    }

    /// As [`Self::is_over`], of one.
    pub fn tenant_is_over(&self, tenant: u32) -> bool {
        self.tenants[tenant as usize].is_over()
    }

    fn number(&self, band: u32, tenant: u32) -> usize {
        (band * self.shape.tenants + tenant) as usize
    }

    /// Takes items from outside: all or none.
    pub fn push(&mut self, band: u32, tenant: u32, words: &[u32]) -> Outcome<()> {
        let count = words.len() / self.shape.record_words();
        let number = self.number(band, tenant);
        self.make_room(number, count)?;
        self.queues[number].push_back(&mut self.pool, words)?;
        self.pushed(count as u64);
        Ok(())
    }

    /// As [`Self::push`], of items that lie in segments already.
    pub fn push_segments(&mut self, band: u32, tenant: u32, records: &mut Records) -> Outcome<()> {
        let count = records.length();
        let number = self.number(band, tenant);
        self.queues[number].splice_back(&mut self.pool, records, self.promised)?;
        self.pushed(count);
        Ok(())
    }

    /// Room for so many records at an end of a queue, beside what is promised.
    fn make_room(&mut self, number: usize, records: usize) -> Outcome<()> {
        let queue = &mut self.queues[number];
        let need = queue.segments_for(records) + self.promised;
        self.pool.reserve(need)?;
        queue.reserve(need)
    }

    fn pushed(&mut self, count: u64) {
        self.queued += count;
        self.counters.pushed += count;
        self.note_depth();
    }

    fn note_depth(&mut self) {
        self.counters.depth_peak = self.counters.depth_peak.max(self.queued + self.in_flight);
    }

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

    /// Moves free segments to a pool that has room for them: up to so many.
    pub fn lend(&mut self, to: &mut Pool, segments: usize) {
        self.pool.lend(to, segments, self.promised);
    }

    /// A run begins.
    pub fn begin_run(&mut self) {
        self.counters.runs += 1;
        self.pool.begin(self.promised);
    }

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

    /// Paused items as they are held, but the first `skip`.
    pub(super) fn paused_from(&self, skip: u64) -> impl Iterator<Item = &[u32]> {
        self.paused.pieces(skip).flat_map(|piece| piece.chunks_exact(self.paused.stride()))
    }

    /// Items that were made ready elsewhere come to the ends of their queues, and among the paused. Nothing has changed when
    /// there is no memory.
    pub(super) fn splice(&mut self, staged: &mut Staged) -> Outcome<()> {
        let mut segments = self.promised;
        for (to, from) in self.queues.iter_mut().chain([&mut self.paused]).zip(staged.all()) {
            let (pool, places) = to.need_of(from);
            segments += pool;
            to.reserve(places + self.promised)?;
        }
        self.pool.reserve(segments)?;
        self.queued += staged.ready();
        for (to, from) in self.queues.iter_mut().chain([&mut self.paused]).zip(staged.all()) {
            to.append(&mut self.pool, from)?;
        }
        Ok(())
    }

    /// Takes tasks from outside that were staged: all or none.
    pub fn push_staged(&mut self, staged: &mut Staged) -> Outcome<()> {
        let count = staged.ready() + staged.paused();
        self.splice(staged)?;
        self.counters.pushed += count;
        self.note_depth();
        Ok(())
    }

    /// Copies of so many paused items are in the queues now.
    pub(super) fn resumed(&mut self, count: u64) {
        self.counters.resumed += count;
        self.gone += count;
    }

    /// Takes what was resumed out from among the paused items to which `pass` has not come, some more of them.
    pub(super) fn sweep(&mut self, pass: &mut Pass, epoch: u32, most: u64) {
        self.gone -= self.paused.sweep(&mut self.pool, pass, most, |held| held[0] > epoch);
    }

    /// Takes emitted records, in their order, as many as fit; their number.
    pub fn take_emitted(&mut self, out: &mut [u32]) -> usize {
        let taken = self.emitted.read_front(&mut self.pool, out);
        self.counters.taken += taken as u64;
        taken
    }

    /// Takes the oldest fault: its code, and the task.
    pub fn take_fault(&mut self) -> Option<(u32, Task)> {
        let mut held = [0; WORDS + NOTE];
        let stride = self.faults.stride();
        if self.faults.read_front(&mut self.pool, &mut held[..stride]) == 0 {
            return None;
        }
        self.counters.faults_taken += 1;
        Some(self.fault_of(&held[..stride]))
    }

    /// Copies some of what is queued to one of the same shape: up to `most` items of the queue with this number, but the first
    /// `skip`. How many; none when there is no such queue.
    pub fn copy_queue(&self, to: &mut Host, number: usize, skip: u64, most: u64) -> Outcome<Option<u64>> {
        let Some(queue) = self.queues.get(number) else { return Ok(None) };
        let (band, tenant) = (number as u32 / self.shape.tenants, number as u32 % self.shape.tenants);
        let mut left = most.min(queue.length().saturating_sub(skip));
        let copied = left;
        for piece in queue.pieces(skip) {
            let now = left.min((piece.len() / queue.stride()) as u64);
            to.push(band, tenant, &piece[..now as usize * queue.stride()])?;
            left -= now;
            if left == 0 {
                break;
            }
        }
        Ok(Some(copied))
    }

    /// Copies what is known of the tenants to one of the same shape.
    pub fn copy_tenants(&self, to: &mut Host) {
        for (number, tenant) in self.tenants.iter().enumerate() {
            to.set_tenant(number as u32, tenant.enabled, tenant.quota);
        }
    }

    /// A copy of what was emitted after the first `before` records that wait.
    pub fn emitted_since(&self, before: u64) -> Outcome<Vec<u32>> {
        let mut found = Vec::new();
        let words = self.emitted.length().saturating_sub(before) as usize * self.emitted.stride();
        found.room(words)?;
        for piece in self.emitted.pieces(before) {
            found.extend_from_slice(piece);
        }
        Ok(found)
    }

    /// A copy of the faults after the first `before` that wait.
    pub fn faults_since(&self, before: u64) -> Outcome<Vec<(u32, Task)>> {
        let mut found = Vec::new();
        found.room(self.faults.length().saturating_sub(before) as usize)?;
        for held in self.faults.pieces(before).flat_map(|piece| piece.chunks_exact(self.faults.stride())) {
            found.push(self.fault_of(held));
        }
        Ok(found)
    }

    fn fault_of(&self, held: &[u32]) -> (u32, Task) {
        let place = Place { state: State::Faulted, band: held[1], tenant: held[2] };
        (held[0], self.shape.fields.unpack(&held[NOTE..], place))
    }

    /// Takes one item out, as a task: of the highest band that has one, the oldest first; after all others the paused ones.
    /// Pushed again in this order they lie as they lay.
    pub fn take_task(&mut self) -> Option<Task> {
        let fields = self.shape.fields;
        let words = fields.length();
        let mut held = [0; WORDS + NOTE];
        let found = (0..self.queues.len()).find(|number| !self.queues[*number].is_empty());
        let task = match found {
            Some(number) => {
                let record = &mut held[..words];
                self.queues[number].read_front(&mut self.pool, record);
                self.queued -= 1;
                let state = fields.offset(Word::State).and_then(|at| State::of(record[at]));
                let state = state.filter(|state| state.is_schedulable()).unwrap_or(State::Ready);
                let (band, tenant) = (number as u32 / self.shape.tenants, number as u32 % self.shape.tenants);
                self.drain.withdrawn(band, tenant);
                fields.unpack(record, Place { state, band, tenant })
            }
            None => {
                if self.paused.read_front(&mut self.pool, &mut held[..words + NOTE]) == 0 {
                    return None;
                }
                let place = Place { state: State::Paused, band: held[1], tenant: held[2] };
                let mut task = fields.unpack(&held[NOTE..words + NOTE], place);
                task[Word::ResumeEpoch] = held[0];
                task
            }
        };
        self.counters.withdrawn += 1;
        Some(task)
    }

    /// Takes tasks from outside: all or none. They were checked: a state that can go on, a band and a tenant that there are,
    /// nothing that records do not carry.
    pub fn push_tasks(&mut self, tasks: &[Task]) -> Outcome<()> {
        let (count, fields) = (tasks.len(), self.shape.fields);
        let need =
            self.queues[0].segments_for(count) + self.paused.segments_for(count) + self.queues.len() + self.promised;
        self.pool.reserve(need)?;
        for queue in self.queues.iter_mut().chain([&mut self.paused]) {
            queue.reserve(need)?;
        }
        for task in tasks {
            let mut record = [0; WORDS];
            let record = &mut record[..fields.length()];
            fields.pack(task, record);
            let (band, tenant) = (task[Word::Priority], task[Word::TenantId]);
            if task.state() == Ok(State::Paused) {
                self.pause(task[Word::ResumeEpoch], band, tenant, record)?;
            } else {
                self.put(band, tenant, record)?;
            }
        }
        self.pushed(0);
        self.counters.pushed += count as u64;
        Ok(())
    }
}

/// What there is in a queue, and how much of it may be taken.
fn takeable(queues: &[Records], tenants: &[Tenant], number: usize) -> Queued {
    let (length, known) = (queues[number].length(), &tenants[number % tenants.len()]);
    let allowed = known.allowed().saturating_sub(known.in_flight);
    Queued { length, takeable: length.min(allowed) }
}

fn note(records: &mut Records, pool: &mut Pool, head: [u32; NOTE], record: &[u32]) -> Outcome<()> {
    let mut held = [0; WORDS + NOTE];
    held[..NOTE].copy_from_slice(&head);
    held[NOTE..NOTE + record.len()].copy_from_slice(record);
    records.push_back(pool, &held[..NOTE + record.len()])
}
