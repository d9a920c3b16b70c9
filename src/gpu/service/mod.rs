// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices through wgpu (Vulkan): one thread for each open device makes every call that submits or waits.
//!
//! ```text
//! any thread ── commands, jobs ──> Queue ──> the service thread: drain, encode all jobs into one encoder, submit,
//!                                            poll, complete ──> replies ──> whoever waits is woken
//! ```
//! A submission may block its caller until the one before has finished, and a wait always does, so that no strand and no
//! worker ever makes such a call. What is made for wgpu lives in [`Held`], which hands it back to the thread to drop.
//!
//! - `adapters`: what there is, found when it is asked for; nothing happens before that.
//! - `device`: opening one, [`Gpu`], and how the errors of wgpu become a [`Failure`].
//! - `job`, `reply`, `queue`: what other threads ask for and how they hear of it.
//! - `thread`: the loop. `turn`: what a command may do in it. `readback`: staging buffers that are used again.
//! - `shader`: from text to a module, with line and column of an error. `loops`: the bound on loops. `probe`: whether the
//!   driver has a bound of its own. `words`: words as bytes.
//!
//! Fork: the threads of a device and of its driver do not exist in a child, in which the whole library answers FORKED.
//! Unloading: drivers keep threads and thread-local destructors, so a library that opened a device stays mapped.

pub mod adapters;
pub mod device;
pub mod failure;
pub mod job;
pub mod loops;
mod probe;
mod queue;
pub mod readback;
pub mod reply;
pub mod shader;
pub mod thread;
mod turn;
pub mod words;

pub use adapters::{Choice, Facts};
pub use device::Gpu;
pub use failure::Failure;
pub use job::{Job, Step};
pub use queue::Held;
pub use readback::Sink;
pub use reply::Reply;
pub use thread::{Options, Service};

#[cfg(test)]
pub(super) mod tests;
