// SPDX-License-Identifier: MIT OR Apache-2.0
//! An open device as its service thread sees it.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::adapters::{self, Choice, Facts};
use super::failure::{Failure, causes};
use super::queue::{Held, Queue};
use super::{probe, shader};
use crate::base::status::Status;

/// What a device program may use where the adapter has it.
const WANTED: wgpu::Features = wgpu::Features::SUBGROUP
    .union(wgpu::Features::SUBGROUP_BARRIER)
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES)
    .union(wgpu::Features::IMMEDIATES)
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::SHADER_F64)
    .union(wgpu::Features::SHADER_INT64);

/// How long the thread that opens a device waits for the first small program on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the callbacks of wgpu leave for the service thread.
#[derive(Default)]
struct Troubles {
    /// The first error that no scope took, since the last look.
    error: Mutex<Option<Failure>>,
    has_error: AtomicBool,
    /// Why the device is lost.
    loss: Mutex<Option<Failure>>,
    is_lost: AtomicBool,
}

fn put(slot: &Mutex<Option<Failure>>, flag: &AtomicBool, failure: Failure) {
    slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    // Release pairs with the Acquire in `error` and `loss`: whoever sees the flag finds the failure.
    flag.store(true, Ordering::Release);
}

/// An open device. Only its service thread has one.
pub struct Gpu {
    /// wgpu's device. Its `poll` is the service's alone.
    pub device: wgpu::Device,
    /// wgpu's queue. Its `submit` is the service's alone.
    pub queue: wgpu::Queue,
    /// What it allows.
    pub limits: wgpu::Limits,
    /// What programs may use.
    pub features: wgpu::Features,
    /// What is known of the adapter.
    pub facts: Facts,
    pub(super) messages: Arc<Queue>,
    pub(super) closing: bool,
    /// There is more than one job.
    pub(super) shared: bool,
    troubles: Arc<Troubles>,
}

impl Gpu {
    /// Opens the adapter that `choice` names. Tens of milliseconds, and more the first time.
    pub(super) fn open(choice: &Choice, messages: Arc<Queue>) -> Result<Gpu, Failure> {
        let (facts, adapter) = adapters::find(choice)?;
        let (features, limits) = (adapter.features() & WANTED, adapter.limits());
        let description = wgpu::DeviceDescriptor {
            label: None,
            required_features: features,
            required_limits: limits.clone(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Manual { suballocated_device_memory_block_size: (8 << 20)..(256 << 20) },
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = now(adapter.request_device(&description))?.map_err(|error| {
            Failure::new(Status::DEVICE, format!("{} cannot be opened{}", facts.name, causes(&error)))
        })?;
        let troubles = Arc::new(Troubles::default());
        let left = troubles.clone();
        device.on_uncaptured_error(Arc::new(move |error| put(&left.error, &left.has_error, Failure::of(&error))));
        let left = troubles.clone();
        device.set_device_lost_callback(move |_, text| {
            let text = format!("the device was lost: {}", text.trim());
            put(&left.loss, &left.is_lost, Failure::new(Status::DEVICE, text));
        });
        let mut gpu = Gpu { device, queue, limits, features, facts, messages, closing: false, shared: false, troubles };
        gpu.facts.loop_limit = probe::loop_limit(&gpu, &gpu.facts.name, &gpu.facts.driver)?;
        Ok(gpu)
    }

    /// The device is being closed: jobs bring their items back and end.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Others may have something in the submission that is being made.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Why the device is lost, once it is.
    pub fn loss(&self) -> Option<Failure> {
        // Acquire pairs with the Release in `put`.
        if !self.troubles.is_lost.load(Ordering::Acquire) {
            return None;
        }
        self.troubles.loss.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Destroys the device: what was submitted may end or not, nobody is told.
    pub(super) fn destroy(&self) {
        self.lose(Failure::new(Status::DEVICE, "the device was lost: it was destroyed"));
        self.device.destroy();
    }

    /// Gives the device up for this reason: everybody is told, and nothing further is done.
    pub fn lose(&self, failure: Failure) {
        put(&self.troubles.loss, &self.troubles.is_lost, failure);
    }

    /// The first error since the last call that no scope took.
    pub fn error(&self) -> Option<Failure> {
        // Acquire pairs with the Release in `put`.
        if !self.troubles.has_error.load(Ordering::Acquire) {
            return None;
        }
        let mut slot = self.troubles.error.lock().unwrap_or_else(PoisonError::into_inner);
        self.troubles.has_error.store(false, Ordering::Relaxed);
        slot.take()
    }

    /// Makes something; an error that wgpu reports for it is the result.
    pub fn guarded<T>(&self, make: impl FnOnce(&wgpu::Device) -> T) -> Result<T, Failure> {
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let made = make(&self.device);
        let errors = [now(validation.pop())?, now(memory.pop())?, now(internal.pop())?];
        match (errors.into_iter().flatten().next(), self.loss()) {
            (_, Some(loss)) => Err(loss),
            (Some(error), None) => Err(Failure::of(&error)),
            (None, None) => Ok(made),
        }
    }

    /// A buffer, all zero. Too large for the device: LIMIT.
    pub fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, Failure> {
        if bytes > self.limits.max_buffer_size {
            let most = self.limits.max_buffer_size;
            return Err(Failure::new(
                Status::LIMIT,
                format!("a buffer of {bytes} bytes: the device has {most} at most"),
            ));
        }
        let description = wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false };
        self.guarded(|device| device.create_buffer(&description))
    }

    /// Checks a module and makes it one of the device's. `source`: what it was parsed from, for the place of an error.
    pub fn module(&self, module: naga::Module, source: &str) -> Result<wgpu::ShaderModule, Failure> {
        shader::check(&module, self.features, source).map_err(Failure::from)?;
        let description =
            wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Naga(Cow::Owned(module)) };
        self.guarded(|device| device.create_shader_module(description)).map_err(as_shader)
    }

    /// A pipeline for one entry point; `layout`: `None` to have it made from the module.
    pub fn pipeline(
        &self,
        layout: Option<&wgpu::PipelineLayout>,
        module: &wgpu::ShaderModule,
        entry: &str,
    ) -> Result<wgpu::ComputePipeline, Failure> {
        let description = wgpu::ComputePipelineDescriptor {
            label: None,
            layout,
            module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        };
        self.guarded(|device| device.create_compute_pipeline(&description)).map_err(as_shader)
    }

    /// Something that is handed out and comes back to this thread to be dropped.
    pub fn hold<T: Send + 'static>(&self, value: T) -> Held<T> {
        Held::new(value, self.messages.clone())
    }

    /// Submits and waits, for the few things that are done while a device is opened or changed: all of `staging`.
    pub(super) fn read_now(&self, encoder: wgpu::CommandEncoder, staging: &wgpu::Buffer) -> Result<Vec<u8>, Failure> {
        let submission = self.guarded(|_| self.queue.submit([encoder.finish()]))?;
        staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(PATIENCE) };
        let polled = self.device.poll(wait);
        if let Some(loss) = self.loss() {
            return Err(loss);
        }
        polled
            .map_err(|error| Failure::new(Status::DEVICE, format!("the device does not answer{}", causes(&error))))?;
        let read = staging.slice(..).get_mapped_range().map(|view| view.to_vec());
        staging.unmap();
        read.map_err(|error| {
            Failure::new(Status::DEVICE, format!("what was read back cannot be seen{}", causes(&error)))
        })
    }
}

/// What is invalid about a program is the program's.
fn as_shader(failure: Failure) -> Failure {
    match failure.status {
        Status::INVALID => Failure { status: Status::SHADER, ..failure },
        _ => failure,
    }
}

/// The value of a future of wgpu's: those of its own backends are ready at once.
fn now<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(Failure::new(Status::DEVICE, "the graphics library did not answer at once")),
    }
}
