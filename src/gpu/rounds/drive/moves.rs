// SPDX-License-Identifier: MIT OR Apache-2.0
//! Items between the host and the device: taken, uploaded, spilled, brought back, and the memory for it all.

use super::*;
use crate::base::room::Grow;
use crate::gpu::rounds::rings::{Rings, Run};
use crate::gpu::service::words::as_bytes;

/// Items of a slice where memory is short.
const SLICE_LEAST: u32 = 64;
/// Bytes that are lost between the pieces of an upload, at most: two for each slice that waits, and the blocks.
const ROUNDED: u64 = 4096;

/// Items that were taken from the host and are not on the device; `slice.count` are left.
pub struct Waiting {
    pub(super) slice: Slice,
    words: Vec<u32>,
    /// Where they begin, in items. What goes first goes from there, or from the end where the newest go first.
    first: u32,
}

impl Waiting {
    /// The next so many items to go.
    fn part(&mut self, count: u32, newest_first: bool, each: usize) -> &[u32] {
        self.slice.count -= count;
        let first = match newest_first {
            true => self.first + self.slice.count,
            false => {
                self.first += count;
                self.first - count
            }
        };
        &self.words[first as usize * each..][..count as usize * each]
    }

    /// All that are left.
    fn rest(&self, each: usize) -> &[u32] {
        &self.words[self.first as usize * each..][..self.slice.count as usize * each]
    }
}

impl<F: Frontier> Drive<F> {
    pub(super) fn rings(&mut self, store: &Store) -> Rings<'_> {
        Rings { control: &mut self.control, physical: store.space.physical, newest_first: self.manner.newest_first }
    }

    /// Items that are held for the device go back to the host: those that were taken last come first.
    pub(super) fn hand_back(&mut self) {
        while let Some(waiting) = self.waiting.pop_back() {
            let given = self.frontier.give_back(waiting.slice, waiting.rest(self.manner.words as usize), false);
            if let Err(status) = given {
                self.drop_items(status);
            }
        }
    }

    /// Items that are held for the device.
    pub(super) fn held(&self) -> u64 {
        self.waiting.iter().map(|waiting| u64::from(waiting.slice.count)).sum()
    }

    /// Makes sure of memory for whatever a submission of so many rounds and visits can bring, or of fewer rounds and smaller
    /// slices where memory is short; the number of rounds.
    pub(super) fn reserve(
        &mut self,
        does_report: bool,
        store: &Store,
        rounds: u32,
        visits: u64,
    ) -> Result<u32, Status> {
        let (space, here) = (&store.space, outcome::depth(&self.control) + self.held());
        let (children, emits) = (u64::from(self.manner.fan_out_max), u64::from(self.manner.emit_max));
        // Some on the device, and as many that are to go there next.
        let takes = (2 * self.wanted(store)).saturating_sub(here).min(self.frontier.waiting());
        let mut no_memory = Status::NO_MEMORY;
        for (rounds, slice, takes) in [
            (rounds, self.pace.slice, takes),
            (1, self.pace.slice.min(SLICE_LEAST), takes.min(u64::from(SLICE_LEAST).saturating_sub(here))),
        ] {
            let admitted = (u64::from(rounds) * u64::from(slice)).min(visits);
            let grown = (admitted * children).min(u64::from(space.capacity) + children + 1);
            let reports = if does_report { admitted.min(u64::from(space.reports)) } else { 0 };
            let records = (admitted * emits).min(u64::from(space.emits));
            match self.frontier.reserve(here + takes + grown, reports, records) {
                Ok(()) => {
                    (self.slice, self.takes) = (slice, takes);
                    return Ok(rounds);
                }
                Err(status) => no_memory = status,
            }
        }
        Err(no_memory)
    }

    /// Two runs are given back as two slices: first the one that is taken last.
    pub(super) fn copy_out(&mut self, mut runs: [Run; 2], stride: u32, piece: Piece) {
        if !self.manner.newest_first {
            runs.reverse();
        }
        for (at, count) in runs {
            if count != 0 {
                self.traffic.parts.push(Part { piece, from: at * stride, words: count * stride });
            }
        }
    }

    /// Half of the capacity is freed when the device says that it is full.
    pub(super) fn spill(&mut self, gpu: &Gpu, store: &Store) {
        let depth = outcome::depth(&self.control);
        let capacity = u64::from(store.space.capacity);
        if self.stopped & STOP_QUEUE == 0 && depth <= capacity {
            return;
        }
        self.hand_back();
        let surplus = depth.saturating_sub((capacity / 2).max(1));
        let stride = u64::from(store.space.stride);
        let mut surplus = surplus.min(self.make_room(gpu, surplus * stride) / stride);
        for band in Rings::lowest_first() {
            let count = surplus.min(u64::from(self.control[COUNT + band as usize])) as u32;
            let runs = self.rings(store).spill(band, count);
            self.copy_out(runs, store.space.stride, Piece::Spilled(band));
            surplus -= u64::from(count);
        }
    }

    /// Everything comes back, some of it at a time: the memory for it must be had.
    pub(super) fn bring_back(&mut self, gpu: &Gpu, store: &Store) {
        let (stride, most) = (store.space.stride, u64::from(self.manner.returned_max));
        let words = most.min(outcome::depth(&self.control) * u64::from(stride)) + self.traffic.words();
        let fit = self.make_room(gpu, words).saturating_sub(self.traffic.words()).min(most) as u32;
        let mut room = (fit / stride).max(u32::from(self.traffic.parts.is_empty()));
        for band in Rings::lowest_first() {
            let mut rings = self.rings(store);
            let count = rings.count(band).min(room);
            let runs = rings.spill(band, count);
            room -= count;
            self.copy_out(runs, store.space.stride, Piece::Returned(band));
        }
    }

    /// How many items the host may have on the device: where items push others, half of the capacity is theirs.
    pub(super) fn wanted(&self, store: &Store) -> u64 {
        let capacity = u64::from(store.space.capacity);
        if self.manner.fan_out_max == 0 { capacity } else { (capacity / 2).max(1) }
    }

    /// Takes slices from the host until `room` items wait.
    pub(super) fn take(&mut self, room: u64) {
        let mut held = self.held();
        while held < room {
            let limit = (room - held).min(self.takes);
            if limit == 0 {
                return;
            }
            let mut words = Vec::new();
            let least = limit.min(u64::from(SLICE_LEAST));
            let mut get = |items: u64| words.room(items as usize * self.manner.words as usize).is_ok();
            let got = self.waiting.try_reserve(1).is_ok() && (get(limit) || get(least));
            if !got {
                if outcome::depth(&self.control) + held == 0 {
                    self.end(Status::NO_MEMORY, NO_MEMORY);
                }
                return;
            }
            let Some(slice) = self.frontier.take(limit, &mut words) else { return };
            held += u64::from(slice.count);
            self.takes -= u64::from(slice.count);
            self.waiting.push_back(Waiting { slice, words, first: 0 });
        }
    }

    /// Uploads what waits, as far as there is room.
    pub(super) fn upload(&mut self, gpu: &Gpu, store: &Store) {
        let mut room = self.wanted(store).saturating_sub(outcome::depth(&self.control));
        self.take(room);
        let (each, newest_first) = (self.manner.words as usize, self.manner.newest_first);
        let bytes = 4 * self.held().min(room) * u64::from(store.space.stride);
        self.upload.begin(gpu, bytes + CONTROL_BYTES + COUNTER_BYTES + ROUNDED);
        while room > 0 {
            let Some(mut waiting) = self.waiting.pop_front() else { return };
            let count = u64::from(waiting.slice.count).min(room) as u32;
            let Slice { band, tenant, .. } = waiting.slice;
            let runs = self.rings(store).put(band, count);
            write(gpu, store, &mut self.upload, runs, waiting.part(count, newest_first, each), each, tenant);
            room -= u64::from(count);
            if waiting.slice.count > 0 {
                self.waiting.push_front(waiting);
            }
        }
    }
}

/// Writes records into one or two runs of places, each with its tenant where items are tagged.
fn write(gpu: &Gpu, store: &Store, upload: &mut Upload, runs: [Run; 2], words: &[u32], each: usize, tenant: u32) {
    let stride = store.space.stride as usize;
    let mut at = 0;
    for (place, count) in runs {
        let part = &words[at..at + count as usize * each];
        at += part.len();
        let size = (count as usize * stride * 4) as u64;
        let offset = u64::from(place) * stride as u64 * 4;
        upload.write(gpu, &store.queue, offset, size, |mut view| match each == stride {
            true => view.copy_from_slice(as_bytes(part)),
            false => {
                let tagged = part.chunks_exact(each).flat_map(|record| record.iter().copied().chain([tenant]));
                view.copy_from_slice(as_bytes(&tagged.collect::<Vec<u32>>()));
            }
        });
    }
}
