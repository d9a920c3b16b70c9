// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pipelines of one variant of a program.

use super::assemble::{self, Binding, Change};
use super::layout;
use super::shape::{Declared, Does, Reserve, Variant};
use super::source::Source;
use super::text;
use crate::gpu::service::{Failure, Gpu, shader};

const PREP: &str = include_str!("prep.wgsl");
const FILL: &str = include_str!("fill.wgsl");

/// What a round is made of.
pub struct Pipelines {
    /// Before each round.
    pub prep: wgpu::ComputePipeline,
    /// The round.
    pub step: wgpu::ComputePipeline,
    /// After it, where the newest go first.
    pub fill: wgpu::ComputePipeline,
    /// After the last round.
    pub finish: wgpu::ComputePipeline,
    /// Control, counters, arguments: for prep and finish.
    pub between: wgpu::BindGroupLayout,
    /// Queue, control, counters, output: for step and fill.
    pub within: wgpu::BindGroupLayout,
    /// The program's buffers.
    pub program: wgpu::BindGroupLayout,
    /// Which of them it names.
    pub bindings: Vec<Binding>,
    /// What the program does.
    pub does: Does,
    /// For what they were made.
    pub variant: Variant,
}

/// The best way to reserve places on this device.
pub fn reserve(features: wgpu::Features) -> Reserve {
    match features.contains(wgpu::Features::SUBGROUP) {
        true => Reserve::Subgroup,
        false => Reserve::Workgroup,
    }
}

fn entry(binding: u32, ty: wgpu::BufferBindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}

const STORAGE: wgpu::BufferBindingType = wgpu::BufferBindingType::Storage { read_only: false };

/// A layout of buffers of these kinds.
fn group(
    gpu: &Gpu,
    kinds: impl Iterator<Item = (u32, wgpu::BufferBindingType)>,
) -> Result<wgpu::BindGroupLayout, Failure> {
    let entries: Vec<_> = kinds.map(|(number, kind)| entry(number, kind)).collect();
    let description = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
    gpu.guarded(|device| device.create_bind_group_layout(&description))
}

fn layout(gpu: &Gpu, groups: &[&wgpu::BindGroupLayout]) -> Result<wgpu::PipelineLayout, Failure> {
    let groups: Vec<_> = groups.iter().map(|group| Some(*group)).collect();
    let description = wgpu::PipelineLayoutDescriptor { label: None, bind_group_layouts: &groups, ..Default::default() };
    gpu.guarded(|device| device.create_pipeline_layout(&description))
}

/// A module of the library's own, with the constants of the shared layout.
fn own_module(gpu: &Gpu, constants: &str, source: String) -> Result<wgpu::ShaderModule, Failure> {
    let whole = format!("{}{constants}{source}", layout::constants());
    gpu.module(shader::parse(&whole)?, &whole)
}

impl Pipelines {
    /// Makes them: some milliseconds, on the service thread. SHADER with line and column where the program is at fault.
    pub fn new(gpu: &Gpu, source: &Source, declared: &Declared, variant: Variant) -> Result<Pipelines, Failure> {
        Pipelines::changed(gpu, source, declared, variant, &|text| text)
    }

    /// As [`Pipelines::new`], with the library's own texts changed: so tests make kernels that are wrong.
    pub fn changed(
        gpu: &Gpu,
        source: &Source,
        declared: &Declared,
        variant: Variant,
        change: Change<'_>,
    ) -> Result<Pipelines, Failure> {
        assemble::refused(declared, gpu.limits.max_compute_invocations_per_workgroup)?;
        let step = source.assemble(declared, variant, gpu.features, gpu.facts.loop_limit, change)?;
        let uniform = wgpu::BufferBindingType::Uniform;
        let between = group(gpu, (0..).zip([STORAGE; 3]))?;
        let within = group(gpu, (0..).zip([STORAGE, uniform, STORAGE, STORAGE]))?;
        let program = group(gpu, step.bindings.iter().map(|binding| (binding.number, binding.kind)))?;
        let (short, long) = (layout(gpu, &[&between])?, layout(gpu, &[&within, &program])?);
        let prep = own_module(gpu, "", change(PREP.to_owned()))?;
        let stride = variant.stride(&declared.fields);
        let constants = format!("const STRIDE = {stride}u;\nconst GROUP_SIZE = {}u;\n", declared.group_size);
        let fill = own_module(gpu, &constants, change(FILL.to_owned()))?;
        let module = gpu.module(step.module, "")?;
        Ok(Pipelines {
            prep: gpu.pipeline(Some(&short), &prep, "prep")?,
            finish: gpu.pipeline(Some(&short), &prep, "finish")?,
            step: gpu.pipeline(Some(&long), &module, text::ENTRY)?,
            fill: gpu.pipeline(Some(&layout(gpu, &[&within])?), &fill, "fill")?,
            between,
            within,
            program,
            bindings: step.bindings,
            does: step.does,
            variant,
        })
    }
}
