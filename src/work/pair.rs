// SPDX-License-Identifier: MIT OR Apache-2.0
//! A state/index pair: what automata and graphs put into worklists. As a task the state is `param` and the index
//! `continuation_pc`; as a record of [`FIELDS`] it is eight bytes.

use super::fields::Fields;
use super::state::flag;
use super::task::Task;
use super::words::Word;

/// The words of a pair's record.
pub const FIELDS: Fields = match Fields::new(Word::Param.bit() | Word::ContinuationPc.bit()) {
    Some(fields) => fields,
    None => unreachable!(),
};

/// A state and an index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pair {
    /// The state of an automaton, or a vertex.
    pub state: u32,
    /// The index into its input, or an edge cursor.
    pub index: u32,
}

impl Pair {
    /// The ready task of a pair; what it belongs to (op, tenant, handles, number) is taken from `base`.
    pub fn task(self, base: &Task) -> Task {
        let mut task = *base;
        task[Word::State] = super::state::State::Ready.word();
        task[Word::Param] = self.state;
        task[Word::ContinuationPc] = self.index;
        task[Word::ContinuationData] = self.state;
        task[Word::Flags] |= flag::REQUEUE_REQUESTED;
        task
    }

    /// The pair of a task.
    pub fn of(task: &Task) -> Pair {
        Pair { state: task[Word::Param], index: task[Word::ContinuationPc] }
    }

    /// The record of a pair.
    pub const fn record(self) -> [u32; 2] {
        [self.state, self.index]
    }

    /// The pair of a record.
    pub const fn of_record(record: [u32; 2]) -> Pair {
        Pair { state: record[0], index: record[1] }
    }
}
