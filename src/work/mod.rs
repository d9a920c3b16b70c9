// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work items, pure: the sixteen words of a task, compact records, states, the admission policy and its evidence, the
//! order in which bands and tenants are drained. Nothing here knows a device or a runtime.
//!
//! ```text
//! words.rs    the table of the sixteen words        state.rs    states and their order, flags, priorities
//! task.rs     a task and what may happen to it      fields.rs   compact records: some of the words
//! pair.rs     state/index pairs                     shader.rs   a record as a shader sees it
//! codes.rs    the library's fault codes            policy.rs   blocking or not, or spill first
//! measured.rs  times that overrule the policy       evidence.rs  what a run leaves to be judged by
//! drain.rs     whose items are taken next           compare.rs  whether two results are the same
//! ```

pub mod codes;
pub mod compare;
pub mod drain;
pub mod evidence;
pub mod fields;
pub mod measured;
pub mod pair;
pub mod policy;
pub mod shader;
pub mod state;
pub mod task;
pub mod words;

#[cfg(test)]
mod tests;
