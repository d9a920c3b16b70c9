// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cancel tree: tokens, who is bound to them, and how long they live. How one fires is in [`super::fire`].
//!
//! ```text
//! token ── parent ──► token                 under TREE: parent, first, next, back; `fired` is set under it too
//!   │ first ► child ◄──next/back──► child
//!   ├ members    strands that it reaches    under the token's own lock, as the next two
//!   ├ waiters    who waits for it to fire
//!   └ hooks      functions that it calls
//! ```
//! Locks are taken in the order token, TREE, head; nobody holds two tokens. Links are intrusive: nothing here allocates but
//! the making of a token. A token lives while somebody counts on it: the program's handles (together one reference), each
//! child, each member, whoever is walking over it. What has no reference left can fire no more, so it goes with its
//! deadline and its hooks. A child keeps its parent, so there are no cycles: a parent is there before its child.

use core::mem::MaybeUninit;

use super::block::Woken;
use super::end::Ending;
use super::list::List;
use super::on_cancel::{self, Hook};
use super::reason;
use crate::base::handle::{INDEX_MAX, Kind};
use crate::base::heap::{TimerNode, TimerOwner};
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::base::sync::cell::Cell;
use crate::base::sync::shared_static;
use crate::engine::{self, clock};
use crate::memory::objects::{Locked, Name, Object, Objects};
use crate::strand::body::Body;
use crate::strand::extras::{self, Extras, Member};
use crate::strand::head::Head;

/// All tokens.
pub static TOKENS: Objects<Token> = Objects::new(Kind::Cancel);

shared_static! {
    /// Guards the links between tokens.
    pub static TREE: ByteLock = ByteLock::new();
}

/// No deadline.
const NEVER: i64 = i64::MAX;

/// Told that a member has ended, and then, or with it, that it has gone; those who are to go on are won here and woken later.
/// No lock is held.
pub type Left = fn(token: &'static Token, member: &Member, ending: Ending, gone: bool, woken: &mut Woken);

/// See the module documentation.
pub struct Token {
    me: Cell<MaybeUninit<Name<Token>>>,
    /// Who counts on it.
    refs: AtomicU32,
    /// 1 once it has fired, and the reason stands.
    fired: AtomicU32,
    reason: AtomicU64,
    /// The earliest deadline of this token and those above it. Written once, at its making.
    deadline: Cell<i64>,
    /// References of the program.
    pub(super) handles: Cell<u32>,
    /// First of the members.
    pub(super) members: Cell<*const Member>,
    last_member: Cell<*const Member>,
    /// Who waits for it to fire.
    pub(super) waiters: List,
    /// What it calls, oldest first.
    pub(super) hooks: on_cancel::Hooks,
    pub(super) parent: Cell<Option<&'static Token>>,
    pub(super) first: Cell<Option<&'static Token>>,
    pub(super) next: Cell<Option<&'static Token>>,
    back: Cell<Option<&'static Token>>,
    /// Next in the walk of the one that fires it.
    pub(super) walk: Cell<Option<&'static Token>>,
    pub(super) timer: TimerNode,
    /// Whose heap holds the timer, or `u32::MAX`.
    timer_worker: Cell<u32>,
    /// Next of those whose deadline has passed.
    pub(super) due: Cell<Option<&'static Token>>,
    /// Who wants to know of members that go. Written before there are any, as the next.
    left: Cell<Option<Left>>,
    /// Theirs.
    owner: Cell<u64>,
}

// SAFETY: cells are touched under the lock that the picture names, or before anybody knows the token; `due` under that of
// the list it is in; `walk` by the one thread that fires the token.
unsafe impl Object for Token {
    #[cfg(loom)]
    fn blank() -> Self {
        Token {
            me: Cell::new(MaybeUninit::uninit()),
            refs: AtomicU32::new(0),
            fired: AtomicU32::new(0),
            reason: AtomicU64::new(0),
            deadline: Cell::new(0),
            handles: Cell::new(0),
            members: Cell::new(core::ptr::null()),
            last_member: Cell::new(core::ptr::null()),
            waiters: List::new(),
            hooks: on_cancel::Hooks::new(),
            parent: Cell::new(None),
            first: Cell::new(None),
            next: Cell::new(None),
            back: Cell::new(None),
            walk: Cell::new(None),
            timer: TimerNode::new(),
            timer_worker: Cell::new(0),
            due: Cell::new(None),
            left: Cell::new(None),
            owner: Cell::new(0),
        }
    }
}

// SAFETY: as above.
unsafe impl Sync for Token {}

/// Makes the tables of a runtime that is being initialised.
pub fn start() -> Outcome<()> {
    TOKENS.start(INDEX_MAX)?;
    on_cancel::start().inspect_err(|_| {
        // SAFETY: nobody knows a token yet.
        unsafe { TOKENS.stop(drop) };
    })
}

/// Frees them. Hooks of tokens that came too late to be fired by the shutdown are dropped.
///
/// # Safety
/// No strand and no call uses a token any more.
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe {
        TOKENS.stop(|locked| {
            let hooks = locked.hooks.take(on_cancel::GONE);
            drop(locked);
            on_cancel::drop_all(hooks);
        });
        on_cancel::stop();
    }
}

/// A reference to a token, given back when dropped.
pub struct Held(&'static Token);

impl Held {
    /// The token.
    pub fn token(&self) -> &'static Token {
        self.0
    }

    /// The token, to be given back by [`let_go`].
    pub fn keep(self) -> &'static Token {
        let token = self.0;
        core::mem::forget(self);
        token
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let_go(self.0);
    }
}

impl Token {
    /// The token, locked. The caller counts on it, so it is there.
    pub(super) fn lock(&'static self) -> Outcome<Locked<Token>> {
        self.name().lock()
    }

    /// Whether there is no token below; for models.
    #[cfg(loom)]
    pub fn first_is_none(&self) -> bool {
        self.first.get().is_none()
    }

    pub(super) fn name(&self) -> Name<Token> {
        // SAFETY: written at its making, before anybody knew it.
        unsafe { self.me.get().assume_init() }
    }

    /// Its handle.
    pub fn handle(&self) -> u64 {
        self.name().handle()
    }

    /// Why it has fired.
    pub fn reason(&self) -> Option<u64> {
        // Acquire pairs with the Release in `set_fired`: the reason stands.
        (self.fired.load(Ordering::Acquire) != 0).then(|| self.reason.load(Ordering::Relaxed))
    }

    /// Whether it has fired.
    pub fn is_fired(&self) -> bool {
        self.reason().is_some()
    }

    /// It has fired from now on. Under TREE, once.
    pub(super) fn set_fired(&self, reason: u64) {
        self.reason.store(reason, Ordering::Relaxed);
        self.fired.store(1, Ordering::Release);
    }

    /// Counts on it, unless nobody does any more.
    pub(super) fn try_hold(&self) -> bool {
        // Relaxed: only who finds the last reference gone needs an order, and that is in `let_go`.
        let mut refs = self.refs.load(Ordering::Relaxed);
        while refs > 0 {
            match self.refs.compare_exchange_weak(refs, refs + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => refs = now,
            }
        }
        false
    }

    fn hold_again(&self) {
        self.refs.fetch_add(1, Ordering::Relaxed);
    }

    /// A reference, by one who has one.
    pub fn hold(&'static self) -> Held {
        self.hold_again();
        Held(self)
    }

    /// Who is told of members that go, and a word of theirs. Before the token has members.
    pub fn set_owner(&self, left: Left, owner: u64) {
        self.left.set(Some(left));
        self.owner.set(owner);
    }

    /// The word of whoever is told.
    pub fn owner(&self) -> u64 {
        self.owner.get()
    }

    /// The earliest deadline of this token and those above it; -1 for none.
    pub fn deadline(&self) -> i64 {
        if self.deadline.get() == NEVER { super::block::FOREVER } else { self.deadline.get() }
    }

    /// Takes the deadline away. Under the lock.
    pub(super) fn disarm(&self) {
        let worker = self.timer_worker.replace(u32::MAX);
        if worker != u32::MAX {
            // SAFETY: armed there; the token is alive.
            unsafe { engine::disarm(worker, &self.timer) };
        }
    }
}

/// Makes a token below `parent`, whom the caller holds, with one handle of the program. With a deadline (no -1) that has
/// passed, or below one that has fired, it has fired already.
pub fn make(parent: Option<&'static Token>, deadline: i64) -> Outcome<Held> {
    make_with(parent, deadline, 1)
}

/// As [`make`], without a handle of the program.
pub fn make_owned(parent: Option<&'static Token>, deadline: i64) -> Outcome<Held> {
    make_with(parent, deadline, 0)
}

fn make_with(parent: Option<&'static Token>, deadline: i64, handles: u32) -> Outcome<Held> {
    let locked = TOKENS.take()?;
    let token: &'static Token = locked.name().peek();
    token.me.set(MaybeUninit::new(locked.name()));
    token.refs.store(1 + handles, Ordering::Relaxed);
    token.fired.store(0, Ordering::Relaxed);
    token.handles.set(handles);
    token.members.set(core::ptr::null());
    token.last_member.set(core::ptr::null());
    for link in [&token.parent, &token.first, &token.next, &token.back, &token.walk, &token.due] {
        link.set(None);
    }
    token.timer_worker.set(u32::MAX);
    token.left.set(None);
    token.owner.set(0);
    let own = if deadline == super::block::FOREVER { NEVER } else { deadline };
    let above = parent.map_or(NEVER, |parent| parent.deadline.get());
    token.deadline.set(own.min(above));
    if let Some(parent) = parent {
        parent.hold_again();
        link(parent, token);
    }
    if own < above && !token.is_fired() {
        expect(token, own);
    }
    drop(locked);
    Ok(Held(token))
}

/// Fires at once or arms the timer. Nobody else knows the token but a walk over the tree, which waits for its lock.
fn expect(token: &'static Token, deadline: i64) {
    engine::touch(engine::touched::TIME);
    if deadline <= clock::now() {
        TREE.lock();
        if !token.is_fired() {
            token.set_fired(reason::DEADLINE);
        }
        TREE.unlock();
        return;
    }
    token.timer.owner.set(TimerOwner::Token);
    token.timer.deadline.set(deadline);
    // SAFETY: not linked; disarmed before the token goes.
    token.timer_worker.set(unsafe { engine::arm(&token.timer) });
}

/// Appends a child: the newest comes first. It fires with a parent that has fired.
fn link(parent: &'static Token, child: &'static Token) {
    TREE.lock();
    let first = parent.first.replace(Some(child));
    if let Some(first) = first {
        first.back.set(Some(child));
    }
    child.next.set(first);
    child.parent.set(Some(parent));
    if let Some(reason) = parent.reason() {
        child.set_fired(reason);
    }
    TREE.unlock();
}

fn unlink(token: &'static Token) -> Option<&'static Token> {
    TREE.lock();
    let (parent, next, back) = (token.parent.get(), token.next.get(), token.back.get());
    if let Some(next) = next {
        next.back.set(back);
    }
    match (back, parent) {
        (Some(back), _) => back.next.set(next),
        (None, Some(parent)) => parent.first.set(next),
        (None, None) => {}
    }
    TREE.unlock();
    parent
}

/// Gives a reference back. The last one ends the token, and perhaps those above it.
pub fn let_go(token: &'static Token) {
    let mut last = Some(token);
    while let Some(token) = last {
        // AcqRel: whoever ends it comes after everybody who used it.
        if token.refs.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        last = end(token);
    }
}

/// Ends a token that nobody counts on; its parent, whose reference is to be given back.
#[cold]
fn end(token: &'static Token) -> Option<&'static Token> {
    let parent = unlink(token);
    if let Ok(locked) = token.lock() {
        debug_assert!(token.members.get().is_null() && token.waiters.is_empty());
        token.disarm();
        let hooks = token.hooks.take(on_cancel::GONE);
        locked.end();
        on_cancel::drop_all(hooks);
    }
    parent
}

/// The token of a handle, held. STALE when the program has no reference left.
pub fn find(handle: u64) -> Outcome<Held> {
    let locked = lock(handle)?;
    let token: &'static Token = locked.name().peek();
    token.hold_again();
    Ok(Held(token))
}

fn lock(handle: u64) -> Outcome<Locked<Token>> {
    let locked = TOKENS.lock(handle)?;
    if locked.handles.get() == 0 { Err(Status::STALE) } else { Ok(locked) }
}

/// One more reference of the program. LIMIT.
pub fn retain(handle: u64) -> Outcome<()> {
    let locked = lock(handle)?;
    if locked.handles.get() == u32::MAX {
        return Err(Status::LIMIT);
    }
    locked.handles.set(locked.handles.get() + 1);
    Ok(())
}

/// One less. With the last one, whoever waits for the token is told that it is gone.
pub fn release(handle: u64) -> Outcome<()> {
    let mut woken = Woken::new();
    let locked = lock(handle)?;
    let token: &'static Token = locked.name().peek();
    let left = locked.handles.get() - 1;
    locked.handles.set(left);
    if left == 0 {
        token.waiters.win_all(&mut woken, Status::CLOSED);
    }
    drop(locked);
    if left == 0 {
        woken.wake_all();
        let_go(token);
    }
    Ok(())
}

/// A reference of the program to a token that the caller holds.
pub fn give(token: &'static Token) -> Outcome<u64> {
    let locked = token.lock()?;
    match locked.handles.get() {
        u32::MAX => return Err(Status::LIMIT),
        0 => token.hold_again(),
        _ => {}
    }
    locked.handles.set(locked.handles.get() + 1);
    Ok(locked.handle())
}

/// The token that the running strand is bound to.
pub fn of(body: &Body) -> Option<&'static Token> {
    let extras = extras::of(body.head(), Some(body))?;
    // SAFETY: the token of a member that is alive is held by it.
    unsafe { extras.member.token.get().cast::<Token>().as_ref() }
}

/// Binds a strand that is not published yet. CANCELLED: the token has fired.
///
/// # Safety
/// The extras are the strand's, and stay until [`leave`].
pub unsafe fn bind(token: &'static Token, extras: *const Extras, strand: &'static Head) -> Outcome<()> {
    // SAFETY: by contract.
    let member = unsafe { &(*extras).member };
    let locked = token.lock()?;
    // Under the lock: a walk that fires it flags the members after this, or we see that it has fired.
    if token.is_fired() {
        return Err(Status::CANCELLED);
    }
    token.hold_again();
    member.token.set(core::ptr::from_ref(token).cast());
    member.strand.set(strand);
    member.generation.set(strand.generation());
    let last = token.last_member.replace(member);
    member.next.set(core::ptr::null());
    member.back.set(last);
    // SAFETY: linked members are alive; the lock is held.
    match unsafe { last.as_ref() } {
        Some(last) => last.next.set(member),
        None => token.members.set(member),
    }
    drop(locked);
    Ok(())
}

/// Whether a scope counts a strand, which runs no task: then the scope is told of its end.
///
/// # Safety
/// The extras are those of a strand that the caller holds, or null.
#[inline]
pub unsafe fn is_counted(extras: *const Extras) -> bool {
    // SAFETY: by contract.
    match unsafe { extras.as_ref() } {
        Some(Extras { member, .. }) => member.counted.get() && !member.is_task.get() && !member.token.get().is_null(),
        None => false,
    }
}

/// A strand has ended: tells the scope that [counts](is_counted) it. It stays counted until [`leave`].
///
/// # Safety
/// The extras are those of a strand that the caller holds.
#[cold]
pub unsafe fn tell(extras: *const Extras, ending: Ending, woken: &mut Woken) {
    // SAFETY: by contract; the token of a member is held by it.
    let (member, token) = unsafe {
        let member = &(*extras).member;
        (member, &*member.token.get().cast::<Token>())
    };
    if let Some(left) = token.left.get() {
        left(token, member, ending, false, woken);
        member.told.set(true);
    }
}

/// A strand has ended: its token forgets it. What is returned is the member's hold on the token.
///
/// # Safety
/// The extras are those of a strand whose generation has ended, or null.
#[inline]
pub unsafe fn leave(extras: *const Extras, ending: Ending, woken: &mut Woken) -> Option<Held> {
    // SAFETY: by contract.
    match unsafe { extras.as_ref() } {
        Some(extras) if !extras.member.token.get().is_null() => leave_token(&extras.member, ending, woken),
        _ => None,
    }
}

#[cold]
fn leave_token(member: &Member, ending: Ending, woken: &mut Woken) -> Option<Held> {
    // SAFETY: the member holds the token.
    let token: &'static Token = unsafe { &*member.token.replace(core::ptr::null()).cast() };
    let locked = token.lock().ok()?;
    let (next, back) = (member.next.get(), member.back.get());
    // SAFETY: linked members are alive; the lock is held.
    unsafe {
        match back.as_ref() {
            Some(back) => back.next.set(next),
            None => token.members.set(next),
        }
        match next.as_ref() {
            Some(next) => next.back.set(back),
            None => token.last_member.set(back),
        }
    }
    let left = token.left.get().filter(|_| member.counted.get());
    drop(locked);
    if let Some(left) = left {
        left(token, member, ending, true, woken);
    }
    Some(Held(token))
}

/// For `Hook`s, which are in the lists of tokens.
pub(super) type InList = Cell<Option<&'static Hook>>;
