// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of regular expressions, pure: from patterns to tables, and the scan of streams on the processor.
//!
//! ```text
//! pattern.rs -> parse.rs -> glushkov.rs -> merge.rs -> tables.rs      an automaton of states and bytes, no assertions left
//!                                |-> factor.rs                          runs of bytes that every match has
//! set.rs       both, for many patterns
//! prefilter/   sets of literals: what most patterns are, and the factors of others
//! ```

pub mod bytes;
pub mod condition;
pub mod factor;
pub mod glushkov;
pub mod merge;
pub mod parse;
pub mod pattern;
pub mod prefilter;
pub mod set;
pub mod tables;

pub mod reference;
#[cfg(test)]
mod tests;
