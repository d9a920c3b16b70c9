// SPDX-License-Identifier: MIT OR Apache-2.0
//! The buffers of a wave. They stay with the automaton for the next one.

use super::kernel::{PARAMS, SAVED};
use super::resident::Resident;
use crate::gpu::service::{Failure, Gpu};

/// Bytes before what was found: words found, windows finished, whether subgroups are unfit, one unused.
pub(super) const HEAD: usize = 16;
/// Parameters of one dispatch; wgpu wants multiples of 256.
pub(super) const STRIDE: usize = 256;
/// Dispatches of each kernel in one submission, at most.
pub(super) const DISPATCHES: usize = 64;

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub windows: usize,
    /// Bytes.
    pub text: usize,
    /// Words.
    pub inputs: usize,
    /// Words.
    pub found: usize,
}

impl Sizes {
    pub fn suffice(&self, other: &Sizes) -> bool {
        self.and(other) == *self && self.found == other.found
    }

    /// Enough for both.
    pub fn and(&self, other: &Sizes) -> Sizes {
        Sizes {
            windows: self.windows.max(other.windows),
            text: self.text.max(other.text),
            inputs: self.inputs.max(other.inputs),
            found: other.found,
        }
    }

    /// A little more, so that the next wave finds room too.
    pub fn rounded(self) -> Sizes {
        let up = |size: usize, least: usize| size.max(least).next_power_of_two();
        Sizes {
            windows: up(self.windows, 8),
            text: up(self.text, 1 << 12),
            inputs: up(self.inputs, 1 << 10),
            found: self.found,
        }
    }
}

/// See the module documentation.
pub(super) struct Lane {
    pub sizes: Sizes,
    pub params: wgpu::Buffer,
    pub text: wgpu::Buffer,
    pub inputs: wgpu::Buffer,
    pub found: wgpu::Buffer,
    pub staging: wgpu::Buffer,
    /// For each kernel its sets, what it saves, and all of the buffers.
    pub own: Vec<Own>,
    /// The sets are not empty: a wave was given up.
    pub dirty: bool,
}

/// What a kernel has for itself.
pub(super) struct Own {
    pub cells: wgpu::Buffer,
    pub saved: wgpu::Buffer,
    pub group: wgpu::BindGroup,
}

impl Lane {
    pub fn new(gpu: &Gpu, resident: &Resident, sizes: Sizes) -> Result<Lane, Failure> {
        use wgpu::BufferUsages as Usage;
        let written = Usage::STORAGE | Usage::COPY_DST;
        let params =
            gpu.buffer((resident.kernels.len() * DISPATCHES * STRIDE) as u64, Usage::UNIFORM | Usage::COPY_DST)?;
        let text = gpu.buffer(sizes.text.next_multiple_of(4) as u64 + 4, written)?;
        let inputs = gpu.buffer(4 * sizes.inputs as u64, written)?;
        let bytes = (HEAD + 4 * sizes.found) as u64;
        let found = gpu.buffer(bytes, written | Usage::COPY_SRC)?;
        let staging = gpu.buffer(bytes, Usage::MAP_READ | Usage::COPY_DST)?;
        let mut own = Vec::new();
        for kernel in &resident.kernels {
            let cells = gpu.buffer((4 * sizes.windows * kernel.cells) as u64, written)?;
            let saved = gpu.buffer((4 * sizes.windows * SAVED) as u64, written)?;
            let size = core::num::NonZero::new(4 * PARAMS as u64);
            let uniform = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: &params, offset: 0, size });
            let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: uniform }];
            for (binding, buffer) in (1..).zip([&text, &inputs, &kernel.tables, &cells, &saved, &found]) {
                entries.push(wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
            }
            let description = wgpu::BindGroupDescriptor { label: None, layout: &resident.group, entries: &entries };
            let group = gpu.guarded(|device| device.create_bind_group(&description))?;
            own.push(Own { cells, saved, group });
        }
        Ok(Lane { sizes, params, text, inputs, found, staging, own, dirty: false })
    }
}
