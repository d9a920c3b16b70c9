// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a recording cannot be written or read: a status, and a sentence that names the file.

use core::fmt::{self, Write};

use super::mismatch::Mismatch;
use crate::base::status::Status;

/// See the module documentation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// IO, NO_MEMORY, LIMIT, REPLAY (what the file says makes no sense) or INVALID.
    pub status: Status,
    /// The sentence; empty where no memory was left for it.
    text: String,
}

impl Failure {
    /// A failure whose sentence is `text`.
    #[cold]
    pub fn new(status: Status, text: fmt::Arguments<'_>) -> Failure {
        let mut sentence = Sentence(String::new());
        match sentence.write_fmt(text) {
            Ok(()) => Failure { status, text: sentence.0 },
            Err(_) => Failure { status, text: String::new() },
        }
    }

    /// The system refused `attempt` ("cannot open it") on the recording at `path` with the error number `errno`.
    #[cold]
    pub fn io(path: &[u8], attempt: &str, errno: i32) -> Failure {
        Failure::new(Status::IO, format_args!("recording '{}': {attempt}: {}", Path(path), Errno(errno)))
    }

    /// Memory for the recording at `path` could not be had.
    #[cold]
    pub fn memory(path: &[u8]) -> Failure {
        Failure::new(Status::NO_MEMORY, format_args!("recording '{}': no memory for its buffers", Path(path)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.as_str() {
            "" => out.write_str(self.status.message().to_str().unwrap_or("")),
            text => out.write_str(text),
        }
    }
}

impl From<Mismatch> for Failure {
    fn from(mismatch: Mismatch) -> Failure {
        Failure::new(Status::REPLAY, format_args!("{mismatch}"))
    }
}

/// A text that grows where memory can be had.
struct Sentence(String);

impl Write for Sentence {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(text);
        Ok(())
    }
}

/// A path in a message: what is not UTF-8 is shown as question marks.
pub struct Path<'a>(pub &'a [u8]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            out.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                out.write_str("?")?;
            }
        }
        Ok(())
    }
}

/// An error number in the words of the system.
pub struct Errno(
    /// The number.
    pub i32,
);

impl fmt::Display for Errno {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0u8; 128];
        // SAFETY: the buffer is live and its size is given; the last byte stays zero.
        let known = unsafe { libc::strerror_r(self.0, buffer.as_mut_ptr().cast(), buffer.len() - 1) } == 0;
        match core::ffi::CStr::from_bytes_until_nul(&buffer).map(|text| text.to_str()) {
            Ok(Ok(text)) if known => out.write_str(text),
            _ => write!(out, "error {}", self.0),
        }
    }
}

/// Copies bytes to memory of their own.
pub fn copy(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).ok()?;
    copy.extend_from_slice(bytes);
    Some(copy)
}

/// `length` zeros.
pub fn zeros(length: usize) -> Option<Vec<u8>> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(length).ok()?;
    zeros.resize(length, 0);
    Some(zeros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_file_and_speaks_the_words_of_the_system() {
        let failure = Failure::io(b"a/b.rec", "cannot open it", libc::ENOENT);
        assert_eq!(failure.status, Status::IO);
        assert_eq!(failure.to_string(), "recording 'a/b.rec': cannot open it: No such file or directory");
        assert_eq!(Failure::memory(b"\xFFx").to_string(), "recording '?x': no memory for its buffers");
        assert!(Failure::io(b"x", "y", 123_456).to_string().ends_with("error 123456"));
    }
}
