// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are wrong in one place and right in all others: what the CRCs alone would not find.

use crate::record::crc;
use crate::record::format::{BLOCK_HEAD, BLOCK_MARK, BLOCK_TAIL, END, END_MARK, HEADER, u32_at};
use crate::record::reader::Blocks;
use crate::record::source::Source;
use crate::record::walk::{Visit, walk};

/// Where a file keeps check hashes.
pub struct Marks {
    /// Halves in check events.
    pub checks: Vec<usize>,
    /// Tails of blocks.
    pub tails: Vec<usize>,
    /// The end record.
    pub end: Option<usize>,
}

/// Finds the check hashes of a file that makes sense.
pub fn marks(file: &[u8]) -> Marks {
    let mut marks = Marks { checks: Vec::new(), tails: Vec::new(), end: None };
    let mut blocks = Blocks::open_with(Source::Memory(file.to_vec()), b"marks", false).unwrap();
    let summary = walk(&mut blocks, &mut |offset, visit| {
        match visit {
            Visit::Block(head) => marks.tails.push(offset as usize + BLOCK_HEAD + head.length as usize),
            Visit::Check(_) => marks.checks.push(offset as usize + 1),
            _ => {}
        }
        Ok(())
    });
    marks.end = summary.unwrap().end.map(|_| file.len() - END);
    marks
}

/// Computes the CRCs anew, as far as the records can be made out.
pub fn reseal(file: &mut [u8]) {
    let mut crc = 0;
    let mut close = |file: &mut [u8], from: usize, to: usize| {
        let Some(record) = file.get_mut(from..to) else { return false };
        let (bytes, field) = record.split_at_mut(record.len() - 4);
        crc = crc::extend(crc, bytes);
        field.copy_from_slice(&crc.to_le_bytes());
        true
    };
    let mut good = close(file, 0, HEADER);
    let mut at = HEADER;
    while good && at < file.len() {
        match file[at] {
            BLOCK_MARK => {
                let events = at + BLOCK_HEAD;
                good = close(file, at, events);
                if good {
                    at = events + u32_at(file, events - 8) as usize + BLOCK_TAIL;
                    good = close(file, events, at);
                }
            }
            END_MARK => {
                close(file, at, at + END);
                return;
            }
            _ => return,
        }
    }
}

/// The file `changed`, with the check hashes of `original` and CRCs that agree: what somebody would write who changes
/// the events of a recording and mends all that can be mended without running the program.
pub fn forge(original: &[u8], mut changed: Vec<u8>) -> Vec<u8> {
    let (from, to) = (marks(original), marks(&changed));
    let mut copy = |from: usize, to: usize, length: usize| {
        changed[to..to + length].copy_from_slice(&original[from..from + length]);
    };
    from.checks.iter().zip(&to.checks).for_each(|(&from, &to)| copy(from, to, 4));
    from.tails.iter().zip(&to.tails).for_each(|(&from, &to)| copy(from, to, 8));
    if let (Some(from), Some(to)) = (from.end, to.end) {
        copy(from + 4, to + 4, 4);
        copy(from + 24, to + 24, 8);
    }
    reseal(&mut changed);
    changed
}
