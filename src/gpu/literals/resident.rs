// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device has of a set of literals: its tables, and the pipelines that read them.

use crate::gpu::service::words::as_bytes;
use std::sync::{Arc, Mutex, PoisonError};

use super::lane::Lane;
use crate::automata::prefilter::Literals;
use crate::automata::prefilter::pack::{Packed, PackedFilter};
use crate::base::status::Status;
use crate::gpu::service::{Failure, Gpu, shader};

const SOURCE: &str = include_str!("scan.wgsl");

/// A change of the kernels' text, as tests make it.
pub type Change<'a> = &'a dyn Fn(String) -> String;

/// See the module documentation.
pub struct Resident {
    /// The same set for the processor.
    pub literals: Arc<Literals>,
    pub(super) lengths: Vec<u32>,
    pub(super) filters: Vec<PackedFilter>,
    pub(super) places: [u32; 3],
    pub(super) tables: wgpu::Buffer,
    /// The bitmaps beside one another, each in its place of [`BITMAP`] bytes.
    pub(super) bitmaps: wgpu::Buffer,
    /// Whether they are asked there.
    pub(super) uniform: bool,
    pub(super) kernels: Kernels,
    pub(super) scanned: wgpu::BindGroupLayout,
    pub(super) arguments: wgpu::BindGroupLayout,
    /// Buffers of earlier requests.
    lanes: Mutex<Vec<Lane>>,
}

/// What becomes of what passes the filters.
pub(super) enum Kernels {
    /// The host verifies it.
    ByHost { pass_on: wgpu::ComputePipeline },
    /// The device does.
    ByDevice { collect: wgpu::ComputePipeline, arrange: wgpu::ComputePipeline, verify: wgpu::ComputePipeline },
}

/// Lanes that are kept.
const KEPT: usize = 2;

impl Resident {
    /// Brings a set to a device: some milliseconds, on the service thread. LIMIT: it is too large for it.
    pub fn new(gpu: &Gpu, literals: Arc<Literals>) -> Result<Resident, Failure> {
        // What follows a hit are single words of tables: a software device loads them lane by lane.
        Resident::changed(gpu, literals, gpu.facts.software, &|text| text)
    }

    /// As [`Resident::new`], verified by the host or not, with changed kernels.
    pub fn changed(gpu: &Gpu, literals: Arc<Literals>, by_host: bool, change: Change<'_>) -> Result<Resident, Failure> {
        let too_large = || Failure::new(Status::LIMIT, "the set of literals is too large for a device");
        let Packed { words, filters, candidates, texts, cases, lengths } = literals.pack().ok_or_else(too_large)?;
        let bytes = as_bytes(&words);
        if bytes.len() as u64 > gpu.limits.max_storage_buffer_binding_size {
            return Err(too_large());
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let tables = gpu.buffer(bytes.len() as u64, usage)?;
        gpu.guarded(|_| gpu.queue.write_buffer(&tables, 0, bytes))?;
        let uniform = gpu.facts.software && filters.iter().all(|filter| (4 << (32 - filter.word_shift)) <= BITMAP);
        let bitmaps = bitmaps(gpu, &words, if uniform { &filters } else { &[] })?;
        let whole = change(if uniform { SOURCE.to_owned() } else { in_storage(SOURCE) });
        let module = gpu.module(shader::parse(&whole)?, &whole)?;
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let params = entry(0, wgpu::BufferBindingType::Uniform, true);
        let kinds = [storage(true), storage(true), storage(false), storage(false)];
        let rest = (1..).zip(kinds).map(|(number, kind)| entry(number, kind, false));
        let bits = entry(5, wgpu::BufferBindingType::Uniform, true);
        let scanned = group(gpu, &core::iter::once(params).chain(rest).chain([bits]).collect::<Vec<_>>())?;
        let arguments = group(gpu, &[entry(0, storage(false), false)])?;
        let (short, long) = (layout(gpu, &[&scanned])?, layout(gpu, &[&scanned, &arguments])?);
        let pipeline = |layout, name| gpu.pipeline(Some(layout), &module, name);
        let kernels = if by_host {
            Kernels::ByHost { pass_on: pipeline(&short, "pass_on")? }
        } else {
            let (collect, arrange) = (pipeline(&short, "collect")?, pipeline(&long, "arrange")?);
            Kernels::ByDevice { collect, arrange, verify: pipeline(&short, "verify")? }
        };
        Ok(Resident {
            literals,
            lengths,
            filters,
            places: [candidates, texts, cases],
            tables,
            bitmaps,
            uniform,
            kernels,
            scanned,
            arguments,
            lanes: Mutex::new(Vec::new()),
        })
    }

    /// Whether the host verifies what passes the filters.
    pub(super) fn by_host(&self) -> bool {
        matches!(self.kernels, Kernels::ByHost { .. })
    }

    /// Buffers for a batch, of before if there are some.
    pub(super) fn lane(&self, gpu: &Gpu, capacity: usize, room: usize) -> Result<Lane, Failure> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = lanes.iter().position(|lane| lane.capacity >= capacity && lane.room == room) {
            return Ok(lanes.swap_remove(at));
        }
        drop(lanes);
        Lane::new(gpu, self, capacity, room)
    }

    /// Keeps some of these for the next request.
    pub(super) fn keep(&self, free: Vec<Lane>) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.extend(free.into_iter().filter(|lane| lane.writable));
        lanes.sort_by_key(|lane| core::cmp::Reverse(lane.capacity));
        lanes.truncate(KEPT);
    }
}

/// Bytes of a bitmap that is asked as uniform memory, at most.
pub(super) const BITMAP: usize = 32 << 10;

/// The bitmaps of the filters, one place at least.
fn bitmaps(gpu: &Gpu, words: &[u32], filters: &[PackedFilter]) -> Result<wgpu::Buffer, Failure> {
    let mut bytes = Vec::new();
    for (number, filter) in filters.iter().enumerate() {
        bytes.extend_from_slice(as_bytes(&words[filter.bitmap as usize..filter.slots as usize]));
        bytes.resize((number + 1) * BITMAP, 0);
    }
    bytes.resize(bytes.len().max(BITMAP), 0);
    let buffer = gpu.buffer(bytes.len() as u64, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST)?;
    gpu.guarded(|_| gpu.queue.write_buffer(&buffer, 0, &bytes))?;
    Ok(buffer)
}

/// The kernels with bitmaps in storage.
fn in_storage(source: &str) -> String {
    let uniform = |line: &&str| !line.ends_with("//UNIFORM");
    source.lines().filter(uniform).map(|line| line.replace("//STORAGE ", "") + "\n").collect()
}

fn entry(binding: u32, ty: wgpu::BufferBindingType, moves: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: moves, min_binding_size: None },
        count: None,
    }
}

fn group(gpu: &Gpu, entries: &[wgpu::BindGroupLayoutEntry]) -> Result<wgpu::BindGroupLayout, Failure> {
    let description = wgpu::BindGroupLayoutDescriptor { label: None, entries };
    gpu.guarded(|device| device.create_bind_group_layout(&description))
}

fn layout(gpu: &Gpu, groups: &[&wgpu::BindGroupLayout]) -> Result<wgpu::PipelineLayout, Failure> {
    let groups: Vec<_> = groups.iter().map(|group| Some(*group)).collect();
    let description = wgpu::PipelineLayoutDescriptor { label: None, bind_group_layouts: &groups, ..Default::default() };
    gpu.guarded(|device| device.create_pipeline_layout(&description))
}
