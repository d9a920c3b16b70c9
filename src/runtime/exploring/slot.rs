// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that a forked child shares with its parent: what was decided, and the report of a failure.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::base::status::{Outcome, Status};
use crate::explore::Ledger;

/// Bytes of a report.
const TEXT: usize = 16 << 10;

/// See the module documentation. All-zero memory is an empty one.
#[repr(C)]
pub struct Slot {
    /// Number of the failure; 0 for none.
    failure: AtomicU32,
    length: u32,
    text: [u8; TEXT],
    /// What was decided.
    pub ledger: Ledger,
}

impl Slot {
    /// Shared memory for one. NO_MEMORY.
    pub fn map() -> Outcome<*mut Slot> {
        // SAFETY: a fresh mapping of our own.
        let memory = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                size_of::<Slot>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if memory == libc::MAP_FAILED { Err(Status::NO_MEMORY) } else { Ok(memory.cast()) }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self.failure.get_mut() = 0;
        self.length = 0;
        self.ledger.clear();
    }

    /// The schedule has failed.
    pub fn set_failure(&self, number: u32) {
        self.failure.store(number, Ordering::SeqCst);
    }

    /// Number of the failure; 0 for none.
    pub fn failure(&self) -> u32 {
        self.failure.load(Ordering::SeqCst)
    }

    /// The report.
    pub fn text(&self) -> &str {
        let bytes = &self.text[..(self.length as usize).min(TEXT)];
        bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }
}

impl fmt::Write for Slot {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let from = self.length as usize;
        let mut take = text.len().min(TEXT - from);
        while !text.is_char_boundary(take) {
            take -= 1;
        }
        self.text[from..from + take].copy_from_slice(&text.as_bytes()[..take]);
        self.length += take as u32;
        Ok(())
    }
}
