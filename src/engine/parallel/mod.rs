// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parallel engine: workers that run strands from their own queues and steal from each other.

pub mod cache;
mod company;
pub mod counts;
pub mod idle;
mod inject;
mod parker;
mod payoff;
mod queues;
mod search;
pub mod spare;
mod threads;
mod ticker;
mod timers;
pub mod worker;

use core::sync::atomic::{AtomicPtr, AtomicU64};

use crate::base::heap::TimerNode;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use crate::engine::Upcalls;
use crate::engine::may::May;
use crate::engine::stepped::Stepped;
use crate::memory::stack_pool::StackPool;
use crate::memory::table::Table;
use crate::policy::Cause;
use crate::strand::body::Body;
use crate::strand::context;
use crate::strand::head::{Head, Phase};
use crate::strand::identity;
use crate::strand::message::try_box;
use idle::Idle;
#[cfg(feature = "may")]
pub(in crate::engine) use inject::Inject;
#[cfg(not(feature = "may"))]
use inject::Inject;
#[cfg(feature = "may")]
pub(in crate::engine) use parker::Parker;
use spare::Spares;
#[cfg(feature = "may")]
pub(in crate::engine) use threads::start_keeper;
use ticker::Ticker;
use worker::Worker;

pub use search::draw_outside;
pub use threads::{forget_all, this_worker};
pub(in crate::engine) use threads::{leave_worker, sit_at};
pub use timers::NEVER as NO_TIMER;

/// The engine of the process.
static ENGINE: AtomicPtr<Parallel> = AtomicPtr::new(core::ptr::null_mut());

/// Strands made ready by OS threads since init.
static WAKES_OUTSIDE: AtomicU64 = AtomicU64::new(0);

/// Immediate wakes for a lone strand that a fruitful search buys.
const LONE_CREDIT: i32 = 4;

/// See the module documentation.
pub struct Parallel {
    /// The heads of all strands.
    pub strands: Table<Head>,
    /// The stacks.
    pub stacks: StackPool,
    pub(in crate::engine) upcalls: Upcalls,
    kind: Kind,
    /// The ordinary ones first.
    workers: Box<[Worker]>,
    spares: Spares,
    idle: Idle,
    inject: Inject,
    ticker: Ticker,
    stopping: AtomicBool,
    lone_credit: AtomicI32,
    /// Strands that may be alive at once, if the program has set a limit, and those that are.
    limit: Option<u32>,
    limited: AtomicU32,
}

/// What takes the place of threads and queues.
pub enum Kind {
    /// Nothing: the workers have threads and queues of their own.
    Parallel,
    /// One loop for one worker.
    Stepped(Box<Stepped>),
    /// The scheduler of the may library.
    May(May),
}

/// The engine, while a runtime is initialised.
#[inline(always)]
pub fn engine() -> Option<&'static Parallel> {
    let engine = ENGINE.load(Ordering::Acquire);
    // SAFETY: published by `start` and taken back by `Stopped`, after every thread and counted call has left.
    (!engine.is_null()).then(|| unsafe { &*engine })
}

impl Parallel {
    /// An engine with its workers, none of which has a thread yet. NO_MEMORY when it cannot be had.
    pub fn new(
        workers: u32,
        limit: Option<u32>,
        kind: Kind,
        strands: Table<Head>,
        stacks: StackPool,
        upcalls: Upcalls,
    ) -> Outcome<Box<Parallel>> {
        let all = workers + if matches!(kind, Kind::Parallel) { Spares::beside(workers) } else { 0 };
        let mut list: Vec<Worker> = Vec::new();
        list.try_reserve_exact(all as usize).map_err(|_| Status::NO_MEMORY)?;
        // A virtual clock goes from one deadline to the next.
        list.extend((0..all).map(|index| Worker::new(index, matches!(kind, Kind::Stepped(_)))));
        let engine = try_box(Parallel {
            strands,
            stacks,
            upcalls,
            kind,
            workers: list.into_boxed_slice(),
            spares: Spares::new(workers),
            idle: Idle::new(),
            inject: Inject::new(),
            ticker: Ticker::new(),
            stopping: AtomicBool::new(false),
            lone_credit: AtomicI32::new(LONE_CREDIT),
            limit,
            limited: AtomicU32::new(0),
        })
        .ok_or(Status::NO_MEMORY)?;
        for worker in &engine.workers {
            worker.engine.set(&*engine);
            if !engine.is_parallel() {
                // Its thread is whoever drives, or one of may's, and there is nothing to tick for.
                worker.started.store(true, Ordering::Release);
                engine.ticker.never_needed();
                continue;
            }
            if worker.index >= workers {
                worker.retired.store(true, Ordering::Release);
                continue;
            }
            // A worker without a thread counts as idle: claiming it starts the thread.
            engine.idle.start_searching();
            engine.idle.announce(worker.index);
        }
        Ok(engine)
    }

    /// Publishes the engine: from now on `ready` and `spawn` work.
    pub fn publish(engine: Box<Parallel>) -> &'static Parallel {
        let engine: &'static Parallel = Box::leak(engine);
        WAKES_OUTSIDE.store(0, Ordering::Relaxed);
        ENGINE.store(engine as *const Parallel as *mut Parallel, Ordering::Release);
        engine
    }

    /// Stops and joins every thread. Nothing runs any more and nothing is pushed.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for worker in &self.workers {
            worker.parker.unpark();
        }
        self.ticker.stop();
        if let Kind::May(may) = &self.kind {
            may.stop();
        }
        threads::join_all();
        if let Kind::May(may) = &self.kind {
            may.dismiss();
        }
    }

    /// Takes the stopped engine back, so that it can be dropped.
    ///
    /// # Safety
    /// [`Self::stop`] has returned, and no reference to the engine is left.
    pub unsafe fn take() -> Option<Box<Parallel>> {
        let engine = ENGINE.swap(core::ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: leaked by `publish`, taken back once, unused by contract.
        (!engine.is_null()).then(|| unsafe { Box::from_raw(engine) })
    }

    /// The workers that anybody has to look at.
    #[inline(always)]
    pub fn workers(&self) -> &[Worker] {
        self.workers.get(..self.spares.used()).unwrap_or(&self.workers)
    }

    /// How many the configuration asked for.
    pub fn ordinary_workers(&self) -> u32 {
        self.spares.ordinary()
    }

    /// Whether nothing runs, nothing is in a queue and nobody looks for work.
    pub fn is_quiescent(&self) -> bool {
        match &self.kind {
            Kind::Parallel => {}
            Kind::Stepped(stepped) => return stepped.is_quiescent(),
            Kind::May(may) => return may.is_quiescent(),
        }
        self.all_are_idle()
            && self.idle.searching() == 0
            && self.inject.len() == 0
            && self.workers.iter().all(|worker| worker.mailbox.len() == 0 && worker.queues.is_empty())
    }

    /// Frees everything. With `abandon` the stacks stay mapped: strands are still suspended on them.
    pub fn dismantle(self: Box<Self>, abandon: bool) {
        let Parallel { stacks, .. } = *self;
        if abandon {
            stacks.abandon();
        }
    }

    /// Somebody waits for something that only the ticker may notice.
    pub fn poke_ticker(&self) {
        if let Kind::May(may) = &self.kind {
            return may.poke();
        }
        self.ticker.poke();
    }

    /// Strands made ready by OS threads since init.
    pub fn wakes_outside(&self) -> u64 {
        WAKES_OUTSIDE.load(Ordering::Relaxed)
    }

    /// The loop of the stepped engine, if this is one.
    #[inline(always)]
    pub fn stepped(&self) -> Option<&Stepped> {
        match &self.kind {
            Kind::Stepped(stepped) => Some(stepped),
            _ => None,
        }
    }

    /// The name of the engine.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Parallel => "parallel",
            Kind::Stepped(_) => "stepped",
            Kind::May(_) => "may",
        }
    }

    /// The scheduler of the may library, if this is its engine.
    #[inline(always)]
    pub fn may(&self) -> Option<&May> {
        match &self.kind {
            Kind::May(may) => Some(may),
            _ => None,
        }
    }

    /// Whether the workers have threads and queues of their own.
    #[inline(always)]
    pub(super) fn is_parallel(&self) -> bool {
        matches!(self.kind, Kind::Parallel)
    }

    /// Whether a timer is armed that may make a strand ready. Everything is quiet.
    pub fn has_timers(&self) -> bool {
        let mut ticks = 0;
        for worker in &self.workers {
            let (armed, idle) = worker.timers.armed();
            if armed != idle {
                return true;
            }
            ticks += idle;
        }
        ticks != 0 && (self.upcalls.tick_matters)()
    }

    /// Asks every worker but `own`, and the ticker, to rest; whether all of them do.
    pub fn ask_to_rest(&self, own: Option<u32>) -> bool {
        // The ticker first: it takes back what a worker is asked for.
        let mut all = self.ticker.rest.is_begun();
        for worker in self.workers().iter().filter(|worker| Some(worker.index) != own) {
            if !worker.rest.is_begun() {
                worker.ask_to_rest();
                all = false;
            }
        }
        all
    }

    #[inline]
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Work was pushed to a worker's own queues: wakes another worker when that is worth it.
    #[inline]
    fn offer(&self, worker: &Worker) {
        let surplus = worker.queues.surplus();
        // A lone strand is worth a wake only while such wakes have paid; else the ticker sees to it.
        if (surplus >= 2 || surplus == 1 && self.lone_credit.load(Ordering::Relaxed) > 0)
            && self.idle.wants_wake()
            && !worker.left_alone.is_set()
        {
            return self.wake_one(worker);
        }
        self.ticker.poke();
    }

    #[cold]
    #[inline(never)]
    fn wake_one(&self, worker: &Worker) {
        worker.counts.woken.add(1);
        self.wake_from_outside();
    }

    /// Wakes an idle worker, starting its thread if it has none.
    fn wake_from_outside(&self) {
        if let Some(index) = self.idle.claim() {
            self.wake_claimed(index);
        }
    }

    fn wake_claimed(&self, index: u32) {
        // SAFETY: the engine is leaked while it is published, so its workers live for as long as their threads.
        let worker: &'static Worker = unsafe { &*(&self.workers[index as usize] as *const Worker) };
        // A worker that runs is looked after by the ticker.
        self.ticker.poke();
        if worker.started.load(Ordering::Acquire) {
            worker.parker.unpark();
        } else if !threads::start_worker(worker) {
            // It goes back among the idle: the next wake tries again.
            self.idle.announce(index);
        }
    }

    /// A strand that stays on another worker was made ready.
    fn send_home(&self, strand: &'static Head) {
        let home = u32::from(strand.home.load(Ordering::Relaxed));
        self.workers[home as usize].mailbox.push(strand);
        self.look_after(home);
    }

    /// Puts strands that have run into the queues of another worker, where thieves find them too. False when that worker
    /// is inside them for long.
    fn push_to(&self, other: u32, strands: &[Option<&'static Head>]) -> bool {
        let worker = &self.workers[other as usize];
        if !worker.owner.visit() {
            return false;
        }
        strands.iter().flatten().for_each(|strand| worker.queues.push_back(strand));
        worker.owner.end_visit();
        self.look_after(other);
        true
    }

    /// Something was put where this worker looks.
    fn look_after(&self, worker: u32) {
        // Pairs with the heavy fence in `announce`: the worker sees what was put there, or we see that it is idle.
        crate::base::fence::light();
        if self.idle.claim_this(worker) {
            self.wake_claimed(worker);
        } else {
            self.ticker.poke();
            if worker >= self.spares.ordinary() {
                self.call_in(worker);
            }
        }
    }

    /// Makes sure that some worker has a thread, before the first strand is published. LIMIT when none can be had.
    pub fn ensure_worker(&self) -> Outcome<()> {
        if self.workers[0].started.load(Ordering::Acquire) {
            return Ok(());
        }
        if self.idle.claim_this(0) {
            self.wake_claimed(0);
            if !self.workers[0].started.load(Ordering::Acquire) {
                return Err(Status::LIMIT);
            }
        }
        Ok(())
    }

    fn search_was_fruitless(&self) {
        let credit = self.lone_credit.load(Ordering::Relaxed);
        if credit > 0 {
            self.lone_credit.store(credit - 1, Ordering::Relaxed);
        }
    }

    fn search_was_fruitful(&self) {
        self.lone_credit.store(LONE_CREDIT, Ordering::Relaxed);
    }

    /// Puts a strand where every worker looks.
    fn inject(&self, strand: &'static Head) {
        if !strand.may_move() {
            return self.send_home(strand);
        }
        self.inject.push(strand);
        if self.idle.wants_wake() {
            self.wake_from_outside();
        } else {
            self.ticker.poke();
        }
    }

    /// A free head: from the worker's cache on a strand, from the table elsewhere.
    #[inline]
    pub fn take_head(&self, worker: Option<&Worker>) -> Outcome<u32> {
        if let Some(limit) = self.limit {
            self.count_in(limit)?;
        }
        let taken = match worker {
            Some(worker) => worker.cache.take_head(&self.strands),
            None => {
                let mut one = [0];
                self.strands.take(&mut one).map(|_| one[0])
            }
        };
        if taken.is_err() {
            self.count_out();
        }
        taken
    }

    /// A limit is the business of those who set one: they pay for the shared count.
    #[cold]
    fn count_in(&self, limit: u32) -> Outcome<()> {
        if self.limited.fetch_add(1, Ordering::Relaxed) < limit {
            return Ok(());
        }
        self.limited.fetch_sub(1, Ordering::Relaxed);
        Err(Status::LIMIT)
    }

    #[inline]
    fn count_out(&self) {
        if self.limit.is_some() {
            self.limited.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Strands that may be alive at once.
    pub fn most_strands(&self) -> u32 {
        self.limit.unwrap_or(self.strands.capacity())
    }

    /// Gives back a head that was taken by an OS thread.
    pub fn give_head(&self, index: u32) {
        self.count_out();
        if let Kind::Stepped(stepped) = &self.kind {
            stepped.retire(index);
        }
        self.strands.give(&[index]);
    }

    /// Takes a timer out of the wheel of the worker that armed it.
    ///
    /// # Safety
    /// The timer was armed by that worker and is alive.
    pub unsafe fn disarm(&self, worker: u32, timer: *const TimerNode) {
        debug_assert!((worker as usize) < self.workers.len());
        // SAFETY: by contract.
        unsafe { self.workers[worker as usize].timers.disarm(timer) };
    }
}

#[cfg(loom)]
impl Parallel {
    /// Fires the timers of a worker that are due at `now`, as any other worker does; the strands to make ready.
    pub fn fire(&self, worker: u32, now: i64) -> Option<&'static Head> {
        let mut due = [super::Expired::Nobody];
        self.workers[worker as usize].timers.fire(now, self.upcalls.timer_expired, &mut due);
        match due[0] {
            super::Expired::Strand(strand) => Some(strand),
            _ => None,
        }
    }
}

impl Worker {
    /// Arms a timer of a strand that this worker has switched out, or of one that runs here. `now` is not in the future.
    ///
    /// # Safety
    /// The node is not linked, its deadline is set, and it stays in place until it has fired or was disarmed.
    #[inline]
    pub unsafe fn arm(&self, timer: *const TimerNode, now: i64) {
        // SAFETY: by contract.
        unsafe { self.timers.arm(timer, now) };
        if let Kind::May(may) = &self.engine().kind {
            // SAFETY: alive by contract.
            return may.armed(unsafe { (*timer).deadline.get() });
        }
        self.engine().ticker.poke();
    }
}

/// See [`crate::engine::arm`].
///
/// # Safety
/// As [`Worker::arm`].
pub unsafe fn arm(timer: *const TimerNode) -> u32 {
    let Some(engine) = engine() else { return u32::MAX };
    let (worker, outside) = match current_worker() {
        Some(worker) => (worker, false),
        None => (&engine.workers[0], true),
    };
    // SAFETY: by contract.
    unsafe { worker.arm(timer, super::clock::shown()) };
    if outside && engine.is_parallel() {
        // It may be asleep until a later moment, or have no thread yet.
        engine.look_after(worker.index);
    }
    worker.index
}

/// The worker that the caller runs on: as a strand, or on the worker's own stack.
#[inline]
pub fn current_worker() -> Option<&'static Worker> {
    match identity::current() {
        Some(body) => Some(worker::of(body)),
        None => this_worker(),
    }
}

/// See [`crate::engine::ready`].
#[inline]
pub fn ready(strand: &'static Head) {
    match current_worker() {
        Some(worker) => worker.ready_next(strand),
        None => ready_from_outside(strand),
    }
}

/// As [`ready`], for one of several: to the tail instead of next.
pub fn ready_last(strand: &'static Head) {
    match current_worker() {
        Some(worker) => worker.ready_last(strand),
        None => ready_from_outside(strand),
    }
}

#[cold]
fn ready_from_outside(strand: &'static Head) {
    strand.set_phase(Phase::Ready);
    WAKES_OUTSIDE.fetch_add(1, Ordering::Relaxed);
    if let Some(engine) = engine() {
        match &engine.kind {
            Kind::Stepped(stepped) => stepped.woken(strand),
            Kind::May(may) => may.woken_outside(strand),
            Kind::Parallel => engine.inject(strand),
        }
    }
}

/// See [`crate::engine::spawn`].
#[inline]
pub fn spawn(strand: &'static Head) {
    match current_worker() {
        Some(worker) => worker.spawned(strand),
        None => spawn_from_outside(strand),
    }
}

/// As [`spawn`], for a strand that is to work beside its spawner for long: whoever is idle takes it, not this worker next.
#[cold]
pub fn spawn_apart(strand: &'static Head) {
    match engine() {
        Some(engine) if engine.is_parallel() => spawn_from_outside(strand),
        _ => spawn(strand),
    }
}

#[cold]
fn spawn_from_outside(strand: &'static Head) {
    if let Some(engine) = engine() {
        match &engine.kind {
            Kind::Stepped(stepped) => return stepped.ready(strand, Cause::Spawned),
            Kind::May(may) => return may.woken_outside(strand),
            Kind::Parallel => {}
        }
        if !strand.may_move() {
            // A pinned strand of an OS thread needs a home: they go round.
            let home = crate::strand::head::index_of(strand) % engine.spares.ordinary();
            strand.home.store(home as u16, Ordering::Relaxed);
        }
        engine.inject(strand);
    }
}

/// See [`crate::engine::yield_now`].
///
/// # Safety
/// `body` is the running strand's. No lock is held.
#[inline(always)]
pub unsafe fn yield_now(body: &'static Body) {
    // SAFETY: by contract.
    unsafe { context::suspend(body, context::YIELD) };
}
