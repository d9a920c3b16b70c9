// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a schedule to its token.

use core::fmt::{self, Write};

use super::{CHOICES_MAX, Driver, INJECTIONS_MAX, LENGTH_MAX, PREFIX, Schedule, check_digits, check_of, choices};
use crate::base::status::Status;
use crate::record::Failure;

/// A text up to `LENGTH_MAX`, where memory can be had.
struct Line {
    text: String,
    failed: Option<Status>,
}

impl Write for Line {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let status = if self.text.len() + part.len() > LENGTH_MAX {
            Status::LIMIT
        } else if self.text.try_reserve(part.len()).is_err() {
            Status::NO_MEMORY
        } else {
            self.text.push_str(part);
            return Ok(());
        };
        self.failed = Some(status);
        Err(fmt::Error)
    }
}

/// The token of a schedule. LIMIT where that would be no short line any more: record into a file then.
pub fn format(schedule: &Schedule) -> Result<String, Failure> {
    let mut line = Line { text: String::new(), failed: None };
    match write(&mut line, schedule) {
        Ok(()) => Ok(line.text),
        Err(fmt::Error) => Err(match line.failed {
            Some(Status::NO_MEMORY) => Failure::new(Status::NO_MEMORY, format_args!("schedule token: no memory")),
            _ => Failure::new(
                Status::LIMIT,
                format_args!("schedule token: the schedule is too long for a line of text; record it in a file"),
            ),
        }),
    }
}

fn write(line: &mut Line, schedule: &Schedule) -> fmt::Result {
    if schedule.inject.len() > INJECTIONS_MAX {
        return Err(fmt::Error);
    }
    line.write_str(PREFIX)?;
    match &schedule.driver {
        Driver::Random { seed, index } => write!(line, "random:seed={seed},index={index}")?,
        Driver::Pct { seed, index, depth, steps } => {
            write!(line, "pct:seed={seed},index={index},depth={depth},steps={steps}")?;
        }
        Driver::Choices(choices) if choices.len() > CHOICES_MAX => return Err(fmt::Error),
        Driver::Choices(choices) => {
            line.write_str("c:")?;
            choices::write(choices, &mut |character| line.write_char(char::from(character)).ok()).ok_or(fmt::Error)?;
        }
    }
    for (place, injection) in schedule.inject.iter().enumerate() {
        line.write_str(if place == 0 { ",inject=" } else { "+" })?;
        write!(line, "{}@{}", injection.kind.name(), injection.step)?;
        if injection.object != 0 {
            write!(line, ".{}", injection.object)?;
        }
    }
    let check = check_digits(check_of(&line.text));
    line.write_char(':')?;
    check.iter().try_for_each(|&digit| line.write_char(char::from(digit)))
}
