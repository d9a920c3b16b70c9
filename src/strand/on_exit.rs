// SPDX-License-Identifier: MIT OR Apache-2.0
//! On-exit hooks: last in, first out, on the strand's own stack, before its joiners wake.

use core::ffi::c_void;

use super::body::Body;
use super::message::{allocate, release};
use super::root::{Kind, Root, Visit};
use crate::base::status::{Outcome, Status};

/// One registered hook.
pub struct Hook {
    function: Option<extern "C" fn(*mut c_void)>,
    data: *mut c_void,
    below: *mut Hook,
}

/// Registers a hook of the running strand.
pub fn push(body: &Body, function: extern "C" fn(*mut c_void), data: *mut c_void) -> Outcome<()> {
    let hook = allocate::<Hook>();
    if hook.is_null() {
        return Err(Status::NO_MEMORY);
    }
    // SAFETY: just allocated, owned by this strand.
    unsafe { hook.write(Hook { function: Some(function), data, below: body.hooks.get() }) };
    body.hooks.set(hook);
    Ok(())
}

/// Takes the newest hook of this function out and forgets it.
pub fn pop(body: &Body, function: extern "C" fn(*mut c_void)) {
    let (mut before, mut hook): (*mut Hook, *mut Hook) = (core::ptr::null_mut(), body.hooks.get());
    // SAFETY: the hooks of the running strand are alive, and only the strand itself touches them.
    while let Some(here) = unsafe { hook.as_ref() } {
        let below = here.below;
        if here.function.is_some_and(|own| own as usize == function as usize) {
            // SAFETY: as above; the hook is taken off the list and not used again.
            unsafe {
                if before.is_null() {
                    body.hooks.set(below)
                } else {
                    (*before).below = below
                }
                release(hook);
            }
            return;
        }
        (before, hook) = (hook, below);
    }
}

/// Shows what the hooks of a strand will get to a collector.
pub fn visit(body: &Body, owner: u64, visit: Visit<'_>) {
    let mut hook = body.hooks.get();
    // SAFETY: on the list of a strand that does not run.
    while let Some(here) = unsafe { hook.as_ref() } {
        visit(Root::word(Kind::ExitData, &raw const here.data, owner));
        hook = here.below;
    }
}

/// Runs the hooks of the running strand, those registered by hooks included.
pub fn run(body: &Body) {
    loop {
        let hook = body.hooks.get();
        if hook.is_null() {
            return;
        }
        // SAFETY: on this strand's list, which only the strand itself touches.
        let Hook { function, data, below } = unsafe { hook.read() };
        body.hooks.set(below);
        // SAFETY: taken off the list; not used again.
        unsafe { release(hook) };
        if let Some(function) = function {
            function(data);
        }
    }
}
