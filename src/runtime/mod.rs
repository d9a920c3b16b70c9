// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runtime of the process: its life, its configuration, who is counted, and what strands may ask for.

pub mod automata;
pub mod blocking;
pub mod collector;
pub mod comparing;
pub mod config;
pub mod count;
pub mod entry;
pub mod environment;
pub mod exploring;
pub mod feeding;
pub mod generators;
pub mod lifecycle;
pub mod policies;
pub mod recording;
pub mod scopes;
pub mod select;
pub mod snapshot;
pub mod spawning;
pub mod stepping;
pub mod strands;
pub mod tasks;
pub mod tokens;
pub mod world;

pub use count::{external_acquire, external_release, run, wait_all};
pub use lifecycle::{initialise, shutdown};
pub mod worklists;
