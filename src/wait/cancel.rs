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

use core::sync::atomic::{AtomicBool, Ordering};

use crate::base::fence;
use crate::base::status::Status;
use crate::engine;
use crate::memory::table::Table;
use crate::strand::body::Body;
use crate::strand::head::{self, Head, Phase};
use crate::strand::poll;

/// Every strand is cancelled: the runtime is shutting down.
static ALL: AtomicBool = AtomicBool::new(false);

/// Whether the strand is cancelled and not shielded: its next suspension point says CANCELLED.
#[inline]
pub fn is_cancelled(body: &Body) -> bool {
    poll::is_raised(poll::CANCEL) && is_cancelled_slowly(body)
}

#[cold]
fn is_cancelled_slowly(body: &Body) -> bool {
    body.shield.get() == 0 && (ALL.load(Ordering::SeqCst) || body.head().cancelled.load(Ordering::SeqCst) != 0)
}

/// Whether everything is cancelled.
pub fn is_all_cancelled() -> bool {
    ALL.load(Ordering::SeqCst)
}

/// Cancels every strand, and wakes those that wait. Dormant strands go to `end_dormant`.
pub fn cancel_all(strands: &Table<Head>, end_dormant: impl Fn(&'static Head)) {
    ALL.store(true, Ordering::SeqCst);
    poll::raise(poll::CANCEL);
    fence::heavy();
    for index in 0..strands.fresh() {
        let strand = head::at(index);
        strand.lock.lock();
        let dormant = strand.phase() == Phase::Dormant;
        let woken = !dormant && interrupt(strand);
        strand.lock.unlock();
        if dormant {
            end_dormant(strand);
        } else if woken {
            engine::ready_last(strand);
        }
    }
}

/// Takes the cancellation of everything back, when the runtime is gone.
pub fn reset() {
    ALL.store(false, Ordering::SeqCst);
    poll::lower(poll::CANCEL | poll::PREEMPT);
}

/// Ends the wait of a strand whose lock is held; true when the caller has to make it ready.
fn interrupt(strand: &'static Head) -> bool {
    if strand.phase() != Phase::Waiting {
        return false;
    }
    let Some(body) = strand.started_body() else { return false };
    // Read under the lock of a suspended strand: the shield does not change while it waits.
    if body.shield.get() != 0 {
        return false;
    }
    match body.waiter.claim.claim() {
        None => false,
        Some(won) => {
            body.waiter.set_status(Status::CANCELLED);
            won == crate::base::claim::Won::Wake
        }
    }
}
