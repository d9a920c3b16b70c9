// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notes of kernels and shaders
//!
//! What a kernel or a shader writes down for whoever debugs it: four words, and the item that it works on as it
//! was when this visit began. Notes of items that fault are kept. They lie in a ring of the worklist until
//! they are taken; what has no room there (debug_max), and of one batch or submission more than 4,096, is lost
//! and counted.
//!
//! A native kernel calls strand_work_debug(); a shader in WGSL has the function
//! debug(a: u32, b: u32, c: u32, d: u32), unless it declares that name itself, and one that does not name it
//! is assembled as if there were none. A shader in SPIR-V has none. A run that is made twice
//! (STRAND_WORKLIST_DIFFERENTIAL) keeps the notes of the shader, and does not compare them.

use super::item::strand_work_task;
use super::program::strand_work;
use super::results::{give, room, taken};
use super::status::strand_status;
use super::work::{batch, said, wrong};
use super::worklist::strand_worklist;
use super::{check, guard};
use crate::base::status::Status;
use crate::gpu::named::enter;
use crate::gpu::worklist::list;
use crate::work::words::WORDS;

/// A note.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_work_note {
    /// What was written down.
    pub words: [u32; 4],
    /// The item as it was when that visit began; its state is STRAND_WORK_READY.
    pub task: strand_work_task,
}

/// Writes four words down. What there is no room for is counted. The first note of a batch allocates.
///
/// @param work   what the kernel got
/// @param index  the item that speaks
/// @param words  four of them; copied
/// @return STRAND_OK, also where there is no room;
///         STRAND_ERR_INVALID: work or words is NULL, there is no such item, or the kernel has returned
///
/// @context callback
/// @switches never
/// @threadsafe no
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_work_debug(work: *mut strand_work, index: u32, words: *const u32) -> strand_status {
    if words.is_null() || !words.is_aligned() {
        return wrong(Status::INVALID, "strand_work_debug", "words is NULL or not aligned");
    }
    // SAFETY: what a kernel got, by the caller's promise; four words lie there.
    said(unsafe { batch(work) }.and_then(|batch| unsafe { batch.debug(index, words) }), "strand_work_debug")
}

/// Takes the oldest notes, while a run is on too. Those of a batch are there when its kernel has returned or has
/// ended its strand, those of a device after each submission; with a device that is lost those of the last are lost.
///
/// @param worklist  the worklist
/// @param notes     room for capacity notes
/// @param capacity  not 0
/// @param count     how many were taken; may be NULL
/// @param lost      how many had no room since the worklist was made, told on STRAND_ERR_EMPTY too; may be NULL
/// @return STRAND_OK: at least one;
///         STRAND_ERR_EMPTY: there is none;
///         STRAND_ERR_INVALID: notes is NULL, capacity is 0, or worklist names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_worklist_debug(
    worklist: strand_worklist,
    notes: *mut strand_work_note,
    capacity: u32,
    count: *mut u32,
    lost: *mut u64,
) -> strand_status {
    guard(|| {
        room(notes, capacity, count, "strand_worklist_debug", "notes")?;
        if !lost.is_null() {
            check::pointer(lost, "strand_worklist_debug", "lost")?;
        }
        let _call = enter()?;
        let list = list::get(worklist)?;
        let mut found = 0;
        while found < capacity as usize
            && let Some(note) = list.debug.take()
        {
            // SAFETY: sixteen words each, as is asserted where the struct is.
            let task = unsafe { core::mem::transmute::<[u32; WORDS], strand_work_task>(*note.task.words()) };
            // SAFETY: so many are writable, by the caller's promise.
            unsafe { notes.add(found).write(strand_work_note { words: note.words, task }) };
            found += 1;
        }
        // SAFETY: NULL or writable, by the caller's promise.
        unsafe {
            give(lost, list.debug.lost());
            taken(found, count)
        }
    })
}
