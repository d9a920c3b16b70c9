// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generators as the C face sees them: the caller, its strand, and the strand of the generator.

use core::ffi::c_void;

use super::spawning::{self, SPAWN_UNCOUNTED, SpawnOptions};
use super::strands;
use super::{count, entry, lifecycle};
use crate::base::status::{Outcome, Status};
use crate::engine::{self, outside};
use crate::strand::body::Body;
use crate::strand::extras::Extras;
use crate::strand::head::Head;
use crate::strand::message::fail;
use crate::strand::{fault, identity};
use crate::task::generator::{self, Answer, Entry, Plan, Return};
use crate::wait::block::NO_WAIT;
use crate::wait::cancel;

/// What a generator is made with.
pub struct GeneratorOptions<'a> {
    /// Name for messages.
    pub name: &'a [u8],
    /// Usable bytes of the stack; 0 for the default.
    pub stack_bytes: usize,
    /// Ends the argument of one that never runs.
    pub arg_drop: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    /// Ends a value that nobody gets.
    pub value_drop: Option<unsafe extern "C" fn(value: u64, data: *mut c_void)>,
    /// Passed to `value_drop`.
    pub data: *mut c_void,
    /// The pointer that language hooks get.
    pub local: *mut c_void,
}

/// Makes a dormant generator.
///
/// # Safety
/// The entry and its argument are what the program wants to run.
pub unsafe fn new(options: &GeneratorOptions<'_>, entry: Entry, arg: *mut c_void, site: usize) -> Outcome<u64> {
    let _call = count::enter_anywhere()?;
    if cancel::is_all_cancelled() {
        return Err(Status::CANCELLED);
    }
    engine::touch(engine::touched::MAKING);
    super::config::class_for(options.stack_bytes, lifecycle::settings().stack_class)?;
    let mut extras = core::ptr::null_mut();
    if !options.name.is_empty() || !options.local.is_null() {
        // SAFETY: nothing is copied from the argument.
        extras = match unsafe { Extras::new(arg, 0, options.name) } {
            Ok(extras) => extras,
            Err(status) => return fail(status, format_args!("no memory for the name of a generator")),
        };
        // SAFETY: just made, ours alone.
        unsafe { (*extras).local = options.local };
    }
    let plan = Plan {
        entry: Some(entry),
        arg,
        arg_drop: options.arg_drop,
        value_drop: options.value_drop,
        data: options.data,
        extras,
        stack_bytes: options.stack_bytes,
        site,
    };
    generator::make(plan).or_else(|status| {
        // SAFETY: made above, handed to nobody.
        unsafe { Extras::free(extras) };
        fail(status, format_args!("no room for one more generator"))
    })
}

/// Makes the strand of a generator that is resumed for the first time.
fn make_strand(plan: &Plan, handle: u64) -> Outcome<&'static Head> {
    // SAFETY: the template lives as long as the generator, which this call keeps busy.
    let (name, local) = match unsafe { plan.extras.as_ref() } {
        Some(template) => (template.name(), template.local),
        None => (&[][..], core::ptr::null_mut()),
    };
    let options =
        SpawnOptions { flags: SPAWN_UNCOUNTED, name, stack_bytes: plan.stack_bytes, local, ..SpawnOptions::default() };
    // SAFETY: the argument is the handle.
    unsafe { spawning::spawn_held(&options, run, handle as *mut c_void, plan.site) }
}

/// The entry function of the strand of a generator.
///
/// # Safety
/// The argument is the handle of the generator whose strand this is.
pub unsafe extern "C-unwind" fn run(handle: *mut c_void) -> *mut c_void {
    if let Some(body) = identity::current() {
        // SAFETY: by contract.
        let came = unsafe { generator::body_of_generator(body, handle as u64) };
        if let Return::Unheard(code) = came {
            unheard(body, code);
        }
    }
    core::ptr::null_mut()
}

#[cold]
fn unheard(body: &Body, code: Status) {
    let strand = entry::named(body.head(), Some(body));
    fault::record(&strand, code, format_args!("the generator failed after it was cancelled"));
}

/// Counts the caller in, looks whether it may wait, and says whose strand it is.
fn enter(handle: u64, deadline: i64) -> Outcome<Option<outside::Call>> {
    let call = match identity::current() {
        Some(body) => {
            if deadline != NO_WAIT {
                cancel::before_waiting(body)?;
            }
            if body.generator.get() == handle && handle != 0 {
                return fail(Status::INVALID, format_args!("a generator cannot wait for itself"));
            }
            None
        }
        None => {
            if deadline != NO_WAIT {
                outside::refuse_on_worker()?;
            }
            Some(outside::enter()?)
        }
    };
    engine::touch(handle);
    Ok(call)
}

/// Hands a value in and waits for what the generator yields.
pub fn resume(handle: u64, value: u64, deadline: i64) -> Outcome<Answer> {
    let call = enter(handle, deadline)?;
    let answer = generator::resume(handle, value, deadline, &make_strand);
    drop(call);
    answer.or_else(|status| explain(handle, status))
}

/// Waits for the answer of an exchange that is open.
pub fn wait(handle: u64, deadline: i64) -> Outcome<Answer> {
    let call = enter(handle, deadline)?;
    let answer = generator::wait(handle, deadline);
    drop(call);
    answer.or_else(|status| explain(handle, status))
}

/// What the C face returns for an answer.
pub fn status_of(handle: u64, answer: Answer) -> Outcome<()> {
    match answer.status {
        Status::OK => Ok(()),
        Status::FAILED => failed(handle, answer.code),
        status => explain(handle, status),
    }
}

#[cold]
fn failed(handle: u64, code: Status) -> Outcome<()> {
    let code = code.name().to_str().unwrap_or("");
    fail(Status::FAILED, format_args!("generator {handle:#x} failed with {code}"))
}

#[cold]
fn explain<T>(handle: u64, status: Status) -> Outcome<T> {
    match status {
        Status::INVALID => {
            fail(status, format_args!("{handle:#x} is not the handle of a generator that was ever made"))
        }
        Status::BUSY => {
            fail(status, format_args!("generator {handle:#x} is busy: it runs, or its last answer was not taken yet"))
        }
        Status::ALREADY => fail(status, format_args!("generator {handle:#x} has ended before")),
        Status::EMPTY => fail(status, format_args!("generator {handle:#x} was not asked for anything")),
        Status::NO_MEMORY => fail(status, format_args!("no memory for the strand of generator {handle:#x}")),
        Status::LIMIT => fail(status, format_args!("no stack could be had for generator {handle:#x}")),
        other => Err(other),
    }
}

/// Yields a value from the generator whose strand this is; what the next resume hands in.
pub fn yield_value(value: u64) -> Outcome<u64> {
    let body = strands::on_strand()?;
    let handle = body.generator.get();
    if handle == 0 {
        return fail(Status::INVALID, format_args!("this strand is not that of a generator"));
    }
    if let Err(status) = cancel::before_waiting(body) {
        generator::refuse_yield(handle, value);
        return Err(status);
    }
    engine::touch(handle);
    generator::yield_value(handle, value)
}

/// The generator whose strand this is; 0 elsewhere.
pub fn current() -> u64 {
    identity::current().map_or(0, |body| body.generator.get())
}

/// Asks a generator to end.
pub fn cancel(handle: u64) -> Outcome<()> {
    let _call = count::enter_anywhere()?;
    engine::touch(handle);
    generator::cancel(handle).or_else(|status| explain(handle, status))
}

/// Gives the handle back.
pub fn release(handle: u64) -> Outcome<()> {
    let _call = count::enter_anywhere()?;
    engine::touch(handle);
    generator::release(handle).or_else(|status| explain(handle, status))
}

/// What a generator is doing.
pub fn state(handle: u64) -> Outcome<(u32, Status)> {
    let _call = count::enter_anywhere()?;
    engine::touch(handle);
    generator::state(handle).or_else(|status| explain(handle, status))
}
