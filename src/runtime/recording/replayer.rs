// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director that has a recording happen again: it gives the inputs and the explicit picks, lets OS threads act where
//! they did, and compares everything else. Where the run differs the engine is halted with a report.

use std::collections::VecDeque;
use std::ffi::CString;

use super::decision::{Decision, number_of};
use super::recorder::Recording;
use super::request::Source;
use super::threads::{self, TURN, Threads};
use super::{mismatched, report, user};
use crate::base::status::{Outcome, Status};
use crate::base::sys::monotonic;
use crate::engine::clock;
use crate::engine::stepped::{Arrival, Director, LastStep, Place, Stepped};
use crate::policy::{Schedule, StrandIndex};
use crate::record::identity::EXPLICIT_PICKS;
use crate::record::{Code, Event, Failure, Mismatch, Pick, Replay};
use crate::strand::message::fail;
use crate::strand::{head, identity};

/// Steps of the story.
const STORY: usize = 32;
/// How long the driver sleeps when nothing can run, before it looks again whether something was to come.
const LOOK: i64 = 100_000_000;

/// How the replay stands.
enum Standing {
    Follows,
    /// The recording was cut off: the policy decides again.
    PastTheEnd(Mismatch),
    /// The run did something else.
    Left(Mismatch),
}

/// See the module documentation.
pub struct Replaying {
    stepped: &'static Stepped,
    path: CString,
    replay: Replay,
    patience: i64,
    is_explicit: bool,
    copy: Option<Recording>,
    decision: Decision,
    threads: Threads,
    standing: Standing,
    story: VecDeque<LastStep>,
    steps: u64,
    status: i32,
    /// The last time that the recording gave, and what has to be added to the real clock once it gives none.
    time: Option<i64>,
    shift: i64,
    idle_since: Option<i64>,
}

impl Replaying {
    /// A run that follows `source`, and is recorded itself with `copy`.
    pub fn new(stepped: &'static Stepped, source: Source, copy: Option<Recording>, session: u32) -> Replaying {
        Replaying {
            stepped,
            path: source.path,
            is_explicit: source.replay.identity().flags & EXPLICIT_PICKS != 0,
            replay: source.replay,
            patience: source.patience,
            copy,
            decision: Decision::default(),
            threads: Threads::new(session),
            standing: Standing::Follows,
            story: VecDeque::with_capacity(STORY),
            steps: 0,
            status: 0,
            time: None,
            shift: 0,
            idle_since: None,
        }
    }

    fn follows(&self) -> bool {
        matches!(self.standing, Standing::Follows)
    }

    /// What a question to the recording gave; a mismatch ends the replay. `schedule`: where the caller has it.
    fn heard<T>(&mut self, answer: Result<T, Mismatch>, schedule: Option<&Schedule>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(mismatch) => {
                self.leave(mismatch, schedule);
                None
            }
        }
    }

    #[cold]
    fn leave(&mut self, mut mismatch: Mismatch, schedule: Option<&Schedule>) {
        self.shift = self.time.map_or(0, |time| time - monotonic());
        if mismatch.code == Code::Truncated {
            self.standing = Standing::PastTheEnd(mismatch);
            return;
        }
        if mismatch.strand == 0 {
            mismatch.strand = self.last_strand();
        }
        let told = report::Told {
            path: self.path.as_bytes(),
            mismatch: &mismatch,
            story: &self.story,
            steps: self.steps,
            chosen: self.stepped.chosen(),
        };
        let text = match schedule {
            Some(schedule) => told.text(schedule),
            None => self.stepped.with_schedule(|schedule| told.text(schedule)),
        };
        self.stepped.halt(text);
        self.standing = Standing::Left(mismatch);
    }

    /// The number of the strand that runs, or ran last; 0 for none.
    fn last_strand(&self) -> u64 {
        match identity::current() {
            Some(body) => u64::from(head::index_of(body.head())) + 1,
            None => self.story.back().map_or(0, number_of),
        }
    }

    /// Kind and arguments of something that happens between two picks are compared.
    fn expect(&mut self, event: &Event<'_>) {
        if self.follows() {
            let answer = self.replay.expect(event).map(|_| ());
            self.heard(answer, None);
        }
    }

    fn ends(&mut self, step: Option<u64>, schedule: Option<&Schedule>) {
        if let Some(step) = step
            && self.follows()
        {
            let answer = self.replay.step(step);
            self.heard(answer, schedule);
        }
    }

    /// A strand has run that nobody was asked about: the recording has its pick too.
    fn compare_pick(&mut self, number: u64) {
        if !self.follows() {
            return;
        }
        let next = self.replay.next_pick();
        let answer = match next {
            Ok(Pick::Strand(recorded)) if recorded != number => Err(self.replay.other_pick(number)),
            Ok(Pick::End) => Err(self.replay.cut_off()),
            Ok(_) => Ok(()),
            Err(mismatch) => Err(mismatch),
        };
        self.heard(answer, None);
    }

    /// The strand that the recording has next. The schedule has one that can be picked.
    fn recorded_pick(&mut self, schedule: &mut Schedule) -> Option<StrandIndex> {
        let next = self.replay.next_pick();
        match self.heard(next, Some(schedule))? {
            Pick::Predicted => schedule.pick(&mut ()),
            Pick::Strand(number) => {
                let strand = number.checked_sub(1).and_then(|index| StrandIndex::try_from(index).ok());
                match strand {
                    Some(strand) if schedule.take(strand) => Some(strand),
                    _ => {
                        let exists = strand.is_some_and(report::exists);
                        let refused = self.replay.refused_pick(exists);
                        self.leave(refused, Some(schedule));
                        None
                    }
                }
            }
            Pick::End => {
                let mismatch = self.replay.cut_off();
                self.leave(mismatch, Some(schedule));
                schedule.pick(&mut ())
            }
        }
    }

    /// Whether the calling thread may act.
    fn place(&mut self, arrival: Arrival) -> Result<Place, Mismatch> {
        let current = self.threads.is_current();
        let Some(event) = self.replay.due()? else {
            let is_over = self.replay.is_cut_off()?;
            return Ok(if current || is_over { Place::Here } else { Place::Later });
        };
        let Event::External { object, kind: TURN, payload, .. } = event else {
            return Ok(if current { Place::Here } else { Place::Later });
        };
        let is_place = self.threads.is_place(payload);
        if current {
            return Ok(match arrival {
                _ if !is_place => Place::Here,
                Arrival::Steps => Place::Idle,
                Arrival::Call => Place::Later,
                Arrival::GoesOn => Place::Here,
            });
        }
        if !(is_place && self.threads.is_mine(object, payload)) {
            return Ok(Place::Later);
        }
        let (thread, payload) = self.threads.begin_turn();
        self.replay.expect(&threads::event(thread, &payload))?;
        Ok(Place::Here)
    }

    /// Nothing has come for as long as the replay is ready to wait.
    #[cold]
    fn nothing_came(&mut self) {
        let mismatch = self.replay.nothing_came();
        let answer: Result<(), Mismatch> = Err(match mismatch {
            Ok(mismatch) | Err(mismatch) => mismatch,
        });
        self.heard(answer, None);
    }
}

impl Director for Replaying {
    fn admit(&mut self, strand: StrandIndex) -> Outcome<()> {
        self.decision.admit();
        self.copy.as_mut().map_or(Ok(()), |copy| copy.admit(strand))
    }

    fn pick(&mut self, schedule: &mut Schedule, _: bool) -> Option<StrandIndex> {
        let picked = if !self.follows() {
            schedule.pick(&mut ())
        } else if schedule.eligible_count() == 0 {
            None
        } else if !self.is_explicit {
            let goes_on = self.replay.goes_on();
            self.heard(goes_on, Some(schedule));
            if matches!(self.standing, Standing::Left(_)) { None } else { schedule.pick(&mut ()) }
        } else {
            let step = self.decision.begin();
            self.ends(step, Some(schedule));
            if self.follows() { self.recorded_pick(schedule) } else { None }
        }?;
        self.idle_since = None;
        if let Some(copy) = &mut self.copy {
            copy.picked(picked);
        }
        Some(picked)
    }

    fn choose(&mut self, schedule: &mut Schedule, what: u8, n: u32) -> u32 {
        // Drawn in any case: whoever goes on past the end of the recording goes on with the same sequence.
        let mut chosen = schedule.choose(n);
        if self.follows() && self.is_explicit {
            let recorded = self.replay.choice(what, n);
            chosen = self.heard(recorded, Some(schedule)).unwrap_or(chosen);
        }
        if let Some(copy) = &mut self.copy {
            copy.chosen(what, n, chosen);
        }
        chosen
    }

    fn step(&mut self, last: &LastStep) {
        if self.story.len() == STORY {
            self.story.pop_front();
        }
        self.story.push_back(*last);
        self.steps += 1;
        self.threads.act();
        let (is_new, step) = self.decision.step(last);
        if is_new {
            self.compare_pick(number_of(last));
        }
        self.ends(Some(step), None);
        if let Some(copy) = &mut self.copy {
            copy.step(last);
        }
    }

    fn stuck(&mut self) {
        self.threads.act();
        if let Some(copy) = &mut self.copy {
            copy.stuck();
        }
    }

    fn arrives(&mut self, arrival: Arrival, waited: i64) -> Place {
        if self.follows() {
            let place = self.place(arrival);
            match self.heard(place, None) {
                Some(Place::Idle) => return Place::Idle,
                Some(Place::Later) if waited < self.patience => return Place::Later,
                Some(Place::Later) => self.nothing_came(),
                Some(Place::Here) | None => {}
            }
        }
        if arrival == Arrival::Call {
            self.threads.call();
        }
        self.copy.as_mut().map_or(Place::Here, |copy| copy.arrives(arrival, 0))
    }

    fn clock(&mut self, now: i64) -> i64 {
        if clock::is_virtual() {
            return now;
        }
        let mut time = now + self.shift;
        if self.follows() {
            let answer = self.replay.clock();
            match self.heard(answer, None) {
                Some(recorded) => {
                    self.time = Some(recorded);
                    time = recorded;
                }
                None => time = now + self.shift,
            }
        }
        self.copy.as_mut().map_or(time, |copy| copy.clock(time))
    }

    fn timers(&mut self, earliest: i64, now: i64) -> Option<i64> {
        if !self.follows() {
            let now = now + self.shift;
            return (earliest <= now).then_some(now);
        }
        let due = self.replay.due().map(|event| match event {
            Some(Event::Timers { now, .. }) => Some(now),
            _ => None,
        });
        self.heard(due, None)?
    }

    fn fired(&mut self, now: i64, ready: usize) {
        self.threads.act();
        self.idle_since = None;
        if !clock::is_virtual() {
            self.expect(&Event::Timers { now, count: ready as u32 });
            self.time = Some(now);
        }
        if let Some(copy) = &mut self.copy {
            copy.fired(now, ready);
        }
    }

    fn idle(&mut self, until: Option<i64>) -> Option<i64> {
        if !self.follows() {
            return until.map(|until| until.saturating_sub(self.shift));
        }
        let now = monotonic();
        let since = *self.idle_since.get_or_insert(now);
        if now - since > self.patience {
            self.nothing_came();
        }
        Some(now + LOOK)
    }

    fn input(&mut self, kind: u32, bytes: &mut [u8]) -> Outcome<()> {
        if self.follows() {
            let answer = self.replay.user(kind, bytes);
            self.heard(answer, None);
        }
        if let Standing::Left(mismatch) = &self.standing {
            let failure = mismatched(self.path.as_bytes(), mismatch);
            return fail(Status::REPLAY, format_args!("{failure}"));
        }
        if let Some(copy) = &mut self.copy {
            copy.event(&user(kind, bytes));
        }
        Ok(())
    }

    fn returned(&mut self, status: i32) {
        self.status = status;
        if let Some(copy) = &mut self.copy {
            copy.returned(status);
        }
    }

    fn save(&mut self) {
        if let Some(copy) = &mut self.copy {
            copy.save();
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let copied = self.copy.as_mut().map_or(Ok(()), |copy| copy.finish());
        let step = self.decision.end();
        self.ends(step, None);
        if self.follows()
            && let Err(mismatch) = self.replay.finish(self.status)
        {
            self.standing = Standing::Left(mismatch);
            return Err(mismatched(self.path.as_bytes(), &mismatch));
        }
        match &self.standing {
            Standing::Follows => copied,
            Standing::PastTheEnd(mismatch) => Err(mismatched(self.path.as_bytes(), mismatch)),
            // Whoever drove was told; a run in which nobody did hears of it now.
            Standing::Left(_) if self.stepped.was_refused() => copied,
            Standing::Left(mismatch) => Err(mismatched(self.path.as_bytes(), mismatch)),
        }
    }
}
