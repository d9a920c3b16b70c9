// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tickets (`gpu::ticket`): resolved by a thread that is no strand, beside those who wait, cancel and give up.

use loom::thread;
use std::sync::atomic::{AtomicU64, Ordering};

use super::setting::Setting;
use super::{fails_with, holds};
use crate::base::model::Defect::{Relaxed, Torn};
use crate::base::status::Status;
use crate::gpu::ticket;
use crate::strand::message;
use crate::wait::block::FOREVER;

/// An engine, and the table of tickets.
fn setting() -> Setting {
    let setting = Setting::new(2);
    ticket::start(1024).unwrap();
    setting
}

fn stop(setting: Setting) {
    // SAFETY: the threads of the execution have ended.
    unsafe { ticket::stop() };
    drop(setting);
}

/// A strand waits while a thread resolves, and sees what that has left.
fn resolve_beside_a_wait() {
    let setting = setting();
    let pending = ticket::create().unwrap();
    let handle = pending.handle();
    let strand = setting.strand(0).run(move |body| {
        let waited = ticket::wait(handle, FOREVER);
        let told = message::last_of(body, Status::LIMIT) == Some(b"seven");
        message::end_strand(body);
        (waited, told)
    });
    pending.resolve(Status::LIMIT, format_args!("seven"));
    assert_eq!(strand.join().unwrap(), (Err(Status::LIMIT), true), "the result, and its message");
    ticket::release(handle).unwrap();
    assert_eq!(ticket::poll(handle).err(), Some(Status::STALE));
    stop(setting);
}

/// The handle goes while a thread resolves: the slot ends once, and only then.
fn resolve_beside_a_release() {
    let setting = setting();
    let pending = ticket::create().unwrap();
    let handle = pending.handle();
    let other = thread::spawn(move || ticket::release(handle).unwrap());
    pending.resolve(Status::FAILED, format_args!("nobody reads this"));
    other.join().unwrap();
    assert_eq!(ticket::poll(handle).err(), Some(Status::STALE));
    // Its slot is free again, once.
    let (first, second) = (ticket::create().unwrap(), ticket::create().unwrap());
    assert_ne!(first.handle(), second.handle());
    first.withdraw();
    second.withdraw();
    stop(setting);
}

/// Two cancel while a thread resolves.
fn resolve_beside_cancels() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    CALLS.store(0, Ordering::Relaxed);
    let setting = setting();
    let pending = ticket::create_with(Some(|_, _| _ = CALLS.fetch_add(1, Ordering::Relaxed)), 0).unwrap();
    let handle = pending.handle();
    let other = thread::spawn(move || ticket::cancel(handle));
    let third = thread::spawn(move || ticket::cancel(handle));
    let seen = pending.is_cancelled();
    pending.succeed();
    let asked = [other.join().unwrap(), third.join().unwrap()];
    assert!(asked.iter().all(|answer| matches!(answer, Ok(()) | Err(Status::ALREADY))));
    let first = asked.contains(&Ok(()));
    assert!(first || !seen, "seen by the one who resolves, and asked by nobody");
    assert_eq!(CALLS.load(Ordering::Relaxed), u64::from(first), "the hook is called once, if anybody asked in time");
    assert_eq!(ticket::poll(handle), Ok(Status::OK));
    ticket::release(handle).unwrap();
    stop(setting);
}

#[test]
fn whoever_waits_while_a_ticket_is_resolved_gets_its_result_and_its_message() {
    holds(2, resolve_beside_a_wait);
}

#[test]
fn a_ticket_that_is_given_up_while_it_is_resolved_ends_once() {
    holds(2, resolve_beside_a_release);
}

#[test]
fn a_cancel_beside_the_end_calls_the_hook_once_or_comes_too_late() {
    holds(2, resolve_beside_cancels);
}

#[test]
fn control_a_result_that_does_not_release_shows_no_message() {
    fails_with(Relaxed, "gpu/ticket.rs", "ticket.status.store(status.0, ", resolve_beside_a_wait);
}

#[test]
fn control_a_lock_that_two_hold_loses_whoever_waits() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", resolve_beside_a_wait);
}

#[test]
fn control_a_lock_that_two_hold_ends_a_slot_twice_or_never() {
    fails_with(Torn, "base/lock.rs", "if self.locked.swap(1", resolve_beside_a_release);
}
