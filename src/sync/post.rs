// SPDX-License-Identifier: MIT OR Apache-2.0
//! Posting: a message that brings its own memory along, so that it never waits, never fails and is never lost.
//!
//! ```text
//! a receiver waits      into its frame
//! the ring has room     into the ring
//! else                  the letter itself stands among the waiting senders, until its element is taken from there
//! closed, gone          dropped
//! ```
//! A letter among the senders is a waiter that nobody sleeps on: its claim word stays at "being published", so whoever
//! wins it moves the element and wakes nobody.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use super::cell::Channel;
use super::channel::{cell_of, explain_gone};
use super::receive::refill;
use super::send::{self, Attempt};
use super::waiters::Node;
use crate::base::status::{Outcome, Status};
use crate::engine;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{FOREVER, Woken};

/// Memory for one message of any channel. All-zero memory is one that was not posted.
pub struct Letter {
    node: UnsafeCell<MaybeUninit<Node>>,
    waiter: UnsafeCell<MaybeUninit<Waiter>>,
}

/// What came of posting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Posted {
    /// It lies in the channel, or a receiver has it.
    Sent,
    /// It stands among the senders: letter and element stay in place until [`Letter::is_taken`].
    Queued,
    /// The channel is closed or gone.
    Dropped,
}

impl Letter {
    /// Whether nobody refers to a queued letter any more.
    pub fn is_taken(&self) -> bool {
        // SAFETY: written when it was queued, and not since but through its atomics.
        unsafe { (*self.waiter.get()).assume_init_ref() }.is_settled()
    }
}

/// Posts a message. A receiver that gets it goes on once `woken` is woken.
///
/// # Safety
/// `element` is readable for one element of this channel, and stays so, like the letter, while it is queued.
pub unsafe fn post(chan: u64, letter: &Letter, element: *const u8, woken: &mut Woken) -> Posted {
    engine::touch(chan);
    let Some((channel, parts)) = cell_of(chan) else { return Posted::Dropped };
    if channel.lock_as(parts).is_err() {
        return Posted::Dropped;
    }
    // SAFETY: the lock is held; the element by contract.
    let posted = match unsafe { send::attempt(channel, element) } {
        Attempt::Sent(waiter) => {
            // SAFETY: won by the attempt and not woken yet.
            if let Some(waiter) = waiter.and_then(|waiter| unsafe { waiter.as_ref() }) {
                woken.add_won(waiter);
            }
            Posted::Sent
        }
        Attempt::Full | Attempt::Grow => {
            // SAFETY: the letter is the caller's, and not queued.
            unsafe { queue(channel, chan, letter, element) };
            Posted::Queued
        }
        Attempt::Closed => Posted::Dropped,
    };
    channel.lock.unlock();
    posted
}

/// # Safety
/// As [`post`]; the lock is held.
unsafe fn queue(channel: &Channel, chan: u64, letter: &Letter, element: *const u8) {
    // SAFETY: nobody else refers to a letter that is not queued.
    let (node, waiter) = unsafe {
        (
            (*letter.node.get()).write(Node::new(element.cast_mut())) as &Node,
            (*letter.waiter.get()).write(Waiter::new()) as &Waiter,
        )
    };
    waiter.describe(WaitKind::Send, chan, FOREVER);
    waiter.claim.begin();
    node.waiter.set(waiter);
    // SAFETY: just made; it stays in place by contract.
    unsafe { channel.senders.push(node) };
}

/// Takes the first message that was sent and not received, and is `wanted`, out of a channel. Whether there was one.
pub fn take_out(chan: u64, wanted: impl Fn(*const u8) -> bool) -> Outcome<bool> {
    engine::touch(chan);
    let Some((channel, parts)) = cell_of(chan) else { return Err(explain_gone(chan)) };
    channel.lock_as(parts)?;
    let mut woken = Woken::new();
    let found = take_out_locked(channel, &wanted, &mut woken);
    channel.lock.unlock();
    woken.wake_all();
    Ok(found)
}

fn take_out_locked(channel: &Channel, wanted: &dyn Fn(*const u8) -> bool, woken: &mut Woken) -> bool {
    let size = channel.element_size();
    if let Some(place) = (0..channel.ring.len()).find(|place| wanted(channel.ring.element(*place, size))) {
        // SAFETY: there is such an element; a message without memory of its own needs no drop.
        unsafe { channel.ring.remove(place, size) };
        // SAFETY: won by the refill and not woken yet.
        if let Some(waiter) = refill(channel, size).and_then(|waiter| unsafe { waiter.as_ref() }) {
            woken.add_won(waiter);
        }
        return true;
    }
    // Only those whose wait is not over yet.
    let Some(node) = channel.senders.find(|node| wanted(node.element)) else { return false };
    channel.senders.remove(node);
    // SAFETY: the waiter of a node that was linked until now is in place.
    woken.win(unsafe { &*node.waiter.get() }, Status::OK)
}

/// Refuses a channel that is gone, closed, or of other elements.
pub fn check(chan: u64, element_size: usize) -> Outcome<()> {
    let Some((channel, parts)) = cell_of(chan) else { return Err(explain_gone(chan)) };
    channel.lock_as(parts)?;
    let (size, closed) = (channel.element_size(), channel.is_closed());
    channel.lock.unlock();
    match (size == element_size, closed) {
        (false, _) => Err(Status::INVALID),
        (true, true) => Err(Status::CLOSED),
        (true, false) => Ok(()),
    }
}
