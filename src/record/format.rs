// SPDX-License-Identifier: MIT OR Apache-2.0
//! The records of a recording, version 1. Fixed numbers are little-endian.
//!
//! ```text
//! file    header  block*  end?                         without an end record the recording is truncated
//! header  magic 8 | major 2 | minor 2 | length 4 | flags 4 | policy 4 | seed 8 | quantum 8 | parameters 3 x 8
//!         | engine version 4 | zero 4 | digest of the arguments 8 | build id 16 | ... | crc 4
//! block   'B' 0 0 0 | sequence 4 | picks before it 8 | events 4 | length n 4 | crc 4 | events n | check 8 | crc 4
//! end     'E' 0 0 0 | status 4 | steps 8 | events 8 | check 8 | crc 4
//! ```
//! Each CRC is of all bytes of the file before it, the CRCs not counted.

use super::Identity;
use super::crc;

/// The first eight bytes: no text begins like that, and what changes line ends or stops at ^Z changes them.
pub const MAGIC: [u8; 8] = *b"\x89STR\r\n\x1A\n";
/// A reader understands one major version.
pub const MAJOR: u16 = 1;
/// What a writer of this version says. Readers accept later ones.
pub const MINOR: u16 = 0;
/// Bytes of the header that this version writes, its CRC included.
pub const HEADER: usize = 100;
/// Bytes of the longest header that a later minor version may write.
pub const HEADER_MAX: usize = 4096;
/// Bytes of a block before its events, and after them.
pub const BLOCK_HEAD: usize = 28;
/// Bytes of a block after its events.
pub const BLOCK_TAIL: usize = 12;
/// Bytes of the events of a block; a block has at most 64 KiB.
pub const EVENTS_MAX: usize = (64 << 10) - BLOCK_HEAD - BLOCK_TAIL;
/// Bytes of an event that has a block of its own because it is larger.
pub const EVENT_MAX: usize = 16 << 20;
/// Bytes of the end record.
pub const END: usize = 36;
/// A check event comes after each of so many steps.
pub const CHECK_EVERY: u64 = 1024;
/// Explicit picks in one event.
pub const PICKS_MAX: u8 = 255;

/// First byte of a block.
pub const BLOCK_MARK: u8 = b'B';
/// First byte of the end record.
pub const END_MARK: u8 = b'E';

/// Flags below this one must be understood.
pub const OPTIONAL_FLAGS: u32 = 1 << 16;

/// Tag of a run of picks that the policy predicts.
pub const TAG_PREDICTED: u8 = 0x01;
/// Tag of explicit picks.
pub const TAG_PICKS: u8 = 0x02;
/// Tag of a check hash.
pub const TAG_CHECK: u8 = 0x12;
/// Tags from here on are followed by a length, so that a reader can skip those that it does not know.
pub const TAG_SKIPPED: u8 = 0x80;

/// `N` bytes at `at`; zeros beyond the end.
pub fn bytes_at<const N: usize>(buffer: &[u8], at: usize) -> [u8; N] {
    buffer.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// The number at `at`.
pub fn u32_at(buffer: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(buffer, at))
}

/// The number at `at`.
pub fn u64_at(buffer: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(buffer, at))
}

/// Puts bytes one after the other into a record.
struct Fill<'a> {
    record: &'a mut [u8],
    at: usize,
}

impl Fill<'_> {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.record[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        self
    }
}

/// The header of a recording, and its CRC.
pub fn header(identity: &Identity) -> ([u8; HEADER], u32) {
    let mut record = [0; HEADER];
    let mut fill = Fill { record: &mut record, at: 0 };
    fill.put(&MAGIC).put(&MAJOR.to_le_bytes()).put(&MINOR.to_le_bytes()).put(&(HEADER as u32).to_le_bytes());
    fill.put(&identity.flags.to_le_bytes()).put(&identity.policy.to_le_bytes()).put(&identity.seed.to_le_bytes());
    fill.put(&identity.quantum.to_le_bytes());
    identity.parameters.iter().for_each(|parameter| _ = fill.put(&parameter.to_le_bytes()));
    fill.put(&identity.engine_version.to_le_bytes()).put(&[0; 4]).put(&identity.arguments_digest.to_le_bytes());
    fill.put(&identity.build_id);
    let crc = crc::extend(0, &record[..HEADER - 4]);
    record[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
    (record, crc)
}

/// What a header of at least [`HEADER`] bytes says of the program.
pub fn identity_in(header: &[u8]) -> Identity {
    Identity {
        flags: u32_at(header, 16),
        policy: u32_at(header, 20),
        seed: u64_at(header, 24),
        quantum: u64_at(header, 32),
        parameters: [u64_at(header, 40), u64_at(header, 48), u64_at(header, 56)],
        engine_version: u32_at(header, 64),
        arguments_digest: u64_at(header, 72),
        build_id: bytes_at(header, 80),
    }
}

/// What comes before the events of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockHead {
    /// Blocks before it.
    pub sequence: u32,
    /// Picks before its first event.
    pub first_pick: u64,
    /// Events in it.
    pub events: u32,
    /// Bytes of its events.
    pub length: u32,
}

impl BlockHead {
    /// The record, and the CRC after it.
    pub fn encode(&self, crc: u32) -> ([u8; BLOCK_HEAD], u32) {
        let mut record = [0; BLOCK_HEAD];
        let mut fill = Fill { record: &mut record, at: 0 };
        fill.put(&[BLOCK_MARK, 0, 0, 0]).put(&self.sequence.to_le_bytes()).put(&self.first_pick.to_le_bytes());
        fill.put(&self.events.to_le_bytes()).put(&self.length.to_le_bytes());
        close(&mut record, crc)
    }

    /// What a record says.
    pub fn decode(record: &[u8; BLOCK_HEAD]) -> BlockHead {
        BlockHead {
            sequence: u32_at(record, 4),
            first_pick: u64_at(record, 8),
            events: u32_at(record, 16),
            length: u32_at(record, 20),
        }
    }
}

/// What comes after the events of a block, and the CRC after it.
pub fn block_tail(check: u64, crc: u32) -> ([u8; BLOCK_TAIL], u32) {
    let mut record = [0; BLOCK_TAIL];
    record[..8].copy_from_slice(&check.to_le_bytes());
    close(&mut record, crc)
}

/// The end of a complete recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// What the run returned.
    pub status: i32,
    /// Steps of the run.
    pub steps: u64,
    /// Events of the recording.
    pub events: u64,
    /// The check hash after everything.
    pub check: u64,
}

impl End {
    /// The record.
    pub fn encode(&self, crc: u32) -> ([u8; END], u32) {
        let mut record = [0; END];
        let mut fill = Fill { record: &mut record, at: 0 };
        fill.put(&[END_MARK, 0, 0, 0]).put(&self.status.to_le_bytes()).put(&self.steps.to_le_bytes());
        fill.put(&self.events.to_le_bytes()).put(&self.check.to_le_bytes());
        close(&mut record, crc)
    }

    /// What a record says.
    pub fn decode(record: &[u8; END]) -> End {
        End {
            status: i32::from_le_bytes(bytes_at(record, 4)),
            steps: u64_at(record, 8),
            events: u64_at(record, 16),
            check: u64_at(record, 24),
        }
    }
}

/// Puts the CRC into the last four bytes.
fn close<const N: usize>(record: &mut [u8; N], crc: u32) -> ([u8; N], u32) {
    let crc = crc::extend(crc, &record[..N - 4]);
    record[N - 4..].copy_from_slice(&crc.to_le_bytes());
    (*record, crc)
}
