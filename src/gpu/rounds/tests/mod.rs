// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rounds on the software device, driven by its service. Without one each test says so and passes.

mod admission;
mod ends;
mod large;
mod order;
mod random;
#[cfg(feature = "spirv")]
mod spirv;
mod troubles;

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::drive::{Drive, Manner, Resident};
use super::frontier::{Frontier, Plan, Report, Settled};
use super::layout::end;
use super::pipelines::Pipelines;
use super::shape::{Declared, Reserve, Variant};
use super::source::Source;
use super::space::Space;
use super::store::Store;
use crate::base::failing;
use crate::base::status::{Outcome, Status};
use crate::gpu::service::tests::software;
use crate::gpu::service::{Failure, Gpu, Service};
use crate::gpu::worklist::host::Slice;
use crate::gpu::worklist::ledger::Tally;
use crate::work::fields::Fields;
use crate::work::words::Word;

const WAIT: Duration = Duration::from_secs(240);

/// All that a run is made with.
#[derive(Clone)]
struct Trial {
    source: String,
    /// The program in SPIR-V, in place of the text.
    words: Vec<u32>,
    fields: Fields,
    fan_out_max: u32,
    emit_max: u32,
    emit_words: u32,
    loop_limit: u32,
    group_size: u32,
    groups_max: u32,
    returned_max: u32,
    capacity: u32,
    newest_first: bool,
    bands: u32,
    tenants: u32,
    reserve: Option<Reserve>,
    inner: u32,
    visits: u64,
    rounds: u64,
    /// After so many submissions everything comes back, again and again; 0: never.
    recall: u64,
    /// Nanoseconds of a submission: where they take longer, rounds get smaller. [`i64::MAX`] for tests that count rounds: a busy
    /// machine makes any submission long.
    latency: i64,
    /// Bytes of the program's buffers; 0: the one before again.
    buffers: Vec<u64>,
    /// A text in the library's kernels that is replaced by another.
    spoil: Option<(&'static str, &'static str)>,
}

impl Trial {
    fn new(source: &str, words: &[Word]) -> Trial {
        let mask = words.iter().map(|word| word.bit()).fold(0, |all, bit| all | bit);
        Trial {
            source: source.to_owned(),
            words: Vec::new(),
            fields: Fields::new(mask).unwrap(),
            fan_out_max: 0,
            emit_max: 0,
            emit_words: 1,
            loop_limit: 32_768,
            group_size: 64,
            groups_max: u32::MAX,
            returned_max: u32::MAX,
            capacity: 1 << 16,
            newest_first: false,
            bands: 1,
            tenants: 1,
            reserve: None,
            inner: 1,
            visits: u64::MAX,
            rounds: u64::MAX,
            recall: 0,
            latency: 2_000_000,
            buffers: Vec::new(),
            spoil: None,
        }
    }

    fn source(&self) -> Source {
        match self.words.is_empty() {
            true => Source::Wgsl(self.source.clone()),
            false => Source::Spirv(self.words.clone()),
        }
    }

    fn declared(&self) -> Declared {
        Declared {
            fields: self.fields,
            fan_out_max: self.fan_out_max,
            emit_max: self.emit_max,
            emit_words: self.emit_words,
            loop_limit: self.loop_limit,
            group_size: self.group_size,
            buffer_count: self.buffers.len() as u32,
        }
    }

    /// Runs `shelf` on a device; what it is then.
    fn run(&self, service: &Service, mut shelf: Shelf) -> Shelf {
        let (sender, receiver) = mpsc::channel();
        shelf.end = Some(sender);
        shelf.visits_left = self.visits;
        shelf.rounds_left = self.rounds;
        shelf.inner = self.inner;
        shelf.recall = self.recall;
        service.start(Box::new(self.drive(shelf)));
        receiver.recv_timeout(WAIT).expect("the end of the run")
    }

    fn drive(&self, shelf: Shelf) -> Drive<Shelf> {
        let manner = Manner {
            newest_first: self.newest_first,
            fan_out_max: self.fan_out_max,
            emit_max: self.emit_max,
            words: self.fields.length() as u32,
            group_size: self.group_size,
            latency: self.latency,
            groups_max: self.groups_max,
            returned_max: self.returned_max,
        };
        Drive::new(shelf, manner, Box::new(self.resident()))
    }

    /// Makes what a device has of it.
    fn resident(&self) -> impl FnOnce(&Gpu) -> Result<Resident, Failure> + Send + use<> {
        let this = self.clone();
        move |gpu: &Gpu| {
            let reserve = this.reserve.unwrap_or(super::pipelines::reserve(gpu.features));
            let variant = Variant { bands: this.bands, tagged: this.tenants > 1, reserve };
            let declared = this.declared();
            let spoil = |text: String| match this.spoil {
                Some((from, to)) => text.replace(from, to),
                None => text,
            };
            let pipelines = Pipelines::changed(gpu, &this.source(), &declared, variant, &spoil)?;
            let space = Space::plan(&declared, variant, this.capacity, gpu.limits.max_storage_buffer_binding_size)?;
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::UNIFORM;
            let mut buffers: Vec<wgpu::Buffer> = Vec::new();
            for bytes in &this.buffers {
                buffers.push(match (bytes, buffers.last()) {
                    (0, Some(last)) => last.clone(),
                    _ => gpu.buffer(*bytes, usage)?,
                });
            }
            let store = Store::new(gpu, &pipelines, space, &buffers.iter().collect::<Vec<_>>())?;
            Ok(Resident { pipelines: Arc::new(gpu.hold(pipelines)), store: Arc::new(gpu.hold(store)) })
        }
    }

    fn shelf(&self) -> Shelf {
        let queues = (0..self.bands * self.tenants).map(|_| VecDeque::new()).collect();
        Shelf {
            queues,
            words: self.fields.length(),
            record_words: self.emit_words as usize,
            tenants: self.tenants,
            newest_first: self.newest_first,
            ..Shelf::default()
        }
    }

    /// The shelf after a run of these items in band 0 of tenant 0.
    fn run_items(&self, service: &Service, items: &[u32]) -> Shelf {
        let mut shelf = self.shelf();
        shelf.queues[0].extend(items);
        self.run(service, shelf)
    }
}

/// A report that was kept: how it ended, what was told, band, tenant, record.
type Kept = (u32, u32, u32, u32, Vec<u32>);

/// The host side of a test.
#[derive(Default)]
struct Shelf {
    /// Band by band, the tenants of each.
    queues: Vec<VecDeque<u32>>,
    words: usize,
    record_words: usize,
    tenants: u32,
    newest_first: bool,
    emitted: Vec<u32>,
    faults: Vec<Kept>,
    paused: Vec<Kept>,
    /// Paused items go on when nothing else is left.
    resumes: bool,
    tally: Tally,
    spilled: u64,
    taken: u64,
    peak: u64,
    rounds: u64,
    submissions: u64,
    launched: u64,
    active_ns: u64,
    /// Words of a record; 0: nobody looks whether they come late.
    emit_words: u32,
    /// Items that were taken while others came back that were to go before them.
    overtaking: u64,
    /// There is no memory for what comes back.
    refuses: bool,
    /// Nothing can be taken, although it is there.
    withholds: bool,
    came_back: bool,
    /// Items, reports and records for which there is memory; no allocation of the drive succeeds where that is known.
    memory: Option<u64>,
    /// Submissions after which there is no memory for anything.
    short_after: Option<u64>,
    /// Items, reports and records that may still come.
    promised: u64,
    /// Of each tenant, as the device says.
    on_device: Vec<i64>,
    visits_left: u64,
    rounds_left: u64,
    inner: u32,
    /// See [`Trial`]; submissions before the last recall, and how many there were.
    recall: u64,
    recalled: (u64, u64),
    /// Each submission is one round of so many items.
    slice: Option<u64>,
    /// Bands in which slices were taken.
    order: Vec<u32>,
    status: Option<(Status, String, bool)>,
    /// Told of submissions that have ended.
    begun: Option<mpsc::SyncSender<()>>,
    end: Option<mpsc::Sender<Shelf>>,
}

impl Shelf {
    fn queued(&self) -> u64 {
        self.queues.iter().map(|queue| queue.len() as u64).sum::<u64>() / self.words.max(1) as u64
    }

    /// Something came for which there must be memory.
    fn came(&mut self, number: u64) {
        assert!(number <= self.promised, "{number} more than the {} that there is memory for", self.promised);
        self.promised -= number;
        failing::next(self.short_after.is_some_and(|submissions| self.submissions >= submissions));
    }

    fn queue(&mut self, band: u32, tenant: u32) -> &mut VecDeque<u32> {
        &mut self.queues[(band * self.tenants + tenant) as usize]
    }

    fn ok(self) -> Shelf {
        assert_eq!(self.status, Some((Status::OK, String::new(), false)));
        self
    }

    /// Emitted records of so many words, sorted.
    fn records(&self, words: u32) -> Vec<Vec<u32>> {
        let mut records: Vec<Vec<u32>> = self.emitted.chunks(words as usize).map(<[u32]>::to_vec).collect();
        records.sort();
        records
    }
}

impl Frontier for Shelf {
    fn debug(&mut self, _: &[u32], _: usize, _: u64) {}

    fn plan(&mut self, depth: u64) -> Plan {
        let late = (self.tally.emitted * u64::from(self.emit_words)).saturating_sub(self.emitted.len() as u64);
        assert!(late == 0, "{late} words of what was emitted are not here yet");
        if depth + self.queued() == 0 && self.resumes && !self.paused.is_empty() {
            for (_, _, band, tenant, record) in core::mem::take(&mut self.paused) {
                self.queue(band, tenant).extend(record);
            }
        }
        if depth + self.queued() == 0 {
            return Plan::End(Status::OK, String::new());
        }
        if depth > 0 && self.recall > 0 && self.submissions >= self.recalled.0 + self.recall {
            return Plan::Recall;
        }
        if depth == 0 && self.submissions > self.recalled.0 {
            self.recalled = (self.submissions, self.recalled.1 + 1);
        }
        if self.visits_left == 0 || self.rounds_left == 0 {
            return Plan::End(Status::LIMIT, "the budget".to_owned());
        }
        match self.slice {
            Some(slice) => Plan::Run { visits: self.visits_left.min(slice), rounds: 1, inner: self.inner },
            None => Plan::Run { visits: self.visits_left, rounds: self.rounds_left, inner: self.inner },
        }
    }

    fn waiting(&self) -> u64 {
        self.queued()
    }

    fn reserve(&mut self, items: u64, reports: u64, records: u64) -> Outcome<()> {
        let none = self.short_after.is_some_and(|submissions| self.submissions >= submissions);
        let fits = !none && self.memory.is_none_or(|memory| items + reports + records <= memory);
        failing::next(none);
        self.promised = if fits { items + reports + records } else { self.promised };
        if fits { Ok(()) } else { Err(Status::NO_MEMORY) }
    }

    fn take(&mut self, limit: u64, into: &mut Vec<u32>) -> Option<Slice> {
        let number = self.queues.iter().position(|queue| !queue.is_empty() && !self.withholds)?;
        let (words, newest_first) = (self.words, self.newest_first);
        let queue = &mut self.queues[number];
        let count = (queue.len() / words).min(limit as usize);
        assert!(into.capacity() - into.len() >= count * words);
        match newest_first {
            true => into.extend(queue.drain(queue.len() - count * words..)),
            false => into.extend(queue.drain(..count * words)),
        }
        self.taken += count as u64;
        let (band, tenant) = (number as u32 / self.tenants, number as u32 % self.tenants);
        self.order.push(band);
        Some(Slice { band, tenant, count: count as u32 })
    }

    fn count(&mut self, _: &Settled) {}

    fn give_back(&mut self, slice: Slice, words: &[u32], spilled: bool) -> Outcome<()> {
        assert_eq!(words.len(), slice.count as usize * self.words);
        if self.refuses {
            return Err(Status::NO_MEMORY);
        }
        self.spilled += if spilled { u64::from(slice.count) } else { 0 };
        self.came_back |= spilled;
        self.came(u64::from(slice.count));
        let newest_first = self.newest_first;
        let queue = self.queue(slice.band, slice.tenant);
        match newest_first {
            true => queue.extend(words),
            false => words.iter().rev().for_each(|word| queue.push_front(*word)),
        }
        Ok(())
    }

    fn emit(&mut self, words: &[u32]) -> Outcome<()> {
        self.came((words.len() / self.record_words.max(1)) as u64);
        self.emitted.extend(words);
        Ok(())
    }

    fn report(&mut self, report: Report<'_>) -> Outcome<()> {
        self.came(1);
        let kept = (report.end, report.told, report.band, report.tenant, report.record.to_vec());
        match report.end {
            end::YIELD => self.queue(report.band, report.tenant).extend(report.record),
            end::PAUSE => self.paused.push(kept),
            end::FAULT => self.faults.push(kept),
            other => panic!("a report of {other}"),
        }
        Ok(())
    }

    fn settle(&mut self, settled: &Settled) -> Result<(), String> {
        self.tally.add(&settled.tally);
        self.overtaking += if core::mem::take(&mut self.came_back) { settled.held } else { 0 };
        self.peak = self.peak.max(settled.peak);
        self.rounds += settled.rounds;
        self.submissions += 1;
        self.launched += settled.launched;
        self.active_ns += settled.active_ns;
        self.visits_left = self.visits_left.saturating_sub(settled.tally.visits);
        self.rounds_left = self.rounds_left.saturating_sub(settled.rounds);
        if let Some(changes) = &settled.changes {
            self.on_device.resize(changes.len(), 0);
            for (all, change) in self.on_device.iter_mut().zip(changes) {
                *all += i64::from(*change);
            }
        }
        if let Some(begun) = &self.begun {
            let _ = begun.try_send(());
        }
        settled.tally.check().map_err(|violation| violation.to_string())
    }

    fn ended(&mut self, status: Status, text: String, lost: bool) {
        failing::next(false); // the thread is that of other runs too
        let mut shelf = core::mem::take(self);
        shelf.status = Some((status, text, lost));
        if let Some(end) = shelf.end.take() {
            let _ = end.send(shelf);
        }
    }
}

const RESERVES: [Reserve; 3] = [Reserve::Subgroup, Reserve::Workgroup, Reserve::Lane];
