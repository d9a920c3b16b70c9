// SPDX-License-Identifier: MIT OR Apache-2.0
//! Park and unpark: a wait that a language builds its own locks and mailboxes on.
//!
//! The word of a head, `epoch << 3 | phase`:
//! ```text
//! IDLE ──begin──► ARMED ──park──► WAITING
//!                   │                │
//!                unpark           unpark            BUSY while the waker writes the value
//!                   ▼                ▼
//!                NOTIFIED          IDLE, the strand goes on
//! ```
//! As one of several things that are waited for, a word is only lent to the wait, and stays armed when something else
//! ends that:
//! ```text
//! ARMED ──publish──► OFFERED ──unpark──► TAKEN when it wins the wait, else NOTIFIED
//!   ▲                   │
//!   └─────withdraw──────┘
//! ```
//! A token is the head's index and the epoch. The epoch moves on at each begin and never wraps: when that of a head is
//! used up, the strand borrows the park word of a spare head, whose slot is retired afterwards.

use super::block::{self, Published, Source};
use super::several::{Case, Entry, claim_own};
use crate::base::claim::Won;
use crate::base::handle::{self, GENERATION_MAX, Kind};
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::Ordering;
use crate::base::sync::spin;
use crate::engine::{Worker, parallel};
use crate::memory::table::Table;
use crate::strand::body::Body;
use crate::strand::head::{self, Head};
use crate::strand::waiter::{WaitKind, Waiter};

const IDLE: u64 = 0;
const ARMED: u64 = 1;
const WAITING: u64 = 2;
const BUSY: u64 = 3;
const NOTIFIED: u64 = 4;
const OFFERED: u64 = 5;
const TAKEN: u64 = 6;
const PHASE: u64 = 7;

const fn word(epoch: u64, phase: u64) -> u64 {
    epoch << 3 | phase
}

/// Marks a head that lends its park word to another strand.
const LENT: usize = 1;

/// The head whose park word the strand uses: its own, or a spare one.
fn park_head(body: &Body) -> &'static Head {
    let lent = body.lent.get();
    if lent == u32::MAX { body.head() } else { head::at(lent) }
}

/// The strand that a park word belongs to.
fn owner(holder: &'static Head) -> &'static Head {
    // Acquire pairs with the Release in `borrow_word`.
    if holder.entry.load(Ordering::Acquire) == LENT {
        head::at(holder.site.load(Ordering::Relaxed) as u32)
    } else {
        holder
    }
}

/// Begins a wait of the running strand; an earlier one that was not parked on is over.
pub fn begin(body: &Body) -> Outcome<u64> {
    let mut holder = park_head(body);
    if holder.park.load(Ordering::Relaxed) >> 3 >= GENERATION_MAX {
        holder = borrow_word(body)?;
    }
    let epoch = (close(holder) >> 3) + 1;
    // Release pairs with the Acquire in `unpark`.
    holder.park.store(word(epoch, ARMED), Ordering::Release);
    Ok(handle::encode(Kind::ParkToken, epoch, head::index_of(holder)))
}

#[cold]
fn borrow_word(body: &Body) -> Outcome<&'static Head> {
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    let spare = head::at(engine.take_head(parallel::current_worker())?);
    close(park_head(body));
    return_word(body);
    spare.site.store(head::index_of(body.head()) as usize, Ordering::Relaxed);
    spare.entry.store(LENT, Ordering::Release);
    body.lent.set(head::index_of(spare));
    Ok(spare)
}

/// Retires the borrowed word of a strand, if it has one.
fn return_word(body: &Body) {
    let lent = body.lent.get();
    if lent != u32::MAX
        && let Some(engine) = parallel::engine()
    {
        body.lent.set(u32::MAX);
        // Retired, not reused: its epochs must not be issued again.
        head::at(lent).use_up();
        engine.give_head(lent);
    }
}

/// The head that holds the value of an unpark that the strand has not taken, if there is one.
pub fn untaken(body: &Body) -> Option<&'static Head> {
    let holder = park_head(body);
    // Acquire pairs with the Release of the unpark.
    (holder.park.load(Ordering::Acquire) & PHASE == NOTIFIED).then_some(holder)
}

/// Makes the word idle and returns what it was. Only the strand it belongs to (or its worker at its end) calls this.
fn close(holder: &Head) -> u64 {
    loop {
        let now = holder.park.load(Ordering::Acquire);
        match now & PHASE {
            IDLE => return now,
            // A waker is writing the value: a few instructions.
            BUSY => spin(),
            _ => {
                let idle = word(now >> 3, IDLE);
                if holder.park.compare_exchange(now, idle, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    return now;
                }
            }
        }
    }
}

/// The strand ends: tokens of its waits are stale from now on.
#[inline]
pub fn end_strand(strand: &Head, body: &Body) {
    let now = strand.park.load(Ordering::Relaxed);
    if now & PHASE != IDLE || body.lent.get() != u32::MAX {
        end_strand_slowly(body);
    }
}

#[cold]
fn end_strand_slowly(body: &Body) {
    close(park_head(body));
    return_word(body);
}

struct Parked {
    holder: &'static Head,
    epoch: u64,
}

impl Source for Parked {
    unsafe fn publish(&self, _: &Waiter, sole: bool) -> Published {
        debug_assert!(!sole, "a park has no lock under which it could open the claim word");
        let (armed, waiting) = (word(self.epoch, ARMED), word(self.epoch, WAITING));
        // AcqRel: Release hands the strand to the waker, Acquire takes the value of one that was faster.
        match self.holder.park.compare_exchange(armed, waiting, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Published::Waiting,
            Err(_) => Published::Done(Status::OK),
        }
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        close(self.holder);
    }
}

/// The word that a token of the running strand names, its epoch, and what is in it: armed or notified.
fn own_word(body: &Body, token: u64) -> Outcome<(&'static Head, u64, u64)> {
    let holder = park_head(body);
    let parts = handle::decode(Kind::ParkToken, token).ok_or(Status::INVALID)?;
    if parts.index != head::index_of(holder) {
        // Its own word, before it borrowed another: a wait that is over. Anybody else's: not this strand's business.
        let own = parts.index == head::index_of(body.head()) && is_issued(parts.index, parts.generation);
        return Err(if own { Status::STALE } else { Status::INVALID });
    }
    let now = holder.park.load(Ordering::Acquire);
    handle::compare(now >> 3, parts.generation)?;
    if now & PHASE == IDLE {
        return Err(Status::STALE);
    }
    Ok((holder, parts.generation, now & PHASE))
}

/// A token as one of several things that the running strand waits for. A wait that ends otherwise leaves it as it was.
pub struct Offered {
    holder: &'static Head,
    epoch: u64,
    /// Where the value of the unpark goes, or null.
    value: *mut u64,
    won: core::cell::Cell<bool>,
}

impl Offered {
    /// A case for a token of the running strand.
    ///
    /// # Safety
    /// `value` is null or writable until the case is settled.
    pub unsafe fn new(body: &Body, token: u64, value: *mut u64) -> Outcome<Offered> {
        let (holder, epoch, _) = own_word(body, token)?;
        Ok(Offered { holder, epoch, value, won: core::cell::Cell::new(false) })
    }

    /// The phase, once no waker is writing the value.
    fn phase(&self) -> u64 {
        loop {
            // Acquire pairs with the Release of the waker: the value is visible.
            match self.holder.park.load(Ordering::Acquire) & PHASE {
                BUSY => spin(),
                phase => return phase,
            }
        }
    }
}

impl Case for Offered {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::Park, handle::encode(Kind::ParkToken, self.epoch, head::index_of(self.holder)))
    }

    fn looks_ready(&self) -> bool {
        self.phase() == NOTIFIED
    }

    fn attempt(&self) -> Outcome<Option<Status>> {
        if self.phase() != NOTIFIED {
            return Ok(None);
        }
        self.won.set(true);
        Ok(Some(Status::OK))
    }

    unsafe fn publish(&self, waiter: &Waiter, _: Option<&Worker>) -> Entry {
        let (armed, offered) = (word(self.epoch, ARMED), word(self.epoch, OFFERED));
        // AcqRel: Release hands the waiter to the waker, Acquire takes the value of one that was faster.
        match self.holder.park.compare_exchange(armed, offered, Ordering::AcqRel, Ordering::Acquire) {
            // Offered already by another case of this wait: that one takes the unpark.
            Ok(_) => return Entry::Waiting,
            Err(now) if now & PHASE == OFFERED => return Entry::Waiting,
            Err(_) => {}
        }
        let Some(claimed) = claim_own(waiter) else { return Entry::Won };
        if self.phase() != NOTIFIED {
            return claimed.give_up();
        }
        self.won.set(true);
        claimed.commit(Status::OK)
    }

    unsafe fn withdraw(&self, _: Option<&Worker>) {
        let (armed, offered) = (word(self.epoch, ARMED), word(self.epoch, OFFERED));
        loop {
            match self.phase() {
                OFFERED => {
                    if self.holder.park.compare_exchange(offered, armed, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                        return;
                    }
                }
                TAKEN => {
                    // Of two cases with this token the first one is told.
                    self.holder.park.store(word(self.epoch, NOTIFIED), Ordering::Release);
                    return self.won.set(true);
                }
                _ => return,
            }
        }
    }

    fn has_won(&self) -> bool {
        self.won.get()
    }

    fn settle(&self, _: Status) {
        if !self.value.is_null() {
            // SAFETY: writable by contract of `new`.
            unsafe { self.value.write(self.holder.payload_value()) };
        }
        close(self.holder);
    }
}

/// Parks the running strand on a token of its own; the value of the unpark.
pub fn park(body: &'static Body, token: u64, deadline: i64) -> Outcome<u64> {
    let (holder, epoch, phase) = own_word(body, token)?;
    if phase == ARMED {
        let source = Parked { holder, epoch };
        match block::wait_multi(&source, WaitKind::Park, token, deadline) {
            Status::OK => {}
            Status::WOULD_BLOCK => return Err(Status::WOULD_BLOCK),
            status => {
                // Over either way; but an unpark that was answered with OK is never lost.
                let notified = close(holder) & PHASE == NOTIFIED;
                return if notified { Ok(holder.payload_value()) } else { Err(status) };
            }
        }
    }
    while holder.park.load(Ordering::Acquire) & PHASE == BUSY {
        spin();
    }
    let value = holder.payload_value();
    close(holder);
    Ok(value)
}

fn is_issued(index: u32, generation: u64) -> bool {
    parallel::engine().is_some_and(|engine| {
        index < engine.strands.fresh()
            && generation != 0
            && generation <= head::at(index).park.load(Ordering::Relaxed) >> 3
    })
}

/// Ends the wait that a token names. STALE when it is over, or somebody else was faster.
pub fn unpark(strands: &Table<Head>, token: u64, value: u64) -> Outcome<()> {
    let parts = handle::decode(Kind::ParkToken, token).ok_or(Status::INVALID)?;
    if parts.index >= strands.fresh() {
        return Err(head::judge_unknown_token(parts.index, parts.generation));
    }
    let holder = head::at(parts.index);
    let mut now = holder.park.load(Ordering::Acquire);
    loop {
        if parts.generation == 0 {
            return Err(Status::INVALID);
        }
        handle::compare(now >> 3, parts.generation)?;
        if !matches!(now & PHASE, ARMED | WAITING | OFFERED) {
            return Err(Status::STALE);
        }
        // AcqRel: Acquire pairs with `begin` and `publish`; from here the strand waits for us in `close`.
        match holder.park.compare_exchange_weak(now, word(parts.generation, BUSY), Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => break,
            Err(other) => now = other,
        }
    }
    if now & PHASE == ARMED {
        holder.set_payload_value(value);
        holder.park.store(word(parts.generation, NOTIFIED), Ordering::Release);
        return Ok(());
    }
    wake_parked(holder, parts.generation, value, now & PHASE == OFFERED)
}

fn wake_parked(holder: &'static Head, epoch: u64, value: u64, offered: bool) -> Outcome<()> {
    let strand = owner(holder);
    // The word is BUSY, so the strand cannot leave its wait (it closes the word first) and its body is in place.
    let Some(body) = strand.started_body() else { return Err(Status::STALE) };
    let waiter = &body.waiter;
    let won = waiter.claim.claim();
    if won.is_some() || offered {
        holder.set_payload_value(value);
    }
    let next = match (won, offered) {
        (Some(_), true) => TAKEN,
        (None, false) => IDLE,
        // Offered to a wait that something else has ended: the next one on this token finds it.
        _ => NOTIFIED,
    };
    holder.park.store(word(epoch, next), Ordering::Release);
    match won {
        None if offered => Ok(()),
        None => Err(Status::STALE),
        Some(won) => {
            waiter.set_status(Status::OK);
            if won == Won::Wake {
                block::wake(waiter, true);
            }
            Ok(())
        }
    }
}
