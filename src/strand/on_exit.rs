// SPDX-License-Identifier: MIT OR Apache-2.0
//! On-exit hooks: last in, first out, on the strand's own stack, before its joiners wake.

use core::ffi::c_void;

use super::body::Body;
use super::message::{allocate, release};
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
