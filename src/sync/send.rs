// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sending: straight to a waiting receiver, else into the ring, else wait.

use super::cell::{Channel, MessageHooks, UNBOUNDED};
use super::elements::{self, Ring};
use super::waiters::Node;
use crate::base::claim::Won;
use crate::base::handle::Parts;
use crate::base::status::{Outcome, Status};
use crate::engine::Worker;
use crate::engine::parallel::{current_worker, worker::running as running_worker};
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};

/// What came of an attempt under the lock.
pub(super) enum Attempt {
    /// The element is gone; the waiter, if any, is to be woken.
    Sent(Option<*const Waiter>),
    /// The ring is full and nobody receives.
    Full,
    /// The ring of an unbounded channel has no storage left.
    Grow,
    /// The channel is closed.
    Closed,
}

/// # Safety
/// The lock is held; `element` is readable for one element.
#[inline(always)]
pub(super) unsafe fn attempt(channel: &Channel, element: *const u8) -> Attempt {
    if channel.is_closed() {
        return Attempt::Closed;
    }
    let size = channel.element_size();
    if !channel.receivers.is_empty() {
        // SAFETY: by contract.
        if let Some(waiter) = unsafe { hand_over(channel, element, size) } {
            return Attempt::Sent(waiter);
        }
    }
    let ring = &channel.ring;
    if ring.len() < ring.slots() {
        // SAFETY: there is room; the element by contract.
        unsafe { ring.push(element, size) };
        return Attempt::Sent(None);
    }
    if channel.capacity() == UNBOUNDED { Attempt::Grow } else { Attempt::Full }
}

/// Gives the element to the first receiver whose wait can still be won.
///
/// # Safety
/// As [`attempt`].
#[inline]
unsafe fn hand_over(channel: &Channel, element: *const u8, size: usize) -> Option<Option<*const Waiter>> {
    while let Some(node) = channel.receivers.pop() {
        // SAFETY: a linked node's waiter is in place.
        let waiter = unsafe { &*node.waiter.get() };
        let Some(won) = waiter.claim.claim() else { continue };
        // SAFETY: the receiver waits with room for one element.
        unsafe { elements::copy(element, node.element, size) };
        node.won.set(true);
        waiter.received();
        waiter.set_status(Status::OK);
        return Some((won == Won::Wake).then_some(waiter as *const Waiter));
    }
    None
}

/// Sends the bytes of one element. The caller has checked everything but the handle's generation.
///
/// # Safety
/// `element` is readable for one element of this channel.
#[inline]
pub unsafe fn send(channel: &Channel, parts: Parts, element: *const u8, deadline: i64) -> Outcome<()> {
    let worker = running_worker();
    loop {
        let held = channel.lock_by_as(worker, parts)?;
        // SAFETY: the lock is held; the element by contract.
        let attempt = unsafe { attempt(channel, element) };
        channel.lock.unlock_from(held);
        match attempt {
            Attempt::Sent(None) => return Ok(()),
            Attempt::Sent(Some(waiter)) => {
                // SAFETY: won by us and not woken yet.
                block::wake(unsafe { &*waiter }, true);
                return Ok(());
            }
            Attempt::Closed => return Err(Status::CLOSED),
            Attempt::Full if deadline == NO_WAIT => return Err(Status::WOULD_BLOCK),
            Attempt::Full => return wait_to_send(channel, parts, element, deadline, worker),
            Attempt::Grow => grow(channel, parts)?,
        }
    }
}

/// Sends one word if there is room for it or a receiver, who is woken with `woken`. The elements of the channel are words.
pub fn post(channel: &Channel, parts: Parts, word: u64, woken: &mut Woken) -> Outcome<()> {
    let worker = current_worker();
    loop {
        let held = channel.lock_by_as(worker, parts)?;
        // SAFETY: the lock is held; the word is as large as the elements.
        let attempt = unsafe { attempt(channel, (&raw const word).cast()) };
        channel.lock.unlock_from(held);
        match attempt {
            Attempt::Sent(waiter) => {
                if let Some(waiter) = waiter {
                    // SAFETY: won by us and not woken yet.
                    woken.add_won(unsafe { &*waiter });
                }
                return Ok(());
            }
            Attempt::Closed => return Err(Status::CLOSED),
            Attempt::Full => return Err(Status::WOULD_BLOCK),
            Attempt::Grow => grow(channel, parts)?,
        }
    }
}

/// As [`send`], for a strand and a channel that was there a moment ago. A send that will most likely have to wait goes
/// straight to its worker, which looks again under the lock: one locked operation instead of two.
///
/// # Safety
/// As [`send`].
#[inline(always)]
pub unsafe fn send_on_strand(
    channel: &Channel,
    parts: Parts,
    element: *const u8,
    deadline: i64,
    worker: &Worker,
) -> Outcome<()> {
    let full = deadline != NO_WAIT && channel.ring.len() >= channel.ring.slots() && channel.receivers.is_empty();
    if full && !channel.is_closed() && channel.capacity() != UNBOUNDED {
        return wait_to_send(channel, parts, element, deadline, Some(worker));
    }
    let held = channel.lock_by(worker);
    if channel.is(parts) {
        // SAFETY: the lock is held; the element by contract.
        let attempt = unsafe { attempt(channel, element) };
        channel.lock.unlock_from(held);
        match attempt {
            Attempt::Sent(None) => return Ok(()),
            Attempt::Sent(Some(waiter)) => {
                // SAFETY: won by us and not woken yet.
                block::wake(unsafe { &*waiter }, true);
                return Ok(());
            }
            _ => {}
        }
    } else {
        channel.lock.unlock_from(held);
    }
    // SAFETY: by contract.
    unsafe { send_again(channel, parts, element, deadline) }
}

/// # Safety
/// As [`send`].
#[cold]
#[inline(never)]
unsafe fn send_again(channel: &Channel, parts: Parts, element: *const u8, deadline: i64) -> Outcome<()> {
    // SAFETY: by contract.
    unsafe { send(channel, parts, element, deadline) }
}

#[inline(never)]
fn wait_to_send(
    channel: &Channel,
    parts: Parts,
    element: *const u8,
    deadline: i64,
    worker: Option<&Worker>,
) -> Outcome<()> {
    let source = Sending { channel, parts, worker, node: Node::new(element.cast_mut()) };
    let handle = crate::base::handle::encode(crate::base::handle::Kind::Channel, parts.generation, parts.index);
    match block::wait(&source, WaitKind::Send, handle, deadline) {
        Status::OK => Ok(()),
        status => Err(status),
    }
}

/// Doubles the storage of an unbounded channel, without holding the lock while memory is allocated.
#[cold]
fn grow(channel: &Channel, parts: Parts) -> Outcome<()> {
    channel.lock_as(parts)?;
    let (slots, size) = (channel.ring.slots(), channel.element_size());
    channel.lock.unlock();
    let more = slots.max(8).checked_mul(2).ok_or(Status::LIMIT)?;
    let storage = Ring::allocate(more, size)?;
    let mut unused = (storage, more);
    let locked = channel.lock_as(parts);
    if locked.is_ok() {
        if channel.ring.slots() == slots {
            // SAFETY: the new storage is larger than the old.
            unused = unsafe { channel.ring.replace(storage, more, size) };
        }
        channel.lock.unlock();
    }
    // SAFETY: either our own unused storage, or the one that the ring gave up.
    unsafe { Ring::free(unused.0, unused.1, size) };
    locked
}

struct Sending<'a> {
    channel: &'a Channel,
    parts: Parts,
    /// The worker that publishes; `None` for an OS thread.
    worker: Option<&'a Worker>,
    node: Node,
}

impl Source for Sending<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let Ok(held) = self.channel.lock_by_as(self.worker, self.parts) else {
            // Released meanwhile: that closes the channel for those who are inside a call.
            return Published::Done(Status::CLOSED);
        };
        // SAFETY: the lock is held; the sender's element is readable while it waits.
        let attempt = unsafe { attempt(self.channel, self.node.element) };
        if let Attempt::Full | Attempt::Grow = attempt {
            self.node.waiter.set(waiter);
            // SAFETY: in no list; it lies in the sender's frame, which stays until `withdraw` or a win.
            unsafe { self.channel.senders.push(&self.node) };
            if sole && !open_sole(waiter) {
                self.channel.senders.remove(&self.node);
                self.channel.lock.unlock_from(held);
                return Published::Done(Status::CANCELLED);
            }
            self.channel.lock.unlock_from(held);
            return Published::Waiting;
        }
        self.channel.lock.unlock_from(held);
        match attempt {
            Attempt::Sent(woken) => {
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
            self.channel.senders.remove(&self.node);
        }
        self.channel.lock.unlock();
    }
}

/// Sends through a transfer hook: the copy is made first, without a lock, and dropped if the send does not commit.
///
/// # Safety
/// As [`send`].
#[cold]
pub unsafe fn send_transferred(
    channel: &Channel,
    parts: Parts,
    element: *const u8,
    deadline: i64,
    (hooks, size): (MessageHooks, usize),
) -> Outcome<()> {
    let Some(transfer) = hooks.transfer else {
        // SAFETY: by contract.
        return unsafe { send(channel, parts, element, deadline) };
    };
    const SMALL: usize = 64;
    let mut small = [0u64; SMALL / 8];
    let copy = if size <= SMALL { small.as_mut_ptr().cast() } else { Ring::allocate(1, size)? };
    // SAFETY: the copy has room for one element; the hook is the program's own.
    unsafe { transfer(copy.cast(), element.cast(), size, hooks.data) };
    // SAFETY: the copy is one element.
    let sent = unsafe { send(channel, parts, copy, deadline) };
    if sent.is_err() {
        // SAFETY: nobody took the copy.
        unsafe { hooks.drop_message(copy, size) };
    }
    if size > SMALL {
        // SAFETY: allocated above.
        unsafe { Ring::free(copy, 1, size) };
    }
    sent
}
