// SPDX-License-Identifier: MIT OR Apache-2.0
//! The deadlock report: who waits for what when nothing can happen any more.

use core::fmt::{self, Write};

use super::dump;
use crate::engine::parallel::Parallel;
use crate::strand::head::{self, FLAG_UNCOUNTED, Head, Phase};
use crate::strand::waiter::WaitKind;

struct Headline(usize);

impl fmt::Display for Headline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, whom) = if self.0 == 1 { ("strand waits", "it") } else { ("strands wait", "them") };
        write!(out, "deadlock: {} {who} and nothing can wake {whom}", self.0)
    }
}

fn waiting(index: &u32) -> bool {
    let strand = head::at(*index);
    strand.phase() == Phase::Waiting && (!strand.has(FLAG_UNCOUNTED) || is_asked(strand))
}

/// The strand of a generator that somebody has resumed is not counted, but what it waits for is what they wait for.
fn is_asked(strand: &'static Head) -> bool {
    strand.started_body().is_some_and(|body| body.generator.get() != 0 && body.waiter.kind() != WaitKind::Resume)
}

/// Writes the first line of the report, without its end. Every worker is idle.
pub fn headline(engine: &Parallel, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{}", Headline((0..engine.strands.fresh()).filter(waiting).count()))
}

/// Writes the report. Every worker is idle.
pub fn report(engine: &Parallel, out: &mut dyn Write) {
    let total = (0..engine.strands.fresh()).filter(waiting).count();
    let _ = writeln!(out, "{}", Headline(total));
    let _ = dump::lines(engine, waiting, out);
    let _ = out
        .write_str("if another OS thread was going to wake one of them, it must say so with strand_external_acquire");
}
