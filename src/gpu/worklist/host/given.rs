// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is given to the program and to those who compare: emitted records, faults, copies.

use super::{Host, NOTE};
use crate::base::room::Grow;
use crate::base::status::Outcome;
use crate::work::fields::Place;
use crate::work::state::State;
use crate::work::task::Task;
use crate::work::words::WORDS;

impl Host {
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
}
