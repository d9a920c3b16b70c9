// SPDX-License-Identifier: MIT OR Apache-2.0
//! Channels
//!
//! A channel carries elements of one size from senders to receivers, which may be strands or
//! threads. An element is bytes that are copied; one machine word is the fastest. With capacity 0
//! a send waits for its receiver; with STRAND_UNBOUNDED it never waits. A channel is counted:
//! strand_chan_new() gives one reference, waiting takes none.

use super::sized::{self, Sized32};
use super::status::strand_status;
use super::time::STRAND_NO_WAIT;
use super::{check, guard};
use crate::base::status::Outcome;
use crate::sync::channel::{self, ChannelOptions};
use core::ffi::{c_char, c_void};
use core::ptr;

const SIZE_MAX: usize = usize::MAX;

/// The capacity of a channel that takes any number of elements.
pub const STRAND_UNBOUNDED: usize = SIZE_MAX;

/// Names a channel; below 2^62 and never used again. 0 is no channel.
pub type strand_chan = u64;

/// How a channel is made: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_chan_options {
    /// sizeof(strand_chan_options)
    pub size: u32,
    /// 0
    pub flags: u32,
    /// Bytes of an element; 0 for a channel that carries nothing but the fact.
    pub element_size: usize,
    /// Elements that fit before a sender waits; 0: each send meets its receiver;
    /// STRAND_UNBOUNDED.
    pub capacity: usize,
    /// Name for dumps and messages, of name_length bytes. Copied, and cut where it is long.
    pub name: *const c_char,
    /// Bytes at name.
    pub name_length: usize,
    /// As message_transfer in strand_language_hooks, for this channel.
    pub transfer:
        Option<unsafe extern "C" fn(copy: *mut c_void, element: *const c_void, element_size: usize, data: *mut c_void)>,
    /// As message_drop in strand_language_hooks, for this channel. A channel with either function
    /// of its own uses neither of the language's.
    pub drop: Option<unsafe extern "C" fn(element: *mut c_void, element_size: usize, data: *mut c_void)>,
    /// Handed to both as their last argument.
    pub data: *mut c_void,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null, None or 0 in every
// field.
unsafe impl Sized32 for strand_chan_options {
    const NAME: &'static str = "strand_chan_options";
}

/// Makes a channel.
///
/// @param element_size  bytes of an element
/// @param capacity      elements that fit before a sender waits; 0: each send meets its receiver;
///                      STRAND_UNBOUNDED
/// @param out           the channel; the caller holds the one reference
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL;
///         STRAND_ERR_LIMIT: an element of more than 2^30 bytes, more room than can be addressed, or
///         as many channels as a handle allows;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_chan_new(element_size: usize, capacity: usize, out: *mut strand_chan) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_chan_new", "out")?;
        let plain =
            ChannelOptions { element_size, capacity, name: &[], transfer: None, drop: None, data: ptr::null_mut() };
        let made = channel::create(&plain)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made) };
        Ok(())
    })
}

/// Makes a channel with options.
///
/// @param options  copied, with the name
/// @param out      the channel; the caller holds the one reference
/// @return as strand_chan_new();
///         STRAND_ERR_INVALID: options or out is NULL, or an option has no such value
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_chan_new_with(
    options: *const strand_chan_options,
    out: *mut strand_chan,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_chan_new_with", "out")?;
        // SAFETY: a struct as its size says, by the caller's promise.
        let options = unsafe { sized::read(options, "strand_chan_new_with") }?;
        // SAFETY: the name is readable while this call lasts, by the caller's promise.
        let made = channel::create(&unsafe { convert(&options) }?)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made) };
        Ok(())
    })
}

/// Sends one element: copies it into the channel or to a receiver that waits. On any status but
/// STRAND_OK nothing was sent.
///
/// @param chan      the channel
/// @param element   element_size bytes; may be NULL when that is 0
/// @param deadline  see strand_after()
/// @return STRAND_OK;
///         STRAND_ERR_CLOSED: the channel is closed, or was closed meanwhile;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it was full;
///         STRAND_ERR_NO_MEMORY: an unbounded channel cannot grow;
///         STRAND_ERR_STALE: the channel is gone;
///         STRAND_ERR_INVALID: chan names no channel and never did, element is NULL, or the
///         deadline is below -1;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
///         meanwhile;
///         STRAND_ERR_WOULD_SWITCH: in a callback, and the deadline is not STRAND_NO_WAIT;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_chan_send(chan: strand_chan, element: *const c_void, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_chan_send")?;
        // SAFETY: element_size readable bytes until this returns, by the caller's promise.
        unsafe { channel::send(chan, element.cast(), deadline) }
    })
}

/// Receives one element. Elements come in the order in which they were sent. After a close the
/// rest is delivered, then it is STRAND_ERR_CLOSED.
///
/// @param chan      the channel
/// @param element   room for element_size bytes, written on STRAND_OK only; may be NULL when that
///                  is 0
/// @param deadline  see strand_after()
/// @return STRAND_OK;
///         STRAND_ERR_CLOSED: the channel is closed and empty;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it was empty;
///         STRAND_ERR_STALE: the channel is gone;
///         STRAND_ERR_INVALID: chan names no channel and never did, element is NULL, or the
///         deadline is below -1;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
///         meanwhile;
///         STRAND_ERR_WOULD_SWITCH: in a callback, and the deadline is not STRAND_NO_WAIT;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_chan_recv(chan: strand_chan, element: *mut c_void, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_chan_recv")?;
        // SAFETY: element_size writable bytes until this returns, by the caller's promise.
        unsafe { channel::receive(chan, element.cast(), deadline) }
    })
}

/// strand_chan_send() with STRAND_NO_WAIT.
///
/// @param chan     the channel
/// @param element  element_size bytes; may be NULL when that is 0
/// @return as strand_chan_send(); STRAND_ERR_WOULD_BLOCK: it was full
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_chan_try_send(chan: strand_chan, element: *const c_void) -> strand_status {
    // SAFETY: as strand_chan_send.
    guard(|| unsafe { channel::send(chan, element.cast(), STRAND_NO_WAIT) })
}

/// strand_chan_recv() with STRAND_NO_WAIT.
///
/// @param chan     the channel
/// @param element  room for element_size bytes, written on STRAND_OK only; may be NULL when that
///                 is 0
/// @return as strand_chan_recv(); STRAND_ERR_WOULD_BLOCK: it was empty
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_chan_try_recv(chan: strand_chan, element: *mut c_void) -> strand_status {
    // SAFETY: as strand_chan_recv.
    guard(|| unsafe { channel::receive(chan, element.cast(), STRAND_NO_WAIT) })
}

/// How many elements the channel holds at the moment. Elements of waiting senders do not count.
///
/// @param chan  the channel
/// @param out   the number
/// @return STRAND_OK;
///         STRAND_ERR_STALE: the channel is gone;
///         STRAND_ERR_INVALID: chan names no channel and never did, or out is NULL;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_chan_length(chan: strand_chan, out: *mut usize) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_chan_length", "out")?;
        let length = channel::length(chan)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(length) };
        Ok(())
    })
}

/// Closes the channel: senders get STRAND_ERR_CLOSED at once, receivers when it is empty, and all
/// who wait are woken. Closing again is STRAND_OK. The references stay as they are.
///
/// @param chan  the channel
/// @return STRAND_OK;
///         STRAND_ERR_STALE: the channel is gone;
///         STRAND_ERR_INVALID: chan names no channel and never did;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_chan_close(chan: strand_chan) -> strand_status {
    guard(|| channel::close(chan))
}

/// Takes one more reference to the channel.
///
/// @param chan  the channel
/// @return STRAND_OK;
///         STRAND_ERR_LIMIT: too many references;
///         STRAND_ERR_STALE: the channel is gone;
///         STRAND_ERR_INVALID: chan names no channel and never did;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_chan_retain(chan: strand_chan) -> strand_status {
    guard(|| channel::retain(chan))
}

/// Gives one reference back. The last one closes the channel, so that all who wait get
/// STRAND_ERR_CLOSED, ends the elements that nobody received with the drop function, on this
/// stack, and frees it. Calls that begin later get STRAND_ERR_STALE.
///
/// @param chan  the channel
/// @return STRAND_OK;
///         STRAND_ERR_STALE: the channel is gone;
///         STRAND_ERR_INVALID: chan names no channel and never did;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_chan_release(chan: strand_chan) -> strand_status {
    guard(|| channel::release(chan))
}

/// # Safety
/// The name is readable for `'a`.
unsafe fn convert<'a>(options: &strand_chan_options) -> Outcome<ChannelOptions<'a>> {
    let function = "strand_chan_new_with";
    check::flags(options.flags, 0, function)?;
    Ok(ChannelOptions {
        element_size: options.element_size,
        capacity: options.capacity,
        // SAFETY: the caller's promise.
        name: unsafe { check::text(options.name, options.name_length, function, "name") }?,
        transfer: options.transfer,
        drop: options.drop,
        data: options.data,
    })
}
