// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run of a worklist: its limits, who works for it, and how it ends. Engine-neutral; under the lock of the worklist.

use core::fmt;

use super::host::Host;
use super::ledger::Violation;
use crate::base::status::Status;
use crate::gpu::ticket::Pending;
use crate::wait::block::FOREVER;

/// Strands that run batches of one worklist, at most.
pub const WORKERS_MAX: u32 = 1024;

/// How long a run goes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// It goes on until the worklist is closed and empty, not only until it is empty.
    pub until_closed: bool,
    /// Visits of this run; `u64::MAX` for any number.
    pub visits_max: u64,
    /// Batches or rounds of this run; `u64::MAX` for any number.
    pub rounds_max: u64,
    /// When it ends at the latest, between two batches.
    pub deadline: i64,
    /// Strands that run batches, at most; 0: as many as there are workers.
    pub workers: u32,
}

impl Limits {
    /// Until everything is done.
    pub const NONE: Limits =
        Limits { until_closed: false, visits_max: u64::MAX, rounds_max: u64::MAX, deadline: FOREVER, workers: 0 };
}

/// Why a run has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is nothing left that could run.
    Drained,
    /// The visits are used up.
    Visits,
    /// The rounds are used up.
    Rounds,
    /// There is no room for what items may emit.
    Emitted,
    /// More items were spilled than may be, or any where none may be.
    Spilled,
    /// The deadline has passed.
    Deadline,
    /// Somebody asked for its end.
    Cancelled,
    /// The device was closed, or the worklist released.
    Closed,
    /// No memory for the results of one more item.
    NoMemory,
    /// A kernel ended the strand that had called it.
    Kernel,
    /// Sums do not agree: items were lost or doubled.
    Wrong(Violation),
}

/// A run that is on.
pub struct Run {
    /// Resolves its ticket.
    pub pending: Pending,
    /// See [`Limits`].
    pub limits: Limits,
    /// Visits at which it ends.
    visits_end: u64,
    /// Rounds at which it ends.
    rounds_end: u64,
    /// Faults before it began.
    faulted_before: u64,
    /// Strands that work for it.
    pub workers: u32,
    /// How it ends, once that is known.
    pub verdict: Option<Verdict>,
}

impl Run {
    /// A run that begins with the counters as they are.
    pub fn new(pending: Pending, limits: Limits, host: &Host) -> Run {
        let counters = &host.counters;
        Run {
            pending,
            limits,
            visits_end: counters.work.visits.saturating_add(limits.visits_max),
            rounds_end: counters.rounds.saturating_add(limits.rounds_max),
            faulted_before: counters.work.faulted,
            workers: 0,
            verdict: None,
        }
    }

    /// Ends it with `verdict`, unless its end is decided.
    pub fn end(&mut self, verdict: Verdict) {
        self.verdict.get_or_insert(verdict);
    }

    /// Whether something ends it before the next batch or submission. `spilled` items are in host memory for want of room.
    pub fn look(&mut self, host: &Host, spilled: u64, closed: bool, now: i64) -> Option<Verdict> {
        if self.verdict.is_none() {
            self.verdict = self.find_end(host, spilled, closed, now);
        }
        self.verdict
    }

    fn find_end(&self, host: &Host, spilled: u64, device_closed: bool, now: i64) -> Option<Verdict> {
        let shape = host.shape();
        if self.pending.is_cancelled() {
            Some(Verdict::Cancelled)
        } else if device_closed {
            Some(Verdict::Closed)
        } else if self.limits.deadline != FOREVER && now >= self.limits.deadline {
            Some(Verdict::Deadline)
        } else if spilled > shape.spill_max() {
            Some(Verdict::Spilled)
        } else {
            None
        }
    }

    /// Items that may begin before the run has used up what it has, counting those in flight as one visit each; and how it
    /// ends if that is none and nothing is in flight.
    pub fn allowance(&self, host: &Host) -> (u64, Verdict) {
        let (counters, in_flight) = (&host.counters, host.in_flight());
        let visits = self.visits_end.saturating_sub(counters.work.visits).saturating_sub(in_flight);
        if counters.rounds >= self.rounds_end {
            return (0, Verdict::Rounds);
        }
        let each = u64::from(host.shape().emit_max);
        if each == 0 || visits == 0 {
            return (visits, Verdict::Visits);
        }
        let room = host.shape().emitted_max.saturating_sub(host.emitted()) / each;
        let emits = room.saturating_sub(in_flight);
        if emits < visits { (emits, Verdict::Emitted) } else { (visits, Verdict::Visits) }
    }

    /// Visits and rounds that a device may still make, whatever items emit; or why there is none.
    pub fn left(&self, host: &Host) -> Result<(u64, u64), Verdict> {
        let counters = &host.counters;
        let visits = self.visits_end.saturating_sub(counters.work.visits);
        let rounds = self.rounds_end.saturating_sub(counters.rounds);
        let each = u64::from(host.shape().emit_max);
        let room = host.shape().emitted_max.saturating_sub(host.emitted()).checked_div(each).unwrap_or(u64::MAX);
        match (visits, rounds, room) {
            (0, ..) => Err(Verdict::Visits),
            (_, 0, _) => Err(Verdict::Rounds),
            (.., 0) => Err(Verdict::Emitted),
            _ => Ok((visits.min(room), rounds)),
        }
    }

    /// Whether items in flight that have more to do may run once more.
    pub fn may_go_on(&self, host: &Host) -> bool {
        let (counters, in_flight) = (&host.counters, host.in_flight());
        let each = u64::from(host.shape().emit_max);
        let room = host.shape().emitted_max.saturating_sub(host.emitted()).checked_div(each).unwrap_or(u64::MAX);
        let visits = self.visits_end.saturating_sub(counters.work.visits);
        counters.rounds < self.rounds_end && visits.min(room) >= in_flight
    }

    /// One of those who were to work for it cannot: the others go on, and nobody is asked any more. Without others the run
    /// ends.
    pub fn has_one_less(&mut self, verdict: Verdict) {
        if self.workers > 1 {
            self.limits.workers = self.limits.workers.min(self.workers - 1);
        } else {
            self.end(verdict);
        }
    }

    /// Counts one more who works for it, if there may be one more.
    pub fn has_place(&mut self) -> bool {
        let more = self.workers < self.limits.workers && self.verdict.is_none();
        self.workers += u32::from(more);
        more
    }

    /// Says how it has ended. No lock is held.
    pub fn resolve(self, told: &Told) {
        let status = told.status;
        self.pending.resolve(status, format_args!("{told}"));
    }

    /// What its ticket says, with the numbers as they are.
    pub fn tell(&self, host: &Host) -> Told {
        let verdict = self.verdict.unwrap_or(Verdict::Cancelled);
        let faulted = host.counters.work.faulted - self.faulted_before;
        let status = match verdict {
            Verdict::Drained if faulted > 0 => Status::FAILED,
            Verdict::Drained => Status::OK,
            Verdict::Visits | Verdict::Rounds | Verdict::Emitted | Verdict::Spilled => Status::LIMIT,
            Verdict::Deadline => Status::TIMEOUT,
            Verdict::Cancelled => Status::CANCELLED,
            Verdict::Closed => Status::CLOSED,
            Verdict::NoMemory => Status::NO_MEMORY,
            Verdict::Kernel => Status::FAILED,
            Verdict::Wrong(_) => Status::DEVICE,
        };
        Told { verdict, status, faulted, limits: self.limits, left: host.queued(), paused: host.paused() }
    }
}

/// How a run has ended, in words.
pub struct Told {
    verdict: Verdict,
    /// The result of its ticket.
    pub status: Status,
    faulted: u64,
    limits: Limits,
    left: u64,
    paused: u64,
}

impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict {
            Verdict::Drained => write!(out, "{} items have faulted: see strand_worklist_faults", self.faulted)?,
            Verdict::Visits => write!(out, "the {} visits of the run are used up", self.limits.visits_max)?,
            Verdict::Rounds => write!(out, "the {} rounds of the run are used up", self.limits.rounds_max)?,
            Verdict::Emitted => write!(out, "there is no room for further emitted records: take them")?,
            Verdict::Spilled => write!(out, "more items than the worklist may hold beyond its capacity")?,
            Verdict::Deadline => write!(out, "the deadline of the run passed")?,
            Verdict::Cancelled => write!(out, "the run was cancelled")?,
            Verdict::Closed => write!(out, "the device was closed, or the worklist released")?,
            Verdict::NoMemory => write!(out, "no memory for the results of a further item")?,
            Verdict::Kernel => {
                write!(out, "a kernel ended the strand that had called it; the items of its batch faulted")?
            }
            Verdict::Wrong(violation) => return write!(out, "{violation}"),
        }
        write!(out, "; {} items are queued and {} paused", self.left, self.paused)
    }
}
