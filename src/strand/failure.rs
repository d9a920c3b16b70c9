// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failure records: what a task failed of, who it was, what caused it, and where.
//!
//! ```text
//! one allocation:  | Failure | return addresses | name of the strand | message |
//! ```
//! A record is never changed once it is made, and lives as long as somebody holds it: the task that failed, one whose
//! failure it caused, and the log while nobody has looked at it (`fault`).

use core::alloc::Layout;
use core::fmt::{self, Display};
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use super::fault::{Lossy, Named};
use crate::base::failing;
use crate::base::status::Status;
use crate::base::sync::cell::Cell;

/// Bytes of a message; longer ones are cut.
pub const MESSAGE_MAX: usize = 496;

/// What a record is made of.
pub struct About<'a> {
    /// Why.
    pub code: Status,
    /// The strand that failed; 0 when none did.
    pub strand: u64,
    /// The task that failed; 0 when none did.
    pub task: u64,
    /// Name of the strand.
    pub name: &'a [u8],
    /// The program's words.
    pub message: &'a [u8],
    /// Where, innermost first.
    pub addresses: &'a [usize],
    /// Whose failure led to this one.
    pub cause: Option<Kept>,
}

/// See the module documentation.
pub struct Failure {
    references: AtomicU32,
    /// Why.
    pub code: Status,
    /// The strand that failed; 0 when none did.
    pub strand: u64,
    /// The task that failed; 0 when none did.
    pub task: u64,
    /// Whose failure led to this one.
    pub cause: Option<Kept>,
    /// Place in the list of those nobody has looked at; under the lock of the log.
    pub(super) next: Cell<*const Failure>,
    pub(super) back: Cell<*const Failure>,
    pub(super) listed: Cell<bool>,
    /// Which of all failures that nobody had looked at this one is; under the lock of the log.
    pub(super) sequence: Cell<u64>,
    addresses: u32,
    name_length: u32,
    message_length: u32,
}

// SAFETY: written before it is shared; the cells are touched under the lock of the log.
unsafe impl Sync for Failure {}
// SAFETY: as above.
unsafe impl Send for Failure {}

impl Failure {
    /// Makes a record. `None` when there is no memory for it.
    pub fn make(about: About<'_>) -> Option<Kept> {
        let message = &about.message[..about.message.len().min(MESSAGE_MAX)];
        let layout = Self::layout(about.addresses.len(), about.name.len(), message.len())?;
        if failing::now() {
            return None;
        }
        // SAFETY: the size is not 0.
        let place = NonNull::new(unsafe { std::alloc::alloc(layout) }.cast::<Failure>())?;
        let record = Failure {
            references: AtomicU32::new(1),
            code: about.code,
            strand: about.strand,
            task: about.task,
            cause: about.cause,
            next: Cell::new(core::ptr::null()),
            back: Cell::new(core::ptr::null()),
            listed: Cell::new(false),
            sequence: Cell::new(0),
            addresses: about.addresses.len() as u32,
            name_length: about.name.len() as u32,
            message_length: message.len() as u32,
        };
        // SAFETY: the allocation holds the record, the addresses, the name and the message, in this order.
        unsafe {
            place.write(record);
            let addresses = place.as_ptr().add(1).cast::<usize>();
            core::ptr::copy_nonoverlapping(about.addresses.as_ptr(), addresses, about.addresses.len());
            let name = addresses.add(about.addresses.len()).cast::<u8>();
            core::ptr::copy_nonoverlapping(about.name.as_ptr(), name, about.name.len());
            core::ptr::copy_nonoverlapping(message.as_ptr(), name.add(about.name.len()), message.len());
        }
        Some(Kept(place))
    }

    fn layout(addresses: usize, name: usize, message: usize) -> Option<Layout> {
        let texts = name.checked_add(message)?;
        let size = size_of::<Failure>().checked_add(addresses.checked_mul(size_of::<usize>())?)?.checked_add(texts)?;
        Layout::from_size_align(size, align_of::<Failure>()).ok()
    }

    fn tail(&self) -> *const usize {
        (self as *const Failure).wrapping_add(1).cast()
    }

    /// How many causes lie below it.
    pub fn causes(&self) -> u32 {
        let mut count = 0;
        let mut next = self.cause.as_deref();
        while let Some(cause) = next {
            count += 1;
            next = cause.cause.as_deref();
        }
        count
    }

    /// Where, innermost first.
    pub fn addresses(&self) -> &[usize] {
        // SAFETY: they follow the record in its allocation.
        unsafe { core::slice::from_raw_parts(self.tail(), self.addresses as usize) }
    }

    /// Name of the strand; empty when it has none.
    pub fn name(&self) -> &[u8] {
        let start = self.tail().wrapping_add(self.addresses as usize).cast::<u8>();
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts(start, self.name_length as usize) }
    }

    /// The program's words; may be empty.
    pub fn message(&self) -> &[u8] {
        let start = self.name().as_ptr_range().end;
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts(start, self.message_length as usize) }
    }
}

impl Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "task {:#x}", self.task)?;
        if self.strand != 0 {
            write!(out, " ({})", Named { id: self.strand, name: self.name() })?;
        }
        write!(out, " failed with {}", Code(self.code))?;
        if self.message().is_empty() { Ok(()) } else { write!(out, ": {}", Lossy(self.message())) }
    }
}

/// A status by its name; one of a language's own by its number.
pub struct Code(pub Status);

impl Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name().to_str() {
            Ok(name) if name != "STRAND_ERR_UNKNOWN" => out.write_str(name),
            _ => write!(out, "code {}", self.0.0),
        }
    }
}

/// A reference to a record.
pub struct Kept(NonNull<Failure>);

// SAFETY: the record may be shared, and its count is atomic.
unsafe impl Send for Kept {}
// SAFETY: as above.
unsafe impl Sync for Kept {}

impl Kept {
    /// The record as an address, for the list of the log, which keeps it.
    pub(super) fn into_raw(self) -> *const Failure {
        let raw = self.0.as_ptr();
        core::mem::forget(self);
        raw
    }

    /// # Safety
    /// The address came from [`Self::into_raw`] and is given back once.
    pub(super) unsafe fn from_raw(raw: *const Failure) -> Option<Kept> {
        NonNull::new(raw.cast_mut()).map(Kept)
    }
}

impl Deref for Kept {
    type Target = Failure;

    fn deref(&self) -> &Failure {
        // SAFETY: alive while it is referred to.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        self.references.fetch_add(1, Ordering::Relaxed);
        Kept(self.0)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut last = Some(Kept(self.0));
        // A loop, so that a long chain of causes needs no deep stack.
        while let Some(kept) = last.take() {
            let mut place = kept.0;
            core::mem::forget(kept);
            // SAFETY: alive until this reference is given back. AcqRel: the last one sees all that the others did.
            if unsafe { place.as_ref() }.references.fetch_sub(1, Ordering::AcqRel) != 1 {
                return;
            }
            // SAFETY: nobody else refers to it; allocated with this layout.
            unsafe {
                let record = place.as_mut();
                last = record.cause.take();
                let (addresses, name, message) = (record.addresses, record.name_length, record.message_length);
                if let Some(layout) = Failure::layout(addresses as usize, name as usize, message as usize) {
                    std::alloc::dealloc(place.as_ptr().cast(), layout);
                }
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn about<'a>(message: &'a [u8], cause: Option<Kept>) -> About<'a> {
        About { code: Status::IO, strand: 1, task: 2, name: b"parser", message, addresses: &[7, 8], cause }
    }

    #[test]
    fn a_record_holds_what_it_was_made_of() {
        let record = Failure::make(about(b"no such file", None)).expect("memory");
        assert_eq!(
            (record.addresses(), record.name(), record.message()),
            (&[7, 8][..], &b"parser"[..], &b"no such file"[..])
        );
        assert_eq!(record.to_string(), "task 0x2 (strand 0x1 \"parser\") failed with STRAND_ERR_IO: no such file");
    }

    #[test]
    fn a_long_chain_of_causes_is_freed_without_recursion() {
        let mut last = Failure::make(about(b"", None));
        for _ in 0..1_000_000 {
            last = Failure::make(about(b"", last));
        }
        drop(last);
    }

    #[test]
    fn a_long_message_is_cut() {
        let record = Failure::make(about(&[b'x'; 2 * MESSAGE_MAX], None)).expect("memory");
        assert_eq!(record.message().len(), MESSAGE_MAX);
    }
}
