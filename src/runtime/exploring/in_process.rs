// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exploration inside the process: one function of the program is run as a strand, again and again.

use core::ffi::c_void;
use core::fmt::Write;

use super::super::spawning::{self, Entry};
use super::super::{count, policies};
use super::guide::{Failure, Guide};
use super::inject::{self, without_needless};
use super::{Single, install, no_memory, rules_of, seed_of, token_of};
use crate::base::failing;
use crate::base::status::{Outcome, Status};
use crate::engine::clock;
use crate::engine::outside;
use crate::engine::parallel::{self, Parallel};
use crate::engine::stepped::{Round, Seat, Stepped};
use crate::explore::shrink::shrink;
use crate::explore::spread::Spread;
use crate::explore::walk::Walk;
use crate::explore::{Ledger, Mode, Plan, Strategy};
use crate::policy::{Kind, Rules};
use crate::record::token::Injection;
use crate::strand::head::{self, Phase};
use crate::strand::message::{fail, try_box};
use crate::strand::{fault, identity, poll};
use crate::sync::channel;
use crate::wait::{cancel, end};

/// Rounds in which strands of a failed schedule may end after they were cancelled.
const CLEANUP_ROUNDS: u64 = 100_000;
/// Schedules run to shorten one that fails.
const SHRINK_RUNS: u32 = 2_000;

/// Puts the program back to where every schedule begins.
pub type Reset = unsafe extern "C" fn(*mut c_void);

/// What is run.
pub struct Program {
    /// Runs as a strand.
    pub body: Entry,
    /// Its argument, and that of `reset`.
    pub arg: *mut c_void,
    /// Runs before each schedule, on the caller's stack.
    pub reset: Option<Reset>,
    /// Where the search was asked for.
    pub site: usize,
}

/// What came of a search.
#[derive(Default)]
pub struct Found {
    /// Schedules run, those of the shortening not counted.
    pub runs: u64,
    /// Decisions in them.
    pub decisions: u64,
    /// Every schedule within the bound was run.
    pub complete: bool,
    /// A schedule failed: its number, how, its token, the report.
    pub failure: Option<(u64, Failure, String, String)>,
}

struct Search<'a> {
    engine: &'static Parallel,
    stepped: &'static Stepped,
    seat: Seat<'a>,
    guide: Box<Guide>,
    plan: &'a Plan,
    program: &'a Program,
    spread: Spread,
}

/// Searches; with `single`, runs that one schedule.
pub fn search(plan: &Plan, single: Option<&Single>, program: &Program) -> Outcome<Found> {
    if identity::current().is_some() {
        return fail(Status::INVALID, format_args!("strand_explore is for OS threads; this is a strand"));
    }
    outside::refuse_on_worker()?;
    let _call = outside::enter()?;
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    let Some(stepped) = engine.stepped() else {
        return fail(
            Status::UNSUPPORTED,
            format_args!("strand_explore needs the stepped engine (STRAND_ENGINE_STEPPED)"),
        );
    };
    if anybody_is_left(engine) {
        return fail(Status::BUSY, format_args!("strands are alive: exploration begins and ends without any"));
    }
    if stepped.is_directed() {
        return fail(Status::BUSY, format_args!("the whole program is being explored, recorded or replayed"));
    }
    let Some(seat) = Seat::take(stepped, &engine.workers()[0]) else { return super::super::stepping::busy() };
    let Some(ledger) = new_ledger() else { return no_memory() };
    let ledger = Box::into_raw(ledger);
    let guide = match try_box(Guide::new(ledger, plan.max_steps)) {
        Some(guide) => guide,
        None => {
            // SAFETY: made above.
            drop(unsafe { Box::from_raw(ledger) });
            return no_memory();
        }
    };
    let before = stepped.with_schedule(|schedule| {
        schedule.keep_lanes(); // those of the program; what a schedule makes goes with it
        *schedule.rules()
    });
    let exploring = poll::is_raised(poll::EXPLORED);
    poll::raise(poll::EXPLORED);
    let mut search = Search { engine, stepped, seat, guide, plan, program, spread: Spread::new(plan.steps) };
    let director: *mut Guide = &mut *search.guide;
    // SAFETY: this thread holds the gate; the guide lives until it is disengaged below.
    unsafe { stepped.engage(Some(director)) };
    let found = outside::asleep_behind_the_gate(|| match single {
        Some(single) => search.replay(single),
        None => search.run(),
    });
    // SAFETY: as above.
    unsafe { stepped.engage(None) };
    if !exploring {
        poll::lower(poll::EXPLORED);
    }
    drop(search);
    // SAFETY: made above; the guide that used it is gone.
    drop(unsafe { Box::from_raw(ledger) });
    // Where strands are left that do not end, the schedule that knows them stays.
    let restored = if count::live(engine).0 == 0 { install(stepped, &before) } else { Ok(()) };
    let found = found?;
    restored.map(|()| found)
}

/// Whether there is a strand, dormant ones included, which nobody counts.
fn anybody_is_left(engine: &Parallel) -> bool {
    (0..engine.strands.fresh()).any(|index| head::at(index).phase() != Phase::Free)
}

fn new_ledger() -> Option<Box<Ledger>> {
    let layout = core::alloc::Layout::new::<Ledger>();
    // SAFETY: the size is not 0; all-zero memory is an empty ledger; the box frees it with the same layout.
    unsafe {
        let memory: *mut Ledger = std::alloc::alloc_zeroed(layout).cast();
        (!memory.is_null()).then(|| Box::from_raw(memory))
    }
}

impl Search<'_> {
    fn run(&mut self) -> Outcome<Found> {
        install(self.stepped, &rules_of(self.plan, self.spread.steps()))?;
        match self.plan.strategy {
            Strategy::Exhaustive => self.exhaust(),
            _ => self.sample(),
        }
    }

    /// One schedule, whose failure is told as it is.
    fn replay(&mut self, single: &Single) -> Outcome<Found> {
        install(self.stepped, &single.rules)?;
        self.guide.explorer.begin(single.mode(), false);
        self.guide.strict = true;
        self.guide.keep_story(true);
        self.schedule(single.seed, single.injections.clone())?;
        let decisions = u64::from(self.guide.ledger().count());
        let found = Found { runs: 1, decisions, ..Found::default() };
        let Some(failure) = self.guide.failure() else {
            self.leave_nobody()?;
            return Ok(found);
        };
        let mut report = String::new();
        self.guide.report(failure, &mut report);
        self.clean_up();
        Ok(Found { failure: Some((0, failure, single.token.clone(), report)), ..found })
    }

    fn sample(&mut self) -> Outcome<Found> {
        let mut found = Found::default();
        while found.runs < self.plan.runs {
            let index = found.runs;
            if Spread::changes_at(index) {
                self.spread.settle();
                self.stepped.with_schedule(|schedule| schedule.set_steps(self.spread.steps()));
            }
            let seed = seed_of(self.plan, index);
            let injections = self.injections(seed);
            self.schedule(seed, injections)?;
            found.runs += 1;
            found.decisions += u64::from(self.guide.ledger().count());
            if let Some(failure) = self.guide.failure() {
                return self.explain(found, index, failure, None);
            }
            self.spread.heard(self.guide.ledger().picks());
            self.leave_nobody()?;
            self.forget_injected();
        }
        Ok(found)
    }

    fn exhaust(&mut self) -> Outcome<Found> {
        let walk = Walk::new(self.plan.preemptions, self.plan.reduces);
        self.guide.explorer.begin(Mode::Walk(Box::new(walk)), false);
        if self.plan.reduces {
            poll::raise(poll::FOLLOWED);
        }
        let result = self.walk();
        poll::lower(poll::FOLLOWED);
        result
    }

    fn walk(&mut self) -> Outcome<Found> {
        let mut found = Found::default();
        loop {
            self.schedule(0, Vec::new())?;
            let index = found.runs;
            found.runs += 1;
            found.decisions += u64::from(self.guide.ledger().count());
            if let Some(failure) = self.guide.failure() {
                let choices = self.guide.ledger().choices();
                return self.explain(found, index, failure, choices);
            }
            self.leave_nobody()?;
            self.guide.finish();
            let Some(walk) = self.guide.explorer.walk() else { return Ok(found) };
            if !walk.next() {
                found.complete = walk.is_complete();
                return Ok(found);
            }
            if found.runs == self.plan.runs {
                return Ok(found);
            }
        }
    }

    /// Runs one schedule to its end, or to its failure, and leaves no strand behind.
    fn schedule(&mut self, seed: u64, injections: Vec<Injection>) -> Outcome<()> {
        if let Some(reset) = self.program.reset {
            // SAFETY: the program's own function.
            unsafe { reset(self.program.arg) };
            if count::live(self.engine).0 != 0 {
                return fail(
                    Status::INVALID,
                    format_args!("reset has spawned a strand: a schedule begins without any"),
                );
            }
        }
        channel::restart_order();
        self.stepped.forget_places();
        self.stepped.with_schedule(|schedule| schedule.clear(seed));
        self.guide.explorer.restart();
        self.guide.restart();
        self.stepped.inject_at(self.guide.set_injections(injections));
        if clock::is_virtual() {
            clock::set_virtual(clock::VIRTUAL_START);
        }
        // SAFETY: the body and its argument are what the program wants to run.
        unsafe { spawning::spawn(self.program.body, self.program.arg, self.program.site) }?;
        while self.guide.failure().is_none() {
            match self.stepped.round(&self.seat) {
                Round::Ran | Round::Fired => {}
                // Everybody who is ready is held, and nobody has said that somebody outside will let one go.
                Round::Idle { until: None } if !outside::somebody_may_come() && outside::active() == 0 => {
                    self.stepped.tell_stuck();
                    break;
                }
                Round::Idle { until } => self.stepped.sleep_behind_the_gate(until),
                Round::Stuck => {
                    count::quiet(true);
                    if self.stepped.is_quiescent() {
                        if count::somebody_is_left(self.engine) {
                            self.stepped.tell_stuck();
                        }
                        break;
                    }
                }
            }
            self.stepped.let_others_in();
        }
        Ok(())
    }

    /// Uncounted strands of a schedule that has passed end too.
    fn leave_nobody(&mut self) -> Outcome<()> {
        if self.guide.everybody_has_ended() || self.clean_up() {
            return Ok(());
        }
        fail(Status::INVALID, format_args!("a strand of an explored schedule does not end when it is cancelled"))
    }

    /// What was injected and has met nobody does not go on into the next schedule.
    fn forget_injected(&self) {
        failing::next(false);
        if poll::is_raised(poll::CANCEL) {
            cancel::reset();
        }
    }

    fn injections(&self, seed: u64) -> Vec<Injection> {
        inject::draw(self.plan, seed, self.spread.steps())
    }

    /// Ends the strands of a schedule. False when some do not end.
    fn clean_up(&mut self) -> bool {
        let engine = self.engine;
        if anybody_is_left(engine) {
            // SAFETY: this thread holds the gate; the guide is engaged again below.
            unsafe { self.stepped.engage(None) };
            cancel::begin_all();
            policies::resume_all(engine);
            cancel::wake_all(&engine.strands, end::finish_dormant);
            let mut rounds = 0;
            while anybody_is_left(engine) && rounds < CLEANUP_ROUNDS {
                match self.stepped.round(&self.seat) {
                    Round::Ran | Round::Fired => rounds += 1,
                    _ => break,
                }
            }
            cancel::reset();
            let director: *mut Guide = &mut *self.guide;
            // SAFETY: as in `search`.
            unsafe { self.stepped.engage(Some(director)) };
        }
        self.forget_injected();
        fault::forget();
        !anybody_is_left(engine)
    }

    /// A schedule failed: finds a short one that fails too, and tells its story.
    fn explain(&mut self, found: Found, index: u64, failure: Failure, known: Option<Vec<u32>>) -> Outcome<Found> {
        let mut report = String::new();
        self.guide.report(failure, &mut report);
        let seed = seed_of(self.plan, index);
        let mut injections = self.injections(seed);
        let mut best = None;
        if self.clean_up() {
            let first = match known {
                Some(choices) => Some(choices),
                None => self.choices_of(seed, &injections, failure)?,
            };
            if let Some(choices) = first {
                install(self.stepped, &Rules::of(Kind::Chosen))?;
                let mut short = choices;
                injections = without_needless(injections, |fewer| self.fails_with(&short, fewer, failure));
                short = shrink(short, SHRINK_RUNS, |choices| self.fails_with(choices, &injections, failure));
                self.guide.keep_story(true);
                if self.fails_again(&short, &injections, failure, &mut report) {
                    best = Some(short);
                }
                self.guide.keep_story(false);
            }
        }
        let token = token_of(self.plan, index, self.spread.steps(), best, injections);
        Ok(Found { failure: Some((index, failure, token, report)), ..found })
    }

    /// The choices of a schedule that the policy decides, if it fails again.
    fn choices_of(&mut self, seed: u64, injections: &[Injection], failure: Failure) -> Outcome<Option<Vec<u32>>> {
        self.guide.explorer.begin(Mode::Policy, true);
        self.schedule(seed, injections.to_vec())?;
        let again = self.guide.failure() == Some(failure);
        let choices = self.guide.ledger().choices();
        self.guide.explorer.begin(Mode::Policy, false);
        Ok(if self.clean_up() && again { choices } else { None })
    }

    fn fails_with(&mut self, choices: &[u32], injections: &[Injection], failure: Failure) -> bool {
        self.guide.explorer.begin(Mode::Choices(choices.to_vec()), false);
        let failed = self.schedule(0, injections.to_vec()).is_ok() && self.guide.failure() == Some(failure);
        self.clean_up() && failed
    }

    fn fails_again(
        &mut self,
        choices: &[u32],
        injections: &[Injection],
        failure: Failure,
        report: &mut String,
    ) -> bool {
        self.guide.explorer.begin(Mode::Choices(choices.to_vec()), false);
        if self.schedule(0, injections.to_vec()).is_err() || self.guide.failure() != Some(failure) {
            self.clean_up();
            return false;
        }
        report.clear();
        self.guide.report(failure, report);
        self.clean_up();
        true
    }
}

/// The message of a failed search.
pub fn message(found: &Found) -> String {
    let mut text = String::new();
    if let Some((index, _, token, report)) = &found.failure {
        let _ = write!(text, "schedule {} failed: {}\nSTRAND_REPLAY={token}", index + 1, report.trim_end());
    }
    text
}
