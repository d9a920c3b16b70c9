// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs that are made twice, on an adapter and on the processor, and compared: a strand of their own leads them.
//!
//! ```text
//! strand   copies of buffers and queue ── run on the adapter ── its buffers ── run of the twin ── compare ── resolve
//! ```
//! Each run has a ticket of its own, for which the strand waits; a cancel of the outer ticket goes to whichever is on.

use core::ffi::c_void;
use core::fmt::{self, Write};

use super::spawning::{self, SPAWN_UNCOUNTED, SpawnOptions};
use super::worklists;
use crate::base::room::exactly;
use crate::base::status::{Outcome, Status};
use crate::engine;
use crate::gpu::buffer::{self, Buffer};
use crate::gpu::remote::Remote;
use crate::gpu::shared::Shared;
use crate::gpu::ticket::{self, Pending};
use crate::gpu::worklist::compared::{Before, Found, judge};
use crate::gpu::worklist::list::{self, Worklist};
use crate::gpu::worklist::run::Limits;
use crate::strand::identity;
use crate::strand::message::{self, Text, fail};
use crate::wait::block::FOREVER;
use crate::work::evidence::Parity;

/// Visits of the processor for each of the device: an order of its own may cost it more, but not without end.
const VISITS: u64 = 16;
/// Visits that it has anyway.
const VISITS_LEAST: u64 = 1 << 16;

/// See the module documentation.
struct Comparison {
    list: Shared<Worklist>,
    outer: Pending,
    limits: Limits,
}

/// How it has ended.
struct Told {
    status: Status,
    parity: Parity,
    text: Text<500>,
}

impl Told {
    fn new(status: Status, parity: Parity, words: fmt::Arguments<'_>) -> Told {
        let mut text = Text::new();
        let _ = text.write_fmt(words);
        Told { status, parity, text }
    }

    /// What the failure that this strand has met last says of itself, after some words.
    fn unchecked(status: Status, words: &str) -> Told {
        let mut told = Told::new(status, Parity::Unchecked, format_args!("{words}"));
        let said = identity::current().and_then(|body| message::last_of(body, status));
        let said = said.unwrap_or_else(|| status.message().to_bytes());
        let _ = told.text.write_str(core::str::from_utf8(said).unwrap_or(""));
        told
    }
}

/// Begins such a run: its ticket.
pub fn dispatch(list: Shared<Worklist>, limits: Limits) -> Outcome<u64> {
    if limits.until_closed {
        return fail(
            Status::INVALID,
            format_args!(
                "STRAND_RUN_UNTIL_CLOSED: a run whose results will be compared takes nothing that is pushed meanwhile"
            ),
        );
    }
    let outer = ticket::create_by_strands(Some(cancelled), list.handle())?;
    let ticket = outer.handle();
    match list.begin_compared(ticket) {
        Ok(true) => start(Comparison { list, outer, limits })?,
        Ok(false) => outer.succeed(),
        Err(status) => {
            outer.withdraw();
            return fail(status, format_args!("a run of worklist {:#x} is on", list.handle()));
        }
    }
    Ok(ticket)
}

/// The outer ticket was cancelled, perhaps when it was resolved already and the next run is on.
fn cancelled(handle: u64, ticket: u64) {
    if let Ok(list) = list::get(handle) {
        list.end_compared(Some(ticket));
    }
}

/// Makes the strand. Without it the run has not begun.
fn start(comparison: Comparison) -> Outcome<()> {
    let list = comparison.list.clone();
    let options = SpawnOptions {
        flags: SPAWN_UNCOUNTED,
        name: b"worklist compared",
        arg_drop: Some(never_ran),
        ..SpawnOptions::default()
    };
    let place = message::allocate::<Comparison>();
    if place.is_null() {
        comparison.outer.withdraw();
        list.end_comparing(None);
        return fail(Status::NO_MEMORY, format_args!("no memory for a run that is compared"));
    }
    // SAFETY: allocated just now.
    unsafe { place.write(comparison) };
    // SAFETY: the entry takes a comparison; nothing is copied.
    match unsafe { spawning::spawn_held(&options, main, place.cast(), 0) } {
        Ok(strand) => {
            engine::spawn(strand);
            Ok(())
        }
        Err(status) => {
            // SAFETY: made above; no strand has it.
            unsafe { take(place.cast()) }.outer.withdraw();
            list.end_comparing(None);
            fail(status, format_args!("no strand could be made to run a worklist"))
        }
    }
}

/// # Safety
/// The argument is the strand's comparison, and nobody else has it.
unsafe fn take(argument: *mut c_void) -> Comparison {
    let place: *mut Comparison = argument.cast();
    // SAFETY: by contract; it was allocated for one.
    unsafe {
        let comparison = place.read();
        message::release(place);
        comparison
    }
}

/// The entry of the strand.
///
/// # Safety
/// The argument is its comparison.
unsafe extern "C-unwind" fn main(argument: *mut c_void) -> *mut c_void {
    // SAFETY: by contract.
    let comparison = unsafe { take(argument) };
    let told = comparison.compare();
    comparison.end(&told);
    core::ptr::null_mut()
}

/// The strand ended before it began.
unsafe extern "C" fn never_ran(argument: *mut c_void) {
    // SAFETY: no strand has it.
    let comparison = unsafe { take(argument) };
    comparison.end(&Told::new(Status::CANCELLED, Parity::Unchecked, format_args!("the run was cancelled")));
}

impl Comparison {
    fn end(self, told: &Told) {
        let Comparison { list, outer, .. } = self;
        let closed = told.status == Status::CANCELLED && !outer.is_cancelled() && list.lock().released;
        let status = if closed { Status::CLOSED } else { told.status };
        list.end_comparing(Some(told.parity));
        let text = core::str::from_utf8(told.text.as_bytes()).unwrap_or("");
        outer.resolve(status, format_args!("{text}"));
    }

    fn compare(&self) -> Told {
        let list = &self.list;
        let twin = match copies(list).and_then(|buffers| list.twin(buffers)) {
            Ok(twin) => twin,
            Err(status) => return Told::unchecked(status, "the run did not begin, for want of copies: "),
        };
        let before = Before::of(&list.lock().host);
        let device = match self.part(list, list.program.device.remote(), self.limits).and_then(|ended| ended) {
            Ok(()) => Told::new(Status::OK, Parity::Equal, format_args!("")),
            Err(Status::FAILED) => Told { parity: Parity::Equal, ..Told::unchecked(Status::FAILED, "") },
            Err(status) => return Told::unchecked(status, "not compared: "),
        };
        let found = Found::since(&list.lock().host, &before);
        let (found, buffers) = match found.and_then(|found| Ok((found, copies(list)?))) {
            Ok(found) => found,
            Err(status) => {
                return Told::unchecked(status, "not compared, because what the device has found cannot be copied: ");
            }
        };
        if found.dropped > 0 {
            return Told::unchecked(device.status, "not compared, because more items have faulted than are kept: ");
        }
        if found.was_cut_off() {
            return Told::unchecked(
                device.status,
                "not compared, because items have reached the loop limit of the shader: ",
            );
        }
        let visits_max = found.visits.saturating_mul(VISITS).saturating_add(VISITS_LEAST);
        match self.part(&twin, None, Limits { visits_max, rounds_max: u64::MAX, ..self.limits }) {
            Ok(Ok(()) | Err(Status::FAILED)) => {}
            Ok(Err(Status::LIMIT)) => {
                let words = format_args!(
                    "the processor has not come to an end after {visits_max} visits, and the device has after {}",
                    found.visits
                );
                return Told::new(Status::PARITY, Parity::Different, words);
            }
            Ok(Err(status)) | Err(status) => {
                return Told::unchecked(status, "the device is done, and the processor is not: ");
            }
        }
        self.judge(device, (&found, &buffers), &twin)
    }

    /// Compares what both have come to.
    fn judge(&self, told: Told, (found, buffers): (&Found, &[Shared<Buffer>]), twin: &Worklist) -> Told {
        let compared = || {
            let other = Found::since(&twin.lock().host, &Before::default())?;
            // SAFETY: both runs have ended, and nobody else knows these buffers.
            let (here, there) = unsafe { (windows(buffers)?, windows(&twin.buffers)?) };
            Ok(judge((found, &here), (&other, &there))?
                .map(|unequal| Told::new(Status::PARITY, Parity::Different, format_args!("{unequal}"))))
        };
        match compared() {
            Ok(different) => different.unwrap_or(told),
            Err(status) => Told::unchecked(status, "both are done, but not compared: "),
        }
    }

    /// One of the two runs, until it ends: how, or why it did not begin.
    fn part(&self, list: &Shared<Worklist>, remote: Option<&Remote>, limits: Limits) -> Outcome<Outcome<()>> {
        let pending = match remote {
            Some(_) => worklists::pending(list, remote)?,
            None => ticket::create_by_strands(None, 0)?,
        };
        let part = pending.handle();
        self.list.compares(part);
        if self.outer.is_cancelled() || self.list.lock().released {
            // Whoever asked for the end has found no part that was on.
            ticket::cancel(part)?;
        }
        let done = worklists::begin(list, remote, pending, limits).map(|()| ticket::wait(part, FOREVER));
        self.list.compares(0);
        // A run that did not begin has taken it away.
        let _ = ticket::release(part);
        done
    }
}

/// The buffers of a worklist, in host memory.
fn copies(list: &Worklist) -> Outcome<Vec<Shared<Buffer>>> {
    let mut copies = exactly(list.buffers.len())?;
    for buffer in &list.buffers {
        copies.push(buffer::copy_here(buffer)?);
    }
    Ok(copies)
}

/// The bytes of buffers in host memory.
///
/// # Safety
/// Nobody writes to them any more while the slices are used.
unsafe fn windows(buffers: &[Shared<Buffer>]) -> Outcome<Vec<&[u8]>> {
    let mut windows = exactly(buffers.len())?;
    for buffer in buffers {
        let first = buffer.host().ok_or(Status::DEVICE)?;
        // SAFETY: so many bytes are there as long as the buffer is; nobody writes, by contract.
        windows.push(unsafe { core::slice::from_raw_parts(first.cast_const(), buffer.bytes as usize) });
    }
    Ok(windows)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ffi::scheduler::{strand_scheduler_init, strand_scheduler_shutdown};
    use crate::gpu::device::{self, CPU, Label, Wish};
    use crate::gpu::program::{self, Source};
    use crate::gpu::worklist::list::Options;
    use crate::work::fields::Fields;

    unsafe extern "C-unwind" fn nothing(_: *mut c_void, _: *const u32, _: u32, _: *mut c_void) {}

    /// The hook of a ticket may be called when the next run is on.
    #[test]
    fn a_cancel_that_comes_late_leaves_the_next_run_alone() {
        // SAFETY: the defaults.
        assert_eq!(unsafe { strand_scheduler_init(core::ptr::null()) }, 0);
        let wish = Wish { kind: CPU, name: Label::NONE };
        let device = device::open(&device::Options { wish, in_flight: 0, latency: 0 }).unwrap();
        let limits = program::Limits {
            fields: Fields::new(1 << 6).unwrap(),
            fan_out_max: 0,
            emit_max: 0,
            emit_words: 1,
            inner_steps: 1,
            loop_limit: 1,
            group_size: 1,
            buffer_count: 0,
        };
        let kernel: program::Kernel = nothing;
        let source = Source { kernel: Some(kernel), kernel_data: core::ptr::null_mut(), wgsl: &[], spirv: &[] };
        let program = program::create(device, limits, &source).unwrap();
        let list = list::get(list::create(program, &Options::default()).unwrap()).unwrap();
        list.push(&[1], 0, 0, FOREVER).unwrap();
        let tickets = [(); 3].map(|()| ticket::create_by_strands(None, 0).unwrap());
        let [earlier, outer, part] = &tickets;
        assert_eq!(list.begin_compared(outer.handle()), Ok(true));
        assert_eq!(list.begin_compared(earlier.handle()), Err(Status::BUSY));
        cancelled(list.handle(), outer.handle()); // between two parts
        list.compares(part.handle());
        cancelled(list.handle(), earlier.handle());
        assert!(!part.is_cancelled(), "it is another run's");
        cancelled(list.handle(), outer.handle());
        assert!(part.is_cancelled(), "control");
        list.end_comparing(None);
        list.compares(part.handle());
        assert!(!list.lock().compared.is_on());
        tickets.into_iter().for_each(Pending::withdraw);
        drop(list);
        assert_eq!(strand_scheduler_shutdown(FOREVER), 0);
    }
}
