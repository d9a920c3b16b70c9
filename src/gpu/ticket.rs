// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tickets: how something that a device does ends, once; whoever has the handle waits for it.
//!
//! ```text
//!             create                        resolve (any thread, once)
//!   handle ◄──┴──► Pending  ─────────────────────────────────────────► status, message; everybody who waits goes on
//!                     ▲ is_cancelled, and the hook of the ticket once
//!              cancel ┘
//! ```
//! A slot is kept by those who use it: the handle, the [`Pending`], and each call that waits. The last one ends it. While
//! it is pending a ticket is an external hold: nothing is a deadlock. One that strands are to resolve is none.

use core::ffi::c_void;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr;

use crate::base::handle::Kind;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use crate::base::sync::cell::Cell;
use crate::engine::{self, Worker, outside, parallel, touched};
use crate::memory::objects::{Locked, Name, Object, Objects};
use crate::strand::identity;
use crate::strand::message::{self, Text, fail};
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::cancel;
use crate::wait::list::{List, Node};
use crate::wait::several::{Case, Entry, claim_own};

/// The status word while nothing is known. All-zero memory is OK, but belongs to nobody.
const PENDING: i32 = 1;
/// Bytes of a message.
const MESSAGE: usize = 500;

/// Called once when a ticket is cancelled that is pending, by whoever cancels it, without a lock: with what it was made
/// with, and the ticket's handle. It may come after the ticket was resolved, so what it names must be checked as a handle is.
pub type Hook = fn(data: u64, ticket: u64);

/// See the module documentation.
pub struct Ticket {
    /// [`PENDING`], or the result. Written under the lock, once; read without it by those who keep the slot.
    status: AtomicI32,
    /// Somebody has asked for its end. Written under the lock, read without it by the one who has the [`Pending`].
    cancelled: AtomicBool,
    /// The handle is good.
    named: Cell<bool>,
    /// Who keeps the slot.
    users: Cell<u32>,
    /// It is an external hold while it is pending.
    owed: Cell<bool>,
    hook: Cell<Option<Hook>>,
    data: Cell<u64>,
    /// What went wrong, or null. Written once, before the status; freed by the last user.
    message: Cell<*mut Text<MESSAGE>>,
    waiting: List,
}

// SAFETY: touched under the slot's lock, but for what says otherwise; all-zero memory is a resolved ticket without users.
unsafe impl Object for Ticket {
    #[cfg(loom)]
    fn blank() -> Self {
        Ticket {
            status: AtomicI32::new(0),
            cancelled: AtomicBool::new(false),
            named: Cell::new(false),
            users: Cell::new(0),
            owed: Cell::new(false),
            hook: Cell::new(None),
            data: Cell::new(0),
            message: Cell::new(ptr::null_mut()),
            waiting: List::new(),
        }
    }
}

static TICKETS: Objects<Ticket> = Objects::new(Kind::Ticket);

/// Makes the table of a runtime that is being initialised.
pub fn start(capacity: u32) -> Outcome<()> {
    TICKETS.start(capacity)
}

/// Asks for the end of every ticket that is pending: the runtime shuts down, and no further ticket is made.
pub fn cancel_all() {
    TICKETS.for_each(|ticket| {
        if ticket.is_pending() {
            ask(ticket);
        }
    });
}

/// Frees the table. What is pending is never resolved: nobody is left who waits for it.
///
/// # Safety
/// No strand, no thread and no call uses a ticket any more; whoever has a [`Pending`] does not touch it again.
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { TICKETS.stop(|ticket| ticket.free_message()) };
}

impl Ticket {
    fn is_pending(&self) -> bool {
        // Acquire pairs with the Release in `resolve`: the message is there with the status.
        self.status.load(Ordering::Acquire) == PENDING
    }

    fn free_message(&self) {
        // SAFETY: allocated by `write_down`; the last user is gone, so nobody reads it.
        unsafe { message::release(self.message.replace(ptr::null_mut())) };
    }

    /// The result, by one who keeps the slot. Refusals leave the message with the caller.
    fn result(&self) -> Outcome<()> {
        match Status(self.status.load(Ordering::Acquire)) {
            Status(PENDING) => Err(Status::WOULD_BLOCK),
            Status::OK => Ok(()),
            status => self.tell(status),
        }
    }

    #[cold]
    fn tell(&self, status: Status) -> Outcome<()> {
        // SAFETY: written before the status, and kept until the last user is gone.
        match unsafe { self.message.get().as_ref() } {
            Some(text) => fail(status, format_args!("{}", core::str::from_utf8(text.as_bytes()).unwrap_or(""))),
            None => Err(status),
        }
    }
}

/// What is going on: whoever has this resolves the ticket, from any thread. Dropped, it resolves it as CANCELLED.
pub struct Pending {
    name: Name<Ticket>,
}

// SAFETY: it names a slot that is shared by its lock and its atomics.
unsafe impl Send for Pending {}
// SAFETY: as above; `is_cancelled` and `handle` read atomics and what does not change.
unsafe impl Sync for Pending {}

/// Makes a ticket. Its handle is [`Pending::handle`]. Everything is cancelled: CANCELLED.
pub fn create() -> Outcome<Pending> {
    create_with(None, 0)
}

/// As [`create`], with what is called when it is cancelled.
pub fn create_with(hook: Option<Hook>, data: u64) -> Outcome<Pending> {
    make(hook, data, true)
}

/// As [`create_with`], for what strands of this runtime do: as long as they can go on nothing is a deadlock anyway, and when
/// they wait too it is one.
pub fn create_by_strands(hook: Option<Hook>, data: u64) -> Outcome<Pending> {
    make(hook, data, false)
}

fn make(hook: Option<Hook>, data: u64, owed: bool) -> Outcome<Pending> {
    let _call = enter()?;
    if cancel::is_all_cancelled() {
        return Err(Status::CANCELLED);
    }
    engine::touch(touched::MAKING);
    let ticket = match TICKETS.take() {
        Ok(ticket) => ticket,
        Err(Status::LIMIT) => return fail(Status::LIMIT, format_args!("no further ticket: too many are in use")),
        Err(status) => return Err(status),
    };
    ticket.status.store(PENDING, Ordering::Relaxed);
    ticket.cancelled.store(false, Ordering::Relaxed);
    ticket.named.set(true);
    ticket.users.set(2);
    ticket.hook.set(hook);
    ticket.data.set(data);
    ticket.message.set(ptr::null_mut());
    ticket.owed.set(owed);
    if owed {
        outside::owe();
    }
    let pending = Pending { name: ticket.name() };
    drop(ticket);
    if cancel::is_all_cancelled() {
        // A shutdown that has begun meanwhile may not have seen it.
        pending.withdraw();
        return Err(Status::CANCELLED);
    }
    Ok(pending)
}

impl Pending {
    /// The ticket's handle.
    pub fn handle(&self) -> u64 {
        self.name.handle()
    }

    /// Whether somebody has asked for its end. By a thread that the runtime waits for before it goes down.
    pub fn is_cancelled(&self) -> bool {
        self.name.peek().cancelled.load(Ordering::Relaxed)
    }

    /// Says how it has ended, and lets everybody go on who waits for it. The message is for statuses other than OK; it is cut.
    pub fn resolve(self, status: Status, message: fmt::Arguments<'_>) {
        let this = ManuallyDrop::new(self);
        this.end(status, Some(message));
    }

    /// As [`Self::resolve`] with OK.
    pub fn succeed(self) {
        let this = ManuallyDrop::new(self);
        this.end(Status::OK, None);
    }

    /// The ticket was never told to anybody: what was to be done could not begin.
    pub fn withdraw(self) {
        let this = ManuallyDrop::new(self);
        if let Ok(ticket) = this.name.lock() {
            ticket.named.set(false);
            ticket.users.set(ticket.users.get() - 1);
        }
        this.end(Status::CANCELLED, None);
    }

    fn end(&self, status: Status, text: Option<fmt::Arguments<'_>>) {
        // On a worker's own stack, or on a strand, the runtime is there; a thread of somebody else's is let in, unless
        // everything has ended.
        let _call = if identity::current().is_some() || parallel::this_worker().is_some() {
            None
        } else {
            match outside::enter_to_give_back() {
                Ok(call) => Some(call),
                Err(_) => return,
            }
        };
        engine::touch(self.handle());
        let text = text.filter(|_| status != Status::OK).map_or(ptr::null_mut(), write_down);
        let Ok(ticket) = self.name.lock() else {
            // SAFETY: made just now.
            return unsafe { message::release(text) };
        };
        ticket.message.set(text);
        // Release pairs with the Acquire of those who look without the lock.
        ticket.status.store(status.0, Ordering::Release);
        let mut woken = Woken::new();
        ticket.waiting.win_all(&mut woken, Status::OK);
        let owed = ticket.owed.get();
        leave(ticket);
        woken.wake_all();
        if owed {
            outside::deliver();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.end(Status::CANCELLED, None);
    }
}

/// The text on the heap; null where there is no memory for it.
fn write_down(text: fmt::Arguments<'_>) -> *mut Text<MESSAGE> {
    let place = message::allocate::<Text<MESSAGE>>();
    // SAFETY: allocated just now; all-zero memory is an empty text.
    if let Some(place) = unsafe { place.as_mut() } {
        let _ = fmt::Write::write_fmt(place, text);
    }
    place
}

/// One user less.
fn leave(ticket: Locked<Ticket>) {
    let users = ticket.users.get() - 1;
    ticket.users.set(users);
    if users == 0 {
        ticket.free_message();
        ticket.end();
    }
}

/// A call that uses a ticket keeps its slot.
struct User(Name<Ticket>);

impl User {
    fn of(handle: u64) -> Outcome<User> {
        let ticket = lock(handle)?;
        ticket.users.set(ticket.users.get() + 1);
        Ok(User(ticket.name()))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Ok(ticket) = self.0.lock() {
            leave(ticket);
        }
    }
}

/// Waits for the end: the result, or why there was no waiting for it.
pub fn wait(handle: u64, deadline: i64) -> Outcome<()> {
    if deadline != NO_WAIT {
        outside::refuse_on_worker()?;
        if let Some(body) = identity::current() {
            cancel::before_waiting(body)?;
        }
    }
    let _call = enter()?;
    engine::touch(handle);
    let user = User::of(handle)?;
    let ticket = user.0.peek();
    if ticket.is_pending() {
        match block::wait(&Wait { node: Node::new(), name: user.0 }, WaitKind::Ticket, handle, deadline) {
            Status::OK => {}
            status => return Err(status),
        }
    }
    ticket.result()
}

/// The result, if there is one. WOULD_BLOCK while it is pending.
pub fn poll(handle: u64) -> Outcome<Status> {
    let _call = enter()?;
    engine::touch(handle);
    let ticket = lock(handle)?;
    match ticket.status.load(Ordering::Relaxed) {
        PENDING => Err(Status::WOULD_BLOCK),
        status => Ok(Status(status)),
    }
}

/// Asks for its end. ALREADY when it has come.
pub fn cancel(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    engine::touch(handle);
    let ticket = lock(handle)?;
    if ticket.is_pending() {
        ask(ticket);
        return Ok(());
    }
    drop(ticket);
    fail(Status::ALREADY, format_args!("ticket {handle:#x} is resolved"))
}

/// Asks for the end of a pending ticket; the hook is called the first time.
fn ask(ticket: Locked<Ticket>) {
    let first = !ticket.cancelled.swap(true, Ordering::Relaxed);
    let (handle, hook, data) = (ticket.handle(), ticket.hook.get(), ticket.data.get());
    drop(ticket);
    if let Some(hook) = hook.filter(|_| first) {
        hook(data, handle);
    }
}

/// Who keeps the slot: the handle, the [`Pending`], and each call that waits.
#[cfg(test)]
pub fn users(handle: u64) -> u32 {
    lock(handle).map_or(0, |ticket| ticket.users.get())
}

/// Gives the handle up. What it stands for goes on.
pub fn release(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    engine::touch(handle);
    let ticket = lock(handle)?;
    ticket.named.set(false);
    leave(ticket);
    Ok(())
}

fn enter() -> Outcome<Option<outside::Call>> {
    match identity::current() {
        Some(_) => Ok(None),
        None => outside::enter().map(Some),
    }
}

fn lock(handle: u64) -> Outcome<Locked<Ticket>> {
    match TICKETS.lock(handle) {
        Ok(ticket) if ticket.named.get() => Ok(ticket),
        Ok(_) => Err(Status::STALE),
        Err(Status::INVALID) => fail(Status::INVALID, format_args!("{handle:#x} is not the handle of a ticket")),
        Err(status) => Err(status),
    }
}

/// One who waits. The slot is kept meanwhile.
struct Wait {
    node: Node,
    name: Name<Ticket>,
}

impl Source for Wait {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let Ok(ticket) = self.name.lock() else { return Published::Done(Status::STALE) };
        if !ticket.is_pending() {
            return Published::Done(Status::OK);
        }
        // SAFETY: in no list; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { ticket.waiting.push(&self.node, waiter) };
        if sole && !open_sole(waiter) {
            ticket.waiting.remove(&self.node);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        if let Ok(ticket) = self.name.lock() {
            ticket.waiting.remove(&self.node);
        }
    }
}

/// The end of a ticket as one of the cases of a select.
pub struct Resolving {
    wait: Wait,
    /// It had ended before anybody could wait for it.
    at_once: Cell<bool>,
    /// Where the result goes, or null.
    result: *mut i32,
}

impl Resolving {
    /// The case of a ticket, with what is wrong with it if it can be none.
    ///
    /// # Safety
    /// `result` is null, or stays writable until the wait is over.
    pub unsafe fn open(handle: u64, result: *mut c_void) -> Result<Resolving, (Status, &'static str)> {
        let result: *mut i32 = result.cast();
        if !result.is_null() && !result.is_aligned() {
            return Err((Status::INVALID, "has an element that is not aligned for a strand_status"));
        }
        match User::of(handle) {
            Ok(user) => {
                // Left by `abandon`.
                let user = ManuallyDrop::new(user);
                Ok(Resolving { wait: Wait { node: Node::new(), name: user.0 }, at_once: Cell::new(false), result })
            }
            Err(Status::STALE) => Err((Status::STALE, "is a ticket that was released")),
            Err(status) => Err((status, "is not the handle of a ticket that was ever made")),
        }
    }

    fn ticket(&self) -> &'static Ticket {
        self.wait.name.peek()
    }
}

impl Case for Resolving {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::Ticket, self.wait.name.handle())
    }

    fn looks_ready(&self) -> bool {
        !self.ticket().is_pending()
    }

    fn attempt(&self) -> Outcome<Option<Status>> {
        // What has ended stays so: there is no need for the lock.
        Ok((!self.ticket().is_pending()).then_some(Status::OK))
    }

    unsafe fn publish(&self, waiter: &Waiter, _: Option<&Worker>) -> Entry {
        let Ok(ticket) = self.wait.name.lock() else { return Entry::Waiting };
        if ticket.is_pending() {
            // SAFETY: in no list; by contract it stays in place until `withdraw`.
            unsafe { ticket.waiting.push(&self.wait.node, waiter) };
            return Entry::Waiting;
        }
        drop(ticket);
        // Nothing is moved, and an end is not taken back.
        let Some(claimed) = claim_own(waiter) else { return Entry::Won };
        self.at_once.set(true);
        claimed.commit(Status::OK)
    }

    unsafe fn withdraw(&self, _: Option<&Worker>) {
        if let Ok(ticket) = self.wait.name.lock() {
            ticket.waiting.remove(&self.wait.node);
        }
    }

    fn has_won(&self) -> bool {
        self.at_once.get() || self.wait.node.has_won()
    }

    fn settle(&self, _: Status) {
        if !self.result.is_null() {
            // SAFETY: writable by contract of `open`.
            unsafe { self.result.write(self.ticket().status.load(Ordering::Acquire)) };
        }
    }

    fn abandon(&self) {
        drop(User(self.wait.name));
    }
}
