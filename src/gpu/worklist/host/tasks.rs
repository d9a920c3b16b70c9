// SPDX-License-Identifier: MIT OR Apache-2.0
//! Items as whole tasks: out, and in again.

use super::{Host, NOTE};
use crate::base::status::Outcome;
use crate::work::fields::Place;
use crate::work::state::State;
use crate::work::task::Task;
use crate::work::words::{WORDS, Word};

impl Host {
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
