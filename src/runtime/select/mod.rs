// SPDX-License-Identifier: MIT OR Apache-2.0
//! Select: one of several things, whichever is there first, and no trace of the others.
//!
//! ```text
//! raw    the cases as the caller has them       any    every kind of case as one type
//! quick  the short way of a strand that receives and sends on a few channels
//! ```

/// An enum of cases is a case: whatever is asked of it is asked of the one that it is.
macro_rules! forward_case {
    ($name:ident: $($kind:ident),+) => {
        impl crate::wait::several::Case for $name {
            fn shown(&self) -> (WaitKind, u64) {
                match self { $($name::$kind(case) => case.shown()),+ }
            }
            fn looks_ready(&self) -> bool {
                match self { $($name::$kind(case) => case.looks_ready()),+ }
            }
            fn attempt(&self) -> Outcome<Option<Status>> {
                match self { $($name::$kind(case) => case.attempt()),+ }
            }
            fn prepare(&self) {
                match self { $($name::$kind(case) => case.prepare()),+ }
            }
            unsafe fn publish(&self, waiter: &Waiter, worker: Option<&Worker>) -> Entry {
                // SAFETY: by contract.
                match self { $($name::$kind(case) => unsafe { case.publish(waiter, worker) }),+ }
            }
            unsafe fn withdraw(&self, worker: Option<&Worker>) {
                // SAFETY: by contract.
                match self { $($name::$kind(case) => unsafe { case.withdraw(worker) }),+ }
            }
            fn has_won(&self) -> bool {
                match self { $($name::$kind(case) => case.has_won()),+ }
            }
            fn settle(&self, status: Status) {
                match self { $($name::$kind(case) => case.settle(status)),+ }
            }
            fn abandon(&self) {
                match self { $($name::$kind(case) => case.abandon()),+ }
            }
        }
    };
}

mod any;
pub mod quick;
mod raw;

use core::mem::MaybeUninit;

use crate::base::failing;
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::engine::parallel::worker;
use crate::engine::{self, choice};
use crate::strand::body::Body;
use crate::strand::message::fail;
use crate::strand::{identity, poll};
use crate::wait::block::{FOREVER, NO_WAIT};
use crate::wait::cancel;
use crate::wait::several::{self, Case, earlier};
use any::{Any, Opening};
pub use any::{NONE, STRAND};
use any::{RECV, SEND, TIMER};
use raw::Cases;
pub use raw::RawCase;

/// Flag of a call in which the first of several ready cases commits.
pub const FIRST_LISTED: u32 = 1;

/// Cases of a call that needs no memory.
pub const INLINE: usize = 8;

/// Which case has committed, and how.
type Committed = (usize, Status);

/// Waits until one of the cases has committed: its number.
///
/// # Safety
/// The cases are as large as their sizes say, aligned, and they and what they point to stay as they are until this
/// returns.
#[inline(never)]
pub unsafe fn select(first: *mut RawCase, count: usize, deadline: i64, flags: u32) -> Outcome<usize> {
    // SAFETY: by contract.
    let cases = unsafe { Cases::new(first, count) }?;
    // SAFETY: by contract.
    let (index, status) = unsafe { select_anywhere(&cases, deadline, flags & FIRST_LISTED == 0) }?;
    cases.tell(index, status);
    Ok(index)
}

/// Where publication begins. What becomes ready while cases are published commits in their order, so the order changes;
/// on the stepped engine nothing does.
#[inline]
fn first_to_publish(body: Option<&Body>, count: usize) -> usize {
    match body {
        _ if poll::is_raised(poll::STEPPED) => 0,
        Some(body) => worker::of(body).draw(count as u32) as usize,
        None => engine::choose(choice::CASES, count as u32) as usize,
    }
}

/// The case that has ended a wait, if it was one of them.
#[inline]
fn winner<C: Case>(cases: &[C], status: Status) -> Option<Committed> {
    if !matches!(status, Status::OK | Status::CLOSED) {
        return None;
    }
    Some((cases.iter().position(Case::has_won)?, status))
}

/// # Safety
/// As [`select`].
#[inline(never)]
unsafe fn select_anywhere(cases: &Cases, deadline: i64, fair: bool) -> Outcome<Committed> {
    let body = identity::current();
    if deadline != NO_WAIT {
        if let Some(body) = body {
            cancel::before_waiting(body)?;
        }
        outside::refuse_on_worker()?;
    }
    let _call = if body.is_some() { None } else { Some(outside::enter()?) };
    if cases.count() <= INLINE {
        let mut room = [const { MaybeUninit::<Any>::uninit() }; INLINE];
        // SAFETY: by contract.
        return unsafe { select_in(body, &mut room[..cases.count()], cases, deadline, fair) };
    }
    let mut room: Vec<MaybeUninit<Any>> = Vec::new();
    if failing::now() || room.try_reserve_exact(cases.count()).is_err() {
        return fail(Status::NO_MEMORY, format_args!("strand_select: no memory for {} cases", cases.count()));
    }
    // SAFETY: reserved, and uninitialised is a value of the elements.
    unsafe { room.set_len(cases.count()) };
    // SAFETY: by contract.
    unsafe { select_in(body, &mut room, cases, deadline, fair) }
}

/// Cases that were opened. They are given up when this is dropped.
struct Opened<'a> {
    room: &'a mut [MaybeUninit<Any>],
    count: usize,
}

impl Opened<'_> {
    /// # Safety
    /// There is room; what the case points to stays as long as this.
    unsafe fn open(&mut self, opening: &Opening, cases: &Cases) -> Outcome<()> {
        let index = self.count;
        let raw = cases.get(index)?;
        // SAFETY: by contract.
        match unsafe { opening.open(raw) } {
            Ok(case) => self.room[index].write(case).placed(),
            Err((status, why)) => return refuse(index, raw, status, why),
        }
        self.count += 1;
        Ok(())
    }

    fn cases(&self) -> &[Any] {
        // SAFETY: as many were written.
        unsafe { core::slice::from_raw_parts(self.room.as_ptr().cast(), self.count) }
    }
}

#[cold]
fn refuse(index: usize, raw: &RawCase, status: Status, why: &str) -> Outcome<()> {
    match raw.kind {
        kind if !(NONE..=STRAND).contains(&kind) => {
            fail(status, format_args!("strand_select: case {index}: kind {kind} {why}"))
        }
        TIMER if raw.handle == 0 => fail(status, format_args!("strand_select: case {index}: {} {why}", raw.deadline)),
        _ => fail(status, format_args!("strand_select: case {index}: {:#x} {why}", raw.handle)),
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        for case in &mut self.room[..self.count] {
            // SAFETY: written, and not used after this.
            unsafe {
                case.assume_init_ref().abandon();
                case.assume_init_drop();
            }
        }
    }
}

/// # Safety
/// As [`select`]; there is room for all cases.
unsafe fn select_in(
    body: Option<&'static Body>,
    room: &mut [MaybeUninit<Any>],
    cases: &Cases,
    deadline: i64,
    fair: bool,
) -> Outcome<Committed> {
    let mut opened = Opened { room, count: 0 };
    let opening = Opening::new();
    for _ in 0..cases.count() {
        // SAFETY: by contract.
        unsafe { opened.open(&opening, cases) }?;
    }
    let all = opened.cases();
    if deadline == FOREVER && !all.iter().any(Any::can_be_ready) {
        return fail(
            Status::INVALID,
            format_args!("strand_select: none of {} cases can ever be ready, and there is no deadline", all.len()),
        );
    }
    let done = match try_all(all, fair)? {
        Some(done) => done,
        None if deadline == NO_WAIT => return Err(Status::WOULD_BLOCK),
        None => wait(body, all, deadline, fair)?,
    };
    all[done.0].settle(done.1);
    Ok(done)
}

/// Tries the cases that look ready: one of them at random first, or the first one.
fn try_all(cases: &[Any], fair: bool) -> Outcome<Option<Committed>> {
    let ready = cases.iter().filter(|case| case.looks_ready()).count();
    if ready == 0 {
        return Ok(None);
    }
    let skipped = if fair { engine::choose(choice::CASES, ready as u32) as usize } else { 0 };
    let looks_ready = |index: &usize| cases[*index].looks_ready();
    let first = (0..cases.len()).filter(looks_ready).nth(skipped).unwrap_or(0);
    for index in (first..cases.len()).chain(0..first).filter(looks_ready) {
        if let Some(status) = cases[index].attempt()? {
            return Ok(Some((index, status)));
        }
    }
    Ok(None)
}

fn wait(body: Option<&'static Body>, cases: &[Any], deadline: i64, fair: bool) -> Outcome<Committed> {
    cases.iter().for_each(Case::prepare);
    let moment = cases.iter().map(Any::moment).fold(FOREVER, earlier);
    let first = if fair { first_to_publish(body, cases.len()) } else { 0 };
    let status = several::wait(body, cases, first, earlier(deadline, moment));
    if let Some(done) = winner(cases, status) {
        return Ok(done);
    }
    // The timer of a case is on the caller's side when both come at once.
    if status == Status::TIMEOUT && moment != FOREVER && earlier(deadline, moment) == moment {
        return Ok((timer_of(cases, moment, fair), Status::OK));
    }
    Err(status)
}

/// One of the cases whose timer fires at this moment.
fn timer_of(cases: &[Any], moment: i64, fair: bool) -> usize {
    let due = |index: &usize| cases[*index].moment() == moment;
    let count = (0..cases.len()).filter(due).count();
    let skipped = if fair { engine::choose(choice::CASES, count as u32) as usize } else { 0 };
    (0..cases.len()).filter(due).nth(skipped).unwrap_or(0)
}
