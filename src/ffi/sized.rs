// SPDX-License-Identifier: MIT OR Apache-2.0
//! Structs that grow from version to version. Each begins with `uint32_t size`, set by the
//! caller.
//!
//! ```text
//! older program    [size ........]                  the fields it does not know read as 0
//! this version     [size ........ new]
//! newer program    [size ........ new | tail]       accepted while the tail is all zero
//! ```

use super::check;
use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;
use core::mem::{MaybeUninit, size_of};
use core::ptr;

/// No version of any of these structs will be larger, so a larger size is not believed and not
/// read.
const LARGEST: usize = 4096;

/// A struct of the header that begins with its size.
///
/// # Safety
/// `repr(C)`, first field `size: u32`, alignment 8, no field straddles a multiple of 8, and
/// all-zero bytes are a value.
pub(super) unsafe trait Sized32: Copy {
    /// Its name in the header, for messages.
    const NAME: &'static str;
}

/// Copies the caller's struct, whatever its version, into ours.
///
/// # Safety
/// `pointer` is null, or points to as many readable bytes as its size field says.
pub(super) unsafe fn read<T: Sized32>(pointer: *const T, function: &str) -> Outcome<T> {
    // SAFETY: the caller's promise.
    let size = unsafe { declared_size(pointer, function) }?;
    // SAFETY: as above; the size is believable.
    if !unsafe { tail_is_zero::<T>(pointer, size) } {
        return fail(
            Status::INVALID,
            format_args!("{function}: {} sets fields that this version of libstrand does not know", T::NAME),
        );
    }
    let mut known = MaybeUninit::<T>::zeroed();
    let length = size.min(size_of::<T>());
    // SAFETY: both sides hold that many bytes and do not overlap.
    unsafe { ptr::copy_nonoverlapping(pointer.cast::<u8>(), known.as_mut_ptr().cast(), length) };
    // SAFETY: zero bytes are a value of T (Sized32), and so is what a caller wrote over a prefix
    // of them.
    Ok(unsafe { known.assume_init() })
}

/// Refuses a struct that [`write()`] would refuse, before there is anything to write.
///
/// # Safety
/// As for [`write()`].
pub(super) unsafe fn check<T: Sized32>(pointer: *const T, function: &str) -> Outcome<()> {
    // SAFETY: the caller's promise.
    unsafe { declared_size(pointer, function) }.map(|_| ())
}

/// Fills the caller's struct up to the size it declared and zeroes what this version does not
/// know. The size field stays as it was.
///
/// # Safety
/// `pointer` is null, or points to as many writable bytes as its size field says.
pub(super) unsafe fn write<T: Sized32>(pointer: *mut T, value: &T, function: &str) -> Outcome<()> {
    // SAFETY: the caller's promise.
    let size = unsafe { declared_size(pointer, function) }?;
    let head = size_of::<u32>();
    let known = size.min(size_of::<T>()) - head;
    // SAFETY: `size` bytes are writable, and 8 or more; the fields after the size are cleared,
    // then as many bytes as both sides know are copied.
    unsafe {
        let fields = pointer.cast::<u8>().add(head);
        ptr::write_bytes(fields, 0, size - head);
        ptr::copy_nonoverlapping(ptr::from_ref(value).cast::<u8>().add(head), fields, known);
    }
    Ok(())
}

/// The size the caller wrote, if it can be that of any version: a multiple of 8, so that no field
/// is cut.
///
/// # Safety
/// `pointer` is null or points to a size field.
unsafe fn declared_size<T: Sized32>(pointer: *const T, function: &str) -> Outcome<usize> {
    check::pointer(pointer, function, T::NAME)?;
    // SAFETY: not null and aligned; the size field comes first in every version.
    let size = unsafe { pointer.cast::<u32>().read() } as usize;
    if size == 0 || !size.is_multiple_of(8) || size > LARGEST {
        return fail(Status::INVALID, format_args!("{function}: {0}.size is {size}; set it to sizeof({0})", T::NAME));
    }
    Ok(size)
}

/// # Safety
/// `size` bytes at `pointer` are readable.
unsafe fn tail_is_zero<T>(pointer: *const T, size: usize) -> bool {
    let known = size_of::<T>().min(size);
    // SAFETY: `known..size` lies inside the bytes that the caller promised.
    let tail = unsafe { core::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    tail.iter().all(|byte| *byte == 0)
}
