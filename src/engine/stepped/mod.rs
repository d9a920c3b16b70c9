// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stepped engine: one thread, one strand at a time, every decision taken in one place.
//!
//! It is the parallel engine's one worker without a thread of its own: heads, stacks, timers and the switch are the
//! same, but ready strands go to a [`Schedule`] instead of to queues, and whoever drives (a host that steps, runs, or
//! waits inside a call) is the worker for as long as it drives.
//!
//! ```text
//! round   let other OS threads in ─ expire timers ─ pick ─ run to the next suspension or checkpoint ─ account
//! ```
//! Nothing runs outside of rounds. When nothing is ready, a virtual clock moves to the earliest deadline and all timers
//! of that moment fire as one batch; with an external hold or an active OS thread it stands still.

mod gate;
mod oracle;
mod places;
mod round;
mod seat;
pub mod turnover;
mod waiting;
mod watched;

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{Ordering, compiler_fence};

use crate::base::status::{Outcome, Status};
use crate::engine::{clock, touched};
use crate::policy::{Cause, Rules, Schedule, StrandIndex};
use crate::strand::body::Body;
use crate::strand::context::{self, Action};
use crate::strand::head::{self, Head, Phase};
use crate::strand::overflow::AlternateMemory;
use crate::strand::poll;
use crate::strand::waiter::WaitKind;
use gate::Gate;
use places::Places;

pub use oracle::{Arrival, Director, Inject, Oracle, Place};
pub use round::{LastStep, Reason, Round};
pub use seat::Seat;
pub use waiting::Driven;
pub use watched::{Watch, read_clock};

/// A strand suspends at a checkpoint. Commit records are aligned, so no address is taken for this.
pub const CHECKPOINT: Action = 1;
/// A strand was preempted before a call: it is ready already, and its successor is chosen.
const PREEMPTED: Action = 2;

/// The calling thread holds the gate.
pub struct Turn<'a> {
    stepped: &'a Stepped,
    entered: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.entered {
            self.stepped.gate.leave();
            turnover::bump();
        }
    }
}

impl Drop for Stepped {
    fn drop(&mut self) {
        // Also where the runtime could not be brought up.
        self.end();
    }
}

/// How a stepped engine is set up.
pub struct Setup {
    /// Policy and its parameters.
    pub rules: Rules,
    /// The clock moves when nothing else can happen.
    pub virtual_clock: bool,
    /// Calls that may switch are places where another strand may go first.
    pub explores: bool,
    /// Steps that one call may drive; 0 for no limit.
    pub max_steps: u64,
}

/// See the module documentation. Everything in it belongs to the holder of the gate.
pub struct Stepped {
    pub(in crate::engine) gate: Gate,
    schedule: UnsafeCell<Schedule>,
    oracle: UnsafeCell<Oracle>,
    /// The oracle is being asked. A signal handler that reads the clock meanwhile must not ask it too.
    asked: Cell<bool>,
    /// The strand that goes next whatever the policy says: it was picked already.
    chosen: Cell<Option<&'static Head>>,
    driven: Cell<bool>,
    running: Cell<bool>,
    alternate: AlternateMemory,
    virtual_clock: bool,
    max_steps: u64,
    steps: Cell<u64>,
    /// Picks since the schedule began, and the one at which something is to be injected.
    picks: Cell<u64>,
    injection_at: Cell<u64>,
    last: Cell<LastStep>,
    /// The director hears which OS thread does what, and of readings of the clock.
    watched: Cell<Watch>,
    /// The director is not asked for picks.
    policy_picks: Cell<bool>,
    /// The run has left the recording that it follows: nobody drives any more, but a shutdown.
    halted: Cell<bool>,
    refused: Cell<bool>,
    why: UnsafeCell<String>,
    places: Places,
}

// SAFETY: the cells are touched by the holder of the gate only.
unsafe impl Sync for Stepped {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Stepped {}

impl Stepped {
    /// An engine without strands. NO_MEMORY.
    pub fn new(setup: &Setup) -> Outcome<Stepped> {
        let stepped = Stepped {
            gate: Gate::new(),
            schedule: UnsafeCell::new(Schedule::new(&setup.rules)?),
            oracle: UnsafeCell::new(Oracle::Policy),
            asked: Cell::new(false),
            chosen: Cell::new(None),
            driven: Cell::new(false),
            running: Cell::new(false),
            alternate: AlternateMemory::new()?,
            virtual_clock: setup.virtual_clock,
            max_steps: setup.max_steps,
            steps: Cell::new(0),
            picks: Cell::new(0),
            injection_at: Cell::new(u64::MAX),
            last: Cell::new(LastStep::NONE),
            watched: Cell::new(Watch::Nothing),
            policy_picks: Cell::new(false),
            halted: Cell::new(false),
            refused: Cell::new(false),
            why: UnsafeCell::new(String::new()),
            places: Places::new(),
        };
        turnover::begin();
        clock::set_virtual(if setup.virtual_clock { clock::VIRTUAL_START } else { 0 });
        poll::raise(if setup.explores { poll::STEPPED | poll::EXPLORED } else { poll::STEPPED });
        Ok(stepped)
    }

    /// The ready strands and the policy, for the holder of the gate. `act` calls nothing that comes back here.
    #[inline]
    pub fn with_schedule<T>(&self, act: impl FnOnce(&mut Schedule) -> T) -> T {
        debug_assert!(self.gate.is_mine());
        // SAFETY: the holder of the gate is one thread, and `act` does not nest (contract), so this is the only
        // reference.
        act(unsafe { &mut *self.schedule.get() })
    }

    /// What decides. For the holder of the gate.
    #[inline]
    pub fn with_oracle<T>(&self, act: impl FnOnce(&mut Oracle) -> T) -> T {
        debug_assert!(self.gate.is_mine());
        self.asked.set(true);
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as above.
        let answer = act(unsafe { &mut *self.oracle.get() });
        compiler_fence(Ordering::SeqCst);
        self.asked.set(false);
        answer
    }

    /// The calling OS thread's turn at the gate, until it is dropped.
    pub fn turn(&self) -> Turn<'_> {
        let entered = self.gate.enter();
        if entered {
            self.arrive(Arrival::Call);
        }
        Turn { stepped: self, entered }
    }

    /// An OS thread is inside `run` (or leaves it): what it was before. For the holder of the gate.
    pub fn set_running(&self, running: bool) -> bool {
        self.running.replace(running)
    }

    /// A strand exists now. NO_MEMORY: nothing has happened. INVALID: there is no such lane.
    pub fn admit(&self, strand: StrandIndex, lane: u32, priority: i32) -> Outcome<()> {
        self.with_schedule(|schedule| schedule.admit(strand, lane, priority))?;
        let noted = self.with_oracle(|oracle| oracle.admit(strand));
        if noted.is_err() {
            self.retire(strand);
        }
        noted
    }

    /// A strand is gone.
    pub fn retire(&self, strand: StrandIndex) {
        self.with_schedule(|schedule| schedule.retire(strand));
    }

    /// A strand is ready, and says so.
    pub(in crate::engine) fn ready(&self, strand: &'static Head, cause: Cause) {
        if strand.phase() != Phase::Ready {
            strand.set_phase(Phase::Ready);
        }
        self.with_schedule(|schedule| schedule.ready(head::index_of(strand), cause));
    }

    /// A strand that has waited is ready. Its result is written.
    pub(in crate::engine) fn woken(&self, strand: &'static Head) {
        let received = strand
            .started_body()
            .is_some_and(|body| body.waiter.kind() == WaitKind::Receive && body.waiter.settled() == Status::OK);
        self.ready(strand, if received { Cause::Message } else { Cause::Woken });
    }

    /// A strand that was just spawned runs before its spawner, which is switched out.
    pub(in crate::engine) fn ready_first(&self, strand: &'static Head, spawner: &'static Head) {
        self.ready(strand, Cause::Spawned);
        let index = head::index_of(strand);
        if self.with_schedule(|schedule| schedule.take(index)) {
            self.chosen.set(Some(strand));
        }
        self.ready(spawner, Cause::Yielded);
    }

    /// The running strand is about to make a call that may switch: another may go first.
    ///
    /// # Safety
    /// `body` is the running strand's. No lock is held.
    pub unsafe fn decide(&self, body: &'static Body) {
        let strand = body.head();
        let index = head::index_of(strand);
        // Alone there is nothing to decide.
        let alone = self.with_schedule(|schedule| {
            let alone = schedule.eligible_count() == 0 && !schedule.is_held(index);
            if !alone {
                schedule.ready(index, Cause::Checkpoint);
            }
            alone
        });
        if alone {
            return;
        }
        let next = self.pick(true);
        if !next.is_some_and(|next| core::ptr::eq(next, strand)) {
            self.chosen.set(next); // nobody: this strand is held, and so is everybody else who is ready
            // SAFETY: by contract.
            unsafe { context::suspend(body, PREEMPTED) };
        }
    }

    /// The running strand, or whoever holds the gate, leaves open which one of `n` is taken.
    pub(in crate::engine) fn choose(&self, what: u8, n: u32) -> u32 {
        self.with_oracle(|oracle| self.with_schedule(|schedule| oracle.choose(schedule, what, n)))
    }

    /// The running strand, or whoever holds the gate, uses an object.
    pub(in crate::engine) fn touched(&self, object: u64) {
        if self.gate.is_mine() {
            self.with_oracle(|oracle| oracle.touched(object));
        }
    }

    /// As [`Self::touched`], for something that is known by its address.
    pub(in crate::engine) fn touched_place(&self, address: usize) {
        if !self.gate.is_mine() {
            return;
        }
        let (place, is_new) = self.places.number(address);
        if is_new {
            self.touched(touched::MAKING);
        }
        self.touched(place.map_or(touched::EVERYTHING, |place| touched::PLACES | u64::from(place)));
    }

    /// A schedule begins: places are numbered anew. For the holder of the gate.
    pub fn forget_places(&self) {
        self.places.forget();
    }

    /// Gives the turn away at a checkpoint, as far as the policy has it.
    ///
    /// # Safety
    /// As [`Self::decide`].
    pub unsafe fn checkpoint(&self, body: &'static Body) {
        // SAFETY: by contract.
        unsafe { context::suspend(body, CHECKPOINT) };
    }

    /// Holds a strand: it keeps its place, and is not picked before it is let go. One that runs or waits is held from
    /// the moment at which it would run next.
    pub fn pause(&self, strand: StrandIndex) {
        self.with_schedule(|schedule| schedule.pause(strand));
        if let Some(chosen) = self.chosen.get().filter(|chosen| head::index_of(chosen) == strand) {
            // It was picked, but has not run: it stands at the end again.
            self.chosen.set(None);
            self.ready(chosen, Cause::Woken);
        }
    }

    /// Whether strands are ready, but held: whoever lets one go makes the difference.
    pub(super) fn holds_somebody(&self) -> bool {
        self.with_schedule(|schedule| schedule.ready_count() > schedule.eligible_count())
    }

    /// The strand that goes next whatever the policy says.
    pub fn chosen(&self) -> Option<&'static Head> {
        self.chosen.get()
    }

    /// Whether nothing is ready. For the holder of the gate.
    pub fn is_quiescent(&self) -> bool {
        self.chosen.get().is_none() && self.with_schedule(|schedule| schedule.ready_count() == 0)
    }

    /// A schedule begins: picks are counted anew, and at the pick with this number (from 1) the director is asked what to
    /// inject. For the holder of the gate.
    pub fn inject_at(&self, pick: Option<u64>) {
        self.picks.set(0);
        self.injection_at.set(pick.unwrap_or(u64::MAX));
    }

    /// Steps since init.
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// The step that was made last.
    pub fn last_step(&self) -> LastStep {
        self.last.get()
    }

    /// The clock and the poll word are what they were.
    fn end(&self) {
        clock::set_virtual(0);
        clock::set_watched(false);
        poll::lower(poll::STEPPED | poll::EXPLORED | poll::FOLLOWED);
    }
}
