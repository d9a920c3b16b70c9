// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ready strands of one worker.
//!
//! ```text
//! next    one strand that was made ready by the strand that runs now: it runs next, up to a number of times in a row
//! fresh   never ran; own pops take the newest, thieves the oldest         newest ◄── link ── ... ── stack ──► oldest
//! moving  have run and may move; first in, first out; thieves take the oldest
//! staying have run and stay; first in, first out; not for thieves
//! ```
//! Everything is linked through the control blocks, so a push cannot fail and nothing is ever full. A strand that
//! never ran has no stack, and the word for its stack serves as the second link of `fresh`.
//!
//! Bypass bound: `next` is used at most [`NEXT_RUN_MAX`] times in a row; the three lists take turns; every
//! [`OLDEST_EVERY`]-th pick from `fresh` takes its oldest. So a strand at place `p` of a list runs after at most
//! `3 * (NEXT_RUN_MAX + 1) * p` other picks (`moving`, `staying`), or `3 * (NEXT_RUN_MAX + 1) * OLDEST_EVERY * p`
//! (`fresh`).
//!
//! The owner works inside its `OwnerLock`, thieves inside a visit of it; the lengths are atomics because thieves look
//! at them before they visit.

use crate::base::sync::atomic::{AtomicU32, Ordering};
use crate::base::sync::cell::Cell;
use crate::strand::head::{self, FLAG_STARTED, Head};

/// No strand.
const NONE: u32 = u32::MAX;
/// Uses of the run-next slot in a row before the lists get a turn.
pub const NEXT_RUN_MAX: u32 = 16;
/// Every so many picks from the never-started take the oldest. Each such pick opens a new large part of a tree of work,
/// and with it new stacks; so they are rare (at 16, a tree of a million strands took three times as long and twenty times the memory).
pub const OLDEST_EVERY: u32 = 1024;

/// A first-in-first-out list through `link`.
pub struct Fifo {
    first: Cell<u32>,
    last: Cell<u32>,
    length: AtomicU32,
}

impl Fifo {
    /// An empty list.
    pub fn new() -> Self {
        Fifo { first: Cell::new(NONE), last: Cell::new(NONE), length: AtomicU32::new(0) }
    }

    /// Number of strands; a hint without the lock.
    #[inline]
    pub fn len(&self) -> u32 {
        self.length.load(Ordering::Relaxed)
    }

    #[inline]
    fn set_len(&self, length: u32) {
        // One writer at a time (the lock's holder), so no locked operation.
        self.length.store(length, Ordering::Relaxed);
    }

    /// Appends. Under the lock.
    #[inline]
    pub fn push(&self, head: &Head) {
        let index = head::index_of(head);
        head.link.store(NONE, Ordering::Relaxed);
        let last = self.last.replace(index);
        if last == NONE {
            self.first.set(index);
        } else {
            head::at(last).link.store(index, Ordering::Relaxed);
        }
        self.set_len(self.len() + 1);
    }

    /// Takes the first. Under the lock.
    #[inline]
    pub fn pop(&self) -> Option<&'static Head> {
        let index = self.first.get();
        if index == NONE {
            return None;
        }
        let head = head::at(index);
        let next = head.link.load(Ordering::Relaxed);
        self.first.set(next);
        if next == NONE {
            self.last.set(NONE);
        }
        self.set_len(self.len() - 1);
        Some(head)
    }

    /// The strand that will be popped next, if it is known without waiting for memory.
    #[inline]
    pub fn first(&self) -> Option<&'static Head> {
        let index = self.first.get();
        (index != NONE).then(|| head::at(index))
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self::new()
    }
}

/// Never-started strands: a deque through `link` (towards the newest) and `stack` (towards the oldest).
struct Fresh {
    oldest: Cell<u32>,
    newest: Cell<u32>,
    length: AtomicU32,
}

impl Fresh {
    fn new() -> Self {
        Fresh { oldest: Cell::new(NONE), newest: Cell::new(NONE), length: AtomicU32::new(0) }
    }

    #[inline]
    fn len(&self) -> u32 {
        self.length.load(Ordering::Relaxed)
    }

    #[inline]
    fn push(&self, head: &Head) {
        let index = head::index_of(head);
        let newest = self.newest.replace(index);
        head.link.store(NONE, Ordering::Relaxed);
        head.stack.store(newest, Ordering::Relaxed);
        if newest == NONE {
            self.oldest.set(index);
        } else {
            head::at(newest).link.store(index, Ordering::Relaxed);
        }
        self.length.store(self.len() + 1, Ordering::Relaxed);
    }

    #[inline]
    fn pop_newest(&self) -> Option<&'static Head> {
        let index = self.newest.get();
        if index == NONE {
            return None;
        }
        let head = head::at(index);
        let older = head.stack.load(Ordering::Relaxed);
        self.newest.set(older);
        if older == NONE {
            self.oldest.set(NONE);
        } else {
            head::at(older).link.store(NONE, Ordering::Relaxed);
        }
        self.length.store(self.len() - 1, Ordering::Relaxed);
        Some(head)
    }

    fn pop_oldest(&self) -> Option<&'static Head> {
        let index = self.oldest.get();
        if index == NONE {
            return None;
        }
        let head = head::at(index);
        let newer = head.link.load(Ordering::Relaxed);
        self.oldest.set(newer);
        if newer == NONE {
            self.newest.set(NONE);
        } else {
            head::at(newer).stack.store(NONE, Ordering::Relaxed);
        }
        self.length.store(self.len() - 1, Ordering::Relaxed);
        Some(head)
    }
}

/// See the module documentation.
pub struct Queues {
    next: AtomicU32,
    next_runs: Cell<u32>,
    turn: Cell<u32>,
    fresh: Fresh,
    moving: Fifo,
    staying: Fifo,
}

// SAFETY: the cells are touched only under the worker's OwnerLock, by its owner or by one visitor.
unsafe impl Sync for Queues {}
// SAFETY: as above; nothing is tied to a thread.
unsafe impl Send for Queues {}

impl Queues {
    /// Empty queues.
    pub fn new() -> Self {
        Queues {
            next: AtomicU32::new(NONE),
            next_runs: Cell::new(0),
            turn: Cell::new(0),
            fresh: Fresh::new(),
            moving: Fifo::new(),
            staying: Fifo::new(),
        }
    }

    /// Strands that thieves may take, the run-next slot not counted; a hint without the lock.
    #[inline]
    pub fn surplus(&self) -> u32 {
        self.fresh.len() + self.moving.len()
    }

    /// Whether the run-next slot is taken; a hint without the lock.
    #[inline]
    pub fn has_next(&self) -> bool {
        self.next.load(Ordering::Relaxed) != NONE
    }

    /// Whether something waits that a thief could take with `lone`; a hint without the lock.
    #[inline]
    pub fn has_lone(&self) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        self.surplus() > 0 || next != NONE && head::at(next).may_move()
    }

    /// Whether nothing at all is ready here; a hint without the lock.
    #[inline]
    pub fn is_empty(&self) -> bool {
        !self.has_next() && self.surplus() == 0 && self.staying.len() == 0
    }

    /// A strand that has run: to the tail of its list. Under the lock.
    #[inline]
    pub fn push_back(&self, head: &Head) {
        if head.may_move() { self.moving.push(head) } else { self.staying.push(head) }
    }

    /// A strand that has never run. Under the lock.
    #[inline]
    pub fn push_fresh(&self, head: &Head) {
        if head.may_move() {
            self.fresh.push(head);
        } else {
            self.staying.push(head);
        }
    }

    /// Into the run-next slot; what was there goes to the tail. Under the lock.
    #[inline]
    pub fn push_next(&self, head: &Head) {
        let displaced = self.next.load(Ordering::Relaxed);
        self.next.store(head::index_of(head), Ordering::Relaxed);
        if displaced != NONE {
            self.push_displaced(head::at(displaced));
        }
    }

    /// As [`Self::push_next`], and the very next pick takes it, however often the slot was used. Under the lock.
    pub fn push_first(&self, head: &Head) {
        self.next_runs.set(0);
        self.push_next(head);
    }

    fn push_displaced(&self, head: &Head) {
        if head.has(FLAG_STARTED) { self.push_back(head) } else { self.push_fresh(head) }
    }

    #[inline]
    fn take_next(&self) -> Option<&'static Head> {
        let next = self.next.load(Ordering::Relaxed);
        if next == NONE {
            return None;
        }
        self.next.store(NONE, Ordering::Relaxed);
        Some(head::at(next))
    }

    /// What runs now. Under the lock.
    #[inline(always)]
    pub fn pick(&self) -> Option<&'static Head> {
        if self.next_runs.get() < NEXT_RUN_MAX
            && let Some(head) = self.take_next()
        {
            self.next_runs.set(self.next_runs.get() + 1);
            return Some(head);
        }
        self.next_runs.set(0);
        // The common case: only strands that have run.
        if self.fresh.len() == 0 && self.staying.len() == 0 {
            return self.moving.pop().or_else(|| self.take_next());
        }
        self.pick_from_lists().or_else(|| self.take_next())
    }

    #[inline(never)]
    fn pick_from_lists(&self) -> Option<&'static Head> {
        let turn = self.turn.get().wrapping_add(1);
        self.turn.set(turn);
        match turn % 3 {
            0 => self.moving.pop().or_else(|| self.pick_fresh(turn)).or_else(|| self.staying.pop()),
            1 => self.pick_fresh(turn).or_else(|| self.moving.pop()).or_else(|| self.staying.pop()),
            _ => self.staying.pop().or_else(|| self.moving.pop()).or_else(|| self.pick_fresh(turn)),
        }
    }

    #[inline]
    fn pick_fresh(&self, turn: u32) -> Option<&'static Head> {
        // `turn / 3`: the turn of this list, so that every OLDEST_EVERY-th of them is reached.
        if (turn / 3).is_multiple_of(OLDEST_EVERY) { self.fresh.pop_oldest() } else { self.fresh.pop_newest() }
    }

    /// The strand that a pick will most likely return next, to prefetch it.
    #[inline]
    pub fn upcoming(&self) -> Option<&'static Head> {
        self.moving.first()
    }

    /// Takes strands that have run and may move, as many as there is room for. Under the lock.
    pub fn take_movable(&self, out: &mut [Option<&'static Head>]) -> usize {
        let mut count = 0;
        while count < out.len() {
            let Some(head) = self.moving.pop() else { break };
            out[count] = Some(head);
            count += 1;
        }
        let next = self.next.load(Ordering::Relaxed);
        if count < out.len() && next != NONE && head::at(next).may_move() && head::at(next).has(FLAG_STARTED) {
            out[count] = self.take_next();
            count += 1;
        }
        count
    }

    /// A thief takes half of what may move, the oldest first, up to `out.len()`; or, with `lone`, also a lone
    /// strand or the one in the run-next slot. Inside a visit.
    pub fn steal(&self, out: &mut [Option<&'static Head>], lone: bool) -> usize {
        let (fresh, moving) = (self.fresh.len(), self.moving.len());
        let want = match fresh + moving {
            0 => 0,
            1 if !lone => 0,
            total => (total.div_ceil(2) as usize).min(out.len()),
        };
        let mut count = 0;
        while count < want {
            // The oldest of those that never ran stand for the largest parts of a tree of work.
            let Some(head) = self.fresh.pop_oldest().or_else(|| self.moving.pop()) else { break };
            out[count] = Some(head);
            count += 1;
        }
        if count == 0 && lone {
            let next = self.next.load(Ordering::Relaxed);
            if next != NONE && head::at(next).may_move() {
                out[0] = self.take_next();
                count = 1;
            }
        }
        count
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self::new()
    }
}
