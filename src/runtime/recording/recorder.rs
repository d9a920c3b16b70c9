// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director that writes what happens. It decides nothing: the policy does.

use super::decision::{Decision, number_of};
use super::threads::{self, Threads};
use super::user;
use crate::base::status::Outcome;
use crate::engine::clock;
use crate::engine::stepped::{Arrival, Director, LastStep, Place};
use crate::policy::{Schedule, StrandIndex};
use crate::record::{Event, Failure, Recorder};

/// Decisions after which what is recorded goes to the file. A number, not a time: the same run makes the same bytes.
const FLUSH_EVERY: u32 = 1 << 16;

/// See the module documentation.
pub struct Recording {
    /// `None` once it has its end.
    recorder: Option<Recorder>,
    is_explicit: bool,
    decision: Decision,
    threads: Threads,
    status: i32,
    unflushed: u32,
}

impl Recording {
    /// A recording whose header is written.
    pub fn new(recorder: Recorder, is_explicit: bool, session: u32) -> Recording {
        Recording {
            recorder: Some(recorder),
            is_explicit,
            decision: Decision::default(),
            threads: Threads::new(session),
            status: 0,
            unflushed: 0,
        }
    }

    /// A strand was picked. Predicted picks are counted at the ends of their steps.
    #[inline]
    pub fn picked(&mut self, strand: StrandIndex) {
        let Some(recorder) = self.recorder.as_mut().filter(|_| self.is_explicit) else { return };
        if let Some(step) = self.decision.begin() {
            recorder.step(step);
        }
        note_pick(recorder, self.is_explicit, u64::from(strand) + 1);
    }

    /// One of several things was taken. What the seed says anyway is not written.
    pub fn chosen(&mut self, kind: u8, n: u32, chosen: u32) {
        if self.is_explicit {
            self.event(&Event::Choice { kind, n, chosen });
        }
    }

    /// Something else has happened.
    pub fn event(&mut self, event: &Event<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.event(event);
        }
    }

    /// Puts everything into the file. What goes wrong is told at the end.
    #[cold]
    pub fn flush(&mut self) {
        self.unflushed = 0;
        if let Some(recorder) = &mut self.recorder {
            let _ = recorder.flush();
        }
    }
}

#[inline]
fn note_pick(recorder: &mut Recorder, is_explicit: bool, number: u64) {
    if is_explicit {
        recorder.pick(number);
    } else {
        recorder.predicted();
    }
}

impl Director for Recording {
    fn admit(&mut self, _: StrandIndex) -> Outcome<()> {
        self.decision.admit();
        Ok(())
    }

    #[inline]
    fn pick(&mut self, schedule: &mut Schedule, _: bool) -> Option<StrandIndex> {
        let strand = schedule.pick(&mut ())?;
        self.picked(strand);
        Some(strand)
    }

    fn choose(&mut self, schedule: &mut Schedule, what: u8, n: u32) -> u32 {
        let chosen = schedule.choose(n);
        self.chosen(what, n, chosen);
        chosen
    }

    #[inline]
    fn step(&mut self, last: &LastStep) {
        self.threads.act();
        let (is_new, step) = self.decision.step(last);
        if let Some(recorder) = &mut self.recorder {
            if is_new {
                note_pick(recorder, self.is_explicit, number_of(last));
            }
            recorder.step(step);
            self.unflushed += 1;
            if self.unflushed == FLUSH_EVERY {
                self.flush();
            }
        }
    }

    fn stuck(&mut self) {
        self.threads.act();
    }

    fn arrives(&mut self, arrival: Arrival, _: i64) -> Place {
        if !self.threads.is_current() {
            let (thread, payload) = self.threads.begin_turn();
            self.event(&threads::event(thread, &payload));
        }
        if arrival == Arrival::Call {
            self.threads.call();
        }
        Place::Here
    }

    fn clock(&mut self, now: i64) -> i64 {
        if !clock::is_virtual() {
            self.event(&Event::Clock { value: now });
        }
        now
    }

    fn fired(&mut self, now: i64, ready: usize) {
        self.threads.act();
        if !clock::is_virtual() {
            self.event(&Event::Timers { now, count: ready as u32 });
        }
    }

    fn input(&mut self, kind: u32, bytes: &mut [u8]) -> Outcome<()> {
        self.event(&user(kind, bytes));
        Ok(())
    }

    fn returned(&mut self, status: i32) {
        self.status = status;
        self.flush();
    }

    fn save(&mut self) {
        self.flush();
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let Some(mut recorder) = self.recorder.take() else { return Ok(()) };
        if let Some(step) = self.decision.end() {
            recorder.step(step);
        }
        recorder.finish(self.status)
    }
}
