// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strands as threads of a model: the seam's own small engine under loom, for models of what lies above it.
//!
//! A strand that suspends runs its commit itself, as its worker does after the switch, and then sleeps until it was
//! made ready. Nothing of it may be touched between the two but by whom the protocols allow to, as with a stack.

use loom::sync::{Condvar, Mutex};

use super::parallel::worker::{self, Worker};
use super::{After, Commit};
use crate::strand::body::Body;
use crate::strand::head::{self, Head, Phase};

/// Where one strand sleeps.
#[derive(Default)]
struct Turn {
    ready: Mutex<bool>,
    changed: Condvar,
}

loom::lazy_static! {
    static ref TURNS: [Turn; 8] = core::array::from_fn(|_| Turn::default());
}

fn turn(strand: &Head) -> &'static Turn {
    &TURNS[head::index_of(strand) as usize]
}

/// Runs the commit and, unless the strand need not wait, sleeps until somebody makes it ready.
///
/// # Safety
/// As of the parallel engine's.
pub unsafe fn suspend(body: &Body, commit: *mut Commit) {
    let strand = body.head();
    // SAFETY: the record is the calling strand's own.
    match unsafe { ((*commit).run)(worker::of(body), strand, commit) } {
        After::Resume => {
            if strand.phase() != Phase::Running {
                strand.set_phase(Phase::Running);
            }
        }
        after @ (After::Gone | After::HandOver(_)) => {
            if let After::HandOver(next) = after {
                ready(head::at(next));
            }
            let turn = turn(strand);
            let mut ready = turn.ready.lock().unwrap();
            while !*ready {
                ready = turn.changed.wait(ready).unwrap();
            }
            *ready = false;
            strand.set_phase(Phase::Running);
        }
    }
}

/// Makes a strand ready. That it is made ready once is checked by its phase.
pub fn ready(strand: &'static Head) {
    strand.set_phase(Phase::Ready);
    let turn = turn(strand);
    *turn.ready.lock().unwrap() = true;
    turn.changed.notify_all();
}

/// As [`ready`]: a model's strands need no worker.
pub fn ready_on(_: &Worker, strand: &'static Head) {
    ready(strand);
}

/// As [`ready`]: a model has no order of ready strands.
pub fn ready_last(strand: &'static Head) {
    ready(strand);
}
