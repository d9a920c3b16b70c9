// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who makes a call on an object in the program's memory, and what every such call does first.

use super::owner;
use crate::base::status::{Outcome, Status};
use crate::engine::{self, outside};
use crate::strand::body::Body;
use crate::strand::identity;
use crate::wait::block::NO_WAIT;
use crate::wait::cancel;

/// One call.
pub struct Caller {
    /// As an owner.
    pub who: u64,
    /// The strand.
    pub body: Option<&'static Body>,
    _call: Option<outside::Call>,
}

/// A call that may wait: another strand may go first, a cancelled one is refused, an OS thread is counted in.
pub fn waits(place: usize, deadline: i64) -> Outcome<Caller> {
    let body = identity::current();
    if let Some(body) = body
        && deadline != NO_WAIT
    {
        cancel::before_waiting(body)?;
    }
    arrive(place, body, outside::enter)
}

/// A call that never waits.
pub fn passes(place: usize) -> Outcome<Caller> {
    arrive(place, identity::current(), outside::enter)
}

/// A call that never waits and gives back what somebody may wait for: also while the runtime shuts down. `None`: nobody can
/// wait any more.
pub fn gives_back(place: usize) -> Outcome<Option<Caller>> {
    match arrive(place, identity::current(), outside::enter_to_give_back) {
        Ok(caller) => Ok(Some(caller)),
        Err(Status::CANCELLED) => Ok(None),
        Err(status) => Err(status),
    }
}

fn arrive(
    place: usize,
    body: Option<&'static Body>,
    enter: impl FnOnce() -> Outcome<outside::Call>,
) -> Outcome<Caller> {
    let (who, call) = match body {
        Some(body) => (owner::strand(body), None),
        None => (owner::thread(), Some(enter()?)),
    };
    engine::touch_place(place);
    Ok(Caller { who, body, _call: call })
}
