// SPDX-License-Identifier: MIT OR Apache-2.0
//! Slots with words that nobody should have written: each change is refused by name, and the slot stays as it was.

use crate::work::codes;
use crate::work::fields::{Fields, Onward};
use crate::work::state::{State, flag};
use crate::work::task::{Refusal, Task};
use crate::work::words::Word;

type Change = fn(&mut Task) -> Result<(), Refusal>;

const CHANGES: [(State, Change); 7] = [
    (State::Running, |task| task.start()),
    (State::Done, |task| task.finish()),
    (State::Faulted, |task| task.fault(9)),
    (State::Yielded, |task| task.yield_now(1, 2)),
    (State::Requeued, |task| task.requeue(1, 2)),
    (State::Paused, |task| task.pause(1, 2, 3)),
    (State::Ready, |task| task.resume(u32::MAX)),
];

fn task(state: u32) -> Task {
    let mut words: [u32; 16] = core::array::from_fn(|place| 100 + place as u32);
    words[0] = state;
    Task::from_words(words)
}

#[test]
fn terminal_states_stay_whatever_is_asked() {
    for state in [State::Empty, State::Done, State::Faulted] {
        for (_, change) in CHANGES {
            let mut slot = task(state.word());
            assert_eq!(change(&mut slot), Err(Refusal::Terminal(state)));
            assert_eq!(slot, task(state.word()), "nothing was written");
        }
    }
}

#[test]
fn unknown_state_words_are_refused_by_every_change() {
    for word in [8, 9, 0xFF, 0x8000_0000, u32::MAX] {
        for (_, change) in CHANGES {
            let mut slot = task(word);
            assert_eq!(change(&mut slot), Err(Refusal::UnknownState(word)));
            assert_eq!(slot, task(word));
        }
        assert_eq!(task(word).admissible(5, 30), Err(Refusal::UnknownState(word)));
    }
}

#[test]
fn every_other_change_is_allowed_exactly_as_the_table_says() {
    for from in State::ALL.into_iter().filter(|from| !from.is_terminal()) {
        for (to, change) in CHANGES {
            let mut slot = task(from.word());
            let done = change(&mut slot);
            assert_eq!(done.is_ok(), from.may_become(to), "{} to {}", from.name(), to.name());
            match done {
                Ok(()) => assert_eq!(slot.state(), Ok(to)),
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Order(from, to));
                    assert_eq!(slot, task(from.word()));
                }
            }
        }
    }
}

#[test]
fn counters_at_their_end_refuse_and_do_not_wrap() {
    let mut slot = task(State::Running.word());
    slot[Word::RequeueCount] = u32::MAX;
    slot[Word::YieldCount] = u32::MAX;
    let before = slot;
    assert_eq!(slot.requeue(1, 2), Err(Refusal::Counter(Word::RequeueCount)));
    assert_eq!(slot.yield_now(1, 2), Err(Refusal::Counter(Word::YieldCount)));
    assert_eq!(slot, before);
    slot.pause(1, 2, 3).unwrap();
}

#[test]
fn counters_of_records_are_checked_too() {
    let mask = Word::ContinuationPc.bit() | Word::ContinuationData.bit() | Word::RequeueCount.bit();
    let fields = Fields::new(mask | Word::State.bit()).unwrap();
    let mut record = [State::Ready.word(), 1, 2, u32::MAX - 1];
    assert_eq!(fields.go_on(&mut record, Onward::Requeue, 3, 4), Ok(()));
    assert_eq!(record, [State::Requeued.word(), 3, 4, u32::MAX]);
    assert_eq!(fields.go_on(&mut record, Onward::Requeue, 5, 6), Err(codes::COUNTER));
    assert_eq!(record, [State::Requeued.word(), 3, 4, u32::MAX], "the last continuation is kept");
}

#[test]
fn a_pause_ends_when_its_epoch_has_come() {
    let mut slot = task(State::Running.word());
    slot.pause(1, 2, 10).unwrap();
    assert_eq!(slot.resume(9), Err(Refusal::Epoch(9, 10)));
    slot.resume(10).unwrap();
    assert_eq!(slot.resume(10), Err(Refusal::Order(State::Ready, State::Ready)), "only a pause is resumed");
}

#[test]
fn the_code_of_a_fault_is_kept() {
    let mut slot = task(State::Running.word());
    slot.fault(codes::FAN_OUT).unwrap();
    assert_eq!(slot[Word::ContinuationData], codes::FAN_OUT);
    assert_eq!(slot.fault(codes::EMITS), Err(Refusal::Terminal(State::Faulted)));
    assert_eq!(slot[Word::ContinuationData], codes::FAN_OUT, "the first one");
}

#[test]
fn what_a_program_hands_over_is_checked_word_by_word() {
    let good = || {
        let mut task = Task::ready();
        task[Word::TenantId] = 2;
        task
    };
    let with = |word: Word, value: u32| {
        let mut task = good();
        task[word] = value;
        task.admissible(5, 3)
    };
    assert_eq!(good().admissible(5, 3), Ok(State::Ready));
    for state in [State::Yielded, State::Requeued, State::Paused] {
        assert_eq!(with(Word::State, state.word()), Ok(state));
    }
    assert_eq!(with(Word::State, State::Running.word()), Err(Refusal::Order(State::Running, State::Ready)));
    assert_eq!(with(Word::State, 0), Err(Refusal::Terminal(State::Empty)));
    assert_eq!(with(Word::Priority, 5), Err(Refusal::Band(5, 5)));
    assert_eq!(with(Word::TenantId, 3), Err(Refusal::Tenant(3, 3)));
    assert_eq!(with(Word::Flags, 16 | flag::ALL), Err(Refusal::Flags(31)));
    for refusal in [
        Refusal::UnknownState(8),
        Refusal::Terminal(State::Done),
        Refusal::Order(State::Ready, State::Done),
        Refusal::Counter(Word::YieldCount),
        Refusal::Epoch(1, 2),
        Refusal::Band(5, 5),
        Refusal::Tenant(3, 3),
        Refusal::Flags(16),
        Refusal::NotCarried(Word::TaskId),
    ] {
        assert!(refusal.to_string().len() > 15, "{refusal}");
    }
}

#[test]
fn a_record_that_is_too_short_is_left_alone() {
    let mut empty: [u32; 0] = [];
    assert_eq!(Fields::WHOLE.go_on(&mut empty, Onward::Requeue, 1, 2), Ok(()));
    Fields::WHOLE.pack(&task(1), &mut empty);
}
