// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guide of one schedule: decides every pick, notices how the schedule fails, and keeps the story of its last steps.

use core::fmt::Write;
use std::collections::VecDeque;

use super::super::entry;
use crate::base::status::Outcome;
use crate::diagnose::{deadlock, dump};
use crate::engine;
use crate::engine::parallel::{self, Parallel};
use crate::engine::stepped::{Director, Inject, LastStep, Reason};
use crate::explore::{Explorer, Ledger};
use crate::policy::{Schedule, StrandIndex};
use crate::record::token::{Injected, Injection};
use crate::strand::fault;
use crate::strand::head::{self, Phase};
use crate::sync::channel;

/// Entries of the story.
const STORY: usize = 24;

/// How a schedule fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Failure {
    /// A strand ended with a fault.
    Fault = 1,
    /// Strands wait for each other.
    Deadlock = 2,
    /// It takes too many steps.
    TooLong = 3,
    /// The process ended with a status other than 0.
    Exit = 4,
    /// The process was ended by a signal.
    Signal = 5,
    /// The process took too long.
    TimeLimit = 6,
    /// An OS thread of the program called in: this cannot be explored.
    Thread = 7,
    /// The choices are not those of this program.
    Misfit = 8,
}

impl Failure {
    /// From its number.
    pub fn from_number(number: u32) -> Option<Failure> {
        use Failure::*;
        [Fault, Deadlock, TooLong, Exit, Signal, TimeLimit, Thread, Misfit]
            .into_iter()
            .find(|one| *one as u32 == number)
    }
}

/// See the module documentation.
pub struct Guide {
    /// Decides.
    pub explorer: Explorer,
    ledger: *mut Ledger,
    /// Steps after which the schedule counts as endless.
    max_steps: u64,
    steps: u64,
    ended: u64,
    injections: Vec<Injection>,
    injected: usize,
    failure: Option<Failure>,
    story: Option<VecDeque<Event>>,
    /// Handle and name of the two strands that were picked last: a strand that is held up before a call is still running
    /// when its successor is picked.
    picked: [(u64, String); 2],
    /// A choice that does not exist is a failure.
    pub strict: bool,
    /// What a failure leads to: nothing more, or the end of the process.
    pub on_failure: Option<fn(&Guide, Failure) -> !>,
    single: *const u8,
}

impl Guide {
    /// A guide that writes its decisions into `ledger`.
    pub fn new(ledger: *mut Ledger, max_steps: u64) -> Guide {
        Guide {
            explorer: Explorer::new(),
            ledger,
            max_steps,
            steps: 0,
            ended: 0,
            injections: Vec::new(),
            injected: 0,
            failure: None,
            story: None,
            picked: Default::default(),
            strict: false,
            on_failure: None,
            single: core::ptr::null(),
        }
    }

    /// Where decisions are written down from now on.
    pub fn set_ledger(&mut self, ledger: *mut Ledger) {
        self.ledger = ledger;
    }

    /// The next schedule begins.
    #[inline]
    pub fn restart(&mut self) {
        (self.steps, self.ended, self.injected) = (0, 0, 0);
        self.failure = None;
        self.ledger().clear();
    }

    /// What is injected from now on; the moment of the first.
    pub fn set_injections(&mut self, injections: Vec<Injection>) -> Option<u64> {
        self.injections = injections;
        self.injected = 0;
        self.next_injection()
    }

    /// The moment of the next injection, if there is one.
    pub fn next_injection(&self) -> Option<u64> {
        self.injections.get(self.injected).map(|next| next.step)
    }

    /// The strand that an injection means: the one with that ordinal, or the next that is still there.
    fn meant(&self, object: u64) -> Option<StrandIndex> {
        let admitted = self.explorer.admitted() as u64;
        // Those of a runtime before this one are not there any more.
        let fresh = parallel::engine()?.strands.fresh();
        (0..admitted)
            .map(|further| self.explorer.strand(((object + further) % admitted) as u32))
            .filter(|strand| *strand < fresh)
            .find(|strand| !matches!(head::at(*strand).phase(), Phase::Free | Phase::Dormant))
    }

    /// The schedule has ended.
    pub fn finish(&mut self) {
        // SAFETY: as in `ledger`.
        self.explorer.finish(unsafe { &mut *self.ledger });
    }

    /// Where the C library says that this process has one thread (glibc 2.32: `__libc_single_threaded`), or null: a thread
    /// that the program starts is then noticed, also if it never calls in.
    pub fn watch_threads(&mut self, single: *const u8) {
        self.single = single;
    }

    #[inline]
    fn has_threads(&self) -> bool {
        // SAFETY: null, or a byte of the C library, which stays mapped.
        !self.single.is_null() && unsafe { self.single.read_volatile() } == 0
    }

    /// Keeps the story of the last steps, or not.
    pub fn keep_story(&mut self, keep: bool) {
        self.story = keep.then(VecDeque::new);
    }

    /// How the schedule failed, if it did.
    #[inline]
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Every strand of the schedule has ended, dormant and uncounted ones too.
    #[inline]
    pub fn everybody_has_ended(&self) -> bool {
        self.ended == self.explorer.admitted() as u64
    }

    /// What was decided.
    #[inline]
    pub fn ledger(&mut self) -> &mut Ledger {
        // SAFETY: the memory outlives the guide (its maker's promise), which alone uses it while the schedule runs.
        unsafe { &mut *self.ledger }
    }

    #[cold]
    fn fails(&mut self, failure: Failure) {
        if self.failure.is_none() {
            self.failure = Some(failure);
            if let Some(end) = self.on_failure {
                end(self, failure);
            }
        }
    }

    #[cold]
    fn note(&mut self, last: &LastStep) {
        let mut text = String::new();
        let _ = match self.picked.iter().find(|(handle, _)| *handle == last.strand) {
            Some((_, name)) => write!(text, "{name} {}", Stop(last)),
            None => write!(text, "strand {:#x} {}", last.strand, Stop(last)),
        };
        let step = self.steps;
        if let Some(event) = self.story.as_mut().and_then(|story| story.back_mut())
            && event.last + 1 == step
            && event.text == text
        {
            event.last = step;
        } else {
            self.tell(Event { first: step, last: step, text });
        }
    }

    #[cold]
    fn note_injection(&mut self, injection: &Injection, strand: Option<StrandIndex>) {
        let mut text = String::from("injected: ");
        let _ = match (injection.kind, strand) {
            (Injected::Cancel, Some(strand)) => {
                let head = head::at(strand);
                write!(text, "{} is cancelled", entry::named(head, head.started_body()))
            }
            (Injected::Cancel, None) => write!(text, "nobody is there to be cancelled"),
            (Injected::Close, _) => match channel::nth(injection.object) {
                Some(chan) => write!(text, "channel {chan:#x} is closed"),
                None => write!(text, "no channel is there to be closed"),
            },
            (Injected::Oom, _) => write!(text, "the next allocation fails"),
            (Injected::Timeout, _) => write!(text, "the earliest deadline comes now"),
        };
        self.tell(Event { first: 0, last: 0, text });
    }

    fn tell(&mut self, event: Event) {
        let Some(story) = &mut self.story else { return };
        if story.len() == STORY {
            story.pop_front();
        }
        story.push_back(event);
    }

    /// The report of a failure: what, the last steps, who is left.
    pub fn report(&self, failure: Failure, out: &mut dyn Write) {
        let _ = self.sentence(failure, out);
        let _ = writeln!(out);
        if let Some(story) = &self.story
            && !story.is_empty()
        {
            let _ = writeln!(out, "the last of {} steps:", self.steps);
            for event in story {
                let _ = writeln!(out, "  {event}");
            }
        }
        if let Some(engine) = parallel::engine() {
            let _ = strands_left(engine, out);
        }
    }

    fn sentence(&self, failure: Failure, out: &mut dyn Write) -> core::fmt::Result {
        match failure {
            Failure::Fault => match fault::peek(|text| out.write_str(text)) {
                Some(written) => written,
                None => out.write_str("a strand ended with a fault"),
            },
            Failure::Deadlock => {
                if let Some(engine) = parallel::engine() {
                    deadlock::headline(engine, out)?;
                }
                Ok(())
            }
            Failure::TooLong => write!(out, "it has not ended after {} steps (max_steps)", self.steps),
            Failure::Thread => out.write_str(
                "the program has started an OS thread (or offloads a call to one); what other threads do cannot be explored: use strands, or strand_explore for a part without threads",
            ),
            Failure::Misfit => match self.explorer.misfit() {
                Some((place, choice, options)) => write!(
                    out,
                    "the schedule is not one of this program: its choice {} is {choice}, where there are {options} to choose from",
                    place + 1
                ),
                None => Ok(()),
            },
            Failure::Exit | Failure::Signal | Failure::TimeLimit => Ok(()),
        }
    }
}

/// An entry of the story: a step, several that are the same, or (at step 0) something that is no step.
struct Event {
    first: u64,
    last: u64,
    text: String,
}

impl core::fmt::Display for Event {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.first, self.last) {
            (0, _) => out.write_str(&self.text),
            (first, last) if first == last => write!(out, "step {first}: {}", self.text),
            (first, last) => write!(out, "steps {first}-{last}: {}", self.text),
        }
    }
}

/// Every strand that is still there, one a line.
fn strands_left(engine: &Parallel, out: &mut dyn Write) -> core::fmt::Result {
    let alive = |index: &u32| head::at(*index).phase() != Phase::Free;
    if !(0..engine.strands.fresh()).any(|index| alive(&index)) {
        return Ok(());
    }
    writeln!(out, "still there:")?;
    dump::lines(engine, alive, out)
}

/// Why a strand stopped, as the end of a sentence.
pub(in crate::runtime) struct Stop<'a>(pub &'a LastStep);

impl core::fmt::Display for Stop<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0.reason {
            Reason::None => Ok(()),
            Reason::Yielded => out.write_str("yields"),
            Reason::Checkpoint => out.write_str("comes to a checkpoint"),
            Reason::Ended => out.write_str("ends"),
            Reason::Failed => out.write_str("fails"),
            Reason::Preempted => out.write_str("is held up before a call that may wait"),
            Reason::Waits => match self.0.waits_for.phrase() {
                (phrase, true) => write!(out, "{phrase} {:#x}", self.0.object),
                (phrase, false) => out.write_str(phrase),
            },
        }
    }
}

impl Director for Guide {
    fn admit(&mut self, strand: StrandIndex) -> Outcome<()> {
        self.explorer.admit(strand)
    }

    #[inline]
    fn pick(&mut self, schedule: &mut Schedule, can_go_on: bool) -> Option<StrandIndex> {
        // SAFETY: as in `ledger`.
        let ledger = unsafe { &mut *self.ledger };
        let strand = self.explorer.pick(schedule, can_go_on, ledger)?;
        if self.strict && self.explorer.misfit().is_some() {
            self.fails(Failure::Misfit);
        }
        if self.story.is_some() {
            let head = head::at(strand);
            self.picked.swap(0, 1);
            let (handle, name) = &mut self.picked[1];
            *handle = head::handle_of(head);
            name.clear();
            let _ = write!(name, "{}", entry::named(head, head.started_body()));
        }
        Some(strand)
    }

    fn choose(&mut self, schedule: &mut Schedule, _: u8, n: u32) -> u32 {
        // SAFETY: as in `ledger`.
        let ledger = unsafe { &mut *self.ledger };
        let chosen = self.explorer.choose(schedule, n, ledger);
        if self.strict && self.explorer.misfit().is_some() {
            self.fails(Failure::Misfit);
        }
        chosen
    }

    #[inline]
    fn step(&mut self, last: &LastStep) {
        self.steps += 1;
        if self.has_threads() {
            self.fails(Failure::Thread);
        }
        if matches!(last.reason, Reason::Ended | Reason::Failed) {
            self.ended += 1;
            // Those who join it.
            self.explorer.touch(last.strand);
        }
        if self.story.is_some() {
            self.note(last);
        }
        if last.reason == Reason::Failed {
            self.fails(Failure::Fault);
        }
        if self.steps == self.max_steps {
            self.fails(Failure::TooLong);
        }
    }

    fn injection(&mut self, pick: u64) -> Inject {
        let Some(injection) = self.injections.get(self.injected).copied() else { return Inject::Never };
        if injection.step > pick {
            return Inject::At(injection.step);
        }
        self.injected += 1;
        let strand = if injection.kind == Injected::Cancel { self.meant(injection.object) } else { None };
        if self.story.is_some() {
            self.note_injection(&injection, strand);
        }
        Inject::Now(injection, strand)
    }

    fn touched(&mut self, object: u64) {
        match object {
            engine::touched::EVERYTHING => self.explorer.touch_everything(),
            object => self.explorer.touch(object),
        }
    }

    fn stuck(&mut self) {
        self.fails(Failure::Deadlock);
    }

    fn searches(&self) -> bool {
        true
    }

    fn leaves(&mut self) -> bool {
        self.fails(Failure::Thread);
        false
    }
}
