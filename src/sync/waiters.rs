// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wait lists of a channel: first come, first served, linked through the frames of those who wait.

use core::ptr;

use crate::base::sync::atomic::{AtomicPtr, Ordering};
use crate::base::sync::cell::Cell;
use crate::strand::waiter::Waiter;

/// One waiting sender or receiver, in its own frame.
pub struct Node {
    /// Where the element is read from (sender) or written to (receiver).
    pub element: *mut u8,
    /// Who waits.
    pub waiter: Cell<*const Waiter>,
    next: Cell<*const Node>,
    back: Cell<*const Node>,
    linked: Cell<bool>,
    /// Set by whoever ends the wait through this node, before the status.
    pub won: Cell<bool>,
}

impl Node {
    /// A node that is in no list.
    pub fn new(element: *mut u8) -> Node {
        Node {
            element,
            waiter: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            back: Cell::new(ptr::null()),
            linked: Cell::new(false),
            won: Cell::new(false),
        }
    }

    /// Whether it is in a list. Under the channel's lock.
    pub fn is_linked(&self) -> bool {
        self.linked.get()
    }
}

/// See the module documentation. Under the channel's lock. All-zero memory is an empty list.
pub struct List {
    first: AtomicPtr<Node>,
    last: Cell<*const Node>,
}

impl List {
    #[cfg(loom)]
    pub fn blank() -> List {
        List { first: AtomicPtr::new(ptr::null_mut()), last: Cell::new(ptr::null()) }
    }

    #[inline(always)]
    fn first(&self) -> *const Node {
        // Relaxed: under the lock, or a hint.
        self.first.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set_first(&self, node: *const Node) {
        self.first.store(node.cast_mut(), Ordering::Relaxed);
    }

    /// Whether nobody waits; also a hint without the lock.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first().is_null()
    }

    /// Appends.
    ///
    /// # Safety
    /// The node is in no list and stays in place until it was taken out.
    pub unsafe fn push(&self, node: &Node) {
        let last = self.last.replace(node);
        node.next.set(ptr::null());
        node.back.set(last);
        if last.is_null() {
            self.set_first(node);
        } else {
            // SAFETY: linked nodes are alive.
            unsafe { (*last).next.set(node) };
        }
        node.linked.set(true);
    }

    /// Takes the first out.
    #[inline]
    pub fn pop(&self) -> Option<&Node> {
        let first = self.first();
        if first.is_null() {
            return None;
        }
        // SAFETY: linked nodes are alive.
        let node = unsafe { &*first };
        self.remove(node);
        Some(node)
    }

    /// Takes a node of this list out.
    pub fn remove(&self, node: &Node) {
        let (next, back) = (node.next.get(), node.back.get());
        // SAFETY: neighbours of a linked node are linked and alive.
        unsafe {
            if back.is_null() {
                self.set_first(next)
            } else {
                (*back).next.set(next)
            }
            if next.is_null() { self.last.set(back) } else { (*next).back.set(back) }
        }
        node.linked.set(false);
    }

    /// The first node that is `wanted`, and whose wait is not over.
    pub fn find(&self, wanted: impl Fn(&Node) -> bool) -> Option<&Node> {
        let mut next = self.first();
        // SAFETY: linked nodes are alive, and so are their waiters.
        while let Some(node) = unsafe { next.as_ref() } {
            // SAFETY: as above.
            if unsafe { &*node.waiter.get() }.claim.is_open() && wanted(node) {
                return Some(node);
            }
            next = node.next.get();
        }
        None
    }

    /// Whether the last one here is `waiter`: then it need not stand here twice.
    #[inline]
    pub fn ends_with(&self, waiter: &Waiter) -> bool {
        // SAFETY: linked nodes are alive.
        unsafe { self.last.get().as_ref() }.is_some_and(|last| ptr::eq(last.waiter.get(), waiter))
    }

    /// Whether somebody else than `waiter` still waits here.
    pub fn has_other(&self, waiter: &Waiter) -> bool {
        let mut node = self.first();
        while !node.is_null() {
            // SAFETY: linked nodes are alive, and so are their waiters.
            let (other, next) = unsafe { (&*(*node).waiter.get(), (*node).next.get()) };
            if !ptr::eq(other, waiter) && other.claim.is_open() {
                return true;
            }
            node = next;
        }
        false
    }

    /// Calls `act` with the element of each wait that nobody has ended.
    pub fn each_element(&self, mut act: impl FnMut(*mut u8)) {
        let mut node = self.first();
        // SAFETY: linked nodes are alive, and so are their waiters.
        while let Some(here) = unsafe { node.as_ref() } {
            // SAFETY: as above.
            if unsafe { &*here.waiter.get() }.claim.is_open() {
                act(here.element);
            }
            node = here.next.get();
        }
    }

    /// Number of those that still wait; one that has timed out is linked until it runs.
    pub fn count(&self) -> usize {
        let mut count = 0;
        let mut node = self.first();
        while !node.is_null() {
            // SAFETY: linked nodes are alive, and so are their waiters.
            let (waiter, next) = unsafe { (&*(*node).waiter.get(), (*node).next.get()) };
            count += usize::from(waiter.claim.is_open());
            node = next;
        }
        count
    }
}
