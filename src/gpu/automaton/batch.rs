// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches: the next windows of several streams side by side, and those who run them.
//!
//! ```text
//! text      | window 0 | window 1 | window 2 |            one window of a stream at a time
//! active    for each window and part: the states that are active before its first byte, behind its last one afterwards
//! seeds     states that become active inside of the windows, for the part whose patterns have factors
//! ```
//! A part is one of the automata of a set, in the order of `Set::tables`: first that of the patterns with factors, then the
//! rest. A batch whose run was not the end of it is given up and made anew: the streams have kept what they carry.

use crate::automata::bytes::{Kinds, kind_of};
use crate::automata::pattern::Match;
use crate::automata::reference::{Place, report_waiting};
use crate::automata::tables::Tables;
use crate::automata::verify::Seed;
use crate::base::room::{Grow, NoMemory};
use crate::base::status::Outcome;

/// Where the matches of the first part begin; those of the others begin anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    /// At the seeds.
    Seeds,
    /// Wherever a state has a start: there are no seeds.
    Anywhere,
}

/// The next bytes of a stream.
#[derive(Clone, Debug)]
pub struct Window {
    /// The stream; a batch has one window of it.
    pub stream: u32,
    /// Index of its first byte in the batch's text.
    pub from: u32,
    /// Its bytes; not 0.
    pub length: u32,
    /// Bytes of the stream before it.
    pub offset: u64,
    /// Kind of the byte before it.
    pub before: Kinds,
    /// Index of its first seed.
    seeds: u32,
}

impl Window {
    /// Where it lies in the text.
    pub fn range(&self) -> core::ops::Range<usize> {
        self.from as usize..(self.from + self.length) as usize
    }

    /// The stream, and where it stands before the window.
    pub fn place(&self) -> Place {
        Place { stream: self.stream, end: self.offset }
    }
}

/// See the module documentation.
pub struct Batch {
    /// The bytes of all windows.
    pub text: Vec<u8>,
    /// The windows, in the order of the text.
    pub windows: Vec<Window>,
    /// See [`Begins`].
    pub begins: Begins,
    parts: usize,
    active: Vec<Vec<u32>>,
    seeds: Vec<Seed>,
}

impl Batch {
    /// Without windows, for automata of so many parts.
    pub fn new(parts: usize, begins: Begins) -> Batch {
        Batch { text: Vec::new(), windows: Vec::new(), begins, parts, active: Vec::new(), seeds: Vec::new() }
    }

    /// Without windows again.
    pub fn clear(&mut self) {
        self.text.clear();
        self.windows.clear();
        self.seeds.clear();
    }

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// Adds the next bytes of a stream. What is active before them is for [`Batch::carry`], seeds for [`Batch::seed`].
    pub fn add(&mut self, place: Place, before: Kinds, bytes: &[u8]) -> Outcome<()> {
        self.text.room(bytes.len())?;
        self.windows.room(1)?;
        let used = self.windows.len() * self.parts;
        if self.active.len() < used + self.parts {
            self.active.room(self.parts)?;
            self.active.resize_with(used + self.parts, Vec::new);
        }
        self.active[used..used + self.parts].iter_mut().for_each(Vec::clear);
        self.windows.push(Window {
            stream: place.stream,
            from: self.text.len() as u32,
            length: bytes.len() as u32,
            offset: place.end,
            before,
            seeds: 0,
        });
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    /// What is active of a part before the last window that was added.
    pub fn carry(&mut self, part: usize, states: &[u32]) -> Outcome<()> {
        let at = self.windows.len().saturating_sub(1) * self.parts + part;
        self.active[at].clear();
        Ok(self.active[at].add_all(states)?)
    }

    /// Seeds of a window, sorted: indices after a byte of it. Of all windows, in their order, or of none.
    pub fn seed(&mut self, window: usize, seeds: &[Seed]) -> Outcome<()> {
        self.windows[window].seeds = self.seeds.len() as u32;
        Ok(self.seeds.add_all(seeds)?)
    }

    /// The bytes of a window.
    pub fn bytes(&self, window: usize) -> &[u8] {
        &self.text[self.windows[window].range()]
    }

    /// The seeds of a window: those of the first part.
    pub fn seeds(&self, window: usize) -> &[Seed] {
        &self.seeds[self.range_of_seeds(window)]
    }

    fn range_of_seeds(&self, window: usize) -> core::ops::Range<usize> {
        let end = self.windows.get(window + 1).map_or(self.seeds.len(), |next| next.seeds as usize);
        self.windows[window].seeds as usize..end
    }

    /// What is active of a part before a window's first byte; once it was run, behind its last one.
    pub fn active(&self, window: usize, part: usize) -> &[u32] {
        &self.active[window * self.parts + part]
    }

    /// The same, to be changed. A run leaves it sorted, each state once.
    pub fn active_mut(&mut self, window: usize, part: usize) -> &mut Vec<u32> {
        &mut self.active[window * self.parts + part]
    }

    /// The bytes of a window, its seeds, and what is active of a part.
    pub fn look(&mut self, window: usize, part: usize) -> (&[u8], &[Seed], &mut Vec<u32>) {
        let (text, seeds) = (self.windows[window].range(), self.range_of_seeds(window));
        (&self.text[text], &self.seeds[seeds], &mut self.active[window * self.parts + part])
    }

    /// What has ended before the windows and depends on their first bytes. Whoever runs the batch reports it no more.
    pub fn report_borders<'a>(
        &self,
        tables: impl Iterator<Item = &'a Tables>,
        out: &mut Vec<Match>,
    ) -> Result<(), NoMemory> {
        for (part, tables) in tables.enumerate() {
            for (number, window) in self.windows.iter().enumerate() {
                let first = kind_of(self.text[window.from as usize]);
                report_waiting(tables, self.active(number, part), window.place(), first, out)?;
            }
        }
        Ok(())
    }
}

/// How much one who runs batches takes at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Bytes of a batch.
    pub text: usize,
    /// Bytes of a window.
    pub window: usize,
    /// Windows.
    pub windows: usize,
}

impl Room {
    /// What both take.
    pub fn and(self, other: Room) -> Room {
        Room {
            text: self.text.min(other.text),
            window: self.window.min(other.window),
            windows: self.windows.min(other.windows),
        }
    }
}

/// How a run has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// Everything was done, with so many visits.
    Done(u64),
    /// It was too much at once: a smaller batch has to be made, and this one is void.
    Full,
    /// It was asked to stop; the batch is void.
    Stopped,
}

/// Runs batches. Each has parts of its own, and leaves the others alone.
pub trait Stepper {
    /// What a batch may have.
    fn room(&self) -> Room;

    /// Runs all windows of a batch: what ends behind their first bytes and up to their last ones is added to `out`, in any
    /// order, more than once if need be; of what ends with a window's last byte that which ends whatever comes. What is
    /// active there is left in the batch. `goes_on` is asked now and then; once it says no, nothing more is done.
    fn step(&mut self, batch: &mut Batch, goes_on: &mut dyn FnMut() -> bool, out: &mut Vec<Match>) -> Outcome<Stepped>;
}
