// SPDX-License-Identifier: MIT OR Apache-2.0
//! Automata as objects: a compiled set of patterns, the streams that are read with it, and the matches that wait.
//!
//! ```text
//! object.rs     the set, its streams between two chunks, what was found
//! scan.rs       one scan: chunks, who reads them, its ticket      together.rs   the same, many streams at a time
//! batch.rs      the next windows of many streams, and what runs them: items/ as a worklist's program, processor.rs
//! ```

pub mod batch;
pub mod items;
pub mod object;
mod processor;
pub mod scan;
mod together;
