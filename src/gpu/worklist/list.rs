// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worklist as handles name it: the host side under a lock, the run that is on, those who wait.
//!
//! ```text
//! push      lock ─ closed? room? ─ queue, wake a runner ─ unlock       no room: wait in line; room is given in its order
//! runner    lock ─ results of the last batch, next batch ─ unlock ─ kernel ─ ...
//! ```
//! The lock is held while a slice is copied, some microseconds; large pushes fill segments first and then hand them over.

use core::cell::{Cell, UnsafeCell};
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU64, Ordering};

use super::compared::Compared;
use super::host::Host;
pub use super::options::Options;
use super::residence::Residence;
use super::run::{Limits, Run, Told, Verdict};
use super::segments::{Pool, Records, SEGMENT_WORDS};
use super::shape::Shape;
use crate::base::handle::Kind;
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::gpu::buffer::Buffer;
use crate::gpu::cpu::batch::Batch;
use crate::gpu::cpu::pace::Pace;
use crate::gpu::named::{Named, enter};
use crate::gpu::program::{self, Program};
use crate::gpu::shared::Shared;
use crate::gpu::ticket::Pending;
use crate::strand::identity;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::cancel;
use crate::wait::list::{List, Node};
use crate::work::evidence::Evidence;
use crate::work::task::{Refusal, Task};
use crate::work::words::WORDS;

/// How items that have more to do go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// As the policy and what was measured say.
    Auto,
    /// At once, by who ran them.
    Blocking,
    /// Through the queue, after the inner steps of the program.
    NonBlocking,
}

/// A worklist, kept by its handle, its runners and the calls that use it.
pub struct Worklist {
    /// What its items do.
    pub program: Shared<Program>,
    /// What they do it with.
    pub buffers: Vec<Shared<Buffer>>,
    /// What it was made with.
    pub shape: Shape,
    /// See [`Way`].
    pub way: Way,
    /// Each run is made twice: here, and by the native kernel of the program.
    pub differential: bool,
    handle: AtomicU64,
    lock: ByteLock,
    state: UnsafeCell<State>,
}

// SAFETY: the state is touched under the lock only; the rest does not change.
unsafe impl Send for Worklist {}
// SAFETY: as above.
unsafe impl Sync for Worklist {}

/// What the lock keeps.
pub struct State {
    /// Items, results, counters.
    pub host: Host,
    /// No item is taken from outside any more.
    pub closed: bool,
    /// The handle was given up.
    pub released: bool,
    /// The run that is on.
    pub run: Option<Run>,
    /// What is known of runs that are made twice.
    pub compared: Compared,
    /// Which items count as being on a device without memory of its own.
    pub residence: Residence,
    /// How batches are cut.
    pub pace: Pace,
    /// Batches that nobody uses now.
    #[allow(clippy::vec_box, reason = "they are moved in and out under the lock")]
    pub spare: Vec<Box<Batch>>,
    /// Items for which those in line were promised room.
    promised: u64,
    /// Pushes that wait for room.
    pushers: List,
    /// Runners that wait for work.
    pub idle: List,
    /// The run on an adapter waits for work.
    pub device_waits: bool,
    /// It does, and its ticket is no external hold meanwhile.
    pub unheld: bool,
    /// What an adapter has of it.
    #[cfg(feature = "gpu")]
    pub resident: Option<crate::gpu::apart::Apart<crate::gpu::rounds::drive::Resident>>,
}

/// The state, locked.
pub struct Guard<'a>(&'a Worklist);

impl Deref for Guard<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        // SAFETY: the lock is held.
        unsafe { &*self.0.state.get() }
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut State {
        // SAFETY: the lock is held, and this is the only guard.
        unsafe { &mut *self.0.state.get() }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.lock.unlock();
    }
}

static LISTS: Named<Worklist> = Named::new(Kind::Worklist, "worklist");

/// Makes the table of a runtime that is being initialised.
pub fn start(capacity: u32) -> Outcome<()> {
    LISTS.start(capacity)
}

/// Frees the table.
///
/// # Safety
/// As [`Named::stop`].
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { LISTS.stop() };
}

/// A device was closed: runs on it end, and nobody waits for room any more.
pub fn device_closed() {
    LISTS.for_each(|list| {
        if list.program.device.is_closed() {
            list.shake(false);
        }
    });
}

/// The worklist that a handle names.
pub fn get(handle: u64) -> Outcome<Shared<Worklist>> {
    LISTS.get(handle)
}

/// As [`get`]; CLOSED when its device was closed.
pub fn get_open(handle: u64) -> Outcome<Shared<Worklist>> {
    let list = get(handle)?;
    list.program.device.look()?;
    Ok(list)
}

/// Makes a worklist: its handle.
pub fn create(program: u64, options: &Options) -> Outcome<u64> {
    let _call = enter()?;
    let program = program::get(program)?;
    program.device.look()?;
    if options.differential {
        can_be_compared(&program)?;
    }
    let (shape, buffers) = (options.shape(&program), options.find_buffers(&program)?);
    if u64::from(shape.emit_max) > shape.emitted_max {
        return fail(
            Status::INVALID,
            format_args!("emitted_max is {}: an item may emit {} (emit_max)", shape.emitted_max, shape.emit_max),
        );
    }
    let made = Worklist::new(program, buffers, shape, options.way, options.differential);
    let list = made.or_else(|status| fail(status, format_args!("no memory for a worklist")))?;
    LISTS.add(list, |list, handle| list.handle.store(handle, Ordering::Relaxed))
}

/// Whether a program has two implementations, and a device that runs the one which the processor does not.
fn can_be_compared(program: &Program) -> Outcome<()> {
    if program.device.remote().is_none() {
        return fail(
            Status::UNSUPPORTED,
            format_args!("the processor has one implementation: there is nothing to compare"),
        );
    }
    if program.kernel.is_none() {
        return fail(
            Status::INVALID,
            format_args!("the program has no native kernel: there is nothing to compare its shader with"),
        );
    }
    Ok(())
}

/// Gives the handle up: no push waits any more, a run ends between two batches, and the last who uses it frees it.
pub fn release(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    let list = LISTS.remove(handle)?;
    list.shake(true);
    list.end_compared();
    Ok(())
}

impl Worklist {
    pub(super) fn new(
        program: Shared<Program>,
        buffers: Vec<Shared<Buffer>>,
        shape: Shape,
        way: Way,
        differential: bool,
    ) -> Outcome<Shared<Worklist>> {
        let state = State {
            host: Host::new(shape)?,
            closed: false,
            released: false,
            run: None,
            compared: Compared::default(),
            residence: Residence::default(),
            pace: Pace::new(),
            spare: Vec::new(),
            promised: 0,
            pushers: List::new(),
            idle: List::new(),
            device_waits: false,
            unheld: false,
            #[cfg(feature = "gpu")]
            resident: None,
        };
        Shared::new(Worklist {
            program,
            buffers,
            shape,
            way,
            differential,
            handle: AtomicU64::new(0),
            lock: ByteLock::new(),
            state: UnsafeCell::new(state),
        })
    }

    /// Its handle.
    pub fn handle(&self) -> u64 {
        self.handle.load(Ordering::Relaxed)
    }

    /// Has it shown with the handle of another.
    pub(super) fn show_as(&self, other: &Worklist) {
        self.handle.store(other.handle(), Ordering::Relaxed);
    }

    /// Locks it.
    pub fn lock(&self) -> Guard<'_> {
        self.lock.lock();
        Guard(self)
    }

    /// Whether its device was closed.
    pub fn device_is_closed(&self) -> bool {
        self.program.device.is_closed()
    }

    /// Everybody who waits looks again: its device was closed, or its handle given up.
    fn shake(&self, released: bool) {
        let mut woken = Woken::new();
        let mut state = self.lock();
        state.released |= released;
        state.pushers.win_all(&mut woken, Status::CLOSED);
        state.idle.win_all(&mut woken, Status::OK);
        self.leave_to(state, woken);
    }

    /// Gives the lock back; then those who were won go on, and a run on an adapter that waits is looked at again.
    fn leave_to(&self, mut state: Guard<'_>, woken: Woken) {
        let waits = state.take_device_waits();
        drop(state);
        woken.wake_all();
        if let (true, Some(remote)) = (waits, self.program.device.remote()) {
            remote.nudge();
        }
    }

    /// Its runners look again: the run was cancelled.
    pub fn nudge(&self) {
        let mut woken = Woken::new();
        let state = self.lock();
        state.idle.win_all(&mut woken, Status::OK);
        self.leave_to(state, woken);
    }

    /// Takes items from outside: all or none. Waits for room.
    pub fn push(&self, words: &[u32], band: u32, tenant: u32, deadline: i64) -> Outcome<()> {
        let count = (words.len() / self.shape.record_words()) as u64;
        self.check_place(band, tenant, count)?;
        if words.len() > SEGMENT_WORDS {
            let mut records = Records::new(self.shape.record_words());
            let mut pool = Pool::new();
            if let Err(status) = records.push_back(&mut pool, words) {
                return fail(status, format_args!("no memory for {count} items"));
            }
            return self.enter_queue(count, deadline, |host| host.push_segments(band, tenant, &mut records));
        }
        self.enter_queue(count, deadline, |host| host.push(band, tenant, words))
    }

    /// Takes tasks from outside: all or none. Waits for room.
    pub fn push_tasks(&self, tasks: &[Task], deadline: i64) -> Outcome<()> {
        let Shape { fields, bands, tenants, .. } = self.shape;
        for (number, task) in tasks.iter().enumerate() {
            let lost = fields.lost(task).map_or(Ok(()), |word| Err(Refusal::NotCarried(word)));
            if let Err(refusal) = task.admissible(bands, tenants).and(lost) {
                return fail(Status::INVALID, format_args!("task {number} cannot be taken: {refusal}"));
            }
        }
        self.check_count(tasks.len() as u64)?;
        self.enter_queue(tasks.len() as u64, deadline, |host| host.push_tasks(tasks))
    }

    fn check_place(&self, band: u32, tenant: u32, count: u64) -> Outcome<()> {
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
            done => done,
        }
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

    #[cold]
    fn wait_for_room(&self, count: u64, deadline: i64) -> Outcome<()> {
        if deadline == NO_WAIT {
            return Err(Status::WOULD_BLOCK);
        }
        crate::engine::outside::refuse_on_worker()?;
        if let Some(body) = identity::current() {
            cancel::before_waiting(body)?;
        }
        let line = InLine { node: Node::new(), count, list: self, counted: Cell::new(false) };
        match block::wait(&line, WaitKind::Worklist, self.handle(), deadline) {
            Status::OK => Ok(()),
            status => Err(status),
        }
    }

    /// No item is taken from outside any more.
    pub fn close(&self) {
        let mut woken = Woken::new();
        let mut state = self.lock();
        state.closed = true;
        state.pushers.win_all(&mut woken, Status::CLOSED);
        state.idle.win_all(&mut woken, Status::OK);
        self.leave_to(state, woken);
    }

    /// Paused items whose epoch has come become ready; their number.
    pub fn resume(&self, epoch: u32) -> Outcome<u64> {
        let mut woken = Woken::new();
        let mut state = self.lock();
        if state.compared.is_on() {
            drop(state);
            return self.is_compared();
        }
        let count = state.host.resume(epoch);
        state.idle.win_first(&mut woken, Status::OK);
        self.leave_to(state, woken);
        count.or_else(|status| fail(status, format_args!("no memory for the items that are to be resumed")))
    }

    /// Switches a tenant on or off.
    pub fn set_tenant(&self, tenant: u32, enabled: bool, quota: u64) -> Outcome<()> {
        self.check_place(0, tenant, 0)?;
        let mut woken = Woken::new();
        let mut state = self.lock();
        if state.compared.is_on() {
            drop(state);
            return self.is_compared();
        }
        state.host.set_tenant(tenant, enabled, quota);
        state.idle.win_first(&mut woken, Status::OK);
        self.leave_to(state, woken);
        Ok(())
    }

    /// Takes what is queued and paused, as tasks, as many as there are and fit; their number. BUSY while a run is on.
    pub fn take_tasks(&self, out: &mut [[u32; WORDS]]) -> Outcome<usize> {
        let mut woken = Woken::new();
        let mut state = self.lock();
        if state.is_running() {
            drop(state);
            return fail(Status::BUSY, format_args!("a run of worklist {:#x} is on", self.handle()));
        }
        let mut taken = 0;
        while taken < out.len()
            && let Some(task) = state.host.take_task()
        {
            out[taken] = *task.words();
            taken += 1;
        }
        state.give_room(&mut woken);
        drop(state);
        woken.wake_all();
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
        let mut state = self.lock();
        if state.compared.is_on() {
            drop(state);
            return self.is_compared();
        }
        Ok(state.host.take_fault())
    }
}

/// What came of beginning a run.
pub enum Begun {
    /// There was nothing to do.
    Done(Pending),
    /// Another is on, or the like.
    Refused(Pending, Status),
    /// It is on: somebody must work for it, for whom a place is counted.
    Running,
}

impl Worklist {
    /// Begins a run.
    pub fn begin(&self, pending: Pending, limits: Limits) -> Begun {
        let mut state = self.lock();
        if state.run.is_some() {
            return Begun::Refused(pending, Status::BUSY);
        }
        state.host.counters.runs += 1;
        let waits = limits.until_closed && !state.closed;
        if !waits && !state.host.has_work() {
            return Begun::Done(pending);
        }
        let mut run = Run::new(pending, limits, &state.host);
        run.workers = 1;
        state.run = Some(run);
        Begun::Running
    }
}

impl State {
    /// Whether the run on an adapter waits; it no longer does.
    pub fn take_device_waits(&mut self) -> bool {
        if core::mem::take(&mut self.unheld) {
            outside::owe();
        }
        core::mem::take(&mut self.device_waits)
    }

    fn look_open(&self, list: &Worklist) -> Outcome<()> {
        if self.closed || self.released || list.device_is_closed() {
            return Err(Status::CLOSED);
        }
        if self.compared.is_on() { Err(Status::BUSY) } else { Ok(()) }
    }

    /// Whether a run is on, or compared.
    pub fn is_running(&self) -> bool {
        self.run.is_some() || self.compared.is_on()
    }

    /// What is known of all runs.
    pub fn evidence(&self) -> Evidence {
        let counters = &self.host.counters;
        Evidence {
            mode: self.pace.last,
            depth: u32::try_from(counters.depth_peak).unwrap_or(u32::MAX),
            visits: counters.work.visits,
            occupancy_bps: self.pace.occupancy(),
            blocking_ns: self.pace.spent[0],
            nonblocking_ns: self.pace.spent[1],
            spilled: counters.spilled,
            requeued: counters.work.requeued,
            rounds: counters.rounds,
            submissions: counters.submissions,
            parity: self.compared.parity(),
            ..Evidence::empty()
        }
    }

    /// Whether so many items can be taken without waiting in line.
    fn has_room(&self, count: u64) -> bool {
        self.pushers.is_empty() && self.fits(count)
    }

    fn fits(&self, count: u64) -> bool {
        self.host.queued() + self.promised + count <= self.host.shape().host_items_max
    }

    /// Lets those in line go on for whom there is room, in their order.
    pub fn give_room(&mut self, woken: &mut Woken) {
        if self.compared.is_on() {
            return;
        }
        while let Some(first) = self.pushers.first() {
            // SAFETY: each node in this list is the first field of an `InLine` that is in place while it is linked.
            let need = unsafe { (*core::ptr::from_ref(first).cast::<InLine<'_>>()).count };
            if !self.fits(need) {
                return;
            }
            // One that has given up meanwhile says nothing of the next one's need.
            if self.pushers.win_next(woken, Status::OK) {
                self.promised += need;
            }
        }
    }

    /// Whether the run, which was about to end because nothing was left, goes on after all: its last runner asks. Whoever
    /// has pushed meanwhile and was told that a run is on may rely on that.
    pub fn goes_on(&mut self) -> bool {
        let Some(run) = &mut self.run else { return false };
        let more = run.workers == 1 && run.verdict == Some(Verdict::Drained) && self.host.has_ready();
        if more {
            run.verdict = None;
        }
        more
    }

    /// A runner less. The last one takes the run out, if it is to end.
    pub fn leave(&mut self) -> Option<(Run, Told)> {
        let run = self.run.as_mut()?;
        run.workers -= 1;
        if run.workers > 0 {
            return None;
        }
        let mut run = self.run.take()?;
        run.end(Verdict::Cancelled);
        self.residence.clear();
        let told = run.tell(&self.host);
        Some((run, told))
    }
}

/// A push that waits for room.
#[repr(C)]
struct InLine<'a> {
    node: Node,
    count: u64,
    list: &'a Worklist,
    counted: Cell<bool>,
}

impl Source for InLine<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let mut state = self.list.lock();
        if let Err(status) = state.look_open(self.list) {
            return Published::Done(status);
        }
        if state.has_room(self.count) {
            state.promised += self.count;
            return Published::Done(Status::OK);
        }
        if !self.counted.replace(true) {
            state.host.counters.waited += 1;
        }
        // SAFETY: in no list; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { state.pushers.push(&self.node, waiter) };
        if sole && !open_sole(waiter) {
            state.pushers.remove(&self.node);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let mut woken = Woken::new();
        let mut state = self.list.lock();
        state.pushers.remove(&self.node);
        // Those behind it may fit.
        state.give_room(&mut woken);
        drop(state);
        woken.wake_all();
    }
}

/// A runner that waits for work.
pub struct Idle<'a> {
    node: Node,
    list: &'a Worklist,
}

impl Idle<'_> {
    /// Waits until there may be something to do, or the deadline.
    pub fn wait(list: &Worklist, deadline: i64) -> Status {
        block::wait(&Idle { node: Node::new(), list }, WaitKind::Worklist, list.handle(), deadline)
    }
}

impl Source for Idle<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let mut state = self.list.lock();
        if state.is_worth_a_look(self.list) {
            return Published::Done(Status::OK);
        }
        // SAFETY: in no list; it lies in the frame of the runner, which stays until `withdraw` or a win.
        unsafe { state.idle.push(&self.node, waiter) };
        if sole && !open_sole(waiter) {
            state.idle.remove(&self.node);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        self.list.lock().idle.remove(&self.node);
    }
}

impl State {
    /// Whether a runner that has found nothing to do would find something now.
    fn is_worth_a_look(&mut self, list: &Worklist) -> bool {
        let Some(run) = &self.run else { return true };
        if run.verdict.is_some() || run.pending.is_cancelled() || self.released || list.device_is_closed() {
            return true;
        }
        if self.host.in_flight() == 0 {
            // Without an allowance the run ends, and nobody else is there to find that out.
            return self.host.has_ready() || self.closed || !run.limits.until_closed;
        }
        self.host.has_ready() && run.allowance(&self.host).0 > 0
    }
}
