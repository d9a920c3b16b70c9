// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sleeping: a wait whose only source is its timer.

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

/// Sleeps until a deadline; OK when it has come, CANCELLED when the sleep was cut short.
pub fn sleep_until(deadline: i64) -> Status {
    match block::wait_multi(&Nothing, WaitKind::Sleep, 0, deadline) {
        Status::TIMEOUT => Status::OK,
        status => status,
    }
}
