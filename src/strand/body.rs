// SPDX-License-Identifier: MIT OR Apache-2.0
//! The second part of a strand's control block: on its own stack, just below the coloured top.
//!
//! ```text
//! line 0   context, worker, head                  touched by every switch
//! line 1   errno, floating-point modes, belongings
//! line 2+  the waiter
//! ```
//! It shares a page with the first frames, so a parked strand costs one page and one line (the head).

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::context::Context;
use super::exceptions::Handled;
use super::extras::Extras;
use super::floating::Modes;
use super::head::{self, Head};
use super::locals::LocalArray;
use super::message::Message;
use super::on_exit::Hook;
use super::waiter::Waiter;

/// See the module documentation.
#[repr(C, align(64))]
pub struct Body {
    /// The suspended context; valid while `alive` is not 0.
    pub context: Context,
    /// The worker that resumed the strand last, as an opaque address.
    pub worker: AtomicUsize,
    /// The first part.
    pub head: Cell<*const Head>,
    /// Body of the strand that this one woke last, or 0; see `partner`.
    pub partner: AtomicUsize,
    /// 1 when `context` holds one; 0 in a stack whose pages were given back.
    pub alive: AtomicU32,
    /// errno of the strand while it is suspended.
    pub errno: Cell<i32>,
    /// Floating-point modes of the strand while it is suspended.
    pub modes: Cell<Modes>,
    /// The strand as an owner of locks: its handle without the kind.
    pub owner: Cell<u64>,
    /// Entry function.
    pub entry: Cell<usize>,
    /// Depth of shields: above 0, cancellation is not delivered. It begins to be above 0 under the head's lock.
    pub shield: AtomicU32,
    /// The fault ended the frames without unwinding them.
    pub frames_dropped: Cell<bool>,
    /// The record of the coroutine that carries the strand, under the may engine.
    #[cfg(feature = "may")]
    pub carrier: AtomicUsize,
    /// Index of the head whose park word the strand borrows, or `u32::MAX`.
    pub lent: Cell<u32>,
    /// Code of the fault that ended the strand, or 0.
    pub fault: Cell<i32>,
    /// Status of the last failed call, for messages that are made when asked for.
    pub last_status: Cell<i32>,
    /// The message was made by the call that is failing now.
    pub message_is_new: Cell<bool>,
    /// Options of the spawn that need storage, or null.
    pub extras: Cell<*mut Extras>,
    /// Strand locals, or null.
    pub locals: Cell<*mut LocalArray>,
    /// On-exit hooks, newest first.
    pub hooks: Cell<*mut Hook>,
    /// Message of the last failed call, or null.
    pub message: Cell<*mut Message>,
    /// Why the strand was cancelled, if it was and has no extras to keep that.
    pub reason: AtomicU64,
    /// Handle of the innermost scope that the strand has open, or 0. It changes under the head's lock.
    pub scopes: AtomicU64,
    /// Address of the task that the strand runs, or 0.
    pub task: Cell<usize>,
    /// Handle of the generator whose strand this is, while its entry function runs; else 0.
    pub generator: Cell<u64>,
    /// Calls of the strand's that have to be undone if it fails inside a function of the program that they call.
    pub undo: Cell<*const Undo>,

    /// C++ exceptions that are being handled, while the strand is suspended; those of the worker while it runs.
    pub handled: Cell<Handled>,

    /// What wakers see; on a line of its own.
    pub waiter: Waiter,
}

/// What must be undone of a call whose frames are dropped; lies in them.
pub struct Undo {
    /// What to do with `data`.
    pub act: unsafe fn(*const ()),
    /// See `act`.
    pub data: *const (),
    /// The call around this one.
    pub outer: *const Undo,
}

/// The bits of a handle that tell strands apart.
pub const OWNER_BITS: u64 = (1 << 57) - 1;

/// Bytes that a body takes.
pub const SIZE: usize = size_of::<Body>();
const _: () = assert!(cfg!(loom) || SIZE <= 384 && SIZE.is_multiple_of(64));

impl Body {
    /// Makes the body ready for a new strand. `context` and `alive` stay: the context of a warm stack is used again.
    pub fn prepare(&self, head: &Head) {
        self.head.set(head);
        self.owner.set(head::handle_of(head) & OWNER_BITS);
        self.partner.store(0, Ordering::Relaxed);
        self.entry.set(head.entry.load(Ordering::Relaxed));
        self.errno.set(0);
        self.modes.set(Modes::DEFAULT);
        self.shield.store(0, Ordering::Relaxed);
        self.frames_dropped.set(false);
        self.lent.set(u32::MAX);
        self.fault.set(0);
        self.last_status.set(0);
        self.message_is_new.set(false);
        self.handled.set([0; 2]);
        self.extras.set(core::ptr::null_mut());
        self.locals.set(core::ptr::null_mut());
        self.hooks.set(core::ptr::null_mut());
        self.message.set(core::ptr::null_mut());
        self.reason.store(0, Ordering::Relaxed);
        self.scopes.store(0, Ordering::Relaxed);
        self.task.set(0);
        self.generator.set(0);
        self.undo.set(core::ptr::null());
        self.waiter.claim.close();
        self.waiter.bind(head);
    }

    /// The body that a strand's waiter lies in.
    #[inline(always)]
    pub fn of_waiter(waiter: &Waiter) -> *const Body {
        (waiter as *const Waiter).wrapping_byte_sub(core::mem::offset_of!(Body, waiter)).cast()
    }

    /// The first part.
    #[inline(always)]
    pub fn head(&self) -> &'static Head {
        // SAFETY: set by `prepare` before the strand runs; heads stay mapped while the runtime is initialised.
        unsafe { &*self.head.get() }
    }

    /// Whether cancellation is not delivered now.
    #[inline]
    pub fn is_shielded(&self) -> bool {
        self.shield.load(Ordering::Relaxed) != 0
    }

    /// Whether a context is suspended here.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed) != 0
    }
}
