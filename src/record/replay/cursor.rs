// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where in the recording the run is.

use super::super::items::{self, Item};
use super::super::mismatch::{Code, Fact, Mismatch};
use super::super::reader::Next;
use super::Replay;

/// What is at the cursor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Here {
    Predicted,
    Picks,
    Event,
    Check,
    End,
    Truncated,
}

impl Replay {
    /// What is at the cursor, which is moved to the next block where one is used up, and over events of later
    /// versions.
    pub(super) fn here(&mut self) -> Result<Here, Mismatch> {
        loop {
            if self.run > 0 {
                return Ok(Here::Predicted);
            }
            if self.picks > 0 {
                return Ok(Here::Picks);
            }
            if self.left == 0 {
                match self.over {
                    Some(Some(_)) => return Ok(Here::End),
                    Some(None) => return Ok(Here::Truncated),
                    None => self.next_block()?,
                }
                continue;
            }
            let mut bases = self.bases;
            match items::item(self.blocks.events(), self.at, &mut bases, true) {
                Ok((Item::Predicted(count), end)) => (self.run, self.at, self.left) = (count, end, self.left - 1),
                Ok((Item::Picks(count), end)) => (self.picks, self.at, self.left) = (count, end, self.left - 1),
                Ok((Item::Unknown(_), end)) => (self.at, self.left) = (end, self.left - 1),
                Ok((Item::Check(_), _)) => return Ok(Here::Check),
                Ok((Item::Event { .. }, _)) => return Ok(Here::Event),
                Err(_) => return Err(self.unreadable()),
            }
        }
    }

    /// All of a block was followed: its tail must agree.
    #[cold]
    pub(super) fn next_block(&mut self) -> Result<(), Mismatch> {
        if self.tail != self.at_event.value() && self.compares_check {
            let (expected, actual) = (Fact::Hash(self.tail), Fact::Hash(self.at_event.value()));
            return Err(self.mismatch(Code::Check, expected, actual));
        }
        match self.blocks.advance() {
            Ok(Next::Block { head, offset, check }) => {
                (self.left, self.at, self.offset, self.tail) = (head.events, 0, offset, check);
            }
            Ok(Next::End(end)) => self.over = Some(Some(end)),
            Ok(Next::Truncated) => self.over = Some(None),
            Err(_) => return Err(self.unreadable()),
        }
        Ok(())
    }

    /// Where in the file the cursor is.
    pub(super) fn place(&self) -> u64 {
        if self.over.is_some() { self.summary.complete } else { self.offset + self.at as u64 }
    }

    /// What the recording has at the cursor.
    #[cold]
    pub(super) fn fact_here(&mut self) -> Result<Fact, Mismatch> {
        let mut bases = self.bases;
        Ok(match self.here()? {
            Here::Predicted => Fact::PredictedPick,
            Here::Check => Fact::CheckEvent,
            Here::End | Here::Truncated => Fact::TheEnd,
            Here::Picks => match items::pick(self.blocks.events(), self.at, &mut bases) {
                Ok((strand, _)) => Fact::Pick(strand),
                Err(_) => Fact::AnyPick,
            },
            Here::Event => match items::item(self.blocks.events(), self.at, &mut bases, true) {
                Ok((item, _)) => item.raw(self.blocks.events()).map_or(Fact::Nothing, |raw| Fact::event(&raw)),
                Err(_) => Fact::Nothing,
            },
        })
    }

    #[cold]
    pub(super) fn mismatch(&self, code: Code, expected: Fact, actual: Fact) -> Mismatch {
        self.mismatch_at(self.place(), code, expected, actual)
    }

    pub(super) fn mismatch_at(&self, offset: u64, code: Code, expected: Fact, actual: Fact) -> Mismatch {
        Mismatch { code, step: self.steps, offset, strand: self.strand, expected, actual }
    }

    #[cold]
    pub(super) fn unreadable(&self) -> Mismatch {
        self.mismatch(Code::Unreadable, Fact::Nothing, Fact::Nothing)
    }
}
