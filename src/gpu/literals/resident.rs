// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device has of a set of literals: its tables, and the pipelines that read them.

use std::sync::Arc;

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
    pub(super) collect: wgpu::ComputePipeline,
    pub(super) arrange: wgpu::ComputePipeline,
    pub(super) verify: wgpu::ComputePipeline,
    pub(super) scanned: wgpu::BindGroupLayout,
    pub(super) arguments: wgpu::BindGroupLayout,
}

impl Resident {
    /// Brings a set to a device: some milliseconds, on the service thread. LIMIT: it is too large for it.
    pub fn new(gpu: &Gpu, literals: Arc<Literals>) -> Result<Resident, Failure> {
        Resident::changed(gpu, literals, &|text| text)
    }

    /// As [`Resident::new`], with changed kernels.
    pub fn changed(gpu: &Gpu, literals: Arc<Literals>, change: Change<'_>) -> Result<Resident, Failure> {
        let too_large = || Failure::new(Status::LIMIT, "the set of literals is too large for a device");
        let Packed { words, filters, candidates, texts, cases, lengths } = literals.pack().ok_or_else(too_large)?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        if bytes.len() as u64 > gpu.limits.max_storage_buffer_binding_size {
            return Err(too_large());
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let tables = gpu.buffer(bytes.len() as u64, usage)?;
        gpu.guarded(|_| gpu.queue.write_buffer(&tables, 0, &bytes))?;
        let whole = change(SOURCE.to_owned());
        let module = gpu.module(shader::parse(&whole)?, &whole)?;
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let params = entry(0, wgpu::BufferBindingType::Uniform, true);
        let kinds = [storage(true), storage(true), storage(false), storage(false)];
        let rest = (1..).zip(kinds).map(|(number, kind)| entry(number, kind, false));
        let scanned = group(gpu, &core::iter::once(params).chain(rest).collect::<Vec<_>>())?;
        let arguments = group(gpu, &[entry(0, storage(false), false)])?;
        let (short, long) = (layout(gpu, &[&scanned])?, layout(gpu, &[&scanned, &arguments])?);
        Ok(Resident {
            literals,
            lengths,
            filters,
            places: [candidates, texts, cases],
            tables,
            collect: gpu.pipeline(Some(&short), &module, "collect")?,
            arrange: gpu.pipeline(Some(&long), &module, "arrange")?,
            verify: gpu.pipeline(Some(&short), &module, "verify")?,
            scanned,
            arguments,
        })
    }
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
