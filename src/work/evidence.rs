// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run leaves to be judged by: the fields of schema 1, and behind them what else was counted.

use super::policy::{FULL, Mode};

/// The schema that this version writes.
pub const SCHEMA: u32 = 1;

/// Whether the results of two implementations were compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub enum Parity {
    /// They were not.
    #[default]
    Unchecked = 0,
    /// They were, and are equal.
    Equal = 1,
    /// They were, and differ.
    Different = 2,
}

/// The evidence of one run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// [`SCHEMA`].
    pub schema: u32,
    /// How it was worked on.
    pub mode: Mode,
    /// Items that were queued at once, at most.
    pub depth: u32,
    /// Items that were run, each time that one was counted.
    pub visits: u64,
    /// How full the batches or lanes were.
    pub occupancy_bps: u32,
    /// Time in blocking kernels.
    pub blocking_ns: u64,
    /// Time in non-blocking kernels.
    pub nonblocking_ns: u64,
    /// Results of both ways have to match.
    pub parity_required: bool,
    /// Visits are those of single items, not of opaque jobs.
    pub reports_items: bool,
    /// What comparing has given; behind schema 1.
    pub parity: Parity,
    /// Items that went to host memory for want of room.
    pub spilled: u64,
    /// Items that went back to the queue.
    pub requeued: u64,
    /// Slices that were run.
    pub rounds: u64,
    /// Submissions to a device.
    pub submissions: u64,
    /// Bytes to and from a device.
    pub bytes: u64,
}

impl Evidence {
    /// Of a run that has not done anything.
    pub const fn empty() -> Evidence {
        Evidence {
            schema: SCHEMA,
            mode: Mode::Empty,
            depth: 0,
            visits: 0,
            occupancy_bps: 0,
            blocking_ns: 0,
            nonblocking_ns: 0,
            parity_required: true,
            reports_items: true,
            parity: Parity::Unchecked,
            spilled: 0,
            requeued: 0,
            rounds: 0,
            submissions: 0,
            bytes: 0,
        }
    }

    /// Whether schema 1 is filled: what a judge needs is there.
    pub const fn is_complete(&self) -> bool {
        self.schema == SCHEMA
            && self.occupancy_bps <= FULL
            && self.parity_required
            && self.reports_items
            && (matches!(self.mode, Mode::Empty) || self.depth != 0)
    }

    /// Complete, and the results were compared and are equal.
    pub const fn is_proven(&self) -> bool {
        self.is_complete() && matches!(self.parity, Parity::Equal)
    }
}
