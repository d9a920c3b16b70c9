// SPDX-License-Identifier: MIT OR Apache-2.0
//! A wait list of an object with a lock: first come, first served, linked through the frames of those who wait.
//!
//! ```text
//! publish    lock ─ look once more ─ push the node ─ open the claim word if it is the only source ─ unlock
//! fire       lock ─ win the first, or all (each is taken out, won or not) ─ unlock ─ wake
//! withdraw   lock ─ take the node out if it is still linked ─ unlock
//! ```
//! A node that is taken out and not won belongs to a wait that something else has ended; its owner finds it unlinked.

use core::ptr;

use super::block::Woken;
use crate::base::status::Status;
use crate::base::sync::cell::Cell;
use crate::strand::waiter::Waiter;

/// One wait in one list, in the frame of the one who waits.
pub struct Node {
    waiter: Cell<*const Waiter>,
    next: Cell<*const Node>,
    back: Cell<*const Node>,
    linked: Cell<bool>,
    won: Cell<bool>,
}

impl Node {
    /// A node that is in no list.
    pub fn new() -> Node {
        Node {
            waiter: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            back: Cell::new(ptr::null()),
            linked: Cell::new(false),
            won: Cell::new(false),
        }
    }

    /// Whether it was this node's list that ended the wait. Once the status is settled.
    pub fn has_won(&self) -> bool {
        self.won.get()
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

/// See the module documentation. Everything under the object's lock. All-zero memory is an empty list.
pub struct List {
    first: Cell<*const Node>,
    last: Cell<*const Node>,
}

impl List {
    /// Nobody waits.
    pub fn new() -> List {
        List { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// The first node. It may belong to a wait that is over.
    pub fn first(&self) -> Option<&Node> {
        // SAFETY: linked nodes are alive.
        unsafe { self.first.get().as_ref() }
    }

    /// Appends a node for this waiter.
    ///
    /// # Safety
    /// The node is in no list; it and the waiter stay in place until the node was taken out.
    pub unsafe fn push(&self, node: &Node, waiter: &Waiter) {
        let last = self.last.replace(node);
        node.waiter.set(waiter);
        node.won.set(false);
        node.next.set(ptr::null());
        node.back.set(last);
        if last.is_null() {
            self.first.set(node);
        } else {
            // SAFETY: linked nodes are alive.
            unsafe { (*last).next.set(node) };
        }
        node.linked.set(true);
    }

    /// Takes a node of this list out, if it is in it.
    pub fn remove(&self, node: &Node) {
        if !node.linked.replace(false) {
            return;
        }
        let (next, back) = (node.next.get(), node.back.get());
        // SAFETY: neighbours of a linked node are linked and alive.
        unsafe {
            if back.is_null() {
                self.first.set(next)
            } else {
                (*back).next.set(next)
            }
            if next.is_null() { self.last.set(back) } else { (*next).back.set(back) }
        }
    }

    /// Wins the first wait that is still open, for `status`; true when there was one. It goes on once `woken` wakes it.
    pub fn win_first(&self, woken: &mut Woken, status: Status) -> bool {
        self.win_first_with(woken, status, |_| ())
    }

    /// As [`Self::win_first`]; what else there is for the one who waits is left there through its node.
    pub fn win_first_with(&self, woken: &mut Woken, status: Status, leave: impl Fn(&Node)) -> bool {
        while let Some(node) = self.first() {
            self.remove(node);
            // SAFETY: the waiter of a linked node is in place, and was linked until this moment under the lock.
            if woken.win_with(unsafe { &*node.waiter.get() }, status, || {
                node.won.set(true);
                leave(node);
            }) {
                return true;
            }
        }
        false
    }

    /// Takes the first node out; true when its wait was still open, and is won for `status`.
    pub fn win_next(&self, woken: &mut Woken, status: Status) -> bool {
        let Some(node) = self.first() else { return false };
        self.remove(node);
        // SAFETY: the waiter of a linked node is in place, and was linked until this moment under the lock.
        woken.win_with(unsafe { &*node.waiter.get() }, status, || node.won.set(true))
    }

    /// Wins every wait that is still open, for `status`; their number. The list is empty afterwards.
    pub fn win_all(&self, woken: &mut Woken, status: Status) -> usize {
        let mut count = 0;
        while self.win_first(woken, status) {
            count += 1;
        }
        count
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}
