// SPDX-License-Identifier: MIT OR Apache-2.0
//! Worklists: devices, buffers, programs, tickets; the engine on the processor and the one on a device.

#[allow(dead_code, reason = "its caller is the runner")]
pub mod cpu;
#[cfg(feature = "gpu")]
#[allow(dead_code, reason = "worklists on a device are run by it next")]
pub mod rounds;
#[cfg(feature = "gpu")]
#[allow(dead_code, unused_imports, reason = "the objects of the C interface are plugged into it next")]
pub mod service;
#[allow(dead_code, reason = "what makes tickets comes with devices and worklists")]
pub mod ticket;
#[allow(dead_code, reason = "its callers are the engines")]
pub mod worklist;
