// SPDX-License-Identifier: MIT OR Apache-2.0
//! The coroutine that carries one strand from its first turn to its last.
//!
//! ```text
//! CARRIES ──gone──► PARKED ──woken──► WOKEN ──► CARRIES
//!    └────woken before it could park────▲
//! ```
//! The record lies on the carrier's own stack. Only who has won the strand's claim may touch it. From WOKEN on the carrier
//! may go on and the strand may end, while its waker has yet to unpark it: wakers are counted, and the carrier ends when
//! none is left. (A reference to the coroutine instead could be the last one, and what may does when that is dropped may
//! switch, in the middle of a strand.) An unpark that comes late ends the next park at once; that does no harm, because
//! a carrier that returns from a park looks at its record.
//!
//! A carrier never ends in the turn after a park. may resumes a coroutine that was unparked while it was on its way into
//! its park from inside of that park, and a coroutine that ends there waits for ever for the park to be over
//! (`Park::drop` of may 0.3.51). A yield takes it out of there.

use core::sync::atomic::{AtomicU32, Ordering};

use may::coroutine::{self, Coroutine};

use super::desk::Desk;
use super::{May, count_out, pump};
use crate::engine::parallel::Parallel;
use crate::engine::parallel::worker::Worker;
use crate::engine::{After, Commit};
use crate::strand::body::Body;
use crate::strand::context::YIELD;
use crate::strand::head::{self, FLAG_STARTED, Head, Phase};

const CARRIES: u32 = 0;
const PARKED: u32 = 1;
const WOKEN: u32 = 2;

/// See the module documentation.
pub struct Carrier {
    state: AtomicU32,
    /// Wakers that are not done with the record.
    wakers: AtomicU32,
    coroutine: Coroutine,
}

/// What a turn of a strand came to.
pub enum Turn {
    /// It gave its turn away.
    Yielded,
    /// It was published to those who may wake it.
    Waits,
    /// It has ended.
    Ended,
}

/// The body of the coroutine. `follower` goes on when the strand has begun.
pub fn carry(may: &'static May, engine: &'static Parallel, strand: &'static Head, mut follower: Option<&'static Head>) {
    let carrier =
        Carrier { state: AtomicU32::new(CARRIES), wakers: AtomicU32::new(0), coroutine: coroutine::current() };
    let mut body = None;
    loop {
        match turn(may, engine, strand, &carrier, &mut body, &mut follower) {
            Turn::Yielded => coroutine::yield_now(),
            Turn::Waits => carrier.wait(),
            Turn::Ended => break,
        }
    }
    // From here on nothing of the engine is touched.
    count_out();
    if body.is_some() {
        carrier.end();
    }
}

impl Carrier {
    /// Sleeps until the strand is ready again. It was published: somebody may have made it ready already.
    fn wait(&self) {
        // AcqRel pairs with the swap in `wake`: whoever finds PARKED finds the coroutine that is to be unparked.
        if self.state.compare_exchange(CARRIES, PARKED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // As if it had slept: behind those that are ready. It was counted in again.
            count_out();
            coroutine::yield_now();
        } else {
            count_out();
            loop {
                coroutine::park();
                if self.state.load(Ordering::Acquire) == WOKEN {
                    break;
                }
            }
        }
        self.state.store(CARRIES, Ordering::Relaxed);
    }

    /// Lets go of the record. See the module documentation.
    fn end(&self) {
        loop {
            coroutine::yield_now();
            // Acquire pairs with the Release of the last waker.
            if self.wakers.load(Ordering::Acquire) == 0 {
                return;
            }
        }
    }
}

/// Makes the carrier of a started strand go on. The caller has won the strand's claim, and has counted it in.
/// Never inlined: it reads may's thread-local, and a strand may be on another thread the next time.
#[inline(never)]
pub fn wake(strand: &'static Head) {
    let carrier = strand.body().carrier.load(Ordering::Acquire) as *const Carrier;
    // SAFETY: stored before the strand's first turn; it stays until WOKEN is there, which only the winner of the claim
    // writes, and after that until its wakers are counted out.
    let carrier = unsafe { &*carrier };
    carrier.wakers.fetch_add(1, Ordering::Relaxed);
    if carrier.state.swap(WOKEN, Ordering::AcqRel) == PARKED {
        carrier.coroutine.unpark();
    }
    // Release: the carrier that finds none left has seen the last of us.
    carrier.wakers.fetch_sub(1, Ordering::Release);
}

/// One turn of the strand, on whatever thread may has chosen.
fn turn(
    may: &'static May,
    engine: &'static Parallel,
    strand: &'static Head,
    carrier: &Carrier,
    started: &mut Option<&'static Body>,
    follower: &mut Option<&'static Head>,
) -> Turn {
    let (desk, worker) = pump::sit(may, engine);
    desk.carries(strand);
    if let Some(follower) = follower.take() {
        wake(follower);
    }
    let turn = on_worker(worker, desk, strand, carrier, started);
    desk.stand(may, worker);
    turn
}

fn on_worker(
    worker: &'static Worker,
    desk: &Desk,
    strand: &'static Head,
    carrier: &Carrier,
    started: &mut Option<&'static Body>,
) -> Turn {
    strand.set_phase(Phase::Running);
    let body = match started {
        Some(body) => body,
        None => {
            let Some(body) = worker.start(strand) else { return Turn::Ended };
            // Release pairs with the Acquire in `wake`.
            body.carrier.store(carrier as *const Carrier as usize, Ordering::Release);
            *started = Some(body);
            body
        }
    };
    strand.home.store(worker.index as u16, Ordering::Relaxed);
    loop {
        let action = worker.switch_in(body);
        if action == YIELD {
            worker.counts.yields.add(1);
            strand.set_phase(Phase::Ready);
            return Turn::Yielded;
        }
        let commit = action as *mut Commit;
        // SAFETY: the record lies on the stack of the strand, which is switched out and held by us.
        match unsafe { ((*commit).run)(worker, strand, commit) } {
            After::Gone => return desk.outcome(),
            After::HandOver(next) => {
                // may decides who goes next here: the two are not on one coroutine.
                let next = head::at(next);
                if next.has(FLAG_STARTED) {
                    worker.ready_next(next)
                } else {
                    worker.spawned(next)
                }
                return desk.outcome();
            }
            After::Resume => {
                if strand.phase() != Phase::Running {
                    strand.set_phase(Phase::Running);
                }
            }
        }
    }
}
