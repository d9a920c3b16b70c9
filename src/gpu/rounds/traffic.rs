// SPDX-License-Identifier: MIT OR Apache-2.0
//! What comes back from a device beside the status: pieces of its buffers, copied one behind the other into one that can be
//! mapped.

use super::store::Store;
use crate::base::room::Grow;
use crate::base::status::Status;
use crate::gpu::service::words::as_bytes_mut;
use crate::gpu::service::{Failure, Gpu};

/// What a piece is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Emitted records. `guessed`: copied before anybody knew how many there are.
    Emits {
        /// See above.
        guessed: bool,
    },
    /// Reports; likewise.
    Reports {
        /// See above.
        guessed: bool,
    },
    /// Debug records of the submission, as many as there may be.
    Debug,
    /// Items of a band that make room.
    Spilled(u32),
    /// Items of a band at the end of the run.
    Returned(u32),
}

/// A run of words to be copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// What it is.
    pub piece: Piece,
    /// The first word, in the queue or in the output.
    pub from: u32,
    /// How many.
    pub words: u32,
}

/// See the module documentation.
#[derive(Default)]
pub struct Traffic {
    buffer: Option<wgpu::Buffer>,
    /// Of the submission that is being made or is under way.
    pub parts: Vec<Part>,
}

/// Smallest buffer, in bytes.
const LEAST: u64 = 16 << 10;

impl Traffic {
    /// Words of all parts.
    pub fn words(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.words)).sum()
    }

    /// Words that fit.
    pub fn fits(&self) -> u64 {
        self.buffer.as_ref().map_or(0, wgpu::Buffer::size) / 4
    }

    /// Makes sure that so many words fit. Without memory as many fit as before.
    pub fn prepare(&mut self, gpu: &Gpu, words: u64) -> Result<(), Failure> {
        if self.fits() >= words.max(1) {
            return Ok(());
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        self.buffer = Some(gpu.buffer((4 * words).next_power_of_two().max(LEAST), usage)?);
        Ok(())
    }

    /// Records those copies that are guesses, or those that are not: the latter come before the rounds.
    pub fn record(&self, store: &Store, encoder: &mut wgpu::CommandEncoder, guesses: bool) {
        let Some(buffer) = &self.buffer else { return };
        let mut at = 0;
        for part in &self.parts {
            let (source, guessed) = match part.piece {
                Piece::Emits { guessed } | Piece::Reports { guessed } => (&store.out, guessed),
                Piece::Debug => (&store.out, true),
                Piece::Spilled(_) | Piece::Returned(_) => (&store.queue, false),
            };
            let bytes = 4 * u64::from(part.words);
            if guessed == guesses {
                encoder.copy_buffer_to_buffer(source, 4 * u64::from(part.from), buffer, at, bytes);
            }
            at += bytes;
        }
    }

    /// Has the buffer mapped when the submission has ended.
    pub fn submitted(&self) {
        if let (Some(buffer), false) = (&self.buffer, self.parts.is_empty()) {
            buffer.slice(..4 * self.words()).map_async(wgpu::MapMode::Read, |_| {});
        }
    }

    /// Nobody will read what came.
    pub fn drop_arrived(&self) {
        if let (Some(buffer), false) = (&self.buffer, self.parts.is_empty()) {
            buffer.unmap();
        }
    }

    /// What came, in words: all parts, one behind the other.
    pub fn arrived(&mut self, into: &mut Vec<u32>) -> Result<(), Failure> {
        into.clear();
        match &self.buffer {
            Some(buffer) if !self.parts.is_empty() => read(buffer, self.words(), into),
            _ => Ok(()),
        }
    }
}

/// Reads so many words of a mapped buffer, and unmaps it, whatever becomes of them: one that stays mapped would cost whoever has
/// something in the next submission what lies on the device.
pub fn read(buffer: &wgpu::Buffer, words: u64, into: &mut Vec<u32>) -> Result<(), Failure> {
    let copied = copy(buffer, words, into);
    buffer.unmap();
    copied
}

fn copy(buffer: &wgpu::Buffer, words: u64, into: &mut Vec<u32>) -> Result<(), Failure> {
    let failed = |text: String| Failure::new(Status::DEVICE, format!("what was read back cannot be seen: {text}"));
    into.room(usize::try_from(words).unwrap_or(usize::MAX))?;
    let view = buffer.slice(..4 * words).get_mapped_range().map_err(|error| failed(error.to_string()))?;
    into.resize(words as usize, 0);
    as_bytes_mut(into).copy_from_slice(&view);
    Ok(())
}
