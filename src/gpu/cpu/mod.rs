// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine on the processor, whose semantics are the reference: strands take batches and call the native kernel.
//!
//! ```text
//! batch.rs   a batch, and what its kernel says of it
//! ```

pub mod batch;
