// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handles: what C holds instead of pointers.
//!
//! ```text
//! bit 63..62   61..57   56..24        23..0
//!     0        kind     generation    index
//! ```
//! The index names a slot of a table, the generation which of its users; both are checked on every use, so a stale
//! handle is an answer and never a crash. Handles stay below 2^62 so that a language with tagged integers holds them.

use super::status::Status;

/// Bits of an index.
pub const INDEX_BITS: u32 = 24;
/// Bits of a generation.
pub const GENERATION_BITS: u32 = 33;
/// Number of slots that a table can have.
pub const INDEX_MAX: u32 = (1 << INDEX_BITS) - 1;
/// The generation after which a slot is retired. Generation 0 is never issued.
pub const GENERATION_MAX: u64 = (1 << GENERATION_BITS) - 1;

const KIND_SHIFT: u32 = INDEX_BITS + GENERATION_BITS;

/// What a handle names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(dead_code, reason = "the numbers are part of handles and never change; some are for what comes")]
pub enum Kind {
    /// A strand.
    Strand = 1,
    /// One explicit wait of a strand.
    ParkToken = 2,
    /// A channel.
    Channel = 3,
    /// A timer that delivers into a channel.
    Timer = 4,
    /// A node of the cancel tree.
    Cancel = 5,
    /// A scope of strands and tasks.
    Scope = 6,
    /// A task.
    Task = 7,
    /// The completing side of a task that no strand computes.
    Promise = 8,
    /// A watch over the end of a strand or task.
    Monitor = 9,
    /// A generator.
    Generator = 10,
    /// A worklist device.
    Device = 11,
    /// A buffer of a device.
    Buffer = 12,
    /// A program of a device.
    Program = 13,
    /// A worklist.
    Worklist = 14,
    /// The completion of a dispatch.
    Ticket = 15,
    /// A function that a cancellation calls.
    CancelHook = 16,
    /// A set of regular expressions.
    Automaton = 17,
    /// A graph.
    Graph = 18,
}

/// The parts of a handle of a known kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts {
    /// Slot of the table.
    pub index: u32,
    /// User of the slot.
    pub generation: u64,
}

/// Puts a handle together.
#[inline]
pub const fn encode(kind: Kind, generation: u64, index: u32) -> u64 {
    (kind as u64) << KIND_SHIFT | generation << INDEX_BITS | index as u64
}

/// Takes a handle apart; `None` when it is of another kind.
#[inline]
pub const fn decode(kind: Kind, handle: u64) -> Option<Parts> {
    if handle >> KIND_SHIFT != kind as u64 {
        return None;
    }
    Some(Parts { index: handle as u32 & INDEX_MAX, generation: handle >> INDEX_BITS & GENERATION_MAX })
}

/// How a handle relates to the slot it names.
#[inline]
pub const fn compare(issued: u64, handle: u64) -> Result<(), Status> {
    if handle == issued {
        Ok(())
    } else if handle < issued {
        Err(Status::STALE)
    } else {
        Err(Status::INVALID)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_gives_its_parts_back_and_stays_below_2_to_the_62() {
        for kind in [Kind::Strand, Kind::ParkToken, Kind::Channel] {
            for generation in [1, 77, GENERATION_MAX] {
                for index in [0, 1, INDEX_MAX] {
                    let handle = encode(kind, generation, index);
                    assert!(handle < 1 << 62 && handle != 0);
                    assert_eq!(decode(kind, handle), Some(Parts { index, generation }));
                }
            }
        }
        assert_eq!(decode(Kind::Strand, encode(Kind::Channel, 1, 1)), None);
        assert_eq!(decode(Kind::Strand, 0), None);
    }

    #[test]
    fn an_older_generation_is_stale_and_a_newer_one_was_never_issued() {
        assert_eq!(compare(5, 5), Ok(()));
        assert_eq!(compare(5, 4), Err(Status::STALE));
        assert_eq!(compare(5, 6), Err(Status::INVALID));
    }
}
