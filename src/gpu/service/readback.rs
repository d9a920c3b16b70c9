// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading from a device: through staging buffers that are used again.
//!
//! Sizes are powers of two up to [`POOLED`]; what is larger is made for one reading and dropped after it.

use super::device::Gpu;
use super::failure::{Failure, causes};
use crate::base::status::Status;

/// Largest staging buffer that is kept.
const POOLED: u64 = 16 << 20;
/// Bytes that are kept in all.
const KEPT: u64 = 64 << 20;
/// Smallest staging buffer.
const LEAST: u64 = 4 << 10;

/// What takes the bytes that were read.
type Taker = Box<dyn FnOnce(Result<&[u8], &Failure>) + Send>;

/// Takes the bytes that were read, once, on the service thread; or the reason why there are none.
pub struct Sink(Option<Taker>);

impl Sink {
    /// A sink that calls `taker`.
    pub fn new(taker: impl FnOnce(Result<&[u8], &Failure>) + Send + 'static) -> Sink {
        Sink(Some(Box::new(taker)))
    }

    /// Gives it the outcome.
    pub fn send(mut self, outcome: Result<&[u8], &Failure>) {
        if let Some(taker) = self.0.take() {
            taker(outcome);
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(taker) = self.0.take() {
            taker(Err(&Failure::new(Status::PANIC, "the device service dropped a reading without an answer")));
        }
    }
}

/// A reading whose copy is under way.
pub struct Readback {
    pub staging: wgpu::Buffer,
    /// Bytes of the staging buffer before those that were asked for.
    pub skip: usize,
    pub bytes: usize,
    pub sink: Sink,
}

impl Readback {
    /// Its submission is made: has the staging buffer mapped when that ends.
    pub fn submitted(&self) {
        self.staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
    }

    /// Its submission has ended.
    pub fn finish(self, pool: &mut Pool) {
        let Readback { staging, skip, bytes, sink } = self;
        match staging.slice(..).get_mapped_range() {
            Ok(view) => match view.get(skip..skip + bytes) {
                Some(read) => sink.send(Ok(read)),
                None => sink.send(Err(&Failure::new(Status::DEVICE, "less was read back than asked for"))),
            },
            Err(error) => {
                let text = format!("what was read back cannot be seen{}", causes(&error));
                sink.send(Err(&Failure::new(Status::DEVICE, text)));
            }
        }
        staging.unmap();
        pool.give(staging);
    }
}

/// Staging buffers that nobody uses.
#[derive(Default)]
pub struct Pool {
    free: Vec<wgpu::Buffer>,
    bytes: u64,
}

impl Pool {
    /// One of at least so many bytes.
    pub fn take(&mut self, gpu: &Gpu, bytes: u64) -> Result<wgpu::Buffer, Failure> {
        let size = if bytes <= POOLED { bytes.next_power_of_two().max(LEAST) } else { bytes };
        if let Some(at) = self.free.iter().position(|buffer| buffer.size() == size) {
            self.bytes -= size;
            return Ok(self.free.swap_remove(at));
        }
        gpu.buffer(size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)
    }

    fn give(&mut self, staging: wgpu::Buffer) {
        let size = staging.size();
        if size <= POOLED && self.bytes + size <= KEPT && self.free.try_reserve(1).is_ok() {
            self.bytes += size;
            self.free.push(staging);
        }
    }
}
