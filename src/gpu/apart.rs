// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only devices need, behind pointers. The static library has a member for programs that name no device, and what a
//! shutdown reaches is in it: tables are emptied there, objects dropped. So what belongs to an adapter is kept in one of
//! these, and ended through functions that were stored when it was made: the linker finds no way from a shutdown to them.

use core::ops::Deref;
use core::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// A value on the heap that is dropped through a stored function.
pub struct Apart<T> {
    value: NonNull<T>,
    free: unsafe fn(NonNull<T>),
}

// SAFETY: it owns the value as a box does.
unsafe impl<T: Send> Send for Apart<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Apart<T> {}

impl<T> Apart<T> {
    /// Owns the value.
    pub fn new(value: T) -> Apart<T> {
        Apart { value: NonNull::from(Box::leak(Box::new(value))), free: free::<T> }
    }
}

/// # Safety
/// From `Apart::new`, and not freed before.
unsafe fn free<T>(value: NonNull<T>) {
    // SAFETY: it was a box, by contract.
    drop(unsafe { Box::from_raw(value.as_ptr()) });
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: owned.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Drop for Apart<T> {
    fn drop(&mut self) {
        // SAFETY: made by `Apart::new`, and dropped once.
        unsafe { (self.free)(self.value) };
    }
}

/// What is to be called at the next shutdown. A list on the heap: from a static that only ever has one value the linker
/// would see through.
static LAST: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// Has `act` called once by [`at_last`].
pub fn remember(act: fn()) {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if !last.iter().any(|known| core::ptr::fn_addr_eq(*known, act)) {
        last.push(act);
    }
}

/// Calls what was remembered, and forgets it.
pub fn at_last() {
    let last = core::mem::take(&mut *LAST.lock().unwrap_or_else(PoisonError::into_inner));
    for act in last {
        act();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_value_apart_is_used_in_place_and_dropped_once() {
        let value = Arc::new(7);
        let apart = Apart::new(value.clone());
        assert_eq!((**apart, Arc::strong_count(&value)), (7, 2));
        drop(apart);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn what_is_remembered_is_called_once() {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        fn count() {
            CALLS.fetch_add(1, Ordering::Relaxed);
        }
        remember(count);
        remember(count);
        at_last();
        at_last();
        assert_eq!(CALLS.load(Ordering::Relaxed), 1);
    }
}
