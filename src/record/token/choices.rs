// SPDX-License-Identifier: MIT OR Apache-2.0
//! Choices as characters.
//!
//! ```text
//! character  more follow 1 bit | number 4 bits, lowest group first
//! choices    2 * choice                            one choice below 8 is one character
//!            2 * choice + 1, repetitions - 2       the same choice several times
//! ```

use super::{CHOICES_MAX, DIGITS};

/// Calls `put` with each character for `choices`; stops when it returns nothing.
pub fn write(choices: &[u32], put: &mut dyn FnMut(u8) -> Option<()>) -> Option<()> {
    for run in choices.chunk_by(|one, next| one == next) {
        let choice = 2 * u64::from(run[0]);
        match run.len() {
            1 => number(choice, put)?,
            repetitions => {
                number(choice + 1, put)?;
                number(repetitions as u64 - 2, put)?;
            }
        }
    }
    Some(())
}

fn number(mut value: u64, put: &mut dyn FnMut(u8) -> Option<()>) -> Option<()> {
    while value >= 16 {
        put(DIGITS[(value & 15) as usize | 16])?;
        value >>= 4;
    }
    put(DIGITS[value as usize])
}

/// Why characters are no choices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// This character has no value in base 32.
    Character(usize),
    /// The number that begins at this character is cut off or too large.
    Number(usize),
    /// The choice at this character is the one before it, and not written as its repetition.
    Repeated(usize),
    /// More than `CHOICES_MAX`.
    TooMany,
    /// No memory for them.
    Memory,
}

/// The choices that `text` stands for.
pub fn read(text: &[u8]) -> Result<Vec<u32>, Wrong> {
    let mut choices: Vec<u32> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let coded = next(text, &mut at)?;
        let choice = u32::try_from(coded / 2).map_err(|_| Wrong::Number(start))?;
        if choices.last() == Some(&choice) {
            return Err(Wrong::Repeated(start));
        }
        let repetitions = if coded % 2 == 0 { 1 } else { next(text, &mut at)?.saturating_add(2) };
        if repetitions > (CHOICES_MAX - choices.len()) as u64 {
            return Err(Wrong::TooMany);
        }
        choices.try_reserve(repetitions as usize).map_err(|_| Wrong::Memory)?;
        choices.resize(choices.len() + repetitions as usize, choice);
    }
    Ok(choices)
}

fn next(text: &[u8], at: &mut usize) -> Result<u64, Wrong> {
    let start = *at;
    let mut value = 0;
    let mut shift = 0;
    while let Some(&character) = text.get(*at) {
        let digit = DIGITS.iter().position(|&known| known == character).ok_or(Wrong::Character(*at))? as u64;
        *at += 1;
        if shift > 36 {
            break;
        }
        value |= (digit & 15) << shift;
        if digit < 16 {
            let overlong = digit == 0 && shift > 0;
            return if overlong { Err(Wrong::Number(start)) } else { Ok(value) };
        }
        shift += 4;
    }
    Err(Wrong::Number(start))
}
