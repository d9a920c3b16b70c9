// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the compiler and the engines.

mod compile;
mod engines;
pub mod memory;
mod narrow;
pub mod random;
pub mod referee;
pub mod rules;
