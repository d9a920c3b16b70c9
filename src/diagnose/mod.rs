// SPDX-License-Identifier: MIT OR Apache-2.0
//! Seeing inside: dumps, the deadlock report, counters, facts about the build and the machine.

pub mod deadlock;
pub mod dump;
pub mod facts;
pub mod json;
pub mod site;
pub mod statistics;
