// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where recordings lie: in files, or in memory. No call changes `errno`, and none but the making allocates for files.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use super::failure::Failure;
use crate::base::status::Status;
use crate::base::sys::keeping_errno;

/// The error number of a failed operation.
pub fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(match error.kind() {
        ErrorKind::OutOfMemory => libc::ENOMEM,
        ErrorKind::InvalidInput => libc::EINVAL,
        _ => libc::EIO,
    })
}

/// What a recording is written to.
pub enum Sink {
    /// A file.
    File(File),
    /// Memory that grows.
    #[allow(dead_code)] // for tests and fuzz targets
    Memory(Vec<u8>),
}

impl Sink {
    /// A new file, or an old one emptied.
    pub fn create(path: &[u8]) -> Result<Sink, Failure> {
        let file = keeping_errno(|| File::create(OsStr::from_bytes(path)));
        file.map(Sink::File).map_err(|error| Failure::io(path, "cannot create it", errno_of(&error)))
    }

    /// Appends all of `bytes`, or says with which error number it did not.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), i32> {
        match self {
            Sink::File(file) => keeping_errno(|| file.write_all(bytes)).map_err(|error| errno_of(&error)),
            Sink::Memory(memory) => {
                memory.try_reserve(bytes.len()).map_err(|_| libc::ENOMEM)?;
                memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// What a recording is read from.
pub enum Source {
    /// A file, and its length when it was opened.
    File(File, u64),
    /// Memory.
    #[allow(dead_code)] // for tests and fuzz targets
    Memory(Vec<u8>),
}

impl Source {
    /// Opens a regular file. What is none (a pipe could keep us waiting for ever) is refused.
    pub fn open(path: &[u8]) -> Result<Source, Failure> {
        let open = || {
            let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(OsStr::from_bytes(path))?;
            let facts = file.metadata()?;
            Ok((file, facts))
        };
        let (file, facts) =
            keeping_errno(open).map_err(|error: io::Error| Failure::io(path, "cannot open it", errno_of(&error)))?;
        if facts.is_file() {
            return Ok(Source::File(file, facts.len()));
        }
        let path = super::failure::Path(path);
        Err(Failure::new(Status::IO, format_args!("recording '{path}': cannot open it: it is not a regular file")))
    }

    /// How long it is.
    pub fn length(&self) -> u64 {
        match self {
            Source::File(_, length) => *length,
            Source::Memory(memory) => memory.len() as u64,
        }
    }

    /// Fills `buffer` with what lies at `offset`, or says with which error number it did not.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), i32> {
        match self {
            Source::File(file, _) => {
                keeping_errno(|| file.read_exact_at(buffer, offset)).map_err(|error| errno_of(&error))
            }
            Source::Memory(memory) => {
                let part = usize::try_from(offset).ok().and_then(|at| memory.get(at..)?.get(..buffer.len()));
                part.map(|part| buffer.copy_from_slice(part)).ok_or(libc::EIO)
            }
        }
    }
}
