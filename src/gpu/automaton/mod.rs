// SPDX-License-Identifier: MIT OR Apache-2.0
//! Automata as objects: a compiled set of patterns, the streams that are read with it, and the matches that wait.
//!
//! ```text
//! object.rs   the set, its streams between two chunks, what was found       scan.rs   one scan: chunks, who reads them, its ticket
//! ```

pub mod object;
pub mod scan;
