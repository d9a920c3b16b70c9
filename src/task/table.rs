// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the handle of a task or a promise to its slot, and back to the table.

use core::sync::atomic::{AtomicPtr, Ordering};

use super::outcome::{Name, Released, Rest, Task};
use super::scope;
use crate::base::handle::{self, INDEX_MAX, Kind};
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::worker;
use crate::engine::{self, Worker, outside};
use crate::memory::table::{History, Table};
use crate::strand::identity;
use crate::strand::message::{fail, try_box};
use crate::strand::root::{self, Root, Visit};
use crate::wait::on_cancel;

/// What tasks of earlier runtimes left behind.
pub static HISTORY: History = History::new();

static TABLE: AtomicPtr<Table<Task>> = AtomicPtr::new(core::ptr::null_mut());

#[inline(always)]
fn table() -> Option<&'static Table<Task>> {
    // SAFETY: published by `start`, taken back by `stop` after every strand has ended and every call has left.
    unsafe { TABLE.load(Ordering::Acquire).as_ref() }
}

/// Makes the table of a runtime that is being initialised.
pub fn start() -> Outcome<()> {
    let table = try_box(Table::<Task>::new(INDEX_MAX, &HISTORY)?).ok_or(Status::NO_MEMORY)?;
    TABLE.store(Box::into_raw(table), Ordering::Release);
    Ok(())
}

/// Drops the values and arguments that are left, and the table.
///
/// # Safety
/// No strand and no call uses a task any more.
pub unsafe fn stop() {
    let raw = TABLE.load(Ordering::Acquire);
    // SAFETY: made by `start`.
    let Some(table) = (unsafe { raw.as_ref() }) else { return };
    for index in 0..table.fresh() {
        let locked = table.slot(index).lock();
        if locked.task().is_live() {
            locked.end_for_good().drop_all();
        }
    }
    TABLE.store(core::ptr::null_mut(), Ordering::Release);
    // SAFETY: made by `start`, unused by contract.
    drop(unsafe { Box::from_raw(raw) });
}

/// A free slot, for a new task.
#[inline]
pub fn take() -> Outcome<&'static Task> {
    let table = table().ok_or(Status::NOT_INITIALISED)?;
    engine::touch(engine::touched::MAKING);
    let taken = match worker::running() {
        Some(worker) => worker.cache.take_task(table),
        None => {
            let mut one = [0];
            table.take(&mut one).map(|_| one[0])
        }
    };
    match taken {
        Ok(index) => Ok(table.slot(index)),
        Err(Status::LIMIT) => fail(Status::LIMIT, format_args!("no further task: there are {}", table.capacity())),
        Err(status) => fail(status, format_args!("no memory for a task")),
    }
}

/// Keeps a slot whose generation has moved on.
#[inline]
pub fn give(task: &'static Task) {
    // Asked for late: a drop function may have switched.
    give_to(worker::running(), task);
}

#[inline]
fn give_to(worker: Option<&Worker>, task: &Task) {
    let Some(table) = table() else { return };
    let index = index_in(table, task);
    match worker {
        Some(worker) if task.generation_is_left() => worker.cache.give_task(table, index),
        // A slot whose generations are used up is retired by the table.
        _ => table.give(&[index]),
    }
}

#[inline]
fn index_in(table: &Table<Task>, task: &Task) -> u32 {
    ((task as *const Task as usize - table.base() as usize) / size_of::<Task>()) as u32
}

/// The handle of a task that is in use.
#[inline]
pub fn handle_of(task: &Task) -> u64 {
    table().map_or(0, |table| task.handle(index_in(table, task)))
}

/// A call with a handle: where that leads, and the count of the calling OS thread.
pub struct Found {
    /// The task.
    pub name: Name,
    _call: Option<outside::Call>,
}

/// The task that a handle of this kind names; whether it still does is seen under its lock.
#[inline(always)]
pub fn find(kind: Kind, handle: u64) -> Outcome<Found> {
    let call = if identity::current().is_some() { None } else { Some(outside::enter()?) };
    engine::touch(handle::decode(kind, handle).map_or(handle, |parts| {
        // One object, whichever of its two handles is used.
        handle::encode(Kind::Task, parts.generation, parts.index)
    }));
    Ok(Found { name: name(kind, handle)?, _call: call })
}

/// As [`find`], in a call that is counted.
#[inline(always)]
pub fn name(kind: Kind, handle: u64) -> Outcome<Name> {
    let Some(parts) = handle::decode(kind, handle) else { return explain(kind, handle, Status::INVALID) };
    let Some(table) = table() else { return Err(Status::NOT_INITIALISED) };
    match table.find(parts.index, parts.generation) {
        Ok(task) => Ok(Name { task, parts }),
        Err(status) => explain(kind, handle, status),
    }
}

/// The status of a handle that names nothing, with a sentence.
#[cold]
pub fn explain<T>(kind: Kind, handle: u64, status: Status) -> Outcome<T> {
    let what = if kind == Kind::Promise { "promise" } else { "task" };
    match status {
        Status::INVALID => fail(status, format_args!("{handle:#x} is not the handle of a {what} that was ever made")),
        status => Err(status),
    }
}

/// Does what was left to do after a lock was given back: drops, gives the slot back, tells the scope.
#[inline]
pub fn settle(task: &'static Task, rest: Rest) {
    settle_with(task, rest, give);
}

/// As [`settle`], after a handle was given back.
#[inline(always)]
pub fn settle_released(task: &'static Task, released: Released) {
    match released {
        Released::Kept => {}
        Released::Freed => give(task),
        Released::More(rest) => settle(task, rest),
    }
}

/// As [`settle`], on a worker's own stack.
#[inline]
pub fn settle_on(worker: &Worker, task: &'static Task, rest: Rest) {
    settle_with(task, rest, |task| give_to(Some(worker), task));
}

#[inline]
fn settle_with(task: &'static Task, rest: Rest, give: impl FnOnce(&'static Task)) {
    let (freed, ended, delivered) = (rest.freed, rest.ended, rest.delivered);
    let (scope, counted, noted, hook) = (rest.scope, rest.counted, rest.noted, rest.hook);
    rest.drop_all();
    if freed {
        give(task);
    }
    if let Some(state) = ended {
        if hook != 0 {
            // It is called now, or was: then there is nothing to take back.
            let _ = on_cancel::unregister(hook);
        }
        if delivered {
            outside::deliver();
        }
        if scope != 0 {
            scope::ended(scope, task, state, counted, noted);
        }
    }
}

/// Shows every task. The caller keeps the runtime up; nothing is called that takes a lock of a task.
pub fn for_each(mut visit: impl FnMut(u64, &super::outcome::Locked)) {
    let Some(table) = table() else { return };
    for index in 0..table.fresh() {
        let locked = table.slot(index).lock();
        if locked.task().is_live() {
            visit(locked.task().handle(index), &locked);
        }
    }
}

/// Shows arguments and values to a collector. The world is stopped; no lock is held while `visit` runs.
pub fn visit(visit: Visit<'_>) {
    let Some(table) = table() else { return };
    for index in 0..table.fresh() {
        let locked = table.slot(index).lock();
        let task = locked.task();
        let (owner, roots) = if task.is_live() { (task.handle(index), locked.roots()) } else { continue };
        drop(locked);
        for (kind, place) in [(root::Kind::Argument, roots[0]), (root::Kind::Outcome, roots[1])] {
            if let Some(place) = place {
                visit(Root::word(kind, place, owner));
            }
        }
    }
}
