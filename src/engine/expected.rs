// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a thread outside is about to bring: how long it pays to look out for it before sleeping.
//!
//! A worker that sleeps lets its processor sleep too, and to wake that takes tens of microseconds on a virtual machine, as long
//! as a short submission to a device. Whoever asks a device for something says so here, and for [`LONGEST`] after that one
//! worker that runs out of work searches on. A hint: nobody's wake depends on it.

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use crate::base::sys;

/// How long something is expected after it was asked for, in nanoseconds: several times what a small submission takes.
pub const LONGEST: i64 = 200_000;

/// Until when something is expected.
struct Expected(AtomicI64);

static DEVICES: Expected = Expected(AtomicI64::new(0));
/// Processors of this process; 0: nobody has counted them.
static PROCESSORS: AtomicU32 = AtomicU32::new(0);

/// A device was asked for something. With one processor nobody looks out: whoever is to bring it needs the processor.
pub fn begin() {
    if several_processors() {
        DEVICES.begin(sys::monotonic());
    }
}

/// How much longer something is expected, at `now`. At most [`LONGEST`].
pub fn left(now: i64) -> i64 {
    if cfg!(loom) { 0 } else { DEVICES.left(now) }
}

impl Expected {
    fn begin(&self, now: i64) {
        self.0.store(now + LONGEST, Ordering::Relaxed); // a hint
    }

    fn left(&self, now: i64) -> i64 {
        (self.0.load(Ordering::Relaxed) - now).clamp(0, LONGEST) // a hint
    }
}

fn several_processors() -> bool {
    let mut known = PROCESSORS.load(Ordering::Relaxed);
    if known == 0 {
        known = sys::usable_processors();
        PROCESSORS.store(known, Ordering::Relaxed);
    }
    known > 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_expected_for_a_while_and_no_longer() {
        let expected = Expected(AtomicI64::new(0));
        assert_eq!(expected.left(1_000_000_000), 0, "nothing was asked for");
        expected.begin(1_000_000_000);
        assert_eq!(expected.left(1_000_000_000 - 5), LONGEST, "a clock that was read before");
        assert_eq!(expected.left(1_000_000_000 + 5), LONGEST - 5);
        assert_eq!(expected.left(1_000_000_000 + LONGEST), 0);
        assert_eq!(expected.left(2_000_000_000), 0);
    }
}
