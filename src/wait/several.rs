// SPDX-License-Identifier: MIT OR Apache-2.0
//! A wait with several sources, of which exactly one commits.
//!
//! ```text
//! try       each case that looks ready is tried, without any other being touched; the first that commits is the result
//! publish   begin ─ publish every case ─ arm the timer ─ publish the claim word
//!           a case that turns out to be ready meanwhile claims the waiter first, then moves its data
//! won       whoever claims marks its case as won before it writes the status
//! withdraw  all cases but the winner's are taken out of their lists
//! ```
//! A source that is found ready during publication claims the waiter before it moves anything, since an earlier source
//! may have won already. When the other side of it is gone by then (it was won by somebody else), nothing was moved: all
//! cases are withdrawn, the wait is reopened and everything is published again, because whoever came meanwhile found the
//! wait claimed and went away.
//!
//! # To add a kind of case
//! 1. A struct with a node of the source's wait list and what its result needs, which implements [`Case`]. With
//!    [`super::list::Node`]: `looks_ready` is a hint without the lock; `attempt` takes the lock and commits or says that
//!    it cannot; `publish` takes the lock, then either pushes the node or, if there is something to commit, calls
//!    [`claim_own`] *before* it moves anything, and [`Claimed::commit`] after; `withdraw` takes the lock and removes the
//!    node unless it has won; `has_won` is `node.has_won()` (lists mark the node in `win_first` and `win_all`); `shown`
//!    is the kind of wait and the handle that a dump names.
//! 2. A variant of `Any` in `runtime::select::any`, and its line in `each!` there.
//! 3. Its kind in `open` of the same file: checks the handle, calls `engine::touch` with it, and makes the struct. A
//!    refusal is a status and the end of the sentence "case 3: 0x123 ...".
//! 4. A line in the documentation of the kinds in `ffi::select`.
//!
//! Nothing of this may call back into the program: a result is written for the caller in [`Case::settle`], on its own
//! stack, when the wait is over.

use core::cell::Cell;

use super::block::{self, FOREVER, Published, Source};
use crate::base::status::{Outcome, Status};
use crate::engine::Worker;
use crate::engine::parallel::worker;
use crate::strand::body::Body;
use crate::strand::waiter::{WaitKind, Waiter};

/// What came of publishing one case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Its node is in the list.
    Waiting,
    /// The wait is won, by this case or by another one.
    Won,
    /// It looked ready, so the waiter was claimed for it, and then it was not.
    Again,
}

/// One of the things that a wait may end with.
pub trait Case {
    /// What it waits for, as if it were waited for alone; for dumps. `None`: nothing that can happen.
    fn shown(&self) -> (WaitKind, u64);

    /// Whether it looks as if it could commit at once. Without a lock; whether it can, [`Self::attempt`] finds out.
    fn looks_ready(&self) -> bool;

    /// Commits if that can be done at once: OK or CLOSED. `None`: it cannot. An error: neither can the whole call, and
    /// nothing has happened.
    fn attempt(&self) -> Outcome<Option<Status>>;

    /// Puts the waiter into the list of the source, or commits; see the module documentation.
    ///
    /// # Safety
    /// The case is in no list. It and the waiter stay in place until [`Self::withdraw`].
    unsafe fn publish(&self, waiter: &Waiter, worker: Option<&Worker>) -> Entry;

    /// Takes the waiter out of the list of the source, if it is in it.
    ///
    /// # Safety
    /// It was published, and the wait is won (so nobody else wins it for this case now).
    unsafe fn withdraw(&self, worker: Option<&Worker>);

    /// Whether it was this case that ended the wait. After [`Self::withdraw`].
    fn has_won(&self) -> bool;

    /// The case is going to be published: whatever must be done before, without any lock, and only once.
    fn prepare(&self) {}

    /// The case has committed with this status: writes its results for the caller.
    fn settle(&self, _status: Status) {}

    /// The call is over; of a case that was settled nothing may be left to do here.
    fn abandon(&self) {}
}

/// The opener has claimed its own wait for a case that it found ready: nobody else will end it.
#[must_use]
pub struct Claimed<'a>(&'a Waiter);

/// Claims a wait that is being published by the caller. `None`: somebody else has won it; the case answers
/// [`Entry::Won`] and moves nothing.
pub fn claim_own(waiter: &Waiter) -> Option<Claimed<'_>> {
    waiter.claim.claim().map(|_| Claimed(waiter))
}

impl Claimed<'_> {
    /// The data is moved and the case marked as won.
    pub fn commit(self, status: Status) -> Entry {
        self.0.set_status(status);
        Entry::Won
    }

    /// There was nothing to move after all.
    pub fn give_up(self) -> Entry {
        Entry::Again
    }
}

/// A wait for one of several cases.
struct Several<'a, C> {
    cases: &'a [C],
    /// The case that is published first.
    first: usize,
    /// How many are published, from `first` on and round.
    published: Cell<usize>,
    /// Of the strand that waits.
    body: Option<&'static Body>,
}

impl<C: Case> Several<'_, C> {
    /// The cases in the order of publication.
    fn in_order(&self) -> impl Iterator<Item = &C> {
        self.cases[self.first..].iter().chain(&self.cases[..self.first])
    }

    /// # Safety
    /// As [`Source::publish`].
    unsafe fn publish_once(&self, waiter: &Waiter) -> Entry {
        let worker = self.worker();
        for case in self.in_order() {
            self.published.set(self.published.get() + 1);
            // SAFETY: by contract.
            let entry = unsafe { case.publish(waiter, worker) };
            if entry != Entry::Waiting {
                return entry;
            }
        }
        Entry::Waiting
    }

    /// The worker of the strand that waits: the one that publishes it, and another one perhaps on which it goes on.
    fn worker(&self) -> Option<&'static Worker> {
        self.body.map(worker::of)
    }

    /// # Safety
    /// The wait is won.
    unsafe fn withdraw_all(&self) {
        let worker = self.worker();
        for case in self.in_order().take(self.published.replace(0)) {
            // SAFETY: published; the rest by contract.
            unsafe { case.withdraw(worker) };
        }
    }
}

impl<C: Case> Source for Several<'_, C> {
    const SEVERAL: bool = true;

    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        debug_assert!(!sole, "the claim word of a wait with several sources is opened in steps");
        loop {
            // SAFETY: by contract.
            match unsafe { self.publish_once(waiter) } {
                Entry::Waiting => return Published::Waiting,
                Entry::Won => return Published::Won,
                Entry::Again => {
                    // SAFETY: the opener has claimed the wait itself.
                    unsafe { self.withdraw_all() };
                    waiter.claim.reopen();
                }
            }
        }
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        // SAFETY: the wait is over.
        unsafe { self.withdraw_all() };
    }
}

/// Waits until one of the cases has committed, and says how: OK or CLOSED, and then that case has won; or TIMEOUT,
/// CANCELLED or another error, and then none has. `first` is the case that is published first. The caller, the strand of
/// `body` or an OS thread, has found that it must wait, holds no lock, and (an OS thread) is counted inside.
#[inline]
pub fn wait<C: Case>(body: Option<&'static Body>, cases: &[C], first: usize, deadline: i64) -> Status {
    if let Some(body) = body {
        let shown = cases.iter().map(Case::shown).filter(|(kind, _)| *kind != WaitKind::None);
        body.waiter.shown.set(shown);
    }
    let several = Several { cases, first, published: Cell::new(0), body };
    block::wait_multi_as(body, &several, WaitKind::Select, cases.len() as u64, deadline)
}

/// The earlier of two deadlines.
pub fn earlier(one: i64, other: i64) -> i64 {
    match (one, other) {
        (FOREVER, other) => other,
        (one, FOREVER) => one,
        (one, other) => one.min(other),
    }
}
