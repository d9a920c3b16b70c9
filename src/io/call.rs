// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call that a thread of the pool makes for a strand.
//!
//! ```text
//! NEW ◄─publish──► QUEUED ──a thread takes it──► RUNNING ──it returns──► DONE
//!   (back where the last thread could not be started)
//!                    │                              │
//!                 withdraw                       give up (only a call that may be given up)
//!                    ▼                              ▼
//!                WITHDRAWN                      ABANDONED ──it returns──► freed by the thread
//! ```
//! Every edge is one under the pool's lock, so exactly one of "a thread takes it" and "withdraw" happens, and exactly
//! one of "it returns" and "give up" comes first: that one leaves the record to the other. A record lies in the frame
//! of its strand, which stays until DONE or WITHDRAWN; only one that may be given up lies on the heap.

use core::cell::Cell;
use core::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::base::sys;
use crate::engine::outside::Away;
use crate::strand::fault;
use crate::strand::floating::Modes;
use crate::strand::root::{Kind, Root, Visit};
use crate::strand::waiter::Waiter;

/// A function that may block.
pub type Function = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;
/// Drops an argument or a result.
pub type DropFunction = unsafe extern "C" fn(*mut c_void);

/// Where a call is. See the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Nobody but its strand knows it.
    New,
    /// In the queue.
    Queued,
    /// Taken out of the queue by its strand: it never runs.
    Withdrawn,
    /// On a thread.
    Running,
    /// It has returned.
    Done,
    /// Its strand does not wait for it any more.
    Abandoned,
}

impl Stage {
    /// The legal edges, in one place; asserted at every change.
    const fn may_become(self, next: Stage) -> bool {
        use Stage::*;
        matches!(
            (self, next),
            (New, Queued) | (Queued, Withdrawn | Running | New) | (Running, Done | Abandoned) | (Abandoned, Done)
        )
    }
}

/// What came of a call: its result (`None`: it panicked), and the errno and modes that it left.
pub struct Made {
    result: Option<*mut c_void>,
    errno: i32,
    modes: Modes,
}

/// See the module documentation. Under the pool's lock, but what only the one who makes the call touches while it runs.
pub struct Call {
    stage: Cell<Stage>,
    /// Who waits for it, while somebody does.
    pub waiter: Cell<*const Waiter>,
    /// Next in the queue, and the one before.
    pub next: Cell<*const Call>,
    /// See `next`.
    pub back: Cell<*const Call>,
    /// Next among those that a strand has not taken yet, and the one before.
    pub peers: (Cell<*const Call>, Cell<*const Call>),
    /// Bytes of a copied argument.
    pub argument_bytes: usize,
    /// The strand.
    pub owner: Cell<u64>,
    /// Its number, from 1, in the order of the queue.
    pub number: Cell<u64>,
    function: Function,
    argument: Cell<*mut c_void>,
    // Written by the thread that makes the call, before DONE.
    result: Cell<*mut c_void>,
    errno: Cell<i32>,
    modes: Cell<Modes>,
    panicked: Cell<bool>,
    /// Drops the result of a call that was given up.
    pub result_drop: Option<DropFunction>,
    /// The world outside is busy with it until this is dropped.
    pub away: Cell<Option<Away>>,
}

impl Call {
    /// A call on behalf of the calling strand: it finds the errno and the floating-point modes of that one.
    pub fn new(function: Function, argument: *mut c_void) -> Call {
        Call {
            stage: Cell::new(Stage::New),
            waiter: Cell::new(core::ptr::null()),
            next: Cell::new(core::ptr::null()),
            back: Cell::new(core::ptr::null()),
            peers: (Cell::new(core::ptr::null()), Cell::new(core::ptr::null())),
            argument_bytes: 0,
            owner: Cell::new(0),
            number: Cell::new(0),
            function,
            argument: Cell::new(argument),
            result: Cell::new(core::ptr::null_mut()),
            errno: Cell::new(sys::errno()),
            modes: Cell::new(Modes::read()),
            panicked: Cell::new(false),
            result_drop: None,
            away: Cell::new(None),
        }
    }

    /// Where it is. Under the pool's lock, or by its strand when nobody else knows it (any more).
    pub fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Under the pool's lock.
    pub fn set_stage(&self, next: Stage) {
        debug_assert!(self.stage.get().may_become(next), "{:?} -> {next:?}", self.stage.get());
        self.stage.set(next);
    }

    /// What the function is called with.
    pub fn argument(&self) -> *mut c_void {
        self.argument.get()
    }

    /// Says what the function is called with. The call is new.
    pub fn set_argument(&self, argument: *mut c_void) {
        self.argument.set(argument);
    }

    /// Makes the call, on the calling thread, with the strand's errno and floating-point modes. What came of it is kept
    /// by [`Self::keep`]; until then nothing in the record changes.
    pub fn make(&self) -> Made {
        let own = Modes::read();
        sys::set_errno(self.errno.get());
        self.modes.get().load();
        let (function, argument) = (self.function, self.argument.get());
        let result = catch_unwind(AssertUnwindSafe(|| {
            let guard = Foreign;
            // SAFETY: the function and its argument are the program's own.
            let result = unsafe { function(argument) };
            core::mem::forget(guard);
            result
        }));
        let (errno, modes) = (sys::errno(), Modes::read());
        own.load();
        // Dropping a payload may panic in turn; it is a few bytes.
        let result = result.map_err(core::mem::forget).ok();
        Made { result, errno, modes }
    }

    /// Keeps what came of the call. By the thread that made it, before DONE.
    pub fn keep(&self, made: Made) {
        self.errno.set(made.errno);
        self.modes.set(made.modes);
        self.panicked.set(made.result.is_none());
        self.result.set(made.result.unwrap_or(core::ptr::null_mut()));
    }

    /// Takes what the call left: its errno and its modes become those of the calling strand. `None`: it panicked.
    pub fn take(&self) -> Option<*mut c_void> {
        debug_assert_eq!(self.stage.get(), Stage::Done);
        self.modes.get().load();
        sys::set_errno(self.errno.get());
        (!self.panicked.get()).then(|| self.result.get())
    }

    /// What a collector finds here.
    pub fn visit(&self, visit: Visit<'_>) {
        let owner = self.owner.get();
        let kind = match self.stage.get() {
            Stage::Queued => Kind::CallArgument,
            Stage::Running | Stage::Abandoned => Kind::CallRunning,
            Stage::Done => return visit(Root::word(Kind::CallResult, self.result.as_ptr(), owner)),
            Stage::New | Stage::Withdrawn => return,
        };
        if self.argument_bytes > 0 {
            visit(Root { kind, address: self.argument.get().cast(), bytes: self.argument_bytes, owner });
        } else {
            visit(Root::word(kind, self.argument.as_ptr(), owner));
        }
    }

    /// Drops the result of a call that was given up and has returned.
    pub fn drop_result(&self) {
        if let Some(drop) = self.result_drop
            && !self.panicked.get()
        {
            // SAFETY: the result goes to its drop function once, since nobody takes it.
            unsafe { drop(self.result.get()) };
        }
    }
}

/// Notices an exception that is not a Rust panic while it leaves the function: the process ends, and says why.
struct Foreign;

impl Drop for Foreign {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            fault::die(format_args!(
                "libstrand: a foreign exception left a function given to strand_offload; exceptions must be caught inside it"
            ));
        }
    }
}
