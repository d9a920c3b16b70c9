// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a strand, and waiting for it.
//!
//! The order is fixed: hooks and locals on the strand's own stack; then, on its worker, the joiners are won and the
//! generation ends under the head's lock; its scope and those who watch are told; the stack goes back; its scope does not
//! count it any more; the head goes back; the strand stops being counted; the joiners wake. So whoever saw the end sees
//! everything the strand did, and what its scope and those who watch were told.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::block::{Published, Source, Woken, open_sole};
use super::several::{Case, Entry, claim_own};
use super::{cancel, park, tree};
use crate::base::handle::{self, Kind};
use crate::base::status::{Outcome, Status};
use crate::base::sync::{spin, yield_thread};
use crate::engine::parallel::worker;
use crate::engine::{self, After, Commit, Worker};
use crate::memory::table::Table;
use crate::strand::body::Body;
use crate::strand::extras::Extras;
use crate::strand::head::{self, FLAG_EXTRAS, FLAG_STARTED, FLAG_UNCOUNTED, Head};
use crate::strand::waiter::{WaitKind, Waiter};

/// How a strand ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Its entry function returned.
    Returned,
    /// It failed with this code.
    Failed(Status),
    /// It never ran: the runtime was shut down.
    NeverRan,
}

/// Told of the end of a strand, on the stack of the worker (or thread) that ends it. The link is in no list any more. Those
/// who are to go on are won here and woken later. No memory, no callback, no wait.
pub type Tell = unsafe fn(link: *const Link, strand: u64, ending: Ending, woken: &mut Woken);

/// A place in the list of those who want to know of a strand's end, newest first. Under the head's lock.
#[repr(C)]
pub struct Link {
    next: Cell<*const Link>,
    back: Cell<*const Link>,
    linked: Cell<bool>,
    /// Whether a fault that it is told of counts as looked at.
    looks: Cell<bool>,
    /// `None` for a [`Join`], which begins with its link.
    tell: Cell<Option<Tell>>,
}

impl Link {
    /// A link in no list. All-zero memory is one too.
    pub const fn new() -> Link {
        Link {
            next: Cell::new(core::ptr::null()),
            back: Cell::new(core::ptr::null()),
            linked: Cell::new(false),
            looks: Cell::new(false),
            tell: Cell::new(None),
        }
    }

    fn link(&self, strand: &Head) {
        let first = strand.joiners.load(Ordering::Relaxed) as *const Link;
        self.next.set(first);
        self.back.set(core::ptr::null());
        if !first.is_null() {
            // SAFETY: linked ones are alive; the lock is held.
            unsafe { (*first).back.set(self) };
        }
        // Release, here and below: who looks for `TELLING` and finds this sees that the strand before was told of, too.
        strand.joiners.store(self as *const Link as usize, Ordering::Release);
        self.linked.set(true);
    }

    fn unlink(&self, strand: &Head) {
        let (next, back) = (self.next.get(), self.back.get());
        if back.is_null() {
            strand.joiners.store(next as usize, Ordering::Release);
        } else {
            // SAFETY: linked ones are alive; the lock is held.
            unsafe { (*back).next.set(next) };
        }
        if !next.is_null() {
            // SAFETY: as above.
            unsafe { (*next).back.set(back) };
        }
        self.linked.set(false);
    }

    /// Is told of the end of the strand of this generation from now on. False: it has ended, and all others were told.
    ///
    /// # Safety
    /// The link is in no list, and stays in place until it was told or [`Self::unwatch`] was true.
    pub unsafe fn watch(&self, strand: &Head, generation: u64, tell: Tell, looks: bool) -> bool {
        strand.lock.lock();
        let alive = strand.generation() == generation;
        if alive {
            self.tell.set(Some(tell));
            self.looks.set(looks);
            self.link(strand);
        }
        strand.lock.unlock();
        if !alive {
            until_told(strand);
        }
        alive
    }

    /// True: it will not be told. False: it was told, or is being told.
    pub fn unwatch(&self, strand: &Head) -> bool {
        strand.lock.lock();
        let linked = self.linked.get();
        if linked {
            self.unlink(strand);
        }
        strand.lock.unlock();
        linked
    }
}

/// Whether somebody looks at a fault of this strand, which the caller holds.
pub fn is_looked_at(strand: &Head) -> bool {
    strand.lock.lock();
    let mut link = strand.joiners.load(Ordering::Relaxed) as *const Link;
    let mut looks = false;
    while !link.is_null() && !looks {
        // SAFETY: linked ones are alive; the lock is held.
        (link, looks) = unsafe { ((*link).next.get(), (*link).looks.get()) };
    }
    strand.lock.unlock();
    looks
}

/// One wait for the end of one strand, in the joiner's frame and in the list of the head.
#[repr(C)]
pub struct Join {
    link: Link,
    strand: &'static Head,
    generation: u64,
    waiter: Cell<*const Waiter>,
    won: Cell<bool>,
}

impl Join {
    /// A wait for the strand of this generation.
    pub fn new(strand: &'static Head, generation: u64) -> Join {
        Join { strand, generation, waiter: Cell::new(core::ptr::null()), link: Link::new(), won: Cell::new(false) }
    }

    /// A wait for the strand that a handle names. STALE: it has ended, and those who watch it were told.
    #[inline]
    pub fn of(strands: &Table<Head>, id: u64) -> Outcome<Join> {
        let (strand, generation) = head::lookup(strands, id)?;
        head::compare(strand, generation).inspect_err(|_| until_told(strand))?;
        Ok(Join::new(strand, generation))
    }

    fn has_ended(&self) -> bool {
        self.strand.generation() != self.generation
    }

    /// The wait is over since the strand has ended. One that was published in steps may have been won before everybody was
    /// told: then this waits for that. Holds no lock.
    #[inline]
    pub fn until_told(&self) {
        until_told(self.strand);
    }
}

/// In the place of a head's first joiner, while its scope and those who watch are told of a strand whose generation has
/// ended.
const TELLING: usize = 1;

/// Whoever finds that a strand has ended, and was not woken by its end, goes on after its scope and those who watch it were
/// told, and its stack has gone back where it had a scope. Holds no lock. A head that has another strand by now may make it
/// wait for that one's in vain.
#[inline]
fn until_told(strand: &Head) {
    if strand.joiners.load(Ordering::Acquire) == TELLING {
        until_told_slowly(strand);
    }
}

#[cold]
fn until_told_slowly(strand: &Head) {
    let mut turns = 0_u32;
    // Acquire pairs with the Release in `told`.
    while strand.joiners.load(Ordering::Acquire) == TELLING {
        turns += 1;
        if turns.is_multiple_of(100) {
            yield_thread(); // the one who tells may have lost its processor
        } else {
            spin();
        }
    }
}

impl Source for Join {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        self.strand.lock.lock();
        if self.has_ended() {
            self.strand.lock.unlock();
            until_told(self.strand);
            return Published::Done(Status::OK);
        }
        self.waiter.set(waiter);
        self.link.link(self.strand);
        if sole && !open_sole(waiter) {
            self.link.unlink(self.strand);
            self.strand.lock.unlock();
            return Published::Done(Status::CANCELLED);
        }
        self.strand.lock.unlock();
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        self.link.unwatch(self.strand);
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
            self.link.link(self.strand);
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
            self.link.unwatch(self.strand);
        }
    }

    fn has_won(&self) -> bool {
        self.won.get()
    }

    fn settle(&self, _: Status) {
        until_told(self.strand);
    }
}

/// Goes on once the scope of a strand that has ended, and whoever watches it, were told.
pub fn until_told_of(strands: &Table<Head>, id: u64) {
    if let Ok((strand, _)) = head::lookup(strands, id) {
        until_told(strand);
    }
}

/// Everybody was told of the end of a strand, whose head the caller holds.
#[inline]
fn told(strand: &Head) {
    // Release pairs with the Acquire in `until_told`: what they were told comes before. So does every later store.
    strand.joiners.store(0, Ordering::Release);
}

/// Ends the generation of a strand, wins its joiners and tells those who watch it; where a scope counts it, that one too,
/// and then the caller says when everybody was [`told`]. The caller holds the strand and its extras.
#[inline(always)]
fn end_generation(strand: &'static Head, ending: Ending, extras: *const Extras, in_scope: bool) -> Woken {
    let mut woken = Woken::new();
    strand.lock.lock();
    let first = strand.joiners.load(Ordering::Relaxed) as *const Link;
    // Written under this lock only, so it takes no locked operation.
    let cancelled = strand.cancelled.load(Ordering::Relaxed) != 0;
    if cancelled {
        strand.cancelled.store(0, Ordering::Relaxed);
    }
    let generation = strand.generation();
    let watches = win_joiners(first, &mut woken);
    // Whoever sees the next generation sees this.
    strand.joiners.store(if watches.is_null() && !in_scope { 0 } else { TELLING }, Ordering::Release);
    strand.end_generation();
    strand.lock.unlock();
    if cancelled {
        cancel::ended();
    }
    if !watches.is_null() {
        if in_scope {
            // First: who hears of this end and ends comes later there. Where nobody watches, `leave` does it.
            // SAFETY: by contract.
            unsafe { tree::tell(extras, ending, &mut woken) };
        }
        let id = handle::encode(Kind::Strand, generation, head::index_of(strand));
        tell_watches(watches, id, ending, &mut woken);
        if !in_scope {
            told(strand);
        }
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

/// Wins the joiners of a list. The others are returned, oldest first.
#[inline(always)]
fn win_joiners(first: *const Link, woken: &mut Woken) -> *const Link {
    let mut link = first;
    let mut watches: *const Link = core::ptr::null();
    while !link.is_null() {
        // SAFETY: linked ones are alive; `next` is read before the win, after which a joiner may go on.
        let (this, next) = unsafe { (&*link, (*link).next.get()) };
        this.linked.set(false);
        if this.tell.get().is_some() {
            this.next.set(watches);
            watches = link;
        } else {
            // SAFETY: a link that tells nobody is the first field of a join, whose waiter is in place.
            let join = unsafe { &*link.cast::<Join>() };
            // SAFETY: as above.
            woken.win_with(unsafe { &*join.waiter.get() }, Status::OK, || join.won.set(true));
        }
        link = next;
    }
    watches
}

#[cold]
fn tell_watches(first: *const Link, strand: u64, ending: Ending, woken: &mut Woken) {
    let mut link = first;
    while !link.is_null() {
        // SAFETY: it stays in place until it was told, so `next` is read before that.
        let (this, next) = unsafe { (&*link, (*link).next.get()) };
        if let Some(tell) = this.tell.get() {
            // SAFETY: taken out of the list above, told once.
            unsafe { tell(this, strand, ending, woken) };
        }
        link = next;
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
    let ending = match body.fault.get() {
        0 => Ending::Returned,
        code => Ending::Failed(Status(code)),
    };
    let extras = body.extras.get();
    // SAFETY: those of a strand that this worker holds.
    let in_scope = unsafe { tree::is_counted(extras) };
    let mut woken = end_generation(strand, ending, extras, in_scope);
    // From here on no dump finds the strand, so nobody reads its extras.
    body.extras.set(core::ptr::null_mut());
    body.head.set(core::ptr::null());
    worker.release_stack(body, stack, dropped);
    if task != 0 {
        end_task(worker, task, &mut woken);
    }
    // After the task: a scope that finds no children left has their outcomes.
    // SAFETY: the strand has ended; nobody else knows its extras but its cancel token, which forgets them.
    unsafe {
        leave_scope(strand, extras, in_scope, ending, &mut woken);
        Extras::free(extras);
    }
    retire(worker, strand);
    woken.wake_all_on(worker);
    After::Gone
}

/// The token forgets the strand, and its scope does not count it any more.
///
/// # Safety
/// As [`tree::leave`]. `in_scope` is what [`end_generation`] was told.
#[inline]
unsafe fn leave_scope(strand: &Head, extras: *const Extras, in_scope: bool, ending: Ending, woken: &mut Woken) {
    // SAFETY: by contract.
    let token = unsafe { tree::leave(extras, ending, woken) };
    if in_scope {
        told(strand);
    }
    // The last reference lets go what the program has left with the token, which may look at this strand.
    drop(token);
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
pub fn finish_unstarted(worker: &Worker, strand: &'static Head, status: Status) {
    drop_argument(strand);
    let extras = unstarted_extras(strand);
    let woken = end_unstarted(strand, extras, Ending::Failed(status));
    retire(worker, strand);
    woken.wake_all();
}

/// Ends a dormant strand at shutdown, from the OS thread that shuts down.
#[cold]
pub fn finish_dormant(strand: &'static Head) {
    drop_argument(strand);
    let extras = unstarted_extras(strand);
    end_unstarted(strand, extras, Ending::NeverRan).wake_all();
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

/// Ends the generation of a strand that never ran, and frees its extras, which no dump can find after that.
fn end_unstarted(strand: &'static Head, extras: *mut Extras, ending: Ending) -> Woken {
    // SAFETY: those of a strand that the caller holds.
    let in_scope = unsafe { tree::is_counted(extras) };
    let mut woken = end_generation(strand, ending, extras, in_scope);
    if !extras.is_null() {
        // SAFETY: taken from a strand that never ran and has ended; nobody else knows them but its cancel token.
        unsafe {
            leave_scope(strand, extras, in_scope, ending, &mut woken);
            crate::strand::message::release((*extras).locals);
            Extras::free(extras);
        }
    }
    woken
}
