// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tasks become records and tasks again, and what happens to a record is what happens to its task.

use proptest::prelude::*;

use crate::work::codes;
use crate::work::fields::{Fields, Onward, Place};
use crate::work::pair::{FIELDS, Pair};
use crate::work::state::State;
use crate::work::task::Task;
use crate::work::words::Word;

/// Carried words survive; the place is the queue's; every other word is 0.
fn survives(fields: &Fields, task: &Task, back: &Task, place: Place) -> bool {
    Word::ALL.into_iter().all(|word| {
        let expected = match word {
            Word::State => place.state.word(),
            Word::TenantId => place.tenant,
            Word::Priority => place.band,
            Word::Flags if !fields.has(word) => crate::work::state::flag::of(place.state),
            _ if fields.has(word) => task[word],
            _ => 0,
        };
        back[word] == expected
    })
}

fn any_place() -> impl Strategy<Value = Place> {
    (0..8usize, 0..5u32, 0..30u32).prop_map(|(state, band, tenant)| Place { state: State::ALL[state], band, tenant })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_task_survives_its_record(words: [u32; 16], mask in 1u32..0x1_0000, place in any_place()) {
        let (fields, task) = (Fields::new(mask).unwrap(), Task::from_words(words));
        let mut record = vec![0; fields.length()];
        fields.pack(&task, &mut record);
        let back = fields.unpack(&record, place);
        prop_assert!(survives(&fields, &task, &back, place));
        // The control: a record that is off by one word is noticed.
        if fields.length() > 1 && record.windows(2).any(|two| two[0] != two[1]) {
            record.rotate_left(1);
            let turned = fields.unpack(&record, place);
            let held = fields.words().filter(|word| word.fill() == crate::work::words::Fill::Zero).count();
            prop_assert!(held < fields.length() || !survives(&fields, &task, &turned, place));
        }
    }

    #[test]
    fn offsets_are_the_places_of_the_carried_words(mask in 1u32..0x1_0000) {
        let fields = Fields::new(mask).unwrap();
        prop_assert_eq!(fields.words().count(), fields.length());
        for (place, word) in fields.words().enumerate() {
            prop_assert_eq!(fields.offset(word), Some(place));
        }
        for word in Word::ALL {
            prop_assert_eq!(fields.offset(word).is_some(), fields.has(word));
        }
    }

    #[test]
    fn a_pair_survives_task_and_record(state: u32, index: u32, words: [u32; 16]) {
        let pair = Pair { state, index };
        prop_assert_eq!(Pair::of(&pair.task(&Task::from_words(words))), pair);
        prop_assert_eq!(Pair::of_record(pair.record()), pair);
        let place = Place { state: State::Ready, band: 0, tenant: 0 };
        prop_assert_eq!(Pair::of(&FIELDS.unpack(&pair.record(), place)), pair);
    }

    /// A record that goes on and is then expanded is the task that went on, as far as the record carries it.
    #[test]
    fn records_go_on_as_tasks_do(words: [u32; 16], mask in 1u32..0x1_0000, kind in 0..3, pc: u32, data: u32, epoch: u32) {
        let fields = Fields::new(mask).unwrap();
        let mut task = Task::from_words(words);
        task[Word::State] = State::Running.word();
        let mut record = vec![0; fields.length()];
        fields.pack(&task, &mut record);
        let before = record.clone();
        let (onward, wanted) = match kind {
            0 => (Onward::Requeue, task.requeue(pc, data)),
            1 => (Onward::Yield, task.yield_now(pc, data)),
            _ => (Onward::Pause(epoch), task.pause(pc, data, epoch)),
        };
        prop_assume!(wanted.is_ok());
        let lost = (!fields.has(Word::ContinuationPc) && pc != 0) || (!fields.has(Word::ContinuationData) && data != 0);
        match fields.go_on(&mut record, onward, pc, data) {
            Err(code) => {
                prop_assert!(lost);
                prop_assert_eq!(code, codes::NOT_CARRIED);
                prop_assert_eq!(record, before);
            }
            Ok(()) => {
                prop_assert!(!lost);
                for (word, value) in fields.words().zip(&record) {
                    prop_assert_eq!(*value, task[word], "{}", word.name());
                }
            }
        }
    }

    #[test]
    fn a_word_that_would_be_lost_is_named(words: [u32; 16], mask in 1u32..0x1_0000) {
        let (fields, task) = (Fields::new(mask).unwrap(), Task::from_words(words));
        let mut record = vec![0; fields.length()];
        match fields.lost(&task) {
            Some(word) => {
                prop_assert!(task[word] != 0 && !fields.has(word));
                prop_assert!(fields.pack_whole(&task, &mut record).is_err());
            }
            None => {
                fields.pack_whole(&task, &mut record).unwrap();
                let back = fields.unpack(&record, Place { state: State::Ready, band: 0, tenant: 0 });
                for word in [Word::OpHandle, Word::Param, Word::ContinuationPc, Word::TaskId, Word::RequeueCount] {
                    prop_assert_eq!(back[word], task[word]);
                }
            }
        }
    }
}

#[test]
fn masks_without_a_word_or_with_a_seventeenth_are_none() {
    for mask in [0, 0x1_0000, 0x1_0001, u32::MAX] {
        assert!(Fields::new(mask).is_none(), "{mask:#x}");
    }
}
