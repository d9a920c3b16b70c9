// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events as the table of [`super::event`] sees them.

use super::check::Check;
use super::event::{CHOICE, Event, FIELDS, Payload, shape_of};

/// An event as the table sees it: signed fields are extended to 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raw<'a> {
    /// Which kind.
    pub tag: u8,
    /// Its fields, zeros after them.
    pub fields: [u64; FIELDS],
    /// Its bytes.
    pub bytes: &'a [u8],
}

const fn signed(value: i32) -> u64 {
    value as i64 as u64
}

impl<'a> Raw<'a> {
    /// The event as the table sees it.
    pub fn of(event: &Event<'a>) -> Raw<'a> {
        let raw = |tag, fields, bytes| Raw { tag, fields, bytes };
        match *event {
            Event::Choice { kind, n, chosen } => raw(CHOICE, [kind.into(), n.into(), chosen.into(), 0], &[]),
            Event::External { object, kind, outcome, payload } => {
                raw(0x05, [object, kind.into(), signed(outcome), 0], payload)
            }
            Event::Timers { now, count } => raw(0x07, [now as u64, count.into(), 0, 0], &[]),
            Event::Clock { value } => raw(0x08, [value as u64, 0, 0, 0], &[]),
            Event::Entropy { bytes } => raw(0x09, [0; 4], bytes),
            Event::Io { operation, object, result, errno, payload } => {
                raw(0x0A, [operation.into(), object, result as u64, signed(errno)], payload)
            }
            Event::Signal { number } => raw(0x0B, [number.into(), 0, 0, 0], &[]),
            Event::Cancel { object, reason } => raw(0x0C, [object, reason, 0, 0], &[]),
            Event::Wake { strand, value } => raw(0x0D, [strand, value, 0, 0], &[]),
            Event::DeviceSubmit { batch, kind, count } => raw(0x0E, [batch, kind.into(), count.into(), 0], &[]),
            Event::DeviceDone { batch, digest } => raw(0x0F, [batch, digest, 0, 0], &[]),
            Event::Spawn { strand, parent } => raw(0x10, [strand, parent, 0, 0], &[]),
            Event::User { kind, bytes } => raw(0x13, [kind.into(), 0, 0, 0], bytes),
            Event::Fault { strand, code } => raw(0x14, [strand, signed(code), 0, 0], &[]),
            Event::Inject { kind, object } => raw(0x15, [kind.into(), object, 0, 0], &[]),
        }
    }

    /// The event; nothing for a tag without a shape.
    pub fn event(&self) -> Option<Event<'a>> {
        let [a, b, c, d] = self.fields;
        Some(match self.tag {
            CHOICE => Event::Choice { kind: a as u8, n: b as u32, chosen: c as u32 },
            0x05 => Event::External { object: a, kind: b as u8, outcome: c as i32, payload: self.bytes },
            0x07 => Event::Timers { now: a as i64, count: b as u32 },
            0x08 => Event::Clock { value: a as i64 },
            0x09 => Event::Entropy { bytes: self.bytes },
            0x0A => Event::Io { operation: a as u8, object: b, result: c as i64, errno: d as i32, payload: self.bytes },
            0x0B => Event::Signal { number: a as u32 },
            0x0C => Event::Cancel { object: a, reason: b },
            0x0D => Event::Wake { strand: a, value: b },
            0x0E => Event::DeviceSubmit { batch: a, kind: b as u32, count: c as u32 },
            0x0F => Event::DeviceDone { batch: a, digest: b },
            0x10 => Event::Spawn { strand: a, parent: b },
            0x13 => Event::User { kind: a as u32, bytes: self.bytes },
            0x14 => Event::Fault { strand: a, code: b as i32 },
            0x15 => Event::Inject { kind: a as u8, object: b },
            _ => return None,
        })
    }

    /// Adds the event to a check hash.
    pub fn add_to(&self, check: &mut Check) {
        let shape = shape_of(self.tag);
        check.add(u64::from(self.tag));
        for &field in &self.fields[..shape.map_or(FIELDS, |shape| shape.fields.len())] {
            check.add(field);
        }
        if shape.is_some_and(|shape| shape.payload != Payload::None) {
            check.add_bytes(self.bytes);
        }
    }

    /// Whether a run that does `self` does what the recording says.
    pub fn agrees_with(&self, recorded: &Raw<'_>) -> bool {
        let Some(shape) = shape_of(self.tag) else { return false };
        self.tag == recorded.tag
            && shape.fields.iter().zip(self.fields.iter().zip(recorded.fields)).all(|(f, (a, b))| f.input || *a == b)
            && (shape.payload != Payload::InputOfEqualLength || self.bytes.len() == recorded.bytes.len())
    }
}
