// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tickets on both engines, resolved by strands and by threads that the runtime does not know.

use core::ffi::c_void;
use core::mem::{size_of, zeroed};
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::{cancel::*, channel::*, config::*, scheduler::*, select::*, spawn::*, status::*, ticket::*, time::*};
use crate::base::status::Status;
use crate::gpu::ticket::{Pending, create, create_with, users};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// Set by the entries of strands.
static SEEN: AtomicI32 = AtomicI32::new(0);

fn on_every_engine(test: fn()) {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for (engine, workers) in [(STRAND_ENGINE_PARALLEL, 1), (STRAND_ENGINE_PARALLEL, 2), (STRAND_ENGINE_STEPPED, 1)] {
        // SAFETY: a struct of numbers and pointers.
        let mut config: strand_config = unsafe { zeroed() };
        config.size = size_of::<strand_config>() as u32;
        (config.engine, config.workers) = (engine, workers);
        // A virtual clock stands still while a ticket is pending.
        config.clock = if engine == STRAND_ENGINE_STEPPED { STRAND_CLOCK_REAL } else { 0 };
        // SAFETY: a complete configuration.
        assert_eq!(unsafe { strand_scheduler_init(&config) }, STRAND_OK);
        SEEN.store(i32::MAX, Ordering::SeqCst);
        test();
        assert_eq!(strand_scheduler_shutdown(STRAND_FOREVER), STRAND_OK);
    }
}

fn spawn(entry: unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void, argument: u64) -> u64 {
    let mut id = 0;
    // SAFETY: the entry takes a number.
    assert_eq!(unsafe { strand_spawn(Some(entry), argument as *mut c_void, &mut id) }, STRAND_OK);
    id
}

unsafe extern "C-unwind" fn await_it(ticket: *mut c_void) -> *mut c_void {
    SEEN.store(strand_ticket_await(ticket as u64, STRAND_FOREVER), Ordering::SeqCst);
    core::ptr::null_mut()
}

fn message() -> String {
    let mut buffer = [0_u8; 600];
    // SAFETY: the buffer is as long as it is said to be.
    let length = unsafe { strand_last_error(buffer.as_mut_ptr().cast(), buffer.len()) };
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn polled(ticket: u64) -> (i32, i32) {
    let mut result = i32::MAX;
    // SAFETY: writable.
    (unsafe { strand_ticket_poll(ticket, &mut result) }, result)
}

fn later(act: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(|| {
        thread::sleep(Duration::from_millis(2));
        act();
    })
}

#[test]
fn whoever_waits_gets_the_result_of_a_thread_that_no_runtime_knows() {
    on_every_engine(|| {
        let pending = create().unwrap();
        let ticket = pending.handle();
        assert_eq!(polled(ticket), (STRAND_ERR_WOULD_BLOCK, i32::MAX));
        assert_eq!(strand_ticket_await(ticket, STRAND_NO_WAIT), STRAND_ERR_WOULD_BLOCK);
        assert_eq!(strand_ticket_await(ticket, strand_after(1000)), STRAND_ERR_TIMEOUT);
        spawn(await_it, ticket);
        let resolver = later(move || pending.resolve(Status::LIMIT, format_args!("{} items", 77)));
        assert_eq!(strand_ticket_await(ticket, STRAND_FOREVER), STRAND_ERR_LIMIT);
        assert_eq!(message(), "77 items");
        assert_eq!(strand_scheduler_run(), STRAND_OK);
        assert_eq!(SEEN.load(Ordering::SeqCst), STRAND_ERR_LIMIT);
        resolver.join().unwrap();
        assert_eq!(polled(ticket), (STRAND_OK, STRAND_ERR_LIMIT));
        assert_eq!(strand_ticket_await(ticket, STRAND_FOREVER), STRAND_ERR_LIMIT, "again and again");
        assert_eq!(strand_ticket_release(ticket), STRAND_OK);
        for status in [strand_ticket_release(ticket), strand_ticket_cancel(ticket), polled(ticket).0] {
            assert_eq!(status, STRAND_ERR_STALE);
        }
        assert_eq!(strand_ticket_await(ticket, STRAND_FOREVER), STRAND_ERR_STALE);
    });
}

static ASKED: AtomicU64 = AtomicU64::new(0);
static FOR: AtomicU64 = AtomicU64::new(0);

fn hook(data: u64, ticket: u64) {
    ASKED.fetch_add(data, Ordering::SeqCst);
    FOR.store(ticket, Ordering::SeqCst);
}

#[test]
fn a_cancel_calls_the_hook_once_and_the_owner_decides() {
    on_every_engine(|| {
        ASKED.store(0, Ordering::SeqCst);
        let pending = create_with(Some(hook), 5).unwrap();
        let ticket = pending.handle();
        assert!(!pending.is_cancelled());
        assert_eq!((strand_ticket_cancel(ticket), strand_ticket_cancel(ticket)), (STRAND_OK, STRAND_OK));
        assert!(pending.is_cancelled());
        assert_eq!((ASKED.load(Ordering::SeqCst), FOR.load(Ordering::SeqCst)), (5, ticket));
        assert_eq!(polled(ticket).0, STRAND_ERR_WOULD_BLOCK, "it was only asked for");
        pending.succeed();
        assert_eq!(polled(ticket), (STRAND_OK, STRAND_OK));
        assert_eq!(strand_ticket_cancel(ticket), STRAND_ERR_ALREADY);
        assert_eq!(strand_ticket_await(ticket, STRAND_FOREVER), STRAND_OK);
    });
}

#[test]
fn a_release_does_not_disturb_those_who_wait_and_a_dropped_one_is_cancelled() {
    on_every_engine(|| {
        let pending = create().unwrap();
        let ticket = pending.handle();
        spawn(await_it, ticket);
        assert_eq!(strand_wait_all(strand_after(1_000_000)), STRAND_ERR_TIMEOUT);
        while users(ticket) < 3 {
            assert_eq!(strand_wait_all(strand_after(1_000_000)), STRAND_ERR_TIMEOUT);
        }
        assert_eq!(strand_ticket_release(ticket), STRAND_OK);
        assert_eq!(polled(ticket).0, STRAND_ERR_STALE);
        drop(pending);
        assert_eq!(strand_wait_all(STRAND_FOREVER), STRAND_OK);
        assert_eq!(SEEN.load(Ordering::SeqCst), STRAND_ERR_CANCELLED);
    });
}

fn case(kind: u32, handle: u64, element: *mut c_void, deadline: i64) -> strand_case {
    strand_case { size: size_of::<strand_case>() as u32, kind, handle, element, deadline, status: 7, events: 0 }
}

fn select_one_of(ticket: u64, chan: u64, moment: i64) -> (usize, i32, u64) {
    let (mut index, mut result, mut value) = (usize::MAX, i32::MAX, 0_u64);
    let mut cases = [
        case(STRAND_CASE_RECV, chan, (&raw mut value).cast(), 0),
        case(STRAND_CASE_TICKET, ticket, (&raw mut result).cast(), 0),
        case(STRAND_CASE_TIMER, 0, core::ptr::null_mut(), moment),
    ];
    // SAFETY: three cases, and where their results go.
    assert_eq!(unsafe { strand_select(cases.as_mut_ptr(), 3, STRAND_FOREVER, 0, &mut index) }, STRAND_OK);
    assert_eq!(cases[index].status, STRAND_OK);
    (index, result, value)
}

unsafe extern "C-unwind" fn select_it(ticket: *mut c_void) -> *mut c_void {
    let mut chan = 0;
    // SAFETY: writable.
    assert_eq!(unsafe { strand_chan_new(8, 1, &mut chan) }, STRAND_OK);
    SEEN.store(select_one_of(ticket as u64, chan, STRAND_FOREVER).1, Ordering::SeqCst);
    core::ptr::null_mut()
}

#[test]
fn a_select_waits_for_a_message_a_moment_and_a_ticket() {
    on_every_engine(|| {
        let (first, second) = (create().unwrap(), create().unwrap());
        let (ticket, other) = (first.handle(), second.handle());
        let mut chan = 0;
        // SAFETY: writable.
        assert_eq!(unsafe { strand_chan_new(8, 1, &mut chan) }, STRAND_OK);
        assert_eq!(select_one_of(ticket, chan, strand_after(100_000)), (2, i32::MAX, 0), "the moment");
        let value = 9_u64;
        // SAFETY: eight bytes.
        assert_eq!(unsafe { strand_chan_send(chan, (&raw const value).cast(), STRAND_FOREVER) }, STRAND_OK);
        assert_eq!(select_one_of(ticket, chan, STRAND_FOREVER), (0, i32::MAX, 9), "the message");
        spawn(select_it, other);
        let resolver = later(move || {
            first.resolve(Status::FAILED, format_args!("one has failed"));
            second.succeed();
        });
        assert_eq!(select_one_of(ticket, chan, STRAND_FOREVER), (1, STRAND_ERR_FAILED, 0), "the ticket, which came");
        assert_eq!(select_one_of(ticket, chan, STRAND_FOREVER), (1, STRAND_ERR_FAILED, 0), "the ticket, as it is");
        assert_eq!(strand_scheduler_run(), STRAND_OK);
        assert_eq!(SEEN.load(Ordering::SeqCst), STRAND_OK);
        resolver.join().unwrap();
        assert_eq!((strand_ticket_release(ticket), strand_ticket_release(other)), (STRAND_OK, STRAND_OK));
        let mut index = 0;
        let mut stale = case(STRAND_CASE_TICKET, ticket, core::ptr::null_mut(), 0);
        // SAFETY: one case.
        assert_eq!(unsafe { strand_select(&mut stale, 1, STRAND_FOREVER, 0, &mut index) }, STRAND_ERR_STALE);
        assert!(message().contains("released") || message().contains("gone"), "{}", message());
    });
}

unsafe extern "C-unwind" fn wait_for_nobody(chan: *mut c_void) -> *mut c_void {
    let mut value = 0_u64;
    // SAFETY: eight bytes.
    SEEN.store(unsafe { strand_chan_recv(chan as u64, (&raw mut value).cast(), STRAND_FOREVER) }, Ordering::SeqCst);
    core::ptr::null_mut()
}

#[test]
fn a_pending_ticket_is_no_deadlock_and_a_resolved_one_is_no_excuse() {
    on_every_engine(|| {
        let mut chan = 0;
        // SAFETY: writable.
        assert_eq!(unsafe { strand_chan_new(8, 1, &mut chan) }, STRAND_OK);
        spawn(wait_for_nobody, chan);
        let pending = create().unwrap();
        assert_eq!(strand_wait_all(strand_after(2_000_000)), STRAND_ERR_TIMEOUT, "somebody may still come");
        let resolver = later(|| pending.succeed());
        assert_eq!(strand_wait_all(STRAND_FOREVER), STRAND_ERR_DEADLOCK, "nobody comes any more");
        resolver.join().unwrap();
    });
}

#[test]
fn a_shutdown_asks_for_the_end_of_all_and_what_comes_later_is_nothing() {
    static KEPT: Mutex<Vec<Pending>> = Mutex::new(Vec::new());
    on_every_engine(|| {
        // Of the runtime before: there is nobody any more who waits for it.
        KEPT.lock().unwrap().clear();
        ASKED.store(0, Ordering::SeqCst);
        let (first, second) = (create_with(Some(hook), 1).unwrap(), create_with(Some(hook), 2).unwrap());
        second.succeed();
        let ticket = first.handle();
        let waiting = thread::spawn(move || strand_ticket_await(ticket, STRAND_FOREVER));
        while users(ticket) < 3 {
            thread::yield_now();
        }
        spawn(await_it, ticket);
        KEPT.lock().unwrap().push(first);
        assert_eq!(strand_scheduler_shutdown(strand_after(60_000_000_000)), STRAND_OK);
        assert_eq!(waiting.join().unwrap(), STRAND_ERR_CANCELLED);
        assert_eq!(ASKED.load(Ordering::SeqCst), 1, "only what was pending was asked");
        let late = KEPT.lock().unwrap().pop().unwrap();
        late.resolve(Status::FAILED, format_args!("too late"));
        // SAFETY: the defaults.
        assert_eq!(unsafe { strand_scheduler_init(core::ptr::null()) }, STRAND_OK);
        assert_eq!(polled(ticket).0, STRAND_ERR_STALE);
    });
}

unsafe extern "C-unwind" fn await_cancelled(ticket: *mut c_void) -> *mut c_void {
    SEEN.store(strand_ticket_await(ticket as u64, STRAND_FOREVER), Ordering::SeqCst);
    core::ptr::null_mut()
}

#[test]
fn a_cancelled_strand_leaves_the_ticket_as_it_is() {
    on_every_engine(|| {
        let pending = create().unwrap();
        let id = spawn(await_cancelled, pending.handle());
        assert_eq!(strand_wait_all(strand_after(1_000_000)), STRAND_ERR_TIMEOUT);
        assert_eq!(strand_cancel_strand(id, 1), STRAND_OK);
        assert_eq!(strand_wait_all(STRAND_FOREVER), STRAND_OK);
        assert_eq!(SEEN.load(Ordering::SeqCst), STRAND_ERR_CANCELLED);
        assert!(!pending.is_cancelled());
        let ticket = pending.handle();
        pending.succeed();
        assert_eq!(strand_ticket_await(ticket, STRAND_FOREVER), STRAND_OK);
    });
}
