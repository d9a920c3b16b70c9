// SPDX-License-Identifier: MIT OR Apache-2.0
//! The seam between what waits and what runs: a handful of functions that every engine offers.
//!
//! Above the seam nobody knows how strands are picked; below it nobody knows what they wait for. What an engine must
//! call upwards (the body of a strand, an expired timer, "everything is quiet") comes to it as a table of functions.

pub mod clock;
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "adapters alone are asked"))]
pub mod expected;
#[cfg(all(feature = "may", not(loom)))]
pub mod may;
#[cfg(not(all(feature = "may", not(loom))))]
#[path = "no_may.rs"]
pub mod may;
#[cfg(loom)]
mod model;
pub mod outside;
pub mod parallel;
pub mod stepped;
pub mod world;

use crate::base::heap::TimerNode;
use crate::record::token::Injected;
use crate::strand::body::Body;
#[cfg(not(loom))]
use crate::strand::context::{self, Action as Request};
use crate::strand::head::Head;
#[cfg(doc)]
use crate::strand::poll;

#[cfg(loom)]
pub use model::{ready, ready_last, ready_on, suspend};
pub use parallel::worker::Worker;

/// What an engine calls upwards.
#[derive(Clone, Copy)]
pub struct Upcalls {
    /// The loop of a context: runs one strand after the other on its stack.
    pub strand_main: fn(&'static Body) -> !,
    /// Ends a strand that could not get a stack.
    pub strand_stillborn: fn(&Worker, &'static Head, crate::base::status::Status),
    /// A timer has expired and was taken out of its wheel, whose lock is held: says what follows.
    pub timer_expired: fn(*const TimerNode) -> Expired,
    /// Timers were fired and no lock is held: sees to those of tokens. True when there were any.
    pub timers_fired: fn() -> bool,
    /// Whether somebody waits for one of the timers that make no difference otherwise. Everything is quiet.
    pub tick_matters: fn() -> bool,
    /// Every worker is idle, or it is time to look whether everybody who is counted has ended.
    pub quiet: fn(all_idle: bool),
    /// An exploration injects a fault: of this kind, into this thing, or into this strand.
    pub inject: fn(kind: Injected, object: u64, strand: Option<u32>),
    /// The strand that has stopped the world does not run any more: somebody must let the world go on.
    pub world_lost: fn(),
}

/// What follows from a timer that has expired.
#[derive(Clone, Copy)]
pub enum Expired {
    /// Nothing.
    Nobody,
    /// This strand becomes ready.
    Strand(&'static Head),
    /// This is called.
    Act(Action, u64),
}

/// What an alarm calls when it has expired: by a worker (or by the keeper of may), without any lock. It gets what the alarm was set with,
/// and the time.
pub type Action = fn(u64, i64);

/// What becomes of a strand after its commit ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// It was published to its wakers, or is gone: the worker does not touch it again.
    Gone,
    /// It need not wait: the worker resumes it at once.
    Resume,
    /// As `Gone`; and the strand with this index, which the caller holds, goes on in its place, on this worker where it
    /// may run here. A strand that never ran is in phase READY, another still in phase WAITING.
    HandOver(u32),
}

/// A record on the stack of a strand that suspends: what its worker does once it is switched out.
#[repr(C)]
pub struct Commit {
    /// Runs on the worker's stack. Publishes the strand to those who may wake it.
    pub run: unsafe fn(&Worker, &'static Head, *mut Commit) -> After,
}

/// Suspends the running strand; its worker runs `commit` after the switch.
///
/// # Safety
/// `body` is the running strand's. No lock is held. `commit` is the first field of what `run` expects.
#[cfg(not(loom))]
#[inline(always)]
pub unsafe fn suspend(body: &Body, commit: *mut Commit) {
    // SAFETY: by contract; the record lies on this strand's stack, which stays until the strand is resumed.
    unsafe { context::suspend(body, commit as Request) };
}

/// Makes a strand ready whose claim the caller has won (or that it has just created and started). Any thread.
#[cfg(not(loom))]
#[inline]
pub fn ready(head: &'static Head) {
    parallel::ready(head);
}

/// As [`ready`], by one who knows on which worker: a strand of it, or its own thread.
#[cfg(not(loom))]
#[inline]
pub fn ready_on(worker: &Worker, head: &'static Head) {
    worker.ready_next(head);
}

/// As [`ready`], for one of several that become ready together: behind the others instead of next.
#[cfg(not(loom))]
#[inline]
pub fn ready_last(head: &'static Head) {
    parallel::ready_last(head);
}

/// Arms a timer that is no strand's own wait; says whose heap holds it. Any thread that is inside, or a strand.
///
/// # Safety
/// As [`Worker::arm`].
pub unsafe fn arm(timer: *const TimerNode) -> u32 {
    // SAFETY: by contract.
    unsafe { parallel::arm(timer) }
}

/// Takes it out again, if it has not fired.
///
/// # Safety
/// It was armed by [`arm`], which gave this number, and is alive.
pub unsafe fn disarm(worker: u32, timer: *const TimerNode) {
    if let Some(engine) = parallel::engine() {
        // SAFETY: by contract.
        unsafe { engine.disarm(worker, timer) };
    }
}

/// Publishes a strand that has never run. Any thread.
#[inline]
pub fn spawn(head: &'static Head) {
    parallel::spawn(head);
}

/// Publishes a strand that has never run, and that is to work beside its spawner for long.
pub fn spawn_apart(head: &'static Head) {
    parallel::spawn_apart(head);
}

/// Gives the turn away: to the tail of the worker's queue.
///
/// # Safety
/// `body` is the running strand's. No lock is held.
#[inline(always)]
pub unsafe fn yield_now(body: &'static Body) {
    // SAFETY: by contract.
    unsafe { parallel::yield_now(body) };
}

/// The running strand comes to a checkpoint: gives its turn away if it should.
///
/// # Safety
/// As [`yield_now`].
#[cold]
pub unsafe fn checkpoint(body: &'static Body) {
    let worker = parallel::worker::of(body);
    if let Some(stepped) = worker.engine().stepped() {
        // SAFETY: by contract.
        unsafe { stepped.checkpoint(body) };
    } else if worker.is_preempted() || world::is_stopping() && !world::is_of(body) {
        worker.ask_to_rest();
        // SAFETY: by contract.
        unsafe { parallel::yield_now(body) };
    }
}

/// What is chosen from where the program leaves it open; the numbers are part of recordings.
pub mod choice {
    /// Cases of one wait that are all ready.
    pub const CASES: u8 = 1;
}

/// One of `n` things, where the program leaves it open which: each is equally likely. The stepped engine says which, so
/// that its runs can be repeated. The caller is a strand, or an OS thread inside a call.
#[inline]
pub fn choose(what: u8, n: u32) -> u32 {
    match parallel::worker::running() {
        _ if n < 2 => 0,
        Some(worker) => choose_on(worker, what, n),
        None => choose_slowly(what, n),
    }
}

/// As [`choose`], by a strand of this worker.
#[inline(always)]
pub fn choose_on(worker: &Worker, what: u8, n: u32) -> u32 {
    if crate::strand::poll::is_raised(crate::strand::poll::STEPPED) { choose_slowly(what, n) } else { worker.draw(n) }
}

#[cold]
fn choose_slowly(what: u8, n: u32) -> u32 {
    match parallel::engine().and_then(parallel::Parallel::stepped) {
        Some(stepped) => stepped.choose(what, n),
        None => parallel::draw_outside(n),
    }
}

/// Things that are touched and have no handle; handles are above them.
pub mod touched {
    /// Anything.
    pub const EVERYTHING: u64 = 0;
    /// The order in which things are made.
    pub const MAKING: u64 = 1;
    /// The clock and its timers.
    pub const TIME: u64 = 2;
    /// Things in the program's memory, numbered in the order of their first use. Below the handles.
    pub const PLACES: u64 = 1 << 56;
}

/// An object is used, for an exploration that asks which ones: [`poll::FOLLOWED`].
#[inline]
pub fn touch(object: u64) {
    if crate::strand::poll::is_raised(crate::strand::poll::FOLLOWED) {
        touch_slowly(object);
    }
}

#[cold]
fn touch_slowly(object: u64) {
    if let Some(stepped) = parallel::engine().and_then(parallel::Parallel::stepped) {
        stepped.touched(object);
    }
}

/// As [`touch`], for something in the program's memory that has no handle. Its address is not the same in every schedule,
/// so it gets a number when it is first used, which counts as making something.
#[inline]
pub fn touch_place(address: usize) {
    if crate::strand::poll::is_raised(crate::strand::poll::FOLLOWED) {
        touch_place_slowly(address);
    }
}

#[cold]
fn touch_place_slowly(address: usize) {
    if let Some(stepped) = parallel::engine().and_then(parallel::Parallel::stepped) {
        stepped.touched_place(address);
    }
}

/// The running strand is about to make a call that may switch, and [`poll::EXPLORED`] is raised: under an exploring
/// policy another strand may go first.
///
/// # Safety
/// As [`yield_now`].
#[cold]
pub unsafe fn decide(body: &'static Body) {
    if let Some(stepped) = parallel::worker::of(body).engine().stepped() {
        // SAFETY: by contract.
        unsafe { stepped.decide(body) };
    }
}
