// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generators
//!
//! A generator is a function that runs only while somebody waits for its next value: it yields one,
//! and goes on when it is resumed with another. Seq's weaves, Python's generators and coroutines
//! that are driven by hand are built from it.
//!
//! A generator is made dormant: it has no strand and no stack before the first resume. A resume
//! hands a value in and the processor over: it is about as dear as two switches. From then on the
//! generator is a strand that is not counted: strand_scheduler_run() and strand_wait_all() do not
//! wait for it, and one that is never finished holds nothing up. It may do what every strand may:
//! receive, sleep, spawn, resume other generators; whoever has resumed it then waits longer.
//!
//! Each resume opens an exchange, and the next yield or the end answers it. Whoever gives up waiting
//! (STRAND_ERR_TIMEOUT, or STRAND_ERR_CANCELLED because the caller is to end) leaves the exchange
//! open: the generator works on, and strand_generator_wait() gets its answer. There
//! STRAND_ERR_EMPTY says that nothing was handed in.
//!
//! Values are 64 bits that the library does not look into. The one that is handed in belongs to the
//! generator, the one that is yielded to whoever gets it; those that nobody gets go to value_drop.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::runtime::generators::{self, GeneratorOptions};
use crate::task::generator::Answer;
use core::ffi::{c_char, c_void};
use core::ptr;

/// Names a generator; below 2^62 and never used again. 0 is no generator.
pub type strand_generator = u64;

/// The function of a generator. It gets its argument and the value of the first resume, and runs on
/// a strand of its own. To end it returns: STRAND_OK with the final value at last (0 if it writes
/// none), or a negative status, which is its failure. STRAND_ERR_CANCELLED is no failure where it
/// was cancelled.
pub type strand_generator_entry =
    Option<unsafe extern "C-unwind" fn(arg: *mut c_void, first: u64, last: *mut u64) -> strand_status>;

/// It was never resumed.
pub const STRAND_GENERATOR_DORMANT: u32 = 0;
/// It runs, or waits for something else than a resume.
pub const STRAND_GENERATOR_RUNNING: u32 = 1;
/// It has yielded and waits to be resumed.
pub const STRAND_GENERATOR_SUSPENDED: u32 = 2;
/// It has ended with STRAND_OK.
pub const STRAND_GENERATOR_DONE: u32 = 3;
/// It has failed.
pub const STRAND_GENERATOR_FAILED: u32 = 4;
/// It has ended because it was cancelled.
pub const STRAND_GENERATOR_CANCELLED: u32 = 5;

/// How a generator is made: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_generator_options {
    /// sizeof(strand_generator_options)
    pub size: u32,
    /// 0
    pub flags: u32,
    /// Name of its strand for dumps and messages, of name_length bytes. Copied.
    pub name: *const c_char,
    /// Bytes at name.
    pub name_length: usize,
    /// Usable bytes of its stack; 0 for the default.
    pub stack_bytes: usize,
    /// Ends the argument if the function never runs. Runs on the stack of whoever finds that out.
    pub arg_drop: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    /// Ends a value that nobody gets: handed to a generator that is just being cancelled, or yielded
    /// or returned to somebody who never asks. Runs on the stack of whoever finds that out.
    pub value_drop: Option<unsafe extern "C" fn(value: u64, data: *mut c_void)>,
    /// Handed to value_drop.
    pub data: *mut c_void,
    /// Handed to the language hooks as its strand's own pointer.
    pub local: *mut c_void,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null, None or 0 in every
// field.
unsafe impl Sized32 for strand_generator_options {
    const NAME: &'static str = "strand_generator_options";
}

/// Makes a dormant generator. The argument belongs to it from now on.
///
/// @param options  NULL for the defaults. Copied, with the name.
/// @param entry    its function
/// @param arg      handed to entry
/// @param out      the generator; give it back with strand_generator_release()
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: entry or out is NULL, or an option has no such value;
///         STRAND_ERR_LIMIT: more stack than the largest class, or as many generators as a handle
///         allows;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn strand_generator_new(
    options: *const strand_generator_options,
    entry: strand_generator_entry,
    arg: *mut c_void,
    out: *mut strand_generator,
) -> strand_status {
    // As strand_spawn; here the return address is the fifth argument.
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("endbr64", "mov r8, [rsp]", "jmp {}", sym new_at);
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("hint #34", "mov x4, x30", "b {}", sym new_at);
}

unsafe extern "C" fn new_at(
    options: *const strand_generator_options,
    entry: strand_generator_entry,
    arg: *mut c_void,
    out: *mut strand_generator,
    site: usize,
) -> strand_status {
    guard(|| {
        let entry = check::callback(entry, "strand_generator_new", "entry")?;
        check::pointer(out, "strand_generator_new", "out")?;
        // SAFETY: NULL, or a struct as its size says with a readable name, by the caller's promise.
        let options = unsafe { convert(options) }?;
        // SAFETY: entry may be called once with arg, by the caller's promise.
        let made = unsafe { generators::new(&options, entry, arg, site) }?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made) };
        Ok(())
    })
}

/// Resumes a generator: hands a value in, and waits for the next one that it yields. On a strand the
/// processor goes straight to the generator and comes straight back.
///
/// @param generator  a dormant or suspended one
/// @param value      the first time the second argument of its function, later what its
///                   strand_generator_yield() gives. With STRAND_OK, STRAND_ERR_CLOSED and
///                   STRAND_ERR_FAILED it was handed in; STRAND_ERR_TIMEOUT and
///                   STRAND_ERR_CANCELLED: see above; else it is still the caller's
/// @param out        what it has yielded, with STRAND_OK; its final value, with STRAND_ERR_CLOSED;
///                   may be NULL
/// @param deadline   see strand_after(). With STRAND_NO_WAIT nothing is handed in
/// @return STRAND_OK: it has yielded;
///         STRAND_ERR_CLOSED: it has returned;
///         STRAND_ERR_FAILED: it has failed, the message says with what;
///         STRAND_ERR_ALREADY: it had ended before;
///         STRAND_ERR_BUSY: somebody else is in it, or the answer of an exchange is still there;
///         STRAND_ERR_TIMEOUT: it has not yielded in time;
///         STRAND_ERR_WOULD_BLOCK;
///         STRAND_ERR_CANCELLED: it has ended because it was cancelled, or the caller is asked to
///         end, or the runtime was shut down; strand_generator_state() tells;
///         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY: no strand or stack for the first resume; it is
///         dormant as before;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_INVALID: it names no generator and never did, a generator resumes itself, or
///         the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH: in a callback;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_generator_resume(
    generator: strand_generator,
    value: u64,
    out: *mut u64,
    deadline: i64,
) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_generator_resume")?;
        let answer = generators::resume(generator, value, deadline)?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { give(generator, answer, out) }
    })
}

/// Waits for the answer of an exchange that is open: after a resume that has given up, or, where the
/// generator was cancelled, for its end. It hands nothing in.
///
/// @param generator  the generator
/// @param out        as in strand_generator_resume()
/// @param deadline   see strand_after()
/// @return STRAND_OK, STRAND_ERR_CLOSED, STRAND_ERR_FAILED, STRAND_ERR_CANCELLED, STRAND_ERR_LIMIT,
///         STRAND_ERR_NO_MEMORY: the answer, as strand_generator_resume() would have returned it; of a
///         cancelled one that has ended always STRAND_ERR_CANCELLED;
///         STRAND_ERR_EMPTY: no exchange is open;
///         STRAND_ERR_ALREADY: it had ended before;
///         STRAND_ERR_BUSY: somebody else waits for the answer;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: there is none yet;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_INVALID: it names no generator and never did, a generator waits for itself, or
///         the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_generator_wait(
    generator: strand_generator,
    out: *mut u64,
    deadline: i64,
) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_generator_wait")?;
        let answer = generators::wait(generator, deadline)?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { give(generator, answer, out) }
    })
}

/// Yields a value to whoever has resumed this generator, and waits for the next resume.
///
/// @param value  what the resume gets. With STRAND_OK and STRAND_ERR_CANCELLED it is not the caller's
///               any more: if nobody gets it, it goes to value_drop
/// @param out    what the next resume hands in; may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_CANCELLED: the generator was cancelled or released, or the runtime is shut
///         down: it should clean up and return soon;
///         STRAND_ERR_INVALID: the strand is not that of a generator (it may be a strand that one
///         has spawned, or run on-exit hooks);
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_generator_yield(value: u64, out: *mut u64) -> strand_status {
    guard(|| {
        let given = generators::yield_value(value)?;
        if !out.is_null() {
            // SAFETY: writable, by the caller's promise.
            unsafe { out.write(given) };
        }
        Ok(())
    })
}

/// The generator whose strand the caller is.
///
/// @return the generator; 0 elsewhere
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_generator_self() -> strand_generator {
    generators::current()
}

/// Asks a generator to end. A dormant one has ended at once and its argument is dropped, here. Of
/// any other each yield and each wait says STRAND_ERR_CANCELLED from now on, the one that it is in
/// included, so that it can clean up and return; its frames are never unwound. This does not wait
/// for that: strand_generator_wait() does. Cancelling twice is STRAND_OK.
///
/// @param generator  the generator
/// @return STRAND_OK;
///         STRAND_ERR_ALREADY: it has ended;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_INVALID: it names no generator and never did;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_generator_cancel(generator: strand_generator) -> strand_status {
    guard(|| generators::cancel(generator))
}

/// Gives the generator back. One that has not ended is cancelled, and everything of it is freed when
/// it has ended, its stack and the values that nobody has got included. Whoever waits for it at the
/// moment still gets the answer.
///
/// @param generator  the generator; stale from now on
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_INVALID: it names no generator and never did;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_generator_release(generator: strand_generator) -> strand_status {
    guard(|| generators::release(generator))
}

/// What a generator is doing. Of one that others may resume it says what was true a moment ago.
///
/// @param generator  the generator
/// @param state      a STRAND_GENERATOR_ number
/// @param code       with STRAND_GENERATOR_FAILED the status that it has failed with, else STRAND_OK;
///                   may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_INVALID: it names no generator and never did, or state is NULL;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_generator_state(
    generator: strand_generator,
    state: *mut u32,
    code: *mut strand_status,
) -> strand_status {
    guard(|| {
        check::pointer(state, "strand_generator_state", "state")?;
        let (number, failure) = generators::state(generator)?;
        // SAFETY: writable, and NULL or writable, by the caller's promise.
        unsafe {
            state.write(number);
            if !code.is_null() {
                code.write(failure.0);
            }
        }
        Ok(())
    })
}

/// # Safety
/// `out` is null or writable.
unsafe fn give(generator: strand_generator, answer: Answer, out: *mut u64) -> Outcome<()> {
    if matches!(answer.status, Status::OK | Status::CLOSED) && !out.is_null() {
        // SAFETY: the caller's promise.
        unsafe { out.write(answer.value) };
    }
    generators::status_of(generator, answer)
}

/// # Safety
/// `options` is null, or a struct as its size says with a name that is readable for `'a`.
unsafe fn convert<'a>(options: *const strand_generator_options) -> Outcome<GeneratorOptions<'a>> {
    let function = "strand_generator_new";
    let none = GeneratorOptions {
        name: &[],
        stack_bytes: 0,
        arg_drop: None,
        value_drop: None,
        data: ptr::null_mut(),
        local: ptr::null_mut(),
    };
    if options.is_null() {
        return Ok(none);
    }
    // SAFETY: a struct as its size says, by the caller's promise.
    let options = unsafe { sized::read(options, function) }?;
    check::flags(options.flags, 0, function)?;
    Ok(GeneratorOptions {
        // SAFETY: the caller's promise.
        name: unsafe { check::text(options.name, options.name_length, function, "name") }?,
        stack_bytes: options.stack_bytes,
        arg_drop: options.arg_drop,
        value_drop: options.value_drop,
        data: options.data,
        local: options.local,
    })
}
