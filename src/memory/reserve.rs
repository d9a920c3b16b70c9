// SPDX-License-Identifier: MIT OR Apache-2.0
//! A range of addresses that is reserved once and committed from its start on demand.
//!
//! ```text
//! base                    committed                       base + length
//! |  readable, writable  |  no access, costs nothing      |
//! ```
//! Two maps each, however far it has grown. Never moves, so addresses in it stay valid until it is dropped.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::base::status::{Outcome, Status};
use crate::base::sys::keeping_errno;

/// Commits happen in multiples of this.
const COMMIT_UNIT: usize = 64 << 10;
/// One commit never takes more than this beyond what was asked for.
const COMMIT_MAX: usize = 64 << 20;

/// A range whose first part is usable. Does not own the addresses: see [`Reservation`].
pub struct Region {
    base: usize,
    length: usize,
    committed: AtomicUsize,
}

impl Region {
    /// A region of reserved addresses, nothing of it committed.
    pub fn new(base: usize, length: usize) -> Region {
        Region { base, length, committed: AtomicUsize::new(0) }
    }

    /// Bytes committed.
    pub fn committed(&self) -> usize {
        self.committed.load(Ordering::Acquire)
    }

    /// Makes the first `bytes` usable. The caller serialises calls (a lock of its own). LIMIT when the region is
    /// too small, NO_MEMORY when the system refuses.
    pub fn commit(&self, bytes: usize) -> Outcome<()> {
        let have = self.committed.load(Ordering::Relaxed);
        if bytes <= have {
            return Ok(());
        }
        if bytes > self.length {
            return Err(Status::LIMIT);
        }
        let ahead = (have / 2).min(COMMIT_MAX);
        let want = (bytes.max(have + ahead).next_multiple_of(COMMIT_UNIT)).min(self.length);
        let least = bytes.next_multiple_of(COMMIT_UNIT).min(self.length);
        for end in [want, least] {
            if self.protect(have, end) {
                self.committed.store(end, Ordering::Release);
                return Ok(());
            }
        }
        Err(Status::NO_MEMORY)
    }

    fn protect(&self, from: usize, to: usize) -> bool {
        keeping_errno(|| {
            // SAFETY: the range lies inside a reservation of ours.
            unsafe { libc::mprotect((self.base + from) as *mut _, to - from, libc::PROT_READ | libc::PROT_WRITE) == 0 }
        })
    }
}

/// Reserved addresses, given back when dropped.
pub struct Reservation {
    whole: Region,
}

impl Reservation {
    /// Reserves `length` bytes (a multiple of the page size). NO_MEMORY when the address space has no such hole.
    pub fn new(length: usize) -> Outcome<Reservation> {
        let base = keeping_errno(|| {
            // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches nothing that exists.
            unsafe {
                libc::mmap(
                    core::ptr::null_mut(),
                    length,
                    libc::PROT_NONE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                    -1,
                    0,
                )
            }
        });
        if base == libc::MAP_FAILED {
            return Err(Status::NO_MEMORY);
        }
        Ok(Reservation { whole: Region::new(base as usize, length) })
    }

    /// First address.
    pub fn base(&self) -> usize {
        self.whole.base
    }

    /// Bytes reserved.
    pub fn length(&self) -> usize {
        self.whole.length
    }

    /// As [`Region::commit`].
    pub fn commit(&self, bytes: usize) -> Outcome<()> {
        self.whole.commit(bytes)
    }

    /// Asks for small pages everywhere: a stack or a table that grows by a page must not cost two megabytes.
    pub fn refuse_huge_pages(&self) {
        keeping_errno(|| {
            // SAFETY: the range is ours; the advice changes no contents.
            unsafe { libc::madvise(self.base() as *mut _, self.length(), libc::MADV_NOHUGEPAGE) }
        });
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        keeping_errno(|| {
            // SAFETY: the range is ours and, as we are being dropped, nothing in it is used any more.
            unsafe { libc::munmap(self.base() as *mut _, self.length()) }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_grow_from_the_start_and_stop_at_the_end() {
        let range = Reservation::new(1 << 20).expect("a megabyte of address space");
        assert_eq!(range.whole.committed(), 0);
        range.commit(1).expect("the first unit");
        assert_eq!(range.whole.committed(), COMMIT_UNIT);
        // SAFETY: the byte lies in the committed part.
        unsafe { *(range.base() as *mut u8).add(COMMIT_UNIT - 1) = 7 };
        range.commit(1 << 20).expect("all of it");
        assert_eq!(range.commit((1 << 20) + 1), Err(Status::LIMIT));
    }

    #[test]
    fn a_reservation_beyond_the_address_space_is_a_status() {
        assert!(matches!(Reservation::new(1 << 60), Err(Status::NO_MEMORY)));
    }
}
