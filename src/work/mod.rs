// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work items, pure: the sixteen words of a task, compact records, states, the admission policy and its evidence, the
//! order in which bands and tenants are drained. Nothing here knows a device or a runtime.
//!
//! ```text
//! words.rs    the table of the sixteen words        state.rs    states and their order, flags, priorities
//! task.rs     a task and what may happen to it      fields.rs   compact records: some of the words
//! pair.rs     state/index pairs                     shader.rs   a record as a shader sees it
//! codes.rs    the library's fault codes
//! ```

pub mod codes;
pub mod fields;
pub mod pair;
pub mod shader;
pub mod state;
pub mod task;
pub mod words;

#[cfg(test)]
mod tests;
