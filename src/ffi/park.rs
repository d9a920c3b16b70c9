// SPDX-License-Identifier: MIT OR Apache-2.0
//! Park and unpark
//!
//! The building block of waiting for anything: begin a wait, hand its token to whoever will end
//! it, park. An unpark that comes before the park is not lost; one that comes after the wait is
//! over says STRAND_ERR_STALE and does nothing.

use super::status::strand_status;
use super::{check, guard};
use crate::runtime::strands;

/// One wait of one strand.
pub type strand_park_token = u64;

/// Begins a wait. A strand has one at a time: beginning another ends the one before.
///
/// @param out  the token
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_park_begin(out: *mut strand_park_token) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_park_begin", "out")?;
        let token = strands::park_begin()?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(token) };
        Ok(())
    })
}

/// Waits until the token is unparked. STRAND_OK and STRAND_ERR_TIMEOUT end the wait; with
/// STRAND_ERR_WOULD_BLOCK it is as it was.
///
/// @param token     from strand_park_begin() on this strand
/// @param deadline  see strand_after()
/// @param value     what strand_unpark() was given; may be NULL
/// @return STRAND_OK: unparked;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: not unparked in time;
///         STRAND_ERR_STALE: this wait is over;
///         STRAND_ERR_INVALID: the token is not of this strand, or the deadline is below -1;
///         STRAND_ERR_CANCELLED: the strand is asked to end;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_FORKED
///
/// @context strand
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_park(token: strand_park_token, deadline: i64, value: *mut u64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_park")?;
        let given = strands::park(token, deadline)?;
        if !value.is_null() {
            // SAFETY: writable, by the caller's promise.
            unsafe { value.write(given) };
        }
        Ok(())
    })
}

/// Ends a wait: the strand becomes ready, or its coming strand_park() returns at once. The first
/// one wins.
///
/// @param token  the wait
/// @param value  handed to strand_park()
/// @return STRAND_OK: this call ended the wait;
///         STRAND_ERR_STALE: it was over;
///         STRAND_ERR_INVALID: the token was never issued;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_unpark(token: strand_park_token, value: u64) -> strand_status {
    guard(|| strands::unpark(token, value))
}
