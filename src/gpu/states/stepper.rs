// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches of a scan, read by a device's kernels.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::resident::Resident;
use super::walk::Request;
use super::wave::{Outcome, Window};
use crate::automata::bytes::kind_of;
use crate::automata::pattern::Match;
use crate::automata::reference::{Place, report, report_waiting};
use crate::automata::scanner::Compiled;
use crate::base::room::Grow;
use crate::base::status::{Outcome as Result, Status};
use crate::gpu::automaton::batch::{Batch, Room, Stepped, Stepper};
use crate::gpu::service::Held;

/// Bytes of a batch, and of a window in it.
const TEXT: usize = 1 << 20;
const WINDOW: usize = 1 << 16;

/// Has a request done and waits for it; `None`: it was asked to stop.
pub type Ask<'a> = Box<dyn FnMut(Request, &mut dyn FnMut() -> bool) -> Result<Option<Outcome>> + 'a>;

/// See the module documentation.
pub struct Walking<'a> {
    resident: Arc<Held<Resident>>,
    compiled: &'a Compiled,
    ask: Ask<'a>,
    /// Memory of the batch before.
    windows: Vec<Window>,
    active: Vec<Vec<u32>>,
}

impl<'a> Walking<'a> {
    /// For the batches of one scan.
    pub fn new(resident: Arc<Held<Resident>>, compiled: &'a Compiled, ask: Ask<'a>) -> Walking<'a> {
        Walking { resident, compiled, ask, windows: Vec::new(), active: Vec::new() }
    }

    /// The batch as a request. Its text and its sets go with it, and come back.
    fn request(&mut self, batch: &mut Batch) -> Result<Request> {
        let (mut windows, mut active) = (core::mem::take(&mut self.windows), core::mem::take(&mut self.active));
        windows.clear();
        active.clear();
        windows.room(batch.windows.len())?;
        active.room(batch.windows.len() * self.resident.parts().len())?;
        for number in 0..batch.windows.len() {
            let window = &batch.windows[number];
            windows.push(Window { from: window.from as usize, length: window.length as usize, before: window.before });
            for part in self.resident.parts() {
                active.push(core::mem::take(batch.active_mut(number, *part)));
            }
        }
        let text = core::mem::take(&mut batch.text);
        Ok(Request { text, windows, active, stop: Arc::new(AtomicBool::new(false)) })
    }

    /// What has come of it goes to the batch.
    fn take(&mut self, batch: &mut Batch, outcome: Outcome, out: &mut Vec<Match>) -> Result<u64> {
        batch.text = outcome.text;
        self.active = outcome.active;
        let parts = self.resident.parts();
        for number in 0..batch.windows.len() {
            for (kernel, part) in parts.iter().enumerate() {
                core::mem::swap(batch.active_mut(number, *part), &mut self.active[number * parts.len() + kernel]);
            }
        }
        for end in &outcome.ends {
            let known = batch.windows.get(end.window as usize).zip(parts.get(end.kernel as usize));
            let (window, tables) = match known {
                Some((window, part)) => (window, self.compiled.set.tables().nth(*part).ok_or(Status::DEVICE)?),
                None => return Err(Status::DEVICE),
            };
            if end.state >= tables.count() {
                return Err(Status::DEVICE);
            }
            let place = Place { stream: window.stream, end: window.offset + u64::from(end.index) };
            report(tables, &[end.state], place, out)?;
            // What depends on the byte behind the window waits for it.
            if end.index < window.length {
                let next = batch.text[(window.from + end.index) as usize];
                report_waiting(tables, &[end.state], place, kind_of(next), out)?;
            }
        }
        Ok(outcome.visits)
    }
}

impl Stepper for Walking<'_> {
    fn room(&self) -> Room {
        Room { text: TEXT, window: WINDOW, windows: self.resident.windows() }
    }

    fn step(&mut self, batch: &mut Batch, goes_on: &mut dyn FnMut() -> bool, out: &mut Vec<Match>) -> Result<Stepped> {
        let request = self.request(batch)?;
        match (self.ask)(request, goes_on)? {
            Some(outcome) => self.take(batch, outcome, out).map(Stepped::Done),
            None => Ok(Stepped::Stopped),
        }
    }
}
