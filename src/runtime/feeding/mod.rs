// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are read into worklists and automata while these work.
//!
//! ```text
//! mod.rs     the strand that does it, how it reads, how it ends     items.rs   into a worklist     text.rs   into an automaton
//! ```
//! One strand of the library for each. It has a thread of the offload pool read a block, hands it over, and has the next one
//! read: what the worklist has queued, or the automaton scans, is worked on meanwhile.

mod items;
mod text;

use core::ffi::{c_int, c_void};

use super::spawning::{self, SPAWN_UNCOUNTED, SpawnOptions};
use super::strands;
use crate::base::room::{NoMemory, Zero, zeroes};
use crate::base::status::{Outcome, Status};
use crate::engine::{self, clock};
use crate::gpu::away;
use crate::gpu::feed::Feed;
use crate::gpu::shared::Shared;
use crate::gpu::ticket::{self, Hook, Pending};
use crate::io::source::{Got, Source};
use crate::record::failure::Errno;
use crate::strand::message::{self, fail, try_box};
use crate::strand::{head, identity};
use crate::wait::block::{FOREVER, NO_WAIT};
use crate::wait::cancel;

pub use items::ingest;
pub use text::scan;

/// How a file is read.
pub struct Plan {
    /// The caller's descriptor.
    pub file: c_int,
    /// Nothing follows the end of the file.
    pub last: bool,
    /// Bytes that are read at once, at most.
    pub block: usize,
    /// Bytes that are read in all, at most.
    pub bytes_max: u64,
    /// When it ends at the latest.
    pub deadline: i64,
    /// Where it is told what was done, before the ticket has its result; or null.
    pub told: *mut Counts,
}

// SAFETY: the caller leaves what it points to alone until the ticket has its result.
unsafe impl Send for Plan {}

/// What was done.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Bytes of the caller's struct.
    pub size: u32,
    /// Bytes of a record that the end has cut off.
    pub partial: u32,
    /// Bytes that were read.
    pub read: u64,
    /// Of them, those that were taken.
    pub taken: u64,
    /// Items that they were.
    pub items: u64,
    /// How often something was read.
    pub blocks: u64,
}

/// Why it ends before the file does.
enum Why {
    Failed(i32),
    Partial(u32),
    Is(Status),
}

/// Where what is read goes.
enum Sink {
    Items(items::Items),
    Text(text::Text),
}

/// A file that is read.
struct Job {
    feed: Shared<Feed>,
    pending: Option<Pending>,
    plan: Plan,
    counts: Counts,
}

struct Work(Job, Sink);

/// Begins: the ticket. `join` makes the feed known to the one who gets it.
fn begin(
    plan: Plan,
    hook: Hook,
    data: u64,
    sink: Sink,
    join: impl FnOnce(&Sink, &Shared<Feed>) -> Outcome<()>,
) -> Outcome<u64> {
    let source = Source::new(plan.file)?;
    let pending = ticket::create_by_strands(Some(hook), data)?;
    let handle = pending.handle();
    let feed = match Feed::new(source, handle).and_then(|feed| join(&sink, &feed).map(|()| feed)) {
        Ok(feed) => feed,
        Err(status) => {
            pending.withdraw();
            return Err(status);
        }
    };
    if !plan.told.is_null() {
        // SAFETY: writable until the ticket has its result, by the caller's promise.
        unsafe { (*plan.told) = Counts { size: (*plan.told).size, ..Counts::default() } };
    }
    let job = Job { feed: feed.clone(), pending: Some(pending), plan, counts: Counts::default() };
    spawn(Work(job, sink), &feed)?;
    Ok(handle)
}

/// Makes the strand. Without it nothing has begun.
fn spawn(work: Work, feed: &Shared<Feed>) -> Outcome<()> {
    let no_strand = |status| fail(status, format_args!("no strand could be made that reads a file"));
    // What is left of it when there is no memory for the box.
    let mut work = Some(work);
    let Some(place) = try_box(None) else {
        work.into_iter().for_each(Work::withdraw);
        return no_strand(Status::NO_MEMORY);
    };
    let mut place: Box<Option<Work>> = place;
    *place = work.take();
    let argument: *mut c_void = Box::into_raw(place).cast();
    let options =
        SpawnOptions { flags: SPAWN_UNCOUNTED, name: b"ingest", arg_drop: Some(never_ran), ..SpawnOptions::default() };
    // SAFETY: the entry takes such a box; nothing is copied.
    match unsafe { spawning::spawn_held(&options, main, argument, 0) } {
        Ok(strand) => {
            feed.done_by(head::handle_of(strand));
            engine::spawn(strand);
            Ok(())
        }
        Err(status) => {
            // SAFETY: made above; no strand has it.
            unsafe { taken(argument) }.into_iter().for_each(Work::withdraw);
            no_strand(status)
        }
    }
}

/// # Safety
/// From `spawn`, and used by nobody else.
unsafe fn taken(argument: *mut c_void) -> Option<Work> {
    // SAFETY: by contract.
    *unsafe { Box::from_raw(argument.cast::<Option<Work>>()) }
}

/// The entry of the strand.
///
/// # Safety
/// As [`taken`].
unsafe extern "C-unwind" fn main(argument: *mut c_void) -> *mut c_void {
    // SAFETY: by contract.
    if let Some(mut work) = unsafe { taken(argument) } {
        let Work(job, sink) = &mut work;
        let ended = match sink {
            Sink::Items(items) => items.run(job),
            Sink::Text(text) => text.run(job),
        };
        work.end(ended);
    }
    core::ptr::null_mut()
}

/// The strand ended before it began.
unsafe extern "C" fn never_ran(argument: *mut c_void) {
    // SAFETY: no strand has it.
    unsafe { taken(argument) }.into_iter().for_each(|work| work.end(Err(Why::Is(Status::CANCELLED))));
}

/// The ticket of what is read was cancelled.
fn stop(feed: Option<Shared<Feed>>) {
    if let Some(feed) = feed {
        feed.source.stop();
        // It may wait for room; a strand that has ended is none.
        let _ = strands::cancel_strand(feed.strand(), 0);
    }
}

impl Work {
    fn leave(&self) {
        match &self.1 {
            Sink::Items(items) => items.leave(&self.0.feed),
            Sink::Text(text) => text.leave(&self.0.feed),
        }
    }

    fn withdraw(mut self) {
        self.leave();
        if let Some(pending) = self.0.pending.take() {
            pending.withdraw();
        }
    }

    fn end(mut self, ended: Result<(), Why>) {
        let Job { feed, plan, counts, .. } = &mut self.0;
        feed.source.put_back(counts.read - counts.taken);
        if let Err(Why::Partial(bytes)) = ended {
            counts.partial = bytes;
        }
        let counts = *counts;
        if !plan.told.is_null() {
            // SAFETY: writable until the ticket has its result, by the caller's promise.
            unsafe { (*plan.told) = Counts { size: (*plan.told).size, ..counts } };
        }
        let pending = self.0.pending.take();
        self.leave();
        // Descriptors and blocks are given back before anybody hears of the end.
        drop(self);
        let Some(pending) = pending else { return };
        let taken = format_args!("{} bytes were taken", counts.taken);
        match ended {
            Ok(()) => pending.succeed(),
            Err(Why::Failed(error)) => pending.resolve(Status::IO, format_args!("reading: {}; {taken}", Errno(error))),
            Err(Why::Partial(bytes)) => pending
                .resolve(Status::INVALID, format_args!("the last record is cut off: it has {bytes} bytes; {taken}")),
            Err(Why::Is(status)) => {
                let of_system = status.message().to_string_lossy();
                let text = identity::current().and_then(|body| message::last_of(body, status));
                let text = text.and_then(|text| core::str::from_utf8(text).ok()).filter(|text| !text.is_empty());
                pending.resolve(status, format_args!("{}; {taken}", text.unwrap_or(&of_system)));
            }
        }
    }
}

impl Job {
    /// Reads a block: its bytes; 0 at the end. `wait`: for something to read; else `None` when there is nothing now. Past the
    /// deadline nothing is read, however much there is.
    fn read(&mut self, room: &mut [u8], wait: bool) -> Result<Option<usize>, Why> {
        if self.plan.deadline != FOREVER && clock::shown() >= self.plan.deadline {
            return Err(Why::Is(Status::TIMEOUT));
        }
        let left = self.plan.bytes_max - self.counts.read;
        let most = room.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(Some(0));
        }
        loop {
            let (source, room) = (&self.feed.source, &mut room[..most]);
            let deadline = if wait { self.plan.deadline } else { NO_WAIT };
            match away::elsewhere(|| source.read(room, deadline)) {
                Ok(Got::Bytes(count)) => {
                    self.counts.read += count as u64;
                    self.counts.blocks += 1;
                    return Ok(Some(count));
                }
                Ok(Got::End) => return Ok(Some(0)),
                Ok(Got::Late) if !wait => return Ok(None),
                Ok(Got::Late) => return Err(Why::Is(Status::TIMEOUT)),
                Ok(Got::Later) => {}
                Ok(Got::Failed(error)) => return Err(Why::Failed(error)),
                Ok(Got::Stopped) | Err(Status::CANCELLED) => return Err(Why::Is(self.why_stopped())),
                Err(status) => return Err(Why::Is(status)),
            }
        }
    }

    /// What there was to read is not wanted any more.
    fn why_stopped(&self) -> Status {
        let asked = self.pending.as_ref().is_some_and(Pending::is_cancelled);
        let ended = identity::current().is_some_and(cancel::is_asked_to_end);
        if asked || ended { Status::CANCELLED } else { Status::CLOSED }
    }
}

/// Memory for a block: address space at first, and used as far as something is read into it.
fn block<T: Zero>(length: usize) -> Outcome<Vec<T>> {
    zeroes(length).or_else(|NoMemory| {
        fail(Status::NO_MEMORY, format_args!("no memory for a block of {} bytes", length * size_of::<T>()))
    })
}
