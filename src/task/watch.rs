// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who wants to be told when a task ends: a list of records in the frames of those who wait, under the task's lock.

use core::ptr;

use super::outcome::Ended;
use crate::base::sync::cell::Cell;
use crate::wait::block::Woken;

/// What is done when the task ends: under the task's lock, so it calls nothing that waits and no function of the
/// program. The watch is in no list any more. True when somebody will look at the outcome.
///
/// # Safety
/// The watch is the first field of the record that the function was made for, which is in place.
pub type Notify = unsafe fn(&Watch, &Ended, &mut Woken) -> bool;

/// One record of the list, the first field of what its function expects.
#[repr(C)]
pub struct Watch {
    notify: Notify,
    next: Cell<*const Watch>,
    back: Cell<*const Watch>,
    linked: Cell<bool>,
}

impl Watch {
    /// A record in no list.
    pub fn new(notify: Notify) -> Watch {
        Watch { notify, next: Cell::new(ptr::null()), back: Cell::new(ptr::null()), linked: Cell::new(false) }
    }

    /// Tells it.
    ///
    /// # Safety
    /// As [`Notify`]; under the task's lock, and taken out of its list.
    pub unsafe fn tell(&self, ended: &Ended, woken: &mut Woken) -> bool {
        // SAFETY: by contract.
        unsafe { (self.notify)(self, ended, woken) }
    }
}

/// See the module documentation. First come, first told. All-zero memory is an empty list.
pub struct Watches {
    first: Cell<*const Watch>,
    last: Cell<*const Watch>,
}

impl Watches {
    /// Nobody.
    pub fn new() -> Watches {
        Watches { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
    }

    /// Appends a record.
    ///
    /// # Safety
    /// It is in no list, and stays in place until it was taken out.
    #[inline]
    pub unsafe fn push(&self, watch: &Watch) {
        let last = self.last.replace(watch);
        watch.next.set(ptr::null());
        watch.back.set(last);
        if last.is_null() {
            self.first.set(watch);
        } else {
            // SAFETY: linked records are in place.
            unsafe { (*last).next.set(watch) };
        }
        watch.linked.set(true);
    }

    /// Takes the first one out.
    #[inline]
    pub fn pop(&self) -> Option<&Watch> {
        // SAFETY: linked records are in place.
        let watch = unsafe { self.first.get().as_ref() }?;
        self.remove(watch);
        Some(watch)
    }

    /// Takes a record of this list out, if it is in it; whether it was.
    #[inline]
    pub fn remove(&self, watch: &Watch) -> bool {
        if !watch.linked.replace(false) {
            return false;
        }
        let (next, back) = (watch.next.get(), watch.back.get());
        // SAFETY: neighbours of a linked record are linked and in place.
        unsafe {
            if back.is_null() {
                self.first.set(next)
            } else {
                (*back).next.set(next)
            }
            if next.is_null() { self.last.set(back) } else { (*next).back.set(back) }
        }
        true
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let mut count = 0;
        let mut next = self.first.get();
        // SAFETY: linked records are in place.
        while let Some(watch) = unsafe { next.as_ref() } {
            count += 1;
            next = watch.next.get();
        }
        count
    }
}

impl Default for Watches {
    fn default() -> Self {
        Self::new()
    }
}
