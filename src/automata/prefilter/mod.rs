// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of literals found in texts, all occurrences of all of them, overlapping ones too: a filter over the windows of
//! every position, in vectors where the processor has them, and the exact comparison at the few that pass.
//!
//! ```text
//! rarity.rs    which window of a literal is rare       window.rs  keys of windows       filter.rs  bitmap and slots
//! pack.rs      the set as words for a device
//! literals.rs  the compiled set                        scan.rs    collect and verify    x86.rs     collect in vectors
//! ```

mod filter;
mod literals;
#[cfg(feature = "gpu")]
pub mod pack;
mod rarity;
mod scan;
mod window;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub use scan::Engine;

pub use self::{
    literals::{Literal, Literals, Refusal},
    scan::Scratch,
};
