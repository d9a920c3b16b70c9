// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first part of a strand's control block: one cache line in a dense table that stays mapped.
//!
//! ```text
//!  0 state     generation << 8 | phase            32 entry    function of the strand, then its body
//!  8 park      epoch << 2 | park phase            40 site     where it was spawned
//! 16 payload   argument, then value of a park     48 joiners  list of waiters for its end
//! 24 link      next in a queue (index)            56 lock, flags, home, cancelled
//! 28 stack     stack, or previous in a queue
//! ```
//! A handle names the head's index; the second part (`body`) comes with the stack at the first run. All fields are
//! atomics that one thread writes at a time (the phase says which), mostly relaxed: the queues and claim words that
//! hand a strand from thread to thread carry the ordering.

use core::sync::atomic;

use crate::base::handle::{self, Kind};
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::memory::stack_class::StackId;
use crate::memory::table::{History, Slot, Table};

/// Where a strand is in its life. Exactly one of these at any time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Phase {
    /// Nobody's: the slot is free, or taken and not yet published.
    Free = 0,
    /// Spawned with DORMANT and not started.
    Dormant = 1,
    /// In a run queue.
    Ready = 2,
    /// On a worker.
    Running = 3,
    /// Suspended until somebody wins its claim word.
    Waiting = 4,
}

impl Phase {
    const fn from_bits(bits: u64) -> Phase {
        match bits & 0xFF {
            1 => Phase::Dormant,
            2 => Phase::Ready,
            3 => Phase::Running,
            4 => Phase::Waiting,
            _ => Phase::Free,
        }
    }

    /// The word used in dumps.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Free => "free",
            Phase::Dormant => "dormant",
            Phase::Ready => "ready",
            Phase::Running => "running",
            Phase::Waiting => "waiting",
        }
    }

    /// The legal edges, in one place; asserted at every change.
    const fn may_become(self, next: Phase) -> bool {
        matches!(
            (self, next),
            (Phase::Free, Phase::Dormant | Phase::Ready)
                | (Phase::Dormant, Phase::Ready | Phase::Free)
                | (Phase::Ready, Phase::Running | Phase::Free)
                | (Phase::Running, Phase::Ready | Phase::Waiting | Phase::Free)
                | (Phase::Waiting, Phase::Ready | Phase::Running | Phase::Free)
        )
    }
}

/// Not counted by run and wait-all.
pub const FLAG_UNCOUNTED: u8 = 1;
/// Never leaves the worker it was spawned on.
pub const FLAG_PINNED: u8 = 2;
/// Does not leave its worker once it has run.
pub const FLAG_STAYS: u8 = 4;
/// Has run.
pub const FLAG_STARTED: u8 = 8;
/// The payload points to extras that hold the argument.
pub const FLAG_EXTRAS: u8 = 16;
/// The classes of stacks use the upper three bits.
pub const CLASS_SHIFT: u8 = 5;

/// See the module documentation.
#[repr(C, align(64))]
pub struct Head {
    state: AtomicU64,
    /// Word of the explicit park, see `wait::park`.
    pub park: AtomicU64,
    /// Argument (or extras) until the first run, value of the explicit park afterwards.
    pub payload: AtomicU64,
    /// Next in the queue that holds the strand.
    pub link: AtomicU32,
    /// Stack of a started strand; previous in the queue of a strand that never ran.
    pub stack: AtomicU32,
    /// Entry function until the first run; then the address of the body.
    pub entry: AtomicUsize,
    /// Return address of the spawning call.
    pub site: AtomicUsize,
    /// First of the waiters for the strand's end; under the lock.
    pub joiners: AtomicUsize,
    /// Guards the joiners, and pins the generation (and with it the body) while held.
    pub lock: ByteLock,
    /// FLAG_ bits and the stack class.
    pub flags: AtomicU8,
    /// Cancellation was requested.
    pub cancelled: AtomicU8,
    /// Worker that ran it last.
    pub home: AtomicU16,
}

const _: () = assert!(cfg!(loom) || size_of::<Head>() == 64);

impl Head {
    /// Its phase.
    #[inline]
    pub fn phase(&self) -> Phase {
        Phase::from_bits(self.state.load(Ordering::Relaxed))
    }

    /// Its generation.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.state.load(Ordering::Relaxed) >> 8
    }

    /// Changes the phase. The caller is the one who may: the thread that runs it, or the winner of its claim.
    #[inline]
    pub fn set_phase(&self, next: Phase) {
        let state = self.state.load(Ordering::Relaxed);
        debug_assert!(Phase::from_bits(state).may_become(next), "{:?} -> {next:?}", Phase::from_bits(state));
        // Release pairs with the Acquire of a dump that reads the phase and then the body.
        self.state.store(state & !0xFF | next as u64, Ordering::Release);
    }

    /// Ends the strand's life: the next user's generation, phase free. Under the lock.
    pub fn end_generation(&self) {
        debug_assert!(self.phase().may_become(Phase::Free));
        let next = self.generation() + 1;
        self.state.store(next << 8, Ordering::Release);
    }

    /// A flag.
    #[inline]
    pub fn has(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    /// Sets a flag. Only the strand's current holder writes flags.
    #[inline]
    pub fn set(&self, flag: u8) {
        // Release pairs with the Acquire in `started_body`: whoever sees STARTED sees the prepared body.
        self.flags.store(self.flags.load(Ordering::Relaxed) | flag, Ordering::Release);
    }

    /// The body of a started strand. The caller holds the strand, or its lock with the generation compared.
    pub fn started_body(&self) -> Option<&'static super::body::Body> {
        if self.flags.load(Ordering::Acquire) & FLAG_STARTED == 0 {
            return None;
        }
        Some(self.body())
    }

    /// The body of a started strand that the caller holds.
    #[inline(always)]
    pub fn body(&self) -> &'static super::body::Body {
        debug_assert!(self.has(FLAG_STARTED));
        // SAFETY: stored at the first run; the body lies on the strand's stack, which stays mapped.
        unsafe { &*(self.entry.load(Ordering::Relaxed) as *const super::body::Body) }
    }

    /// The stack of a started strand that the caller holds.
    #[inline]
    pub fn stack_id(&self) -> StackId {
        StackId::from_word(self.stack.load(Ordering::Relaxed))
    }

    /// Class of its stack.
    #[inline]
    pub fn class(&self) -> u8 {
        self.flags.load(Ordering::Relaxed) >> CLASS_SHIFT
    }

    /// The value that an unpark left.
    #[inline]
    pub fn payload_value(&self) -> u64 {
        self.payload.load(Ordering::Relaxed)
    }

    /// Leaves a value; the park word's BUSY phase excludes everybody else.
    #[inline]
    pub fn set_payload_value(&self, value: u64) {
        self.payload.store(value, Ordering::Relaxed);
    }

    /// Makes the slot unusable for further strands.
    pub fn use_up(&self) {
        self.state.store((handle::GENERATION_MAX + 1) << 8, Ordering::Release);
    }

    /// Whether another worker may take it from a queue.
    #[inline]
    pub fn may_move(&self) -> bool {
        let flags = self.flags.load(Ordering::Relaxed);
        flags & FLAG_PINNED == 0 && flags & (FLAG_STAYS | FLAG_STARTED) != FLAG_STAYS | FLAG_STARTED
    }
}

// SAFETY: `link` belongs to the table while the slot is free; the generation is part of the state word, which nobody
// else writes while the slot is free.
unsafe impl Slot for Head {
    fn free_link(&self) -> &AtomicU32 {
        &self.link
    }
    fn set_generation(&self, generation: u64) {
        self.park.store(PARK_FLOOR.load(Ordering::Relaxed) << 3, Ordering::Relaxed);
        self.state.store(generation << 8, Ordering::Release);
    }
    fn generation(&self) -> u64 {
        self.state.load(Ordering::Relaxed) >> 8
    }
    #[cfg(loom)]
    fn blank() -> Self {
        Head {
            state: AtomicU64::new(0),
            park: AtomicU64::new(0),
            payload: AtomicU64::new(0),
            link: AtomicU32::new(0),
            stack: AtomicU32::new(0),
            entry: AtomicUsize::new(0),
            site: AtomicUsize::new(0),
            joiners: AtomicUsize::new(0),
            lock: ByteLock::new(),
            flags: AtomicU8::new(0),
            cancelled: AtomicU8::new(0),
            home: AtomicU16::new(0),
        }
    }
}

/// What strands of earlier runtimes left behind.
pub static HISTORY: History = History::new();

/// Epoch of the explicit parks of earlier runtimes: those of the next begin after it.
static PARK_FLOOR: atomic::AtomicU64 = atomic::AtomicU64::new(0);

/// Remembers the epochs that were issued, before the table goes. A head that has used up half of them is not used
/// again, so that one busy head does not shorten the life of all.
pub fn remember_parks(table: &Table<Head>) {
    for index in 0..table.fresh() {
        let head = table.slot(index);
        let epoch = head.park.load(Ordering::Relaxed) >> 3;
        if epoch > handle::GENERATION_MAX / 2 {
            head.use_up();
            table.give(&[index]);
        } else {
            PARK_FLOOR.fetch_max(epoch, Ordering::Relaxed);
        }
    }
}

/// What a park token with an index beyond the table is: STALE if an earlier runtime can have issued it.
pub fn judge_unknown_token(index: u32, epoch: u64) -> Status {
    let issued = epoch != 0 && epoch <= PARK_FLOOR.load(Ordering::Relaxed);
    if issued && HISTORY.was_used(index) { Status::STALE } else { Status::INVALID }
}

/// Address of head 0 and number of valid heads: enough to go from a link to a head without any other lookup.
static BASE: atomic::AtomicUsize = atomic::AtomicUsize::new(0);

/// Publishes the table of the runtime that is being initialised; 0 when there is none.
pub fn publish_base(table: Option<&Table<Head>>) {
    BASE.store(table.map_or(0, |table| table.base() as usize), Ordering::Release);
}

/// The head with this index. Indices come from links and checked handles, so the head exists.
#[inline(always)]
pub fn at(index: u32) -> &'static Head {
    // SAFETY: the table is mapped while a runtime is initialised, which every caller's context guarantees (a worker,
    // a strand, or a counted call of an OS thread); the index was below `fresh` when it was stored.
    unsafe { &*(BASE.load(Ordering::Relaxed) as *const Head).add(index as usize) }
}

/// Index of a head of the table.
#[inline(always)]
pub fn index_of(head: &Head) -> u32 {
    ((head as *const Head as usize - BASE.load(Ordering::Relaxed)) / size_of::<Head>()) as u32
}

/// The handle of the strand that lives in `head`.
#[inline]
pub fn handle_of(head: &Head) -> u64 {
    handle::encode(Kind::Strand, head.generation(), index_of(head))
}

/// The head that a handle names, its generation not yet compared.
pub fn lookup(table: &Table<Head>, id: u64) -> Outcome<(&'static Head, u64)> {
    let parts = handle::decode(Kind::Strand, id).ok_or(Status::INVALID)?;
    table.find(parts.index, parts.generation)?;
    Ok((at(parts.index), parts.generation))
}

/// Compares a handle's generation with the head's, under the head's lock or for a first look.
pub fn compare(head: &Head, generation: u64) -> Outcome<()> {
    let state = head.state.load(Ordering::Acquire);
    let issued = state >> 8;
    if Phase::from_bits(state) == Phase::Free && generation == issued {
        // The next generation of a free slot: not yet issued.
        return Err(Status::INVALID);
    }
    handle::compare(issued, generation)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::base::handle::GENERATION_MAX;

    #[test]
    fn the_last_generation_of_a_slot_is_issued_and_then_the_slot_is_retired() {
        static HISTORY: History = History::new();
        HISTORY.start_at(GENERATION_MAX);
        let table: Table<Head> = Table::new(1024, &HISTORY).expect("address space");
        let mut one = [0];
        assert_eq!(table.take(&mut one), Ok(1));
        let head = table.slot(one[0]);
        assert_eq!(head.generation(), GENERATION_MAX);
        head.set_phase(Phase::Ready);
        assert!(handle::encode(Kind::Strand, head.generation(), one[0]) < 1 << 62);
        assert_eq!(compare(head, GENERATION_MAX), Ok(()));
        head.end_generation();
        assert_eq!(compare(head, GENERATION_MAX), Err(Status::STALE));
        table.give(&one);
        let retired = one[0];
        assert_eq!(table.take(&mut one), Ok(1));
        assert_ne!(one[0], retired);
    }

    #[test]
    fn a_handle_of_the_next_generation_was_never_issued() {
        static HISTORY: History = History::new();
        let table: Table<Head> = Table::new(1024, &HISTORY).expect("address space");
        let mut one = [0];
        assert_eq!(table.take(&mut one), Ok(1));
        let head = table.slot(one[0]);
        assert_eq!(compare(head, head.generation()), Err(Status::INVALID), "free: not yet issued");
        head.set_phase(Phase::Dormant);
        assert_eq!(compare(head, head.generation()), Ok(()));
        assert_eq!(compare(head, head.generation() + 1), Err(Status::INVALID));
    }

    #[test]
    fn a_phase_changes_only_along_the_legal_edges() {
        let phases = [Phase::Free, Phase::Dormant, Phase::Ready, Phase::Running, Phase::Waiting];
        let legal = phases.iter().flat_map(|from| phases.iter().map(move |to| from.may_become(*to)));
        assert_eq!(legal.filter(|legal| *legal).count(), 12);
        assert!(!Phase::Waiting.may_become(Phase::Dormant));
        assert!(!Phase::Running.may_become(Phase::Running));
        assert!(!Phase::Free.may_become(Phase::Running));
    }
}
