// SPDX-License-Identifier: MIT OR Apache-2.0
//! What calls from outside put into a worklist and take out of it.
//!
//! ```text
//! push        lock ─ closed? room? ─ queue, wake a runner ─ unlock       no room: wait in line; room is given in its order
//! large push  segments are filled first ── push
//! resume      parts of the paused are looked at ── lock ─ all that are due become ready ─ unlock ── they are swept out, in parts
//! take        part by part
//! ```
//! However much it is, under one hold of the lock [`PORTION`] records are copied one by one, or some segments as a whole.

use super::host::Host;
use super::list::{Guard, Worklist};
use super::segments::{Pool, Records, SEGMENT_WORDS};
use super::shape::Shape;
use super::staged::{Due, Staged};
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;
use crate::wait::block::Woken;
use crate::work::task::{Refusal, Task};
use crate::work::words::WORDS;

/// Records that are copied one by one under one hold of the lock.
pub const PORTION: usize = 1 << 10;

/// Those who take paused items out come one after the other, each with as many holds of the list's lock as it needs.
struct Alone<'a>(&'a ByteLock);

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl Worklist {
    /// Takes items from outside: all or none. Waits for room.
    pub fn push(&self, words: &[u32], band: u32, tenant: u32, deadline: i64) -> Outcome<()> {
        let count = (words.len() / self.shape.record_words()) as u64;
        self.check_place(band, tenant, count)?;
        if words.len() > SEGMENT_WORDS {
            let mut records = Records::new(self.shape.record_words());
            if let Err(status) = self.copy_items(words, &mut records) {
                return fail(status, format_args!("no memory for {count} items"));
            }
            return self.enter_queue(count, deadline, |host| host.push_segments(band, tenant, &mut records));
        }
        self.enter_queue(count, deadline, |host| host.push(band, tenant, words))
    }

    /// Copies items to segments, of which the worklist lends what it has: fresh memory is slow.
    fn copy_items(&self, words: &[u32], records: &mut Records) -> Outcome<()> {
        let need = words.len().div_ceil(SEGMENT_WORDS / records.stride() * records.stride());
        let mut pool = Pool::with_room(need)?;
        self.lock().host.lend(&mut pool, need);
        records.push_back(&mut pool, words)
    }

    /// Takes tasks from outside: all or none. Waits for room.
    pub fn push_tasks(&self, tasks: &[Task], deadline: i64) -> Outcome<()> {
        let Shape { fields, bands, tenants, .. } = self.shape;
        self.check_count(tasks.len() as u64)?;
        for (number, task) in tasks.iter().enumerate() {
            let lost = fields.lost(task).map_or(Ok(()), |word| Err(Refusal::NotCarried(word)));
            if let Err(refusal) = task.admissible(bands, tenants).and(lost) {
                return fail(Status::INVALID, format_args!("task {number} cannot be taken: {refusal}"));
            }
        }
        let count = tasks.len() as u64;
        if tasks.len() <= PORTION {
            return self.enter_queue(count, deadline, |host| host.push_tasks(tasks));
        }
        let staged = Staged::new(&self.shape).and_then(|mut staged| {
            tasks.iter().try_for_each(|task| staged.task(task))?;
            Ok(staged)
        });
        let mut staged = staged.or_else(|status| fail(status, format_args!("no memory for {count} items")))?;
        self.enter_queue(count, deadline, |host| host.push_staged(&mut staged))
    }

    /// Whether it has this band and this tenant, and could ever take so many items at once.
    pub fn check_place(&self, band: u32, tenant: u32, count: u64) -> Outcome<()> {
        let Shape { bands, tenants, .. } = self.shape;
        if band >= bands {
            return fail(Status::INVALID, format_args!("band {band}: the worklist has {bands}, from 0 on"));
        }
        if tenant >= tenants {
            return fail(Status::INVALID, format_args!("tenant {tenant}: the worklist has {tenants}, from 0 on"));
        }
        self.check_count(count)
    }

    /// Whether so many items can ever be taken at once.
    pub fn check_count(&self, count: u64) -> Outcome<()> {
        let most = self.shape.host_items_max;
        if count > most {
            return fail(
                Status::LIMIT,
                format_args!("{count} items at once: the worklist holds {most} (host_items_max)"),
            );
        }
        Ok(())
    }

    fn enter_queue(&self, count: u64, deadline: i64, act: impl FnMut(&mut Host) -> Outcome<()>) -> Outcome<()> {
        match self.enter_in_order(count, deadline, act) {
            Err(Status::BUSY) => self.is_compared(),
            Err(Status::CLOSED) => self.is_closed(),
            done => done,
        }
    }

    /// A call came too late.
    #[cold]
    pub fn is_closed<T>(&self) -> Outcome<T> {
        fail(Status::CLOSED, format_args!("worklist {:#x}, or its device, is closed", self.handle()))
    }

    /// A call came while a run is compared.
    #[cold]
    pub fn is_compared<T>(&self) -> Outcome<T> {
        fail(Status::BUSY, format_args!("a run of worklist {:#x} is on whose results will be compared", self.handle()))
    }

    fn enter_in_order(&self, count: u64, deadline: i64, mut act: impl FnMut(&mut Host) -> Outcome<()>) -> Outcome<()> {
        let mut state = self.lock();
        state.look_open(self)?;
        if count == 0 {
            return Ok(());
        }
        if !state.has_room(count) {
            drop(state);
            self.wait_for_room(count, deadline)?;
            state = self.lock();
            state.promised -= count;
            state.look_open(self)?;
        }
        let mut woken = Woken::new();
        let done = act(&mut state.host);
        match done {
            Ok(()) => {
                state.idle.win_first(&mut woken, Status::OK);
            }
            Err(_) => state.give_room(&mut woken),
        }
        self.leave_to(state, woken);
        done.or_else(|status| fail(status, format_args!("no memory for {count} items")))
    }

    /// Whoever takes paused items out.
    fn alone(&self) -> Alone<'_> {
        self.alone.lock();
        Alone(&self.alone)
    }

    /// The lock, unless a run is on that will be compared.
    fn lock_changeable(&self) -> Outcome<Guard<'_>> {
        let state = self.lock();
        if state.compared.is_on() {
            drop(state);
            return self.is_compared();
        }
        Ok(state)
    }

    /// Paused items whose epoch has come become ready, all at once; their number.
    pub fn resume(&self, epoch: u32) -> Outcome<u64> {
        let _alone = self.alone();
        let resumed = self.resume_alone(epoch);
        match resumed {
            Err(Status::NO_MEMORY) => {
                fail(Status::NO_MEMORY, format_args!("no memory for the items that are to be resumed"))
            }
            done => done,
        }
    }

    fn resume_alone(&self, epoch: u32) -> Outcome<u64> {
        let mut state = self.lock_changeable()?;
        let mut due = Due::new(&state.host, epoch)?;
        while !due.look(&state.host, PORTION as u64)? {
            drop(state);
            state = self.lock_changeable()?;
        }
        let count = due.resume(&mut state.host)?;
        let mut woken = Woken::new();
        state.idle.win_first(&mut woken, Status::OK);
        self.leave_to(state, woken);
        while count > 0 && !due.sweep(&mut self.lock().host, PORTION as u64) {}
        Ok(count)
    }

    /// Switches a tenant on or off.
    pub fn set_tenant(&self, tenant: u32, enabled: bool, quota: u64) -> Outcome<()> {
        self.check_place(0, tenant, 0)?;
        let mut woken = Woken::new();
        let mut state = self.lock_changeable()?;
        state.host.set_tenant(tenant, enabled, quota);
        state.idle.win_first(&mut woken, Status::OK);
        self.leave_to(state, woken);
        Ok(())
    }

    /// Takes what is queued and paused, as tasks, as many as there are and fit; their number. BUSY while a run is on.
    pub fn take_tasks(&self, out: &mut [[u32; WORDS]]) -> Outcome<usize> {
        let _alone = self.alone();
        let mut taken = 0;
        for part in out.chunks_mut(PORTION) {
            let mut woken = Woken::new();
            let mut state = self.lock();
            if state.is_running() {
                drop(state);
                return match taken {
                    0 => fail(Status::BUSY, format_args!("a run of worklist {:#x} is on", self.handle())),
                    _ => Ok(taken),
                };
            }
            let mut here = 0;
            while here < part.len()
                && let Some(task) = state.host.take_task()
            {
                part[here] = *task.words();
                here += 1;
            }
            state.give_room(&mut woken);
            drop(state);
            woken.wake_all();
            taken += here;
            if here < part.len() {
                break;
            }
        }
        Ok(taken)
    }

    /// Takes emitted records, as many as there are and fit; their number.
    pub fn take(&self, out: &mut [u32]) -> Outcome<usize> {
        let stride = self.shape.emit_words as usize;
        let mut taken = 0;
        let mut woken = Woken::new();
        // Some segments at a time: runners need the lock too.
        for part in out.chunks_mut((16 * SEGMENT_WORDS / stride).max(1) * stride) {
            let mut state = self.lock();
            if state.compared.is_on() {
                drop(state);
                return if taken > 0 { Ok(taken) } else { self.is_compared() };
            }
            let now = state.host.take_emitted(part);
            drop(state);
            taken += now;
            if now * stride < part.len() {
                break;
            }
        }
        if taken > 0 {
            self.lock().idle.win_first(&mut woken, Status::OK);
        }
        woken.wake_all();
        Ok(taken)
    }

    /// Takes the oldest fault: its code, and the task.
    pub fn take_fault(&self) -> Outcome<Option<(u32, Task)>> {
        Ok(self.lock_changeable()?.host.take_fault())
    }
}
