// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lot: queues of those who wait for something that lies in the program's own memory, found by its address.
//!
//! ```text
//! bucket    lock, number of those who wait for an unlock that looks here, first queue
//!             │
//!           node ── node ── node     a queue: all with one key, oldest first, linked through the frames that wait
//!             │ chain
//!           node ── node             the next queue of the bucket
//! ```
//! An object such as a mutex is one word, and its queue lies here, because an unlock must not touch the object once it is
//! free: whoever has it next may unlock it and free its memory. As long as a queue is not empty, and its bucket is locked,
//! the object is there: nobody may free it while somebody waits. (The technique is the parking lot of WebKit; queues that
//! hang off their first node are Go's.)

use core::ptr;

use super::block::Woken;
use crate::base::lock::ByteLock;
use crate::base::status::Status;
use crate::base::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::base::sync::cell::Cell;
use crate::strand::waiter::Waiter;

/// What has become of a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nothing yet, or something else has ended it.
    Open,
    /// It has what it waited for.
    Granted,
    /// It was woken to try again, and nobody else will be until it has.
    Awake,
}

/// One wait in one queue, in the frame of the one who waits.
pub struct Node {
    /// Whose queue it is in, or was in last. Under the bucket's lock; read without it to find the bucket.
    key: AtomicUsize,
    /// Who waits, see `sync::owner`.
    pub who: u64,
    /// What for: what the object makes of it.
    pub wants: u64,
    /// What has become of it. Under the bucket's lock; afterwards by its owner.
    pub fate: Cell<Fate>,
    /// It was moved here by whoever ended the wait that it began with.
    pub moved: Cell<bool>,
    waiter: Cell<*const Waiter>,
    next: Cell<*const Node>,
    back: Cell<*const Node>,
    /// Of the first node of a queue: the last one, and the first of the bucket's next queue.
    tail: Cell<*const Node>,
    chain: Cell<*const Node>,
    linked: Cell<bool>,
    watched: Cell<bool>,
}

impl Node {
    /// A node that is in no queue.
    pub fn new(who: u64, wants: u64) -> Node {
        Node {
            key: AtomicUsize::new(0),
            who,
            wants,
            fate: Cell::new(Fate::Open),
            moved: Cell::new(false),
            waiter: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            back: Cell::new(ptr::null()),
            tail: Cell::new(ptr::null()),
            chain: Cell::new(ptr::null()),
            linked: Cell::new(false),
            watched: Cell::new(false),
        }
    }

    /// Who waits. Of a node that is or was in a queue, under the bucket's lock.
    pub fn waiter(&self) -> &Waiter {
        // SAFETY: set when it was linked; the waiter stays in place as long as the node does.
        unsafe { &*self.waiter.get() }
    }

    /// Says who waits, before the node is linked.
    pub fn set_waiter(&self, waiter: &Waiter) {
        self.waiter.set(waiter);
    }
}

#[repr(align(64))]
struct Bucket {
    lock: ByteLock,
    /// How many nodes are watched: an unlock that finds none need not look any further.
    watched: AtomicU32,
    first: Cell<*const Node>,
}

// SAFETY: the cell is touched under the lock only.
unsafe impl Sync for Bucket {}
// SAFETY: as above.
unsafe impl Send for Bucket {}

#[cfg(not(loom))]
const BUCKETS: usize = 256;
#[cfg(not(loom))]
static LOT: [Bucket; BUCKETS] =
    [const { Bucket { lock: ByteLock::new(), watched: AtomicU32::new(0), first: Cell::new(ptr::null()) } }; BUCKETS];
// In a model all objects share a bucket, as objects with the same hash do.
#[cfg(loom)]
crate::base::sync::shared_static! {
    static LOT: [Bucket; 1] = [Bucket { lock: ByteLock::new(), watched: AtomicU32::new(0), first: Cell::new(ptr::null()) }];
}

#[cfg(not(loom))]
#[inline(always)]
fn bucket_of(key: usize) -> &'static Bucket {
    // Objects are at least 8 bytes apart; the upper bits of a product depend on all bits of its factors.
    &LOT[((key >> 3) as u32).wrapping_mul(0x9E37_79B9) as usize >> 24]
}

#[cfg(loom)]
fn bucket_of(_: usize) -> &'static Bucket {
    &LOT[0]
}

/// Whether somebody may wait who relies on it that an unlock looks here. The object itself is not touched.
#[inline(always)]
pub fn is_watched(key: usize) -> bool {
    // Relaxed: the caller has passed a light fence, which pairs with the heavy one of whoever began to watch.
    bucket_of(key).watched.load(Ordering::Relaxed) != 0
}

/// A locked bucket, or two. Unlocks when dropped.
pub struct Queues {
    bucket: &'static Bucket,
    other: Option<&'static Bucket>,
}

/// Locks the bucket of an object.
pub fn lock(key: usize) -> Queues {
    let bucket = bucket_of(key);
    bucket.lock.lock();
    Queues { bucket, other: None }
}

/// Locks the buckets of two objects, always in the same order.
pub fn lock_both(one: usize, two: usize) -> Queues {
    let (first, second) = (bucket_of(one), bucket_of(two));
    if ptr::eq(first, second) {
        return lock(one);
    }
    let swapped = ptr::from_ref(first) > ptr::from_ref(second);
    let (bucket, other) = if swapped { (second, first) } else { (first, second) };
    bucket.lock.lock();
    other.lock.lock();
    Queues { bucket, other: Some(other) }
}

impl Queues {
    /// From now on unlocks look here: until [`Self::settle`], or as long as a watched node is linked. True: nobody has
    /// watched before, and the caller passes a heavy fence.
    pub fn watch(&self, key: usize) -> bool {
        bucket_of(key).watched.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// Takes a [`Self::watch`] back.
    pub fn settle(&self, key: usize) {
        bucket_of(key).watched.fetch_sub(1, Ordering::Relaxed);
    }

    /// The first of those who wait for an object; it may belong to a wait that is over.
    pub fn first(&self, key: usize) -> Option<&Node> {
        let mut node = bucket_of(key).first.get();
        // SAFETY: linked nodes are alive as long as their bucket is locked, which this value is the proof of.
        while let Some(this) = unsafe { node.as_ref() } {
            if this.key.load(Ordering::Relaxed) == key {
                return Some(this);
            }
            node = this.chain.get();
        }
        None
    }

    /// Whether nobody waits for an object.
    pub fn is_empty(&self, key: usize) -> bool {
        self.first(key).is_none()
    }

    /// Number of those who wait for an object.
    pub fn count(&self, key: usize) -> usize {
        let mut count = 0;
        let mut next = self.first(key);
        while let Some(node) = next {
            count += usize::from(node.waiter().claim.is_open());
            next = self.after(node);
        }
        count
    }

    /// The next in the queue.
    pub fn after(&self, node: &Node) -> Option<&Node> {
        // SAFETY: as in `first`.
        unsafe { node.next.get().as_ref() }
    }

    /// Appends a node whose waiter is set. `watched`: it relies on it that unlocks look here.
    ///
    /// # Safety
    /// The node is in no queue; it and its waiter stay in place until the node was taken out.
    pub unsafe fn push(&self, key: usize, node: &Node, watched: bool) {
        self.enter(key, node, watched);
        match self.first(key) {
            None => self.begin(key, node),
            Some(first) => {
                let last = first.tail.replace(node);
                node.back.set(last);
                // SAFETY: as in `first`.
                unsafe { (*last).next.set(node) };
            }
        }
    }

    /// As [`Self::push`], before all others.
    ///
    /// # Safety
    /// As [`Self::push`].
    pub unsafe fn push_first(&self, key: usize, node: &Node, watched: bool) {
        self.enter(key, node, watched);
        match self.first(key) {
            None => self.begin(key, node),
            Some(first) => {
                node.next.set(first);
                node.tail.set(first.tail.get());
                first.back.set(node);
                self.replace(key, first, node);
            }
        }
    }

    fn enter(&self, key: usize, node: &Node, watched: bool) {
        node.key.store(key, Ordering::Relaxed);
        node.next.set(ptr::null());
        node.back.set(ptr::null());
        node.linked.set(true);
        node.watched.set(watched);
        if watched {
            // Never the first: the caller has begun to watch.
            self.watch(key);
        }
    }

    fn begin(&self, key: usize, node: &Node) {
        let bucket = bucket_of(key);
        node.tail.set(node);
        node.chain.set(bucket.first.replace(node));
    }

    /// Puts a queue's first node in the place of the one that was.
    fn replace(&self, key: usize, old: &Node, new: *const Node) {
        let mut place = &bucket_of(key).first;
        loop {
            let node = place.get();
            if ptr::eq(node, old) {
                break;
            }
            // SAFETY: as in `first`; `old` is the first of a queue, so it is in the chain.
            place = unsafe { &(*node).chain };
        }
        // SAFETY: as above.
        match unsafe { new.as_ref() } {
            None => place.set(old.chain.get()),
            Some(node) => {
                node.chain.set(old.chain.get());
                place.set(node);
            }
        }
    }

    /// Takes a node out, if it is in a queue of these buckets.
    pub fn remove(&self, node: &Node) {
        if !node.linked.replace(false) {
            return;
        }
        let key = node.key.load(Ordering::Relaxed);
        if node.watched.get() {
            self.settle(key);
        }
        let (next, back) = (node.next.get(), node.back.get());
        // SAFETY: neighbours of a linked node are linked and alive.
        match unsafe { (next.as_ref(), back.as_ref()) } {
            (next, None) => {
                if let Some(next) = next {
                    next.back.set(ptr::null());
                    next.tail.set(node.tail.get());
                }
                self.replace(key, node, next.map_or(ptr::null(), ptr::from_ref));
            }
            (Some(next), Some(back)) => {
                next.back.set(back);
                back.next.set(next);
            }
            (None, Some(back)) => {
                back.next.set(ptr::null());
                if let Some(first) = self.first(key) {
                    first.tail.set(back);
                }
            }
        }
    }

    /// Takes the first node out and tries to win its wait: `leave` says what has become of it, before the waiter can go
    /// on. `None`: there was nobody; false: the wait was over.
    pub fn win_first(&self, key: usize, woken: &mut Woken, leave: impl FnOnce(&Node)) -> Option<bool> {
        let node = self.first(key)?;
        self.remove(node);
        Some(woken.win_with(node.waiter(), Status::OK, || leave(node)))
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        self.bucket.lock.unlock();
        if let Some(other) = self.other {
            other.lock.unlock();
        }
    }
}

/// Locks the bucket that a node is in, or was in last, and takes it out if it is still linked. The key of its queue then.
pub fn take_out(node: &Node) -> (Queues, Option<usize>) {
    loop {
        let key = node.key.load(Ordering::Relaxed);
        let queues = lock(key);
        // A node that is moved to another queue is moved under the locks of both.
        if node.key.load(Ordering::Relaxed) == key {
            let linked = node.linked.get();
            queues.remove(node);
            return (queues, linked.then_some(key));
        }
    }
}

/// Whether this waiter still waits for the object, and if so what `look` makes of that. As long as it does, the object is
/// there.
pub fn while_waiting<T>(key: usize, waiter: &Waiter, look: impl FnOnce(&Node) -> T) -> Option<T> {
    let queues = lock(key);
    let mut next = queues.first(key);
    while let Some(node) = next {
        if ptr::eq(node.waiter(), waiter) {
            return Some(look(node));
        }
        next = queues.after(node);
    }
    None
}

/// Forgets everybody: those who are left have been abandoned, with their stacks.
///
/// # Safety
/// No strand runs, and no thread is inside a call.
pub unsafe fn stop() {
    for bucket in LOT.iter() {
        bucket.lock.lock();
        bucket.first.set(ptr::null());
        bucket.watched.store(0, Ordering::Relaxed);
        bucket.lock.unlock();
    }
}
