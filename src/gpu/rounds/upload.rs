// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes to a device: pieces for its buffers, side by side in one that the host writes. It is mapped again when the
//! submission that copies from it has ended, so it is made once, and what is written costs no staging buffer of its own.

use crate::base::room::Grow;
use crate::gpu::service::Gpu;
use crate::gpu::service::words::as_bytes;

/// Smallest buffer, in bytes.
const LEAST: u64 = 16 << 10;
/// Largest; what is larger goes by the queue of the device.
const MOST: u64 = 32 << 20;

/// See the module documentation.
#[derive(Default)]
pub struct Upload {
    buffer: Option<wgpu::Buffer>,
    /// It can be written.
    mapped: bool,
    /// Bytes that are taken for the submission that is being made.
    taken: u64,
    copies: Vec<Copy>,
}

struct Copy {
    from: u64,
    to: wgpu::Buffer,
    offset: u64,
    bytes: u64,
}

impl Upload {
    /// Begins a submission that may bring so many bytes, if there is memory for them: else they go by the queue.
    pub fn begin(&mut self, gpu: &Gpu, bytes: u64) {
        let has = self.buffer.as_ref().map_or(0, wgpu::Buffer::size);
        if (self.mapped && has >= bytes) || bytes > MOST {
            return;
        }
        let description = wgpu::BufferDescriptor {
            label: None,
            size: bytes.next_power_of_two().clamp(LEAST.max(has), MOST),
            usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        };
        if let Ok(made) = gpu.guarded(|device| device.create_buffer(&description)) {
            (self.buffer, self.mapped) = (Some(made), true);
        }
    }

    /// Has `bytes` bytes that `fill` writes come to `offset` of a buffer of the device.
    pub fn write(
        &mut self,
        gpu: &Gpu,
        to: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
        fill: impl FnOnce(wgpu::WriteOnly<'_, [u8]>),
    ) {
        let Some(size) = wgpu::BufferSize::new(bytes) else { return };
        if let Some(mut view) = self.place(bytes) {
            fill(view.slice(..));
            self.copies.push(Copy { from: self.taken, to: to.clone(), offset, bytes });
            self.taken = (self.taken + bytes).next_multiple_of(wgpu::MAP_ALIGNMENT);
        } else if let Some(mut view) = gpu.queue.write_buffer_with(to, offset, size) {
            fill(view.slice(..));
        }
    }

    /// The next so many bytes, with memory for the note of them.
    fn place(&mut self, bytes: u64) -> Option<wgpu::BufferViewMut> {
        let (from, end) = (self.taken, self.taken + bytes);
        let buffer = self.buffer.as_ref().filter(|buffer| self.mapped && end <= buffer.size())?;
        self.copies.room(1).ok()?;
        buffer.slice(from..end).get_mapped_range_mut().ok()
    }

    /// As [`Self::write`], of words that a buffer begins with.
    pub fn words(&mut self, gpu: &Gpu, to: &wgpu::Buffer, words: &[u32]) {
        let bytes = as_bytes(words);
        self.write(gpu, to, 0, bytes.len() as u64, |mut view| view.copy_from_slice(bytes));
    }

    /// Records the copies of the submission.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let Some(buffer) = self.buffer.as_ref().filter(|_| !self.copies.is_empty()) else { return };
        buffer.unmap();
        self.mapped = false;
        for Copy { from, to, offset, bytes } in &self.copies {
            encoder.copy_buffer_to_buffer(buffer, *from, to, *offset, *bytes);
        }
    }

    /// Has it mapped when the submission has ended.
    pub fn submitted(&self) {
        if let (Some(buffer), false) = (&self.buffer, self.mapped) {
            buffer.slice(..).map_async(wgpu::MapMode::Write, |_| {});
        }
    }

    /// The submission has ended.
    pub fn completed(&mut self) {
        self.copies.clear();
        self.taken = 0;
        self.mapped = self.buffer.is_some();
    }
}
