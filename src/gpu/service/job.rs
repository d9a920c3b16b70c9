// SPDX-License-Identifier: MIT OR Apache-2.0
//! Jobs: what keeps a device busy for longer than one command.

use super::device::Gpu;
use super::failure::Failure;

/// What a job wants after it was asked to encode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It has recorded something: submit it.
    Submit,
    /// It has recorded nothing and has nothing to do until the service is nudged, one of its submissions has completed, or
    /// this time has come (nanoseconds of CLOCK_MONOTONIC; `i64::MAX`: not by itself).
    Idle(i64),
    /// It has recorded nothing and has ended: it is dropped.
    Done,
}

/// Work that lasts for many submissions. Every method is called by the service thread, never by two at once, and must not
/// wait: what wgpu does without waiting is allowed (create, map_async), submit and poll are not, and nothing of the
/// program's runs there. All jobs of a device share one encoder and one submission.
pub trait Job: Send {
    /// Records the next piece of work. Called while fewer than [`Job::depth`] submissions of it are under way. If
    /// [`Gpu::is_closing`], it ends: it may submit what brings its items back, then answers [`Step::Done`]; one that is
    /// idle then is `lost` with the status CLOSED.
    fn encode(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Step;

    /// What it recorded was submitted: the place to call `map_async` for what is read back.
    fn submitted(&mut self, gpu: &Gpu);

    /// Its oldest submission has ended, and what was to be mapped for it is mapped.
    fn completed(&mut self, gpu: &Gpu);

    /// Nothing will come of its submissions: the device is lost or closed, or what it recorded is not valid.
    fn lost(self: Box<Self>, failure: &Failure);

    /// Whether it has ended with its last submission: it is dropped.
    fn is_over(&self) -> bool {
        false
    }

    /// How many submissions of it may be under way at once.
    fn depth(&self) -> usize {
        1
    }
}
