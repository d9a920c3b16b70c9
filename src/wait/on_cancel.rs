// SPDX-License-Identifier: MIT OR Apache-2.0
//! Functions that a token calls when it fires: each at most once, on the stack of whoever fires it, without a lock.
//!
//! ```text
//! LINKED ──fire──► RUNNING ──► gone          LINKED ──unregister──► gone
//!    └────the token ends────► GONE ──► gone (its drop function runs)
//! ```
//! The state changes under the token's lock. Locks are taken in the order hook, token.

use core::ffi::c_void;
use core::mem::MaybeUninit;

use super::tree::{InList, Token};
use crate::base::handle::{INDEX_MAX, Kind};
use crate::base::status::{Outcome, Status};
use crate::base::sync::cell::Cell;
use crate::memory::objects::{Locked, Name, Object, Objects};
use crate::strand::root::{self, Root, Visit};

/// What a hook calls.
pub type Function = unsafe extern "C" fn(data: *mut c_void, reason: u64);
/// What ends the data of a hook that is never called.
pub type Drop = unsafe extern "C" fn(data: *mut c_void);

/// All hooks.
static HOOKS: Objects<Hook> = Objects::new(Kind::CancelHook);

/// In the token's list.
const LINKED: u32 = 0;
/// The token fires: it is being called, or about to be.
pub const RUNNING: u32 = 1;
/// The token has ended without firing.
pub const GONE: u32 = 2;

/// See the module documentation.
pub struct Hook {
    me: Cell<MaybeUninit<Name<Hook>>>,
    token: Cell<MaybeUninit<Name<Token>>>,
    function: Cell<Option<Function>>,
    drop: Cell<Option<Drop>>,
    /// A plain cell, whose address a collector is shown.
    data: core::cell::Cell<*mut c_void>,
    /// Under the token's lock, as the next two.
    state: Cell<u32>,
    next: InList,
    back: InList,
}

// SAFETY: cells are touched under the hook's lock or, as they say, the token's; those of a hook that was taken off its
// token's list by whoever took it.
unsafe impl Object for Hook {
    #[cfg(loom)]
    fn blank() -> Self {
        Hook {
            me: Cell::new(MaybeUninit::uninit()),
            token: Cell::new(MaybeUninit::uninit()),
            function: Cell::new(None),
            drop: Cell::new(None),
            data: core::cell::Cell::new(core::ptr::null_mut()),
            state: Cell::new(0),
            next: Cell::new(None),
            back: Cell::new(None),
        }
    }
}

/// The hooks of a token, oldest first. Under its lock.
pub struct Hooks {
    first: InList,
    last: InList,
}

impl Hooks {
    /// None.
    #[cfg(loom)]
    pub fn new() -> Hooks {
        Hooks { first: Cell::new(None), last: Cell::new(None) }
    }

    fn push(&self, hook: &'static Hook) {
        let last = self.last.replace(Some(hook));
        hook.state.set(LINKED);
        hook.next.set(None);
        hook.back.set(last);
        match last {
            Some(last) => last.next.set(Some(hook)),
            None => self.first.set(Some(hook)),
        }
    }

    fn remove(&self, hook: &'static Hook) {
        let (next, back) = (hook.next.get(), hook.back.get());
        match back {
            Some(back) => back.next.set(next),
            None => self.first.set(next),
        }
        match next {
            Some(next) => next.back.set(back),
            None => self.last.set(back),
        }
    }

    /// Takes all out; they are in this state from now on.
    pub fn take(&self, state: u32) -> Taken {
        let first = self.first.replace(None);
        self.last.set(None);
        let mut next = first;
        while let Some(hook) = next {
            hook.state.set(state);
            next = hook.next.get();
        }
        Taken(first)
    }
}

/// Hooks that are in no list any more and belong to the taker.
#[must_use]
pub struct Taken(Option<&'static Hook>);

impl Iterator for Taken {
    type Item = &'static Hook;
    fn next(&mut self) -> Option<&'static Hook> {
        let hook = self.0?;
        self.0 = hook.next.get();
        Some(hook)
    }
}

/// Makes the table of a runtime that is being initialised.
pub fn start() -> Outcome<()> {
    HOOKS.start(INDEX_MAX)
}

/// Frees it.
///
/// # Safety
/// No call uses a hook any more.
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { HOOKS.stop(core::mem::drop) };
}

fn end(hook: &'static Hook) {
    // SAFETY: written at its making.
    if let Ok(locked) = unsafe { hook.me.get().assume_init() }.lock() {
        locked.end();
    }
}

/// Calls them, with why their token has fired. No lock is held; their data is what the program wants them called with.
pub fn run_all(hooks: Taken, reason: u64) {
    for hook in hooks {
        if let Some(function) = hook.function.get() {
            // SAFETY: the function and its data are the program's own, for one call.
            unsafe { function(hook.data.get(), reason) };
        }
        end(hook);
    }
}

/// Drops them: they will not be called. No lock is held.
pub fn drop_all(hooks: Taken) {
    for hook in hooks {
        let (drop, data) = (hook.drop.get(), hook.data.get());
        end(hook);
        if let Some(drop) = drop {
            // SAFETY: the program's own, once.
            unsafe { drop(data) };
        }
    }
}

/// What is to be called.
pub struct Call {
    /// Called with the data and the reason.
    pub function: Function,
    /// Called with the data if `function` never will be.
    pub drop: Option<Drop>,
    /// Handed to both.
    pub data: *mut c_void,
}

/// Registers a function with a token that the caller holds; with one that has fired it is called at once. The hook's name.
pub fn register(token: &'static Token, call: &Call) -> Outcome<u64> {
    let locked = HOOKS.take()?;
    let (hook, handle): (&'static Hook, u64) = (locked.name().peek(), locked.handle());
    hook.me.set(MaybeUninit::new(locked.name()));
    hook.token.set(MaybeUninit::new(token.name()));
    hook.function.set(Some(call.function));
    hook.drop.set(call.drop);
    hook.data.set(call.data);
    let fired = link(token, hook, locked)?;
    if let Some(reason) = fired {
        // SAFETY: the function and its data are the program's own, for one call.
        unsafe { (call.function)(call.data, reason) };
    }
    Ok(handle)
}

/// Puts a hook into its token's list, unless the token has fired: why.
fn link(token: &'static Token, hook: &'static Hook, locked: Locked<Hook>) -> Outcome<Option<u64>> {
    match token.lock() {
        Ok(of_token) => {
            // Under the lock: whoever fires it takes the list after this, or we see that it has fired.
            let Some(reason) = of_token.reason() else {
                of_token.hooks.push(hook);
                return Ok(None);
            };
            drop(of_token);
            locked.end();
            Ok(Some(reason))
        }
        Err(status) => {
            locked.end();
            Err(status)
        }
    }
}

/// Takes a hook back. ALREADY: it was called (or its token is gone); BUSY: it is being called now.
pub fn unregister(handle: u64) -> Outcome<()> {
    let locked = match HOOKS.lock(handle) {
        Err(Status::STALE) => return Err(Status::ALREADY),
        other => other?,
    };
    let hook: &'static Hook = locked.name().peek();
    // SAFETY: written at its making.
    let Ok(token) = unsafe { hook.token.get().assume_init() }.lock() else { return Err(Status::ALREADY) };
    match hook.state.get() {
        LINKED => {
            token.hooks.remove(hook);
            drop(token);
            locked.end();
            Ok(())
        }
        RUNNING => Err(Status::BUSY),
        _ => Err(Status::ALREADY),
    }
}

/// A model has no collectors.
#[cfg(loom)]
pub fn visit(_: Visit<'_>) {}

/// Shows what hooks will get to a collector. The world is stopped; no lock is held while `visit` runs.
#[cfg(not(loom))]
pub fn visit(visit: Visit<'_>) {
    HOOKS.for_each(|hook| {
        let (owner, place) = (hook.handle(), hook.data.as_ptr().cast_const());
        let waits = hook.state.get() == LINKED;
        drop(hook);
        if waits {
            visit(Root::word(root::Kind::Callback, place, owner));
        }
    });
}
