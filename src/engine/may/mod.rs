// SPDX-License-Identifier: MIT OR Apache-2.0
//! The may engine: strands over the scheduler of the may crate (cargo feature `may`).
//!
//! Each strand that has started has a coroutine of may's, its carrier, and may decides when that runs. The strand itself
//! runs on a stack of ours, as on the other engines: its carrier switches to it and gets it back when it suspends.
//! ```text
//! may's thread ──may──► carrier (64 KiB of may's) ──our switch──► strand (its own stack, its own class)
//!                          ▲                                        │ suspends
//!                          └──────────── commit runs here ◄─────────┘
//!                       gone:  park of may's, until somebody makes the strand ready
//!                       yield: yield of may's
//! ```
//! So what the parallel engine rests on holds here too: no strand is published before it is switched out, frames are
//! dropped and not unwound, overflows hit a guard that names the strand, and nothing of may's ever unwinds a frame that
//! is not its own. Of may only spawn, park, unpark and yield are called, and its threads are told how many they are.
//!
//! What may does not do is done here, in four places:
//! - `desk`: each of may's threads is one [`Worker`], for whatever belongs to one thread at a time;
//! - `pump`: may looks at what came from elsewhere only when its own queue is empty, so that a strand which yields in a
//!   loop would keep out every new one for ever. New strands, and those that an OS thread wakes, therefore wait in a list
//!   of ours, from which coroutines that stand in may's queues take them;
//! - `keeper`: a thread that fires timers, and that wakes threads of may's which sleep while work lies elsewhere;
//! - `scheduler`: may is started once in a process and never stops.

mod carrier;
mod desk;
mod keeper;
mod pump;
mod scheduler;
#[cfg(test)]
mod tests;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use super::outside;
use super::parallel::worker::Worker;
use super::parallel::{Inject, Parallel};
use crate::base::status::Outcome;
use crate::strand::head::{FLAG_STARTED, Head, Phase};
use desk::Desk;
use keeper::Keeper;
use pump::Pumps;

pub use scheduler::{STRANDS_MAX, most_strands, threads};

/// Whether this build has the engine.
pub const IS_BUILT: bool = true;

/// Strands that are ready or run, and others who make strands ready. The last thing that a carrier does for a strand is
/// to count it out, so this outlives every engine.
static BUSY: AtomicU64 = AtomicU64::new(0);

/// See the module documentation.
pub struct May(Box<Inner>);

/// What May consists of, at an address that stays.
struct Inner {
    /// One for each thread of may's.
    desks: Box<[Desk]>,
    /// Strands that no carrier has taken over yet, and such that an OS thread has made ready.
    arrived: Inject,
    pumps: Pumps,
    keeper: Keeper,
    stopping: AtomicBool,
    /// Tells a thread whether its desk is one of this engine.
    era: u64,
}

impl May {
    /// The engine for so many threads, with may's scheduler running. LIMIT, UNSUPPORTED, NO_MEMORY.
    pub fn new(workers: u32) -> Outcome<May> {
        static ERA: AtomicU64 = AtomicU64::new(0);
        scheduler::start(workers)?;
        let inner = Inner {
            desks: desk::all(workers)?,
            arrived: Inject::new(),
            pumps: Pumps::new(workers)?,
            keeper: Keeper::new(),
            stopping: AtomicBool::new(false),
            era: ERA.fetch_add(1, Ordering::Relaxed) + 1,
        };
        crate::strand::message::try_box(inner).map(May).ok_or(crate::base::status::Status::NO_MEMORY)
    }

    /// The engine is published: starts what serves it. LIMIT.
    pub fn begin(&self, engine: &'static Parallel) -> Outcome<()> {
        keeper::start()?;
        self.0.pumps.start(engine)
    }

    /// A strand was made ready by one that runs on this worker, or by the worker itself.
    pub fn woken(&self, _: &Worker, strand: &'static Head) {
        self.count_in();
        if strand.has(FLAG_STARTED) {
            carrier::wake(strand);
        } else {
            self.arrives(strand);
        }
    }

    /// A strand was made ready by an OS thread.
    pub fn woken_outside(&self, strand: &'static Head) {
        if self.is_stopping() {
            // Nothing runs any more: what is taken down now wakes strands that are left behind.
            return;
        }
        self.count_in();
        self.0.arrived.push(strand);
        self.kick();
    }

    /// A strand was spawned on this worker.
    pub fn spawned(&self, _: &Worker, strand: &'static Head) {
        self.count_in();
        self.arrives(strand);
    }

    /// A strand was spawned on this worker, and `spawner`, which is switched out, goes on when it has begun.
    pub fn spawned_first(&self, worker: &Worker, strand: &'static Head, spawner: &'static Head) {
        spawner.set_phase(Phase::Ready);
        self.count_in();
        if self.0.pumps.follow(strand, spawner) {
            return self.spawned(worker, strand);
        }
        // No memory to remember who waits: the spawner goes on behind it in the same list.
        self.spawned(worker, strand);
        carrier::wake(spawner);
    }

    /// The head of a strand that has ended on this worker is given back.
    pub fn retire(&self, worker: &Worker, strand: &Head) {
        self.0.desks[worker.index as usize].ended(strand);
    }

    /// Whether nothing runs and nothing is ready.
    pub fn is_quiescent(&self) -> bool {
        BUSY.load(Ordering::SeqCst) == 0
    }

    /// Somebody waits for something that only the keeper may notice.
    pub fn poke(&self) {
        self.0.keeper.poke();
    }

    /// A timer was armed.
    pub fn armed(&self, deadline: i64) {
        self.0.keeper.armed(deadline);
    }

    /// The body of the keeper's thread.
    pub fn keep(&self, engine: &'static Parallel) {
        self.0.keeper.run(self, engine);
    }

    /// Tells everybody to stop.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.keeper.stop();
    }

    /// Waits until nobody uses the engine any more. The keeper was joined.
    pub fn dismiss(&self) {
        self.0.pumps.dismiss();
        if self.0.pumps.fired.swap(false, Ordering::SeqCst) {
            count_out();
        }
        // Carriers whose strands ended a moment ago are on their way out.
        while BUSY.load(Ordering::SeqCst) != 0 {
            scheduler::rest();
        }
    }

    fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }

    /// One more that is ready, before anybody can take it.
    #[inline]
    fn count_in(&self) {
        if BUSY.fetch_add(1, Ordering::SeqCst) == 0 {
            self.0.keeper.poke();
        }
    }

    /// A strand without a carrier goes to the list; on one of may's threads.
    fn arrives(&self, strand: &'static Head) {
        self.0.arrived.push(strand);
        self.0.pumps.signal();
    }

    /// Timers were fired, perhaps such that are no strand's.
    fn timers_fired(&self) {
        self.count_in();
        if self.0.pumps.fired.swap(true, Ordering::SeqCst) {
            // It was counted in before.
            return count_out();
        }
        self.kick();
    }

    /// Something lies in the list: has one of may's threads look, from an OS thread.
    fn kick(&self) {
        // Pairs with the fence of a pump that goes to sleep: it sees what lies there, or is seen asleep.
        fence(Ordering::SeqCst);
        self.0.pumps.kick(self);
    }
}

/// A strand is not ready any more, and its carrier does not touch the engine from here on.
fn count_out() {
    if BUSY.fetch_sub(1, Ordering::SeqCst) == 1 {
        outside::look_if_quiet();
    }
}
