// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of a runtime: what the program said, what the environment fills in, what is refused.

use core::ffi::{CStr, c_char, c_void};

pub use crate::strand::log::LogFunction;

use crate::base::status::{Outcome, Status};
use crate::base::sys;
use crate::engine::may;
use crate::engine::parallel::idle::WORKERS_MAX;
use crate::engine::stepped::Setup;
use crate::gpu::device::{self, LABEL, Label, Wish};
use crate::io::pool::{THREADS_DEFAULT, THREADS_MAX};
use crate::memory::stack_class::{self, DEFAULT_CLASS, USABLE};
use crate::policy::{Kind, Rules};
use crate::strand::hooks::LanguageHooks;
use crate::strand::message::fail;

/// Any worker may resume any strand.
pub const MIGRATE_FREE: u32 = 0;
/// Only strands that never ran move.
pub const MIGRATE_NEW_ONLY: u32 = 1;
/// No strand moves.
pub const MIGRATE_NEVER: u32 = 2;

/// Many workers on threads of their own.
pub const ENGINE_PARALLEL: u32 = 0;
/// One strand at a time, driven by the host.
pub const ENGINE_STEPPED: u32 = 1;
/// The scheduler of the may library.
pub const ENGINE_MAY: u32 = 2;

/// The monotonic clock.
pub const CLOCK_REAL: u32 = 1;
/// A clock that moves when nothing else can happen.
pub const CLOCK_VIRTUAL: u32 = 2;

/// A fault ends its strand.
pub const FAULT_ISOLATE: u32 = 0;
/// A fault ends the process.
pub const FAULT_ABORT: u32 = 2;

/// A terminated text of the program or of the environment, which stays while init runs; null for none.
#[derive(Clone, Copy)]
pub struct Words(pub *const c_char);

impl Default for Words {
    fn default() -> Self {
        Words(core::ptr::null())
    }
}

impl Words {
    /// Whether there is a text.
    pub fn is_some(self) -> bool {
        !self.0.is_null()
    }

    /// The text.
    ///
    /// # Safety
    /// It still stays for as long as the result is used.
    pub unsafe fn get<'a>(self) -> Option<&'a CStr> {
        // SAFETY: terminated (see the type).
        self.is_some().then(|| unsafe { CStr::from_ptr(self.0) })
    }
}

/// What a program asks for. Zero means default everywhere.
#[derive(Clone, Copy, Default)]
pub struct Config {
    /// Which engine; 0 is the parallel one.
    pub engine: u32,
    /// Workers; 0 for the number of usable processors.
    pub workers: u32,
    /// Which policy; 0 is the cooperative one.
    pub policy: u32,
    /// Seed of whatever is random.
    pub seed: u64,
    /// Checkpoints of a turn under round robin.
    pub quantum: u32,
    /// Picks waited for one more of priority, under policies that age.
    pub age_step: u32,
    /// Picks that may pass a strand by under policies with tokens.
    pub bypass_limit: u32,
    /// Depth of probabilistic concurrency testing.
    pub pct_depth: u32,
    /// Bound on the picks of a run, for probabilistic concurrency testing.
    pub pct_steps: u64,
    /// Hand-offs that are kept.
    pub handoffs: u32,
    /// Most progress tokens of a strand.
    pub token_cap: u32,
    /// Which strands may move between workers.
    pub migration: u32,
    /// What a fault ends.
    pub fault_policy: u32,
    /// Usable bytes of a stack; 0 for the default.
    pub stack_bytes: usize,
    /// Strands alive at once; 0 for as many as fit.
    pub max_strands: usize,
    /// Steps of the stepped engine.
    pub max_steps: u64,
    /// Which clock.
    pub clock: u32,
    /// Which device is opened where the program does not say.
    pub gpu: u32,
    /// The same in words, from the environment.
    pub gpu_words: Words,
    /// Where to record, if anywhere.
    pub record: Words,
    /// What to replay, if anything.
    pub replay: Words,
    /// How to explore, if at all.
    pub explore: Words,
    /// Where the library's words go.
    pub log: Option<(LogFunction, *mut c_void)>,
    /// Threads of the pool that makes calls for strands, at most.
    pub offload_threads: u32,
    /// The language's hooks.
    pub hooks: LanguageHooks,
}

/// A configuration with every default filled in and everything checked.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Which engine.
    pub engine: u32,
    /// Policy and its parameters; for the stepped engine.
    pub rules: Rules,
    /// The clock moves when nothing else can happen; for the stepped engine.
    pub virtual_clock: bool,
    /// Steps that one call may drive; 0 for no limit.
    pub max_steps: u64,
    /// Workers.
    pub workers: u32,
    /// Which strands may move.
    pub migration: u32,
    /// What a fault ends.
    pub fault_policy: u32,
    /// Class of a stack that asks for nothing.
    pub stack_class: u8,
    /// Strands that may be alive at once, if there is a limit.
    pub max_strands: Option<u32>,
    /// Threads of the pool that makes calls for strands, at most.
    pub offload_threads: u32,
    /// Which device is opened where the program does not say.
    pub gpu: Wish,
    /// The language's hooks.
    pub hooks: LanguageHooks,
    /// Where the library's words go.
    pub log: Option<(LogFunction, *mut c_void)>,
    /// Identity by a thread-local.
    pub identity_by_thread: bool,
    /// Guards by `mprotect` even where the kernel has better ones.
    pub mprotect_guards: bool,
}

impl Settings {
    /// Whether a second init with these settings asks for what is there.
    pub fn agrees_with(&self, other: &Settings) -> bool {
        self.engine == other.engine
            && self.rules == other.rules
            && self.virtual_clock == other.virtual_clock
            && self.max_steps == other.max_steps
            && self.workers == other.workers
            && self.migration == other.migration
            && self.fault_policy == other.fault_policy
            && self.stack_class == other.stack_class
            && self.max_strands == other.max_strands
            && self.offload_threads == other.offload_threads
            && self.gpu == other.gpu
            && self.hooks == other.hooks
            && self.log.map(|(function, data)| (function as usize, data))
                == other.log.map(|(function, data)| (function as usize, data))
            && self.identity_by_thread == other.identity_by_thread
            && self.mprotect_guards == other.mprotect_guards
    }
}

impl Settings {
    /// What the stepped engine is set up with.
    pub fn setup(&self) -> Setup {
        Setup {
            rules: self.rules,
            virtual_clock: self.virtual_clock,
            explores: matches!(self.rules.kind, Kind::Random | Kind::Pct | Kind::Chosen),
            max_steps: self.max_steps,
        }
    }
}

/// Largest number of picks after which ageing raises a priority.
const AGE_STEP_MAX: u32 = 1 << 30;
/// Largest depth of the bugs that probabilistic concurrency testing looks for.
const PCT_DEPTH_MAX: u32 = 64;
/// Most hand-offs that are kept.
const HANDOFFS_MAX: u32 = 1 << 20;

const POLICY_LAST: u32 = 7;
const POLICIES: [Kind; 8] = [
    Kind::Cooperative,
    Kind::RoundRobin,
    Kind::PriorityFixed,
    Kind::PriorityAging,
    Kind::PriorityToken,
    Kind::ProgressAware,
    Kind::Random,
    Kind::Pct,
];

/// Checks a configuration that the environment has filled in.
pub fn settle(config: &Config, identity_by_thread: bool, mprotect_guards: bool) -> Outcome<Settings> {
    refuse_unknown(config)?;
    refuse_too_much(config)?;
    refuse_unsupported(config)?;
    let workers = match config.workers {
        // One strand at a time needs one; a program that asks for more runs unchanged.
        _ if config.engine == ENGINE_STEPPED => 1,
        0 if config.engine == ENGINE_MAY => may::threads().unwrap_or_else(sys::usable_processors),
        0 => sys::usable_processors(),
        count if count as usize <= WORKERS_MAX => count,
        count => return fail(Status::INVALID, format_args!("{count} workers: there can be 1 to {WORKERS_MAX}")),
    };
    if config.engine == ENGINE_MAY {
        refuse_for_may(config, workers)?;
    }
    Ok(Settings {
        engine: config.engine,
        rules: rules(config),
        virtual_clock: config.engine == ENGINE_STEPPED && config.clock != CLOCK_REAL,
        max_steps: config.max_steps,
        workers,
        migration: config.migration,
        fault_policy: config.fault_policy,
        stack_class: class_for(config.stack_bytes, DEFAULT_CLASS)?,
        max_strands: max_strands(config.max_strands)?,
        offload_threads: if config.offload_threads == 0 { THREADS_DEFAULT } else { config.offload_threads },
        gpu: wish(config)?,
        hooks: config.hooks,
        log: config.log,
        // may moves strands between threads that are not ours, so who runs there is written down at each resume.
        identity_by_thread: identity_by_thread || config.engine == ENGINE_MAY,
        mprotect_guards,
    })
}

/// What the may engine cannot do.
fn refuse_for_may(config: &Config, workers: u32) -> Outcome<()> {
    if !may::IS_BUILT {
        return fail(
            Status::UNSUPPORTED,
            format_args!(
                "STRAND_ENGINE_MAY: this library was built without it (cargo feature \"may\": cargo build --features may)"
            ),
        );
    }
    if config.migration != MIGRATE_FREE && workers > 1 {
        return fail(
            Status::UNSUPPORTED,
            format_args!("migration other than free: the may engine cannot keep a strand on one of {workers} workers"),
        );
    }
    let most = may::STRANDS_MAX;
    if config.max_strands > most as usize {
        return fail(
            Status::LIMIT,
            format_args!(
                "max_strands is {}: under the may engine there can be at most {most}; the parallel engine has room for more",
                config.max_strands
            ),
        );
    }
    Ok(())
}

fn rules(config: &Config) -> Rules {
    Rules {
        kind: POLICIES[config.policy as usize],
        seed: config.seed,
        quantum: config.quantum,
        age_step: config.age_step,
        bypass_limit: config.bypass_limit,
        token_cap: config.token_cap,
        depth: config.pct_depth,
        steps: config.pct_steps,
        handoffs: config.handoffs,
    }
}

/// The device of a configuration.
fn wish(config: &Config) -> Outcome<Wish> {
    // SAFETY: it stays while init runs.
    let Some(words) = (unsafe { config.gpu_words.get() }).filter(|_| config.gpu == device::AUTO) else {
        return Ok(Wish { kind: config.gpu, name: Label::NONE });
    };
    match words.to_str() {
        Ok(text) if (1..LABEL).contains(&text.len()) => Ok(Wish::of_text(text)),
        _ => fail(
            Status::INVALID,
            format_args!("STRAND_GPU can be auto, hardware, software, cpu, or part of the name of an adapter"),
        ),
    }
}

/// The stack class for a size in bytes; `default` for 0.
pub fn class_for(bytes: usize, default: u8) -> Outcome<u8> {
    if bytes == 0 {
        return Ok(default);
    }
    match stack_class::class_for(bytes) {
        Some(class) => Ok(class),
        None => fail(
            Status::LIMIT,
            format_args!(
                "a stack of {bytes} bytes: the largest has {} bytes; keep large data on the heap, or run the call on an OS thread",
                USABLE[USABLE.len() - 1]
            ),
        ),
    }
}

fn max_strands(asked: usize) -> Outcome<Option<u32>> {
    let most = crate::base::handle::INDEX_MAX;
    match asked {
        0 => Ok(None),
        count if count <= most as usize => Ok(Some(count as u32)),
        count => fail(Status::LIMIT, format_args!("max_strands is {count}: there can be at most {most}")),
    }
}

fn refuse_unknown(config: &Config) -> Outcome<()> {
    let unknown = [
        ("engine", config.engine, ENGINE_MAY),
        ("clock", config.clock, CLOCK_VIRTUAL),
        ("policy", config.policy, POLICY_LAST),
        ("migration", config.migration, MIGRATE_NEVER),
        ("fault_policy", config.fault_policy, FAULT_ABORT),
        ("gpu", config.gpu, device::CPU),
    ];
    for (name, value, last) in unknown {
        if value > last {
            return fail(Status::INVALID, format_args!("{name} is {value}: known values are 0 to {last}"));
        }
    }
    Ok(())
}

fn refuse_too_much(config: &Config) -> Outcome<()> {
    let bounded = [
        ("age_step", config.age_step, AGE_STEP_MAX),
        ("pct_depth", config.pct_depth, PCT_DEPTH_MAX),
        ("handoffs", config.handoffs, HANDOFFS_MAX),
        ("offload_threads", config.offload_threads, THREADS_MAX),
    ];
    for (name, value, most) in bounded {
        if value > most {
            return fail(Status::LIMIT, format_args!("{name} is {value}: it can be at most {most}"));
        }
    }
    Ok(())
}

fn refuse_unsupported(config: &Config) -> Outcome<()> {
    if config.engine != ENGINE_STEPPED {
        let only_stepped = [
            (config.policy != 0, "policies other than STRAND_POLICY_COOPERATIVE"),
            (config.clock == CLOCK_VIRTUAL, "the virtual clock"),
            (config.max_steps != 0, "max_steps"),
        ];
        for (asked, what) in only_stepped {
            if asked {
                return fail(
                    Status::UNSUPPORTED,
                    format_args!(
                        "{what}: only with the stepped engine (STRAND_ENGINE_STEPPED, or STRAND_ENGINE=stepped)"
                    ),
                );
            }
        }
    }
    Ok(())
}
