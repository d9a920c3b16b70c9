// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replies: what is called once with the outcome of a command, whatever becomes of the command.

use super::failure::Failure;
use crate::base::status::Status;

/// What takes a result of `T`.
type Taker<T> = Box<dyn FnOnce(Result<T, Failure>) + Send>;

/// Takes the result of a command. Dropped without one, as by a panic, it takes a failure. Called on the service thread, or
/// on the caller's own where the device has ended already: it must not wait, and wakes through the ordinary paths.
pub struct Reply<T>(Option<Taker<T>>);

impl<T> Reply<T> {
    /// A reply that calls `taker`.
    pub fn new(taker: impl FnOnce(Result<T, Failure>) + Send + 'static) -> Reply<T> {
        Reply(Some(Box::new(taker)))
    }

    /// Gives it the outcome.
    pub fn send(mut self, outcome: Result<T, Failure>) {
        if let Some(taker) = self.0.take() {
            taker(outcome);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(taker) = self.0.take() {
            taker(Err(Failure::new(Status::PANIC, "the device service dropped a command without an answer")));
        }
    }
}
