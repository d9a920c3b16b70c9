// SPDX-License-Identifier: MIT OR Apache-2.0
//! Comparison of two results of the same work: what was emitted and what has faulted, as multisets (the order is
//! nobody's promise), and the bytes of buffers. The first difference is told so that a person can look it up.

use core::fmt;

use super::task::Task;
use super::words::{WORDS, Word};
use crate::base::room::exactly;
use crate::base::status::Outcome;

/// What one side has come to.
#[derive(Clone, Copy, Debug)]
pub struct Results<'a> {
    /// Who, for the message.
    pub name: &'a str,
    /// Words of an emitted record.
    pub emit_words: usize,
    /// The emitted records, one after the other.
    pub emitted: &'a [u32],
    /// The faults: code and task.
    pub faults: &'a [(u32, Task)],
    /// Buffers, in the order of the program.
    pub buffers: &'a [&'a [u8]],
}

/// The first difference between two sides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference<'a> {
    /// A record, and how often each side has emitted it.
    Emitted(Sides<'a>, Vec<u32>, [u64; 2]),
    /// A code and a task, and how often each side has it.
    Fault(Sides<'a>, u32, Box<Task>, [u64; 2]),
    /// The sides do not have the same buffers: number, lengths in bytes.
    Length(Sides<'a>, usize, [usize; 2]),
    /// A byte of a buffer: number, offset, values.
    Byte(Sides<'a>, usize, usize, [u8; 2]),
}

/// The names of the two sides.
pub type Sides<'a> = [&'a str; 2];

/// Where the two sides first differ: emitted records, then faults, then buffers. NO_MEMORY when the records cannot be
/// sorted.
pub fn first_difference<'a>(left: &Results<'a>, right: &Results<'a>) -> Outcome<Option<Difference<'a>>> {
    let sides = [left.name, right.name];
    let width = left.emit_words.max(right.emit_words).max(1);
    let (mut of_left, mut of_right) = (records(left.emitted, width)?, records(right.emitted, width)?);
    if let Some((record, counts)) = unequal(&mut of_left, &mut of_right) {
        return Ok(Some(Difference::Emitted(sides, copied(record)?, counts)));
    }
    let (mut of_left, mut of_right) = (faults(left.faults)?, faults(right.faults)?);
    if let Some((fault, counts)) = unequal(&mut of_left, &mut of_right) {
        let task = Task::from_words(*fault.1);
        return Ok(Some(Difference::Fault(sides, fault.0, Box::new(task), counts)));
    }
    Ok(buffers(sides, left.buffers, right.buffers))
}

fn buffers<'a>(sides: Sides<'a>, left: &[&[u8]], right: &[&[u8]]) -> Option<Difference<'a>> {
    for number in 0..left.len().max(right.len()) {
        let (one, other) = (left.get(number).copied().unwrap_or(&[]), right.get(number).copied().unwrap_or(&[]));
        if one.len() != other.len() {
            return Some(Difference::Length(sides, number, [one.len(), other.len()]));
        }
        if let Some(at) = one.iter().zip(other).position(|(one, other)| one != other) {
            return Some(Difference::Byte(sides, number, at, [one[at], other[at]]));
        }
    }
    None
}

fn copied(record: &[u32]) -> Outcome<Vec<u32>> {
    let mut copy = exactly(record.len())?;
    copy.extend_from_slice(record);
    Ok(copy)
}

fn records(words: &[u32], width: usize) -> Outcome<Vec<&[u32]>> {
    let mut records = exactly(words.len().div_ceil(width))?;
    records.extend(words.chunks(width));
    Ok(records)
}

type Fault<'a> = (u32, &'a [u32; WORDS]);

fn faults(faults: &[(u32, Task)]) -> Outcome<Vec<Fault<'_>>> {
    let mut all = exactly(faults.len())?;
    all.extend(faults.iter().map(|(code, task)| (*code, task.words())));
    Ok(all)
}

/// Sorts both; the least element that one side has more often, and how often each has it.
fn unequal<T: Ord + Copy>(left: &mut [T], right: &mut [T]) -> Option<(T, [u64; 2])> {
    left.sort_unstable();
    right.sort_unstable();
    let at = left.iter().zip(right.iter()).position(|(one, other)| one != other);
    let at = match at {
        None if left.len() == right.len() => return None,
        None => left.len().min(right.len()),
        Some(at) => at,
    };
    let least = match (left.get(at), right.get(at)) {
        (Some(one), Some(other)) => *one.min(other),
        (Some(one), None) | (None, Some(one)) => *one,
        (None, None) => return None,
    };
    let count = |side: &[T]| {
        let from = side.partition_point(|element| *element < least);
        let to = side.partition_point(|element| *element <= least);
        (to - from) as u64
    };
    Some((least, [count(left), count(right)]))
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Emitted([left, right], record, [of_left, of_right]) => {
                write!(out, "the record {record:?} was emitted {of_left} times by {left} and {of_right} by {right}")
            }
            Difference::Fault([left, right], code, task, [of_left, of_right]) => {
                let (param, number) = (task[Word::Param], task[Word::TaskId]);
                write!(
                    out,
                    "the fault {code:#x} of the item with param {param} and task_id {number} was seen {of_left} times by \
                     {left} and {of_right} by {right}"
                )
            }
            Difference::Length([left, right], number, [of_left, of_right]) => {
                write!(out, "buffer {number} has {of_left} bytes of {left} and {of_right} of {right}")
            }
            Difference::Byte([left, right], number, at, [of_left, of_right]) => {
                write!(out, "byte {at} of buffer {number} is {of_left:#04x} of {left} and {of_right:#04x} of {right}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(left: &Results<'_>, right: &Results<'_>) -> String {
        first_difference(left, right).unwrap().map_or_else(String::new, |difference| difference.to_string())
    }

    fn emitted<'a>(name: &'a str, words: &'a [u32]) -> Results<'a> {
        Results { name, emit_words: 2, emitted: words, faults: &[], buffers: &[] }
    }

    #[test]
    fn order_is_no_difference_and_each_other_thing_is_told() {
        let (cpu, same) = (emitted("cpu", &[1, 2, 3, 4, 1, 2]), emitted("device", &[3, 4, 1, 2, 1, 2]));
        assert_eq!(told(&cpu, &same), "");
        let fewer = emitted("device", &[3, 4, 1, 2]);
        assert_eq!(told(&cpu, &fewer), "the record [1, 2] was emitted 2 times by cpu and 1 by device");
        assert_eq!(told(&fewer, &cpu), "the record [1, 2] was emitted 1 times by device and 2 by cpu");
        let other = emitted("device", &[3, 4, 1, 2, 1, 3]);
        assert_eq!(told(&cpu, &other), "the record [1, 2] was emitted 2 times by cpu and 1 by device");
        let turned = emitted("device", &[4, 3, 1, 2, 1, 2]);
        assert_eq!(told(&cpu, &turned), "the record [3, 4] was emitted 1 times by cpu and 0 by device");
    }

    #[test]
    fn faults_are_compared_by_code_and_task() {
        let mut task = Task::ready();
        task[Word::Param] = 7;
        let (one, two) = ([(5, task), (6, task)], [(6, task), (5, task)]);
        let side = |name, faults| Results { name, emit_words: 1, emitted: &[], faults, buffers: &[] };
        assert_eq!(told(&side("a", &one), &side("b", &two)), "");
        let three = [(6, task), (9, task)];
        let text = told(&side("a", &one), &side("b", &three));
        assert_eq!(text, "the fault 0x5 of the item with param 7 and task_id 0 was seen 1 times by a and 0 by b");
        let mut changed = task;
        changed[Word::TaskId] = 1;
        assert!(told(&side("a", &one), &side("b", &[(6, changed), (5, task)])).contains("the fault 0x6"));
    }

    #[test]
    fn buffers_are_compared_byte_by_byte() {
        fn side<'a>(name: &'a str, buffers: &'a [&'a [u8]]) -> Results<'a> {
            Results { name, emit_words: 1, emitted: &[], faults: &[], buffers }
        }
        assert_eq!(told(&side("a", &[b"one", b"two"]), &side("b", &[b"one", b"two"])), "");
        let byte = told(&side("a", &[b"one", b"two"]), &side("b", &[b"one", b"twx"]));
        assert_eq!(byte, "byte 2 of buffer 1 is 0x6f of a and 0x78 of b");
        let length = told(&side("a", &[b"one"]), &side("b", &[b"one", b"two"]));
        assert_eq!(length, "buffer 1 has 0 bytes of a and 3 of b");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Equal exactly when the sorted lists are; the count that is told is right.
        #[test]
        fn a_difference_is_found_exactly_where_there_is_one(
            left in prop::collection::vec(0u32..4, 0..12),
            right in prop::collection::vec(0u32..4, 0..12),
        ) {
            let side = |name, emitted| Results { name, emit_words: 1, emitted, faults: &[], buffers: &[] };
            let sorted = |words: &[u32]| { let mut words = words.to_vec(); words.sort_unstable(); words };
            let found = first_difference(&side("a", &left), &side("b", &right)).unwrap();
            prop_assert_eq!(found.is_none(), sorted(&left) == sorted(&right));
            if let Some(Difference::Emitted(_, record, counts)) = found {
                let count = |words: &[u32]| words.iter().filter(|word| **word == record[0]).count() as u64;
                prop_assert_eq!(counts, [count(&left), count(&right)]);
                prop_assert!(counts[0] != counts[1]);
            }
        }
    }
}
