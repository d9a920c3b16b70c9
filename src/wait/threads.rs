// SPDX-License-Identifier: MIT OR Apache-2.0
//! OS threads that sleep inside a call, so that a shutdown can wake them.

use std::sync::PoisonError;

use crate::base::claim::Won;
use crate::base::status::Status;
use crate::base::sync::{Mutex, shared_static};
use crate::strand::waiter::Waiter;

/// Address of a registered waiter.
struct Sleeper(*const Waiter);

// SAFETY: a waiter stays registered only while its thread is inside `block`, and is reached under the lock.
unsafe impl Send for Sleeper {}

shared_static! {
    static SLEEPERS: Mutex<Vec<Sleeper>> = Mutex::new(Vec::new());
}

/// Registers the waiter of the calling thread. NO_MEMORY when the list cannot grow.
pub fn register(waiter: &Waiter) -> Result<(), Status> {
    let mut list = SLEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
    list.try_reserve(1).map_err(|_| Status::NO_MEMORY)?;
    list.push(Sleeper(waiter));
    Ok(())
}

/// Takes it out again.
pub fn unregister(waiter: &Waiter) {
    let mut list = SLEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(position) = list.iter().position(|sleeper| core::ptr::eq(sleeper.0, waiter)) {
        list.swap_remove(position);
    }
}

/// Ends every registered wait with CANCELLED.
pub fn cancel_all() {
    let list = SLEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
    for sleeper in list.iter() {
        // SAFETY: registered, so its thread cannot have left `block`: unregistering takes the lock we hold.
        let waiter = unsafe { &*sleeper.0 };
        if let Some(won) = waiter.claim.claim() {
            waiter.set_status(Status::CANCELLED);
            if won == Won::Wake {
                super::block::wake(waiter, false);
            }
        }
    }
}

/// In a forked child the threads do not exist.
pub fn forget_all() {
    if let Ok(mut list) = SLEEPERS.try_lock() {
        list.clear();
    }
}
