// SPDX-License-Identifier: MIT OR Apache-2.0
//! In the place of the may engine, in a build without the cargo feature `may`: a type that has no value, so that the
//! compiler drops every branch that asks for it.

use super::parallel::Parallel;
use super::parallel::worker::Worker;
use crate::base::status::{Outcome, Status};
use crate::strand::head::Head;

/// Whether this build has the engine.
pub const IS_BUILT: bool = false;
/// Strands that may be alive at once.
pub const STRANDS_MAX: u32 = 0;

/// See the module documentation.
pub enum May {}

impl May {
    /// There is none.
    pub fn new(_: u32) -> Outcome<May> {
        Err(Status::UNSUPPORTED)
    }

    /// Nobody calls this.
    pub fn begin(&self, _: &'static Parallel) -> Outcome<()> {
        match *self {}
    }

    /// Nobody calls this.
    pub fn woken(&self, _: &Worker, _: &'static Head) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn woken_outside(&self, _: &'static Head) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn spawned(&self, _: &Worker, _: &'static Head) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn spawned_first(&self, _: &Worker, _: &'static Head, _: &'static Head) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn retire(&self, _: &Worker, _: &Head) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn is_quiescent(&self) -> bool {
        match *self {}
    }

    /// Nobody calls this.
    pub fn poke(&self) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn armed(&self, _: i64) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn keep(&self, _: &'static Parallel) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn stop(&self) {
        match *self {}
    }

    /// Nobody calls this.
    pub fn dismiss(&self) {
        match *self {}
    }
}

/// The threads there are; none.
pub fn threads() -> Option<u32> {
    None
}

/// Strands that fit; none.
pub fn most_strands(_: bool) -> u32 {
    STRANDS_MAX
}
