// SPDX-License-Identifier: MIT OR Apache-2.0
//! One task: a slot of a table with an outcome that is written once.
//!
//! ```text
//!             ┌──────────── cancel, before the strand began ──────────────┐
//! PENDING ──begin──► RUNNING ──entry returns──► decided ──strand ended──► SUCCEEDED │ FAILED │ CANCELLED
//!    └── a promise is completed, failed, cancelled, abandoned ────────────┘
//! ```
//! The terminal state is written under the lock, by the first who comes; everybody later finds it written. That a strand has
//! begun is said without the lock: it writes `started`, passes a light fence and looks whether somebody asked for its
//! cancellation; whoever asks writes that, passes a heavy fence and looks at `started`. One sees the other.
//!
//! The slot belongs to all who can still reach it: handles of the task, handles of its promise, the strand that is to
//! write the outcome. When none is left its generation moves on and it goes back.

use core::ffi::c_void;

use super::scope::{self, Noted};
use super::table;
use super::watch::{Watch, Watches};
use crate::base::fence;
use crate::base::handle::{self, Kind, Parts};
use crate::base::lock::ByteLock;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use crate::base::sync::cell::Cell;
use crate::base::sync::shared_static;
use crate::memory::table::Slot;
use crate::strand::failure::Kept;
use crate::strand::fault;
use crate::wait::block::Woken;

/// How far a task is, as C sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// Not begun; a promise that is open.
    Pending = 0,
    /// Its strand has begun and has not ended.
    Running = 1,
    /// Ended with a value.
    Succeeded = 2,
    /// Ended with a fault.
    Failed = 3,
    /// Ended by a cancellation.
    Cancelled = 4,
}

impl State {
    const fn from_byte(byte: u8) -> State {
        match byte {
            1 => State::Running,
            2 => State::Succeeded,
            3 => State::Failed,
            4 => State::Cancelled,
            _ => State::Pending,
        }
    }

    /// Whether it never changes again.
    pub const fn is_terminal(self) -> bool {
        self as u8 >= State::Succeeded as u8
    }

    /// The word used in snapshots.
    pub const fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }
}

/// The outcome of a task, or how far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// How far.
    pub state: State,
    /// Somebody took the value.
    pub taken: bool,
    /// Why it failed.
    pub code: Status,
    /// Its value, when it succeeded and nobody took it.
    pub value: u64,
    /// Why it was cancelled.
    pub reason: u64,
    /// When it ended: greater than that of every task that had ended before.
    pub stamp: u64,
}

impl Ended {
    /// A state without anything else.
    pub const fn plain(state: State) -> Ended {
        Ended { state, taken: false, code: Status::OK, value: 0, reason: 0, stamp: 0 }
    }

    /// What an await of it answers.
    pub fn status(&self) -> Outcome<u64> {
        match self.state {
            State::Succeeded if self.taken => Err(Status::TAKEN),
            State::Succeeded => Ok(self.value),
            State::Failed => Err(Status::FAILED),
            State::Cancelled => Err(Status::CANCELLED),
            State::Pending | State::Running => Err(Status::WOULD_BLOCK),
        }
    }
}

/// How a promise is completed.
pub struct Verdict {
    /// A terminal state.
    pub state: State,
    /// Its value.
    pub value: u64,
    /// Why it failed.
    pub code: Status,
    /// Why it was cancelled.
    pub reason: u64,
}

/// Entry function of a task.
pub type Entry = unsafe extern "C-unwind" fn(*mut c_void, *mut u64) -> i32;
/// Ends an argument.
pub type DropArgument = unsafe extern "C" fn(*mut c_void);
/// Ends a value.
pub type DropValue = unsafe extern "C" fn(u64);

/// Somebody took the value, or it was dropped.
const TAKEN: u8 = 1;
/// Somebody has looked at the outcome.
const SEEN: u8 = 2;
/// A cancellation was asked for; `reason` says why.
const ASKED: u8 = 4;
/// A strand is going to write the outcome.
const ATTACHED: u8 = 8;
/// A promise: whoever has its handle is going to write the outcome.
const PROMISE: u8 = 16;
/// It counts as an external hold while it is open.
const EXTERNAL: u8 = 32;
/// It is decided that it ends without a value; `reason` is that of the outcome.
const DECIDED: u8 = 64;

/// Set in the generation of a slot that belongs to no task.
const FREE: u64 = 1 << 63;

/// On a line of its own.
#[repr(align(64))]
struct Stamps(AtomicU64);

shared_static! {
    /// Tasks that have ended.
    static STAMPS: Stamps = Stamps(AtomicU64::new(0));
}

/// See the module documentation.
#[repr(C, align(128))]
pub struct Task {
    lock: ByteLock,
    /// A terminal state once there is one, else PENDING. Written under the lock.
    state: AtomicU8,
    started: AtomicU8,
    asked: AtomicU8,
    flags: Cell<u8>,
    /// The state that the strand's end will write; of the strand alone.
    verdict: Cell<u8>,
    /// Guards the join that began with this task; see `join`.
    pub join_lock: ByteLock,
    code: Cell<i32>,
    references: Cell<u32>,
    generation: AtomicU64,
    value: Cell<u64>,
    reason: Cell<u64>,
    watches: Watches,
    promises: Cell<u32>,
    free_link: AtomicU32,
    // The first line ends here.
    stamp: Cell<u64>,
    /// The strand, once it has begun.
    strand: Cell<u64>,
    /// Entry function and argument of the strand.
    pub entry: Cell<Option<Entry>>,
    /// See `entry`.
    pub argument: Cell<*mut c_void>,
    /// Ends the argument if the entry never runs.
    pub drop_argument: Cell<Option<DropArgument>>,
    /// Ends the value if nobody takes it.
    pub drop_value: Cell<Option<DropValue>>,
    failure: Cell<Option<Kept>>,
    /// The failure that its strand has seen last in another task; of the strand alone.
    pub cause: Cell<Option<Kept>>,
    /// It has seen one; of the strand alone.
    pub caused: Cell<bool>,
    /// The scope it belongs to; 0 for the root.
    pub scope: Cell<u64>,
    /// Of a promise: the hook by which its scope cancels it, or 0.
    pub hook: Cell<u64>,
}

const _: () = assert!(cfg!(loom) || size_of::<Task>() <= 256);

// SAFETY: the cells are touched under the lock, or by the one strand that is said beside them.
unsafe impl Sync for Task {}

// SAFETY: the link is its own field; the generation is written by the table while the slot is free, and by `free`.
unsafe impl Slot for Task {
    fn free_link(&self) -> &AtomicU32 {
        &self.free_link
    }
    fn set_generation(&self, generation: u64) {
        self.generation.store(generation | FREE, Ordering::Relaxed);
    }
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed) & !FREE
    }
    #[cfg(loom)]
    fn blank() -> Self {
        Task {
            lock: ByteLock::new(),
            state: AtomicU8::new(0),
            started: AtomicU8::new(0),
            asked: AtomicU8::new(0),
            flags: Cell::new(0),
            verdict: Cell::new(0),
            join_lock: ByteLock::new(),
            code: Cell::new(0),
            references: Cell::new(0),
            generation: AtomicU64::new(0),
            value: Cell::new(0),
            reason: Cell::new(0),
            watches: Watches::new(),
            promises: Cell::new(0),
            free_link: AtomicU32::new(0),
            stamp: Cell::new(0),
            strand: Cell::new(0),
            entry: Cell::new(None),
            argument: Cell::new(core::ptr::null_mut()),
            drop_argument: Cell::new(None),
            drop_value: Cell::new(None),
            failure: Cell::new(None),
            cause: Cell::new(None),
            caused: Cell::new(false),
            scope: Cell::new(0),
            hook: Cell::new(0),
        }
    }
}

/// A task by name: what a handle says, checked again at each lock.
#[derive(Clone, Copy)]
pub struct Name {
    /// The slot.
    pub task: &'static Task,
    /// What the handle says of it.
    pub parts: Parts,
}

impl Name {
    /// The task, locked; STALE when its last handle is gone.
    #[inline]
    pub fn lock(self) -> Outcome<Locked> {
        let locked = self.task.lock();
        if self.task.generation.load(Ordering::Relaxed) == self.parts.generation && self.task.references.get() > 0 {
            return Ok(locked);
        }
        Err(locked.refuse(self.parts))
    }

    /// As [`Self::lock`], by a handle of the promise.
    pub fn lock_promise(self) -> Outcome<Locked> {
        let locked = self.task.lock();
        if self.task.generation.load(Ordering::Relaxed) == self.parts.generation && self.task.promises.get() > 0 {
            return Ok(locked);
        }
        Err(locked.refuse(self.parts))
    }

    /// Its handle.
    pub fn handle(&self) -> u64 {
        handle::encode(Kind::Task, self.parts.generation, self.parts.index)
    }

    /// Whether a locked task is still the one that is named.
    pub fn is_of(&self, locked: &Locked) -> bool {
        core::ptr::eq(self.task, locked.0) && self.task.generation.load(Ordering::Relaxed) == self.parts.generation
    }

    /// A first look: whether it has ended, or the handle is no good; then the lock must be taken to say more.
    #[inline]
    pub fn may_have_ended(&self) -> bool {
        // Acquire pairs with the Release in `settle`, for those who see no more than this.
        self.task.generation.load(Ordering::Relaxed) != self.parts.generation
            || State::from_byte(self.task.state.load(Ordering::Acquire)).is_terminal()
    }
}

/// A locked task. Unlocks when dropped.
pub struct Locked(&'static Task);

impl Drop for Locked {
    #[inline]
    fn drop(&mut self) {
        self.0.lock.unlock();
    }
}

/// What is left to do once the lock was given back.
#[must_use]
pub struct Rest {
    value: Option<(DropValue, u64)>,
    argument: Option<(DropArgument, *mut c_void)>,
    failure: Option<Kept>,
    cause: Option<Kept>,
    /// The slot is nobody's any more.
    pub freed: bool,
    /// It was an external hold.
    pub delivered: bool,
    /// It has ended just now, so.
    pub ended: Option<State>,
    /// The scope it belongs to.
    pub scope: u64,
    /// Its scope counts it until it was told of the end: no strand computes it, or that strand may be gone by then.
    pub counted: bool,
    /// What its scope has made of it so far.
    pub noted: Noted,
    /// The hook by which its scope would have cancelled it, or 0.
    pub hook: u64,
}

impl Rest {
    const NOTHING: Rest = Rest {
        value: None,
        argument: None,
        failure: None,
        cause: None,
        freed: false,
        delivered: false,
        ended: None,
        scope: 0,
        counted: false,
        noted: Noted::Not,
        hook: 0,
    };

    /// Drops what was left. No lock is held.
    #[inline]
    pub fn drop_all(self) {
        if let Some((drop, argument)) = self.argument {
            // SAFETY: handed over by the spawn; the entry has not run and will not.
            unsafe { drop(argument) };
        }
        if let Some((drop, value)) = self.value {
            // SAFETY: the value is dropped once: TAKEN was set under the lock.
            unsafe { drop(value) };
        }
    }
}

/// What came of giving a handle back.
#[must_use]
pub enum Released {
    /// The task is still somebody's.
    Kept,
    /// The slot is nobody's any more, and there is nothing to drop.
    Freed,
    /// There is something left to do.
    More(Rest),
}

/// What came of asking for a cancellation.
pub enum Asked {
    /// It is cancelled, at once.
    AtOnce(Rest),
    /// Its strand is to be cancelled, for this reason; false when it had been asked before.
    Running {
        /// Handle of the strand.
        strand: u64,
        /// Nobody had asked before.
        first: bool,
    },
}

impl Task {
    /// Takes the lock, whoever the slot belongs to.
    #[inline]
    pub fn lock(&'static self) -> Locked {
        self.lock.lock();
        Locked(self)
    }

    /// Writes what a new task begins with; the handles are valid once it returns. The slot is the caller's alone.
    pub fn open(&self, strand: bool, external: bool) {
        self.state.store(State::Pending as u8, Ordering::Relaxed);
        self.started.store(0, Ordering::Relaxed);
        self.asked.store(0, Ordering::Relaxed);
        self.verdict.set(0);
        self.caused.set(false);
        self.references.set(1);
        self.promises.set(u32::from(!strand));
        self.flags.set(if strand { ATTACHED } else { PROMISE } | if external { EXTERNAL } else { 0 });
        // Release pairs with the lock of whoever has the handle, which it got from here.
        self.generation.store(Slot::generation(self), Ordering::Release);
    }

    /// The slot of a task that could not be spawned after all. It goes back with its next generation.
    pub fn close_unused(&'static self) {
        let locked = self.lock();
        self.flags.set(0);
        self.references.set(0);
        locked.free();
    }

    /// Handle, of a task that is in use.
    pub fn handle(&self, index: u32) -> u64 {
        handle::encode(Kind::Task, Slot::generation(self), index)
    }

    /// Whether the slot belongs to a task. Under the lock.
    pub fn is_live(&self) -> bool {
        self.generation.load(Ordering::Relaxed) & FREE == 0
    }

    /// Whether the slot can be used once more.
    pub fn generation_is_left(&self) -> bool {
        Slot::generation(self) <= handle::GENERATION_MAX
    }

    /// The strand begins. False: the task is cancelled and the entry must not run. `cancelled` says that everything is.
    #[inline]
    pub fn begin(&'static self, strand: u64) -> bool {
        self.strand.set(strand);
        // Release: whoever sees it sees the strand.
        self.started.store(1, Ordering::Release);
        // Pairs with the heavy fence in `ask`: one of the two sees the other.
        fence::light();
        self.asked.load(Ordering::Relaxed) == 0 || self.begin_asked()
    }

    #[cold]
    fn begin_asked(&'static self) -> bool {
        let _locked = self.lock();
        !self.state().is_terminal()
    }

    /// The entry has returned 0: so will the task end, whatever is asked of it from now on.
    #[inline]
    pub fn succeed(&self, value: u64) {
        // Nobody else looks at either before the outcome is written.
        self.value.set(value);
        self.verdict.set(State::Succeeded as u8);
    }

    /// The task will end as cancelled. The reason of whoever asked for it stands; `reason` is for when nobody did.
    pub fn give_way(&'static self, reason: u64) {
        let _locked = self.lock();
        if !self.has(ASKED) {
            self.reason.set(reason);
        }
        self.set(DECIDED);
        self.verdict.set(State::Cancelled as u8);
    }

    /// The task will end as failed. Not so when it was decided otherwise before: by the entry's return.
    pub fn fail(&'static self, code: Status, failure: Option<Kept>) {
        if self.is_decided() {
            return;
        }
        let _locked = self.lock();
        self.code.set(code.0);
        self.failure.set(failure);
        self.set(DECIDED);
        self.verdict.set(State::Failed as u8);
    }

    /// Whether its strand has decided how it ends; asked by the strand.
    pub fn is_decided(&self) -> bool {
        self.verdict.get() != 0
    }

    /// The strand has ended: the outcome that it decided is written. `None`: there is nothing left to do.
    #[inline(always)]
    pub fn end_strand(&'static self, woken: &mut Woken) -> Option<Rest> {
        let locked = self.lock();
        let flags = self.flags.get() & !ATTACHED;
        self.flags.set(flags);
        if self.state().is_terminal() || self.references.get() == 0 || self.scope.get() != 0 {
            return Some(locked.end_strand_slowly(woken));
        }
        locked.write(State::from_byte(self.verdict.get()), woken);
        None
    }

    #[inline]
    fn state(&self) -> State {
        State::from_byte(self.state.load(Ordering::Relaxed))
    }

    fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    fn set(&self, flag: u8) {
        self.flags.set(self.flags.get() | flag);
    }
}

impl Locked {
    #[cold]
    fn refuse(self, parts: Parts) -> Status {
        let now = self.0.generation.load(Ordering::Relaxed);
        drop(self);
        match handle::compare(now & !FREE, parts.generation) {
            // The next generation of a free slot: not yet issued.
            Ok(()) if now & FREE != 0 => Status::INVALID,
            // Its last handle was released.
            Ok(()) => Status::STALE,
            Err(status) => status,
        }
    }

    /// The task.
    pub fn task(&self) -> &'static Task {
        self.0
    }

    /// How far it is.
    pub fn state(&self) -> State {
        match self.0.state() {
            // Acquire pairs with `begin`.
            State::Pending if self.0.started.load(Ordering::Acquire) != 0 => State::Running,
            state => state,
        }
    }

    /// The outcome, or how far it is. Looking is not seeing: see [`Self::mark_seen`].
    #[inline]
    pub fn look(&self) -> Ended {
        let task = self.0;
        let state = self.state();
        let taken = state == State::Succeeded && task.has(TAKEN);
        Ended {
            state,
            taken,
            code: if state == State::Failed { Status(task.code.get()) } else { Status::OK },
            value: if state == State::Succeeded && !taken { task.value.get() } else { 0 },
            reason: if state == State::Cancelled { task.reason.get() } else { 0 },
            stamp: task.stamp.get(),
        }
    }

    /// Somebody has been told the outcome, so a failure need not be reported any more.
    #[inline]
    pub fn mark_seen(&self) {
        if self.0.state() == State::Failed && !self.0.has(SEEN) {
            self.mark_failure_seen();
        }
    }

    #[cold]
    fn mark_failure_seen(&self) {
        self.0.set(SEEN);
        if let Some(failure) = self.failure() {
            fault::seen(&failure);
        }
    }

    /// The record of its failure.
    pub fn failure(&self) -> Option<Kept> {
        let failure = self.0.failure.take();
        self.0.failure.set(failure.clone());
        failure
    }

    /// Takes the value. Once.
    pub fn take(&self) -> Outcome<u64> {
        let value = self.look().status()?;
        self.0.set(TAKEN);
        Ok(value)
    }

    /// Wants to be told of the end, which has not come.
    ///
    /// # Safety
    /// As [`Watches::push`].
    #[inline]
    pub unsafe fn watch(&self, watch: &Watch) {
        // SAFETY: by contract.
        unsafe { self.0.watches.push(watch) };
    }

    /// Does not want to be told any more; whether it had not been.
    pub fn unwatch(&self, watch: &Watch) -> bool {
        self.0.watches.remove(watch)
    }

    /// Those who wait for it.
    pub fn waiting(&self) -> usize {
        self.0.watches.count()
    }

    /// Handles of the task.
    pub fn references(&self) -> u32 {
        self.0.references.get()
    }

    /// Whether it is a promise's.
    pub fn is_promise(&self) -> bool {
        self.0.has(PROMISE)
    }

    /// The strand that runs it; 0 when none has begun.
    pub fn strand(&self) -> u64 {
        if self.0.started.load(Ordering::Acquire) != 0 { self.0.strand.get() } else { 0 }
    }

    #[cfg(not(loom))]
    /// Addresses of its argument, while its entry may still run, and of its value, while it has one; for collectors.
    pub fn roots(&self) -> [Option<*const u64>; 2] {
        let pending = self.state() == State::Pending && self.0.has(ATTACHED);
        let holds = self.0.state() == State::Succeeded && !self.0.has(TAKEN);
        [
            pending.then(|| self.0.argument.as_ptr().cast_const().cast()),
            holds.then(|| self.0.value.as_ptr().cast_const()),
        ]
    }

    /// A model has no collectors.
    #[cfg(loom)]
    pub fn roots(&self) -> [Option<*const u64>; 2] {
        [None; 2]
    }

    /// One more handle.
    pub fn retain(&self, most: u32) -> bool {
        let references = self.0.references.get();
        self.0.references.set(references + u32::from(references < most));
        references < most
    }

    /// One handle of the promise more.
    pub fn retain_promise(&self, most: u32) -> bool {
        let promises = self.0.promises.get();
        self.0.promises.set(promises + u32::from(promises < most));
        promises < most
    }

    /// One handle less.
    #[inline(always)]
    pub fn release(self) -> Released {
        let task = self.0;
        let left = task.references.get() - 1;
        task.references.set(left);
        let state = task.state();
        if left > 0 || !state.is_terminal() {
            return Released::Kept;
        }
        let others = task.promises.get() > 0 || task.has(ATTACHED);
        let holds = state != State::Succeeded || task.drop_value.get().is_some() || task.caused.get();
        if others || holds {
            return Released::More(self.finish_slowly());
        }
        self.free();
        Released::Freed
    }

    /// One handle of the promise less: the last one abandons it if it is open.
    pub fn release_promise(self, reason: u64, woken: &mut Woken) -> Rest {
        let mut rest = Rest::NOTHING;
        self.0.promises.set(self.0.promises.get() - 1);
        if self.0.promises.get() == 0 && !self.0.state().is_terminal() {
            self.0.reason.set(reason);
            rest = self.settle(State::Cancelled, woken);
        }
        self.finish(rest)
    }

    /// Asks for its cancellation. ALREADY when it has ended.
    pub fn ask(self, reason: u64, woken: &mut Woken) -> Outcome<Asked> {
        let task = self.0;
        if task.state().is_terminal() {
            return Err(Status::ALREADY);
        }
        let first = !task.has(ASKED);
        if first && !task.has(DECIDED) {
            task.reason.set(reason);
        }
        task.set(ASKED);
        if !task.has(PROMISE) {
            // SeqCst: the entry's return looks at it without the lock.
            task.asked.store(1, Ordering::SeqCst);
            if first && task.started.load(Ordering::Relaxed) == 0 {
                // Pairs with the light fence in `begin`.
                fence::heavy();
            }
            // Acquire pairs with `begin`: the strand is said.
            if task.started.load(Ordering::Acquire) != 0 {
                return Ok(Asked::Running { strand: task.strand.get(), first });
            }
        }
        let mut rest = self.settle(State::Cancelled, woken);
        rest.argument = task.drop_argument.get().map(|drop| (drop, task.argument.get()));
        if !rest.counted && rest.scope != 0 {
            // Its strand may end once the lock is given back; the scope waits for the argument's end all the same.
            scope::count_again(rest.scope);
            rest.counted = true;
        }
        Ok(Asked::AtOnce(self.finish(rest)))
    }

    /// Completes a promise. ALREADY when it has ended.
    pub fn complete(self, verdict: &Verdict, failure: Option<Kept>, woken: &mut Woken) -> Outcome<Rest> {
        let task = self.0;
        if task.state().is_terminal() {
            return Err(Status::ALREADY);
        }
        task.value.set(verdict.value);
        task.code.set(verdict.code.0);
        task.reason.set(verdict.reason);
        task.failure.set(failure);
        let rest = self.settle(verdict.state, woken);
        Ok(self.finish(rest))
    }

    /// Ends a task whose strand will never begin.
    pub fn fail_unstarted(self, code: Status, failure: Option<Kept>, woken: &mut Woken) -> Rest {
        let task = self.0;
        let mut rest = Rest::NOTHING;
        task.flags.set(task.flags.get() & !ATTACHED);
        if !task.state().is_terminal() {
            task.code.set(code.0);
            task.failure.set(failure);
            rest = self.settle(State::Failed, woken);
            rest.argument = task.drop_argument.get().map(|drop| (drop, task.argument.get()));
        }
        self.finish(rest)
    }

    /// Ends a task that a runtime leaves behind when it goes.
    pub fn end_for_good(self) -> Rest {
        let task = self.0;
        task.references.set(0);
        task.promises.set(0);
        task.flags.set(task.flags.get() & !(ATTACHED | EXTERNAL));
        let pending = !task.state().is_terminal() && !task.has(PROMISE) && task.started.load(Ordering::Acquire) == 0;
        let argument = if pending { task.drop_argument.get().map(|drop| (drop, task.argument.get())) } else { None };
        let mut rest = Rest::NOTHING;
        rest.value = self.value_to_drop();
        rest.argument = argument;
        rest.failure = task.failure.take();
        rest.cause = task.cause.take();
        self.free();
        rest
    }

    #[cold]
    #[inline(never)]
    fn end_strand_slowly(self, woken: &mut Woken) -> Rest {
        let task = self.0;
        if task.state().is_terminal() {
            return self.finish(Rest::NOTHING);
        }
        let rest = self.settle(State::from_byte(task.verdict.get()), woken);
        self.finish(rest)
    }

    #[cold]
    #[inline(never)]
    fn finish_slowly(self) -> Rest {
        self.finish(Rest::NOTHING)
    }

    /// Writes the terminal state. It was not terminal.
    fn settle(&self, state: State, woken: &mut Woken) -> Rest {
        let task = self.0;
        self.write_state(state);
        let (scope, counted) = (task.scope.get(), self.is_promise());
        // Before those who wait, who may go on without this lock.
        let noted = if scope == 0 { Noted::Not } else { scope::note(scope, task, &self.look(), counted, woken) };
        self.tell(state, woken);
        Rest {
            delivered: task.has(EXTERNAL),
            ended: Some(state),
            scope,
            counted,
            noted,
            hook: if self.is_promise() { task.hook.get() } else { 0 },
            ..Rest::NOTHING
        }
    }

    /// As [`Self::settle`], of a task that is no hold and belongs to no scope.
    #[inline(always)]
    fn write(&self, state: State, woken: &mut Woken) {
        self.write_state(state);
        self.tell(state, woken);
    }

    #[inline(always)]
    fn write_state(&self, state: State) {
        let task = self.0;
        debug_assert!(state.is_terminal() && !task.state().is_terminal());
        // Relaxed: under the lock; the order among tasks that have nothing to do with each other does not matter.
        task.stamp.set(STAMPS.0.fetch_add(1, Ordering::Relaxed) + 1);
        // Release pairs with the Acquire in `may_have_ended`.
        task.state.store(state as u8, Ordering::Release);
    }

    /// Tells those who wait for it.
    #[inline(always)]
    fn tell(&self, state: State, woken: &mut Woken) {
        let task = self.0;
        let ended = self.look();
        let mut seen = false;
        while let Some(watch) = task.watches.pop() {
            // A task without a handle can be marked by nobody later.
            // SAFETY: it was linked until this moment under the lock, so its record is in place.
            seen |= unsafe { watch.tell(&ended, woken) } || task.references.get() == 0;
        }
        if state == State::Failed {
            self.list_failure(seen);
        }
    }

    #[cold]
    fn list_failure(&self, seen: bool) {
        if seen {
            return self.0.set(SEEN);
        }
        match self.failure() {
            Some(failure) => fault::list(&failure),
            None => fault::count_unexplained(table::handle_of(self.0), Status(self.0.code.get())),
        }
    }

    fn value_to_drop(&self) -> Option<(DropValue, u64)> {
        let task = self.0;
        if task.state() != State::Succeeded || task.has(TAKEN) {
            return None;
        }
        task.set(TAKEN);
        task.drop_value.get().map(|drop| (drop, task.value.get()))
    }

    /// Gives up what nobody can reach any more, and the lock. True: the slot goes back to the table.
    #[inline]
    fn finish(self, mut rest: Rest) -> Rest {
        let task = self.0;
        if task.references.get() > 0 || !task.state().is_terminal() {
            return rest;
        }
        if let Some(value) = self.value_to_drop() {
            rest.value = Some(value);
        }
        if task.promises.get() > 0 || task.has(ATTACHED) {
            return rest;
        }
        if task.state() == State::Failed {
            self.forget_failure(&mut rest);
        }
        rest.cause = task.cause.take();
        self.free();
        rest.freed = true;
        rest
    }

    #[cold]
    fn forget_failure(&self, rest: &mut Rest) {
        rest.failure = self.0.failure.take();
        if let Some(failure) = &rest.failure
            && !self.0.has(SEEN)
        {
            fault::gone(failure);
        }
    }

    /// The slot gets its next generation: every handle is stale.
    fn free(self) {
        let next = Slot::generation(self.0) + 1;
        self.0.generation.store(next | FREE, Ordering::Relaxed);
    }
}
