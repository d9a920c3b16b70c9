// SPDX-License-Identifier: MIT OR Apache-2.0
//! Items of a state and a position, done by a program of a worklist: on an adapter, and on the processor.
//!
//! ```text
//! words.rs     tables and text as buffers       kernel.rs   the program, native       shader.rs   the same as a shader
//! ready.rs     a worklist with the text and the set of what was reached, for one scan at a time
//! stepper.rs   a batch: items in, records out
//! ```

mod kernel;
mod ready;
#[cfg(test)]
pub mod seeded;
mod shader;
mod stepper;
mod words;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::automata::scanner::Compiled;
use crate::base::room::Grow;
use crate::base::status::{Outcome, Status};
use crate::gpu::buffer;
use crate::gpu::device::Device;
use crate::gpu::program::{self, GROUP_SIZE, LOOP_LIMIT, Limits, Source};
use crate::gpu::worklist::run;
use crate::work::fields::Fields;
use crate::work::pair;
use crate::work::words::Word;
use ready::{Plan, Ready};
pub use stepper::Items;
pub use words::{Refused, Words};

/// Begins a run of a worklist: its ticket. What needs strands is above this layer.
pub type Dispatch = fn(u64, run::Limits) -> Outcome<u64>;

/// The words of an item.
const FIELDS: Fields = match Fields::new(pair::FIELDS.mask() | Word::ContinuationData.bit()) {
    Some(fields) => fields,
    None => unreachable!(),
};

/// What a device has of an automaton: the program, the tables, and what scans have left for others.
pub struct Resident {
    words: Words,
    parts: u64,
    plan: Plan,
    /// Handles.
    device: u64,
    program: u64,
    tables: u64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    released: bool,
    ready: Vec<Ready>,
}

/// Worklists that are kept for later scans.
const KEPT: usize = 4;

/// The tables of these parts, if a device has room for them. Takes its time.
pub fn words(compiled: &Compiled, parts: u64, device: &Device) -> Result<Words, Refused> {
    let most = device.info.binding_bytes_max.min(device.info.buffer_bytes_max) / 4;
    #[cfg(test)]
    let most = seeded::words_max(most);
    Words::new(&compiled.set, parts, most)
}

impl Resident {
    /// Brings tables to a device. `differential`: worklists are to be ones whose runs are made twice, where that can be.
    pub fn new(device: &Device, words: Words, parts: u64, differential: bool) -> Outcome<Resident> {
        let twice = differential && device.remote().is_some();
        let mut resident = Resident {
            plan: Plan::new(words.joins, twice),
            words,
            parts,
            device: device.handle(),
            program: 0,
            tables: 0,
            kept: Mutex::default(),
        };
        let made = resident.fill(device.remote().is_none());
        if made.is_err() {
            resident.release();
        }
        made.map(|()| resident)
    }

    fn fill(&mut self, native: bool) -> Outcome<()> {
        #[cfg(test)]
        seeded::spoil_words(&mut self.words.words);
        self.tables = buffer::create(self.device, 4 * self.words.words.len() as u64)?;
        write(self.tables, 0, &self.words.words)?;
        let text = if native { String::new() } else { shader::text() };
        #[cfg(test)]
        let text = seeded::spoil_text(text);
        let source =
            Source { kernel: Some(kernel::run), kernel_data: core::ptr::null_mut(), wgsl: text.as_bytes(), spirv: &[] };
        self.program = program::create(self.device, limits(), &source)?;
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worklist that nobody uses.
    fn take(&self) -> Outcome<Ready> {
        let mut kept = self.kept();
        if kept.released {
            return Err(Status::CLOSED);
        }
        let ready = kept.ready.pop();
        drop(kept);
        ready.map_or_else(|| Ready::new(self), Ok)
    }

    /// Gives one back whose run is over.
    fn put(&self, ready: Ready) {
        let mut kept = self.kept();
        if kept.released || kept.ready.len() >= KEPT || kept.ready.room(1).is_err() {
            drop(kept);
            return ready.release();
        }
        kept.ready.push(ready);
    }

    /// Gives everything up. Scans that go on give up what they have.
    pub fn release(&self) {
        let mut kept = self.kept();
        kept.released = true;
        let ready = core::mem::take(&mut kept.ready);
        drop(kept);
        ready.into_iter().for_each(Ready::release);
        if self.program != 0 {
            let _ = program::release(self.program);
        }
        if self.tables != 0 {
            let _ = buffer::release(self.tables);
        }
    }
}

/// What the program declares.
fn limits() -> Limits {
    Limits {
        fields: FIELDS,
        fan_out_max: kernel::FAN_OUT,
        emit_max: kernel::EMITS,
        emit_words: 2,
        inner_steps: 1,
        loop_limit: LOOP_LIMIT,
        group_size: GROUP_SIZE,
        buffer_count: 3,
    }
}

/// Writes words to a buffer from word `at` on.
fn write(buffer: u64, at: usize, words: &[u32]) -> Outcome<()> {
    if words.is_empty() {
        return Ok(());
    }
    // SAFETY: the words are readable.
    unsafe { buffer::write(buffer, 4 * at as u64, words.as_ptr().cast(), 4 * words.len() as u64) }
}
