// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting: suspending a strand or an OS thread until exactly one of several things has ended the wait.

pub mod block;
pub mod cancel;
pub mod end;
#[allow(dead_code, reason = "its first users land next")]
pub mod list;
pub mod park;
pub mod threads;
