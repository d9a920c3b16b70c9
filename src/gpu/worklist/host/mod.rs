// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of a worklist: what every engine shares. Pure: no lock, no clock, no runtime.
//!
//! ```text
//! mod.rs      what there is, and what comes from outside     take.rs    slices     promise.rs   memory for what they will do
//! results.rs  what comes back of them                        given.rs   records and faults, copies     tasks.rs   whole tasks
//! ```
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

mod given;
mod promise;
mod results;
mod take;
mod tasks;

use super::ledger::Counters;
use super::segments::{Pass, Pool, Records};
use super::shape::Shape;
use super::staged::Staged;
use crate::base::room::Grow;
use crate::base::status::Outcome;
use crate::work::drain::Drain;

/// Words before the record of a paused or faulted item: epoch or code, band, tenant.
pub(super) const NOTE: usize = 3;
/// Items of a tenant's turn, where several share a band.
const QUANTUM: u64 = 1024;

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

    /// Moves free segments to a pool that has room for them: up to so many.
    pub fn lend(&mut self, to: &mut Pool, segments: usize) {
        self.pool.lend(to, segments, self.promised);
    }

    /// A run begins.
    pub fn begin_run(&mut self) {
        self.counters.runs += 1;
        self.pool.begin(self.promised);
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
}
