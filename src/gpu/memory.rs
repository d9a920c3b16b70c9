// SPDX-License-Identifier: MIT OR Apache-2.0
//! Host memory that several may write to: what a buffer of the processor is, and what one of another device is mapped to.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::base::failing;
use crate::base::status::{Outcome, Status};

/// Bytes on a boundary of 64, all zero at first. Who writes where at what time is the program's affair.
pub struct HostMemory {
    first: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it is only reached through raw pointers.
unsafe impl Send for HostMemory {}
// SAFETY: as above.
unsafe impl Sync for HostMemory {}

impl HostMemory {
    /// So many bytes; not 0. NO_MEMORY.
    pub fn new(bytes: u64) -> Outcome<HostMemory> {
        let layout = usize::try_from(bytes).ok().and_then(|bytes| Layout::from_size_align(bytes, 64).ok());
        let layout = layout.filter(|layout| layout.size() > 0).ok_or(Status::NO_MEMORY)?;
        if failing::now() {
            return Err(Status::NO_MEMORY);
        }
        // SAFETY: the size is not 0.
        let first = unsafe { std::alloc::alloc_zeroed(layout) };
        NonNull::new(first).map(|first| HostMemory { first, layout }).ok_or(Status::NO_MEMORY)
    }

    /// The first byte.
    pub fn first(&self) -> *mut u8 {
        self.first.as_ptr()
    }

    /// Their number.
    pub fn bytes(&self) -> u64 {
        self.layout.size() as u64
    }

    /// The address of a byte, or of the end.
    pub fn at(&self, offset: u64) -> *mut u8 {
        debug_assert!(offset <= self.bytes());
        self.first().wrapping_add(offset as usize)
    }
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; nobody keeps it any more.
        unsafe { std::alloc::dealloc(self.first(), self.layout) };
    }
}
