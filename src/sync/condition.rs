// SPDX-License-Identifier: MIT OR Apache-2.0
//! The condition: a queue of those who have given a mutex back until somebody says that what they wait for may be so.
//!
//! ```text
//! wait       queue ─ give the mutex back ─ open the claim word, so nobody is resumed before the mutex is free
//! signal     the first moves from this queue to that of its mutex; it is not woken as long as the mutex is held
//! broadcast  all of them do, and the mutex goes from one to the next: no stampede
//! ```
//! Once moved, a wait was ended by the signal, whatever ends its wait for the mutex: no signal is lost.

use core::sync::atomic::Ordering;

use super::caller::{self, Caller};
use super::mutex::{self, Mutex};
use super::owner::Owner;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::AtomicU64;
use crate::base::sync::cell::Cell;
use crate::engine;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken};
use crate::wait::cancel::Shielded;
use crate::wait::lot::{self, Fate, Node};

/// See the module documentation. All-zero memory is one that nobody waits for.
#[repr(C)]
pub struct Condition {
    /// 1 while the queue is not empty. Written under the bucket's lock.
    queued: AtomicU64,
    spare: u64,
}

const _: () = assert!(cfg!(loom) || size_of::<Condition>() == 16);

impl Condition {
    /// One that nobody waits for.
    #[cfg(loom)]
    pub fn new() -> Condition {
        Condition { queued: AtomicU64::new(0), spare: 0 }
    }

    fn key(&self) -> usize {
        self as *const Condition as usize
    }
}

struct Waiting<'a> {
    condition: &'a Condition,
    mutex: &'a Mutex,
    node: Node,
    /// The mutex was given back.
    released: Cell<bool>,
}

impl Source for Waiting<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        debug_assert!(!sole, "the claim word is opened only after the mutex was given back");
        let (condition, node) = (self.condition, &self.node);
        node.set_waiter(waiter);
        let queues = lot::lock(condition.key());
        // SAFETY: in no queue; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { queues.push(condition.key(), node, false) };
        // Relaxed: who signals after having held the mutex sees it through the mutex.
        condition.queued.store(1, Ordering::Relaxed);
        drop(queues);
        self.released.set(true);
        mutex::give_back(self.mutex, node.who);
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let (queues, left) = lot::take_out(&self.node);
        let key = self.condition.key();
        if left == Some(key) {
            if queues.is_empty(key) {
                self.condition.queued.store(0, Ordering::Relaxed);
            }
        } else if left.is_some() {
            mutex::forget(self.mutex, &queues);
        }
    }
}

/// Waits. The caller holds the mutex, and holds it again afterwards, whatever the status is.
pub fn wait(condition: &Condition, mutex: &Mutex, deadline: i64) -> Outcome<()> {
    let caller = caller::waits(condition.key(), deadline)?;
    engine::touch_place(mutex.key());
    if mutex.owner() != caller.who {
        return not_owner(mutex, caller.who);
    }
    if deadline == NO_WAIT {
        return Err(Status::WOULD_BLOCK);
    }
    let node = Node::new(caller.who, mutex.key() as u64);
    let waiting = Waiting { condition, mutex, node, released: Cell::new(false) };
    let status = block::wait_multi(&waiting, WaitKind::Condition, condition.key() as u64, deadline);
    if !waiting.released.get() {
        return Err(status);
    }
    lock_again(&caller, mutex, waiting.node.fate.get())?;
    if status == Status::OK || waiting.node.moved.get() { Ok(()) } else { Err(status) }
}

fn lock_again(caller: &Caller, mutex: &Mutex, fate: Fate) -> Outcome<()> {
    if fate == Fate::Granted {
        return Ok(());
    }
    let Some(body) = caller.body else { return mutex::lock_again(mutex, caller.who, fate) };
    // The mutex is held whatever has ended the wait: neither a cancellation nor a shutdown ends this one.
    let _shielded = Shielded::new(body);
    mutex::lock_again(mutex, caller.who, fate)
}

#[cold]
fn not_owner(mutex: &Mutex, who: u64) -> Outcome<()> {
    let holder = mutex.owner();
    if holder == 0 {
        return fail(
            Status::INVALID,
            format_args!("a wait on a condition needs its mutex, and mutex {:#x} is not held by anybody", mutex.key()),
        );
    }
    fail(
        Status::INVALID,
        format_args!(
            "a wait on a condition needs its mutex, and mutex {:#x} is held by {}, not by the caller, {}",
            mutex.key(),
            Owner(holder),
            Owner(who)
        ),
    )
}

/// Lets the first of those who wait go on.
pub fn signal(condition: &Condition) -> Outcome<()> {
    let _caller = caller::passes(condition.key())?;
    if condition.queued.load(Ordering::Relaxed) != 0 {
        move_first(condition);
    }
    Ok(())
}

/// Lets all of those who wait now go on.
pub fn broadcast(condition: &Condition) -> Outcome<()> {
    let _caller = caller::passes(condition.key())?;
    if condition.queued.load(Ordering::Relaxed) == 0 {
        return Ok(());
    }
    // Those who come meanwhile wait for the next one.
    let count = lot::lock(condition.key()).count(condition.key());
    for _ in 0..count {
        if !move_first(condition) {
            break;
        }
    }
    Ok(())
}

/// Moves the first whose wait is not over to the queue of its mutex; false when there is nobody.
fn move_first(condition: &Condition) -> bool {
    let key = condition.key();
    loop {
        let Some(target) = lot::lock(key).first(key).map(|node| node.wants as usize) else { return false };
        engine::touch_place(target);
        let queues = lot::lock_both(key, target);
        let Some(node) = queues.first(key) else { return false };
        if node.wants as usize != target {
            continue;
        }
        queues.remove(node);
        if queues.is_empty(key) {
            condition.queued.store(0, Ordering::Relaxed);
        }
        if !node.waiter().claim.is_open() {
            continue;
        }
        let mut woken = Woken::new();
        node.moved.set(true);
        node.waiter().now_waits_for(WaitKind::Mutex, target as u64);
        // SAFETY: whoever waits with this mutex has not returned yet: before it does, it takes a lock that is held here.
        mutex::move_here(unsafe { &*(target as *const Mutex) }, &queues, node, &mut woken);
        drop(queues);
        woken.wake_all();
        return true;
    }
}
