// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schedules as a line of text that a person can paste, read aloud, and keep in a bug report.
//!
//! ```text
//! strand1:random:seed=7,index=12:32f1bb4
//! strand1:pct:seed=7,index=12,depth=3,steps=120,inject=cancel@5.2+oom@9:15h16he
//! strand1:c:15k32,inject=close@4.1:2r3yqr0
//!    |    |    |                        |
//!    |    |    what it takes            check: CRC-32C of everything before the last colon
//!    |    who decides
//!    version
//! ```
//! The check finds every single character that is wrong, and every two neighbours that changed places.

mod choices;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{is_token, parse};
pub use write::format;

/// The characters of base 32: digits and small letters without i, l, o and u, which are mistaken for others.
pub const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// What a token of this version begins with.
pub const PREFIX: &str = "strand1:";
/// Characters of the check.
pub const CHECK: usize = 7;
/// Characters of the longest token: it must fit into an environment variable.
pub const LENGTH_MAX: usize = 100_000;
/// Choices of the longest schedule.
pub const CHOICES_MAX: usize = 1 << 20;
/// Injections of the longest schedule.
pub const INJECTIONS_MAX: usize = 64;

/// Who decides in a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Driver {
    /// Every decision at random.
    Random {
        /// Seed of the exploration.
        seed: u64,
        /// Number of the schedule in it.
        index: u64,
    },
    /// Random priorities with a few change points.
    Pct {
        /// Seed of the exploration.
        seed: u64,
        /// Number of the schedule in it.
        index: u64,
        /// Depth of the defects looked for.
        depth: u32,
        /// Steps that the change points are spread over.
        steps: u64,
    },
    /// These decisions, one after the other; after them always the first possibility.
    Choices(Vec<u32>),
}

/// What is injected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Injected {
    /// A strand is cancelled.
    Cancel,
    /// A channel is closed.
    Close,
    /// An allocation fails.
    Oom,
    /// A wait times out.
    Timeout,
}

impl Injected {
    /// Every kind with its word.
    pub const ALL: [(Injected, &'static str); 4] = [
        (Injected::Cancel, "cancel"),
        (Injected::Close, "close"),
        (Injected::Oom, "oom"),
        (Injected::Timeout, "timeout"),
    ];

    /// The word in tokens and in `inject=`.
    pub fn name(self) -> &'static str {
        Injected::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// What a word means.
    pub fn named(name: &str) -> Option<Injected> {
        Injected::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// One fault that the schedule injects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Injection {
    /// What.
    pub kind: Injected,
    /// Before which step.
    pub step: u64,
    /// Into which of the things there are, as the engine counts them.
    pub object: u64,
}

/// A schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Who decides.
    pub driver: Driver,
    /// What is injected.
    pub inject: Vec<Injection>,
}

/// The check of a text.
fn check_of(text: &str) -> u32 {
    super::crc::extend(0, text.as_bytes())
}

/// A text with the check that it must have; for tests and fuzzing.
#[allow(dead_code)]
pub fn seal(body: &str) -> String {
    let check = check_digits(check_of(body));
    std::format!("{body}:{}", check.map(char::from).iter().collect::<String>())
}

/// The check as characters, highest first.
fn check_digits(check: u32) -> [u8; CHECK] {
    core::array::from_fn(|place| DIGITS[(u64::from(check) >> (5 * (CHECK - 1 - place))) as usize & 31])
}
