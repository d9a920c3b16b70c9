// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pool: OS threads that make calls for strands.
//!
//! ```text
//! queue    first come, first served, linked through the records of the calls: nothing is allocated for one
//! idle     threads that sleep, the last one on top, so that those below are not needed and leave in the end
//! coming   threads that were started or woken and have not looked at the queue yet: each will take one call
//! slots    one for each thread there may be: its pthread_t, until somebody has joined it
//! ```
//! A strand sees to it that there is a thread before it queues its call; if none can be had, it gets a status and nothing
//! was queued. Whoever queues a call wakes a sleeper, or, where those that come are too few for what is queued, starts one
//! thread more, up to the limit. If the system refuses that one, the call waits for a thread that is there already.

use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::call::{Call, Stage};
use crate::base::failing;
use crate::base::status::{Outcome, Status};
use crate::base::sys::{self, monotonic};
use crate::engine::{outside, world};
use crate::strand::root::Visit;
use crate::strand::waiter::Waiter;
use crate::wait::block::{Published, Woken, open_sole};

/// Threads unless the configuration says otherwise.
pub const THREADS_DEFAULT: u32 = 64;
/// Most threads that a configuration can ask for.
pub const THREADS_MAX: u32 = 1024;
/// How long a thread sleeps before it leaves, in nanoseconds.
const IDLE: i64 = 5_000_000_000;

/// A thread that sleeps, on its own stack.
struct Sleeper {
    /// 1 once it was woken.
    word: AtomicU32,
    next: Cell<*const Sleeper>,
    linked: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    /// A thread is being started, or runs; `None` until the one who starts it knows its name.
    Used(Option<libc::pthread_t>),
    /// Its thread has left the pool, and can be joined as soon as its name is known.
    Left(Option<libc::pthread_t>),
}

struct State {
    first: *const Call,
    last: *const Call,
    queued: u32,
    /// Calls that were queued and that their strands have not taken.
    peers: *const Call,
    idle: *const Sleeper,
    sleeping: u32,
    coming: u32,
    threads: u32,
    limit: u32,
    calls: u64,
    stopping: bool,
    slots: Vec<Slot>,
}

// SAFETY: the records and sleepers stay in place while they are linked, and are reached under the lock only.
unsafe impl Send for State {}

static POOL: Mutex<State> = Mutex::new(State::new());

fn pool() -> MutexGuard<'static, State> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    const fn new() -> State {
        State {
            first: ptr::null(),
            last: ptr::null(),
            queued: 0,
            peers: ptr::null(),
            idle: ptr::null(),
            sleeping: 0,
            coming: 0,
            threads: 0,
            limit: THREADS_DEFAULT,
            calls: 0,
            stopping: false,
            slots: Vec::new(),
        }
    }

    fn push(&mut self, call: &Call) {
        call.next.set(ptr::null());
        call.back.set(self.last);
        if self.last.is_null() {
            self.first = call;
        } else {
            // SAFETY: queued calls are alive.
            unsafe { (*self.last).next.set(call) };
        }
        self.last = call;
        self.queued += 1;
    }

    fn link(&mut self, call: &Call) {
        call.peers.0.set(self.peers);
        call.peers.1.set(ptr::null());
        // SAFETY: linked calls are alive.
        if let Some(first) = unsafe { self.peers.as_ref() } {
            first.peers.1.set(call);
        }
        self.peers = call;
    }

    fn unlink(&mut self, call: &Call) {
        let (next, back) = (call.peers.0.get(), call.peers.1.get());
        // SAFETY: neighbours of a linked call are linked and alive.
        unsafe {
            if back.is_null() {
                self.peers = next
            } else {
                (*back).peers.0.set(next)
            }
            if !next.is_null() {
                (*next).peers.1.set(back);
            }
        }
    }

    fn remove(&mut self, call: &Call) {
        let (next, back) = (call.next.get(), call.back.get());
        // SAFETY: neighbours of a queued call are queued and alive.
        unsafe {
            if back.is_null() {
                self.first = next
            } else {
                (*back).next.set(next)
            }
            if next.is_null() { self.last = back } else { (*next).back.set(back) }
        }
        self.queued -= 1;
    }

    /// The thread that others counted on when they queued their calls could not be started, and there is no other: each
    /// is told BUSY and sees for itself.
    fn send_back(&mut self) -> Woken {
        let mut woken = Woken::new();
        while self.threads == 0 {
            // SAFETY: queued calls are alive.
            let Some(call) = (unsafe { self.first.as_ref() }) else { break };
            self.remove(call);
            self.unlink(call);
            call.set_stage(Stage::New);
            // SAFETY: the waiter of a queued call is in place: it is withdrawn under the lock first.
            if let Some(waiter) = unsafe { call.waiter.replace(ptr::null()).as_ref() } {
                woken.win(waiter, Status::BUSY);
            }
        }
        woken
    }

    /// Takes the thread that fell asleep last off the pile.
    fn pop_idle(&mut self) -> Option<*const Sleeper> {
        // SAFETY: linked sleepers are in place.
        let sleeper = unsafe { self.idle.as_ref() }?;
        self.idle = sleeper.next.get();
        self.sleeping -= 1;
        self.coming += 1;
        sleeper.linked.set(false);
        Some(sleeper)
    }

    /// Whether calls wait and no thread is on its way to them: all that there may be are in one, or the system has refused
    /// another.
    fn is_short(&self) -> bool {
        self.queued > 0 && self.coming == 0
    }

    /// Takes a thread that has slept long enough off the pile.
    fn remove_idle(&mut self, sleeper: &Sleeper) {
        let mut place: *const Sleeper = self.idle;
        if ptr::eq(place, sleeper) {
            self.idle = sleeper.next.get();
        }
        // SAFETY: linked sleepers are in place.
        while let Some(here) = unsafe { place.as_ref() } {
            if ptr::eq(here.next.get(), sleeper) {
                here.next.set(sleeper.next.get());
            }
            place = here.next.get();
        }
        sleeper.linked.set(false);
        self.sleeping -= 1;
    }
}

/// A new runtime: at most so many threads.
pub fn start(limit: u32) {
    let mut state = pool();
    *state = State { limit, ..State::new() };
}

/// Ends and joins every thread. No strand is left, so no call is queued, and none runs; the workers, which start threads,
/// have been joined. (In a forked child there is nothing to do: nobody comes here again.)
pub fn stop() {
    let mut state = pool();
    state.stopping = true;
    while let Some(sleeper) = state.pop_idle() {
        wake(sleeper);
    }
    for index in 0..state.slots.len() {
        if let Slot::Used(Some(thread)) | Slot::Left(Some(thread)) = state.slots[index] {
            drop(state);
            sys::join_thread(thread);
            state = pool();
        }
    }
    state.slots = Vec::new();
}

/// Sees to it that there is a thread, for a call that the caller is about to queue. LIMIT or NO_MEMORY: none can be had.
pub fn prepare() -> Outcome<()> {
    let mut state = pool();
    if state.threads > 0 {
        return Ok(());
    }
    let (index, left) = reserve(&mut state)?;
    drop(state);
    let started = start_in(index, left);
    // Somebody else may have been luckier.
    if pool().threads > 0 { Ok(()) } else { started }
}

/// A place for one more thread, and the thread that was there and is to be joined first.
fn reserve(state: &mut State) -> Outcome<(usize, Option<libc::pthread_t>)> {
    let vacant = |slot: &Slot| matches!(slot, Slot::Free | Slot::Left(Some(_)));
    let index = match state.slots.iter().position(vacant) {
        Some(index) => index,
        None => {
            if failing::now() || state.slots.try_reserve(1).is_err() {
                return Err(Status::NO_MEMORY);
            }
            state.slots.push(Slot::Free);
            state.slots.len() - 1
        }
    };
    let left = match state.slots[index] {
        Slot::Left(thread) => thread,
        _ => None,
    };
    state.slots[index] = Slot::Used(None);
    state.threads += 1;
    state.coming += 1;
    Ok((index, left))
}

fn start_in(index: usize, left: Option<libc::pthread_t>) -> Outcome<()> {
    if let Some(left) = left {
        sys::join_thread(left);
    }
    let started = sys::start_thread(thread_main, index as *mut c_void);
    let mut state = pool();
    match started {
        // It may have come and gone meanwhile.
        Some(thread) => {
            state.slots[index] = match state.slots[index] {
                Slot::Left(_) => Slot::Left(Some(thread)),
                _ => Slot::Used(Some(thread)),
            };
            Ok(())
        }
        None => {
            state.slots[index] = Slot::Free;
            state.threads -= 1;
            state.coming -= 1;
            let woken = state.send_back();
            drop(state);
            woken.wake_all();
            Err(Status::LIMIT)
        }
    }
}

/// Queues a call whose strand is switched out. BUSY: the last thread has left meanwhile.
pub fn queue(call: &Call, waiter: &Waiter, sole: bool) -> Published {
    let mut state = pool();
    if state.threads == 0 {
        return Published::Done(Status::BUSY);
    }
    call.waiter.set(waiter);
    state.calls += 1;
    call.number.set(state.calls);
    call.set_stage(Stage::Queued);
    state.push(call);
    state.link(call);
    if sole && !open_sole(waiter) {
        state.remove(call);
        call.set_stage(Stage::Withdrawn);
        return Published::Done(Status::CANCELLED);
    }
    let sleeper = state.pop_idle();
    let lacking = sleeper.is_none() && state.coming < state.queued && state.threads < state.limit;
    let place = if lacking { reserve(&mut state).ok() } else { None };
    drop(state);
    // From here on the call may have been made and be gone.
    if let Some(sleeper) = sleeper {
        wake(sleeper);
    }
    if let Some((index, left)) = place {
        // If the system refuses, the threads that are there take the call in its turn.
        let _ = start_in(index, left);
    }
    Published::Waiting
}

fn wake(sleeper: *const Sleeper) {
    // SAFETY: only `word` is touched, and its thread leaves `sleep` only after it was set here, or with the lock held,
    // while it is linked. After the store it may be gone: the kernel only looks the address up.
    let word = unsafe { &raw const (*sleeper).word };
    // SAFETY: as above. Release pairs with the Acquire in `sleep`.
    unsafe { (*word).store(1, Ordering::Release) };
    sys::futex_wake_address(word.cast::<u32>().cast_mut(), 1);
}

/// The strand does not wait for its call any more: where the call is now.
pub fn withdraw(call: &Call) -> Stage {
    let mut state = pool();
    call.waiter.set(ptr::null());
    if call.stage() == Stage::Queued {
        state.remove(call);
        call.set_stage(Stage::Withdrawn);
    }
    call.stage()
}

/// A call that was queued is gone: its strand has taken it, or it is over otherwise.
pub fn forget(call: &Call) {
    let mut state = pool();
    if call.stage() != Stage::New {
        state.unlink(call);
    }
}

/// The world is stopping: after this no thread takes a call out of the queue, because it looks under the lock.
pub fn settle() {
    drop(pool());
}

/// Whether calls wait until a thread returns from its own.
pub fn is_short() -> bool {
    pool().is_short()
}

/// Shows what calls keep to a collector. The world is stopped.
pub fn visit(visit: Visit<'_>) {
    let mut call = pool().peers;
    // SAFETY: linked calls are alive, and their strands do not run.
    while let Some(here) = unsafe { call.as_ref() } {
        here.visit(visit);
        call = here.peers.0.get();
    }
}

/// Waits for a call that runs, whatever comes. DONE already: there is nothing to wait for.
pub fn await_return(call: &Call, waiter: &Waiter, sole: bool) -> Published {
    let _state = pool();
    if call.stage() == Stage::Done {
        return Published::Done(Status::OK);
    }
    call.waiter.set(waiter);
    if sole && !open_sole(waiter) {
        call.waiter.set(ptr::null());
        return Published::Done(Status::CANCELLED);
    }
    Published::Waiting
}

/// Gives a call up that may be given up: false when it has returned already. If true, the record is the thread's.
pub fn give_up(call: &Call) -> bool {
    let _state = pool();
    if call.stage() != Stage::Running {
        return false;
    }
    call.set_stage(Stage::Abandoned);
    true
}

extern "C" fn thread_main(slot: *mut c_void) -> *mut c_void {
    sys::name_thread(c"strand-offload");
    let mut state = pool();
    state.coming -= 1;
    loop {
        if world::is_stopping() && !state.first.is_null() {
            // No call begins before the world goes on.
            drop(state);
            world::wait_for_go();
            state = pool();
            continue;
        }
        // SAFETY: queued calls are alive.
        if let Some(call) = unsafe { state.first.as_ref() } {
            state.remove(call);
            call.set_stage(Stage::Running);
            drop(state);
            make(call);
            state = pool();
            continue;
        }
        if state.stopping {
            break;
        }
        match sleep(state) {
            Ok(woken) => state = woken,
            Err(late) => {
                state = late;
                // Somebody may have queued a call since, and counted on this thread.
                if state.first.is_null() {
                    break;
                }
            }
        }
    }
    state.threads -= 1;
    let slot = slot as usize;
    state.slots[slot] = match state.slots[slot] {
        Slot::Used(thread) => Slot::Left(thread),
        other => other,
    };
    ptr::null_mut()
}

type Guard = MutexGuard<'static, State>;

/// Sleeps until woken, or (`Err`) until nobody was in need of this thread for a while.
fn sleep(mut state: Guard) -> Result<Guard, Guard> {
    let sleeper = Sleeper { word: AtomicU32::new(0), next: Cell::new(state.idle), linked: Cell::new(true) };
    state.idle = &sleeper;
    state.sleeping += 1;
    drop(state);
    let until = monotonic() + IDLE;
    // Acquire pairs with the Release in `wake`: nobody touches the sleeper after this.
    while sleeper.word.load(Ordering::Acquire) == 0 {
        sys::futex_wait(&sleeper.word, 0, Some(until));
        if monotonic() >= until {
            let mut state = pool();
            if sleeper.linked.get() {
                state.remove_idle(&sleeper);
                return Err(state);
            }
            drop(state);
            // It was taken off the pile: the wake is on its way.
            while sleeper.word.load(Ordering::Acquire) == 0 {
                sys::futex_wait(&sleeper.word, 0, None);
            }
        }
    }
    let mut state = pool();
    state.coming -= 1;
    Ok(state)
}

/// Makes a call, and lets its strand go on.
fn make(call: &Call) {
    outside::set_errand(call.number.get());
    let made = call.make();
    // Between its steps on the stepped engine; and nothing is a deadlock before the strand is ready.
    let inside = outside::enter_on_behalf();
    let mut woken = Woken::new();
    call.keep(made);
    let state = pool();
    let abandoned = call.stage() == Stage::Abandoned;
    call.set_stage(Stage::Done);
    // SAFETY: the waiter of a strand that waits for the call is in place.
    if let Some(waiter) = unsafe { call.waiter.get().as_ref() } {
        woken.win(waiter, Status::OK);
    }
    drop(state);
    // After this the record is gone, unless it was given up.
    woken.wake_all();
    if abandoned {
        super::offload::end_abandoned(call);
    }
    drop(inside);
    outside::set_errand(0);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn calls_that_nobody_comes_to_are_short_of_threads_also_below_the_limit() {
        let queued = |queued, coming, threads| State { queued, coming, threads, ..State::new() };
        assert!(!queued(0, 0, 1).is_short(), "nobody waits");
        assert!(!queued(1, 1, 2).is_short(), "a thread is on its way");
        assert!(queued(1, 0, THREADS_DEFAULT).is_short(), "there may be no further one");
        assert!(queued(1, 0, 1).is_short(), "the system has refused another");
    }
}
