// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases as the caller has them: structs of the caller's version, one behind the other.

use core::ffi::c_void;

use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;

/// `strand_case`.
#[repr(C)]
pub struct RawCase {
    /// Bytes of each case: the way to the next.
    pub size: u32,
    /// CASE_ numbers.
    pub kind: u32,
    /// What it is about.
    pub handle: u64,
    /// Where its result goes, or what is sent.
    pub element: *mut c_void,
    /// When a timer fires.
    pub deadline: i64,
    /// Written for the case that commits.
    pub status: i32,
    /// Readiness of a file.
    pub events: u32,
}

/// Bytes of a case that this version knows.
pub const KNOWN: usize = size_of::<RawCase>();
/// No version will have larger ones, so a larger size is not believed and not read.
const LARGEST: usize = 4096;
/// Cases of one call at most.
pub const CASES_MAX: usize = 1 << 24;

/// See the module documentation.
#[derive(Clone, Copy)]
pub struct Cases {
    first: *mut RawCase,
    count: usize,
    stride: usize,
}

impl Cases {
    /// `count` cases from `first` on, which all say the same believable size.
    ///
    /// # Safety
    /// Each is as large as its size says, readable and writable until the call is over; the pointer is aligned.
    pub unsafe fn new(first: *mut RawCase, count: usize) -> Outcome<Cases> {
        if count > CASES_MAX {
            return fail(
                Status::LIMIT,
                format_args!("strand_select: {count} cases; at most {CASES_MAX} are taken at once"),
            );
        }
        // SAFETY: by contract.
        let stride = if count == 0 { KNOWN } else { unsafe { (*first).size as usize } };
        if stride == KNOWN {
            return Ok(Cases { first, count, stride });
        }
        if !(KNOWN..=LARGEST).contains(&stride) || !stride.is_multiple_of(8) {
            return fail(
                Status::INVALID,
                format_args!("strand_select: case 0: size is {stride}; set it to sizeof(strand_case)"),
            );
        }
        Ok(Cases { first, count, stride })
    }

    /// Their number.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count
    }

    fn address(&self, index: usize) -> *mut RawCase {
        self.first.wrapping_byte_add(index * self.stride)
    }

    /// One of them. Of another size than the first, or with fields that this version does not know: INVALID.
    pub fn get(&self, index: usize) -> Outcome<&RawCase> {
        let address = self.address(index);
        // SAFETY: below `count`, so readable by contract; the size is looked at before anything else.
        let size = unsafe { (*address).size as usize };
        if size != self.stride {
            return fail(
                Status::INVALID,
                format_args!("strand_select: case {index}: size is {size}, but that of case 0 is {}", self.stride),
            );
        }
        // SAFETY: as large as its size says.
        let tail = unsafe { core::slice::from_raw_parts(address.cast::<u8>().add(KNOWN), self.stride - KNOWN) };
        if tail.iter().any(|byte| *byte != 0) {
            return fail(
                Status::INVALID,
                format_args!(
                    "strand_select: case {index}: it sets fields that this version of libstrand does not know"
                ),
            );
        }
        // SAFETY: as above.
        Ok(unsafe { &*address })
    }

    /// Tells the caller how the case that has committed did.
    #[inline(always)]
    pub fn tell(&self, index: usize, status: Status) {
        // SAFETY: below `count`, so writable by contract.
        unsafe { (&raw mut (*self.address(index)).status).write(status.0) };
    }
}
