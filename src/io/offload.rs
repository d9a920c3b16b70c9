// SPDX-License-Identifier: MIT OR Apache-2.0
//! Offload: a strand waits while a thread of the pool makes a call for it.
//!
//! A call that has not begun is taken back when the strand is cancelled or its deadline passes. One that runs cannot
//! be stopped: its strand waits for its return, because the record lies in the strand's frame and the function may use
//! what the strand owns. Only a call that was declared as one that may be given up (its argument is its own) goes on
//! without its strand.

use core::alloc::Layout;
use core::ffi::c_void;

use super::call::{Call, DropFunction, Function, Stage};
use super::pool;
use crate::base::failing;
use crate::base::status::{Outcome, Status};
use crate::engine::outside::{self, Away};
use crate::engine::parallel::worker;
use crate::strand::body::Body;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::strand::{head, identity};
use crate::wait::block::{self, FOREVER, NO_WAIT, Published, Source};
use crate::wait::cancel;

/// Largest argument that is copied, in bytes.
const ARGUMENT_MAX: usize = 1 << 30;

/// How a call may be given up.
pub struct Abandon {
    /// Bytes at the argument that are copied; 0 to pass the pointer.
    pub arg_bytes: usize,
    /// Drops the argument of a call that never ran.
    pub arg_drop: Option<DropFunction>,
    /// Drops the result of a call that was given up.
    pub result_drop: Option<DropFunction>,
}

/// The first wait: until the call has returned, or was taken back.
struct Queued<'a>(&'a Call);

impl Source for Queued<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        pool::queue(self.0, waiter, sole)
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        pool::withdraw(self.0);
    }
}

/// The second: nothing but its return ends it.
struct Returning<'a>(&'a Call);

impl Source for Returning<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        pool::await_return(self.0, waiter, sole)
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        pool::withdraw(self.0);
    }
}

/// Has `function` called with `argument` by a thread that may block; its result. An OS thread calls it itself.
///
/// # Safety
/// With bytes to copy, `argument` points to as many.
pub unsafe fn offload(
    function: Function,
    argument: *mut c_void,
    deadline: i64,
    abandon: Option<&Abandon>,
) -> Outcome<*mut c_void> {
    if abandon.is_some_and(|abandon| abandon.arg_bytes > ARGUMENT_MAX) {
        return fail(Status::LIMIT, format_args!("an argument to copy can have at most {ARGUMENT_MAX} bytes"));
    }
    let Some(body) = identity::current() else { return in_place(function, argument, deadline) };
    if deadline == NO_WAIT {
        return Err(Status::WOULD_BLOCK);
    }
    let engine = worker::of(body).engine();
    if engine.stepped().is_some_and(|stepped| stepped.ask_director(|director| director.leaves()) == Some(false)) {
        return fail(Status::UNSUPPORTED, format_args!("what other threads do cannot be explored"));
    }
    match abandon {
        // SAFETY: by contract.
        Some(abandon) => unsafe { offload_abandonable(body, function, argument, deadline, abandon) },
        None => {
            cancel::before_waiting(body)?;
            let call = Call::new(function, argument);
            call.owner.set(head::handle_of(body.head()));
            let _away = Away::begin();
            let ended = wait_for(&call, deadline);
            if let Ok(Waited::RunsOn(_)) = ended {
                await_return(body, &call);
            }
            pool::forget(&call);
            ended.and_then(|_| taken(&call))
        }
    }
}

/// The thread that asks is one that may block.
#[cold]
fn in_place(function: Function, argument: *mut c_void, deadline: i64) -> Outcome<*mut c_void> {
    outside::refuse_on_worker()?;
    drop(outside::enter()?);
    if deadline == NO_WAIT {
        return Err(Status::WOULD_BLOCK);
    }
    // SAFETY: the function and its argument are the program's own.
    Ok(unsafe { function(argument) })
}

/// What a strand that waited for its call knows of it.
#[derive(Clone, Copy)]
enum Waited {
    /// It has returned.
    Returned,
    /// It has begun, and may run on, when this ended the wait.
    RunsOn(Status),
}

/// Waits until the call has returned, or the deadline has passed, or the strand is cancelled. An error: it never ran.
fn wait_for(call: &Call, deadline: i64) -> Outcome<Waited> {
    loop {
        if let Err(status) = pool::prepare() {
            return fail(status, format_args!("no thread can be had for an offloaded call"));
        }
        match block::wait(&Queued(call), WaitKind::Offload, 0, deadline) {
            // The last thread left between the two: another is started.
            Status::BUSY => {}
            Status::OK => return Ok(Waited::Returned),
            status if matches!(pool::withdraw(call), Stage::New | Stage::Withdrawn) => return Err(status),
            status => return Ok(Waited::RunsOn(status)),
        }
    }
}

/// Waits for a call that runs. Cancelling does not help.
#[cold]
fn await_return(body: &'static Body, call: &Call) {
    let _shield = cancel::Shielded::new(body);
    while pool::withdraw(call) != Stage::Done {
        block::wait(&Returning(call), WaitKind::Offload, 0, FOREVER);
    }
}

fn taken(call: &Call) -> Outcome<*mut c_void> {
    match call.take() {
        Some(result) => Ok(result),
        None => fail(Status::PANIC, format_args!("a Rust panic left the function given to strand_offload")),
    }
}

/// A call on the heap, with the copy of its argument behind it.
#[repr(C, align(16))]
struct Record {
    call: Call,
    bytes: usize,
}

impl Record {
    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(size_of::<Record>().checked_add(bytes)?, 16).ok()
    }

    /// # Safety
    /// `argument` points to `bytes` readable bytes when that is not 0.
    unsafe fn new(function: Function, argument: *mut c_void, abandon: &Abandon) -> Option<*mut Record> {
        let bytes = abandon.arg_bytes;
        let layout = Self::layout(bytes)?;
        if failing::now() {
            return None;
        }
        // SAFETY: the size is not 0.
        let record: *mut Record = unsafe { std::alloc::alloc(layout) }.cast();
        if record.is_null() {
            return None;
        }
        let mut call = Call::new(function, argument);
        call.result_drop = abandon.result_drop;
        call.argument_bytes = bytes;
        // SAFETY: just allocated, with room for the record and the copy.
        unsafe {
            record.write(Record { call, bytes });
            if bytes > 0 {
                let copy: *mut u8 = record.add(1).cast();
                core::ptr::copy_nonoverlapping(argument.cast::<u8>(), copy, bytes);
                (*record).call.set_argument(copy.cast());
            }
        }
        Some(record)
    }

    /// # Safety
    /// Came from `new`, and nobody else knows it any more.
    unsafe fn free(record: *mut Record) {
        // SAFETY: by contract; the layout is the one it was allocated with.
        unsafe {
            let layout = Self::layout((*record).bytes);
            core::ptr::drop_in_place(record);
            if let Some(layout) = layout {
                std::alloc::dealloc(record.cast(), layout);
            }
        }
    }
}

/// # Safety
/// As [`offload`].
#[cold]
unsafe fn offload_abandonable(
    body: &'static Body,
    function: Function,
    argument: *mut c_void,
    deadline: i64,
    abandon: &Abandon,
) -> Outcome<*mut c_void> {
    // SAFETY: by contract.
    let Some(record) = (unsafe { Record::new(function, argument, abandon) }) else {
        return fail(Status::NO_MEMORY, format_args!("no memory for an offloaded call"));
    };
    // SAFETY: freed below, or by the thread that the call was given up to.
    let call = unsafe { &(*record).call };
    call.owner.set(head::handle_of(body.head()));
    call.away.set(Some(Away::begin()));
    let ended = cancel::before_waiting(body).and_then(|()| wait_for(call, deadline));
    if let Ok(Waited::RunsOn(status)) = ended
        && pool::give_up(call)
    {
        return Err(status);
    }
    pool::forget(call);
    let result = ended.and_then(|_| taken(call));
    if matches!(result, Err(Status::TIMEOUT | Status::CANCELLED))
        && let Some(drop) = abandon.arg_drop
    {
        // SAFETY: the call never ran, so its argument goes to its drop function, once.
        unsafe { drop(call.argument()) };
    }
    // SAFETY: returned or never queued: no thread knows it.
    unsafe { Record::free(record) };
    result
}

/// A call that was given up has returned, on the calling thread.
pub fn end_abandoned(call: &Call) {
    pool::forget(call);
    call.drop_result();
    // SAFETY: only records on the heap are given up; the call is the first field of its record, and this thread is the
    // only one who knows it.
    unsafe { Record::free(call as *const Call as *mut Record) };
}
