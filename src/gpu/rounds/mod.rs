// SPDX-License-Identifier: MIT OR Apache-2.0
//! Worklists on a device: rounds, each of which takes a slice of the queue and runs the program once for each of its items.
//!
//! ```text
//! host ── upload ──> rings on the device ── prep: band, admission, size of the dispatch
//!   ^                   ^      │
//!   │                   │      v
//!   │                   └── step: one item each; children, requeued ──┐ fill (newest first): the hole is closed
//!   └── spilled, reports, records <────────────────────────────────────┘
//! ```
//! No append can fail: what an item may do is declared, and a slice is as large as its results have room.
//!
//! - `layout`: the words that both sides know. `shape`, `space`, `rings`, `pace`, `admission`, `outcome`: pure parts.
//! - `source`: a program's text or words. `tokens`, `text`, `assemble`, `private`, `led`: from a text to a module. `mailbox`, `spirv`, `graft`:
//!   likewise from words. `pipelines`, `prepared`, `store`: what the device has.
//! - `frontier`: what a run needs of the host. `upload`, `traffic`: what goes there and comes back. `drive`: the run. `attach`: the run of a
//!   worklist.

mod admission;
pub mod assemble;
pub mod attach;
pub mod drive;
pub mod frontier;
#[cfg(feature = "spirv")]
mod graft;
mod layout;
mod led;
#[cfg(feature = "spirv")]
mod mailbox;
mod outcome;
mod overrides;
mod pace;
pub mod pipelines;
pub mod prepared;
mod private;
mod rings;
pub mod shape;
pub mod source;
pub mod space;
#[cfg(feature = "spirv")]
pub mod spirv;
pub mod store;
mod text;
mod tokens;
mod traffic;
mod upload;

#[cfg(test)]
mod tests;
