// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a strand touched between two decisions: two stretches that touch nothing in common may change places.

/// Objects that are kept; more count as everything.
const OBJECTS_MAX: usize = 32;

/// See the module documentation.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Footprint {
    everything: bool,
    objects: Vec<u64>,
}

impl Footprint {
    /// One that has everything in common with everybody.
    pub const fn everything() -> Footprint {
        Footprint { everything: true, objects: Vec::new() }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.everything = false;
        self.objects.clear();
    }

    /// An object was touched.
    pub fn touch(&mut self, object: u64) {
        if self.everything || self.objects.contains(&object) {
            return;
        }
        if self.objects.len() == OBJECTS_MAX || self.objects.try_reserve(1).is_err() {
            self.everything = true;
        } else {
            self.objects.push(object);
        }
    }

    /// Anything may have been touched.
    pub fn touch_everything(&mut self) {
        self.everything = true;
    }

    /// What the other one touched was touched too.
    pub fn merge(&mut self, other: &Footprint) {
        self.everything |= other.everything;
        other.objects.iter().for_each(|object| self.touch(*object));
    }

    /// Whether the order of the two stretches may matter.
    pub fn conflicts(&self, other: &Footprint) -> bool {
        self.everything || other.everything || self.objects.iter().any(|object| other.objects.contains(object))
    }

    /// The objects; `None` for everything.
    pub fn objects(&self) -> Option<&[u64]> {
        (!self.everything).then_some(&self.objects)
    }
}
