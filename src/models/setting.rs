// SPDX-License-Identifier: MIT OR Apache-2.0
//! An engine and strands for a model: the library's own, made anew for every execution.

use loom::thread::{self, JoinHandle};
use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

use crate::engine::Upcalls;
use crate::engine::outside::{self, State};
use crate::engine::parallel::Parallel;
use crate::memory::stack_pool::StackPool;
use crate::memory::table::{History, Table};
use crate::strand::body::Body;
use crate::strand::head::{self, FLAG_STARTED, Head, Phase};
use crate::strand::identity;
use crate::strand::waiter::Waiter;
use crate::wait::block;

static HISTORY: History = History::new();

/// An engine that is there until the end of an execution.
pub struct Setting {
    /// The engine.
    pub engine: &'static Parallel,
    bodies: RefCell<Vec<*mut Body>>,
}

/// A strand of a model: a thread that has suspended nowhere yet.
#[derive(Clone, Copy)]
pub struct Strand(pub &'static Body);

// SAFETY: a strand's body goes to the thread that is the strand, and is shared as the protocols say.
unsafe impl Send for Strand {}

impl Strand {
    /// The calling thread is this strand.
    pub fn begin(self) -> &'static Body {
        identity::set_by_thread(self.0);
        self.0
    }

    /// A thread of its own for the strand.
    pub fn run<T: 'static>(self, code: impl FnOnce(&'static Body) -> T + 'static) -> JoinHandle<T> {
        thread::spawn(move || {
            let strand = self;
            code(strand.begin())
        })
    }
}

impl Setting {
    /// An engine whose workers are all idle and have no thread.
    pub fn new(workers: u32) -> Setting {
        let upcalls = Upcalls {
            strand_main: |_| unreachable!("no strand of a model has a stack"),
            strand_stillborn: |_, _, _| unreachable!("no strand of a model is started by a worker"),
            timer_expired: block::timer_expired,
            timers_fired: || false,
            tick_matters: || false,
            quiet: |_| {},
            inject: |_, _, _| {},
            world_lost: || {},
        };
        let strands = Table::new(1024, &HISTORY).unwrap();
        let stacks = StackPool::new(false).unwrap();
        identity::publish(Some(stacks.layout()), true);
        let engine =
            Parallel::new(workers, None, crate::engine::parallel::Kind::Parallel, strands, stacks, upcalls).unwrap();
        head::publish_base(Some(&engine.strands));
        outside::set_state(State::Up);
        Setting { engine: Parallel::publish(engine), bodies: RefCell::new(Vec::new()) }
    }

    fn take_head(&self) -> &'static Head {
        let mut one = [0];
        self.engine.strands.take(&mut one).unwrap();
        head::at(one[0])
    }

    /// A strand that has not run, in no queue.
    pub fn fresh_strand(&self, phase: Phase) -> &'static Head {
        let head = self.take_head();
        head.set_phase(phase);
        head
    }

    /// A ready strand that has run before and is in no queue.
    pub fn ready_strand(&self) -> &'static Head {
        let head = self.fresh_strand(Phase::Ready);
        head.set(FLAG_STARTED);
        head
    }

    /// A strand that waits.
    pub fn waiting_strand(&self) -> &'static Head {
        let head = self.ready_strand();
        head.set_phase(Phase::Running);
        head.set_phase(Phase::Waiting);
        head
    }

    /// A strand that runs, on this worker, as a thread of the model. Strands of different threads need different
    /// workers: a worker does one thing at a time.
    pub fn strand(&self, worker: u32) -> Strand {
        let head = self.ready_strand();
        let body = Box::into_raw(Box::<Body>::new_zeroed());
        self.bodies.borrow_mut().push(body.cast());
        // SAFETY: all-zero memory is a body but for the waiter, whose atomics are loom's; it lives until the end of the
        // execution.
        let body: &'static Body = unsafe {
            (&raw mut (*body.cast::<Body>()).waiter).write(Waiter::new());
            &*body.cast()
        };
        body.prepare(head);
        head.entry.store(body as *const Body as usize, Ordering::Relaxed);
        body.worker.store(&raw const self.engine.workers()[worker as usize] as usize, Ordering::Relaxed);
        head.set_phase(Phase::Running);
        Strand(body)
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        // A failed execution leaves everything as it is: nothing of loom may be touched any more.
        if std::thread::panicking() {
            return;
        }
        for body in self.bodies.take() {
            // SAFETY: made by `strand`; the threads of the execution have ended.
            drop(unsafe { Box::from_raw(body.cast::<MaybeUninit<Body>>()) });
        }
        outside::set_state(State::Down);
        // SAFETY: as above.
        drop(unsafe { Parallel::take() });
        head::publish_base(None);
        identity::publish(None, false);
    }
}
