// SPDX-License-Identifier: MIT OR Apache-2.0
//! An alarm: a timer that is no wait. When its time has come, a worker calls a function, on its own stack and without any lock.
//!
//! The alarm lies in an object with a lock, under which it is set and cleared. The function runs after the alarm was taken out
//! of its wheel, so the object may have been changed, or be gone, in between: it gets the object's handle, and looks under
//! the object's lock whether it is still its turn (whether the object is armed for a time that is not after now).

use crate::base::heap::{TimerNode, TimerOwner};
use crate::base::sync::cell::Cell;
use crate::engine::{self, Action, Expired};

/// See the module documentation. All-zero memory is one that is not set.
#[repr(C)]
pub struct Alarm {
    node: TimerNode,
    // Written while it is in no wheel.
    act: Cell<Option<Action>>,
    argument: Cell<u64>,
    // Under the lock of what it lies in.
    /// In whose wheel it is, or was.
    worker: Cell<u32>,
    set: Cell<bool>,
}

impl Alarm {
    /// One that is not set.
    pub fn new() -> Alarm {
        Alarm {
            node: TimerNode::new(),
            worker: Cell::new(0),
            act: Cell::new(None),
            argument: Cell::new(0),
            set: Cell::new(false),
        }
    }

    /// Sets it: when `deadline` has come, `act` is called with `argument`.
    ///
    /// # Safety
    /// It was never set, or was cleared since (also if it was called). It stays in place until it was called or cleared.
    /// Nobody else sets or clears it meanwhile.
    pub unsafe fn set(&self, deadline: i64, act: Action, argument: u64) {
        debug_assert!(!self.set.get());
        self.node.deadline.set(deadline);
        self.node.owner.set(TimerOwner::Timer);
        self.act.set(Some(act));
        self.argument.set(argument);
        self.set.set(true);
        // SAFETY: by contract.
        self.worker.set(unsafe { engine::arm(&self.node) });
    }

    /// Clears it: it is not called any more, unless that is on its way.
    ///
    /// # Safety
    /// Nobody else sets or clears it meanwhile.
    pub unsafe fn clear(&self) {
        if self.set.replace(false) {
            // SAFETY: it was armed there, and is in place.
            unsafe { engine::disarm(self.worker.get(), &self.node) };
        }
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

/// What follows from the timer of an alarm that has expired. Under the lock of its wheel.
///
/// # Safety
/// The timer is that of an alarm, which is in place.
pub(super) unsafe fn expired(timer: *const TimerNode) -> Expired {
    // SAFETY: the node is the first field of an alarm.
    let alarm = unsafe { &*timer.cast::<Alarm>() };
    match alarm.act.get() {
        Some(act) => Expired::Act(act, alarm.argument.get()),
        None => Expired::Nobody,
    }
}
