// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strand locals
//!
//! A pointer per strand and key: what a thread-local variable is to a thread. Code on a strand
//! must not keep the address of a thread-local across a call that may switch, because the strand
//! may go on in another thread; a strand local goes with it.

use super::status::strand_status;
use super::{check, guard};
use crate::runtime::strands;
use crate::strand::locals::FLAG_INHERIT;
use core::ffi::c_void;

/// Makes a key, which is good until shutdown. Each strand's value under it starts as NULL. There
/// are 256 keys and none is given back before shutdown: make them once, at start. A key is never 0.
///
/// @param drop   called with a strand's value when the strand ends and the value is not NULL, on
///               the strand's own stack, after its on-exit functions; may be NULL
/// @param flags  0
/// @param key    the key
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: key is NULL, or flags is not 0;
///         STRAND_ERR_LIMIT: no key is left;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_local_new(
    drop: Option<extern "C" fn(value: *mut c_void)>,
    flags: u32,
    key: *mut u32,
) -> strand_status {
    guard(|| {
        check::pointer(key, "strand_local_new", "key")?;
        check::flags(flags, 0, "strand_local_new")?;
        // Which strands inherit is said where they are spawned, not by the key.
        let made = strands::local_new(drop, FLAG_INHERIT)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { key.write(made) };
        Ok(())
    })
}

/// Sets the calling strand's value. The old one is not dropped.
///
/// @param key    from strand_local_new()
/// @param value  any pointer
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: there is no such key;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
///
/// @context strand
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_local_set(key: u32, value: *mut c_void) -> strand_status {
    guard(|| strands::local_set(key, value))
}

/// The calling strand's value.
///
/// @param key  from strand_local_new()
/// @return the value; NULL when none was set, off-strand, and for a key that does not exist
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_local_get(key: u32) -> *mut c_void {
    strands::local_get(key)
}
