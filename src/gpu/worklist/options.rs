// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a worklist is to be made with, and what of it cannot be.

use super::debug;
use super::list::Way;
use super::shape::{BANDS_MAX, Order, Shape, Spill, TENANTS_MAX};
use crate::base::room::Grow;
use crate::base::status::{Outcome, Status};
use crate::gpu::buffer::{self, Buffer};
use crate::gpu::program::{BUFFERS_MAX, Program};
use crate::gpu::shared::Shared;
use crate::strand::message::fail;

/// Items on a device, at most.
const CAPACITY_MAX: u32 = 1 << 28;
/// Items on a device, unless something is said.
const CAPACITY: u32 = 1 << 16;
/// Faults that are kept, unless something is said.
const FAULTS: u64 = 1 << 16;
/// Queued items and emitted records, unless something is said.
const WAITING: u64 = 1 << 24;

/// See the module documentation.
pub struct Options {
    /// Two implementations do each run.
    pub differential: bool,
    /// See [`Order`].
    pub order: Order,
    /// See [`Spill`].
    pub spill: Spill,
    /// See [`Way`].
    pub way: Way,
    /// On the processor, what items push waits until all that were queued before are done. Of a FIFO of one band and tenant.
    pub levels: bool,
    capacity: u32,
    bands: u32,
    tenants: u32,
    debug_max: u32,
    host_items_max: u64,
    spill_items_max: u64,
    emitted_max: u64,
    faults_max: u64,
    buffers: [u64; BUFFERS_MAX as usize],
    buffer_count: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            differential: false,
            order: Order::Fifo,
            spill: Spill::Host,
            way: Way::Auto,
            levels: false,
            capacity: CAPACITY,
            bands: 1,
            tenants: 1,
            debug_max: debug::RECORDS,
            host_items_max: WAITING,
            spill_items_max: u64::MAX,
            emitted_max: WAITING,
            faults_max: FAULTS,
            buffers: [0; BUFFERS_MAX as usize],
            buffer_count: 0,
        }
    }
}

/// A number that an option is, `default` for 0.
fn number(value: u32, default: u32, most: u32, what: &str) -> Outcome<u32> {
    match value {
        0 => Ok(default),
        _ if value <= most => Ok(value),
        _ => fail(Status::LIMIT, format_args!("{what} is {value}: it can be at most {most}")),
    }
}

impl Options {
    /// How large it is.
    pub fn numbers(&mut self, capacity: u32, bands: u32, tenants: u32) -> Outcome<()> {
        self.capacity = number(capacity, CAPACITY, CAPACITY_MAX, "capacity")?;
        self.bands = number(bands, 1, BANDS_MAX, "bands")?;
        self.tenants = number(tenants, 1, TENANTS_MAX, "tenants")?;
        Ok(())
    }

    /// Debug records that wait to be taken.
    pub fn debug(&mut self, most: u32) -> Outcome<()> {
        self.debug_max = number(most, debug::RECORDS, debug::RECORDS_MAX, "debug_max")?;
        Ok(())
    }

    /// See [`Self::debug`].
    pub(super) fn debug_max(&self) -> u32 {
        self.debug_max
    }

    /// What may wait; 0 is the default of each.
    pub fn bounds(&mut self, host_items_max: u64, spill_items_max: u64, emitted_max: u64, faults_max: u32) {
        let or = |value: u64, default: u64| if value == 0 { default } else { value };
        self.host_items_max = or(host_items_max, WAITING);
        self.spill_items_max = or(spill_items_max, u64::MAX);
        self.emitted_max = or(emitted_max, WAITING);
        self.faults_max = or(faults_max.into(), FAULTS);
    }

    /// Handles of its buffers.
    pub fn buffers(&mut self, handles: &[u64]) -> Outcome<()> {
        let Some(places) = self.buffers.get_mut(..handles.len()) else {
            return fail(
                Status::INVALID,
                format_args!("{} buffers: a program has at most {BUFFERS_MAX}", handles.len()),
            );
        };
        places.copy_from_slice(handles);
        self.buffer_count = handles.len();
        Ok(())
    }

    /// The buffers themselves: as many as the program says, of its device.
    pub(super) fn find_buffers(&self, program: &Program) -> Outcome<Vec<Shared<Buffer>>> {
        let wanted = program.limits.buffer_count as usize;
        if self.buffer_count != wanted {
            return fail(
                Status::INVALID,
                format_args!("{} buffers: the program has {wanted} (buffer_count)", self.buffer_count),
            );
        }
        let mut found = Vec::new();
        found.room(wanted)?;
        for handle in &self.buffers[..wanted] {
            let buffer = buffer::get(*handle)?;
            if !buffer.device.is(&program.device) {
                return fail(Status::INVALID, format_args!("buffer {handle:#x} is not of the program's device"));
            }
            found.push(buffer);
        }
        Ok(found)
    }

    /// The shape of a worklist of a program.
    pub(super) fn shape(&self, program: &Program) -> Shape {
        let limits = &program.limits;
        Shape {
            fields: limits.fields,
            fan_out_max: limits.fan_out_max,
            emit_max: limits.emit_max,
            emit_words: limits.emit_words,
            bands: self.bands,
            tenants: self.tenants,
            order: self.order,
            spill: self.spill,
            capacity: self.capacity,
            host_items_max: self.host_items_max,
            spill_items_max: self.spill_items_max,
            emitted_max: self.emitted_max,
            faults_max: self.faults_max,
        }
    }
}
