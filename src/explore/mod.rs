// SPDX-License-Identifier: MIT OR Apache-2.0
//! Searching the schedules of a program for one that fails.
//!
//! ```text
//! plan      what to search and for how long, from its text     ledger    what was decided in one schedule
//! explorer  decides each pick and writes it down               walk      every schedule, one after the other
//! footprint what a strand touched between two decisions        shrink    a shorter schedule that fails too
//! spread    over how many picks interruptions come
//! ```
//! Strands are told apart by their ordinal: the first strand of a schedule is 0, the next 1. A decision is a pick among
//! two or more strands. Its *choice* is a place in the round of ordinals that begins with the strand that ran last, or,
//! when that one gave its turn away, with the one after it; so choice 0 is always what disturbs least.

pub mod explorer;
pub mod follow;
pub mod footprint;
pub mod ledger;
pub mod plan;
pub mod shrink;
pub mod spread;
pub mod walk;
#[cfg(test)]
mod walk_tests;

pub use explorer::{Explorer, Mode};
pub use ledger::Ledger;
pub use plan::{Plan, Strategy};
