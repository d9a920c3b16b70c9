// SPDX-License-Identifier: MIT OR Apache-2.0
//! What takes long or blocks is done by a thread that may: one of the offload pool for a strand, the caller itself
//! otherwise.

use core::ffi::c_void;

use crate::base::quiet::Quiet;
use crate::base::status::{Outcome, Status};
use crate::io::offload;
use crate::wait::block::FOREVER;

struct Errand<F, T> {
    act: Option<F>,
    result: Option<T>,
}

/// Has `act` called, and waits for it. CANCELLED, LIMIT, NO_MEMORY: it was not called.
pub fn elsewhere<T: Send, F: FnOnce() -> T + Send>(act: F) -> Outcome<T> {
    let mut errand = Errand { act: Some(act), result: None };
    // SAFETY: the errand stays in this frame until the call has returned.
    unsafe { offload::offload(run::<F, T>, (&raw mut errand).cast(), FOREVER, None) }?;
    errand.result.ok_or(Status::PANIC)
}

unsafe extern "C-unwind" fn run<F: FnOnce() -> T, T>(errand: *mut c_void) -> *mut c_void {
    // SAFETY: the errand of the one who waits for this call.
    let errand = unsafe { &mut *errand.cast::<Errand<F, T>>() };
    let _quiet = Quiet::begin();
    errand.result = errand.act.take().map(|act| act());
    core::ptr::null_mut()
}
