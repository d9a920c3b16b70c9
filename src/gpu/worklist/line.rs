// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who waits at a worklist: pushes for room, in the order in which they came, and runners for work.
//!
//! ```text
//! push     no room ── in line ── there is room for it, and it is the first: room is promised ── it goes on and queues
//! runner   nothing to take ── idle ── somebody has pushed, the run ends, the deadline
//! ```

use core::cell::Cell;

use super::list::{State, Worklist};
use crate::base::status::{Outcome, Status};
use crate::strand::identity;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, NO_WAIT, Published, Source, Woken, open_sole};
use crate::wait::cancel;
use crate::wait::list::Node;

impl Worklist {
    #[cold]
    pub(super) fn wait_for_room(&self, count: u64, deadline: i64) -> Outcome<()> {
        if deadline == NO_WAIT {
            return Err(Status::WOULD_BLOCK);
        }
        crate::engine::outside::refuse_on_worker()?;
        if let Some(body) = identity::current() {
            cancel::before_waiting(body)?;
        }
        let line = InLine { node: Node::new(), count, list: self, counted: Cell::new(false) };
        match block::wait(&line, WaitKind::Worklist, self.handle(), deadline) {
            Status::OK => Ok(()),
            status => Err(status),
        }
    }
}

impl State {
    /// Whether so many items can be taken without waiting in line.
    pub(super) fn has_room(&self, count: u64) -> bool {
        self.pushers.is_empty() && self.fits(count)
    }

    fn fits(&self, count: u64) -> bool {
        self.host.queued() + self.promised + count <= self.host.shape().host_items_max
    }

    /// Lets those in line go on for whom there is room, in their order.
    pub fn give_room(&mut self, woken: &mut Woken) {
        if self.compared.is_on() {
            return;
        }
        while let Some(first) = self.pushers.first() {
            // SAFETY: each node in this list is the first field of an `InLine` that is in place while it is linked.
            let need = unsafe { (*core::ptr::from_ref(first).cast::<InLine<'_>>()).count };
            if !self.fits(need) {
                return;
            }
            // One that has given up meanwhile says nothing of the next one's need.
            if self.pushers.win_next(woken, Status::OK) {
                self.promised += need;
            }
        }
    }
}

/// A push that waits for room.
#[repr(C)]
struct InLine<'a> {
    node: Node,
    count: u64,
    list: &'a Worklist,
    counted: Cell<bool>,
}

impl Source for InLine<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let mut state = self.list.lock();
        if let Err(status) = state.look_open(self.list) {
            return Published::Done(status);
        }
        if state.has_room(self.count) {
            state.promised += self.count;
            return Published::Done(Status::OK);
        }
        if !self.counted.replace(true) {
            state.host.counters.waited += 1;
        }
        // SAFETY: in no list; it lies in the frame of the one who waits, which stays until `withdraw` or a win.
        unsafe { state.pushers.push(&self.node, waiter) };
        if sole && !open_sole(waiter) {
            state.pushers.remove(&self.node);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        let mut woken = Woken::new();
        let mut state = self.list.lock();
        state.pushers.remove(&self.node);
        // Those behind it may fit.
        state.give_room(&mut woken);
        drop(state);
        woken.wake_all();
    }
}

/// A runner that waits for work.
pub struct Idle<'a> {
    node: Node,
    list: &'a Worklist,
}

impl Idle<'_> {
    /// Waits until there may be something to do, or the deadline.
    pub fn wait(list: &Worklist, deadline: i64) -> Status {
        block::wait(&Idle { node: Node::new(), list }, WaitKind::Worklist, list.handle(), deadline)
    }
}

impl Source for Idle<'_> {
    unsafe fn publish(&self, waiter: &Waiter, sole: bool) -> Published {
        let mut state = self.list.lock();
        if state.is_worth_a_look(self.list) {
            return Published::Done(Status::OK);
        }
        // SAFETY: in no list; it lies in the frame of the runner, which stays until `withdraw` or a win.
        unsafe { state.idle.push(&self.node, waiter) };
        if sole && !open_sole(waiter) {
            state.idle.remove(&self.node);
            return Published::Done(Status::CANCELLED);
        }
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {
        self.list.lock().idle.remove(&self.node);
    }
}

impl State {
    /// Whether a runner that has found nothing to do would find something now.
    fn is_worth_a_look(&mut self, list: &Worklist) -> bool {
        let Some(run) = &self.run else { return true };
        if run.verdict.is_some() || run.pending.is_cancelled() || self.released || list.device_is_closed() {
            return true;
        }
        if self.host.in_flight() == 0 {
            // Without an allowance the run ends, and nobody else is there to find that out.
            return self.host.has_ready() || self.closed || !run.limits.until_closed;
        }
        run.allowance(&self.host).0 > 0 && self.has_open()
    }
}
