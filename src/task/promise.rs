// SPDX-License-Identifier: MIT OR Apache-2.0
//! Promises: tasks that no strand computes. Whoever has the promise completes its task, once, from any thread.

use core::ffi::c_void;

use super::calls::{REFERENCES_MAX, cancel_locked};
use super::outcome::{DropValue, State, Verdict};
use super::table::{self, explain, find};
use super::{outcome, scope};
use crate::base::handle::{self, Kind};
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::strand::failure::{About, Failure};
use crate::strand::identity;
use crate::strand::message::fail;
use crate::wait::block::Woken;
use crate::wait::on_cancel::{self, Call};
use crate::wait::reason;
use crate::wait::tree::Token;

/// What a promise is made with.
#[derive(Default)]
pub struct PromiseOptions {
    /// Counts as an external hold while it is open, as every promise does that no strand has made.
    pub external: bool,
    /// The scope of its task.
    pub scope: u64,
    /// Ends the value if nobody takes it.
    pub drop_value: Option<DropValue>,
}

/// Makes a promise and its task: their handles, each with one reference.
pub fn create(options: &PromiseOptions) -> Outcome<(u64, u64)> {
    let on_strand = identity::current().is_some();
    let _call = if on_strand { None } else { Some(outside::enter()?) };
    let token = scope::admit_promise(options.scope)?;
    let task = match table::take() {
        Ok(task) => task,
        Err(status) => {
            scope::refused(options.scope);
            return Err(status);
        }
    };
    task.entry.set(None);
    task.drop_argument.set(None);
    task.drop_value.set(options.drop_value);
    task.scope.set(options.scope);
    task.hook.set(0);
    let external = options.external || !on_strand;
    if external {
        outside::owe();
    }
    task.open(false, external);
    let handle = table::handle_of(task);
    let promise = handle::decode(Kind::Task, handle)
        .map_or(0, |parts| handle::encode(Kind::Promise, parts.generation, parts.index));
    if let Some(token) = token {
        scope::adopt(options.scope, task);
        match cancel_with(token.token(), handle) {
            // Under the lock: the scope may be cancelling it already.
            Ok(hook) => {
                let _locked = task.lock();
                task.hook.set(hook);
            }
            Err(status) => {
                release(promise)?;
                super::calls::release(handle)?;
                return fail(status, format_args!("no memory to bind a promise to its scope"));
            }
        }
    }
    Ok((promise, handle))
}

/// A scope that is cancelled cancels the task of a promise: the hook.
fn cancel_with(token: &'static Token, task: u64) -> Outcome<u64> {
    unsafe extern "C" fn cancel_task(task: *mut c_void, reason: u64) {
        // Its handles may be gone while the promise is open.
        if let Ok(found) = find(Kind::Task, task as u64) {
            super::calls::cancel_unheld(found.name, reason);
        }
    }
    on_cancel::register(token, &Call { function: cancel_task, drop: None, data: task as *mut c_void })
}

fn finish(promise: u64, verdict: &Verdict, message: &[u8]) -> Outcome<()> {
    let found = find(Kind::Promise, promise)?;
    let name = found.name;
    // Made before the lock is taken, and for nothing when another completion was faster.
    let failure = if verdict.state == State::Failed {
        Failure::make(About {
            code: verdict.code,
            strand: 0,
            task: name.handle(),
            name: &[],
            message,
            addresses: &[],
            cause: None,
        })
    } else {
        None
    };
    let mut woken = Woken::new();
    let locked = name.lock_promise().or_else(|status| explain(Kind::Promise, promise, status))?;
    match locked.complete(verdict, failure, &mut woken) {
        Ok(rest) => {
            woken.wake_all();
            table::settle(name.task, rest);
            Ok(())
        }
        Err(status) => fail(status, format_args!("promise {promise:#x} is not open any more")),
    }
}

/// Completes the task with a value.
pub fn complete(promise: u64, value: u64) -> Outcome<()> {
    finish(promise, &Verdict { state: State::Succeeded, value, code: Status::OK, reason: 0 }, &[])
}

/// Completes the task with a failure.
pub fn complete_failed(promise: u64, code: Status, message: &[u8]) -> Outcome<()> {
    finish(promise, &Verdict { state: State::Failed, value: 0, code, reason: 0 }, message)
}

/// Completes the task with a cancellation.
pub fn cancel(promise: u64, reason: u64) -> Outcome<()> {
    let found = find(Kind::Promise, promise)?;
    let locked = found.name.lock_promise().or_else(|status| explain(Kind::Promise, promise, status))?;
    match cancel_locked(locked, reason) {
        Err(status) => fail(status, format_args!("promise {promise:#x} is not open any more")),
        ok => ok,
    }
}

/// CANCELLED when the task was cancelled: nobody wants the value.
pub fn look(promise: u64) -> Outcome<()> {
    let found = find(Kind::Promise, promise)?;
    let locked = found.name.lock_promise().or_else(|status| explain(Kind::Promise, promise, status))?;
    if locked.state() == outcome::State::Cancelled { Err(Status::CANCELLED) } else { Ok(()) }
}

/// One more handle of the promise.
pub fn retain(promise: u64) -> Outcome<()> {
    let found = find(Kind::Promise, promise)?;
    let locked = found.name.lock_promise().or_else(|status| explain(Kind::Promise, promise, status))?;
    if locked.retain_promise(REFERENCES_MAX) {
        return Ok(());
    }
    drop(locked);
    fail(Status::LIMIT, format_args!("promise {promise:#x} has {REFERENCES_MAX} handles already"))
}

/// One handle of the promise less. The last one of an open promise cancels its task.
pub fn release(promise: u64) -> Outcome<()> {
    let found = find(Kind::Promise, promise)?;
    let mut woken = Woken::new();
    let locked = found.name.lock_promise().or_else(|status| explain(Kind::Promise, promise, status))?;
    let rest = locked.release_promise(reason::ABANDONED, &mut woken);
    woken.wake_all();
    table::settle(found.name.task, rest);
    Ok(())
}
