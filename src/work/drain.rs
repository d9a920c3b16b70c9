// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order in which queued items are taken: from which band and tenant the next slice comes, and how many items it
//! has. Whoever keeps the queues asks [`Drain::next`] and takes exactly that.
//!
//! ```text
//! which band     1. one that was passed over 16 times or more, the longest first         (starvation guard)
//!                2. else the most urgent; a band counts as one more urgent for every     (ageing)
//!                   32 slices that its oldest items have waited
//!                   among equals the one that was passed over most, then the more urgent
//! which tenant   in turns; a turn is a quantum of items, and what a slice leaves of it   (deficit round robin)
//!                is added to the next turn
//! ```
//! A tenant that is masked or at its quota has nothing to take and is no part of this. So, while there is something to
//! take, with B bands and T tenants:
//! - a band is passed over at most 16 + B - 2 times in a row ([`band_bound`]), which is 19;
//! - of the slices that its band gets, a tenant waits for at most 2 (T - 1) ([`tenant_bound`]), which is 58.
//!
//! How long items have waited is known from marks, not from the items: a mark says how many of the items that were
//! queued at some slice are still there. Until they are gone, the oldest item has waited since then at least. So no item
//! is touched, and a band that has waited keeps its higher rank until all that had waited is taken.

use crate::base::failing;
use crate::base::status::{Outcome, Status};

/// Most bands.
pub const BANDS: u32 = 5;
/// Most tenants.
pub const TENANTS: u32 = 30;
/// Times that a band is passed over before it is served out of its order.
pub const STARVED_AFTER: u32 = 16;
/// Slices of waiting that make a band count as one more urgent.
pub const AGE: u64 = 32;
/// The longest that a tenant waits, in slices of its band, whatever the number of tenants.
pub const FAIR_WITHIN: u32 = 64;

const _: () = assert!(tenant_bound(TENANTS) <= FAIR_WITHIN);

/// How often a band is passed over in a row, at most.
pub const fn band_bound(bands: u32) -> u32 {
    if bands < 2 { 0 } else { STARVED_AFTER + bands - 2 }
}

/// How many slices of its band a tenant waits for, at most.
pub const fn tenant_bound(tenants: u32) -> u32 {
    2 * (tenants - 1)
}

/// Whether items are taken in the order in which they came, or in the opposite one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The oldest first.
    Fifo,
    /// The newest first.
    Lifo,
}

/// What may be taken: so many items of one band and tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The band.
    pub band: u32,
    /// The tenant.
    pub tenant: u32,
    /// How many, at least 1.
    pub count: u64,
    /// Bands by which waiting has raised them.
    pub raised: u32,
}

/// What there is of one band and tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Queued {
    /// Items in the queue.
    pub length: u64,
    /// How many of them may be taken now: none of a masked tenant, and no more than its quota leaves.
    pub takeable: u64,
}

/// What is remembered of one queue.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The slice of its mark.
    marked: u64,
    /// Items of that time that are still there.
    left: u64,
    /// Items that it may take in its turn.
    credit: u64,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Drain {
    bands: u32,
    tenants: u32,
    order: Order,
    quantum: u64,
    /// Slices so far.
    now: u64,
    /// Band by band, the tenants of each.
    known: Vec<Known>,
    passed: [u32; BANDS as usize],
    /// Whose turn it is in each band, and slices of that turn.
    turns: [Turn; BANDS as usize],
    #[cfg(test)]
    pub(super) defect: Option<Defect>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    tenant: u32,
    slices: u32,
}

/// Mistakes that tests seed.
#[cfg_attr(not(test), allow(dead_code, reason = "only tests make mistakes"))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Defect {
    /// Nobody is served out of its order.
    Guardless,
    /// Waiting changes nothing.
    Ageless,
    /// The first tenant always has its turn.
    TurnsOff,
    /// Whoever has taken little is owed nothing.
    CreditLost,
    /// A slice takes what is queued, not what may be taken.
    QuotaIgnored,
}

impl Drain {
    /// For so many bands (1 to 5) and tenants (1 to 30); a turn is `quantum` items.
    pub fn new(bands: u32, tenants: u32, order: Order, quantum: u64) -> Outcome<Drain> {
        let (bands, tenants) = (bands.clamp(1, BANDS), tenants.clamp(1, TENANTS));
        let mut known = Vec::new();
        let queues = (bands * tenants) as usize;
        if failing::now() || known.try_reserve_exact(queues).is_err() {
            return Err(Status::NO_MEMORY);
        }
        known.resize(queues, Known::default());
        Ok(Drain {
            bands,
            tenants,
            order,
            quantum: quantum.max(1),
            now: 0,
            known,
            passed: [0; BANDS as usize],
            turns: [Turn::default(); BANDS as usize],
            #[cfg(test)]
            defect: None,
        })
    }

    /// From where to take the next slice of at most `limit` items; none where nothing may be taken. `queued` says what
    /// there is of a band and tenant. Who asks must take it: the answer counts as one slice.
    pub fn next(&mut self, limit: u64, queued: impl Fn(u32, u32) -> Queued) -> Option<Grant> {
        if limit == 0 {
            return None;
        }
        let ranks = self.look(&queued);
        let guard = if self.has(Defect::Guardless) { u32::MAX } else { STARVED_AFTER };
        let band = pick(&ranks, &mut self.passed, guard)?;
        self.now += 1;
        let raised = ranks[band as usize].map_or(0, |rank| band.saturating_sub(rank));
        let grant = Grant { raised, ..self.turn(band, limit, &queued)? };
        let number = self.number(grant.band, grant.tenant);
        let known = &mut self.known[number];
        known.left = match self.order {
            Order::Fifo => known.left.saturating_sub(grant.count),
            // What is put on top of the others now has not waited.
            Order::Lifo => known.left.min(queued(grant.band, grant.tenant).length.saturating_sub(grant.count)),
        };
        Some(grant)
    }

    /// Items that were taken are back where they were, before those that are still there.
    pub fn returned(&mut self, band: u32, tenant: u32, count: u64) {
        let number = self.number(band, tenant);
        let known = &mut self.known[number];
        if self.order == Order::Fifo && known.left > 0 {
            known.left += count;
        }
    }

    /// The oldest item of a queue was taken out by somebody else.
    pub fn withdrawn(&mut self, band: u32, tenant: u32) {
        let number = self.number(band, tenant);
        let known = &mut self.known[number];
        known.left = known.left.saturating_sub(1);
    }

    /// Slices so far.
    pub fn slices(&self) -> u64 {
        self.now
    }

    /// Brings the marks up to date; how urgent each band is that has something to take, ageing included.
    fn look(&mut self, queued: &impl Fn(u32, u32) -> Queued) -> [Option<u32>; BANDS as usize] {
        let mut ranks = [None; BANDS as usize];
        let (now, order) = (self.now, self.order);
        for band in 0..self.bands {
            let mut waited = None;
            for tenant in 0..self.tenants {
                let there = queued(band, tenant);
                let number = self.number(band, tenant);
                let known = &mut self.known[number];
                if order == Order::Lifo {
                    known.left = known.left.min(there.length);
                }
                // Waiting for one's own quota, or behind a mask, is no waiting.
                if known.left == 0 || there.takeable == 0 {
                    (known.marked, known.left) = (now, there.length);
                }
                if there.takeable > 0 {
                    waited = waited.max(Some(now - known.marked));
                }
            }
            let raised = |waited: u64| u32::try_from(waited / AGE).unwrap_or(u32::MAX);
            ranks[band as usize] = waited.map(|waited| match self.has(Defect::Ageless) {
                true => band,
                false => band.saturating_sub(raised(waited)),
            });
        }
        ranks
    }

    /// The slice of a band that has something to take.
    fn turn(&mut self, band: u32, limit: u64, queued: &impl Fn(u32, u32) -> Queued) -> Option<Grant> {
        let takeable = |drain: &Drain, tenant: u32| match queued(band, tenant) {
            there if drain.has(Defect::QuotaIgnored) => there.length,
            there => there.takeable,
        };
        let Turn { tenant: first, slices } = self.turns[band as usize];
        let ahead = |step: u32| (first + step) % self.tenants;
        let ready = |tenant: &u32| takeable(self, *tenant) > 0;
        let tenant = match self.has(Defect::TurnsOff) {
            true => (0..self.tenants).find(ready)?,
            false => (0..self.tenants).map(ahead).find(ready)?,
        };
        let alone = !(0..self.tenants).any(|other| other != tenant && ready(&other));
        let there = takeable(self, tenant);
        let slices = if tenant == first { slices + 1 } else { 1 };
        let number = self.number(band, tenant);
        if slices == 1 {
            let kept = if self.has(Defect::CreditLost) { 0 } else { self.known[number].credit.min(self.quantum) };
            self.known[number].credit = kept + self.quantum;
        }
        let credit = if alone { u64::MAX } else { self.known[number].credit };
        let count = limit.min(there).min(credit);
        let rest = self.known[number].credit.saturating_sub(count);
        // Nothing is owed to who has taken all that it could.
        self.known[number].credit = if count == there || alone { 0 } else { rest };
        // A second slice of the same turn, where a small one has left more than half a quantum.
        let again = slices < 2 && self.known[number].credit > self.quantum / 2;
        self.turns[band as usize] = match again {
            true => Turn { tenant, slices },
            false => Turn { tenant: (tenant + 1) % self.tenants, slices: 0 },
        };
        Some(Grant { band, tenant, count, raised: 0 })
    }

    #[cfg(test)]
    pub(super) fn copy(&self) -> Drain {
        Drain { known: self.known.clone(), ..*self }
    }

    fn number(&self, band: u32, tenant: u32) -> usize {
        (band * self.tenants + tenant) as usize
    }

    #[cfg(test)]
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    #[cfg(not(test))]
    const fn has(&self, _: Defect) -> bool {
        false
    }
}

/// The band of the next slice, of those that have a rank; counts who was passed over. A device's kernel does the same.
pub fn pick(ranks: &[Option<u32>], passed: &mut [u32], starved_after: u32) -> Option<u32> {
    let mut best: Option<(usize, bool, u32)> = None; // band, starved, rank
    for (band, rank) in ranks.iter().enumerate() {
        let Some(rank) = *rank else {
            continue;
        };
        let starved = passed[band] >= starved_after;
        let better = match best {
            None => true,
            Some((_, false, _)) if starved => true,
            Some((other, true, _)) => starved && passed[band] > passed[other],
            Some((other, false, least)) => rank < least || (rank == least && passed[band] > passed[other]),
        };
        if better {
            best = Some((band, starved, rank));
        }
    }
    let (chosen, ..) = best?;
    for (band, (rank, passed)) in ranks.iter().zip(passed).enumerate() {
        *passed = if band == chosen || rank.is_none() { 0 } else { passed.saturating_add(1) };
    }
    Some(chosen as u32)
}
