// SPDX-License-Identifier: MIT OR Apache-2.0
//! Panics of code that is not the library's, such as graphics libraries and their compilers, where each becomes a status:
//! nothing is printed.
//!
//! What a panic prints is printed by a hook, of which each copy of Rust's standard library has one. In libstrand.a and libstrand.so that
//! copy is the library's own, and nobody else panics there: `tools/build-static.sh` says so (`cfg(strand_own_std)`), and a hook is
//! installed that defers to the one before it, but where a panic is expected. A Rust program that links the crate shares its standard
//! library, and the hook is the program's: there none is installed, and such panics print what all print.

use core::cell::Cell;

std::thread_local! {
    static EXPECTED: Cell<u32> = const { Cell::new(0) };
}

/// While there is one, panics of this thread print nothing, where the hook is the library's.
pub struct Quiet(());

impl Quiet {
    /// From now on, until it is dropped. By the thread that drops it.
    pub fn begin() -> Quiet {
        #[cfg(any(strand_own_std, test))]
        hook::install();
        EXPECTED.set(EXPECTED.get() + 1);
        Quiet(())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        EXPECTED.set(EXPECTED.get() - 1);
    }
}

#[cfg(any(strand_own_std, test))]
mod hook {
    use super::EXPECTED;
    use std::panic::{set_hook, take_hook};
    use std::sync::Once;

    static INSTALLED: Once = Once::new();

    pub fn install() {
        if std::thread::panicking() {
            return;
        }
        INSTALLED.call_once(|| {
            let before = take_hook();
            set_hook(Box::new(move |panic| {
                // A thread whose locals are gone expects nothing.
                if EXPECTED.try_with(Cell::get).unwrap_or(0) == 0 {
                    before(panic);
                }
            }));
        });
    }

    use core::cell::Cell;
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, set_hook, take_hook};
    use std::sync::atomic::{AtomicU32, Ordering};

    static PRINTED: AtomicU32 = AtomicU32::new(0);

    /// Before any other hook is installed: each test has a process of its own where it counts.
    #[test]
    fn what_is_expected_prints_nothing_and_all_else_does() {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            let text = panic.payload().downcast_ref::<&str>();
            if text.is_some_and(|text| text.starts_with("made by this test")) {
                PRINTED.fetch_add(1, Ordering::SeqCst);
            } else {
                others(panic);
            }
        }));
        hook::install();
        let printed = |what: &dyn Fn()| {
            let before = PRINTED.load(Ordering::SeqCst);
            what();
            PRINTED.load(Ordering::SeqCst) - before
        };
        let panics = || drop(catch_unwind(|| panic!("made by this test")));
        assert_eq!(printed(&panics), 1, "control");
        assert_eq!(
            printed(&|| {
                let outer = Quiet::begin();
                drop(Quiet::begin());
                panics();
                drop(outer);
            }),
            0
        );
        assert_eq!(printed(&panics), 1, "it is over");
        let unwound = || {
            drop(catch_unwind(|| {
                let _quiet = Quiet::begin();
                panic!("made by this test, while it is expected");
            }));
            panics();
        };
        assert_eq!(printed(&unwound), 1, "a panic ends it too");
        let elsewhere = || {
            let _quiet = Quiet::begin();
            std::thread::spawn(panics).join().unwrap();
        };
        assert_eq!(printed(&elsewhere), 1, "another thread's is its own");
    }
}
