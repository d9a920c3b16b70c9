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
    /// One of several things.
    Select = 7,
    /// A mutex.
    Mutex = 8,
    /// A read-write lock, to read.
    ReadLock = 9,
    /// A read-write lock, to write.
    WriteLock = 10,
    /// Units of a semaphore.
    Semaphore = 11,
    /// A condition.
    Condition = 12,
    /// A wait-group that comes to zero.
    WaitGroup = 13,
    /// The end of a once-only call by somebody else.
    Once = 14,
    /// The outcome of a task.
    Task = 15,
    /// Several tasks.
    TaskJoin = 16,
    /// The children of a scope.
    Scope = 17,
    /// The cancellation of a token.
    Cancel = 18,
    /// The next value of a generator.
    Generator = 19,
    /// A generator that waits to be resumed.
    Resume = 20,
    /// A call on another thread.
    Offload = 21,
    /// A tick.
    Timer = 22,
    /// A dispatch.
    Ticket = 23,
    /// A file descriptor.
    File = 24,
    /// A world that goes on.
    World = 25,
    /// Room in a worklist, or work of one.
    Worklist = 26,
}

use WaitKind as Kind;

/// All of them, in the order of their numbers: number, word of a snapshot, phrase of a report, whether an object follows.
const KINDS: [(WaitKind, &str, &str, bool); 27] = [
    (Kind::None, "unknown", "waits", false),
    (Kind::Receive, "receive", "waits to receive from channel", true),
    (Kind::Send, "send", "waits to send to channel", true),
    (Kind::Join, "join", "waits for the end of strand", true),
    (Kind::Park, "park", "is parked on token", true),
    (Kind::Sleep, "sleep", "sleeps", false),
    (Kind::All, "all", "waits for the end of all strands", false),
    (Kind::Select, "select", "waits in a select", false),
    (Kind::Mutex, "mutex", "waits for mutex", true),
    (Kind::ReadLock, "read_lock", "waits to read under lock", true),
    (Kind::WriteLock, "write_lock", "waits to write under lock", true),
    (Kind::Semaphore, "semaphore", "waits for semaphore", true),
    (Kind::Condition, "condition", "waits for condition", true),
    (Kind::WaitGroup, "wait_group", "waits for wait-group", true),
    (Kind::Once, "once", "waits for the once-only call", true),
    (Kind::Task, "task", "waits for task", true),
    (Kind::TaskJoin, "task_join", "joins tasks", false),
    (Kind::Scope, "scope", "waits for scope", true),
    (Kind::Cancel, "cancel", "waits for the cancellation of token", true),
    (Kind::Generator, "generator", "waits for generator", true),
    (Kind::Resume, "resume", "waits to be resumed as generator", true),
    (Kind::Offload, "offload", "waits for an offloaded call", false),
    (Kind::Timer, "timer", "waits for timer", true),
    (Kind::Ticket, "ticket", "waits for ticket", true),
    (Kind::File, "file", "waits for file descriptor", true),
    (Kind::World, "world", "waits for the world to go on", false),
    (Kind::Worklist, "worklist", "waits for worklist", true),
];

impl WaitKind {
    /// From the byte in a waiter.
    pub fn from_byte(byte: u8) -> WaitKind {
        KINDS.get(byte as usize).map_or(WaitKind::None, |entry| entry.0)
    }

    /// The word used in snapshots.
    pub fn word(self) -> &'static str {
        KINDS[self as usize].1
    }

    /// What the strand does, for reports, to be followed by the object if there is one to name.
    pub fn phrase(self) -> (&'static str, bool) {
        (KINDS[self as usize].2, KINDS[self as usize].3)
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
    /// The first cases of a wait with several; for dumps.
    pub shown: Shown,
}

/// Cases of a wait with several that a dump names.
pub const SHOWN: usize = 3;

/// What the first cases of a wait with several are; for dumps, which may see one that is over. All-zero memory is none.
pub struct Shown {
    objects: [AtomicU64; SHOWN],
    /// A kind a byte.
    kinds: AtomicU32,
}

impl Shown {
    fn new() -> Shown {
        Shown { objects: core::array::from_fn(|_| AtomicU64::new(0)), kinds: AtomicU32::new(0) }
    }

    /// Writes down what a wait that is about to begin waits for.
    #[inline]
    pub fn set(&self, cases: impl Iterator<Item = (WaitKind, u64)>) {
        let mut kinds = 0;
        for (place, (kind, object)) in cases.take(SHOWN).enumerate() {
            kinds |= (kind as u32) << (8 * place);
            self.objects[place].store(object, Ordering::Relaxed);
        }
        self.kinds.store(kinds, Ordering::Relaxed);
    }

    /// What was written down.
    pub fn get(&self) -> [(WaitKind, u64); SHOWN] {
        let kinds = self.kinds.load(Ordering::Relaxed).to_le_bytes();
        core::array::from_fn(|place| (WaitKind::from_byte(kinds[place]), self.objects[place].load(Ordering::Relaxed)))
    }
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
            shown: Shown::new(),
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

    /// The winner has brought a message, whatever else was waited for.
    #[inline(always)]
    pub fn received(&self) {
        self.kind.store(WaitKind::Receive as u8, Ordering::Relaxed);
    }

    /// The wait goes on for something else: it was moved to another list. For dumps.
    pub fn now_waits_for(&self, kind: WaitKind, object: u64) {
        self.kind.store(kind as u8, Ordering::Relaxed);
        self.object.store(object, Ordering::Relaxed);
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

    /// Whether the winner has written the result: nobody else touches the waiter any more.
    pub fn is_settled(&self) -> bool {
        self.status.load(Ordering::Acquire) != PENDING
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_wait_has_its_place_in_the_table_and_a_word_of_its_own() {
        let mut words = std::collections::BTreeSet::new();
        for (number, (kind, word, phrase, _)) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, number);
            assert_eq!(WaitKind::from_byte(number as u8), *kind);
            assert!(words.insert(*word) && !phrase.is_empty());
        }
        assert_eq!(WaitKind::from_byte(255), WaitKind::None);
    }
}
