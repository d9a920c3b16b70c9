// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reasons of cancellation that are the runtime's own. A program's reasons are below them.

/// The first reason that is not a program's.
pub const FIRST: u64 = 1 << 63;
/// A join of tasks was decided without this one.
pub const JOIN_DECIDED: u64 = FIRST;
/// The scope was closed.
pub const SCOPE_CLOSED: u64 = FIRST + 1;
/// The runtime is shutting down.
pub const SHUTDOWN: u64 = FIRST + 2;
/// The promise was released without being completed.
pub const ABANDONED: u64 = FIRST + 3;
/// A deadline has passed.
pub const DEADLINE: u64 = FIRST + 4;
/// Another child of the scope has failed.
pub const SCOPE_FAILED: u64 = FIRST + 5;
