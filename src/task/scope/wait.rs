// SPDX-License-Identifier: MIT OR Apache-2.0
//! Joining a scope, asking who has ended, and leaving it.

use super::open::{Opener, let_go_of, lock_own};
use super::record::Record;
use super::{CANCEL_ON_EXIT, Scope, lock};
use crate::base::status::{Outcome, Status};
use crate::engine;
use crate::memory::objects::{Locked, Name};
use crate::strand::failure::{Code, Kept};
use crate::strand::fault;
use crate::strand::identity;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::task::calls;
use crate::wait::block::{self, FOREVER, NO_WAIT, Published, Source, open_sole};
use crate::wait::cancel::{self, Shielded};
use crate::wait::list::{List, Node};
use crate::wait::tree;
use crate::wait::{fire, reason};

/// A wait in one of the lists of a scope.
struct InScope {
    name: Name<Scope>,
    list: fn(&Scope) -> &List,
    ready: fn(&Scope) -> bool,
    node: Node,
}

impl Source for InScope {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let locked = match self.name.lock() {
            Ok(locked) => locked,
            Err(status) => return Published::Done(status),
        };
        if (self.ready)(&locked) {
            return Published::Done(Status::OK);
        }
        let list = (self.list)(&locked);
        // SAFETY: in no list; by contract it stays in place until `withdraw`.
        unsafe { list.push(&self.node, waiter) };
        if sole && !open_sole(waiter) {
            list.remove(&self.node);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        if let Ok(locked) = self.name.lock() {
            (self.list)(&locked).remove(&self.node);
        }
    }
}

fn before_waiting(deadline: i64) -> Outcome<()> {
    match identity::current() {
        Some(body) if deadline != NO_WAIT => cancel::before_waiting(body),
        _ => Ok(()),
    }
}

/// Waits until a scope has no children. Its opener calls this.
fn wait_empty(name: Name<Scope>, deadline: i64) -> Outcome<()> {
    let source =
        InScope { name, list: |scope| &scope.empty, ready: |scope| scope.children.get() == 0, node: Node::new() };
    match block::wait(&source, WaitKind::Scope, name.handle(), deadline) {
        Status::OK => Ok(()),
        status => Err(status),
    }
}

/// How a scope without children has ended so far.
fn verdict(scope: Locked<Scope>) -> Outcome<()> {
    let failed = scope.failed.get();
    if failed != 0 {
        scope.told.set(true);
        let failure = scope.failure.take();
        let kept = failure.clone();
        scope.failure.set(failure);
        let code = Status(scope.code.get());
        drop(scope);
        return match kept {
            Some(failure) => fail(Status::FAILED, format_args!("{}", &*failure)),
            None => fail(Status::FAILED, format_args!("child {failed:#x} failed with {}", Code(code))),
        };
    }
    if scope.token()?.is_fired() { Err(Status::CANCELLED) } else { Ok(()) }
}

/// Waits until every child has ended.
pub fn join(scope: u64, deadline: i64) -> Outcome<()> {
    before_waiting(deadline)?;
    engine::touch(scope);
    loop {
        let locked = lock_own(scope, "a join")?;
        if locked.children.get() == 0 {
            return verdict(locked);
        }
        let name = locked.name();
        drop(locked);
        if deadline == NO_WAIT {
            return Err(Status::WOULD_BLOCK);
        }
        wait_empty(name, deadline)?;
    }
}

/// Takes the end of the next child, in the order of their ends. EMPTY: none is left.
pub fn next(scope: u64, deadline: i64) -> Outcome<Record> {
    before_waiting(deadline)?;
    engine::touch(scope);
    loop {
        let locked = lock_own(scope, "a next")?;
        if !locked.collects() {
            drop(locked);
            return fail(
                Status::INVALID,
                format_args!("scope {scope:#x} keeps no ended children: open it with STRAND_SCOPE_COLLECT"),
            );
        }
        if let Some(record) = locked.records.pop() {
            drop(locked);
            calls::until_told(record.child);
            return Ok(record);
        }
        if locked.children.get() == 0 {
            return Err(Status::EMPTY);
        }
        let name = locked.name();
        drop(locked);
        if deadline == NO_WAIT {
            return Err(Status::WOULD_BLOCK);
        }
        let source = InScope {
            name,
            list: |scope| &scope.next,
            ready: |scope| scope.children.get() == 0 || !scope.records.is_empty(),
            node: Node::new(),
        };
        match block::wait(&source, WaitKind::Scope, scope, deadline) {
            Status::OK => {}
            status => return Err(status),
        }
    }
}

/// Cancels a scope: its children, all below them, and whoever comes later.
pub fn cancel(scope: u64, reason: u64) -> Outcome<()> {
    engine::touch(scope);
    let token = lock(scope)?.token()?.hold();
    fire::fire(token.token(), reason);
    Ok(())
}

/// The scope's token, with a reference for the program.
pub fn token(scope: u64) -> Outcome<u64> {
    engine::touch(scope);
    let token = lock(scope)?.token()?.hold();
    tree::give(token.token())
}

/// Leaves a scope: waits for its children, or cancels them first if it was opened so.
pub fn exit(scope: u64) -> Outcome<()> {
    let flags = lock_innermost(scope, "an exit")?.flags.get();
    let cancels = flags & CANCEL_ON_EXIT != 0;
    let left = leave(scope, cancels.then_some(reason::SCOPE_CLOSED))?;
    match left.cancelled {
        // Cancelled by this very call is what the opener has asked for.
        Some(reason::SCOPE_CLOSED) if cancels => left.failed(),
        Some(_) => left.failed().and(Err(Status::CANCELLED)),
        None => left.failed(),
    }
}

/// Cancels everything in a scope and leaves it when nothing is left.
pub fn close(scope: u64) -> Outcome<()> {
    drop(lock_innermost(scope, "a close")?);
    leave(scope, Some(reason::SCOPE_CLOSED))?.failed()
}

/// As [`close`], of a strand that ends: a failure that it was not told of is told by the run.
pub fn close_for_good(scope: u64) -> Outcome<()> {
    let left = leave(scope, Some(reason::SCOPE_CLOSED))?;
    if let Some(failure) = left.failure
        && !left.told
    {
        fault::list(&failure);
    }
    Ok(())
}

/// What is left of a scope that has ended.
struct Left {
    /// Why it was cancelled.
    cancelled: Option<u64>,
    /// The first child that failed, or 0.
    child: u64,
    code: Status,
    failure: Option<Kept>,
    /// The opener knows.
    told: bool,
}

impl Left {
    /// The failure of a child, for the opener.
    fn failed(&self) -> Outcome<()> {
        match (self.child, &self.failure) {
            (0, _) => Ok(()),
            (_, Some(failure)) => fail(Status::FAILED, format_args!("{}", &**failure)),
            (child, None) => fail(Status::FAILED, format_args!("child {child:#x} failed with {}", Code(self.code))),
        }
    }
}

/// A scope of the caller that has none inside it.
fn lock_innermost(scope: u64, what: &str) -> Outcome<Locked<Scope>> {
    engine::touch(scope);
    let locked = lock_own(scope, what)?;
    let innermost = Opener::this().innermost();
    if innermost == scope {
        return Ok(locked);
    }
    drop(locked);
    fail(
        Status::INVALID,
        format_args!("{what} of scope {scope:#x} out of order: scope {innermost:#x}, opened after it, is still open"),
    )
}

/// Waits, whoever is cancelled, until the scope has no children, and ends it. An OS thread may be told that the wait is in
/// vain, or that the runtime shuts down; then the scope is still there.
fn leave(scope: u64, reason: Option<u64>) -> Outcome<Left> {
    let shielded = identity::current().map(Shielded::new);
    if let Some(reason) = reason {
        cancel(scope, reason)?;
    }
    loop {
        let locked = lock(scope)?;
        if locked.children.get() == 0 {
            drop(shielded);
            return end(locked);
        }
        let name = locked.name();
        drop(locked);
        wait_empty(name, FOREVER)?;
    }
}

/// Ends a scope without children. From here on its handle is stale, so nobody can become one.
fn end(scope: Locked<Scope>) -> Outcome<Left> {
    let (token, outer, hook) = (scope.token()?, scope.outer.get(), scope.hook.get());
    let left = Left {
        cancelled: token.reason(),
        child: scope.failed.get(),
        code: Status(scope.code.get()),
        failure: scope.failure.take(),
        told: scope.told.get(),
    };
    let records = scope.records.take();
    scope.token.set(None);
    scope.end();
    Opener::this().set_innermost(outer);
    let_go_of(hook, token);
    tree::let_go(token);
    records.let_go();
    Ok(left)
}
