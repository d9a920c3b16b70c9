// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cancellation: a flag plus a wake. Nobody's frames are unwound.
//!
//! ```text
//! canceller                                  worker that commits a wait
//!   set the flag                               open the claim word
//!   heavy fence                                light fence
//!   claim the wait if it is open               look at the flag: set? claim the wait itself
//! ```
//! One of the two sees the other, so a cancelled strand does not stay asleep.

use core::sync::atomic;

use super::block::Woken;
use super::reason;
use crate::base::fence;
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::base::sync::shared_static;
use crate::engine::parallel::worker;
use crate::engine::{self, world};
use crate::memory::table::Table;
use crate::strand::body::Body;
use crate::strand::extras;
use crate::strand::head::{self, Head, Phase};
use crate::strand::message::fail;
use crate::strand::poll;

const RELAXED: atomic::Ordering = atomic::Ordering::Relaxed;
/// Shields of the program, in the low bits of the depth.
const SHIELDS_MAX: u32 = 0xFFFF;
/// One shield of the library's own.
const OURS: u32 = 0x1_0000;

shared_static! {
    /// Every strand is cancelled: the runtime is shutting down.
    static ALL: AtomicBool = AtomicBool::new(false);
}
shared_static! {
    /// Cancelled strands that have not ended, and cancellations under way: while there is one, the poll word says so.
    static REASONS: AtomicU64 = AtomicU64::new(0);
}
shared_static! {
    /// Held while the poll word's bit is raised or lowered.
    static RAISING: ByteLock = ByteLock::new();
}

/// The poll word says that somebody is cancelled, for as long as this exists.
///
/// ```text
/// canceller                              the last cancelled strand ends
///   lock ─ count ─ raise ─ unlock          count down to 0
///   flags (each counts one more)           lock ─ still 0? lower ─ unlock
///   fence, claims
/// ```
/// So a canceller's flags lie between a raise and any later lowering, and who is not cancelled pays for others only while
/// they are on their way to their end.
pub struct Raised(());

impl Raised {
    /// Raises the bit.
    pub fn new() -> Raised {
        RAISING.lock();
        REASONS.fetch_add(1, Ordering::Relaxed);
        poll::raise(poll::CANCEL);
        RAISING.unlock();
        Raised(())
    }
}

impl Default for Raised {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        one_less();
    }
}

fn one_less() {
    // AcqRel: whoever finds 0 comes after everybody who counted.
    if REASONS.fetch_sub(1, Ordering::AcqRel) == 1 {
        lower_if_unused();
    }
}

#[cold]
fn lower_if_unused() {
    RAISING.lock();
    if REASONS.load(Ordering::Acquire) == 0 {
        poll::lower(poll::CANCEL);
    }
    RAISING.unlock();
}

/// Takes back what a [`Raised`] that was forgotten has raised.
pub fn lower() {
    one_less();
}

/// A cancelled strand has ended: its flag was taken back under its lock.
#[cold]
pub fn ended() {
    one_less();
}

/// Whether the strand is cancelled and not shielded: its next suspension point says CANCELLED.
#[inline]
pub fn is_cancelled(body: &Body) -> bool {
    poll::is_raised(poll::CANCEL) && is_cancelled_slowly(body)
}

#[cold]
fn is_cancelled_slowly(body: &Body) -> bool {
    !body.is_shielded() && is_asked_to_end(body)
}

/// Whether the strand is cancelled, shielded or not.
pub fn is_asked_to_end(body: &Body) -> bool {
    ALL.load(Ordering::SeqCst) || body.head().cancelled.load(Ordering::SeqCst) != 0
}

/// Why the running strand is cancelled: the first reason, 0 for one that was not kept. `None` if it is not.
pub fn reason_of(body: &Body) -> Option<u64> {
    // Acquire pairs with the store in `mark`: the reason is written before the flag.
    if body.head().cancelled.load(Ordering::Acquire) != 0 {
        return Some(extras::of(body.head(), Some(body)).map_or(&body.reason, |extras| &extras.reason).load(RELAXED));
    }
    ALL.load(Ordering::SeqCst).then_some(reason::SHUTDOWN)
}

/// Begins a shield of the running strand: cancellation is not delivered before its end. LIMIT when they are nested too
/// deeply.
pub fn shield(body: &Body) -> Outcome<()> {
    if body.shield.load(RELAXED) & SHIELDS_MAX == SHIELDS_MAX {
        return Err(Status::LIMIT);
    }
    change_shield(body, 1);
    Ok(())
}

/// Ends it. INVALID: none has begun.
pub fn unshield(body: &Body) -> Outcome<()> {
    let depth = body.shield.load(RELAXED);
    if depth & SHIELDS_MAX == 0 {
        return Err(Status::INVALID);
    }
    // A canceller that still sees the shield leaves the strand alone; its flag, written before, is found by the next wait.
    body.shield.store(depth - 1, RELAXED);
    Ok(())
}

/// A shield of the library's own around what must not be cut short; nested like the program's, and not theirs to end.
pub struct Shielded<'a>(&'a Body);

impl<'a> Shielded<'a> {
    /// Begins it.
    pub fn new(body: &'a Body) -> Self {
        change_shield(body, OURS);
        Shielded(body)
    }
}

impl Drop for Shielded<'_> {
    fn drop(&mut self) {
        self.0.shield.store(self.0.shield.load(RELAXED) - OURS, RELAXED);
    }
}

/// Begins a shield that lasts to the strand's end.
pub fn shield_for_ever(body: &Body) {
    change_shield(body, OURS);
}

/// The lock keeps a canceller from claiming, as one without a shield, the wait that begins after this.
fn change_shield(body: &Body, more: u32) {
    let head = body.head();
    head.lock.lock();
    body.shield.store(body.shield.load(RELAXED) + more, RELAXED);
    head.lock.unlock();
}

/// Before a call that may wait: under exploration another strand may go first; a cancelled strand does not wait.
#[inline]
pub fn before_waiting(body: &'static Body) -> Outcome<()> {
    if poll::is_raised(poll::CANCEL | poll::EXPLORED) { before_waiting_slowly(body) } else { Ok(()) }
}

#[cold]
fn before_waiting_slowly(body: &'static Body) -> Outcome<()> {
    refuse_in_region(body)?;
    if poll::is_raised(poll::STOP) {
        world::refuse_owner()?;
        // SAFETY: the running strand's body; the caller holds no lock.
        unsafe { engine::checkpoint(body) };
    }
    if poll::is_raised(poll::EXPLORED) {
        // SAFETY: the running strand's body; the caller holds no lock.
        unsafe { engine::decide(body) };
    }
    if is_cancelled(body) { refuse(body) } else { Ok(()) }
}

/// Before a yield: a cancelled strand is told, and who has stopped the world may not.
#[inline]
pub fn before_yielding(body: &'static Body) -> Outcome<()> {
    if poll::is_raised(poll::CANCEL) { before_yielding_slowly(body) } else { Ok(()) }
}

#[cold]
fn before_yielding_slowly(body: &'static Body) -> Outcome<()> {
    refuse_in_region(body)?;
    world::refuse_owner()?;
    if is_cancelled(body) { refuse(body) } else { Ok(()) }
}

/// A strand that blocks its thread cannot leave it.
pub fn refuse_in_region(body: &Body) -> Outcome<()> {
    let region = &worker::of(body).region;
    if region.is_of(body) && region.is_callback() {
        return fail(Status::WOULD_SWITCH, format_args!("the kernel of a worklist may make no call that could wait"));
    }
    if region.is_of(body) {
        return fail(
            Status::WOULD_SWITCH,
            format_args!("between strand_block_begin and strand_block_end a strand may make no call that could wait"),
        );
    }
    Ok(())
}

/// CANCELLED for a call of a cancelled strand. On the stepped engine, whose one thread nobody preempts, the strand gives its
/// turn away all the same: one that does not look at the status must not keep that thread for ever.
#[cold]
pub fn refuse(body: &'static Body) -> Outcome<()> {
    if poll::is_raised(poll::STEPPED) {
        // SAFETY: the running strand's body; the caller holds no lock, as before every call that may switch.
        unsafe { engine::checkpoint(body) };
    }
    Err(Status::CANCELLED)
}

/// Whether everything is cancelled.
pub fn is_all_cancelled() -> bool {
    ALL.load(Ordering::SeqCst)
}

/// From now on everything is cancelled. Wakes nobody yet.
pub fn begin_all() {
    // Until the reset, whoever ends.
    core::mem::forget(Raised::new());
    ALL.store(true, Ordering::SeqCst);
    // Pairs with the light fence between the opening of a wait and the look at the flag.
    fence::heavy();
}

/// Ends every wait of a strand; [`begin_all`] has run. Dormant strands go to `end_dormant`. All waits are won before the
/// first strand goes on, so that none sees the end of another that was cancelled with it.
pub fn wake_all(strands: &Table<Head>, end_dormant: impl Fn(&'static Head)) {
    let mut woken = Woken::new();
    for index in 0..strands.fresh() {
        let strand = head::at(index);
        strand.lock.lock();
        let dormant = strand.phase() == Phase::Dormant;
        if dormant {
            // Taken under the lock: a start that comes later finds it started.
            strand.set_phase(Phase::Ready);
        } else {
            interrupt(strand, &mut woken);
        }
        strand.lock.unlock();
        if dormant {
            end_dormant(strand);
        }
    }
    woken.wake_all();
}

/// Cancels one strand: its next call that may wait says so, also one that it waits in now. A dormant one is taken and
/// goes to `end_dormant`. With a generation: only if it is still that strand; false when it is not.
pub fn cancel(
    strand: &'static Head,
    generation: Option<u64>,
    reason: u64,
    end_dormant: impl FnOnce(&'static Head),
) -> bool {
    let mut woken = Woken::new();
    let raised = Raised::new();
    strand.lock.lock();
    let found = match generation {
        Some(generation) => head::compare(strand, generation).is_ok(),
        None => strand.phase() != Phase::Free,
    };
    let dormant = found && strand.phase() == Phase::Dormant;
    if dormant {
        // Taken under the lock: a start that comes later finds it started.
        strand.set_phase(Phase::Ready);
    } else if found {
        mark(strand, reason);
        // Pairs with the light fence between the opening of a wait and the look at the flag.
        fence::heavy();
        interrupt(strand, &mut woken);
    }
    strand.lock.unlock();
    drop(raised);
    if dormant {
        end_dormant(strand);
    }
    woken.wake_all();
    found
}

/// Sets the flag of a strand that is alive and whose lock is held, while a [`Raised`] exists. The first reason stays.
pub fn mark(strand: &'static Head, reason: u64) {
    if strand.cancelled.load(Ordering::Relaxed) != 0 {
        return;
    }
    let body = strand.started_body();
    match (extras::of(strand, body), body) {
        (Some(extras), _) => extras.reason.store(reason, RELAXED),
        (None, Some(body)) => body.reason.store(reason, RELAXED),
        // A plain strand that has not run has nowhere to keep it.
        (None, None) => {}
    }
    REASONS.fetch_add(1, Ordering::Relaxed);
    strand.cancelled.store(1, Ordering::SeqCst);
}

/// Sets the flag of the running strand, which needs no wake.
pub fn mark_running(strand: &'static Head, reason: u64) {
    let raised = Raised::new();
    strand.lock.lock();
    mark(strand, reason);
    strand.lock.unlock();
    drop(raised);
}

/// Takes the cancellation of everything back, when the runtime is gone.
pub fn reset() {
    RAISING.lock();
    ALL.store(false, Ordering::SeqCst);
    REASONS.store(0, Ordering::SeqCst);
    poll::lower(poll::CANCEL | poll::PREEMPT);
    RAISING.unlock();
}

/// Wins the wait of a strand whose lock is held, if it waits and is not shielded.
pub fn interrupt(strand: &'static Head, woken: &mut Woken) {
    if strand.phase() != Phase::Waiting {
        return;
    }
    // No shield begins while the lock is held, so no wait that is open now began under one.
    if let Some(body) = strand.started_body()
        && !body.is_shielded()
    {
        woken.win(&body.waiter, Status::CANCELLED);
    }
}
