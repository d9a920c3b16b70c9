// SPDX-License-Identifier: MIT OR Apache-2.0
//! The buffers of a worklist on a device, bound to the pipelines.

use core::sync::atomic::AtomicU32;

use super::assemble::Binding;
use super::layout::{CONTROL_WORDS, COUNTER_WORDS};
use super::pipelines::Pipelines;
use super::space::Space;
use crate::base::status::Status;
use crate::gpu::service::{Failure, Gpu};

/// Bytes of the control block.
pub const CONTROL_BYTES: u64 = 4 * CONTROL_WORDS as u64;
/// Bytes of the counters.
pub const COUNTER_BYTES: u64 = 4 * COUNTER_WORDS as u64;
/// Two times, as the device counts them.
const TIME_BYTES: u64 = 16;
/// Bytes that come back after each submission: 1,552.
pub const STATUS_BYTES: u64 = CONTROL_BYTES + COUNTER_BYTES + TIME_BYTES;
/// Where [`Times`] are resolved to: wgpu wants a multiple of 256.
const RESOLVED_BYTES: u64 = 256;

/// The times at which a submission began and ended, on devices that tell.
pub struct Times {
    /// Two of them.
    pub set: wgpu::QuerySet,
    /// Where they are written.
    pub resolved: wgpu::Buffer,
}

/// See the module documentation.
pub struct Store {
    /// How large everything is.
    pub space: Space,
    /// The rings.
    pub queue: wgpu::Buffer,
    /// See [`super::layout::CONTROL`].
    pub control: wgpu::Buffer,
    /// See [`super::layout::COUNTERS`].
    pub counters: wgpu::Buffer,
    /// Arguments of the indirect dispatches.
    pub args: wgpu::Buffer,
    /// Emitted records and reports.
    pub out: wgpu::Buffer,
    /// Control block and counters, read back.
    pub status: wgpu::Buffer,
    /// Times, if the device tells.
    pub times: Option<Times>,
    /// For prep and finish.
    pub between: wgpu::BindGroup,
    /// For step and fill.
    pub within: wgpu::BindGroup,
    /// The program's buffers.
    pub program: wgpu::BindGroup,
    /// Items of a slice that its last run found right; 0: nothing is known.
    pub slice: AtomicU32,
}

/// A bind group of these buffers, each whole.
fn bind(
    gpu: &Gpu,
    layout: &wgpu::BindGroupLayout,
    buffers: &[(u32, &wgpu::Buffer)],
) -> Result<wgpu::BindGroup, Failure> {
    let entries: Vec<_> = buffers
        .iter()
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding: *binding, resource: buffer.as_entire_binding() })
        .collect();
    let description = wgpu::BindGroupDescriptor { label: None, layout, entries: &entries };
    gpu.guarded(|device| device.create_bind_group(&description))
}

/// The buffers that a program names. What wgpu would find out when it is dispatched is refused here: there it would cost
/// everybody who has recorded something in that submission what lies on the device.
fn named<'a>(bindings: &[Binding], buffers: &[&'a wgpu::Buffer]) -> Result<Vec<(u32, &'a wgpu::Buffer)>, Failure> {
    let refused = |text: String| Err(Failure::new(Status::INVALID, text));
    let mut named: Vec<(u32, &wgpu::Buffer)> = Vec::new();
    for (at, Binding { number, kind, bytes }) in bindings.iter().enumerate() {
        let Some(buffer) = buffers.get(*number as usize) else {
            return refused(format!("the program uses buffer {number}, and the worklist has none"));
        };
        if buffer.size() < *bytes {
            let has = buffer.size();
            return refused(format!("buffer {number} has {has} bytes, and the program's type of it has {bytes}"));
        }
        let written = wgpu::BufferBindingType::Storage { read_only: false };
        let clash = |other: &&Binding| {
            let both = *kind != other.kind && (*kind == written || other.kind == written);
            both && named.iter().any(|(before, same)| *before == other.number && same == buffer)
        };
        if let Some(other) = bindings[..at].iter().find(clash) {
            let text = format!("buffers {} and {number} are one, and the program writes to one of them", other.number);
            return refused(format!("{text} and only reads the other"));
        }
        named.push((*number, buffer));
    }
    Ok(named)
}

impl Store {
    /// Makes them. `buffers`: the program's, by their numbers.
    pub fn new(gpu: &Gpu, pipelines: &Pipelines, space: Space, buffers: &[&wgpu::Buffer]) -> Result<Store, Failure> {
        use wgpu::BufferUsages as Usage;
        let words = |words: u32| 4 * u64::from(words.max(1));
        let queue = gpu.buffer(words(space.queue_words), Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST)?;
        let shared = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let control = gpu.buffer(CONTROL_BYTES, shared | Usage::UNIFORM)?;
        let counters = gpu.buffer(COUNTER_BYTES, shared)?;
        let args = gpu.buffer(16, Usage::STORAGE | Usage::INDIRECT)?;
        let out = gpu.buffer(words(space.out_words), Usage::STORAGE | Usage::COPY_SRC)?;
        let status = gpu.buffer(STATUS_BYTES, Usage::MAP_READ | Usage::COPY_DST)?;
        let between = bind(gpu, &pipelines.between, &[(0, &control), (1, &counters), (2, &args)])?;
        let within = bind(gpu, &pipelines.within, &[(0, &queue), (1, &control), (2, &counters), (3, &out)])?;
        let program = bind(gpu, &pipelines.program, &named(&pipelines.bindings, buffers)?)?;
        let times = gpu.features.contains(wgpu::Features::TIMESTAMP_QUERY).then(|| times(gpu)).transpose()?;
        let slice = AtomicU32::new(0);
        Ok(Store { space, queue, control, counters, args, out, status, times, between, within, program, slice })
    }
}

fn times(gpu: &Gpu) -> Result<Times, Failure> {
    let description = wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: 2 };
    let set = gpu.guarded(|device| device.create_query_set(&description))?;
    let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
    Ok(Times { set, resolved: gpu.buffer(RESOLVED_BYTES, usage)? })
}
