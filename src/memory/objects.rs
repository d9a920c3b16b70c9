// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects that C names by handle: a table of slots, each with a lock and the generation of its user.
//!
//! ```text
//! take        a free slot, locked; its handle is valid as soon as somebody else can know it
//! lock        by handle: the lock, then the generation under it; STALE when its user is gone
//! end         the generation moves on under the lock, the slot goes back: every handle is stale
//! ```
//! The generation is compared under the lock, so an operation counts no reference on its way, and an end beside it is
//! either before (STALE) or after it. Slots stay mapped while the runtime is up.

use core::ops::Deref;
use core::sync::atomic::AtomicPtr;

use super::table::{History, Slot, Table};
use crate::base::failing;
use crate::base::handle::{self, Kind};
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Set in the generation of a slot that belongs to nobody.
const FREE: u64 = 1 << 63;

/// What a slot holds. All-zero memory must be a valid value; everything in it is touched under the slot's lock only,
/// unless the type says how else.
///
/// # Safety
/// As the sentence above; so it may be shared between threads although it is made of cells.
pub unsafe trait Object: 'static {
    /// What all-zero memory is in a model, whose atomics are not plain memory.
    #[cfg(loom)]
    fn blank() -> Self;
}

/// A slot.
#[repr(C)]
pub struct Entry<T> {
    lock: ByteLock,
    free_link: AtomicU32,
    generation: AtomicU64,
    value: T,
}

// SAFETY: see `Object`.
unsafe impl<T: Object> Sync for Entry<T> {}

// SAFETY: the link is its own field; the generation is written by the table while the slot is free, and by `end`.
unsafe impl<T: Object> Slot for Entry<T> {
    fn free_link(&self) -> &AtomicU32 {
        &self.free_link
    }
    fn set_generation(&self, generation: u64) {
        self.generation.store(generation | FREE, Ordering::Relaxed);
    }
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed) & !FREE
    }
    #[cfg(loom)]
    fn blank() -> Self {
        Entry { lock: ByteLock::new(), free_link: AtomicU32::new(0), generation: AtomicU64::new(0), value: T::blank() }
    }
}

/// All objects of one kind; a static.
pub struct Objects<T: Object> {
    kind: Kind,
    table: AtomicPtr<Table<Entry<T>>>,
    history: History,
}

impl<T: Object> Objects<T> {
    /// None, until [`Self::start`].
    pub const fn new(kind: Kind) -> Self {
        Objects { kind, table: AtomicPtr::new(core::ptr::null_mut()), history: History::new() }
    }

    /// Makes the table of a runtime that is being initialised.
    pub fn start(&'static self, capacity: u32) -> Outcome<()> {
        if failing::now() {
            return Err(Status::NO_MEMORY);
        }
        let layout = core::alloc::Layout::new::<Table<Entry<T>>>();
        let table = Table::new(capacity, &self.history)?;
        // SAFETY: a table is not of size 0.
        let raw: *mut Table<Entry<T>> = unsafe { std::alloc::alloc(layout) }.cast();
        if raw.is_null() {
            return Err(Status::NO_MEMORY);
        }
        // SAFETY: allocated just now for this type.
        unsafe { raw.write(table) };
        self.table.store(raw, Ordering::Release);
        Ok(())
    }

    /// Frees the table; `last` is called for each object that is left, and ends what it holds.
    ///
    /// # Safety
    /// No strand and no call uses an object any more.
    pub unsafe fn stop(&'static self, mut last: impl FnMut(Locked<T>)) {
        self.for_each(&mut last);
        let raw = self.table.swap(core::ptr::null_mut(), Ordering::AcqRel);
        if !raw.is_null() {
            // SAFETY: made by `start`; unused by contract.
            unsafe {
                core::ptr::drop_in_place(raw);
                std::alloc::dealloc(raw.cast(), core::alloc::Layout::new::<Table<Entry<T>>>());
            }
        }
    }

    #[inline]
    fn table(&self) -> Outcome<&'static Table<Entry<T>>> {
        // SAFETY: published by `start`, taken back by `stop` after every call has left.
        unsafe { self.table.load(Ordering::Acquire).as_ref() }.ok_or(Status::NOT_INITIALISED)
    }

    /// A new object, locked. Its value is what the last user left (all zero at first): the caller writes every field.
    pub fn take(&'static self) -> Outcome<Locked<T>> {
        let table = self.table()?;
        let mut one = [0];
        table.take(&mut one)?;
        let entry = table.slot(one[0]);
        entry.lock.lock();
        entry.generation.store(entry.generation.load(Ordering::Relaxed) & !FREE, Ordering::Relaxed);
        Ok(Locked { name: Name { objects: self, entry, index: one[0], generation: Slot::generation(entry) } })
    }

    /// The object that a handle names, locked. INVALID when none was ever named so, STALE when it is gone.
    #[inline]
    pub fn lock(&'static self, handle: u64) -> Outcome<Locked<T>> {
        let parts = handle::decode(self.kind, handle).ok_or(Status::INVALID)?;
        let entry = self.table()?.find(parts.index, parts.generation)?;
        Name { objects: self, entry, index: parts.index, generation: parts.generation }.lock()
    }

    /// The object that a handle names, not locked: every lock looks whether it is still there. INVALID when none was ever
    /// named so, STALE where an earlier runtime had it.
    #[inline]
    pub fn name(&'static self, handle: u64) -> Outcome<Name<T>> {
        let parts = handle::decode(self.kind, handle).ok_or(Status::INVALID)?;
        let entry = self.table()?.find(parts.index, parts.generation)?;
        Ok(Name { objects: self, entry, index: parts.index, generation: parts.generation })
    }

    /// Calls `act` with each object, locked.
    pub fn for_each(&'static self, mut act: impl FnMut(Locked<T>)) {
        let Ok(table) = self.table() else { return };
        for index in 0..table.fresh() {
            let entry = table.slot(index);
            entry.lock.lock();
            if entry.generation.load(Ordering::Relaxed) & FREE == 0 {
                act(Locked { name: Name { objects: self, entry, index, generation: Slot::generation(entry) } });
            } else {
                entry.lock.unlock();
            }
        }
    }
}

/// An object by name: what a handle says, checked again at each lock.
pub struct Name<T: Object> {
    objects: &'static Objects<T>,
    entry: &'static Entry<T>,
    index: u32,
    generation: u64,
}

impl<T: Object> Clone for Name<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Object> Copy for Name<T> {}

impl<T: Object> Name<T> {
    /// Its handle.
    pub fn handle(&self) -> u64 {
        handle::encode(self.objects.kind, self.generation, self.index)
    }

    /// The object, locked; STALE when it has ended.
    #[inline]
    pub fn lock(self) -> Outcome<Locked<T>> {
        self.entry.lock.lock();
        let now = self.entry.generation.load(Ordering::Relaxed);
        if now == self.generation {
            return Ok(Locked { name: self });
        }
        self.entry.lock.unlock();
        match handle::compare(now & !FREE, self.generation) {
            // The next generation of a free slot: not yet issued.
            Ok(()) => Err(Status::INVALID),
            Err(status) => Err(status),
        }
    }

    /// What the slot holds, without its lock: for fields that are atomics of their own, whoever may use them now.
    pub fn peek(&self) -> &'static T {
        &self.entry.value
    }
}

/// A locked object. Unlocks when dropped.
pub struct Locked<T: Object> {
    name: Name<T>,
}

impl<T: Object> Locked<T> {
    /// Its name.
    pub fn name(&self) -> Name<T> {
        self.name
    }

    /// Its handle.
    pub fn handle(&self) -> u64 {
        self.name.handle()
    }

    /// The object is gone: every handle is stale from now on, the slot is free. The lock is given back before the slot.
    pub fn end(self) {
        let Name { objects, entry, index, generation } = self.name;
        entry.generation.store((generation + 1) | FREE, Ordering::Relaxed);
        drop(self);
        if let Ok(table) = objects.table() {
            table.give(&[index]);
        }
    }
}

impl<T: Object> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.name.entry.value
    }
}

impl<T: Object> Drop for Locked<T> {
    fn drop(&mut self) {
        self.name.entry.lock.unlock();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[derive(Default)]
    struct Number(Cell<u64>);

    // SAFETY: the cell is touched under the lock only.
    unsafe impl Object for Number {}

    #[test]
    fn a_handle_names_one_object_for_ever() {
        static NUMBERS: Objects<Number> = Objects::new(Kind::Timer);
        assert_eq!(NUMBERS.take().err(), Some(Status::NOT_INITIALISED));
        NUMBERS.start(1024).expect("address space");
        let first = NUMBERS.take().expect("a slot");
        first.0.set(7);
        let handle = first.handle();
        drop(first);
        assert_eq!(NUMBERS.lock(handle).expect("alive").0.get(), 7);
        assert_eq!(NUMBERS.lock(handle + (1 << 24)).err(), Some(Status::INVALID), "generation ahead");
        assert_eq!(NUMBERS.lock(handle + 1).err(), Some(Status::INVALID), "index never used");
        assert_eq!(NUMBERS.lock(0).err(), Some(Status::INVALID));
        assert_eq!(NUMBERS.lock(handle::encode(Kind::Task, 1, 0)).err(), Some(Status::INVALID), "another kind");
        let name = NUMBERS.lock(handle).expect("alive").name();
        NUMBERS.lock(handle).expect("alive").end();
        assert_eq!(NUMBERS.lock(handle).err(), Some(Status::STALE));
        assert_eq!(name.lock().err(), Some(Status::STALE));
        let next = NUMBERS.take().expect("a slot");
        assert_ne!(next.handle(), handle);
        let second = next.handle();
        drop(next);
        let mut left = Vec::new();
        // SAFETY: nobody else uses them.
        unsafe { NUMBERS.stop(|object| left.push(object.handle())) };
        assert_eq!(left, [second]);
        NUMBERS.start(1024).expect("address space");
        assert_eq!(NUMBERS.lock(second).err(), Some(Status::STALE), "also after a restart");
        // SAFETY: nobody else uses them.
        unsafe { NUMBERS.stop(|_| ()) };
    }

    impl core::fmt::Debug for Locked<Number> {
        fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            write!(out, "{:#x}", self.handle())
        }
    }
}
