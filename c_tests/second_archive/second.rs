// SPDX-License-Identifier: MIT OR Apache-2.0
//! A second Rust static library, with a std of its own, for the test that links it beside libstrand.
//! Built with plain rustc; the names it exports are its own, everything else in it collides with any other Rust archive.

use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU32, Ordering};

static CAUGHT: AtomicU32 = AtomicU32::new(0);

/// An entry for a strand: panics in this archive and catches it in this archive.
#[unsafe(no_mangle)]
pub extern "C" fn second_panics(argument: *mut c_void) -> *mut c_void {
    let result = catch_unwind(|| {
        let empty: HashMap<u32, String> = HashMap::new();
        empty[&7].len()
    });
    if result.is_err() {
        CAUGHT.fetch_add(1, Ordering::SeqCst);
    }
    argument
}

/// How many panics were caught so far.
#[unsafe(no_mangle)]
pub extern "C" fn second_caught() -> u32 {
    CAUGHT.load(Ordering::SeqCst)
}

/// Something of std that needs threads and thread-locals of its own.
#[unsafe(no_mangle)]
pub extern "C" fn second_works() -> u32 {
    std::thread::spawn(|| (1..=10).map(|number| number.to_string()).collect::<String>().len() as u32).join().unwrap_or(0)
}
