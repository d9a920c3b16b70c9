// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clock: nanoseconds of CLOCK_MONOTONIC or of the stepped engine's virtual clock, never below one second.

use crate::engine::{clock, touch, touched};

/// Every clock starts here, so that no moment is taken for one of the special deadlines.
const START: i64 = 1_000_000_000;

/// Now.
#[inline]
pub fn now() -> i64 {
    touch(touched::TIME);
    clock::now().max(START)
}

/// A deadline `nanoseconds` from now: saturating, negative counts as 0.
pub fn after(nanoseconds: i64) -> i64 {
    now().saturating_add(nanoseconds.max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_saturates_and_is_never_a_special_value() {
        assert_eq!(after(i64::MAX), i64::MAX);
        assert!(after(-5) >= START);
        assert!(after(i64::MIN) >= START);
        assert!(after(0) >= START);
    }
}
