// SPDX-License-Identifier: MIT OR Apache-2.0
//! The OS threads of the engine: created with every asynchronous signal blocked, joined at shutdown.

use core::cell::Cell;
use core::ffi::c_void;
use core::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use super::worker::Worker;
use crate::base::sys;
use crate::strand::overflow::AlternateStack;

thread_local! {
    static WORKER: Cell<*const Worker> = const { Cell::new(core::ptr::null()) };
}

/// Threads that were started and not joined.
static RUNNING: Mutex<Vec<libc::pthread_t>> = Mutex::new(Vec::new());

/// The worker whose base context this is; `None` on a strand and on other threads.
#[inline(never)]
pub fn this_worker() -> Option<&'static Worker> {
    let worker = WORKER.with(Cell::get);
    // SAFETY: set by the worker's own thread for as long as it runs; workers live as long as the engine.
    (!worker.is_null()).then(|| unsafe { &*worker })
}

/// The calling thread is a worker's for now.
pub(in crate::engine) fn sit_at(worker: &'static Worker) {
    WORKER.with(|slot| slot.set(worker));
}

/// The calling thread is no worker's any more.
pub(in crate::engine) fn leave_worker() {
    WORKER.with(|slot| slot.set(core::ptr::null()));
}

extern "C" fn worker_main(argument: *mut c_void) -> *mut c_void {
    // SAFETY: the argument is the worker that `start_worker` was asked to start.
    let worker: &'static Worker = unsafe { &*argument.cast::<Worker>() };
    let alternate = AlternateStack::install();
    sit_at(worker);
    worker.run();
    leave_worker();
    drop(alternate);
    core::ptr::null_mut()
}

extern "C" fn ticker_main(_: *mut c_void) -> *mut c_void {
    if let Some(engine) = super::engine() {
        match engine.may() {
            Some(may) => may.keep(engine),
            None => engine.ticker.run(engine),
        }
    }
    core::ptr::null_mut()
}

/// Starts the thread of a worker; false when the system refuses.
pub(super) fn start_worker(worker: &'static Worker) -> bool {
    worker.started.store(true, Ordering::Release);
    let started = start(worker_main, worker as *const Worker as *mut c_void);
    if !started {
        worker.started.store(false, Ordering::Release);
    }
    started
}

/// Starts the ticker; if the system refuses, the next poke tries again.
pub(super) fn start_ticker() {
    let Some(engine) = super::engine() else { return };
    if engine.is_stopping() || !start(ticker_main, core::ptr::null_mut()) {
        engine.ticker.not_started();
    }
}

/// Starts the keeper of the may engine, in the ticker's place; false when the system refuses.
#[cfg(feature = "may")]
pub(in crate::engine) fn start_keeper() -> bool {
    start(ticker_main, core::ptr::null_mut())
}

/// Waits for every thread of the engine. They have been told to stop.
pub(super) fn join_all() {
    loop {
        let Some(thread) = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
        // SAFETY: started by `start` and joined only here, once.
        unsafe { libc::pthread_join(thread, core::ptr::null_mut()) };
    }
}

/// In a forked child the threads do not exist.
pub fn forget_all() {
    if let Ok(mut list) = RUNNING.try_lock() {
        list.clear();
    }
}

/// In a model the threads are the model's own.
#[cfg(loom)]
fn start(_: sys::ThreadMain, _: *mut c_void) -> bool {
    true
}

#[cfg(not(loom))]
fn start(main: sys::ThreadMain, argument: *mut c_void) -> bool {
    let mut list = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if list.try_reserve(1).is_err() {
        return false;
    }
    let started = sys::start_thread(main, argument);
    list.extend(started);
    started.is_some()
}
