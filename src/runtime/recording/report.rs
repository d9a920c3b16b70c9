// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report of a run that left its recording: in which way, who ran and what it waits on, who was ready, and the last
//! steps.

use core::fmt::Write;
use std::collections::VecDeque;

use crate::diagnose::dump;
use crate::engine::parallel;
use crate::engine::stepped::LastStep;
use crate::policy::{Schedule, StrandIndex};
use crate::record::failure::Path;
use crate::record::{Fact, Mismatch};
use crate::runtime::entry;
use crate::runtime::exploring::guide::Stop;
use crate::strand::head::{self, Head, Phase};

/// Ready strands that are named.
const READY: usize = 16;

/// What the report is made of.
pub struct Told<'a> {
    /// The recording.
    pub path: &'a [u8],
    /// The difference.
    pub mismatch: &'a Mismatch,
    /// The last steps.
    pub story: &'a VecDeque<LastStep>,
    /// All steps.
    pub steps: u64,
    /// The strand that was to run next.
    pub chosen: Option<&'static Head>,
}

/// Whether a strand with this index is there.
pub fn exists(strand: StrandIndex) -> bool {
    parallel::engine().is_some_and(|engine| strand < engine.strands.fresh()) && head::at(strand).phase() != Phase::Free
}

impl Told<'_> {
    /// The report. Where no memory is left for it, as much as there was.
    pub fn text(&self, schedule: &Schedule) -> String {
        let mut text = String::new();
        let _ = self.write(schedule, &mut text);
        text.truncate(text.trim_end().len());
        text
    }

    fn write(&self, schedule: &Schedule, out: &mut String) -> core::fmt::Result {
        writeln!(out, "replay of '{}': {}", Path(self.path), self.mismatch)?;
        let mut named = Vec::new();
        for number in [self.mismatch.strand, picked(&self.mismatch.expected), picked(&self.mismatch.actual)] {
            if number != 0 && !named.contains(&number) {
                named.push(number);
                self.strand(number, out)?;
            }
        }
        self.ready(schedule, out)?;
        if !self.story.is_empty() {
            writeln!(out, "the last {} of {} steps:", self.story.len(), self.steps)?;
        }
        let first = self.steps - self.story.len() as u64;
        for (step, last) in self.story.iter().enumerate() {
            write!(out, "  step {}: ", first + step as u64 + 1)?;
            name(last.strand as u32 & crate::base::handle::INDEX_MAX, last.strand, out)?;
            writeln!(out, " {}", Stop(last))?;
        }
        Ok(())
    }

    fn strand(&self, number: u64, out: &mut String) -> core::fmt::Result {
        write!(out, "strand {number}: ")?;
        match u32::try_from(number - 1).ok().filter(|index| exists(*index)) {
            Some(index) => dump::line(head::at(index), out),
            None => writeln!(out, "there is none"),
        }
    }

    fn ready(&self, schedule: &Schedule, out: &mut String) -> core::fmt::Result {
        let mut listed = 0;
        let mut result = Ok(());
        let mut visit = |index: StrandIndex| {
            if listed < READY && result.is_ok() {
                result = out.write_str(if listed == 0 { "ready: " } else { ", " });
                result = result.and_then(|()| name(index, head::handle_of(head::at(index)), out));
            }
            listed += 1;
        };
        if let Some(chosen) = self.chosen {
            visit(head::index_of(chosen));
        }
        schedule.for_each_ready(visit);
        result?;
        match listed {
            0 => writeln!(out, "ready: nobody"),
            _ if listed > READY => writeln!(out, " and {} more", listed - READY),
            _ => writeln!(out),
        }
    }
}

/// The strand of a pick.
fn picked(fact: &Fact) -> u64 {
    match fact {
        Fact::Pick(number) => *number,
        _ => 0,
    }
}

/// The strand by its name where it is still there, else by the handle that it had.
fn name(index: StrandIndex, handle: u64, out: &mut String) -> core::fmt::Result {
    if exists(index) && head::handle_of(head::at(index)) == handle {
        let strand = head::at(index);
        return write!(out, "{}", entry::named(strand, strand.started_body()));
    }
    write!(out, "strand {handle:#x}")
}
