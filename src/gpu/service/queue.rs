// SPDX-License-Identifier: MIT OR Apache-2.0
//! The queue between all threads and the service thread.
//!
//! A lock around a deque and a word to sleep on: a command costs its sender a few hundred nanoseconds against the tens of
//! microseconds of a submission, and one lock keeps commands in the order in which they were sent.

use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::failure::Failure;
use super::job::Job;
use super::turn::Turn;
use crate::base::status::Status;
use crate::base::sys;

/// A command: called once, in its turn or with the reason why there is none.
pub type Command = Box<dyn FnOnce(Result<&mut Turn<'_>, &Failure>) + Send>;

/// What is sent to the service thread.
pub enum Message {
    /// To be run in its turn.
    Command(Command),
    /// To be driven from now on.
    Job(Box<dyn Job>),
    /// To be dropped there.
    Drop(Box<dyn Send>),
    /// The device is to be destroyed under everybody's hands: what tests do.
    Destroy,
}

impl Message {
    /// There is no service any more: its sender learns why.
    pub fn refuse(self, failure: &Failure) {
        match self {
            Message::Command(command) => command(Err(failure)),
            Message::Job(job) => job.lost(failure),
            Message::Drop(_) | Message::Destroy => {}
        }
    }
}

/// What the lock guards.
struct State {
    messages: VecDeque<Message>,
    /// Nothing is accepted any more, and why.
    ended: Option<Failure>,
    closing: bool,
    nudged: bool,
}

/// See the module documentation.
pub struct Queue {
    state: Mutex<State>,
    /// 1 while the service thread sleeps or is about to.
    sleeping: AtomicU32,
}

/// What the service thread finds when it looks.
pub struct Found {
    /// In the order they were sent.
    pub messages: VecDeque<Message>,
    /// The device is being closed.
    pub closing: bool,
    /// Somebody asked for all jobs to be looked at.
    pub nudged: bool,
}

impl Queue {
    pub fn new() -> Queue {
        let state = State { messages: VecDeque::new(), ended: None, closing: false, nudged: false };
        Queue { state: Mutex::new(state), sleeping: AtomicU32::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message; if the service has ended or there is no memory, the message is refused on the calling thread.
    pub fn send(&self, message: Message) {
        let mut state = self.state();
        let failure = match state.ended.clone() {
            Some(failure) => failure,
            None if state.messages.try_reserve(1).is_err() => {
                Failure::new(Status::NO_MEMORY, "no memory for a command")
            }
            None => {
                state.messages.push_back(message);
                drop(state);
                self.wake();
                return;
            }
        };
        drop(state);
        message.refuse(&failure);
    }

    /// Has every idle job asked again.
    pub fn nudge(&self) {
        self.state().nudged = true;
        self.wake();
    }

    /// The device is to be closed.
    pub fn close(&self) {
        self.state().closing = true;
        self.wake();
    }

    fn wake(&self) {
        // AcqRel pairs with `sleep`: either it sees what was queued before this, or this sees that it sleeps.
        if self.sleeping.swap(0, Ordering::AcqRel) == 1 {
            sys::futex_wake(&self.sleeping, 1);
        }
    }

    /// Takes everything that was sent.
    pub fn take(&self) -> Found {
        let mut state = self.state();
        let messages = core::mem::take(&mut state.messages);
        Found { messages, closing: state.closing, nudged: core::mem::take(&mut state.nudged) }
    }

    /// Whether [`Queue::take`] would find something new; `closing` is what it found last.
    pub fn has_news(&self, closing: bool) -> bool {
        let state = self.state();
        !state.messages.is_empty() || state.nudged || state.closing != closing
    }

    /// Sleeps until something is sent, or until `deadline` (nanoseconds of CLOCK_MONOTONIC).
    pub fn sleep(&self, closing: bool, deadline: i64) {
        self.sleeping.store(1, Ordering::SeqCst);
        if self.has_news(closing) {
            self.sleeping.store(0, Ordering::Relaxed);
            return;
        }
        let until = (deadline != i64::MAX).then_some(deadline);
        while self.sleeping.load(Ordering::Acquire) == 1 && until.is_none_or(|at| sys::monotonic() < at) {
            sys::futex_wait(&self.sleeping, 1, until);
        }
        self.sleeping.store(0, Ordering::Relaxed);
    }

    /// Nothing is accepted from now on; what was queued and not taken is returned.
    pub fn end(&self, failure: Failure) -> VecDeque<Message> {
        let mut state = self.state();
        state.ended.get_or_insert(failure);
        core::mem::take(&mut state.messages)
    }

    /// Why nothing is accepted any more.
    pub fn ended(&self) -> Option<Failure> {
        self.state().ended.clone()
    }
}

/// Something of wgpu's that only the service thread drops: dropping may take locks that a submission holds.
///
/// It is dropped through a pointer that was stored when it was made: the end of the runtime, which every program reaches,
/// drops what is left of it without naming anything of wgpu's.
pub struct Held<T: Send + 'static> {
    /// From a box.
    value: NonNull<T>,
    give_back: unsafe fn(NonNull<T>, &Queue),
    queue: Arc<Queue>,
}

// SAFETY: it is a box, which goes to the service thread in the end.
unsafe impl<T: Send + 'static> Send for Held<T> {}
// SAFETY: it gives no more than `&T`.
unsafe impl<T: Send + Sync + 'static> Sync for Held<T> {}

impl<T: Send + 'static> Held<T> {
    pub(super) fn new(value: T, queue: Arc<Queue>) -> Held<T> {
        Held { value: NonNull::from(Box::leak(Box::new(value))), give_back: give_back::<T>, queue }
    }
}

/// # Safety
/// The value is of a box, and nobody looks at it any more.
unsafe fn give_back<T: Send + 'static>(value: NonNull<T>, queue: &Queue) {
    // SAFETY: by contract.
    let value = unsafe { Box::from_raw(value.as_ptr()) };
    queue.send(Message::Drop(value));
}

impl<T: Send + 'static> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: of a box that is dropped by `drop` alone.
        unsafe { self.value.as_ref() }
    }
}

impl<T: Send + 'static> Drop for Held<T> {
    fn drop(&mut self) {
        // SAFETY: made from a box by `new`; given back once, here.
        unsafe { (self.give_back)(self.value, &self.queue) };
    }
}
