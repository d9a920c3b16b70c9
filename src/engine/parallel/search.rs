// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker without work: search, announce, look again, sleep.
//!
//! A searcher takes half of what another worker has. It does not take a lone strand at once: its worker will most
//! likely run it in less time than a theft costs (a spawn followed by a join, a pair that plays ping-pong). Only when
//! that worker has not picked anything for some microseconds, because it runs one strand for long, or when the ticker
//! offers it, the lone strand is taken too. A searcher that goes to sleep meanwhile leaves this to the ticker.

use super::timers::NEVER;
use super::worker::Worker;
use crate::base::random::splitmix64;
use crate::base::sync::{monotonic, spin};
use crate::engine::expected;
use crate::strand::head::Head;

/// How long a worker searches before it sleeps: longer than a sleeping worker takes to wake and answer, so that two
/// workers that talk to each other stop sleeping.
const SEARCH: i64 = if cfg!(loom) { 0 } else { 60_000 };
/// How long a worker searches whose last searches were all in vain.
const GLANCE: i64 = 2_000;
/// Searches in vain before a worker only glances.
const FRUITLESS_MAX: u32 = 3;
/// How long another worker may sit on a lone strand without picking before it is taken.
const PATIENCE: i64 = if cfg!(loom) { 0 } else { 5_000 };
/// Strands taken at once at most.
const STEAL_MAX: usize = 32;
/// Workers whose progress a searcher remembers; the others count as stuck once its patience is over.
const REMEMBERED: usize = 16;

/// What a searcher has seen of the others since it began.
struct Watch {
    began: i64,
    progress: [u64; REMEMBERED],
}

impl Worker {
    /// Own queues are empty: find a strand, or sleep until there may be one. `None` when the engine stops.
    #[cold]
    #[inline(never)]
    pub(super) fn out_of_work(&self) -> Option<&'static Head> {
        if !self.should_retire()
            && self.take_outside()
            && let Some(strand) = self.pick_own()
        {
            return Some(strand);
        }
        self.judge_theft();
        // Whoever waits for the end of all strands need not wait for the search as well.
        (self.engine().upcalls.quiet)(false);
        if let Some(strand) = self.pick_own() {
            return Some(strand);
        }
        self.engine().idle.start_searching();
        self.search_or_sleep()
    }

    /// Counted as searching: finds a strand, or sleeps and searches again.
    pub(super) fn search_or_sleep(&self) -> Option<&'static Head> {
        loop {
            if self.engine().is_stopping() {
                self.engine().idle.found();
                return None;
            }
            let retires = self.should_retire();
            if retires && !self.take_own() {
                self.retire();
                continue;
            }
            // What is its own comes first, also for a spare that nobody needs.
            if let Some(strand) = if retires { self.pick_own() } else { self.search() } {
                self.fruitless.set(0);
                self.found_work();
                self.rest_if_asked();
                return Some(strand);
            }
            self.sleep();
        }
    }

    /// Stops searching with a strand in hand; the last searcher passes the search on when there is more.
    fn found_work(&self) {
        let engine = self.engine();
        if engine.idle.found() && (self.queues.surplus() > 0 || engine.inject.len() > 0) && engine.idle.wants_wake() {
            engine.wake_one(self);
        }
    }

    fn search(&self) -> Option<&'static Head> {
        let engine = self.engine();
        let began = monotonic();
        let patience = if self.fruitless.get() < FRUITLESS_MAX { self.patience(began) } else { GLANCE };
        let mut watch = Watch { began, progress: [0; REMEMBERED] };
        for (slot, other) in watch.progress.iter_mut().zip(engine.workers()) {
            *slot = other.progress();
        }
        loop {
            self.take_outside();
            if let Some(strand) = self.pick_own() {
                return Some(strand);
            }
            let now = monotonic();
            if let Some(strand) = self.search_others(&watch, now) {
                return Some(strand);
            }
            if now - began >= patience || engine.workers().len() == 1 || engine.is_stopping() {
                engine.search_was_fruitless();
                self.fruitless.set((self.fruitless.get() + 1).min(FRUITLESS_MAX));
                return None;
            }
            for _ in 0..16 {
                spin();
            }
        }
    }

    /// How long a worker searches from `now` on, if that has paid lately. While a device is about to answer one of them looks
    /// out for that; two would take its processors from a device that is software.
    fn patience(&self, now: i64) -> i64 {
        let left = expected::left(now);
        if left > SEARCH && self.engine().idle.searching() <= 1 { left } else { SEARCH }
    }

    fn search_others(&self, watch: &Watch, now: i64) -> Option<&'static Head> {
        let workers = self.engine().workers();
        let start = self.next_random() as usize % workers.len();
        for offset in 0..workers.len() {
            let other = &workers[(start + offset) % workers.len()];
            if other.index == self.index {
                continue;
            }
            if other.timers.earliest() <= now && self.fire_timers(&other.timers, now) {
                return self.pick_own();
            }
            let stuck = now - watch.began >= PATIENCE
                && watch.progress.get(other.index as usize).is_none_or(|seen| *seen == other.progress());
            let offered = !stuck && other.lone.is_offered();
            let worth = other.queues.surplus() >= 2 || (stuck || offered) && other.queues.has_lone();
            if worth
                && !other.left_alone.is_set_at(now)
                && let Some(strand) = self.steal_from(other, stuck, offered)
            {
                return Some(strand);
            }
        }
        None
    }

    fn steal_from(&self, other: &Worker, stuck: bool, offered: bool) -> Option<&'static Head> {
        let began = monotonic();
        if !other.owner.visit() {
            return None;
        }
        let mut taken = [None; STEAL_MAX];
        let was_offered = offered && other.queues.surplus() < 2;
        let count = other.queues.steal(&mut taken, stuck || offered);
        other.owner.end_visit();
        if count == 0 {
            return None;
        }
        self.counts.steals.add(1);
        self.counts.stolen.add(count as u64);
        let ended = monotonic();
        self.theft.note(other.index, began, ended, count);
        if was_offered {
            other.lone.note(self.index, ended);
        }
        self.accept(&taken[1..count]);
        taken[0]
    }

    /// What was stolen is done: leaves the victim alone for a while if that did not pay. Where this worker is the victim, and out
    /// of work too soon, it leaves the thief alone.
    fn judge_theft(&self) {
        if let Some(thief) = self.lone.judge() {
            self.engine().workers[thief as usize].left_alone.extend(monotonic());
        }
        if !self.theft.is_open() {
            return;
        }
        let now = monotonic();
        let Some((victim, paid)) = self.theft.judge(now) else { return };
        let victim = &self.engine().workers()[victim as usize].left_alone;
        if paid {
            victim.forget();
            self.engine().search_was_fruitful();
        } else {
            victim.extend(now);
        }
    }

    /// A number below `n`.
    #[inline]
    pub fn draw(&self, n: u32) -> u32 {
        ((u64::from(self.next_random()) * u64::from(n)) >> 32) as u32
    }

    fn next_random(&self) -> u32 {
        // Marsaglia's xorshift: which victim comes first decides nothing but the load.
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }

    /// Announces, looks once more, sleeps. Comes back counted as searching.
    fn sleep(&self) {
        let engine = self.engine();
        engine.idle.announce(self.index);
        if !self.may_sleep() {
            return self.come_back();
        }
        if engine.all_are_idle() {
            (engine.upcalls.quiet)(true);
            if !self.queues.is_empty() {
                return self.come_back();
            }
        }
        self.counts.sleeps.add(1);
        let earliest = self.timers.earliest();
        let deadline = (earliest != NEVER).then_some(earliest);
        let began = monotonic();
        let soon = 2 * SEARCH.max(expected::left(began));
        self.rest.begin();
        let woken = self.parker.park(deadline);
        self.rest.end();
        if !woken {
            self.come_back();
        } else if monotonic() - began < soon {
            // Work came so soon that searching a little longer would have found it.
            self.fruitless.set(0);
        }
    }

    /// Takes the announcement back; if somebody has claimed this worker meanwhile, takes the token that is on its way.
    fn come_back(&self) {
        let engine = self.engine();
        engine.ticker.poke();
        if engine.idle.retract(self.index) {
            engine.idle.start_searching();
        } else {
            self.parker.park(None);
        }
    }

    /// The look after the announcement.
    fn may_sleep(&self) -> bool {
        let engine = self.engine();
        if engine.is_stopping() || self.mailbox.len() > 0 || engine.inject.len() > 0 || !self.queues.is_empty() {
            return false;
        }
        let mut lone = false;
        for other in engine.workers() {
            if other.index == self.index {
                continue;
            }
            if other.queues.surplus() >= 2 && !other.left_alone.is_set() {
                return false;
            }
            lone |= other.queues.has_lone();
        }
        if lone {
            engine.ticker.poke();
        }
        let earliest = self.timers.earliest();
        earliest == NEVER || earliest > monotonic()
    }
}

/// A number below `n` for an OS thread, which has no worker.
#[cold]
pub fn draw_outside(n: u32) -> u32 {
    static DRAWS: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);
    let mut word = DRAWS.fetch_add(0x9e37_79b9_7f4a_7c15, core::sync::atomic::Ordering::Relaxed);
    ((u128::from(splitmix64(&mut word)) * u128::from(n)) >> 64) as u32
}

#[cfg(all(test, loom))]
#[path = "../../models/idle.rs"]
mod idle_model;
#[cfg(all(test, loom))]
#[path = "../../models/run_next.rs"]
mod run_next_model;
