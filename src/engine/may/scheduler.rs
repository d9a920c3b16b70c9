// SPDX-License-Identifier: MIT OR Apache-2.0
//! may's scheduler in this process: started once, with as many threads as the first runtime asks for, never stopped.

use core::cell::Cell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use may::coroutine::Builder;

use crate::base::status::{Outcome, Status};
use crate::base::sys::keeping_errno;
use crate::strand::message::fail;

/// Strands that may be alive at once: each has a stack of may's, which takes two maps of the process.
pub const STRANDS_MAX: u32 = 28_000;

/// Machine words of a carrier's stack (64 KiB): what the engine and the program's hooks need on a worker's stack. An odd
/// number would have may print how much of it was used.
const STACK_WORDS: usize = 8192;
/// Stacks that may maps at its start, and keeps.
const POOL: usize = 256;
/// Nanoseconds that a thread of may's sleeps before it looks around. Nothing depends on it: an idle process stays idle.
const LOOK_AROUND: u64 = 1_000_000_000;
/// Maps that are left to the rest of the process, and the number that the kernel allows where it does not say.
const OTHER_MAPS: u64 = 3_000;
const MAPS_DEFAULT: u64 = 65_530;

#[derive(Clone, Copy)]
enum Start {
    NotYet,
    Runs(u32),
    Failed,
}

static START: Mutex<Start> = Mutex::new(Start::NotYet);

/// May's threads, once they were started.
pub fn threads() -> Option<u32> {
    match *START.lock().unwrap_or_else(PoisonError::into_inner) {
        Start::Runs(threads) => Some(threads),
        _ => None,
    }
}

/// How many strands fit, given whether the guards of their own stacks take maps too.
pub fn most_strands(guards_take_maps: bool) -> u32 {
    let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(MAPS_DEFAULT);
    let each = if guards_take_maps { 4 } else { 2 };
    (allowed.saturating_sub(OTHER_MAPS) / each).clamp(1, u64::from(STRANDS_MAX)) as u32
}

/// Starts it, if it does not run yet.
pub fn start(workers: u32) -> Outcome<()> {
    let mut start = START.lock().unwrap_or_else(PoisonError::into_inner);
    match *start {
        Start::Runs(threads) if threads == workers => Ok(()),
        Start::Runs(threads) => fail(
            Status::UNSUPPORTED,
            format_args!(
                "{workers} workers: the threads of the may engine stay for the life of the process, and there are {threads}"
            ),
        ),
        Start::Failed => refuse(),
        Start::NotYet => {
            if !has_descriptors(workers) {
                return fail(
                    Status::LIMIT,
                    format_args!(
                        "the may library needs two descriptors for each of {workers} threads: is their number limited (ulimit -n)?"
                    ),
                );
            }
            stay_loaded();
            be_quiet_about_panics();
            *start = if start_quietly(workers) { Start::Runs(workers) } else { Start::Failed };
            if matches!(*start, Start::Failed) { refuse() } else { Ok(()) }
        }
    }
}

fn refuse() -> Outcome<()> {
    fail(
        Status::LIMIT,
        format_args!("the may library could not start its threads in this process; it cannot be tried again"),
    )
}

/// Starts it without what it would do to the process besides: its threads get no signals that are not their own, and its
/// handler for stack overflows, which is none of a C program's, goes again.
fn start_quietly(workers: u32) -> bool {
    may::config().set_workers(workers as usize).set_stack_size(STACK_WORDS).set_pool_capacity(POOL);
    may::config().set_worker_pin(false);
    may::config().set_timeout_ns(LOOK_AROUND);
    keeping_errno(|| {
        // SAFETY: the sets are initialised by sigfillset and pthread_sigmask; the actions by sigaction, which cannot fail
        // for these signals, and they go back where they came from.
        unsafe {
            let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
            let mut earlier = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigfillset(blocked.as_mut_ptr());
            for fault in
                [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT, libc::SIGSYS]
            {
                libc::sigdelset(blocked.as_mut_ptr(), fault);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), earlier.as_mut_ptr());
            let mut actions = [core::mem::zeroed::<libc::sigaction>(); 2];
            for (signal, action) in [libc::SIGSEGV, libc::SIGBUS].iter().zip(&mut actions) {
                libc::sigaction(*signal, core::ptr::null(), action);
            }
            // When one has run, the threads are there, and so is the handler.
            static RAN: AtomicBool = AtomicBool::new(false);
            let started = spawn(0, || RAN.store(true, Ordering::Release));
            while started && !RAN.load(Ordering::Acquire) {
                rest();
            }
            for (signal, action) in [libc::SIGSEGV, libc::SIGBUS].iter().zip(&actions) {
                libc::sigaction(*signal, action, core::ptr::null_mut());
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, earlier.as_ptr(), core::ptr::null_mut());
            started
        }
    })
}

/// Whether the process may have as many descriptors as may opens, which panics where it cannot have one.
fn has_descriptors(workers: u32) -> bool {
    let needed = 2 * workers as usize;
    let mut opened = Vec::new();
    if opened.try_reserve_exact(needed).is_err() {
        return false;
    }
    keeping_errno(|| {
        while opened.len() < needed {
            // SAFETY: makes a descriptor, which is closed below.
            let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
            if descriptor < 0 {
                break;
            }
            opened.push(descriptor);
        }
        for descriptor in &opened {
            // SAFETY: opened above, used by nobody.
            unsafe { libc::close(*descriptor) };
        }
    });
    opened.len() == needed
}

thread_local! {
    /// A panic of this thread is expected, caught, and nobody's business.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// may panics where it gets no memory. That is caught and becomes a status; it need not be printed.
fn be_quiet_about_panics() {
    let otherwise = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |about| {
        if !EXPECTED.with(Cell::get) {
            otherwise(about);
        }
    }));
}

/// Calls into may. `None` when it panics, which is how it says that it got no memory. Never inlined, for the thread-local;
/// what is called may run a coroutine, but comes back on the thread that it began on.
#[inline(never)]
pub fn attempt<T>(call: impl FnOnce() -> T) -> Option<T> {
    EXPECTED.with(|expected| expected.set(true));
    let result = catch_unwind(AssertUnwindSafe(call)).ok();
    EXPECTED.with(|expected| expected.set(false));
    result
}

/// What [`attempt`] called has got so far that the program's own code follows. Never inlined, for the thread-local.
#[inline(never)]
pub fn expect_no_panic() {
    EXPECTED.with(|expected| expected.set(false));
}

/// The threads run code of this library until the process ends, so it must not be unloaded.
fn stay_loaded() {
    // SAFETY: all-zero is a valid Dl_info; dladdr takes any address, and its name is terminated and stays while the
    // module is loaded. Where the module is the program itself, dlopen has nothing to do.
    unsafe {
        let mut info: libc::Dl_info = core::mem::zeroed();
        if libc::dladdr(stay_loaded as *const () as *const _, &mut info) != 0 && !info.dli_fname.is_null() {
            libc::dlopen(info.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
        }
    }
}

/// Spawns a coroutine that begins on the thread of this number. False when may panics, which is how it says that it got
/// no memory.
pub fn spawn(thread: usize, body: impl FnOnce() + Send + 'static) -> bool {
    // SAFETY: the coroutines of this engine keep to may's rules: no blocking call, no thread-local across a switch, little
    // stack.
    let spawned = attempt(|| unsafe { Builder::new().id(thread).spawn(body) });
    matches!(spawned, Some(Ok(_)))
}

/// A short rest of an OS thread that waits for may's.
pub fn rest() {
    std::thread::sleep(Duration::from_micros(20));
}
