// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of a runtime: what the program said, what the environment fills in, what is refused.

use core::ffi::c_void;

pub use crate::strand::log::LogFunction;

use crate::base::status::{Outcome, Status};
use crate::base::sys;
use crate::engine::parallel::idle::WORKERS_MAX;
use crate::memory::stack_class::{self, DEFAULT_CLASS, USABLE};
use crate::strand::hooks::LanguageHooks;
use crate::strand::message::fail;

/// Any worker may resume any strand.
pub const MIGRATE_FREE: u32 = 0;
/// Only strands that never ran move.
pub const MIGRATE_NEW_ONLY: u32 = 1;
/// No strand moves.
pub const MIGRATE_NEVER: u32 = 2;

/// A fault ends its strand.
pub const FAULT_ISOLATE: u32 = 0;
/// A fault ends its scope.
pub const FAULT_FAIL_SCOPE: u32 = 1;
/// A fault ends the process.
pub const FAULT_ABORT: u32 = 2;

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
    /// Which device.
    pub gpu: u32,
    /// A recording was asked for.
    pub record: bool,
    /// A replay was asked for.
    pub replay: bool,
    /// An exploration was asked for.
    pub explore: bool,
    /// Where the library's words go.
    pub log: Option<(LogFunction, *mut c_void)>,
    /// The language's hooks.
    pub hooks: LanguageHooks,
}

/// A configuration with every default filled in and everything checked.
#[derive(Clone, Copy)]
pub struct Settings {
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
        self.workers == other.workers
            && self.migration == other.migration
            && self.fault_policy == other.fault_policy
            && self.stack_class == other.stack_class
            && self.max_strands == other.max_strands
            && self.hooks == other.hooks
            && self.log.map(|(function, data)| (function as usize, data))
                == other.log.map(|(function, data)| (function as usize, data))
            && self.identity_by_thread == other.identity_by_thread
            && self.mprotect_guards == other.mprotect_guards
    }
}

const POLICY_LAST: u32 = 7;
const ENGINE_LAST: u32 = 2;

/// Checks a configuration that the environment has filled in.
pub fn settle(config: &Config, identity_by_thread: bool, mprotect_guards: bool) -> Outcome<Settings> {
    refuse_unknown(config)?;
    refuse_unsupported(config)?;
    let workers = match config.workers {
        0 => sys::usable_processors(),
        count if count as usize <= WORKERS_MAX => count,
        count => return fail(Status::INVALID, format_args!("{count} workers: there can be 1 to {WORKERS_MAX}")),
    };
    Ok(Settings {
        workers,
        migration: config.migration,
        fault_policy: config.fault_policy,
        stack_class: class_for(config.stack_bytes, DEFAULT_CLASS)?,
        max_strands: max_strands(config.max_strands)?,
        hooks: config.hooks,
        log: config.log,
        identity_by_thread,
        mprotect_guards,
    })
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
        ("engine", config.engine, ENGINE_LAST),
        ("policy", config.policy, POLICY_LAST),
        ("migration", config.migration, MIGRATE_NEVER),
        ("fault_policy", config.fault_policy, FAULT_ABORT),
    ];
    for (name, value, last) in unknown {
        if value > last {
            return fail(Status::INVALID, format_args!("{name} is {value}: known values are 0 to {last}"));
        }
    }
    Ok(())
}

fn refuse_unsupported(config: &Config) -> Outcome<()> {
    let unsupported = [
        (config.engine != 0, "engines other than STRAND_ENGINE_PARALLEL"),
        (config.policy != 0, "policies other than STRAND_POLICY_COOPERATIVE"),
        (config.fault_policy == FAULT_FAIL_SCOPE, "scopes, and with them STRAND_FAULT_FAIL_SCOPE,"),
        (config.max_steps != 0, "max_steps, which needs the stepped engine,"),
        (config.clock != 0, "clocks other than the real one"),
        (config.gpu != 0, "devices"),
        (config.record, "recording"),
        (config.replay, "replaying"),
        (config.explore, "exploring"),
    ];
    for (asked, what) in unsupported {
        if asked {
            return fail(Status::UNSUPPORTED, format_args!("{what} are not part of this version"));
        }
    }
    Ok(())
}
