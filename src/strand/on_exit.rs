// SPDX-License-Identifier: MIT OR Apache-2.0
//! On-exit hooks: last in, first out, on the strand's own stack, before its joiners wake.

use core::cell::Cell;
use core::ffi::c_void;

use super::body::Body;
use super::message::{allocate, release};
use super::root::{Kind, Root, Visit};
use crate::base::status::{Outcome, Status};

/// One registered hook.
pub struct Hook {
    function: Option<extern "C" fn(*mut c_void)>,
    data: *mut c_void,
    below: Cell<*mut Hook>,
    /// It lies in a frame of the strand, not on the heap.
    in_frame: bool,
}

impl Hook {
    /// A hook for [`push_in_frame`].
    pub fn in_frame(function: extern "C" fn(*mut c_void), data: *mut c_void) -> Hook {
        Hook { function: Some(function), data, below: Cell::new(core::ptr::null_mut()), in_frame: true }
    }
}

/// Registers a hook of the running strand.
pub fn push(body: &Body, function: extern "C" fn(*mut c_void), data: *mut c_void) -> Outcome<()> {
    let hook = allocate::<Hook>();
    if hook.is_null() {
        return Err(Status::NO_MEMORY);
    }
    // SAFETY: just allocated, owned by this strand.
    unsafe { hook.write(Hook { function: Some(function), data, below: Cell::new(body.hooks.get()), in_frame: false }) };
    body.hooks.set(hook);
    Ok(())
}

/// Registers a hook that lies in a frame of the running strand. It runs if the strand ends inside that frame.
///
/// # Safety
/// The frame calls [`remove`] before it returns; it is not unwound.
pub unsafe fn push_in_frame(body: &Body, hook: &Hook) {
    hook.below.set(body.hooks.get());
    body.hooks.set((hook as *const Hook).cast_mut());
}

/// Takes a hook out that [`push_in_frame`] registered. Those that were registered after it stay.
pub fn remove(body: &Body, hook: &Hook) {
    let mut place = &body.hooks;
    while !core::ptr::eq(place.get(), hook) {
        // SAFETY: the hook is in the list, so those before it are; all of them are alive.
        place = unsafe { &(*place.get()).below };
    }
    place.set(hook.below.get());
}

/// Shows what the hooks of a strand will get to a collector.
pub fn visit(body: &Body, owner: u64, visit: Visit<'_>) {
    let mut hook = body.hooks.get();
    // SAFETY: on the list of a strand that does not run.
    while let Some(here) = unsafe { hook.as_ref() } {
        visit(Root::word(Kind::ExitData, &raw const here.data, owner));
        hook = here.below.get();
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
        let Hook { function, data, below, in_frame } = unsafe { hook.read() };
        body.hooks.set(below.get());
        if !in_frame {
            // SAFETY: taken off the list; not used again.
            unsafe { release(hook) };
        }
        if let Some(function) = function {
            function(data);
        }
    }
}
