// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes that programs rely on.

use crate::work::fields::Fields;
use crate::work::pair::{self, Pair};
use crate::work::state::priority;
use crate::work::task::Task;
use crate::work::words::Word;

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn base() -> Task {
    let mut task = Task::ready();
    task[Word::OpHandle] = 99;
    task[Word::TenantId] = 3;
    task[Word::Priority] = priority::HIGH;
    task[Word::InputHandle] = 12;
    task[Word::OutputHandle] = 13;
    task[Word::TaskId] = 5;
    task
}

#[test]
fn the_task_of_a_pair_has_these_bytes() {
    let task = Pair { state: 17, index: 4096 }.task(&base());
    #[rustfmt::skip]
    let golden = [
        1, 0, 0, 0, 99, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0,
        12, 0, 0, 0, 13, 0, 0, 0, 17, 0, 0, 0, 0, 16, 0, 0,
        17, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0,
    ];
    assert_eq!(bytes(task.words()), golden);
}

#[test]
fn the_record_of_a_pair_has_eight_bytes_state_first() {
    let pair = Pair { state: 17, index: 4096 };
    assert_eq!(bytes(&pair.record()), [17, 0, 0, 0, 0, 16, 0, 0]);
    let mut record = [0; 2];
    pair::FIELDS.pack(&pair.task(&base()), &mut record);
    assert_eq!(record, pair.record());
}

#[test]
fn a_continuation_rewrites_these_words_and_no_other() {
    let mut task = Pair { state: 17, index: 4096 }.task(&base());
    task.start().unwrap();
    task.requeue(7, 8).unwrap();
    assert_eq!(task.words(), &[6, 99, 3, 1, 12, 13, 17, 7, 8, 0, 5, 0, 0, 1, 0, 4]);
    task.start().unwrap();
    task.yield_now(9, 10).unwrap();
    assert_eq!(task.words(), &[5, 99, 3, 1, 12, 13, 17, 9, 10, 0, 5, 0, 0, 1, 1, 2]);
    task.start().unwrap();
    task.pause(11, 12, 30).unwrap();
    assert_eq!(task.words(), &[4, 99, 3, 1, 12, 13, 17, 11, 12, 30, 5, 0, 0, 1, 1, 1]);
    task.resume(30).unwrap();
    assert_eq!(task.words(), &[1, 99, 3, 1, 12, 13, 17, 11, 12, 30, 5, 0, 0, 1, 1, 8]);
    task.start().unwrap();
    task.fault(0xBAD).unwrap();
    assert_eq!(task.words(), &[7, 99, 3, 1, 12, 13, 17, 11, 0xBAD, 30, 5, 0, 0, 1, 1, 0]);
}

#[test]
fn the_whole_task_is_a_record_too() {
    let words = core::array::from_fn(|place| place as u32 + 1);
    let mut record = [0; 16];
    Fields::WHOLE.pack(&Task::from_words(words), &mut record);
    assert_eq!(record, words);
}
