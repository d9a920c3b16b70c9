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

use super::block::Woken;
use crate::base::fence;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicBool, Ordering};
use crate::base::sync::shared_static;
use crate::engine;
use crate::memory::table::Table;
use crate::strand::body::Body;
use crate::strand::head::{self, Head, Phase};
use crate::strand::poll;

shared_static! {
    /// Every strand is cancelled: the runtime is shutting down.
    static ALL: AtomicBool = AtomicBool::new(false);
}

/// Whether the strand is cancelled and not shielded: its next suspension point says CANCELLED.
#[inline]
pub fn is_cancelled(body: &Body) -> bool {
    poll::is_raised(poll::CANCEL) && is_cancelled_slowly(body)
}

#[cold]
fn is_cancelled_slowly(body: &Body) -> bool {
    body.shield.get() == 0 && (ALL.load(Ordering::SeqCst) || body.head().cancelled.load(Ordering::SeqCst) != 0)
}

/// Before a call that may wait: under exploration another strand may go first; a cancelled strand does not wait.
#[inline]
pub fn before_waiting(body: &'static Body) -> Outcome<()> {
    if poll::is_raised(poll::CANCEL | poll::EXPLORED) { before_waiting_slowly(body) } else { Ok(()) }
}

#[cold]
fn before_waiting_slowly(body: &'static Body) -> Outcome<()> {
    if poll::is_raised(poll::EXPLORED) {
        // SAFETY: the running strand's body; the caller holds no lock.
        unsafe { engine::decide(body) };
    }
    if is_cancelled(body) { refuse(body) } else { Ok(()) }
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
    ALL.store(true, Ordering::SeqCst);
    poll::raise(poll::CANCEL);
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

/// Cancels one strand: its next call that may wait says so, also one that it waits in now.
pub fn cancel(strand: &'static Head) {
    let mut woken = Woken::new();
    strand.lock.lock();
    strand.cancelled.store(1, Ordering::SeqCst);
    poll::raise(poll::CANCEL);
    // Pairs with the light fence between the opening of a wait and the look at the flag.
    fence::heavy();
    interrupt(strand, &mut woken);
    strand.lock.unlock();
    woken.wake_all();
}

/// Takes the cancellation of everything back, when the runtime is gone.
pub fn reset() {
    ALL.store(false, Ordering::SeqCst);
    poll::lower(poll::CANCEL | poll::PREEMPT);
}

/// Wins the wait of a strand whose lock is held, if it waits and is not shielded.
fn interrupt(strand: &'static Head, woken: &mut Woken) {
    if strand.phase() != Phase::Waiting {
        return;
    }
    // The shield of a suspended strand does not change.
    if let Some(body) = strand.started_body()
        && body.shield.get() == 0
    {
        woken.win(&body.waiter, Status::CANCELLED);
    }
}
