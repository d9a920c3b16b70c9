// SPDX-License-Identifier: MIT OR Apache-2.0
//! Buffers
//!
//! Memory of a device that its programs read and write. What the host writes, reads and maps is in
//! the order of these calls, and what a run has written is there when its ticket has its result; a
//! buffer that a run uses meanwhile may be seen in the middle of it. Sizes and places of what is
//! written are multiples of 4 bytes.

use super::device::strand_device;
use super::status::strand_status;
use super::ticket::strand_ticket;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::gpu::buffer;
use crate::strand::message::fail;
use core::ffi::c_void;

/// Names a buffer; below 2^62 and never used again. 0 is no buffer.
pub type strand_buffer = u64;

/// Map: what is in the buffer is seen.
pub const STRAND_MAP_READ: u32 = 1;
/// Map: what is written is in the buffer after strand_buffer_unmap().
pub const STRAND_MAP_WRITE: u32 = 2;

const _: () = assert!(STRAND_MAP_READ == buffer::READ && STRAND_MAP_WRITE == buffer::WRITE);

/// Makes a buffer, all of whose bytes are 0.
///
/// @param device  the device
/// @param bytes   its size, a multiple of 4
/// @param flags   0
/// @param out     the buffer
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, bytes is 0 or no multiple of 4, flags has unknown bits, or
///         device names none and never did;
///         STRAND_ERR_STALE: the device was closed;
///         STRAND_ERR_LIMIT: more than a buffer of the device can have, or too many are in use;
///         STRAND_ERR_NO_MEMORY: here or on the device;
///         STRAND_ERR_DEVICE: the device is lost;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_buffer_new(
    device: strand_device,
    bytes: u64,
    flags: u32,
    out: *mut strand_buffer,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_buffer_new", "out")?;
        check::flags(flags, 0, "strand_buffer_new")?;
        let made = buffer::create(device, bytes)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made) };
        Ok(())
    })
}

/// Writes to a buffer. The bytes are copied before this returns; the device has them before whatever is
/// asked for later. Waits only where an adapter has fallen behind by some 64 MiB.
///
/// @param buffer  the buffer
/// @param offset  where, a multiple of 4
/// @param data    what; may be NULL when bytes is 0
/// @param bytes   how much, a multiple of 4
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: data is NULL, the part does not lie in the buffer or is not made of multiples
///         of 4, or buffer names none and never did;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_CLOSED: its device was closed;
///         STRAND_ERR_DEVICE: the device is lost;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_buffer_write(
    buffer: strand_buffer,
    offset: u64,
    data: *const c_void,
    bytes: u64,
) -> strand_status {
    guard(|| {
        check_data(data, bytes, "strand_buffer_write")?;
        // SAFETY: as many bytes are readable, by the caller's promise.
        unsafe { buffer::write(buffer, offset, data.cast(), bytes) }
    })
}

/// Reads from a buffer what is there after everything that was asked for before. The bytes are at data
/// when the ticket has its result, STRAND_OK; until it has one, data stays as it is and belongs to this call,
/// also when the ticket was cancelled or released.
///
/// @param buffer  the buffer
/// @param offset  from where
/// @param data    where to; may be NULL when bytes is 0
/// @param bytes   how much
/// @param out     the ticket. Its result is STRAND_OK; STRAND_ERR_CLOSED, STRAND_ERR_DEVICE: the device was
///                closed or lost before; STRAND_ERR_NO_MEMORY: here or on the device
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out or data is NULL, the part does not lie in the buffer, or buffer names none
///         and never did;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_CLOSED: its device was closed;
///         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_buffer_read(
    buffer: strand_buffer,
    offset: u64,
    data: *mut c_void,
    bytes: u64,
    out: *mut strand_ticket,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_buffer_read", "out")?;
        check_data(data, bytes, "strand_buffer_read")?;
        // SAFETY: as many bytes are writable until the ticket has its result, by the caller's promise.
        let ticket = unsafe { buffer::read(buffer, offset, data.cast(), bytes) }?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(ticket) };
        Ok(())
    })
}

/// Maps a part of a buffer into the memory of the host; on the processor it lies there already. With
/// STRAND_MAP_READ what is there is seen, as it was when this returned, and what is there without it is
/// anything. With STRAND_MAP_WRITE the whole part is written by strand_buffer_unmap(), at the latest. A buffer is
/// mapped once at a time.
///
/// @param buffer    the buffer
/// @param offset    where the part begins; with STRAND_MAP_WRITE a multiple of 4
/// @param bytes     its size, not 0; with STRAND_MAP_WRITE a multiple of 4
/// @param flags     STRAND_MAP_READ, STRAND_MAP_WRITE or both
/// @param deadline  until when to wait for the device, see strand_after(); the processor need not be waited
///                  for
/// @param out       the address, good until strand_buffer_unmap(), strand_buffer_release() or
///                  strand_device_close()
/// @return STRAND_OK;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: the device did not answer in time;
///         STRAND_ERR_BUSY: the buffer is mapped;
///         STRAND_ERR_INVALID: out is NULL, flags is 0 or has unknown bits, the part does not lie in the
///         buffer or is not as above, the deadline is below -1, or buffer names none and never did;
///         STRAND_ERR_STALE: it was released, perhaps while this waited;
///         STRAND_ERR_CLOSED, STRAND_ERR_DEVICE: its device was closed or is lost;
///         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down meanwhile;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_buffer_map(
    buffer: strand_buffer,
    offset: u64,
    bytes: u64,
    flags: u32,
    deadline: i64,
    out: *mut *mut c_void,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_buffer_map", "out")?;
        check::deadline(deadline, "strand_buffer_map")?;
        check::flags(flags, STRAND_MAP_READ | STRAND_MAP_WRITE, "strand_buffer_map")?;
        if flags == 0 {
            return fail(Status::INVALID, format_args!("strand_buffer_map: flags is 0: neither read nor written"));
        }
        let address = buffer::map(buffer, offset, bytes, flags, deadline)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(address.cast()) };
        Ok(())
    })
}

/// Ends a map. Its address is not used any more.
///
/// @param buffer  the buffer
/// @return STRAND_OK: what was written is in the buffer for every call and run that begins afterwards;
///         STRAND_ERR_INVALID: it is not mapped, or buffer names none and never did;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_CLOSED, STRAND_ERR_DEVICE: its device was closed or is lost; it is not mapped any more;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_CANCELLED: it is still mapped, and the
///         call may be repeated;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_buffer_unmap(buffer: strand_buffer) -> strand_status {
    guard(|| buffer::unmap(buffer))
}

/// Gives a buffer up, and unmaps it without writing. Worklists that use it, and what is being read from
/// it, keep its memory; calls that begin afterwards get STRAND_ERR_STALE.
///
/// @param buffer  the buffer
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_INVALID: buffer names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_buffer_release(buffer: strand_buffer) -> strand_status {
    guard(|| buffer::release(buffer))
}

fn check_data(data: *const c_void, bytes: u64, function: &str) -> Outcome<()> {
    if bytes == 0 { Ok(()) } else { check::pointer(data.cast::<u8>(), function, "data") }
}
