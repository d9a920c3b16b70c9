// SPDX-License-Identifier: MIT OR Apache-2.0
//! One line for each strand: who it is, what it does, what it waits for, where it was spawned.

use core::fmt::{self, Write};
use core::sync::atomic::Ordering;

use super::site::Site;
use crate::engine::clock;
use crate::engine::parallel::Parallel;
use crate::memory::stack_class::USABLE;
use crate::strand::extras;
use crate::strand::fault::{Lossy, Named};
use crate::strand::head::{self, Head, Phase};
use crate::strand::message::Text;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::sync::channel;
use crate::sync::holder::Holder;
use crate::task::generator;

/// What a strand waits for, in words.
struct What<'a>(&'a Waiter);

impl fmt::Display for What<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.0.object.load(Ordering::Relaxed);
        match (self.0.kind(), self.0.kind().phrase()) {
            (WaitKind::Receive, _) => write!(out, "waits to receive from {}", Chan(object)),
            (WaitKind::Send, _) => write!(out, "waits to send to {}", Chan(object)),
            (WaitKind::Select, _) => several(self.0, object, out),
            (WaitKind::Generator, (phrase, _)) => {
                write!(out, "{phrase} {object:#x} (strand {:#x})", generator::strand_of(object))
            }
            (_, (phrase, true)) => {
                write!(out, "{phrase} {object:#x}")?;
                let mut holder = Text::<160>::new();
                write!(holder, "{}", Holder(self.0))?;
                match Lossy(holder.as_bytes()) {
                    Lossy([]) => Ok(()),
                    holder => write!(out, ", {holder}"),
                }
            }
            (_, (phrase, false)) => out.write_str(phrase),
        }?;
        let deadline = self.0.deadline.get();
        if deadline > 0 {
            let left = (deadline - clock::shown()) / 1_000_000;
            write!(out, " (deadline in {left} ms)")?;
        }
        Ok(())
    }
}

/// A strand in a select: how many cases it has, and the first of them.
fn several(waiter: &Waiter, count: u64, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(out, "waits in a select of {} (", Number(count as usize, "case"))?;
    let cases = waiter.shown.get();
    let mut shown = 0;
    for (kind, object) in cases.into_iter().take_while(|(kind, _)| *kind != WaitKind::None) {
        out.write_str(if shown == 0 { "" } else { "; " })?;
        shown += 1;
        let (phrase, _) = kind.phrase();
        match kind {
            WaitKind::Receive => write!(out, "to receive from {}", Chan(object)),
            WaitKind::Send => write!(out, "to send to {}", Chan(object)),
            WaitKind::Sleep => out.write_str("for a moment"),
            WaitKind::Park => write!(out, "for the unpark of token {object:#x}"),
            _ => write!(out, "{} {object:#x}", phrase.trim_start_matches("waits ")),
        }?;
    }
    out.write_str(if shown < count as usize { "; and others)" } else { ")" })
}

struct Chan(u64);

impl fmt::Display for Chan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "channel {:#x}", self.0)?;
        let Some(channel) = channel::describe(self.0) else { return out.write_str(" (released)") };
        if channel.name_length > 0 {
            write!(out, " \"{}\"", Lossy(&channel.name[..channel.name_length]))?;
        }
        match channel.capacity {
            0 => out.write_str(" (rendezvous")?,
            usize::MAX => write!(out, " (unbounded, holds {}", channel.length)?,
            capacity => write!(out, " (holds {} of {capacity}", channel.length)?,
        }
        write!(out, ", {} and {} wait", Number(channel.receivers, "receiver"), Number(channel.senders, "sender"))?;
        out.write_str(if channel.closed { ", closed)" } else { ")" })
    }
}

/// A number of things: `1 sender`, `2 senders`.
struct Number(usize, &'static str);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

/// Strands that a report names one by one.
const NAMED_MAX: usize = 16;

/// A line for each of the `chosen` strands, by index, up to a number; then how many more there are.
pub fn lines(engine: &Parallel, chosen: impl Fn(&u32) -> bool, out: &mut dyn Write) -> fmt::Result {
    let mut left = (0..engine.strands.fresh()).filter(chosen);
    for index in left.by_ref().take(NAMED_MAX) {
        out.write_str("  ")?;
        line(head::at(index), out)?;
    }
    match left.count() {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

/// Writes the line of a strand; nothing for a free head.
pub fn line(strand: &'static Head, out: &mut dyn Write) -> fmt::Result {
    strand.lock.lock();
    let result = line_locked(strand, out);
    strand.lock.unlock();
    result
}

fn line_locked(strand: &'static Head, out: &mut dyn Write) -> fmt::Result {
    let phase = strand.phase();
    if phase == Phase::Free {
        return Ok(());
    }
    let body = strand.started_body();
    let name = extras::of(strand, body).map_or(&[][..], |extras| extras.name());
    write!(out, "{} ", Named { id: head::handle_of(strand), name })?;
    match (phase, body) {
        (Phase::Waiting, Some(body)) => write!(out, "{}", What(&body.waiter))?,
        (Phase::Running, _) => write!(out, "runs on worker {}", strand.home.load(Ordering::Relaxed))?,
        (Phase::Ready, None) => out.write_str("is ready and has never run")?,
        (Phase::Ready, _) => out.write_str("is ready")?,
        _ => out.write_str(phase.name())?,
    }
    write!(
        out,
        "; stack {} bytes; spawned at {}",
        USABLE[strand.class() as usize],
        Site(strand.site.load(Ordering::Relaxed))
    )?;
    writeln!(out)
}

/// Writes every strand's line.
pub fn all(engine: &Parallel, out: &mut dyn Write) -> fmt::Result {
    for index in 0..engine.strands.fresh() {
        line(head::at(index), out)?;
    }
    Ok(())
}
