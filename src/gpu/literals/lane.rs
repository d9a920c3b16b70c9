// SPDX-License-Identifier: MIT OR Apache-2.0
//! The buffers of one batch under way. They stay with the set for the next request: what is fresh costs a page fault for
//! each page.

use super::batch::Batch;
use super::resident::{BITMAP, Resident};
use crate::gpu::service::{Failure, Gpu};

/// Positions of a slice: the list of hits has room for all of them.
pub(super) const SLICE: usize = 4 << 20;
/// Positions of one invocation of `collect`, and invocations of a group.
pub(super) const EACH: usize = 32;
pub(super) const GROUP: usize = 128;
/// Bytes before the pairs: their number, one word unused.
pub(super) const HEAD: usize = 8;
/// Parameters of one dispatch; wgpu wants multiples of 256.
pub(super) const STRIDE: usize = 256;

/// See the module documentation.
pub(super) struct Lane {
    /// Bytes of text that fit.
    pub(super) capacity: usize,
    /// Pairs that fit.
    pub(super) room: usize,
    pub(super) batch: Batch,
    /// Written by the host, mapped whenever no submission has it.
    pub(super) upload: wgpu::Buffer,
    /// Whether it is mapped.
    pub(super) writable: bool,
    pub(super) text: wgpu::Buffer,
    pub(super) params: wgpu::Buffer,
    pub(super) hits: wgpu::Buffer,
    pub(super) found: wgpu::Buffer,
    pub(super) args: wgpu::Buffer,
    pub(super) staging: wgpu::Buffer,
    pub(super) scanned: wgpu::BindGroup,
    pub(super) arguments: wgpu::BindGroup,
    /// Pairs that were copied.
    pub(super) copied: usize,
}

impl Lane {
    /// Buffers for a batch of so many bytes that finds so many pairs.
    pub(super) fn new(gpu: &Gpu, resident: &Resident, capacity: usize, room: usize) -> Result<Lane, Failure> {
        use wgpu::BufferUsages as Usage;
        let bytes = capacity.next_multiple_of(4) as u64;
        let upload = gpu.guarded(|device| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: bytes,
                usage: Usage::MAP_WRITE | Usage::COPY_SRC,
                mapped_at_creation: true,
            })
        })?;
        // Two words behind the text, and those of the last invocation's positions, can be looked at.
        let text = gpu.buffer(bytes + 4 * EACH as u64, Usage::STORAGE | Usage::COPY_DST)?;
        let slices = capacity.div_ceil(SLICE) * resident.filters.len().max(1);
        let params = gpu.buffer((slices * STRIDE) as u64, Usage::UNIFORM | Usage::COPY_DST)?;
        let hits = gpu.buffer((HEAD + 4 * SLICE.min(capacity)) as u64, Usage::STORAGE | Usage::COPY_DST)?;
        let shared = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let found = gpu.buffer((HEAD + 8 * room) as u64, shared)?;
        let args = gpu.buffer(16, Usage::STORAGE | Usage::INDIRECT)?;
        let staging = gpu.buffer((HEAD + 8 * room) as u64, Usage::MAP_READ | Usage::COPY_DST)?;
        let part = |buffer, bytes: usize| {
            let size = core::num::NonZero::new(bytes as u64);
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: 0, size })
        };
        let mut entries = vec![
            wgpu::BindGroupEntry { binding: 0, resource: part(&params, STRIDE) },
            wgpu::BindGroupEntry { binding: 5, resource: part(&resident.bitmaps, BITMAP) },
        ];
        for (binding, buffer) in (1..).zip([&text, &resident.tables, &hits, &found]) {
            entries.push(wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
        }
        let scanned = bind(gpu, &resident.scanned, &entries)?;
        let entry = wgpu::BindGroupEntry { binding: 0, resource: args.as_entire_binding() };
        let arguments = bind(gpu, &resident.arguments, &[entry])?;
        Ok(Lane {
            capacity,
            room,
            batch: Batch::default(),
            upload,
            writable: true,
            text,
            params,
            hits,
            found,
            args,
            staging,
            scanned,
            arguments,
            copied: 0,
        })
    }
}

fn bind(
    gpu: &Gpu,
    layout: &wgpu::BindGroupLayout,
    entries: &[wgpu::BindGroupEntry<'_>],
) -> Result<wgpu::BindGroup, Failure> {
    let description = wgpu::BindGroupDescriptor { label: None, layout, entries };
    gpu.guarded(|device| device.create_bind_group(&description))
}
