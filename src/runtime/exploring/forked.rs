// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exploration of an unmodified program: init forks once for each schedule, and the child runs the rest of the program.
//!
//! The engine is set up before the first fork, so a child begins with everything mapped. There is one thread, which is
//! why a fork is possible at all.

use core::ffi::c_int;
use core::fmt::Write;
use std::collections::VecDeque;

use super::guide::{Failure, Guide};
use super::inject;
use super::slot::Slot;
use super::{course, install, no_memory, rules_of, seed_of, token_of};
use crate::base::status::{Outcome, Status};
use crate::base::sys;
use crate::engine::{outside, stepped::Stepped};
use crate::explore::follow::follow;
use crate::explore::shrink::shrink;
use crate::explore::spread::Spread;
use crate::explore::walk::Walk;
use crate::explore::{Mode, Plan, Strategy};
use crate::policy::{Kind, Rules};
use crate::record::token::Injection;
use crate::strand::message::{fail, try_box};
use crate::strand::poll;

/// Schedules run to shorten one that fails.
const SHRINK_RUNS: u32 = 300;
/// Seconds after which a child that does not end by itself is ended.
const TIME_LIMIT: c_int = 60;
/// Children that run beside each other at most.
const JOBS_MAX: u32 = 64;
/// Status of a child that has reported its failure.
const REPORTED: c_int = 99;

/// One schedule to be run by a child.
struct Order {
    rules: Rules,
    seed: u64,
    mode: Mode,
    injections: Vec<Injection>,
    detailed: bool,
    keeps_output: bool,
}

/// A child that runs a schedule.
struct Child {
    process: libc::pid_t,
    slot: *mut Slot,
}

struct Search<'a> {
    stepped: &'a Stepped,
    plan: &'a Plan,
    /// Made before the first fork, as everything that a child would only make anew: what a child need not touch costs
    /// it no page.
    guide: *mut Guide,
    nowhere: c_int,
    child_signal: ChildSignal,
    slots: Vec<*mut Slot>,
    spread: Spread,
    runs: u64,
    decisions: u64,
}

/// SIGCHLD as the program has it, put aside while the search waits for its children: a handler of the program may take
/// their status, and where the signal is ignored there is none.
struct ChildSignal(libc::sigaction);

impl ChildSignal {
    fn put_aside() -> ChildSignal {
        // SAFETY: all-zero is a sigaction with the default action; both are valid for the call.
        unsafe {
            let default: libc::sigaction = core::mem::zeroed();
            let mut earlier: libc::sigaction = core::mem::zeroed();
            libc::sigaction(libc::SIGCHLD, &default, &mut earlier);
            ChildSignal(earlier)
        }
    }

    fn give_back(&self) {
        // SAFETY: what the program had.
        unsafe { libc::sigaction(libc::SIGCHLD, &self.0, core::ptr::null_mut()) };
    }
}

/// The process that goes on is a child with a schedule to run.
struct Went;

/// What the parent hears of a child: how it failed, and the words.
type Verdict = Option<(Failure, String)>;

/// Searches. Comes back in a child, which runs its schedule; the parent ends here. An error leaves no child behind.
pub fn search(stepped: &Stepped, plan: &Plan) -> Outcome<()> {
    if let Some(further) = course::go_on(stepped) {
        return further;
    }
    let threads = sys::count_threads();
    if threads != 1 {
        return fail(
            Status::UNSUPPORTED,
            format_args!(
                "exploring forks, which needs a process with one thread at strand_scheduler_init; this one has {threads}. Call init first, or use strand_explore"
            ),
        );
    }
    let _turn = stepped.turn();
    install(stepped, &rules_of(plan, plan.steps))?;
    let Some(mut guide) = try_box(Guide::new(core::ptr::null_mut(), plan.max_steps)) else { return no_memory() };
    guide.watch_threads(single_threaded());
    let mut search = Search {
        stepped,
        plan,
        guide: Box::into_raw(guide),
        nowhere: open_nowhere(),
        child_signal: ChildSignal::put_aside(),
        slots: Vec::new(),
        spread: Spread::new(plan.steps),
        runs: 0,
        decisions: 0,
    };
    let jobs = match plan.strategy {
        // Each schedule comes from the one before.
        Strategy::Exhaustive => 1,
        _ if plan.jobs == 0 => sys::usable_processors(),
        _ => plan.jobs,
    };
    for _ in 0..jobs.min(JOBS_MAX) {
        match Slot::map() {
            Ok(slot) => search.slots.push(slot),
            Err(_) => {
                search.child_signal.give_back();
                return no_memory();
            }
        }
    }
    let result = match plan.strategy {
        Strategy::Exhaustive => search.exhaust(),
        _ => search.sample(),
    };
    match result {
        Err(Stop::Child(Went)) => Ok(()),
        Err(Stop::Failed(status)) => {
            search.child_signal.give_back();
            fail(status, format_args!("a process for a schedule could not be started"))
        }
        Ok(()) => search.say_none_failed(),
    }
}

/// Why the search does not go on in this process.
enum Stop {
    Child(Went),
    Failed(Status),
}

impl Search<'_> {
    fn sample(&mut self) -> Result<(), Stop> {
        let mut running: VecDeque<(u64, Child)> = VecDeque::new();
        let mut next = 0;
        loop {
            while next < self.plan.runs && running.len() < self.slots.len() {
                if Spread::changes_at(next) {
                    // Everything before is heard first, so that what follows does not depend on who is faster.
                    if !running.is_empty() {
                        break;
                    }
                    self.spread.settle();
                }
                let order = self.order(next);
                match self.start(&order, (next % self.slots.len() as u64) as usize) {
                    Ok(child) => running.push_back((next, child)),
                    Err(Stop::Failed(status)) => {
                        self.hear_all(running);
                        return Err(Stop::Failed(status));
                    }
                    child => return child.map(|_| ()),
                }
                next += 1;
            }
            let Some((index, child)) = running.pop_front() else { return Ok(()) };
            let verdict = self.hear(&child);
            self.account(&child);
            if let Some(verdict) = verdict {
                self.hear_all(running);
                return self.explain(index, verdict, None);
            }
        }
    }

    fn exhaust(&mut self) -> Result<(), Stop> {
        let mut walk = Walk::new(self.plan.preemptions, self.plan.reduces);
        if self.plan.reduces {
            poll::raise(poll::FOLLOWED);
        }
        loop {
            let order = Order {
                mode: Mode::Walk(Box::new(walk.clone())),
                ..self.chosen(Vec::new(), &[], false, self.plan.keeps_output)
            };
            let child = self.start(&order, 0)?;
            let verdict = self.hear(&child);
            self.account(&child);
            // SAFETY: the child has ended.
            let ledger = unsafe { &(*child.slot).ledger };
            if let Some(verdict) = verdict {
                poll::lower(poll::FOLLOWED);
                return self.explain(self.runs - 1, verdict, ledger.choices());
            }
            follow(&mut walk, ledger);
            if !walk.next() {
                if walk.is_complete() {
                    self.say_complete();
                }
                return Ok(());
            }
            if self.runs == self.plan.runs {
                return Ok(());
            }
        }
    }

    fn order(&self, index: u64) -> Order {
        Order {
            injections: self.injections(index),
            rules: rules_of(self.plan, self.spread.steps()),
            seed: seed_of(self.plan, index),
            mode: Mode::Policy,
            detailed: false,
            keeps_output: self.plan.keeps_output,
        }
    }

    fn injections(&self, index: u64) -> Vec<Injection> {
        inject::draw(self.plan, seed_of(self.plan, index), self.spread.steps())
    }

    fn chosen(&self, choices: Vec<u32>, injections: &[Injection], story: bool, keeps_output: bool) -> Order {
        Order {
            injections: injections.to_vec(),
            rules: Rules::of(Kind::Chosen),
            seed: 0,
            mode: Mode::Choices(choices),
            detailed: story,
            keeps_output,
        }
    }

    fn account(&mut self, child: &Child) {
        self.runs += 1;
        // SAFETY: the child has ended.
        let ledger = unsafe { &(*child.slot).ledger };
        self.decisions += u64::from(ledger.count());
        self.spread.heard(ledger.picks());
    }

    /// Starts a child; in the child this is `Stop::Child`.
    fn start(&self, order: &Order, slot: usize) -> Result<Child, Stop> {
        let slot = self.slots[slot];
        // SAFETY: shared memory of ours that no running child uses.
        unsafe { (*slot).clear() };
        // SAFETY: flushes the program's streams, so that no child writes what was buffered once more; then forks a
        // process with one thread.
        let process = unsafe {
            libc::fflush(core::ptr::null_mut());
            libc::fork()
        };
        match process {
            0 => match self.become_child(order, slot) {
                Ok(()) => Err(Stop::Child(Went)),
                Err(_) => finish("libstrand: no memory to run a schedule\n", 1),
            },
            failed if failed < 0 => Err(Stop::Failed(Status::LIMIT)),
            process => Ok(Child { process, slot }),
        }
    }

    /// The rest of this process is one schedule.
    fn become_child(&self, order: &Order, slot: *mut Slot) -> Outcome<()> {
        self.child_signal.give_back();
        // SAFETY: takes numbers only. A search that is killed leaves nobody behind.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if !order.keeps_output && self.nowhere >= 0 {
            // SAFETY: standard output goes nowhere; if that cannot be had it stays where it is.
            unsafe { libc::dup2(self.nowhere, 1) };
        }
        let stepped = self.stepped;
        if order.rules.kind != stepped.with_schedule(|schedule| schedule.rules().kind) {
            install(stepped, &order.rules)?;
        }
        stepped.with_schedule(|schedule| {
            schedule.set_steps(order.rules.steps);
            schedule.clear(order.seed);
        });
        // SAFETY: made by `search` and used by this child alone.
        let guide = unsafe { &mut *self.guide };
        // SAFETY: shared memory that stays mapped.
        guide.set_ledger(unsafe { &raw mut (*slot).ledger });
        guide.explorer.begin(order.mode.clone(), order.detailed);
        guide.keep_story(order.detailed);
        guide.on_failure = Some(report);
        stepped.inject_at(guide.set_injections(order.injections.clone()));
        SLOT.store(slot, core::sync::atomic::Ordering::SeqCst);
        // SAFETY: the guide is leaked: it stays until the process ends.
        unsafe { stepped.engage(Some(self.guide)) };
        outside::only_this_thread(Some(refuse_thread));
        course::keep(order.rules, order.seed, self.guide)
    }

    /// Waits for the end of those that still run.
    fn hear_all(&self, running: VecDeque<(u64, Child)>) {
        for (_, other) in running {
            self.hear(&other);
        }
    }

    /// Waits for the end of a child.
    fn hear(&self, child: &Child) -> Verdict {
        let in_time = sys::await_child(child.process, TIME_LIMIT);
        let mut status = 0;
        // SAFETY: our own child, waited for once.
        unsafe {
            if !in_time {
                libc::kill(child.process, libc::SIGKILL);
            }
            while libc::waitpid(child.process, &mut status, 0) < 0 && *libc::__errno_location() == libc::EINTR {}
        }
        // SAFETY: the child has ended.
        let slot = unsafe { &*child.slot };
        if let Some(failure) = Failure::from_number(slot.failure()) {
            return Some((failure, slot.text().to_owned()));
        }
        if !in_time {
            return Some((Failure::TimeLimit, format!("it did not end within {TIME_LIMIT} seconds\n")));
        }
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            return Some((
                Failure::Signal,
                format!("the process was ended by signal {signal} ({})\n", sys::signal_name(signal)),
            ));
        }
        match libc::WEXITSTATUS(status) {
            0 => None,
            code => Some((Failure::Exit, format!("the process ended with status {code}\n"))),
        }
    }

    /// A schedule failed: finds a short one that fails too, runs it with its output, and says what there is to say.
    fn explain(&mut self, index: u64, verdict: (Failure, String), known: Option<Vec<u32>>) -> Result<(), Stop> {
        let (failure, mut text) = verdict;
        let mut injections = if known.is_some() { Vec::new() } else { self.injections(index) };
        let mut best = None;
        if failure != Failure::Thread {
            let first = match known {
                Some(choices) => Some(choices),
                None => self.choices_of(index, failure)?,
            };
            if let Some(first) = first {
                injections = self.fewer(&first, injections, failure)?;
                let short = self.shorten(first, &injections, failure)?;
                if let Some(told) = self.tell(&short, &injections, failure)? {
                    text = told;
                    best = Some(short);
                }
            }
        }
        let again = best.is_some();
        let token = token_of(self.plan, index, self.spread.steps(), best, injections);
        let mut out = String::new();
        let _ = writeln!(out, "libstrand: schedule {} of {} failed: {}", index + 1, self.plan, text.trim_end());
        if !again && failure != Failure::Thread {
            let _ = writeln!(
                out,
                "it did not fail again with the same decisions: the program depends on something else, such as addresses, time or files"
            );
        }
        if failure != Failure::Thread {
            let _ = writeln!(out, "STRAND_REPLAY={token}");
        }
        finish(&out, 1)
    }

    fn choices_of(&mut self, index: u64, failure: Failure) -> Result<Option<Vec<u32>>, Stop> {
        let order = Order { detailed: true, keeps_output: false, ..self.order(index) };
        let child = self.start(&order, 0)?;
        let again = self.hear(&child).is_some_and(|(one, _)| one == failure);
        // SAFETY: the child has ended.
        let choices = unsafe { (*child.slot).ledger.choices() };
        Ok(if again { choices } else { None })
    }

    fn shorten(&mut self, choices: Vec<u32>, injections: &[Injection], failure: Failure) -> Result<Vec<u32>, Stop> {
        let mut stop = None;
        let short = shrink(choices, SHRINK_RUNS, |choices| self.fails_with(choices, injections, failure, &mut stop));
        stop.map_or(Ok(short), Err)
    }

    fn fewer(&mut self, choices: &[u32], list: Vec<Injection>, failure: Failure) -> Result<Vec<Injection>, Stop> {
        let mut stop = None;
        let kept = inject::without_needless(list, |fewer| self.fails_with(choices, fewer, failure, &mut stop));
        stop.map_or(Ok(kept), Err)
    }

    fn fails_with(
        &mut self,
        choices: &[u32],
        injections: &[Injection],
        failure: Failure,
        stop: &mut Option<Stop>,
    ) -> bool {
        if stop.is_some() {
            return false;
        }
        match self.start(&self.chosen(choices.to_vec(), injections, false, false), 0) {
            Ok(child) => self.hear(&child).is_some_and(|(one, _)| one == failure),
            Err(why) => {
                *stop = Some(why);
                false
            }
        }
    }

    /// The failing schedule once more, with the program's output.
    fn tell(&mut self, choices: &[u32], injections: &[Injection], failure: Failure) -> Result<Option<String>, Stop> {
        let child = self.start(&self.chosen(choices.to_vec(), injections, true, true), 0)?;
        Ok(self.hear(&child).filter(|(one, _)| *one == failure).map(|(_, text)| text))
    }

    fn say_complete(&self) {
        let bound = match self.plan.preemptions {
            u32::MAX => "any number of preemptions".to_owned(),
            1 => "at most one preemption".to_owned(),
            bound => format!("at most {bound} preemptions"),
        };
        let reduced = if self.plan.reduces { ", but for those that change nothing" } else { "" };
        finish(
            &format!(
                "libstrand: explored all schedules with {bound}{reduced}: {}, with {} decisions: none failed\n",
                self.runs, self.decisions
            ),
            0,
        )
    }

    fn say_none_failed(&self) -> ! {
        finish(
            &format!(
                "libstrand: explored {} schedules of {}, {} decisions: none failed\n",
                self.runs, self.plan, self.decisions
            ),
            0,
        )
    }
}

/// The parent's last words.
fn finish(text: &str, status: c_int) -> ! {
    sys::write_error(text.as_bytes());
    // SAFETY: ends the process. What its exit handlers would do is the program's business in the children.
    unsafe { libc::_exit(status) }
}

/// Where the C library says whether there is one thread; null where it does not say, or says that there are more.
fn single_threaded() -> *const u8 {
    let place = sys::symbol(c"__libc_single_threaded").cast::<u8>().cast_const();
    // SAFETY: the byte is the C library's own.
    if place.is_null() || unsafe { place.read_volatile() } == 0 { core::ptr::null() } else { place }
}

/// A descriptor that swallows what is written to it, kept out of programs that are executed; -1 if there is none.
fn open_nowhere() -> c_int {
    // SAFETY: opens a device.
    unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) }
}

static SLOT: core::sync::atomic::AtomicPtr<Slot> = core::sync::atomic::AtomicPtr::new(core::ptr::null_mut());

/// Another OS thread has called in: this schedule is no pass, whatever comes of it.
fn refuse_thread() -> ! {
    // SAFETY: stored before this function could be called; the memory stays.
    let slot = unsafe { &mut *SLOT.load(core::sync::atomic::Ordering::SeqCst) };
    let _ = slot.write_str(
        "an OS thread of the program called in; what other threads do cannot be explored: use strands, or strand_explore for a part without threads",
    );
    slot.set_failure(Failure::Thread as u32);
    // SAFETY: ends the process.
    unsafe { libc::_exit(REPORTED) }
}

/// The child's schedule has failed.
fn report(guide: &Guide, failure: Failure) -> ! {
    // SAFETY: as above.
    let slot = unsafe { &mut *SLOT.load(core::sync::atomic::Ordering::SeqCst) };
    guide.report(failure, slot);
    slot.set_failure(failure as u32);
    // SAFETY: what the program printed goes out; then the process ends in the middle of a strand.
    unsafe {
        libc::fflush(core::ptr::null_mut());
        libc::_exit(REPORTED)
    }
}
