// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receiving: from the ring, else straight from a waiting sender, else wait.

use super::cell::{Channel, UNBOUNDED};
use super::elements::{self, Ring};
use super::waiters::Node;
use crate::base::bias_lock::Held;
use crate::base::claim::Won;
use crate::base::handle::Parts;
use crate::base::status::{Outcome, Status};
use crate::engine::Worker;
use crate::engine::parallel::worker::running as running_worker;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, open_sole};

/// Slots above which an unbounded channel gives its storage back when it is drained.
const KEPT_SLOTS: usize = 4096;

pub(super) enum Attempt {
    /// An element was received; the waiter, if any, is to be woken.
    Received(Option<*const Waiter>),
    /// Nothing is there.
    Empty,
    /// Nothing is there, and nothing will be.
    Closed,
}

/// # Safety
/// The lock is held; `element` is writable for one element.
#[inline(always)]
pub(super) unsafe fn attempt(channel: &Channel, element: *mut u8) -> Attempt {
    let size = channel.element_size();
    let ring = &channel.ring;
    if ring.len() > 0 {
        // SAFETY: there is an element; ours by contract.
        unsafe { ring.pop(element, size) };
        if channel.senders.is_empty() {
            return Attempt::Received(None);
        }
        return Attempt::Received(refill(channel, size));
    }
    if !channel.senders.is_empty()
        // SAFETY: by contract.
        && let Some(waiter) = unsafe { take_over(channel, element, size) }
    {
        return Attempt::Received(waiter);
    }
    if channel.is_closed() { Attempt::Closed } else { Attempt::Empty }
}

/// Wins the first sender whose wait can still be won; its element is read by `take`.
#[inline]
fn win_sender(channel: &Channel, take: impl FnOnce(*const u8)) -> Option<Option<*const Waiter>> {
    while let Some(node) = channel.senders.pop() {
        // SAFETY: a linked node's waiter is in place.
        let waiter = unsafe { &*node.waiter.get() };
        let Some(won) = waiter.claim.claim() else { continue };
        take(node.element);
        node.won.set(true);
        waiter.set_status(Status::OK);
        return Some((won == Won::Wake).then_some(waiter as *const Waiter));
    }
    None
}

/// Room has come up in the ring: the first waiting sender's element goes in.
#[inline]
pub(super) fn refill(channel: &Channel, size: usize) -> Option<*const Waiter> {
    win_sender(channel, |element| {
        // SAFETY: one element was just taken out, so there is room; the sender's element is readable while it waits.
        unsafe { channel.ring.push(element, size) }
    })
    .flatten()
}

/// # Safety
/// As [`attempt`].
#[inline]
unsafe fn take_over(channel: &Channel, element: *mut u8, size: usize) -> Option<Option<*const Waiter>> {
    win_sender(channel, |from| {
        // SAFETY: the sender's element is readable while it waits, ours writable by contract.
        unsafe { elements::copy(from, element, size) }
    })
}

/// Receives the bytes of one element. The caller has checked everything but the handle's generation.
///
/// # Safety
/// `element` is writable for one element of this channel.
#[inline]
pub unsafe fn receive(channel: &Channel, parts: Parts, element: *mut u8, deadline: i64) -> Outcome<()> {
    let worker = running_worker();
    let held = channel.lock_by_as(worker, parts)?;
    // SAFETY: the lock is held; the element by contract.
    let attempt = unsafe { attempt(channel, element) };
    if channel.ring.len() == 0 && channel.ring.slots() > KEPT_SLOTS && channel.capacity() == UNBOUNDED {
        shrink(channel, held);
    } else {
        channel.lock.unlock_from(held);
    }
    match attempt {
        Attempt::Received(None) => Ok(()),
        Attempt::Received(Some(waiter)) => {
            // SAFETY: won by us and not woken yet.
            block::wake(unsafe { &*waiter }, true);
            Ok(())
        }
        Attempt::Closed => Err(Status::CLOSED),
        Attempt::Empty if deadline == NO_WAIT => Err(Status::WOULD_BLOCK),
        Attempt::Empty => wait_to_receive(channel, parts, element, deadline, worker),
    }
}

/// As [`receive`], for a strand and a channel that was there a moment ago. A receive that will most likely have to wait
/// goes straight to its worker, which looks again under the lock: one locked operation instead of two.
///
/// # Safety
/// As [`receive`].
#[inline(always)]
pub unsafe fn receive_on_strand(
    channel: &Channel,
    parts: Parts,
    element: *mut u8,
    deadline: i64,
    worker: &Worker,
) -> Outcome<()> {
    let empty = deadline != NO_WAIT && channel.ring.len() == 0 && channel.senders.is_empty();
    if empty && !channel.is_closed() {
        return wait_to_receive(channel, parts, element, deadline, Some(worker));
    }
    let held = channel.lock_by(worker);
    if channel.is(parts) && channel.ring.slots() <= KEPT_SLOTS {
        // SAFETY: the lock is held; the element by contract.
        let attempt = unsafe { attempt(channel, element) };
        channel.lock.unlock_from(held);
        match attempt {
            Attempt::Received(None) => return Ok(()),
            Attempt::Received(Some(waiter)) => {
                // SAFETY: won by us and not woken yet.
                block::wake(unsafe { &*waiter }, true);
                return Ok(());
            }
            Attempt::Closed => return Err(Status::CLOSED),
            Attempt::Empty => {}
        }
    } else {
        channel.lock.unlock_from(held);
    }
    // SAFETY: by contract.
    unsafe { receive_again(channel, parts, element, deadline) }
}

/// # Safety
/// As [`receive`].
#[cold]
#[inline(never)]
unsafe fn receive_again(channel: &Channel, parts: Parts, element: *mut u8, deadline: i64) -> Outcome<()> {
    // SAFETY: by contract.
    unsafe { receive(channel, parts, element, deadline) }
}

/// Gives the storage of a drained channel back, and the lock.
#[cold]
fn shrink(channel: &Channel, held: Held) {
    let size = channel.element_size();
    let (storage, slots) = channel.ring.take_storage();
    channel.lock.unlock_from(held);
    // SAFETY: the ring gave it up.
    unsafe { Ring::free(storage, slots, size) };
}

#[inline(never)]
fn wait_to_receive(
    channel: &Channel,
    parts: Parts,
    element: *mut u8,
    deadline: i64,
    worker: Option<&Worker>,
) -> Outcome<()> {
    let source = Receiving { channel, parts, worker, node: Node::new(element) };
    let handle = crate::base::handle::encode(crate::base::handle::Kind::Channel, parts.generation, parts.index);
    match block::wait(&source, WaitKind::Receive, handle, deadline) {
        Status::OK => Ok(()),
        status => Err(status),
    }
}

struct Receiving<'a> {
    channel: &'a Channel,
    parts: Parts,
    /// The worker that publishes; `None` for an OS thread.
    worker: Option<&'a Worker>,
    node: Node,
}

impl Source for Receiving<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let Ok(held) = self.channel.lock_by_as(self.worker, self.parts) else {
            // Released meanwhile: that closes the channel for those who are inside a call.
            return Published::Done(Status::CLOSED);
        };
        // SAFETY: the lock is held; the receiver's element is writable while it waits.
        let attempt = unsafe { attempt(self.channel, self.node.element) };
        if let Attempt::Empty = attempt {
            self.node.waiter.set(waiter);
            // SAFETY: in no list; it lies in the receiver's frame, which stays until `withdraw` or a win.
            unsafe { self.channel.receivers.push(&self.node) };
            if sole && !open_sole(waiter) {
                self.channel.receivers.remove(&self.node);
                self.channel.lock.unlock_from(held);
                return Published::Done(Status::CANCELLED);
            }
            self.channel.lock.unlock_from(held);
            return Published::Waiting;
        }
        self.channel.lock.unlock_from(held);
        match attempt {
            Attempt::Received(woken) => {
                if let Some(other) = woken {
                    // SAFETY: won by us and not woken yet.
                    block::wake(unsafe { &*other }, true);
                }
                Published::Done(Status::OK)
            }
            _ => Published::Done(Status::CLOSED),
        }
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        self.channel.lock.lock();
        if self.node.is_linked() {
            self.channel.receivers.remove(&self.node);
        }
        self.channel.lock.unlock();
    }
}
