// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a task as one of the cases of a select. The call holds a handle of its own, so that the outcome is there
//! when the wait is over, whoever releases theirs.

use super::calls::{self, REFERENCES_MAX};
use super::outcome::{Ended, Name, State};
use super::table;
use super::watch::Watch;
use crate::base::handle::Kind;
use crate::base::status::{Outcome, Status};
use crate::base::sync::cell::Cell;
use crate::engine::Worker;
use crate::strand::identity;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::Woken;
use crate::wait::several::{Case, Entry, claim_own};

/// `strand_outcome` as C lays it out.
#[repr(C)]
pub struct RawOutcome {
    /// Bytes of the caller's struct.
    pub size: u32,
    /// How far the task is.
    pub state: u32,
    /// Its value.
    pub value: u64,
    /// Why it failed.
    pub code: i32,
    /// Its place in a join.
    pub rank: u32,
    /// Why it was cancelled.
    pub reason: u64,
}

impl RawOutcome {
    /// An outcome outside of a join.
    pub fn of(ended: &Ended) -> RawOutcome {
        RawOutcome {
            size: 0,
            state: ended.state as u32,
            value: ended.value,
            code: if ended.taken { Status::TAKEN.0 } else { ended.code.0 },
            rank: 0,
            reason: ended.reason,
        }
    }
}

/// Largest outcome of a later version that is believed.
const LARGEST: usize = 4096;

/// See the module documentation.
#[repr(C)]
pub struct Ending {
    watch: Watch,
    name: Name,
    waiter: Cell<*const Waiter>,
    won: Cell<bool>,
    /// Where the outcome goes, or null.
    outcome: *mut RawOutcome,
}

/// # Safety
/// The watch is that of an [`Ending`].
unsafe fn tell(watch: &Watch, _: &Ended, woken: &mut Woken) -> bool {
    // SAFETY: by contract; the record was linked, so its waiter is in place.
    unsafe {
        let ending = &*(watch as *const Watch).cast::<Ending>();
        woken.win_with(&*ending.waiter.get(), Status::OK, || ending.won.set(true))
    }
}

impl Ending {
    /// The case of a task, with what is wrong with it if it can be none.
    ///
    /// # Safety
    /// `outcome` is null, or points to as many bytes as its size says, which stay writable until the wait is over.
    pub unsafe fn open(handle: u64, outcome: *mut RawOutcome) -> Result<Ending, (Status, &'static str)> {
        if !outcome.is_null() {
            // SAFETY: by contract.
            let size = if outcome.is_aligned() { unsafe { (*outcome).size as usize } } else { 0 };
            if size == 0 || size % 8 != 0 || size > LARGEST {
                return Err((Status::INVALID, "has an element whose size is not sizeof(strand_outcome)"));
            }
        }
        let name = match table::name(Kind::Task, handle) {
            Ok(name) => name,
            Err(status) => return Err(refusal(status)),
        };
        if identity::current().and_then(calls::of).is_some_and(|own| core::ptr::eq(own, name.task)) {
            return Err((Status::INVALID, "is the calling task, which cannot wait for its own end"));
        }
        match name.lock() {
            Ok(locked) if !locked.retain(REFERENCES_MAX) => Err((Status::LIMIT, "has too many handles already")),
            Ok(_) => Ok(Ending {
                watch: Watch::new(tell),
                name,
                waiter: Cell::new(core::ptr::null()),
                won: Cell::new(false),
                outcome,
            }),
            Err(status) => Err(refusal(status)),
        }
    }

    fn write(&self, ended: &Ended) {
        let (raw, known) = (RawOutcome::of(ended), size_of::<RawOutcome>());
        let head = size_of::<u32>();
        // SAFETY: as many bytes as the size says are writable, and 8 or more; the fields after the size are cleared, then
        // as many bytes as both sides know are copied.
        unsafe {
            let size = (*self.outcome).size as usize;
            let fields = self.outcome.cast::<u8>().add(head);
            core::ptr::write_bytes(fields, 0, size - head);
            core::ptr::copy_nonoverlapping((&raw const raw).cast::<u8>().add(head), fields, size.min(known) - head);
        }
    }
}

fn refusal(status: Status) -> (Status, &'static str) {
    match status {
        Status::STALE => (status, "is a task whose last handle was released"),
        status => (status, "is not the handle of a task that was ever made"),
    }
}

impl Case for Ending {
    fn shown(&self) -> (WaitKind, u64) {
        (WaitKind::Task, self.name.handle())
    }

    fn looks_ready(&self) -> bool {
        self.name.may_have_ended()
    }

    fn attempt(&self) -> Outcome<Option<Status>> {
        // What has ended stays so: there is no need for the lock.
        Ok(self.name.may_have_ended().then_some(Status::OK))
    }

    unsafe fn publish(&self, waiter: &Waiter, _: Option<&Worker>) -> Entry {
        let locked = self.name.task.lock();
        if !locked.state().is_terminal() {
            self.waiter.set(waiter);
            // SAFETY: in no list; by contract it stays in place until `withdraw`.
            unsafe { locked.watch(&self.watch) };
            return Entry::Waiting;
        }
        drop(locked);
        // Nothing is moved, and an end is not taken back.
        let Some(claimed) = claim_own(waiter) else { return Entry::Won };
        self.won.set(true);
        claimed.commit(Status::OK)
    }

    unsafe fn withdraw(&self, _: Option<&Worker>) {
        self.name.task.lock().unwatch(&self.watch);
    }

    fn has_won(&self) -> bool {
        self.won.get()
    }

    fn settle(&self, _: Status) {
        let ended = {
            let locked = self.name.task.lock();
            locked.mark_seen();
            locked.look()
        };
        if ended.state == State::Failed
            && let Some(own) = identity::current().and_then(calls::of)
        {
            calls::remember_cause(own, self.name);
        }
        if !self.outcome.is_null() {
            self.write(&ended);
        }
    }

    fn abandon(&self) {
        let released = self.name.task.lock().release();
        table::settle_released(self.name.task, released);
    }
}
