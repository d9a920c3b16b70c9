// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the program or the environment asks for: `FILE` or `FILE,explicit` to record, `FILE` or `FILE,patience=SECONDS`
//! to replay.

use core::ffi::CStr;
use std::ffi::CString;

use super::{Config, fill, mismatched, tell};
use crate::base::status::{Outcome, Status};
use crate::record::failure::Path;
use crate::record::identity::EXPLICIT_PICKS;
use crate::record::{Identity, Replay};
use crate::strand::message::fail;

/// Seconds that a replay waits for an OS thread that should come.
const PATIENCE: u32 = 30;

/// A file to record into.
pub struct Target {
    /// Its name.
    pub path: CString,
    /// Every pick is written.
    pub is_explicit: bool,
}

impl Target {
    /// What the header says of a run of `mine`.
    pub fn identity(&self, mine: Identity) -> Identity {
        let flags = mine.flags | if self.is_explicit { EXPLICIT_PICKS } else { 0 };
        Identity { flags, ..mine }
    }
}

/// A recording to follow.
pub struct Source {
    /// Its name.
    pub path: CString,
    /// The recording.
    pub replay: Replay,
    /// How long to wait for an OS thread that should come, in nanoseconds.
    pub patience: i64,
}

impl Source {
    /// Whether a run of `mine` can follow it. REPLAY.
    pub fn compare(&self, mine: &Identity) -> Outcome<()> {
        let picks = self.replay.identity().flags & EXPLICIT_PICKS;
        let mine = Identity { flags: mine.flags | picks, ..*mine };
        match self.replay.check_identity(&mine) {
            Ok(()) => Ok(()),
            Err(mismatch) => tell(&mismatched(self.path.as_bytes(), &mismatch)),
        }
    }
}

/// See the module documentation.
pub struct Request {
    /// To record.
    pub record: Option<Target>,
    /// To replay.
    pub replay: Option<Source>,
}

/// A file name, and what is said about it after a comma.
struct Words<'a> {
    path: &'a [u8],
    option: Option<&'a [u8]>,
}

fn split<'a>(text: &'a CStr, is_option: impl Fn(&[u8]) -> bool) -> Words<'a> {
    let bytes = text.to_bytes();
    match bytes.iter().rposition(|byte| *byte == b',') {
        Some(comma) if is_option(&bytes[comma + 1..]) => {
            Words { path: &bytes[..comma], option: Some(&bytes[comma + 1..]) }
        }
        _ => Words { path: bytes, option: None },
    }
}

fn named(path: &[u8], variable: &str) -> Outcome<CString> {
    match CString::new(path) {
        Ok(name) if !path.is_empty() => Ok(name),
        _ => fail(Status::INVALID, format_args!("{variable} is empty: expected the name of a file")),
    }
}

impl Request {
    /// Reads the two texts; a recording that is to be followed is opened and verified, and fills what `config` leaves
    /// at 0. With `is_up` the runtime follows it already, and nothing is opened.
    pub fn of(config: &mut Config, record: Option<&CStr>, replay: Option<&CStr>, is_up: bool) -> Outcome<Request> {
        let target = record.map(target).transpose()?;
        let mut source = None;
        if is_up {
            super::fill_as_before(config);
        } else if let Some(text) = replay {
            let found = open(text)?;
            if target.as_ref().is_some_and(|target| target.path == found.path) {
                let path = Path(found.path.as_bytes());
                return fail(Status::INVALID, format_args!("'{path}' is to be recorded and replayed: use two files"));
            }
            fill(config, found.replay.identity());
            source = Some(found);
        }
        Ok(Request { record: target, replay: source })
    }
}

fn target(text: &CStr) -> Outcome<Target> {
    let Words { path, option } = split(text, |option| option == b"explicit");
    Ok(Target { path: named(path, "record (STRAND_RECORD)")?, is_explicit: option.is_some() })
}

fn open(text: &CStr) -> Outcome<Source> {
    let Words { path, option } = split(text, |option| option.starts_with(b"patience="));
    let path = named(path, "replay (STRAND_REPLAY)")?;
    let seconds = match option {
        None => PATIENCE,
        Some(option) => {
            let number = core::str::from_utf8(&option["patience=".len()..]).unwrap_or("");
            match number.parse::<u32>() {
                Ok(seconds) if (1..=86_400).contains(&seconds) => seconds,
                _ => {
                    return fail(
                        Status::INVALID,
                        format_args!(
                            "replay (STRAND_REPLAY) has patience \"{number}\": it is a whole number of seconds from 1 to 86400"
                        ),
                    );
                }
            }
        }
    };
    match Replay::open(&path) {
        Ok(replay) => Ok(Source { path, replay, patience: i64::from(seconds) * 1_000_000_000 }),
        Err(failure) => tell(&failure),
    }
}
