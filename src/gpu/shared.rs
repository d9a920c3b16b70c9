// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a handle stands for, kept alive by whoever uses it: counted, and allocated so that a lack of memory is an answer.

use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::base::status::{Outcome, Status};
use crate::strand::message::try_box;

struct Counted<T> {
    users: AtomicUsize,
    value: T,
}

/// See the module documentation.
#[repr(transparent)]
pub struct Shared<T: Send + Sync + 'static>(NonNull<Counted<T>>);

// SAFETY: it gives no more than `&T`, and whoever is last drops the value.
unsafe impl<T: Send + Sync + 'static> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync + 'static> Sync for Shared<T> {}

impl<T: Send + Sync + 'static> Shared<T> {
    /// One, with one user; NO_MEMORY.
    pub fn new(value: T) -> Outcome<Shared<T>> {
        let counted = try_box(Counted { users: AtomicUsize::new(1), value }).ok_or(Status::NO_MEMORY)?;
        Ok(Shared(NonNull::from(Box::leak(counted))))
    }

    /// Whether both are the same.
    pub fn is(&self, other: &Shared<T>) -> bool {
        self.0 == other.0
    }
}

impl<T: Send + Sync + 'static> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this user keeps it.
        unsafe { &self.0.as_ref().value }
    }
}

impl<T: Send + Sync + 'static> Clone for Shared<T> {
    fn clone(&self) -> Self {
        // SAFETY: this user keeps it. Relaxed: whoever has one can hand over another.
        unsafe { self.0.as_ref().users.fetch_add(1, Ordering::Relaxed) };
        Shared(self.0)
    }
}

impl<T: Send + Sync + 'static> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: this user keeps it until here. Release pairs with the fence of the last one: what each did is done.
        if unsafe { self.0.as_ref().users.fetch_sub(1, Ordering::Release) } == 1 {
            fence(Ordering::Acquire);
            // SAFETY: made from a box, and nobody else is left.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_last_user_drops_the_value() {
        let witness = Arc::new(());
        let first = Shared::new(witness.clone()).unwrap();
        let second = first.clone();
        assert!(first.is(&second));
        assert!(!first.is(&Shared::new(witness.clone()).unwrap()));
        drop(first);
        assert_eq!(Arc::strong_count(&witness), 2);
        drop(second);
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn users_on_many_threads_drop_it_once() {
        let witness = Arc::new(());
        let shared = Shared::new(witness.clone()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let mine = shared.clone();
                scope.spawn(move || (0..10_000).for_each(|_| drop(mine.clone())));
            }
        });
        assert_eq!(Arc::strong_count(&witness), 2);
        drop(shared);
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}
