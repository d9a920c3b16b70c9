// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spare workers: they take the place of workers whose strand blocks the thread and has said so.
//!
//! ```text
//! ordinary   as many as the configuration says          blocked   those of them whose strand is in a region
//! spare      a few more, retired at first: in no idle set, asleep or without a thread
//!
//! retired ──lacking: more blocked than spares present──► present: searches, runs, sleeps like every worker
//!    ▲                                                       │
//!    └──────── out of work, and fewer blocked ───────────────┘
//! ```
//! Nothing changes owner: the strand that blocks keeps its worker, and its thread; what waits in that worker's queues is
//! taken by thieves, as behind every strand that runs for long. A retired spare is woken for a strand that stays with it,
//! or for its own timers. All idle are the workers when as many are idle as are present.

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::Ordering;

use super::Parallel;
use super::idle::WORKERS_MAX;
use super::timers::NEVER;
use super::worker::Worker;
use crate::base::fence;
use crate::base::sync::atomic::AtomicU32;
use crate::base::sync::monotonic;
use crate::strand::body::Body;
use crate::strand::context::spilled;

/// Words that are kept of the top of a stack: enough for the frames of the call that begins a region.
const WORDS: usize = 256;

/// Spare workers of an engine.
pub const SPARES: u32 = if cfg!(loom) { 0 } else { 8 };

/// See the module documentation.
pub struct Spares {
    ordinary: u32,
    /// Workers that ever had work: the ordinary ones, and spares up to the last that was needed.
    used: AtomicU32,
    /// Workers that are not retired.
    present: AtomicU32,
    /// Strands in a region.
    blocked: AtomicU32,
}

impl Spares {
    /// None is needed yet.
    pub fn new(ordinary: u32) -> Spares {
        Spares {
            ordinary,
            used: AtomicU32::new(ordinary),
            present: AtomicU32::new(ordinary),
            blocked: AtomicU32::new(0),
        }
    }

    /// How many there can be beside so many ordinary workers.
    pub fn beside(ordinary: u32) -> u32 {
        SPARES.min(WORKERS_MAX as u32 - ordinary)
    }

    /// Workers that the configuration asked for.
    pub fn ordinary(&self) -> u32 {
        self.ordinary
    }

    /// Workers that anybody has to look at.
    #[inline(always)]
    pub fn used(&self) -> usize {
        // Acquire pairs with the Release in `call_in`.
        self.used.load(Ordering::Acquire) as usize
    }

    /// Workers that are idle when all are.
    pub fn present(&self) -> u32 {
        self.present.load(Ordering::SeqCst)
    }

    /// Whether more strands block than spares are there for.
    pub fn are_lacking(&self) -> bool {
        self.present() - self.ordinary < self.blocked.load(Ordering::SeqCst).min(SPARES)
    }

    fn are_too_many(&self) -> bool {
        self.present() - self.ordinary > self.blocked.load(Ordering::SeqCst)
    }
}

/// A strand that blocks the thread of its worker, and what a collector must know of it.
pub struct Region {
    body: Cell<*const Body>,
    depth: Cell<u32>,
    /// It does not block, but runs a function of the program that may not switch.
    callback: Cell<bool>,
    /// Where the frames of the strand began.
    low: Cell<usize>,
    /// What lay there: frames of the library that are gone by now, in which registers of the caller were stored.
    kept: UnsafeCell<[usize; WORDS]>,
}

impl Region {
    /// None.
    pub fn new() -> Region {
        Region {
            body: Cell::new(core::ptr::null()),
            depth: Cell::new(0),
            callback: Cell::new(false),
            low: Cell::new(0),
            kept: UnsafeCell::new([0; WORDS]),
        }
    }

    /// Whether this strand is in it. Asked on the worker, or while the world is stopped.
    #[inline]
    pub fn is_of(&self, body: &Body) -> bool {
        core::ptr::eq(self.body.get(), body)
    }

    /// Whether its strand runs a function of the program that may not switch, and has not begun to block in it.
    pub fn is_callback(&self) -> bool {
        self.callback.get() && self.depth.get() == 1
    }

    /// Where the frames of its strand lie, and the copy of those that were on top: first address, and the one behind.
    pub fn stretches(&self) -> [(usize, usize); 2] {
        let kept = self.kept.get() as usize;
        [(self.low.get(), self.body.get() as usize), (kept, kept + size_of::<[usize; WORDS]>())]
    }

    /// Keeps what the strand holds in registers, and in frames that will be gone.
    #[inline(never)]
    fn keep(&self, body: &Body) {
        spilled(|low| {
            self.low.set(low);
            let words = ((body as *const Body as usize - low) / size_of::<usize>()).min(WORDS);
            // SAFETY: the words lie on this strand's own stack, below its body; a collector reads the copy only while the
            // world is stopped, which it is not before `rest` has begun.
            unsafe {
                let kept = &mut *self.kept.get();
                core::ptr::copy_nonoverlapping(low as *const usize, kept.as_mut_ptr(), words);
                kept[words..].fill(0);
            }
        });
    }
}

impl Default for Region {
    fn default() -> Self {
        Self::new()
    }
}

impl Worker {
    /// The running strand is about to block this thread. False: it has said so before, and this is one level more.
    pub fn begin_region(&self, body: &Body) -> bool {
        let region = &self.region;
        region.depth.set(region.depth.get() + 1);
        if region.is_of(body) {
            return false;
        }
        region.body.set(body);
        region.keep(body);
        let engine = self.engine();
        if engine.is_parallel() {
            self.left_alone.forget();
            engine.spares.blocked.fetch_add(1, Ordering::SeqCst);
            engine.replace(self);
            self.rest.begin();
        }
        true
    }

    /// It is back. False: there is one level less. Where the world is stopped it waits.
    pub fn end_region(&self) -> bool {
        let region = &self.region;
        region.depth.set(region.depth.get() - 1);
        if region.depth.get() > 0 {
            return false;
        }
        let engine = self.engine();
        if engine.is_parallel() {
            self.rest.end();
            engine.spares.blocked.fetch_sub(1, Ordering::SeqCst);
        }
        region.body.set(core::ptr::null());
        true
    }

    /// The running strand, which is in no region, is about to call a function of the program that may not switch. Nobody
    /// takes its place.
    pub fn begin_callback(&self, body: &Body) {
        self.region.depth.set(1);
        self.region.callback.set(true);
        self.region.body.set(body);
    }

    /// The function has returned, or the strand ends in it. False: there was none.
    pub fn end_callback(&self, body: &Body) -> bool {
        if !self.region.is_of(body) || !self.region.callback.get() {
            return false;
        }
        self.region.callback.set(false);
        self.region.depth.set(0);
        self.region.body.set(core::ptr::null());
        true
    }

    /// How often the strand in the region has said that it blocks.
    pub fn region_depth(&self) -> u32 {
        self.region.depth.get()
    }

    /// Whether this worker is a spare that nobody needs.
    pub(super) fn should_retire(&self) -> bool {
        self.index >= self.engine().spares.ordinary && self.engine().spares.are_too_many()
    }

    /// Takes what only this worker looks after: strands that stay with it, and its timers. True when it got any.
    pub(super) fn take_own(&self) -> bool {
        let mut batch = [None; 32];
        let count = self.mailbox.take(&mut batch);
        let mut any = self.accept(&batch[..count]);
        if self.timers.earliest() != NEVER {
            any |= self.fire_timers(&self.timers, monotonic());
        }
        any
    }

    /// A spare that searches retires; comes back counted as searching.
    pub(super) fn retire(&self) {
        let engine = self.engine();
        let spares = &engine.spares;
        let leaves = |present: u32| {
            let needed = spares.ordinary + spares.blocked.load(Ordering::SeqCst);
            (present > needed).then(|| present - 1)
        };
        if spares.present.fetch_update(Ordering::SeqCst, Ordering::SeqCst, leaves).is_err() {
            return;
        }
        self.retired.store(true, Ordering::SeqCst);
        // Pairs with the light fence in `look_after`: what was put here is seen now, or this worker is seen retired.
        fence::heavy();
        engine.idle.found();
        let mut woken = false;
        if !engine.is_stopping() && self.mailbox.len() == 0 && self.queues.is_empty() {
            let earliest = self.timers.earliest();
            self.rest.begin();
            woken = self.parker.park((earliest != NEVER).then_some(earliest));
            self.rest.end();
        }
        if self.retired.swap(false, Ordering::SeqCst) {
            spares.present.fetch_add(1, Ordering::SeqCst);
            engine.idle.start_searching();
        } else if !woken {
            // Somebody has called it in: their token is on its way.
            self.parker.park(None);
        }
    }
}

impl Parallel {
    /// A strand blocks this worker: somebody else is to look at what it has.
    fn replace(&self, worker: &Worker) {
        self.ticker.poke();
        let work = worker.queues.surplus() > 0 || worker.queues.has_next() || self.inject.len() > 0;
        if !work || self.idle.searching() > 0 {
            return;
        }
        if self.idle.count() > 0 {
            self.wake_from_outside();
        } else {
            self.call_in_if_lacking();
        }
    }

    /// Calls a spare in, where one is lacking. Without a thread for it nothing changes; the ticker tries again.
    pub(super) fn call_in_if_lacking(&self) {
        if !self.spares.are_lacking() {
            return;
        }
        let spares = self.spares.ordinary as usize..self.workers.len();
        if let Some(index) = spares.into_iter().find(|index| self.workers[*index].retired.load(Ordering::Relaxed)) {
            self.call_in(index as u32);
        }
    }

    /// Calls this spare in, if it is retired.
    pub(super) fn call_in(&self, index: u32) {
        // SAFETY: the engine is leaked while it is published, so its workers live for as long as their threads.
        let worker: &'static Worker = unsafe { &*(&self.workers[index as usize] as *const Worker) };
        if !worker.retired.swap(false, Ordering::SeqCst) {
            return;
        }
        self.spares.present.fetch_add(1, Ordering::SeqCst);
        self.spares.used.fetch_max(index + 1, Ordering::AcqRel);
        self.idle.start_searching();
        if worker.started.load(Ordering::Acquire) {
            worker.parker.unpark();
        } else if !super::threads::start_worker(worker) {
            self.idle.found();
            self.spares.present.fetch_sub(1, Ordering::SeqCst);
            worker.retired.store(true, Ordering::SeqCst);
        }
    }

    /// Whether every worker that is present is idle.
    pub(super) fn all_are_idle(&self) -> bool {
        self.idle.count() == self.spares.present()
    }
}
