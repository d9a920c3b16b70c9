// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program may ask of scopes. An OS thread is counted in here.

use super::count::enter_anywhere;
use super::{lifecycle, tokens};
use crate::base::status::Outcome;
use crate::engine::outside;
use crate::task::calls;
use crate::task::outcome::{Ended, State};
use crate::task::scope::{self, ISOLATE, Options};
use crate::wait::block::{FOREVER, NO_WAIT};

/// Opens a scope. Where the options say nothing of failures, the configuration does.
pub fn open(flags: u32, policy: u32, deadline: i64, cancel: u64) -> Outcome<u64> {
    let _call = enter_anywhere()?;
    let policy = if policy == ISOLATE { lifecycle::settings().fault_policy } else { policy };
    let deadline = if deadline == NO_WAIT { FOREVER } else { deadline };
    // Named for exploration, and for what there is to say where it is none.
    drop(tokens::find_or_none(cancel)?);
    scope::open(&Options { flags, policy, deadline, cancel })
}

/// Waits for all children.
pub fn join(scope: u64, deadline: i64) -> Outcome<()> {
    outside::refuse_on_worker()?;
    let _call = enter_anywhere()?;
    scope::join(scope, deadline)
}

/// The next child that has ended. `looks`: the caller learns how.
pub fn next(scope: u64, deadline: i64, looks: bool) -> Outcome<(u64, Ended)> {
    outside::refuse_on_worker()?;
    let _call = enter_anywhere()?;
    let record = scope::next(scope, deadline)?;
    if looks && record.ended.state == State::Failed {
        calls::see(record.child);
    }
    Ok((record.child, record.ended))
}

/// Cancels a scope.
pub fn cancel(scope: u64, reason: u64) -> Outcome<()> {
    let _call = enter_anywhere()?;
    scope::cancel(scope, reason)
}

/// Leaves a scope.
pub fn exit(scope: u64) -> Outcome<()> {
    outside::refuse_on_worker()?;
    let _call = enter_anywhere()?;
    scope::exit(scope)
}

/// Cancels everything in a scope and leaves it.
pub fn close(scope: u64) -> Outcome<()> {
    outside::refuse_on_worker()?;
    let _call = enter_anywhere()?;
    scope::close(scope)
}

/// The token of a scope, with a reference.
pub fn token(scope: u64) -> Outcome<u64> {
    let _call = enter_anywhere()?;
    scope::token(scope)
}
