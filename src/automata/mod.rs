// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of regular expressions, pure: from patterns to tables, and the scan of streams on the processor.
//!
//! ```text
//! pattern.rs -> parse.rs -> glushkov.rs -> merge.rs -> tables.rs      an automaton of states and bytes, no assertions left
//!                                |-> factor.rs                          runs of bytes that every match has
//! set.rs       both, for many patterns
//! prefilter/   sets of literals: what most patterns are, and the factors of others
//! room.rs      growth that answers when no memory is left
//!
//! engine.rs    one of the engines, or two of them compared:
//!   reference.rs   the baseline: byte for byte, every start tried
//!   scanner.rs     fast: prefilter and verify.rs (backwards.rs), then dfa.rs over alphabet.rs and known.rs, as long as that
//!                  pays (thrash.rs); else as a worklist
//!   worklist.rs    as a device does it: prefilter and verify.rs, then sparse.rs (pairs of state and index) and dense.rs (bits)
//!
//! pack.rs      the tables as words, for devices
//! ```

pub mod alphabet;
pub mod backwards;
pub mod bytes;
pub mod condition;
pub mod dense;
pub mod dfa;
pub mod engine;
pub mod factor;
pub mod glushkov;
pub mod known;
pub mod merge;
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only adapters have words"))]
pub mod pack;
pub mod parse;
pub mod pattern;
pub mod prefilter;
pub mod reference;
pub mod scanner;
pub mod set;
pub mod sparse;
pub mod stream;
pub mod tables;
pub mod thrash;
pub mod verify;
pub mod worklist;

#[cfg(test)]
pub mod tests;
