// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs a batch as items of a worklist.
//!
//! ```text
//! text ──► buffer      carried states, seeds, starts ──► items ──► run ──► records ──► matches, what is active at the ends
//! ```
//! A run is cut after some million visits, to see whether the scan goes on. An item that found no free slot has faulted: then
//! the batch is void.

use super::kernel::{ACTIVE, CLAIM, Item, START};
use super::ready::Ready;
use super::words::{pack, position, positions};
use super::{Dispatch, Resident, write};
use crate::automata::pattern::Match;
use crate::base::room::{Grow, filled};
use crate::base::status::{Outcome, Status};
use crate::gpu::automaton::batch::{Batch, Room, Stepped, Stepper};
use crate::gpu::ticket;
use crate::gpu::worklist::list::{self, Worklist};
use crate::gpu::worklist::run::Limits;
use crate::wait::block::{FOREVER, NO_WAIT};

/// Visits after which a run is cut.
const VISITS: u64 = 1 << 22;
/// Positions at which one item begins matches.
const STRIDE: u32 = 64;
/// Words of records that are taken at once.
const RECORDS: usize = 1 << 14;

/// See the module documentation.
pub struct Items<'a> {
    resident: &'a Resident,
    dispatch: Dispatch,
    ready: Option<Ready>,
    words: Vec<u32>,
    items: Vec<Item>,
    records: Vec<u32>,
    /// First position of each window.
    firsts: Vec<u32>,
}

impl<'a> Items<'a> {
    /// Runs the parts of `resident`.
    pub fn new(resident: &'a Resident, dispatch: Dispatch) -> Outcome<Items<'a>> {
        let records = filled(0, RECORDS)?;
        let ready = Some(resident.take()?);
        let (words, items, firsts) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Items { resident, dispatch, ready, words, items, records, firsts })
    }

    fn parts(&self, batch: &Batch) -> impl Iterator<Item = usize> + use<'a> {
        let own = self.resident.parts;
        (0..batch.parts()).filter(move |part| own >> part & 1 != 0)
    }

    /// What the batch begins with.
    fn gather(&mut self, batch: &mut Batch) -> Outcome<()> {
        self.items.clear();
        self.firsts.clear();
        self.firsts.room(batch.windows.len())?;
        let tables = &self.resident.words;
        for window in 0..batch.windows.len() {
            let first = position(batch, window);
            self.firsts.push(first);
            for part in self.parts(batch) {
                let base = tables.bases[part];
                let active = batch.active_mut(window, part);
                // What ends before the window was told of.
                let item = |state: &u32| [base + state, tables.accepts(base + state), first];
                self.items.add_each(active.iter().map(item))?;
                active.clear();
                if part == 0 {
                    let seeds = batch.seeds(window);
                    let cursor = |state: u32| if tables.is_join(state) { CLAIM } else { 0 };
                    self.items.add_each(seeds.iter().map(|seed| [seed.state, cursor(seed.state), first + seed.end]))?;
                }
            }
        }
        if tables.starts {
            let all = positions(batch) as u32;
            let item = |from: u32| [START | (from + STRIDE).min(all), 0, from];
            self.items.add_each((0..all).step_by(STRIDE as usize).map(item))?;
        }
        Ok(())
    }

    /// Runs what was pushed until nothing is left of it.
    fn drain(
        &mut self,
        list: &Worklist,
        batch: &mut Batch,
        goes_on: &mut dyn FnMut() -> bool,
        out: &mut Vec<Match>,
    ) -> Outcome<Stepped> {
        let visits = || list.lock().host.counters.work.visits;
        let before = visits();
        // A run that is compared is whole, or nothing is known of it.
        let visits_max = if list.differential { u64::MAX } else { VISITS };
        loop {
            if !goes_on() {
                return Ok(Stepped::Stopped);
            }
            let so_far = visits();
            let ended = self.run(list.handle(), Limits { visits_max, ..Limits::NONE })?;
            let cut = match ended {
                Ok(()) | Err(Status::FAILED) => false,
                Err(Status::LIMIT) if visits() > so_far => true,
                Err(status) => return Err(status),
            };
            if list.lock().host.faults() > 0 || (cut && list.differential) {
                // Items that had no slot, or more records than are kept.
                while list.take_fault()?.is_some() {}
                while list.take(&mut self.records)? > 0 {}
                return Ok(Stepped::Full);
            }
            self.take(list, batch, out)?;
            if ended.is_ok() {
                return Ok(Stepped::Done(visits() - before));
            }
        }
    }

    /// How a run has ended, or why it did not begin.
    fn run(&self, list: u64, limits: Limits) -> Outcome<Outcome<()>> {
        let ticket = (self.dispatch)(list, limits)?;
        let ended = ticket::wait(ticket, FOREVER);
        if ended == Err(Status::CANCELLED) {
            // The strand that waits is asked to end, and the run goes on.
            let _ = ticket::cancel(ticket);
        }
        let _ = ticket::release(ticket);
        Ok(ended)
    }

    /// What was found so far.
    fn take(&mut self, list: &Worklist, batch: &mut Batch, out: &mut Vec<Match>) -> Outcome<()> {
        loop {
            let count = list.take(&mut self.records)?;
            out.room(count)?;
            for at in 0..count {
                let [what, place] = [self.records[2 * at], self.records[2 * at + 1]];
                let window = self.firsts.partition_point(|first| *first <= place) - 1;
                if what & ACTIVE == 0 {
                    let place_of = batch.windows[window].place();
                    let end = place_of.end + u64::from(place - self.firsts[window]);
                    out.push(Match { pattern: what, stream: place_of.stream, end });
                } else {
                    let (state, bases) = (what & !ACTIVE, &self.resident.words.bases);
                    let part = bases.partition_point(|base| *base <= state) - 1;
                    let active = batch.active_mut(window, part);
                    active.add(state - bases[part])?;
                }
            }
            if 2 * count < self.records.len() {
                return Ok(());
            }
        }
    }
}

impl Stepper for Items<'_> {
    fn room(&self) -> Room {
        self.resident.plan.room()
    }

    fn step(&mut self, batch: &mut Batch, goes_on: &mut dyn FnMut() -> bool, out: &mut Vec<Match>) -> Outcome<Stepped> {
        #[cfg(test)]
        super::seeded::RUN.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        // Put back below, unless items are left in it.
        let mut ready = match self.ready.take() {
            Some(ready) => ready,
            None => self.resident.take()?,
        };
        let stepped = self.batch(&mut ready, batch, goes_on, out);
        match stepped {
            Ok(Stepped::Done(_) | Stepped::Full) if ready.is_empty() => self.ready = Some(ready),
            _ => ready.release(),
        }
        stepped
    }
}

impl Items<'_> {
    fn batch(
        &mut self,
        ready: &mut Ready,
        batch: &mut Batch,
        goes_on: &mut dyn FnMut() -> bool,
        out: &mut Vec<Match>,
    ) -> Outcome<Stepped> {
        self.gather(batch)?;
        if self.items.is_empty() {
            return Ok(Stepped::Done(0));
        }
        let head = ready.begin(positions(batch) as u64)?;
        pack(batch, head, &mut self.words)?;
        write(ready.text, 0, &self.words)?;
        let list = list::get(ready.list)?;
        match list.push(self.items.as_flattened(), 0, 0, NO_WAIT) {
            // More than it ever holds.
            Err(Status::LIMIT) => return Ok(Stepped::Full),
            pushed => pushed?,
        }
        let stepped = self.drain(&list, batch, goes_on, out)?;
        if matches!(stepped, Stepped::Done(_)) {
            for window in 0..batch.windows.len() {
                for part in self.parts(batch) {
                    let active = batch.active_mut(window, part);
                    active.sort_unstable();
                    active.dedup();
                }
            }
        }
        Ok(stepped)
    }
}

impl Drop for Items<'_> {
    fn drop(&mut self) {
        if let Some(ready) = self.ready.take() {
            self.resident.put(ready);
        }
    }
}
