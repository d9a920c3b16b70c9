// SPDX-License-Identifier: MIT OR Apache-2.0
//! A pairing heap of timers, the exact part of a [`super::wheel`]. The nodes lie in the waiters: nothing allocates.
//!
//! Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap: a new form of self-adjusting heap" (1986): insert and
//! minimum in constant time, removal of any node in amortised logarithmic time.
//!
//! ```text
//! node.child    leftmost child, whose deadline is not earlier
//! node.sibling  next child of the same parent
//! node.back     the parent when leftmost, else the sibling to the left; null for the root and for unlinked nodes
//! ```

use core::ptr;

use super::sync::cell::Cell;

/// Place of a node that is linked nowhere.
pub(super) const UNLINKED: u16 = 0;
/// Place of a node that is in a heap.
pub(super) const IN_HEAP: u16 = u16::MAX;

/// What a timer is a field of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TimerOwner {
    /// A waiter. All-zero memory says this.
    Waiter = 0,
    /// A cancel token.
    Token = 1,
    /// The alarm of a timer object: where nobody waits for that, it makes no difference.
    Timer = 2,
}

/// One timer. Lives in its owner and does not move while linked.
pub struct TimerNode {
    /// Whose it is.
    pub owner: Cell<TimerOwner>,
    /// When it fires, in nanoseconds of the runtime's clock.
    pub deadline: Cell<i64>,
    child: Cell<*const TimerNode>,
    /// Also the next in a slot of a wheel.
    pub(super) sibling: Cell<*const TimerNode>,
    /// Also the one before in a slot of a wheel.
    pub(super) back: Cell<*const TimerNode>,
    /// Which of all armings this was: the earlier of equal deadlines fires first.
    pub(super) sequence: Cell<u32>,
    /// Where it is linked: [`UNLINKED`], [`IN_HEAP`], else one more than the slot of a wheel.
    pub(super) place: Cell<u16>,
}

impl TimerNode {
    /// An unlinked node. All-zero memory is one too.
    pub fn new() -> Self {
        TimerNode {
            owner: Cell::new(TimerOwner::Waiter),
            deadline: Cell::new(0),
            child: Cell::new(ptr::null()),
            sibling: Cell::new(ptr::null()),
            back: Cell::new(ptr::null()),
            sequence: Cell::new(0),
            place: Cell::new(UNLINKED),
        }
    }

    /// Whether it is in a heap or a wheel. Under the lock of that.
    #[inline]
    pub fn is_linked(&self) -> bool {
        self.place.get() != UNLINKED
    }
}

impl Default for TimerNode {
    fn default() -> Self {
        Self::new()
    }
}

/// See the module documentation. Its owner's lock makes every access exclusive.
pub struct TimerHeap {
    root: Cell<*const TimerNode>,
}

impl TimerHeap {
    /// An empty heap.
    pub fn new() -> Self {
        TimerHeap { root: Cell::new(ptr::null()) }
    }

    /// The earliest deadline.
    #[inline]
    pub fn earliest(&self) -> Option<i64> {
        let root = self.root.get();
        // SAFETY: a linked node is alive until it is removed (contract of `insert`).
        (!root.is_null()).then(|| unsafe { (*root).deadline.get() })
    }

    /// Links `node`, whose deadline and number are set.
    ///
    /// # Safety
    /// The node is not linked, and stays alive and in place until it is removed or popped. The caller has exclusive
    /// access to the heap.
    pub unsafe fn insert(&self, node: *const TimerNode) {
        // SAFETY: the node is alive (contract).
        let fields = unsafe { &*node };
        fields.child.set(ptr::null());
        fields.sibling.set(ptr::null());
        fields.back.set(ptr::null());
        fields.place.set(IN_HEAP);
        // SAFETY: both are roots of well-formed trees of live nodes.
        self.root.set(unsafe { meld(self.root.get(), node) });
    }

    /// Unlinks the earliest node if its deadline is at or before `now`.
    ///
    /// # Safety
    /// The caller has exclusive access to the heap.
    pub unsafe fn pop_due(&self, now: i64) -> Option<*const TimerNode> {
        if self.earliest()? > now {
            return None;
        }
        let root = self.root.get();
        // SAFETY: the root is linked, thus alive.
        unsafe { self.remove(root) };
        Some(root)
    }

    /// Unlinks `node`.
    ///
    /// # Safety
    /// The node is linked in this heap. The caller has exclusive access to the heap.
    pub unsafe fn remove(&self, node: *const TimerNode) {
        // SAFETY: linked nodes are alive, and so are their relatives.
        unsafe {
            let fields = &*node;
            let rest = pair_up(fields.child.get());
            if self.root.get() == node {
                self.root.set(rest);
            } else {
                detach(fields);
                self.root.set(meld(self.root.get(), rest));
            }
            fields.child.set(ptr::null());
            fields.sibling.set(ptr::null());
            fields.back.set(ptr::null());
            fields.place.set(UNLINKED);
        }
    }
}

impl Default for TimerHeap {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes a node that is not the root out of its parent's list of children.
///
/// # Safety
/// `fields` is linked below a root; its relatives are alive.
unsafe fn detach(fields: &TimerNode) {
    let (back, sibling) = (fields.back.get(), fields.sibling.get());
    // SAFETY: relatives of a linked node are linked and alive.
    unsafe {
        if ptr::eq((*back).child.get(), fields) {
            (*back).child.set(sibling);
        } else {
            (*back).sibling.set(sibling);
        }
        if !sibling.is_null() {
            (*sibling).back.set(back);
        }
    }
}

/// Whether `a` fires before `b`. Numbers of armings go round; those in one heap lie less than half a round apart.
fn is_before(a: &TimerNode, b: &TimerNode) -> bool {
    let (first, second) = (a.deadline.get(), b.deadline.get());
    first < second || first == second && (a.sequence.get().wrapping_sub(b.sequence.get()) as i32) < 0
}

/// Makes one tree of two.
///
/// # Safety
/// Both are null or roots of well-formed trees of live nodes, without siblings.
unsafe fn meld(a: *const TimerNode, b: *const TimerNode) -> *const TimerNode {
    if a.is_null() {
        return b;
    }
    if b.is_null() {
        return a;
    }
    // SAFETY: not null, alive by contract.
    unsafe {
        let (top, below) = if is_before(&*b, &*a) { (b, a) } else { (a, b) };
        let first = (*top).child.get();
        (*below).sibling.set(first);
        (*below).back.set(top);
        if !first.is_null() {
            (*first).back.set(below);
        }
        (*top).child.set(below);
        (*top).sibling.set(ptr::null());
        (*top).back.set(ptr::null());
        top
    }
}

/// The two passes of the pairing heap over a list of siblings, without recursion.
///
/// # Safety
/// `first` is null or the first of a list of live siblings that nobody else refers to.
unsafe fn pair_up(first: *const TimerNode) -> *const TimerNode {
    let mut pairs: *const TimerNode = ptr::null();
    let mut next = first;
    // SAFETY: every node of the list is alive by contract; each is taken off the list before it is melded.
    unsafe {
        while !next.is_null() {
            let a = next;
            let b = (*a).sibling.get();
            next = if b.is_null() { b } else { (*b).sibling.get() };
            (*a).sibling.set(ptr::null());
            (*a).back.set(ptr::null());
            if !b.is_null() {
                (*b).sibling.set(ptr::null());
                (*b).back.set(ptr::null());
            }
            let pair = meld(a, b);
            // The melded pairs are chained through `back`, newest first, for the second pass.
            (*pair).back.set(pairs);
            pairs = pair;
        }
        let mut root: *const TimerNode = ptr::null();
        while !pairs.is_null() {
            let pair = pairs;
            pairs = (*pair).back.get();
            (*pair).back.set(ptr::null());
            root = meld(root, pair);
        }
        root
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pops_in_the_order_of_a_sorted_list_under_random_inserts_and_removals(
            steps in proptest::collection::vec((0u8..3, 0usize..64, 0i64..50), 1..300)
        ) {
            let nodes: Vec<TimerNode> = (0..64).map(|_| TimerNode::new()).collect();
            let heap = TimerHeap::new();
            let mut model: Vec<(i64, usize)> = Vec::new();
            let mut number = u32::MAX - 20; // it goes round
            for (what, which, deadline) in steps {
                let node = &nodes[which];
                match what {
                    0 if !node.is_linked() => {
                        node.deadline.set(deadline);
                        node.sequence.set(number);
                        number = number.wrapping_add(1);
                        // SAFETY: unlinked, and `nodes` outlives the heap's use of it.
                        unsafe { heap.insert(node) };
                        model.push((deadline, which));
                    }
                    1 if node.is_linked() => {
                        // SAFETY: linked in this heap.
                        unsafe { heap.remove(node) };
                        model.retain(|(_, w)| *w != which);
                    }
                    2 => {
                        // SAFETY: single-threaded.
                        let popped = unsafe { heap.pop_due(deadline) };
                        // The model is in the order of arming, and the least is the first of its equals.
                        let least = model.iter().min_by_key(|(d, _)| *d).copied().filter(|(d, _)| *d <= deadline);
                        prop_assert_eq!(popped, least.map(|(_, w)| &nodes[w] as *const TimerNode));
                        if let Some(node) = popped {
                            model.retain(|(_, w)| !ptr::eq(node, &nodes[*w]));
                        }
                    }
                    _ => {}
                }
                prop_assert_eq!(heap.earliest(), model.iter().map(|(d, _)| *d).min());
            }
        }
    }
}
