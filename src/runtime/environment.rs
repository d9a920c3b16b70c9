// SPDX-License-Identifier: MIT OR Apache-2.0
//! The environment fills what the configuration leaves at 0. A value that is not understood is an error that says so;
//! names that are not ours are left alone.

use core::ffi::CStr;
use core::fmt;

use super::config::{Config, Words};
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::idle::WORKERS_MAX;
use crate::io::pool::THREADS_MAX;
use crate::memory::stack_class::USABLE;
use crate::strand::message::fail;

/// What only the environment can ask for.
#[derive(Clone, Copy, Default)]
pub struct Extra {
    /// `STRAND_IDENTITY=tls`
    pub identity_by_thread: bool,
    /// `STRAND_GUARD=mprotect`
    pub mprotect_guards: bool,
}

/// Every variable there is.
const NAMES: [&CStr; 13] = [
    c"STRAND_ENGINE",
    c"STRAND_WORKERS",
    c"STRAND_POLICY",
    c"STRAND_SEED",
    c"STRAND_STACK_BYTES",
    c"STRAND_MIGRATION",
    c"STRAND_OFFLOAD_THREADS",
    c"STRAND_IDENTITY",
    c"STRAND_GUARD",
    c"STRAND_RECORD",
    c"STRAND_REPLAY",
    c"STRAND_EXPLORE",
    c"STRAND_GPU",
];

/// Fills `config` from the environment of the process. Allocates nothing.
pub fn fill(config: &mut Config) -> Outcome<Extra> {
    let mut extra = Extra::default();
    for name in NAMES {
        // SAFETY: the name is terminated.
        let value = unsafe { libc::getenv(name.as_ptr()) };
        if !value.is_null() {
            // SAFETY: getenv gives a terminated string, which stays while nobody changes the environment.
            let value = unsafe { CStr::from_ptr(value) }.to_bytes();
            apply(config, &mut extra, name.to_str().unwrap_or(""), value)?;
        }
    }
    Ok(extra)
}

fn apply(config: &mut Config, extra: &mut Extra, name: &str, value: &[u8]) -> Outcome<()> {
    let text = core::str::from_utf8(value).unwrap_or("\u{FFFD}");
    match name {
        "STRAND_ENGINE" => fill_u32(&mut config.engine, choose(name, text, &["parallel", "stepped", "may"])?),
        "STRAND_WORKERS" => fill_u32(&mut config.workers, number(name, text, WORKERS_MAX as u64)? as u32),
        "STRAND_POLICY" => fill_u32(&mut config.policy, choose(name, text, POLICIES)?),
        "STRAND_SEED" if config.seed == 0 => config.seed = number(name, text, u64::MAX)?,
        "STRAND_STACK_BYTES" if config.stack_bytes == 0 => {
            config.stack_bytes = number(name, text, USABLE[USABLE.len() - 1] as u64)? as usize;
        }
        "STRAND_MIGRATION" => fill_u32(&mut config.migration, choose(name, text, &["free", "new_only", "never"])?),
        "STRAND_OFFLOAD_THREADS" => {
            fill_u32(&mut config.offload_threads, number(name, text, u64::from(THREADS_MAX))? as u32);
        }
        "STRAND_IDENTITY" => extra.identity_by_thread = choose(name, text, &["stack", "tls"])? == 1,
        "STRAND_GUARD" => extra.mprotect_guards = choose(name, text, &["auto", "mprotect"])? == 1,
        "STRAND_REPLAY" => config.replay = Words(value.as_ptr().cast()),
        "STRAND_EXPLORE" => config.explore = Words(value.as_ptr().cast()),
        "STRAND_RECORD" => config.record = Words(value.as_ptr().cast()),
        "STRAND_GPU" => config.gpu_words = Words(value.as_ptr().cast()),
        // Somebody else's variable may begin like ours; it must not keep the program from starting.
        _ => {}
    }
    Ok(())
}

/// The names of the policies, by number.
pub const POLICIES: &[&str] = &[
    "cooperative",
    "round_robin",
    "priority_fixed",
    "priority_aging",
    "priority_token",
    "progress_aware",
    "random",
    "pct",
];

fn fill_u32(field: &mut u32, value: u32) {
    if *field == 0 {
        *field = value;
    }
}

/// Words separated by commas.
struct Choices<'a>(&'a [&'a str]);

impl fmt::Display for Choices<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, choice) in self.0.iter().enumerate() {
            write!(out, "{}{choice}", if position == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

fn choose(name: &str, text: &str, choices: &[&str]) -> Outcome<u32> {
    match choices.iter().position(|choice| *choice == text) {
        Some(position) => Ok(position as u32),
        None => fail(Status::INVALID, format_args!("{name} is \"{text}\": it can be one of {}", Choices(choices))),
    }
}

fn number(name: &str, text: &str, most: u64) -> Outcome<u64> {
    match text.parse::<u64>() {
        Ok(value) if value > 0 && value <= most => Ok(value),
        _ => fail(Status::INVALID, format_args!("{name} is \"{text}\": it must be a whole number from 1 to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_one(name: &str, value: &str) -> Outcome<Config> {
        let mut config = Config::default();
        apply(&mut config, &mut Extra::default(), name, value.as_bytes())?;
        Ok(config)
    }

    #[test]
    fn good_values_fill_what_is_zero_and_nothing_else() {
        assert_eq!(try_one("STRAND_WORKERS", "3").map(|config| config.workers), Ok(3));
        assert_eq!(try_one("STRAND_MIGRATION", "new_only").map(|config| config.migration), Ok(1));
        let mut config = Config { workers: 2, ..Config::default() };
        assert_eq!(apply(&mut config, &mut Extra::default(), "STRAND_WORKERS", b"7"), Ok(()));
        assert_eq!(config.workers, 2);
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (name, value) in [
            ("STRAND_WORKERS", "many"),
            ("STRAND_WORKERS", "0"),
            ("STRAND_WORKERS", "-1"),
            ("STRAND_MIGRATION", "sometimes"),
            ("STRAND_STACK_BYTES", "64k"),
        ] {
            assert_eq!(try_one(name, value).map(|_| ()), Err(Status::INVALID), "{name}={value}");
        }
        assert_eq!(try_one("STRAND_OF_HAIR", "grey").map(|config| config.workers), Ok(0));
    }
}
