// SPDX-License-Identifier: MIT OR Apache-2.0
//! Items that are made ready beside a worklist, without its lock, and become part of its queues at once.
//!
//! ```text
//! push of tasks   packed one by one ─────────────────────┐
//! resume          paused items copied, part by part ─────┴─ splice: segments move, whatever they hold
//! ```
//! Nothing has changed until [`Host::splice`], which allocates first. Where a queue gets less than half a segment the records are
//! copied, so that many small pushes do not leave as many segments behind.

use super::host::{Host, NOTE};
use super::segments::{Pass, Pool, Records};
use super::shape::Shape;
use crate::base::room::Grow;
use crate::base::status::Outcome;
use crate::work::state::State;
use crate::work::task::Task;
use crate::work::words::{WORDS, Word};

/// See the module documentation.
pub struct Staged {
    shape: Shape,
    /// Band by band, the tenants of each.
    queues: Vec<Records>,
    paused: Records,
    pool: Pool,
}

impl Staged {
    /// None. NO_MEMORY.
    pub fn new(shape: &Shape) -> Outcome<Staged> {
        let (words, count) = (shape.record_words(), (shape.bands * shape.tenants) as usize);
        let mut queues = Vec::new();
        queues.room(count)?;
        queues.resize_with(count, || Records::new(words));
        Ok(Staged { shape: *shape, queues, paused: Records::new(words + NOTE), pool: Pool::new() })
    }

    /// One more task, which was checked. NO_MEMORY.
    pub fn task(&mut self, task: &Task) -> Outcome<()> {
        let fields = self.shape.fields;
        let mut held = [0; WORDS + NOTE];
        let held = &mut held[..NOTE + fields.length()];
        fields.pack(task, &mut held[NOTE..]);
        let (band, tenant) = (task[Word::Priority], task[Word::TenantId]);
        if task.state() == Ok(State::Paused) {
            held[..NOTE].copy_from_slice(&[task[Word::ResumeEpoch], band, tenant]);
            return self.paused.push_back(&mut self.pool, held);
        }
        self.queues[(band * self.shape.tenants + tenant) as usize].push_back(&mut self.pool, &held[NOTE..])
    }

    /// One more paused item, as the host side holds it, that is ready now. NO_MEMORY.
    pub fn resumed(&mut self, held: &[u32]) -> Outcome<()> {
        let fields = &self.shape.fields;
        let mut record = [0; WORDS];
        let record = &mut record[..fields.length()];
        record.copy_from_slice(&held[NOTE..]);
        fields.resumed(record);
        self.queues[(held[1] * self.shape.tenants + held[2]) as usize].push_back(&mut self.pool, record)
    }

    /// Items of the queues.
    pub fn ready(&self) -> u64 {
        self.queues.iter().map(Records::length).sum()
    }

    /// Paused items.
    pub fn paused(&self) -> u64 {
        self.paused.length()
    }

    /// Those of each queue of the host side, and then the paused ones.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Records> {
        self.queues.iter_mut().chain([&mut self.paused])
    }
}

/// Paused items that are being resumed. While it is used nobody takes paused items out.
pub struct Due {
    epoch: u32,
    /// Those that were there when it began, and how many of them were looked at.
    there: u64,
    seen: u64,
    pass: Pass,
    staged: Staged,
}

impl Due {
    /// Those of this epoch and of earlier ones. NO_MEMORY.
    pub fn new(host: &Host, epoch: u32) -> Outcome<Due> {
        let there = host.paused();
        Ok(Due { epoch, there, seen: 0, pass: Pass::over(there), staged: Staged::new(host.shape())? })
    }

    /// Looks at some more; whether all were looked at. NO_MEMORY.
    pub fn look(&mut self, host: &Host, most: u64) -> Outcome<bool> {
        let now = most.min(self.there - self.seen);
        for held in host.paused_from(self.seen).take(now as usize) {
            if held[0] <= self.epoch {
                self.staged.resumed(held)?;
            }
        }
        self.seen += now;
        Ok(self.seen == self.there)
    }

    /// All that are due become ready, in the order in which they were paused: their number. They still lie among the paused,
    /// and count no more as such, until [`Host::sweep`] has passed. Nothing has changed when there is no memory.
    pub fn resume(&mut self, host: &mut Host) -> Outcome<u64> {
        let count = self.staged.ready();
        host.splice(&mut self.staged)?;
        host.resumed(count);
        Ok(count)
    }

    /// Takes what was resumed out from among the paused, some more; whether that is done.
    pub fn sweep(&mut self, host: &mut Host, most: u64) -> bool {
        host.sweep(&mut self.pass, self.epoch, most);
        self.pass.left == 0
    }
}
