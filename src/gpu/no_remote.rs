// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adapters, in a build without them: there are none, and whoever asks for one is told why.

use core::convert::Infallible;
use std::sync::Arc;

use super::automaton::batch::Stepper;
use super::device::{Info, Wish};
use super::program::Program;
use super::ticket::Pending;
use crate::automata::prefilter::Literals;
use crate::automata::scanner;
use crate::base::status::{Outcome, Status};
use crate::gpu::shared::Shared;
use crate::strand::message::fail;

/// An open adapter: nobody has one.
pub struct Remote(Infallible);

/// A buffer on an adapter: nobody has one.
pub struct RemoteBuffer(Infallible);

/// What an adapter keeps of a program: nothing.
pub struct Compiled(Infallible);

/// A set of literals on an adapter: nobody has one.
pub struct RemoteLiterals(Infallible);

/// Parts of an automaton that an adapter steps: there are none.
pub struct RemoteStates(Infallible);

/// What there is.
pub fn list() -> Outcome<Vec<Info>> {
    Ok(Vec::new())
}

/// Opens the first adapter that the wish admits.
pub fn open(_: Wish, _: u32) -> Outcome<(Info, Remote)> {
    fail(
        Status::UNSUPPORTED,
        format_args!(
            "this library was built without adapters (cargo feature \"gpu\"); STRAND_DEVICE_CPU and STRAND_DEVICE_AUTO work"
        ),
    )
}

impl Remote {
    /// Runs that wait are looked at again.
    pub fn nudge(&self) {
        match self.0 {}
    }

    /// Ends everything and waits for it.
    pub fn close(&self) {
        match self.0 {}
    }

    /// Brings a set of literals to the adapter.
    pub fn literals(&self, _: Arc<Literals>) -> Outcome<RemoteLiterals> {
        match self.0 {}
    }

    /// Where literals end in a text, with their identifiers.
    pub fn seek(&self, literals: &RemoteLiterals, _: Vec<u8>) -> Outcome<Vec<(u32, u32)>> {
        match literals.0 {}
    }

    /// Brings parts of an automaton to the adapter.
    pub fn states(&self, _: &Shared<scanner::Compiled>, _: bool) -> Outcome<Option<RemoteStates>> {
        match self.0 {}
    }

    /// Who runs the batches of a scan on the adapter.
    pub fn stepper<'a>(&'a self, states: &RemoteStates, _: &'a scanner::Compiled) -> Outcome<Box<dyn Stepper + 'a>> {
        match states.0 {}
    }

    /// A buffer of so many bytes, all zero.
    pub fn buffer(&self, _: u64) -> Outcome<RemoteBuffer> {
        match self.0 {}
    }

    /// Checks a program, and makes of it what the adapter runs.
    pub fn compile(&self, _: &Program) -> Outcome<Compiled> {
        match self.0 {}
    }

    /// Writes bytes, before everything that is asked for later. They are copied first.
    ///
    /// # Safety
    /// As many bytes are readable at `data`.
    pub unsafe fn write(&self, _: &RemoteBuffer, _: u64, _: *const u8, _: u64) -> Outcome<()> {
        match self.0 {}
    }

    /// Reads bytes into `data`; then resolves the ticket.
    ///
    /// # Safety
    /// As many bytes are writable at `data` until the ticket was resolved. `keep` is dropped after that.
    pub unsafe fn read<K: Send + 'static>(&self, _: &RemoteBuffer, _: u64, _: *mut u8, _: u64, _: Pending, _: K) {
        match self.0 {}
    }
}
