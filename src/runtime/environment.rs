// SPDX-License-Identifier: MIT OR Apache-2.0
//! The environment fills what the configuration leaves at 0. A value that is not understood is an error that says so;
//! names that are not ours are left alone.

use super::config::Config;
use crate::base::status::{Outcome, Status};
use crate::strand::message::fail;

/// What only the environment can ask for.
#[derive(Clone, Copy, Default)]
pub struct Extra {
    /// `STRAND_IDENTITY=tls`
    pub identity_by_thread: bool,
    /// `STRAND_GUARD=mprotect`
    pub mprotect_guards: bool,
}

/// Fills `config` from the environment of the process.
pub fn fill(config: &mut Config) -> Outcome<Extra> {
    let mut extra = Extra::default();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("STRAND_")) else { continue };
        let value = value.as_encoded_bytes();
        apply(config, &mut extra, name, value)?;
    }
    Ok(extra)
}

fn apply(config: &mut Config, extra: &mut Extra, name: &str, value: &[u8]) -> Outcome<()> {
    let text = core::str::from_utf8(value).unwrap_or("\u{FFFD}");
    match name {
        "STRAND_ENGINE" => fill_u32(&mut config.engine, choose(name, text, &["parallel", "stepped", "may"])?),
        "STRAND_WORKERS" => fill_u32(&mut config.workers, number(name, text)? as u32),
        "STRAND_POLICY" => fill_u32(&mut config.policy, choose(name, text, POLICIES)?),
        "STRAND_SEED" if config.seed == 0 => config.seed = number_of_64_bits(name, text)?,
        "STRAND_STACK_BYTES" if config.stack_bytes == 0 => config.stack_bytes = number(name, text)? as usize,
        "STRAND_MIGRATION" => fill_u32(&mut config.migration, choose(name, text, &["free", "new_only", "never"])?),
        "STRAND_IDENTITY" => extra.identity_by_thread = choose(name, text, &["stack", "tls"])? == 1,
        "STRAND_GUARD" => extra.mprotect_guards = choose(name, text, &["auto", "mprotect"])? == 1,
        "STRAND_RECORD" | "STRAND_REPLAY" | "STRAND_EXPLORE" | "STRAND_GPU" => {
            return fail(
                Status::UNSUPPORTED,
                format_args!("{name} is set, but this version cannot do that yet; unset it"),
            );
        }
        // Somebody else's variable may begin like ours; it must not keep the program from starting.
        _ => {}
    }
    Ok(())
}

const POLICIES: &[&str] = &[
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

fn choose(name: &str, text: &str, choices: &[&str]) -> Outcome<u32> {
    match choices.iter().position(|choice| *choice == text) {
        Some(position) => Ok(position as u32),
        None => {
            let mut list = String::new();
            for choice in choices {
                list.push_str(if list.is_empty() { "" } else { ", " });
                list.push_str(choice);
            }
            fail(Status::INVALID, format_args!("{name} is \"{text}\": it can be one of {list}"))
        }
    }
}

fn number(name: &str, text: &str) -> Outcome<u32> {
    match text.parse::<u32>() {
        Ok(value) if value > 0 => Ok(value),
        _ => fail(Status::INVALID, format_args!("{name} is \"{text}\": it must be a whole number from 1 to {}", u32::MAX)),
    }
}

fn number_of_64_bits(name: &str, text: &str) -> Outcome<u64> {
    match text.parse::<u64>() {
        Ok(value) => Ok(value),
        Err(_) => fail(Status::INVALID, format_args!("{name} is \"{text}\": it must be a whole number from 0 to {}", u64::MAX)),
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
        assert_eq!(try_one("STRAND_RECORD", "file").map(|_| ()), Err(Status::UNSUPPORTED));
        assert_eq!(try_one("STRAND_OF_HAIR", "grey").map(|config| config.workers), Ok(0));
    }
}
