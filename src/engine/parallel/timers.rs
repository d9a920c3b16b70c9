// SPDX-License-Identifier: MIT OR Apache-2.0
//! The timers of one worker. Any thread may arm one or take one out; any worker may fire those that are due.

use core::cell::UnsafeCell;

use crate::base::heap::{TimerNode, TimerOwner};
use crate::base::lock::ByteLock;
use crate::base::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use crate::base::wheel::{Due, TimerWheel};
use crate::engine::Expired;

/// No timer is armed.
pub const NEVER: i64 = i64::MAX;

/// Timers that are moved or fired at most while the lock is held.
const WORK: u32 = 64;

/// See the module documentation.
#[repr(align(128))]
pub struct Timers {
    lock: ByteLock,
    // Written under the lock.
    earliest: AtomicI64,
    armed: AtomicU32,
    ticks: AtomicU32,
    wheel: UnsafeCell<TimerWheel>,
}

// SAFETY: the wheel is touched under the lock only.
unsafe impl Sync for Timers {}
// SAFETY: as above; nothing is tied to a thread.
unsafe impl Send for Timers {}

/// What came of firing.
pub struct Fired {
    /// Timers that have expired for somebody.
    pub count: usize,
    /// There may be more.
    pub more: bool,
}

impl Timers {
    /// No timers. `exact`: the earliest deadline is always exact, for a clock that jumps.
    pub fn new(exact: bool) -> Self {
        Timers {
            lock: ByteLock::new(),
            earliest: AtomicI64::new(NEVER),
            armed: AtomicU32::new(0),
            ticks: AtomicU32::new(0),
            wheel: UnsafeCell::new(if exact || cfg!(loom) { TimerWheel::exact() } else { TimerWheel::new() }),
        }
    }

    /// Nothing expires before this; [`NEVER`] where nothing is armed. A hint without the lock.
    #[inline]
    pub fn earliest(&self) -> i64 {
        self.earliest.load(Ordering::Relaxed)
    }

    /// Timers whose time will come, and those of them that make no difference where nobody waits for them. A hint.
    pub fn armed(&self) -> (u32, u32) {
        (self.armed.load(Ordering::Relaxed), self.ticks.load(Ordering::Relaxed))
    }

    #[inline]
    fn with<T>(&self, act: impl FnOnce(&TimerWheel) -> T) -> T {
        self.lock.lock();
        // SAFETY: the lock is held.
        let result = act(unsafe { &*self.wheel.get() });
        self.lock.unlock();
        result
    }

    #[inline]
    fn look(&self, wheel: &TimerWheel) {
        self.earliest.store(wheel.earliest().unwrap_or(NEVER), Ordering::Relaxed);
    }

    /// One timer more or less. Under the lock. The end of the clock never comes.
    #[inline]
    fn count(&self, node: &TimerNode, by: u32) {
        if node.deadline.get() == NEVER {
            return;
        }
        self.armed.store(self.armed.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
        if node.owner.get() == TimerOwner::Timer {
            self.ticks.store(self.ticks.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
        }
    }

    /// Arms a timer whose deadline and owner are set; true when it is the earliest one now. `now` is a moment that is not
    /// in the future.
    ///
    /// # Safety
    /// The node is not linked and stays in place until it has fired or was disarmed.
    #[inline]
    pub unsafe fn arm(&self, node: *const TimerNode, now: i64) -> bool {
        self.with(|wheel| {
            // SAFETY: by contract; the lock is held.
            let fields = unsafe {
                wheel.insert(node, now);
                &*node
            };
            self.count(fields, 1);
            let first = fields.deadline.get() < self.earliest();
            if first {
                self.earliest.store(fields.deadline.get(), Ordering::Relaxed);
            }
            first
        })
    }

    /// Takes a timer out, if it has not fired.
    ///
    /// # Safety
    /// The node was armed here and is alive.
    #[inline]
    pub unsafe fn disarm(&self, node: *const TimerNode) {
        self.with(|wheel| {
            // SAFETY: alive by contract.
            let fields = unsafe { &*node };
            // Whether it is linked is settled under the lock.
            if fields.is_linked() {
                // SAFETY: linked here.
                unsafe { wheel.remove(node) };
                self.count(fields, u32::MAX);
                if fields.deadline.get() <= self.earliest() {
                    self.look(wheel);
                }
            }
        });
    }

    /// Fires what is due: takes each timer out, asks `expired` what follows, and collects that. It does a limited amount of
    /// work under the lock: as long as there may be more the caller comes back.
    pub fn fire(&self, now: i64, expired: fn(*const TimerNode) -> Expired, out: &mut [Expired]) -> Fired {
        let mut fired = Fired { count: 0, more: false };
        if self.earliest() > now {
            return fired;
        }
        self.with(|wheel| {
            let mut work = WORK;
            while fired.count < out.len() {
                // SAFETY: the lock is held.
                match unsafe { wheel.pop_due(now, &mut work) } {
                    Due::Node(node) => {
                        // SAFETY: it was linked until now, thus alive; only `expired` lets its owner go on.
                        self.count(unsafe { &*node }, u32::MAX);
                        out[fired.count] = expired(node);
                        fired.count += usize::from(!matches!(out[fired.count], Expired::Nobody));
                    }
                    due => {
                        fired.more = due == Due::Later;
                        self.look(wheel);
                        return fired;
                    }
                }
            }
            fired.more = true;
            self.look(wheel);
            fired
        })
    }
}
