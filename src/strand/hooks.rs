// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hooks that a language plugs in. Unset, they cost one predictable branch per switch.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering};

/// Writes a copy of a message that is about to be sent.
pub type TransferHook = unsafe extern "C" fn(copy: *mut c_void, element: *const c_void, size: usize, data: *mut c_void);
/// Drops a message that nobody received.
pub type DropHook = unsafe extern "C" fn(element: *mut c_void, size: usize, data: *mut c_void);
/// Told of a switch.
pub type SwitchHook = unsafe extern "C" fn(local: *mut c_void, data: *mut c_void);
/// Told of the end of an entry function.
pub type ExitHook = unsafe extern "C" fn(local: *mut c_void, result: *mut c_void, data: *mut c_void);
/// Told of a failure that ends the process.
pub type FatalHook = unsafe extern "C" fn(message: *const u8, length: usize, data: *mut c_void);

/// The hooks and the pointer that each of them gets.
#[derive(Clone, Copy)]
pub struct LanguageHooks {
    /// Passed to every hook.
    pub data: *mut c_void,
    /// Copies a message, on the sender's side.
    pub message_transfer: Option<TransferHook>,
    /// Drops a message.
    pub message_drop: Option<DropHook>,
    /// A strand is switched in; on the worker's stack.
    pub strand_resume: Option<SwitchHook>,
    /// A strand was switched out; on the worker's stack.
    pub strand_suspend: Option<SwitchHook>,
    /// An entry function has returned; on the strand's stack.
    pub strand_exit: Option<ExitHook>,
    /// The process is about to end.
    pub fatal: Option<FatalHook>,
}

impl Default for LanguageHooks {
    fn default() -> Self {
        NONE
    }
}

/// No hooks.
pub const NONE: LanguageHooks = LanguageHooks {
    data: core::ptr::null_mut(),
    message_transfer: None,
    message_drop: None,
    strand_resume: None,
    strand_suspend: None,
    strand_exit: None,
    fatal: None,
};

impl PartialEq for LanguageHooks {
    fn eq(&self, other: &Self) -> bool {
        let numbers = |hooks: &LanguageHooks| {
            [
                hooks.data as usize,
                hooks.message_transfer.map_or(0, |f| f as usize),
                hooks.message_drop.map_or(0, |f| f as usize),
                hooks.strand_resume.map_or(0, |f| f as usize),
                hooks.strand_suspend.map_or(0, |f| f as usize),
                hooks.strand_exit.map_or(0, |f| f as usize),
                hooks.fatal.map_or(0, |f| f as usize),
            ]
        };
        numbers(self) == numbers(other)
    }
}

struct Installed(UnsafeCell<LanguageHooks>);

// SAFETY: written only by `install`, while no strand and no other thread of the runtime exists.
unsafe impl Sync for Installed {}

static INSTALLED: Installed = Installed(UnsafeCell::new(NONE));
static SWITCHES: AtomicBool = AtomicBool::new(false);

/// Installs the hooks of a runtime that is being initialised (or removes those of one that ended).
///
/// `always` asks for a report of each switch even without hooks for it.
///
/// # Safety
/// No strand and no thread of the runtime exists.
pub unsafe fn install(hooks: LanguageHooks, always: bool) {
    // SAFETY: nobody reads meanwhile (contract).
    unsafe { *INSTALLED.0.get() = hooks };
    SWITCHES.store(always || hooks.strand_resume.is_some() || hooks.strand_suspend.is_some(), Ordering::Release);
}

/// The hooks.
#[inline]
pub fn get() -> &'static LanguageHooks {
    // SAFETY: not written while a runtime is initialised.
    unsafe { &*INSTALLED.0.get() }
}

/// Whether switches are reported.
#[inline(always)]
pub fn on_switch() -> bool {
    SWITCHES.load(Ordering::Relaxed)
}
