// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file of records, read into a worklist.

use super::{Job, Plan, Sink, Why, begin, block, stop};
use crate::base::status::{Outcome, Status};
use crate::gpu::feed::Feed;
use crate::gpu::named::enter;
use crate::gpu::shared::Shared;
use crate::gpu::worklist::list::{self, Worklist};
use crate::strand::message::fail;

/// See the module documentation.
pub struct Items {
    list: Shared<Worklist>,
    band: u32,
    tenant: u32,
    words: Vec<u32>,
    /// Bytes at the beginning of the words that are no whole record yet.
    held: usize,
}

/// Begins to read a file into a worklist: the ticket.
pub fn ingest(worklist: u64, band: u32, tenant: u32, plan: Plan) -> Outcome<u64> {
    let _call = enter()?;
    let list = list::get_open(worklist)?;
    list.check_place(band, tenant, 0)?;
    let stride = list.shape.record_words();
    if plan.bytes_max != u64::MAX && !plan.bytes_max.is_multiple_of(stride as u64 * 4) {
        return fail(
            Status::INVALID,
            format_args!("bytes_max is {}: a record has {} bytes", plan.bytes_max, stride * 4),
        );
    }
    // Several blocks fit the queue, so that one can be read while others are worked on.
    let most = usize::try_from(list.shape.host_items_max / 4).unwrap_or(usize::MAX);
    let records = (plan.block / (stride * 4)).min(most).max(1);
    list.lock().look_open(&list)?;
    let words = block(records * stride)?;
    let sink = Sink::Items(Items { list, band, tenant, words, held: 0 });
    begin(plan, cancelled, worklist, sink, |sink, feed| {
        let Sink::Items(items) = sink else { return Err(Status::INVALID) };
        let mut state = items.list.lock();
        // Under the lock: who closes it afterwards finds the feed.
        state.look_open(&items.list)?;
        state.feeds.add(feed)
    })
}

/// The ticket was cancelled.
fn cancelled(worklist: u64, ticket: u64) {
    if let Ok(list) = list::get(worklist) {
        let feed = list.lock().feeds.of(ticket);
        stop(feed);
    }
}

impl Items {
    pub(super) fn leave(&self, feed: &Shared<Feed>) {
        self.list.lock().feeds.remove(feed);
    }

    pub(super) fn run(&mut self, job: &mut Job) -> Result<(), Why> {
        let stride = self.list.shape.record_words();
        loop {
            let held = self.held;
            let count = job.read(&mut self.bytes()[held..], true)?.unwrap_or(0);
            if count == 0 {
                break;
            }
            self.held += count;
            let records = self.held / (stride * 4);
            self.push(job, records)?;
        }
        if self.held > 0 {
            return Err(Why::Partial(self.held as u32));
        }
        if job.plan.last {
            self.list.close();
        }
        Ok(())
    }

    /// The block, as bytes.
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the words of the block; any bytes are words.
        unsafe { core::slice::from_raw_parts_mut(self.words.as_mut_ptr().cast(), self.words.len() * 4) }
    }

    /// Hands the first records over; what follows them comes to the beginning.
    fn push(&mut self, job: &mut Job, records: usize) -> Result<(), Why> {
        if records == 0 {
            return Ok(());
        }
        let words = records * self.list.shape.record_words();
        match self.list.push(&self.words[..words], self.band, self.tenant, job.plan.deadline) {
            Ok(()) => {}
            Err(Status::CANCELLED) => return Err(Why::Is(job.why_stopped())),
            Err(status) => return Err(Why::Is(status)),
        }
        job.counts.taken += words as u64 * 4;
        job.counts.items += records as u64;
        let held = self.held;
        self.bytes().copy_within(words * 4..held, 0);
        self.held -= words * 4;
        Ok(())
    }
}
