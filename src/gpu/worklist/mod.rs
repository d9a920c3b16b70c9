// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of worklists: staged, spilled and paused items, emitted records, faults, counters. Shared by the engines.
//!
//! ```text
//! segments.rs  queues of records          shape.rs    what a worklist is made with
//! ledger.rs    counters, and their sums   host/       all of it together
//! run.rs       a run, and how it ends     list.rs     a worklist as handles name it: lock, runs
//! calls.rs     what calls put in and take out, a part under each hold of the lock
//! staged.rs    items that are made ready without it, and then become part of the queues at once
//! line.rs      who waits: pushes for room, runners for work
//! options.rs   what a worklist is to be made with
//! compared.rs  a run that is made twice, and what both have come to
//! piece.rs     items as a kernel gets them
//! residence.rs what counts as being on a device without memory of its own
//! levels.rs    which items are open, where children wait for all that were queued before
//! ```

mod calls;
pub mod compared;
pub mod debug;
pub mod host;
pub mod ledger;
pub mod levels;
pub mod line;
pub mod list;
pub mod options;
pub mod piece;
pub mod residence;
pub mod run;
pub mod segments;
pub mod shape;
mod staged;

#[cfg(all(test, not(loom)))]
mod tests;
