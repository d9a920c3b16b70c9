// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command may do in its turn on the service thread.

use super::device::Gpu;
use super::failure::Failure;
use super::readback::{Pool, Readback, Sink};
use super::reply::Reply;
use crate::base::status::Status;

/// Copies are made in words of four bytes.
const WORD: u64 = wgpu::COPY_BUFFER_ALIGNMENT;

/// What is collected for one submission.
#[derive(Default)]
pub struct Round {
    pub encoder: Option<wgpu::CommandEncoder>,
    /// Something has to be submitted, if only what the queue itself has collected.
    pub wanted: bool,
    pub readbacks: Vec<Readback>,
    pub replies: Vec<Reply<()>>,
    /// Numbers of the jobs that recorded something.
    pub jobs: Vec<u64>,
}

impl Round {
    /// The encoder, made when it is first asked for.
    pub fn encoder(&mut self, gpu: &Gpu) -> &mut wgpu::CommandEncoder {
        self.encoder
            .get_or_insert_with(|| gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()))
    }
}

/// One turn: what is recorded in it, by the commands in their order and then by the jobs, is one submission.
pub struct Turn<'a> {
    /// The device.
    pub gpu: &'a Gpu,
    pub(super) pool: &'a mut Pool,
    pub(super) round: &'a mut Round,
}

impl Turn<'_> {
    /// To record something by hand.
    pub fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.round.wanted = true;
        self.round.encoder(self.gpu)
    }

    /// `reply` gets OK when everything that was recorded up to now has been done by the device.
    pub fn when_done(&mut self, reply: Reply<()>) {
        self.round.wanted = true;
        self.round.replies.push(reply);
    }

    /// Writes bytes to a buffer, after all that was recorded before. `offset` and length are multiples of four.
    pub fn write(&mut self, buffer: &wgpu::Buffer, offset: u64, data: &[u8]) -> Result<(), Failure> {
        self.within(buffer, offset, data.len() as u64)?;
        if data.is_empty() {
            return Ok(());
        }
        if !offset.is_multiple_of(WORD) || !(data.len() as u64).is_multiple_of(WORD) {
            return Err(Failure::new(Status::INVALID, "a buffer is written in words of four bytes"));
        }
        self.round.wanted = true;
        if self.round.encoder.is_none() {
            // Goes to the device before what the encoder of this turn will hold.
            return self.gpu.guarded(|_| self.gpu.queue.write_buffer(buffer, offset, data));
        }
        let size = data.len() as u64;
        let description = wgpu::BufferDescriptor {
            label: None,
            size,
            usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::MAP_WRITE,
            mapped_at_creation: true,
        };
        let staging = self.gpu.guarded(|device| device.create_buffer(&description))?;
        match staging.slice(..).get_mapped_range_mut() {
            Ok(mut view) => view.copy_from_slice(data),
            Err(_) => return Err(Failure::new(Status::DEVICE, "a staging buffer cannot be written")),
        }
        staging.unmap();
        self.round.encoder(self.gpu).copy_buffer_to_buffer(&staging, 0, buffer, offset, size);
        Ok(())
    }

    /// Reads bytes of a buffer as they are after all that was recorded before. Any offset and length.
    pub fn read(&mut self, buffer: &wgpu::Buffer, offset: u64, bytes: u64, sink: Sink) {
        if let Err(failure) = self.within(buffer, offset, bytes) {
            return sink.send(Err(&failure));
        }
        if bytes == 0 {
            return sink.send(Ok(&[]));
        }
        let from = offset / WORD * WORD;
        let size = (offset + bytes).next_multiple_of(WORD) - from;
        let staging = match self.pool.take(self.gpu, size) {
            Ok(staging) => staging,
            Err(failure) => return sink.send(Err(&failure)),
        };
        self.encoder().copy_buffer_to_buffer(buffer, from, &staging, 0, size);
        let (skip, bytes) = ((offset - from) as usize, bytes as usize);
        self.round.readbacks.push(Readback { staging, skip, bytes, sink });
    }

    fn within(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> Result<(), Failure> {
        match offset.checked_add(bytes) {
            Some(end) if end <= buffer.size() => Ok(()),
            _ => {
                let size = buffer.size();
                Err(Failure::new(Status::INVALID, format!("{bytes} bytes at {offset} of a buffer that has {size}")))
            }
        }
    }
}
