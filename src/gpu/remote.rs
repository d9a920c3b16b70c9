// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adapters, through their service threads. Whoever waits for one waits for a ticket; what has no thread yet, finding and
//! opening, is done by a thread that may block.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::apart::{self, Apart};
use super::automaton::batch::Stepper;
use super::away::elsewhere;
use super::device::{self, Info, Label, Wish};
use super::literals::{Piece, Request, Resident, Scan};
use super::program::Program;
use super::rounds::prepared::Prepared;
use super::rounds::shape::Declared;
use super::rounds::source::Source;
use super::service::{self, Choice, Facts, Failure, Gpu, Held, Options, Reply, Service, Sink};
use super::states::{self, Walk, Walking, Wanted};
use super::ticket::{self, Pending};
use crate::automata::prefilter::Literals;
use crate::automata::scanner;
use crate::base::failing;
use crate::base::status::{Outcome, Status};
use crate::engine::{clock, expected};
use crate::gpu::shared::Shared;
use crate::strand::identity;
use crate::strand::message::{fail, try_box};
use crate::wait::block::FOREVER;
use crate::wait::cancel;

/// How far the host may be ahead of an adapter with what it writes, in bytes.
const AHEAD_MAX: u64 = 64 << 20;
/// What a piece counts that is written, beside its bytes: each is something to do.
const PIECE: u64 = 16 << 10;

/// An open adapter.
pub struct Remote {
    /// Its thread.
    pub service: Apart<Service>,
    close: fn(&Service),
    nudge: fn(&Service),
    /// What was written and has not come to the adapter.
    ahead: Arc<AtomicU64>,
}

/// A buffer on an adapter.
pub struct RemoteBuffer {
    /// wgpu's.
    pub held: Apart<Arc<Held<wgpu::Buffer>>>,
}

/// What an adapter keeps of a program.
pub struct Compiled {
    /// Its pipelines, as worklists come to need them.
    pub prepared: Apart<Arc<Prepared>>,
}

/// A failure as the answer of a call.
fn told<T>(result: Result<T, Failure>) -> Outcome<T> {
    result.or_else(|failure| fail(failure.status, format_args!("{failure}")))
}

fn info_of(facts: &Facts) -> Info {
    Info {
        kind: if facts.software { device::SOFTWARE } else { device::HARDWARE },
        memory_bytes: facts.memory_bytes,
        buffer_bytes_max: facts.buffer_bytes_max,
        binding_bytes_max: facts.binding_bytes_max,
        group_invocations_max: facts.group_invocations_max,
        subgroup_min: facts.subgroup_min,
        subgroup_max: facts.subgroup_max,
        loop_limit: facts.loop_limit,
        name: Label::new(&facts.name),
        driver: Label::new(&facts.driver),
    }
}

/// What there is. Without Vulkan: nothing.
pub fn list() -> Outcome<Vec<Info>> {
    apart::remember(forget);
    Ok(elsewhere(service::adapters::list)?.iter().map(info_of).collect())
}

/// At a shutdown: lets go of what the search for adapters has left, and waits for the threads of adapters that nobody has
/// closed.
fn forget() {
    service::thread::join_left();
    service::adapters::forget();
}

/// Opens the first adapter that the wish admits.
pub fn open(wish: Wish, in_flight: u32) -> Outcome<(Info, Remote)> {
    let software = match wish.kind {
        device::HARDWARE => Some(false),
        device::SOFTWARE => Some(true),
        _ => None,
    };
    let name = (wish.name != Label::NONE).then(|| wish.name.text().to_owned());
    let (lost_after, panics) = lost_after();
    let (choice, options) = (Choice { software, name }, Options { in_flight, lost_after, panics });
    apart::remember(forget);
    let service = told(elsewhere(move || Service::open(&choice, &options))?)?;
    Ok((
        info_of(service.facts()),
        Remote { service: Apart::new(service), close, nudge: Service::nudge, ahead: Arc::new(AtomicU64::new(0)) },
    ))
}

fn close(service: &Service) {
    service.begin_close();
    match identity::current() {
        Some(body) => {
            let _shield = cancel::Shielded::new(body);
            // Where no thread can be had, it ends on its own.
            let _ = elsewhere(|| service.close());
        }
        None => service.close(),
    }
}

/// What STRAND_TEST_DEVICE_LOST says: a device is destroyed after so many submissions, or, behind "panic:", its thread
/// panics. 0: never.
fn lost_after() -> (u64, bool) {
    // SAFETY: getenv gives null or a terminated string, which stays while nobody changes the environment.
    let value = unsafe {
        let value = libc::getenv(c"STRAND_TEST_DEVICE_LOST".as_ptr());
        if value.is_null() {
            return (0, false);
        }
        core::ffi::CStr::from_ptr(value)
    };
    let text = value.to_str().unwrap_or("");
    let panics = text.strip_prefix("panic:");
    (panics.unwrap_or(text).parse().unwrap_or(0), panics.is_some())
}

/// A set of literals on an adapter.
pub struct RemoteLiterals {
    held: Apart<Arc<Held<Resident>>>,
}

/// Parts of an automaton that an adapter steps byte by byte.
pub struct RemoteStates {
    held: Apart<Arc<Held<states::Resident>>>,
}

/// How long a strand waits for an adapter before it looks whether it still should: nanoseconds.
const LOOK: i64 = 10_000_000;

/// What bytes are copied to, by the service thread.
struct Target(*mut u8);

// SAFETY: whoever asks for the copy keeps it writable until it was made.
unsafe impl Send for Target {}

impl Target {
    /// # Safety
    /// There is room, and it is writable now.
    unsafe fn fill(&self, bytes: &[u8]) {
        // SAFETY: by contract.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0, bytes.len()) };
    }
}

impl Remote {
    /// Runs that wait are looked at again.
    pub fn nudge(&self) {
        (self.nudge)(&self.service);
    }

    /// Ends everything and waits for it, whatever becomes of the caller.
    pub fn close(&self) {
        (self.close)(&self.service);
    }

    /// Has something made on the service thread, and waits for it.
    pub fn ask<T: Send + 'static>(&self, make: impl FnOnce(&Gpu) -> Result<T, Failure> + Send + 'static) -> Outcome<T> {
        self.answer(|reply| self.service.make(make, reply))
    }

    /// Waits for the reply that something gets.
    fn answer<T: Send + 'static>(&self, begin: impl FnOnce(Reply<T>)) -> Outcome<T> {
        self.answer_while(begin, |ticket| ticket::wait(ticket, FOREVER))
    }

    /// The same; `wait` waits for its ticket.
    fn answer_while<T: Send + 'static>(
        &self,
        begin: impl FnOnce(Reply<T>),
        wait: impl FnOnce(u64) -> Outcome<()>,
    ) -> Outcome<T> {
        let pending = ticket::create()?;
        let ticket = pending.handle();
        let answer = Arc::new(Mutex::new(None));
        let place = answer.clone();
        let reply = Reply::new(move |result| {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            pending.succeed();
        });
        expected::begin();
        begin(reply);
        let waited = wait(ticket);
        // Only a shutdown takes it away before.
        let _ = ticket::release(ticket);
        waited?;
        let result = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.map_or(Err(Status::PANIC), told)
    }

    /// Brings a set of literals to the adapter.
    pub fn literals(&self, literals: Arc<Literals>) -> Outcome<RemoteLiterals> {
        let held = self.ask(move |gpu| Ok(Arc::new(gpu.hold(Resident::new(gpu, literals)?))))?;
        Ok(RemoteLiterals { held: Apart::new(held) })
    }

    /// Where literals end in a text, with their identifiers, in no order; waits for it.
    pub fn seek(&self, literals: &RemoteLiterals, text: Vec<u8>) -> Outcome<Vec<(u32, u32)>> {
        let piece = Piece { stream: 0, bytes: 0..text.len(), known: 0, offset: 0 };
        let request = Request { memory: Arc::new(text), pieces: vec![piece] };
        let resident = literals.held.clone();
        let found = self.answer(|reply| self.service.start(Box::new(Scan::new(resident, request, reply))))?;
        Ok(found.matches.iter().map(|found| (found.end as u32, found.pattern)).collect())
    }

    /// Brings parts of an automaton to the adapter: all of them for the baseline, else those that have bits. `None`: there
    /// are none.
    pub fn states(&self, compiled: &Shared<scanner::Compiled>, baseline: bool) -> Outcome<Option<RemoteStates>> {
        let wanted = if baseline { Wanted::Baseline } else { Wanted::Dense };
        let compiled = compiled.clone();
        let made = self.ask(move |gpu| {
            let made = states::Resident::new(gpu, &compiled, wanted)?;
            Ok(made.map(|resident| Arc::new(gpu.hold(resident))))
        })?;
        Ok(made.map(|held| RemoteStates { held: Apart::new(held) }))
    }

    /// Who runs the batches of a scan on the adapter.
    pub fn stepper<'a>(
        &'a self,
        states: &RemoteStates,
        compiled: &'a scanner::Compiled,
    ) -> Outcome<Box<dyn Stepper + 'a>> {
        let held = (*states.held).clone();
        let resident = held.clone();
        let ask = move |request: states::Request, goes_on: &mut dyn FnMut() -> bool| {
            let (stop, resident, mut said_no) = (request.stop.clone(), resident.clone(), false);
            let begin = |reply| {
                if let Some(walk) = Walk::of(resident, request, reply) {
                    self.service.start(Box::new(walk));
                }
            };
            let wait = |ticket| {
                // Relaxed: a hint for the job, whose answer says whether it has seen it.
                let waited = wait_while(ticket, || {
                    if !said_no && !goes_on() {
                        said_no = true;
                        stop.store(true, Ordering::Relaxed);
                    }
                });
                if waited.is_err() {
                    // Nobody waits any more.
                    stop.store(true, Ordering::Relaxed);
                }
                waited
            };
            match self.answer_while(begin, wait) {
                Ok(outcome) => Ok(Some(outcome)),
                Err(Status::CANCELLED) if said_no => Ok(None),
                Err(status) => Err(status),
            }
        };
        let ask = try_box(ask).ok_or(Status::NO_MEMORY)?;
        Ok(try_box(Walking::new(held, compiled, ask)).ok_or(Status::NO_MEMORY)?)
    }

    /// A buffer of so many bytes, all zero.
    pub fn buffer(&self, bytes: u64) -> Outcome<RemoteBuffer> {
        use wgpu::BufferUsages as Usage;
        let usage = Usage::STORAGE | Usage::UNIFORM | Usage::COPY_SRC | Usage::COPY_DST;
        let held = self.ask(move |gpu| Ok(Arc::new(gpu.hold(gpu.buffer(bytes, usage)?))))?;
        Ok(RemoteBuffer { held: Apart::new(held) })
    }

    /// Checks a program, and makes of it what the adapter runs.
    pub fn compile(&self, program: &Program) -> Outcome<Compiled> {
        let declared = Declared::of(&program.limits);
        let source = match program.spirv.is_empty() {
            true => Source::Wgsl(program.wgsl.clone()),
            false => Source::Spirv(program.spirv.clone()),
        };
        let prepared = self.ask(move |gpu| Prepared::new(gpu, source, declared).map(Arc::new))?;
        Ok(Compiled { prepared: Apart::new(prepared) })
    }

    /// Writes bytes, before everything that is asked for later. They are copied first. Waits while the host is far ahead.
    ///
    /// # Safety
    /// As many bytes are readable at `data`.
    pub unsafe fn write(&self, buffer: &RemoteBuffer, offset: u64, data: *const u8, bytes: u64) -> Outcome<()> {
        if let Some(failure) = self.service.ended() {
            return told(Err(failure));
        }
        if bytes == 0 {
            return Ok(());
        }
        if self.ahead.load(Ordering::Relaxed) > AHEAD_MAX {
            // It answers in the order of the questions.
            self.ask(|_| Ok(()))?;
        }
        let mut copy = Vec::new();
        if failing::now() || copy.try_reserve_exact(bytes as usize).is_err() {
            return fail(Status::NO_MEMORY, format_args!("no memory for a copy of {bytes} bytes"));
        }
        // SAFETY: by contract.
        copy.extend_from_slice(unsafe { core::slice::from_raw_parts(data, bytes as usize) });
        let (size, ahead, held) = (bytes + PIECE, self.ahead.clone(), buffer.held.clone());
        ahead.fetch_add(size, Ordering::Relaxed);
        self.service.call(move |turn| {
            ahead.fetch_sub(size, Ordering::Relaxed);
            if let Ok(turn) = turn
                && let Err(failure) = turn.write(&held, offset, &copy)
            {
                // Its caller was told that it is written: whoever asks next hears of it.
                let text = format!("the device was given up, because a write could not be made: {failure}");
                turn.gpu.lose(Failure { text, ..failure });
            }
        });
        Ok(())
    }

    /// Reads bytes into `data`; then resolves the ticket.
    ///
    /// # Safety
    /// As many bytes are writable at `data` until the ticket was resolved. `keep` is dropped after that.
    pub unsafe fn read<K: Send + 'static>(
        &self,
        buffer: &RemoteBuffer,
        offset: u64,
        data: *mut u8,
        bytes: u64,
        pending: Pending,
        keep: K,
    ) {
        let target = Target(data);
        let sink = Sink::new(move |read| {
            match read {
                Ok(found) => {
                    // SAFETY: as many as were asked for; writable, by contract.
                    unsafe { target.fill(found) };
                    pending.succeed();
                }
                Err(failure) => pending.resolve(failure.status, format_args!("{failure}")),
            }
            drop(keep);
        });
        expected::begin();
        self.service.read(buffer.held.clone(), offset, bytes, sink);
    }
}

/// Waits for a ticket, and looks now and then at something else.
fn wait_while(ticket: u64, look: impl FnMut()) -> Outcome<()> {
    // Time that is made by a test passes when nothing else can: nobody looks then.
    let pause = || if clock::is_virtual() { FOREVER } else { clock::now() + LOOK };
    let is_pending = || ticket::poll(ticket) == Err(Status::WOULD_BLOCK);
    wait_by(|deadline| ticket::wait(ticket, deadline), is_pending, pause, look)
}

/// As [`wait_while`], by these means.
fn wait_by(
    mut wait: impl FnMut(i64) -> Outcome<()>,
    is_pending: impl Fn() -> bool,
    pause: impl Fn() -> i64,
    mut look: impl FnMut(),
) -> Outcome<()> {
    loop {
        match wait(pause()) {
            Err(Status::TIMEOUT) if is_pending() => look(),
            // It has ended just now, or with this.
            Err(Status::TIMEOUT) => return wait(FOREVER),
            waited => return waited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_comes_right_behind_the_deadline_of_a_look_is_the_end() {
        for end in [Ok(()), Err(Status::TIMEOUT), Err(Status::DEVICE)] {
            let (mut deadlines, mut looks) = (Vec::new(), 0);
            let wait = |deadline| {
                deadlines.push(deadline);
                if deadline == FOREVER { end } else { Err(Status::TIMEOUT) }
            };
            let asked = core::cell::Cell::new(0);
            let is_pending = || asked.replace(asked.get() + 1) < 2;
            assert_eq!(wait_by(wait, is_pending, || 5, || looks += 1), end);
            assert_eq!((deadlines, looks), (vec![5, 5, 5, FOREVER], 2));
        }
    }
}
