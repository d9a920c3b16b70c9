// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stacks of all strands: one reserved range, grown, guarded, cached and given back to the system.
//!
//! ```text
//! fresh ──take──► in use ──give──► warm (pages kept) ──above the high-water mark──► cold (pages given back)
//!                    ▲                │                                               │
//!                    └────take────────┴───────────────────────take────────────────────┘
//! ```
//! A guard is installed once, before a slot's first use, and survives the slot's whole life. `MADV_GUARD_INSTALL`
//! (Linux 6.13) makes guards that cost no map; elsewhere, and in locked memory, `mprotect` guards cost two maps each
//! and are counted, so that their limit is a status and not a failure somewhere else in the program.
//! Free slots are linked in a table beside the stacks: a cold stack is never touched to remember that it is free.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::reserve::{Region, Reservation};
use super::stack_class::{
    BASE_ALIGNMENT, BODY_PAGE, CLASSES, DEFAULT_CLASS, GUARD, Layout, SLOT_SHIFT, StackId, USABLE,
};
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::base::sys::{Piece, advise_each, keeping_errno};

/// Stacks moved between a worker's cache and the pool at once.
pub const BATCH: usize = 32;
/// Stacks that cost a page fault at their first touch: few of them are taken ahead.
const AHEAD: usize = 8;
/// Guards made by `mprotect` before the pool answers LIMIT: the kernel allows 65,530 maps, two go into each guard.
pub const MPROTECT_GUARDS_MAX: u32 = 24_000;
/// Warm stacks of a class that the pool keeps beside the workers' caches.
const WARM_MAX: u32 = 2048;
/// Stacks that lose their pages at once.
const SURPLUS: usize = 256;
const MADV_GUARD_INSTALL: i32 = 102;
const NONE: u32 = u32::MAX;

/// Slots of each class that were ever used; a static because a signal handler asks.
static USED: [AtomicU32; CLASSES] = [const { AtomicU32::new(0) }; CLASSES];

/// Whether a slot was ever used, so that its body page can be read.
pub fn was_used(stack: StackId) -> bool {
    stack.index() < USED[stack.class() as usize].load(Ordering::Acquire)
}

/// log2 of the addresses reserved for each class, and the least that is of use: two slots of the largest class.
const REGION_SHIFT_MAX: u32 = 39;
const REGION_SHIFT_MIN: u32 = 25;

/// Addresses that must be left for threads and the heap.
const ROOM_FOR_THREADS: usize = 128 << 20;

/// How stacks are guarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum GuardKind {
    /// Not known before the first stack.
    Unknown = 0,
    /// Guard markers in the page tables; no maps.
    Madvise = 1,
    /// Inaccessible pages; two maps each.
    Mprotect = 2,
}

/// Which kind of guard the kernel has, before there is a pool.
pub fn probe_guard_kind() -> Outcome<GuardKind> {
    let page = Reservation::new(4096)?;
    page.commit(4096)?;
    // SAFETY: the page is our own and used for nothing else.
    let marked = keeping_errno(|| unsafe { libc::madvise(page.base() as *mut _, 4096, MADV_GUARD_INSTALL) }) == 0;
    Ok(if marked { GuardKind::Madvise } else { GuardKind::Mprotect })
}

struct ClassPool {
    lock: ByteLock,
    region: Region,
    links: Reservation,
    fresh: AtomicU32,
    warm: AtomicU32,
    warm_count: AtomicU32,
    cold: AtomicU32,
    /// Slots that did not get their guard.
    bare: AtomicU32,
}

/// What came of a look into the pool: stacks that have their pages, that have their guard, and how many there are in all.
struct Taken {
    warm: usize,
    guarded: usize,
    all: usize,
}

/// See the module documentation.
pub struct StackPool {
    /// Holds the addresses; everything goes through the regions of the classes.
    _range: Reservation,
    layout: Layout,
    classes: [ClassPool; CLASSES],
    guard_kind: AtomicU8,
    mprotect_guards: AtomicU32,
}

impl StackPool {
    /// Reserves the range: 512 GiB a class, or less (down to 32 MiB) where the address space is short.
    pub fn new(force_mprotect: bool) -> Outcome<StackPool> {
        let mut region_shift = REGION_SHIFT_MAX;
        let range = loop {
            match Reservation::new((CLASSES << region_shift) + BASE_ALIGNMENT) {
                Ok(range) if region_shift == REGION_SHIFT_MAX => break range,
                Ok(range) => {
                    // The address space is short: leave half of what there is to the program.
                    drop(range);
                    region_shift = (region_shift - 1).max(REGION_SHIFT_MIN);
                    let range = Reservation::new((CLASSES << region_shift) + BASE_ALIGNMENT)?;
                    // A runtime that leaves no room for its own threads would start and then do nothing.
                    drop(Reservation::new(ROOM_FOR_THREADS)?);
                    break range;
                }
                Err(status) if region_shift <= REGION_SHIFT_MIN => return Err(status),
                Err(_) => region_shift -= 1,
            }
        };
        range.refuse_huge_pages();
        let layout = Layout { base: range.base().next_multiple_of(BASE_ALIGNMENT), region_shift };
        let kind = if force_mprotect { GuardKind::Mprotect } else { GuardKind::Unknown };
        let pool = StackPool {
            classes: [
                ClassPool::new(layout, 0)?,
                ClassPool::new(layout, 1)?,
                ClassPool::new(layout, 2)?,
                ClassPool::new(layout, 3)?,
                ClassPool::new(layout, 4)?,
            ],
            _range: range,
            layout,
            guard_kind: AtomicU8::new(kind as u8),
            mprotect_guards: AtomicU32::new(0),
        };
        USED.iter().for_each(|used| used.store(0, Ordering::Release));
        // The first stack tells which kind of guard there is, and that there can be one at all.
        let mut first = [StackId::NONE];
        pool.take(DEFAULT_CLASS, &mut first)?;
        pool.give(DEFAULT_CLASS, &first);
        Ok(pool)
    }

    /// Whether stacks are refused because no further guard can be had, and not for want of addresses.
    pub fn is_out_of_guards(&self) -> bool {
        self.mprotect_guards.load(Ordering::Relaxed) >= MPROTECT_GUARDS_MAX
    }

    /// Where the range lies.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// How stacks are guarded.
    pub fn guard_kind(&self) -> GuardKind {
        match self.guard_kind.load(Ordering::Relaxed) {
            1 => GuardKind::Madvise,
            2 => GuardKind::Mprotect,
            _ => GuardKind::Unknown,
        }
    }

    /// Slots ever used, and bytes committed for them, over all classes.
    pub fn mapped(&self) -> (u64, u64) {
        self.classes.iter().fold((0, 0), |(slots, bytes), class| {
            (slots + u64::from(class.fresh.load(Ordering::Relaxed)), bytes + class.region.committed() as u64)
        })
    }

    /// Warm stacks in the pool (not in the workers' caches).
    pub fn cached(&self) -> u64 {
        self.classes.iter().map(|class| u64::from(class.warm_count.load(Ordering::Relaxed))).sum()
    }

    /// Takes up to `out.len()` stacks of a class: at least one, or the status that says why none.
    pub fn take(&self, class: u8, out: &mut [StackId]) -> Outcome<usize> {
        let pool = &self.classes[class as usize];
        pool.lock.lock();
        let taken = self.take_locked(class, pool, out);
        pool.lock.unlock();
        let Taken { warm, guarded, all } = taken?;
        // A system call for each: other workers need the lock meanwhile.
        for position in guarded..all {
            if let Err(status) = self.guard(out[position]) {
                pool.lock.lock();
                for stack in out[position..all].iter().rev() {
                    pool.push(&pool.bare, stack.index());
                }
                pool.lock.unlock();
                return if position == 0 { Err(status) } else { Ok(position) };
            }
        }
        self.touch_bodies(&out[warm..all]);
        Ok(all)
    }

    /// Each of these stacks is about to get a body: their pages come with one system call and not with a fault each. Where
    /// that cannot be had, they come with the faults.
    fn touch_bodies(&self, stacks: &[StackId]) {
        let mut pieces = [Piece(0, 0); AHEAD];
        for (piece, stack) in pieces.iter_mut().zip(stacks) {
            *piece = Piece(self.layout.top(*stack) - BODY_PAGE, BODY_PAGE);
        }
        // SAFETY: the stacks are the caller's, and hold nothing yet.
        unsafe { advise_each(&pieces[..stacks.len().min(AHEAD)], libc::MADV_POPULATE_WRITE) };
    }

    fn take_locked(&self, class: u8, pool: &ClassPool, out: &mut [StackId]) -> Outcome<Taken> {
        let mut count = 0;
        while count < out.len() {
            let Some(index) = pool.pop(&pool.warm) else { break };
            pool.warm_count.fetch_sub(1, Ordering::Relaxed);
            out[count] = StackId::new(class, index);
            count += 1;
        }
        let warm = count;
        while count < out.len().min(AHEAD) {
            let Some(index) = pool.pop(&pool.cold) else { break };
            out[count] = StackId::new(class, index);
            count += 1;
        }
        let guarded = count;
        while count < out.len().min(AHEAD) {
            let index = match pool.pop(&pool.bare) {
                Some(index) => Ok(index),
                None => self.fresh(class, pool),
            };
            match index {
                Ok(index) => {
                    out[count] = StackId::new(class, index);
                    count += 1;
                }
                Err(status) if count == 0 => return Err(status),
                Err(_) => break,
            }
        }
        Ok(Taken { warm, guarded, all: count })
    }

    /// A slot that was never used; it has no guard yet.
    fn fresh(&self, class: u8, pool: &ClassPool) -> Outcome<u32> {
        let index = pool.fresh.load(Ordering::Relaxed);
        if index >= self.layout.slots(class) {
            return Err(Status::LIMIT);
        }
        pool.links.commit((index as usize + 1) * 4)?;
        pool.region.commit((index as usize + 1) << SLOT_SHIFT[class as usize])?;
        pool.fresh.store(index + 1, Ordering::Relaxed);
        USED[class as usize].store(index + 1, Ordering::Release);
        Ok(index)
    }

    fn guard(&self, stack: StackId) -> Outcome<()> {
        let address = (self.layout.limit(stack) - GUARD) as *mut libc::c_void;
        if self.guard_kind() != GuardKind::Mprotect {
            // SAFETY: the guard lies inside our range below a stack that nobody uses yet.
            if keeping_errno(|| unsafe { libc::madvise(address, GUARD, MADV_GUARD_INSTALL) }) == 0 {
                self.guard_kind.store(GuardKind::Madvise as u8, Ordering::Relaxed);
                return Ok(());
            }
        }
        if self.mprotect_guards.fetch_add(1, Ordering::Relaxed) >= MPROTECT_GUARDS_MAX {
            self.mprotect_guards.fetch_sub(1, Ordering::Relaxed);
            return Err(Status::LIMIT);
        }
        // SAFETY: as above.
        if keeping_errno(|| unsafe { libc::mprotect(address, GUARD, libc::PROT_NONE) }) == 0 {
            self.guard_kind.store(GuardKind::Mprotect as u8, Ordering::Relaxed);
            return Ok(());
        }
        self.mprotect_guards.fetch_sub(1, Ordering::Relaxed);
        Err(Status::NO_MEMORY)
    }

    /// Gives stacks of one class back. Above the high-water mark a batch of warm stacks loses its pages, in as few
    /// calls as neighbouring slots allow.
    pub fn give(&self, class: u8, stacks: &[StackId]) {
        let pool = &self.classes[class as usize];
        pool.lock.lock();
        for stack in stacks {
            pool.push(&pool.warm, stack.index());
        }
        let warm = pool.warm_count.load(Ordering::Relaxed) + stacks.len() as u32;
        pool.warm_count.store(warm, Ordering::Relaxed);
        let mut surplus = [0u32; SURPLUS];
        let mut count = 0;
        if warm > WARM_MAX + surplus.len() as u32 {
            while count < surplus.len() {
                let Some(index) = pool.pop(&pool.warm) else { break };
                surplus[count] = index;
                count += 1;
            }
            pool.warm_count.fetch_sub(count as u32, Ordering::Relaxed);
        }
        pool.lock.unlock();
        if count > 0 {
            self.cool(class, pool, &mut surplus[..count]);
        }
    }

    #[cold]
    fn cool(&self, class: u8, pool: &ClassPool, indices: &mut [u32]) {
        indices.sort_unstable();
        let mut pieces = [Piece(0, 0); SURPLUS];
        let mut count = 0;
        let mut start = 0;
        for position in 1..=indices.len() {
            if position == indices.len() || indices[position] != indices[position - 1] + 1 {
                let from = self.layout.limit(StackId::new(class, indices[start]));
                let to = self.layout.top(StackId::new(class, indices[position - 1]));
                pieces[count] = Piece(from, to - from);
                count += 1;
                start = position;
            }
        }
        discard(&pieces[..count]);
        pool.lock.lock();
        for index in indices.iter().rev() {
            pool.push(&pool.cold, *index);
        }
        pool.lock.unlock();
    }

    /// Gives the deep pages of a large stack back at the end of a strand; small classes keep theirs.
    #[inline]
    pub fn trim(&self, stack: StackId) {
        let usable = USABLE[stack.class() as usize];
        if usable > 64 << 10 {
            let from = self.layout.limit(stack);
            // SAFETY: the stack is free; what lies more than 32 KiB below its top is dead.
            keeping_errno(|| unsafe { libc::madvise(from as *mut _, usable - (32 << 10), libc::MADV_DONTNEED) });
        }
    }

    /// Keeps the range mapped for ever: strands that nobody can end are still suspended on it.
    pub fn abandon(self) {
        core::mem::forget(self);
    }
}

/// Gives the pages of stacks back; guard markers stay (a rule of the kernel). The stacks are free and belong to the caller;
/// their next users expect zeros.
fn discard(pieces: &[Piece]) {
    // SAFETY: nobody reads them before their next use.
    let done = unsafe { advise_each(pieces, libc::MADV_DONTNEED) };
    // Each of these calls interrupts every processor that a worker runs on.
    for piece in &pieces[done..] {
        // SAFETY: as above.
        keeping_errno(|| unsafe { libc::madvise(piece.0 as *mut _, piece.1, libc::MADV_DONTNEED) });
    }
}

impl ClassPool {
    fn new(layout: Layout, class: u8) -> Outcome<ClassPool> {
        let length = 1usize << layout.region_shift;
        let links = (layout.slots(class) as usize * size_of::<AtomicU32>()).next_multiple_of(4096);
        Ok(ClassPool {
            lock: ByteLock::new(),
            region: Region::new(layout.base + class as usize * length, length),
            links: Reservation::new(links)?,
            fresh: AtomicU32::new(0),
            warm: AtomicU32::new(NONE),
            warm_count: AtomicU32::new(0),
            cold: AtomicU32::new(NONE),
            bare: AtomicU32::new(NONE),
        })
    }

    fn link(&self, index: u32) -> &AtomicU32 {
        // SAFETY: the link table is committed up to every slot that was ever fresh.
        unsafe { &*(self.links.base() as *const AtomicU32).add(index as usize) }
    }

    fn push(&self, list: &AtomicU32, index: u32) {
        self.link(index).store(list.load(Ordering::Relaxed), Ordering::Relaxed);
        list.store(index, Ordering::Relaxed);
    }

    fn pop(&self, list: &AtomicU32) -> Option<u32> {
        let index = list.load(Ordering::Relaxed);
        if index == NONE {
            return None;
        }
        list.store(self.link(index).load(Ordering::Relaxed), Ordering::Relaxed);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(pool: &StackPool, stack: StackId) {
        // SAFETY: the byte lies in the body page of a stack that the test took.
        unsafe { *((pool.layout().top(stack) - 1) as *mut u8) = 1 };
    }

    #[test]
    fn a_stack_that_comes_back_is_the_next_one_taken() {
        let pool = StackPool::new(false).expect("address space");
        let mut out = [StackId::NONE; 4];
        assert_eq!(pool.take(1, &mut out), Ok(4));
        out.iter().for_each(|stack| touch(&pool, *stack));
        pool.give(1, &out[1..2]);
        let mut one = [StackId::NONE; 1];
        assert_eq!(pool.take(1, &mut one), Ok(1));
        assert_eq!(one[0], out[1]);
        assert_eq!(pool.mapped().0, 4, "no further stack was made");
    }

    #[test]
    fn above_the_high_water_mark_stacks_lose_their_pages() {
        let pool = StackPool::new(false).expect("address space");
        let mut all = Vec::new();
        let mut batch = [StackId::NONE; 8];
        while all.len() < WARM_MAX as usize + 600 {
            let count = pool.take(0, &mut batch).expect("stacks");
            all.extend_from_slice(&batch[..count]);
        }
        all.iter().for_each(|stack| touch(&pool, *stack));
        all.chunks(BATCH).for_each(|chunk| pool.give(0, chunk));
        assert!(pool.cached() <= u64::from(WARM_MAX) + 256 + BATCH as u64);
        assert!(pool.cached() >= u64::from(WARM_MAX) - 256);
    }

    #[test]
    fn mprotect_guards_stop_at_their_limit_with_a_status() {
        let pool = StackPool::new(true).expect("address space");
        pool.mprotect_guards.store(MPROTECT_GUARDS_MAX - 2, Ordering::Relaxed);
        let mut out = [StackId::NONE; 4];
        assert_eq!(pool.take(2, &mut out), Ok(2));
        assert_eq!(pool.take(2, &mut out), Err(Status::LIMIT));
        pool.give(2, &out[..2]);
        assert_eq!(pool.take(2, &mut out), Ok(2));
        assert_eq!(pool.guard_kind(), GuardKind::Mprotect);
    }
}
