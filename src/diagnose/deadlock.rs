// SPDX-License-Identifier: MIT OR Apache-2.0
//! The deadlock report: who waits for what when nothing can happen any more.

use core::fmt::Write;

use super::dump;
use crate::engine::parallel::Parallel;
use crate::strand::head::{self, FLAG_UNCOUNTED, Phase};

/// Strands that the report names one by one.
const NAMED_MAX: usize = 16;

/// Writes the report. Every worker is idle.
pub fn report(engine: &Parallel, out: &mut dyn Write) {
    let waiting = |index: &u32| {
        let strand = head::at(*index);
        strand.phase() == Phase::Waiting && !strand.has(FLAG_UNCOUNTED)
    };
    let total = (0..engine.strands.fresh()).filter(waiting).count();
    let _ = writeln!(
        out,
        "deadlock: {total} {} and nothing can wake {}",
        if total == 1 { "strand waits" } else { "strands wait" },
        if total == 1 { "it" } else { "them" }
    );
    for index in (0..engine.strands.fresh()).filter(waiting).take(NAMED_MAX) {
        let _ = out.write_str("  ");
        let _ = dump::line(head::at(index), out);
    }
    if total > NAMED_MAX {
        let _ = writeln!(out, "  and {} more", total - NAMED_MAX);
    }
    let _ = out
        .write_str("if another OS thread was going to wake one of them, it must say so with strand_external_acquire");
}
