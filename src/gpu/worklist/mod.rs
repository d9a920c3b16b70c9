// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side of worklists: staged, spilled and paused items, emitted records, faults, counters. Shared by the engines.
//!
//! ```text
//! segments.rs  queues of records          shape.rs    what a worklist is made with
//! ledger.rs    counters, and their sums   host.rs     all of it together
//! ```

pub mod host;
pub mod ledger;
pub mod segments;
pub mod shape;

#[cfg(all(test, not(loom)))]
mod tests;
