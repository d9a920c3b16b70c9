// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where one of may's threads sits: it is the worker of that desk while it carries a strand.
//!
//! A thread takes a free desk the first time and keeps it for as long as the engine is up, so that a worker belongs to
//! one thread. Between the turns it is nobody's worker: its floating-point modes are its own again, and what else runs
//! on may's threads finds no strand and no worker there.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::May;
use super::carrier::Turn;
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::worker::Worker;
use crate::engine::parallel::{Parallel, leave_worker, sit_at};
use crate::strand::floating::Modes;
use crate::strand::head::Head;
use crate::strand::overflow::AlternateStack;

/// Turns after which a thread looks beyond what may gives it.
const TICK: u32 = 61;
/// A thread that found every desk taken.
const NONE: u32 = u32::MAX;

/// See the module documentation.
#[repr(align(128))]
pub struct Desk {
    /// The strand whose turn it is; null when that has ended, or none has one.
    carried: Cell<*const Head>,
    modes: Cell<Modes>,
    turns: Cell<u32>,
    at_work: AtomicBool,
    /// What the keeper saw the last time.
    pub(super) seen: AtomicU64,
    /// Desks that are taken; in the first one.
    taken: AtomicU32,
}

// SAFETY: the cells are touched by the thread that sits here.
unsafe impl Sync for Desk {}
// SAFETY: made by one thread, then used by another; nothing is tied to the first.
unsafe impl Send for Desk {}

thread_local! {
    /// Era and index of the calling thread's desk.
    static OWN: Cell<(u64, u32)> = const { Cell::new((0, NONE)) };
    /// Whether the thread has an alternate stack.
    static ALTERNATE: Cell<bool> = const { Cell::new(false) };
}

/// As many desks as workers. NO_MEMORY.
pub fn all(workers: u32) -> Outcome<Box<[Desk]>> {
    let mut desks: Vec<Desk> = Vec::new();
    desks.try_reserve_exact(workers as usize).map_err(|_| Status::NO_MEMORY)?;
    desks.extend((0..workers).map(|_| Desk {
        carried: Cell::new(core::ptr::null()),
        modes: Cell::new(Modes::DEFAULT),
        turns: Cell::new(0),
        at_work: AtomicBool::new(false),
        seen: AtomicU64::new(0),
        taken: AtomicU32::new(0),
    }));
    Ok(desks.into_boxed_slice())
}

impl Desk {
    /// The calling thread's desk and worker, for one turn. Never inlined: it reads thread-locals, and its caller may be on
    /// another thread the next time.
    #[inline(never)]
    pub fn sit(may: &'static May, engine: &'static Parallel) -> Option<(&'static Desk, &'static Worker)> {
        let (era, mut index) = OWN.with(Cell::get);
        if era != may.0.era {
            index = take(may, engine);
        }
        let desk = may.0.desks.get(index as usize)?;
        let worker = &engine.workers()[index as usize];
        sit_at(worker);
        desk.at_work.store(true, Ordering::Relaxed);
        Some((desk, worker))
    }

    /// The end of a turn. Never inlined, as [`Self::sit`].
    #[inline(never)]
    pub fn stand(&self, may: &'static May, worker: &'static Worker) {
        worker.put_back_modes(self.modes.get());
        worker.ask_to_give_way(false);
        self.at_work.store(false, Ordering::Relaxed);
        self.turns.set(self.turns.get() + 1);
        if self.turns.get() == TICK {
            self.turns.set(0);
            may.0.pumps.look(may);
            worker.tell_quiet(false);
        }
        leave_worker();
    }

    /// It is this strand's turn.
    pub fn carries(&self, strand: &'static Head) {
        self.carried.set(strand);
    }

    /// A strand has ended on this thread.
    pub fn ended(&self, strand: &Head) {
        if core::ptr::eq(self.carried.get(), strand) {
            self.carried.set(core::ptr::null());
        }
    }

    /// Whether the strand whose turn it was has ended, or waits.
    pub fn outcome(&self) -> Turn {
        if self.carried.get().is_null() { Turn::Ended } else { Turn::Waits }
    }

    /// Whether a strand has its turn here.
    pub fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed)
    }
}

/// The calling thread's first turn in this engine.
#[cold]
fn take(may: &'static May, engine: &'static Parallel) -> u32 {
    let index = may.0.desks[0].taken.fetch_add(1, Ordering::Relaxed);
    if index as usize >= may.0.desks.len() {
        may.0.desks[0].taken.fetch_sub(1, Ordering::Relaxed);
        return NONE;
    }
    OWN.with(|own| own.set((may.0.era, index)));
    if !ALTERNATE.with(|has| has.replace(true)) {
        // For as long as the thread lives, which is until the process ends.
        core::mem::forget(AlternateStack::install());
    }
    may.0.desks[index as usize].modes.set(Modes::read());
    engine.workers()[index as usize].work_on_this_thread();
    index
}
