// SPDX-License-Identifier: MIT OR Apache-2.0
//! The strand of a generator from its first instruction, and what is left when it has ended.

use core::ptr;
use core::sync::atomic::Ordering;

use super::exchange::Answer;
use super::{Exchange, GENERATORS, Generator, Stage, settle};
use crate::base::status::Status;
use crate::memory::objects::Locked;
use crate::strand::body::Body;
use crate::wait::block::Woken;
use crate::wait::cancel;
use crate::wait::end::{Ending, Link};

/// What came of the entry function of a generator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Return {
    /// Not a failure, or somebody waits who will hear of it.
    Known,
    /// A failure with this code that nobody hears of.
    Unheard(Status),
}

/// Runs the entry function of the generator whose strand this is.
///
/// # Safety
/// `body` is the running strand's, made for this generator.
pub unsafe fn body_of_generator(body: &Body, handle: u64) -> Return {
    body.generator.set(handle);
    let Ok(generator) = GENERATORS.lock(handle) else { return Return::Known };
    let (plan, first) = (generator.plan.get(), generator.first.get());
    generator.begun.set(true);
    drop(generator);
    let Some((plan, entry)) = plan.and_then(|plan| plan.entry.map(|entry| (plan, entry))) else { return Return::Known };
    let mut last = 0;
    // SAFETY: the entry and its argument are the program's own.
    let status = unsafe { entry(plan.arg, first, &mut last) };
    body.generator.set(0);
    let Ok(generator) = GENERATORS.lock(handle) else { return Return::Known };
    let cancelled = generator.cancelled.get() || cancel::is_asked_to_end(body);
    returned(generator, Status(status), last, cancelled)
}

/// The strand ends without its entry function having come back: it has returned `last`, or given way to a cancellation. False when it
/// is not that of a generator.
pub fn exited(body: &Body, last: u64) -> bool {
    let handle = body.generator.replace(0);
    let Ok(generator) = GENERATORS.lock(handle) else { return false };
    let cancelled = generator.cancelled.get() || cancel::is_asked_to_end(body);
    let status = if cancelled { Status::CANCELLED } else { Status::OK };
    // Neither is a failure.
    let _: Return = returned(generator, status, last, cancelled);
    true
}

/// Notes how the entry function has come back. The value is kept while somebody may want it.
fn returned(generator: Locked<Generator>, status: Status, last: u64, cancelled: bool) -> Return {
    let wanted = generator.exchange() == Exchange::Open;
    generator.returned.set(true);
    let outcome = match status {
        Status::OK if wanted => Answer { status: Status::CLOSED, value: last, code: Status::OK },
        Status::OK => Answer::of(Status::CANCELLED),
        Status::CANCELLED if cancelled => Answer::of(Status::CANCELLED),
        code => Answer { status: Status::FAILED, value: 0, code: if code.0 > 0 { Status::INVALID } else { code } },
    };
    generator.outcome.set(outcome);
    let plan = generator.plan.get();
    if outcome.status == Status::CLOSED {
        generator.held.set(Some(last));
    }
    settle(generator).end();
    if status == Status::OK
        && !wanted
        && let Some(plan) = plan
        && let Some(drop) = plan.value_drop
    {
        // SAFETY: the program's own function, for a value that nobody else has.
        unsafe { drop(last, plan.data) };
    }
    if outcome.status == Status::FAILED && !wanted { Return::Unheard(outcome.code) } else { Return::Known }
}

/// Whether somebody will hear how the generator ends whose strand this is.
pub fn is_awaited(handle: u64) -> bool {
    handle != 0 && GENERATORS.lock(handle).is_ok_and(|generator| generator.exchange() == Exchange::Open)
}

/// The strand has ended: the answer goes to whoever waits, or is kept.
///
/// # Safety
/// The link is that of a generator.
pub unsafe fn strand_ended(link: *const Link, _: u64, ending: Ending, woken: &mut Woken) {
    // SAFETY: the link is the generator's first field; it lives until it was told.
    let handle = unsafe { (*link.cast::<Generator>()).handle.get() };
    let Ok(generator) = GENERATORS.lock(handle) else { return };
    if !generator.returned.get() {
        note_ending(&generator, ending);
    }
    let started = generator.begun.get() || generator.cancelled.get();
    generator.set_stage(if started { Stage::Ended } else { Stage::Dormant });
    generator.strand.store(0, Ordering::Relaxed);
    let answer = generator.outcome.get();
    // SAFETY: a known resumer is in place; it leaves under the lock.
    let delivered = unsafe { generator.resumer.get().as_ref() }
        .is_some_and(|resumer| woken.win_with(resumer.waiter(), Status::OK, || resumer.set_answer(answer)));
    match generator.exchange() {
        _ if delivered => {
            generator.resumer.set(ptr::null());
            generator.held.set(None);
            generator.set_exchange(Exchange::None);
        }
        // One who has given up, and perhaps not withdrawn yet, may still ask.
        Exchange::Open => {
            generator.pending.set(answer);
            generator.set_exchange(Exchange::Answered);
        }
        _ => {}
    }
    settle(generator).end();
}

/// How a strand ended whose entry function has not come back.
fn note_ending(generator: &Locked<Generator>, ending: Ending) {
    let code = match ending {
        Ending::Failed(code) => code,
        Ending::Returned | Ending::NeverRan => Status::CANCELLED,
    };
    generator.outcome.set(match (generator.begun.get(), generator.cancelled.get()) {
        (true, _) => Answer { status: Status::FAILED, value: 0, code },
        (false, true) => Answer::of(Status::CANCELLED),
        // It could not get a stack: it is dormant as before, and the value is still its giver's.
        (false, false) => Answer::of(code),
    });
}
