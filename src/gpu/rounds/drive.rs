// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run of a worklist on a device: the job that the service thread drives.
//!
//! ```text
//! encode     plan? ── end ──> bring the rest back, then `ended`
//!              │ run
//!              v
//!            spill, or upload slices ──> control block ──> rounds: prep, step, fill ──> finish ──> copies
//! submitted  map what comes back; take the next slices meanwhile
//! completed  reports and records to the host, sums compared, pace adapted; the run ends here if nothing is left
//! ```
//! `moves`: items there and back. `recording`: a submission. `arrival`: what it has brought.

mod arrival;
mod moves;
mod recording;

use core::sync::atomic::Ordering;
use std::sync::Arc;

use super::frontier::{Frontier, Plan, Settled};
use super::layout::*;
use super::outcome;
use super::pace::Pace;
use super::pipelines::Pipelines;
use super::store::{CONTROL_BYTES, COUNTER_BYTES, STATUS_BYTES, Store};
use super::traffic::{Part, Piece, Traffic};
use super::upload::Upload;
use crate::base::room::Grow;
use crate::base::status::Status;
use crate::base::sys;
use crate::gpu::service::{Failure, Gpu, Held, Job, Step};
use crate::gpu::worklist::host::Slice;
use crate::work::drain;

use arrival::GUESS_LEAST;
use moves::Waiting;

/// How long nothing is done where something is to be run and nothing can be taken.
const NOTHING_NS: i64 = 1_000_000;
/// So often in a row, before the run is given up.
const NOTHING_AFTER: u32 = 1000;
/// Visits of one submission at most: every counter stays below 2^32.
const VISITS_MAX: u64 = 1 << 30;
/// Words that can come back at least, however short memory is.
const BACK_LEAST: u32 = 4096;
const NO_MEMORY: &str = "no memory for what a device may bring back; the items that it had are queued";

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
        self.status.room(STATUS_BYTES as usize / 4)?;
        if self.make_room(gpu, 1) < u64::from(BACK_LEAST) {
            return Err(Failure::new(Status::NO_MEMORY, NO_MEMORY));
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
            (DEBUG_FIRST, space.debug_at()),
            (DEBUG_SPACE, space.debug),
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
