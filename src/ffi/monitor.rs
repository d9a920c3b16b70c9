// SPDX-License-Identifier: MIT OR Apache-2.0
//! Monitors
//!
//! A monitor watches a strand or a task and sends one message about its end into a channel of
//! strand_down elements: exactly one, also when the target has ended before. The message is sent
//! when everything of the target is over, its exit hooks included, and before anybody who joins or
//! awaits it goes on. It is never lost and needs no memory then: where the channel is full, or grows,
//! the message stands among the senders that wait, in memory which the monitor has brought along.
//! Only a channel that is closed or gone drops it. Transfer functions do not see it; a drop function
//! gets the one that lies in the channel when that is freed.
//!
//! A fault that a monitor reports is not reported by strand_scheduler_run() again. Links and
//! supervisors are programs over monitors: see examples/supervisor.c.

use super::channel::strand_chan;
use super::status::strand_status;
use super::{check, guard};
use crate::task::monitor;

/// Names a monitor; below 2^62 and never used again. 0 is no monitor.
pub type strand_monitor_id = u64;

/// The target had ended before, and nothing is known of it any more. The other states are those of
/// a strand_outcome: STRAND_SUCCEEDED, STRAND_FAILED, STRAND_CANCELLED.
pub const STRAND_GONE: u32 = 5;

/// What a monitor sends.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_down {
    /// sizeof(strand_down)
    pub size: u32,
    /// How it ended. A strand whose function returned: STRAND_SUCCEEDED. One that failed:
    /// STRAND_FAILED. A dormant one at the shutdown: STRAND_CANCELLED. A task: its state.
    pub state: u32,
    /// Who sends this.
    pub monitor: u64,
    /// Whose end it is about: the handle that strand_monitor() was given.
    pub target: u64,
    /// What strand_monitor() was given.
    pub tag: u64,
    /// Why a task was cancelled.
    pub reason: u64,
    /// With STRAND_FAILED the code of the failure, else STRAND_OK.
    pub code: strand_status,
    /// 0
    pub reserved: u32,
}

const _: () = assert!(size_of::<strand_down>() == monitor::DOWN_SIZE);

/// Watches a strand or a task. The monitor ends with its message; strand_demonitor() ends it before.
///
/// @param target  the handle of a strand or of a task. One that has ended: the message comes at once,
///                with the outcome of a task that still has a handle, else with STRAND_GONE
/// @param chan    the channel that gets the message; its elements have the size of strand_down. The
///                monitor holds no reference to it
/// @param tag     comes back in the message
/// @param out     the monitor
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: target names neither a strand nor a task and never did, chan is not
///         a channel with elements of that size, or out is NULL;
///         STRAND_ERR_CLOSED: the channel is closed;
///         STRAND_ERR_STALE: the channel is gone;
///         STRAND_ERR_LIMIT: as many monitors as a handle allows;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_monitor(
    target: u64,
    chan: strand_chan,
    tag: u64,
    out: *mut strand_monitor_id,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_monitor", "out")?;
        let made = monitor::watch(target, chan, tag)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made) };
        Ok(())
    })
}

/// Stops watching. Afterwards the message of this monitor does not come: after STRAND_OK it never was
/// or will be received, after STRAND_ERR_STALE it was sent before.
///
/// @param monitor  the monitor
/// @param flush    0, or the channel: a message of this monitor that lies in it and was not received
///                 yet is taken out, which is STRAND_OK
/// @return STRAND_OK: nobody gets the message;
///         STRAND_ERR_STALE: it was sent before, or somebody else has ended the monitor;
///         STRAND_ERR_INVALID: monitor names none and never did, or flush is neither 0 nor a channel
///         of strand_down elements;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_demonitor(monitor: strand_monitor_id, flush: strand_chan) -> strand_status {
    guard(|| monitor::unwatch(monitor, flush))
}
