// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the sections share, without a runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::sized::{self, Sized32};
use super::status::{self, strand_last_error};
use super::time::{STRAND_FOREVER, STRAND_NO_WAIT};
use super::{check, guard};
use crate::base::status::Status;
use core::mem::size_of;
use core::ptr;

/// The struct of this version, with neighbours that may not be touched.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Options {
    size: u32,
    first: u32,
    second: u64,
}

// SAFETY: repr(C), size first, 8-aligned pairs; zero is a value.
unsafe impl Sized32 for Options {
    const NAME: &'static str = "options";
}

/// The struct of a newer version.
#[repr(C)]
struct Newer {
    known: Options,
    third: u64,
}

fn last_error() -> String {
    let mut buffer = [0_u8; 256];
    // SAFETY: the buffer is as long as it is said to be.
    let length = unsafe { strand_last_error(buffer.as_mut_ptr().cast(), buffer.len()) };
    String::from_utf8(buffer[..length.min(255)].to_vec()).unwrap()
}

fn read(options: &Options) -> Result<Options, Status> {
    // SAFETY: the sizes used here never exceed what is readable, or are refused unread.
    unsafe { sized::read(ptr::from_ref(options), "test") }
}

#[test]
fn smaller_struct_reads_as_zero_beyond_its_end() {
    let older = Options { size: 8, first: 7, second: 9 };
    assert_eq!(read(&older), Ok(Options { size: 8, first: 7, second: 0 }));
}

#[test]
fn larger_struct_is_accepted_while_the_unknown_is_zero() {
    let size = size_of::<Newer>() as u32;
    let mut newer = Newer { known: Options { size, first: 7, second: 9 }, third: 0 };
    // SAFETY: as many readable bytes as the size says.
    let read = |newer: &Newer| unsafe { sized::read(ptr::from_ref(newer).cast::<Options>(), "test") };
    assert_eq!(read(&newer), Ok(newer.known));
    newer.third = 1 << 63;
    assert_eq!(read(&newer), Err(Status::INVALID));
    assert!(last_error().contains("does not know"), "{}", last_error());
}

#[test]
fn sizes_of_no_version_are_refused_unread() {
    for size in [0, 1, 4, 12, 17, 4104, u32::MAX, u32::MAX - 7] {
        assert_eq!(read(&Options { size, first: 0, second: 0 }), Err(Status::INVALID), "{size}");
    }
    assert_eq!(last_error(), "test: options.size is 4294967288; set it to sizeof(options)");
}

#[test]
fn missing_and_misaligned_structs_are_refused() {
    // SAFETY: both are refused without being read.
    let read = |pointer: *const Options| unsafe { sized::read(pointer, "test") };
    assert_eq!(read(ptr::null()), Err(Status::INVALID));
    assert_eq!(last_error(), "test: options is NULL");
    assert_eq!(read(ptr::without_provenance(4097)), Err(Status::INVALID));
    assert!(last_error().contains("aligned"), "{}", last_error());
}

#[test]
fn written_struct_keeps_its_size_and_clears_what_is_unknown() {
    let value = Options { size: 0, first: 7, second: 9 };
    let mut newer = [Newer { known: Options { size: 24, first: 1, second: 1 }, third: 1 }];
    // SAFETY: as many writable bytes as the size says.
    unsafe { sized::write(newer.as_mut_ptr().cast::<Options>(), &value, "test") }.unwrap();
    assert_eq!((newer[0].known, newer[0].third), (Options { size: 24, first: 7, second: 9 }, 0));
    let mut older = Options { size: 8, first: 1, second: 1 };
    // SAFETY: as above.
    unsafe { sized::write(&raw mut older, &value, "test") }.unwrap();
    assert_eq!(older, Options { size: 8, first: 7, second: 1 });
}

#[test]
fn a_panic_becomes_a_status_with_a_message() {
    assert_eq!(guard(|| panic!("seven is {}", 7)), status::STRAND_ERR_PANIC);
    assert_eq!(last_error(), "internal error: seven is 7");
    assert_eq!(guard(|| Err(Status::CLOSED)), status::STRAND_ERR_CLOSED);
    assert_eq!(guard(|| Ok(())), status::STRAND_OK);
}

#[test]
fn deadlines_end_at_minus_one() {
    for good in [STRAND_FOREVER, STRAND_NO_WAIT, 1, i64::MAX] {
        assert_eq!(check::deadline(good, "test"), Ok(()));
    }
    for bad in [-2, i64::MIN] {
        assert_eq!(check::deadline(bad, "test"), Err(Status::INVALID));
    }
    assert!(last_error().contains("strand_after"), "{}", last_error());
}

#[test]
fn texts_are_pointer_and_length() {
    // SAFETY: the literals are as long as they are said to be; the rest is refused unread.
    let text = |pointer: &'static [u8], length| unsafe { check::text(pointer.as_ptr().cast(), length, "test", "name") };
    assert_eq!(text(b"name", 2), Ok(&b"na"[..]));
    assert_eq!(text(b"name", usize::MAX), Err(Status::INVALID));
    // SAFETY: null is refused, or nothing is read of it.
    let null = |length| unsafe { check::text(ptr::null(), length, "test", "name") };
    assert_eq!((null(0), null(1)), (Ok(&b""[..]), Err(Status::INVALID)));
}
