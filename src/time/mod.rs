// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time: the clock of the runtime, and sleeping.

pub mod clock;
pub mod sleep;
