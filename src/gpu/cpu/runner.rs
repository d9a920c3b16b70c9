// SPDX-License-Identifier: MIT OR Apache-2.0
//! A runner: a strand that takes batches of a worklist, calls the kernel and hands the results over, until the run ends.
//!
//! ```text
//! next (under the lock)   results of the last batch ─ how does the run end? ─ items that run again, or a slice, or none
//! kernel                  no lock; calls that could switch are refused
//! turn                    after 100 us others go first, for as long
//! ```
//! One pass under the lock ends a batch and begins the next. A kernel that ends its strand leaves through [`Runner::abandon`].

use core::ffi::c_void;

use super::batch::{Batch, Window};
use super::pace::TURN;
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::worker;
use crate::engine::{self, clock};
use crate::gpu::shared::Shared;
use crate::gpu::worklist::host::Promise;
use crate::gpu::worklist::line::Idle;
use crate::gpu::worklist::list::{Guard, State, Way, Worklist};
use crate::gpu::worklist::run::Verdict;
use crate::strand::body::Body;
use crate::strand::message::try_box;
use crate::wait::block::{FOREVER, Woken};
use crate::wait::cancel::{self, Raised};
use crate::work::codes;
use crate::work::policy::Mode;

/// Visits of an item that a blocking way makes before it lets others go first.
const BLOCKING_STEPS: u32 = 1 << 10;
/// Batches that a worklist keeps for later runs.
const SPARE: usize = 4;

/// Makes a strand that calls [`Runner::run`]; the runner is dropped where that cannot be.
///
/// The flag says whether the run has a strand already, from which this one is made.
pub type Spawn = fn(Box<Runner>, bool) -> Outcome<()>;

/// See the module documentation.
pub struct Runner {
    list: Shared<Worklist>,
    /// `None` once it has left.
    batch: Option<Box<Batch>>,
    promise: Option<Promise>,
    spawn: Spawn,
    /// Visits of the items in the batch.
    step: u32,
    steps_max: u32,
    mode: Mode,
    /// Time must not decide: this is the stepped engine.
    stepped: bool,
    /// When the kernel was called last, and had returned.
    began: i64,
    ended: i64,
    /// When others had their turn.
    turn: i64,
}

/// What a runner does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Kernel,
    Wait(i64),
    Leave,
}

impl Runner {
    /// One for a run that is about to begin, or goes on. NO_MEMORY.
    pub fn new(list: &Shared<Worklist>, spawn: Spawn) -> Outcome<Box<Runner>> {
        let spare = list.lock().spare.pop();
        let batch = match spare {
            Some(batch) => batch,
            None => new_batch(list)?,
        };
        let runner = Runner {
            list: list.clone(),
            batch: Some(batch),
            promise: None,
            spawn,
            step: 0,
            steps_max: 1,
            mode: Mode::Empty,
            stepped: false,
            began: 0,
            ended: 0,
            turn: 0,
        };
        try_box(runner).ok_or(Status::NO_MEMORY)
    }

    /// Works until the run ends.
    pub fn run(&mut self, body: &'static Body) {
        self.stepped = worker::of(body).engine().stepped().is_some();
        self.ended = self.now();
        self.turn = self.ended;
        loop {
            match self.next(cancel::is_cancelled(body)) {
                Next::Kernel => self.call_kernel(body),
                Next::Wait(deadline) => {
                    Idle::wait(&self.list, deadline);
                    self.ended = self.now();
                    self.turn = self.ended;
                    continue;
                }
                Next::Leave => return,
            }
            if self.stepped || self.ended - self.turn > TURN {
                self.give_way(body);
            }
        }
    }

    /// Others go first: as long as this one has run, or until nobody is ready.
    fn give_way(&mut self, body: &'static Body) {
        let began = self.now();
        loop {
            let worker = worker::of(body);
            let switches = worker.counts.switches.get();
            // SAFETY: the running strand's body; no lock is held.
            unsafe { engine::yield_now(body) };
            self.turn = self.now();
            let alone = core::ptr::eq(worker::of(body), worker) && worker.counts.switches.get() <= switches + 1;
            if self.stepped || alone || self.turn - began >= TURN {
                return;
            }
        }
    }

    /// The time, where it may decide something.
    fn now(&self) -> i64 {
        if self.stepped { 0 } else { clock::shown() }
    }

    fn call_kernel(&mut self, body: &'static Body) {
        let Some(batch) = self.batch.as_deref_mut() else { return };
        let program = &self.list.program;
        let Some(kernel) = program.kernel else { return };
        let inner = self.step < self.steps_max;
        let raised = Raised::new();
        worker::of(body).begin_callback(body);
        self.began = if self.stepped { 0 } else { clock::shown() };
        // SAFETY: the batch is this runner's alone; the kernel and its data are the program's own.
        unsafe { Batch::run(batch, kernel, program.kernel_data, inner) };
        self.ended = if self.stepped { 0 } else { clock::shown() };
        worker::of(body).end_callback(body);
        drop(raised);
        batch.give_debug(&self.list.debug);
    }

    /// The kernel has ended the strand that called it. Nothing is known of its items, so all of them have faulted; the run
    /// ends. Called as an exit function of the strand.
    pub fn abandon(&mut self, body: &'static Body) {
        if worker::of(body).end_callback(body) {
            cancel::lower();
        }
        if let Some(batch) = self.batch.as_deref_mut() {
            batch.give_debug(&self.list.debug);
            batch.abandon(codes::KERNEL);
            if let Some(run) = &mut self.list.lock().run {
                run.end(Verdict::Kernel);
            }
        }
        while self.next(false) != Next::Leave {}
    }

    /// The strand of this runner cannot begin, for want of memory: the others go on without it.
    pub fn stay_out(&mut self) {
        let mut state = self.list.lock();
        let Some(run) = &mut state.run else { return };
        run.has_one_less(Verdict::NoMemory);
        if run.workers > 1 {
            run.workers -= 1;
            return;
        }
        drop(state);
        while self.next(false) != Next::Leave {}
    }

    /// The strand of this runner cannot work: the run ends.
    pub fn give_up(&mut self, verdict: Verdict) {
        if let Some(run) = &mut self.list.lock().run {
            run.end(verdict);
        }
        while self.next(true) != Next::Leave {}
    }

    /// Ends a batch and begins the next.
    fn next(&mut self, cancelled: bool) -> Next {
        let list = self.list.clone();
        engine::touch(list.handle());
        let mut woken = Woken::new();
        let mut state = list.lock();
        if self.promise.is_some() {
            self.hand_over(&mut state);
        }
        let mut next = self.decide(&mut state, cancelled);
        if next == Next::Leave && state.goes_on() {
            next = self.decide(&mut state, cancelled);
        }
        state.give_room(&mut woken);
        let mut more = false;
        let mut ended = None;
        match next {
            Next::Kernel if state.has_open() => more = !state.idle.win_first(&mut woken, Status::OK),
            Next::Leave => {
                state.idle.win_all(&mut woken, Status::OK);
                self.keep_batch(&mut state);
                ended = state.leave();
            }
            _ => {}
        }
        let more = more && state.run.as_mut().is_some_and(|run| run.has_place());
        drop(state);
        woken.wake_all();
        if let Some((run, told)) = ended {
            run.resolve(&told);
        }
        if more {
            self.call_for_help();
        }
        next
    }

    fn keep_batch(&mut self, state: &mut State) {
        let Some(mut batch) = self.batch.take() else { return };
        batch.empty(&mut state.host);
        if state.spare.len() < SPARE && state.spare.try_reserve(1).is_ok() {
            state.spare.push(batch);
        }
    }

    /// One more strand, for which the run has counted a place.
    #[cold]
    fn call_for_help(&self) {
        let made = Runner::new(&self.list, self.spawn).and_then(|runner| (self.spawn)(runner, true));
        if made.is_err()
            && let Some(run) = &mut self.list.lock().run
        {
            run.has_one_less(Verdict::NoMemory); // this one is there
            run.workers -= 1;
        }
    }

    /// The results of a batch go where they belong.
    fn hand_over(&mut self, state: &mut Guard<'_>) {
        let (Some(batch), state) = (self.batch.as_deref_mut(), &mut **state) else { return };
        let committed = batch.commit(&mut state.host);
        let tally = batch.tally();
        let back = tally.pushed + tally.requeued - batch.again() + tally.yielded;
        let in_flight = state.host.in_flight();
        let counters = &mut state.host.counters;
        counters.rounds += 1;
        counters.submissions += 1;
        let took = self.ended - self.began;
        counters.active_ns += took.max(0) as u64;
        counters.spilled += state.residence.put(back, in_flight, u64::from(self.list.shape.capacity));
        state.pace.note(self.mode, batch.slice().count, tally.visits, took, batch.items_max());
        if batch.again() == 0
            && let Some(promise) = self.promise.take()
        {
            state.host.forget(promise);
        }
        if let Some(run) = &mut state.run {
            match committed {
                Ok(Ok(())) => {}
                Ok(Err(violation)) => run.end(Verdict::Wrong(violation)),
                Err(_) => run.end(Verdict::NoMemory),
            }
        }
    }

    fn decide(&mut self, state: &mut Guard<'_>, cancelled: bool) -> Next {
        let device_closed = self.list.device_is_closed() || state.released;
        let state = &mut **state;
        let (Some(run), Some(batch)) = (&mut state.run, self.batch.as_deref_mut()) else { return Next::Leave };
        if cancelled {
            run.end(Verdict::Cancelled);
        }
        let now = match run.limits.deadline {
            FOREVER => 0,
            _ if self.stepped => clock::shown(),
            _ => self.ended,
        };
        let host = &mut state.host;
        let ends = run.look(host, state.residence.spilled(), device_closed, now).is_some();
        if let Some(promise) = &mut self.promise {
            let (tenant, again) = (batch.slice().tenant, batch.again());
            let may = run.may_go_on(host) && !host.tenant_is_over(tenant);
            let goes_on = !ends && self.step < self.steps_max && may;
            batch.refill(host);
            if goes_on && host.renew(promise, tenant, again).is_ok() {
                self.step += 1;
                return Next::Kernel;
            }
            state.levels.returned(again);
            if batch.put_back(host).is_err() {
                run.end(Verdict::NoMemory);
            }
            if let Some(promise) = self.promise.take() {
                host.forget(promise);
            }
        }
        if run.verdict.is_some() {
            return Next::Leave;
        }
        let (allowed, verdict) = run.allowance(host);
        let limit = allowed.min(u64::from(state.pace.items())).min(state.levels.open(host.queued(), host.in_flight()));
        if limit > 0 {
            for limit in [limit, 1] {
                if !batch.fill(host, limit) {
                    break;
                }
                let slice = batch.slice();
                state.levels.took(u64::from(slice.count));
                if let Ok(promise) = host.reserve(slice.tenant, u64::from(slice.count)) {
                    self.promise = Some(promise);
                    host.counters.refilled += state.residence.take(u64::from(slice.count));
                    self.mode = match self.list.way {
                        Way::Auto => state.pace.choose(host.queued() + u64::from(slice.count)),
                        Way::Blocking => Mode::Blocking,
                        Way::NonBlocking => Mode::NonBlocking,
                    };
                    self.step = 1;
                    self.steps_max = match self.mode {
                        Mode::Blocking => BLOCKING_STEPS,
                        _ => self.list.program.limits.inner_steps,
                    };
                    return Next::Kernel;
                }
                state.levels.returned(u64::from(slice.count));
                if batch.put_back(host).is_err() || limit == 1 {
                    run.end(Verdict::NoMemory);
                    return Next::Leave;
                }
            }
        }
        if host.in_flight() > 0 {
            return Next::Wait(run.limits.deadline);
        }
        if allowed == 0 && host.has_ready() {
            run.end(verdict);
            return Next::Leave;
        }
        if run.limits.until_closed && !state.closed {
            return Next::Wait(run.limits.deadline);
        }
        run.end(Verdict::Drained);
        Next::Leave
    }
}

fn new_batch(list: &Worklist) -> Outcome<Box<Batch>> {
    let mut windows = [Window { address: core::ptr::null_mut(), bytes: 0 }; crate::gpu::program::BUFFERS_MAX as usize];
    let count = list.buffers.len().min(windows.len());
    for (window, buffer) in windows.iter_mut().zip(&list.buffers) {
        *window = Window { address: buffer.host().unwrap_or(core::ptr::null_mut()), bytes: buffer.bytes };
    }
    try_box(Batch::new(&list.shape, &windows[..count])?).ok_or(Status::NO_MEMORY)
}

/// What a strand of the library starts with, as the argument of its entry.
pub fn into_argument(runner: Box<Runner>) -> *mut c_void {
    Box::into_raw(runner).cast()
}

/// Gives the runner back that [`into_argument`] made a pointer of.
///
/// # Safety
/// It came from there, and is used by nobody else.
pub unsafe fn from_argument(argument: *mut c_void) -> Box<Runner> {
    // SAFETY: by contract.
    unsafe { Box::from_raw(argument.cast()) }
}
