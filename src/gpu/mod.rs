// SPDX-License-Identifier: MIT OR Apache-2.0
//! Worklists: devices, buffers, programs, tickets; the engine on the processor and the one on a device.

#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only adapters put anything there"))]
pub mod apart;
pub mod automaton;
pub mod away;
pub mod buffer;
pub mod cpu;
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "adapters use the rest"))]
pub mod device;
pub mod feed;
pub mod graphs;
#[cfg(feature = "gpu")]
pub mod literals;
mod memory;
pub mod named;
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "adapters use the rest"))]
pub mod program;
#[cfg_attr(not(feature = "gpu"), path = "no_remote.rs")]
pub mod remote;
#[cfg(feature = "gpu")]
#[cfg_attr(not(test), allow(dead_code, reason = "tests append lane by lane too"))]
pub mod rounds;
#[cfg(feature = "gpu")]
#[cfg_attr(not(test), allow(dead_code, reason = "tests write and destroy by hand"))]
pub mod service;
pub mod shared;
#[cfg(feature = "gpu")]
pub mod states;
pub mod ticket;
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "adapters use the rest"))]
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
