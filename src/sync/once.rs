// SPDX-License-Identifier: MIT OR Apache-2.0
//! The once-only call: whoever comes first makes it, the others wait until it has returned.
//!
//! ```text
//! word    who makes the call (58 bits) | DONE | QUEUED
//! ```
//! A strand that ends inside the call has not made it: the first who waits, or comes next, makes it anew.

use core::ffi::c_void;
use core::sync::atomic::Ordering;

use super::caller;
use super::owner::{OWNER, Owner};
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::AtomicU64;
use crate::engine;
use crate::strand::body::{Body, Undo};
use crate::strand::message::fail;
use crate::strand::poll;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::lot::{self, Node, Queues};

const DONE: u64 = 1 << 58;
const QUEUED: u64 = 1 << 59;

/// See the module documentation. All-zero memory is one that was not made.
#[repr(C)]
pub struct Once {
    word: AtomicU64,
    spare: u64,
}

const _: () = assert!(cfg!(loom) || size_of::<Once>() == 16);

/// The function that is called once.
pub type Function = unsafe extern "C-unwind" fn(*mut c_void);

impl Once {
    fn key(&self) -> usize {
        self as *const Once as usize
    }

    #[inline]
    fn is_done(&self) -> bool {
        // Acquire pairs with the Release in `end`: what the call did is visible.
        self.word.load(Ordering::Acquire) & DONE != 0
    }

    /// The call has returned (`word` is DONE), or was not made after all (0).
    fn end(&self, word: u64) {
        let key = self.key();
        let running = self.word.load(Ordering::Relaxed);
        if running & QUEUED == 0
            && self.word.compare_exchange(running, word, Ordering::Release, Ordering::Relaxed).is_ok()
        {
            return;
        }
        let queues = lot::lock(key);
        let mut woken = Woken::new();
        if word == DONE {
            self.word.store(DONE, Ordering::Release);
            while queues.win_first(key, &mut woken, |_| ()).is_some() {}
        } else {
            // One is enough to make it: the others wait for that one.
            self.word.store(QUEUED, Ordering::Release);
            while queues.win_first(key, &mut woken, |_| forget(self, &queues)) == Some(false) {}
        }
        drop(queues);
        woken.wake_all();
    }
}

/// Somebody has left the queue. Its bucket is locked.
fn forget(once: &Once, queues: &Queues) {
    if queues.is_empty(once.key()) {
        once.word.fetch_and(!QUEUED, Ordering::Relaxed);
    }
}

struct Waiting<'a> {
    once: &'a Once,
    node: Node,
}

impl Source for Waiting<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let (once, node) = (self.once, &self.node);
        let queues = lot::lock(once.key());
        let mut word = once.word.load(Ordering::Acquire);
        loop {
            if word & OWNER == 0 {
                return Published::Done(Status::OK);
            }
            match once.word.compare_exchange_weak(word, word | QUEUED, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        node.set_waiter(waiter);
        // SAFETY: in no queue; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { queues.push(once.key(), node, false) };
        if sole && !open_sole(waiter) {
            queues.remove(node);
            forget(once, &queues);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let (queues, left) = lot::take_out(&self.node);
        if left.is_some() {
            forget(self.once, &queues);
        }
    }
}

/// Makes the call if nobody has.
///
/// # Safety
/// The function and its data are what the program wants to run.
#[inline]
pub unsafe fn run(once: &Once, function: Function, data: *mut c_void, deadline: i64) -> Outcome<()> {
    if once.is_done() && !poll::is_raised(poll::CANCEL | poll::EXPLORED) {
        return Ok(());
    }
    // SAFETY: by contract.
    unsafe { run_slowly(once, function, data, deadline) }
}

#[cold]
unsafe fn run_slowly(once: &Once, function: Function, data: *mut c_void, deadline: i64) -> Outcome<()> {
    let caller = caller::waits(once.key(), deadline)?;
    let mut word = once.word.load(Ordering::Acquire);
    loop {
        if word & DONE != 0 {
            return Ok(());
        }
        if word & OWNER == 0 {
            let mine = caller.who | word & QUEUED;
            // Acquire pairs with the Release of a call that was not made: what it did is visible.
            match once.word.compare_exchange(word, mine, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: by contract.
                    unsafe { call(once, function, data, caller.body) };
                    return Ok(());
                }
                Err(now) => {
                    word = now;
                    continue;
                }
            }
        }
        if word & OWNER == caller.who {
            return recursion(once, caller.who);
        }
        if deadline == NO_WAIT {
            return Err(Status::WOULD_BLOCK);
        }
        let waiting = Waiting { once, node: Node::new(caller.who, 0) };
        match block::wait(&waiting, WaitKind::Once, once.key() as u64, deadline) {
            Status::OK => {
                engine::touch_place(once.key());
                word = once.word.load(Ordering::Acquire);
            }
            status => return Err(status),
        }
    }
}

#[cold]
fn recursion(once: &Once, who: u64) -> Outcome<()> {
    fail(
        Status::DEADLOCK,
        format_args!(
            "the once-only call {:#x} is being made by the caller, {}, which would wait for itself",
            once.key(),
            Owner(who)
        ),
    )
}

/// A call that does not return was not made. Notices a panic; what drops the frames looks into the body.
struct Unmade<'a> {
    once: &'a Once,
    body: Option<&'static Body>,
    outer: *const Undo,
}

impl Drop for Unmade<'_> {
    fn drop(&mut self) {
        if let Some(body) = self.body {
            body.undo.set(self.outer);
        }
        self.once.end(0);
    }
}

unsafe fn unmake(once: *const ()) {
    // SAFETY: the once-only call whose frames are about to be dropped; it is there until it has returned.
    unsafe { &*once.cast::<Once>() }.end(0);
}

/// # Safety
/// As [`run`].
unsafe fn call(once: &Once, function: Function, data: *mut c_void, body: Option<&'static Body>) {
    let outer = body.map_or(core::ptr::null(), |body| body.undo.get());
    let undo = Undo { act: unmake, data: (once as *const Once).cast(), outer };
    let unmade = Unmade { once, body, outer };
    if let Some(body) = body {
        body.undo.set(&undo);
    }
    // SAFETY: by contract.
    unsafe { function(data) };
    core::mem::forget(unmade);
    if let Some(body) = body {
        body.undo.set(outer);
    }
    once.end(DONE);
}

/// Who makes the call that this waiter waits for. `None` when it does not wait any more.
pub fn owner_while_waiting(key: usize, waiter: &Waiter) -> Option<u64> {
    // SAFETY: while the waiter waits, it is there.
    lot::while_waiting(key, waiter, |_| unsafe { (*(key as *const Once)).word.load(Ordering::Relaxed) & OWNER })
}
