// SPDX-License-Identifier: MIT OR Apache-2.0
//! A scan in batches: one strand reads all streams, the next window of each at a time.
//!
//! ```text
//! open lanes ── fill: a window of each, carried states, seeds ── steppers ── compare (differential) ── keep, commit
//!                 ^                                                │ Full: void, a smaller one
//!                 └────────────────────────────────────────────────┘ at the smallest: the processor
//! ```
//! Until a batch is committed its streams are as they were before it: whatever ends the scan leaves them at `scanned`.

use super::batch::{Batch, Begins, Room, Stepped, Stepper};
use super::items::Dispatch;
use super::processor::Processor;
use super::scan::{Chunk, Lane, Scan, Verdict, taken};
use crate::automata::bytes::kind_of;
use crate::automata::engine::{Engine, Mode, Reading};
use crate::automata::pattern::Match;
use crate::automata::reference::{Carried, Place};
use crate::automata::scanner::{Compiled, Counts, settle};
use crate::automata::verify::{self, Seed, within};
use crate::base::room::{Grow, copied};
use crate::base::status::{Outcome, Status};

/// Bytes of a window of a stream among many.
const SHARE_LEAST: usize = 4 << 10;
/// Bytes of a batch that is not cut any more: the processor runs it.
const TEXT_LEAST: usize = 64;
/// Visits of a batch, about: what it costs decides how much is read at once.
const VISITS: u64 = 1 << 22;
/// So few bytes are sought faster by the processor.
const SEEK_LEAST: usize = 1 << 14;

/// A stream whose chunks are being read.
struct Open<'a> {
    lane: &'a Lane,
    reading: Box<Reading>,
    /// Which of the lane's chunks, and how much of it was read.
    chunk: usize,
    at: usize,
}

/// See the module documentation.
struct Together<'a> {
    scan: &'a Scan,
    steppers: Vec<Box<dyn Stepper + 'a>>,
    room: Room,
    engine: Engine,
    batch: Batch,
    open: Vec<Open<'a>>,
    /// The open lane of each window.
    chosen: Vec<usize>,
    /// The open lane whose turn is first.
    first: usize,
    /// Bytes of the next batch.
    text: usize,
    seeking: verify::Memory,
    seeds: Vec<Seed>,
    hits: Vec<(u32, u32)>,
    given: Vec<(u32, u32)>,
    found: Vec<Match>,
    other: Vec<Match>,
    /// The streams of a batch before another engine read them, and how many of them it has read.
    before: Vec<Reading>,
    changed: usize,
}

impl Scan {
    /// Reads everything that nobody reads yet. `turn` lets others go first, and says whether the reader is asked to end.
    pub(super) fn work_together(&self, dispatch: Dispatch, turn: &mut dyn FnMut() -> bool) {
        let steppers = match self.automaton.steppers(dispatch) {
            Ok(steppers) => steppers,
            Err(status) => return self.fail(status),
        };
        let mut together = match Together::new(self, steppers) {
            Ok(together) => together,
            Err(status) => return self.fail(status),
        };
        if let Err(Some(status)) = together.read(turn) {
            self.fail(status);
        }
        for open in together.open {
            *taken(&open.lane.reading) = Some(open.reading);
        }
        self.automaton.give_back(together.engine);
    }

    fn fail(&self, status: Status) {
        let released = self.automaton.lock().released || self.automaton.device.is_closed();
        match status {
            _ if released => self.end(Verdict::Closed),
            Status::NO_MEMORY => self.end(Verdict::NoMemory),
            Status::CANCELLED => self.end(Verdict::Cancelled),
            Status::CLOSED | Status::STALE => self.end(Verdict::Closed),
            Status::PARITY => self.unequal(Verdict::device(status)),
            status => self.end(Verdict::device(status)),
        }
    }
}

/// Why a scan is over: a status, or a verdict that was spoken.
type Over = Option<Status>;

fn over(why: impl Into<Status>) -> Over {
    Some(why.into())
}

impl<'a> Together<'a> {
    fn new(scan: &'a Scan, steppers: Vec<Box<dyn Stepper + 'a>>) -> Outcome<Together<'a>> {
        let compiled = &scan.automaton.compiled;
        let begins = if scan.automaton.wish.plan.mode == Mode::Blocking { Begins::Anywhere } else { Begins::Seeds };
        let room = steppers.iter().map(|stepper| stepper.room()).reduce(Room::and).ok_or(Status::UNSUPPORTED)?;
        Ok(Together {
            scan,
            steppers,
            room,
            engine: scan.automaton.engine()?,
            batch: Batch::new(compiled.set.tables().count(), begins),
            open: Vec::new(),
            chosen: Vec::new(),
            first: 0,
            text: room.text,
            seeking: verify::Memory::new()?,
            seeds: Vec::new(),
            hits: Vec::new(),
            given: Vec::new(),
            found: Vec::new(),
            other: Vec::new(),
            before: Vec::new(),
            changed: 0,
        })
    }

    fn compiled(&self) -> &'a Compiled {
        &self.scan.automaton.compiled
    }

    /// Until no lane is left.
    fn read(&mut self, turn: &mut dyn FnMut() -> bool) -> Result<(), Over> {
        loop {
            let all = self.open_lanes()?;
            self.end_chunks()?;
            if self.open.is_empty() {
                if all {
                    return Ok(());
                }
                // Those that were open are done with, and others wait.
                continue;
            }
            if !self.scan.goes_on(turn()) {
                return Err(None);
            }
            self.next_batch(turn)?;
        }
    }

    /// As many as there is room for. Whether no further one waits.
    fn open_lanes(&mut self) -> Result<bool, Over> {
        while self.open.len() < self.room.windows {
            self.open.room(1).map_err(over)?;
            let Some(lane) = self.scan.next_lane() else { return Ok(true) };
            let Some(reading) = taken(&lane.reading).take() else { continue };
            self.open.push(Open { lane, reading, chunk: 0, at: 0 });
        }
        Ok(false)
    }

    /// Chunks of which nothing is left, and lanes without further chunks, are done with.
    fn end_chunks(&mut self) -> Result<(), Over> {
        let mut number = 0;
        while number < self.open.len() {
            match self.open[number].chunk(self.scan) {
                Some(chunk) if self.open[number].at < chunk.length => number += 1,
                Some(chunk) => {
                    if chunk.last {
                        self.end_stream(number)?;
                    }
                    let open = &mut self.open[number];
                    (open.chunk, open.at) = (open.chunk + 1, 0);
                }
                None => {
                    let open = self.open.swap_remove(number);
                    *taken(&open.lane.reading) = Some(open.reading);
                }
            }
        }
        Ok(())
    }

    fn end_stream(&mut self, number: usize) -> Result<(), Over> {
        let open = &mut self.open[number];
        self.found.clear();
        let compiled = &self.scan.automaton.compiled;
        match self.engine.finish(compiled, &mut open.reading, open.lane.stream, &mut self.found) {
            Ok(matches) => {
                let counts = Counts { matches, ..Counts::default() };
                self.scan.keep_or_undo(&counts, &self.found, &mut self.engine, &mut open.reading).ok_or(None)
            }
            Err(failure) => self.scan.failed(failure).ok_or(None),
        }
    }

    /// Makes a batch, runs it, and keeps what has come of it.
    fn next_batch(&mut self, turn: &mut dyn FnMut() -> bool) -> Result<(), Over> {
        let mut by_processor = false;
        loop {
            let mut counts = self.fill().map_err(over)?;
            self.found.clear();
            let borders = self.batch.report_borders(self.compiled().set.tables(), &mut self.found);
            borders.map_err(over)?;
            match self.step(by_processor, turn).map_err(over)? {
                Stepped::Done(visits) => {
                    counts.visits = visits;
                    return self.commit(counts);
                }
                Stepped::Stopped => return Err(None),
                Stepped::Full => by_processor = self.halve(),
            }
        }
    }

    /// The batch was too much. Whether it is not cut any more.
    fn halve(&mut self) -> bool {
        let smallest = self.batch.text.len() <= TEXT_LEAST;
        #[cfg(test)]
        super::items::seeded::VOID[usize::from(smallest)].fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        self.text = (self.batch.text.len() / 2).max(TEXT_LEAST);
        smallest
    }

    /// The next windows, with what is active before them and becomes active in them.
    fn fill(&mut self) -> Outcome<Counts> {
        self.batch.clear();
        self.chosen.clear();
        let share = (self.text / self.open.len()).max(SHARE_LEAST).min(self.room.window);
        for turn in 0..self.open.len() {
            let number = (self.first + turn) % self.open.len();
            let left = self.text - self.batch.text.len();
            let Some(bytes) = self.open[number].next(self.scan, share.min(left)) else { continue };
            if bytes.is_empty() {
                break;
            }
            self.add(number, bytes)?;
        }
        let bytes = self.batch.text.len() as u64;
        match self.batch.begins {
            Begins::Seeds => self.seed(),
            Begins::Anywhere => Ok(Counts::default()),
        }
        .map(|counts| Counts { bytes, ..counts })
    }

    fn add(&mut self, number: usize, bytes: &[u8]) -> Outcome<()> {
        self.chosen.add(number)?;
        let Open { lane, reading, .. } = &self.open[number];
        let place = Place { stream: lane.stream, end: reading.offset() };
        match self.batch.begins {
            Begins::Seeds => {
                self.batch.add(place, reading.stream.last, bytes)?;
                self.batch.carry(0, &reading.stream.tails)?;
                (1..self.batch.parts()).try_for_each(|part| self.batch.carry(part, &reading.stream.rest[part - 1]))
            }
            Begins::Anywhere => {
                let last = reading.baseline.first().map_or(Carried::default().last, |carried| carried.last);
                self.batch.add(place, last, bytes)?;
                reading
                    .baseline
                    .iter()
                    .enumerate()
                    .try_for_each(|(part, carried)| self.batch.carry(part, &carried.active))
            }
        }
    }

    /// The seeds of all windows. Where words stand is sought by the device, if there is enough to be sought.
    fn seed(&mut self) -> Outcome<Counts> {
        let automaton = &self.scan.automaton;
        let on_device = match (automaton.device.remote(), &automaton.resident) {
            (Some(remote), Some(resident)) if self.batch.text.len() >= SEEK_LEAST => {
                self.hits = remote.seek(resident, copied(&self.batch.text)?)?;
                self.hits.sort_unstable();
                true
            }
            _ => false,
        };
        let mut counts = Counts::default();
        for window in 0..self.batch.windows.len() {
            if on_device {
                let range = self.batch.windows[window].range();
                within(&self.hits, range.start as u32..range.end as u32, &mut self.given)?;
            }
            let stream = &self.open[self.chosen[window]].reading.stream;
            let given = on_device.then_some(&self.given[..]);
            let (seeking, bytes) = (&mut self.seeking, self.batch.bytes(window));
            counts.hits += automaton.compiled.seeds(seeking, stream, bytes, given, &mut self.seeds)?;
            counts.seeds += self.seeds.len() as u64;
            self.batch.seed(window, &self.seeds)?;
        }
        Ok(counts)
    }

    fn step(&mut self, by_processor: bool, turn: &mut dyn FnMut() -> bool) -> Outcome<Stepped> {
        let scan = self.scan;
        let mut stays = || scan.stays(turn());
        if by_processor {
            return Processor::new(self.compiled(), u64::MAX)?.step(&mut self.batch, &mut stays, &mut self.found);
        }
        let mut visits = 0;
        for stepper in &mut self.steppers {
            match stepper.step(&mut self.batch, &mut stays, &mut self.found)? {
                Stepped::Done(more) => visits += more,
                other => return Ok(other),
            }
        }
        Ok(Stepped::Done(visits))
    }

    fn commit(&mut self, mut counts: Counts) -> Result<(), Over> {
        settle(&mut self.found, 0);
        counts.matches = self.found.len() as u64;
        let differential = self.scan.automaton.wish.plan.differential;
        self.changed = 0;
        let compared = if differential { self.compare() } else { self.prepare() };
        if let Err(over) = compared.and_then(|()| self.scan.keep(&counts, &self.found).ok_or(None)) {
            for window in 0..self.changed {
                core::mem::swap(&mut *self.open[self.chosen[window]].reading, &mut self.before[window]);
            }
            return Err(over);
        }
        for window in 0..self.batch.windows.len() {
            let number = self.chosen[window];
            if !differential {
                self.carry_on(window);
            }
            let open = &mut self.open[number];
            open.at += self.batch.windows[window].length as usize;
            if let Some(chunk) = open.chunk(self.scan) {
                // SAFETY: writable by the caller's promise.
                unsafe { chunk.scanned.write(open.at as u64) };
            }
        }
        self.first = (self.first + self.batch.windows.len()) % self.open.len().max(1);
        self.text = next_text(self.text, counts.visits, self.room.text);
        Ok(())
    }

    /// Room for what streams carry on, so that nothing can fail once matches are kept.
    fn prepare(&mut self) -> Result<(), Over> {
        let keep = self.scan.automaton.compiled.keep();
        for window in 0..self.batch.windows.len() {
            let reading = &mut self.open[self.chosen[window]].reading;
            let ready = match self.batch.begins {
                Begins::Seeds => reading.stream.prepare(keep),
                Begins::Anywhere => reading.prepare(self.batch.parts()),
            };
            ready.map_err(over)?;
        }
        Ok(())
    }

    /// What a window has left is what its stream carries.
    fn carry_on(&mut self, window: usize) {
        let reading = &mut self.open[self.chosen[window]].reading;
        let keep = self.scan.automaton.compiled.keep();
        match self.batch.begins {
            Begins::Seeds => {
                core::mem::swap(self.batch.active_mut(window, 0), &mut reading.stream.tails);
                for part in 1..self.batch.parts() {
                    core::mem::swap(self.batch.active_mut(window, part), &mut reading.stream.rest[part - 1]);
                }
                reading.stream.advance(self.batch.bytes(window), keep);
            }
            Begins::Anywhere => {
                for (part, carried) in reading.baseline.iter_mut().enumerate() {
                    core::mem::swap(self.batch.active_mut(window, part), &mut carried.active);
                    let bytes = self.batch.bytes(window);
                    carried.offset += bytes.len() as u64;
                    carried.last = bytes.last().map_or(carried.last, |byte| kind_of(*byte));
                }
            }
        }
    }

    /// The engines of the processor read the same, and must find the same.
    fn compare(&mut self) -> Result<(), Over> {
        self.other.clear();
        for window in 0..self.batch.windows.len() {
            let Open { lane, reading, .. } = &mut self.open[self.chosen[window]];
            let bytes = self.batch.bytes(window);
            let compiled = &self.scan.automaton.compiled;
            if self.before.len() == window {
                self.before.add(Reading::default()).map_err(over)?;
            }
            self.before[window].become_as(reading).map_err(over)?;
            if let Err(failure) = self.engine.read(compiled, reading, lane.stream, bytes, None, &mut self.other) {
                return self.scan.failed(failure).ok_or(None);
            }
            self.changed = window + 1;
        }
        settle(&mut self.other, 0);
        let unequal = first_of_one(&self.found, &self.other)
            .map(|(found, on_device)| Verdict::Alone(found, if on_device { "the device" } else { "the processor" }));
        let unequal = unequal.or_else(|| (0..self.batch.windows.len()).find_map(|window| self.differs(window)));
        match unequal {
            None => Ok(()),
            Some(unequal) => {
                self.scan.unequal(unequal);
                Err(None)
            }
        }
    }

    /// Whether other states are active behind a window than the processor has.
    fn differs(&self, window: usize) -> Option<Verdict> {
        let reading = &self.open[self.chosen[window]].reading;
        let other = |part: usize| match (self.batch.begins, part) {
            (Begins::Seeds, 0) => &reading.stream.tails,
            (Begins::Seeds, part) => &reading.stream.rest[part - 1],
            (Begins::Anywhere, part) => &reading.baseline[part].active,
        };
        let same = |part: usize| {
            let (own, other) = (self.batch.active(window, part), other(part));
            // The baseline's have no order; each is there once.
            own.len() == other.len() && other.iter().all(|state| own.binary_search(state).is_ok())
        };
        let place = self.batch.windows[window].place();
        let end = reading.offset();
        (!(0..self.batch.parts()).all(same)).then_some(Verdict::Active { stream: place.stream, end })
    }
}

impl Open<'_> {
    fn chunk<'s>(&self, scan: &'s Scan) -> Option<&'s Chunk> {
        self.lane.chunks.get(self.chunk).map(|number| &scan.chunks[*number as usize])
    }

    /// The next bytes, so many at most.
    fn next<'s>(&self, scan: &'s Scan, most: usize) -> Option<&'s [u8]> {
        let chunk = self.chunk(scan)?;
        let length = most.min(chunk.length - self.at);
        // SAFETY: the caller's bytes, which stay until the ticket has its result; the last user is the scan.
        Some(unsafe { core::slice::from_raw_parts(chunk.data.add(self.at), length) })
    }
}

/// Bytes of the next batch: fewer than of the last one, where that was much to do; more, where it was little.
fn next_text(text: usize, visits: u64, most: usize) -> usize {
    match visits {
        // What is that small already, or has no room for more, stays.
        _ if visits > VISITS => (text / 2).max(SHARE_LEAST.min(text)),
        _ if visits < VISITS / 4 => (text * 2).min(most),
        _ => text,
    }
}

/// The first that only one of two sorted lists has, and whether the first list has it.
fn first_of_one(left: &[Match], right: &[Match]) -> Option<(Match, bool)> {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    match (left.get(same), right.get(same)) {
        (Some(left), Some(right)) => Some(if left < right { (*left, true) } else { (*right, false) }),
        (Some(left), None) => Some((*left, true)),
        (None, right) => right.map(|right| (*right, false)),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_batch_never_grows_because_it_was_too_much_nor_beyond_its_room() {
        for most in [240, SHARE_LEAST, 1 << 18] {
            for text in [TEXT_LEAST, 240, 5000, most].into_iter().filter(|text| *text <= most) {
                assert!(next_text(text, VISITS + 1, most) <= text, "{text} of {most}");
                assert!((text..=most).contains(&next_text(text, 0, most)));
                assert_eq!(next_text(text, VISITS, most), text);
            }
        }
        assert_eq!([next_text(1 << 18, VISITS + 1, 1 << 18), next_text(1 << 17, 0, 1 << 18)], [1 << 17, 1 << 18]);
    }
}
