// SPDX-License-Identifier: MIT OR Apache-2.0
//! An engine and strands for a model: the library's own, made anew for every execution.

use crate::engine::Upcalls;
use crate::engine::parallel::Parallel;
use crate::memory::stack_pool::StackPool;
use crate::memory::table::{History, Table};
use crate::strand::head::{self, FLAG_STARTED, Head, Phase};
use crate::wait::block;

static HISTORY: History = History::new();

/// An engine that is there until the end of an execution.
pub struct Setting {
    /// The engine.
    pub engine: &'static Parallel,
}

impl Setting {
    /// An engine whose workers are all idle and have no thread.
    pub fn new(workers: u32) -> Setting {
        let upcalls = Upcalls {
            strand_main: |_| unreachable!("no strand of a model has a stack"),
            strand_stillborn: |_, _, _| unreachable!("no strand of a model is started by a worker"),
            timer_expired: block::timer_expired,
            quiet: |_| {},
        };
        let strands = Table::new(1024, &HISTORY).unwrap();
        let stacks = StackPool::new(false).unwrap();
        let engine = Parallel::new(workers, None, strands, stacks, upcalls).unwrap();
        head::publish_base(Some(&engine.strands));
        Setting { engine: Parallel::publish(engine) }
    }

    /// A ready strand that has run before and is in no queue.
    pub fn ready_strand(&self) -> &'static Head {
        let mut one = [0];
        self.engine.strands.take(&mut one).unwrap();
        let head = head::at(one[0]);
        head.set(FLAG_STARTED);
        head.set_phase(Phase::Ready);
        head
    }

    /// A strand that waits.
    pub fn waiting_strand(&self) -> &'static Head {
        let head = self.ready_strand();
        head.set_phase(Phase::Running);
        head.set_phase(Phase::Waiting);
        head
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        // A failed execution leaves everything as it is: nothing of loom may be touched any more.
        if std::thread::panicking() {
            return;
        }
        // SAFETY: the threads of the execution have ended.
        drop(unsafe { Parallel::take() });
        head::publish_base(None);
    }
}
