// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strands that run tasks: from the spawn to the outcome.

use core::ffi::c_void;
use core::fmt::{self, Write};

use super::spawning::{self, SpawnOptions};
use super::{count, entry};
use crate::base::status::{Outcome, Status};
use crate::engine::Worker;
use crate::strand::backtrace::Backtrace;
use crate::strand::body::Body;
use crate::strand::extras::Extras;
use crate::strand::failure::{About, Failure, Kept, MESSAGE_MAX};
use crate::strand::fault::{self, Named};
use crate::strand::head::{self, FLAG_EXTRAS, Head};
use crate::strand::message::{self, Text};
use crate::strand::{identity, poll};
use crate::task::outcome::{DropArgument, DropValue, Entry, Task};
use crate::task::{calls, scope, table};
use crate::wait::block::Woken;
use crate::wait::cancel;

/// What a task is made with.
#[derive(Default)]
pub struct TaskOptions<'a> {
    /// Options of its strand.
    pub strand: SpawnOptions<'a>,
    /// Ends the argument if the entry never runs.
    pub drop_argument: Option<DropArgument>,
    /// Ends the value if nobody takes it.
    pub drop_value: Option<DropValue>,
}

/// Spawns a task. `options`: `None` for all defaults but the scope.
///
/// # Safety
/// The entry and its argument are what the program wants to run.
#[inline]
pub unsafe fn spawn(
    options: Option<&TaskOptions<'_>>,
    scope: u64,
    entry: Entry,
    arg: *mut c_void,
    site: usize,
) -> Outcome<u64> {
    let _call = count::enter_anywhere()?;
    let task = table::take()?;
    task.entry.set(Some(entry));
    task.argument.set(arg);
    task.drop_argument.set(options.and_then(|options| options.drop_argument));
    task.drop_value.set(options.and_then(|options| options.drop_value));
    task.scope.set(scope);
    task.open(true, false);
    if scope != 0 {
        scope::adopt(scope, task);
    }
    let handle = table::handle_of(task);
    let payload = (task as *const Task).cast_mut().cast();
    // SAFETY: the entry below expects the address of a slot, which its strand keeps in use.
    let spawned = unsafe {
        match options {
            None if scope == 0 => spawning::spawn(run_task, payload, site),
            None => spawning::spawn_with(&in_scope(&SpawnOptions::default(), scope), run_task, payload, site),
            Some(options) => spawning::spawn_with(&in_scope(&options.strand, scope), run_task, payload, site),
        }
    };
    match spawned {
        Ok(_) => Ok(handle),
        Err(status) => {
            task.close_unused();
            table::give(task);
            Err(status)
        }
    }
}

/// The options of a task's strand: the scope counts the strand.
fn in_scope<'a>(options: &SpawnOptions<'a>, scope: u64) -> SpawnOptions<'a> {
    SpawnOptions { scope, is_task: true, ..*options }
}

/// The entry function of a strand that runs a task.
unsafe extern "C-unwind" fn run_task(arg: *mut c_void) -> *mut c_void {
    // SAFETY: the payload is the address of a slot, which the strand keeps in use until it has ended.
    let task = unsafe { &*arg.cast_const().cast::<Task>() };
    let Some(body) = identity::current() else { return core::ptr::null_mut() };
    body.task.set(arg as usize);
    if poll::is_raised(poll::CANCEL) {
        cancel_unstarted(body, task);
    }
    if !task.begin(head::handle_of(body.head())) {
        return core::ptr::null_mut();
    }
    let mut value = 0;
    if let Some(entry) = task.entry.get() {
        // SAFETY: the entry and its argument are the program's own.
        match unsafe { entry(task.argument.get(), &mut value) } {
            0 => task.succeed(value),
            code => returned(body, task, Status(code)),
        }
    }
    core::ptr::null_mut()
}

/// A task whose strand was cancelled before it began is cancelled; what its strand was told is the reason.
#[cold]
fn cancel_unstarted(body: &Body, task: &'static Task) {
    if let Some(reason) = cancel::reason_of(body) {
        // It may have been cancelled before.
        let _ = calls::cancel_locked(task.lock(), reason);
    }
}

/// The strand ends without its entry having returned.
pub fn exited(body: &Body, task: &'static Task, value: u64) {
    match cancel::reason_of(body) {
        Some(reason) => task.give_way(reason),
        None => task.succeed(value),
    }
}

/// The entry has returned something else than 0.
#[cold]
fn returned(body: &Body, task: &'static Task, code: Status) {
    if code == Status::CANCELLED
        && let Some(reason) = cancel::reason_of(body)
    {
        return task.give_way(reason);
    }
    if code.0 > 0 {
        let text = format_args!("the entry function returned {}, which is no status", code.0);
        return fail(body, task, Status::INVALID, text, &Backtrace::none());
    }
    // What the strand's last failed call had to say, if that is what it returns.
    match message::last_of(body, code) {
        Some(text) => fail_with(body, task, code, text, &Backtrace::none()),
        None => fail_with(body, task, code, &[], &Backtrace::none()),
    }
}

/// The running strand's task fails.
#[cold]
pub fn fail(body: &Body, task: &'static Task, code: Status, text: fmt::Arguments<'_>, trace: &Backtrace) {
    let mut message = Text::<MESSAGE_MAX>::new();
    let _ = message.write_fmt(text);
    let code = if code.0 < 0 { code } else { Status::INVALID };
    fail_with(body, task, code, message.as_bytes(), trace);
}

fn fail_with(body: &Body, task: &'static Task, code: Status, text: &[u8], trace: &Backtrace) {
    // FAILED is what an await of a failed task answers: passed on, it is of that failure.
    let cause = task.cause.take().filter(|_| code == Status::FAILED);
    let strand = entry::named(body.head(), Some(body));
    task.fail(code, record(&strand, task, code, text, trace, cause));
}

fn record(
    strand: &Named<'_>,
    task: &'static Task,
    code: Status,
    message: &[u8],
    trace: &Backtrace,
    cause: Option<Kept>,
) -> Option<Kept> {
    Failure::make(About {
        code,
        strand: strand.id,
        task: table::handle_of(task),
        name: strand.name,
        message,
        addresses: trace.addresses(),
        cause,
    })
}

/// The task of a strand that never ran and is held by the caller.
fn unstarted_task(head: &Head) -> Option<&'static Task> {
    use core::sync::atomic::Ordering::Relaxed;
    if head.entry.load(Relaxed) != run_task as *const () as usize {
        return None;
    }
    let payload = head.payload.load(Relaxed);
    let address = if head.has(FLAG_EXTRAS) {
        // SAFETY: the payload of a strand with extras points to them; they live until its end.
        unsafe { (*(payload as *const Extras)).arg as usize }
    } else {
        payload as usize
    };
    // SAFETY: the payload of a strand that runs a task is its slot.
    unsafe { (address as *const Task).as_ref() }
}

/// A strand could not be started. False when it was to run no task: then it is a plain strand's fault.
#[cold]
pub fn stillborn(head: &Head, strand: &Named<'_>, status: Status, text: fmt::Arguments<'_>) -> bool {
    let Some(task) = unstarted_task(head) else { return false };
    let mut message = Text::<MESSAGE_MAX>::new();
    let _ = message.write_fmt(text);
    let failure = record(strand, task, status, message.as_bytes(), &Backtrace::none(), None);
    fault::tell(strand, status, text);
    let mut woken = Woken::new();
    let rest = task.lock().fail_unstarted(status, failure, &mut woken);
    table::settle(task, rest);
    woken.wake_all();
    true
}

/// Called by the end of each strand that ran a task, on its worker's stack, before the strand stops being counted.
pub fn strand_ended(worker: &Worker, task: usize, woken: &mut Woken) {
    // SAFETY: the address of a slot, stored by `run_task`; this strand keeps it in use until now.
    let task = unsafe { &*(task as *const Task) };
    if let Some(rest) = task.end_strand(woken) {
        table::settle_on(worker, task, rest);
    }
}
