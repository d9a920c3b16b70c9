// SPDX-License-Identifier: MIT OR Apache-2.0
//! Automata of which a device steps every active state, byte by byte, for windows of many streams at once.
//!
//! ```text
//! windows of streams ── walk.rs (job) ──> waves: text, records, entering states ──> dispatches ──> found ──> outcome
//!                                           blocking.wgsl   an invocation for a window; sets as bits; the baseline
//!                                           dense.wgsl      a group for a window; a word of bits for an invocation
//! ```
//! - `source`: the kernels' texts. `kernel`: tables and pipelines on a device. `resident`: those of an automaton.
//! - `lane`: the buffers of a wave. `wave`: which windows it has, and what was found in them.
//! - `walk`: the job that the service thread drives. `stepper`: batches of a scan as its requests.
//!
//! What is found comes through one buffer with a counter. When it has no room for everything, nothing of the wave is kept: it
//! is made again as two waves, or with the first half of its only window. So nothing is lost or there twice.

mod kernel;
mod lane;
mod resident;
mod source;
mod stepper;
mod walk;
mod wave;

#[cfg(test)]
pub use resident::{CHANGE, Rewrite};
pub use resident::{Resident, Wanted};
pub use stepper::Walking;
pub use walk::{Request, Walk};
#[cfg(test)]
pub use wave::{End, Outcome, Window};

#[cfg(test)]
mod tests;
