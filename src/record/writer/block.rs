// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the buffer to the file: blocks.

use super::super::crc;
use super::super::format::{self, BLOCK_HEAD, BLOCK_TAIL, BlockHead, EVENT_MAX};
use super::super::raw::Raw;
use super::{Recorder, Trouble};

impl Recorder {
    /// An event with a block of its own, written from where its bytes lie.
    #[cold]
    pub(super) fn large_event(&mut self, raw: &Raw<'_>) {
        self.seal();
        self.put_head(raw);
        let length = self.used - BLOCK_HEAD + raw.bytes.len();
        raw.add_to(&mut self.check);
        self.at_event = self.check;
        if length > EVENT_MAX {
            self.trouble.get_or_insert(Trouble::TooLarge(raw.bytes.len()));
        }
        let head = self.put_block_head(length);
        self.crc = crc::extend(head, &self.buffer[BLOCK_HEAD..self.used]);
        self.crc = crc::extend(self.crc, raw.bytes);
        let (tail, crc) = format::block_tail(self.at_event.value(), self.crc);
        self.crc = crc;
        self.write_buffer(self.used);
        self.write(raw.bytes);
        self.write(&tail);
        self.next_block();
    }

    /// Writes the buffer as a block, if there is anything in it.
    #[cold]
    pub(super) fn seal(&mut self) {
        self.close_run();
        self.open_picks = 0;
        if self.block_events == 0 {
            return;
        }
        let head = self.put_block_head(self.used - BLOCK_HEAD);
        let crc = crc::extend(head, &self.buffer[BLOCK_HEAD..self.used]);
        let (tail, crc) = format::block_tail(self.at_event.value(), crc);
        self.buffer[self.used..self.used + BLOCK_TAIL].copy_from_slice(&tail);
        self.crc = crc;
        self.write_buffer(self.used + BLOCK_TAIL);
        self.next_block();
    }

    /// Fills the head of the block, and gives the CRC after it.
    fn put_block_head(&mut self, length: usize) -> u32 {
        let head = BlockHead {
            sequence: self.sequence,
            first_pick: self.first_pick,
            events: self.block_events,
            length: length as u32,
        };
        let (record, crc) = head.encode(self.crc);
        self.buffer[..BLOCK_HEAD].copy_from_slice(&record);
        crc
    }

    fn next_block(&mut self) {
        self.events += u64::from(self.block_events);
        self.block_events = 0;
        self.first_pick = self.picks;
        self.used = BLOCK_HEAD;
        match self.sequence.checked_add(1) {
            Some(next) => self.sequence = next,
            None => _ = self.trouble.get_or_insert(Trouble::TooLong),
        }
    }

    fn write_buffer(&mut self, length: usize) {
        if self.trouble.is_none()
            && let Err(errno) = self.sink.write(&self.buffer[..length])
        {
            self.trouble = Some(Trouble::Write(errno));
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        if self.trouble.is_none()
            && let Err(errno) = self.sink.write(bytes)
        {
            self.trouble = Some(Trouble::Write(errno));
        }
    }
}
