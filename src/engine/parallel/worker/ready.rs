// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strands that come to a worker: made ready or spawned here, handed over by others, or due by the clock.

use super::{Kind, Worker};
use crate::base::sync::atomic::Ordering;
use crate::base::sync::monotonic;
use crate::engine::Expired;
use crate::engine::parallel::timers::{NEVER, Timers};
use crate::policy::Cause;
use crate::strand::head::{FLAG_STARTED, Head, Phase};

impl Worker {
    /// A strand that was made ready here: it runs next.
    #[inline]
    pub fn ready_next(&self, strand: &'static Head) {
        strand.set_phase(Phase::Ready);
        self.counts.wakes.add(1);
        match &self.engine().kind {
            Kind::Parallel => {}
            Kind::Stepped(stepped) => return stepped.woken(strand),
            Kind::May(may) => return may.woken(self, strand),
        }
        if !strand.may_move() && strand.home.load(Ordering::Relaxed) != self.index as u16 {
            return self.engine().send_home(strand);
        }
        self.owner.enter();
        let displaces = self.queues.has_next();
        self.queues.push_next(strand);
        self.owner.leave();
        if displaces {
            self.engine().offer(self);
        } else {
            // A lone strand behind one that runs for long is the ticker's business.
            self.engine().ticker.poke();
        }
    }

    /// A strand that was made ready here together with others: to the tail.
    pub fn ready_last(&self, strand: &'static Head) {
        strand.set_phase(Phase::Ready);
        self.counts.wakes.add(1);
        match &self.engine().kind {
            Kind::Parallel => {}
            Kind::Stepped(stepped) => return stepped.woken(strand),
            Kind::May(may) => return may.woken(self, strand),
        }
        if !strand.may_move() && strand.home.load(Ordering::Relaxed) != self.index as u16 {
            return self.engine().send_home(strand);
        }
        self.push_started_or_fresh(strand);
        self.engine().offer(self);
    }

    fn push_started_or_fresh(&self, strand: &'static Head) {
        self.owner.enter();
        if strand.has(FLAG_STARTED) {
            self.queues.push_back(strand);
        } else {
            self.queues.push_fresh(strand);
        }
        self.owner.leave();
    }

    /// A strand that was spawned here.
    #[inline]
    pub fn spawned(&self, strand: &'static Head) {
        match &self.engine().kind {
            Kind::Parallel => {}
            Kind::Stepped(stepped) => return stepped.ready(strand, Cause::Spawned),
            Kind::May(may) => return may.spawned(self, strand),
        }
        strand.home.store(self.index as u16, Ordering::Relaxed);
        self.owner.enter();
        self.queues.push_fresh(strand);
        self.owner.leave();
        self.engine().offer(self);
    }

    /// A strand that was spawned here and runs before its spawner, which is switched out and goes to the tail.
    pub fn spawned_first(&self, strand: &'static Head, spawner: &'static Head) {
        match &self.engine().kind {
            Kind::Parallel => {}
            Kind::Stepped(stepped) => return stepped.ready_first(strand, spawner),
            Kind::May(may) => return may.spawned_first(self, strand, spawner),
        }
        strand.home.store(self.index as u16, Ordering::Relaxed);
        spawner.set_phase(Phase::Ready);
        self.owner.enter();
        self.queues.push_first(strand);
        self.queues.push_back(spawner);
        self.owner.leave();
        self.engine().offer(self);
    }

    /// Takes strands that were given to this worker or to all, and fires timers that are due. True when it got any.
    pub(in crate::engine::parallel) fn take_outside(&self) -> bool {
        let engine = self.engine();
        let mut batch = [None; 32];
        let mut count = self.mailbox.take(&mut batch);
        if count == 0 {
            let share = (engine.inject.len() as usize / engine.workers().len() + 1).min(batch.len());
            count = engine.inject.take(&mut batch[..share]);
        }
        let mut any = self.accept(&batch[..count]);
        if self.timers.earliest() != NEVER {
            any |= self.fire_timers(&self.timers, monotonic());
        }
        any
    }

    /// Fires the timers of a worker that are due at `now`; the strands become ready here. True when any has expired.
    pub(in crate::engine) fn fire_timers(&self, timers: &Timers, now: i64) -> bool {
        let mut any = false;
        loop {
            let mut batch = [Expired::Nobody; 32];
            let fired = timers.fire(now, self.engine().upcalls.timer_expired, &mut batch);
            any |= fired.count > 0;
            for expired in &batch[..fired.count] {
                match *expired {
                    Expired::Strand(strand) => self.ready_last(strand),
                    // It may have been armed since that moment, and its times are counted up to this one.
                    Expired::Act(act, argument) if self.engine().is_parallel() => act(argument, monotonic()),
                    Expired::Act(act, argument) => act(argument, now),
                    Expired::Nobody => {}
                }
            }
            if !fired.more {
                return (self.engine().upcalls.timers_fired)() || any;
            }
        }
    }

    /// Fires the timers armed here that are due at `now`, on a thread that is not the worker's; `ready` gets the strands.
    #[cfg(feature = "may")]
    pub(in crate::engine) fn fire_for_others(&self, now: i64, ready: impl Fn(&'static Head)) {
        loop {
            let mut batch = [Expired::Nobody; 32];
            let fired = self.timers.fire(now, self.engine().upcalls.timer_expired, &mut batch);
            for expired in &batch[..fired.count] {
                match *expired {
                    Expired::Strand(strand) => ready(strand),
                    // It may have been armed since that moment, and its times are counted up to this one.
                    Expired::Act(act, argument) => act(argument, monotonic()),
                    Expired::Nobody => {}
                }
            }
            if !fired.more {
                return;
            }
        }
    }

    /// Puts strands that are ready into the own queues.
    pub(in crate::engine::parallel) fn accept(&self, strands: &[Option<&'static Head>]) -> bool {
        for strand in strands.iter().flatten() {
            self.push_started_or_fresh(strand);
        }
        !strands.is_empty()
    }
}
