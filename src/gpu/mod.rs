// SPDX-License-Identifier: MIT OR Apache-2.0
//! Worklists: devices, buffers, programs, tickets; the engine on the processor and the one on a device.

#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only adapters put anything there"))]
pub mod apart;
pub mod automaton;
mod away;
#[allow(dead_code, reason = "the engines use the rest")]
pub mod buffer;
pub mod cpu;
#[allow(dead_code, reason = "the engines use the rest")]
pub mod device;
pub mod graphs;
#[cfg(feature = "gpu")]
pub mod literals;
mod memory;
pub mod named;
#[allow(dead_code, reason = "the engines use the rest")]
pub mod program;
#[allow(dead_code, reason = "the engines use the rest")]
#[cfg_attr(not(feature = "gpu"), path = "no_remote.rs")]
pub mod remote;
#[cfg(feature = "gpu")]
#[allow(dead_code, reason = "worklists on a device are run by it next")]
pub mod rounds;
#[cfg(feature = "gpu")]
#[allow(dead_code, unused_imports, reason = "the objects of the C interface are plugged into it next")]
pub mod service;
#[allow(dead_code, reason = "the engines use the rest")]
pub mod shared;
#[allow(dead_code, reason = "the engines use the rest")]
pub mod ticket;
#[allow(dead_code, reason = "engines of devices use the rest")]
pub mod worklist;

use crate::base::handle::INDEX_MAX;
use crate::base::status::Outcome;

/// A table that is made, and what it holds.
pub type Start = (fn() -> Outcome<()>, &'static str);

/// The tables of a runtime that is being initialised.
pub const STARTS: [Start; 7] = [
    (|| ticket::start(INDEX_MAX), "tickets"),
    (|| device::start(1 << 10), "devices"),
    (|| buffer::start(1 << 20), "buffers"),
    (|| program::start(1 << 16), "programs"),
    (|| worklist::list::start(1 << 16), "worklists"),
    (|| graphs::start(1 << 16), "graphs"),
    (automaton::object::start, "automata"),
];

/// Frees them, with everything in them.
///
/// # Safety
/// No strand, no thread and no call uses anything of it any more; [`device::close_all`] has run.
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe {
        graphs::stop();
        worklist::list::stop();
        automaton::object::stop();
        program::stop();
        buffer::stop();
        device::stop();
        ticket::stop();
    }
}
