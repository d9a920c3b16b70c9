// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two sides of a generator: the one that resumes, the one that yields.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::Ordering;

use super::{Exchange, GENERATORS, Generator, Plan, Stage, lock_name, settle};
use crate::base::claim::Won;
use crate::base::status::{Outcome, Status};
use crate::engine;
use crate::memory::objects::{Locked, Name};
use crate::strand::head::{self, Head};
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, FOREVER, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::{cancel, reason};

/// What a generator has answered.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// OK: it has yielded. CLOSED, FAILED, CANCELLED: it has ended. Else why it could not start.
    pub status: Status,
    /// The value, with OK and CLOSED.
    pub value: u64,
    /// The code, with FAILED.
    pub code: Status,
}

impl Answer {
    /// None yet.
    pub const NONE: Answer = Answer::of(Status::OK);

    /// An answer without a value.
    pub const fn of(status: Status) -> Answer {
        Answer { status, value: 0, code: Status::OK }
    }
}

/// Who waits for an answer, in its frame.
pub struct Resumer {
    name: Name<Generator>,
    /// The value of a resume; none for one who only waits.
    input: Option<u64>,
    /// It has opened the exchange by making the strand.
    opens: bool,
    waiter: Cell<*const Waiter>,
    answer: Cell<Answer>,
}

/// A generator in a yield, in its frame.
pub struct Yielder {
    name: Name<Generator>,
    output: u64,
    /// The output is somebody's, or kept for somebody.
    given: Cell<bool>,
    waiter: Cell<*const Waiter>,
    /// What the next resume hands in.
    input: Cell<Option<u64>>,
}

impl Yielder {
    /// Where what the next resume hands in lies, once it has. (What the generator yields lies in its frame too.)
    pub(super) fn place(&self) -> Option<*const u64> {
        // SAFETY: the generator does not run, and nobody else does.
        unsafe { (*self.input.as_ptr()).as_ref() }.map(|input| input as *const u64)
    }
}

/// What came of delivering something to somebody who waits.
enum Delivered {
    /// To a strand that is switched out: the caller makes it go on.
    Strand(u32),
    /// To an OS thread that is to be woken.
    Thread(*const Waiter),
    /// To somebody who is on the way into the wait, and goes on by itself.
    Itself,
    /// To nobody: the wait is over.
    Nobody,
}

/// Wins a waiter; `leave` comes before its status.
fn deliver(waiter: &Waiter, leave: impl FnOnce()) -> Delivered {
    let Some(won) = waiter.claim.claim() else { return Delivered::Nobody };
    leave();
    let strand = waiter.strand();
    waiter.set_status(Status::OK);
    match (won, strand) {
        (Won::LeaveToOpener, _) => Delivered::Itself,
        (Won::Wake, Some(strand)) => Delivered::Strand(head::index_of(strand)),
        (Won::Wake, None) => Delivered::Thread(waiter),
    }
}

impl Resumer {
    fn new(name: Name<Generator>, input: Option<u64>) -> Resumer {
        Resumer { name, input, opens: false, waiter: Cell::new(ptr::null()), answer: Cell::new(Answer::NONE) }
    }

    /// The waiter. Linked resumers only.
    pub fn waiter(&self) -> &Waiter {
        // SAFETY: stored by `publish`; in place while the resumer is known to the generator.
        unsafe { &*self.waiter.get() }
    }

    /// Leaves the answer. By the one who has won the wait.
    pub fn set_answer(&self, answer: Answer) {
        self.answer.set(answer);
    }

    fn refuse(&self, status: Status) -> Published {
        self.answer.set(Answer::of(status));
        Published::Done(Status::OK)
    }

    /// Whether this one may wait; else what it gets at once.
    fn admit(&self, generator: &Locked<Generator>) -> Result<(), Published> {
        let busy = !generator.resumer.get().is_null() || generator.opening.get() && !self.opens;
        match (self.input, generator.stage(), generator.exchange()) {
            (Some(_), Stage::Ended, Exchange::None) => Err(self.refuse(Status::ALREADY)),
            (Some(_), Stage::Suspended, Exchange::None) => Ok(()),
            (Some(_), _, _) => Err(self.refuse(Status::BUSY)),
            (None, _, Exchange::Answered) => {
                self.answer.set(generator.take_answer());
                Err(Published::Done(Status::OK))
            }
            (None, _, _) if busy => Err(self.refuse(Status::BUSY)),
            (None, Stage::Running, Exchange::Open) => Ok(()),
            // Nobody asked for anything, but its end can be waited for.
            (None, Stage::Running, Exchange::None) => Ok(()),
            (None, Stage::Suspended, Exchange::None) if generator.cancelled.get() => Ok(()),
            (None, Stage::Ended, _) if generator.outcome.get().status == Status::CANCELLED => {
                Err(self.refuse(Status::CANCELLED))
            }
            (None, Stage::Ended, _) => Err(self.refuse(Status::ALREADY)),
            (None, _, _) => Err(self.refuse(Status::EMPTY)),
        }
    }
}

impl Generator {
    /// The answer that nobody waited for.
    fn take_answer(&self) -> Answer {
        self.set_exchange(Exchange::None);
        self.held.set(None);
        self.pending.get()
    }

    /// Gives an answer to whoever waits, or keeps it.
    fn answer_with(&self, answer: Answer) -> Delivered {
        // SAFETY: a known resumer is in place; it leaves under the lock.
        let delivered = match unsafe { self.resumer.replace(ptr::null()).as_ref() } {
            Some(resumer) => deliver(resumer.waiter(), || resumer.set_answer(answer)),
            None => Delivered::Nobody,
        };
        if let Delivered::Nobody = delivered {
            self.set_exchange(Exchange::Answered);
            self.pending.set(answer);
            self.held.set(Some(answer.value));
        } else {
            self.set_exchange(Exchange::None);
        }
        delivered
    }
}

impl Source for Resumer {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let generator = match lock_name(self.name) {
            Ok(generator) => generator,
            Err(status) => return self.refuse(status),
        };
        if let Err(published) = self.admit(&generator) {
            return published;
        }
        if self.opens {
            generator.opening.set(false);
        }
        self.waiter.set(waiter);
        generator.resumer.set(self);
        if sole && !open_sole(waiter) {
            generator.resumer.set(ptr::null());
            return Published::Done(Status::CANCELLED);
        }
        let Some(input) = self.input else {
            return match take_fresh(&generator) {
                Some(strand) => Published::Handed(head::index_of(strand)),
                None => Published::Waiting,
            };
        };
        generator.set_exchange(Exchange::Open);
        generator.set_stage(Stage::Running);
        // SAFETY: a suspended generator's frame is in place; it leaves under the lock.
        let Some(yielder) = (unsafe { generator.yielder.replace(ptr::null()).as_ref() }) else {
            return Published::Waiting;
        };
        // Handed in also where it is being cancelled at this moment: it then drops what it was given.
        yielder.input.set(Some(input));
        // SAFETY: as above.
        match deliver(unsafe { &*yielder.waiter.get() }, || {}) {
            Delivered::Strand(next) => Published::Handed(next),
            _ => Published::Waiting,
        }
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        if let Ok(generator) = self.name.lock()
            && ptr::eq(generator.resumer.get(), self)
        {
            generator.resumer.set(ptr::null());
        }
    }
}

/// Ends the yield that a generator is in with CANCELLED; one that somebody else has cancelled already goes on by itself.
pub fn cancel_yield(generator: &Locked<Generator>, woken: &mut Woken) {
    // SAFETY: a suspended generator's frame is in place; it leaves under the lock.
    if let Some(yielder) = unsafe { generator.yielder.get().as_ref() } {
        // SAFETY: as above.
        woken.win(unsafe { &*yielder.waiter.get() }, Status::CANCELLED);
    }
}

impl Source for Yielder {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        debug_assert!(sole, "a yield has no deadline");
        let Ok(generator) = self.name.lock() else { return Published::Done(Status::STALE) };
        // Without an open exchange it runs because it was cancelled.
        if generator.cancelled.get() || generator.exchange() != Exchange::Open {
            return Published::Done(Status::CANCELLED);
        }
        self.waiter.set(waiter);
        generator.yielder.set(self);
        if sole && !open_sole(waiter) {
            generator.yielder.set(ptr::null());
            return Published::Done(Status::CANCELLED);
        }
        generator.set_stage(Stage::Suspended);
        self.given.set(true);
        let delivered = generator.answer_with(Answer { value: self.output, ..Answer::NONE });
        drop(generator);
        match delivered {
            Delivered::Strand(next) => return Published::Handed(next),
            // SAFETY: won just now and not woken yet.
            Delivered::Thread(waiter) => block::wake(unsafe { &*waiter }, false),
            Delivered::Itself | Delivered::Nobody => {}
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        // Cancelled while it was suspended: it runs, and nobody has resumed it.
        if let Ok(generator) = self.name.lock()
            && ptr::eq(generator.yielder.get(), self)
        {
            generator.yielder.set(ptr::null());
            generator.set_stage(Stage::Running);
        }
    }
}

/// The strand of a generator whose first resume has made it and not yet let it go.
fn take_fresh(generator: &Locked<Generator>) -> Option<&'static Head> {
    if !generator.fresh.replace(false) {
        return None;
    }
    generator.head().map(|(strand, _)| strand)
}

/// Makes the strand of a generator: ready, in no queue, counted in.
pub type MakeStrand<'a> = &'a dyn Fn(&Plan, u64) -> Outcome<&'static Head>;

/// Hands a value in and waits for the answer. The caller has looked whether its strand is cancelled.
pub fn resume(handle: u64, input: u64, deadline: i64, make: MakeStrand<'_>) -> Outcome<Answer> {
    let name = GENERATORS.name(handle)?;
    if name.peek().stage() == Stage::Dormant {
        return first_resume(name, input, deadline, make);
    }
    ask(&Resumer::new(name, Some(input)), handle, deadline)
}

/// Waits for the answer of an exchange that is open.
pub fn wait(handle: u64, deadline: i64) -> Outcome<Answer> {
    ask(&Resumer::new(GENERATORS.name(handle)?, None), handle, deadline)
}

/// The strand is made while the exchange is open already, so that everybody else finds the generator busy.
#[cold]
fn first_resume(name: Name<Generator>, input: u64, deadline: i64, make: MakeStrand<'_>) -> Outcome<Answer> {
    let handle = name.handle();
    let generator = lock_name(name)?;
    if generator.stage() != Stage::Dormant || generator.exchange() != Exchange::None {
        drop(generator);
        return ask(&Resumer::new(name, Some(input)), handle, deadline);
    }
    if deadline == NO_WAIT {
        return Err(Status::WOULD_BLOCK);
    }
    let Some(plan) = generator.plan.get() else { return Err(Status::STALE) };
    generator.set_stage(Stage::Running);
    generator.set_exchange(Exchange::Open);
    generator.opening.set(true);
    generator.first.set(input);
    drop(generator);
    let made = make(&plan, handle);
    let strand = match made {
        Ok(strand) => strand,
        Err(status) => {
            take_back(name, status);
            return Err(status);
        }
    };
    // Only this call knows the strand yet: as soon as it is fresh, anybody who waits may let it go, and it may end.
    let generation = strand.generation();
    // SAFETY: the link lies in the generator, which stays until the end of the strand was told.
    unsafe { name.peek().link.watch(strand, generation, super::end::strand_ended, false) };
    let generator = name.lock()?;
    generator.strand.store(head::handle_of(strand), Ordering::Relaxed);
    generator.fresh.set(true);
    let cancelled = generator.cancelled.get();
    drop(generator);
    if cancelled {
        cancel::cancel(strand, Some(generation), reason::ABANDONED, |_| ());
    }
    let answer = ask(&Resumer { opens: true, ..Resumer::new(name, None) }, handle, deadline);
    // Where the wait was over before it began, the strand is still to be let go.
    let fresh = name.lock().ok().and_then(|generator| {
        generator.opening.set(false);
        take_fresh(&generator)
    });
    if let Some(strand) = fresh {
        engine::spawn(strand);
    }
    answer
}

/// No strand could be made: everything is as it was, but for a cancellation that came meanwhile.
fn take_back(name: Name<Generator>, status: Status) {
    let Ok(generator) = name.lock() else { return };
    let mut woken = Woken::new();
    // SAFETY: a known resumer is in place; it leaves under the lock.
    if let Some(resumer) = unsafe { generator.resumer.replace(ptr::null()).as_ref() } {
        woken.win_with(resumer.waiter(), Status::OK, || resumer.set_answer(Answer::of(status)));
    }
    generator.set_exchange(Exchange::None);
    generator.opening.set(false);
    generator.set_stage(if generator.cancelled.get() { Stage::Ended } else { Stage::Dormant });
    if generator.cancelled.get() {
        generator.outcome.set(Answer::of(Status::CANCELLED));
    }
    settle(generator).end();
    woken.wake_all();
}

fn ask(resumer: &Resumer, handle: u64, deadline: i64) -> Outcome<Answer> {
    let status = match deadline {
        // Nothing can be handed over without a wait, but an answer may be there.
        NO_WAIT => look(resumer),
        _ => block::wait(resumer, WaitKind::Generator, handle, deadline),
    };
    if status != Status::OK {
        // Whoever gives up may have been the last who could have wanted what it had waited for.
        if let Ok(generator) = resumer.name.lock() {
            settle(generator).end();
        }
        return Err(status);
    }
    Ok(resumer.answer.get())
}

fn look(resumer: &Resumer) -> Status {
    match lock_name(resumer.name) {
        Err(status) => status,
        Ok(generator) => match resumer.admit(&generator) {
            Ok(()) => Status::WOULD_BLOCK,
            Err(_) => Status::OK,
        },
    }
}

/// Yields a value, from the strand of the generator; what the next resume hands in.
pub fn yield_value(handle: u64, output: u64) -> Outcome<u64> {
    let yielder = Yielder {
        name: GENERATORS.name(handle)?,
        output,
        given: Cell::new(false),
        waiter: Cell::new(ptr::null()),
        input: Cell::new(None),
    };
    match block::wait(&yielder, WaitKind::Resume, handle, FOREVER) {
        Status::OK => Ok(yielder.input.get().unwrap_or(0)),
        status => {
            cancelled_in_yield(&yielder);
            Err(status)
        }
    }
}

/// A generator that was cancelled is a cancelled strand: it does not wait for other things either. And a value that was
/// handed in at that moment is nobody's, like one that nobody has asked for.
#[cold]
fn cancelled_in_yield(yielder: &Yielder) {
    let Ok(generator) = yielder.name.lock() else { return };
    let (plan, cancelled, head) = (generator.plan.get(), generator.cancelled.get(), generator.head());
    drop(generator);
    if let Some((strand, _)) = head.filter(|_| cancelled) {
        cancel::mark_running(strand, reason::ABANDONED);
    }
    let output = (!yielder.given.get()).then_some(yielder.output);
    for value in [yielder.input.get(), output].into_iter().flatten() {
        drop_with(plan, value);
    }
}

/// A generator that is cancelled does not yield: the value is nobody's.
#[cold]
pub fn refuse_yield(handle: u64, output: u64) {
    let plan = GENERATORS.lock(handle).ok().and_then(|generator| generator.plan.get());
    drop_with(plan, output);
}

fn drop_with(plan: Option<Plan>, value: u64) {
    if let Some(plan) = plan
        && let Some(drop) = plan.value_drop
    {
        // SAFETY: the program's own function, for a value that nobody else has.
        unsafe { drop(value, plan.data) };
    }
}
