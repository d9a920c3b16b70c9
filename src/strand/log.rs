// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the library has to say when nobody has asked: to the log callback, and to nowhere without one.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::fmt::{self, Write};

use super::message::Text;

/// A strand failed, or could not start.
pub const ERROR: u32 = 1;
/// Something works less well than it could.
pub const WARNING: u32 = 2;

/// Receives a message of `length` bytes, which is also terminated.
pub type LogFunction = extern "C" fn(level: u32, message: *const c_char, length: usize, data: *mut c_void);

struct Installed(UnsafeCell<Option<(LogFunction, *mut c_void)>>);

// SAFETY: written only by `install`, while no strand and no other thread of the runtime exists.
unsafe impl Sync for Installed {}

static INSTALLED: Installed = Installed(UnsafeCell::new(None));

/// Installs the callback of a runtime that is being initialised, or removes that of one that ended.
///
/// # Safety
/// No strand and no thread of the runtime exists.
pub unsafe fn install(log: Option<(LogFunction, *mut c_void)>) {
    // SAFETY: nobody reads meanwhile (contract).
    unsafe { *INSTALLED.0.get() = log };
}

/// Says something. No lock is held.
#[cold]
pub fn write(level: u32, message: fmt::Arguments<'_>) {
    // SAFETY: not written while a runtime is up.
    let Some((log, data)) = (unsafe { *INSTALLED.0.get() }) else { return };
    let mut text = Text::<512>::new();
    let _ = text.write_fmt(message);
    let length = text.as_bytes().len().min(511);
    let mut bytes = [0u8; 512];
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    log(level, bytes.as_ptr().cast(), length, data);
}
