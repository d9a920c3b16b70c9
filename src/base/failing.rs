// SPDX-License-Identifier: MIT OR Apache-2.0
//! An allocation that an exploration makes fail: the next one, once.

#[cfg(not(test))]
mod next {
    use core::sync::atomic::{AtomicBool, Ordering};

    static NEXT: AtomicBool = AtomicBool::new(false);

    pub fn set(yes: bool) {
        NEXT.store(yes, Ordering::Relaxed);
    }

    #[inline]
    pub fn take() -> bool {
        // Relaxed: explorations have one thread.
        NEXT.load(Ordering::Relaxed) && NEXT.swap(false, Ordering::Relaxed)
    }
}

/// Tests of one process run on several threads, and each has memory of its own that fails.
#[cfg(test)]
mod next {
    use core::cell::Cell;

    std::thread_local! {
        static NEXT: Cell<bool> = const { Cell::new(false) };
    }

    pub fn set(yes: bool) {
        NEXT.set(yes);
    }

    pub fn take() -> bool {
        NEXT.replace(false)
    }
}

/// The next allocation fails, if `yes`; of this thread, in the library's own tests.
pub fn next(yes: bool) {
    next::set(yes);
}

/// Whether this allocation is to fail. Asked before each one that a call of the program leads to.
#[inline]
pub fn now() -> bool {
    next::take()
}

#[cfg(all(test, not(loom)))]
mod tests {
    #[test]
    fn what_one_test_makes_fail_fails_in_no_other() {
        super::next(true);
        assert!(!std::thread::spawn(super::now).join().unwrap(), "another thread's allocation failed");
        assert!(super::now(), "this thread's own does");
        assert!(!super::now(), "once");
    }
}
