// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options of a spawn that need storage: name, copied argument, drop function, the language's local pointer.
//!
//! ```text
//! one allocation:  | Extras | copied argument (16-byte aligned) | name |
//! ```
//! A plain spawn has none and allocates nothing.

use core::alloc::Layout;
use core::cell::Cell;
use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, Ordering};

use super::body::Body;
use super::head::{FLAG_EXTRAS, FLAG_STARTED, Head};
use super::locals::{self, LocalArray};
use super::root::{Kind, Root, Visit};
use crate::base::failing;
use crate::base::status::{Outcome, Status};

/// See the module documentation.
#[repr(C, align(16))]
pub struct Extras {
    /// The argument of the entry function.
    pub arg: *mut c_void,
    /// Runs when the strand ends without ever having run its entry function.
    pub arg_drop: Option<unsafe extern "C" fn(*mut c_void)>,
    /// The pointer that language hooks get.
    pub local: *mut c_void,
    /// Locals inherited from the spawner, until the first run.
    pub locals: *mut LocalArray,
    /// Why the strand was cancelled, if it was.
    pub reason: AtomicU64,
    /// Its place among those that a cancel token reaches.
    pub member: Member,
    argument_bytes: usize,
    name_length: usize,
}

/// A place in the list of a cancel token. All-zero memory is one in no list.
pub struct Member {
    /// The token, as an opaque address; null for a strand that has none. Written before the strand is published.
    pub token: Cell<*const c_void>,
    /// The next in the list. Under the token's lock, as the next two.
    pub next: Cell<*const Member>,
    /// The one before.
    pub back: Cell<*const Member>,
    /// The strand, which is alive while its generation is `generation`.
    pub strand: Cell<*const Head>,
    /// Of the strand.
    pub generation: Cell<u64>,
    /// The token's scope counts the strand. Written with `token`, as the next.
    pub counted: Cell<bool>,
    /// It runs a task.
    pub is_task: Cell<bool>,
    /// Its scope knows that it has ended, and counts it still. Of whoever ends it.
    pub told: Cell<bool>,
}

impl Extras {
    /// Allocates extras with room for a copied argument and a name, and copies both.
    ///
    /// # Safety
    /// `arg` points to `argument_bytes` readable bytes when that is not 0.
    pub unsafe fn new(arg: *mut c_void, argument_bytes: usize, name: &[u8]) -> Outcome<*mut Extras> {
        let layout = Self::layout(argument_bytes, name.len()).ok_or(Status::NO_MEMORY)?;
        if failing::now() {
            return Err(Status::NO_MEMORY);
        }
        // SAFETY: the size is not 0.
        let extras: *mut Extras = unsafe { std::alloc::alloc_zeroed(layout) }.cast();
        if extras.is_null() {
            return Err(Status::NO_MEMORY);
        }
        // SAFETY: the allocation holds the struct, the argument and the name, in this order.
        unsafe {
            (*extras).argument_bytes = argument_bytes;
            (*extras).name_length = name.len();
            (*extras).arg = arg;
            if argument_bytes > 0 {
                let copy = extras.add(1).cast::<u8>();
                core::ptr::copy_nonoverlapping(arg.cast::<u8>(), copy, argument_bytes);
                (*extras).arg = copy.cast();
            }
            core::ptr::copy_nonoverlapping(name.as_ptr(), Self::name_start(extras), name.len());
        }
        Ok(extras)
    }

    fn layout(argument_bytes: usize, name_length: usize) -> Option<Layout> {
        let size = size_of::<Extras>().checked_add(argument_bytes)?.checked_add(name_length)?;
        Layout::from_size_align(size, 16).ok()
    }

    /// # Safety
    /// `extras` came from [`Extras::new`] and lives.
    unsafe fn name_start(extras: *mut Extras) -> *mut u8 {
        // SAFETY: the name follows the argument in the same allocation.
        unsafe { extras.add(1).cast::<u8>().add((*extras).argument_bytes) }
    }

    /// The name; empty when none was given.
    pub fn name(&self) -> &[u8] {
        // SAFETY: the bytes follow the argument in the allocation that holds `self`.
        unsafe {
            let start = (self as *const Extras).add(1).cast::<u8>().add(self.argument_bytes);
            core::slice::from_raw_parts(start, self.name_length)
        }
    }

    /// What a collector finds here. `started`: the argument itself has been handed to the entry function.
    pub fn visit(&self, owner: u64, started: bool, visit: Visit<'_>) {
        if self.argument_bytes > 0 {
            let address = self.arg.cast();
            visit(Root { kind: Kind::ArgumentCopy, address, bytes: self.argument_bytes, owner });
        } else if !started {
            visit(Root::word(Kind::Argument, &raw const self.arg, owner));
        }
        if !self.local.is_null() {
            visit(Root::word(Kind::Language, &raw const self.local, owner));
        }
        locals::visit(self.locals, owner, visit);
    }

    /// Frees them.
    ///
    /// # Safety
    /// `extras` came from [`Extras::new`] and is not used again; null is nothing.
    pub unsafe fn free(extras: *mut Extras) {
        if extras.is_null() {
            return;
        }
        // SAFETY: alive by contract; the layout is the one it was allocated with.
        unsafe {
            if let Some(layout) = Self::layout((*extras).argument_bytes, (*extras).name_length) {
                std::alloc::dealloc(extras.cast(), layout);
            }
        }
    }
}

/// The extras of a strand that the caller holds or has locked: in the body once it has started, in the payload before.
pub fn of<'a>(head: &Head, body: Option<&Body>) -> Option<&'a Extras> {
    let extras = match body {
        Some(body) if head.has(FLAG_STARTED) => body.extras.get(),
        _ if head.has(FLAG_EXTRAS) && !head.has(FLAG_STARTED) => {
            // Acquire: a strand that starts meanwhile leaves its payload to other uses, after it has said so.
            let extras = head.payload.load(Ordering::Acquire) as *mut Extras;
            if head.has(FLAG_STARTED) { head.body().extras.get() } else { extras }
        }
        _ => return None,
    };
    // SAFETY: the extras live as long as the strand, which the caller's hold or lock keeps alive.
    (!extras.is_null()).then(|| unsafe { &*extras })
}
