// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who runs next, as pure rules: no clock, no thread, no input or output, and the same answers to the same calls. The
//! stepped engine asks.
//!
//! ```text
//! schedule.rs   the interface: strands become ready, and the pick; attributes.rs and moves.rs: its rarer calls
//! rules.rs      what can be configured          strands.rs    what is known of each strand
//! lanes.rs      which lane is next              order.rs      the order of the ready strands, one of five:
//!   fifo.rs     first in, first out             ranked.rs     the four kinds with a rank
//!   pool.rs     uniform choice                  pct.rs        random priorities with change points
//!   line.rs     choice by the caller
//! heap.rs       the heap below them             handoff.rs    a record of each move between lanes
//! memory.rs     where memory is asked for       defect.rs     mistakes that tests seed
//! ```
//!
//! A strand is in at most one place: its entry in `strands` says whether it is ready, and the order that the kind
//! keeps (one of the five) holds exactly the strands that are ready and not held.

mod attributes;
mod defect;
mod fifo;
mod handoff;
mod heap;
mod lanes;
mod line;
mod memory;
mod moves;
mod order;
mod pct;
mod pool;
mod ranked;
mod rules;
mod schedule;
mod strands;
#[cfg(test)]
mod tests;

#[allow(unused_imports, reason = "the example that times the rules includes this file and needs fewer names")]
pub use handoff::{Handoff, Mark};
#[allow(unused_imports, reason = "the engine has its own chooser; tests and the example have theirs")]
pub use rules::{Cause, Chooser, Kind, Rules, StrandIndex};
pub use schedule::Schedule;
