// SPDX-License-Identifier: MIT OR Apache-2.0
//! Coroutines that take strands out of the list of those that have arrived.
//!
//! ```text
//! IDLE ──signal──► SIGNALLED ──may runs it──► WORKING ──the list is empty──► IDLE
//! ```
//! A strand that has a carrier is woken; one that has none gets one, whose first turn runs at once, inside of the pump.
//! That turn may be long, so a pump calls another before it begins, and takes one strand at a time.
//! A pump stands in the queue of the thread that signals it, behind what is there, where every other thread can steal it. An OS thread
//! has no such queue: it sends a messenger, a coroutine that may puts onto a particular thread, and that signals a pump
//! from there.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};

use may::coroutine::{self, Builder, Coroutine};

use super::desk::Desk;
use super::{May, carrier, scheduler};
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::Parallel;
use crate::engine::parallel::worker::Worker;
use crate::strand::head::{FLAG_STARTED, Head};

const IDLE: u32 = 0;
const SIGNALLED: u32 = 1;
const WORKING: u32 = 2;

/// Strands that a pump takes before it lets others have the thread.
const BATCH: u32 = 16;

/// Pumps and messengers that may touch an engine. Outlives every engine, since counting itself out is the last thing
/// that each of them does.
static ALIVE: AtomicU32 = AtomicU32::new(0);

struct Pump {
    state: AtomicU32,
    coroutine: OnceLock<Coroutine>,
    /// A messenger to the thread of this number is on its way.
    messenger: AtomicBool,
}

/// See the module documentation.
pub struct Pumps {
    all: Box<[Pump]>,
    next: AtomicU32,
    /// Timers were fired that are no strand's; what follows is to be done on a worker's stack.
    pub(super) fired: AtomicBool,
    /// Strands and the spawners that go on when they have begun.
    followers: Mutex<Vec<(&'static Head, &'static Head)>>,
    following: AtomicU32,
}

impl Pumps {
    /// As many as there are threads. NO_MEMORY.
    pub fn new(threads: u32) -> Outcome<Pumps> {
        let mut all: Vec<Pump> = Vec::new();
        all.try_reserve_exact(threads as usize).map_err(|_| Status::NO_MEMORY)?;
        all.extend((0..threads).map(|_| Pump {
            state: AtomicU32::new(WORKING),
            coroutine: OnceLock::new(),
            messenger: AtomicBool::new(false),
        }));
        Ok(Pumps {
            all: all.into_boxed_slice(),
            next: AtomicU32::new(0),
            fired: AtomicBool::new(false),
            followers: Mutex::new(Vec::new()),
            following: AtomicU32::new(0),
        })
    }

    /// Starts their coroutines. LIMIT.
    pub fn start(&self, engine: &'static Parallel) -> Outcome<()> {
        let Some(may) = engine.may() else { return Err(Status::UNSUPPORTED) };
        for index in 0..self.all.len() {
            ALIVE.fetch_add(1, Ordering::SeqCst);
            if !scheduler::spawn(index, move || pump(may, engine, index)) {
                ALIVE.fetch_sub(1, Ordering::SeqCst);
                return Err(Status::LIMIT);
            }
        }
        Ok(())
    }

    /// Waits until none is left. They have been told to stop.
    pub fn dismiss(&self) {
        while ALIVE.load(Ordering::SeqCst) != 0 {
            for pump in &self.all {
                if let Some(coroutine) = pump.coroutine.get() {
                    coroutine.unpark();
                }
            }
            scheduler::rest();
        }
    }

    /// Something was put into the list by one of may's threads. Never inlined, as `carrier::wake`.
    #[inline(never)]
    pub fn signal(&self) {
        // Pairs with the fence in `pump`: it sees what lies there, or is seen idle.
        fence(Ordering::SeqCst);
        for pump in &self.all {
            match pump.state.compare_exchange(IDLE, SIGNALLED, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if let Some(coroutine) = pump.coroutine.get() {
                        coroutine.unpark();
                    }
                    return;
                }
                Err(SIGNALLED) => return,
                Err(_) => {}
            }
        }
    }

    /// One of may's threads looks whether something lies there.
    pub fn look(&self, may: &May) {
        if self.have_work(may) {
            self.signal();
        }
    }

    fn have_work(&self, may: &May) -> bool {
        may.0.arrived.len() > 0 || self.fired.load(Ordering::Relaxed)
    }

    /// Sends a messenger to one of may's threads. From an OS thread.
    pub fn kick(&self, may: &May) {
        let threads = self.all.len();
        for _ in 0..threads {
            let to = self.next.fetch_add(1, Ordering::Relaxed) as usize % threads;
            if !self.all[to].messenger.swap(true, Ordering::AcqRel) {
                return send(may, to);
            }
        }
    }

    /// Remembers that `spawner` goes on when `strand` has begun. False when there is no memory for that.
    pub fn follow(&self, strand: &'static Head, spawner: &'static Head) -> bool {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        if followers.try_reserve(1).is_err() {
            return false;
        }
        followers.push((strand, spawner));
        // Release pairs with the Acquire in `follower`.
        self.following.fetch_add(1, Ordering::Release);
        true
    }

    /// Who goes on when `strand` has begun.
    fn follower(&self, strand: &'static Head) -> Option<&'static Head> {
        if self.following.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let position = followers.iter().position(|(first, _)| core::ptr::eq(*first, strand))?;
        self.following.fetch_sub(1, Ordering::Relaxed);
        Some(followers.swap_remove(position).1)
    }
}

/// Sends a messenger; where there is no memory for one, the keeper tries again.
fn send(may: &May, to: usize) {
    // SAFETY: the engine stays until ALIVE says that no messenger is left.
    let may: &'static May = unsafe { &*(may as *const May) };
    ALIVE.fetch_add(1, Ordering::SeqCst);
    let sent = scheduler::spawn(to, move || {
        // AcqRel: whoever finds the mark set leaves its strand to this messenger, which sees it.
        may.0.pumps.all[to].messenger.swap(false, Ordering::AcqRel);
        may.0.pumps.look(may);
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    });
    if !sent {
        may.0.pumps.all[to].messenger.store(false, Ordering::Release);
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The body of a pump.
fn pump(may: &'static May, engine: &'static Parallel, index: usize) {
    let own = &may.0.pumps.all[index];
    let _ = own.coroutine.set(coroutine::current());
    let mut taken = 0;
    while !may.is_stopping() {
        if may.0.pumps.fired.swap(false, Ordering::SeqCst) {
            see_to_timers(may, engine);
        }
        let mut one = [None];
        may.0.arrived.take(&mut one);
        let Some(strand) = one[0] else {
            taken = 0;
            own.state.store(IDLE, Ordering::SeqCst);
            // Pairs with the fence of whoever puts something there.
            fence(Ordering::SeqCst);
            if !may.0.pumps.have_work(may) {
                while own.state.load(Ordering::Acquire) == IDLE && !may.is_stopping() {
                    coroutine::park();
                }
            }
            own.state.store(WORKING, Ordering::SeqCst);
            continue;
        };
        may.0.pumps.look(may);
        begin(may, engine, strand);
        taken += 1;
        if taken == BATCH {
            taken = 0;
            coroutine::yield_now();
        }
    }
    // A coroutine must not end in the turn after a park: see `carrier`.
    coroutine::yield_now();
    ALIVE.fetch_sub(1, Ordering::SeqCst);
}

/// Has a strand run: a carrier takes it over, or goes on with it.
fn begin(may: &'static May, engine: &'static Parallel, strand: &'static Head) {
    if strand.has(FLAG_STARTED) {
        return carrier::wake(strand);
    }
    let follower = may.0.pumps.follower(strand);
    let carry = move || {
        scheduler::expect_no_panic();
        carrier::carry(may, engine, strand, follower);
    };
    // SAFETY: the coroutine keeps to may's rules: no blocking call of its own, no thread-local across a switch, and little
    // stack; the strand has its own.
    let spawned = scheduler::attempt(|| unsafe { Builder::new().spawn_local(carry) });
    if !matches!(spawned, Some(Ok(_))) {
        stillborn(may, engine, strand);
        if let Some(spawner) = follower {
            carrier::wake(spawner);
        }
    }
}

/// may could not map a stack for the carrier.
#[cold]
fn stillborn(may: &'static May, engine: &'static Parallel, strand: &'static Head) {
    let (desk, worker) = sit(may, engine);
    desk.carries(strand);
    worker.tell_stillborn(strand, Status::LIMIT);
    desk.stand(may, worker);
    super::count_out();
}

/// Timers were fired that may be no strand's.
fn see_to_timers(may: &'static May, engine: &'static Parallel) {
    let (desk, worker) = sit(may, engine);
    worker.tell_timers_fired();
    desk.stand(may, worker);
    super::count_out();
}

/// A desk; where this thread has none, on another thread.
pub fn sit(may: &'static May, engine: &'static Parallel) -> (&'static Desk, &'static Worker) {
    loop {
        match Desk::sit(may, engine) {
            Some(found) => return found,
            // A thread of may's that somebody else has started besides.
            None => coroutine::yield_now(),
        }
    }
}
