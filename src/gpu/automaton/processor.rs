// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches on the processor, window after window: what runs where a device cannot, and what devices are held to.

use super::batch::{Batch, Begins, Room, Stepped, Stepper};
use crate::automata::dense;
use crate::automata::pattern::Match;
use crate::automata::reference::{self, Carried, Scratch};
use crate::automata::scanner::Compiled;
use crate::automata::sparse::{self, Item, WINDOW};
use crate::base::room::{Room as Lacking, list};
use crate::base::status::Outcome;

/// See the module documentation.
pub struct Processor<'a> {
    compiled: &'a Compiled,
    /// A bit for each part that it runs.
    parts: u64,
    sparse: sparse::Memory,
    dense: Vec<Option<dense::Memory>>,
    scratch: Vec<Option<Scratch>>,
}

impl<'a> Processor<'a> {
    /// Runs these parts.
    pub fn new(compiled: &'a Compiled, parts: u64) -> Lacking<Processor<'a>> {
        let dense = list(compiled.set.tables().map(|_| None))?;
        let scratch = list(compiled.set.tables().map(|_| None))?;
        Ok(Processor { compiled, parts, sparse: sparse::Memory::default(), dense, scratch })
    }

    fn window(&mut self, batch: &mut Batch, number: usize, part: usize, out: &mut Vec<Match>) -> Lacking<u64> {
        let (window, begins) = (batch.windows[number].clone(), batch.begins);
        let place = window.place();
        let (text, seeds, active) = batch.look(number, part);
        let Some(tables) = self.compiled.set.tables().nth(part) else { return Ok(0) };
        if begins == Begins::Anywhere {
            let scratch = made(&mut self.scratch[part], || Scratch::new(tables))?;
            let mut carried = Carried { offset: place.end, last: window.before, active: core::mem::take(active) };
            let visits = reference::scan(tables, &mut carried, scratch, place.stream, text, out)?;
            *active = carried.active;
            active.sort_unstable();
            return Ok(visits);
        }
        let within = sparse::Window { text, place };
        if part == 0 {
            let seeds = seeds.iter().map(|seed| Item { state: seed.state, index: seed.end });
            return sparse::run(tables, &mut self.sparse, within, seeds, active, out);
        }
        if let Some(bits) = self.compiled.bits().get(part - 1).and_then(Option::as_ref) {
            let memory = made(&mut self.dense[part], || dense::Memory::new(bits))?;
            return dense::run(tables, bits, memory, text, place, window.before, active, out);
        }
        let starts = sparse::starts(tables, text, window.before);
        sparse::run(tables, &mut self.sparse, within, starts, active, out)
    }
}

impl Stepper for Processor<'_> {
    fn room(&self) -> Room {
        Room { text: 1 << 20, window: WINDOW, windows: 1 << 12 }
    }

    fn step(&mut self, batch: &mut Batch, goes_on: &mut dyn FnMut() -> bool, out: &mut Vec<Match>) -> Outcome<Stepped> {
        let (mut visits, own) = (0, self.parts);
        for number in 0..batch.windows.len() {
            if !goes_on() {
                return Ok(Stepped::Stopped);
            }
            for part in (0..batch.parts()).filter(|part| own >> part & 1 != 0) {
                visits += self.window(batch, number, part, out)?;
            }
        }
        Ok(Stepped::Done(visits))
    }
}

/// What is made when it is needed for the first time.
fn made<T>(place: &mut Option<T>, make: impl FnOnce() -> Lacking<T>) -> Lacking<&mut T> {
    match place {
        Some(value) => Ok(value),
        none => Ok(none.insert(make()?)),
    }
}
