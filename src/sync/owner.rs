// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who holds a lock: a strand or an OS thread, as a number that leaves room for flags beside it.
//!
//! ```text
//! strand      0 | generation and index of its handle     never reused, so a strand that has ended owns for ever
//! OS thread   1 | counted number | thread id             the same for all calls of a thread, never that of another
//! bit         57  56          22  21       0
//! ```

use core::cell::Cell;
use core::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::handle::{self, INDEX_MAX, Kind};
use crate::engine::parallel;
use crate::strand::body::Body;
use crate::strand::extras;
use crate::strand::fault::Named;
use crate::strand::head::{self, Head, Phase};
use crate::strand::identity;

/// The bits of an owner; nobody is 0.
pub const OWNER: u64 = (1 << 58) - 1;
const THREAD: u64 = 1 << 57;
const THREAD_ID_BITS: u32 = 22;

/// A strand.
#[inline(always)]
pub fn strand(body: &Body) -> u64 {
    body.owner.get()
}

/// The caller.
#[inline]
pub fn caller() -> u64 {
    match identity::current() {
        Some(body) => strand(body),
        None => thread(),
    }
}

static THREADS: AtomicU64 = AtomicU64::new(0);

#[cfg(not(loom))]
thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}
#[cfg(loom)]
loom::thread_local! {
    static NUMBER: Cell<u64> = Cell::new(0);
}

/// The calling OS thread.
#[inline(never)]
pub fn thread() -> u64 {
    NUMBER.with(|number| {
        if number.get() == 0 {
            // SAFETY: takes no arguments, cannot fail.
            let id = unsafe { libc::syscall(libc::SYS_gettid) } as u64 & ((1 << THREAD_ID_BITS) - 1);
            // Relaxed: only that no two are the same counts.
            let counted = THREADS.fetch_add(1, Ordering::Relaxed) + 1;
            number.set(THREAD | (counted << THREAD_ID_BITS | id) & (THREAD - 1));
        }
        number.get()
    })
}

fn head_of(owner: u64) -> Option<(&'static Head, u64)> {
    let parts = handle::decode(Kind::Strand, (Kind::Strand as u64) << 57 | owner)?;
    let engine = parallel::engine()?;
    (parts.index < engine.strands.fresh()).then(|| (head::at(parts.index), parts.generation))
}

/// Whether the owner will most likely go on at once: a strand that is on a worker, or an OS thread, of which nobody knows.
pub fn is_running(owner: u64) -> bool {
    owner & THREAD != 0
        || head_of(owner)
            .is_some_and(|(head, generation)| head.phase() == Phase::Running && head.generation() == generation)
}

/// The worker on which an owner was last.
pub fn worker_of(owner: u64) -> Option<u32> {
    if owner & THREAD != 0 {
        return None;
    }
    head_of(owner).map(|(head, _)| head.home.load(core::sync::atomic::Ordering::Relaxed).into())
}

/// Whether the owner is a strand that has ended.
pub fn has_ended(owner: u64) -> bool {
    owner & THREAD == 0 && head_of(owner).is_none_or(|(head, generation)| head.generation() != generation)
}

/// An owner in words.
pub struct Owner(pub u64);

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & THREAD != 0 {
            return write!(out, "OS thread {}", self.0 & ((1 << THREAD_ID_BITS) - 1));
        }
        let id = (Kind::Strand as u64) << 57 | self.0;
        if has_ended(self.0) {
            return write!(out, "{}, which has ended", Named { id, name: &[] });
        }
        let Some((head, generation)) = head_of(self.0) else { return Ok(()) };
        // Tried only: whoever makes a report may hold the lock of this strand, or of one whose reporter wants this one.
        let locked = head.lock.try_lock();
        let same = locked && head.generation() == generation;
        let name =
            if same { extras::of(head, head.started_body()).map_or(&[][..], |extras| extras.name()) } else { &[] };
        let written = write!(out, "{}", Named { id, name });
        if locked {
            head.lock.unlock();
        }
        written
    }
}

const _: () = assert!(INDEX_MAX < 1 << 24 && Kind::Strand as u64 == 1);
