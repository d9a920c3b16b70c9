// SPDX-License-Identifier: MIT OR Apache-2.0
//! Graphs in compressed sparse rows, pure: checks, and the frontier algorithms on the processor.
//!
//! ```text
//! csr.rs        a graph: offsets, targets, weights, checked     frontier.rs   one batch of a frontier: the searches
//! distances.rs  what the searches fill
//! generate.rs   graphs for tests                                reference.rs  serial searches for tests
//! ```

pub mod csr;
pub mod distances;
pub mod frontier;
#[cfg(test)]
pub mod generate;
#[cfg(test)]
pub mod reference;
#[cfg(test)]
mod tests;
