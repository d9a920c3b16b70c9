// SPDX-License-Identifier: MIT OR Apache-2.0
//! The read-write lock: many readers or one writer, first come, first served.
//!
//! ```text
//! word      readers (32 bits) | WRITER | QUEUED
//! writer    who holds it to write
//! reader    one of those who hold it to read: the one that came last and has not left, or nobody
//! ```
//! While somebody waits everybody who comes later does too, so neither side starves. Whoever gives it back last hands it
//! to the first writer, or to all readers up to the next writer.
//!
//! `reader` is written by its own reader only: whoever finds itself there does hold the lock, and would wait for itself.

use core::sync::atomic::Ordering;

use super::caller::{self, Caller};
use super::owner::Owner;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::AtomicU64;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::lot::{self, Fate, Node, Queues};

const READERS: u64 = u32::MAX as u64;
const READERS_MAX: u64 = READERS - 1;
const WRITER: u64 = 1 << 32;
const QUEUED: u64 = 1 << 33;

/// How it is held, or wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Access {
    /// With others.
    Read = 0,
    /// Alone.
    Write = 1,
}

/// See the module documentation. All-zero memory is a free one.
#[repr(C)]
pub struct RwLock {
    word: AtomicU64,
    writer: AtomicU64,
    reader: AtomicU64,
    spare: u64,
}

const _: () = assert!(cfg!(loom) || size_of::<RwLock>() == 32);

impl RwLock {
    /// A free one.
    #[cfg(loom)]
    pub fn new() -> RwLock {
        RwLock { word: AtomicU64::new(0), writer: AtomicU64::new(0), reader: AtomicU64::new(0), spare: 0 }
    }

    fn key(&self) -> usize {
        self as *const RwLock as usize
    }

    /// What the word becomes when it is taken; `None` when it cannot be.
    fn taken(word: u64, access: Access) -> Option<u64> {
        match access {
            Access::Read if word & WRITER == 0 && word & READERS < READERS_MAX => Some(word + 1),
            Access::Write if word & (WRITER | READERS) == 0 => Some(word | WRITER),
            _ => None,
        }
    }

    fn try_take(&self, access: Access) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & QUEUED == 0
            && let Some(taken) = Self::taken(word, access)
        {
            // Acquire pairs with the Release of an unlock.
            match self.word.compare_exchange_weak(word, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    fn note(&self, who: u64, access: Access) {
        // Relaxed: read by the same caller, or to make a report.
        match access {
            Access::Read => self.reader.store(who, Ordering::Relaxed),
            Access::Write => self.writer.store(who, Ordering::Relaxed),
        }
    }

    /// Whether the caller is known to hold it.
    fn is_held_by(&self, who: u64) -> bool {
        self.writer.load(Ordering::Relaxed) == who || self.reader.load(Ordering::Relaxed) == who
    }

    /// Hands it to those who can have it now. `word`: what is held now, without QUEUED; the bucket is locked, and the word
    /// says QUEUED, so nobody else changes it.
    fn hand_on(&self, queues: Queues, mut word: u64) {
        let key = self.key();
        let mut woken = Woken::new();
        loop {
            let first = queues.first(key);
            let access =
                first.map(|node| if node.wants == Access::Write as u64 { Access::Write } else { Access::Read });
            let Some(taken) = access.and_then(|access| Self::taken(word, access)) else {
                self.word.store(if first.is_some() { word | QUEUED } else { word }, Ordering::Release);
                break;
            };
            let won = queues.win_first(key, &mut woken, |node| {
                node.fate.set(Fate::Granted);
                if access == Some(Access::Write) {
                    self.writer.store(node.who, Ordering::Relaxed);
                }
                // Before the one who waits can go on: it may give it back at once, and be the last who uses it.
                self.word.store(if queues.is_empty(key) { taken } else { taken | QUEUED }, Ordering::Release);
            });
            if won == Some(true) {
                if queues.is_empty(key) {
                    break;
                }
                word = taken;
            }
        }
        drop(queues);
        woken.wake_all();
    }
}

struct Waiting<'a> {
    lock: &'a RwLock,
    access: Access,
    node: Node,
}

impl Source for Waiting<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let (lock, node) = (self.lock, &self.node);
        let queues = lot::lock(lock.key());
        let mut word = lock.word.load(Ordering::Relaxed);
        while word & QUEUED == 0 {
            let taken = RwLock::taken(word, self.access);
            let next = taken.unwrap_or(word | QUEUED);
            match lock.word.compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if taken.is_some() => {
                    lock.note(node.who, self.access);
                    return Published::Done(Status::OK);
                }
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        node.set_waiter(waiter);
        // SAFETY: in no queue; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { queues.push(lock.key(), node, false) };
        if sole && !open_sole(waiter) {
            queues.remove(node);
            self.leave(queues);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let (queues, left) = lot::take_out(&self.node);
        if left.is_some() {
            self.leave(queues);
        }
    }
}

impl Waiting<'_> {
    /// The node was taken out: those behind it may not have to wait any more.
    fn leave(&self, queues: Queues) {
        let word = self.lock.word.load(Ordering::Relaxed);
        self.lock.hand_on(queues, word & !QUEUED);
    }
}

/// Locks.
pub fn lock(lock: &RwLock, access: Access, deadline: i64) -> Outcome<()> {
    let caller = caller::waits(lock.key(), deadline)?;
    if lock.try_take(access) {
        lock.note(caller.who, access);
        return Ok(());
    }
    if deadline == NO_WAIT {
        return Err(Status::WOULD_BLOCK);
    }
    if lock.is_held_by(caller.who) {
        return recursion(lock, access, &caller);
    }
    let kind = if access == Access::Write { WaitKind::WriteLock } else { WaitKind::ReadLock };
    let waiting = Waiting { lock, access, node: Node::new(caller.who, access as u64) };
    match block::wait(&waiting, kind, lock.key() as u64, deadline) {
        Status::OK => {
            if access == Access::Read {
                lock.note(caller.who, access);
            }
            Ok(())
        }
        status => Err(status),
    }
}

#[cold]
fn recursion(lock: &RwLock, access: Access, caller: &Caller) -> Outcome<()> {
    let writes = lock.writer.load(Ordering::Relaxed) == caller.who;
    fail(
        Status::DEADLOCK,
        format_args!(
            "read-write lock {:#x} is held to {} by the caller, {}, which would wait for itself{}",
            lock.key(),
            if writes { "write" } else { "read" },
            Owner(caller.who),
            match (writes, access) {
                (false, Access::Write) => "; a reader cannot become the writer",
                (false, Access::Read) => ": a writer waits in between",
                _ => "",
            }
        ),
    )
}

/// Unlocks.
pub fn unlock(lock: &RwLock, access: Access) -> Outcome<()> {
    let who = super::owner::caller();
    let caller = match caller::gives_back(lock.key()) {
        // A thread may give back what it held when the runtime went away.
        Err(Status::NOT_INITIALISED) if lock.is_held_by(who) => None,
        caller => caller?,
    };
    match access {
        Access::Read => {
            if lock.word.load(Ordering::Relaxed) & READERS == 0 {
                return not_held(lock, access, who);
            }
            if lock.reader.load(Ordering::Relaxed) == who {
                lock.reader.store(0, Ordering::Relaxed);
            }
        }
        Access::Write => {
            if lock.writer.load(Ordering::Relaxed) != who {
                return not_held(lock, access, who);
            }
            lock.writer.store(0, Ordering::Relaxed);
        }
    }
    give_back(lock, access);
    drop(caller);
    Ok(())
}

fn give_back(lock: &RwLock, access: Access) {
    let mut word = lock.word.load(Ordering::Relaxed);
    loop {
        let left = if access == Access::Read { word - 1 } else { word & !WRITER };
        if left & QUEUED != 0 {
            let queues = lot::lock(lock.key());
            let now = lock.word.load(Ordering::Relaxed);
            if now & QUEUED == 0 {
                word = now;
                continue;
            }
            let left = if access == Access::Read { now - 1 } else { now & !WRITER };
            return lock.hand_on(queues, left & !QUEUED);
        }
        // Release pairs with the Acquire of the next lock. From here on the lock may be gone.
        match lock.word.compare_exchange_weak(word, left, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => word = now,
        }
    }
}

#[cold]
fn not_held(lock: &RwLock, access: Access, who: u64) -> Outcome<()> {
    let writer = lock.writer.load(Ordering::Relaxed);
    let key = lock.key();
    if access == Access::Read {
        return fail(Status::INVALID, format_args!("read-write lock {key:#x} is not held to read by anybody"));
    }
    match writer {
        0 => fail(Status::INVALID, format_args!("read-write lock {key:#x} is not held to write by anybody")),
        writer => fail(
            Status::INVALID,
            format_args!(
                "read-write lock {key:#x} is held to write by {}, not by the caller, {}",
                Owner(writer),
                Owner(who)
            ),
        ),
    }
}

/// Who holds the lock that this waiter waits for: the writer, or a reader and the number of readers. `None` when it does
/// not wait any more.
pub fn owner_while_waiting(key: usize, waiter: &Waiter) -> Option<(u64, u64)> {
    lot::while_waiting(key, waiter, |_| {
        // SAFETY: while the waiter waits, the lock is there.
        let lock = unsafe { &*(key as *const RwLock) };
        let word = lock.word.load(Ordering::Relaxed);
        if word & WRITER != 0 {
            (lock.writer.load(Ordering::Relaxed), 0)
        } else {
            (lock.reader.load(Ordering::Relaxed), word & READERS)
        }
    })
}
