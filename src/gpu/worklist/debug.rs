// SPDX-License-Identifier: MIT OR Apache-2.0
//! What kernels and shaders write down for the people who write them: four words, and the item that had something to say.
//!
//! A ring beside the worklist, with a lock of its own that nobody holds for longer than a copy. It allocates with the first
//! record; what has no room is counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::failing;
use crate::work::fields::{Fields, Place};
use crate::work::state::State;
use crate::work::task::Task;

/// Records that wait to be taken, unless the options say otherwise.
pub const RECORDS: u32 = 1 << 10;
/// Most that the options can say.
pub const RECORDS_MAX: u32 = 1 << 20;
/// Of one batch, or one submission, so many are kept at most.
pub const AT_ONCE: u32 = 1 << 12;

/// A record.
#[derive(Clone, Copy)]
pub struct Record {
    /// What was said.
    pub words: [u32; 4],
    /// Who said it: the item as it was when that visit began.
    pub task: Task,
}

#[derive(Default)]
struct Kept {
    records: VecDeque<Record>,
    lost: u64,
}

/// See the module documentation.
pub struct Debug {
    most: usize,
    state: Mutex<Kept>,
}

impl Debug {
    /// One that holds so many.
    pub fn new(most: u32) -> Debug {
        Debug { most: most as usize, state: Mutex::default() }
    }

    /// How many it holds.
    pub fn most(&self) -> u32 {
        self.most as u32
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records of items of one band and tenant each: words, band, tenant, and the item's own record. `lost`: more were made.
    pub fn add<'a>(&self, fields: &Fields, records: impl Iterator<Item = ([u32; 4], u32, u32, &'a [u32])>, lost: u64) {
        let mut state = self.lock();
        state.lost += lost;
        for (words, band, tenant, record) in records {
            let room = state.records.len() < self.most && !failing::now() && state.records.try_reserve(1).is_ok();
            if room {
                let task = fields.unpack(record, Place { state: State::Ready, band, tenant });
                state.records.push_back(Record { words, task });
            } else {
                state.lost += 1;
            }
        }
    }

    /// Takes the oldest.
    pub fn take(&self) -> Option<Record> {
        self.lock().records.pop_front()
    }

    /// How many had no room since it was made.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }
}
