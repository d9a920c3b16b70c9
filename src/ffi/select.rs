// SPDX-License-Identifier: MIT OR Apache-2.0
//! Select
//!
//! Waits for one of several things: whichever is there first commits, alone, and the others are as
//! if nobody had asked.

use super::status::strand_status;
use super::{check, guard};
use crate::base::status::Outcome;
use crate::runtime::select::{self, RawCase};
use core::ffi::c_void;

/// Never ready: switches a case off. Nothing but size is looked at.
pub const STRAND_CASE_NONE: u32 = 0;
/// Receive from the channel handle into element. A closed and empty channel commits too, with
/// STRAND_ERR_CLOSED.
pub const STRAND_CASE_RECV: u32 = 1;
/// Send what is at element to the channel handle. A closed channel commits too, with
/// STRAND_ERR_CLOSED. A transfer function copies the element once, before the case is tried or
/// waits; if another case commits, the copy goes to the drop function.
pub const STRAND_CASE_SEND: u32 = 2;
/// The end of the task handle, as strand_task_await(); element is NULL or a strand_outcome whose
/// size is set, to be filled. The status is STRAND_OK however the task has ended.
pub const STRAND_CASE_TASK: u32 = 3;
/// The moment deadline, see strand_after(); handle is 0. STRAND_NO_WAIT is always ready,
/// STRAND_FOREVER never. When it comes together with the deadline of the call, the case commits.
pub const STRAND_CASE_TIMER: u32 = 4;
/// The cancellation of the token handle, from strand_cancel_new(); element is NULL or a uint64_t
/// that gets the reason. The last release of the token commits too, with STRAND_ERR_CLOSED.
pub const STRAND_CASE_CANCEL: u32 = 5;
/// A file that is ready. STRAND_ERR_UNSUPPORTED in this version.
pub const STRAND_CASE_FD: u32 = 6;
/// The unpark of the token handle, which strand_park_begin() gave to the calling strand; element
/// is NULL or a uint64_t that gets the value. When another case commits, or none, the wait of the
/// token goes on: it is as it was, and a later strand_park() or strand_select() finds its unpark.
pub const STRAND_CASE_PARK: u32 = 7;
/// The result of the ticket handle, as strand_ticket_await(); element is NULL or a strand_status that
/// gets it. The status is STRAND_OK whatever the result is.
pub const STRAND_CASE_TICKET: u32 = 8;
/// The end of the strand handle, as strand_join().
pub const STRAND_CASE_STRAND: u32 = 9;

/// Of several cases that are ready each is equally likely to commit.
pub const STRAND_SELECT_FAIR: u32 = 0;
/// Of several cases that are ready the first one listed commits.
pub const STRAND_SELECT_FIRST_LISTED: u32 = 1;

/// One of the things to wait for.
#[repr(C)]
pub struct strand_case {
    /// sizeof(strand_case), the same in all cases of a call: it is the way to the next one.
    pub size: u32,
    /// STRAND_CASE_RECV and so on
    pub kind: u32,
    /// What it is about, as its kind says.
    pub handle: u64,
    /// Where a result goes, or what is sent, as its kind says. NULL where elements have no bytes.
    pub element: *mut c_void,
    /// STRAND_CASE_TIMER: when. Of other kinds it is not looked at.
    pub deadline: i64,
    /// Written for the case that commits, and for no other: STRAND_OK or STRAND_ERR_CLOSED.
    pub status: strand_status,
    /// 0
    pub events: u32,
}

const _: () = assert!(size_of::<strand_case>() == size_of::<RawCase>());
// The core has the numbers too: one table, checked against the header's.
const _: () = assert!(
    STRAND_CASE_NONE == select::NONE
        && STRAND_CASE_STRAND == select::STRAND
        && STRAND_SELECT_FIRST_LISTED == select::FIRST_LISTED
);

/// Waits until one of the cases can commit, and commits it: the element is received or sent, and
/// *index says which one it was. Exactly one commits. The others leave no trace: nothing is
/// received, sent or kept for them. A send and a receive of one call on one channel never meet each
/// other; a channel may stand in any number of cases. On any status but STRAND_OK none has
/// committed.
///
/// Up to 8 cases need no memory. Where a message and a cancellation, or a message and the deadline,
/// come together, one of them wins, and a message that was moved is reported as STRAND_OK.
///
/// @param cases     count of them, all of the same size; may be NULL when count is 0
/// @param count     their number, at most 2^24. With none, or only with cases that are switched
///                  off, the call waits for its deadline
/// @param deadline  see strand_after(); a deadline in the past tries once
/// @param flags     STRAND_SELECT_FAIR or STRAND_SELECT_FIRST_LISTED
/// @param index     number of the case that has committed, from 0; written on STRAND_OK only
/// @return STRAND_OK: look at *index, and at the status of that case;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: no case was ready in time;
///         STRAND_ERR_INVALID: cases or index is NULL, the cases differ in size, a case makes no
///         sense (strand_last_error() says which and why), none of them can ever be ready and the
///         deadline is STRAND_FOREVER, flags has unknown bits, or the deadline is below -1;
///         STRAND_ERR_STALE: what a case is about is gone;
///         STRAND_ERR_UNSUPPORTED: a kind that this version cannot wait for;
///         STRAND_ERR_LIMIT: too many cases;
///         STRAND_ERR_NO_MEMORY: for more than 8 cases, the copy of a message, or an unbounded
///         channel that cannot grow;
///         STRAND_ERR_NOT_ON_STRAND: STRAND_CASE_PARK, and the caller is no strand;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
///         meanwhile;
///         STRAND_ERR_WOULD_SWITCH: in a callback, and the deadline is not STRAND_NO_WAIT;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_select(
    cases: *mut strand_case,
    count: usize,
    deadline: i64,
    flags: u32,
    index: *mut usize,
) -> strand_status {
    guard(|| {
        check::pointer(index, "strand_select", "index")?;
        // SAFETY: cases of the size that they say, and what they point to, by the caller's promise.
        let committed = match unsafe { select::quick::select(cases.cast(), count, deadline, flags) } {
            Some(committed) => committed?,
            // SAFETY: as above.
            None => unsafe { select_checked(cases, count, deadline, flags) }?,
        };
        // SAFETY: writable, by the caller's promise.
        unsafe { index.write(committed) };
        Ok(())
    })
}

/// # Safety
/// As [`strand_select`].
#[inline(never)]
unsafe fn select_checked(cases: *mut strand_case, count: usize, deadline: i64, flags: u32) -> Outcome<usize> {
    if count > 0 {
        check::pointer(cases, "strand_select", "cases")?;
    }
    check::deadline(deadline, "strand_select")?;
    check::flags(flags, STRAND_SELECT_FIRST_LISTED, "strand_select")?;
    // SAFETY: by contract.
    unsafe { select::select(cases.cast(), count, deadline, flags) }
}
