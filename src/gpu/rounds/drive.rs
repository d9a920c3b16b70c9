// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run of a worklist on a device: the job that the service thread drives.
//!
//! ```text
//! encode     plan? ── end ──> bring the rest back, then `ended`
//!              │ run
//!              v
//!            spill, or upload slices ──> control block ──> rounds: prep, step, fill ──> finish ──> copies
//! submitted  map what comes back; take the next slices meanwhile
//! completed  reports and records to the host, sums compared, pace adapted
//! ```

use core::sync::atomic::Ordering;
use std::sync::Arc;

use super::admission;
use super::frontier::{Frontier, Plan, Report, Settled};
use super::layout::*;
use super::outcome::{self, Told};
use super::pace::Pace;
use super::pipelines::Pipelines;
use super::rings::{Rings, Run};
use super::store::{CONTROL_BYTES, COUNTER_BYTES, STATUS_BYTES, Store};
use super::traffic::{self, Part, Piece, Traffic, as_bytes};
use super::upload::Upload;
use crate::base::status::Status;
use crate::base::sys;
use crate::gpu::service::{Failure, Gpu, Held, Job, Step};
use crate::gpu::worklist::host::Slice;
use crate::gpu::worklist::segments::try_reserve;
use crate::work::drain;

/// Submissions in a row that admit nothing although items are queued, before the run is given up.
const STALLED_AFTER: u32 = 8;
/// How long nothing is done where something is to be run and nothing can be taken.
const NOTHING_NS: i64 = 1_000_000;
/// So often in a row, before the run is given up.
const NOTHING_AFTER: u32 = 1000;
/// Visits of one submission at most: every counter stays below 2^32.
const VISITS_MAX: u64 = 1 << 30;
/// Bytes that are lost between the pieces of an upload, at most: two for each slice that waits, and the blocks.
const ROUNDED: u64 = 4096;
/// Words that can come back at least, however short memory is.
const BACK_LEAST: u32 = 4096;
/// Items of a slice where memory is short.
const SLICE_LEAST: u32 = 64;
const NO_MEMORY: &str = "no memory for what a device may bring back; the items that it had are queued";
/// Records and reports that are copied although nobody knows yet that there are so many.
const GUESS_LEAST: u32 = 1024;

/// What a device has of a worklist.
#[derive(Clone)]
pub struct Resident {
    /// Of its program.
    pub pipelines: Arc<Held<Pipelines>>,
    /// Its buffers.
    pub store: Arc<Held<Store>>,
}

/// What a run is made with.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether the newest items go first.
    pub newest_first: bool,
    /// Items that an item pushes at most.
    pub fan_out_max: u32,
    /// Records that an item emits at most.
    pub emit_max: u32,
    /// Words of a record.
    pub words: u32,
    /// Invocations of a group.
    pub group_size: u32,
    /// What a submission should take, in nanoseconds.
    pub latency: i64,
    /// Workgroups of one dimension at most.
    pub groups_max: u32,
    /// Words of what is left on the device that come back at once, at most.
    pub returned_max: u32,
}

/// Makes, on the service thread, what the device has of the worklist; or finds what was made before.
pub type Setup = Box<dyn FnOnce(&Gpu) -> Result<Resident, Failure> + Send>;

/// Items that were taken from the host and are not on the device; `slice.count` are left.
struct Waiting {
    slice: Slice,
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

/// See the module documentation.
pub struct Drive<F: Frontier> {
    frontier: F,
    manner: Manner,
    setup: Option<Setup>,
    resident: Option<Resident>,
    control: [u32; CONTROL_WORDS],
    pace: Pace,
    waiting: std::collections::VecDeque<Waiting>,
    upload: Upload,
    traffic: Traffic,
    /// Rounds of the submission under way.
    rounds: u32,
    /// Its one round was admitted by the host: the control block does not come back.
    direct: bool,
    /// The device says when its rounds began and ended.
    timed: bool,
    /// Others have something in the same submission.
    shared: bool,
    /// Items on the device when its rounds begin.
    before: u64,
    begun: i64,
    /// Guesses for the next submission.
    guess_emits: u32,
    guess_reports: u32,
    /// Words of the output that were computed and not read yet: from, count.
    rest_emits: (u32, u32),
    rest_reports: (u32, u32),
    /// Counted when its records and reports have been read.
    settled: Option<Settled>,
    stalled: u32,
    /// Times in a row that nothing could be taken.
    nothing: u32,
    /// What is to be done next, if that is known.
    planned: Option<Plan>,
    /// It has ended.
    over: bool,
    /// Bits STOP_ of the last submission.
    stopped: u32,
    ending: Option<(Status, String)>,
    /// The rest comes back.
    returning: bool,
    /// Items could not be given back.
    dropped: bool,
    /// Words that may come back with this submission: there is memory for them.
    room: u64,
    /// Items that may still be taken: there is memory for them when they come back.
    takes: u64,
    /// Items of a slice of this submission at most.
    slice: u32,
    /// What came; items of one tenant; what the device says of its rounds. They grow before a submission only.
    words: Vec<u32>,
    own: Vec<u32>,
    status: Vec<u32>,
}

impl<F: Frontier> Drive<F> {
    /// A run. Nothing of it lies on the device yet.
    pub fn new(frontier: F, manner: Manner, setup: Setup) -> Drive<F> {
        Drive {
            frontier,
            manner,
            setup: Some(setup),
            resident: None,
            control: [0; CONTROL_WORDS],
            pace: Pace::new(manner.latency, manner.group_size, u32::MAX),
            waiting: std::collections::VecDeque::new(),
            upload: Upload::default(),
            traffic: Traffic::default(),
            rounds: 0,
            direct: false,
            timed: false,
            shared: false,
            before: 0,
            begun: 0,
            guess_emits: GUESS_LEAST,
            guess_reports: GUESS_LEAST,
            rest_emits: (0, 0),
            rest_reports: (0, 0),
            settled: None,
            stalled: 0,
            nothing: 0,
            planned: None,
            over: false,
            stopped: 0,
            ending: None,
            returning: false,
            dropped: false,
            room: 0,
            takes: 0,
            slice: 0,
            words: Vec::new(),
            own: Vec::new(),
            status: Vec::new(),
        }
    }

    fn end(&mut self, status: Status, text: impl Into<String>) {
        self.ending.get_or_insert_with(|| (status, text.into()));
    }

    /// Items could not be given back: whatever else ends the run, this is what is told.
    fn drop_items(&mut self, status: Status) {
        self.dropped = true;
        self.ending = Some((status, "no memory for items that come back from a device".to_owned()));
    }

    fn fail(&mut self, failure: Failure) {
        self.end(failure.status, failure.text);
    }

    /// What does not change during the run.
    fn prepare(&mut self, gpu: &Gpu) -> Result<(), Failure> {
        let Some(setup) = self.setup.take() else { return Ok(()) };
        let resident = setup(gpu)?;
        let no_memory = |status| Failure::new(status, NO_MEMORY);
        try_reserve(&mut self.status, STATUS_BYTES as usize / 4).map_err(no_memory)?;
        if self.make_room(gpu, 1) < u64::from(BACK_LEAST) {
            return Err(no_memory(Status::NO_MEMORY));
        }
        let (space, variant, does) = (resident.store.space, resident.pipelines.variant, resident.pipelines.does);
        if !does.push {
            self.manner.fan_out_max = 0;
        }
        if !does.emit {
            self.manner.emit_max = 0;
        }
        let manner = self.manner;
        let known = resident.store.slice.load(Ordering::Relaxed); // a hint
        self.pace = Pace::again(manner.latency, manner.group_size, space.physical, known);
        for (word, value) in [
            (CAPACITY, space.capacity),
            (PHYSICAL, space.physical),
            (BAND_COUNT, variant.bands),
            (NEWEST_FIRST, u32::from(manner.newest_first)),
            (FAN_OUT, manner.fan_out_max),
            (EMIT_MAX, manner.emit_max),
            (EMIT_SPACE, space.emits),
            (REPORT_MAX, u32::from(does.report)),
            (REPORT_SPACE, space.reports),
            (REPORT_FIRST, space.reports_at()),
            (SLICE_MIN, (space.capacity / 64).max(1)),
            (STARVED_AFTER, drain::STARVED_AFTER),
            (AGE_AFTER, drain::AGE as u32),
            (GROUP, manner.group_size),
            (ROW_MAX, gpu.limits.max_compute_workgroups_per_dimension.min(manner.groups_max).max(1)),
        ] {
            self.control[word] = value;
        }
        self.resident = Some(resident);
        Ok(())
    }

    fn rings(&mut self, store: &Store) -> Rings<'_> {
        Rings { control: &mut self.control, physical: store.space.physical, newest_first: self.manner.newest_first }
    }

    /// Items that are held for the device go back to the host: those that were taken last come first.
    fn hand_back(&mut self) {
        while let Some(waiting) = self.waiting.pop_back() {
            let given = self.frontier.give_back(waiting.slice, waiting.rest(self.manner.words as usize), false);
            if let Err(status) = given {
                self.drop_items(status);
            }
        }
    }

    /// Items that are held for the device.
    fn held(&self) -> u64 {
        self.waiting.iter().map(|waiting| u64::from(waiting.slice.count)).sum()
    }

    /// Makes room for so many words to come back, or fewer where memory is short; how many.
    fn make_room(&mut self, gpu: &Gpu, words: u64) -> u64 {
        let words = words.max(u64::from(BACK_LEAST));
        let _ = self.traffic.prepare(gpu, words); // without memory as many fit as before
        self.room = words.min(self.traffic.fits());
        for kept in [&mut self.words, &mut self.own] {
            kept.clear();
            if try_reserve(kept, self.room as usize).is_err() {
                self.room = self.room.min(kept.capacity() as u64);
            }
        }
        self.room
    }

    /// Of `words` words, which are records of `each` words, those that there is room for beside the parts that there are.
    fn fitting(&self, words: u32, each: u32) -> u32 {
        let left = self.room.saturating_sub(self.traffic.words()).min(u64::from(u32::MAX)) as u32;
        words.min(left / each.max(1) * each)
    }

    /// What was computed and not read yet comes first.
    fn read_rest(&mut self, gpu: &Gpu, store: &Store) {
        self.make_room(gpu, u64::from(self.rest_emits.1) + u64::from(self.rest_reports.1));
        for (piece, each) in [
            (Piece::Emits { guessed: false }, store.space.emit_words),
            (Piece::Reports { guessed: false }, store.space.report_words),
        ] {
            let rest = match piece {
                Piece::Emits { .. } => self.rest_emits,
                _ => self.rest_reports,
            };
            let words = self.fitting(rest.1, each);
            if words != 0 {
                self.traffic.parts.push(Part { piece, from: rest.0, words });
            }
            let later = (rest.0 + words, rest.1 - words);
            match piece {
                Piece::Emits { .. } => self.rest_emits = later,
                _ => self.rest_reports = later,
            }
        }
    }

    /// Makes sure of memory for whatever a submission of so many rounds and visits can bring, or of fewer rounds and smaller
    /// slices where memory is short; the number of rounds.
    fn reserve(&mut self, does_report: bool, store: &Store, rounds: u32, visits: u64) -> Result<u32, Status> {
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
    fn copy_out(&mut self, mut runs: [Run; 2], stride: u32, piece: Piece) {
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
    fn spill(&mut self, gpu: &Gpu, store: &Store) {
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
    fn bring_back(&mut self, gpu: &Gpu, store: &Store) {
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
    fn wanted(&self, store: &Store) -> u64 {
        let capacity = u64::from(store.space.capacity);
        if self.manner.fan_out_max == 0 { capacity } else { (capacity / 2).max(1) }
    }

    /// Takes slices from the host until `room` items wait.
    fn take(&mut self, room: u64) {
        let mut held = self.held();
        while held < room {
            let limit = (room - held).min(self.takes);
            if limit == 0 {
                return;
            }
            let mut words = Vec::new();
            let least = limit.min(u64::from(SLICE_LEAST));
            let mut get = |items: u64| try_reserve(&mut words, items as usize * self.manner.words as usize).is_ok();
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
    fn upload(&mut self, gpu: &Gpu, store: &Store) {
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

    /// Records the next submission, or says why there is none.
    fn next(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Step {
        let Some(Resident { pipelines, store }) = self.resident.clone() else { return Step::Done };
        let (pipelines, store): (&Pipelines, &Store) = (&pipelines, &store);
        self.traffic.parts.clear();
        self.rounds = 0;
        let some_is_missing = self.settled.is_some();
        self.read_rest(gpu, store);
        if gpu.is_closing() {
            self.end(Status::CLOSED, "the device was closed");
        }
        if self.ending.is_none() && !some_is_missing {
            let depth = outcome::depth(&self.control);
            let mut plan = self.planned.take().unwrap_or_else(|| self.frontier.plan(depth + self.held()));
            if plan == Plan::Recall && depth == 0 {
                self.hand_back();
                plan = self.frontier.plan(0);
            }
            match plan {
                Plan::Run { visits, rounds, inner } => {
                    let rounds = u64::from(self.pace.rounds).min(rounds.max(1)) as u32;
                    let rounds = self.reserve(pipelines.does.report, store, rounds, visits);
                    if rounds.is_ok() {
                        self.spill(gpu, store);
                    }
                    if rounds.is_ok() && self.traffic.parts.iter().all(|part| !matches!(part.piece, Piece::Spilled(_)))
                    {
                        self.upload(gpu, store);
                    }
                    match rounds {
                        Ok(rounds) => self.rounds = self.needed(pipelines, rounds),
                        Err(status) => self.end(status, NO_MEMORY),
                    }
                    self.control[BUDGET] = visits.min(VISITS_MAX) as u32;
                    self.control[INNER] = inner.max(1);
                    if outcome::depth(&self.control) == 0 {
                        self.rounds = 0;
                        if self.traffic.parts.is_empty() && self.ending.is_none() {
                            self.nothing += 1;
                            if self.nothing < NOTHING_AFTER {
                                return Step::Idle(sys::monotonic() + NOTHING_NS);
                            }
                            self.end(Status::DEVICE, "no progress: items are queued, and none can be taken");
                        }
                    } else {
                        self.nothing = 0;
                    }
                }
                Plan::Recall => {
                    self.hand_back();
                    self.bring_back(gpu, store);
                }
                Plan::Wait(until) if self.traffic.parts.is_empty() => return Step::Idle(until),
                Plan::Wait(_) => {}
                Plan::End(status, text) => self.end(status, text),
            }
        }
        if self.ending.is_some() && !some_is_missing {
            self.rounds = 0;
            self.hand_back();
            self.bring_back(gpu, store);
            self.returning = true;
        }
        if self.returning && self.traffic.parts.is_empty() {
            return self.finish(false);
        }
        self.shared = gpu.is_shared();
        self.record(gpu, pipelines, store, encoder);
        Step::Submit
    }

    /// Rounds that have something to do, of as many: where nothing is appended, what is there is all.
    fn needed(&self, pipelines: &Pipelines, rounds: u32) -> u32 {
        if self.appends(pipelines) {
            return rounds;
        }
        let needed = outcome::depth(&self.control).div_ceil(u64::from(self.slice.max(1)));
        needed.clamp(1, u64::from(rounds)) as u32
    }

    /// Whether a round can append something to the queue.
    fn appends(&self, pipelines: &Pipelines) -> bool {
        self.manner.fan_out_max != 0 || pipelines.does.requeue
    }

    fn finish(&mut self, lost: bool) -> Step {
        self.hand_back();
        let (status, text) = self.ending.take().unwrap_or((Status::OK, String::new()));
        if let Some(resident) = self.resident.take() {
            resident.store.slice.store(self.pace.slice, Ordering::Relaxed); // a hint
        }
        self.over = true;
        self.frontier.ended(status, text, lost || self.dropped);
        Step::Done
    }

    /// Items that the rounds of this submission admit at most.
    fn admitted_most(&self) -> u64 {
        match self.direct {
            true => u64::from(self.control[SLICE]),
            false => u64::from(self.rounds) * u64::from(self.slice),
        }
    }

    /// Has copied what there may be of records and reports: as much as last time, and not more than there can be.
    fn guess(&mut self, gpu: &Gpu, pipelines: &Pipelines, store: &Store) {
        let (space, most) = (&store.space, self.admitted_most());
        let at_most =
            |guess: u32, there: u32, each: u64| most.saturating_mul(each).min(u64::from(guess.min(there))) as u32;
        let reports = u64::from(pipelines.does.report);
        let emits = at_most(self.guess_emits, space.emits, u64::from(self.manner.emit_max));
        let reports = at_most(self.guess_reports, space.reports, reports);
        let guesses = [
            (Piece::Emits { guessed: true }, 0, emits * space.emit_words, space.emit_words),
            (Piece::Reports { guessed: true }, space.reports_at(), reports * space.report_words, space.report_words),
        ];
        let words: u32 = guesses.iter().map(|(.., words, _)| words).sum();
        self.make_room(gpu, self.traffic.words() + u64::from(words));
        for (piece, from, words, each) in guesses {
            let words = self.fitting(words, each);
            if words != 0 {
                self.traffic.parts.push(Part { piece, from, words });
            }
        }
    }

    fn record(&mut self, gpu: &Gpu, pipelines: &Pipelines, store: &Store, encoder: &mut wgpu::CommandEncoder) {
        self.begun = sys::monotonic();
        if self.rounds == 0 {
            // What went there for rounds that are not made comes back.
            self.upload.record(encoder);
            return self.traffic.record(store, encoder, false);
        }
        self.before = outcome::depth(&self.control);
        for word in [PEAK, ROUNDS, ADMITTED, LAUNCHED, GUARDED, STOPPED, SLICE] {
            self.control[word] = 0;
        }
        self.control[SLICE_MAX] = self.slice;
        let groups = if self.rounds == 1 { admission::admit(&mut self.control) } else { None };
        self.direct = groups.is_some();
        self.guess(gpu, pipelines, store);
        self.upload.words(gpu, &store.control, &self.control);
        self.upload.words(gpu, &store.counters, &[0; COUNTER_WORDS]);
        self.upload.record(encoder);
        self.traffic.record(store, encoder, false);
        self.timed = store.times.is_some() && (self.shared || !gpu.facts.software);
        let times = store.times.as_ref().filter(|_| self.timed);
        let timestamp_writes = times.map(|times| wgpu::ComputePassTimestampWrites {
            query_set: &times.set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        let fills = self.manner.newest_first && self.appends(pipelines);
        match groups {
            Some(groups) => one_round(&mut pass, pipelines, store, groups, fills),
            None => rounds(&mut pass, pipelines, store, self.rounds, fills),
        }
        drop(pass);
        if !self.direct {
            encoder.copy_buffer_to_buffer(&store.control, 0, &store.status, 0, CONTROL_BYTES);
        }
        encoder.copy_buffer_to_buffer(&store.counters, 0, &store.status, CONTROL_BYTES, COUNTER_BYTES);
        if let Some(times) = times {
            encoder.resolve_query_set(&times.set, 0..2, &times.resolved, 0);
            let at = CONTROL_BYTES + COUNTER_BYTES;
            encoder.copy_buffer_to_buffer(&times.resolved, 0, &store.status, at, STATUS_BYTES - at);
        }
        self.traffic.record(store, encoder, true);
    }

    /// What a submission has brought.
    fn arrived(&mut self, gpu: &Gpu, store: &Store) -> Result<(), Failure> {
        let told = match self.rounds {
            0 => None,
            _ => {
                let mut status = core::mem::take(&mut self.status);
                status.clear();
                let read = traffic::read(&store.status, STATUS_BYTES / 4, &mut status);
                let told = read.map(|()| self.told(gpu, store, &status));
                self.status = status;
                if told.is_err() {
                    self.traffic.drop_arrived();
                }
                Some(told?)
            }
        };
        let mut words = core::mem::take(&mut self.words);
        let arrived = self.traffic.arrived(&mut words);
        let parts = core::mem::take(&mut self.traffic.parts);
        if arrived.is_ok() {
            let mut at = 0;
            for part in &parts {
                let end = at + part.words as usize;
                self.piece(store, part, told.as_ref(), &words[at..end]);
                at = end;
            }
        }
        self.words = words;
        self.traffic.parts = parts;
        arrived?;
        if let Some(mut settled) = self.settled.take() {
            settled.held = self.held();
            match self.rest_reports.1 + self.rest_emits.1 {
                0 => {
                    if let Err(text) = self.frontier.settle(&settled) {
                        self.end(Status::DEVICE, text);
                    }
                }
                _ => self.settled = Some(settled),
            }
        }
        Ok(())
    }

    /// Where nothing is left, the run ends at once: whoever waits does not wait for another turn.
    fn end_here(&mut self, gpu: &Gpu) {
        let left = outcome::depth(&self.control) + self.held() + u64::from(self.rest_emits.1 + self.rest_reports.1);
        if left != 0 || self.ending.is_some() || self.settled.is_some() || gpu.is_closing() {
            return;
        }
        match self.frontier.plan(0) {
            Plan::End(status, text) => {
                self.end(status, text);
                self.finish(false);
            }
            plan @ Plan::Run { .. } => self.planned = Some(plan),
            // Until it is asked again something may be pushed.
            _ => {}
        }
    }

    /// Takes over what the device says of its rounds.
    fn told(&mut self, gpu: &Gpu, store: &Store, status: &[u32]) -> Told {
        let mut told = Told { control: [0; CONTROL_WORDS], counters: [0; COUNTER_WORDS] };
        told.counters.copy_from_slice(&status[CONTROL_WORDS..CONTROL_WORDS + COUNTER_WORDS]);
        gather(&mut told.counters);
        match self.direct {
            true => {
                told.control = self.control;
                admission::fold(&mut told.control, told.counters[APPENDED]);
            }
            false => told.control.copy_from_slice(&status[..CONTROL_WORDS]),
        }
        let taken = sys::monotonic() - self.begun;
        self.control = told.control;
        self.stopped = told.control[STOPPED];
        match told.settled(self.before, store.space.stride > self.manner.words) {
            Ok(mut settled) => {
                let own = if self.timed { device_time(gpu, store, status) } else { None };
                settled.active_ns = own.unwrap_or(taken.max(0) as u64);
                // What others do in the same submission says nothing of the rounds of this one.
                let taken = own.filter(|_| self.shared).map_or(taken, |own| own as i64);
                self.pace.after(taken, settled.depth != 0 && self.stopped == 0);
                self.watch(&settled);
                self.frontier.count(&settled);
                self.settled = Some(settled);
            }
            Err(text) => self.end(Status::DEVICE, text),
        }
        told
    }

    /// Items are queued and none is admitted: once may happen, again and again may not.
    fn watch(&mut self, settled: &Settled) {
        let waits = settled.depth != 0 && settled.tally.admitted == 0 && self.stopped & STOP_BUDGET == 0;
        self.stalled = if waits { self.stalled + 1 } else { 0 };
        if self.stalled >= STALLED_AFTER {
            let text =
                format!("no progress: {} items are queued, and {} submissions took none", settled.depth, self.stalled);
            self.end(Status::DEVICE, text);
        }
    }

    /// Gives the host what a copy holds.
    fn piece(&mut self, store: &Store, part: &Part, told: Option<&Told>, words: &[u32]) {
        let space = &store.space;
        let known = |word: usize| told.map_or(0, |told| told.counters[word]);
        let given = match part.piece {
            Piece::Emits { guessed: false } => self.frontier.emit(words),
            Piece::Reports { guessed: false } => self.reports(words, space.report_words),
            Piece::Emits { guessed: true } => {
                let there = known(EMITTED).min(space.emits);
                self.guess_emits = guess(there);
                let all = there * space.emit_words;
                let here = all.min(part.words);
                self.rest_emits = (part.from + here, all - here);
                self.frontier.emit(&words[..here as usize])
            }
            Piece::Reports { guessed: true } => {
                let there = known(REPORTED).min(space.reports);
                self.guess_reports = guess(there);
                let all = there * space.report_words;
                let here = all.min(part.words);
                self.rest_reports = (part.from + here, all - here);
                self.reports(&words[..here as usize], space.report_words)
            }
            Piece::Spilled(band) => self.items(band, words, space.stride, true),
            Piece::Returned(band) => self.items(band, words, space.stride, false),
        };
        match (given, part.piece) {
            (Ok(()), _) => {}
            (Err(status), Piece::Spilled(_) | Piece::Returned(_)) => self.drop_items(status),
            (Err(status), _) => self.end(status, "no memory for what a device has computed"),
        }
    }

    fn reports(&mut self, words: &[u32], each: u32) -> Result<(), Status> {
        for report in words.chunks_exact(each as usize) {
            let (head, record) = report.split_at(REPORT_HEADER);
            let report = Report { end: head[0], told: head[1], band: head[2], tenant: head[3], record };
            self.frontier.report(report)?;
        }
        Ok(())
    }

    /// Items of a band that come back, oldest first; tenant by tenant where they are tagged.
    fn items(&mut self, band: u32, words: &[u32], stride: u32, spilled: bool) -> Result<(), Status> {
        let (each, stride) = (self.manner.words as usize, stride as usize);
        let count = (words.len() / stride) as u32;
        if each == stride {
            return self.frontier.give_back(Slice { band, tenant: 0, count }, words, spilled);
        }
        let mut records = core::mem::take(&mut self.own);
        let mut given = Ok(());
        for tenant in 0..TENANTS as u32 {
            records.clear();
            for item in words.chunks_exact(stride).filter(|item| item[each] == tenant) {
                records.extend_from_slice(&item[..each]);
            }
            if !records.is_empty() {
                let count = (records.len() / each) as u32;
                given = given.and(self.frontier.give_back(Slice { band, tenant, count }, &records, spilled));
            }
        }
        self.own = records;
        given
    }
}

/// A little more than there were this time.
fn guess(there: u32) -> u32 {
    (there + there / 4).max(GUESS_LEAST)
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

/// The rounds of a submission, each of which the device prepares.
fn rounds(pass: &mut wgpu::ComputePass<'_>, pipelines: &Pipelines, store: &Store, count: u32, fills: bool) {
    for _ in 0..count {
        pass.set_pipeline(&pipelines.prep);
        pass.set_bind_group(0, &store.between, &[]);
        pass.dispatch_workgroups(1, 1, 1);
        pass.set_pipeline(&pipelines.step);
        pass.set_bind_group(0, &store.within, &[]);
        pass.set_bind_group(1, &store.program, &[]);
        pass.dispatch_workgroups_indirect(&store.args, 0);
        if fills {
            pass.set_pipeline(&pipelines.fill);
            pass.dispatch_workgroups_indirect(&store.args, 0);
        }
    }
    pass.set_pipeline(&pipelines.finish);
    pass.set_bind_group(0, &store.between, &[]);
    pass.dispatch_workgroups(1, 1, 1);
}

/// The round that the host has prepared.
fn one_round(pass: &mut wgpu::ComputePass<'_>, pipelines: &Pipelines, store: &Store, groups: [u32; 2], fills: bool) {
    pass.set_bind_group(0, &store.within, &[]);
    pass.set_pipeline(&pipelines.step);
    pass.set_bind_group(1, &store.program, &[]);
    pass.dispatch_workgroups(groups[0], groups[1], 1);
    if fills {
        pass.set_pipeline(&pipelines.fill);
        pass.dispatch_workgroups(groups[0], groups[1], 1);
    }
}

/// Nanoseconds between the two times.
fn device_time(gpu: &Gpu, store: &Store, status: &[u32]) -> Option<u64> {
    store.times.as_ref()?;
    let [begun, ended] = [0, 2].map(|at| {
        let words = &status[CONTROL_WORDS + COUNTER_WORDS + at..][..2];
        u64::from(words[0]) | u64::from(words[1]) << 32
    });
    let ticks = ended.checked_sub(begun)?;
    Some((ticks as f64 * f64::from(gpu.queue.get_timestamp_period())) as u64)
}

impl<F: Frontier> Job for Drive<F> {
    fn encode(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Step {
        if let Err(failure) = self.prepare(gpu) {
            self.fail(failure);
            return self.finish(false);
        }
        self.next(gpu, encoder)
    }

    fn submitted(&mut self, _: &Gpu) {
        let Some(Resident { store, .. }) = self.resident.clone() else { return };
        if self.rounds != 0 {
            store.status.slice(..).map_async(wgpu::MapMode::Read, |_| {});
        }
        self.upload.submitted();
        self.traffic.submitted();
        // What comes back goes before what would be taken now.
        let spills = self.traffic.parts.iter().any(|part| matches!(part.piece, Piece::Spilled(_)));
        if self.ending.is_none() && self.rounds != 0 && !spills {
            self.take(self.wanted(&store)); // while the device works
        }
    }

    fn completed(&mut self, gpu: &Gpu) {
        let Some(Resident { store, .. }) = self.resident.clone() else { return };
        self.upload.completed();
        let arrived = self.arrived(gpu, &store);
        self.rounds = 0;
        match arrived {
            Ok(()) => self.end_here(gpu),
            // What has come is lost, and with it what the device says of the rest.
            Err(failure) => {
                self.fail(failure);
                self.finish(true);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn lost(mut self: Box<Self>, failure: &Failure) {
        self.hand_back();
        self.frontier.ended(failure.status, failure.text.clone(), true);
    }
}
