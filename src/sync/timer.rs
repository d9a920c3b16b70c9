// SPDX-License-Identifier: MIT OR Apache-2.0
//! Timers: objects that expire at a time, once or again and again, and say so to a channel or to whoever waits for them.
//!
//! ```text
//! start ──► armed ──the alarm calls──► expire: one word to the channel; what that does not take is counted
//!   ▲         │                            │
//!   │       stop                           └─ with a period: armed for the next multiple of it that lies ahead
//!   └─────────┴── not armed
//! ```
//! The alarm calls after it has left its wheel, so a stop or another start may have come in between. They are told apart under
//! the timer's lock: a timer that is not armed, or for later than now, does not expire. What is sent is sent under that lock
//! too, so whoever has stopped a timer knows that nothing more comes from it.

use core::cell::Cell;

use super::channel;
use crate::base::handle::Kind;
use crate::base::status::{Outcome, Status};
use crate::engine::{self, outside, parallel, touched};
use crate::memory::objects::{Locked, Name, Object, Objects};
use crate::strand::identity;
use crate::strand::message::fail;
use crate::strand::root::{self, Root, Visit};
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::alarm::Alarm;
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::cancel;
use crate::wait::list::{List, Node};

/// See the module documentation.
pub struct Timer {
    alarm: Alarm,
    armed: Cell<bool>,
    /// When it expires next, while it is armed.
    deadline: Cell<i64>,
    /// From one expiration to the next; 0: there is one only.
    period: Cell<i64>,
    /// Where it sends to; 0: nowhere.
    chan: Cell<u64>,
    /// What it sends.
    value: Cell<u64>,
    /// Expirations that no channel took and nobody has collected.
    count: Cell<u64>,
    waiting: List,
}

// SAFETY: everything is touched under the slot's lock, but for the alarm's node, which has its own rules; all-zero memory is
// a timer that is not armed.
unsafe impl Object for Timer {
    #[cfg(loom)]
    fn blank() -> Self {
        Timer {
            alarm: Alarm::new(),
            armed: Cell::new(false),
            deadline: Cell::new(0),
            period: Cell::new(0),
            chan: Cell::new(0),
            value: Cell::new(0),
            count: Cell::new(0),
            waiting: List::new(),
        }
    }
}

static TIMERS: Objects<Timer> = Objects::new(Kind::Timer);

/// Makes the table of a runtime that is being initialised.
pub fn begin(capacity: u32) -> Outcome<()> {
    TIMERS.start(capacity)
}

/// No timer expires any more. New ones are refused: everything is cancelled.
pub fn stop_all() {
    TIMERS.for_each(|timer| timer.disarm());
}

/// Frees the table.
///
/// # Safety
/// No strand, no thread and no call uses a timer any more.
pub unsafe fn end() {
    // SAFETY: by contract.
    unsafe { TIMERS.stop(|timer| timer.disarm()) };
}

/// Whether an armed timer would tell somebody who waits. Everything is quiet.
pub fn somebody_waits() -> bool {
    let mut found = false;
    TIMERS.for_each(|timer| {
        found |= timer.armed.get() && (!timer.waiting.is_empty() || channel::is_awaited(timer.chan.get()));
    });
    found
}

impl Timer {
    fn disarm(&self) {
        self.armed.set(false);
        // SAFETY: the timer's lock is held, as always where the alarm is set or cleared.
        unsafe { self.alarm.clear() };
    }

    fn arm(&self, handle: u64, deadline: i64) {
        self.armed.set(true);
        self.deadline.set(deadline);
        // SAFETY: as above; it was cleared, and the slot stays where it is.
        unsafe { self.alarm.set(deadline, expire, handle) };
    }

    /// Sends, counts, and hands what is counted to the first who waits.
    fn tell(&self, mut times: u64, woken: &mut Woken) {
        let chan = self.chan.get();
        if chan != 0 {
            match channel::post(chan, self.value.get(), woken) {
                Ok(()) => times -= 1,
                Err(Status::CLOSED | Status::STALE | Status::INVALID) => self.disarm(),
                Err(_) => {} // no room
            }
        }
        self.count.set(self.count.get().saturating_add(times));
        if self.count.get() == 0 {
            return;
        }
        let hand_over = |node: &Node| {
            // SAFETY: the nodes of this list are the first fields of waits, which stay in place until they are won.
            unsafe { (*(node as *const Node).cast::<Wait>()).count.set(self.count.replace(0)) };
        };
        self.waiting.win_first_with(woken, Status::OK, hand_over);
    }
}

/// The alarm of a timer calls, on a worker's own stack.
fn expire(handle: u64, now: i64) {
    let Ok(timer) = TIMERS.lock(handle) else { return };
    let (deadline, period) = (timer.deadline.get(), timer.period.get());
    if !timer.armed.get() || deadline > now {
        return;
    }
    timer.disarm();
    let mut times = 1;
    if period > 0 {
        // What lies behind counts at once, and the next one is a multiple of the period after the first: no drift.
        let passed = (now - deadline) / period;
        times += passed as u64;
        if let Some(next) = deadline.checked_add((passed + 1).saturating_mul(period)) {
            timer.arm(handle, next);
        }
    }
    let mut woken = Woken::new();
    timer.tell(times, &mut woken);
    drop(timer);
    woken.wake_all();
}

/// Makes a timer that sends `value` to `chan`, or, where that is 0, only counts.
pub fn create(chan: u64, value: u64) -> Outcome<u64> {
    let _call = enter()?;
    engine::touch(touched::MAKING);
    if chan != 0 {
        channel::check_mailbox(chan)?;
    }
    let timer = match TIMERS.take() {
        Ok(timer) => timer,
        Err(Status::LIMIT) => return fail(Status::LIMIT, format_args!("no further timer: too many are in use")),
        Err(status) => return Err(status),
    };
    timer.armed.set(false);
    timer.period.set(0);
    timer.chan.set(chan);
    timer.value.set(value);
    timer.count.set(0);
    Ok(timer.handle())
}

/// Arms a timer, also one that is armed: it expires when `deadline` has come, and after each `period` from then on if that is
/// not 0. What was counted before is forgotten.
pub fn start(handle: u64, deadline: i64, period: i64) -> Outcome<()> {
    let _call = enter()?;
    touch(handle);
    if let Some(engine) = parallel::engine()
        && identity::current().is_none()
        && engine.ensure_worker().is_err()
    {
        return fail(Status::LIMIT, format_args!("no thread could be started to keep the time"));
    }
    let timer = lock(handle)?;
    if cancel::is_all_cancelled() {
        return Err(Status::CANCELLED);
    }
    timer.disarm();
    engine::touch(timer.chan.get());
    timer.count.set(0);
    timer.period.set(period);
    timer.arm(handle, deadline);
    Ok(())
}

/// Disarms a timer. ALREADY: it was not armed.
pub fn stop(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    touch(handle);
    let timer = lock(handle)?;
    let armed = timer.armed.get();
    timer.disarm();
    if armed { Ok(()) } else { Err(Status::ALREADY) }
}

/// Ends a timer. Who waits for it gets CLOSED.
pub fn release(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    touch(handle);
    let timer = lock(handle)?;
    timer.disarm();
    let mut woken = Woken::new();
    timer.waiting.win_all(&mut woken, Status::CLOSED);
    timer.end();
    woken.wake_all();
    Ok(())
}

/// Waits until something is counted, and collects it.
pub fn wait(handle: u64, deadline: i64) -> Outcome<u64> {
    if deadline != NO_WAIT {
        outside::refuse_on_worker()?;
        if let Some(body) = identity::current() {
            cancel::before_waiting(body)?;
        }
    }
    let _call = enter()?;
    touch(handle);
    let timer = lock(handle)?;
    let count = timer.count.replace(0);
    let name = timer.name();
    drop(timer);
    if count > 0 {
        return Ok(count);
    }
    let wait = Wait { node: Node::new(), count: Cell::new(0), name };
    match block::wait(&wait, WaitKind::Timer, handle, deadline) {
        Status::OK => Ok(wait.count.get()),
        status => Err(status),
    }
}

/// One who waits for a timer.
#[repr(C)]
struct Wait {
    node: Node,
    /// What was collected for it.
    count: Cell<u64>,
    name: Name<Timer>,
}

impl Source for Wait {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        // Released meanwhile: that ends the waits of those who are inside a call.
        let Ok(timer) = self.name.lock() else { return Published::Done(Status::CLOSED) };
        let count = timer.count.replace(0);
        if count > 0 {
            self.count.set(count);
            return Published::Done(Status::OK);
        }
        // SAFETY: in no list; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { timer.waiting.push(&self.node, waiter) };
        if sole && !open_sole(waiter) {
            timer.waiting.remove(&self.node);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        // A timer that is gone has nobody in its list.
        if let Ok(timer) = self.name.lock() {
            timer.waiting.remove(&self.node);
        }
    }
}

fn touch(handle: u64) {
    engine::touch(touched::TIME);
    engine::touch(handle);
}

fn enter() -> Outcome<Option<outside::Call>> {
    match identity::current() {
        Some(_) => Ok(None),
        None => outside::enter().map(Some),
    }
}

fn lock(handle: u64) -> Outcome<Locked<Timer>> {
    match TIMERS.lock(handle) {
        Err(Status::INVALID) => fail(Status::INVALID, format_args!("{handle:#x} is not the handle of a timer")),
        found => found,
    }
}

/// Shows what armed timers send to a collector. The world is stopped; no lock is held while `visit` runs.
pub fn visit(visit: Visit<'_>) {
    TIMERS.for_each(|timer| {
        let owner = timer.handle();
        let sends = timer.armed.get() && timer.chan.get() != 0;
        let place = timer.value.as_ptr().cast_const();
        drop(timer);
        if sends {
            visit(Root::word(root::Kind::Timer, place, owner));
        }
    });
}
