// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file, pipe or socket that a thread which may block reads, until somebody tells it to stop.
//!
//! The descriptor is a duplicate of the caller's. Nothing of what both share is changed: whether it blocks stays as it is, so a
//! read is made only where poll has said that there is something. Should somebody else have taken that meanwhile, such a
//! read would wait where nobody can end it; pipes and sockets are asked not to.

use core::ffi::{c_int, c_void};

use super::pool;
use crate::base::status::{Outcome, Status};
use crate::base::sys::{self, keeping_errno};
use crate::engine::clock;
use crate::record::failure::Errno;
use crate::strand::message::fail;
use crate::wait::block::{FOREVER, NO_WAIT};

/// How long a thread waits before it looks whether others need it, in nanoseconds.
const PATIENCE: i64 = 50_000_000;

/// See the module documentation.
pub struct Source {
    file: c_int,
    /// An eventfd; it counts once somebody has asked for the end.
    bell: c_int,
    kind: Kind,
}

/// How a descriptor is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Socket,
    Pipe,
    /// What never waits once poll has said that there is something; or cannot be asked not to.
    Other,
}

impl Kind {
    fn of(file: c_int) -> Kind {
        let mut about = core::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: room for one.
        if unsafe { libc::fstat(file, about.as_mut_ptr()) } != 0 {
            return Kind::Other;
        }
        // SAFETY: filled, since fstat has succeeded.
        match unsafe { about.assume_init() }.st_mode & libc::S_IFMT {
            libc::S_IFSOCK => Kind::Socket,
            libc::S_IFIFO => Kind::Pipe,
            _ => Kind::Other,
        }
    }
}

/// What came of reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Got {
    /// So many bytes, at least one.
    Bytes(usize),
    /// The end of the file; nobody will write to it any more.
    End,
    /// Nothing yet: the thread has something else to do first.
    Later,
    /// Nothing in time.
    Late,
    /// Nothing: somebody has asked for the end.
    Stopped,
    /// The system refuses, with an error number.
    Failed(i32),
}

impl Source {
    /// Duplicates a descriptor. INVALID: it is none, or not for reading. LIMIT: the process may have no further one.
    pub fn new(file: c_int) -> Outcome<Source> {
        keeping_errno(|| {
            // SAFETY: F_GETFL has no argument.
            let flags = unsafe { libc::fcntl(file, libc::F_GETFL) };
            if flags < 0 {
                return fail(Status::INVALID, format_args!("descriptor {file}: {}", Errno(sys::errno())));
            }
            if flags & libc::O_ACCMODE == libc::O_WRONLY || flags & libc::O_PATH != 0 {
                return fail(Status::INVALID, format_args!("descriptor {file} is not open for reading"));
            }
            // SAFETY: the argument is a number.
            let file = unsafe { libc::fcntl(file, libc::F_DUPFD_CLOEXEC, 0) };
            if file < 0 {
                return refused();
            }
            // SAFETY: two numbers.
            let bell = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
            if bell < 0 {
                let refused = refused();
                // SAFETY: opened just now.
                unsafe { libc::close(file) };
                return refused;
            }
            Ok(Source { file, bell, kind: Kind::of(file) })
        })
    }

    /// Ends a read that waits, and every later one. By any thread; it does not wait.
    pub fn stop(&self) {
        keeping_errno(|| {
            let one = 1u64;
            // SAFETY: eight bytes that are there. The count is far from its end, so it is never refused.
            unsafe { libc::write(self.bell, (&raw const one).cast::<c_void>(), size_of::<u64>()) };
        });
    }

    /// Reads what is there, as much as fits; waits for it until the deadline (NO_WAIT: not at all). May block its thread.
    pub fn read(&self, room: &mut [u8], deadline: i64) -> Got {
        keeping_errno(|| {
            loop {
                let patience = match deadline {
                    NO_WAIT => 0,
                    FOREVER => PATIENCE,
                    _ => PATIENCE.min(deadline - clock::shown()).max(0),
                };
                match self.poll(patience) {
                    Ok(true) => match self.take(room) {
                        Some(got) => return got,
                        // Somebody else has taken it.
                        None if deadline == NO_WAIT => return Got::Late,
                        None => {}
                    },
                    Ok(false) if deadline == NO_WAIT => return Got::Late,
                    Ok(false) if deadline != FOREVER && clock::shown() >= deadline => return Got::Late,
                    Ok(false) if pool::is_short() => return Got::Later,
                    Ok(false) => {}
                    Err(got) => return got,
                }
            }
        })
    }

    /// Waits so many nanoseconds; whether there is something to read, its end or an error.
    fn poll(&self, patience: i64) -> Result<bool, Got> {
        let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut both = [entry(self.file), entry(self.bell)];
        let milliseconds = ((patience + 999_999) / 1_000_000) as c_int;
        // SAFETY: two entries that are there.
        let ready = unsafe { libc::poll(both.as_mut_ptr(), 2, milliseconds) };
        match (ready, both[1].revents) {
            (0, _) => Ok(false),
            (1.., 0) => Ok(true),
            (1.., _) => Err(Got::Stopped),
            _ if sys::errno() == libc::EINTR => Ok(false),
            _ => Err(Got::Failed(sys::errno())),
        }
    }

    /// Reads; `None`: there was nothing after all.
    fn take(&self, room: &mut [u8]) -> Option<Got> {
        let count = self.read_now(room);
        match count {
            1.. => Some(Got::Bytes(count as usize)),
            0 => Some(Got::End),
            _ => match sys::errno() {
                libc::EINTR | libc::EAGAIN => None,
                error => Some(Got::Failed(error)),
            },
        }
    }

    /// One read, which does not wait where that can be had.
    fn read_now(&self, room: &mut [u8]) -> isize {
        let (first, length) = (room.as_mut_ptr().cast::<c_void>(), room.len());
        match self.kind {
            // SAFETY: so many bytes are there.
            Kind::Socket => return unsafe { libc::recv(self.file, first, length, libc::MSG_DONTWAIT) },
            Kind::Pipe => {
                let part = libc::iovec { iov_base: first, iov_len: length };
                // From where it stands: -1, in two halves.
                // SAFETY: one part, of bytes that are there.
                let count = unsafe {
                    libc::syscall(libc::SYS_preadv2, self.file, &raw const part, 1usize, -1i64, 0i64, libc::RWF_NOWAIT)
                };
                if count >= 0 || !matches!(sys::errno(), libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL) {
                    return count as isize;
                }
            }
            Kind::Other => {}
        }
        // SAFETY: so many bytes are there.
        unsafe { libc::read(self.file, first, length) }
    }

    /// The last bytes that were read were of no use: a file stands before them again. A pipe or a socket has lost them.
    pub fn put_back(&self, bytes: u64) {
        if bytes > 0 {
            // SAFETY: numbers.
            keeping_errno(|| unsafe { libc::lseek(self.file, -(bytes as i64), libc::SEEK_CUR) });
        }
    }
}

#[cold]
fn refused<T>() -> Outcome<T> {
    let error = sys::errno();
    let status = match error {
        libc::EMFILE | libc::ENFILE => Status::LIMIT,
        libc::ENOMEM => Status::NO_MEMORY,
        _ => Status::IO,
    };
    fail(status, format_args!("no descriptor can be had: {}", Errno(error)))
}

impl Drop for Source {
    fn drop(&mut self) {
        keeping_errno(|| {
            // SAFETY: this one's own, closed once.
            unsafe {
                libc::close(self.file);
                libc::close(self.bell);
            }
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::io::{Seek, Write};
    use std::os::fd::AsRawFd;
    use std::time::{Duration, Instant};

    fn pipe() -> (c_int, c_int) {
        let mut ends = [0; 2];
        // SAFETY: room for two.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        (ends[0], ends[1])
    }

    #[test]
    fn a_read_that_waits_ends_when_it_is_told_to_and_so_does_every_later_one() {
        let (out, into) = pipe();
        let source = Source::new(out).unwrap();
        let began = Instant::now();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| source.read(&mut [0; 8], FOREVER));
            std::thread::sleep(Duration::from_millis(30));
            assert!(!reader.is_finished(), "nothing was written, nobody asked");
            source.stop();
            assert_eq!(reader.join().unwrap(), Got::Stopped);
        });
        assert!(began.elapsed() < Duration::from_secs(20));
        // SAFETY: one byte that is there.
        assert_eq!(unsafe { libc::write(into, c"x".as_ptr().cast(), 1) }, 1);
        assert_eq!(source.read(&mut [0; 8], NO_WAIT), Got::Stopped, "what comes later is not read");
    }

    #[test]
    fn what_is_there_is_read_without_waiting_and_a_deadline_ends_the_wait_for_more() {
        let (out, into) = pipe();
        let source = Source::new(out).unwrap();
        assert_eq!(source.read(&mut [0; 8], NO_WAIT), Got::Late);
        // SAFETY: three bytes that are there.
        assert_eq!(unsafe { libc::write(into, c"abc".as_ptr().cast(), 3) }, 3);
        let mut room = [0; 8];
        assert_eq!(source.read(&mut room, FOREVER), Got::Bytes(3));
        assert_eq!(&room[..3], b"abc");
        let deadline = clock::shown() + 20_000_000;
        assert_eq!(source.read(&mut room, deadline), Got::Late);
        assert!(clock::shown() >= deadline, "not before the deadline");
        // SAFETY: this test's own.
        unsafe { libc::close(into) };
        assert_eq!(source.read(&mut room, FOREVER), Got::End);
    }

    #[test]
    fn what_somebody_else_has_taken_is_not_waited_for() {
        let (out, into) = pipe();
        let mut ends = [0; 2];
        // SAFETY: room for two.
        assert_eq!(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr()) }, 0);
        for (out, into) in [(out, into), (ends[0], ends[1])] {
            let source = Source::new(out).unwrap();
            std::thread::scope(|scope| {
                // Poll has said that there is something, and now there is nothing.
                let reader = scope.spawn(|| source.take(&mut [0; 8]));
                let began = Instant::now();
                while !reader.is_finished() && began.elapsed() < Duration::from_secs(20) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let waited = !reader.is_finished();
                // SAFETY: one byte that is there.
                assert_eq!(unsafe { libc::write(into, c"x".as_ptr().cast(), 1) }, 1);
                assert!(
                    reader.join().unwrap().is_none() && !waited,
                    "it was read from {:?} and waited for",
                    source.kind
                );
            });
            assert_eq!(source.take(&mut [0; 8]), Some(Got::Bytes(1)), "what is there is read");
        }
    }

    #[test]
    fn a_file_stands_before_what_is_put_back_and_what_is_no_source_is_refused() {
        let path = std::env::temp_dir().join(format!("strand-source-{}", std::process::id()));
        let mut file =
            std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(b"0123456789").unwrap();
        file.rewind().unwrap();
        let source = Source::new(file.as_raw_fd()).unwrap();
        let mut room = [0; 8];
        assert_eq!(source.read(&mut room, NO_WAIT), Got::Bytes(8));
        source.put_back(5);
        assert_eq!(file.stream_position().unwrap(), 3, "the caller's descriptor has the same place");
        assert_eq!(source.read(&mut room, NO_WAIT), Got::Bytes(7));
        assert_eq!(&room[..7], b"3456789");
        assert_eq!(source.read(&mut room, NO_WAIT), Got::End);
        assert_eq!(Source::new(-1).err(), Some(Status::INVALID));
        let (out, into) = pipe();
        assert_eq!(Source::new(into).err(), Some(Status::INVALID), "the end for writing");
        assert!(Source::new(out).is_ok());
        let folder = std::fs::File::open("/").unwrap();
        assert_eq!(Source::new(folder.as_raw_fd()).unwrap().read(&mut room, FOREVER), Got::Failed(libc::EISDIR));
    }
}
