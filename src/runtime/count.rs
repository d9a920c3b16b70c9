// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is counted, and waiting until nobody is left.
//!
//! Each worker counts the spawns and the ends it makes, both only upwards. Whoever asks reads all ends first and all
//! spawns after: if the sums are equal, nobody was alive at some moment between the two readings, because neither sum
//! ever falls. The question is asked when a worker runs out of work, at every 61st pick, and when the last OS thread
//! leaves or falls asleep; so a spawn and an end touch no shared line.
//!
//! A deadlock is the case in which nothing can happen any more: every worker idle, no timer, no external hold, no OS
//! thread active inside a call, and somebody alive. It is found by these counts, never by a time limit.

use core::cell::Cell;
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::status::{Outcome, Status};
use crate::diagnose::deadlock;
use crate::engine::outside::{self, Call};
use crate::engine::parallel::{self, Parallel};
use crate::engine::{touch, touched};
use crate::strand::body::Body;
use crate::strand::fault;
use crate::strand::head::FLAG_UNCOUNTED;
use crate::strand::message::{CAPACITY, Text, fail};
use crate::strand::waiter::{WaitKind, Waiter};
use crate::strand::{identity, log};
use crate::wait::block::{self, FOREVER, NO_WAIT, Published, Source, Woken};
use crate::wait::cancel;

use super::recording;

static SPAWNED_OUTSIDE: AtomicU64 = AtomicU64::new(0);
static UNCOUNTED_OUTSIDE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);
/// Entries in LIST, readable without its lock.
static WAITING: AtomicU32 = AtomicU32::new(0);
static LIST: Mutex<List> = Mutex::new(List { first: core::ptr::null(), counted: 0, report: Text::new() });

struct List {
    first: *const All,
    /// Counted strands among those who wait here.
    counted: u64,
    report: Text<CAPACITY>,
}

// SAFETY: the entries lie in the frames of those who wait; they are reached under the lock only.
unsafe impl Send for List {}

fn list() -> MutexGuard<'static, List> {
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An OS thread has spawned a strand.
pub fn spawned_outside(counted: bool) {
    let count = if counted { &SPAWNED_OUTSIDE } else { &UNCOUNTED_OUTSIDE };
    count.fetch_add(1, Ordering::SeqCst);
}

/// Starts counting for a new runtime.
pub fn reset() {
    outside::forget_holds();
    for count in [&SPAWNED_OUTSIDE, &UNCOUNTED_OUTSIDE, &PEAK] {
        count.store(0, Ordering::SeqCst);
    }
    // Strands that a shutdown abandoned may still stand in the list.
    let mut list = list();
    (list.first, list.counted) = (core::ptr::null(), 0);
    WAITING.store(0, Ordering::SeqCst);
}

/// Counted strands spawned and ended. Ends are read first.
pub fn counted(engine: &Parallel) -> (u64, u64) {
    let ended = engine.workers().iter().map(|worker| worker.counts.finished.get()).sum();
    let spawned = engine.workers().iter().map(|worker| worker.counts.spawned.get()).sum::<u64>();
    (spawned + SPAWNED_OUTSIDE.load(Ordering::SeqCst), ended)
}

/// Whether a counted strand is left.
pub fn somebody_is_left(engine: &Parallel) -> bool {
    let (spawned, ended) = counted(engine);
    spawned != ended
}

/// Uncounted strands spawned and ended.
pub fn uncounted(engine: &Parallel) -> (u64, u64) {
    let ended = engine.workers().iter().map(|worker| worker.counts.uncounted_finished.get()).sum();
    let spawned = engine.workers().iter().map(|worker| worker.counts.uncounted_spawned.get()).sum::<u64>();
    (spawned + UNCOUNTED_OUTSIDE.load(Ordering::SeqCst), ended)
}

/// Strands alive, and the largest number seen so far.
pub fn live(engine: &Parallel) -> (u64, u64) {
    let ((spawned, ended), (others, others_ended)) = (counted(engine), uncounted(engine));
    let live = (spawned - ended) + (others - others_ended);
    (live, PEAK.fetch_max(live, Ordering::Relaxed).max(live))
}

/// One more reason why somebody may still be woken from outside.
pub fn external_acquire() -> Outcome<()> {
    let _call = enter_anywhere()?;
    outside::hold();
    Ok(())
}

/// One reason less.
pub fn external_release() -> Outcome<()> {
    let _call = enter_anywhere()?;
    if !outside::let_go() {
        return fail(Status::INVALID, format_args!("no external hold is open: a release without its acquire"));
    }
    Ok(())
}

/// Counts the caller in as an OS thread, or knows it as a strand.
pub fn enter_anywhere() -> Outcome<Option<Call>> {
    match identity::current() {
        Some(_) => Ok(None),
        None => outside::enter().map(Some),
    }
}

/// One wait for the end of all counted strands.
struct All {
    waiter: Cell<*const Waiter>,
    on_strand: bool,
    counted: bool,
    next: Cell<*const All>,
    linked: Cell<bool>,
}

impl Source for All {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        debug_assert!(!sole, "waiting for all is always published in several steps");
        let mut list = list();
        self.waiter.set(waiter);
        self.next.set(list.first);
        self.linked.set(true);
        list.first = self;
        list.counted += u64::from(self.counted);
        WAITING.fetch_add(1, Ordering::SeqCst);
        drop(list);
        // Perhaps this was the last one that was not waiting: then the strands here go on, this one included.
        look(false);
        if let Some(engine) = parallel::engine()
            && !engine.is_quiescent()
        {
            engine.poke_ticker();
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let mut list = list();
        if self.linked.get() {
            unlink(&mut list, self);
        }
    }
}

fn unlink(list: &mut List, entry: &All) {
    if list.first == entry {
        list.first = entry.next.get();
    } else {
        let mut before = list.first;
        while !before.is_null() {
            // SAFETY: linked entries are alive; the lock is held.
            let here = unsafe { &*before };
            if here.next.get() == entry {
                here.next.set(entry.next.get());
                break;
            }
            before = here.next.get();
        }
    }
    forget(list, entry);
}

fn forget(list: &mut List, entry: &All) {
    entry.linked.set(false);
    list.counted -= u64::from(entry.counted);
    WAITING.fetch_sub(1, Ordering::SeqCst);
}

/// Upcall of the engine and of leaving OS threads: look whether those who wait for all can go on.
pub fn quiet(all_idle: bool) {
    // SeqCst pairs with `publish` and the look that follows it: one of the two sees the other.
    if WAITING.load(Ordering::SeqCst) != 0 {
        look(all_idle);
    }
}

#[cold]
fn look(all_idle: bool) {
    let Some(engine) = parallel::engine() else { return };
    let mut woken = Woken::new();
    let mut deadlock = false;
    {
        let mut list = list();
        if list.first.is_null() {
            return;
        }
        let (spawned, ended) = counted(engine);
        let alive = spawned - ended;
        if alive <= list.counted {
            // Strands wait for the others; everybody else waits for all of them to be gone.
            release(&mut list, &mut woken, Status::OK, |entry| alive == 0 || entry.on_strand);
        } else if all_idle && nothing_can_happen(engine) && counted(engine) == (spawned, ended) {
            // The second reading: what looked idle twice may have run in between.
            list.report.clear();
            let List { report, .. } = &mut *list;
            deadlock::report(engine, report);
            release(&mut list, &mut woken, Status::DEADLOCK, |_| true);
            deadlock = true;
        }
        if !deadlock {
            // Under the lock: a strand that was won and is in no queue yet must not look like one that waits.
            core::mem::take(&mut woken).wake_all();
        }
    }
    if deadlock {
        if let Some(stepped) = engine.stepped() {
            stepped.tell_stuck();
        }
        // The report comes before anybody acts on it; no lock is held while the program's own function runs.
        log_deadlock();
        woken.wake_all();
    }
}

#[cold]
fn log_deadlock() {
    let mut text = Text::<512>::new();
    let _ = text.write_str(core::str::from_utf8(list().report.as_bytes()).unwrap_or("deadlock"));
    log::write(log::ERROR, format_args!("{}", core::str::from_utf8(text.as_bytes()).unwrap_or("deadlock")));
}

/// Every worker idle, no timer, no hold, no OS thread that is up to something. Each of these can only be undone by
/// another of them, and an OS thread that enters later finds the deadlock as it was.
fn nothing_can_happen(engine: &Parallel) -> bool {
    !outside::somebody_may_come()
        && outside::active() == 0
        && !cancel::is_all_cancelled()
        && engine.is_quiescent()
        && !engine.has_timers()
        && outside::active() == 0
        && engine.is_quiescent()
}

/// Wins those who wait here and are `chosen`.
fn release(list: &mut List, woken: &mut Woken, status: Status, chosen: impl Fn(&All) -> bool) {
    let mut next = list.first;
    while !next.is_null() {
        // SAFETY: linked entries are alive; the lock is held, and `next` is read before the win.
        let entry = unsafe { &*next };
        next = entry.next.get();
        if chosen(entry) {
            unlink(list, entry);
            // SAFETY: the waiter of an entry that was linked is in place until it is won.
            woken.win(unsafe { &*entry.waiter.get() }, status);
        }
    }
}

/// Waits until every counted strand has ended.
pub fn wait_all(deadline: i64) -> Outcome<()> {
    outside::refuse_on_worker()?;
    let call = enter_anywhere()?;
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    let body = identity::current();
    if deadline != NO_WAIT
        && let Some(body) = body
    {
        cancel::before_waiting(body)?;
    }
    let status = wait_for_all(engine, body, deadline);
    let halted = engine.stepped().filter(|stepped| body.is_none() && stepped.is_halted());
    if let Some(stepped) = halted {
        // Whatever it was that ended the wait, the run had left its recording before.
        return stepped.refuse();
    }
    drop(call);
    match status {
        Status::OK => Ok(()),
        Status::DEADLOCK => deadlocked(),
        Status::REPLAY => engine.stepped().map_or(Err(status), |stepped| stepped.refuse()),
        status => Err(status),
    }
}

fn wait_for_all(engine: &Parallel, body: Option<&'static Body>, deadline: i64) -> Status {
    touch(touched::EVERYTHING);
    let counts = body.is_some_and(|body| !body.head().has(FLAG_UNCOUNTED));
    {
        let list = list();
        let (spawned, ended) = counted(engine);
        let alive = spawned - ended;
        // A strand that is the last one to wait here must also let the others go, in `publish`.
        let at_once = if body.is_some() {
            alive <= list.counted + u64::from(counts) && (list.counted == 0 || deadline == NO_WAIT)
        } else {
            alive == 0
        };
        if at_once {
            return Status::OK;
        }
    }
    let entry = All {
        waiter: Cell::new(core::ptr::null()),
        on_strand: body.is_some(),
        counted: counts,
        next: Cell::new(core::ptr::null()),
        linked: Cell::new(false),
    };
    block::wait_multi(&entry, WaitKind::All, 0, deadline)
}

#[cold]
fn deadlocked() -> Outcome<()> {
    let mut text = Text::<CAPACITY>::new();
    let _ = text.write_str(core::str::from_utf8(list().report.as_bytes()).unwrap_or("deadlock"));
    fail(Status::DEADLOCK, format_args!("{}", core::str::from_utf8(text.as_bytes()).unwrap_or("deadlock")))
}

/// One OS thread inside `run` of the stepped engine, where only one may be.
struct Running(bool);

impl Running {
    fn begin() -> Outcome<Running> {
        let _call = outside::enter()?;
        match parallel::engine().and_then(Parallel::stepped) {
            Some(stepped) if stepped.is_halted() => stepped.refuse(),
            Some(stepped) if stepped.set_running(true) => super::stepping::busy(),
            stepped => Ok(Running(stepped.is_some())),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0
            && let Ok(_call) = outside::enter()
            && let Some(stepped) = parallel::engine().and_then(Parallel::stepped)
        {
            stepped.set_running(false);
        }
    }
}

/// Runs until every counted strand has ended, and reports faults that nobody looked at.
pub fn run() -> Outcome<()> {
    if identity::current().is_some() {
        return fail(
            Status::INVALID,
            format_args!("strand_scheduler_run is for OS threads; on a strand use strand_wait_all"),
        );
    }
    outside::refuse_on_worker()?;
    let result = run_counted();
    recording::returned(result.err().unwrap_or(Status::OK));
    result
}

fn run_counted() -> Outcome<()> {
    let running = Running::begin()?;
    wait_all(FOREVER)?;
    drop(running);
    let report = fault::take_report(|count, first| {
        let others = count - 1;
        match others {
            0 => fail(Status::FAILED, format_args!("{first}")),
            1 => fail(Status::FAILED, format_args!("{first} (and one other strand failed)")),
            _ => fail(Status::FAILED, format_args!("{first} (and {others} other strands failed)")),
        }
    });
    report.unwrap_or(Ok(()))
}

/// Counters of the runtime.
pub fn statistics() -> Outcome<crate::diagnose::statistics::Statistics> {
    crate::diagnose::statistics::read(|engine| {
        let ((spawned, ended), (others, others_ended)) = (counted(engine), uncounted(engine));
        let (live, peak) = live(engine);
        [spawned + others, ended + others_ended, live, peak]
    })
}

/// Copies the dump of every strand; returns its whole length.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes, or `capacity` is 0.
pub unsafe fn dump(buffer: *mut u8, capacity: usize) -> usize {
    let mut out = Copier { buffer, capacity, length: 0 };
    if let Ok(_call) = enter_anywhere()
        && let Some(engine) = parallel::engine()
    {
        let _ = crate::diagnose::dump::all(engine, &mut out);
    }
    if capacity > 0 {
        // SAFETY: inside the buffer.
        unsafe { *buffer.add(out.length.min(capacity - 1)) = 0 };
    }
    out.length
}

/// Writes what fits into a caller's buffer and counts the rest.
struct Copier {
    buffer: *mut u8,
    capacity: usize,
    length: usize,
}

impl Write for Copier {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.capacity.saturating_sub(1).saturating_sub(self.length);
        let count = text.len().min(room);
        if count > 0 {
            // SAFETY: `count` bytes fit behind `length`.
            unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), self.buffer.add(self.length), count) };
        }
        self.length += text.len();
        Ok(())
    }
}
