// SPDX-License-Identifier: MIT OR Apache-2.0
//! The job that has the windows of a request read, wave after wave.
//!
//! ```text
//! encode     a new wave: its text and records are brought; then some dispatches, and a copy of what is likely found
//! completed  windows are left: more dispatches; more was found than copied: all of it is; more than has room: the wave is
//!            split; else what was found is taken
//! ```

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lane::{DISPATCHES, HEAD, Lane, STRIDE, Sizes};
use super::resident::Resident;
use super::wave::{FOUND, Most, Outcome, Plan, Wave, Window};
use crate::base::status::Status;
use crate::gpu::service::words::as_bytes;
use crate::gpu::service::{Failure, Gpu, Held, Job, Reply, Step};

/// Words that are copied although nobody knows yet that so many were found.
const GUESS: usize = 3 << 10;
/// How long a submission should take.
const SPELL: Duration = Duration::from_millis(8);

/// What is to be read.
pub struct Request {
    /// The bytes of all windows.
    pub text: Vec<u8>,
    /// The windows.
    pub windows: Vec<Window>,
    /// For each window and kernel what is active before it.
    pub active: Vec<Vec<u32>>,
    /// Set to have the job end as CANCELLED.
    pub stop: Arc<AtomicBool>,
}

/// What is next for a wave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// There is none.
    None,
    /// Dispatches.
    Step,
    /// All of what was found is to be copied.
    Copy,
}

/// See the module documentation.
pub struct Walk {
    resident: Arc<Held<Resident>>,
    plan: Plan,
    wave: Wave,
    lane: Option<Lane>,
    stage: Stage,
    /// Dispatches that were made of the wave, how many the next submission makes, and since when it is under way.
    done: usize,
    pace: usize,
    since: Instant,
    copied: usize,
    guess: usize,
    stop: Arc<AtomicBool>,
    outcome: Outcome,
    reply: Option<Reply<Outcome>>,
}

impl Walk {
    /// A job; `reply` gets what was found.
    pub fn of(resident: Arc<Held<Resident>>, request: Request, reply: Reply<Outcome>) -> Option<Walk> {
        let most = resident.most;
        Walk::with_most(resident, request, most, reply)
    }

    /// As [`Walk::of`], with other waves.
    pub fn with_most(
        resident: Arc<Held<Resident>>,
        request: Request,
        most: Most,
        reply: Reply<Outcome>,
    ) -> Option<Walk> {
        let Request { text, windows, active, stop } = request;
        let kernels = resident.kernels.len();
        let plan = if active.len() == windows.len() * kernels {
            Plan::new(&windows, text.len(), resident.kernels.iter().map(|kernel| kernel.states).collect(), most)
        } else {
            Err(Failure::new(Status::INVALID, "sets of active states for some other windows"))
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(failure) => {
                reply.send(Err(failure));
                return None;
            }
        };
        Some(Walk {
            resident,
            plan,
            wave: Wave::default(),
            lane: None,
            stage: Stage::None,
            done: 0,
            pace: 1,
            since: Instant::now(),
            copied: 0,
            guess: GUESS.min(most.found),
            stop,
            outcome: Outcome { text, active, ..Outcome::default() },
            reply: Some(reply),
        })
    }

    fn answer(&mut self, outcome: Result<Outcome, Failure>) {
        if let Some(reply) = self.reply.take() {
            reply.send(outcome);
        }
    }

    fn next(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Result<Step, Failure> {
        if gpu.is_closing() {
            return Err(Failure::new(Status::CLOSED, "the device was closed"));
        }
        // Relaxed: a hint; nothing else is read with it.
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::new(Status::CANCELLED, "nobody wants to know any more"));
        }
        if self.stage == Stage::None {
            self.plan.next(&self.outcome.text, &self.outcome.active, &mut self.wave)?;
            if self.wave.pieces.is_empty() {
                return Ok(Step::Done);
            }
            self.bring(gpu, encoder)?;
        }
        let Some(lane) = self.lane.take() else { return Ok(Step::Done) };
        if self.stage == Stage::Step {
            self.dispatch(gpu, &lane, encoder)?;
        }
        encoder.copy_buffer_to_buffer(&lane.found, 0, &lane.staging, 0, (HEAD + 4 * self.copied) as u64);
        self.lane = Some(lane);
        self.since = Instant::now();
        Ok(Step::Submit)
    }

    /// Brings a new wave to the device.
    fn bring(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Result<(), Failure> {
        let sizes = Sizes {
            windows: self.wave.pieces.len(),
            text: self.wave.text.len(),
            inputs: self.wave.inputs.len(),
            found: self.plan.most.found,
        };
        let mut lane = match self.lane.take() {
            Some(lane) if lane.sizes.suffice(&sizes) => lane,
            other => {
                drop(other);
                self.resident.lane(gpu, sizes.rounded())?
            }
        };
        gpu.guarded(|_| {
            gpu.queue.write_buffer(&lane.inputs, 0, as_bytes(&self.wave.inputs));
            if !self.wave.text.is_empty() {
                gpu.queue.write_buffer(&lane.text, 0, &self.wave.text);
            }
        })?;
        encoder.clear_buffer(&lane.found, 0, Some(HEAD as u64));
        for own in &lane.own {
            encoder.clear_buffer(&own.saved, 0, None);
            if lane.dirty {
                encoder.clear_buffer(&own.cells, 0, None);
            }
        }
        // Until the wave is through.
        lane.dirty = true;
        self.lane = Some(lane);
        (self.stage, self.done, self.copied) = (Stage::Step, 0, self.guess);
        Ok(())
    }

    fn dispatch(&mut self, gpu: &Gpu, lane: &Lane, encoder: &mut wgpu::CommandEncoder) -> Result<(), Failure> {
        let (windows, longest) = (self.wave.pieces.len(), self.wave.longest);
        let (mut params, mut made) = (Vec::new(), Vec::new());
        for (number, kernel) in self.resident.kernels.iter().enumerate() {
            let all = kernel.dispatches(longest).unwrap_or(usize::MAX);
            for done in self.done..all.min(self.done + self.pace) {
                let words = kernel.params(number, windows, done, self.plan.most.found);
                params.extend_from_slice(as_bytes(&words));
                params.resize((made.len() + 1) * STRIDE, 0);
                made.push((number, kernel));
            }
        }
        if made.is_empty() {
            return Err(Failure::new(Status::DEVICE, "the device has not read its windows to their ends"));
        }
        gpu.guarded(|_| gpu.queue.write_buffer(&lane.params, 0, &params))?;
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for (place, (number, kernel)) in made.iter().enumerate() {
            pass.set_pipeline(kernel.pipeline());
            pass.set_bind_group(0, &lane.own[*number].group, &[(place * STRIDE) as u32]);
            pass.dispatch_workgroups(kernel.groups(windows), 1, 1);
        }
        self.done += self.pace;
        Ok(())
    }

    /// Looks at what the device has left.
    fn look(&mut self, gpu: &Gpu, lane: &mut Lane) -> Result<(), Failure> {
        let spell = self.since.elapsed();
        let bytes = HEAD + 4 * self.copied;
        let lost = || Failure::new(Status::DEVICE, "what was found cannot be seen");
        let view = lane.staging.slice(..bytes as u64).get_mapped_range().map_err(|_| lost())?;
        let word = |at: usize| u32::from_le_bytes([view[at], view[at + 1], view[at + 2], view[at + 3]]);
        let (count, finished, unfit) = (word(0) as usize, word(4) as usize, word(8));
        if unfit != 0 {
            for kernel in &self.resident.kernels {
                kernel.without_subgroups(gpu, &self.resident.layout)?;
            }
            self.plan.again(&self.wave);
            self.stage = Stage::None;
            return Ok(());
        }
        if count > self.plan.most.found {
            self.outcome.again += 1;
            self.plan.split(&self.wave)?;
            self.stage = Stage::None;
            return Ok(());
        }
        if finished < self.wave.pieces.len() * self.resident.kernels.len() {
            self.pace = if spell < SPELL / 2 {
                2 * self.pace
            } else if spell > SPELL {
                self.pace / 2
            } else {
                self.pace
            };
            self.pace = self.pace.clamp(1, DISPATCHES);
            return Ok(());
        }
        self.guess = (count + count / 4).max(GUESS).min(self.plan.most.found);
        if count > self.copied {
            (self.copied, self.stage) = (count, Stage::Copy);
            return Ok(());
        }
        let at = move |place: usize| HEAD + 4 * place;
        let found = (0..count / FOUND)
            .map(|number| [word(at(FOUND * number)), word(at(FOUND * number + 1)), word(at(FOUND * number + 2))]);
        self.plan.take(&self.wave, found, &mut self.outcome)?;
        lane.dirty = false;
        self.stage = Stage::None;
        Ok(())
    }
}

impl Job for Walk {
    fn encode(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Step {
        if self.reply.is_none() {
            return Step::Done;
        }
        let ended = match self.next(gpu, encoder) {
            Ok(Step::Done) => Ok(core::mem::take(&mut self.outcome)),
            Ok(step) => return step,
            Err(failure) => Err(failure),
        };
        // Where it was given up its sets are as they were then; whoever has it next sees that.
        if let Some(lane) = self.lane.take() {
            self.resident.keep(lane);
        }
        self.answer(ended);
        Step::Done
    }

    fn submitted(&mut self, _gpu: &Gpu) {
        if let Some(lane) = &self.lane {
            lane.staging.slice(..(HEAD + 4 * self.copied) as u64).map_async(wgpu::MapMode::Read, |_| {});
        }
    }

    fn completed(&mut self, gpu: &Gpu) {
        let Some(mut lane) = self.lane.take() else { return };
        let looked = if self.reply.is_some() { self.look(gpu, &mut lane) } else { Ok(()) };
        lane.staging.unmap();
        self.lane = Some(lane);
        if let Err(failure) = looked {
            self.answer(Err(failure));
        }
    }

    fn lost(mut self: Box<Self>, failure: &Failure) {
        self.answer(Err(failure.clone()));
    }
}
