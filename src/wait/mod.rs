// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting: suspending a strand or an OS thread until exactly one of several things has ended the wait.

pub mod alarm;
pub mod block;
#[allow(dead_code, reason = "scopes land next")]
pub mod cancel;
pub mod end;
pub mod fire;
pub mod firing;
#[allow(dead_code, reason = "its first users land next")]
pub mod list;
pub mod lot;
pub mod on_cancel;
pub mod park;
#[allow(dead_code, reason = "its users land next")]
pub mod reason;
pub mod several;
pub mod threads;
#[allow(dead_code, reason = "scopes land next")]
pub mod tree;
