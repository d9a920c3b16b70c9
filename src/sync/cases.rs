// SPDX-License-Identifier: MIT OR Apache-2.0
//! A receive and a send as cases of a wait with several.
//!
//! Two cases of one wait may name one channel, also from both sides. They never meet each other: what one of them finds
//! in the list of the other's kind is its own waiter, which is claimed by then and therefore no partner. Of two like ones
//! the second need not stand in the list: it would never be reached. So a list holds few nodes of one wait, however many
//! cases that has.

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;

use super::cell::{Channel, MessageHooks, UNBOUNDED};
use super::elements::Ring;
use super::waiters::{List, Node};
use super::{receive, send};
use crate::base::bias_lock::Held;
use crate::base::handle::{self, Kind, Parts};
use crate::base::status::{Outcome, Status};
use crate::engine::Worker;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT};
use crate::wait::several::{Case, Claimed, Entry, claim_own};

/// A case on a channel that was there when the call began.
struct Place {
    channel: &'static Channel,
    parts: Parts,
    node: Node,
}

impl Place {
    fn new(channel: &'static Channel, parts: Parts, element: *mut u8) -> Place {
        Place { channel, parts, node: Node::new(element) }
    }

    fn handle(&self) -> u64 {
        handle::encode(Kind::Channel, self.parts.generation, self.parts.index)
    }

    /// Stands in a list of the channel and gives the lock back, which the caller holds.
    ///
    /// # Safety
    /// The node is in no list, and stays in place until it was taken out; the list is one of this channel.
    #[inline]
    unsafe fn stand(&self, waiter: &Waiter, held: Held, list: &List) -> Entry {
        if !list.ends_with(waiter) {
            self.node.waiter.set(waiter);
            // SAFETY: by contract.
            unsafe { list.push(&self.node) };
        }
        self.channel.lock.unlock_from(held);
        Entry::Waiting
    }

    /// Leaves the list of the channel in which it may stand.
    #[inline]
    fn leave(&self, worker: Option<&Worker>, list: &List) {
        if self.node.won.get() {
            return;
        }
        let held = take_lock(self.channel, worker);
        if self.node.is_linked() {
            list.remove(&self.node);
        }
        self.channel.lock.unlock_from(held);
    }

    /// Claims the wait for a case that is ready; the lock goes back where somebody else was faster.
    fn claim<'a>(&self, waiter: &'a Waiter, held: Held) -> Option<Claimed<'a>> {
        let claimed = claim_own(waiter);
        if claimed.is_none() {
            self.channel.lock.unlock_from(held);
        }
        claimed
    }

    /// The channel was released since the call began: that closes it for those who are inside a call.
    #[cold]
    fn released(&self, waiter: &Waiter) -> Entry {
        let Some(claimed) = claim_own(waiter) else { return Entry::Won };
        self.node.won.set(true);
        claimed.commit(Status::CLOSED)
    }

    /// The data is moved, or never will be: gives the lock back and wakes the partner.
    fn commit(&self, claimed: Claimed<'_>, held: Held, status: Status, partner: Option<*const Waiter>) -> Entry {
        self.node.won.set(true);
        self.channel.lock.unlock_from(held);
        let entry = claimed.commit(status);
        if let Some(partner) = partner {
            // SAFETY: won by us and not woken yet.
            block::wake(unsafe { &*partner }, true);
        }
        entry
    }
}

#[inline(always)]
fn take_lock(channel: &Channel, worker: Option<&Worker>) -> Held {
    match worker {
        Some(worker) => channel.lock_by(worker),
        None => {
            channel.lock.lock();
            Held::Plain
        }
    }
}

/// What an operation that does not wait came to, as a case.
#[inline(always)]
pub fn judge(result: Outcome<()>) -> Outcome<Option<Status>> {
    match result {
        Ok(()) => Ok(Some(Status::OK)),
        Err(Status::WOULD_BLOCK) => Ok(None),
        // As in `released`.
        Err(Status::CLOSED | Status::STALE) => Ok(Some(Status::CLOSED)),
        Err(status) => Err(status),
    }
}

/// Whether a receive looks as if it need not wait.
#[inline(always)]
pub fn looks_full(channel: &Channel) -> bool {
    // Without a branch for each: which one it is, nobody can predict.
    (channel.ring.len() > 0) | !channel.senders.is_empty() | channel.is_closed()
}

/// Whether a send looks as if it need not wait.
#[inline(always)]
pub fn looks_free(channel: &Channel) -> bool {
    (channel.ring.len() < channel.ring.slots())
        | !channel.receivers.is_empty()
        | channel.is_closed()
        | (channel.capacity() == UNBOUNDED)
}

/// A receive; its element is written when it commits.
pub struct Receiving(Place);

impl Receiving {
    /// A receive into `element`.
    ///
    /// # Safety
    /// `element` is writable for one element of the channel until the wait is over.
    #[inline(always)]
    pub unsafe fn new(channel: &'static Channel, parts: Parts, element: *mut u8) -> Receiving {
        Receiving(Place::new(channel, parts, element))
    }
}

impl Case for Receiving {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::Receive, self.0.handle())
    }

    fn looks_ready(&self) -> bool {
        !self.0.channel.is(self.0.parts) || looks_full(self.0.channel)
    }

    fn attempt(&self) -> Outcome<Option<Status>> {
        // SAFETY: by contract of `new`.
        judge(unsafe { receive::receive(self.0.channel, self.0.parts, self.0.node.element, NO_WAIT) })
    }

    #[inline]
    unsafe fn publish(&self, waiter: &Waiter, worker: Option<&Worker>) -> Entry {
        let Place { channel, parts, ref node } = self.0;
        let Ok(held) = channel.lock_by_as(worker, parts) else { return self.0.released(waiter) };
        if channel.ring.len() == 0 && !channel.is_closed() && !channel.senders.has_other(waiter) {
            // SAFETY: the lock is held; in no list, and in place until `withdraw`.
            return unsafe { self.0.stand(waiter, held, &channel.receivers) };
        }
        let Some(claimed) = self.0.claim(waiter, held) else { return Entry::Won };
        // SAFETY: the lock is held; the element by contract of `new`.
        match unsafe { receive::attempt(channel, node.element) } {
            receive::Attempt::Received(partner) => self.0.commit(claimed, held, Status::OK, partner),
            receive::Attempt::Closed => self.0.commit(claimed, held, Status::CLOSED, None),
            receive::Attempt::Empty => {
                channel.lock.unlock_from(held);
                claimed.give_up()
            }
        }
    }

    #[inline]
    unsafe fn withdraw(&self, worker: Option<&Worker>) {
        self.0.leave(worker, &self.0.channel.receivers);
    }

    fn has_won(&self) -> bool {
        self.0.node.won.get()
    }
}

/// A send of bytes that stay where they are until the wait is over.
pub struct Sending(Place);

impl Sending {
    /// A send of `element`.
    ///
    /// # Safety
    /// `element` is readable for one element of the channel until the wait is over.
    #[inline(always)]
    pub unsafe fn new(channel: &'static Channel, parts: Parts, element: *const u8) -> Sending {
        Sending(Place::new(channel, parts, element.cast_mut()))
    }
}

impl Case for Sending {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::Send, self.0.handle())
    }

    fn looks_ready(&self) -> bool {
        !self.0.channel.is(self.0.parts) || looks_free(self.0.channel)
    }

    fn attempt(&self) -> Outcome<Option<Status>> {
        // SAFETY: by contract of `new`.
        judge(unsafe { send::send(self.0.channel, self.0.parts, self.0.node.element, NO_WAIT) })
    }

    #[inline]
    unsafe fn publish(&self, waiter: &Waiter, worker: Option<&Worker>) -> Entry {
        let Place { channel, parts, ref node } = self.0;
        let Ok(held) = channel.lock_by_as(worker, parts) else { return self.0.released(waiter) };
        if channel.ring.len() >= channel.ring.slots() && !channel.is_closed() && !channel.receivers.has_other(waiter) {
            // SAFETY: the lock is held; in no list, and in place until `withdraw`.
            return unsafe { self.0.stand(waiter, held, &channel.senders) };
        }
        let Some(claimed) = self.0.claim(waiter, held) else { return Entry::Won };
        // SAFETY: the lock is held; the element by contract of `new`.
        match unsafe { send::attempt(channel, node.element) } {
            send::Attempt::Sent(partner) => self.0.commit(claimed, held, Status::OK, partner),
            send::Attempt::Closed => self.0.commit(claimed, held, Status::CLOSED, None),
            send::Attempt::Full | send::Attempt::Grow => {
                channel.lock.unlock_from(held);
                claimed.give_up()
            }
        }
    }

    #[inline]
    unsafe fn withdraw(&self, worker: Option<&Worker>) {
        self.0.leave(worker, &self.0.channel.senders);
    }

    fn has_won(&self) -> bool {
        self.0.node.won.get()
    }
}

/// Bytes of a message whose copy needs no memory from the heap.
const SMALL: usize = 64;

/// A send through a transfer hook: the copy is made once, before the case is tried or published, and dropped if the send
/// does not commit.
pub struct Copying {
    sending: Sending,
    element: *const u8,
    hooks: MessageHooks,
    size: usize,
    made: Cell<bool>,
    small: UnsafeCell<MaybeUninit<[u64; SMALL / 8]>>,
    large: *mut u8,
}

impl Copying {
    /// A send of a copy of `element`, for which there is room here or on the heap. NO_MEMORY.
    ///
    /// # Safety
    /// `element` is readable for one element of this size until the case is settled or abandoned.
    pub unsafe fn new(
        channel: &'static Channel,
        parts: Parts,
        element: *const u8,
        (hooks, size): (MessageHooks, usize),
    ) -> Outcome<Copying> {
        let large = if size <= SMALL { core::ptr::null_mut() } else { Ring::allocate(1, size)? };
        Ok(Copying {
            // SAFETY: the copy is where `placed` says, for as long as the case.
            sending: unsafe { Sending::new(channel, parts, large) },
            element,
            hooks,
            size,
            made: Cell::new(false),
            small: UnsafeCell::new(MaybeUninit::uninit()),
            large,
        })
    }

    /// The case stays where it is from now on.
    pub fn placed(&mut self) {
        if self.large.is_null() {
            self.sending.0.node.element = self.small.get().cast();
        }
    }

    fn copy(&self) -> *mut u8 {
        self.sending.0.node.element
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`, or null; nobody uses it any more.
        unsafe { Ring::free(self.large, 1, self.size) };
    }
}

impl Case for Copying {
    fn shown(&self) -> (WaitKind, u64) {
        self.sending.shown()
    }

    fn looks_ready(&self) -> bool {
        self.sending.looks_ready()
    }

    fn attempt(&self) -> Outcome<Option<Status>> {
        self.prepare();
        let done = self.sending.attempt();
        if let Ok(Some(Status::OK)) = done {
            self.made.set(false);
        }
        done
    }

    fn prepare(&self) {
        if !self.made.replace(true)
            && let Some(transfer) = self.hooks.transfer
        {
            // SAFETY: room and element by contract of `new`; the hook is the program's own.
            unsafe { transfer(self.copy().cast(), self.element.cast(), self.size, self.hooks.data) };
        }
    }

    unsafe fn publish(&self, waiter: &Waiter, worker: Option<&Worker>) -> Entry {
        // SAFETY: by contract.
        unsafe { self.sending.publish(waiter, worker) }
    }

    unsafe fn withdraw(&self, worker: Option<&Worker>) {
        // SAFETY: by contract.
        unsafe { self.sending.withdraw(worker) };
    }

    fn has_won(&self) -> bool {
        self.sending.has_won()
    }

    fn settle(&self, status: Status) {
        if status == Status::OK {
            self.made.set(false);
        }
        self.abandon();
    }

    fn abandon(&self) {
        if self.made.replace(false) {
            // SAFETY: nobody took the copy.
            unsafe { self.hooks.drop_message(self.copy(), self.size) };
        }
    }
}
