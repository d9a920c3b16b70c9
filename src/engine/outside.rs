// SPDX-License-Identifier: MIT OR Apache-2.0
//! OS threads that are inside a call of the library.
//!
//! Two counts in one word: those inside at all, whom shutdown waits for, and those of them that are active (not asleep
//! in a wait), who may still make a strand ready: while there is one, nothing is a deadlock. Strands are not counted;
//! they cannot outlive the runtime that runs them.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use super::{parallel, stepped, world};
use crate::base::status::{Outcome, Status};
use crate::base::sync::yield_thread;
use crate::strand::identity;
use crate::strand::message::fail;

/// Where the runtime is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// Before init and after shutdown.
    Down = 0,
    /// Initialised.
    Up = 1,
    /// Shutdown has begun.
    Stopping = 2,
    /// A forked child of an initialised process.
    Forked = 3,
}

static STATE: AtomicU8 = AtomicU8::new(0);
const INSIDE: u64 = 1;
const ACTIVE: u64 = 1 << 32;
static COUNTS: AtomicU64 = AtomicU64::new(0);
/// Open external holds.
static HOLDS: AtomicU64 = AtomicU64::new(0);
/// Calls of strands that other threads make for them.
static AWAY: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Which of the calls for strands this thread makes, from 1; 0: none.
    static ERRAND: Cell<u64> = const { Cell::new(0) };
    /// Calls that this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}
/// Open promises that somebody outside is going to complete.
static OWED: AtomicU64 = AtomicU64::new(0);

/// Where the runtime is in its life.
pub fn state() -> State {
    match STATE.load(Ordering::SeqCst) {
        1 => State::Up,
        2 => State::Stopping,
        3 => State::Forked,
        _ => State::Down,
    }
}

/// Moves on in the runtime's life.
pub fn set_state(state: State) {
    STATE.store(state as u8, Ordering::SeqCst);
}

/// OS threads inside calls.
pub fn inside() -> u32 {
    COUNTS.load(Ordering::SeqCst) as u32
}

/// OS threads inside calls and not asleep in a wait.
pub fn active() -> u32 {
    (COUNTS.load(Ordering::SeqCst) >> 32) as u32
}

/// In a forked child nobody is inside.
pub fn forget_all() {
    COUNTS.store(0, Ordering::SeqCst);
    AWAY.store(0, Ordering::SeqCst);
}

/// Reasons why somebody may still be woken from outside.
pub fn holds() -> u64 {
    HOLDS.load(Ordering::SeqCst) + OWED.load(Ordering::SeqCst)
}

/// One more such reason that is not the program's to take back: something was promised.
pub fn owe() {
    OWED.fetch_add(1, Ordering::SeqCst);
}

/// What was promised was delivered. SeqCst: what the deliverer did before is seen by whoever finds nothing owed.
pub fn deliver() {
    OWED.fetch_sub(1, Ordering::SeqCst);
}

/// One more such reason.
pub fn hold() {
    HOLDS.fetch_add(1, Ordering::SeqCst);
}

/// One reason less; false when there was none.
pub fn let_go() -> bool {
    // AcqRel by SeqCst: what the holder did before is seen by whoever finds no hold.
    HOLDS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |held| held.checked_sub(1)).is_ok()
}

/// No hold is open in a new runtime.
pub fn forget_holds() {
    HOLDS.store(0, Ordering::SeqCst);
    OWED.store(0, Ordering::SeqCst);
}

/// Calls of strands that other threads make for them, and that have not come back.
pub fn away() -> u64 {
    AWAY.load(Ordering::SeqCst)
}

/// Whether somebody outside may still make a strand ready, who is in no call now.
pub fn somebody_may_come() -> bool {
    holds() > 0 || away() > 0
}

/// One call of a strand that another thread makes. Until it is dropped the world outside counts as busy with it.
pub struct Away(());

impl Away {
    /// One more.
    pub fn begin() -> Away {
        AWAY.fetch_add(1, Ordering::SeqCst);
        Away(())
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        AWAY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The calling thread makes the call with this number for a strand, or (0) none. On the stepped engine each such call
/// counts as a thread of its own, so that a recording does not depend on which thread of a pool makes it.
pub fn set_errand(number: u64) {
    ERRAND.set(number);
}

/// What [`set_errand`] was told.
pub fn errand() -> u64 {
    ERRAND.get()
}

/// Refuses a call that waits when it is made by a callback on a worker's own stack: it would stop the worker.
pub fn refuse_on_worker() -> Outcome<()> {
    if state() == State::Forked {
        return Err(Status::FORKED);
    }
    if identity::current().is_none() && parallel::this_worker().is_some() {
        return fail(Status::WOULD_SWITCH, format_args!("a callback on a worker's own stack may not wait or switch"));
    }
    world::refuse_owner()
}

/// The thread that alone may call in, as its pthread_self; 0 for any.
static ONLY: AtomicUsize = AtomicUsize::new(0);
static REFUSE: AtomicUsize = AtomicUsize::new(0);

/// From now on a call of any other OS thread than this one leads to `refuse`; `None`: any thread may call.
pub fn only_this_thread(refuse: Option<fn() -> !>) {
    REFUSE.store(refuse.map_or(0, |refuse| refuse as usize), Ordering::SeqCst);
    // SAFETY: pthread_self takes no arguments.
    let this = unsafe { libc::pthread_self() } as usize;
    ONLY.store(if refuse.is_some() { this } else { 0 }, Ordering::SeqCst);
}

#[cold]
fn look_at_thread() {
    let only = ONLY.load(Ordering::SeqCst);
    // SAFETY: pthread_self takes no arguments.
    if only != 0 && only != unsafe { libc::pthread_self() } as usize {
        // SAFETY: stored by `only_this_thread` from a function of this type.
        let refuse: fn() -> ! = unsafe { core::mem::transmute(REFUSE.load(Ordering::SeqCst)) };
        refuse();
    }
}

/// One OS thread inside one call. The runtime is not taken down while it exists.
pub struct Call {
    /// It has passed the gate of the stepped engine.
    gated: bool,
    /// How it is counted: a call that a callback makes inside another call of the same thread is active with that one.
    counted: u64,
}

/// A shutdown frees everything now: nobody comes in any more, whatever for.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Lets nobody in any more, and waits until the last of those has left who give something back during a shutdown.
pub fn close() {
    CLOSED.store(true, Ordering::SeqCst);
    while inside() != 0 {
        yield_thread();
    }
}

/// The next runtime may let them in.
pub fn open() {
    CLOSED.store(false, Ordering::SeqCst);
}

/// Calls that this thread is inside of: more than one when a callback calls in.
fn depth() -> u32 {
    DEPTH.get()
}

/// Whether the calling OS thread is inside of a call, as a callback of it.
pub fn is_nested() -> bool {
    depth() > 0
}

/// Counts the calling OS thread in, if the runtime is up. During a shutdown: CANCELLED. While the world is stopped the
/// thread waits here.
#[inline]
pub fn enter() -> Outcome<Call> {
    enter_for(false)
}

/// As [`enter`], for a call that gives something back for which a strand may wait, and does not wait itself: it is let in
/// during a shutdown too, up to its very end.
pub fn enter_to_give_back() -> Outcome<Call> {
    enter_for(true)
}

#[inline]
fn enter_for(gives_back: bool) -> Outcome<Call> {
    loop {
        if let Some(call) = try_enter_for(gives_back)? {
            return Ok(call);
        }
        world::wait_for_go();
    }
}

/// As [`enter`]; `None` while somebody else has stopped the world.
pub fn try_enter() -> Outcome<Option<Call>> {
    try_enter_for(false)
}

#[inline]
fn try_enter_for(gives_back: bool) -> Outcome<Option<Call>> {
    let mut call = Call::begin();
    let state_now = state();
    let lets_in = gives_back && state_now == State::Stopping && !CLOSED.load(Ordering::SeqCst);
    match state_now {
        _ if state_now == State::Up || lets_in => {
            if world::is_stopping() && call.is_locked_out() {
                return Ok(None);
            }
            if let Some(stepped) = parallel::engine().and_then(|engine| engine.stepped()) {
                look_at_thread();
                call.pass(stepped);
                // A shutdown may have begun while the gate was closed.
                if state() == State::Stopping && !gives_back {
                    return Err(Status::CANCELLED);
                }
            }
            Ok(Some(call))
        }
        State::Down => Err(Status::NOT_INITIALISED),
        State::Forked => Err(Status::FORKED),
        _ => Err(Status::CANCELLED),
    }
}

/// Counts a thread of the runtime itself in, which brings a strand what it waits for: also during a shutdown, which waits
/// for that strand and joins this thread before it takes anything down.
pub fn enter_on_behalf() -> Call {
    loop {
        let mut call = Call::begin();
        if world::is_stopping() && call.is_locked_out() {
            drop(call);
            world::wait_for_go();
            continue;
        }
        if let Some(stepped) = parallel::engine().and_then(|engine| engine.stepped()) {
            call.pass(stepped);
        }
        return call;
    }
}

impl Call {
    fn begin() -> Call {
        DEPTH.set(depth() + 1);
        // SeqCst pairs with the look of who stops the world: it sees this thread, or this thread sees that it stops.
        COUNTS.fetch_add(INSIDE + ACTIVE, Ordering::SeqCst);
        Call { gated: false, counted: INSIDE + ACTIVE }
    }

    /// Whether this call must wait until the world goes on. On the stepped engine the gate keeps everybody out.
    #[cold]
    fn is_locked_out(&self) -> bool {
        depth() == 1 && !world::is_mine() && parallel::engine().is_some_and(|engine| engine.stepped().is_none())
    }

    /// Passes the gate of the stepped engine.
    fn pass(&mut self, stepped: &stepped::Stepped) {
        self.gated = stepped.gate.enter();
        if self.gated {
            stepped.arrive_active();
        } else {
            COUNTS.fetch_sub(ACTIVE, Ordering::SeqCst);
            self.counted = INSIDE;
        }
    }

    /// The calling thread keeps the gate when this call ends, until [`open_gate`]. False: it did not pass it in this call.
    pub fn keep_gate(mut self) -> bool {
        core::mem::replace(&mut self.gated, false)
    }
}

/// Opens the gate that [`Call::keep_gate`] kept.
pub fn open_gate() {
    if let Some(stepped) = parallel::engine().and_then(|engine| engine.stepped()) {
        stepped.gate.leave();
        stepped::turnover::bump();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        DEPTH.set(depth() - 1);
        if self.gated
            && let Some(stepped) = parallel::engine().and_then(|engine| engine.stepped())
        {
            stepped.gate.leave();
        }
        let left = COUNTS.fetch_sub(self.counted, Ordering::SeqCst) - self.counted;
        if self.gated {
            // Whoever drives may sleep: strands may have become ready, and one active thread less is left.
            stepped::turnover::bump();
        } else if left >> 32 == 0 {
            nobody_is_active();
        }
    }
}

/// As [`asleep`], for a thread of the stepped engine, whose own loop sees who is left.
pub fn asleep_behind_the_gate<T>(wait: impl FnOnce() -> T) -> T {
    COUNTS.fetch_sub(ACTIVE, Ordering::SeqCst);
    stepped::turnover::bump();
    let result = wait();
    COUNTS.fetch_add(ACTIVE, Ordering::SeqCst);
    result
}

/// Marks the calling OS thread as asleep while `wait` runs. It is inside a call.
pub fn asleep<T>(wait: impl FnOnce() -> T) -> T {
    fall_asleep();
    let result = wait();
    COUNTS.fetch_add(ACTIVE, Ordering::SeqCst);
    while world::is_stopping() {
        // It comes back when the world goes on.
        fall_asleep();
        world::wait_for_go();
        COUNTS.fetch_add(ACTIVE, Ordering::SeqCst);
    }
    result
}

fn fall_asleep() {
    let left = COUNTS.fetch_sub(ACTIVE, Ordering::SeqCst) - ACTIVE;
    if left >> 32 == 0 {
        nobody_is_active();
    }
}

/// The last active OS thread has left or fallen asleep.
fn nobody_is_active() {
    if world::is_stopping() {
        // Who stops it looks when it goes on.
        world::tell();
    } else {
        look_if_quiet();
    }
}

/// No OS thread is active any more: if the workers are idle too, somebody must look whether those who wait for all strands
/// wait in vain.
#[cold]
pub fn look_if_quiet() {
    COUNTS.fetch_add(INSIDE, Ordering::SeqCst);
    if state() == State::Up
        && let Some(engine) = parallel::engine()
        && engine.stepped().is_none()
        && engine.is_quiescent()
    {
        (engine.upcalls.quiet)(true);
    }
    COUNTS.fetch_sub(INSIDE, Ordering::SeqCst);
}
