// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of what is shared: a handle names it until it is given up, and those who have looked it up keep it.

use core::cell::Cell;

use super::shared::Shared;
use crate::base::handle::Kind;
use crate::base::status::{Outcome, Status};
use crate::engine::{self, outside, touched};
use crate::memory::objects::{Locked, Object, Objects};
use crate::strand::identity;
use crate::strand::message::fail;

/// A slot of such a table.
#[repr(transparent)]
pub struct Slot<T: Send + Sync + 'static>(Cell<Option<Shared<T>>>);

// SAFETY: touched under the slot's lock; all-zero memory is None, because a `Shared` is a pointer that is not null.
unsafe impl<T: Send + Sync + 'static> Object for Slot<T> {
    #[cfg(loom)]
    fn blank() -> Self {
        Slot(Cell::new(None))
    }
}

/// See the module documentation; a static.
pub struct Named<T: Send + Sync + 'static> {
    slots: Objects<Slot<T>>,
    /// What one of them is called, for messages.
    what: &'static str,
}

impl<T: Send + Sync + 'static> Named<T> {
    /// None, until [`Self::start`].
    pub const fn new(kind: Kind, what: &'static str) -> Self {
        Named { slots: Objects::new(kind), what }
    }

    /// Makes the table of a runtime that is being initialised.
    pub fn start(&'static self, capacity: u32) -> Outcome<()> {
        self.slots.start(capacity)
    }

    /// Frees the table and gives up what is in it.
    ///
    /// # Safety
    /// No strand, no thread and no call uses it any more.
    pub unsafe fn stop(&'static self) {
        // SAFETY: by contract.
        unsafe { self.slots.stop(|slot| drop(slot.0.take())) };
    }

    /// Names something; `made` gets the handle first.
    pub fn add(&'static self, value: Shared<T>, made: impl FnOnce(&T, u64)) -> Outcome<u64> {
        engine::touch(touched::MAKING);
        let slot = match self.slots.take() {
            Ok(slot) => slot,
            Err(Status::LIMIT) => {
                return fail(Status::LIMIT, format_args!("no further {}: too many are in use", self.what));
            }
            Err(status) => return Err(status),
        };
        let handle = slot.handle();
        made(&value, handle);
        slot.0.set(Some(value));
        Ok(handle)
    }

    fn lock(&'static self, handle: u64) -> Outcome<Locked<Slot<T>>> {
        engine::touch(handle);
        match self.slots.lock(handle) {
            Err(Status::INVALID) => {
                let article = if self.what.starts_with('a') { "an" } else { "a" };
                fail(Status::INVALID, format_args!("{handle:#x} is not the handle of {article} {}", self.what))
            }
            found => found,
        }
    }

    /// What the handle names.
    pub fn get(&'static self, handle: u64) -> Outcome<Shared<T>> {
        let slot = self.lock(handle)?;
        let Some(value) = slot.0.take() else { return Err(Status::STALE) };
        let found = value.clone();
        slot.0.set(Some(value));
        Ok(found)
    }

    /// Gives the handle up: what it named.
    pub fn remove(&'static self, handle: u64) -> Outcome<Shared<T>> {
        let slot = self.lock(handle)?;
        let Some(value) = slot.0.take() else { return Err(Status::STALE) };
        slot.end();
        Ok(value)
    }

    /// Calls `act` with each, one after the other; the slot is not locked meanwhile.
    pub fn for_each(&'static self, mut act: impl FnMut(Shared<T>)) {
        self.slots.for_each(|slot| {
            let Some(value) = slot.0.take() else { return };
            let found = value.clone();
            slot.0.set(Some(value));
            drop(slot);
            act(found);
        });
    }

    /// Gives all of them up, one after the other.
    pub fn remove_each(&'static self, mut act: impl FnMut(Shared<T>)) {
        self.slots.for_each(|slot| {
            let value = slot.0.take();
            slot.end();
            value.map(&mut act);
        });
    }
}

/// Counts an OS thread in for a call; a strand is in.
pub fn enter() -> Outcome<Option<outside::Call>> {
    match identity::current() {
        Some(_) => Ok(None),
        None => outside::enter().map(Some),
    }
}
