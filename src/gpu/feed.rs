// SPDX-License-Identifier: MIT OR Apache-2.0
//! What reads a file into a worklist or an automaton, as these know it: they can tell it to stop.

use core::sync::atomic::{AtomicU64, Ordering};

use super::shared::Shared;
use crate::base::room::Grow;
use crate::base::status::Outcome;
use crate::io::source::Source;

/// A file that is read.
pub struct Feed {
    /// Where it comes from.
    pub source: Source,
    ticket: u64,
    strand: AtomicU64,
}

impl Feed {
    /// What reads this descriptor, and resolves this ticket.
    pub fn new(source: Source, ticket: u64) -> Outcome<Shared<Feed>> {
        Shared::new(Feed { source, ticket, strand: AtomicU64::new(0) })
    }

    /// The strand that does it is known. Before it runs.
    pub fn done_by(&self, strand: u64) {
        self.strand.store(strand, Ordering::Relaxed);
    }

    /// The strand that does it; 0 as long as there is none.
    pub fn strand(&self) -> u64 {
        self.strand.load(Ordering::Relaxed)
    }
}

/// Those of one worklist, or automaton. Under the lock of that one.
#[derive(Default)]
pub struct Feeds(Vec<Shared<Feed>>);

impl Feeds {
    /// None.
    pub const fn new() -> Feeds {
        Feeds(Vec::new())
    }

    /// One more.
    pub fn add(&mut self, feed: &Shared<Feed>) -> Outcome<()> {
        Ok(self.0.add(feed.clone())?)
    }

    /// One has ended.
    pub fn remove(&mut self, feed: &Shared<Feed>) {
        self.0.retain(|known| !known.is(feed));
    }

    /// The one that has this ticket.
    pub fn of(&self, ticket: u64) -> Option<Shared<Feed>> {
        self.0.iter().find(|feed| feed.ticket == ticket).cloned()
    }

    /// Nothing is read any more.
    pub fn stop_all(&self) {
        self.0.iter().for_each(|feed| feed.source.stop());
    }
}
