// SPDX-License-Identifier: MIT OR Apache-2.0
//! A hierarchical timing wheel in front of a small exact heap: arming and disarming in constant time, firing in the exact
//! order of deadlines, and no allocation, since the nodes lie in what waits.
//!
//! Varghese, Lauck, "Hashed and hierarchical timing wheels: data structures for the efficient implementation of a timer
//! facility" (1987), scheme 7; the choice of the level by the highest differing digit is that of Linux and tokio.
//!
//! Time is counted in ticks of about a millisecond, and ticks in digits of six bits. The hand is a tick that lies in the past.
//! ```text
//! heap      deadlines in the tick of the hand, or before: exact, in order
//! level 0   another last digit than the hand: a slot is one tick
//! level 1   another digit before that: a slot is 64 ticks, 67 ms
//! ...
//! level 7   a slot is longer than this machine will run
//! ```
//! All that lies in one level comes before all that lies in the next, and in a level the slots come in the order of their
//! digits, which are larger than that of the hand. So the first slot is found by two bits, and it knows the least deadline
//! that was put into it: nobody need wake before that. When that deadline comes, the hand moves to the slot, and its nodes
//! to the levels below, or into the heap; a caller that holds a lock may do so in pieces. A hand that stands where it should not
//! costs time, and nothing else: what lies behind it goes into the heap.

// Plain cells also in a model: what it watches are the nodes.
use core::cell::Cell;
use core::ptr;

use super::heap::{IN_HEAP, TimerHeap, TimerNode, UNLINKED};

/// log2 of the nanoseconds of a tick.
const TICK_BITS: u32 = 20;
/// log2 of the slots of a level.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
/// Slots of all levels. The stacks of a model's threads are small, and all its wheels are exact.
const PLACES: usize = if cfg!(loom) { 1 } else { LEVELS * SLOTS };
/// Enough for every deadline there is.
const LEVELS: usize = (63 - TICK_BITS).div_ceil(LEVEL_BITS) as usize;
/// No slot.
const NONE: u16 = u16::MAX;

/// Timers of one slot: a list in no order.
struct Slot {
    first: Cell<*const TimerNode>,
    /// Not later than any deadline in the slot, which is not empty.
    least: Cell<i64>,
}

/// What came of looking for a timer that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// This one, which is unlinked now.
    Node(*const TimerNode),
    /// There may be one, but the work that was allowed is used up.
    Later,
    /// None is due.
    None,
}

/// See the module documentation. Its owner's lock makes every access exclusive.
pub struct TimerWheel {
    heap: TimerHeap,
    /// A tick. No slot holds a deadline in it or before it, but the one that is being opened.
    hand: Cell<u64>,
    /// Levels that hold anything.
    levels: Cell<u8>,
    /// For each level the slots that hold anything.
    occupied: [Cell<u64>; LEVELS],
    /// The slot that the hand was moved to, while its nodes are being moved.
    opening: Cell<u16>,
    /// Armings so far.
    armed: Cell<u32>,
    slots: [Slot; PLACES],
}

const _: () = assert!(LEVELS == 8);

impl TimerWheel {
    /// An empty wheel.
    pub fn new() -> Self {
        TimerWheel {
            heap: TimerHeap::new(),
            hand: Cell::new(0),
            levels: Cell::new(0),
            occupied: [const { Cell::new(0) }; LEVELS],
            opening: Cell::new(NONE),
            armed: Cell::new(0),
            slots: [const { Slot { first: Cell::new(ptr::null()), least: Cell::new(0) } }; PLACES],
        }
    }

    /// An empty wheel whose hand stands at the end of time: everything lies in the heap, so the earliest deadline is always
    /// known exactly. For a clock that jumps from one deadline to the next.
    pub fn exact() -> Self {
        let wheel = Self::new();
        wheel.hand.set(u64::MAX);
        wheel
    }

    /// No deadline is earlier than this one. It is that of a timer, unless timers were removed.
    #[inline]
    pub fn earliest(&self) -> Option<i64> {
        match (self.heap.earliest(), self.first_slot()) {
            (exact, None) => exact,
            (None, Some(slot)) => Some(self.slots[slot].least.get()),
            (Some(exact), Some(slot)) => Some(exact.min(self.slots[slot].least.get())),
        }
    }

    /// Links `node`, whose deadline is set; `now` is some moment that is not in the future.
    ///
    /// # Safety
    /// The node is not linked, and stays alive and in place until it is removed or popped. The caller has exclusive
    /// access to the wheel.
    #[inline]
    pub unsafe fn insert(&self, node: *const TimerNode, now: i64) {
        if self.levels.get() == 0 {
            // Nothing that the hand could miss.
            self.hand.set(self.hand.get().max(tick(now)));
        }
        // SAFETY: alive by contract.
        unsafe { (*node).sequence.set(self.armed.get()) };
        self.armed.set(self.armed.get().wrapping_add(1));
        // SAFETY: by contract.
        unsafe { self.place(node) };
    }

    /// Puts an unlinked node where its deadline belongs.
    ///
    /// # Safety
    /// As [`Self::insert`].
    #[inline]
    unsafe fn place(&self, node: *const TimerNode) {
        // SAFETY: alive by contract.
        let fields = unsafe { &*node };
        let deadline = fields.deadline.get();
        let (tick, hand) = (tick(deadline), self.hand.get());
        if tick <= hand {
            // SAFETY: by contract.
            return unsafe { self.heap.insert(node) };
        }
        let level = ((tick ^ hand).ilog2() / LEVEL_BITS) as usize;
        let digit = (tick >> (level as u32 * LEVEL_BITS)) as usize % SLOTS;
        let place = level * SLOTS + digit;
        let slot = &self.slots[place];
        let first = slot.first.replace(node);
        fields.sibling.set(first);
        fields.back.set(ptr::null());
        fields.place.set(place as u16 + 1);
        if first.is_null() {
            slot.least.set(deadline);
            self.occupied[level].set(self.occupied[level].get() | 1 << digit);
            self.levels.set(self.levels.get() | 1 << level);
        } else {
            let least = if seeded(Defect::LastForLeast) { deadline } else { slot.least.get().min(deadline) };
            slot.least.set(least);
            // SAFETY: linked nodes are alive.
            unsafe { (*first).back.set(node) };
        }
    }

    /// Unlinks `node`.
    ///
    /// # Safety
    /// The node is linked in this wheel. The caller has exclusive access to the wheel.
    #[inline]
    pub unsafe fn remove(&self, node: *const TimerNode) {
        // SAFETY: linked nodes are alive, and so are their neighbours.
        unsafe {
            let fields = &*node;
            let place = fields.place.get();
            if place == IN_HEAP {
                return self.heap.remove(node);
            }
            let (next, back) = (fields.sibling.get(), fields.back.get());
            if !next.is_null() {
                (*next).back.set(back);
            }
            if back.is_null() {
                self.slots[place as usize - 1].first.set(next);
                if next.is_null() {
                    self.vacate(place as usize - 1);
                }
            } else {
                (*back).sibling.set(next);
            }
            fields.place.set(UNLINKED);
        }
    }

    /// The slot at this place is empty now.
    fn vacate(&self, place: usize) {
        let (level, digit) = (place / SLOTS, place % SLOTS);
        self.occupied[level].set(self.occupied[level].get() & !(1 << digit));
        if self.occupied[level].get() == 0 {
            self.levels.set(self.levels.get() & !(1 << level));
        }
        if self.opening.get() == place as u16 {
            self.opening.set(NONE);
        }
    }

    /// Unlinks the timer that fires next, if its deadline is at or before `now`: the first in the order of deadlines, and
    /// of arming where they are equal. `work` is what may still be done, and what is left of it.
    ///
    /// # Safety
    /// The caller has exclusive access to the wheel.
    pub unsafe fn pop_due(&self, now: i64, work: &mut u32) -> Due {
        loop {
            let exact = self.heap.earliest();
            if let Some(place) = self.first_slot() {
                let least = self.slots[place].least.get();
                // One that is equal may have been armed before.
                let comes_first = exact.is_none_or(|exact| least <= exact && !seeded(Defect::HeapFirst));
                if least <= now && comes_first {
                    if !self.open(place, now, work) {
                        return Due::Later;
                    }
                    continue;
                }
            }
            let now = if seeded(Defect::EarlyByATick) { now | ((1 << TICK_BITS) - 1) } else { now };
            if exact.is_none_or(|exact| exact > now) {
                return Due::None;
            }
            if *work == 0 {
                return Due::Later;
            }
            *work -= 1;
            // SAFETY: the caller's.
            return unsafe { self.heap.pop_due(now) }.map_or(Due::None, Due::Node);
        }
    }

    /// Moves the hand to a slot and the slot's nodes to where they belong then. False: the work did not suffice for all.
    fn open(&self, place: usize, now: i64, work: &mut u32) -> bool {
        let slot = &self.slots[place];
        if self.opening.get() != place as u16 {
            // SAFETY: the slot is not empty, and linked nodes are alive.
            let inside = tick(unsafe { (*slot.first.get()).deadline.get() });
            let width = (place / SLOTS) as u32 * LEVEL_BITS;
            let begin = inside >> width << width;
            // Nothing lies below this level, so the hand need not stop before what is due already.
            self.hand.set(tick(now).clamp(begin, begin | ((1 << width) - 1)));
            self.opening.set(place as u16);
        }
        while self.opening.get() == place as u16 {
            if *work == 0 {
                return false;
            }
            *work -= 1;
            let node = slot.first.get();
            // SAFETY: linked in this wheel; then unlinked, and still alive.
            unsafe {
                self.remove(node);
                if seeded(Defect::Renumbered) {
                    (*node).sequence.set(self.armed.get());
                    self.armed.set(self.armed.get().wrapping_add(1));
                }
                if seeded(Defect::LostAtBoundary) && tick((*node).deadline.get()) == self.hand.get() && place >= SLOTS {
                    continue;
                }
                self.place(node);
            }
        }
        true
    }

    /// The slot whose deadlines come before those of all others.
    #[inline]
    fn first_slot(&self) -> Option<usize> {
        if self.opening.get() != NONE && !seeded(Defect::OpeningForgotten) {
            return Some(self.opening.get() as usize);
        }
        let levels = self.levels.get();
        if levels == 0 {
            return None;
        }
        let level = levels.trailing_zeros() as usize;
        Some(level * SLOTS + self.occupied[level].get().trailing_zeros() as usize)
    }
}

impl Default for TimerWheel {
    fn default() -> Self {
        Self::new()
    }
}

/// The tick in which a moment lies.
#[inline]
fn tick(moment: i64) -> u64 {
    moment.max(0) as u64 >> TICK_BITS
}

/// Mistakes that a test seeds, each of which the comparison with a sorted list must notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(dead_code, reason = "made by tests only")]
enum Defect {
    /// A timer fires as soon as its tick has begun.
    EarlyByATick,
    /// A node whose tick is the first of a slot that is opened is forgotten.
    LostAtBoundary,
    /// Nodes that come out of a slot are numbered anew.
    Renumbered,
    /// The heap is emptied before a slot that may hold earlier timers is opened.
    HeapFirst,
    /// The slot that is being opened is no longer the first.
    OpeningForgotten,
    /// A slot knows the deadline that came last, not the least.
    LastForLeast,
}

#[cfg(test)]
std::thread_local! {
    static SEEDED: Cell<Option<Defect>> = const { Cell::new(None) };
}

/// Whether `defect` is seeded on this thread. Outside of tests none ever is, and asking costs nothing.
#[inline(always)]
fn seeded(defect: Defect) -> bool {
    #[cfg(test)]
    return SEEDED.get() == Some(defect);
    #[cfg(not(test))]
    {
        let _ = defect;
        false
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    const TICK: i64 = 1 << TICK_BITS;
    /// Moments around which things change: the widths of ticks and of the slots of all levels.
    const WIDTHS: [i64; 9] =
        [1, TICK, TICK << 6, TICK << 12, TICK << 18, TICK << 24, TICK << 30, TICK << 36, TICK << 42];
    const NODES: usize = 48;

    #[derive(Clone, Debug)]
    enum Step {
        /// Arm a node so far from now; `behind` is how old the moment is that the wheel is told.
        Arm {
            node: usize,
            ahead: i64,
            behind: i64,
        },
        /// Arm a node for the very deadline that another has.
        ArmEqual {
            node: usize,
            other: usize,
        },
        Disarm {
            node: usize,
        },
        /// Let time pass, and fire what is due, with so much work at a time and so many at most.
        Pass {
            time: i64,
            work: u32,
            most: usize,
        },
    }

    fn ahead() -> impl Strategy<Value = i64> {
        let near_widths = (0..WIDTHS.len(), 1i64..70, -2i64..3)
            .prop_map(|(width, times, off)| WIDTHS[width].saturating_mul(times).saturating_add(off));
        prop_oneof![
            4 => near_widths,
            2 => 0..200 * TICK,
            1 => -3 * TICK..3 * TICK,
            1 => prop_oneof![Just(i64::MAX), Just(i64::MAX - 1), Just(i64::MIN), Just(0)],
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..NODES, ahead(), prop_oneof![Just(0), Just(i64::MAX), 0..100 * TICK])
                .prop_map(|(node, ahead, behind)| Step::Arm { node, ahead, behind }),
            2 => (0..NODES, 0..NODES).prop_map(|(node, other)| Step::ArmEqual { node, other }),
            3 => (0..NODES).prop_map(|node| Step::Disarm { node }),
            3 => (ahead(), prop_oneof![1u32..4, Just(1000)], prop_oneof![1usize..4, Just(1000)])
                .prop_map(|(time, work, most)| Step::Pass { time: time.max(0), work, most }),
        ]
    }

    /// What is armed, in the order of arming, and the wheel beside it.
    struct Beside {
        nodes: Vec<TimerNode>,
        wheel: TimerWheel,
        model: Vec<(i64, usize)>,
        now: i64,
        removed: bool,
    }

    impl Beside {
        fn arm(&mut self, node: usize, deadline: i64, told: i64) {
            if self.nodes[node].is_linked() {
                return;
            }
            self.nodes[node].deadline.set(deadline);
            // SAFETY: unlinked, and `nodes` outlives the wheel's use of it.
            unsafe { self.wheel.insert(&self.nodes[node], told) };
            self.model.push((deadline, node));
        }

        fn least(&self) -> Option<(i64, usize)> {
            // The first of its equals.
            self.model.iter().min_by_key(|(deadline, _)| *deadline).copied()
        }

        fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
            match *step {
                Step::Arm { node, ahead, behind } => {
                    self.arm(node, self.now.saturating_add(ahead), self.now.saturating_sub(behind).max(0));
                }
                Step::ArmEqual { node, other } => {
                    if self.nodes[other].is_linked() {
                        self.arm(node, self.nodes[other].deadline.get(), self.now);
                    }
                }
                Step::Disarm { node } => {
                    if self.nodes[node].is_linked() {
                        // SAFETY: linked in this wheel.
                        unsafe { self.wheel.remove(&self.nodes[node]) };
                        self.model.retain(|(_, other)| *other != node);
                        self.removed = true;
                    }
                }
                Step::Pass { time, work, most } => {
                    self.now = self.now.saturating_add(time);
                    self.fire(work, most)?;
                }
            }
            let earliest = self.wheel.earliest();
            let least = self.least().map(|(deadline, _)| deadline);
            prop_assert_eq!(earliest.is_some(), least.is_some());
            prop_assert!(earliest <= least, "a timer would be late: {:?} after {:?}", earliest, least);
            if !self.removed {
                prop_assert_eq!(earliest, least);
            }
            Ok(())
        }

        fn fire(&mut self, work: u32, most: usize) -> Result<(), TestCaseError> {
            let (mut left, mut rounds) = (most, 0);
            while left > 0 {
                let mut allowed = work;
                // SAFETY: single-threaded.
                match unsafe { self.wheel.pop_due(self.now, &mut allowed) } {
                    Due::None => {
                        prop_assert!(self.least().is_none_or(|(deadline, _)| deadline > self.now), "one was lost");
                        return Ok(());
                    }
                    Due::Later => {
                        prop_assert_eq!(allowed, 0);
                        rounds += 1;
                        prop_assert!(rounds < 20 * NODES, "it never comes to an end");
                    }
                    Due::Node(node) => {
                        let (deadline, first) = self.least().ok_or_else(|| TestCaseError::fail("nobody is armed"))?;
                        prop_assert!(deadline <= self.now, "early by {}", deadline - self.now);
                        prop_assert!(ptr::eq(node, &self.nodes[first]), "not the first");
                        prop_assert!(!self.nodes[first].is_linked());
                        self.model.retain(|(_, node)| *node != first);
                        left -= 1;
                    }
                }
            }
            Ok(())
        }
    }

    fn runs_as_the_model(steps: &[Step], wheel: TimerWheel) -> Result<(), TestCaseError> {
        let mut beside = Beside {
            nodes: (0..NODES).map(|_| TimerNode::new()).collect(),
            wheel,
            model: Vec::new(),
            now: 3 * TICK + 5,
            removed: false,
        };
        beside.wheel.armed.set(u32::MAX - 30); // it goes round
        steps.iter().try_for_each(|step| beside.step(step))?;
        // In the end everything fires.
        beside.now = i64::MAX;
        beside.fire(7, usize::MAX)?;
        prop_assert!(beside.model.is_empty());
        Ok(())
    }

    fn holds(cases: u32, make: fn() -> TimerWheel) -> bool {
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
        let steps = proptest::collection::vec(step(), 1..120);
        TestRunner::new_with_rng(
            config.clone(),
            proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm),
        )
        .run(&steps, |steps| runs_as_the_model(&steps, make()))
        .is_ok()
    }

    proptest! {
        #[test]
        fn fires_in_the_order_of_a_sorted_list_and_never_early(steps in proptest::collection::vec(step(), 1..200)) {
            runs_as_the_model(&steps, TimerWheel::new())?;
        }

        #[test]
        fn so_does_one_whose_hand_stands_at_the_end(steps in proptest::collection::vec(step(), 1..200)) {
            runs_as_the_model(&steps, TimerWheel::exact())?;
        }
    }

    #[test]
    fn each_seeded_defect_is_found() {
        assert!(holds(1500, TimerWheel::new));
        for defect in [
            Defect::EarlyByATick,
            Defect::LostAtBoundary,
            Defect::Renumbered,
            Defect::HeapFirst,
            Defect::OpeningForgotten,
            Defect::LastForLeast,
        ] {
            SEEDED.set(Some(defect));
            let held = holds(1500, TimerWheel::new);
            SEEDED.set(None);
            assert!(!held, "{defect:?} was not noticed");
        }
    }

    #[test]
    fn an_exact_wheel_knows_the_earliest_deadline_whatever_is_removed() {
        let wheel = TimerWheel::exact();
        let nodes: Vec<TimerNode> = (0..100).map(|_| TimerNode::new()).collect();
        for (position, node) in nodes.iter().enumerate() {
            node.deadline.set(position as i64 * TICK / 3);
            // SAFETY: unlinked; `nodes` outlives the wheel's use of it.
            unsafe { wheel.insert(node, 0) };
        }
        for (position, node) in nodes.iter().enumerate().take(99) {
            // SAFETY: linked.
            unsafe { wheel.remove(node) };
            assert_eq!(wheel.earliest(), Some((position as i64 + 1) * TICK / 3));
        }
    }

    #[test]
    fn a_timer_is_moved_at_most_once_for_each_level() {
        let wheel = TimerWheel::new();
        let node = TimerNode::new();
        for width in WIDTHS {
            node.deadline.set(width.saturating_mul(63).saturating_add(TICK * 5));
            // SAFETY: unlinked, and it outlives the wheel's use of it.
            unsafe { wheel.insert(&node, 0) };
            let mut work = LEVELS as u32 + 1;
            // SAFETY: single-threaded.
            assert_eq!(unsafe { wheel.pop_due(node.deadline.get(), &mut work) }, Due::Node(&node));
            wheel.hand.set(0);
        }
    }
}
