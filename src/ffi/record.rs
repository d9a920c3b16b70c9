// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings
//!
//! STRAND_RECORD=FILE (or strand_config.record) writes what a run of the stepped engine does not
//! determine by itself: readings of the real clock, the order in which OS threads call in, and
//! bytes given to strand_input(). STRAND_REPLAY=FILE (or strand_config.replay) has the same run
//! again, and compares. Where it differs, calls that drive answer STRAND_ERR_REPLAY from then on,
//! and the message is a report. The format is described in docs/recording-format.md.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::Outcome;
use crate::record::{self, Summary};
use crate::runtime::recording;
use core::ffi::{CStr, c_char, c_void};
use std::io::{self, Write};

/// What a recording holds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_recording_summary {
    /// sizeof(strand_recording_summary), set by the caller.
    pub size: u32,
    /// 1 when it has an end, 0 when it was cut off: its process died.
    pub complete: u32,
    /// What the run returned; 0 without an end.
    pub status: i32,
    /// 1 when every pick is in it, 0 when those that the policy predicts are not.
    pub explicit_picks: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Picks in it, and as many steps.
    pub steps: u64,
    /// Events in it.
    pub events: u64,
    /// The policy, one of STRAND_POLICY_.
    pub policy: u32,
    /// The clock, one of STRAND_CLOCK_.
    pub clock: u32,
    /// The seed.
    pub seed: u64,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is 0 in every field.
unsafe impl Sized32 for strand_recording_summary {
    const NAME: &'static str = "strand_recording_summary";
}

/// Reads a whole recording and says whether it makes sense: nothing in it is damaged, and
/// everything it says about itself is so. It needs no runtime. A recording that was cut off is OK,
/// with complete 0.
///
/// @param path     the file
/// @param summary  what it holds; may be NULL. Written with STRAND_OK.
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: path is NULL, or the size of summary is wrong;
///         STRAND_ERR_IO: it cannot be read; the message says why;
///         STRAND_ERR_REPLAY: it is damaged, of a later version, or no recording; the message says
///         where, and what was expected there;
///         STRAND_ERR_NO_MEMORY
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_recording_verify(
    path: *const c_char,
    summary: *mut strand_recording_summary,
) -> strand_status {
    guard(|| {
        let function = "strand_recording_verify";
        check::pointer(path, function, "path")?;
        // SAFETY: terminated, by the caller's promise.
        let found = match record::verify(unsafe { CStr::from_ptr(path) }) {
            Ok(found) => found,
            Err(failure) => return recording::tell(&failure),
        };
        if summary.is_null() {
            return Ok(());
        }
        // SAFETY: as many writable bytes as its size says, by the caller's promise.
        unsafe { sized::write(summary, &convert(&found), function) }
    })
}

fn convert(found: &Summary) -> strand_recording_summary {
    let flag = |bit| u32::from(found.identity.flags & bit != 0);
    strand_recording_summary {
        size: 0,
        complete: u32::from(found.end.is_some()),
        status: found.end.as_ref().map_or(0, |end| end.status),
        explicit_picks: flag(record::identity::EXPLICIT_PICKS),
        bytes: found.bytes,
        steps: found.picks(),
        events: found.events,
        policy: found.identity.policy,
        clock: 1 + flag(record::identity::VIRTUAL_CLOCK),
        seed: found.identity.seed,
    }
}

/// Prints a recording, a line for each thing in it, as far as it makes sense. It needs no runtime.
///
/// @param path   the file
/// @param print  receives the text line by line, not terminated; a number other than 0 stops the
///               printing. May make no call that switches.
/// @param data   handed to print
/// @return STRAND_OK, or as strand_recording_verify(); STRAND_ERR_IO too when print stops it
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_recording_print(
    path: *const c_char,
    print: Option<unsafe extern "C" fn(text: *const c_char, length: usize, data: *mut c_void) -> i32>,
    data: *mut c_void,
) -> strand_status {
    guard(|| {
        let function = "strand_recording_print";
        check::pointer(path, function, "path")?;
        let print = check::callback(print, function, "print")?;
        let mut out = Lines { print, data, line: Vec::new() };
        // SAFETY: terminated, by the caller's promise.
        let printed = record::print(unsafe { CStr::from_ptr(path) }, &mut out);
        let _ = out.flush();
        printed.or_else(|failure| recording::tell(&failure))
    })
}

/// Gathers lines for the caller's function.
struct Lines {
    print: unsafe extern "C" fn(text: *const c_char, length: usize, data: *mut c_void) -> i32,
    data: *mut c_void,
    line: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.line.try_reserve(text.len()).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        self.line.extend_from_slice(text);
        if self.line.contains(&b'\n') {
            self.flush()?;
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        // SAFETY: live bytes of this length; the function is the caller's.
        let stop = unsafe { (self.print)(self.line.as_ptr().cast(), self.line.len(), self.data) };
        self.line.clear();
        if stop == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ECANCELED)) }
    }
}

/// Makes an input of the program replayable: bytes that come from outside, such as what was read
/// from a file or a random number. While recording they are stored; in a replay they are
/// overwritten with what was stored; otherwise nothing happens.
///
/// @param kind    a number of the program, compared in a replay
/// @param bytes   the input; may be NULL when length is 0
/// @param length  of bytes; compared in a replay. At most about 16,000,000.
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: bytes is NULL although length is not 0;
///         STRAND_ERR_LIMIT: too many bytes;
///         STRAND_ERR_REPLAY: the recording has something else here, and bytes are as they were;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_input(kind: u32, bytes: *mut c_void, length: usize) -> strand_status {
    guard(|| {
        // SAFETY: `length` writable bytes, by the caller's promise.
        let bytes: &mut [u8] = unsafe { writable(bytes.cast(), length) }?;
        recording::input(kind, bytes)
    })
}

/// # Safety
/// `length` bytes at `bytes` are writable for `'a`, or `bytes` is null.
unsafe fn writable<'a>(bytes: *mut u8, length: usize) -> Outcome<&'a mut [u8]> {
    if length == 0 {
        return Ok(&mut []);
    }
    check::pointer(bytes, "strand_input", "bytes")?;
    // SAFETY: by contract.
    Ok(unsafe { core::slice::from_raw_parts_mut(bytes, length) })
}
