// SPDX-License-Identifier: MIT OR Apache-2.0
//! What those who have the handle of a task may ask for.

use core::cell::Cell;

use super::outcome::{Asked, Ended, Name, Task};
use super::scope;
use super::table::{self, explain, find};
use super::watch::Watch;
use crate::base::handle::{self, Kind};
use crate::base::status::{Outcome, Status};
use crate::engine::{self, outside, parallel};
use crate::strand::body::Body;
use crate::strand::failure::Kept;
use crate::strand::head;
use crate::strand::identity;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::{cancel, end};

/// Handles that a task or a promise can have.
pub const REFERENCES_MAX: u32 = 1 << 30;

/// The task that the running strand runs.
#[inline]
pub fn of(body: &Body) -> Option<&'static Task> {
    // SAFETY: stored when the task began; its slot is kept until its strand has ended.
    unsafe { (body.task.get() as *const Task).as_ref() }
}

/// The running strand's task; 0 when it runs none.
pub fn current() -> u64 {
    identity::current().and_then(of).map_or(0, table::handle_of)
}

/// One wait for the end of one task, in the frame of the one who waits.
#[repr(C)]
struct Await {
    watch: Watch,
    name: Name,
    waiter: Cell<*const Waiter>,
    ended: Cell<Option<Ended>>,
}

/// # Safety
/// The watch is that of an [`Await`].
unsafe fn tell(watch: &Watch, ended: &Ended, woken: &mut Woken) -> bool {
    // SAFETY: by contract; the record was linked, so its waiter is in place.
    unsafe {
        let wait = &*(watch as *const Watch).cast::<Await>();
        woken.win_with(&*wait.waiter.get(), Status::OK, || wait.ended.set(Some(*ended)))
    }
}

impl Source for Await {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let locked = match self.name.lock() {
            Ok(locked) => locked,
            Err(status) => return Published::Done(status),
        };
        if locked.state().is_terminal() {
            locked.mark_seen();
            self.ended.set(Some(locked.look()));
            return Published::Done(Status::OK);
        }
        self.waiter.set(waiter);
        // SAFETY: in no list; withdrawn before this frame goes.
        unsafe { locked.watch(&self.watch) };
        if sole && !open_sole(waiter) {
            locked.unwatch(&self.watch);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        self.name.task.lock().unwatch(&self.watch);
    }
}

/// What every call that may wait for the end of a task begins with.
#[inline]
pub(super) fn before_waiting(deadline: i64) -> Outcome<Option<&'static Task>> {
    match identity::current() {
        Some(body) => {
            if deadline != NO_WAIT {
                cancel::before_waiting(body)?;
            }
            Ok(of(body))
        }
        None => {
            if deadline != NO_WAIT {
                outside::refuse_on_worker()?;
            }
            Ok(None)
        }
    }
}

/// Counts the caller in as an OS thread, or knows it as a strand.
pub(super) fn enter() -> Outcome<Option<outside::Call>> {
    if identity::current().is_some() { Ok(None) } else { outside::enter().map(Some) }
}

/// Waits for the end of a task, unless it has come. The inner result is what an await of it answers.
#[inline(always)]
fn wait_for(handle: u64, name: Name, deadline: i64, own: Option<&'static Task>) -> Outcome<Ended> {
    if own.is_some_and(|own| core::ptr::eq(own, name.task)) {
        return await_self(handle, name);
    }
    if deadline == NO_WAIT || name.may_have_ended() {
        let locked = name.lock().or_else(|status| explain(Kind::Task, handle, status))?;
        if locked.state().is_terminal() {
            locked.mark_seen();
            return Ok(locked.look());
        }
    }
    let wait = Await { watch: Watch::new(tell), name, waiter: Cell::new(core::ptr::null()), ended: Cell::new(None) };
    match block::wait(&wait, WaitKind::Task, handle, deadline) {
        Status::OK => wait.ended.get().ok_or(Status::PANIC),
        Status::INVALID => explain(Kind::Task, handle, Status::INVALID),
        status => Err(status),
    }
}

#[cold]
fn await_self(handle: u64, name: Name) -> Outcome<Ended> {
    // Its handle may be stale all the same.
    drop(name.lock().or_else(|status| explain(Kind::Task, handle, status))?);
    fail(Status::INVALID, format_args!("task {handle:#x} cannot wait for its own end"))
}

/// Waits for a task; its value.
#[inline]
pub fn await_value(handle: u64, deadline: i64) -> Outcome<u64> {
    let own = before_waiting(deadline)?;
    let found = find(Kind::Task, handle)?;
    let ended = wait_for(handle, found.name, deadline, own)?;
    ended.status().or_else(|status| told(own, found.name, status))
}

/// The task that has awaited another one remembers its failure, in case it fails of that.
#[cold]
fn told(own: Option<&'static Task>, name: Name, status: Status) -> Outcome<u64> {
    if status == Status::FAILED
        && let Some(own) = own
    {
        remember_cause(own, name);
    }
    Err(status)
}

/// A task has seen another one's failure.
pub fn remember_cause(own: &'static Task, name: Name) {
    let failure = name.lock().ok().and_then(|locked| locked.failure());
    if failure.is_some() {
        own.caused.set(true);
        drop(own.cause.replace(failure));
    }
}

/// Waits for a task and moves its value out. TAKEN when somebody did before.
pub fn take(handle: u64, deadline: i64) -> Outcome<u64> {
    let own = before_waiting(deadline)?;
    let found = find(Kind::Task, handle)?;
    retain_name(handle, found.name)?;
    let taken = wait_for(handle, found.name, deadline, own).and_then(|ended| match ended.status() {
        Ok(_) => found.name.lock()?.take(),
        Err(status) => told(own, found.name, status),
    });
    release_name(handle, found.name)?;
    taken
}

/// The outcome of a task, or how far it is.
pub fn outcome(handle: u64) -> Outcome<Ended> {
    let found = find(Kind::Task, handle)?;
    let locked = found.name.lock().or_else(|status| explain(Kind::Task, handle, status))?;
    locked.mark_seen();
    Ok(locked.look())
}

/// The record of a task's failure, `depth` causes down. EMPTY when there is none, WOULD_BLOCK when the task has not ended.
pub fn failure(handle: u64, depth: usize) -> Outcome<Kept> {
    let found = find(Kind::Task, handle)?;
    let locked = found.name.lock().or_else(|status| explain(Kind::Task, handle, status))?;
    locked.mark_seen();
    if !locked.state().is_terminal() {
        return Err(Status::WOULD_BLOCK);
    }
    let mut failure = locked.failure();
    drop(locked);
    for _ in 0..depth {
        let Some(found) = &failure else { break };
        failure = found.cause.clone();
    }
    match failure {
        Some(failure) => Ok(failure),
        None => fail(Status::EMPTY, format_args!("task {handle:#x} has no failure with {depth} causes above it")),
    }
}

/// Whoever has a handle was told how a child ended: a task's failure need not be reported any more.
pub fn see(child: u64) {
    // A strand has nothing to see.
    if handle::decode(Kind::Task, child).is_some()
        && let Ok(found) = find(Kind::Task, child)
        && let Ok(locked) = found.name.lock()
    {
        locked.mark_seen();
    }
}

/// A strand or a task has ended: goes on once everybody was told of that.
pub fn until_told(child: u64) {
    if handle::decode(Kind::Task, child).is_some() {
        // They are told under this lock.
        drop(table::name(Kind::Task, child).and_then(|name| name.lock()));
    } else if let Some(engine) = parallel::engine() {
        end::until_told_of(&engine.strands, child);
    }
}

/// Asks for the cancellation of a task.
pub fn cancel(handle: u64, reason: u64) -> Outcome<()> {
    let found = find(Kind::Task, handle)?;
    match cancel_name(found.name, reason) {
        Err(Status::INVALID | Status::STALE) => {
            let status = found.name.lock().err().unwrap_or(Status::STALE);
            explain(Kind::Task, handle, status)
        }
        Err(Status::ALREADY) => fail(Status::ALREADY, format_args!("task {handle:#x} has ended")),
        answer => answer,
    }
}

/// As [`cancel()`], by name.
pub fn cancel_name(name: Name, reason: u64) -> Outcome<()> {
    cancel_locked(name.lock()?, reason)
}

/// As [`cancel()`], of a task that nobody may have a handle of. One that has ended is as it is.
pub fn cancel_unheld(name: Name, reason: u64) {
    engine::touch(name.handle());
    let locked = name.task.lock();
    if name.is_of(&locked) {
        let _ = cancel_locked(locked, reason);
    }
}

/// As [`cancel()`], of a task whose lock is held; also of one that nobody has a handle of.
pub fn cancel_locked(locked: super::outcome::Locked, reason: u64) -> Outcome<()> {
    let mut woken = Woken::new();
    let task = locked.task();
    match locked.ask(reason, &mut woken)? {
        Asked::AtOnce(rest) => {
            woken.wake_all();
            table::settle(task, rest);
        }
        Asked::Running { strand, first: true } => {
            if let Some(engine) = parallel::engine() {
                // One that has ended meanwhile has decided.
                if let Ok((head, generation)) = head::lookup(&engine.strands, strand) {
                    cancel::cancel(head, Some(generation), reason, |_| {});
                    scope::cancel_open(head, generation, reason);
                }
            }
        }
        Asked::Running { .. } => {}
    }
    Ok(())
}

fn retain_name(handle: u64, name: Name) -> Outcome<()> {
    let locked = name.lock().or_else(|status| explain(Kind::Task, handle, status))?;
    if locked.retain(REFERENCES_MAX) {
        return Ok(());
    }
    drop(locked);
    fail(Status::LIMIT, format_args!("task {handle:#x} has {REFERENCES_MAX} handles already"))
}

#[inline]
fn release_name(handle: u64, name: Name) -> Outcome<()> {
    let locked = name.lock().or_else(|status| explain(Kind::Task, handle, status))?;
    let task = locked.task();
    table::settle_released(task, locked.release());
    Ok(())
}

/// Releases what may be a task; anything else has nothing to release.
pub fn release_kept(handle: u64) -> Outcome<()> {
    if handle::decode(Kind::Task, handle).is_some() { release(handle) } else { Ok(()) }
}

/// One more handle.
pub fn retain(handle: u64) -> Outcome<()> {
    retain_name(handle, find(Kind::Task, handle)?.name)
}

/// One handle less. The last one of a task that runs leaves it alone.
#[inline]
pub fn release(handle: u64) -> Outcome<()> {
    release_name(handle, find(Kind::Task, handle)?.name)
}
