// SPDX-License-Identifier: MIT OR Apache-2.0
//! One automaton's tables on a device, and the kernel that steps it.

use crate::gpu::service::words::as_bytes;
use std::sync::OnceLock;

use super::source::{self, Way};
use crate::automata::dense::Bits;
use crate::automata::pack::{PackedBits, PackedTables};
use crate::automata::tables::Tables;
use crate::base::status::Status;
use crate::gpu::service::{Failure, Gpu, shader};

/// Words of a dispatch's parameters.
pub(super) const PARAMS: usize = 16;
/// Words in which an invocation of the baseline keeps what it is doing.
pub(super) const SAVED: usize = 16;
/// Invocations of a group of the baseline.
const GROUP: u32 = 64;
/// Invocations of a bit-parallel group that is no subgroup.
const GROUP_SHARED: u32 = 32;
/// Iterations of a dispatch, where the driver has no bound. Well below the time after which drivers give a device up.
const STEPS: u32 = 1 << 15;
/// Most bytes that a bit-parallel dispatch reads of a window.
const BYTES: u32 = 1 << 12;

/// A change of the kernels' text, as tests make it.
pub type Change<'a> = &'a dyn Fn(String) -> String;

/// What kind of kernel it is, and what it needs beside the tables.
pub(super) enum Sort {
    Blocking { half: u32, second: u32, third: u32, starting: u32, kinds: u32 },
    Dense { packed: PackedBits, list: u32, listed: u32, group: u32, each: u32, shared: OnceLock<wgpu::ComputePipeline> },
}

/// See the module documentation.
pub(super) struct Kernel {
    pub tables: wgpu::Buffer,
    pipeline: wgpu::ComputePipeline,
    pub sort: Sort,
    /// Words of a window's sets.
    pub cells: usize,
    /// Iterations or bytes of a dispatch.
    pub steps: u32,
    /// Most that a window's end finds: its states, and that it is done.
    pub states: usize,
}

fn too_large() -> Failure {
    Failure::new(Status::LIMIT, "the automaton is too large for a device")
}

/// Iterations that a dispatch may make; half of what the driver lets a subgroup make.
fn iterations(gpu: &Gpu) -> u32 {
    match gpu.facts.loop_limit {
        0 => STEPS,
        limit => STEPS.min(limit / 2),
    }
}

fn upload(gpu: &Gpu, words: &[u32]) -> Result<wgpu::Buffer, Failure> {
    let bytes = words.len() as u64 * 4;
    if bytes > gpu.limits.max_storage_buffer_binding_size {
        return Err(too_large());
    }
    let buffer = gpu.buffer(bytes.max(16), wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST)?;
    gpu.guarded(|_| gpu.queue.write_buffer(&buffer, 0, as_bytes(words)))?;
    Ok(buffer)
}

fn compile(
    gpu: &Gpu,
    layout: &wgpu::PipelineLayout,
    text: String,
    change: Change<'_>,
) -> Result<wgpu::ComputePipeline, Failure> {
    let text = change(text);
    let module = gpu.module(shader::parse(&text)?, &text)?;
    gpu.pipeline(Some(layout), &module, "walk")
}

impl Kernel {
    /// The baseline.
    pub fn blocking(
        gpu: &Gpu,
        layout: &wgpu::PipelineLayout,
        tables: &Tables,
        change: Change<'_>,
    ) -> Result<Kernel, Failure> {
        let packed = PackedTables::new(tables).ok_or_else(too_large)?;
        let (second, third) = (packed.states.div_ceil(32), packed.states.div_ceil(1 << 10));
        let thirds = packed.states.div_ceil(1 << 15);
        let (third, half) = (second + third, second + third + thirds);
        Ok(Kernel {
            tables: upload(gpu, &packed.words)?,
            pipeline: compile(gpu, layout, source::BLOCKING.to_owned(), change)?,
            cells: 2 * half as usize,
            steps: iterations(gpu),
            states: packed.states as usize,
            sort: Sort::Blocking { half, second, third, starting: packed.starting, kinds: packed.kinds },
        })
    }

    /// Bit-parallel; `way`: `None` for the one that suits the device.
    pub fn dense(
        gpu: &Gpu,
        layout: &wgpu::PipelineLayout,
        (tables, bits): (&Tables, &Bits),
        way: Option<Way>,
        change: Change<'_>,
    ) -> Result<Kernel, Failure> {
        let facts = &gpu.facts;
        // A ballot's first word says it all, and groups of one subgroup are of one size.
        let fits = facts.subgroup_min == facts.subgroup_max && (4..=32).contains(&facts.subgroup_min);
        let way = way.unwrap_or(if fits { Way::Subgroup } else { Way::Shared });
        let group = if fits { facts.subgroup_min } else { GROUP_SHARED };
        let each = (bits.width() as u32).div_ceil(group).max(1);
        let width = group * each;
        let mut packed = bits.pack(tables, width as usize);
        let exceptional = 2 * width as usize..3 * width as usize;
        let list: Vec<u32> =
            (0..width).zip(&packed.words[exceptional]).filter(|(_, bits)| **bits != 0).map(|(word, _)| word).collect();
        let (at, listed) = (packed.words.len() as u32, list.len() as u32);
        packed.words.extend(list);
        // What a byte can take at worst: every word with exceptional states, every such state, every end.
        let ends = 32 * each;
        let worst = 1 + listed + packed.exceptions + ends;
        let left = iterations(gpu).saturating_sub(packed.exceptions.max(tables.count()) + ends);
        let steps = (left / worst).min(BYTES);
        if steps == 0 {
            return Err(too_large());
        }
        Ok(Kernel {
            tables: upload(gpu, &packed.words)?,
            pipeline: compile(gpu, layout, source::dense(way, group, each), change)?,
            cells: width as usize,
            steps,
            states: tables.count() as usize,
            sort: Sort::Dense {
                packed: PackedBits { words: Vec::new(), ..packed },
                list: at,
                listed,
                group,
                each,
                shared: OnceLock::new(),
            },
        })
    }

    /// Subgroups are not what they were said to be: memory of the group is used instead.
    pub fn without_subgroups(&self, gpu: &Gpu, layout: &wgpu::PipelineLayout) -> Result<(), Failure> {
        if let Sort::Dense { group, each, shared, .. } = &self.sort {
            let pipeline = compile(gpu, layout, source::dense(Way::Shared, *group, *each), &|text| text)?;
            // Only the service thread comes here.
            let _ = shared.set(pipeline);
        }
        Ok(())
    }

    pub fn pipeline(&self) -> &wgpu::ComputePipeline {
        match &self.sort {
            Sort::Dense { shared, .. } => shared.get().unwrap_or(&self.pipeline),
            Sort::Blocking { .. } => &self.pipeline,
        }
    }

    /// Groups for so many windows.
    pub fn groups(&self, windows: usize) -> u32 {
        match self.sort {
            Sort::Blocking { .. } => (windows as u32).div_ceil(GROUP),
            Sort::Dense { .. } => windows as u32,
        }
    }

    /// Dispatches for windows of so many bytes; `None`: nobody knows before.
    pub fn dispatches(&self, longest: usize) -> Option<usize> {
        match self.sort {
            Sort::Blocking { .. } => None,
            Sort::Dense { .. } => Some(longest.div_ceil(self.steps as usize).max(1)),
        }
    }

    /// The parameters of a dispatch. `number`: of the kernel; `done`: dispatches before it.
    pub fn params(&self, number: usize, windows: usize, done: usize, room: usize) -> [u32; PARAMS] {
        let windows = windows as u32;
        let first = number as u32 * windows * 8;
        let before = (done as u32).wrapping_mul(self.steps);
        let tag = (number as u32) << super::wave::KERNEL_SHIFT;
        let head = [windows, first, before, self.steps, room as u32, tag];
        let mut params = [0; PARAMS];
        params[..head.len()].copy_from_slice(&head);
        let tail = &mut params[head.len()..];
        match &self.sort {
            Sort::Blocking { half, second, third, starting, kinds } => {
                tail[..6].copy_from_slice(&[*half, *second, *third, *half - *third, *starting, *kinds]);
            }
            Sort::Dense { packed, list, listed, .. } => tail.copy_from_slice(&[
                packed.bytes,
                packed.takes,
                packed.starts,
                *listed,
                *list,
                packed.first,
                packed.rows,
                packed.state_of,
                packed.bit_of,
                packed.needed / 2,
            ]),
        }
        params
    }
}
