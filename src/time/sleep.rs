// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleeping: a wait whose only source is its timer.

use super::clock;
use crate::base::status::Status;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::wait::block::{self, Published, Source};

struct Nothing;

impl Source for Nothing {
    unsafe fn publish(&self, _: &Waiter, _: bool) -> Published {
        Published::Waiting
    }

    unsafe fn withdraw(&self, _: &Waiter) {}
}

/// Sleeps for a positive time; OK when it is over, CANCELLED when it was cut short.
pub fn sleep(nanoseconds: i64) -> Status {
    match block::wait_multi(&Nothing, WaitKind::Sleep, 0, clock::after(nanoseconds)) {
        Status::TIMEOUT => Status::OK,
        status => status,
    }
}
