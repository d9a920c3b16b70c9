// SPDX-License-Identifier: MIT OR Apache-2.0
//! Return addresses of the running strand, from its unwind tables, outermost last. Nothing is unwound.
//!
//! The tables are read by the C runtime's own unwinder, which every program with Rust's standard library has. It stops
//! at the first frame that has none; a frame that does not lie on the strand's stack ends the walk too.

use core::ffi::{c_int, c_void};

/// Addresses that are kept.
pub const ADDRESSES_MAX: usize = 32;

/// `_URC_NO_REASON`: go on with the frame outside of this one.
const GO_ON: c_int = 0;
/// `_URC_END_OF_STACK`.
const ENOUGH: c_int = 5;

#[cfg(not(loom))]
unsafe extern "C-unwind" {
    fn _Unwind_Backtrace(
        visit: unsafe extern "C-unwind" fn(*mut c_void, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
    fn _Unwind_GetCFA(frame: *mut c_void) -> usize;
}

/// Addresses in code, the innermost first.
pub struct Backtrace {
    addresses: [usize; ADDRESSES_MAX],
    count: usize,
    /// Frames are kept while their stack lies above the first and below the second.
    within: (usize, usize),
}

impl Backtrace {
    /// None.
    pub const fn none() -> Backtrace {
        Backtrace { addresses: [0; ADDRESSES_MAX], count: 0, within: (0, 0) }
    }

    /// The frames that called the one in which `here` lies, up to the stack's end at `top`.
    #[cold]
    #[inline(never)]
    #[cfg(not(loom))]
    pub fn above(here: usize, top: usize) -> Backtrace {
        let mut trace = Backtrace { within: (here, top), ..Backtrace::none() };
        // SAFETY: the visitor gets this very trace; the walk reads tables and the stack of the running strand.
        unsafe { _Unwind_Backtrace(visit, (&raw mut trace).cast()) };
        trace
    }

    /// A model has no stacks to walk.
    #[cfg(loom)]
    pub fn above(_: usize, _: usize) -> Backtrace {
        Backtrace::none()
    }

    /// What was found.
    pub fn addresses(&self) -> &[usize] {
        &self.addresses[..self.count]
    }
}

#[cfg(not(loom))]
unsafe extern "C-unwind" fn visit(frame: *mut c_void, trace: *mut c_void) -> c_int {
    // SAFETY: the trace that `above` passed; the frame is the unwinder's.
    let (trace, address, stack) =
        unsafe { (&mut *trace.cast::<Backtrace>(), _Unwind_GetIP(frame), _Unwind_GetCFA(frame)) };
    let (above, below) = trace.within;
    if stack >= below || address == 0 || trace.count == ADDRESSES_MAX {
        return ENOUGH;
    }
    if stack > above {
        trace.addresses[trace.count] = address;
        trace.count += 1;
    }
    GO_ON
}
