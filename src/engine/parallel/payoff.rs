// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether taking strands from a worker pays.
//!
//! A theft is dear: a fence that interrupts the victim, its queue locked meanwhile, and every line of a stolen strand
//! moved to the other core, later perhaps back. Strands that run for less than that are better left alone. A thief
//! measures what its theft cost and how long the strands kept it busy; where that is less than the cost, the victim is
//! left alone for a while (twice as long each time). Nobody is woken on its behalf then; the ticker ends the
//! time, so one theft every millisecond or two tells whether things have changed.

use core::cell::Cell;

use crate::base::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use crate::base::sync::monotonic;

/// What moving one strand costs beside the theft itself: some lines to the thief, and back.
const STRAND_COST: i64 = 250;
/// How long a worker is left alone after a first theft that did not pay, and at most.
const ALONE_MIN: i64 = 250_000;
const ALONE_MAX: i64 = 2_000_000;
/// A worker that is out of work so soon after its lone strand was taken had nothing else to do.
const IN_TURNS: i64 = 5_000;

/// Of a victim: whether it is left alone.
pub struct LeftAlone {
    /// Nobody is woken to steal here.
    set: AtomicBool,
    /// When that ends, or ended.
    until: AtomicI64,
    /// How long it was the last time; 0 once a theft has paid.
    period: AtomicU32,
}

impl LeftAlone {
    /// Thieves are welcome.
    pub fn new() -> Self {
        LeftAlone { set: AtomicBool::new(false), until: AtomicI64::new(0), period: AtomicU32::new(0) }
    }

    /// Whether nobody should be woken to steal here. Cheap: no clock is read.
    #[inline(always)]
    pub fn is_set(&self) -> bool {
        // Relaxed, here and below: a hint. Whoever misses a change acts on it a little later.
        self.set.load(Ordering::Relaxed)
    }

    /// Whether a thief passes this worker by at `now`.
    #[inline]
    pub fn is_set_at(&self, now: i64) -> bool {
        self.is_set() && self.until.load(Ordering::Relaxed) > now
    }

    /// Taking work from here did not pay.
    pub fn extend(&self, now: i64) {
        let last = i64::from(self.period.load(Ordering::Relaxed));
        let recent = now - self.until.load(Ordering::Relaxed) < 4 * ALONE_MAX;
        let period = if recent { (2 * last).clamp(ALONE_MIN, ALONE_MAX) } else { ALONE_MIN };
        self.period.store(period as u32, Ordering::Relaxed);
        self.until.store(now + period, Ordering::Relaxed);
        self.set.store(true, Ordering::Relaxed);
    }

    /// It did.
    pub fn forget(&self) {
        self.period.store(0, Ordering::Relaxed);
        self.set.store(false, Ordering::Relaxed);
    }

    /// Called by the ticker: true when the time has just ended.
    pub fn ends(&self, now: i64) -> bool {
        let over = self.is_set() && self.until.load(Ordering::Relaxed) <= now;
        if over {
            self.set.store(false, Ordering::Relaxed);
        }
        over
    }
}

impl Default for LeftAlone {
    fn default() -> Self {
        Self::new()
    }
}

/// Of a worker: a strand that waits there alone behind the one that runs.
///
/// Mostly it has run before a thief could have it, so thieves pass it by. But two strands that suspend every hundred
/// microseconds would share one worker for ever, while another sleeps: no pick is late, and never do two wait. So the ticker
/// offers such a strand. Where its worker is out of work right behind the theft, the strands work in turns and have only
/// moved together: then the thief is left alone.
pub struct Lone {
    offered: AtomicBool,
    /// When it was taken, until that is judged; 0: it was not.
    taken: AtomicI64,
    thief: AtomicU32,
}

impl Lone {
    /// Nothing is offered.
    pub fn new() -> Self {
        Lone { offered: AtomicBool::new(false), taken: AtomicI64::new(0), thief: AtomicU32::new(0) }
    }

    /// Whether a strand that waits alone may be taken from here: the ticker says so at each look, and a thief that it no longer may.
    pub fn offer(&self, offered: bool) {
        // Relaxed, here and below: hints, as above.
        if self.offered.load(Ordering::Relaxed) != offered {
            self.offered.store(offered, Ordering::Relaxed);
        }
    }

    /// Whether it may be taken.
    #[inline]
    pub fn is_offered(&self) -> bool {
        self.offered.load(Ordering::Relaxed)
    }

    /// The worker at `thief` has taken it at `now`.
    pub fn note(&self, thief: u32, now: i64) {
        self.offer(false);
        self.thief.store(thief, Ordering::Relaxed);
        self.taken.store(now, Ordering::Relaxed);
    }

    /// Its worker is out of work: who took the strand that was offered, if that was just now.
    pub fn judge(&self) -> Option<u32> {
        let taken = self.taken.load(Ordering::Relaxed);
        if taken == 0 {
            return None;
        }
        self.taken.store(0, Ordering::Relaxed);
        (monotonic() - taken < IN_TURNS).then(|| self.thief.load(Ordering::Relaxed))
    }
}

impl Default for Lone {
    fn default() -> Self {
        Self::new()
    }
}

/// Of a thief: its last theft, until it is judged.
pub struct Theft {
    victim: Cell<Option<u32>>,
    ended: Cell<i64>,
    cost: Cell<i64>,
}

impl Theft {
    /// None so far.
    pub const fn new() -> Self {
        Theft { victim: Cell::new(None), ended: Cell::new(0), cost: Cell::new(0) }
    }

    /// Strands were taken from a worker, between these two times.
    pub fn note(&self, victim: u32, began: i64, ended: i64, strands: usize) {
        self.victim.set(Some(victim));
        self.ended.set(ended);
        self.cost.set(ended - began + STRAND_COST * strands as i64);
    }

    /// The thief is out of work at `now`: from whom it stole last, and whether that has paid.
    pub fn judge(&self, now: i64) -> Option<(u32, bool)> {
        let victim = self.victim.take()?;
        // In a model no time passes, and every theft pays.
        Some((victim, now - self.ended.get() >= self.cost.get() || cfg!(loom)))
    }

    /// It is not judged.
    pub fn forget(&self) {
        self.victim.set(None);
    }

    /// Whether there is a theft to judge.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.victim.get().is_some()
    }
}

impl Default for Theft {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_theft_pays_when_it_kept_the_thief_busy_for_longer_than_it_cost() {
        let theft = Theft::new();
        assert_eq!(theft.judge(5), None);
        theft.note(3, 1_000, 11_000, 32);
        assert_eq!(theft.judge(11_000 + 17_999), Some((3, false)));
        assert_eq!(theft.judge(50_000), None, "it is judged once");
        theft.note(3, 1_000, 11_000, 32);
        assert_eq!(theft.judge(11_000 + 18_000), Some((3, true)));
    }

    #[test]
    fn a_worker_is_left_alone_for_longer_each_time_and_no_longer_than_the_most() {
        let alone = LeftAlone::new();
        let (mut now, mut last) = (1_000_000_000, 0);
        for round in 0..8 {
            alone.extend(now);
            let until = (1..=9).map(|step| now + step * ALONE_MIN).find(|&at| !alone.is_set_at(at)).unwrap_or(0);
            assert!(until - now > last || until - now == ALONE_MAX, "round {round}");
            assert!(alone.is_set() && !alone.ends(until - 1));
            assert!(alone.ends(until) && !alone.is_set());
            (last, now) = (until - now, until);
        }
        alone.extend(now);
        alone.forget();
        assert!(!alone.is_set_at(now));
        alone.extend(now);
        assert!(!alone.is_set_at(now + ALONE_MIN), "a theft that paid begins anew");
    }
}
