// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scopes that keep the ends of their children (`task::scope`): whoever sees that a child has ended finds its scope told, and
//! what the scope tells of has ended.

use core::ptr::null_mut;
use loom::thread;

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::{Relaxed, Torn};
use crate::base::status::Status;
use crate::base::sync::atomic::Ordering;
use crate::runtime::strands;
use crate::strand::extras::Extras;
use crate::strand::head::{self, FLAG_EXTRAS, Head, Phase};
use crate::task::promise::{self, PromiseOptions};
use crate::task::scope::{self, COLLECT, ISOLATE, Options};
use crate::task::{calls, table};
use crate::wait::block::{FOREVER, NO_WAIT};
use crate::wait::{end, tree};

/// An engine, and tables that go before it. The scope's opener is the thread of the model.
struct Scoped {
    setting: Setting,
    scope: u64,
}

impl Scoped {
    fn new() -> Scoped {
        let setting = Setting::new(1);
        table::start().unwrap();
        tree::start().unwrap();
        scope::start().unwrap();
        let scope = scope::open(&Options { flags: COLLECT, policy: ISOLATE, deadline: FOREVER, cancel: 0 }).unwrap();
        Scoped { setting, scope }
    }

    fn next(&self) -> Result<u64, Status> {
        scope::next(self.scope, NO_WAIT).map(|record| record.child)
    }

    /// A child that waits for a stack.
    fn child(&self) -> &'static Head {
        let strand = self.setting.fresh_strand(Phase::Ready);
        // SAFETY: nothing is copied; the strand, which nobody knows yet, has the extras until its end.
        unsafe {
            let extras = Extras::new(null_mut(), 0, &[]).unwrap();
            (*extras).member.counted.set(true);
            tree::bind(scope::admit(self.scope).unwrap().token(), extras, strand).unwrap();
            strand.payload.store(extras as u64, Ordering::Relaxed);
        }
        strand.set(FLAG_EXTRAS);
        strand
    }
}

impl Drop for Scoped {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the threads of the execution have ended.
            unsafe {
                scope::stop();
                tree::stop();
                table::stop();
            }
        }
    }
}

/// A child ends while its scope's opener looks at it; once, and what it finds is not taken back.
fn look_at_a_strand() {
    let scoped = Scoped::new();
    let strand = scoped.child();
    let child = head::handle_of(strand);
    let worker = &scoped.setting.engine.workers()[0];
    let ending = thread::spawn(move || end::finish_unstarted(worker, strand, Status::NO_MEMORY));
    let mut told = false;
    if strands::join(child, NO_WAIT).is_ok() {
        assert_eq!(scoped.next(), Ok(child), "the strand has ended");
        assert_eq!(scoped.next(), Err(Status::EMPTY));
        told = true;
    }
    ending.join().unwrap();
    assert!(told || scoped.next() == Ok(child));
    scope::exit(scoped.scope).unwrap();
}

/// A child ends while its scope's opener asks who has.
fn ask_for_a_strand() {
    let scoped = Scoped::new();
    let strand = scoped.child();
    let child = head::handle_of(strand);
    let worker = &scoped.setting.engine.workers()[0];
    let ending = thread::spawn(move || end::finish_unstarted(worker, strand, Status::NO_MEMORY));
    let told = match scoped.next() {
        Ok(next) => next == child && strands::join(child, NO_WAIT) == Ok(()),
        Err(status) => status != Status::WOULD_BLOCK,
    };
    ending.join().unwrap();
    assert!(told || scoped.next() == Ok(child));
    scope::exit(scoped.scope).unwrap();
}

/// A promise is completed while the opener of its scope looks at it (`asks`: asks the scope) once.
fn look_at_a_promise(asks: bool) {
    let scoped = Scoped::new();
    let (promise, task) =
        promise::create(&PromiseOptions { scope: scoped.scope, ..PromiseOptions::default() }).unwrap();
    let completing = thread::spawn(move || promise::complete(promise, 7));
    let mut told = false;
    if asks {
        if let Ok(child) = scoped.next() {
            assert_eq!((child, calls::await_value(task, NO_WAIT)), (task, Ok(7)));
            told = true;
        }
    } else if calls::outcome(task).unwrap().state.is_terminal() {
        assert_eq!(scoped.next(), Ok(task), "the outcome is there");
        told = true;
    }
    completing.join().unwrap().unwrap();
    assert!(told || scoped.next() == Ok(task));
    assert_eq!(scoped.next(), Err(Status::EMPTY));
    scope::exit(scoped.scope).unwrap();
    promise::release(promise).unwrap();
    for _ in 0..2 {
        calls::release(task).unwrap();
    }
}

#[test]
fn whoever_sees_a_strand_end_finds_its_scope_told() {
    holds(3, look_at_a_strand);
}

#[test]
fn the_strand_that_a_scope_tells_of_has_ended() {
    holds(3, ask_for_a_strand);
}

#[test]
fn whoever_sees_an_outcome_finds_its_scope_told() {
    holds(3, || look_at_a_promise(false));
}

#[test]
fn the_promise_that_a_scope_tells_of_is_completed() {
    holds(3, || look_at_a_promise(true));
}

#[test]
fn control_a_lock_that_does_not_release_hides_an_end() {
    fails_with(Relaxed, "base/lock.rs", "self.locked.store(0", || look_at_a_promise(false));
}

#[test]
fn control_a_lock_that_two_hold_tears_an_outcome() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", || look_at_a_promise(false));
}
