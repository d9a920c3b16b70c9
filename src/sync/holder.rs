// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who holds what a waiter waits for, in words, for reports.

use core::fmt;
use core::sync::atomic::Ordering;

use super::owner::Owner;
use super::{mutex, once, rwlock, semaphore};
use crate::strand::waiter::{WaitKind, Waiter};

/// See the module documentation. Nothing is written of what nobody holds.
pub struct Holder<'a>(pub &'a Waiter);

impl fmt::Display for Holder<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.0.object.load(Ordering::Relaxed) as usize;
        match self.0.kind() {
            WaitKind::Mutex => held(out, "held by", mutex::owner_while_waiting(key, self.0)),
            WaitKind::Once => held(out, "made by", once::owner_while_waiting(key, self.0)),
            WaitKind::ReadLock | WaitKind::WriteLock => match rwlock::owner_while_waiting(key, self.0) {
                Some((writer, 0)) => held(out, "held to write by", Some(writer)),
                Some((0, 1)) => out.write_str("held to read by 1 reader"),
                Some((0, readers)) => write!(out, "held to read by {readers} readers"),
                Some((reader, 1)) => held(out, "held to read by", Some(reader)),
                Some((reader, readers)) => {
                    write!(out, "held to read by {readers} readers, one of them {}", Owner(reader))
                }
                None => Ok(()),
            },
            WaitKind::Semaphore => match semaphore::units_while_waiting(key, self.0) {
                Some((wanted, units)) => write!(out, "{wanted} wanted, {units} there"),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn held(out: &mut fmt::Formatter<'_>, how: &str, owner: Option<u64>) -> fmt::Result {
    match owner {
        None | Some(0) => Ok(()),
        Some(owner) => write!(out, "{how} {}", Owner(owner)),
    }
}
