// SPDX-License-Identifier: MIT OR Apache-2.0
//! One scan: chunks of streams, read slice by slice by one or more strands, and the ticket that says how it ended.
//!
//! ```text
//! lanes     the chunks of one stream, in order; one strand at a time reads a lane
//! slice     64 KiB of a chunk; between two of them others have their turn, and cancellation, deadline and limits act
//! scanned   written into the chunk after each slice: after a scan that ended early the rest can be scanned
//! ```

use core::fmt::Write;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::items::Dispatch;
use super::object::{Automaton, Place};
use crate::automata::engine::{Engine, Failure, Mismatch, Reading};
use crate::automata::factor::FACTOR_MAX;
use crate::automata::pattern::Match;
use crate::automata::scanner::Counts;
use crate::automata::verify::{Hits, within};
use crate::base::failing;
use crate::base::room::{Grow, Room, exactly, list};
use crate::base::status::{Outcome, Status};
use crate::engine::clock;
use crate::gpu::shared::Shared;
use crate::gpu::ticket::Pending;
use crate::strand::identity;
use crate::strand::message::{self, Text, fail, try_box};
use crate::wait::block::FOREVER;

/// Bytes that are read without a pause.
pub const SLICE: usize = 1 << 16;

/// Bytes that an adapter is given at once: a multiple of a slice.
const AHEAD: usize = 8 << 20;
/// So few are sought faster here.
const AHEAD_LEAST: usize = 1 << 14;

/// What an adapter has found in a part of a chunk.
#[derive(Default)]
struct Ahead {
    from: usize,
    to: usize,
    hits: Vec<(u32, u32)>,
    given: Vec<(u32, u32)>,
}

/// A chunk of the caller's.
#[derive(Clone, Copy)]
pub struct Chunk {
    /// The stream.
    pub stream: u32,
    /// The stream ends with it.
    pub last: bool,
    /// Its first byte.
    pub data: *const u8,
    /// Their number.
    pub length: usize,
    /// Where it is told how many of them were read.
    pub scanned: *mut u64,
}

// SAFETY: the caller leaves what they point to alone until the ticket has its result.
unsafe impl Send for Chunk {}
// SAFETY: as above; one strand at a time uses a chunk.
unsafe impl Sync for Chunk {}

/// What bounds a scan.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until when.
    pub deadline: i64,
    /// Most visits; 0: no limit.
    pub visits: u64,
    /// Most strands; 0: as many as is sensible.
    pub workers: u32,
}

/// How a scan ends, other than well.
#[allow(clippy::large_enum_variant, reason = "a scan has one, at its end")]
pub(super) enum Verdict {
    Cancelled,
    Timeout,
    Visits,
    Matches,
    Closed,
    NoMemory,
    Device(Status, Text<400>),
    /// Two have come to different ends: the first match that one of them has alone, and which.
    Alone(Match, &'static str),
    /// A device has other states active in a stream behind so many bytes than the processor.
    Active {
        stream: u32,
        end: u64,
    },
}

impl Verdict {
    /// What the call that has failed last said of itself.
    pub(super) fn device(status: Status) -> Verdict {
        let mut text = Text::new();
        let said = identity::current().and_then(|body| message::last_of(body, status));
        let said = said.unwrap_or_else(|| status.message().to_bytes());
        let _ = text.write_str(core::str::from_utf8(said).unwrap_or(""));
        Verdict::Device(status, text)
    }
}

/// The chunks of one stream.
pub(super) struct Lane {
    pub stream: u32,
    /// Their numbers, in order.
    pub chunks: Box<[u32]>,
    /// What the stream carries; `None` while it is read, and when the stream is over.
    pub reading: Mutex<Option<Box<Reading>>>,
}

/// See the module documentation.
pub struct Scan {
    pub(super) automaton: Shared<Automaton>,
    pub(super) chunks: Box<[Chunk]>,
    lanes: Box<[Lane]>,
    next: AtomicUsize,
    limits: Limits,
    visits: AtomicU64,
    readers: AtomicU32,
    /// 1: over.
    stop: AtomicU32,
    verdict: Mutex<Option<Verdict>>,
    pending: Mutex<Option<Pending>>,
}

impl Scan {
    /// A scan of these chunks; its streams are taken. BUSY: another scan has one of them, or (not `fed`) a file is read into
    /// it; LIMIT: too many streams.
    pub fn new(
        automaton: &Shared<Automaton>,
        chunks: Box<[Chunk]>,
        limits: Limits,
        fed: bool,
    ) -> Outcome<Shared<Scan>> {
        let lanes = lanes(&chunks)?;
        let scan = Scan {
            automaton: automaton.clone(),
            chunks,
            lanes,
            next: AtomicUsize::new(0),
            limits,
            visits: AtomicU64::new(0),
            readers: AtomicU32::new(0),
            stop: AtomicU32::new(0),
            verdict: Mutex::new(None),
            pending: Mutex::new(None),
        };
        scan.take_streams(fed)?;
        Shared::new(scan)
    }

    /// All its streams become this scan's, or, where that cannot be, none.
    fn take_streams(&self, fed: bool) -> Outcome<()> {
        let mut state = self.automaton.lock();
        let busy = |lane: &&Lane| state.is_busy(lane.stream, fed);
        if let Some(lane) = self.lanes.iter().find(busy) {
            drop(state);
            return fail(Status::BUSY, format_args!("stream {} is being scanned", lane.stream));
        }
        let fresh = self.lanes.iter().filter(|lane| !state.streams.contains_key(&lane.stream)).count();
        let most = self.automaton.wish.streams;
        if state.streams.len() + fresh > most as usize {
            drop(state);
            return fail(Status::LIMIT, format_args!("an automaton has {most} streams at most; a last chunk ends one"));
        }
        if failing::now() || state.streams.try_reserve(fresh).is_err() {
            return Err(Status::NO_MEMORY);
        }
        for lane in &self.lanes {
            let known = state.streams.get_mut(&lane.stream).map(|place| core::mem::replace(place, Place::Busy));
            let reading = match known {
                Some(Place::Idle(reading)) => reading,
                // Those that were taken are given back when the scan is dropped.
                _ => {
                    let reading = try_box(Reading::default()).ok_or(Status::NO_MEMORY)?;
                    state.streams.insert(lane.stream, Place::Busy);
                    reading
                }
            };
            *taken(&lane.reading) = Some(reading);
        }
        state.scans += 1;
        Ok(())
    }

    /// How many strands can work at it.
    pub fn width(&self) -> u32 {
        if self.automaton.in_batches() {
            return u32::from(!self.lanes.is_empty());
        }
        self.lanes.len().min(u32::MAX as usize) as u32
    }

    /// Its ticket, and how many will read. Before any of them does.
    pub fn begin(&self, pending: Pending, readers: u32) {
        self.readers.store(readers, Ordering::Relaxed);
        *taken(&self.pending) = Some(pending);
    }

    /// One who was to read never will.
    pub fn give_up(&self) {
        self.end(Verdict::Cancelled);
        self.leave();
    }

    /// One reader less than was hoped for.
    pub fn miss(&self) {
        self.leave();
    }

    /// The ticket was not handed out: the one who asked hears the status itself.
    pub fn withdraw(&self) {
        let pending = taken(&self.pending).take();
        if let Some(pending) = pending {
            pending.withdraw();
        }
    }

    /// Reads lanes until none is left. `turn` lets others go first, and says whether the reader is asked to end;
    /// `dispatch` runs worklists.
    pub fn work(&self, dispatch: Dispatch, mut turn: impl FnMut() -> bool) {
        if self.automaton.in_batches() {
            self.work_together(dispatch, &mut turn);
            return self.leave();
        }
        let Ok(mut engine) = self.automaton.engine() else {
            self.end(Verdict::NoMemory);
            return self.leave();
        };
        while let Some(lane) = self.next_lane() {
            self.read_lane(lane, &mut engine, &mut turn);
        }
        self.automaton.give_back(engine);
        self.leave();
    }

    /// A lane that nobody reads.
    pub(super) fn next_lane(&self) -> Option<&Lane> {
        if self.stop.load(Ordering::Relaxed) != 0 {
            return None;
        }
        self.lanes.get(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The last one who leaves resolves the ticket.
    fn leave(&self) {
        // AcqRel: what each has written into its chunks is there for the one who resolves.
        if self.readers.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        self.put_back();
        let verdict = taken(&self.verdict).take();
        let pending = taken(&self.pending).take();
        if let Some(pending) = pending {
            resolve(pending, verdict, &self.limits, &self.automaton);
        }
    }

    pub(super) fn end(&self, verdict: Verdict) {
        taken(&self.verdict).get_or_insert(verdict);
        self.stop.store(1, Ordering::Relaxed);
    }

    fn read_lane(&self, lane: &Lane, engine: &mut Engine, turn: &mut impl FnMut() -> bool) {
        let Some(mut reading) = taken(&lane.reading).take() else { return };
        for number in &lane.chunks {
            match self.read_chunk(&self.chunks[*number as usize], engine, &mut reading, turn) {
                Some(()) => {}
                None => break,
            }
        }
        *taken(&lane.reading) = Some(reading);
    }

    /// Streams are the automaton's again: those that are over, or have not begun, are none any more.
    fn put_back(&self) {
        let mut state = self.automaton.lock();
        for lane in &self.lanes {
            if let Some(reading) = taken(&lane.reading).take() {
                // It has its place: an insertion might need memory all the same.
                match state.streams.get_mut(&lane.stream) {
                    Some(place) if reading.offset() > 0 => *place = Place::Idle(reading),
                    _ => drop(state.streams.remove(&lane.stream)),
                }
            }
        }
    }

    /// Reads a chunk. `None`: the scan ends before the chunk does.
    fn read_chunk(
        &self,
        chunk: &Chunk,
        engine: &mut Engine,
        reading: &mut Reading,
        turn: &mut impl FnMut() -> bool,
    ) -> Option<()> {
        let mut at = 0;
        let mut found = Vec::new();
        let mut ahead = Ahead::default();
        while at < chunk.length {
            if !self.goes_on(turn()) {
                return None;
            }
            let slice = SLICE.min(chunk.length - at);
            // SAFETY: the caller's bytes, which stay until the ticket has its result; the last user is this one.
            let text = unsafe { core::slice::from_raw_parts(chunk.data.add(at), slice) };
            found.clear();
            let given = match self.look_ahead(chunk, at, slice, &mut ahead) {
                Ok(given) => given,
                Err(Status::NO_MEMORY) => return self.failed(Failure::NoMemory),
                Err(status) => {
                    self.end(Verdict::device(status));
                    return None;
                }
            };
            match engine.read(&self.automaton.compiled, reading, chunk.stream, text, given, &mut found) {
                Ok(counts) => self.keep_or_undo(&counts, &found, engine, reading)?,
                Err(failure) => return self.failed(failure),
            }
            at += slice;
            // SAFETY: writable by the caller's promise.
            unsafe { chunk.scanned.write(at as u64) };
        }
        if !chunk.last {
            return Some(());
        }
        found.clear();
        match engine.finish(&self.automaton.compiled, reading, chunk.stream, &mut found) {
            Ok(matches) => self.keep_or_undo(&Counts { matches, ..Counts::default() }, &found, engine, reading),
            Err(failure) => self.failed(failure),
        }
    }

    /// What cannot be kept was not read: another scan can do so.
    pub(super) fn keep_or_undo(
        &self,
        counts: &Counts,
        found: &[Match],
        engine: &mut Engine,
        reading: &mut Reading,
    ) -> Option<()> {
        let kept = self.keep(counts, found);
        if kept.is_none() {
            engine.undo(reading);
        }
        kept
    }

    /// Where factors stand in a slice, as an adapter has found it; `None` where the processor is to look.
    fn look_ahead<'a>(
        &self,
        chunk: &Chunk,
        at: usize,
        slice: usize,
        ahead: &'a mut Ahead,
    ) -> Outcome<Option<Hits<'a>>> {
        let (Some(remote), Some(resident)) = (self.automaton.device.remote(), &self.automaton.resident) else {
            return Ok(None);
        };
        if at >= ahead.to {
            let from = at.saturating_sub(FACTOR_MAX);
            let to = chunk.length.min(at + AHEAD);
            if to - at < AHEAD_LEAST {
                return Ok(None);
            }
            let mut text = Vec::new();
            text.room(to - from)?;
            // SAFETY: the caller's bytes, which stay until the ticket has its result.
            text.extend_from_slice(unsafe { core::slice::from_raw_parts(chunk.data.add(from), to - from) });
            ahead.hits = remote.seek(resident, text)?;
            ahead.hits.sort_unstable();
            (ahead.from, ahead.to) = (from, to);
        }
        let first = (at - ahead.from) as u32;
        within(&ahead.hits, first..first + slice as u32, &mut ahead.given)?;
        Ok(Some(&ahead.given))
    }

    /// A slice was not read.
    pub(super) fn failed(&self, failure: Failure) -> Option<()> {
        match failure {
            Failure::NoMemory => self.end(Verdict::NoMemory),
            Failure::Mismatch(Mismatch { first, in_baseline }) => {
                let who = if in_baseline { "the baseline" } else { "the other engine" };
                self.unequal(Verdict::Alone(first, who));
            }
        }
        None
    }

    /// Two have come to different ends.
    pub(super) fn unequal(&self, verdict: Verdict) {
        self.automaton.lock().mismatches += 1;
        self.end(verdict);
    }

    /// Whether somebody has asked for its end.
    fn is_cancelled(&self) -> bool {
        taken(&self.pending).as_ref().is_some_and(Pending::is_cancelled)
    }

    /// Whether what has begun goes on. Limits are looked at before it begins.
    pub(super) fn stays(&self, cancelled: bool) -> bool {
        let verdict = if cancelled || self.is_cancelled() {
            Verdict::Cancelled
        } else if self.automaton.lock().released || self.automaton.device.is_closed() {
            Verdict::Closed
        } else {
            return true;
        };
        self.end(verdict);
        false
    }

    /// Whether the next slice is read.
    pub(super) fn goes_on(&self, cancelled: bool) -> bool {
        let cancelled = cancelled || self.is_cancelled();
        let state = self.automaton.lock();
        let verdict = if self.stop.load(Ordering::Relaxed) != 0 {
            return false;
        } else if cancelled {
            Verdict::Cancelled
        } else if state.released || self.automaton.device.is_closed() {
            Verdict::Closed
        } else if self.limits.visits != 0 && self.visits.load(Ordering::Relaxed) >= self.limits.visits {
            Verdict::Visits
        } else if state.matches.len() as u64 >= self.automaton.wish.matches {
            Verdict::Matches
        } else if self.limits.deadline != FOREVER && clock::shown() >= self.limits.deadline {
            Verdict::Timeout
        } else {
            return true;
        };
        drop(state);
        self.end(verdict);
        false
    }

    /// Keeps what was found. Where there is no room for it the scan ends, and what was read counts as not read.
    pub(super) fn keep(&self, counts: &Counts, found: &[Match]) -> Option<()> {
        let mut state = self.automaton.lock();
        if !found.is_empty() && (failing::now() || state.matches.try_reserve(found.len()).is_err()) {
            drop(state);
            return self.failed(Failure::NoMemory);
        }
        state.matches.extend(found);
        state.totals.add(counts);
        state.agreed += u64::from(self.automaton.wish.plan.differential);
        drop(state);
        self.visits.fetch_add(counts.visits, Ordering::Relaxed);
        Some(())
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        // A scan that never began.
        self.put_back();
    }
}

pub(super) fn taken<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Chunks of the same stream, in order.
fn lanes(chunks: &[Chunk]) -> Room<Box<[Lane]>> {
    let mut order = list(0..chunks.len() as u32)?;
    order.sort_unstable_by_key(|number| (chunks[*number as usize].stream, *number));
    let groups = || order.chunk_by(|left, right| chunks[*left as usize].stream == chunks[*right as usize].stream);
    let mut lanes = exactly(groups().count())?;
    for group in groups() {
        let stream = chunks[group[0] as usize].stream;
        lanes.push(Lane { stream, chunks: boxed(group)?, reading: Mutex::new(None) });
    }
    Ok(lanes.into_boxed_slice())
}

/// The numbers in a box of their own.
fn boxed(numbers: &[u32]) -> Room<Box<[u32]>> {
    let mut own = exactly(numbers.len())?;
    own.extend_from_slice(numbers);
    Ok(own.into_boxed_slice())
}

#[cold]
fn resolve(pending: Pending, verdict: Option<Verdict>, limits: &Limits, automaton: &Automaton) {
    let Some(verdict) = verdict else { return pending.succeed() };
    match verdict {
        Verdict::Cancelled => pending.resolve(Status::CANCELLED, format_args!("the scan was cancelled")),
        Verdict::Timeout => pending.resolve(Status::TIMEOUT, format_args!("the deadline of the scan has passed")),
        Verdict::Closed => {
            pending.resolve(Status::CLOSED, format_args!("the automaton was released, or its device closed"));
        }
        Verdict::Visits => {
            pending.resolve(Status::LIMIT, format_args!("the scan has made {} visits or more", limits.visits));
        }
        Verdict::Matches => {
            let most = automaton.wish.matches;
            pending.resolve(Status::LIMIT, format_args!("{most} matches wait to be taken"));
        }
        Verdict::Device(status, text) => {
            pending.resolve(status, format_args!("{}", core::str::from_utf8(text.as_bytes()).unwrap_or("")));
        }
        Verdict::NoMemory => pending.resolve(Status::NO_MEMORY, format_args!("no memory for the matches of a scan")),
        Verdict::Alone(Match { pattern, stream, end }, who) => {
            let what = format_args!("pattern {pattern} ends at byte {end} of stream {stream} for {who} only");
            pending.resolve(Status::PARITY, what);
        }
        Verdict::Active { stream, end } => {
            let what = format_args!("after byte {end} of stream {stream} other states are active for the device");
            pending.resolve(Status::PARITY, what);
        }
    }
}
