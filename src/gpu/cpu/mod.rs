// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine on the processor, whose semantics are the reference: strands take batches and call the native kernel.
//!
//! ```text
//! batch/     a batch, and what its kernel says of it
//! pace.rs    how many items make a batch, which way is faster
//! runner.rs  a strand that takes batches until the run ends
//! ```

pub mod batch;
pub mod pace;
pub mod runner;
