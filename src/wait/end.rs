// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a strand, and waiting for it.
//!
//! The order is fixed: hooks and locals on the strand's own stack; then, on its worker, the generation ends and the
//! joiners are won under the head's lock; the stack and the head go back; the strand stops being counted; the
//! joiners wake. So whoever saw the end sees everything the strand did.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::block::{Published, Source, Woken, open_sole};
use super::several::{Case, Entry, claim_own};
use super::{cancel, park};
use crate::base::handle::{self, Kind};
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::worker;
use crate::engine::{self, After, Commit, Worker};
use crate::strand::body::Body;
use crate::strand::extras::Extras;
use crate::strand::head::{self, FLAG_EXTRAS, FLAG_STARTED, FLAG_UNCOUNTED, Head};
use crate::strand::waiter::{WaitKind, Waiter};

/// One wait for the end of one strand, in the joiner's frame and in the list of the head.
pub struct Join {
    strand: &'static Head,
    generation: u64,
    waiter: Cell<*const Waiter>,
    next: Cell<*const Join>,
    back: Cell<*const Join>,
    linked: Cell<bool>,
    won: Cell<bool>,
}

impl Join {
    /// A wait for the strand of this generation.
    pub fn new(strand: &'static Head, generation: u64) -> Join {
        Join {
            strand,
            generation,
            waiter: Cell::new(core::ptr::null()),
            next: Cell::new(core::ptr::null()),
            back: Cell::new(core::ptr::null()),
            linked: Cell::new(false),
            won: Cell::new(false),
        }
    }

    fn has_ended(&self) -> bool {
        self.strand.generation() != self.generation
    }

    fn link(&self) {
        let first = self.strand.joiners.load(Ordering::Relaxed) as *const Join;
        self.next.set(first);
        self.back.set(core::ptr::null());
        if !first.is_null() {
            // SAFETY: linked joins are alive; the lock is held.
            unsafe { (*first).back.set(self) };
        }
        self.strand.joiners.store(self as *const Join as usize, Ordering::Relaxed);
        self.linked.set(true);
    }

    fn unlink(&self) {
        let (next, back) = (self.next.get(), self.back.get());
        if back.is_null() {
            self.strand.joiners.store(next as usize, Ordering::Relaxed);
        } else {
            // SAFETY: linked joins are alive; the lock is held.
            unsafe { (*back).next.set(next) };
        }
        if !next.is_null() {
            // SAFETY: as above.
            unsafe { (*next).back.set(back) };
        }
        self.linked.set(false);
    }

    fn unlink_under_lock(&self) {
        self.strand.lock.lock();
        if self.linked.get() {
            self.unlink();
        }
        self.strand.lock.unlock();
    }
}

impl Source for Join {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        self.strand.lock.lock();
        if self.has_ended() {
            self.strand.lock.unlock();
            return Published::Done(Status::OK);
        }
        self.waiter.set(waiter);
        self.link();
        if sole && !open_sole(waiter) {
            self.unlink();
            self.strand.lock.unlock();
            return Published::Done(Status::CANCELLED);
        }
        self.strand.lock.unlock();
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        self.unlink_under_lock();
    }
}

impl Case for Join {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::Join, handle::encode(Kind::Strand, self.generation, head::index_of(self.strand)))
    }

    fn looks_ready(&self) -> bool {
        self.has_ended()
    }

    fn attempt(&self) -> Outcome<Option<Status>> {
        self.strand.lock.lock();
        let ended = self.has_ended();
        self.strand.lock.unlock();
        Ok(ended.then_some(Status::OK))
    }

    unsafe fn publish(&self, waiter: &Waiter, _: Option<&Worker>) -> Entry {
        self.strand.lock.lock();
        let ended = self.has_ended();
        if !ended {
            self.waiter.set(waiter);
            self.link();
        }
        self.strand.lock.unlock();
        if !ended {
            return Entry::Waiting;
        }
        // Nothing is moved, and an end stays: there is no need for the lock.
        let Some(claimed) = claim_own(waiter) else { return Entry::Won };
        self.won.set(true);
        claimed.commit(Status::OK)
    }

    unsafe fn withdraw(&self, _: Option<&Worker>) {
        if !self.won.get() {
            self.unlink_under_lock();
        }
    }

    fn has_won(&self) -> bool {
        self.won.get()
    }
}

/// Ends the generation of a strand and wins its joiners. The caller holds the strand.
fn end_generation(strand: &'static Head) -> Woken {
    let mut woken = Woken::new();
    strand.lock.lock();
    let mut join = strand.joiners.load(Ordering::Relaxed) as *const Join;
    strand.joiners.store(0, Ordering::Relaxed);
    let cancelled = strand.cancelled.swap(0, Ordering::Relaxed) != 0;
    strand.end_generation();
    while !join.is_null() {
        // SAFETY: linked joins are alive; `next` is read before the win, after which the joiner may go on.
        let (this, next) = unsafe { (&*join, (*join).next.get()) };
        this.linked.set(false);
        // SAFETY: a linked join's waiter is in place.
        woken.win_with(unsafe { &*this.waiter.get() }, Status::OK, || this.won.set(true));
        join = next;
    }
    strand.lock.unlock();
    if cancelled {
        cancel::ended();
    }
    woken
}

/// Writes the outcome of the task that a strand has run; its waiters are won with the strand's joiners.
pub type TaskEnd = fn(&Worker, usize, &mut Woken);

/// The [`TaskEnd`] of the layer above, or 0.
static TASK_END: AtomicUsize = AtomicUsize::new(0);

/// Says who is told of the end of strands that run tasks. Before the first of them.
pub fn tell_tasks(end: TaskEnd) {
    TASK_END.store(end as usize, Ordering::Relaxed);
}

#[inline]
fn end_task(worker: &Worker, task: usize, woken: &mut Woken) {
    let end = TASK_END.load(Ordering::Relaxed);
    if end != 0 {
        // SAFETY: stored by `tell_tasks` from a function of this type.
        unsafe { core::mem::transmute::<usize, TaskEnd>(end)(worker, task, woken) };
    }
}

/// The commit of a strand that has run its hooks.
#[repr(C)]
struct EndCommit {
    commit: Commit,
}

/// Ends the running strand. Comes back when the context is used again: `body` is then the next strand's.
///
/// # Safety
/// `body` is the running strand's; its hooks have run and its belongings are freed. With frames that are to be
/// dropped, nothing on them is needed any more.
#[inline(always)]
pub unsafe fn finish(body: &'static Body) {
    let mut record = EndCommit { commit: Commit { run: commit_end } };
    // SAFETY: by contract.
    unsafe { engine::suspend(body, &mut record.commit) };
}

/// # Safety
/// The strand is switched out for the last time and held by this worker.
unsafe fn commit_end(worker: &Worker, strand: &'static Head, _: *mut Commit) -> After {
    let (stack, body) = (strand.stack_id(), strand.body());
    let (dropped, task) = (body.frames_dropped.get(), body.task.get());
    park::end_strand(strand, body);
    let mut woken = end_generation(strand);
    // From here on no dump finds the strand, so nobody reads its extras.
    let extras = body.extras.replace(core::ptr::null_mut());
    // SAFETY: the strand has ended; nobody else knows its extras.
    unsafe { Extras::free(extras) };
    body.head.set(core::ptr::null());
    worker.release_stack(body, stack, dropped);
    if task != 0 {
        end_task(worker, task, &mut woken);
    }
    retire(worker, strand);
    woken.wake_all_on(worker);
    After::Gone
}

/// Gives the head back and counts the strand out.
fn retire(worker: &Worker, strand: &'static Head) {
    let uncounted = strand.has(FLAG_UNCOUNTED);
    worker::give_head(worker, strand);
    if uncounted {
        worker.counts.uncounted_finished.add(1);
    } else {
        worker.counts.finished.add(1);
    }
}

/// Ends a strand that never ran: it could not get a stack. The caller (its worker) has recorded the fault.
#[cold]
pub fn finish_unstarted(worker: &Worker, strand: &'static Head) {
    drop_argument(strand);
    let extras = unstarted_extras(strand);
    let woken = end_generation(strand);
    free_unstarted(extras);
    retire(worker, strand);
    woken.wake_all();
}

/// Ends a dormant strand at shutdown, from the OS thread that shuts down.
#[cold]
pub fn finish_dormant(strand: &'static Head) {
    drop_argument(strand);
    let extras = unstarted_extras(strand);
    let woken = end_generation(strand);
    free_unstarted(extras);
    woken.wake_all();
    if let Some(engine) = engine::parallel::engine() {
        engine.give_head(head::index_of(strand));
    }
}

/// The extras of a strand that never ran and is held by the caller; null when it has none.
fn unstarted_extras(strand: &Head) -> *mut Extras {
    debug_assert!(!strand.has(FLAG_STARTED));
    if strand.has(FLAG_EXTRAS) { strand.payload.load(Ordering::Relaxed) as *mut Extras } else { core::ptr::null_mut() }
}

/// Drops the argument of a strand that never ran.
fn drop_argument(strand: &Head) {
    let extras = unstarted_extras(strand);
    // SAFETY: the strand is held by the caller and never ran, so nobody else uses its extras.
    if let Some(extras) = unsafe { extras.as_ref() }
        && let Some(drop) = extras.arg_drop
    {
        // SAFETY: the argument was handed over by the spawn and goes to its drop function once.
        unsafe { drop(extras.arg) };
    }
}

/// Frees the extras of a strand whose generation has ended, so that no dump can find them.
fn free_unstarted(extras: *mut Extras) {
    if extras.is_null() {
        return;
    }
    // SAFETY: taken from a strand that never ran and has ended; nobody else knows them.
    unsafe {
        crate::strand::message::release((*extras).locals);
        Extras::free(extras);
    }
}
