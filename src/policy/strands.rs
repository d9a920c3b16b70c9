// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of each strand, whatever the policy.

use super::rules::StrandIndex;

/// Where a strand is. This alone says whether it is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// There is no such strand.
    Absent,
    /// It runs or waits.
    Away,
    /// It waits for its turn.
    Ready,
}

/// One strand.
#[derive(Clone, Copy)]
pub(super) struct Strand {
    pub(super) place: Place,
    /// It keeps its place and is never picked.
    pub(super) held: bool,
    pub(super) lane: u32,
    pub(super) priority: i32,
    pub(super) tokens: u32,
}

impl Strand {
    pub(super) const ABSENT: Strand = Strand { place: Place::Absent, held: false, lane: 0, priority: 0, tokens: 0 };
}

/// The table.
pub(super) type Strands = Vec<Strand>;

/// The entry of a strand that exists.
pub(super) fn entry(strands: &Strands, strand: StrandIndex) -> Option<&Strand> {
    strands.get(strand as usize).filter(|entry| entry.place != Place::Absent)
}

/// The same, to change it.
pub(super) fn entry_mut(strands: &mut Strands, strand: StrandIndex) -> Option<&mut Strand> {
    strands.get_mut(strand as usize).filter(|entry| entry.place != Place::Absent)
}
