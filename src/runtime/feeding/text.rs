// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file, read into an automaton as one stream: each block is an ordinary scan, and while it goes on the next is read.

use super::{Job, Plan, Sink, Why, begin, block, stop};
use crate::base::status::{Outcome, Status};
use crate::gpu::automaton::object::{self, Automaton};
use crate::gpu::automaton::scan::{Chunk, Limits};
use crate::gpu::feed::Feed;
use crate::gpu::named::enter;
use crate::gpu::shared::Shared;
use crate::gpu::ticket;
use crate::runtime::automata;
use crate::strand::identity;
use crate::strand::message::{fail, try_box};
use crate::wait::block::FOREVER;
use crate::wait::cancel::Shielded;

/// See the module documentation.
pub struct Text {
    automaton: Shared<Automaton>,
    stream: u32,
    /// The block that is scanned, and the one that is read meanwhile.
    blocks: [Vec<u8>; 2],
}

/// Begins to read a file into an automaton, as a stream: the ticket.
pub fn scan(automaton: u64, stream: u32, plan: Plan) -> Outcome<u64> {
    let _call = enter()?;
    let handle = automaton;
    let automaton = object::get(handle)?;
    automaton.device.look()?;
    let blocks = [block(plan.block)?, block(plan.block)?];
    let sink = Sink::Text(Text { automaton, stream, blocks });
    begin(plan, cancelled, handle, sink, |sink, feed| {
        let Sink::Text(text) = sink else { return Err(Status::INVALID) };
        let mut state = text.automaton.lock();
        if state.is_busy(stream, false) {
            drop(state);
            return fail(Status::BUSY, format_args!("stream {stream} is being scanned"));
        }
        if state.released || text.automaton.device.is_closed() {
            return Err(Status::CLOSED);
        }
        state.fed.try_reserve(1).map_err(|_| Status::NO_MEMORY)?;
        state.feeds.add(feed)?;
        state.fed.insert(stream);
        Ok(())
    })
}

/// The ticket was cancelled.
fn cancelled(automaton: u64, ticket: u64) {
    if let Ok(automaton) = object::get(automaton) {
        let feed = automaton.lock().feeds.of(ticket);
        stop(feed);
    }
}

impl Text {
    pub(super) fn leave(&self, feed: &Shared<Feed>) {
        let mut state = self.automaton.lock();
        state.feeds.remove(feed);
        state.fed.remove(&self.stream);
    }

    pub(super) fn run(&mut self, job: &mut Job) -> Result<(), Why> {
        let [now, next] = &mut self.blocks;
        let scanned = Scanner { automaton: &self.automaton, stream: self.stream, deadline: job.plan.deadline };
        let mut count = job.read(now, true)?.unwrap_or(0);
        while count > 0 {
            let scan = scanned.begin(&now[..count], false)?;
            let ahead = job.read(next, false);
            let (ended, taken) = scan.settle();
            job.counts.taken += taken;
            ended.map_err(|status| Why::Is(if status == Status::CANCELLED { job.why_stopped() } else { status }))?;
            count = match ahead? {
                Some(count) => count,
                None => job.read(next, true)?.unwrap_or(0),
            };
            core::mem::swap(now, next);
        }
        if job.plan.last {
            scanned.begin(&[], true)?.settle().0.map_err(Why::Is)?;
        }
        Ok(())
    }
}

/// What the scans of a file have in common.
struct Scanner<'a> {
    automaton: &'a Shared<Automaton>,
    stream: u32,
    deadline: i64,
}

/// A block that is being scanned.
struct Block<'a> {
    _text: &'a [u8],
    scanned: Box<u64>,
    ticket: u64,
}

impl Scanner<'_> {
    fn begin<'a>(&self, text: &'a [u8], last: bool) -> Result<Block<'a>, Why> {
        let no_memory = Why::Is(Status::NO_MEMORY);
        let mut chunks = Vec::new();
        let (Some(mut scanned), Ok(())) = (try_box(0u64), chunks.try_reserve_exact(1)) else { return Err(no_memory) };
        let (data, scanned_at): (_, *mut u64) = (text.as_ptr(), &raw mut *scanned);
        chunks.push(Chunk { stream: self.stream, last, data, length: text.len(), scanned: scanned_at });
        let limits = Limits { deadline: self.deadline, visits: 0, workers: 1 };
        match automata::begin(self.automaton, chunks.into_boxed_slice(), limits, true) {
            Ok(ticket) => Ok(Block { _text: text, scanned, ticket }),
            Err(status) => Err(Why::Is(status)),
        }
    }
}

impl Block<'_> {
    /// How it has ended, and how many bytes were scanned. It is waited for, whatever comes: it reads the block.
    fn settle(self) -> (Outcome<()>, u64) {
        let mut ended = ticket::wait(self.ticket, FOREVER);
        while ticket::poll(self.ticket) == Err(Status::WOULD_BLOCK) {
            let _ = ticket::cancel(self.ticket);
            let _shield = identity::current().map(Shielded::new);
            ended = ticket::wait(self.ticket, FOREVER);
        }
        let _ = ticket::release(self.ticket);
        // SAFETY: this one's own; the scan has written it for the last time.
        (ended, unsafe { (&raw const *self.scanned).read_volatile() })
    }
}
