// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stopping the world: every strand but one at a place where it can be looked at, every OS thread outside of the library.
//!
//! ```text
//! who stops                               who works (workers between two strands, the ticker)
//!   WORLD = 1                               rest: RESTING, wake who stops
//!   look at every rest: all RESTING?          ... asleep, or waiting for WORLD = 0 ...
//!   no: ask them to rest, sleep a little    work again: WORKING, then look at WORLD; 1: rest again
//! ```
//! Both sides write their own word, pass a fence and then read the other's: either who stops sees somebody at work, or that
//! one sees that the world is stopped and rests. OS threads do the same with the count of
//! active calls (`outside`). Who holds the world is in OWNER: a strand's body or an OS thread.

use super::Worker;
use super::parallel;
use crate::base::fence;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::base::sync::{futex_wait, futex_wake, shared_static};
use crate::strand::body::Body;
use crate::strand::identity;
use crate::strand::message::fail;

shared_static! {
    /// 1 while the world is stopped, or about to be.
    static WORLD: AtomicU32 = AtomicU32::new(0);
}
shared_static! {
    /// Moves on when somebody comes to rest.
    static CHANGED: AtomicU32 = AtomicU32::new(0);
}
shared_static! {
    /// Who has stopped it.
    static OWNER: AtomicUsize = AtomicUsize::new(0);
}

const WORKING: u32 = 0;
const RESTING: u32 = 1;

/// Whether one worker (or the ticker) is where the world may be stopped.
pub struct Rest(AtomicU32);

impl Rest {
    /// At rest: its thread does not run yet.
    pub fn new() -> Rest {
        Rest(AtomicU32::new(RESTING))
    }

    /// It touches nothing that is shared, until [`Self::end`].
    pub fn begin(&self) {
        self.0.store(RESTING, Ordering::SeqCst);
        if WORLD.load(Ordering::SeqCst) != 0 {
            tell();
        }
    }

    /// It works again, as soon as the world goes on.
    pub fn end(&self) {
        loop {
            self.0.store(WORKING, Ordering::SeqCst);
            // Pairs with the heavy fence in `seize`: it sees this one at work, or this one sees that the world stops.
            fence::light();
            if WORLD.load(Ordering::SeqCst) == 0 {
                return;
            }
            self.begin();
            wait_for_go();
        }
    }

    /// For who stops the world, once it is stopping.
    pub fn is_begun(&self) -> bool {
        self.0.load(Ordering::SeqCst) == RESTING
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether somebody has stopped the world, or is about to.
#[inline]
pub fn is_stopping() -> bool {
    WORLD.load(Ordering::SeqCst) != 0
}

/// Somebody has come to rest, or an OS thread has left.
pub fn tell() {
    CHANGED.fetch_add(1, Ordering::SeqCst);
    futex_wake(&CHANGED, i32::MAX);
}

/// What [`wait_for_change`] is to be told, read before the look.
pub fn changes() -> u32 {
    CHANGED.load(Ordering::SeqCst)
}

/// Sleeps until somebody has come to rest since `seen`, or until a moment of the monotonic clock.
pub fn wait_for_change(seen: u32, until: i64) {
    futex_wait(&CHANGED, seen, Some(until));
}

/// Sleeps until the world goes on.
pub fn wait_for_go() {
    while is_stopping() {
        futex_wait(&WORLD, 1, None);
    }
}

/// Sleeps until the world goes on, or until a moment of the monotonic clock; whether it goes on.
pub fn wait_for_go_until(until: i64) -> bool {
    futex_wait(&WORLD, 1, Some(until));
    !is_stopping()
}

/// Who the caller is: a strand, or an OS thread.
fn me(body: Option<&Body>) -> usize {
    match body {
        Some(body) => body as *const Body as usize,
        // Odd, other than the address of a body. SAFETY: pthread_self takes no arguments.
        None => unsafe { libc::pthread_self() as usize | 1 },
    }
}

/// Takes the world: it is stopping from now on. False: somebody else has it.
pub fn seize(body: Option<&Body>) -> bool {
    let seized = WORLD.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    if seized {
        OWNER.store(me(body), Ordering::SeqCst);
        // Pairs with the light fence in `Rest::end`, and with the counting of OS threads.
        fence::heavy();
    }
    seized
}

/// The world goes on. For its owner.
pub fn release() {
    OWNER.store(0, Ordering::SeqCst);
    WORLD.store(0, Ordering::SeqCst);
    futex_wake(&WORLD, i32::MAX);
}

/// Whether the caller has stopped the world.
pub fn is_mine() -> bool {
    is_stopping() && OWNER.load(Ordering::SeqCst) == me(identity::current())
}

/// Whether this strand has stopped the world.
pub fn is_of(body: &Body) -> bool {
    is_stopping() && OWNER.load(Ordering::SeqCst) == body as *const Body as usize
}

/// Whether it was stopped by a strand that this worker ran last.
#[cold]
pub fn stopped_by_strand_of(worker: &Worker) -> bool {
    let owner = OWNER.load(Ordering::SeqCst);
    if owner == 0 || owner & 1 != 0 {
        return false;
    }
    // SAFETY: the body of a strand that was alive; bodies stay mapped while the runtime is up.
    let body = unsafe { &*(owner as *const Body) };
    core::ptr::eq(parallel::worker::of(body), worker)
}

/// Refuses a call that could wait, when its caller has stopped the world: nobody could ever end that wait.
pub fn refuse_owner() -> Outcome<()> {
    if is_mine() {
        return fail(
            Status::WOULD_SWITCH,
            format_args!(
                "the caller has stopped the world (strand_world_stop): it may not wait before strand_world_resume"
            ),
        );
    }
    Ok(())
}

/// In a forked child nobody has stopped anything.
pub fn forget() {
    OWNER.store(0, Ordering::SeqCst);
    WORLD.store(0, Ordering::SeqCst);
}
