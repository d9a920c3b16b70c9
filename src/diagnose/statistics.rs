// SPDX-License-Identifier: MIT OR Apache-2.0
//! The counters of the runtime, summed.

use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::engine::parallel::counts::{Count, Counts};
use crate::engine::parallel::{self, Parallel};
use crate::strand::message::fail;
use crate::strand::{fault, identity};

/// See the C header.
#[derive(Default)]
pub struct Statistics {
    /// Workers.
    pub workers: u32,
    /// Strands spawned.
    pub spawned: u64,
    /// Strands that have ended.
    pub finished: u64,
    /// Strands alive now.
    pub live: u64,
    /// Times a strand was resumed.
    pub switches: u64,
    /// Times a strand gave way.
    pub yields: u64,
    /// Times a strand began to wait.
    pub parks: u64,
    /// Times a waiting strand was woken.
    pub wakes: u64,
    /// Times a worker took strands from another.
    pub steals: u64,
    /// Strands taken that way.
    pub stolen_strands: u64,
    /// Times a worker went to sleep.
    pub worker_sleeps: u64,
    /// Times a sleeping worker was woken.
    pub worker_wakes: u64,
    /// Strands that ended with a fault.
    pub faults: u64,
    /// Stacks that have memory.
    pub stacks_mapped: u64,
    /// Stacks kept for the next strand.
    pub stacks_cached: u64,
    /// Bytes committed for stacks.
    pub stack_bytes_mapped: u64,
    /// How stacks are guarded.
    pub guard_pages_kind: u64,
    /// The largest number of live strands seen.
    pub live_peak: u64,
}

fn with_engine<T>(read: impl FnOnce(&'static Parallel) -> Outcome<T>) -> Outcome<T> {
    let _call = if identity::current().is_some() { None } else { Some(outside::enter()?) };
    read(parallel::engine().ok_or(Status::NOT_INITIALISED)?)
}

/// Reads the counters. `counting` gives the spawned, ended, live and peak numbers of the layer that counts.
pub fn read(counting: impl FnOnce(&Parallel) -> [u64; 4]) -> Outcome<Statistics> {
    with_engine(|engine| {
        let [spawned, finished, live, live_peak] = counting(engine);
        let sum = |field: fn(&Counts) -> &Count| engine.workers().iter().map(|w| field(&w.counts).get()).sum::<u64>();
        let (switches, yields) = (sum(|c| &c.switches), sum(|c| &c.yields));
        let (stacks_mapped, stack_bytes_mapped) = engine.stacks.mapped();
        Ok(Statistics {
            workers: engine.ordinary_workers(),
            spawned,
            finished,
            live,
            switches,
            yields,
            parks: sum(|c| &c.parks),
            wakes: sum(|c| &c.wakes) + engine.wakes_outside(),
            steals: sum(|c| &c.steals),
            stolen_strands: sum(|c| &c.stolen),
            worker_sleeps: sum(|c| &c.sleeps),
            worker_wakes: sum(|c| &c.woken),
            faults: fault::total(),
            stacks_mapped,
            stacks_cached: engine.stacks.cached(),
            stack_bytes_mapped,
            guard_pages_kind: engine.stacks.guard_kind() as u64,
            live_peak,
        })
    })
}

/// Times a worker has resumed a strand.
pub fn worker_runs(worker: u32) -> Outcome<u64> {
    with_engine(|engine| match engine.workers()[..engine.ordinary_workers() as usize].get(worker as usize) {
        Some(worker) => Ok(worker.counts.switches.get()),
        None => fail(Status::INVALID, format_args!("worker {worker}: there are {}", engine.ordinary_workers())),
    })
}
