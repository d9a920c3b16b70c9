// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the first instruction of a strand to its last: the entry function, the hooks, the faults.

use core::ffi::c_void;
use core::sync::atomic::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::config::FAULT_ABORT;
use super::spawning::Entry;
use super::{generators, lifecycle, tasks};
use crate::base::status::Status;
use crate::engine::Worker;
use crate::strand::backtrace::Backtrace;
use crate::strand::body::Body;
use crate::strand::extras::Extras;
use crate::strand::fault::{self, Lossy, Named};
use crate::strand::head::{self, FLAG_EXTRAS, Head};
use crate::strand::{extras, hooks, locals, message, on_exit, sanitizer};
use crate::task::{calls, generator, scope};
use crate::wait::{cancel, end};

/// The loop of a context: runs one strand after the other on its stack. Upcall of the engine.
///
/// One function from a strand's first instruction to its last switch, so that no return lies behind that switch: the
/// processor would mispredict it.
pub fn strand_main(body: &'static Body) -> ! {
    loop {
        run_entry(body);
        end_strand(body);
    }
}

fn run_entry(body: &'static Body) {
    let head = body.head();
    // SAFETY: stored by the spawn from a function of this type.
    let entry: Entry = unsafe { core::mem::transmute(body.entry.get()) };
    let argument = argument_of(head);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let guard = Foreign(body);
        // SAFETY: the entry and its argument are the program's own.
        let result = unsafe { entry(argument) };
        core::mem::forget(guard);
        result
    }));
    match result {
        Ok(result) => tell_language(body, result),
        Err(payload) => panicked(body, payload),
    }
}

#[inline]
fn argument_of(head: &Head) -> *mut c_void {
    let payload = head.payload.load(Ordering::Relaxed);
    if head.has(FLAG_EXTRAS) {
        // SAFETY: the payload of a strand with extras points to them; they live until its end.
        unsafe { (*(payload as *const Extras)).arg }
    } else {
        payload as *mut c_void
    }
}

/// Hooks, belongings, and the last switch. Comes back when the context is used again, for the next strand.
#[inline(always)]
fn end_strand(body: &'static Body) {
    let plain = body.hooks.get().is_null() && body.locals.get().is_null() && body.message.get().is_null();
    if !plain || body.scopes.load(Ordering::Relaxed) != 0 {
        end_belongings(body);
    }
    // SAFETY: the running strand's body; everything it owned is gone.
    unsafe { end::finish(body) };
}

#[cold]
#[inline(never)]
fn end_belongings(body: &'static Body) {
    cancel::shield_for_ever(body);
    let has_scopes = || body.scopes.load(Ordering::Relaxed) != 0;
    // The drop of a local may register a hook, a hook may set a local, and both may open a scope.
    while has_scopes() || !body.hooks.get().is_null() || !body.locals.get().is_null() {
        if has_scopes() {
            scope::close_all(body);
        }
        on_exit::run(body);
        locals::end_strand(body);
    }
    message::end_strand(body);
}

#[inline]
fn tell_language(body: &Body, result: *mut c_void) {
    let hooks = hooks::get();
    if let Some(exit) = hooks.strand_exit {
        let extras = body.extras.get();
        // SAFETY: the extras live until the strand's end.
        let local = if extras.is_null() { core::ptr::null_mut() } else { unsafe { (*extras).local } };
        // SAFETY: the hook is the program's own.
        unsafe { exit(local, result, hooks.data) };
    }
}

/// Notices an exception that is not a Rust panic while it unwinds through the frame below the entry: it cannot be
/// caught and converted, so the process ends, and says whose fault it was.
struct Foreign(&'static Body);

impl Drop for Foreign {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let body = self.0;
            fault::die(format_args!(
                "libstrand: a foreign exception left the entry function of {}; exceptions must be caught inside the entry function",
                named(body.head(), Some(body)),
            ));
        }
    }
}

/// The strand, for a message.
pub fn named(head: &Head, body: Option<&Body>) -> Named<'static> {
    let name = extras::of(head, body).map_or(&[][..], |extras| extras.name());
    Named { id: head::handle_of(head), name }
}

#[cold]
fn panicked(body: &Body, payload: Box<dyn core::any::Any + Send>) {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "a panic without a message",
    };
    record(body, Status::PANIC, format_args!("{text}"), &Backtrace::none());
    // Dropping a payload may panic in turn; it is a few bytes.
    core::mem::forget(payload);
}

#[cold]
fn record(body: &Body, code: Status, text: core::fmt::Arguments<'_>, trace: &Backtrace) {
    let strand = named(body.head(), Some(body));
    body.fault.set(code.0);
    let looks = generator::is_awaited(body.generator.get()) || end::is_looked_at(body.head());
    match calls::of(body).filter(|task| !task.is_decided()) {
        Some(task) => {
            tasks::fail(body, task, code, text, trace);
            fault::tell(&strand, code, text);
        }
        None if looks || scope::keeps_fault(body, &strand, code, text) => fault::tell(&strand, code, text),
        None => fault::record(&strand, code, text),
    }
    if lifecycle::settings().fault_policy == FAULT_ABORT {
        fault::die(format_args!("libstrand: {strand} failed with {}: {text}", code.name().to_str().unwrap_or("")));
    }
}

/// Ends the running strand with a fault. Its frames are dropped, not unwound. `here` is an address in the frame below
/// which they are of no interest.
pub fn fail_running(body: &'static Body, code: Status, text: &[u8], here: usize) {
    let runs_task = body.task.get() != 0;
    let trace = if runs_task { Backtrace::above(here, body as *const Body as usize) } else { Backtrace::none() };
    record(body, code, format_args!("{}", Lossy(text)), &trace);
    undo_calls(body);
    end_without_frames(body);
}

/// Ends the running strand as if its entry function had returned: with `result`, or, where it is asked to end, because of that. Its
/// frames are dropped, not unwound.
pub fn exit_running(body: &'static Body, result: *mut c_void) {
    undo_calls(body);
    let task = calls::of(body);
    let of_generator = generator::exited(body, result as u64);
    if let Some(task) = task.filter(|task| !task.is_decided()) {
        tasks::exited(body, task, result as u64);
    }
    let plain = task.is_none() && !of_generator;
    tell_language(body, if plain { result } else { core::ptr::null_mut() });
    end_without_frames(body);
}

/// Ends the running strand, whose frames will not be returned to.
fn end_without_frames(body: &'static Body) {
    sanitizer::leaves_frames();
    body.frames_dropped.set(true);
    end_strand(body);
}

/// The frames are still there: what points into them is taken back.
fn undo_calls(body: &Body) {
    // SAFETY: records of calls that have not returned, in frames that have not been dropped.
    while let Some(undo) = unsafe { body.undo.get().as_ref() } {
        body.undo.set(undo.outer);
        // SAFETY: as above.
        unsafe { (undo.act)(undo.data) };
    }
}

/// A strand could not get a stack for its first run. Upcall of the engine.
pub fn strand_stillborn(worker: &Worker, head: &'static Head, status: Status) {
    let strand = named(head, None);
    let advice = match status {
        Status::LIMIT if worker.engine().stacks.is_out_of_guards() => {
            "the limit of guarded stacks is reached; Linux 6.13 or newer has none, or use fewer strands at a time"
        }
        Status::LIMIT => "no addresses are left for its stack; is the address space limited (ulimit -v)?",
        _ => "the system has no memory for its stack",
    };
    if head.entry.load(Ordering::Relaxed) == generators::run as *const () as usize {
        // Whoever resumes it gets the status.
        return end::finish_unstarted(worker, head, status);
    }
    if !tasks::stillborn(head, &strand, status, format_args!("it could not start: {advice}")) {
        if end::is_looked_at(head) {
            fault::tell(&strand, status, format_args!("it could not start: {advice}"));
        } else {
            fault::record(&strand, status, format_args!("it could not start: {advice}"));
        }
    }
    if lifecycle::settings().fault_policy == FAULT_ABORT {
        fault::die(format_args!("libstrand: {strand} could not start: {advice}"));
    }
    end::finish_unstarted(worker, head, status);
}
