// SPDX-License-Identifier: MIT OR Apache-2.0
//! Monitors: one message about the end of a strand or a task, which is never lost.
//!
//! ```text
//! ARMED ──the target ends──► posted ──┬─ sent: the slot is free
//!   │                                 └─ CARRYING: the message stands in this slot until it is received
//!   └──demonitor──► REMOVING: whoever ends the target meanwhile leaves the slot to the remover
//! ```
//! The message is sent by the strand that ends, on its worker's stack, after its hooks. All the memory that this may take
//! is the monitor's own slot, which is there from the beginning.

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;

use super::outcome::Ended;
use super::watch::Watch;
use super::{calls, table};
use crate::base::handle::{self, INDEX_MAX, Kind};
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::base::sync::{shared_static, spin};
use crate::engine::{self, outside, parallel};
use crate::memory::objects::{Locked, Name, Object, Objects};
use crate::strand::head::{self, Head};
use crate::strand::identity;
use crate::strand::message::fail;
use crate::sync::post::{self, Letter, Posted};
use crate::wait::block::Woken;
use crate::wait::end::{Ending, Link};
use crate::wait::reason;

/// How a target ended, in numbers of the header.
const SUCCEEDED: u32 = 2;
const FAILED: u32 = 3;
const CANCELLED: u32 = 4;
/// It had ended before it was looked at, and nothing more is known.
const GONE: u32 = 5;

/// The message, as C sees it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Down {
    /// Its size.
    pub size: u32,
    /// How the target ended.
    pub state: u32,
    /// The monitor.
    pub monitor: u64,
    /// Whose end it is about.
    pub target: u64,
    /// The program's own.
    pub tag: u64,
    /// Why it was cancelled.
    pub reason: u64,
    /// Why it failed.
    pub code: Status,
    /// 0.
    pub reserved: u32,
}

/// Bytes of a message.
pub const DOWN_SIZE: usize = size_of::<Down>();

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// It will send its message.
    Armed = 0,
    /// Somebody removes it.
    Removing = 1,
    /// Its message was sent while somebody removed it.
    Told = 2,
    /// As Told, and the message stands in this slot.
    ToldCarrying = 3,
    /// Nobody's any more but for the message in it.
    Carrying = 4,
}

/// See the module documentation.
#[repr(C)]
pub struct Monitor {
    /// In the list of a strand. First, so that one address names both.
    link: Link,
    /// In the list of a task.
    watch: UnsafeCell<MaybeUninit<Watched>>,
    letter: Letter,
    down: Cell<Down>,
    chan: Cell<u64>,
    state: Cell<State>,
    /// Next of those that carry a message; a handle.
    next: Cell<u64>,
}

/// A watch that finds its monitor.
#[repr(C)]
struct Watched {
    watch: Watch,
    monitor: *const Monitor,
}

// SAFETY: every field is valid when all zero. `state` and `next` are touched under the lock; the rest is written before
// the target can know the monitor, and then by the one who ends the target.
unsafe impl Object for Monitor {
    #[cfg(loom)]
    fn blank() -> Self {
        unreachable!("no model has monitors")
    }
}

static MONITORS: Objects<Monitor> = Objects::new(Kind::Monitor);

/// Slots that carry a message, first in, first out.
struct Carriers {
    lock: ByteLock,
    first: Cell<u64>,
    last: Cell<u64>,
}

// SAFETY: the cells are touched under the lock.
unsafe impl Sync for Carriers {}

shared_static! {
    static CARRIERS: Carriers = Carriers { lock: ByteLock::new(), first: Cell::new(0), last: Cell::new(0) };
}

/// Makes the table of a runtime that is being initialised.
pub fn start() -> Outcome<()> {
    CARRIERS.first.set(0);
    CARRIERS.last.set(0);
    MONITORS.start(INDEX_MAX)
}

/// Frees the table.
///
/// # Safety
/// No strand and no call uses a monitor any more, and every channel and task is gone.
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { MONITORS.stop(Locked::end) };
}

/// What is watched.
enum Target {
    Strand(&'static Head, u64),
    Task(super::outcome::Name),
    /// It has ended, and its slot may be somebody else's.
    Gone,
}

fn target_of(handle: u64) -> Outcome<Target> {
    if handle::decode(Kind::Task, handle).is_some() {
        let found = table::name(Kind::Task, handle).and_then(|name| name.lock().map(|_| name));
        return match found {
            Ok(name) => Ok(Target::Task(name)),
            Err(Status::STALE) => Ok(Target::Gone),
            Err(status) => table::explain(Kind::Task, handle, status),
        };
    }
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    let found = head::lookup(&engine.strands, handle)
        .and_then(|(head, generation)| head::compare(head, generation).map(|()| (head, generation)));
    match found {
        Ok((head, generation)) => Ok(Target::Strand(head, generation)),
        Err(Status::STALE) => Ok(Target::Gone),
        Err(status) => {
            fail(status, format_args!("{handle:#x} is not the handle of a strand or task that there ever was"))
        }
    }
}

/// Counts an OS thread in.
fn enter() -> Outcome<Option<outside::Call>> {
    if identity::current().is_some() { Ok(None) } else { outside::enter().map(Some) }
}

/// Watches a strand or a task: one message about its end goes into the channel.
pub fn watch(target: u64, chan: u64, tag: u64) -> Outcome<u64> {
    let _call = enter()?;
    engine::touch(target);
    engine::touch(chan);
    engine::touch(engine::touched::MAKING);
    post::check(chan, DOWN_SIZE).or_else(|status| explain_channel(chan, status))?;
    let whom = target_of(target)?;
    reclaim();
    let made = match MONITORS.take() {
        Ok(made) => made,
        Err(status) => return fail(status, format_args!("no room for one more monitor")),
    };
    let (name, handle) = (made.name(), made.handle());
    made.state.set(State::Armed);
    made.chan.set(chan);
    made.down.set(Down {
        size: DOWN_SIZE as u32,
        state: GONE,
        monitor: handle,
        target,
        tag,
        reason: 0,
        code: Status::OK,
        reserved: 0,
    });
    drop(made);
    let armed = match whom {
        // SAFETY: the link lies in the slot, which is kept until it was told or taken out.
        Target::Strand(strand, generation) => unsafe { name.peek().link.watch(strand, generation, strand_ended, true) },
        Target::Task(task) => watch_task(name, task),
        Target::Gone => {
            calls::until_told(target);
            false
        }
    };
    if !armed {
        let mut woken = Woken::new();
        send(name.peek(), &mut woken);
        woken.wake_all();
    }
    Ok(handle)
}

#[cold]
fn explain_channel(chan: u64, status: Status) -> Outcome<()> {
    match status {
        Status::INVALID => {
            fail(status, format_args!("{chan:#x} is not a channel of strand_down elements ({DOWN_SIZE} bytes each)"))
        }
        other => Err(other),
    }
}

/// False: it has ended; its outcome is in the message.
fn watch_task(name: Name<Monitor>, task: super::outcome::Name) -> bool {
    let monitor = name.peek();
    // SAFETY: the slot is ours alone until the task knows it.
    let watched = unsafe { (*monitor.watch.get()).write(Watched { watch: Watch::new(task_ended), monitor }) };
    let Ok(locked) = task.lock() else { return false };
    if locked.state().is_terminal() {
        locked.mark_seen();
        note(monitor, &locked.look());
        return false;
    }
    // SAFETY: in no list; it lies in the slot, which is kept until it was told or taken out.
    unsafe { locked.watch(&watched.watch) };
    true
}

fn note(monitor: &Monitor, ended: &Ended) {
    let (code, reason) = (ended.code, ended.reason);
    monitor.down.set(Down { state: ended.state as u32, code, reason, ..monitor.down.get() });
}

/// # Safety
/// The link is that of a monitor whose target has just ended.
unsafe fn strand_ended(link: *const Link, _: u64, ending: Ending, woken: &mut Woken) {
    // SAFETY: the link is the monitor's first field; the slot is kept until it was told.
    let monitor = unsafe { &*link.cast::<Monitor>() };
    let (state, code, reason) = match ending {
        Ending::Returned => (SUCCEEDED, Status::OK, 0),
        Ending::Failed(code) => (FAILED, code, 0),
        Ending::NeverRan => (CANCELLED, Status::OK, reason::SHUTDOWN),
    };
    monitor.down.set(Down { state, code, reason, ..monitor.down.get() });
    send(monitor, woken);
}

/// # Safety
/// The watch is that of a monitor whose target has just ended.
unsafe fn task_ended(watch: &Watch, ended: &Ended, woken: &mut Woken) -> bool {
    // SAFETY: the watch is the first field of what holds it; the slot is kept until it was told.
    let monitor = unsafe { &*(*(watch as *const Watch).cast::<Watched>()).monitor };
    note(monitor, ended);
    send(monitor, woken) != Posted::Dropped
}

/// Sends the message of a monitor that is in no list any more, and gives the slot up, at once or once it was received.
fn send(monitor: &Monitor, woken: &mut Woken) -> Posted {
    let handle = monitor.down.get().monitor;
    // SAFETY: letter and message lie in the slot, which is kept until the letter was taken.
    let posted = unsafe { post::post(monitor.chan.get(), &monitor.letter, monitor.down.as_ptr().cast(), woken) };
    let Ok(locked) = MONITORS.lock(handle) else { return posted };
    let carries = posted == Posted::Queued;
    if locked.state.get() == State::Removing {
        locked.state.set(if carries { State::ToldCarrying } else { State::Told });
    } else {
        give_up(locked, carries);
    }
    posted
}

/// The monitor has sent its message.
fn give_up(monitor: Locked<Monitor>, carries: bool) {
    if !carries {
        return monitor.end();
    }
    monitor.state.set(State::Carrying);
    let handle = monitor.handle();
    drop(monitor);
    line_up(handle);
}

fn line_up(handle: u64) {
    let Ok(name) = MONITORS.name(handle) else { return };
    CARRIERS.lock.lock();
    name.peek().next.set(0);
    match MONITORS.name(CARRIERS.last.replace(handle)) {
        Ok(last) => last.peek().next.set(handle),
        Err(_) => CARRIERS.first.set(handle),
    }
    CARRIERS.lock.unlock();
}

/// Frees slots whose messages were received. Each new monitor looks at two, so that they are never many more than those
/// that are waited with.
fn reclaim() {
    for _ in 0..2 {
        CARRIERS.lock.lock();
        let first = CARRIERS.first.get();
        let name = MONITORS.name(first);
        if let Ok(name) = &name {
            CARRIERS.first.set(name.peek().next.get());
            if CARRIERS.first.get() == 0 {
                CARRIERS.last.set(0);
            }
        }
        CARRIERS.lock.unlock();
        let Ok(monitor) = name.and_then(Name::lock) else { return };
        if monitor.letter.is_taken() {
            monitor.end();
        } else {
            drop(monitor);
            line_up(first);
        }
    }
}

/// Removes a monitor: its message does not come after this. STALE: it was sent before, and, with a channel given, is not in
/// there any more either.
pub fn unwatch(handle: u64, flush: u64) -> Outcome<()> {
    let _call = enter()?;
    engine::touch(handle);
    if flush != 0
        && let Err(status) = post::check(flush, DOWN_SIZE)
        && !matches!(status, Status::CLOSED | Status::STALE)
    {
        explain_channel(flush, status)?;
    }
    match remove(handle) {
        Ok(true) => Ok(()),
        Ok(false) | Err(Status::STALE) => flushed(handle, flush),
        Err(status) => fail(status, format_args!("{handle:#x} is not the handle of a monitor that was ever made")),
    }
}

/// True: it has sent nothing and never will. False: it has.
fn remove(handle: u64) -> Outcome<bool> {
    let monitor = MONITORS.lock(handle)?;
    if monitor.state.get() != State::Armed {
        return Ok(false);
    }
    monitor.state.set(State::Removing);
    let (name, target) = (monitor.name(), monitor.down.get().target);
    drop(monitor);
    engine::touch(target);
    let taken_out = match target_of(target) {
        Ok(Target::Strand(strand, _)) => name.peek().link.unwatch(strand),
        Ok(Target::Task(task)) => task.lock().is_ok_and(|locked| {
            // SAFETY: written before the monitor was armed.
            let watched = unsafe { (*name.peek().watch.get()).assume_init_ref() };
            locked.unwatch(&watched.watch)
        }),
        _ => false,
    };
    loop {
        let monitor = name.lock()?;
        match monitor.state.get() {
            _ if taken_out => {
                monitor.end();
                return Ok(true);
            }
            State::Told => {
                monitor.end();
                return Ok(false);
            }
            State::ToldCarrying => {
                give_up(monitor, true);
                return Ok(false);
            }
            // Whoever ends the target sends the message at this moment: a few instructions.
            _ => drop(monitor),
        }
        spin();
    }
}

fn flushed(handle: u64, flush: u64) -> Outcome<()> {
    if flush == 0 {
        return Err(Status::STALE);
    }
    // SAFETY: the elements of this channel have the size of a message; its fields are read as they lie.
    let is_ours = |element: *const u8| unsafe {
        element.add(core::mem::offset_of!(Down, monitor)).cast::<u64>().read_unaligned() == handle
    };
    match post::take_out(flush, is_ours) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Status::STALE),
    }
}
