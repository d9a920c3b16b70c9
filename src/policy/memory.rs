// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory is had in one place, so that a test can make any of the requests fail.

use crate::base::status::{Outcome, Status};

/// Makes room for `more` entries, without a panic when memory is short.
pub(super) fn reserve<T>(list: &mut Vec<T>, more: usize) -> Outcome<()> {
    #[cfg(test)]
    refusals::ask()?;
    list.try_reserve(more).map_err(|_| Status::NO_MEMORY)
}

/// Lengthens a list to at least `length` entries.
pub(super) fn grow<T: Clone>(list: &mut Vec<T>, length: usize, value: T) -> Outcome<()> {
    if let Some(more) = length.checked_sub(list.len()) {
        reserve(list, more)?;
        list.resize(length, value);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod refusals {
    use super::*;

    thread_local! {
        static LEFT: core::cell::Cell<Option<u32>> = const { core::cell::Cell::new(None) };
    }

    /// Refuses the request that follows `granted` others, and those after it, while `body` runs.
    pub(in super::super) fn after<R>(granted: u32, body: impl FnOnce() -> R) -> R {
        LEFT.set(Some(granted));
        let result = body();
        LEFT.set(None);
        result
    }

    pub(super) fn ask() -> Outcome<()> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => Err(Status::NO_MEMORY),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
        }
    }
}
