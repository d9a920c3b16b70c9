// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table of slots that handles name by index.
//!
//! ```text
//! slot 0 | slot 1 | ... | fresh | not committed ...
//! ```
//! Slots never move and stay mapped while the runtime is initialised, so a stale index reads a valid slot whose
//! generation tells that it is stale. Free slots are linked through the slots themselves: no allocation to free.
//! Generations survive a restart: [`History`] is a static that remembers where the next table has to begin.

use core::sync::atomic;
use std::sync::Mutex;

use super::reserve::Reservation;
use crate::base::handle::{GENERATION_MAX, INDEX_MAX};
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicU32, Ordering};

/// No slot.
pub const NONE: u32 = u32::MAX;

/// What a table needs to know of its slots. All-zero memory must be a valid slot.
///
/// # Safety
/// `free_link` and `generation` name fields of the slot that only the table writes while the slot is free.
pub unsafe trait Slot: Sync {
    /// Link of the free list.
    fn free_link(&self) -> &AtomicU32;
    /// Makes a fresh slot belong to `generation`.
    fn set_generation(&self, generation: u64);
    /// The generation of the slot's next user while it is free, of its user otherwise.
    fn generation(&self) -> u64;
    /// What all-zero memory is in a model, whose atomics are not plain memory.
    #[cfg(loom)]
    fn blank() -> Self
    where
        Self: Sized;
}

/// What outlives a table: the first generation of the next one, and the slots that are used up.
pub struct History {
    floor: atomic::AtomicU64,
    indices: atomic::AtomicU32,
    retired: Mutex<Vec<u32>>,
    /// Entries in `retired`, readable without its lock.
    retirements: atomic::AtomicU32,
}

impl History {
    /// Nothing was ever issued.
    pub const fn new() -> Self {
        History {
            floor: atomic::AtomicU64::new(1),
            indices: atomic::AtomicU32::new(0),
            retired: Mutex::new(Vec::new()),
            retirements: atomic::AtomicU32::new(0),
        }
    }

    /// STALE for a handle that an earlier table issued, INVALID for one that nobody can have issued.
    pub fn judge_unknown(&self, index: u32, generation: u64) -> Status {
        let known = index < self.indices.load(Ordering::Relaxed) && generation < self.floor.load(Ordering::Relaxed);
        if known && generation != 0 { Status::STALE } else { Status::INVALID }
    }

    /// Whether an earlier table had a slot of this index.
    pub fn was_used(&self, index: u32) -> bool {
        index < self.indices.load(Ordering::Relaxed)
    }

    /// For tests: the next table begins at this generation.
    #[cfg(test)]
    pub fn start_at(&self, generation: u64) {
        self.floor.store(generation.clamp(1, GENERATION_MAX), Ordering::Relaxed);
    }

    fn is_retired(&self, index: u32) -> bool {
        // Acquire pairs with the Release in `retire`. Slots are retired by one table and asked for by the next.
        self.retirements.load(Ordering::Acquire) != 0 && self.retired.lock().is_ok_and(|list| list.contains(&index))
    }

    fn retire(&self, index: u32) {
        if let Ok(mut list) = self.retired.lock()
            && list.try_reserve(1).is_ok()
        {
            list.push(index);
            self.retirements.fetch_add(1, Ordering::Release);
        }
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

/// See the module documentation.
pub struct Table<T: Slot + 'static> {
    range: Reservation,
    history: &'static History,
    capacity: u32,
    /// Slots handed out at least once; written under the lock, read by everybody to check an index.
    fresh: AtomicU32,
    free: AtomicU32,
    lock: ByteLock,
    slots: core::marker::PhantomData<T>,
}

impl<T: Slot> Table<T> {
    /// Reserves room for up to `capacity` slots, or for fewer (down to 1,024) where the address space is short.
    pub fn new(capacity: u32, history: &'static History) -> Outcome<Table<T>> {
        let asked = capacity.clamp(1, INDEX_MAX);
        let mut capacity = asked;
        let range = loop {
            match Self::reserve(capacity) {
                Ok(range) if capacity == asked => break range,
                Ok(range) => {
                    // The address space is short: leave most of what there is to the stacks and to the program.
                    drop(range);
                    capacity = (capacity / 4).max(1024.min(asked));
                    break Self::reserve(capacity)?;
                }
                Err(status) if capacity <= 1024 => return Err(status),
                Err(_) => capacity /= 2,
            }
        };
        range.refuse_huge_pages();
        Ok(Table {
            range,
            history,
            capacity,
            fresh: AtomicU32::new(0),
            free: AtomicU32::new(NONE),
            lock: ByteLock::new(),
            slots: core::marker::PhantomData,
        })
    }

    fn reserve(capacity: u32) -> Outcome<Reservation> {
        Reservation::new((capacity as usize * size_of::<T>()).next_multiple_of(4096))
    }

    /// Address of slot 0; slot `i` lies `i` slots further.
    pub fn base(&self) -> *const T {
        self.range.base() as *const T
    }

    /// Number of slots handed out at least once: every lower index is a valid slot.
    #[inline]
    pub fn fresh(&self) -> u32 {
        // Acquire pairs with the Release store in `take_fresh`: the slot is committed and has its generation.
        self.fresh.load(Ordering::Acquire)
    }

    /// Slots that the table can hold.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// The slot at `index`, which is below [`Self::fresh`].
    #[inline]
    pub fn slot(&self, index: u32) -> &T {
        debug_assert!(index < self.fresh());
        // SAFETY: slots below `fresh` are committed and, being all zero or written, valid; they never move.
        unsafe { &*self.base().add(index as usize) }
    }

    /// The slot at `index`, or what a handle with this index and generation is when there is none.
    #[inline]
    pub fn find(&self, index: u32, generation: u64) -> Outcome<&T> {
        if index < self.fresh() { Ok(self.slot(index)) } else { Err(self.history.judge_unknown(index, generation)) }
    }

    /// Takes up to `out.len()` slots; at least one, or the status that says why none. Those that were never used come
    /// in ascending order.
    pub fn take(&self, out: &mut [u32]) -> Outcome<usize> {
        self.lock.lock();
        let result = self.take_locked(out);
        self.lock.unlock();
        result
    }

    fn take_locked(&self, out: &mut [u32]) -> Outcome<usize> {
        let mut count = 0;
        while count < out.len() {
            let index = self.free.load(Ordering::Relaxed);
            if index == NONE {
                break;
            }
            self.free.store(self.slot(index).free_link().load(Ordering::Relaxed), Ordering::Relaxed);
            out[count] = index;
            count += 1;
        }
        while count < out.len() {
            match self.take_fresh() {
                Ok(Some(index)) => {
                    out[count] = index;
                    count += 1;
                }
                Ok(None) => {}
                Err(status) if count == 0 => return Err(status),
                Err(_) => break,
            }
        }
        Ok(count)
    }

    /// One slot that was never used; `None` for one that an earlier table used up.
    fn take_fresh(&self) -> Outcome<Option<u32>> {
        let index = self.fresh.load(Ordering::Relaxed);
        if index >= self.capacity {
            return Err(Status::LIMIT);
        }
        self.range.commit((index as usize + 1) * size_of::<T>())?;
        #[cfg(loom)]
        // SAFETY: committed just now; nobody else refers to it before `fresh` says so.
        unsafe {
            self.base().add(index as usize).cast_mut().write(T::blank());
        }
        // SAFETY: committed just now; nobody else refers to it before `fresh` says so.
        let slot = unsafe { &*self.base().add(index as usize) };
        slot.set_generation(self.history.floor.load(Ordering::Relaxed));
        self.fresh.store(index + 1, Ordering::Release);
        Ok((!self.history.is_retired(index)).then_some(index))
    }

    /// Gives slots back. Their users are gone and their generations already name the next user. A slot whose
    /// generations are used up is retired instead.
    pub fn give(&self, indices: &[u32]) {
        self.lock.lock();
        for &index in indices {
            let slot = self.slot(index);
            if slot.generation() > GENERATION_MAX {
                self.history.retire(index);
                continue;
            }
            slot.free_link().store(self.free.load(Ordering::Relaxed), Ordering::Relaxed);
            self.free.store(index, Ordering::Relaxed);
        }
        self.lock.unlock();
    }
}

impl<T: Slot> Drop for Table<T> {
    fn drop(&mut self) {
        let fresh = self.fresh();
        let mut next = self.history.floor.load(Ordering::Relaxed);
        for index in 0..fresh {
            let generation = self.slot(index).generation();
            if generation <= GENERATION_MAX {
                // A slot in use is stale from now on, so its generation counts as issued.
                next = next.max((generation + 1).min(GENERATION_MAX));
            }
        }
        self.history.floor.store(next, Ordering::Relaxed);
        self.history.indices.fetch_max(fresh, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use atomic::AtomicU64;

    #[derive(Default)]
    struct Plain {
        link: AtomicU32,
        generation: AtomicU64,
    }

    // SAFETY: the two fields are only written by the table.
    unsafe impl Slot for Plain {
        fn free_link(&self) -> &AtomicU32 {
            &self.link
        }
        fn set_generation(&self, generation: u64) {
            self.generation.store(generation, Ordering::Relaxed);
        }
        fn generation(&self) -> u64 {
            self.generation.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn slots_come_back_and_generations_go_on_across_tables() {
        static HISTORY: History = History::new();
        let table: Table<Plain> = Table::new(2048, &HISTORY).expect("address space");
        let mut out = [0; 4];
        assert_eq!(table.take(&mut out), Ok(4));
        assert_eq!(out, [0, 1, 2, 3]);
        table.slot(2).set_generation(9);
        table.give(&[2]);
        let mut one = [0];
        assert_eq!(table.take(&mut one), Ok(1));
        assert_eq!(one, [2]);
        assert_eq!(HISTORY.judge_unknown(2, 1), Status::INVALID);
        drop(table);
        assert_eq!(HISTORY.judge_unknown(2, 9), Status::STALE);
        assert_eq!(HISTORY.judge_unknown(2, 10), Status::INVALID);
        assert_eq!(HISTORY.judge_unknown(5000, 1), Status::INVALID);
        let next: Table<Plain> = Table::new(2048, &HISTORY).expect("address space");
        assert_eq!(next.take(&mut one), Ok(1));
        assert_eq!(next.slot(one[0]).generation(), 10);
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired_and_stays_so_across_tables() {
        static HISTORY: History = History::new();
        let table: Table<Plain> = Table::new(2048, &HISTORY).expect("address space");
        let mut one = [0];
        assert_eq!(table.take(&mut one), Ok(1));
        table.slot(0).set_generation(GENERATION_MAX + 1);
        table.give(&one);
        assert_eq!(table.take(&mut one), Ok(1));
        assert_eq!(one, [1], "slot 0 must not come back");
        drop(table);
        let next: Table<Plain> = Table::new(2048, &HISTORY).expect("address space");
        assert_eq!(next.take(&mut one), Ok(1));
        assert_eq!(one, [1]);
    }

    #[test]
    fn a_full_table_is_a_limit_and_loses_nothing() {
        static HISTORY: History = History::new();
        let table: Table<Plain> = Table::new(1024, &HISTORY).expect("address space");
        let mut all = [0; 1100];
        assert_eq!(table.take(&mut all), Ok(1024));
        assert_eq!(table.take(&mut all[..1]), Err(Status::LIMIT));
        table.give(&[77]);
        assert_eq!(table.take(&mut all[..3]), Ok(1));
        assert_eq!(all[0], 77);
    }
}
