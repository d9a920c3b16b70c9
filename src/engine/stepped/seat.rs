// SPDX-License-Identifier: MIT OR Apache-2.0
//! The seat of whoever drives: while an OS thread sits in it, that thread is the worker.
//!
//! Taking it makes errno, the floating-point modes and the alternate signal stack of the thread the worker's; giving it
//! up puts back what the thread had.

use core::ffi::c_int;

use super::{Stepped, turnover};
use crate::engine::parallel::worker::Worker;
use crate::engine::parallel::{leave_worker, sit_at};
use crate::strand::floating::Modes;
use crate::strand::overflow::Lent;

/// See the module documentation. The thread holds the gate.
pub struct Seat<'a> {
    stepped: &'a Stepped,
    pub(super) worker: &'static Worker,
    modes: Modes,
    errno: *mut c_int,
    errno_before: c_int,
    _alternate: Lent<'a>,
}

impl<'a> Seat<'a> {
    /// Takes the seat; `None` when somebody sits in it.
    pub fn take(stepped: &'a Stepped, worker: &'static Worker) -> Option<Seat<'a>> {
        debug_assert!(stepped.gate.is_mine());
        if stepped.driven.replace(true) {
            return None;
        }
        // SAFETY: the address of this thread's errno.
        let errno = unsafe { libc::__errno_location() };
        let modes = Modes::read();
        sit_at(worker);
        worker.work_on_this_thread();
        Some(Seat {
            stepped,
            worker,
            modes,
            errno,
            // SAFETY: this thread's errno.
            errno_before: unsafe { *errno },
            _alternate: stepped.alternate.lend(),
        })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        leave_worker();
        self.modes.load();
        // SAFETY: this thread's errno; a seat does not change threads.
        unsafe { *self.errno = self.errno_before };
        self.stepped.driven.set(false);
        // Others who wait for something may have to drive now.
        turnover::bump();
    }
}
