// SPDX-License-Identifier: MIT OR Apache-2.0
//! A compiled set of patterns, and what it knows of its streams.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batch::Stepper;
use super::items::{self, Dispatch, Items, Refused, Resident};
use crate::automata::dense::Bits;
use crate::automata::engine::{Engine, Mode, Plan, Reading};
use crate::automata::pattern::{CompileError, Match, Pattern};
use crate::automata::prefilter::Refusal;
use crate::automata::scanner::{Compiled, Counts};
use crate::automata::set::{Options, Set};
use crate::base::handle::Kind;
use crate::base::room::{Grow, NoMemory, Room};
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::gpu::away;
use crate::gpu::device::{self, Device};
use crate::gpu::feed::Feeds;
use crate::gpu::named::{Named, enter};
use crate::gpu::remote::{RemoteLiterals, RemoteStates};
use crate::gpu::shared::Shared;
use crate::strand::message::{fail, try_box};

/// Most streams that are open at once, unless the options say otherwise.
pub const STREAMS: u32 = 1 << 16;
/// Most matches that wait to be taken, unless the options say otherwise.
pub const MATCHES: u64 = 1 << 24;
/// Engines that are kept for later scans.
const SPARE: usize = 8;

/// How an automaton is made.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Which engines.
    pub plan: Plan,
    /// Most states of a pattern.
    pub pattern_states: usize,
    /// Most streams.
    pub streams: u32,
    /// Most matches that wait.
    pub matches: u64,
}

/// A stream between two scans.
pub enum Place {
    /// Nobody reads it.
    Idle(Box<Reading>),
    /// A scan does.
    Busy,
}

/// What changes.
#[derive(Default)]
pub struct State {
    /// Streams that have begun.
    pub streams: HashMap<u32, Place>,
    /// What was found and not taken.
    pub matches: VecDeque<Match>,
    /// Engines that nobody uses.
    pub spare: Vec<Engine>,
    /// Sums over all scans.
    pub totals: Counts,
    /// Scans that were begun.
    pub scans: u64,
    /// Scans in which two engines disagreed.
    pub mismatches: u64,
    /// Slices for which two engines agreed.
    pub agreed: u64,
    /// The handle was given up.
    pub released: bool,
    /// What reads streams from files.
    pub feeds: Feeds,
    /// Those streams: nobody else scans them.
    pub fed: HashSet<u32>,
}

impl State {
    /// Whether a stream is being read; `fed`: the one who asks is what reads it from a file.
    pub fn is_busy(&self, stream: u32, fed: bool) -> bool {
        matches!(self.streams.get(&stream), Some(Place::Busy)) || (!fed && self.fed.contains(&stream))
    }
}

/// See the module documentation.
pub struct Automaton {
    /// Whose it is.
    pub device: Shared<Device>,
    /// The patterns.
    pub compiled: Shared<Compiled>,
    /// What an adapter has of its factors.
    pub resident: Option<RemoteLiterals>,
    /// What its device has of its tables, where scans are made in batches: of the parts that are done item by item.
    pub items: Option<Resident>,
    /// The parts that an adapter steps byte by byte: all of them for the baseline, else those of which much is active.
    pub states: Option<RemoteStates>,
    /// How it was made.
    pub wish: Wish,
    state: Mutex<State>,
}

static AUTOMATA: Named<Automaton> = Named::new(Kind::Automaton, "automaton");

/// Makes the table of a runtime that is being initialised.
pub fn start() -> Outcome<()> {
    AUTOMATA.start(1 << 16)
}

/// Frees the table.
///
/// # Safety
/// As [`Named::stop`].
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { AUTOMATA.stop() };
}

impl Automaton {
    /// What changes. Never held across a switch, nor while a slice is read.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether scans read many streams at a time, on its device.
    pub fn in_batches(&self) -> bool {
        self.items.is_some() || self.states.is_some()
    }

    /// Those who run the batches of a scan: every part has one.
    pub fn steppers(&self, dispatch: Dispatch) -> Outcome<Vec<Box<dyn Stepper + '_>>> {
        let mut steppers: Vec<Box<dyn Stepper>> = Vec::new();
        steppers.room(2)?;
        if let Some(resident) = &self.items {
            steppers.push(try_box(Items::new(resident, dispatch)?).ok_or(Status::NO_MEMORY)?);
        }
        if let (Some(remote), Some(states)) = (self.device.remote(), &self.states) {
            steppers.push(remote.stepper(states, &self.compiled)?);
        }
        Ok(steppers)
    }

    /// An engine for a reader.
    pub fn engine(&self) -> Room<Engine> {
        let spare = self.lock().spare.pop();
        spare.map_or_else(|| Engine::new(&self.compiled, self.wish.plan), Ok)
    }

    /// Gives up what its device has of it.
    fn let_go(&self) {
        if let Some(items) = &self.items {
            items.release();
        }
    }

    /// Gives an engine back. It is kept for later, if there is room.
    pub fn give_back(&self, engine: Engine) {
        let mut state = self.lock();
        if state.spare.len() < SPARE && state.spare.add(engine).is_ok() {
            return;
        }
        drop(state);
    }
}

/// Compiles patterns: the handle. The work is done by a thread that may take its time. An error of a pattern is in
/// `error` too.
pub fn compile(device: u64, patterns: &[Pattern<'_>], wish: Wish, error: &mut Option<CompileError>) -> Outcome<u64> {
    outside::refuse_on_worker()?;
    let _call = enter()?;
    let device = device::get(device)?;
    device.look()?;
    let Plan { mode, differential } = wish.plan;
    let as_items = mode == Mode::NonBlocking && (differential || device.remote().is_some());
    let made = away::elsewhere(|| {
        let options = Options { pattern_states: wish.pattern_states, ..Options::default() };
        let set = Set::compile(patterns, &options)?;
        let compiled = Compiled::new(set).map_err(|refusal| match refusal {
            Refusal::NoMemory => CompileError::of_set(Status::NO_MEMORY, "no memory for the set"),
            _ => CompileError::of_set(Status::LIMIT, "the texts of the set have more than 2^32 bytes"),
        })?;
        let compiled = Shared::new(compiled).map_err(|_| NoMemory)?;
        let parts = if device.remote().is_some() { !stepped(&compiled) } else { u64::MAX };
        match as_items.then(|| items::words(&compiled, parts, &device)) {
            None | Some(Err(Refused::Large)) => Ok((compiled, None)),
            Some(Ok(words)) => Ok((compiled, Some((words, parts)))),
            Some(Err(Refused::Memory)) => {
                Err(CompileError::of_set(Status::NO_MEMORY, "no memory for the tables of a device"))
            }
        }
    })?;
    match made {
        Ok((compiled, words)) => {
            let resident = match (device.remote(), compiled.literals()) {
                (Some(remote), Some(literals)) if mode != Mode::Blocking => {
                    let copy =
                        literals.copy().or_else(|_| fail(Status::NO_MEMORY, format_args!("no memory for literals")))?;
                    Some(remote.literals(Arc::new(copy))?)
                }
                _ => None,
            };
            let states = states_of(&device, &compiled, mode, words.is_some())?;
            let items = words.map(|(words, parts)| Resident::new(&device, words, parts, differential)).transpose()?;
            let made =
                Shared::new(Automaton { device, compiled, resident, items, states, wish, state: Mutex::default() });
            let automaton = made.or_else(|status| fail(status, format_args!("no memory for an automaton")))?;
            let kept = automaton.clone();
            AUTOMATA.add(automaton, |_, _| ()).inspect_err(|_| kept.let_go())
        }
        Err(refused) => {
            let refused = error.insert(refused);
            fail(refused.status, format_args!("{refused}"))
        }
    }
}

/// The parts that an adapter steps bit by bit while the others are done item by item: those of the rest that have bits.
fn stepped(compiled: &Compiled) -> u64 {
    let has_bits = |(_, bits): &(usize, &Option<Bits>)| bits.is_some();
    compiled.bits().iter().enumerate().filter(has_bits).fold(0, |parts, (rest, _)| parts | 2 << rest)
}

/// What an adapter has of the parts that it steps byte by byte. A baseline that is too large for it is the processor's.
fn states_of(device: &Device, compiled: &Shared<Compiled>, mode: Mode, items: bool) -> Outcome<Option<RemoteStates>> {
    let Some(remote) = device.remote() else { return Ok(None) };
    match mode {
        Mode::Blocking => match remote.states(compiled, true) {
            Err(Status::LIMIT) => Ok(None),
            made => made,
        },
        Mode::NonBlocking if items => remote.states(compiled, false),
        _ => Ok(None),
    }
}

/// The automaton that a handle names.
pub fn get(handle: u64) -> Outcome<Shared<Automaton>> {
    AUTOMATA.get(handle)
}

/// Gives the handle up. Scans that have begun end as CLOSED at their next slice.
pub fn release(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    let automaton = AUTOMATA.remove(handle)?;
    let mut state = automaton.lock();
    state.released = true;
    state.feeds.stop_all();
    drop(state);
    automaton.let_go();
    Ok(())
}

/// A device was closed: nothing is read for its automata any more.
pub fn device_closed() {
    AUTOMATA.for_each(|automaton| {
        if automaton.device.is_closed() {
            automaton.lock().feeds.stop_all();
        }
    });
}

/// Forgets a stream: its next chunk is the first of another one.
pub fn reset(handle: u64, stream: u32) -> Outcome<()> {
    let _call = enter()?;
    let automaton = get(handle)?;
    let mut state = automaton.lock();
    if state.is_busy(stream, false) {
        drop(state);
        return fail(Status::BUSY, format_args!("stream {stream} is being scanned"));
    }
    state.streams.remove(&stream);
    Ok(())
}

/// Takes matches, the oldest first: how many.
pub fn take(handle: u64, mut give: impl FnMut(usize, Match), capacity: usize) -> Outcome<usize> {
    let _call = enter()?;
    let automaton = get(handle)?;
    let mut state = automaton.lock();
    let count = state.matches.len().min(capacity);
    state.matches.drain(..count).enumerate().for_each(|(index, found)| give(index, found));
    Ok(count)
}

/// What is known of an automaton.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Patterns, those of them with factors, and the factors.
    pub patterns: u32,
    /// See `patterns`.
    pub patterns_factored: u32,
    /// See `patterns`.
    pub factors: u32,
    /// States of all automata.
    pub states: u32,
    /// Streams that have begun.
    pub streams: u32,
    /// Sums.
    pub totals: Counts,
    /// Scans that were begun.
    pub scans: u64,
    /// Scans with a mismatch.
    pub mismatches: u64,
    /// Slices that two engines agreed on.
    pub agreed: u64,
    /// Matches that wait.
    pub waiting: u64,
}

/// What is known of an automaton.
pub fn facts(handle: u64) -> Outcome<Facts> {
    let _call = enter()?;
    let automaton = get(handle)?;
    let set = &automaton.compiled.set;
    let state = automaton.lock();
    Ok(Facts {
        patterns: set.patterns,
        patterns_factored: set.patterns_factored,
        factors: set.factors.len() as u32,
        states: set.tables().map(|tables| tables.count()).sum(),
        streams: state.streams.len() as u32,
        totals: state.totals,
        scans: state.scans,
        mismatches: state.mismatches,
        agreed: state.agreed,
        waiting: state.matches.len() as u64,
    })
}
