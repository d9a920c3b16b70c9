// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program may ask of cancel tokens.

use super::count::enter_anywhere;
use super::strands;
use crate::base::status::{Outcome, Status};
use crate::engine;
use crate::strand::identity;
use crate::strand::message::fail;
use crate::strand::waiter::WaitKind;
use crate::wait::block::{self, NO_WAIT};
use crate::wait::firing::Firing;
use crate::wait::on_cancel::{self, Call};
use crate::wait::tree::{self, Held};
use crate::wait::{cancel, fire, reason};

#[cold]
fn explain<T>(token: u64, status: Status) -> Outcome<T> {
    match status {
        Status::INVALID => fail(status, format_args!("{token:#x} is not the handle of a cancel token that ever was")),
        Status::LIMIT => fail(status, format_args!("too many references to cancel token {token:#x}")),
        other => Err(other),
    }
}

fn find(token: u64) -> Outcome<Held> {
    engine::touch(token);
    tree::find(token).or_else(|status| explain(token, status))
}

/// The token of a handle; none for 0.
pub(super) fn find_or_none(token: u64) -> Outcome<Option<Held>> {
    if token == 0 { Ok(None) } else { find(token).map(Some) }
}

/// Makes a token.
pub fn make(parent: u64, deadline: i64) -> Outcome<u64> {
    let _call = enter_anywhere()?;
    if cancel::is_all_cancelled() {
        return Err(Status::CANCELLED);
    }
    engine::touch(engine::touched::MAKING);
    let parent = find_or_none(parent)?;
    let made =
        tree::make(parent.as_ref().map(Held::token), if deadline == NO_WAIT { block::FOREVER } else { deadline });
    match made {
        Ok(token) => Ok(token.token().handle()),
        Err(Status::LIMIT) => fail(Status::LIMIT, format_args!("as many cancel tokens as a handle allows")),
        Err(status) => fail(status, format_args!("no memory for a cancel token")),
    }
}

/// A reason that a program may give.
pub fn check_reason(reason: u64) -> Outcome<()> {
    if reason < reason::FIRST {
        return Ok(());
    }
    fail(Status::INVALID, format_args!("the reason {reason:#x} is one of the runtime's own, which are 2^63 and up"))
}

/// Fires a token. Again: OK, and the first reason stays.
pub fn fire(token: u64, reason: u64) -> Outcome<()> {
    let _call = enter_anywhere()?;
    fire::fire(find(token)?.token(), reason);
    Ok(())
}

/// Waits until a token has fired: why.
pub fn wait(token: u64, deadline: i64) -> Outcome<u64> {
    let call = enter_anywhere()?;
    if deadline != NO_WAIT
        && let Some(body) = identity::current()
    {
        cancel::before_waiting(body)?;
    }
    engine::touch(token);
    let source = Firing::new(token).or_else(|status| explain(token, status))?;
    if let Some(reason) = source.token().reason() {
        return Ok(reason);
    }
    let status = block::wait(&source, WaitKind::Cancel, token, deadline);
    let fired = source.token().reason();
    drop((source, call));
    match (status, fired) {
        (Status::OK, Some(reason)) => Ok(reason),
        (status, _) => Err(status),
    }
}

/// Registers a function.
pub fn on(token: u64, call: &Call) -> Outcome<u64> {
    let _call = enter_anywhere()?;
    match on_cancel::register(find(token)?.token(), call) {
        Err(Status::NO_MEMORY) => fail(Status::NO_MEMORY, format_args!("no memory for a cancel hook")),
        Err(Status::LIMIT) => fail(Status::LIMIT, format_args!("as many cancel hooks as a handle allows")),
        other => other,
    }
}

/// Takes it back.
pub fn off(hook: u64) -> Outcome<()> {
    let _call = enter_anywhere()?;
    engine::touch(engine::touched::EVERYTHING);
    match on_cancel::unregister(hook) {
        Err(Status::INVALID) => {
            fail(Status::INVALID, format_args!("{hook:#x} is not the handle of a cancel hook that ever was"))
        }
        Err(Status::ALREADY) => fail(
            Status::ALREADY,
            format_args!("cancel hook {hook:#x} was called, was taken back, or went with its token"),
        ),
        Err(Status::BUSY) => fail(Status::BUSY, format_args!("cancel hook {hook:#x} is being called at this moment")),
        other => other,
    }
}

/// One more reference.
pub fn retain(token: u64) -> Outcome<()> {
    let _call = enter_anywhere()?;
    engine::touch(token);
    tree::retain(token).or_else(|status| explain(token, status))
}

/// One less.
pub fn release(token: u64) -> Outcome<()> {
    let _call = enter_anywhere()?;
    engine::touch(token);
    tree::release(token).or_else(|status| explain(token, status))
}

/// The token that the running strand is bound to, with a reference; 0 when there is none.
pub fn current() -> Outcome<u64> {
    match tree::of(strands::on_strand()?) {
        Some(token) => tree::give(token).or_else(|status| explain(token.handle(), status)),
        None => Ok(0),
    }
}

/// The earliest deadline of a token and those above it; -1 for none.
pub fn deadline(token: u64) -> Outcome<i64> {
    let _call = enter_anywhere()?;
    Ok(find(token)?.token().deadline())
}
