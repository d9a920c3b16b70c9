// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a worklist is made with, once its options were checked.

use crate::work::fields::Fields;

/// Bands and tenants at most.
pub use crate::work::drain::{BANDS as BANDS_MAX, TENANTS as TENANTS_MAX};

/// Which items of a band come first. A slice of a LIFO keeps their order: its last item is the newest.
pub use crate::work::drain::Order;

/// What becomes of items beyond the capacity of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spill {
    /// They go to host memory and come back in their order.
    Host,
    /// The run ends with LIMIT.
    Error,
}

/// See the module documentation.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The words of a record.
    pub fields: Fields,
    /// Items that an item may push each time it runs.
    pub fan_out_max: u32,
    /// Records that an item may emit each time it runs.
    pub emit_max: u32,
    /// Words of an emitted record; not 0.
    pub emit_words: u32,
    /// Bands, 1 to [`BANDS_MAX`].
    pub bands: u32,
    /// Tenants, 1 to [`TENANTS_MAX`].
    pub tenants: u32,
    /// See [`Order`].
    pub order: Order,
    /// See [`Spill`].
    pub spill: Spill,
    /// Items on the device.
    pub capacity: u32,
    /// Queued items beyond which a push waits.
    pub host_items_max: u64,
    /// Spilled items beyond which a run ends; `u64::MAX` for no limit.
    pub spill_items_max: u64,
    /// Emitted records that wait for a take, beyond which a run ends.
    pub emitted_max: u64,
    /// Faults that wait for a take, beyond which they are counted and not kept.
    pub faults_max: u64,
}

impl Shape {
    /// Words of a record.
    pub fn record_words(&self) -> usize {
        self.fields.length()
    }

    /// Spilled items that a run may leave.
    pub fn spill_max(&self) -> u64 {
        match self.spill {
            Spill::Host => self.spill_items_max,
            Spill::Error => 0,
        }
    }
}
