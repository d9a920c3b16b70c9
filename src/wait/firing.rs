// SPDX-License-Identifier: MIT OR Apache-2.0
//! A wait for a token to fire. It holds the token, so that the reason can be read; but not as the program does, whose last
//! release ends the wait with CLOSED.

use super::block::{Published, Source, open_sole};
use super::list::Node;
use super::several::{Case, Entry, claim_own};
use super::tree::{self, Held, Token};
use crate::base::status::{Outcome, Status};
use crate::base::sync::cell::Cell;
use crate::engine::Worker;
use crate::strand::waiter::{WaitKind, Waiter};

/// See the module documentation.
pub struct Firing {
    held: Held,
    node: Node,
    /// It committed while it was being published.
    at_once: Cell<bool>,
    /// Where the reason goes, of a case; or null.
    reason: *mut u64,
}

impl Firing {
    /// A wait for the token that the handle names.
    pub fn new(handle: u64) -> Outcome<Firing> {
        Ok(Firing {
            held: tree::find(handle)?,
            node: Node::new(),
            at_once: Cell::new(false),
            reason: core::ptr::null_mut(),
        })
    }

    /// The same as a case, which writes the reason there.
    ///
    /// # Safety
    /// `reason` is null, or writable until the wait is over.
    pub unsafe fn with_reason(handle: u64, reason: *mut u64) -> Outcome<Firing> {
        Ok(Firing { reason, ..Firing::new(handle)? })
    }

    /// The token.
    pub fn token(&self) -> &'static Token {
        self.held.token()
    }

    /// Whether there is something, or nothing more, to wait for. Under the token's lock, or without for a first look.
    fn outcome(token: &Token) -> Option<Status> {
        token.is_fired().then_some(Status::OK)
    }
}

/// As [`Firing::outcome`], under the lock: a token without handles has nobody who could wait for it any more.
fn settled(token: &Token) -> Option<Status> {
    Firing::outcome(token).or_else(|| (token.handles.get() == 0).then_some(Status::CLOSED))
}

impl Source for Firing {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let locked = match self.token().lock() {
            Ok(locked) => locked,
            Err(status) => return Published::Done(status),
        };
        if let Some(status) = settled(&locked) {
            return Published::Done(status);
        }
        // SAFETY: in no list; by contract it stays in place until `withdraw`.
        unsafe { locked.waiters.push(&self.node, waiter) };
        if sole && !open_sole(waiter) {
            locked.waiters.remove(&self.node);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        if let Ok(locked) = self.token().lock() {
            locked.waiters.remove(&self.node);
        }
    }
}

impl Case for Firing {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::Cancel, self.token().handle())
    }

    fn looks_ready(&self) -> bool {
        self.token().is_fired()
    }

    fn attempt(&self) -> Outcome<Option<Status>> {
        // What has fired stays so: there is no need for the lock.
        Ok(Firing::outcome(self.token()))
    }

    unsafe fn publish(&self, waiter: &Waiter, _: Option<&Worker>) -> Entry {
        let Ok(locked) = self.token().lock() else { return Entry::Waiting };
        let Some(status) = settled(&locked) else {
            // SAFETY: in no list; by contract it stays in place until `withdraw`.
            unsafe { locked.waiters.push(&self.node, waiter) };
            return Entry::Waiting;
        };
        drop(locked);
        // Nothing is moved, and neither answer is taken back.
        let Some(claimed) = claim_own(waiter) else { return Entry::Won };
        self.at_once.set(true);
        claimed.commit(status)
    }

    unsafe fn withdraw(&self, _: Option<&Worker>) {
        if let Ok(locked) = self.token().lock() {
            locked.waiters.remove(&self.node);
        }
    }

    fn has_won(&self) -> bool {
        self.at_once.get() || self.node.has_won()
    }

    fn settle(&self, status: Status) {
        if status == Status::OK && !self.reason.is_null() {
            // SAFETY: by the contract of `with_reason`.
            unsafe { self.reason.write(self.token().reason().unwrap_or(0)) };
        }
    }
}
