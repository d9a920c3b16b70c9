// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of everything a worklist gets on a device. Pure.
//!
//! ```text
//! queue   bands rings of `physical` places; all bands together hold `capacity` items, what is above is room for children
//! output  emitted records, then reports, then debug records
//! ```

use super::layout::{DEBUG_HEADER, REPORT_HEADER};
use super::shape::{Declared, Variant};
use crate::base::status::Status;
use crate::gpu::service::Failure;

/// Words of emitted records at most: 32 MiB.
const EMIT_WORDS_MAX: u64 = 8 << 20;
/// Reports at most.
const REPORTS_MAX: u64 = 1 << 18;

/// See the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Items of all bands.
    pub capacity: u32,
    /// Places of a ring.
    pub physical: u32,
    /// Words of an item.
    pub stride: u32,
    /// Words of a report.
    pub report_words: u32,
    /// Records.
    pub emits: u32,
    /// Words of a record.
    pub emit_words: u32,
    /// Reports.
    pub reports: u32,
    /// Words of the queue.
    pub queue_words: u32,
    /// Words of the output.
    pub out_words: u32,
    /// Debug records, and the words of each.
    pub debug: u32,
    /// See `debug`.
    pub debug_words: u32,
}

impl Space {
    /// Plans it. `binding_max`: the largest buffer, in bytes, that a shader can use. LIMIT when the capacity does not fit.
    pub fn plan(declared: &Declared, variant: Variant, capacity: u32, binding_max: u64) -> Result<Space, Failure> {
        let words_max = (binding_max / 4).min(u64::from(u32::MAX));
        let stride = variant.stride(&declared.fields);
        let each = u64::from(stride) * u64::from(variant.bands);
        let (asked, fan_out) = (u64::from(capacity), u64::from(declared.fan_out_max));
        let least = asked + fan_out + 1;
        let physical = (2 * asked + fan_out + 1).min(words_max / each);
        if physical < least {
            let most = (words_max / each).saturating_sub(fan_out + 1);
            let text = format!("a worklist of {capacity} items does not fit this device: {most} of this program do");
            return Err(Failure::new(Status::LIMIT, text));
        }
        let report_words = u64::from(declared.fields.length() as u32) + REPORT_HEADER as u64;
        let reports = asked.clamp(64, REPORTS_MAX).min(words_max / 4 / report_words);
        let (emit_max, emit_words) = (u64::from(declared.emit_max), u64::from(declared.emit_words.max(1)));
        let most = EMIT_WORDS_MAX.min(words_max / 2) / emit_words;
        let emits = if emit_max == 0 { 0 } else { (asked * emit_max).max(4096).min(most).max(emit_max) };
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Space {
            capacity,
            physical: narrow(physical),
            stride,
            report_words: narrow(report_words),
            emits: narrow(emits),
            emit_words: narrow(emit_words),
            reports: narrow(reports),
            queue_words: narrow(physical * each),
            out_words: narrow(emits * emit_words + reports * report_words),
            debug: 0,
            debug_words: narrow(u64::from(declared.fields.length() as u32) + DEBUG_HEADER as u64),
        })
    }

    /// The same with so many debug records, or as many as fit.
    pub fn with_debug(mut self, records: u32, binding_max: u64) -> Space {
        let words_max = (binding_max / 4).min(u64::from(u32::MAX)) as u32;
        self.debug = records.min(words_max.saturating_sub(self.out_words) / self.debug_words);
        self.out_words += self.debug * self.debug_words;
        self
    }

    /// The word where debug records begin.
    pub fn debug_at(&self) -> u32 {
        self.out_words - self.debug * self.debug_words
    }

    /// The word where reports begin.
    pub fn reports_at(&self) -> u32 {
        self.emits * self.emit_words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::rounds::shape::Reserve;
    use crate::work::fields::Fields;

    const VARIANT: Variant = Variant { bands: 1, tagged: false, reserve: Reserve::Lane };

    fn declared(fan_out_max: u32, emit_max: u32) -> Declared {
        let fields = Fields::WHOLE;
        Declared { fields, fan_out_max, emit_max, emit_words: 4, loop_limit: 1, group_size: 64, buffer_count: 0 }
    }

    #[test]
    fn whatever_an_item_does_has_room_where_half_the_capacity_is_used() {
        for capacity in [1, 2, 16, 1000, 65_536] {
            for (fan_out, emits) in [(0, 0), (1, 1), (40, 3)] {
                for bands in [1, 5] {
                    let variant = Variant { bands, tagged: true, ..VARIANT };
                    let space = Space::plan(&declared(fan_out, emits), variant, capacity, 128 << 20).unwrap();
                    assert!(space.physical - (capacity / 2).max(1).min(capacity) > fan_out);
                    assert!(space.emits >= emits && space.reports >= 1);
                    assert_eq!(space.stride, 17);
                    assert_eq!(space.queue_words, space.physical * 17 * bands);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_says_how_much_does() {
        let refused = Space::plan(&declared(1, 0), VARIANT, 1 << 21, 64 << 20).unwrap_err();
        assert_eq!(refused.status, Status::LIMIT);
        assert!(refused.text.contains("1048574"), "{}", refused.text);
        assert!(Space::plan(&declared(1, 0), VARIANT, 1_048_574, 64 << 20).is_ok());
    }
}
