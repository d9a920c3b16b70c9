// SPDX-License-Identifier: MIT OR Apache-2.0
//! What everything stands on: status codes, handles, locks, fences, and the thin layer over the system.

pub mod bias_lock;
pub mod claim;
pub mod failing;
pub mod fence;
pub mod handle;
pub mod heap;
pub mod lock;
#[cfg(loom)]
pub mod model;
pub mod owner_lock;
pub mod quiet;
pub mod random;
pub mod room;
pub mod status;
pub mod sync;
pub mod sys;
pub mod wheel;
