// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worklist as handles name it: the host side under a lock, the run that is on, those who wait.
//!
//! ```text
//! calls     lock ─ a part of what they do ─ unlock                     calls.rs; those who wait: line.rs
//! runner    lock ─ results of the last batch, next batch ─ unlock ─ kernel ─ ...
//! ```
//! The lock is held while a slice is copied, some microseconds.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU64, Ordering};

use super::compared::Compared;
use super::debug::Debug;
use super::host::Host;
use super::levels::Levels;
pub use super::options::Options;
use super::residence::Residence;
use super::run::{Limits, Run, Told, Verdict};
use super::shape::Shape;
use crate::base::handle::Kind;
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::gpu::buffer::Buffer;
use crate::gpu::cpu::batch::Batch;
use crate::gpu::cpu::pace::Pace;
use crate::gpu::feed::Feeds;
use crate::gpu::named::{Named, enter};
use crate::gpu::program::{self, Program};
use crate::gpu::shared::Shared;
use crate::gpu::ticket::Pending;
use crate::strand::message::fail;
use crate::wait::block::Woken;
use crate::wait::list::List;
use crate::work::evidence::Evidence;

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
    /// What kernels and shaders write down.
    pub debug: Debug,
    /// Each run is made twice: here, and by the native kernel of the program.
    pub differential: bool,
    handle: AtomicU64,
    lock: ByteLock,
    /// Held by calls that take paused items out, around any number of holds of `lock`.
    pub(super) alone: ByteLock,
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
    /// Which items may be taken, on the processor.
    pub levels: Levels,
    /// How batches are cut.
    pub pace: Pace,
    /// Batches that nobody uses now.
    #[allow(clippy::vec_box, reason = "they are moved in and out under the lock")]
    pub spare: Vec<Box<Batch>>,
    /// Items for which those in line were promised room.
    pub(super) promised: u64,
    /// Pushes that wait for room.
    pub(super) pushers: List,
    /// Runners that wait for work.
    pub idle: List,
    /// What reads items from a file.
    pub feeds: Feeds,
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
        #[cfg(test)]
        super::segments::held::end();
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
    let made = Worklist::new(program, buffers, shape, options.way, options.differential, options.debug_max());
    let list = made.or_else(|status| fail(status, format_args!("no memory for a worklist")))?;
    list.lock().levels = Levels::new(options.levels);
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
    list.end_compared(None);
    Ok(())
}

impl Worklist {
    pub(super) fn new(
        program: Shared<Program>,
        buffers: Vec<Shared<Buffer>>,
        shape: Shape,
        way: Way,
        differential: bool,
        debug_max: u32,
    ) -> Outcome<Shared<Worklist>> {
        let state = State {
            host: Host::new(shape)?,
            closed: false,
            released: false,
            run: None,
            compared: Compared::default(),
            residence: Residence::default(),
            levels: Levels::default(),
            pace: Pace::new(),
            spare: Vec::new(),
            promised: 0,
            pushers: List::new(),
            idle: List::new(),
            feeds: Feeds::new(),
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
            debug: Debug::new(debug_max),
            differential,
            handle: AtomicU64::new(0),
            lock: ByteLock::new(),
            alone: ByteLock::new(),
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
        #[cfg(test)]
        super::segments::held::begin();
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
        state.feeds.stop_all();
        state.pushers.win_all(&mut woken, Status::CLOSED);
        state.idle.win_all(&mut woken, Status::OK);
        self.leave_to(state, woken);
    }

    /// Gives the lock back; then those who were won go on, and a run on an adapter that waits is looked at again.
    pub(super) fn leave_to(&self, mut state: Guard<'_>, woken: Woken) {
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

    /// No item is taken from outside any more.
    pub fn close(&self) {
        let mut woken = Woken::new();
        let mut state = self.lock();
        state.closed = true;
        state.feeds.stop_all();
        state.pushers.win_all(&mut woken, Status::CLOSED);
        state.idle.win_all(&mut woken, Status::OK);
        self.leave_to(state, woken);
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
        state.host.begin_run();
        let waits = limits.until_closed && !state.closed;
        if !waits && !state.host.has_work() {
            return Begun::Done(pending);
        }
        state.levels.begin(limits.workers);
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

    /// CLOSED when it takes no items from outside any more; BUSY while a run is compared.
    pub fn look_open(&self, list: &Worklist) -> Outcome<()> {
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

    /// Items that runners may take, tenants aside.
    pub fn open(&mut self) -> u64 {
        self.levels.open(self.host.queued(), self.host.in_flight())
    }

    /// Whether a runner would find an item now.
    pub fn has_open(&mut self) -> bool {
        self.open() > 0 && self.host.has_ready()
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
