// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who opens a scope, what reaches it, and what is left open when a strand ends.

use core::cell::Cell;
use core::ffi::c_void;

use super::{SCOPES, Scope, left, lock, wait};
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::Ordering;
use crate::memory::objects::Locked;
use crate::strand::body::Body;
use crate::strand::head::{self, Head};
use crate::strand::identity;
use crate::strand::message::fail;
use crate::wait::on_cancel::{self, Call};
use crate::wait::tree::{self, Held, Token};
use crate::wait::{cancel, fire};

/// How a scope is opened.
pub struct Options {
    /// CANCEL_ON_EXIT, COLLECT.
    pub flags: u32,
    /// ISOLATE, FAIL_SCOPE or ABORT.
    pub policy: u32,
    /// When it is cancelled by itself; -1 for never.
    pub deadline: i64,
    /// A token that reaches it too, or 0.
    pub cancel: u64,
}

std::thread_local! {
    /// The innermost scope that an OS thread has open.
    static OF_THREAD: Cell<u64> = const { Cell::new(0) };
}

/// Who calls: the one who opens scopes and alone may join and leave them.
#[derive(Clone, Copy)]
pub struct Opener(Option<&'static Body>);

impl Opener {
    /// The caller.
    pub fn this() -> Opener {
        Opener(identity::current())
    }

    /// The innermost scope it has open; 0 for none. An OS thread may have left one open in an earlier runtime.
    pub fn innermost(self) -> u64 {
        match self.0 {
            Some(body) => body.scopes.load(Ordering::Relaxed),
            None => OF_THREAD.get(),
        }
    }

    /// The scope is the innermost from now on; under the head's lock, for whoever cancels the strand.
    pub fn set_innermost(self, scope: u64) {
        match self.0 {
            Some(body) => {
                let head = body.head();
                head.lock.lock();
                body.scopes.store(scope, Ordering::Relaxed);
                head.lock.unlock();
            }
            None => OF_THREAD.set(scope),
        }
    }

    /// Its name: a strand's handle and 0, or 0 and a thread.
    fn name(self) -> (u64, usize) {
        match self.0 {
            Some(body) => (head::handle_of(body.head()), 0),
            // SAFETY: always valid to call.
            None => (0, unsafe { libc::pthread_self() } as usize),
        }
    }

    /// Whether it opened the scope.
    pub fn has_opened(self, scope: &Scope) -> bool {
        (scope.strand.get(), scope.thread.get()) == self.name()
    }

    /// What reaches it: the innermost scope, or else the token it is bound to. Under a shield only a scope that was opened
    /// under one too.
    fn enclosing(self, shielded: bool) -> Option<Held> {
        let innermost = SCOPES.lock(self.innermost()).ok();
        match innermost {
            Some(scope) if !shielded || scope.shielded.get() => scope.token().ok().map(Token::hold),
            None if !shielded => self.0.and_then(tree::of).map(Token::hold),
            _ => None,
        }
    }
}

/// Opens a scope.
pub fn open(options: &Options) -> Outcome<u64> {
    let opener = Opener::this();
    if cancel::is_all_cancelled() {
        return Err(Status::CANCELLED);
    }
    let shielded = opener.0.is_some_and(Body::is_shielded);
    let enclosing = opener.enclosing(shielded);
    let other = if options.cancel == 0 { None } else { Some(tree::find(options.cancel)?) };
    let above = enclosing.as_ref().or(other.as_ref()).map(Held::token);
    let token = match tree::make_owned(above, options.deadline) {
        Ok(token) => token,
        Err(status) => return fail(status, format_args!("no memory for the token of a scope")),
    };
    let scope = match SCOPES.take() {
        Ok(scope) => scope,
        Err(Status::LIMIT) => return fail(Status::LIMIT, format_args!("as many scopes as a handle allows")),
        Err(status) => return fail(status, format_args!("no memory for a scope")),
    };
    fill(&scope, opener, options, shielded);
    let handle = scope.handle();
    token.token().set_owner(left, handle);
    if enclosing.is_some()
        && let Some(other) = &other
    {
        match reach(other.token(), token.token()) {
            Ok(hook) => scope.hook.set(hook),
            Err(status) => {
                scope.end();
                return fail(status, format_args!("no memory to bind a scope to a second token"));
            }
        }
    }
    scope.token.set(Some(token.keep()));
    drop(scope);
    opener.set_innermost(handle);
    // A strand that was cancelled by its handle has no token that would have fired this one.
    if !shielded && let Some(reason) = opener.0.and_then(cancel::reason_of) {
        cancel_token(handle, reason);
    }
    Ok(handle)
}

fn fill(scope: &Scope, opener: Opener, options: &Options, shielded: bool) {
    let (strand, thread) = opener.name();
    scope.strand.set(strand);
    scope.thread.set(thread);
    scope.outer.set(opener.innermost());
    scope.shielded.set(shielded);
    scope.policy.set(options.policy);
    scope.flags.set(options.flags);
    scope.children.set(0);
    scope.failed.set(0);
    scope.code.set(0);
    scope.failure.set(None);
    scope.told.set(false);
    scope.hook.set(0);
}

/// A second token reaches a scope: a hook of it fires the scope's own, which the hook holds.
fn reach(other: &'static Token, own: &'static Token) -> Outcome<u64> {
    unsafe extern "C" fn pass_on(own: *mut c_void, reason: u64) {
        // SAFETY: the address of a token that the hook holds.
        let own: &'static Token = unsafe { &*own.cast::<Token>() };
        fire::fire(own, reason);
        tree::let_go(own);
    }
    unsafe extern "C" fn forget(own: *mut c_void) {
        // SAFETY: as above.
        tree::let_go(unsafe { &*own.cast::<Token>() });
    }
    let data = core::ptr::from_ref(own.hold().keep()).cast_mut().cast();
    let made = on_cancel::register(other, &Call { function: pass_on, drop: Some(forget), data });
    if made.is_err() {
        tree::let_go(own);
    }
    made
}

/// A second token does not reach a scope any more.
pub fn let_go_of(hook: u64, own: &'static Token) {
    if hook != 0 && on_cancel::unregister(hook).is_ok() {
        tree::let_go(own);
    }
}

/// Fires a scope's token, for the runtime.
fn cancel_token(scope: u64, reason: u64) {
    let token = SCOPES.lock(scope).ok().and_then(|scope| scope.token().ok().map(Token::hold));
    if let Some(token) = token {
        fire::fire(token.token(), reason);
    }
}

/// A strand was cancelled by its handle: so are the scopes that it has open and did not open under a shield.
pub fn cancel_open(strand: &'static Head, generation: u64, reason: u64) {
    let mut scope = innermost_of(strand, generation);
    while scope != 0 {
        let Ok(locked) = SCOPES.lock(scope) else {
            // It was closed meanwhile: from the start again.
            scope = innermost_of(strand, generation);
            continue;
        };
        let token = if locked.shielded.get() { None } else { locked.token().ok().map(Token::hold) };
        scope = locked.outer.get();
        drop(locked);
        if let Some(token) = token {
            fire::fire(token.token(), reason);
        }
    }
}

fn innermost_of(strand: &'static Head, generation: u64) -> u64 {
    strand.lock.lock();
    let same = strand.generation() == generation;
    let scope = strand.started_body().filter(|_| same).map_or(0, |body| body.scopes.load(Ordering::Relaxed));
    strand.lock.unlock();
    scope
}

/// A scope that the caller opened, locked; why it may not join or leave it otherwise.
pub fn lock_own(scope: u64, what: &str) -> Outcome<Locked<Scope>> {
    let locked = lock(scope)?;
    if Opener::this().has_opened(&locked) {
        return Ok(locked);
    }
    let (strand, thread) = (locked.strand.get(), locked.thread.get());
    drop(locked);
    match strand {
        0 => fail(
            Status::INVALID,
            format_args!("{what} of scope {scope:#x} by another than its opener, the thread {thread:#x}"),
        ),
        _ => fail(
            Status::INVALID,
            format_args!("{what} of scope {scope:#x} by another than its opener, strand {strand:#x}"),
        ),
    }
}

/// The running strand ends, under a shield: its scopes are closed, the innermost first.
#[cold]
pub fn close_all(body: &'static Body) {
    loop {
        let scope = body.scopes.load(Ordering::Relaxed);
        if scope == 0 {
            return;
        }
        if wait::close_for_good(scope).is_err() {
            // Only a scope that is gone already says so on a strand.
            body.scopes.store(0, Ordering::Relaxed);
        }
    }
}
