// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of case, as one type; see `wait::several` for how to add one.

use core::cell::Cell;

use super::raw::RawCase;
use crate::base::status::{Outcome, Status};
use crate::engine::parallel;
use crate::engine::{self, Worker};
use crate::gpu::ticket::Resolving;
use crate::strand::head;
use crate::strand::identity;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::sync::cases::{Copying, Receiving, Sending};
use crate::sync::channel::{self, Refused};
use crate::task::case::Ending;
use crate::time::clock;
use crate::wait::block::FOREVER;
use crate::wait::end::Join;
use crate::wait::firing::Firing;
use crate::wait::park::Offered;
use crate::wait::several::{Case, Entry};

/// Never ready.
pub const NONE: u32 = 0;
/// A receive.
pub const RECV: u32 = 1;
/// A send.
pub const SEND: u32 = 2;
/// The end of a task.
pub const TASK: u32 = 3;
/// A moment.
pub const TIMER: u32 = 4;
/// A cancelled token.
pub const CANCEL: u32 = 5;
/// A file that is ready.
pub const FD: u32 = 6;
/// An unpark.
pub const PARK: u32 = 7;
/// The end of something that a device does.
pub const TICKET: u32 = 8;
/// The end of a strand.
pub const STRAND: u32 = 9;

/// A moment. It has no list to stand in: a wait ends at the earliest moment of its cases.
pub struct Moment {
    /// When; or never.
    pub deadline: i64,
    passed: bool,
}

/// A case of a select.
pub enum Any {
    /// Never ready.
    Off(Never),
    /// Ready from the beginning, and nothing moves: what it waits for has happened long ago.
    Past(Always),
    /// A receive.
    Receive(Receiving),
    /// A send.
    Send(Sending),
    /// A send through a transfer hook.
    Copy(Copying),
    /// A moment.
    Timer(Moment),
    /// The end of a strand.
    End(Join),
    /// An unpark.
    Park(Offered),
    /// The cancellation of a token.
    Cancel(Firing),
    /// The end of a task.
    Task(Ending),
    /// The end of something that a device does.
    Ticket(Resolving),
}

forward_case!(Any: Off, Past, Receive, Send, Copy, Timer, End, Park, Cancel, Task, Ticket);

impl Any {
    /// The case stays where it is from now on.
    pub fn placed(&mut self) {
        if let Any::Copy(copying) = self {
            copying.placed();
        }
    }

    /// Whether it can ever be ready.
    pub fn can_be_ready(&self) -> bool {
        !matches!(self, Any::Off(_) | Any::Timer(Moment { deadline: FOREVER, .. }))
    }

    /// When a timer fires; FOREVER for everything else.
    pub fn moment(&self) -> i64 {
        if let Any::Timer(moment) = self { moment.deadline } else { FOREVER }
    }
}

/// What the cases of one call share while they are opened.
pub struct Opening {
    /// The time, once it was asked for.
    now: Cell<Option<i64>>,
}

impl Opening {
    /// Nothing is known yet.
    pub fn new() -> Opening {
        Opening { now: Cell::new(None) }
    }

    fn has_passed(&self, deadline: i64) -> bool {
        if deadline == FOREVER {
            return false;
        }
        let now = self.now.get().unwrap_or_else(clock::now);
        self.now.set(Some(now));
        deadline <= now
    }

    /// The case that the caller describes. [`Any::placed`] comes next.
    ///
    /// # Safety
    /// What the case points to stays as long as the case.
    pub unsafe fn open(&self, raw: &RawCase) -> Result<Any, Refused> {
        if raw.events != 0 && !matches!(raw.kind, FD | NONE) {
            return Err((Status::INVALID, "has events, which only a file has"));
        }
        match raw.kind {
            NONE => Ok(Any::Off(Never)),
            RECV => {
                let target = channel::target(raw.handle, raw.element.cast())?;
                // SAFETY: by contract.
                Ok(Any::Receive(unsafe { Receiving::new(target.channel, target.parts, target.element) }))
            }
            // SAFETY: by contract.
            SEND => unsafe { open_send(raw) },
            TIMER if raw.handle != 0 => Err((Status::INVALID, "is a handle, but a timer case has none")),
            TIMER if raw.deadline < FOREVER => Err((Status::INVALID, "has a deadline below STRAND_FOREVER (-1)")),
            TIMER => Ok(Any::Timer(Moment { deadline: raw.deadline, passed: self.has_passed(raw.deadline) })),
            STRAND => open_strand(raw.handle),
            // SAFETY: by contract.
            PARK => unsafe { open_park(raw) },
            // SAFETY: by contract.
            CANCEL => unsafe { open_token(raw) },
            // SAFETY: by contract.
            TASK => unsafe {
                engine::touch(raw.handle);
                Ok(Any::Task(Ending::open(raw.handle, raw.element.cast())?))
            },
            // SAFETY: by contract.
            TICKET => unsafe {
                engine::touch(raw.handle);
                Ok(Any::Ticket(Resolving::open(raw.handle, raw.element)?))
            },
            FD => Err((Status::UNSUPPORTED, "is of a kind that this version cannot wait for in a select")),
            _ => Err((Status::INVALID, "is of a kind that does not exist")),
        }
    }
}

/// # Safety
/// As [`Opening::open`].
unsafe fn open_send(raw: &RawCase) -> Result<Any, Refused> {
    let target = channel::target(raw.handle, raw.element.cast())?;
    let Some((hooks, size)) = target.hooks else {
        // SAFETY: by contract.
        return Ok(Any::Send(unsafe { Sending::new(target.channel, target.parts, target.element) }));
    };
    // SAFETY: by contract.
    match unsafe { Copying::new(target.channel, target.parts, target.element, (hooks, size)) } {
        Ok(copying) => Ok(Any::Copy(copying)),
        Err(status) => Err((status, "needs a copy of its message, for which there is no memory")),
    }
}

fn open_strand(id: u64) -> Result<Any, Refused> {
    const NEVER: Refused = (Status::INVALID, "is not the handle of a strand that was ever spawned");
    engine::touch(id);
    if identity::current().is_some_and(|body| head::handle_of(body.head()) == id) {
        return Err((Status::INVALID, "is the calling strand, which cannot wait for its own end"));
    }
    let Some(engine) = parallel::engine() else { return Err((Status::NOT_INITIALISED, "needs a runtime")) };
    match Join::of(&engine.strands, id) {
        Ok(join) => Ok(Any::End(join)),
        Err(Status::STALE) => Ok(Any::Past(Always)),
        Err(_) => Err(NEVER),
    }
}

/// # Safety
/// As [`Opening::open`].
unsafe fn open_park(raw: &RawCase) -> Result<Any, Refused> {
    let Some(body) = identity::current() else {
        return Err((Status::NOT_ON_STRAND, "is a token, for which only its own strand may wait"));
    };
    engine::touch(raw.handle);
    // SAFETY: by contract.
    match unsafe { Offered::new(body, raw.handle, raw.element.cast()) } {
        Ok(offered) => Ok(Any::Park(offered)),
        Err(Status::STALE) => Err((Status::STALE, "is a token whose wait is over")),
        Err(status) => Err((status, "is not a token of this strand, or was never issued")),
    }
}

/// # Safety
/// As [`Opening::open`].
unsafe fn open_token(raw: &RawCase) -> Result<Any, Refused> {
    engine::touch(raw.handle);
    // SAFETY: by contract.
    match unsafe { Firing::with_reason(raw.handle, raw.element.cast()) } {
        Ok(firing) => Ok(Any::Cancel(firing)),
        Err(Status::STALE) => Err((Status::STALE, "is a cancel token that is gone")),
        Err(status) => Err((status, "is not the handle of a cancel token that ever was")),
    }
}

/// Nothing to wait for.
pub struct Never;

impl Case for Never {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::None, 0)
    }
    fn looks_ready(&self) -> bool {
        false
    }
    fn attempt(&self) -> Outcome<Option<Status>> {
        Ok(None)
    }
    unsafe fn publish(&self, _: &Waiter, _: Option<&Worker>) -> Entry {
        Entry::Waiting
    }
    unsafe fn withdraw(&self, _: Option<&Worker>) {}
    fn has_won(&self) -> bool {
        false
    }
}

/// Nothing to wait for either: it has happened.
pub struct Always;

impl Case for Always {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::None, 0)
    }
    fn looks_ready(&self) -> bool {
        true
    }
    fn attempt(&self) -> Outcome<Option<Status>> {
        Ok(Some(Status::OK))
    }
    unsafe fn publish(&self, _: &Waiter, _: Option<&Worker>) -> Entry {
        Entry::Waiting
    }
    unsafe fn withdraw(&self, _: Option<&Worker>) {}
    fn has_won(&self) -> bool {
        false
    }
}

impl Case for Moment {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::Sleep, 0)
    }
    fn looks_ready(&self) -> bool {
        self.passed
    }
    fn attempt(&self) -> Outcome<Option<Status>> {
        Ok(self.passed.then_some(Status::OK))
    }
    unsafe fn publish(&self, _: &Waiter, _: Option<&Worker>) -> Entry {
        Entry::Waiting
    }
    unsafe fn withdraw(&self, _: Option<&Worker>) {}
    fn has_won(&self) -> bool {
        false
    }
}
