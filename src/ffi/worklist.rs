// SPDX-License-Identifier: MIT OR Apache-2.0
//! Worklists
//!
//! A queue of items and a program that works on them until none is left: items may push further items,
//! go back to the queue, wait for an epoch, emit records or end with a fault. strand_worklist_push() is
//! for any thread; strand_worklist_dispatch() begins a run, whose end its ticket tells; between runs
//! everything lies in host memory. Nothing is lost and nothing is run twice: an item is started only where
//! there is room for all that it may push and emit, what a device has no room for goes to host memory and
//! comes back in its order, and after each batch the sums are compared.
//!
//! On the processor the kernel is called by strands of the library, with batches. With one of them
//! (workers = 1) the order within a band and a tenant is exact: FIFO or LIFO, where a slice that is taken
//! from a LIFO keeps its order, so its last item is the newest.
//!
//! Slices are taken from the most urgent band. One whose items have waited for 32 slices counts as one more
//! urgent, and one that was passed over 16 times comes next: no band waits for more than 19 slices. Tenants
//! of a band take turns of 1,024 items.
//!
//! A run ends with
//! STRAND_OK: drained, nothing is left that may run (paused items and those of tenants that are switched
//! off stay);
//! STRAND_ERR_FAILED: drained, and items have faulted in this run; or a kernel ended the strand that had
//! called it (strand_fail(), strand_exit()), whose batch has faulted as a whole;
//! STRAND_ERR_LIMIT: the budget, the room for emitted records or that for spilled items is used up;
//! STRAND_ERR_TIMEOUT: its deadline passed; STRAND_ERR_CANCELLED: its ticket was cancelled;
//! STRAND_ERR_CLOSED: the device was closed or the worklist released; STRAND_ERR_NO_MEMORY;
//! STRAND_ERR_DEVICE: items were lost or doubled, or the device is lost;
//! STRAND_ERR_PARITY: drained, and the processor came to something else (STRAND_WORKLIST_DIFFERENTIAL).
//! In each case what is left is queued as it was, and another run goes on with it.

use super::buffer::strand_buffer;
use super::item::strand_work_task;
use super::program::strand_program;
use super::results::give;
use super::sized::Sized32;
use super::status::strand_status;
use super::ticket::strand_ticket;
use super::worklist_read::{limits_of, options_of};
use super::{check, guard};
use crate::gpu::named::enter;
use crate::gpu::worklist::list;
use crate::runtime::worklists;
use crate::work::task::Task;

/// Names a worklist; below 2^62 and never used again. 0 is no worklist.
pub type strand_worklist = u64;

/// Flag of a worklist on an adapter: each run is made twice, by the shader of the program and then by its native
/// kernel on the processor, over copies of what was queued and of the buffers. Records, faults, buffers, and how
/// many items are paused and left are compared, whatever their order; where they differ the run ends with
/// STRAND_ERR_PARITY, and its message has the first difference. What the worklist holds then is what the adapter
/// has found. Compared are runs that both have brought to their end: one that ends by a limit, a deadline or a
/// cancel is not, and neither is one with items that the loop limit has cut off, which no kernel knows, or with more
/// faults than are kept. While such a run is on, until it is compared, calls that would change the worklist answer STRAND_ERR_BUSY, and pushes that
/// wait for room go on waiting; nobody else may write to the buffers. Programs whose results depend on the order of
/// items are not equal. It needs about twice the memory, and longer than the slower of the two.
pub const STRAND_WORKLIST_DIFFERENTIAL: u32 = 1;
/// Order: the item that has waited longest comes first.
pub const STRAND_WORKLIST_FIFO: u32 = 0;
/// Order: the item that came last comes first.
pub const STRAND_WORKLIST_LIFO: u32 = 1;
/// What the device has no room for goes to host memory.
pub const STRAND_WORKLIST_SPILL_HOST: u32 = 0;
/// It ends the run with STRAND_ERR_LIMIT.
pub const STRAND_WORKLIST_SPILL_ERROR: u32 = 1;
/// Mode: as the policy says (strand_worklist_recommend()), and then as is measured to be faster.
pub const STRAND_WORKLIST_AUTO: u32 = 0;
/// Mode: an item that has more to do goes on at once.
pub const STRAND_WORKLIST_BLOCKING: u32 = 1;
/// Mode: it goes back to the queue, after the inner steps of the program.
pub const STRAND_WORKLIST_NON_BLOCKING: u32 = 2;
/// Flag of a run: it goes on until the worklist is closed and empty.
pub const STRAND_RUN_UNTIL_CLOSED: u32 = 1;

/// What a worklist is made with: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_worklist_options {
    /// sizeof(strand_worklist_options)
    pub size: u32,
    /// STRAND_WORKLIST_DIFFERENTIAL, or 0.
    pub flags: u32,
    /// Items on the device, at most 2^28. Default: 65,536. The processor has no memory of its own: there
    /// it says from when on items count as spilled.
    pub capacity: u32,
    /// STRAND_WORKLIST_FIFO or STRAND_WORKLIST_LIFO.
    pub order: u32,
    /// Bands of priority, 1 to 5. Default: 1. A slice (a batch, or a round of an adapter) is of the most urgent band
    /// that has items, but for two rules, which hold for the queues of the host and for those of an adapter. A band that
    /// was passed over 16 times is next: no band is passed over more than 16 + bands - 2 times in a row. And a band counts
    /// as one more urgent for every 32 slices that its oldest items have waited there, until all that waited are taken.
    pub bands: u32,
    /// Tenants, 1 to 30. Default: 1.
    pub tenants: u32,
    /// STRAND_WORKLIST_SPILL_HOST or STRAND_WORKLIST_SPILL_ERROR.
    pub spill: u32,
    /// STRAND_WORKLIST_AUTO, STRAND_WORKLIST_BLOCKING or STRAND_WORKLIST_NON_BLOCKING.
    pub mode: u32,
    /// Queued items from which on a push waits. Default: 2^24. What items push themselves is not held up.
    pub host_items_max: u64,
    /// Spilled items beyond which a run ends. Default: any number.
    pub spill_items_max: u64,
    /// Emitted records beyond which a run ends, until they are taken; not below the program's emit_max.
    /// Default: 2^24.
    pub emitted_max: u64,
    /// As many as the program says, all of the program's device. They are kept.
    pub buffers: *const strand_buffer,
    /// How many.
    pub buffer_count: u32,
    /// Faults that wait to be taken, at most; what faults beyond is counted (faults_dropped of
    /// strand_worklist_statistics), and its task is not kept. Default: 65,536.
    pub faults_max: u32,
    /// Debug records that wait to be taken, at most 2^20. Default: 1,024. What comes then is lost, and counted.
    pub debug_max: u32,
    /// 0
    pub reserved: u32,
}

/// How a run goes: 0 in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_run_options {
    /// sizeof(strand_run_options)
    pub size: u32,
    /// STRAND_RUN_UNTIL_CLOSED, or 0.
    pub flags: u32,
    /// How often items may run, in all. Default: any number. With one worker it is exact.
    pub visits_max: u64,
    /// Batches or rounds. Default: any number.
    pub rounds_max: u64,
    /// When the run ends at the latest, between two batches: see strand_after(). 0 is STRAND_FOREVER.
    pub deadline: i64,
    /// Strands that work at once, at most 1,024. Default: as many as there are workers. Where a further one cannot be
    /// made the run goes on with those that are there.
    pub workers: u32,
    /// 0
    pub reserved: u32,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null or 0 in every field.
unsafe impl Sized32 for strand_worklist_options {
    const NAME: &'static str = "strand_worklist_options";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_run_options {
    const NAME: &'static str = "strand_run_options";
}

/// Makes a worklist.
///
/// @param program  what its items do; kept
/// @param options  copied; NULL: the defaults
/// @param out      the worklist
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, an option has no such value, there are not as many buffers as
///         the program says or one of another device, STRAND_WORKLIST_DIFFERENTIAL is given and the program has
///         no native kernel, or a handle names nothing and never did;
///         STRAND_ERR_LIMIT: an option is beyond what it may be, or too many worklists are in use;
///         STRAND_ERR_STALE: the program or a buffer was released;
///         STRAND_ERR_CLOSED: the device was closed;
///         STRAND_ERR_UNSUPPORTED: STRAND_WORKLIST_DIFFERENTIAL on the processor, which has one implementation, or
///         reserved is not 0;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_new(
    program: strand_program,
    options: *const strand_worklist_options,
    out: *mut strand_worklist,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_worklist_new", "out")?;
        // SAFETY: null, or a struct as its size says, by the caller's promise.
        let options = unsafe { options_of(options) }?;
        let made = list::create(program, &options)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made) };
        Ok(())
    })
}

/// Pushes items, all of them or none. Where the worklist holds host_items_max already it waits, behind
/// those who came before; a run that is on makes room. Items may be pushed while a run is on.
///
/// @param worklist  the worklist
/// @param items     count records, one after the other; copied
/// @param count     how many; 0 is nothing
/// @param band      0 to bands - 1; 0 is the most urgent
/// @param tenant    0 to tenants - 1
/// @param deadline  see strand_after()
/// @return STRAND_OK: all are queued;
///         STRAND_ERR_CLOSED: the worklist, or its device, was closed, or the worklist was released
///         meanwhile;
///         STRAND_ERR_WOULD_BLOCK, STRAND_ERR_TIMEOUT: there was no room;
///         STRAND_ERR_LIMIT: these are more than host_items_max;
///         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
///         STRAND_ERR_INVALID: items is NULL and count is not 0, there is no such band or tenant, the
///         deadline is below -1, or worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_push(
    worklist: strand_worklist,
    items: *const u32,
    count: u32,
    band: u32,
    tenant: u32,
    deadline: i64,
) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_worklist_push")?;
        if count > 0 {
            check::pointer(items, "strand_worklist_push", "items")?;
        }
        let _call = enter()?;
        let list = list::get(worklist)?;
        let words = count as usize * list.shape.record_words();
        // SAFETY: so many words lie there, by the caller's promise.
        let items = if count > 0 { unsafe { core::slice::from_raw_parts(items, words) } } else { &[] };
        list.push(items, band, tenant, deadline)
    })
}

/// Pushes whole tasks, all of them or none: the band of each is its priority. A PAUSED one waits for its
/// resume_epoch. State, priority, tenant, flags, and the epoch of a paused one are kept by the queue; every other word
/// that is not 0 must be one that the program's records carry.
///
/// @param worklist  the worklist
/// @param tasks     copied
/// @param count     how many; 0 is nothing
/// @param deadline  see strand_after()
/// @return as strand_worklist_push(), and
///         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
///         STRAND_ERR_INVALID: tasks is NULL and count is not 0, or one of them cannot be taken: its state is
///         none of READY, YIELDED, REQUEUED and PAUSED, there is no such band or tenant, or a word is set
///         that records do not carry
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_push_tasks(
    worklist: strand_worklist,
    tasks: *const strand_work_task,
    count: u32,
    deadline: i64,
) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_worklist_push_tasks")?;
        if count > 0 {
            check::pointer(tasks, "strand_worklist_push_tasks", "tasks")?;
        }
        let _call = enter()?;
        let list = list::get(worklist)?;
        let tasks: &[Task] = match count {
            0 => &[],
            // SAFETY: so many tasks lie there, by the caller's promise; both types are sixteen words.
            _ => unsafe { core::slice::from_raw_parts(tasks.cast(), count as usize) },
        };
        list.push_tasks(tasks, deadline)
    })
}

/// Switches a tenant on or off, and sets how many of its items may be in flight at once. Items of a
/// tenant that is switched off stay queued.
///
/// A run that is on follows at once: the batch that a worker is at, or the submission that an adapter is at or
/// that is being made, is the last in which items of a tenant run that was switched off. What lies on an adapter then
/// comes back to the queues of the host, of all tenants, and keeps its order. The same happens
/// where more items of a tenant lie on an adapter than its quota is, children included: since it was lowered, or
/// since items have pushed others; so when a submission begins there are never more. A run that has nothing left but
/// items of tenants that are switched off ends.
///
/// @param worklist  the worklist
/// @param tenant    0 to tenants - 1
/// @param enabled   0: off, 1: on, as at first
/// @param quota     0: any number, as at first
/// @return STRAND_OK;
///         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
///         STRAND_ERR_INVALID: there is no such tenant, enabled is neither 0 nor 1, or worklist names none and
///         never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_worklist_tenant(
    worklist: strand_worklist,
    tenant: u32,
    enabled: u32,
    quota: u64,
) -> strand_status {
    guard(|| {
        check::at_most(enabled, 1, "strand_worklist_tenant", "enabled")?;
        let _call = enter()?;
        list::get(worklist)?.set_tenant(tenant, enabled == 1, quota)
    })
}

/// Begins a run. It goes on by itself: the caller awaits the ticket, or does something else. One run at a
/// time. A run of an empty worklist has ended already when this returns.
///
/// @param worklist  the worklist
/// @param options   copied; NULL: the defaults
/// @param out       the ticket; it is given up with strand_ticket_release()
/// @return STRAND_OK;
///         STRAND_ERR_BUSY: a run is on. It takes what was pushed before this call too, unless something ends
///         it;
///         STRAND_ERR_CLOSED: the device was closed;
///         STRAND_ERR_INVALID: out is NULL, an option has no such value, STRAND_RUN_UNTIL_CLOSED is given for a
///         worklist with STRAND_WORKLIST_DIFFERENTIAL, or worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_LIMIT: workers is more than 1,024;
///         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY: no ticket, no strand or no memory for a batch;
///         STRAND_ERR_UNSUPPORTED: the device cannot do it, or reserved is not 0;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_dispatch(
    worklist: strand_worklist,
    options: *const strand_run_options,
    out: *mut strand_ticket,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_worklist_dispatch", "out")?;
        // SAFETY: null, or a struct as its size says, by the caller's promise.
        let limits = unsafe { limits_of(options, "strand_worklist_dispatch") }?;
        let ticket = worklists::dispatch(worklist, limits)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(ticket) };
        Ok(())
    })
}

/// Takes no item any more from outside: pushes that wait get STRAND_ERR_CLOSED, and a run with
/// STRAND_RUN_UNTIL_CLOSED ends when nothing is left. Runs may still be begun. Closing twice is closing.
///
/// @param worklist  the worklist
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_worklist_close(worklist: strand_worklist) -> strand_status {
    guard(|| {
        let _call = enter()?;
        list::get(worklist)?.close();
        Ok(())
    })
}

/// Paused items that wait for this epoch or an earlier one become ready, in the order in which they were
/// paused; a run that is on takes them.
///
/// @param worklist  the worklist
/// @param epoch     the program's own count
/// @param count     how many; may be NULL
/// @return STRAND_OK;
///         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
///         STRAND_ERR_INVALID: worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_NO_MEMORY: none has become ready;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_resume(
    worklist: strand_worklist,
    epoch: u32,
    count: *mut u64,
) -> strand_status {
    guard(|| {
        if !count.is_null() {
            check::pointer(count, "strand_worklist_resume", "count")?;
        }
        let _call = enter()?;
        let resumed = list::get(worklist)?.resume(epoch)?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { give(count, resumed) };
        Ok(())
    })
}

/// Gives a worklist up, with what is in it. Pushes that wait get STRAND_ERR_CLOSED; a run that is on ends
/// with STRAND_ERR_CLOSED between two batches, and its ticket stays good.
///
/// @param worklist  the worklist
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_worklist_release(worklist: strand_worklist) -> strand_status {
    guard(|| list::release(worklist))
}
