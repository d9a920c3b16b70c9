// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scopes: children that never outlive the one who opened it.
//!
//! ```text
//! scope ── token ── in the cancel tree below whatever reaches the opener; its members are the children
//!   ├ children   strands that have not ended, promises that are open      under the scope's lock, as all of this
//!   ├ failure    the first, where a failure cancels the others
//!   ├ records    children that have ended and were not asked for, if the scope keeps them
//!   └ outer      the scope that its opener had open before
//! ```
//! A child is counted before it is made and until its strand is gone, so a scope without children has none that could
//! still do anything. Whoever sees that a child has ended finds that its scope was told, and the other way round: of a
//! strand everybody is told before anybody goes on (`wait::end`), of a task under the task's lock. Only where a task's
//! failure cancels the others is its end told after that, for which no lock can be held. Locks are taken in the order task,
//! scope, token; none is held while a token fires.

mod open;
mod record;
mod wait;

pub use open::{Options, cancel_open, close_all, open};
pub use wait::{cancel, close, exit, join, next, token};

use core::cell::Cell;

use super::outcome::{Ended, State, Task};
use super::table;
use crate::base::handle::{self, INDEX_MAX, Kind};
use crate::base::status::{Outcome, Status};
use crate::engine;
use crate::memory::objects::{Locked, Object, Objects};
use crate::strand::body::Body;
use crate::strand::extras::{self, Member};
use crate::strand::failure::{About, Code, Failure, Kept, MESSAGE_MAX};
use crate::strand::fault::{self, Named};
use crate::strand::head;
use crate::strand::message::{Text, fail};
use crate::wait::block::Woken;
use crate::wait::end::Ending;
use crate::wait::list::List;
use crate::wait::tree::{Held, Token};
use crate::wait::{fire, reason};
use record::{Record, Records};

/// The failure of a child is its own affair.
pub const ISOLATE: u32 = 0;
/// The failure of a child cancels the scope.
pub const FAIL_SCOPE: u32 = 1;
/// The failure of a child ends the process.
pub const ABORT: u32 = 2;

/// Leaving the scope cancels it, and does not wait for what its children would do.
pub const CANCEL_ON_EXIT: u32 = 1;
/// Ended children are kept for whoever asks which one is next.
pub const COLLECT: u32 = 2;

/// Handles of the program and of scopes to one task.
const REFERENCES_MAX: u32 = u32::MAX;

static SCOPES: Objects<Scope> = Objects::new(Kind::Scope);

/// See the module documentation.
pub struct Scope {
    /// Held by the scope.
    token: Cell<Option<&'static Token>>,
    /// The strand that opened it, or 0.
    strand: Cell<u64>,
    /// The OS thread that opened it, if no strand did.
    thread: Cell<usize>,
    /// The scope that the same one had open before; 0 for none.
    outer: Cell<u64>,
    /// Opened under a shield: what is above does not reach it.
    shielded: Cell<bool>,
    policy: Cell<u32>,
    flags: Cell<u32>,
    children: Cell<u64>,
    /// The first child that failed, and why; 0 for none.
    failed: Cell<u64>,
    code: Cell<i32>,
    failure: Cell<Option<Kept>>,
    /// The opener has been told of the failure.
    told: Cell<bool>,
    /// The hook by which another token reaches this scope, or 0.
    hook: Cell<u64>,
    /// Who waits until there are no children.
    empty: List,
    /// Who waits for the next that ends.
    next: List,
    records: Records,
}

// SAFETY: every cell is touched under the lock.
unsafe impl Object for Scope {
    #[cfg(loom)]
    fn blank() -> Self {
        Scope {
            token: Cell::new(None),
            strand: Cell::new(0),
            thread: Cell::new(0),
            outer: Cell::new(0),
            shielded: Cell::new(false),
            policy: Cell::new(0),
            flags: Cell::new(0),
            children: Cell::new(0),
            failed: Cell::new(0),
            code: Cell::new(0),
            failure: Cell::new(None),
            told: Cell::new(false),
            hook: Cell::new(0),
            empty: List::new(),
            next: List::new(),
            records: Records::new(),
        }
    }
}

/// Makes the table of a runtime that is being initialised.
pub fn start() -> Outcome<()> {
    SCOPES.start(INDEX_MAX)
}

/// Frees it, with what scopes that were never closed have kept.
///
/// # Safety
/// No strand and no call uses a scope any more.
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe {
        SCOPES.stop(|scope| {
            scope.failure.take();
            scope.records.forget();
        });
    }
}

#[cold]
fn explain<T>(scope: u64, status: Status) -> Outcome<T> {
    match status {
        Status::INVALID => fail(status, format_args!("{scope:#x} is not the handle of a scope that was ever opened")),
        other => Err(other),
    }
}

fn lock(scope: u64) -> Outcome<Locked<Scope>> {
    // Again after each wait: what comes then is another stretch.
    engine::touch(scope);
    SCOPES.lock(scope).or_else(|status| explain(scope, status))
}

impl Scope {
    /// Its token. A scope that is open has one.
    fn token(&self) -> Outcome<&'static Token> {
        self.token.get().ok_or(Status::STALE)
    }

    fn collects(&self) -> bool {
        self.flags.get() & COLLECT != 0
    }

    /// Whether it must be able to look at a task that has ended.
    fn looks_at_tasks(&self) -> bool {
        self.collects() || self.policy.get() != ISOLATE
    }
}

/// A child is about to be made: its scope counts it, and the token is what reaches it. CANCELLED: the scope takes no more.
/// What this admits, [`refused`] or the child's end takes back.
pub fn admit(scope: u64) -> Outcome<Held> {
    engine::touch(scope);
    let locked = lock(scope)?;
    let token = locked.token()?;
    if token.is_fired() {
        return Err(Status::CANCELLED);
    }
    if locked.collects() && !locked.records.make_room() {
        drop(locked);
        return fail(Status::NO_MEMORY, format_args!("no memory to keep the end of one more child"));
    }
    locked.children.set(locked.children.get() + 1);
    Ok(token.hold())
}

/// As [`admit`], of a child that is reached in another way; 0 is the root, which asks nothing.
pub fn admit_promise(scope: u64) -> Outcome<Option<Held>> {
    if scope == 0 { Ok(None) } else { admit(scope).map(Some) }
}

/// A task of the scope was cancelled before its strand began, and [`ended`] will be called later. The strand, which the
/// scope counts, has not ended: the caller holds the task's lock.
pub fn count_again(scope: u64) {
    if let Ok(locked) = SCOPES.lock(scope) {
        locked.children.set(locked.children.get() + 1);
    }
}

/// What was admitted could not be made after all.
pub fn refused(scope: u64) {
    let mut woken = Woken::new();
    if let Ok(locked) = SCOPES.lock(scope) {
        locked.records.give_room_back();
        one_less(&locked, &mut woken);
    }
    woken.wake_all();
}

fn one_less(scope: &Scope, woken: &mut Woken) {
    let left = scope.children.get() - 1;
    scope.children.set(left);
    if left == 0 {
        scope.empty.win_all(woken, Status::OK);
        // Nobody comes next any more.
        scope.next.win_all(woken, Status::OK);
    }
}

/// Upcall of the token: a strand that the scope counts has ended, and is perhaps gone.
fn left(token: &'static Token, member: &Member, ending: Ending, gone: bool, woken: &mut Woken) {
    // SAFETY: heads stay mapped while a runtime is up.
    let strand = unsafe { &*member.strand.get() };
    let id = handle::encode(Kind::Strand, member.generation.get(), head::index_of(strand));
    engine::touch(token.owner());
    let Ok(locked) = SCOPES.lock(token.owner()) else { return };
    if locked.collects() && !member.is_task.get() && !member.told.get() {
        let (state, code) = match ending {
            Ending::Returned => (State::Succeeded, Status::OK),
            Ending::Failed(code) => (State::Failed, code),
            Ending::NeverRan => (State::Cancelled, Status::OK),
        };
        let reason = if state == State::Cancelled { token.reason().unwrap_or(0) } else { 0 };
        locked.records.push(Record { child: id, ended: Ended { code, reason, ..Ended::plain(state) } });
        locked.next.win_first(woken, Status::OK);
    }
    if gone {
        one_less(&locked, woken);
    }
}

/// A task of the scope exists now, and nothing can have ended it yet: the scope keeps it if it wants to look at it.
pub fn adopt(scope: u64, task: &'static Task) {
    let looks = SCOPES.lock(scope).is_ok_and(|scope| scope.looks_at_tasks());
    if looks {
        task.lock().retain(REFERENCES_MAX);
    }
}

/// What a scope makes of the end of a task, under the lock of the task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Nothing yet: [`ended`] does it.
    Not,
    /// It has kept it.
    Kept,
    /// It has kept it, and does not count the task any more.
    KeptAndCountedOut,
}

/// The outcome of a task of the scope is being written: nobody sees it before the caller gives the task's lock back.
/// `counted`: by itself, as a promise is, and nothing is left to do of which the scope must wait for the end.
pub fn note(scope: u64, task: &Task, ended: &Ended, counted: bool, woken: &mut Woken) -> Noted {
    engine::touch(scope);
    let Ok(locked) = SCOPES.lock(scope) else { return Noted::Not };
    // Who is told of a failure that cancels the others finds them cancelled, and that cannot be done under a lock.
    let cancels = ended.state == State::Failed && locked.policy.get() != ISOLATE;
    if !locked.collects() || cancels {
        return Noted::Not;
    }
    locked.records.push(Record { child: table::handle_of(task), ended: *ended });
    locked.next.win_first(woken, Status::OK);
    if counted {
        one_less(&locked, woken);
        return Noted::KeptAndCountedOut;
    }
    Noted::Kept
}

/// A task of the scope has ended: its outcome is written. No lock is held. A task that nobody looks at, or whose end was
/// kept, may be another's already. `counted`: the scope counts it until this, beside its strand if it has one.
pub fn ended(scope: u64, task: &'static Task, state: State, counted: bool, noted: Noted) {
    engine::touch(scope);
    if noted != Noted::Not {
        if counted && noted == Noted::Kept {
            let mut woken = Woken::new();
            if let Ok(locked) = SCOPES.lock(scope) {
                one_less(&locked, &mut woken);
            }
            woken.wake_all();
        }
        return;
    }
    let Ok(locked) = SCOPES.lock(scope) else { return };
    let (looks, collects, policy) = (locked.looks_at_tasks(), locked.collects(), locked.policy.get());
    drop(locked);
    let mut record = None;
    if looks {
        let handle = table::handle_of(task);
        let of_task = task.lock();
        let ended = of_task.look();
        if state == State::Failed && policy != ISOLATE {
            of_task.mark_seen();
            let failure = of_task.failure();
            drop(of_task);
            child_failed(scope, handle, ended.code, failure);
        } else {
            drop(of_task);
        }
        record = Some(Record { child: handle, ended });
    }
    let mut woken = Woken::new();
    if let Ok(locked) = SCOPES.lock(scope) {
        if collects && let Some(record) = record.take() {
            locked.records.push(record);
            locked.next.win_first(&mut woken, Status::OK);
        }
        if counted {
            one_less(&locked, &mut woken);
        }
    }
    woken.wake_all();
    if looks && !collects {
        table::settle_released(task, task.lock().release());
    }
}

/// A child has failed: the first one cancels the others.
fn child_failed(scope: u64, child: u64, code: Status, failure: Option<Kept>) {
    let Ok(locked) = SCOPES.lock(scope) else { return };
    if locked.policy.get() == ABORT {
        drop(locked);
        match failure {
            Some(failure) => fault::die(format_args!("libstrand: {}, in a scope that aborts", &*failure)),
            None => {
                fault::die(format_args!("libstrand: {child:#x} failed with {}, in a scope that aborts", Code(code)))
            }
        }
    }
    debug_assert_eq!(locked.policy.get(), FAIL_SCOPE);
    if locked.failed.get() == 0 {
        locked.failed.set(child);
        locked.code.set(code.0);
        locked.failure.set(failure);
    }
    let token = locked.token().map(Token::hold);
    drop(locked);
    if let Ok(token) = token {
        fire::fire(token.token(), reason::SCOPE_FAILED);
    }
}

/// The running strand, which runs no task, fails: whether its scope sees to that.
#[cold]
pub fn keeps_fault(body: &Body, strand: &Named<'_>, code: Status, text: core::fmt::Arguments<'_>) -> bool {
    let Some(scope) = scope_of(body) else { return false };
    let Ok(locked) = SCOPES.lock(scope) else { return false };
    let policy = locked.policy.get();
    drop(locked);
    if policy == ISOLATE {
        return false;
    }
    let mut message = Text::<MESSAGE_MAX>::new();
    let _ = core::fmt::Write::write_fmt(&mut message, text);
    let failure = Failure::make(About {
        code,
        strand: strand.id,
        task: 0,
        name: strand.name,
        message: message.as_bytes(),
        addresses: &[],
        cause: None,
    });
    child_failed(scope, strand.id, code, failure);
    true
}

/// The scope that the running strand is a child of.
fn scope_of(body: &Body) -> Option<u64> {
    let extras = extras::of(body.head(), Some(body))?;
    // SAFETY: the token of a member that is alive is held by it.
    let token: Option<&Token> = unsafe { extras.member.token.get().cast::<Token>().as_ref() };
    token.map(Token::owner).filter(|scope| *scope != 0)
}
