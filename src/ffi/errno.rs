// SPDX-License-Identifier: MIT OR Apache-2.0
//! errno
//!
//! Every strand has its own errno: it is saved at each switch and restored where the strand goes
//! on. But compilers compute the address of errno once and keep it, and after a switch that can
//! be another thread's. So this header redefines errno as a call that they may not cache. With
//! STRAND_NO_ERRNO defined before the include it leaves errno alone: such code is right only
//! under STRAND_MIGRATE_NEW_ONLY or _NEVER, or when it does not read errno after a call that
//! switched.

use crate::runtime::strands;
use core::ffi::c_int;

/// Where errno is now: on a strand and off. The address is good until the next call that may
/// switch.
///
/// @return the address, never NULL
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe yes
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_errno_location() -> *mut c_int {
    strands::errno_location()
}
