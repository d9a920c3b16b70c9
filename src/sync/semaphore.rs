// SPDX-License-Identifier: MIT OR Apache-2.0
//! The semaphore: a number of units, taken and given back by anybody, first come, first served.
//!
//! ```text
//! word    units (62 bits) | QUEUED
//! ```
//! Nobody overtakes: while somebody is in the queue the word is changed under the bucket's lock only, and units go to the
//! first until they are too few for it. So whoever wants many is not starved by those who want one.

use core::sync::atomic::Ordering;

use super::caller;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::AtomicU64;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::strand::{identity, poll};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::lot::{self, Fate, Node, Queues};

/// Most units that a semaphore can have.
pub const UNITS_MAX: u64 = (1 << 62) - 1;
const QUEUED: u64 = 1 << 63;
const UNITS: u64 = QUEUED - 1;

/// See the module documentation. All-zero memory is one without units.
#[repr(C)]
pub struct Semaphore {
    word: AtomicU64,
    spare: u64,
}

const _: () = assert!(cfg!(loom) || size_of::<Semaphore>() == 16);

struct Waiting<'a> {
    semaphore: &'a Semaphore,
    node: Node,
}

impl Semaphore {
    fn key(&self) -> usize {
        self as *const Semaphore as usize
    }

    /// Takes units if nobody waits and there are enough; else what the word was.
    fn try_take(&self, units: u64) -> Result<(), u64> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & QUEUED != 0 || word < units {
                return Err(word);
            }
            // Acquire pairs with the Release of a release: what was done before it is visible.
            match self.word.compare_exchange_weak(word, word - units, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Gives units to the first who wait, as far as they go. The queue's bucket is locked, the word says QUEUED.
    fn grant(&self, queues: &Queues, mut units: u64, woken: &mut Woken) {
        let key = self.key();
        loop {
            let Some(first) = queues.first(key) else { return self.word.store(units, Ordering::Release) };
            if first.wants > units {
                return self.word.store(units | QUEUED, Ordering::Release);
            }
            let left = units - first.wants;
            let won = queues.win_first(key, woken, |node| {
                node.fate.set(Fate::Granted);
                // Before the one who waits can go on: it may be the last who uses the semaphore.
                self.word.store(if queues.is_empty(key) { left } else { left | QUEUED }, Ordering::Release);
            });
            if won == Some(true) {
                if queues.is_empty(key) {
                    return;
                }
                units = left;
            }
        }
    }
}

impl Source for Waiting<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let (semaphore, node) = (self.semaphore, &self.node);
        let queues = lot::lock(semaphore.key());
        let mut word = semaphore.word.load(Ordering::Relaxed);
        while word & QUEUED == 0 {
            let enough = word >= node.wants;
            let next = if enough { word - node.wants } else { word | QUEUED };
            match semaphore.word.compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if enough => return Published::Done(Status::OK),
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        node.set_waiter(waiter);
        // SAFETY: in no queue; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { queues.push(semaphore.key(), node, false) };
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
    /// The node was taken out: what is there may be enough for the next.
    fn leave(&self, queues: Queues) {
        let mut woken = Woken::new();
        let units = self.semaphore.word.load(Ordering::Relaxed) & UNITS;
        self.semaphore.grant(&queues, units, &mut woken);
        drop(queues);
        woken.wake_all();
    }
}

/// Takes units.
#[inline]
pub fn acquire(semaphore: &Semaphore, units: u64, deadline: i64) -> Outcome<()> {
    if !poll::is_raised(poll::CANCEL | poll::EXPLORED)
        && identity::current().is_some()
        && units.wrapping_sub(1) < UNITS_MAX
        && semaphore.try_take(units).is_ok()
    {
        return Ok(());
    }
    acquire_slowly(semaphore, units, deadline)
}

#[cold]
fn acquire_slowly(semaphore: &Semaphore, units: u64, deadline: i64) -> Outcome<()> {
    check(units)?;
    let caller = caller::waits(semaphore.key(), deadline)?;
    if semaphore.try_take(units).is_ok() {
        return Ok(());
    }
    if deadline == NO_WAIT {
        return Err(Status::WOULD_BLOCK);
    }
    let waiting = Waiting { semaphore, node: Node::new(caller.who, units) };
    match block::wait(&waiting, WaitKind::Semaphore, semaphore.key() as u64, deadline) {
        Status::OK => Ok(()),
        status => Err(status),
    }
}

fn check(units: u64) -> Outcome<()> {
    match units {
        0 => fail(Status::INVALID, format_args!("0 units of a semaphore cannot be taken or given back")),
        1..=UNITS_MAX => Ok(()),
        _ => fail(Status::LIMIT, format_args!("{units} units: a semaphore has {UNITS_MAX} at most")),
    }
}

/// Gives units back, or adds them.
pub fn release(semaphore: &Semaphore, units: u64) -> Outcome<()> {
    check(units)?;
    let caller = caller::gives_back(semaphore.key())?;
    let mut word = semaphore.word.load(Ordering::Relaxed);
    loop {
        let sum = (word & UNITS) + units;
        if sum > UNITS_MAX {
            return fail(
                Status::LIMIT,
                format_args!("{units} units more: the semaphore has {} and at most {UNITS_MAX}", word & UNITS),
            );
        }
        if word & QUEUED != 0 {
            let queues = lot::lock(semaphore.key());
            let now = semaphore.word.load(Ordering::Relaxed);
            if now != word {
                word = now;
                continue;
            }
            let mut woken = Woken::new();
            semaphore.grant(&queues, sum, &mut woken);
            drop(queues);
            woken.wake_all();
            return Ok(());
        }
        // Release pairs with the Acquire of an acquire. From here on the semaphore may be gone.
        match semaphore.word.compare_exchange_weak(word, sum, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(now) => word = now,
        }
    }
    drop(caller);
    Ok(())
}

/// Units that this waiter wants, and those that are there. `None` when it does not wait any more.
pub fn units_while_waiting(key: usize, waiter: &Waiter) -> Option<(u64, u64)> {
    lot::while_waiting(key, waiter, |node| {
        // SAFETY: while the waiter waits, the semaphore is there.
        (node.wants, unsafe { (*(key as *const Semaphore)).word.load(Ordering::Relaxed) } & UNITS)
    })
}
