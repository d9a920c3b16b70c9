// SPDX-License-Identifier: MIT OR Apache-2.0
//! What strands talk through.

pub mod cases;
pub mod cell;
pub mod channel;
pub mod elements;
pub mod receive;
pub mod send;
pub mod waiters;
