// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C face: one file for each section of `include/strand.h`.
//!
//! `include/strand.h` and `include/strand.ll` are generated from these files (tests/header, which has
//! the order of the sections), so their doc comments are written for a reader of C. Every function has
//! the same shape: validate, convert, call one core function, map the result.
//!
//! The contract of every pointer is that of C: null where the comment allows it (elsewhere null is
//! answered with a status), otherwise valid for its type and size for as long as the comment says.

// The names are those of the header.
#![allow(non_camel_case_types)]
// The pointer contract is stated above, once: the comments below are the C manual.
#![allow(clippy::missing_safety_doc)]

pub mod admission;
pub mod automaton;
pub mod buffer;
pub mod cancel;
pub mod channel;
pub mod collector;
pub mod config;
pub mod debug;
pub mod device;
pub mod errno;
pub mod explore;
pub mod fault;
pub mod generator;
pub mod graph;
pub mod info;
pub mod ingest;
pub mod item;
pub mod join;
pub mod local;
pub mod lock;
pub mod monitor;
pub mod offload;
pub mod park;
pub mod policy;
pub mod program;
pub mod promise;
pub mod record;
pub mod results;
pub mod scheduler;
pub mod scope;
pub mod select;
pub mod spawn;
pub mod status;
pub mod step;
pub mod strand;
pub mod task;
pub mod ticket;
pub mod time;
pub mod timer;
pub mod version;
pub mod work;
pub mod worklist;

// Shared by the sections.
#[cfg(all(test, feature = "gpu", not(loom)))]
mod automaton_bounds_tests;
mod automaton_read;
#[cfg(all(test, feature = "gpu", not(loom)))]
mod automaton_states_tests;
#[cfg(all(test, feature = "gpu", not(loom)))]
mod automaton_tests;
mod check;
mod sized;
#[cfg(all(test, feature = "spirv", not(loom)))]
mod spirv_tests;
#[cfg(test)]
mod tests;
#[cfg(all(test, not(loom)))]
mod ticket_tests;
#[cfg(all(test, feature = "gpu", not(loom)))]
mod worklist_adapter_tests;
mod worklist_read;
#[cfg(all(test, not(loom)))]
mod worklist_tests;

use crate::base::status::{Outcome, Status};
use crate::strand::message;
use core::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The panic boundary of every function that returns a status.
///
/// Nothing is recorded here on success, and no thread-local is touched: the strand may resume on
/// another thread inside `body`. `strand_fail` is the one function that does not come through
/// here, because it never returns to this frame.
#[inline(always)]
fn guard(body: impl FnOnce() -> Outcome<()>) -> status::strand_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => status::STRAND_OK,
        Ok(Err(status)) => refused(status),
        Err(payload) => panicked(payload),
    }
}

/// As `guard`, for a call that leaves a message with every status, ordinary answers included.
fn guard_told(body: impl FnOnce() -> Outcome<()>) -> status::strand_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => status::STRAND_OK,
        Ok(Err(status)) => status.0,
        Err(payload) => panicked(payload),
    }
}

/// A call fails: statuses that are ordinary answers leave their number for `strand_last_error`.
#[cold]
#[inline(never)]
fn refused(status: Status) -> status::strand_status {
    message::note(status);
    status.0
}

/// A broken invariant of ours inside a call: the call fails, the process lives.
#[cold]
#[inline(never)]
fn panicked(payload: Box<dyn Any + Send>) -> status::strand_status {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "a panic without a message",
    };
    match message::fail::<()>(Status::PANIC, format_args!("internal error: {text}")) {
        Err(status) => status.0,
        Ok(()) => Status::PANIC.0,
    }
}
