// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lanes are made, strands move between them, and each move is recorded.

use super::handoff::{Handoff, Mark};
use super::rules::StrandIndex;
use super::schedule::Schedule;
use super::strands::{Place, Strand, entry};
use crate::base::status::{Outcome, Status};

impl Schedule {
    /// A new lane. `weight`: picks in a cycle, 0 is 1. `width`: how many of its strands may run at a time, 0 is any
    /// number; see `lanes.rs`. NO_MEMORY, LIMIT.
    pub fn lane_new(&mut self, weight: u32, width: u32) -> Outcome<u32> {
        if self.handoffs.size() == 0 {
            self.handoffs.resize(self.rules.handoffs as usize)?;
        }
        self.order.lanes(self.lanes.count() + 1)?;
        self.lanes.add(weight, width)
    }

    /// Moves it to another lane, where it joins as if it had become ready just now, and records a hand-off. To its own
    /// lane: nothing. INVALID for an unknown strand or lane.
    pub fn move_lane(&mut self, strand: StrandIndex, lane: u32, mark: Mark) -> Outcome<()> {
        let known = *entry(&self.strands, strand).ok_or(Status::INVALID)?;
        if !self.lanes.has(lane) {
            return Err(Status::INVALID);
        }
        if known.lane == lane {
            return Ok(());
        }
        self.handoffs.record(Handoff { strand, from: known.lane, to: lane, mark });
        if !self.lanes_first || known.place != Place::Ready {
            self.strands[strand as usize].lane = lane;
            return Ok(());
        }
        if !known.held {
            self.unlink(known.lane, strand);
        }
        let moved = Strand { lane, ..known };
        self.strands[strand as usize] = moved;
        self.sequence += 1;
        self.order.place(strand, self.sequence, &moved);
        if !known.held {
            self.link(lane, strand);
        }
        Ok(())
    }

    /// Its lane.
    pub fn lane_of(&self, strand: StrandIndex) -> u32 {
        entry(&self.strands, strand).map_or(0, |known| known.lane)
    }

    /// Lanes there are.
    pub fn lane_count(&self) -> usize {
        self.lanes.count()
    }

    /// Weight and width of a lane.
    pub fn lane(&self, lane: u32) -> Option<(u32, u32)> {
        self.lanes.weight_and_width(lane)
    }

    /// The lanes that there are last from now on: `clear` leaves them.
    pub fn keep_lanes(&mut self) {
        self.lanes.last();
    }

    /// Makes the lanes that last in `other`, which last here too. For a schedule that is new. NO_MEMORY.
    pub fn adopt_lanes(&mut self, other: &Schedule) -> Outcome<()> {
        for lane in 1..other.lanes.lasting() as u32 {
            if let Some((weight, width)) = other.lane(lane) {
                self.lane_new(weight, width)?;
            }
        }
        self.keep_lanes();
        Ok(())
    }

    /// Strands of a lane that can be picked.
    pub fn eligible_in(&self, lane: u32) -> usize {
        if self.lanes_first && self.lanes.has(lane) {
            return self.lanes.eligible(lane) as usize;
        }
        let stands = |known: &&Strand| known.lane == lane && known.place == Place::Ready && !known.held;
        self.strands.iter().filter(stands).count()
    }

    /// Keeps the last `count` hand-offs (at least 1) instead of as many as the rules say, and forgets those there are.
    /// NO_MEMORY.
    #[cfg(test)]
    pub fn keep_handoffs(&mut self, count: u32) -> Outcome<()> {
        self.handoffs.resize(count.max(1) as usize)
    }

    /// The hand-offs that are kept, oldest first.
    pub fn handoffs(&self) -> impl Iterator<Item = Handoff> {
        self.handoffs.iter()
    }

    /// Hand-offs that were forgotten because newer ones came.
    pub fn handoffs_dropped(&self) -> u64 {
        self.handoffs.dropped()
    }
}
