// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tasks: strands (or promises) with an outcome that is written once, and waiting for one or many of them. Generators, monitors.

pub mod calls;
pub mod case;
pub mod generator;
pub mod join;
pub mod monitor;
pub mod outcome;
pub mod promise;
pub mod scope;
pub mod table;
pub mod watch;
