// SPDX-License-Identifier: MIT OR Apache-2.0
//! libstrand: strands, channels and timers for compiled languages, behind a C ABI.
//!
//! The product is `include/strand.h`; this crate is how it is made. The directory listing is the architecture:
//! arrows point down only (`tests/layering.rs`).
#![cfg_attr(loom, allow(dead_code, unused_imports, missing_docs))]
#![cfg_attr(any(test, loom), allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!("libstrand runs on Linux on x86-64 and aarch64; this target is neither");

pub mod ffi;

mod automata;
mod base;
mod diagnose;
mod engine;
mod explore;
mod gpu;
mod graph;
mod io;
mod memory;
mod policy;
mod record;
mod runtime;
mod strand;
mod sync;
mod task;
mod time;
mod wait;
#[allow(dead_code, reason = "tests hold records and shaders to the states of whole tasks")]
mod work;

#[cfg(all(test, loom))]
mod models;
