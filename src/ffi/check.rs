// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every argument is checked for before the core sees it. The tests are inlined; the
//! refusals, which format a message, are cold functions.

use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;
use core::ffi::c_char;

/// Longest text that is believed to be one: a longer length is a mistake of the caller.
const TEXT_LIMIT: usize = 1 << 16;

/// Refuses a null (or, for the type, misaligned) pointer.
#[inline(always)]
pub(super) fn pointer<T>(pointer: *const T, function: &str, argument: &str) -> Outcome<()> {
    if pointer.is_null() || !pointer.is_aligned() {
        return bad_pointer(pointer.is_null(), function, argument);
    }
    Ok(())
}

/// Refuses a missing callback and unwraps a present one.
#[inline(always)]
pub(super) fn callback<F>(callback: Option<F>, function: &str, argument: &str) -> Outcome<F> {
    match callback {
        Some(callback) => Ok(callback),
        None => Err(refused(bad_pointer(true, function, argument))),
    }
}

/// Refuses a deadline that is neither a time, STRAND_NO_WAIT nor STRAND_FOREVER.
#[inline(always)]
pub(super) fn deadline(deadline: i64, function: &str) -> Outcome<()> {
    if deadline < super::time::STRAND_FOREVER {
        return bad_deadline(deadline, function);
    }
    Ok(())
}

/// Refuses what is not 0 although this version knows no other value.
pub(super) fn zero(value: u64, function: &str, field: &str) -> Outcome<()> {
    match value {
        0 => Ok(()),
        _ => {
            fail(Status::UNSUPPORTED, format_args!("{function}: {field} is {value}, but this version supports only 0"))
        }
    }
}

/// Refuses bits outside `known`.
pub(super) fn flags(value: u32, known: u32, function: &str) -> Outcome<()> {
    match value & !known {
        0 => Ok(()),
        unknown => fail(Status::INVALID, format_args!("{function}: unknown bits {unknown:#x} in flags")),
    }
}

/// Refuses a number that names nothing.
pub(super) fn at_most(value: u32, largest: u32, function: &str, field: &str) -> Outcome<()> {
    match value <= largest {
        true => Ok(()),
        false => fail(Status::INVALID, format_args!("{function}: {field} is {value}; the largest is {largest}")),
    }
}

/// A text given by pointer and length. Null stands for the empty text and needs length 0.
///
/// # Safety
/// `length` bytes at `pointer` are readable for `'a`, or `pointer` is null.
pub(super) unsafe fn text<'a>(
    pointer: *const c_char,
    length: usize,
    function: &str,
    argument: &str,
) -> Outcome<&'a [u8]> {
    if length > TEXT_LIMIT {
        return fail(
            Status::INVALID,
            format_args!("{function}: the length of {argument}, {length}, exceeds {TEXT_LIMIT}"),
        );
    }
    if pointer.is_null() && length > 0 {
        return Err(refused(bad_pointer(true, function, argument)));
    }
    // SAFETY: not null where length is not 0; the rest is the caller's promise.
    Ok(unsafe { lossy_text(pointer, length) })
}

/// As `text` where no status can be returned: null is empty, a longer text is cut.
///
/// # Safety
/// As `text`.
pub(super) unsafe fn lossy_text<'a>(pointer: *const c_char, length: usize) -> &'a [u8] {
    if pointer.is_null() {
        return &[];
    }
    // SAFETY: the caller promises `length` readable bytes, and fewer than those are taken.
    unsafe { core::slice::from_raw_parts(pointer.cast(), length.min(TEXT_LIMIT)) }
}

/// The status inside a refusal, whatever type the refusal was made for.
fn refused(refusal: Outcome<()>) -> Status {
    refusal.err().unwrap_or(Status::INVALID)
}

#[cold]
#[inline(never)]
fn bad_pointer(null: bool, function: &str, argument: &str) -> Outcome<()> {
    let fault = if null { "NULL" } else { "not aligned for its type" };
    fail(Status::INVALID, format_args!("{function}: {argument} is {fault}"))
}

#[cold]
#[inline(never)]
fn bad_deadline(deadline: i64, function: &str) -> Outcome<()> {
    fail(
        Status::INVALID,
        format_args!(
            "{function}: the deadline {deadline} is below STRAND_FOREVER (-1); deadlines are absolute, \
             strand_after() makes one from a duration"
        ),
    )
}
