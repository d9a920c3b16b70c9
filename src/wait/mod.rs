// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting: suspending a strand or an OS thread until exactly one of several things has ended the wait.

pub mod alarm;
pub mod block;
pub mod cancel;
pub mod end;
pub mod fire;
pub mod firing;
pub mod list;
pub mod lot;
pub mod on_cancel;
pub mod park;
pub mod reason;
pub mod several;
pub mod threads;
pub mod tree;
