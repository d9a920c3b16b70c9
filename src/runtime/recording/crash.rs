// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that ends without a shutdown: at its exit the recording gets its end, and when it dies of a fault or an
//! abort inside a strand, the recording gets what happened so far.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::base::sys;
use crate::engine::outside::{self, State};
use crate::engine::parallel::{self, Parallel};
use crate::strand::{identity, log, overflow};

static AT_EXIT: AtomicBool = AtomicBool::new(false);
static ABORT_IS_OURS: AtomicBool = AtomicBool::new(false);
/// How long the end of the process waits for a thread that drives.
const PATIENCE: i64 = 1_000_000_000;

/// A recording or a replay has begun.
pub fn watch() {
    if !AT_EXIT.swap(true, Ordering::SeqCst) {
        // SAFETY: the function is there until the process ends, or the library is unloaded, which runs it before.
        unsafe { libc::atexit(at_exit) };
    }
    overflow::before_death(Some(save));
    // SAFETY: reads the present action, and sets ours where there is none.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        libc::sigaction(libc::SIGABRT, core::ptr::null(), &mut action);
        if action.sa_sigaction == libc::SIG_DFL {
            action.sa_sigaction = aborts as *const () as usize;
            action.sa_flags = libc::SA_RESETHAND;
            libc::sigaction(libc::SIGABRT, &action, core::ptr::null_mut());
            ABORT_IS_OURS.store(true, Ordering::SeqCst);
        }
    }
}

/// It is over.
pub fn forget() {
    overflow::before_death(None);
    if ABORT_IS_OURS.swap(false, Ordering::SeqCst) {
        // SAFETY: puts the default back where our action is still in place.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            libc::sigaction(libc::SIGABRT, core::ptr::null(), &mut action);
            if action.sa_sigaction == aborts as *const () as usize {
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(libc::SIGABRT, &action, core::ptr::null_mut());
            }
        }
    }
}

/// abort() goes on with the default action when this returns.
extern "C" fn aborts(_: c_int) {
    if identity::current().is_some() {
        save();
    }
}

/// Writes what happened so far. A strand was interrupted, so nothing was just being recorded.
fn save() {
    if outside::state() == State::Up
        && let Some(stepped) = parallel::engine().and_then(Parallel::stepped)
        && stepped.is_mine()
    {
        sys::keeping_errno(|| stepped.ask_director(|director| director.save()));
    }
}

extern "C" fn at_exit() {
    if outside::state() != State::Up {
        return;
    }
    let Some(stepped) = parallel::engine().and_then(Parallel::stepped) else { return };
    if !stepped.is_watched() {
        return;
    }
    let Some(_turn) = stepped.turn_within(PATIENCE) else { return };
    if let Err(failure) = super::finish(stepped) {
        log::write(log::ERROR, format_args!("{failure}"));
        sys::write_error(b"libstrand: ");
        sys::write_error(failure.to_string().as_bytes());
        sys::write_error(b"\n");
    }
}
