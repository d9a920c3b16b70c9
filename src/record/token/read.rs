// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a token to its schedule. A token has one way to be written; everything else is refused with the place and
//! with what was expected there.

use core::fmt;
use core::str::FromStr;

use super::choices::{self, Wrong};
use super::{CHECK, Driver, INJECTIONS_MAX, Injected, Injection, LENGTH_MAX, PREFIX, Schedule, check_digits, check_of};
use crate::base::status::Status;
use crate::record::Failure;

/// Whether a text means to be a token, and not the path of a file.
pub fn is_token(text: &str) -> bool {
    let version = text.trim().strip_prefix("strand").and_then(|rest| rest.split_once(':'));
    version.is_some_and(|(version, _)| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cold]
fn wrong<T>(at: usize, what: fmt::Arguments<'_>) -> Result<T, Failure> {
    Err(Failure::new(Status::INVALID, format_args!("schedule token, character {}: {what}", at + 1)))
}

#[cold]
fn no_memory() -> Failure {
    Failure::new(Status::NO_MEMORY, format_args!("schedule token: no memory"))
}

/// What is quoted of a token.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.0.chars().nth(20).is_some();
        write!(out, "'")?;
        self.0.chars().take(20).try_for_each(|letter| write!(out, "{}", letter.escape_debug()))?;
        out.write_str(if more { "...'" } else { "'" })
    }
}

/// The schedule that a token stands for. White space around it is allowed.
pub fn parse(text: &str) -> Result<Schedule, Failure> {
    let text = text.trim_matches(|letter: char| letter.is_ascii_whitespace());
    if text.len() > LENGTH_MAX {
        return wrong(LENGTH_MAX, format_args!("a token has at most {LENGTH_MAX} characters"));
    }
    if !text.starts_with(PREFIX) {
        return wrong(0, format_args!("expected '{PREFIX}', found {}", Quoted(text)));
    }
    let Some((body, check)) = text.rsplit_once(':').filter(|(body, _)| body.len() >= PREFIX.len()) else {
        return wrong(text.len(), format_args!("expected ':' and a check of {CHECK} characters"));
    };
    if check.len() != CHECK {
        return wrong(body.len() + 1, format_args!("expected a check of {CHECK} characters, found {}", Quoted(check)));
    }
    if check.as_bytes() != check_digits(check_of(body)) {
        return wrong(body.len() + 1, format_args!("the check does not agree with the token; was it copied whole?"));
    }
    let mut rest = Rest { text: body, at: PREFIX.len() };
    let driver = driver(&mut rest)?;
    let inject = injections(&mut rest)?;
    Ok(Schedule { driver, inject })
}

fn driver(rest: &mut Rest<'_>) -> Result<Driver, Failure> {
    let at = rest.at;
    match rest.up_to(|letter| letter == ':') {
        "random" => {
            rest.take(":seed=")?;
            let seed = rest.number()?;
            rest.take(",index=")?;
            Ok(Driver::Random { seed, index: rest.number()? })
        }
        "pct" => {
            rest.take(":seed=")?;
            let seed = rest.number()?;
            rest.take(",index=")?;
            let index = rest.number()?;
            rest.take(",depth=")?;
            let depth = rest.number()?;
            rest.take(",steps=")?;
            Ok(Driver::Pct { seed, index, depth, steps: rest.number()? })
        }
        "c" => {
            rest.take(":")?;
            let at = rest.at;
            let coded = rest.up_to(|letter| letter == ',');
            choices::read(coded.as_bytes()).map(Driver::Choices).or_else(|problem| match problem {
                Wrong::Character(place) => wrong(at + place, format_args!("expected a digit or a letter of base 32")),
                Wrong::Number(place) => wrong(at + place, format_args!("expected a choice below 2^32")),
                Wrong::Repeated(place) => wrong(at + place, format_args!("expected another choice, or a repetition")),
                Wrong::TooMany => wrong(at, format_args!("more than {} choices", super::CHOICES_MAX)),
                Wrong::Memory => Err(no_memory()),
            })
        }
        other => wrong(at, format_args!("expected 'random', 'pct' or 'c', found {}", Quoted(other))),
    }
}

fn injections(rest: &mut Rest<'_>) -> Result<Vec<Injection>, Failure> {
    let mut inject = Vec::new();
    if rest.is_empty() {
        return Ok(inject);
    }
    rest.take(",inject=")?;
    loop {
        if inject.len() == INJECTIONS_MAX {
            return wrong(rest.at, format_args!("more than {INJECTIONS_MAX} injections"));
        }
        let at = rest.at;
        let name = rest.up_to(|letter| letter == '@');
        let Some(kind) = Injected::named(name) else {
            return wrong(at, format_args!("expected 'cancel', 'close', 'oom' or 'timeout', found {}", Quoted(name)));
        };
        rest.take("@")?;
        let step = rest.number()?;
        let object = if rest.next_is(".") { rest.object()? } else { 0 };
        inject.try_reserve(1).map_err(|_| no_memory())?;
        inject.push(Injection { kind, step, object });
        if rest.is_empty() {
            return Ok(inject);
        }
        rest.take("+")?;
    }
}

/// What of a token is not read yet.
struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn left(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    fn next_is(&self, part: &str) -> bool {
        self.left().starts_with(part)
    }

    /// Everything up to a letter, or to the end.
    fn up_to(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let left = self.left();
        let part = left.split(ends).next().unwrap_or(left);
        self.at += part.len();
        part
    }

    fn take(&mut self, part: &str) -> Result<(), Failure> {
        if !self.next_is(part) {
            return wrong(self.at, format_args!("expected '{part}', found {}", Quoted(self.left())));
        }
        self.at += part.len();
        Ok(())
    }

    fn number<T: FromStr>(&mut self) -> Result<T, Failure> {
        let at = self.at;
        let digits = self.up_to(|letter| !letter.is_ascii_digit());
        let is_canonical = digits == "0" || !digits.starts_with('0');
        match digits.parse() {
            Ok(number) if is_canonical => Ok(number),
            _ => wrong(at, format_args!("expected a number that fits, found {}", Quoted(&self.text[at..]))),
        }
    }

    fn object(&mut self) -> Result<u64, Failure> {
        self.take(".")?;
        match self.number()? {
            0 => wrong(self.at - 1, format_args!("expected a number above 0")),
            object => Ok(object),
        }
    }
}
