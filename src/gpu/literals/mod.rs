// SPDX-License-Identifier: MIT OR Apache-2.0
//! Literals found in texts by a device: the filter looks at every position, what passes goes to a list of hits, and as
//! many invocations as there are hits verify them. Nothing can overflow unseen: the list has room for every position of a
//! slice, and matches that do not fit are counted and sought once more on the processor. On a software device the host
//! verifies instead.
//!
//! ```text
//! batch of pieces -- upload --> text --(slices: collect -> arrange -> verify, indirect)--> found -- read back --> matches
//!                              --(slices: pass_on)--> found -- read back --> hits -- verified here --> matches
//! ```
//! - `scan.wgsl`: the kernels. `resident`: tables and pipelines on a device. `batch`: pieces beside one another.
//! - `lane`: the buffers of a batch.
//! - `scan`: the job that the service thread drives.

mod batch;
mod lane;
mod resident;
mod scan;

pub use batch::Piece;
pub use resident::Resident;
pub use scan::{Request, Scan};

#[cfg(test)]
use scan::Found;

#[cfg(test)]
mod tests;
