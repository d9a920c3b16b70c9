// SPDX-License-Identifier: MIT OR Apache-2.0
//! Firing a cancel token: everything below it is cancelled, without recursion and without memory.
//!
//! ```text
//! mark       TREE ─ every token below that has not fired gets the reason and joins the walk ─ unlock
//! flag       token by token: lock ─ each member's flag ─ unlock       from here on binding is refused
//! fence      once
//! interrupt  token by token: lock ─ win each member's wait, and those who wait for the token; take its hooks ─ unlock
//! wake       all who were won; end the dormant; call the hooks
//! ```
//! Whoever binds a strand looks at the mark under the token's lock: it is flagged by the walk, or sees the mark. All waits
//! are won before the first strand goes on, so that none sees the end of another that was cancelled with it. A member is
//! known by its generation: one that has ended and not yet left is passed over.

use super::block::Woken;
use super::cancel::{self, Raised};
use super::end;
use super::on_cancel::{self, RUNNING};
use super::reason::DEADLINE;
use super::tree::{TOKENS, TREE, Token, let_go};
use crate::base::fence;
use crate::base::heap::TimerNode;
use crate::base::lock::ByteLock;
use crate::base::sync::atomic::{AtomicPtr, Ordering};
use crate::base::sync::shared_static;
use crate::engine::{self, touched};
use crate::memory::table::NONE;
use crate::strand::extras::Member;
use crate::strand::head::{self, Head, Phase};

shared_static! {
    /// Guards the list of tokens whose deadline has passed.
    static DUE_LOCK: ByteLock = ByteLock::new();
}
shared_static! {
    /// The first of them, readable without the lock. Each is held by the list.
    static DUE: AtomicPtr<Token> = AtomicPtr::new(core::ptr::null_mut());
}
shared_static! {
    /// The last of them, while there is a first.
    static DUE_LAST: AtomicPtr<Token> = AtomicPtr::new(core::ptr::null_mut());
}

/// Fires a token that the caller holds. False: it has fired before, and its first reason stays.
pub fn fire(root: &'static Token, reason: u64) -> bool {
    engine::touch(touched::EVERYTHING);
    if root.is_fired() || !mark(root, reason) {
        return false;
    }
    let mut dormant = Dormant(NONE);
    let raised = flag(root, reason, &mut dormant);
    if raised.is_some() {
        // Pairs with the light fence between the opening of a wait and the look at the flag.
        fence::heavy();
    }
    let mut woken = Woken::new();
    interrupt(root, &mut woken);
    drop(raised);
    woken.wake_all();
    dormant.end();
    finish(root, reason);
    true
}

/// Marks the tree below `root` and links those that it marked, each held, into a walk. False: the root had fired.
fn mark(root: &'static Token, reason: u64) -> bool {
    TREE.lock();
    if root.is_fired() {
        TREE.unlock();
        return false;
    }
    let (mut here, mut last): (&'static Token, Option<&'static Token>) = (root, None);
    loop {
        // What nobody holds any more is about to leave the tree, and has nothing below it.
        let fresh = !here.is_fired() && here.try_hold();
        if fresh {
            here.set_fired(reason);
            here.walk.set(None);
            if let Some(last) = last {
                last.walk.set(Some(here));
            }
            last = Some(here);
        }
        let down = if fresh { here.first.get() } else { None };
        match down.or_else(|| after(here, root)) {
            Some(next) => here = next,
            None => break,
        }
    }
    TREE.unlock();
    true
}

/// The token that comes after `here` and what is below it, in the tree below `root`.
fn after(mut here: &'static Token, root: &'static Token) -> Option<&'static Token> {
    while !core::ptr::eq(here, root) {
        if let Some(next) = here.next.get() {
            return Some(next);
        }
        here = here.parent.get()?;
    }
    None
}

/// The tokens of a walk.
fn walk(root: &'static Token) -> impl Iterator<Item = &'static Token> {
    core::iter::successors(Some(root), |token| token.walk.get())
}

/// The members of a token whose lock is held.
fn members(token: &Token) -> impl Iterator<Item = (&'static Head, u64)> {
    // SAFETY: linked members are alive while the lock is held.
    let first: Option<&Member> = unsafe { token.members.get().as_ref() };
    core::iter::successors(first, |member| {
        // SAFETY: as above.
        unsafe { member.next.get().as_ref() }
    })
    // SAFETY: heads stay mapped while a runtime is up.
    .map(|member| (unsafe { &*member.strand.get() }, member.generation.get()))
}

/// Flags every member. The poll word is raised as long as the result lives; none when there is nobody.
fn flag(root: &'static Token, reason: u64, dormant: &mut Dormant) -> Option<Raised> {
    let mut raised = None;
    for token in walk(root) {
        let Ok(locked) = token.lock() else { continue };
        for (strand, generation) in members(&locked) {
            raised.get_or_insert_with(Raised::new);
            strand.lock.lock();
            if strand.generation() == generation {
                if strand.phase() == Phase::Dormant {
                    dormant.take(strand);
                } else {
                    cancel::mark(strand, reason);
                }
            }
            strand.lock.unlock();
        }
    }
    raised
}

/// Wins the waits of all members, and of those who wait for the tokens.
fn interrupt(root: &'static Token, woken: &mut Woken) {
    for token in walk(root) {
        let Ok(locked) = token.lock() else { continue };
        for (strand, generation) in members(&locked) {
            strand.lock.lock();
            if strand.generation() == generation {
                cancel::interrupt(strand, woken);
            }
            strand.lock.unlock();
        }
        locked.waiters.win_all(woken, crate::base::status::Status::OK);
        locked.disarm();
    }
}

/// Calls the hooks and lets the tokens go.
fn finish(root: &'static Token, reason: u64) {
    let mut next = Some(root);
    while let Some(token) = next {
        next = token.walk.get();
        let hooks = token.lock().map(|locked| locked.hooks.take(RUNNING));
        if let Ok(hooks) = hooks {
            on_cancel::run_all(hooks, reason);
        }
        let_go(token);
    }
}

/// Strands that were never started and shall not be; linked as in a queue, which a dormant strand is not in.
struct Dormant(u32);

impl Dormant {
    /// Takes one whose lock is held: a start that comes later finds it started.
    fn take(&mut self, strand: &'static Head) {
        strand.set_phase(Phase::Ready);
        strand.link.store(self.0, Ordering::Relaxed);
        self.0 = head::index_of(strand);
    }

    fn end(self) {
        let mut next = self.0;
        while next != NONE {
            let strand = head::at(next);
            next = strand.link.load(Ordering::Relaxed);
            end::finish_dormant(strand);
        }
    }
}

/// Fires every token that is left, when the runtime shuts down.
pub fn fire_all(reason: u64) {
    TOKENS.for_each(|locked| {
        let token: &'static Token = locked.name().peek();
        let held = token.try_hold();
        drop(locked);
        if held {
            fire(token, reason);
            let_go(token);
        }
    });
}

/// A token's timer was taken out of its heap, whose lock is held.
pub fn expired(timer: *const TimerNode) {
    let token = timer.wrapping_byte_sub(core::mem::offset_of!(Token, timer)).cast::<Token>();
    // SAFETY: the field of a token, which takes the heap's lock before it goes; slots stay mapped.
    let token: &'static Token = unsafe { &*token };
    if !token.try_hold() {
        return;
    }
    DUE_LOCK.lock();
    token.due.set(None);
    let this = core::ptr::from_ref(token).cast_mut();
    // SAFETY: tokens of the list are held by it.
    match unsafe { DUE_LAST.load(Ordering::Relaxed).as_ref() } {
        Some(last) if !DUE.load(Ordering::Relaxed).is_null() => last.due.set(Some(token)),
        // Release pairs with the Acquire in `fire_due`.
        _ => DUE.store(this, Ordering::Release),
    }
    DUE_LAST.store(this, Ordering::Relaxed);
    DUE_LOCK.unlock();
}

/// Upcall of the engine: fires the tokens whose deadline has passed, in the order of their deadlines. No lock is held.
pub fn fire_due() -> bool {
    let mut any = false;
    // Acquire pairs with the Release in `expired`.
    while !DUE.load(Ordering::Acquire).is_null() {
        DUE_LOCK.lock();
        // SAFETY: tokens of the list are held by it.
        let token: Option<&'static Token> = unsafe { DUE.load(Ordering::Relaxed).as_ref() };
        if let Some(token) = token {
            let next = token.due.replace(None).map_or(core::ptr::null(), core::ptr::from_ref);
            DUE.store(next.cast_mut(), Ordering::Release);
        }
        DUE_LOCK.unlock();
        if let Some(token) = token {
            fire(token, DEADLINE);
            let_go(token);
            any = true;
        }
    }
    any
}
