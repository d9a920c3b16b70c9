// SPDX-License-Identifier: MIT OR Apache-2.0
//! One worker: an OS thread that runs strands, one after the other, from its own queues.
//!
//! The loop in one picture:
//! ```text
//! pick ──► resume ──► the strand suspends with ─┬─ YIELD: to the tail, pick
//!   ▲                                           └─ a commit record: run it here, on the worker's stack:
//!   └──────────────────────────────────────────────── gone: pick      need not wait: resume again
//! ```
//! Because the commit runs after the switch, no strand is ever published to a waker before it is switched out.

mod first;
mod ready;

use core::cell::Cell;
use core::ffi::c_int;

use super::cache::Cache;
use super::company::Company;
use super::counts::Counts;
use super::inject::Inject;
use super::parker::Parker;
use super::payoff::{LeftAlone, Lone, Theft};
use super::queues::Queues;
use super::spare::Region;
use super::timers::Timers;
use super::{Kind, Parallel};
use crate::base::bias_lock::NO_SEAT;
use crate::base::owner_lock::OwnerLock;
use crate::base::sync::atomic::{AtomicBool, Ordering};
use crate::base::sync::monotonic;
use crate::engine::world::{self, Rest};
use crate::engine::{After, Commit};
use crate::strand::body::Body;
use crate::strand::context::{self, Action, YIELD};
use crate::strand::floating::Modes;
use crate::strand::head::{self, FLAG_STARTED, Head, Phase};
use crate::strand::{exceptions, hooks, identity, partner};

pub use first::give_head;

/// Every so many picks a worker looks beyond its own queues: inject, mailbox, timers.
pub const TICK: u32 = 61;

/// Strands that follow others to their worker at once.
const FOLLOWERS_MAX: usize = 64;

/// See the module documentation.
#[repr(align(128))]
pub struct Worker {
    /// Position among the workers.
    pub index: u32,
    /// Its seat at biased locks: one more than its index, or [`NO_SEAT`] where that does not fit.
    pub seat: u8,
    pub(super) engine: Cell<*const Parallel>,
    pub(super) owner: OwnerLock,
    pub(super) queues: Queues,
    /// Counters.
    pub counts: Counts,
    /// What it keeps at hand.
    pub cache: Cache,
    ticks: Cell<u32>,
    errno: Cell<*mut c_int>,
    modes: Cell<Modes>,
    /// The strand that runs should give way at its next checkpoint.
    pub(super) preempt: AtomicBool,
    pub(super) random: Cell<u32>,
    /// Searches in vain since the last one that found something.
    pub(super) fruitless: Cell<u32>,
    pub(super) parker: Parker,
    pub(super) mailbox: Inject,
    pub(super) timers: Timers,
    pub(super) started: AtomicBool,
    /// A spare that is not needed.
    pub(super) retired: AtomicBool,
    /// The strand that blocks this thread and has said so.
    pub region: Region,
    /// Between two strands, for who stops the world.
    pub(super) rest: Rest,
    /// Whether taking work from here has paid lately.
    pub(super) left_alone: LeftAlone,
    /// Whether a thief may take the only strand that waits here.
    pub(super) lone: Lone,
    /// The last theft of this worker.
    pub(super) theft: Theft,
    /// Whom its strands meet at locks.
    pub(super) company: Company,
}

// SAFETY: the cells belong to the worker's own thread, the queues to the holder of `owner`; the rest is atomic.
unsafe impl Sync for Worker {}
// SAFETY: a worker is created by one thread and then run by another; nothing is tied to the first.
unsafe impl Send for Worker {}

impl Worker {
    pub(super) fn new(index: u32, exact_timers: bool) -> Worker {
        Worker {
            index,
            seat: u8::try_from(index + 1).unwrap_or(NO_SEAT),
            engine: Cell::new(core::ptr::null()),
            owner: OwnerLock::new(),
            queues: Queues::new(),
            counts: Counts::default(),
            cache: Cache::new(),
            ticks: Cell::new(0),
            errno: Cell::new(core::ptr::null_mut()),
            modes: Cell::new(Modes::DEFAULT),
            preempt: AtomicBool::new(false),
            random: Cell::new(index.wrapping_mul(0x9E37_79B9) | 1),
            fruitless: Cell::new(0),
            parker: Parker::new(),
            mailbox: Inject::new(),
            timers: Timers::new(exact_timers),
            started: AtomicBool::new(false),
            rest: Rest::new(),
            retired: AtomicBool::new(false),
            region: Region::new(),
            left_alone: LeftAlone::new(),
            lone: Lone::new(),
            theft: Theft::new(),
            company: Company::new(),
        }
    }

    /// The engine it belongs to.
    #[inline(always)]
    pub fn engine(&self) -> &'static Parallel {
        // SAFETY: set before the worker's thread starts; the engine outlives its workers.
        unsafe { &*self.engine.get() }
    }

    /// The body of the thread: runs until the engine stops.
    pub(super) fn run(&self) {
        self.work_on_this_thread();
        self.rest.end();
        let mut yielded = None;
        // A worker is started by a wake, so it comes up searching.
        let mut next = self.search_or_sleep();
        while let Some(strand) = next {
            yielded = self.run_strand(strand);
            next = match self.pick(yielded) {
                Some(strand) => Some(strand),
                None => self.out_of_work(),
            };
        }
        debug_assert!(yielded.is_none() || self.engine().is_stopping());
        self.rest.begin();
    }

    /// Puts back the strand that gave its turn away, and picks the next.
    #[inline(always)]
    fn pick(&self, yielded: Option<&'static Head>) -> Option<&'static Head> {
        let ticks = self.ticks.get();
        self.ticks.set(ticks.wrapping_sub(1));
        // The ticker asks for a look too, where picks are too rare to wait for the next one.
        if ticks == 0 || self.preempt.load(Ordering::Relaxed) {
            self.tick();
        }
        self.owner.enter();
        if let Some(strand) = yielded {
            self.queues.push_back(strand);
        }
        let picked = self.queues.pick();
        self.prefetch_upcoming();
        self.owner.leave();
        picked
    }

    /// Begins to load the strand after this one: with many strands that is the dearest part of a switch.
    #[inline(always)]
    fn prefetch_upcoming(&self) {
        if let Some(upcoming) = self.queues.upcoming() {
            prefetch(upcoming);
        }
    }

    /// The look beyond the own queues.
    #[cold]
    #[inline(never)]
    fn tick(&self) {
        self.ticks.set(TICK - 1);
        self.preempt.store(false, Ordering::Relaxed);
        self.rest_if_asked();
        if let Some(other) = self.company.take_wish() {
            self.follow(other);
        }
        self.take_outside();
        if self.queues.surplus() >= 2 {
            // A worker that searched when this work was pushed may have found other work and let this lie.
            self.engine().offer(self);
        }
        (self.engine().upcalls.quiet)(false);
    }

    /// Between two strands: where the world is stopped, this worker waits until it goes on.
    pub(in crate::engine) fn rest_if_asked(&self) {
        if !world::is_stopping() {
            return;
        }
        if world::stopped_by_strand_of(self) {
            // It has suspended or ended, and nobody else will ever let the world go on.
            (self.engine().upcalls.world_lost)();
        }
        if self.engine().stepped().is_none() {
            self.rest.begin();
            self.rest.end();
        }
    }

    /// The next pick looks whether the world is stopped.
    pub fn ask_to_rest(&self) {
        self.preempt.store(true, Ordering::Relaxed);
    }

    /// Runs a strand, and those to whom it hands its turn, until one is gone, or gives its turn away (then it is
    /// returned).
    #[inline(always)]
    fn run_strand(&self, first: &'static Head) -> Option<&'static Head> {
        let mut strand = first;
        strand.set_phase(Phase::Running);
        let mut body = if strand.has(FLAG_STARTED) { strand.body() } else { self.start(strand)? };
        strand.home.store(self.index as u16, Ordering::Relaxed);
        loop {
            let action = self.switch_in(body);
            if action == YIELD {
                self.counts.yields.add(1);
                strand.set_phase(Phase::Ready);
                return Some(strand);
            }
            let commit = action as *mut Commit;
            // SAFETY: the record lies on the stack of the strand, which is switched out and held by us.
            match unsafe { ((*commit).run)(self, strand, commit) } {
                After::Gone => return None,
                After::Resume => {
                    if strand.phase() != Phase::Running {
                        strand.set_phase(Phase::Running);
                    }
                }
                After::HandOver(next) => {
                    strand = head::at(next);
                    if !self.may_go_on_with(strand) {
                        return self.line_up(strand);
                    }
                    strand.set_phase(Phase::Running);
                    body = if strand.has(FLAG_STARTED) { strand.body() } else { self.start(strand)? };
                    strand.home.store(self.index as u16, Ordering::Relaxed);
                }
            }
        }
    }

    /// Whether a strand that was handed the turn may have it at once: it may run here, and nobody has waited for too
    /// long. A hand-over counts as a pick towards the next look beyond the own queues, at which it is refused. One that
    /// never ran has nobody to bypass yet: were it to line up among its like, where the newest goes first, those who
    /// have run would not get their turn.
    #[inline(always)]
    fn may_go_on_with(&self, strand: &Head) -> bool {
        let ticks = self.ticks.get();
        if ticks == 0 || self.preempt.load(Ordering::Relaxed) || self.must_go_home(strand) {
            return !strand.has(FLAG_STARTED);
        }
        self.ticks.set(ticks - 1);
        true
    }

    #[inline(always)]
    fn must_go_home(&self, strand: &Head) -> bool {
        !strand.may_move() && strand.has(FLAG_STARTED) && strand.home.load(Ordering::Relaxed) != self.index as u16
    }

    /// A strand that was handed the turn and cannot have it at once: it goes home, or to the tail here (then it is
    /// returned).
    #[cold]
    #[inline(never)]
    fn line_up(&self, strand: &'static Head) -> Option<&'static Head> {
        if strand.phase() != Phase::Ready {
            strand.set_phase(Phase::Ready);
        }
        if self.must_go_home(strand) {
            self.engine().send_home(strand);
            return None;
        }
        Some(strand)
    }

    /// Switches to a strand and comes back when it suspends; errno and floating-point modes go with it.
    #[inline(always)]
    pub(in crate::engine) fn switch_in(&self, body: &'static Body) -> Action {
        body.worker.store(self as *const Worker as usize, Ordering::Relaxed);
        partner::prefetch(body);
        self.counts.switches.add(1);
        let told = hooks::on_switch();
        if told {
            report_switch(body, true);
        }
        let errno = self.errno.get();
        // SAFETY: the errno of this thread.
        unsafe { *errno = body.errno.get() };
        let modes = body.modes.get();
        if modes != self.modes.get() {
            modes.load();
        }
        // SAFETY: the strand is ours (phase RUNNING) and its context is alive.
        let action = unsafe { context::resume(body) };
        let modes = Modes::read();
        self.modes.set(modes);
        body.modes.set(modes);
        // SAFETY: the errno of this thread.
        body.errno.set(unsafe { *errno });
        if told {
            report_switch(body, false);
        }
        action
    }

    /// Gives the thread the floating-point modes that it had before the last strand.
    #[cfg(feature = "may")]
    pub(in crate::engine) fn put_back_modes(&self, modes: Modes) {
        if self.modes.get() != modes {
            modes.load();
            self.modes.set(modes);
        }
    }

    /// The strand that runs here should give way at its next checkpoint, or need not any more.
    #[cfg(feature = "may")]
    pub(in crate::engine) fn ask_to_give_way(&self, asked: bool) {
        if self.preempt.load(Ordering::Relaxed) != asked {
            self.preempt.store(asked, Ordering::Relaxed);
        }
    }

    /// Tells those above that timers were fired, on another thread.
    #[cfg(feature = "may")]
    pub(in crate::engine) fn tell_timers_fired(&self) {
        (self.engine().upcalls.timers_fired)();
    }

    /// Tells those above that a strand could not start.
    #[cfg(feature = "may")]
    pub(in crate::engine) fn tell_stillborn(&self, strand: &'static Head, status: crate::base::status::Status) {
        (self.engine().upcalls.strand_stillborn)(self, strand, status);
    }

    /// The calling thread is the worker's from now on: its errno, its floating-point modes.
    pub(in crate::engine) fn work_on_this_thread(&self) {
        // SAFETY: the address of this thread's errno.
        self.errno.set(unsafe { libc::__errno_location() });
        self.modes.set(Modes::read());
    }

    /// Tells those above that it is time to look who may go on.
    pub(in crate::engine) fn tell_quiet(&self, all_idle: bool) {
        (self.engine().upcalls.quiet)(all_idle);
    }

    /// The timers armed here.
    pub(in crate::engine) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Whether the strand that runs here should give way. The next pick forgets it.
    pub fn is_preempted(&self) -> bool {
        self.preempt.load(Ordering::Relaxed)
    }

    /// How many strands this worker has picked; thieves and the ticker tell from it whether it moves on.
    #[inline]
    pub(super) fn progress(&self) -> u64 {
        self.counts.switches.get()
    }

    /// A strand of this worker took a lock after one of the worker at this seat, or had to wait for that one.
    #[inline]
    pub fn met(&self, seat: u8, waited: bool) {
        if self.company.met(seat, self.seat, waited) {
            // The next pick looks.
            self.ticks.set(0);
        }
    }

    /// Gives the strands here that have run to another worker, whose strands they talk to all the time.
    #[cold]
    fn follow(&self, other: u32) {
        let mut batch = [None; FOLLOWERS_MAX];
        self.owner.enter();
        let count = self.queues.take_movable(&mut batch);
        self.owner.leave();
        if !self.engine().push_to(other, &batch[..count]) {
            self.accept(&batch[..count]);
            return;
        }
        // Nor should they come back at once.
        self.theft.forget();
        self.engine().workers()[other as usize].left_alone.extend(monotonic());
    }

    /// Takes one strand at once, without looking anywhere else.
    pub(super) fn pick_own(&self) -> Option<&'static Head> {
        self.owner.enter();
        let picked = self.queues.pick();
        self.owner.leave();
        picked
    }
}

/// Begins to load a suspended strand that will be resumed soon: its body and the top of its frames.
#[inline(always)]
fn prefetch(strand: &'static Head) {
    #[cfg(all(target_arch = "x86_64", not(feature = "corosensei")))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let body = strand.entry.load(Ordering::Relaxed) as *const i8;
        // SAFETY: the strand is suspended and has started, so `entry` is its body, whose first word is the saved stack
        // pointer; a prefetch does not fault, whatever the address.
        unsafe {
            let frames = body.cast::<*const i8>().read();
            _mm_prefetch::<_MM_HINT_T0>(body);
            _mm_prefetch::<_MM_HINT_T0>(frames);
            _mm_prefetch::<_MM_HINT_T0>(frames.wrapping_add(64));
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(feature = "corosensei"))))]
    let _ = strand;
}

/// Tells the thread-local and the language of a switch, on the worker's stack.
#[cold]
fn report_switch(body: &Body, resume: bool) {
    // The hooks run on the worker's stack, so they must find no strand there.
    if !resume {
        identity::set_by_thread(core::ptr::null());
    }
    exceptions::exchange(body);
    let hooks = hooks::get();
    let hook = if resume { hooks.strand_resume } else { hooks.strand_suspend };
    if let Some(hook) = hook {
        let extras = body.extras.get();
        // SAFETY: the extras belong to the strand, which this worker holds.
        let local = if extras.is_null() { core::ptr::null_mut() } else { unsafe { (*extras).local } };
        // SAFETY: the hook is the program's own; it promised not to switch.
        unsafe { hook(local, hooks.data) };
    }
    if resume && identity::is_by_thread() {
        identity::set_by_thread(body);
    }
}

/// The worker that runs the calling strand; `None` on an OS thread.
#[inline(always)]
pub fn running() -> Option<&'static Worker> {
    identity::current().map(of)
}

/// The worker that runs `body`.
#[inline(always)]
pub fn of(body: &Body) -> &'static Worker {
    // SAFETY: a running strand's worker was stored at its resume and lives as long as the engine.
    unsafe { &*(body.worker.load(Ordering::Relaxed) as *const Worker) }
}
