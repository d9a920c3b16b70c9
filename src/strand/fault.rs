// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults: strands that ended badly, and what the run says of them.
//!
//! A fault that nobody looked at is never silent: the next `strand_scheduler_run` returns FAILED once and names the
//! first strand, its message and how many there were.

use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::message::Text;
use crate::base::status::Status;
use crate::base::sys;

struct Log {
    unreported: u64,
    first: Text<512>,
}

static LOG: Mutex<Log> = Mutex::new(Log { unreported: 0, first: Text::new() });
static TOTAL: AtomicU64 = AtomicU64::new(0);

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A strand for a message: `strand 0x2000001000000 "parser"`, or without a name.
pub struct Named<'a> {
    /// Its handle.
    pub id: u64,
    /// Its name; may be empty.
    pub name: &'a [u8],
}

impl core::fmt::Display for Named<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "strand {:#x}", self.id)?;
        if !self.name.is_empty() {
            write!(out, " \"{}\"", Lossy(self.name))?;
        }
        Ok(())
    }
}

/// Bytes of a caller for a message: what is not UTF-8 is shown as question marks.
pub struct Lossy<'a>(pub &'a [u8]);

impl core::fmt::Display for Lossy<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for chunk in self.0.utf8_chunks() {
            out.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                out.write_str("?")?;
            }
        }
        Ok(())
    }
}

/// Records that a strand ended with a fault.
#[cold]
pub fn record(strand: &Named<'_>, code: Status, message: core::fmt::Arguments<'_>) {
    TOTAL.fetch_add(1, Ordering::Relaxed);
    let code = code.name().to_str().unwrap_or("");
    {
        let mut log = log();
        log.unreported += 1;
        if log.unreported == 1 {
            log.first.clear();
            let _ = write!(log.first, "{strand} failed with {code}: {message}");
        }
    }
    super::log::write(super::log::ERROR, format_args!("{strand} failed with {code}: {message}"));
}

/// Takes the report: number of faults since the last one, and the sentence about the first.
pub fn take_report<T>(read: impl FnOnce(u64, &str) -> T) -> Option<T> {
    let mut log = log();
    if log.unreported == 0 {
        return None;
    }
    let count = core::mem::take(&mut log.unreported);
    Some(read(count, core::str::from_utf8(log.first.as_bytes()).unwrap_or("")))
}

/// The sentence about the first fault that was not reported, if there is one.
pub fn peek<T>(read: impl FnOnce(&str) -> T) -> Option<T> {
    let log = log();
    (log.unreported > 0).then(|| read(core::str::from_utf8(log.first.as_bytes()).unwrap_or("")))
}

/// Faults that were not reported need not be any more: somebody has looked at them.
pub fn forget() {
    log().unreported = 0;
}

/// Starts counting for a new runtime; what was not reported before belongs to the last one.
pub fn reset() {
    TOTAL.store(0, Ordering::Relaxed);
    log().unreported = 0;
}

/// Faults since init.
pub fn total() -> u64 {
    TOTAL.load(Ordering::Relaxed)
}

/// Ends the process because of something a strand did that has no status: tells the fatal hook, writes the message.
#[cold]
pub fn die(message: core::fmt::Arguments<'_>) -> ! {
    let mut text = Text::<512>::new();
    let _ = text.write_fmt(message);
    let hooks = super::hooks::get();
    if let Some(fatal) = hooks.fatal {
        // SAFETY: the hook is the program's own, installed for this purpose.
        unsafe { fatal(text.as_bytes().as_ptr(), text.as_bytes().len(), hooks.data) };
    }
    let _ = text.write_str("\n");
    sys::write_error(text.as_bytes());
    // SAFETY: abort takes no arguments and does not return.
    unsafe { libc::abort() }
}
