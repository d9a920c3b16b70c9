// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generators: a strand that runs only while somebody waits for what it yields, and values that go both ways.
//!
//! ```text
//!              first resume            yield                        returns, fails
//! DORMANT ────────────────► RUNNING ───────────► SUSPENDED     RUNNING ─────────► ENDED
//!    │                         ▲ ▲       resume      │
//!    │ cancel, release         │ └──────────────────◄┤
//!    ▼                         └─ cancel, release, ◄─┘
//!  ENDED                          shutdown: its yield says CANCELLED
//! ```
//! A resume opens an exchange, which the next yield (or the end) answers. Whoever waits for the answer may give up; the
//! answer is then kept until somebody asks for it. Both sides wait with the ordinary claim word, and both hand the
//! worker straight to each other: no queue, no other worker. The values lie in the frames of those who wait.

mod end;
mod exchange;

use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::base::handle::{INDEX_MAX, Kind};
use crate::base::status::{Outcome, Status};
use crate::memory::objects::{Locked, Name, Object, Objects};
use crate::strand::extras::Extras;
use crate::strand::head::{self, Head};
use crate::strand::root::{Kind as Stored, Root, Visit};
use crate::wait::block::Woken;
use crate::wait::end::Link;
use crate::wait::{cancel, reason};

pub use end::{Return, body_of_generator, exited, is_awaited};
pub use exchange::{Answer, refuse_yield, resume, wait, yield_value};

/// The function of a generator.
pub type Entry = unsafe extern "C-unwind" fn(arg: *mut c_void, first: u64, last: *mut u64) -> i32;

/// Where a generator is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Stage {
    /// Never resumed: it has no strand.
    Dormant = 0,
    /// Its function runs, or waits for something else than a resume.
    Running = 1,
    /// In a yield.
    Suspended = 2,
    /// Over.
    Ended = 3,
}

impl Stage {
    const fn from_byte(byte: u8) -> Stage {
        match byte {
            1 => Stage::Running,
            2 => Stage::Suspended,
            3 => Stage::Ended,
            _ => Stage::Dormant,
        }
    }
}

/// What becomes of the value of a resume.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Exchange {
    /// None is open.
    None,
    /// The generator has not answered yet.
    Open,
    /// It has, and nobody has taken the answer.
    Answered,
}

/// What a generator is made with.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Its function.
    pub entry: Option<Entry>,
    /// Its argument.
    pub arg: *mut c_void,
    /// Ends the argument of one that never runs.
    pub arg_drop: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    /// Ends a value that nobody gets.
    pub value_drop: Option<unsafe extern "C" fn(value: u64, data: *mut c_void)>,
    /// Passed to `value_drop`.
    pub data: *mut c_void,
    /// Name and local pointer of the strand, or null.
    pub extras: *mut Extras,
    /// Usable bytes of the stack; 0 for the default.
    pub stack_bytes: usize,
    /// Where it was made.
    pub site: usize,
}

/// See the module documentation. Under its lock but for the atomics.
#[repr(C)]
pub struct Generator {
    /// In the list of its strand. First, so that one address names both.
    link: Link,
    handle: Cell<u64>,
    stage: AtomicU8,
    exchange: Cell<Option<Exchange>>,
    /// The entry function has begun.
    begun: Cell<bool>,
    /// The entry function has come back.
    returned: Cell<bool>,
    cancelled: Cell<bool>,
    /// The handle was given back.
    released: Cell<bool>,
    /// The strand was made and lies in no queue: whoever waits first takes it along.
    fresh: Cell<bool>,
    /// The first resume has opened the exchange and does not wait for the answer yet, which is nobody else's.
    opening: Cell<bool>,
    /// The first value.
    first: Cell<u64>,
    /// An answer that nobody waits for.
    pending: Cell<Answer>,
    /// How it ended.
    outcome: Cell<Answer>,
    /// The value of one of the two, until somebody has it.
    held: Cell<Option<u64>>,
    /// Who waits for the answer.
    resumer: Cell<*const exchange::Resumer>,
    /// The generator's own frame, in a yield.
    yielder: Cell<*const exchange::Yielder>,
    /// Handle of the strand, or 0.
    strand: AtomicU64,
    plan: Cell<Option<Plan>>,
}

// SAFETY: every field is valid when all zero; the cells are touched under the lock only.
unsafe impl Object for Generator {
    #[cfg(loom)]
    fn blank() -> Self {
        unreachable!("no model has generators")
    }
}

/// All of them.
static GENERATORS: Objects<Generator> = Objects::new(Kind::Generator);

/// Makes the table of a runtime that is being initialised.
pub fn start() -> Outcome<()> {
    GENERATORS.start(INDEX_MAX)
}

/// Ends what is left, and frees the table.
///
/// # Safety
/// No strand and no call uses a generator any more.
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe {
        GENERATORS.stop(|left| {
            left.released.set(true);
            left.resumer.set(ptr::null());
            left.set_stage(Stage::Ended);
            settle(left).end();
        });
    }
}

impl Generator {
    fn stage(&self) -> Stage {
        Stage::from_byte(self.stage.load(Ordering::Relaxed))
    }

    fn set_stage(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    fn exchange(&self) -> Exchange {
        self.exchange.get().unwrap_or(Exchange::None)
    }

    fn set_exchange(&self, exchange: Exchange) {
        self.exchange.set(Some(exchange));
    }

    /// Its strand, if that was made and may still be there.
    fn head(&self) -> Option<(&'static Head, u64)> {
        let parts = crate::base::handle::decode(Kind::Strand, self.strand.load(Ordering::Relaxed))?;
        Some((head::at(parts.index), parts.generation))
    }
}

/// Makes a dormant generator.
pub fn make(plan: Plan) -> Outcome<u64> {
    let made = GENERATORS.take()?;
    made.handle.set(made.handle());
    made.set_stage(Stage::Dormant);
    made.set_exchange(Exchange::None);
    for flag in [&made.begun, &made.returned, &made.cancelled, &made.released, &made.fresh, &made.opening] {
        flag.set(false);
    }
    made.first.set(0);
    made.pending.set(Answer::NONE);
    made.outcome.set(Answer::NONE);
    made.held.set(None);
    made.resumer.set(ptr::null());
    made.yielder.set(ptr::null());
    made.strand.store(0, Ordering::Relaxed);
    made.plan.set(Some(plan));
    Ok(made.handle())
}

/// The generator of a handle that was not given back, locked.
fn lock(handle: u64) -> Outcome<Locked<Generator>> {
    lock_name(GENERATORS.name(handle)?)
}

fn lock_name(name: Name<Generator>) -> Outcome<Locked<Generator>> {
    let generator = name.lock()?;
    if generator.released.get() { Err(Status::STALE) } else { Ok(generator) }
}

/// What must be ended once the lock is given back.
#[must_use]
struct Leavings {
    value: Option<u64>,
    plan: Option<Plan>,
    arg: bool,
    extras: bool,
}

impl Leavings {
    /// Runs the program's functions. No lock is held.
    fn end(self) {
        let Some(plan) = self.plan else { return };
        if let (Some(value), Some(drop)) = (self.value, plan.value_drop) {
            // SAFETY: the program's own function, for a value that nobody else has.
            unsafe { drop(value, plan.data) };
        }
        if self.arg
            && let Some(drop) = plan.arg_drop
        {
            // SAFETY: as above, for the argument of a generator that never ran.
            unsafe { drop(plan.arg) };
        }
        if self.extras {
            // SAFETY: made for this generator; its strand has a copy.
            unsafe { Extras::free(plan.extras) };
        }
    }
}

/// Takes out what nobody will ask for any more, frees what nobody uses any more, and gives the lock back.
fn settle(generator: Locked<Generator>) -> Leavings {
    let plan = generator.plan.get();
    let ended = generator.stage() == Stage::Ended;
    let unwanted = generator.released.get() && generator.resumer.get().is_null();
    let value = if unwanted { generator.held.take() } else { None };
    // The argument of one that never ran is nobody's once it has ended.
    let arg = ended && !generator.begun.get();
    if arg {
        generator.begun.set(true);
    }
    let last = ended && unwanted;
    if last {
        generator.end();
    }
    Leavings { value, plan, arg, extras: last }
}

/// Asks a generator to end: its yields, and everything else that it could wait in, say CANCELLED from now on.
pub fn cancel(handle: u64) -> Outcome<()> {
    let generator = lock(handle)?;
    if generator.stage() == Stage::Ended {
        return Err(Status::ALREADY);
    }
    generator.cancelled.set(true);
    stop_running(generator);
    Ok(())
}

/// Gives the handle back: cancels, and frees once it has ended.
pub fn release(handle: u64) -> Outcome<()> {
    let generator = lock(handle)?;
    generator.cancelled.set(true);
    generator.released.set(true);
    stop_running(generator);
    Ok(())
}

/// The generator was cancelled: ends it if it is dormant, else wakes its strand.
fn stop_running(generator: Locked<Generator>) {
    let mut woken = Woken::new();
    let mut running = None;
    match generator.stage() {
        Stage::Dormant => {
            generator.set_stage(Stage::Ended);
            generator.outcome.set(Answer::of(Status::CANCELLED));
        }
        Stage::Suspended => exchange::cancel_yield(&generator, &mut woken),
        Stage::Running => running = generator.head(),
        Stage::Ended => {}
    }
    settle(generator).end();
    woken.wake_all();
    if let Some((strand, generation)) = running {
        cancel::cancel(strand, Some(generation), reason::ABANDONED, |_| ());
    }
}

/// What a generator is doing, and the code of its failure.
pub fn state(handle: u64) -> Outcome<(u32, Status)> {
    let generator = lock(handle)?;
    let Answer { status, code, .. } = generator.outcome.get();
    let number = match (generator.stage(), status) {
        (Stage::Ended, Status::CLOSED) => 3,
        (Stage::Ended, Status::CANCELLED) => 5,
        (Stage::Ended, _) => 4,
        (stage, _) => stage as u32,
    };
    Ok((number, code))
}

/// Handle of the strand of a generator, for reports; 0 when it has none.
pub fn strand_of(handle: u64) -> u64 {
    GENERATORS.name(handle).map_or(0, |name| name.peek().strand.load(Ordering::Relaxed))
}

/// Shows values on their way and arguments to a collector. The world is stopped; no lock is held while `visit` runs.
pub fn visit(visit: Visit<'_>) {
    GENERATORS.for_each(|generator| {
        let owner = generator.handle();
        // Slots stay mapped, and nobody touches this one before the world goes on.
        let places = unlocked(generator).places();
        for (kind, place) in places.into_iter().flatten() {
            visit(Root::word(kind, place, owner));
        }
    });
}

/// What is in a slot, without its lock: nobody else runs.
fn unlocked(generator: Locked<Generator>) -> &'static Generator {
    generator.name().peek()
}

type Place = Option<(Stored, *const u64)>;

impl Generator {
    /// Where what it keeps lies.
    fn places(&self) -> [Place; 6] {
        // SAFETY: nobody else uses the cells; the frames of those who resume and yield stay.
        unsafe {
            let plan = (*self.plan.as_ptr()).as_ref().filter(|_| !self.begun.get());
            let fresh = self.stage() != Stage::Dormant && !self.begun.get();
            let held = (*self.held.as_ptr()).as_ref().map(|held| (Stored::Generator, held as *const u64));
            let answered = held.is_some() && self.exchange() == Exchange::Answered;
            let ended = held.is_some() && self.stage() == Stage::Ended;
            let yielder = self.yielder.get().as_ref();
            [
                plan.map(|plan| (Stored::Argument, (&raw const plan.arg).cast())),
                fresh.then(|| (Stored::Generator, self.first.as_ptr().cast_const())),
                held,
                answered.then(|| (Stored::Generator, &raw const (*self.pending.as_ptr()).value)),
                ended.then(|| (Stored::Generator, &raw const (*self.outcome.as_ptr()).value)),
                yielder.and_then(|yielder| yielder.place()).map(|place| (Stored::Generator, place)),
            ]
        }
    }
}
