// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run on a device needs of the host side of its worklist. All of it is called by the service thread.

use super::layout::TENANTS;
use crate::base::status::{Outcome, Status};
use crate::gpu::worklist::host::Slice;
use crate::gpu::worklist::ledger::Tally;

/// What is to be done next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Plan {
    /// Rounds.
    Run {
        /// Visits that may still be made; not 0.
        visits: u64,
        /// Rounds that may still be made; not 0.
        rounds: u64,
        /// Visits of an item by one invocation at most; not 0.
        inner: u32,
    },
    /// All that lies on the device comes back, then this is asked again: some of it may not run now.
    Recall,
    /// Nothing before this time (nanoseconds of CLOCK_MONOTONIC; `i64::MAX`: until the service is nudged).
    Wait(i64),
    /// The run ends; what lies on the device comes back first.
    End(Status, String),
}

/// An item that the host must see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report<'a> {
    /// How it ended: [`super::layout::end`].
    pub end: u32,
    /// The code of a fault, or the epoch of a pause.
    pub told: u32,
    /// Its band.
    pub band: u32,
    /// Its tenant.
    pub tenant: u32,
    /// Its record, as it goes on.
    pub record: &'a [u32],
}

/// What a submission did, in its own sums, all of which were found to agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// What became of items.
    pub tally: Tally,
    /// How many more items of each tenant the queue holds, where items are tagged.
    pub changes: Option<[i32; TENANTS]>,
    /// Items on the device now.
    pub depth: u64,
    /// Items that were taken and are not there yet.
    pub held: u64,
    /// The most that there were.
    pub peak: u64,
    /// Rounds that had a slice.
    pub rounds: u64,
    /// Invocations that were started.
    pub launched: u64,
    /// Slices that a band got before a more urgent one.
    pub guarded: u64,
    /// Nanoseconds that the device took, if it tells; else that the submission took.
    pub active_ns: u64,
}

/// See the module documentation.
pub trait Frontier: Send {
    /// What is to be done, `depth` items being on the device. Run only if there are such items or some can be taken.
    fn plan(&mut self, depth: u64) -> Plan;
    /// Items that could be taken, or more.
    fn waiting(&self) -> u64;
    /// Makes sure of the memory for all that may come from now on: so many items, so many reports of them, so many emitted
    /// records. Without it, what was made sure of before stays so.
    fn reserve(&mut self, items: u64, reports: u64, records: u64) -> Outcome<()>;
    /// Takes up to `limit` items, appended to `into`, which has room for them.
    fn take(&mut self, limit: u64, into: &mut Vec<u32>) -> Option<Slice>;
    /// A submission has ended, all of whose sums were found to agree. What it reports and emits comes after this.
    fn count(&mut self, settled: &Settled);
    /// Gets items back that did not run; `spilled`: because the device was full.
    fn give_back(&mut self, slice: Slice, words: &[u32], spilled: bool) -> Outcome<()>;
    /// Gets emitted records.
    fn emit(&mut self, words: &[u32]) -> Outcome<()>;
    /// Gets an item that yielded, waits or has faulted.
    fn report(&mut self, report: Report<'_>) -> Outcome<()>;
    /// Gets debug records of so many words each; `lost`: there were more.
    fn debug(&mut self, words: &[u32], each: usize, lost: u64);
    /// Everything of a submission was given: looks whether its own sums agree.
    fn settle(&mut self, settled: &Settled) -> Result<(), String>;
    /// The run has ended. `lost`: what was taken and not given back is lost, with the device or because there was no memory for it.
    fn ended(&mut self, status: Status, text: String, lost: bool);
}
