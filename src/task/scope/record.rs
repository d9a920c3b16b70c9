// SPDX-License-Identifier: MIT OR Apache-2.0
//! Children that have ended and were not asked for, in the order of their ends. The room for each is had before the child
//! is made, so that its end cannot fail.

use core::cell::Cell;
use core::ptr;

use crate::strand::message::{allocate, release};
use crate::task::calls;
use crate::task::outcome::Ended;

/// The end of one child.
#[derive(Clone, Copy)]
pub struct Record {
    /// A strand; or a task, with a reference.
    pub child: u64,
    /// How it ended.
    pub ended: Ended,
}

struct Place {
    record: Record,
    next: *mut Place,
}

/// See the module documentation. Under the scope's lock. All-zero memory is empty.
pub struct Records {
    first: Cell<*mut Place>,
    last: Cell<*mut Place>,
    room: Cell<*mut Place>,
}

impl Records {
    /// None.
    #[cfg(loom)]
    pub fn new() -> Records {
        Records {
            first: Cell::new(ptr::null_mut()),
            last: Cell::new(ptr::null_mut()),
            room: Cell::new(ptr::null_mut()),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// Room for one more. False: no memory.
    pub fn make_room(&self) -> bool {
        let place = allocate::<Place>();
        if place.is_null() {
            return false;
        }
        // SAFETY: just allocated, ours alone.
        unsafe { (*place).next = self.room.replace(place) };
        true
    }

    fn take_room(&self) -> *mut Place {
        let place = self.room.get();
        if !place.is_null() {
            // SAFETY: places of the list are allocated.
            self.room.set(unsafe { (*place).next });
        }
        place
    }

    /// The room that was made for a child is not needed.
    pub fn give_room_back(&self) {
        // SAFETY: taken out of the list.
        unsafe { release(self.take_room()) };
    }

    /// Appends one, for which room was made.
    pub fn push(&self, record: Record) {
        let place = self.take_room();
        debug_assert!(!place.is_null());
        if place.is_null() {
            return;
        }
        // SAFETY: taken out of the list of room, so ours; the last place is in the list.
        unsafe {
            place.write(Place { record, next: ptr::null_mut() });
            match self.last.replace(place).as_mut() {
                Some(last) if !self.first.get().is_null() => last.next = place,
                _ => self.first.set(place),
            }
        }
    }

    /// Takes the first.
    pub fn pop(&self) -> Option<Record> {
        let place = self.first.get();
        // SAFETY: places of the list are allocated, and written by `push`.
        let Place { record, next } = unsafe { place.as_ref().map(|_| place.read()) }?;
        self.first.set(next);
        if next.is_null() {
            self.last.set(ptr::null_mut());
        }
        // SAFETY: taken out of the list.
        unsafe { release(place) };
        Some(record)
    }

    /// Frees all, when the runtime is gone and the tasks with it.
    pub fn forget(&self) {
        while self.pop().is_some() {}
        while !self.room.get().is_null() {
            self.give_room_back();
        }
    }

    /// Takes everything, to be let go without the lock.
    pub fn take(&self) -> Records {
        Records {
            first: Cell::new(self.first.replace(ptr::null_mut())),
            last: Cell::new(self.last.replace(ptr::null_mut())),
            room: Cell::new(self.room.replace(ptr::null_mut())),
        }
    }

    /// Lets the tasks go that nobody asked for.
    pub fn let_go(self) {
        while let Some(record) = self.pop() {
            // A strand has nothing to let go, and says so.
            let _ = calls::release_kept(record.child);
        }
        self.forget();
    }
}
