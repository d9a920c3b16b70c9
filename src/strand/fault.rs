// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults: strands that ended badly, and what the run says of them.
//!
//! A fault that nobody looked at is never silent: the next `strand_scheduler_run` returns FAILED once and names the
//! first strand, its message and how many there were. Nobody can look at the fault of a plain strand, so it counts at
//! once; the failure of a task counts while nobody has looked at its outcome:
//! ```text
//! task failed ──► listed ──somebody looks──► forgotten
//!                   └──the task is released──► counted like the fault of a strand
//! ```

use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::failure::{Code, Failure, Kept};
use super::message::Text;
use crate::base::status::Status;
use crate::base::sys;

struct Log {
    /// Faults that were not reported, those of the list included.
    unreported: u64,
    /// Faults that were ever counted here.
    sequence: u64,
    /// The sentence about the first of those that are not in the list, and its number; 0 when there is none.
    first: Text<512>,
    first_sequence: u64,
    /// Failures that somebody may still look at, in their order.
    oldest: *const Failure,
    newest: *const Failure,
}

// SAFETY: the list holds references to records, which may be shared; it is reached under the lock.
unsafe impl Send for Log {}

static LOG: Mutex<Log> = Mutex::new(Log {
    unreported: 0,
    sequence: 0,
    first: Text::new(),
    first_sequence: 0,
    oldest: core::ptr::null(),
    newest: core::ptr::null(),
});
static TOTAL: AtomicU64 = AtomicU64::new(0);

impl Log {
    fn count(&mut self) -> u64 {
        self.unreported += 1;
        self.sequence += 1;
        self.sequence
    }

    /// Remembers the sentence if it is about the first fault.
    fn remember(&mut self, sequence: u64, sentence: core::fmt::Arguments<'_>) {
        if self.first_sequence == 0 || sequence < self.first_sequence {
            self.first_sequence = sequence;
            self.first.clear();
            let _ = self.first.write_fmt(sentence);
        }
    }

    fn push(&mut self, failure: Kept) {
        let sequence = self.count();
        failure.sequence.set(sequence);
        failure.listed.set(true);
        failure.next.set(core::ptr::null());
        failure.back.set(self.newest);
        let raw = failure.into_raw();
        if self.newest.is_null() {
            self.oldest = raw;
        } else {
            // SAFETY: a listed record is referred to by the list.
            unsafe { (*self.newest).next.set(raw) };
        }
        self.newest = raw;
    }

    /// Takes a record out of the list, with the list's reference to it; `None` when it is not listed.
    fn take(&mut self, failure: &Failure) -> Option<Kept> {
        if !failure.listed.replace(false) {
            return None;
        }
        let (next, back) = (failure.next.get(), failure.back.get());
        // SAFETY: the neighbours are listed; the reference is the list's, which ends here.
        unsafe {
            if back.is_null() {
                self.oldest = next
            } else {
                (*back).next.set(next)
            }
            if next.is_null() {
                self.newest = back
            } else {
                (*next).back.set(back)
            }
            Kept::from_raw(failure)
        }
    }

    /// The sentence about the first fault.
    fn first<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        // SAFETY: a listed record is referred to by the list.
        if let Some(oldest) = unsafe { self.oldest.as_ref() }
            && (self.first_sequence == 0 || oldest.sequence.get() < self.first_sequence)
        {
            let mut text = Text::<512>::new();
            let _ = write!(text, "{oldest}");
            return read(core::str::from_utf8(text.as_bytes()).unwrap_or(""));
        }
        read(core::str::from_utf8(self.first.as_bytes()).unwrap_or(""))
    }

    fn clear(&mut self) {
        self.unreported = 0;
        self.first_sequence = 0;
        // SAFETY: as above.
        while let Some(oldest) = unsafe { self.oldest.as_ref() } {
            drop(self.take(oldest));
        }
    }
}

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

/// Records that a strand ended with a fault that nobody can look at.
#[cold]
pub fn record(strand: &Named<'_>, code: Status, message: core::fmt::Arguments<'_>) {
    {
        let mut log = log();
        let sequence = log.count();
        log.remember(sequence, format_args!("{strand} failed with {}: {message}", Code(code)));
    }
    tell(strand, code, message);
}

/// Tells the log of a fault, and counts it among all.
#[cold]
pub fn tell(strand: &Named<'_>, code: Status, message: core::fmt::Arguments<'_>) {
    TOTAL.fetch_add(1, Ordering::Relaxed);
    super::log::write(super::log::ERROR, format_args!("{strand} failed with {}: {message}", Code(code)));
}

/// A task has failed, and somebody may still look at its outcome.
#[cold]
pub fn list(failure: &Kept) {
    log().push(failure.clone());
}

/// A task has failed for which there was no memory to say how: counts like the fault of a strand.
#[cold]
pub fn count_unexplained(task: u64, code: Status) {
    let mut log = log();
    let sequence = log.count();
    log.remember(sequence, format_args!("task {task:#x} failed with {}", Code(code)));
}

/// Somebody has looked at the outcome of a task that failed.
#[cold]
pub fn seen(failure: &Failure) {
    let mut log = log();
    // Dropped after the lock was given back.
    let taken = log.take(failure);
    log.unreported -= u64::from(taken.is_some());
    drop(log);
}

/// The task is gone: nobody will look at its failure any more.
#[cold]
pub fn gone(failure: &Failure) {
    let mut log = log();
    if let Some(taken) = log.take(failure) {
        log.remember(taken.sequence.get(), format_args!("{failure}"));
    }
}

/// Takes the report: number of faults since the last one, and the sentence about the first.
pub fn take_report<T>(read: impl FnOnce(u64, &str) -> T) -> Option<T> {
    let mut log = log();
    if log.unreported == 0 {
        return None;
    }
    let count = log.unreported;
    let result = log.first(|first| read(count, first));
    log.clear();
    Some(result)
}

/// The sentence about the first fault that was not reported, if there is one.
pub fn peek<T>(read: impl FnOnce(&str) -> T) -> Option<T> {
    let log = log();
    (log.unreported > 0).then(|| log.first(read))
}

/// Faults that were not reported need not be any more: somebody has looked at them.
pub fn forget() {
    log().clear();
}

/// Starts counting for a new runtime; what was not reported before belongs to the last one.
pub fn reset() {
    TOTAL.store(0, Ordering::Relaxed);
    log().clear();
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
