// SPDX-License-Identifier: MIT OR Apache-2.0
//! The recorder. Everything is allocated when it is made; after that nothing fails where it happens: what goes wrong
//! is remembered, and told by `flush` and `finish`.
//!
//! ```text
//! buffer   | head of the block | events so far ......... | room for one run of predicted picks | tail |
//! ```
//! That room is always kept, so a run of predicted picks, which is counted and written at the next other event, never
//! has to begin a new block.

mod block;

use core::ffi::CStr;

use super::check::Check;
use super::event::{Coding, Event, Payload, shape_of};
use super::failure::{Failure, Path, copy, zeros};
use super::format::{self, BLOCK_HEAD, BLOCK_TAIL, EVENT_MAX, EVENTS_MAX, End, PICKS_MAX};
use super::format::{CHECK_EVERY, TAG_CHECK, TAG_PICKS, TAG_PREDICTED};
use super::identity::Identity;
use super::raw::Raw;
use super::source::Sink;
use super::varint::{self, put, zigzag};
use crate::base::status::Status;

/// Bytes of a run of predicted picks.
const RUN: usize = 1 + varint::MAX;
/// Bytes of an event without its payload: tag, fields, length.
const EVENT_HEAD: usize = 1 + super::event::FIELDS * varint::MAX + varint::MAX;
/// Where the events of the buffer may go up to.
const LIMIT: usize = BLOCK_HEAD + EVENTS_MAX - RUN;

/// Why nothing more is recorded.
#[derive(Clone, Copy)]
enum Trouble {
    Write(i32),
    TooLarge(usize),
    TooLong,
    PicksAndSteps { picks: u64, steps: u64 },
}

/// See the module documentation.
pub struct Recorder {
    /// Predicted picks that are not in the buffer yet.
    run: u64,
    check: Check,
    /// The hash as it was after the last pick or event: what the tail of a block says.
    at_event: Check,
    steps: u64,
    /// Picks in the buffer and before.
    picks: u64,
    /// Place of the count of the explicit picks that may still grow; 0 for none.
    open_picks: usize,
    used: usize,
    buffer: Vec<u8>,
    /// The bases of differences: last strand picked, last time.
    strand: u64,
    time: i64,
    first_pick: u64,
    sequence: u32,
    block_events: u32,
    events: u64,
    crc: u32,
    trouble: Option<Trouble>,
    sink: Sink,
    path: Vec<u8>,
}

impl Recorder {
    /// A recording in a new file.
    pub fn create(path: &CStr, identity: &Identity) -> Result<Recorder, Failure> {
        let path = path.to_bytes();
        Recorder::to_sink(Sink::create(path)?, path, identity)
    }

    /// A recording in memory, which grows as it is written.
    #[allow(dead_code)] // for tests and fuzz targets
    pub fn in_memory(identity: &Identity) -> Result<Recorder, Failure> {
        Recorder::to_sink(Sink::Memory(Vec::new()), b"in memory", identity)
    }

    fn to_sink(mut sink: Sink, path: &[u8], identity: &Identity) -> Result<Recorder, Failure> {
        let buffer = zeros(BLOCK_HEAD + EVENTS_MAX + BLOCK_TAIL).ok_or_else(|| Failure::memory(path))?;
        let name = copy(path).ok_or_else(|| Failure::memory(path))?;
        let (header, crc) = format::header(identity);
        sink.write(&header).map_err(|errno| Failure::io(path, "cannot write to it", errno))?;
        Ok(Recorder {
            run: 0,
            check: Check::new(crc),
            at_event: Check::new(crc),
            steps: 0,
            picks: 0,
            open_picks: 0,
            used: BLOCK_HEAD,
            buffer,
            strand: 0,
            time: 0,
            first_pick: 0,
            sequence: 0,
            block_events: 0,
            events: 0,
            crc,
            trouble: None,
            sink,
            path: name,
        })
    }

    /// A pick that the policy predicts from the header. Each pick is followed by its step.
    #[inline]
    pub fn predicted(&mut self) {
        self.run += 1;
        self.at_event = self.check;
    }

    /// A pick that is in the recording. Small numbers near the last one take least room.
    pub fn pick(&mut self, strand: u64) {
        self.close_run();
        let grows = self.open_picks != 0 && self.buffer[self.open_picks] < PICKS_MAX;
        if !(grows && self.used + varint::MAX <= LIMIT) {
            self.make_room(2 + varint::MAX);
            self.buffer[self.used] = TAG_PICKS;
            self.open_picks = self.used + 1;
            self.buffer[self.open_picks] = 0;
            self.used += 2;
            self.block_events += 1;
        }
        self.buffer[self.open_picks] += 1;
        self.used = put(&mut self.buffer, self.used, zigzag(strand.wrapping_sub(self.strand) as i64));
        self.strand = strand;
        self.picks += 1;
        self.check.add_pick(strand);
        self.at_event = self.check;
    }

    /// Everything else.
    pub fn event(&mut self, event: &Event<'_>) {
        let raw = Raw::of(event);
        self.close_run();
        self.open_picks = 0;
        if EVENT_HEAD + raw.bytes.len() <= EVENTS_MAX - RUN {
            self.make_room(EVENT_HEAD + raw.bytes.len());
            self.put_head(&raw);
            self.buffer[self.used..self.used + raw.bytes.len()].copy_from_slice(raw.bytes);
            self.used += raw.bytes.len();
            raw.add_to(&mut self.check);
            self.at_event = self.check;
        } else {
            self.large_event(&raw);
        }
    }

    /// The picked strand has run to its next stop; `fingerprint` is whatever tells this step from others.
    #[inline]
    pub fn step(&mut self, fingerprint: u64) {
        self.check.add(fingerprint);
        self.steps += 1;
        if self.steps.is_multiple_of(CHECK_EVERY) {
            self.put_check();
        }
    }

    /// Writes everything to the file, which is a valid recording after it, without an end. Allocates nothing; a
    /// signal handler may call it where it did not interrupt this recorder.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.seal();
        self.told()
    }

    /// Ends the recording of a run that returned `status`.
    pub fn finish(mut self, status: i32) -> Result<(), Failure> {
        self.end(status)
    }

    /// As [`Recorder::finish`], for a recording in memory: gives it back. Empty for one in a file.
    #[allow(dead_code)] // for tests and fuzz targets
    pub fn finish_in_memory(mut self, status: i32) -> Result<Vec<u8>, Failure> {
        self.end(status)?;
        match self.sink {
            Sink::Memory(memory) => Ok(memory),
            Sink::File(_) => Ok(Vec::new()),
        }
    }

    /// What a recording in memory would be if the run were cut off after a flush.
    #[cfg(test)]
    pub fn flushed(mut self) -> Vec<u8> {
        self.seal();
        match self.sink {
            Sink::Memory(memory) => memory,
            Sink::File(_) => Vec::new(),
        }
    }

    fn end(&mut self, status: i32) -> Result<(), Failure> {
        self.seal();
        self.compare_picks();
        let end = End { status, steps: self.steps, events: self.events, check: self.check.value() };
        let (record, crc) = end.encode(self.crc);
        self.crc = crc;
        self.write(&record);
        self.told()
    }

    /// Every pick but the last has its step: the reader relies on it.
    fn compare_picks(&mut self) {
        let picks = self.picks + self.run;
        if picks.wrapping_sub(self.steps) > 1 {
            self.trouble.get_or_insert(Trouble::PicksAndSteps { picks, steps: self.steps });
        }
    }

    /// What went wrong.
    fn told(&self) -> Result<(), Failure> {
        let path = Path(&self.path);
        match self.trouble {
            None => Ok(()),
            Some(Trouble::Write(errno)) => Err(Failure::io(&self.path, "cannot write to it", errno)),
            Some(Trouble::TooLarge(length)) => Err(Failure::new(
                Status::LIMIT,
                format_args!("recording '{path}': an event of {length} bytes; at most {EVENT_MAX} can be recorded"),
            )),
            Some(Trouble::TooLong) => {
                Err(Failure::new(Status::LIMIT, format_args!("recording '{path}': more than 2^32 blocks")))
            }
            Some(Trouble::PicksAndSteps { picks, steps }) => Err(Failure::new(
                Status::INVALID,
                format_args!("recording '{path}': {picks} picks and {steps} steps; each pick has one step"),
            )),
        }
    }

    /// Puts the run of predicted picks into the buffer, where its room is kept.
    #[inline]
    fn close_run(&mut self) {
        if self.run != 0 {
            self.put_run();
        }
    }

    fn put_run(&mut self) {
        self.buffer[self.used] = TAG_PREDICTED;
        self.used = put(&mut self.buffer, self.used + 1, self.run);
        self.picks += self.run;
        self.run = 0;
        self.block_events += 1;
        self.open_picks = 0;
    }

    /// Room for `length` bytes of an event, and for a run after it.
    #[inline]
    fn make_room(&mut self, length: usize) {
        if self.used + length > LIMIT {
            self.seal();
        }
    }

    /// Tag, fields and length.
    fn put_head(&mut self, raw: &Raw<'_>) {
        let Some(shape) = shape_of(raw.tag) else { return };
        self.buffer[self.used] = raw.tag;
        let mut at = self.used + 1;
        for (field, &value) in shape.fields.iter().zip(&raw.fields) {
            let coded = match field.coding {
                Coding::U8 | Coding::U32 | Coding::U64 => value,
                Coding::I32 | Coding::I64 => zigzag(value as i64),
                Coding::Time => {
                    let difference = (value as i64).wrapping_sub(self.time);
                    self.time = value as i64;
                    zigzag(difference)
                }
            };
            at = put(&mut self.buffer, at, coded);
        }
        if shape.payload != Payload::None {
            at = put(&mut self.buffer, at, raw.bytes.len() as u64);
        }
        self.used = at;
        self.block_events += 1;
    }

    #[cold]
    fn put_check(&mut self) {
        self.close_run();
        self.compare_picks();
        self.open_picks = 0;
        self.make_room(5);
        self.buffer[self.used] = TAG_CHECK;
        self.buffer[self.used + 1..self.used + 5].copy_from_slice(&self.check.half().to_le_bytes());
        self.used += 5;
        self.block_events += 1;
        self.at_event = self.check;
    }
}
