// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where tasks meet the scope they are spawned into. 0 is the root, which asks nothing and is told nothing.

use super::outcome::{State, Task};
use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;

/// A task is about to be made in a scope: may it? What this admits, [`ended`] or [`refused`] is told of once.
pub fn admit(scope: u64) -> Outcome<()> {
    match scope {
        0 => Ok(()),
        scope => fail(Status::INVALID, format_args!("{scope:#x} is not the handle of a scope that was ever opened")),
    }
}

/// What was admitted could not be made after all.
pub fn refused(_scope: u64) {}

/// What was admitted has ended: its outcome is written. No lock is held. The slot may be another task's already.
pub fn ended(_scope: u64, _task: &'static Task, _state: State) {}
