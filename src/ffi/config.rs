// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration
//!
//! A struct of settings begins with its size: `strand_config config = { sizeof config };` sets
//! the size and leaves everything else 0, and 0 means the default everywhere. A program compiled
//! against an older header passes a smaller struct, which is accepted; a larger one is accepted
//! if what this version does not know is all zero.

use super::check;
use super::sized::{self, Sized32};
use crate::base::status::Outcome;
use crate::runtime::config::{Config, Words};
use crate::strand::hooks::{FatalHook, LanguageHooks};
use core::ffi::{c_char, c_void};

/// Many workers on threads of their own: the default.
pub const STRAND_ENGINE_PARALLEL: u32 = 0;
/// One strand at a time on the thread that drives: inside strand_scheduler_run(), inside
/// strand_scheduler_step() and inside every call in which an OS thread waits. Every decision is the
/// policy's, so the same program with the same seed and inputs runs the same way. Workers and
/// migration have no meaning there and are ignored.
pub const STRAND_ENGINE_STEPPED: u32 = 1;
/// The scheduler of the may library runs the strands, on threads of its own. Only in a library that
/// was built with the cargo feature "may"; init answers STRAND_ERR_UNSUPPORTED in any other.
///
/// It has no policies, priorities, holds, lanes and tokens, no stepping, recording, exploration and
/// virtual clock: what asks for them answers STRAND_ERR_UNSUPPORTED. It keeps a strand on one
/// worker (STRAND_SPAWN_PINNED, migration) only where there is one. At most 28,000 strands are alive
/// at once (fewer where guards take maps of the process); one more is STRAND_ERR_LIMIT. may's
/// threads, two descriptors for each and some memory stay until the process ends, and a later
/// runtime on this engine must ask for as many workers, or for none in particular. Where may gets no
/// memory for a new strand, that strand ends with a fault; an allocation that fails inside of may
/// can end the process.
pub const STRAND_ENGINE_MAY: u32 = 2;

/// First in, first out, one step a turn: a strand that yields, waits or comes to a checkpoint goes
/// to the end. The default, and the only one of the parallel engine. The other policies are the
/// stepped engine's.
pub const STRAND_POLICY_COOPERATIVE: u32 = 0;
/// First in, first out; a strand keeps its turn for a quantum of checkpoints.
pub const STRAND_POLICY_ROUND_ROBIN: u32 = 1;
/// The highest priority first, first in first out among equals. With an age_step, waiting raises
/// the priority.
pub const STRAND_POLICY_PRIORITY_FIXED: u32 = 2;
/// Priority that grows by one for each age_step picks that a ready strand waits, so that everybody
/// is served.
pub const STRAND_POLICY_PRIORITY_AGING: u32 = 3;
/// Holders of progress tokens first, by priority; tokens are granted and not used up. Nobody is
/// passed by more than bypass_limit times.
pub const STRAND_POLICY_PRIORITY_TOKEN: u32 = 4;
/// Who has more progress tokens first: a message that a waiting strand receives earns it one, a
/// pick spends one. Nobody is passed by more than bypass_limit times.
pub const STRAND_POLICY_PROGRESS_AWARE: u32 = 5;
/// Each ready strand is equally likely, at every yield, wait and checkpoint and before every call
/// that may switch.
pub const STRAND_POLICY_RANDOM: u32 = 6;
/// Probabilistic concurrency testing (Burckhardt and others, ASPLOS 2010): random priorities with
/// pct_depth - 1 random places where the running strand drops to the lowest. Finds an ordering bug
/// of that depth with a probability of at least 1 / (strands * steps ^ (pct_depth - 1)). Decides
/// where STRAND_POLICY_RANDOM does.
pub const STRAND_POLICY_PCT: u32 = 7;

/// Any worker may resume any strand. The default.
pub const STRAND_MIGRATE_FREE: u32 = 0;
/// Only strands that have never run move to another worker. For code that keeps the address of a
/// thread-local variable across calls that switch.
pub const STRAND_MIGRATE_NEW_ONLY: u32 = 1;
/// A strand stays with the worker it was given to when it was spawned.
pub const STRAND_MIGRATE_NEVER: u32 = 2;

/// A fault ends the strand it happens in; the others go on. The default.
pub const STRAND_FAULT_ISOLATE: u32 = 0;
/// A fault ends the scope of the strand it happens in. Not yet in this version.
pub const STRAND_FAULT_FAIL_SCOPE: u32 = 1;
/// A fault ends the process, after the fatal hook.
pub const STRAND_FAULT_ABORT: u32 = 2;

/// The clock that fits the engine: real on the parallel one, virtual on the stepped one. The default.
pub const STRAND_CLOCK_DEFAULT: u32 = 0;
/// The monotonic clock of the system.
pub const STRAND_CLOCK_REAL: u32 = 1;
/// A clock that begins at one second and moves only when nothing else can happen: to the earliest
/// deadline, and all timers of that moment fire together. It stands still while an external hold is
/// open or another OS thread is inside a call. Only with STRAND_ENGINE_STEPPED.
pub const STRAND_CLOCK_VIRTUAL: u32 = 2;

/// The largest number of workers.
pub const STRAND_MAX_WORKERS: u32 = 1024;

/// What a language plugs into the runtime. Every function may be NULL; each gets `data` as its
/// last argument. The library never looks inside a language's values. No function is called while
/// the library holds a lock, none may throw, and those on a worker's stack may make no call that
/// switches (STRAND_ERR_WOULD_SWITCH).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_language_hooks {
    /// sizeof(strand_language_hooks)
    pub size: u32,
    /// 0
    pub reserved: u32,
    /// Handed to every hook as its last argument.
    pub data: *mut c_void,
    /// Makes the value that a channel carries: writes it into copy, element_size bytes that hold
    /// nothing yet. Runs on the sender's stack, once per send, before the send can wait. NULL:
    /// the bytes are copied.
    pub message_transfer:
        Option<unsafe extern "C" fn(copy: *mut c_void, element: *const c_void, element_size: usize, data: *mut c_void)>,
    /// Ends a value made by message_transfer that nobody received: its send did not happen, or
    /// its channel was released. Runs on the stack of whoever made that call.
    pub message_drop: Option<unsafe extern "C" fn(element: *mut c_void, element_size: usize, data: *mut c_void)>,
    /// A strand is about to run. Runs on the worker's stack at each switch into a strand; local
    /// is the pointer of its spawn options.
    pub strand_resume: Option<unsafe extern "C" fn(local: *mut c_void, data: *mut c_void)>,
    /// A strand has stopped running for now. Runs on the worker's stack at each switch out of a
    /// strand.
    pub strand_suspend: Option<unsafe extern "C" fn(local: *mut c_void, data: *mut c_void)>,
    /// A strand's entry function has returned result. Runs on the strand's stack, before its
    /// on-exit functions.
    pub strand_exit: Option<unsafe extern "C" fn(local: *mut c_void, result: *mut c_void, data: *mut c_void)>,
    /// The process is about to abort; message says why. Runs on the stack of the failing thread.
    pub fatal: Option<unsafe extern "C" fn(message: *const c_char, length: usize, data: *mut c_void)>,
}

/// How the runtime is set up. 0 or NULL in a field takes the value of the STRAND_ environment
/// variable of that name, and without one the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_config {
    /// sizeof(strand_config)
    pub size: u32,
    /// One of STRAND_ENGINE_. Environment: STRAND_ENGINE=parallel|stepped|may.
    pub engine: u32,
    /// Number of workers, at most STRAND_MAX_WORKERS. Default: the number of usable CPUs.
    /// Environment: STRAND_WORKERS.
    pub workers: u32,
    /// One of STRAND_POLICY_. Environment: STRAND_POLICY=cooperative|round_robin|priority_fixed|
    /// priority_aging|priority_token|progress_aware|random|pct.
    pub policy: u32,
    /// Seed of every random decision of the policy. Environment: STRAND_SEED.
    pub seed: u64,
    /// One of STRAND_MIGRATE_. Environment: STRAND_MIGRATION=free|new_only|never.
    pub migration: u32,
    /// STRAND_FAULT_ISOLATE or STRAND_FAULT_ABORT.
    pub fault_policy: u32,
    /// Usable bytes of a strand's stack where its spawn options say nothing. Default: 65536.
    /// Environment: STRAND_STACK_BYTES.
    pub stack_bytes: usize,
    /// Most strands that may be alive at once. Default: what fits a handle, 16777215; with
    /// STRAND_ENGINE_MAY 28000, which is also the most that can be asked for there.
    pub max_strands: usize,
    /// Stepped engine: steps that one call may drive before it gives up with
    /// STRAND_ERR_MAX_STEPS. 0: no limit.
    pub max_steps: u64,
    /// One of STRAND_CLOCK_.
    pub clock: u32,
    /// One of STRAND_DEVICE_: what strand_device_open() opens where it is not said. Environment:
    /// STRAND_GPU=auto|hardware|software|cpu, or part of the name of an adapter.
    pub gpu: u32,
    /// A file: the run is recorded into it, on the stepped engine. "FILE,explicit": with every
    /// pick, also those that the policy predicts. Environment: STRAND_RECORD, which holds whatever
    /// this says.
    pub record: *const c_char,
    /// A file that record has written: the same run on the stepped engine, compared step by step
    /// (see Recordings). It fills policy, seed, their parameters and the clock where they are 0.
    /// "FILE,patience=SECONDS": how long to wait for an OS thread that should come; 30. Or a
    /// schedule token, as a failed exploration prints it: the program runs that schedule, and if
    /// it fails again the process ends with status 1 and a report. Environment: STRAND_REPLAY,
    /// which holds whatever this says.
    pub replay: *const c_char,
    /// Searches the schedules of the program for one that fails, see strand_explore_options:
    /// "random:runs=10000,seed=1", "pct:depth=3,runs=10000,seed=1" or "exhaustive:preemptions=2".
    /// The process forks inside strand_scheduler_init(), once for each schedule; each child runs
    /// the rest of the program on the stepped engine, with standard output going nowhere unless
    /// output=keep is said. With inject=cancel,close,oom,timeout:n=2 (any of them) so many faults
    /// come in each schedule: a strand is cancelled, a channel closed, an allocation of the library
    /// fails, the earliest deadline comes at once. A schedule fails by a fault, a false strand_assert(), a deadlock, an
    /// abort, more than max_steps= steps, or an exit status other than 0. The parent prints a
    /// report with a token for STRAND_REPLAY and exits with status 1, or says how many schedules
    /// ran and exits with 0. What the program does to files is the program's affair.
    /// Environment: STRAND_EXPLORE, which holds whatever this says.
    pub explore: *const c_char,
    /// Receives what the library would otherwise keep to itself: reports of deadlocks and faults.
    /// message has length bytes and a zero byte after them. Runs on any thread of the runtime or
    /// on the stack of the call that failed, and may make no call that switches.
    pub log: Option<extern "C" fn(level: u32, message: *const c_char, length: usize, data: *mut c_void)>,
    /// Handed to log as its last argument.
    pub log_data: *mut c_void,
    /// What a language plugs in. Copied: the struct need not outlive the call.
    pub hooks: *const strand_language_hooks,
    /// STRAND_POLICY_ROUND_ROBIN: checkpoints of a turn. Default: 16.
    pub quantum: u32,
    /// STRAND_POLICY_PRIORITY_AGING: picks waited for one more of priority; default 8.
    /// STRAND_POLICY_PRIORITY_FIXED: the same, and 0 is no ageing. At most 2^30.
    pub age_step: u32,
    /// STRAND_POLICY_PRIORITY_TOKEN and STRAND_POLICY_PROGRESS_AWARE: how often a ready strand may
    /// be passed by. Default: 64.
    pub bypass_limit: u32,
    /// STRAND_POLICY_PCT: depth of the bugs looked for, 1 to 64. Default: 3.
    pub pct_depth: u32,
    /// STRAND_POLICY_PCT: about how many picks a run has. Default: 1,000.
    pub pct_steps: u64,
    /// Hand-offs that are kept for strand_handoffs_read(): the last so many. Default: 256. At most
    /// 1,048,576.
    pub handoffs: u32,
    /// Most progress tokens that a strand can have. Default: 16.
    pub token_cap: u32,
    /// Most threads that make calls for strands (see strand_offload()); they are started as they are
    /// needed. Default: 64. At most 1,024. Environment: STRAND_OFFLOAD_THREADS.
    pub offload_threads: u32,
    /// 0
    pub reserved: u32,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null, None or 0 in every
// field.
unsafe impl Sized32 for strand_language_hooks {
    const NAME: &'static str = "strand_language_hooks";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_config {
    const NAME: &'static str = "strand_config";
}

/// The core's configuration from the caller's struct; `None`, the defaults, from NULL.
///
/// # Safety
/// Both structs are as the header asks, or null.
pub(super) unsafe fn convert(config: *const strand_config, function: &str) -> Outcome<Option<Config>> {
    if config.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let config = unsafe { sized::read(config, function) }?;
    check::zero(config.reserved.into(), function, "strand_config.reserved")?;
    let hooks = match config.hooks.is_null() {
        true => LanguageHooks::default(),
        // SAFETY: the caller's promise.
        false => convert_hooks(unsafe { sized::read(config.hooks, function) }?, function)?,
    };
    Ok(Some(Config {
        engine: config.engine,
        workers: config.workers,
        policy: config.policy,
        seed: config.seed,
        quantum: config.quantum,
        age_step: config.age_step,
        bypass_limit: config.bypass_limit,
        pct_depth: config.pct_depth,
        pct_steps: config.pct_steps,
        handoffs: config.handoffs,
        token_cap: config.token_cap,
        offload_threads: config.offload_threads,
        migration: config.migration,
        fault_policy: config.fault_policy,
        stack_bytes: config.stack_bytes,
        max_strands: config.max_strands,
        max_steps: config.max_steps,
        clock: config.clock,
        gpu: config.gpu,
        gpu_words: Words::default(),
        record: Words(config.record),
        replay: Words(config.replay),
        explore: Words(config.explore),
        log: config.log.map(|log| (log, config.log_data)),
        hooks,
    }))
}

type Fatal = unsafe extern "C" fn(message: *const c_char, length: usize, data: *mut c_void);

fn convert_hooks(hooks: strand_language_hooks, function: &str) -> Outcome<LanguageHooks> {
    check::zero(hooks.reserved.into(), function, "strand_language_hooks.reserved")?;
    Ok(LanguageHooks {
        data: hooks.data,
        message_transfer: hooks.message_transfer,
        message_drop: hooks.message_drop,
        strand_resume: hooks.strand_resume,
        strand_suspend: hooks.strand_suspend,
        strand_exit: hooks.strand_exit,
        // SAFETY: the two types differ in the signedness of the message's bytes, which the call does
        // not see.
        fatal: unsafe { core::mem::transmute::<Option<Fatal>, Option<FatalHook>>(hooks.fatal) },
    })
}
