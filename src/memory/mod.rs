// SPDX-License-Identifier: MIT OR Apache-2.0
//! Address space: growing tables of slots, and the stacks of the strands.

pub mod objects;
pub mod reserve;
pub mod stack_class;
pub mod stack_pool;
pub mod table;
