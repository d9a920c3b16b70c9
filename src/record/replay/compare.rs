// SPDX-License-Identifier: MIT OR Apache-2.0
//! Check hashes and the end record against the run.

use super::super::format::End;
use super::super::items::{self, Item};
use super::super::mismatch::{Code, Fact, Mismatch};
use super::Replay;
use super::cursor::Here;

impl Replay {
    #[cold]
    pub(super) fn compare_check(&mut self) -> Result<(), Mismatch> {
        match self.here()? {
            Here::Check => {}
            Here::Truncated => return Ok(()),
            Here::End => return Err(self.mismatch(Code::Exhausted, Fact::TheEnd, Fact::CheckEvent)),
            Here::Predicted | Here::Picks | Here::Event => {
                let expected = self.fact_here()?;
                return Err(self.mismatch(Code::EventKind, expected, Fact::CheckEvent));
            }
        }
        let place = self.place();
        match items::item(self.blocks.events(), self.at, &mut self.bases, true) {
            Ok((Item::Check(half), end)) => {
                if half != self.check.half() && self.compares_check {
                    let (expected, actual) = (Fact::Hash(half.into()), Fact::Hash(self.check.half().into()));
                    return Err(self.mismatch_at(place, Code::Check, expected, actual));
                }
                self.at = end;
                self.left -= 1;
                self.at_event = self.check;
                Ok(())
            }
            _ => Err(self.unreadable()),
        }
    }

    pub(super) fn compare_end(&self, end: &End, status: i32) -> Result<(), Mismatch> {
        if end.status != status {
            return Err(self.mismatch(Code::Result, Fact::Status(end.status), Fact::Status(status)));
        }
        if end.steps != self.steps {
            let (expected, actual) = (Fact::Number("steps:", end.steps), Fact::Number("steps:", self.steps));
            return Err(self.mismatch(Code::Result, expected, actual));
        }
        if end.check != self.check.value() && self.compares_check {
            let (expected, actual) = (Fact::Hash(end.check), Fact::Hash(self.check.value()));
            return Err(self.mismatch(Code::Check, expected, actual));
        }
        Ok(())
    }
}
