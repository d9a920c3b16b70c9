// SPDX-License-Identifier: MIT OR Apache-2.0
//! What strands have done by OS threads: calls that block, on threads of a pool; and what such a call reads.

pub mod call;
pub mod offload;
pub mod pool;
pub mod source;
