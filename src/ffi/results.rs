// SPDX-License-Identifier: MIT OR Apache-2.0
//! Results of worklists
//!
//! What comes of the items of a worklist: the records that they have emitted, those that have faulted, what is
//! still queued, and what was counted. What is taken is the taker's alone, whichever thread that is; records and
//! faults may be taken while a run is on.

use super::admission::strand_evidence;
use super::item::strand_work_task;
use super::sized::{self, Sized32};
use super::status::strand_status;
use super::worklist::strand_worklist;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::gpu::named::enter;
use crate::gpu::worklist::list;
use crate::strand::message::fail;
use crate::work::words::WORDS;

/// An item that has faulted.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_worklist_fault {
    /// STRAND_WORK_FAULT_ code, or the program's own.
    pub code: u32,
    /// 0
    pub reserved: u32,
    /// The item as it was when it ran for the last time, continuation_data too; its state is
    /// STRAND_WORK_FAULTED.
    pub task: strand_work_task,
}

/// What a worklist has counted since it was made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_worklist_statistics {
    /// sizeof(strand_worklist_statistics)
    pub size: u32,
    /// 1: a run is on.
    pub running: u32,
    /// Items in the queues of the host, now.
    pub queued: u64,
    /// Items that run or lie on the device, now.
    pub in_flight: u64,
    /// Paused items, now.
    pub paused: u64,
    /// Emitted records that wait to be taken, now.
    pub emitted_waiting: u64,
    /// Faults that wait to be taken, now.
    pub faults_waiting: u64,
    /// Items that were pushed from outside.
    pub pushed: u64,
    /// Items that items have pushed.
    pub children: u64,
    /// How often items were run.
    pub visits: u64,
    /// Items that were done.
    pub finished: u64,
    /// How often items were requeued.
    pub requeued: u64,
    /// How often items have yielded.
    pub yielded: u64,
    /// How often items were paused.
    pub pauses: u64,
    /// How often paused items were resumed.
    pub resumed: u64,
    /// Items that have faulted.
    pub faulted: u64,
    /// Records that were emitted.
    pub emitted: u64,
    /// Records that were taken.
    pub taken: u64,
    /// Items that strand_worklist_take_tasks() has taken.
    pub withdrawn: u64,
    /// Slices that were taken from the queues.
    pub slices: u64,
    /// Batches or rounds.
    pub rounds: u64,
    /// Submissions to a device; on the processor batches.
    pub submissions: u64,
    /// Runs that were begun.
    pub runs: u64,
    /// Items that went to host memory because the device was full.
    pub spilled: u64,
    /// Of those, items that came back.
    pub refilled: u64,
    /// Most items that were queued or in flight at once.
    pub depth_peak: u64,
    /// Most items that were in flight at once.
    pub device_peak: u64,
    /// Slices that a band got before a more urgent one, because its items had waited.
    pub guarded: u64,
    /// Pushes that had to wait for room.
    pub waited: u64,
    /// Time in kernels, in nanoseconds, summed over those who ran them.
    pub active_ns: u64,
    /// Items that lay on a device when it was lost, or that it has lost.
    pub lost: u64,
    /// Faults that were taken.
    pub faults_taken: u64,
    /// Faults that were counted and not kept, because faults_max of them waited.
    pub faults_dropped: u64,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is 0 in every field.
unsafe impl Sized32 for strand_worklist_statistics {
    const NAME: &'static str = "strand_worklist_statistics";
}

/// Takes emitted records, in the order in which they were emitted; while a run is on too.
///
/// @param worklist  the worklist
/// @param records   room for capacity records of emit_words words
/// @param capacity  not 0
/// @param count     how many were taken; may be NULL
/// @return STRAND_OK: at least one;
///         STRAND_ERR_EMPTY: there is none;
///         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
///         STRAND_ERR_INVALID: records is NULL, capacity is 0, or worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_take(
    worklist: strand_worklist,
    records: *mut u32,
    capacity: u32,
    count: *mut u32,
) -> strand_status {
    guard(|| {
        room(records, capacity, count, "strand_worklist_take", "records")?;
        let _call = enter()?;
        let list = list::get(worklist)?;
        // SAFETY: so many words are writable, by the caller's promise.
        let out =
            unsafe { core::slice::from_raw_parts_mut(records, capacity as usize * list.shape.emit_words as usize) };
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { taken(list.take(out)?, count) }
    })
}

/// Takes what is queued back, as tasks: band by band, tenant by tenant, each in the order of its queue, and
/// then what is paused. Pushed again in this order it lies as it lay. Where a run begins meanwhile, what was
/// taken before stays taken.
///
/// @param worklist  the worklist
/// @param tasks     room for capacity tasks
/// @param capacity  not 0
/// @param count     how many were taken; may be NULL
/// @return STRAND_OK: at least one;
///         STRAND_ERR_EMPTY: there is none;
///         STRAND_ERR_BUSY: a run is on;
///         STRAND_ERR_INVALID: tasks is NULL, capacity is 0, or worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_take_tasks(
    worklist: strand_worklist,
    tasks: *mut strand_work_task,
    capacity: u32,
    count: *mut u32,
) -> strand_status {
    guard(|| {
        room(tasks, capacity, count, "strand_worklist_take_tasks", "tasks")?;
        let _call = enter()?;
        let list = list::get(worklist)?;
        // SAFETY: so many are writable, by the caller's promise; both types are sixteen words.
        let out = unsafe { core::slice::from_raw_parts_mut(tasks.cast::<[u32; WORDS]>(), capacity as usize) };
        let found = list.take_tasks(out)?;
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { taken(found, count) }
    })
}

/// Takes the oldest faults, while a run is on too. So many wait as faults_max says; the others are
/// counted.
///
/// @param worklist  the worklist
/// @param faults    room for capacity faults
/// @param capacity  not 0
/// @param count     how many were taken; may be NULL
/// @return STRAND_OK: at least one;
///         STRAND_ERR_EMPTY: there is none;
///         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
///         STRAND_ERR_INVALID: faults is NULL, capacity is 0, or worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_faults(
    worklist: strand_worklist,
    faults: *mut strand_worklist_fault,
    capacity: u32,
    count: *mut u32,
) -> strand_status {
    guard(|| {
        room(faults, capacity, count, "strand_worklist_faults", "faults")?;
        let _call = enter()?;
        let list = list::get(worklist)?;
        let mut found = 0;
        while found < capacity as usize {
            let fault = match list.take_fault() {
                Err(status) if found == 0 => return Err(status),
                fault => fault.ok().flatten(),
            };
            let Some((code, task)) = fault else { break };
            // SAFETY: sixteen words each, as is asserted where the struct is.
            let task = unsafe { core::mem::transmute::<[u32; WORDS], strand_work_task>(*task.words()) };
            // SAFETY: so many are writable, by the caller's promise.
            unsafe { faults.add(found).write(strand_worklist_fault { code, reserved: 0, task }) };
            found += 1;
        }
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe { taken(found, count) }
    })
}

/// What the worklist has counted. The numbers are of one moment, also while a run is on, on any device:
/// pushed + children = finished + faulted + withdrawn + lost + queued + paused + in_flight;
/// visits = finished + faulted + requeued + yielded + pauses; emitted = taken + emitted_waiting;
/// faulted = faults_taken + faults_waiting + faults_dropped. What a
/// submission has done that an adapter is at shows when it has ended, some of it (faults, pauses, yields and
/// records) before the rest.
///
/// @param worklist    the worklist
/// @param statistics  its size is set by the caller
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: statistics is NULL or has no such size, or worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_stats(
    worklist: strand_worklist,
    statistics: *mut strand_worklist_statistics,
) -> strand_status {
    guard(|| {
        // SAFETY: a struct as its size says, by the caller's promise.
        unsafe { sized::check(statistics, "strand_worklist_stats") }?;
        let _call = enter()?;
        let list = list::get(worklist)?;
        let found = statistics_of(&list);
        // SAFETY: as above.
        unsafe { sized::write(statistics, &found, "strand_worklist_stats") }
    })
}

/// The evidence of all runs of the worklist, from what was counted and measured. Times are missing on the
/// stepped engine, where time decides nothing.
///
/// @param worklist  the worklist
/// @param evidence  its size is set by the caller
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: evidence is NULL or has no such size, or worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_evidence(
    worklist: strand_worklist,
    evidence: *mut strand_evidence,
) -> strand_status {
    guard(|| {
        // SAFETY: a struct as its size says, by the caller's promise.
        unsafe { sized::check(evidence, "strand_worklist_evidence") }?;
        let _call = enter()?;
        let found = strand_evidence::of(&list::get(worklist)?.lock().evidence());
        // SAFETY: as above.
        unsafe { sized::write(evidence, &found, "strand_worklist_evidence") }
    })
}

/// Room for results: not NULL, not 0.
pub(super) fn room<T>(out: *mut T, capacity: u32, count: *mut u32, function: &str, argument: &str) -> Outcome<()> {
    check::pointer(out, function, argument)?;
    if !count.is_null() {
        check::pointer(count, function, "count")?;
    }
    if capacity == 0 {
        return fail(Status::INVALID, format_args!("{function}: capacity is 0"));
    }
    Ok(())
}

/// # Safety
/// `count` is null or writable.
pub(super) unsafe fn taken(found: usize, count: *mut u32) -> Outcome<()> {
    if found == 0 {
        return Err(Status::EMPTY);
    }
    // SAFETY: by contract.
    unsafe { give(count, found as u32) };
    Ok(())
}

/// # Safety
/// `place` is null or writable.
pub(super) unsafe fn give<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: by contract.
        unsafe { place.write(value) };
    }
}

fn statistics_of(list: &list::Worklist) -> strand_worklist_statistics {
    let state = list.lock();
    let (host, running) = (&state.host, state.is_running());
    let (counters, work) = (&host.counters, &host.counters.work);
    strand_worklist_statistics {
        size: size_of::<strand_worklist_statistics>() as u32,
        running: running.into(),
        queued: host.queued(),
        in_flight: host.in_flight(),
        paused: host.paused(),
        emitted_waiting: host.emitted(),
        faults_waiting: host.faults(),
        pushed: counters.pushed,
        children: work.pushed,
        visits: work.visits,
        finished: work.finished,
        requeued: work.requeued,
        yielded: work.yielded,
        pauses: work.paused,
        resumed: counters.resumed,
        faulted: work.faulted,
        emitted: work.emitted,
        taken: counters.taken,
        withdrawn: counters.withdrawn,
        slices: counters.slices,
        rounds: counters.rounds,
        submissions: counters.submissions,
        runs: counters.runs,
        spilled: counters.spilled,
        refilled: counters.refilled,
        depth_peak: counters.depth_peak,
        device_peak: counters.device_peak,
        guarded: counters.guarded,
        waited: counters.waited,
        active_ns: counters.active_ns,
        lost: counters.lost,
        faults_taken: counters.faults_taken,
        faults_dropped: counters.faults_dropped,
    }
}
