// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time and deadlines
//!
//! Time is a count of nanoseconds of the runtime's clock, which only goes forward. Every call
//! that can wait takes an absolute deadline: STRAND_FOREVER, STRAND_NO_WAIT or a time made by
//! strand_after(). A deadline in the past tries once and then gives STRAND_ERR_TIMEOUT; one below
//! -1 is STRAND_ERR_INVALID.

use crate::time::clock;

/// The deadline that never comes.
pub const STRAND_FOREVER: i64 = -1;
/// The deadline of a call that must not wait: it gives STRAND_ERR_WOULD_BLOCK instead.
pub const STRAND_NO_WAIT: i64 = 0;

/// The time on the runtime's clock. Before strand_scheduler_init() it is the monotonic clock.
/// Never less than one second, so that a time is never taken for STRAND_NO_WAIT. In a run that is
/// recorded or replayed it is not for signal handlers: what it says is written down.
///
/// @return nanoseconds
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe yes
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_now() -> i64 {
    clock::now()
}

/// The deadline that lies so many nanoseconds ahead. A negative distance counts as 0, and one
/// beyond the end of the clock as the end of the clock; the result is never STRAND_NO_WAIT or
/// STRAND_FOREVER.
///
/// @param nanoseconds  distance from now
/// @return a deadline
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe yes
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_after(nanoseconds: i64) -> i64 {
    clock::after(nanoseconds)
}
