// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blocking on one source, with a deadline and cancellation beside it; for strands and for OS threads.
//!
//! A strand leaves for its worker first, and the worker publishes it: what is published is always switched out.
//! ```text
//! no deadline   the source opens the claim word under its own lock, as its last act: nothing of the strand is
//!               touched after that unlock
//! deadline      begin ─ publish in the source ─ arm the timer ─ publish the claim word; whoever claims in between
//!               leaves the strand to its worker, which resumes it at once
//! ```

use super::{alarm, cancel, threads};
use crate::base::claim::Won;
use crate::base::fence;
use crate::base::heap::{TimerNode, TimerOwner};
use crate::base::status::Status;
use crate::base::sync::atomic::Ordering;
use crate::base::sync::{futex_wait, store_and_wake};
use crate::engine::stepped::{Driven, turnover};
use crate::engine::{self, After, Commit, Expired, Worker, clock, outside, parallel, world};
use crate::strand::body::Body;
use crate::strand::head::{self, FLAG_STARTED, Head, Phase};
use crate::strand::waiter::{WaitKind, Waiter};
use crate::strand::{identity, partner};

/// Absolute deadline that never passes.
pub const FOREVER: i64 = -1;
/// Deadline of a call that does not wait.
pub const NO_WAIT: i64 = 0;

/// What came of publishing a waiter in a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Published {
    /// It is in the wait list.
    Waiting,
    /// It is in the wait list, and the strand with this index, which the publisher has won, goes on in its place. A
    /// strand that never ran is in phase READY.
    Handed(u32),
    /// There is nothing to wait for: the wait ends with this status, and nothing was published.
    Done(Status),
    /// The wait was won while it was being published, by the source itself or by somebody else, who writes the status.
    Won,
}

/// Something that can be waited for.
pub trait Source {
    /// It has several sources of its own, so it is withdrawn whatever ended the wait.
    const SEVERAL: bool = false;

    /// Puts the waiter into the wait list, after looking once more whether it need wait at all. With `sole` this is
    /// the only source: the claim word is opened with [`open_sole`] as the last act under the source's lock.
    ///
    /// # Safety
    /// Nobody else publishes this waiter. The waiter stays in place until it was claimed and `withdraw` has run.
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published;

    /// Takes the waiter out of the wait list, if it is still there: the wait was ended by something else.
    ///
    /// # Safety
    /// The waiter was published here and its wait is over.
    unsafe fn withdraw(&self, waiter: &Waiter);
}

/// Opens the claim word of a waiter with one source, under that source's lock. False: the strand is cancelled; the
/// source takes it out again and answers CANCELLED.
///
/// While the source's lock is held a canceller may claim, and even resume, the strand; it then waits for this lock in
/// `withdraw`, so the strand is still there for the look at its flag.
#[inline]
pub fn open_sole(waiter: &Waiter) -> bool {
    waiter.claim.open();
    // Pairs with the heavy fence in `begin_all`.
    fence::light();
    !crate::strand::poll::is_raised(crate::strand::poll::CANCEL) || !take_cancel(waiter)
}

#[cold]
fn take_cancel(waiter: &Waiter) -> bool {
    is_cancelled(waiter) && waiter.claim.claim().is_some()
}

fn is_cancelled(waiter: &Waiter) -> bool {
    match waiter.strand().and_then(Head::started_body) {
        Some(body) => cancel::is_cancelled(body),
        None => cancel::is_all_cancelled(),
    }
}

/// Waits for `source`. The caller has found that it must wait, holds no lock, and (an OS thread) is counted inside.
#[inline]
pub fn wait<S: Source>(source: &S, kind: WaitKind, object: u64, deadline: i64) -> Status {
    if deadline == NO_WAIT {
        return Status::WOULD_BLOCK;
    }
    match identity::current() {
        Some(body) => wait_on_strand(body, source, kind, object, deadline),
        None => wait_off_strand(source, kind, object, deadline),
    }
}

/// As [`wait`], for a source that has no lock to open the claim word under: always published in several steps.
pub fn wait_multi<S: Source>(source: &S, kind: WaitKind, object: u64, deadline: i64) -> Status {
    wait_multi_as(identity::current(), source, kind, object, deadline)
}

/// As [`wait_multi`], by the strand of this body, or by an OS thread.
#[inline(always)]
pub fn wait_multi_as<S: Source>(
    body: Option<&'static Body>,
    source: &S,
    kind: WaitKind,
    object: u64,
    deadline: i64,
) -> Status {
    if deadline == NO_WAIT {
        return Status::WOULD_BLOCK;
    }
    match body {
        Some(body) => match moment_before(deadline) {
            Some(now) => wait_with(body, source, kind, object, Limit { deadline, now }, commit_timed::<S>),
            None => Status::TIMEOUT,
        },
        None => wait_off_strand(source, kind, object, deadline),
    }
}

/// How long a wait may last.
#[derive(Clone, Copy)]
struct Limit {
    deadline: i64,
    /// When it began; for FOREVER any moment before.
    now: i64,
}

/// What the clock shows, if that is before the deadline; for FOREVER some moment that was.
#[inline]
fn moment_before(deadline: i64) -> Option<i64> {
    if deadline == FOREVER {
        return Some(0);
    }
    Some(clock::now()).filter(|now| *now < deadline)
}

/// What a worker does with a strand that suspends.
type Run = unsafe fn(&Worker, &'static Head, *mut Commit) -> After;

#[repr(C)]
struct WaitCommit<'a, S: Source> {
    commit: Commit,
    source: &'a S,
    limit: Limit,
}

#[inline]
fn wait_on_strand<S: Source>(body: &'static Body, source: &S, kind: WaitKind, object: u64, deadline: i64) -> Status {
    let Some(now) = moment_before(deadline) else { return Status::TIMEOUT };
    let run: Run = if deadline == FOREVER { commit_sole::<S> } else { commit_timed::<S> };
    wait_with(body, source, kind, object, Limit { deadline, now }, run)
}

#[inline(always)]
fn wait_with<S: Source>(
    body: &'static Body,
    source: &S,
    kind: WaitKind,
    object: u64,
    limit: Limit,
    run: Run,
) -> Status {
    let deadline = limit.deadline;
    if deadline != FOREVER {
        engine::touch(engine::touched::TIME);
    }
    let waiter = &body.waiter;
    waiter.describe(kind, object, deadline);
    let mut record = WaitCommit { commit: Commit { run }, source, limit };
    // SAFETY: this strand's body; no lock is held; the commit functions expect this record.
    unsafe { engine::suspend(body, &mut record.commit) };
    let status = waiter.settled();
    if deadline != FOREVER {
        disarm(waiter);
    }
    if S::SEVERAL || matches!(status, Status::TIMEOUT | Status::CANCELLED) {
        // SAFETY: published by the commit (or not at all, which `withdraw` finds out); the wait is over.
        unsafe { source.withdraw(waiter) };
    }
    waiter.claim.close();
    status
}

/// # Safety
/// `record` is the first field of a [`WaitCommit`] on the stack of `strand`, which is switched out and held.
unsafe fn commit_sole<S: Source>(worker: &Worker, strand: &'static Head, record: *mut Commit) -> After {
    // SAFETY: by contract.
    let source = unsafe { (*record.cast::<WaitCommit<'_, S>>()).source };
    let waiter = waiter_of(strand);
    strand.set_phase(Phase::Waiting);
    // SAFETY: the strand's only wait; it stays in place until it is resumed.
    match unsafe { source.publish(waiter, true) } {
        Published::Waiting => {
            worker.counts.parks.add(1);
            After::Gone
        }
        Published::Handed(next) => {
            worker.counts.parks.add(1);
            After::HandOver(next)
        }
        Published::Done(status) => finish_at_once(waiter, status),
        Published::Won => After::Resume,
    }
}

/// A strand that was to go on in somebody's place is made ready instead.
#[cold]
pub fn ready_instead(next: u32) {
    let strand = head::at(next);
    if strand.has(FLAG_STARTED) { engine::ready_last(strand) } else { engine::spawn(strand) }
}

/// # Safety
/// As [`commit_sole`].
unsafe fn commit_timed<S: Source>(worker: &Worker, strand: &'static Head, record: *mut Commit) -> After {
    let record: *mut WaitCommit<'_, S> = record.cast();
    // SAFETY: by contract.
    let (source, Limit { deadline, now }) = unsafe { ((*record).source, (*record).limit) };
    let waiter = waiter_of(strand);
    strand.set_phase(Phase::Waiting);
    waiter.claim.begin();
    waiter.timer_worker.set(u32::MAX);
    // SAFETY: as above.
    let published = unsafe { source.publish(waiter, false) };
    match published {
        Published::Waiting | Published::Handed(_) => {}
        Published::Won => return After::Resume,
        Published::Done(status) => {
            // An early winner (a canceller) has moved nothing, so what the source did counts. But it is still going to
            // write its status: wait for that before the wait is closed.
            if waiter.claim.claim().is_none() {
                waiter.settled();
            }
            waiter.claim.close();
            return finish_at_once(waiter, status);
        }
    }
    if deadline != FOREVER {
        waiter.timer.deadline.set(deadline);
        waiter.timer_worker.set(worker.index);
        // SAFETY: the timer lies in the strand's body and is disarmed before the strand goes on.
        unsafe { worker.arm(&waiter.timer, now) };
    }
    worker.counts.parks.add(1);
    match (publish_or_resume(waiter), published) {
        (After::Gone, Published::Handed(next)) => After::HandOver(next),
        (after, Published::Handed(next)) => {
            ready_instead(next);
            after
        }
        (after, _) => after,
    }
}

/// The last step of a wait with several sources. A waiter that was claimed meanwhile, or whose strand is cancelled,
/// is resumed at once.
fn publish_or_resume(waiter: &Waiter) -> After {
    // Pairs with the heavy fence in `begin_all`.
    fence::light();
    if is_cancelled(waiter) && waiter.claim.claim().is_some() {
        waiter.set_status(Status::CANCELLED);
        return After::Resume;
    }
    if waiter.claim.publish() { After::Gone } else { After::Resume }
}

fn finish_at_once(waiter: &Waiter, status: Status) -> After {
    waiter.set_status(status);
    After::Resume
}

/// The waiter of a strand that its worker holds.
#[inline]
fn waiter_of(strand: &'static Head) -> &'static Waiter {
    &strand.body().waiter
}

#[cold]
fn disarm(waiter: &Waiter) {
    let worker = waiter.timer_worker.get();
    if worker != u32::MAX
        && let Some(engine) = parallel::engine()
    {
        // SAFETY: armed by that worker; the waiter is ours.
        unsafe { engine.disarm(worker, &waiter.timer) };
    }
}

#[cold]
fn wait_off_strand<S: Source>(source: &S, kind: WaitKind, object: u64, deadline: i64) -> Status {
    if parallel::this_worker().is_some() {
        // A callback on a worker's own stack: waiting here would stop every strand of the worker.
        return Status::WOULD_SWITCH;
    }
    if let Err(status) = world::refuse_owner() {
        return status;
    }
    if moment_before(deadline).is_none() {
        return Status::TIMEOUT;
    }
    wait_on_thread(source, kind, object, deadline)
}

fn wait_on_thread<S: Source>(source: &S, kind: WaitKind, object: u64, deadline: i64) -> Status {
    let waiter = Waiter::new();
    waiter.describe(kind, object, deadline);
    waiter.claim.begin();
    if let Err(status) = threads::register(&waiter) {
        return status;
    }
    // SAFETY: this thread's own waiter; it stays in place until the end of this function.
    let status = match unsafe { source.publish(&waiter, false) } {
        Published::Done(status) => status,
        Published::Won => waiter.settled(),
        Published::Waiting => sleep_on_thread(&waiter, deadline),
        Published::Handed(next) => {
            ready_instead(next);
            sleep_on_thread(&waiter, deadline)
        }
    };
    if S::SEVERAL
        || matches!(status, Status::TIMEOUT | Status::CANCELLED | Status::DEADLOCK | Status::MAX_STEPS | Status::REPLAY)
    {
        // SAFETY: published above (or not at all, which `withdraw` finds out), and the wait is over.
        unsafe { source.withdraw(&waiter) };
    }
    threads::unregister(&waiter);
    status
}

fn sleep_on_thread(waiter: &Waiter, deadline: i64) -> Status {
    if publish_or_resume(waiter) == After::Resume {
        return waiter.settled();
    }
    if let Some(worker) = parallel::engine().filter(|engine| engine.stepped().is_some()).map(|e| &e.workers()[0]) {
        return drive_on_thread(worker, waiter, deadline);
    }
    outside::asleep(|| {
        let mut until = (deadline != FOREVER).then_some(deadline);
        // Acquire pairs with the Release in `wake`: the winner is done with the waiter.
        while waiter.signal.load(Ordering::Acquire) == 0 {
            futex_wait(&waiter.signal, 0, until);
            if until.is_some_and(|at| clock::now() >= at) {
                if waiter.claim.claim().is_some() {
                    waiter.set_status(Status::TIMEOUT);
                    return;
                }
                // Somebody else won: their signal is on its way.
                until = None;
            }
        }
    });
    waiter.settled()
}

/// Waits by driving the stepped engine, whose loop keeps the deadlines of threads too.
#[cold]
fn drive_on_thread(worker: &'static Worker, waiter: &Waiter, deadline: i64) -> Status {
    let Some(stepped) = worker.engine().stepped() else { return Status::UNSUPPORTED };
    waiter.timer_worker.set(u32::MAX);
    if deadline != FOREVER {
        waiter.timer.deadline.set(deadline);
        waiter.timer_worker.set(worker.index);
        // SAFETY: the timer lies in this thread's waiter and is disarmed below.
        unsafe { worker.arm(&waiter.timer, 0) };
    }
    let driven = outside::asleep_behind_the_gate(|| stepped.wait_for(worker, &waiter.signal));
    if let Driven::Stopped(status) = driven
        && waiter.claim.claim().is_some()
    {
        waiter.set_status(status);
    }
    if deadline != FOREVER {
        disarm(waiter);
    }
    match waiter.settled() {
        Status::REPLAY => stepped.refuse::<()>().err().unwrap_or(Status::REPLAY),
        status => status,
    }
}

/// Makes a waiter go on whose claim the caller has won with [`Won::Wake`], and whose status is written. With `next` a
/// strand runs next on this worker; else it goes behind those that are ready.
#[inline]
pub fn wake(waiter: &Waiter, next: bool) {
    match waiter.strand() {
        Some(strand) if next => {
            if let Some(body) = identity::current() {
                partner::note(body, Body::of_waiter(waiter));
            }
            engine::ready(strand);
        }
        Some(strand) => engine::ready_last(strand),
        None => wake_thread(waiter),
    }
}

#[cold]
fn wake_thread(waiter: &Waiter) {
    // Its Release pairs with the Acquire in `sleep_on_thread`. After the store the waiter may be gone.
    store_and_wake(&waiter.signal, 1);
    turnover::bump_if_used();
}

/// Waiters that were won under a lock and are woken after it.
pub struct Woken {
    first: *const Waiter,
    last: *const Waiter,
}

impl Woken {
    /// None yet.
    pub const fn new() -> Self {
        Woken { first: core::ptr::null(), last: core::ptr::null() }
    }

    /// Tries to win a waiter for `status`. The caller holds the lock that keeps the waiter in place.
    pub fn win(&mut self, waiter: &Waiter, status: Status) -> bool {
        self.win_with(waiter, status, || {})
    }

    /// As [`Self::win`]; the winner leaves what else it has for the waiter in `leave`, before the status.
    #[inline]
    pub fn win_with(&mut self, waiter: &Waiter, status: Status, leave: impl FnOnce()) -> bool {
        let Some(won) = waiter.claim.claim() else { return false };
        leave();
        if won == Won::Wake {
            self.add_won(waiter);
        }
        // After this an early-claimed waiter may be gone; a won one stays until it is woken.
        waiter.set_status(status);
        true
    }

    /// Wakes a waiter too that was won with [`Won::Wake`] and has its status.
    pub fn add_won(&mut self, waiter: &Waiter) {
        waiter.next.set(core::ptr::null());
        if self.last.is_null() {
            self.first = waiter;
        } else {
            // SAFETY: won by us and not woken yet, so it is still in place.
            unsafe { (*self.last).next.set(waiter) };
        }
        self.last = waiter;
    }

    /// As [`Self::wake_all`], on this worker's own stack.
    #[inline]
    pub fn wake_all_on(self, worker: &Worker) {
        // SAFETY: won by us and not woken yet.
        match unsafe { self.first.as_ref() }.and_then(Waiter::strand) {
            Some(strand) if self.first == self.last => engine::ready_on(worker, strand),
            _ => self.wake_all(),
        }
    }

    /// Wakes them in the order of winning. No lock is held.
    pub fn wake_all(self) {
        let single = self.first == self.last;
        let mut waiter = self.first;
        while !waiter.is_null() {
            // SAFETY: won by us and not woken yet; `next` is read before the wake.
            let (this, next) = unsafe { (&*waiter, (*waiter).next.get()) };
            wake(this, single);
            waiter = next;
        }
    }
}

impl Default for Woken {
    fn default() -> Self {
        Self::new()
    }
}

/// Upcall of the engine: a timer was taken out of its wheel, whose lock is held. Wins a wait for TIMEOUT.
pub fn timer_expired(timer: *const TimerNode) -> Expired {
    // SAFETY: it was linked until now, and its owner goes on only through this function or through the wheel's lock.
    match unsafe { (*timer).owner.get() } {
        TimerOwner::Waiter => {}
        TimerOwner::Token => {
            super::fire::expired(timer);
            return Expired::Nobody;
        }
        // SAFETY: the timer of a timer object is that of its alarm; as above.
        TimerOwner::Timer => return unsafe { alarm::expired(timer) },
    }
    let waiter = timer.wrapping_byte_sub(core::mem::offset_of!(Waiter, timer)).cast::<Waiter>();
    // SAFETY: the timer is that of a waiter; the waiter stays until `disarm` has taken the wheel's lock.
    let waiter = unsafe { &*waiter };
    let Some(won) = waiter.claim.claim() else { return Expired::Nobody };
    let strand = waiter.strand();
    waiter.set_status(Status::TIMEOUT);
    match (won, strand) {
        (Won::LeaveToOpener, _) => Expired::Nobody,
        (Won::Wake, Some(strand)) => Expired::Strand(strand),
        (Won::Wake, None) => {
            // Only the stepped engine keeps the deadlines of threads.
            wake_thread(waiter);
            Expired::Nobody
        }
    }
}
