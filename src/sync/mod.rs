// SPDX-License-Identifier: MIT OR Apache-2.0
//! What strands talk through, and what they wait for each other with.

mod caller;
pub mod cases;
pub mod cell;
pub mod channel;
pub mod condition;
pub mod elements;
pub mod holder;
pub mod mutex;
pub mod once;
pub mod owner;
mod patience;
pub mod post;
pub mod receive;
pub mod rwlock;
pub mod semaphore;
pub mod send;
pub mod timer;
pub mod wait_group;
pub mod waiters;
