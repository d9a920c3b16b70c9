// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wait-group: a number of things that are still to be done, and those who wait until it is zero.
//!
//! ```text
//! word    number (62 bits) | QUEUED
//! ```
//! Whoever waits is let go by the zero that comes first, also when the group is used again before it runs.

use core::sync::atomic::Ordering;

use super::caller;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::AtomicU64;
use crate::strand::message::fail;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::lot::{self, Node, Queues};

/// Largest number.
pub const NUMBER_MAX: u64 = (1 << 62) - 1;
const QUEUED: u64 = 1 << 63;
const NUMBER: u64 = QUEUED - 1;

/// See the module documentation. All-zero memory is one with nothing to do.
#[repr(C)]
pub struct WaitGroup {
    word: AtomicU64,
    spare: u64,
}

const _: () = assert!(cfg!(loom) || size_of::<WaitGroup>() == 16);

impl WaitGroup {
    fn key(&self) -> usize {
        self as *const WaitGroup as usize
    }
}

struct Waiting<'a> {
    group: &'a WaitGroup,
    node: Node,
}

impl Waiting<'_> {
    fn forget(&self, queues: &Queues) {
        if queues.is_empty(self.group.key()) {
            self.group.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }
}

impl Source for Waiting<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let (group, node) = (self.group, &self.node);
        let queues = lot::lock(group.key());
        let mut word = group.word.load(Ordering::Acquire);
        loop {
            if word & NUMBER == 0 {
                return Published::Done(Status::OK);
            }
            match group.word.compare_exchange_weak(word, word | QUEUED, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        node.set_waiter(waiter);
        // SAFETY: in no queue; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { queues.push(group.key(), node, false) };
        if sole && !open_sole(waiter) {
            queues.remove(node);
            self.forget(&queues);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let (queues, left) = lot::take_out(&self.node);
        if left.is_some() {
            self.forget(&queues);
        }
    }
}

/// Waits until the number is zero.
pub fn wait(group: &WaitGroup, deadline: i64) -> Outcome<()> {
    let caller = caller::waits(group.key(), deadline)?;
    // Acquire pairs with the Release in `add`: what was done before it is visible.
    if group.word.load(Ordering::Acquire) & NUMBER == 0 {
        return Ok(());
    }
    if deadline == NO_WAIT {
        return Err(Status::WOULD_BLOCK);
    }
    let waiting = Waiting { group, node: Node::new(caller.who, 0) };
    match block::wait(&waiting, WaitKind::WaitGroup, group.key() as u64, deadline) {
        Status::OK => Ok(()),
        status => Err(status),
    }
}

/// Changes the number; at zero lets everybody go.
pub fn add(group: &WaitGroup, delta: i64) -> Outcome<()> {
    let _caller = caller::gives_back(group.key())?;
    let mut word = group.word.load(Ordering::Relaxed);
    loop {
        let number = changed(word & NUMBER, delta)?;
        if number == 0 && word & QUEUED != 0 {
            let queues = lot::lock(group.key());
            // AcqRel: Release hands what was done to those who wait, Acquire takes what others did before.
            match group.word.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    let_all_go(group.key(), queues);
                    return Ok(());
                }
                Err(now) => word = now,
            }
            continue;
        }
        // AcqRel: as above. From here on the group may be gone.
        match group.word.compare_exchange_weak(word, number | word & QUEUED, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return Ok(()),
            Err(now) => word = now,
        }
    }
}

fn changed(number: u64, delta: i64) -> Outcome<u64> {
    match number.checked_add_signed(delta) {
        Some(sum) if sum <= NUMBER_MAX => Ok(sum),
        None => fail(
            Status::INVALID,
            format_args!("the number of a wait-group cannot go below zero: it is {number}, the change {delta}"),
        ),
        Some(_) => fail(
            Status::LIMIT,
            format_args!("the number of a wait-group is {NUMBER_MAX} at most: it is {number}, the change {delta}"),
        ),
    }
}

/// The group itself is not touched: the first who goes on may free it.
fn let_all_go(key: usize, queues: Queues) {
    let mut woken = Woken::new();
    while queues.win_first(key, &mut woken, |_| ()).is_some() {}
    drop(queues);
    woken.wake_all();
}
