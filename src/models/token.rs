// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tokens of the cancel tree (`wait::tree`, `wait::fire`): whoever is bound, waits, or comes below one while it fires is
//! refused or cancelled, and everybody sees the same reason. That a canceller's fence is needed is shown by the control in
//! `models::cancel`, for one strand: here the locks of tokens lie on the way, and no execution within the bound needs it.

use loom::thread;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::{Relaxed, Torn};
use crate::base::status::Status;
use crate::strand::extras::Extras;
use crate::strand::waiter::WaitKind;
use crate::wait::block::{self, FOREVER, Published, Source, Woken, open_sole};
use crate::wait::end::Ending;
use crate::wait::firing::Firing;
use crate::wait::on_cancel::{self, Call};
use crate::wait::{fire, tree};

/// Something that never comes.
struct Nothing(crate::base::lock::ByteLock);

impl Source for Nothing {
    unsafe fn publish(&self, waiter: &crate::strand::waiter::Waiter, sole: bool) -> Published {
        self.0.lock();
        let open = !sole || open_sole(waiter);
        self.0.unlock();
        if open { Published::Waiting } else { Published::Done(Status::CANCELLED) }
    }

    unsafe fn withdraw(&self, _: &crate::strand::waiter::Waiter) {
        self.0.lock();
        self.0.unlock();
    }
}

/// An engine, and the tables of tokens.
fn setting() -> Setting {
    let setting = Setting::new(2);
    tree::start().unwrap();
    setting
}

fn stop(setting: Setting) {
    // SAFETY: the threads of the execution have ended.
    unsafe { tree::stop() };
    drop(setting);
}

/// A strand is bound while its token fires, and then waits for what never comes.
fn fire_beside_a_bind() {
    let setting = setting();
    let token = tree::make(None, FOREVER).unwrap().keep();
    let strand = setting.strand(0).run(move |body| {
        // SAFETY: no argument is copied; the strand's own until the end of this function.
        let extras = unsafe { Extras::new(std::ptr::null_mut(), 0, &[]).unwrap() };
        body.extras.set(extras);
        // SAFETY: as above.
        let bound = unsafe { tree::bind(token, extras, body.head()) };
        if bound.is_ok() {
            let source = Nothing(crate::base::lock::ByteLock::new());
            assert_eq!(block::wait(&source, WaitKind::Receive, 0, FOREVER), Status::CANCELLED);
            assert_eq!(crate::wait::cancel::reason_of(body), Some(7));
            // As at the end of a strand, which waits for the lock that its canceller may hold.
            body.head().lock.lock();
            body.head().lock.unlock();
        }
        let mut woken = Woken::new();
        body.extras.set(std::ptr::null_mut());
        // SAFETY: the strand is done with them.
        unsafe {
            tree::leave(extras, Ending::Returned, &mut woken);
            Extras::free(extras);
        }
        bound
    });
    assert!(fire::fire(token, 7));
    assert!(matches!(strand.join().unwrap(), Ok(()) | Err(Status::CANCELLED)));
    stop(setting);
}

/// A token comes below one that fires, and somebody waits for it.
fn fire_beside_a_child() {
    let setting = setting();
    let root = tree::make(None, FOREVER).unwrap().keep();
    let strand = setting.strand(0).run(move |_| {
        let child = tree::make(Some(root), FOREVER).unwrap();
        let source = Firing::new(child.token().handle()).unwrap();
        let waited = block::wait(&source, WaitKind::Cancel, 0, FOREVER);
        let reason = source.token().reason();
        tree::release(child.token().handle()).unwrap();
        (waited, reason)
    });
    assert!(fire::fire(root, 7));
    assert_eq!(strand.join().unwrap(), (Status::OK, Some(7)));
    stop(setting);
}

/// Two fire, one above the other, and somebody looks.
fn fire_twice() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    unsafe extern "C" fn called(_: *mut c_void, reason: u64) {
        CALLS.fetch_add(reason, Ordering::Relaxed);
    }
    CALLS.store(0, Ordering::Relaxed);
    let setting = setting();
    let root = tree::make(None, FOREVER).unwrap().keep();
    let below = tree::make(Some(root), FOREVER).unwrap().keep();
    let call = Call { function: called, drop: None, data: std::ptr::null_mut() };
    on_cancel::register(below, &call).unwrap();
    let other = thread::spawn(move || fire::fire(below, 7));
    let looker = thread::spawn(move || below.reason());
    let first = fire::fire(root, 9);
    let other = other.join().unwrap();
    assert!(matches!(looker.join().unwrap(), None | Some(7 | 9)), "a reason that nobody gave");
    assert!(first, "nobody else fires the root");
    assert_eq!(below.reason(), Some(if other { 7 } else { 9 }));
    assert_eq!(CALLS.load(Ordering::Relaxed), if other { 7 } else { 9 }, "called once, with the reason");
    stop(setting);
}

/// The last reference goes while the tree above fires.
fn fire_beside_the_last_release() {
    let setting = setting();
    let root = tree::make(None, FOREVER).unwrap().keep();
    let child = tree::make(Some(root), FOREVER).unwrap();
    let handle = child.token().handle();
    drop(child);
    let other = thread::spawn(move || tree::release(handle).unwrap());
    assert!(fire::fire(root, 7));
    other.join().unwrap();
    assert_eq!(tree::find(handle).err(), Some(Status::STALE));
    assert!(root.first_is_none(), "nothing is left below");
    stop(setting);
}

#[test]
fn a_strand_that_is_bound_while_its_token_fires_is_refused_or_cancelled() {
    holds(2, fire_beside_a_bind);
}

#[test]
fn a_token_that_comes_below_one_that_fires_fires() {
    holds(2, fire_beside_a_child);
}

#[test]
fn of_two_who_fire_one_gives_the_reason() {
    holds(2, fire_twice);
}

#[test]
fn a_token_that_goes_while_the_tree_fires_leaves_nothing_behind() {
    holds(2, fire_beside_the_last_release);
}

#[test]
fn control_a_lock_that_two_hold_loses_a_strand_or_a_token() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", fire_beside_a_child);
}

#[test]
fn control_a_mark_that_does_not_release_shows_no_reason() {
    fails_with(Relaxed, "wait/tree.rs", "self.fired.store(1, ", fire_twice);
}

#[test]
fn control_a_count_in_two_steps_ends_a_token_twice_or_never() {
    fails_with(Torn, "wait/tree.rs", "if token.refs.fetch_sub(1", fire_beside_the_last_release);
}
