// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of tasks and records.

mod adversarial;
mod drain;
mod golden;
mod policy;
mod records;
#[cfg(feature = "gpu")]
mod shaders;
