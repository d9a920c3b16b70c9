// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recording and replay of stepped runs.
//!
//! ```text
//! request    what the program or the environment asks for: files and options
//! recorder   a director that writes what happens     replayer   a director that has it happen again, and compares
//! threads    which OS thread does something when     decision   picks, and what steps do, as the recording has them
//! report     the words about a run that left its recording       crash   what a dying process still writes
//! ```
//! A recording begins with init and ends where a shutdown begins, or with the process. Whoever enters a call is at the
//! gate of the engine, so everything below happens to one thread at a time.

mod crash;
mod decision;
mod recorder;
mod replayer;
mod report;
mod request;
mod threads;

use std::sync::{Mutex, PoisonError};

use super::config::{Config, Settings};
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::engine::parallel::{self, Parallel};
use crate::engine::stepped::{Director, Stepped, Watch};
use crate::policy::Rules;
use crate::record::format::EVENT_MAX;
use crate::record::identity::VIRTUAL_CLOCK;
use crate::record::{Event, Failure, Identity, Mismatch, Recorder};
use crate::strand::identity;
use crate::strand::message::{fail, try_box};
use recorder::Recording;
use replayer::Replaying;
pub use request::Request;

/// Engines of one version make the same run.
const ENGINE_VERSION: u32 = 1;

/// The director of the runtime that is up, and what a replay fills a configuration with.
struct Active {
    director: Option<*mut dyn Director>,
    fills: Option<Identity>,
}

// SAFETY: a director is used by the holder of the engine's gate alone, whatever thread that is.
unsafe impl Send for Active {}

static ACTIVE: Mutex<Active> = Mutex::new(Active { director: None, fills: None });

/// Gives back a failure of a recording as a status with its sentence.
pub fn tell<T>(failure: &Failure) -> Outcome<T> {
    fail(failure.status, format_args!("{failure}"))
}

/// What a recording must have in common with a run of these settings.
fn identity_of(settings: &Settings) -> Identity {
    let Rules { kind, seed, quantum, age_step, bypass_limit, token_cap, depth, steps, .. } = settings.rules;
    let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Identity {
        policy: kind as u32,
        seed,
        quantum: u64::from(quantum),
        parameters: [pair(depth, token_cap), steps, pair(age_step, bypass_limit)],
        flags: if settings.virtual_clock { VIRTUAL_CLOCK } else { 0 },
        engine_version: ENGINE_VERSION,
        ..Identity::of_this_program()
    }
}

/// A replay fills what the configuration and the environment leave at 0: policy, its parameters, the clock.
fn fill(config: &mut Config, recorded: &Identity) {
    let fill = |field: &mut u32, value: u64| {
        if *field == 0 {
            *field = value as u32;
        }
    };
    let [first, steps, third] = recorded.parameters;
    fill(&mut config.policy, recorded.policy.into());
    fill(&mut config.quantum, recorded.quantum);
    fill(&mut config.pct_depth, first & u64::from(u32::MAX));
    fill(&mut config.token_cap, first >> 32);
    fill(&mut config.age_step, third & u64::from(u32::MAX));
    fill(&mut config.bypass_limit, third >> 32);
    fill(&mut config.clock, if recorded.flags & VIRTUAL_CLOCK != 0 { 2 } else { 1 });
    if config.seed == 0 {
        config.seed = recorded.seed;
    }
    if config.pct_steps == 0 {
        config.pct_steps = steps;
    }
}

/// As at init, for a configuration that is compared with the one of the runtime that is up.
pub fn fill_as_before(config: &mut Config) {
    if let Some(recorded) = &active().fills {
        fill(config, recorded);
    }
}

fn active() -> std::sync::MutexGuard<'static, Active> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records, replays, or both. The runtime is being initialised; there is no strand.
pub fn begin(engine: &'static Parallel, settings: &Settings, request: Request) -> Outcome<()> {
    let Some(stepped) = engine.stepped() else { return Ok(()) };
    let mine = identity_of(settings);
    let fills = request.replay.as_ref().map(|source| *source.replay.identity());
    if let Some(source) = &request.replay {
        source.compare(&mine)?;
    }
    let session = threads::begin_session();
    let recording = match &request.record {
        None => None,
        Some(target) => match Recorder::create(&target.path, &target.identity(mine)) {
            Ok(recorder) => Some(Recording::new(recorder, target.is_explicit, session)),
            Err(failure) => return tell(&failure),
        },
    };
    let follows = fills.is_some();
    let asks = follows || request.record.as_ref().is_some_and(|target| target.is_explicit);
    let director: Option<Box<dyn Director>> = match (request.replay, recording) {
        (Some(source), copy) => boxed(Replaying::new(stepped, source, copy, session))?,
        (None, Some(recording)) => boxed(recording)?,
        (None, None) => None,
    };
    let Some(director) = director else { return Ok(()) };
    let raw = Box::into_raw(director);
    {
        let mut active = active();
        (active.director, active.fills) = (Some(raw), fills);
    }
    {
        let _turn = stepped.turn();
        // SAFETY: this thread holds the gate; the director stays in ACTIVE until `finish` has disengaged it.
        unsafe { stepped.engage(Some(raw)) };
        stepped.leave_picks_to_policy(!asks);
        stepped.watch(if follows { Watch::Rounds } else { Watch::Threads });
    }
    crash::watch();
    Ok(())
}

fn boxed<D: Director + 'static>(director: D) -> Outcome<Option<Box<dyn Director>>> {
    match try_box(director) {
        Some(director) => Ok(Some(director)),
        None => fail(Status::NO_MEMORY, format_args!("no memory to record or replay")),
    }
}

/// The run is over: the recording gets its end, the replay is compared with it. Again: nothing happens. The caller
/// holds the gate.
pub fn finish(stepped: &Stepped) -> Result<(), Failure> {
    let mut active = active();
    let Some(director) = active.director.take() else { return Ok(()) };
    active.fills = None;
    let result = stepped.ask_director(|director| director.finish()).unwrap_or(Ok(()));
    stepped.watch(Watch::Nothing);
    stepped.leave_picks_to_policy(false);
    // SAFETY: the caller holds the gate.
    unsafe { stepped.engage(None) };
    crash::forget();
    // SAFETY: made by `begin`; the engine does not know it any more.
    drop(unsafe { Box::from_raw(director) });
    result
}

/// `run` returns this: a recording is complete up to here.
pub fn returned(status: Status) {
    if let Some(stepped) = parallel::engine().and_then(Parallel::stepped)
        && stepped.is_watched()
        && let Ok(_call) = outside::enter()
    {
        stepped.ask_director(|director| director.returned(status.0));
    }
}

/// Bytes that come from outside of what the library sees.
pub fn input(kind: u32, bytes: &mut [u8]) -> Outcome<()> {
    if bytes.len() > EVENT_MAX - 64 {
        return fail(
            Status::LIMIT,
            format_args!("strand_input: {} bytes; at most {} at once", bytes.len(), EVENT_MAX - 64),
        );
    }
    let _call = match identity::current() {
        Some(_) => None,
        None => Some(outside::enter()?),
    };
    let Some(stepped) = parallel::engine().and_then(Parallel::stepped) else { return Ok(()) };
    if !stepped.is_watched() {
        return Ok(());
    }
    stepped.ask_director(|director| director.input(kind, bytes)).unwrap_or(Ok(()))
}

/// The event that has the bytes of the program.
fn user(kind: u32, bytes: &[u8]) -> Event<'_> {
    Event::User { kind, bytes }
}

/// A mismatch in the words of a failure.
fn mismatched(path: &[u8], mismatch: &Mismatch) -> Failure {
    let path = crate::record::failure::Path(path);
    Failure::new(Status::REPLAY, format_args!("replay of '{path}': {mismatch}"))
}
