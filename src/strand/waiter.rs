// SPDX-License-Identifier: MIT OR Apache-2.0
//! A waiter: what a suspended strand or a sleeping OS thread is to those who may wake it.
//!
//! A strand's waiter lies in its body, an OS thread's on that thread's stack. Wakers reach it through nodes in wait
//! lists and through timers; they win its claim word, write the status, and wake.

use super::head::Head;
use crate::base::claim::Claim;
use crate::base::heap::TimerNode;
use crate::base::status::Status;
use crate::base::sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::base::sync::cell::Cell;
use crate::base::sync::spin;

/// What is waited for; for dumps and reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WaitKind {
    /// Not waiting.
    None = 0,
    /// Receiving from a channel.
    Receive = 1,
    /// Sending to a channel.
    Send = 2,
    /// The end of a strand.
    Join = 3,
    /// An unpark.
    Park = 4,
    /// Time.
    Sleep = 5,
    /// The end of all counted strands.
    All = 6,
}

impl WaitKind {
    /// From the byte in a waiter.
    pub const fn from_byte(byte: u8) -> WaitKind {
        match byte {
            1 => WaitKind::Receive,
            2 => WaitKind::Send,
            3 => WaitKind::Join,
            4 => WaitKind::Park,
            5 => WaitKind::Sleep,
            6 => WaitKind::All,
            _ => WaitKind::None,
        }
    }
}

/// The status word before the winner has written it.
const PENDING: i32 = 1;

/// See the module documentation.
#[repr(C, align(64))]
pub struct Waiter {
    /// Decides who ends the wait.
    pub claim: Claim,
    status: AtomicI32,
    /// The strand, or null for an OS thread.
    strand: AtomicPtr<Head>,
    /// What the handle of `kind` names.
    pub object: AtomicU64,
    /// Absolute deadline or -1; for dumps.
    pub deadline: Cell<i64>,
    /// Next in a list of waiters that were won together and are woken one after the other.
    pub next: Cell<*const Waiter>,
    kind: AtomicU8,
    // Up to here one cache line, which is all that a wait without a deadline touches.
    /// The timer of a wait with a deadline.
    pub timer: TimerNode,
    /// Worker whose heap holds the timer.
    pub timer_worker: Cell<u32>,
    /// 1 when an OS thread was woken.
    pub signal: AtomicU32,
}

impl Waiter {
    /// A waiter for the calling OS thread. All-zero memory is one too.
    pub fn new() -> Self {
        Waiter {
            claim: Claim::new(),
            status: AtomicI32::new(PENDING),
            strand: AtomicPtr::new(core::ptr::null_mut()),
            object: AtomicU64::new(0),
            deadline: Cell::new(-1),
            timer: TimerNode::new(),
            timer_worker: Cell::new(0),
            signal: AtomicU32::new(0),
            next: Cell::new(core::ptr::null()),
            kind: AtomicU8::new(0),
        }
    }

    /// Binds the waiter to the strand in whose body it lies.
    pub fn bind(&self, head: &Head) {
        self.strand.store(head as *const Head as *mut Head, Ordering::Relaxed);
    }

    /// The strand that waits; `None` for an OS thread.
    #[inline]
    pub fn strand(&self) -> Option<&'static Head> {
        let head = self.strand.load(Ordering::Relaxed);
        // SAFETY: heads stay mapped while the runtime is initialised.
        (!head.is_null()).then(|| unsafe { &*head })
    }

    /// Begins a wait: says what for, no result yet.
    #[inline]
    pub fn describe(&self, kind: WaitKind, object: u64, deadline: i64) {
        self.status.store(PENDING, Ordering::Relaxed);
        self.kind.store(kind as u8, Ordering::Relaxed);
        self.object.store(object, Ordering::Relaxed);
        self.deadline.set(deadline);
    }

    /// What is waited for.
    pub fn kind(&self) -> WaitKind {
        WaitKind::from_byte(self.kind.load(Ordering::Relaxed))
    }

    /// The winner writes the result, after everything else it writes for the waiter.
    #[inline]
    pub fn set_status(&self, status: Status) {
        // Release pairs with the Acquire in `settled`: data moved for the waiter is visible with its status.
        self.status.store(status.0, Ordering::Release);
    }

    /// The result, once the wait was won. A waiter that was claimed while it was being published may be here before
    /// the winner has written it, and spins for those few instructions.
    #[inline]
    pub fn settled(&self) -> Status {
        loop {
            let status = self.status.load(Ordering::Acquire);
            if status != PENDING {
                return Status(status);
            }
            spin();
        }
    }
}

impl Default for Waiter {
    fn default() -> Self {
        Self::new()
    }
}
