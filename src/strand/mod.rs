// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a strand is: its control block in two parts, its context, what belongs to it, and how it fails.

pub mod backtrace;
pub mod body;
pub mod context;
pub mod exceptions;
pub mod extras;
pub mod failure;
pub mod fault;
pub mod floating;
pub mod head;
pub mod hooks;
pub mod identity;
pub mod locals;
pub mod log;
pub mod message;
pub mod on_exit;
pub mod overflow;
pub mod partner;
pub mod poll;
pub mod root;
pub mod sanitizer;
#[cfg(all(target_arch = "x86_64", not(feature = "corosensei")))]
mod valgrind;
pub mod waiter;
