// SPDX-License-Identifier: MIT OR Apache-2.0
//! The records of a file one after the other, each checked before anything in it is used; and the events of a block.
//!
//! Memory is bounded by the largest block, which is bounded by what is left of the file and by `EVENT_MAX`; time by
//! the length of the file.

use core::fmt;

use super::Identity;
use super::crc;
use super::failure::{Failure, Path, copy, zeros};
use super::format::{self, BLOCK_HEAD, BLOCK_TAIL, BlockHead, END, EVENT_MAX, EVENTS_MAX, End, HEADER, HEADER_MAX};
use super::format::{MAGIC, MAJOR, OPTIONAL_FLAGS, u32_at};
use super::identity::{EXPLICIT_PICKS, VIRTUAL_CLOCK};
use super::source::Source;
use crate::base::status::Status;

/// What comes next in a file.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// A block; its events are in [`Blocks::events`].
    Block {
        /// What its head says.
        head: BlockHead,
        /// Where in the file its events begin.
        offset: u64,
        /// The check hash after its last event.
        check: u64,
    },
    /// The end record, after which there is nothing.
    End(End),
    /// The file stops in or before a record.
    Truncated,
}

/// See the module documentation.
pub struct Blocks {
    source: Source,
    path: Vec<u8>,
    identity: Identity,
    header_crc: u32,
    header_length: u32,
    minor: u16,
    position: u64,
    crc: u32,
    sequence: u32,
    buffer: Vec<u8>,
    length: usize,
    checks_crc: bool,
}

impl Blocks {
    /// Reads the header.
    pub fn open(source: Source, path: &[u8]) -> Result<Blocks, Failure> {
        Blocks::open_with(source, path, true)
    }

    /// As [`Blocks::open`]; a reader without CRCs is what the tests are tested with.
    pub fn open_with(source: Source, path: &[u8], checks_crc: bool) -> Result<Blocks, Failure> {
        let path = copy(path).ok_or_else(|| Failure::memory(path))?;
        let buffer = zeros(EVENTS_MAX + BLOCK_TAIL).ok_or_else(|| Failure::memory(&path))?;
        let mut blocks = Blocks {
            source,
            path,
            identity: Identity::default(),
            header_crc: 0,
            header_length: 0,
            minor: 0,
            position: 0,
            crc: 0,
            sequence: 0,
            buffer,
            length: 0,
            checks_crc,
        };
        blocks.read_header()?;
        Ok(blocks)
    }

    /// What the header says.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// CRC of the header.
    pub fn header_crc(&self) -> u32 {
        self.header_crc
    }

    /// Minor version of the file.
    pub fn minor(&self) -> u16 {
        self.minor
    }

    /// How long the file is.
    pub fn file_length(&self) -> u64 {
        self.source.length()
    }

    /// Where the next record begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The events of the block that was read last.
    pub fn events(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Bytes of its buffer.
    #[allow(dead_code)] // for tests and fuzz targets
    pub fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    /// Back to the first record.
    pub fn rewind(&mut self) {
        self.position = u64::from(self.header_length);
        self.crc = self.header_crc;
        self.sequence = 0;
        self.length = 0;
    }

    /// What the file says at `offset` makes no sense.
    #[cold]
    pub fn corrupt(&self, offset: u64, what: fmt::Arguments<'_>) -> Failure {
        Failure::new(Status::REPLAY, format_args!("recording '{}', byte {offset}: {what}", Path(&self.path)))
    }

    fn read(&mut self, offset: u64, length: usize) -> Result<(), Failure> {
        let Blocks { source, buffer, path, .. } = self;
        source.read(offset, &mut buffer[..length]).map_err(|errno| Failure::io(path, "cannot read it", errno))
    }

    fn read_record<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        self.read(self.position, N)?;
        Ok(format::bytes_at(&self.buffer, 0))
    }

    fn check_crc(&self, offset: u64, stored: u32, what: &str) -> Result<(), Failure> {
        if stored == self.crc || !self.checks_crc {
            return Ok(());
        }
        Err(self
            .corrupt(offset, format_args!("expected CRC {:#010x} after the {what}, found {stored:#010x}", self.crc)))
    }

    fn read_header(&mut self) -> Result<(), Failure> {
        let length = self.source.length();
        if length < HEADER as u64 {
            return Err(self.corrupt(length, format_args!("expected a header of {HEADER} bytes; the file ends")));
        }
        self.read(0, HEADER)?;
        if self.buffer[..8] != MAGIC {
            return Err(self.corrupt(0, format_args!("expected a recording; this is another kind of file")));
        }
        let (major, minor) = (u32_at(&self.buffer, 8) & 0xFFFF, u32_at(&self.buffer, 8) >> 16);
        if major != u32::from(MAJOR) {
            return Err(self.corrupt(8, format_args!("expected major version {MAJOR}, found {major}")));
        }
        let header = u32_at(&self.buffer, 12) as usize;
        let as_it_must_be = if minor == 0 { header == HEADER } else { (HEADER..=HEADER_MAX).contains(&header) };
        if !as_it_must_be || header as u64 > length {
            return Err(self.corrupt(12, format_args!("a header of {header} bytes is not possible")));
        }
        self.read(0, header)?;
        self.crc = crc::extend(0, &self.buffer[..header - 4]);
        self.check_crc(header as u64 - 4, u32_at(&self.buffer, header - 4), "header")?;
        self.header_crc = self.crc;
        self.identity = format::identity_in(&self.buffer);
        let known = VIRTUAL_CLOCK | EXPLICIT_PICKS | if minor == 0 { 0 } else { !(OPTIONAL_FLAGS - 1) };
        if self.identity.flags & !known != 0 || u32_at(&self.buffer, 68) != 0 {
            let flags = self.identity.flags;
            return Err(self.corrupt(16, format_args!("flags {flags:#x} are not known to this version")));
        }
        (self.minor, self.header_length) = (minor as u16, header as u32);
        self.rewind();
        Ok(())
    }

    /// The next record.
    pub fn advance(&mut self) -> Result<Next, Failure> {
        self.length = 0;
        let left = self.source.length() - self.position;
        if left == 0 {
            return Ok(Next::Truncated);
        }
        let [mark] = self.read_record::<1>()?;
        match mark {
            format::BLOCK_MARK if left < BLOCK_HEAD as u64 => Ok(Next::Truncated),
            format::BLOCK_MARK => self.block(left),
            format::END_MARK if left < END as u64 => Ok(Next::Truncated),
            format::END_MARK => self.end(left),
            _ => Err(self.corrupt(self.position, format_args!("expected a block or the end, found byte {mark:#04x}"))),
        }
    }

    fn block(&mut self, left: u64) -> Result<Next, Failure> {
        let at = self.position;
        let record = self.read_record::<BLOCK_HEAD>()?;
        self.crc = crc::extend(self.crc, &record[..BLOCK_HEAD - 4]);
        self.check_crc(at + BLOCK_HEAD as u64 - 4, u32_at(&record, BLOCK_HEAD - 4), "head of the block")?;
        let head = BlockHead::decode(&record);
        if record[1..4] != [0; 3] {
            return Err(self.corrupt(at + 1, format_args!("expected three bytes of zero")));
        }
        if head.sequence != self.sequence {
            let expected = self.sequence;
            return Err(self.corrupt(at + 4, format_args!("expected block {expected}, found {}", head.sequence)));
        }
        let length = head.length as usize;
        let possible = length <= EVENTS_MAX || (length <= EVENT_MAX && head.events == 1);
        if head.events == 0 || length < head.events as usize || !possible {
            let events = head.events;
            return Err(self.corrupt(at + 16, format_args!("{events} events in {length} bytes are not possible")));
        }
        if ((BLOCK_HEAD + length + BLOCK_TAIL) as u64) > left {
            return Ok(Next::Truncated);
        }
        if self.buffer.len() < length + BLOCK_TAIL {
            self.buffer = zeros(length + BLOCK_TAIL).ok_or_else(|| Failure::memory(&self.path))?;
        }
        let offset = at + BLOCK_HEAD as u64;
        self.read(offset, length + BLOCK_TAIL)?;
        self.crc = crc::extend(self.crc, &self.buffer[..length + BLOCK_TAIL - 4]);
        let tail = offset + length as u64;
        self.check_crc(tail + 8, u32_at(&self.buffer, length + BLOCK_TAIL - 4), "block")?;
        self.position = tail + BLOCK_TAIL as u64;
        self.length = length;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(Next::Block { head, offset, check: format::u64_at(&self.buffer, length) })
    }

    fn end(&mut self, left: u64) -> Result<Next, Failure> {
        let at = self.position;
        let record = self.read_record::<END>()?;
        self.crc = crc::extend(self.crc, &record[..END - 4]);
        self.check_crc(at + END as u64 - 4, u32_at(&record, END - 4), "end record")?;
        if record[1..4] != [0; 3] {
            return Err(self.corrupt(at + 1, format_args!("expected three bytes of zero")));
        }
        if left > END as u64 {
            let more = left - END as u64;
            return Err(self.corrupt(at + END as u64, format_args!("expected the end of the file, found {more} bytes")));
        }
        Ok(Next::End(End::decode(&record)))
    }
}
