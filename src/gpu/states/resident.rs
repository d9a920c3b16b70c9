// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device has of an automaton: a kernel for each of its parts that is stepped so, and the buffers of a wave.

use std::sync::{Mutex, PoisonError};

use super::kernel::{Change, Kernel};
use super::lane::{Lane, Sizes};
#[cfg(test)]
use super::source::Way;
use super::wave::{FOUND, KERNEL_SHIFT, Most};
use crate::automata::scanner::Compiled;
use crate::base::status::Status;
use crate::gpu::service::{Failure, Gpu};

/// Which parts of an automaton are stepped, and how. A part is the number of its tables in the set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Every part, by the baseline.
    Baseline,
    /// Those parts that have bits, bit-parallel.
    Dense,
    /// The same with memory of the group instead of subgroups.
    #[cfg(test)]
    DenseShared,
}

/// See the module documentation.
pub struct Resident {
    pub(super) kernels: Vec<Kernel>,
    /// The part of each kernel.
    parts: Vec<usize>,
    pub(super) group: wgpu::BindGroupLayout,
    pub(super) layout: wgpu::PipelineLayout,
    pub(super) most: Most,
    lane: Mutex<Option<Lane>>,
}

/// From the text of a kernel to that of another one.
#[cfg(test)]
pub type Rewrite = fn(String) -> String;

/// What a test makes of the kernels of automata that are compiled as they are by everybody.
#[cfg(test)]
pub static CHANGE: Mutex<Option<Rewrite>> = Mutex::new(None);

/// Bytes of text in a wave.
const TEXT: usize = 1 << 20;
/// Windows of a wave.
const WINDOWS: usize = 4096;
/// Bytes of the sets of a wave.
const CELLS: usize = 64 << 20;
/// States that are active before the windows of a wave, and records that it can find, unless one window can have more.
const ENTERING: usize = 1 << 18;
const RECORDS: usize = 1 << 18;

impl Resident {
    /// Brings an automaton to a device: some milliseconds, on the service thread. `None`: no part is one for it; LIMIT: it is
    /// too large.
    pub fn new(gpu: &Gpu, compiled: &Compiled, wanted: Wanted) -> Result<Option<Resident>, Failure> {
        #[cfg(test)]
        if let Some(change) = *CHANGE.lock().unwrap_or_else(PoisonError::into_inner) {
            return Resident::changed(gpu, compiled, wanted, &change);
        }
        Resident::changed(gpu, compiled, wanted, &|text| text)
    }

    /// As [`Resident::new`], with changed kernels.
    pub fn changed(
        gpu: &Gpu,
        compiled: &Compiled,
        wanted: Wanted,
        change: Change<'_>,
    ) -> Result<Option<Resident>, Failure> {
        let group = group(gpu)?;
        let description =
            wgpu::PipelineLayoutDescriptor { label: None, bind_group_layouts: &[Some(&group)], ..Default::default() };
        let layout = gpu.guarded(|device| device.create_pipeline_layout(&description))?;
        let (mut kernels, mut parts) = (Vec::new(), Vec::new());
        for (part, tables) in compiled.set.tables().enumerate() {
            let bits = part.checked_sub(1).and_then(|rest| compiled.bits()[rest].as_ref());
            if tables.count() == 0 {
                continue;
            }
            let kernel = match (wanted, bits) {
                (Wanted::Baseline, _) => Kernel::blocking(gpu, &layout, tables, change)?,
                (Wanted::Dense, Some(bits)) => Kernel::dense(gpu, &layout, (tables, bits), None, change)?,
                #[cfg(test)]
                (Wanted::DenseShared, Some(bits)) => {
                    Kernel::dense(gpu, &layout, (tables, bits), Some(Way::Shared), change)?
                }
                _ => continue,
            };
            kernels.push(kernel);
            parts.push(part);
        }
        if kernels.is_empty() {
            return Ok(None);
        }
        let most = most(gpu, &kernels)?;
        Ok(Some(Resident { kernels, parts, group, layout, most, lane: Mutex::new(None) }))
    }

    /// The part of each kernel.
    pub fn parts(&self) -> &[usize] {
        &self.parts
    }

    /// Windows that are read at once.
    pub fn windows(&self) -> usize {
        self.most.windows
    }

    /// The buffers of before if they suffice, or others.
    pub(super) fn lane(&self, gpu: &Gpu, sizes: Sizes) -> Result<Lane, Failure> {
        let kept = self.lane.lock().unwrap_or_else(PoisonError::into_inner).take();
        match kept {
            Some(lane) if lane.sizes.suffice(&sizes) => Ok(lane),
            Some(lane) => {
                let both = lane.sizes.and(&sizes);
                drop(lane);
                Lane::new(gpu, self, both)
            }
            None => Lane::new(gpu, self, sizes),
        }
    }

    /// Keeps buffers for the next request.
    pub(super) fn keep(&self, lane: Lane) {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(lane);
    }
}

/// What a wave can have on this device.
fn most(gpu: &Gpu, kernels: &[Kernel]) -> Result<Most, Failure> {
    let binding = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size) as usize;
    let cells = kernels.iter().map(|kernel| 4 * kernel.cells).max().unwrap_or(4).max(4);
    let states: usize = kernels.iter().map(|kernel| kernel.states).sum();
    let windows = (CELLS.min(binding) / cells).min(WINDOWS).min(1 << (KERNEL_SHIFT - 1));
    // A byte of one window at least: what is active behind it, what ends with it, and that it is done.
    let least = FOUND * (2 * states + kernels.len());
    let found = (FOUND * RECORDS).max(least);
    if windows == 0 || 4 * found + 16 > binding || kernels.len() > 15 {
        return Err(Failure::new(Status::LIMIT, "the automaton is too large for a device"));
    }
    Ok(Most { text: TEXT, windows, entering: ENTERING.max(states), found })
}

fn group(gpu: &Gpu) -> Result<wgpu::BindGroupLayout, Failure> {
    let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
    let kinds = [storage(true), storage(true), storage(true), storage(false), storage(false), storage(false)];
    let entry = |binding, ty, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
        count: None,
    };
    let rest = (1..).zip(kinds).map(|(binding, kind)| entry(binding, kind, false));
    let entries: Vec<_> = core::iter::once(entry(0, wgpu::BufferBindingType::Uniform, true)).chain(rest).collect();
    let description = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
    gpu.guarded(|device| device.create_bind_group_layout(&description))
}
