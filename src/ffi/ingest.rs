// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ingest
//!
//! Files, pipes and sockets that are read into a worklist or an automaton while these work. A thread of the
//! offload pool reads a block, a strand of the library hands it over, and so on to the end of the file:
//! nothing that a program does on its strands waits for the descriptor. What there is is handed over at
//! once; a block is read only when the one before was taken, so that a worklist that is full, or a
//! scan that takes its time, holds the writer of a pipe up.
//!
//! The descriptor is duplicated: the caller may close its own at once, and what both share, such as the
//! place in a file, moves on. It may block or not; nobody else should read from it meanwhile: who gets which bytes is
//! chance then, and only sockets, and pipes of pipe(), are sure not to be waited for where another one was
//! faster. While nothing comes the ingest takes one thread of the pool, which serves others when all are taken. That
//! time counts as an external hold: waiting for a ticket then is no deadlock, and a virtual clock stands still.
//! A search of schedules has no place for it: the result is STRAND_ERR_UNSUPPORTED there.

use super::automaton::strand_automaton;
use super::sized::{self, Sized32};
use super::status::strand_status;
use super::ticket::strand_ticket;
use super::worklist::strand_worklist;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::runtime::feeding::{self, Counts, Plan};
use crate::strand::message::fail;
use crate::wait::block::FOREVER;
use core::ffi::c_int;

/// Flag: nothing follows the end of the file. The worklist is closed then; the stream of an automaton ends, as with
/// STRAND_CHUNK_LAST.
pub const STRAND_INGEST_LAST: u32 = 1;

/// What an ingest has done. In each case these bytes, and no others, were handed over.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_ingest_counts {
    /// sizeof(strand_ingest_counts)
    pub size: u32,
    /// Bytes of the last record, when the end of the file has cut it off.
    pub partial: u32,
    /// Bytes that were read.
    pub read: u64,
    /// Of them, those that the worklist took or the automaton has scanned. A file, or whatever has places,
    /// stands behind them at the end; a pipe or a socket has lost the others.
    pub taken: u64,
    /// Items that the worklist took.
    pub items: u64,
    /// How often something was read.
    pub blocks: u64,
}

/// How a descriptor is read: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_ingest_options {
    /// sizeof(strand_ingest_options)
    pub size: u32,
    /// STRAND_INGEST_LAST, or 0.
    pub flags: u32,
    /// Of the items. An automaton has none: 0.
    pub band: u32,
    /// Of the items. An automaton has none: 0.
    pub tenant: u32,
    /// Bytes that are read at once, at most 2^30; of a worklist at least one record, and at most a quarter of
    /// host_items_max. Default: 256 KiB for a worklist, 1 MiB for an automaton, which has two blocks.
    pub block_bytes: u64,
    /// Bytes that are read in all: it ends behind them as at the end of the file. Of a worklist a multiple of
    /// the record's. Default: any number.
    pub bytes_max: u64,
    /// When it ends at the latest, however much there is to read: see strand_after(). 0 is STRAND_FOREVER.
    pub deadline: i64,
    /// Written when the ticket has its result, and until then the library's; its size is set by the caller.
    pub counts: *mut strand_ingest_counts,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null or 0 in every field.
unsafe impl Sized32 for strand_ingest_counts {
    const NAME: &'static str = "strand_ingest_counts";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_ingest_options {
    const NAME: &'static str = "strand_ingest_options";
}

const _: () = assert!(size_of::<strand_ingest_counts>() == size_of::<Counts>());

/// Begins to read a descriptor into a worklist: records of the program's words, as strand_worklist_push()
/// takes them, in the byte order of the machine. It waits where the worklist is full, as a push does. A run
/// may be on, or begin later; with STRAND_RUN_UNTIL_CLOSED and STRAND_INGEST_LAST it ends with the file.
///
/// @param worklist  the worklist
/// @param fd        open for reading; duplicated
/// @param options   copied; NULL: the defaults
/// @param out       the ticket. Its result is STRAND_OK: the end of the file has come, and every record is queued;
///                  STRAND_ERR_INVALID: the last record is cut off; those before it are queued;
///                  STRAND_ERR_IO: the system refuses to read, the message says why;
///                  STRAND_ERR_CLOSED: the worklist, or its device, was closed, or the worklist released;
///                  STRAND_ERR_TIMEOUT: the deadline; STRAND_ERR_CANCELLED: the ticket was cancelled;
///                  STRAND_ERR_BUSY: a run has begun that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
///                  STRAND_ERR_UNSUPPORTED: schedules are being searched;
///                  STRAND_ERR_LIMIT: no thread can be had; STRAND_ERR_NO_MEMORY
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, an option has no such value, there is no such band or tenant, fd is
///         not open for reading, or worklist names none and never did;
///         STRAND_ERR_LIMIT: block_bytes is too large, or too many descriptors, tickets or strands are in use;
///         STRAND_ERR_CLOSED: the worklist, or its device, was closed;
///         STRAND_ERR_BUSY: a run is on that will be compared;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_ingest(
    worklist: strand_worklist,
    fd: c_int,
    options: *const strand_ingest_options,
    out: *mut strand_ticket,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_worklist_ingest", "out")?;
        // SAFETY: NULL, or a struct as its size says, by the caller's promise.
        let (plan, given) = unsafe { plan_of(options, fd, 1 << 18, "strand_worklist_ingest") }?;
        let (band, tenant) = given.map_or((0, 0), |given| (given.band, given.tenant));
        let ticket = feeding::ingest(worklist, band, tenant, plan)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(ticket) };
        Ok(())
    })
}

/// Begins to scan a descriptor as one stream, or a part of one: block by block, each as strand_automaton_scan()
/// scans a chunk, while the next one is read. The stream is busy until the ticket has its result. Where the scan
/// ends early, another one of a file goes on with what is left.
///
/// @param automaton  the automaton
/// @param fd         open for reading; duplicated
/// @param stream     the number of the stream
/// @param options    copied; NULL: the defaults
/// @param out        the ticket. Its result is STRAND_OK: the end of the file has come, and what was found can be
///                   taken;
///                   STRAND_ERR_IO: the system refuses to read, the message says why;
///                   STRAND_ERR_UNSUPPORTED: schedules are being searched;
///                   otherwise as that of strand_automaton_scan()
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, an option has no such value, fd is not open for reading, or
///         automaton names none and never did;
///         STRAND_ERR_BUSY: another scan reads the stream;
///         STRAND_ERR_LIMIT: block_bytes is too large, or too many descriptors, tickets or strands are in use;
///         STRAND_ERR_CLOSED: its device was closed;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_automaton_scan_fd(
    automaton: strand_automaton,
    fd: c_int,
    stream: u32,
    options: *const strand_ingest_options,
    out: *mut strand_ticket,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_automaton_scan_fd", "out")?;
        // SAFETY: NULL, or a struct as its size says, by the caller's promise.
        let (plan, given) = unsafe { plan_of(options, fd, 1 << 20, "strand_automaton_scan_fd") }?;
        if let Some(given) = given {
            check::at_most(given.band, 0, "strand_automaton_scan_fd", "band")?;
            check::at_most(given.tenant, 0, "strand_automaton_scan_fd", "tenant")?;
        }
        let ticket = feeding::scan(automaton, stream, plan)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(ticket) };
        Ok(())
    })
}

/// # Safety
/// `options` is null or points to a struct as its size says, and so do its counts.
unsafe fn plan_of(
    options: *const strand_ingest_options,
    file: c_int,
    block: usize,
    function: &str,
) -> Outcome<(Plan, Option<strand_ingest_options>)> {
    /// Largest block.
    const BLOCK_MAX: u64 = 1 << 30;
    let mut plan =
        Plan { file, last: false, block, bytes_max: u64::MAX, deadline: FOREVER, told: core::ptr::null_mut() };
    if options.is_null() {
        return Ok((plan, None));
    }
    // SAFETY: by contract.
    let given = unsafe { sized::read(options, function) }?;
    check::flags(given.flags, STRAND_INGEST_LAST, function)?;
    check::deadline(given.deadline, function)?;
    if given.block_bytes > BLOCK_MAX {
        return fail(
            Status::LIMIT,
            format_args!("{function}: block_bytes is {}: it can be at most {BLOCK_MAX}", given.block_bytes),
        );
    }
    if !given.counts.is_null() {
        // SAFETY: by contract.
        unsafe { sized::check(given.counts, function) }?;
        // SAFETY: as above.
        if (unsafe { (*given.counts).size } as usize) < size_of::<strand_ingest_counts>() {
            return fail(Status::INVALID, format_args!("{function}: counts is too small"));
        }
    }
    plan.last = given.flags & STRAND_INGEST_LAST != 0;
    plan.told = given.counts.cast();
    if given.block_bytes != 0 {
        plan.block = given.block_bytes as usize;
    }
    if given.bytes_max != 0 {
        plan.bytes_max = given.bytes_max;
    }
    if given.deadline != 0 {
        plan.deadline = given.deadline;
    }
    Ok((plan, Some(given)))
}
