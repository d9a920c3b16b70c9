// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the program does with its items, as a native kernel.
//!
//! ```text
//! item (state, cursor, position)       cursor: first over what ends with the state, then over its edges
//!   an edge that takes the byte at the position: its state is claimed for the next position, if it is a join
//!   the first such state is gone on with at once, the others are pushed
//! item (START | end, cursor, position) what begins with each byte up to the end; cursor: over the states that may
//! emitted: (pattern, position)         a match ends there
//!          (ACTIVE | state, position)  the state is active where its window ends
//! ```
//! What is left of an item after 64 steps, or when it has pushed or emitted as much as it may, is pushed with its cursor. So
//! whatever ends with a state and however many edges it has, an item says no more than it has declared.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering};

use super::words::{END, KIND_BITS, NO_JOIN, ROW, STATE_BITS, TEXT_HEAD};
use crate::automata::bytes::ANY;
use crate::gpu::cpu::batch::{BAND_SAME, Batch};

/// Items that an item pushes, at most.
pub const FAN_OUT: u32 = 8;
/// Records that it emits, at most.
pub const EMITS: u32 = 8;
/// Steps of an item.
pub const STEPS: u32 = 64;
/// Slots that a claim looks at.
pub const PROBES: u32 = 64;
/// Of the first word of an item: it begins matches.
pub const START: u32 = 1 << 31;
/// Of the first word of a record: a state that is active at the end of a window.
pub const ACTIVE: u32 = 1 << 31;
/// A cursor: the state is a join that nobody has claimed yet.
pub const CLAIM: u32 = u32::MAX;
/// The code of a fault: no slot was free.
pub const FULL: u32 = 1;
/// Spreads keys over the slots.
pub const SPREAD: u32 = 0x9e37_79b1;

/// Words of an item: state, cursor, position.
pub type Item = [u32; 3];

/// Where the results of items go.
pub trait Sink {
    /// A further item.
    fn push(&mut self, item: Item);
    /// A record.
    fn emit(&mut self, record: [u32; 2]);
    /// The item has not been done: what it has said does not count.
    fn fault(&mut self, code: u32);
}

/// What a claim has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Claim {
    New,
    Old,
    Full,
}

/// What items share.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The tables.
    pub tables: &'a [u32],
    /// The text of the batch.
    pub text: &'a [u32],
    /// Which joins were reached where: bits, or keys in slots.
    pub seen: &'a [AtomicU32],
}

impl Ground<'_> {
    fn place(&self, position: u32) -> u32 {
        self.text[TEXT_HEAD + position as usize / 2] >> (16 * (position % 2)) & 0xffff
    }

    fn word(&self, at: u32) -> u32 {
        self.tables[at as usize]
    }

    fn row(&self, state: u32) -> u32 {
        self.tables[0] + state * ROW as u32
    }

    fn takes(&self, class: u32, byte: u32) -> bool {
        self.word(class + byte / 32) >> (byte % 32) & 1 != 0
    }

    /// Whether this is the first to reach a state at a position.
    ///
    /// Relaxed throughout: nothing else is published by a claim, and a slot that has a key of this batch keeps it. So a look
    /// at a slot that finds such a key is right whenever it was made, and one that finds none is followed by an exchange,
    /// which is made with the slot as it is: of two that claim the same key one puts it into the first slot that was free for
    /// both, and the other finds it there.
    fn claim(&self, state: u32, position: u32) -> Claim {
        let join = self.word(self.row(state) + 3);
        if join == NO_JOIN {
            return Claim::New;
        }
        let [base, positions, mask, _] = [0, 1, 2, 3].map(|at| self.text[at]);
        let place = join * positions + position;
        if mask == 0 {
            let bit = 1 << (place % 32);
            let before = self.seen[place as usize / 32].fetch_or(bit, Ordering::Relaxed);
            return if before & bit == 0 { Claim::New } else { Claim::Old };
        }
        let key = base + place;
        let mut slot = key.wrapping_mul(SPREAD) >> 7 & mask;
        for _ in 0..PROBES {
            let mut known = self.seen[slot as usize].load(Ordering::Relaxed);
            // Keys below the base are of batches before.
            while known < base {
                let slot = &self.seen[slot as usize];
                match slot.compare_exchange(known, key, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => return Claim::New,
                    Err(other) => known = other,
                }
            }
            if known == key {
                return Claim::Old;
            }
            slot = (slot + 1) & mask;
        }
        Claim::Full
    }

    /// Does an item.
    pub fn run<S: Sink>(&self, item: Item, sink: &mut S) {
        let [what, cursor, position] = item;
        if what & START != 0 {
            return self.starts(what, cursor, position, sink);
        }
        let mut cursor = cursor;
        if cursor == CLAIM {
            match self.claim(what, position) {
                Claim::New => cursor = 0,
                Claim::Old => return,
                Claim::Full => return sink.fault(FULL),
            }
        }
        self.states(what, cursor, position, sink);
    }

    /// From a state on.
    fn states<S: Sink>(&self, mut state: u32, mut cursor: u32, mut position: u32, sink: &mut S) {
        let (mut steps, mut pushed, mut emitted) = (0, 0, 0);
        loop {
            let (row, here) = (self.row(state), self.place(position));
            let (edge, accept) = (self.word(row), self.word(row + 1));
            let (edges, accepts) =
                ((self.word(row + ROW as u32) - edge) / 2, (self.word(row + ROW as u32 + 1) - accept) / 2);
            let at_end = here & END != 0;
            let behind = if at_end { 0 } else { 1 << (self.place(position + 1) >> KIND_BITS) };
            while cursor < accepts {
                if steps >= STEPS || emitted >= EMITS {
                    return sink.push([state, cursor, position]);
                }
                let kinds = self.word(accept + 2 * cursor + 1);
                if kinds == u32::from(ANY) || kinds & behind != 0 {
                    sink.emit([self.word(accept + 2 * cursor), position]);
                    emitted += 1;
                }
                (cursor, steps) = (cursor + 1, steps + 1);
            }
            if at_end {
                if emitted >= EMITS {
                    return sink.push([state, cursor, position]);
                }
                return sink.emit([ACTIVE | state, position]);
            }
            let mut held = None;
            while cursor < accepts + edges {
                if steps >= STEPS || pushed + 2 >= FAN_OUT {
                    sink.push([state, cursor, position]);
                    if let Some(next) = held {
                        sink.push([next, 0, position + 1]);
                    }
                    return;
                }
                let at = edge + 2 * (cursor - accepts);
                let next = self.word(at);
                if self.takes(self.word(at + 1), here & 0xff) {
                    match self.claim(next, position + 1) {
                        Claim::New if held.is_none() => held = Some(next),
                        Claim::New => {
                            sink.push([next, 0, position + 1]);
                            pushed += 1;
                        }
                        Claim::Old => {}
                        Claim::Full => return sink.fault(FULL),
                    }
                }
                (cursor, steps) = (cursor + 1, steps + 1);
            }
            let Some(next) = held else { return };
            (state, cursor, position) = (next, 0, position + 1);
        }
    }

    /// What begins with the bytes of a part of the text.
    fn starts<S: Sink>(&self, what: u32, mut cursor: u32, mut position: u32, sink: &mut S) {
        let (mut steps, mut pushed) = (0, 0);
        while position < what & !START {
            let here = self.place(position);
            if here & END == 0 {
                let row = self.tables[1] + (here & 0xff);
                let (first, kind) = (self.word(row), 1 << (here >> KIND_BITS));
                while cursor < self.word(row + 1) - first {
                    if steps >= STEPS || pushed + 1 >= FAN_OUT {
                        return sink.push([what, cursor, position]);
                    }
                    let entry = self.word(first + cursor);
                    let state = entry & ((1 << STATE_BITS) - 1);
                    if entry >> STATE_BITS & kind != 0 {
                        match self.claim(state, position + 1) {
                            Claim::New => {
                                sink.push([state, 0, position + 1]);
                                pushed += 1;
                            }
                            Claim::Old => {}
                            Claim::Full => return sink.fault(FULL),
                        }
                    }
                    (cursor, steps) = (cursor + 1, steps + 1);
                }
            }
            (cursor, position, steps) = (0, position + 1, steps + 1);
            if steps >= STEPS && position < what & !START {
                return sink.push([what, cursor, position]);
            }
        }
    }
}

/// Results of an item go to the worklist. Whatever an item says is inside of what the program declares.
struct Said {
    batch: *mut Batch,
    index: u32,
}

impl Sink for Said {
    fn push(&mut self, item: Item) {
        // SAFETY: the batch of this call; a record.
        let _ = unsafe { (*self.batch).push(self.index, item.as_ptr(), BAND_SAME) };
    }

    fn emit(&mut self, record: [u32; 2]) {
        // SAFETY: as above.
        let _ = unsafe { (*self.batch).emit(self.index, record.as_ptr()) };
    }

    fn fault(&mut self, code: u32) {
        // SAFETY: as above.
        let _ = unsafe { (*self.batch).fault(self.index, code) };
    }
}

/// The native kernel.
///
/// # Safety
/// A kernel's arguments; the worklist has the buffers of this program.
pub unsafe extern "C-unwind" fn run(work: *mut c_void, items: *const u32, count: u32, _: *mut c_void) {
    let batch: *mut Batch = work.cast();
    // SAFETY: the batch that is run; its records of three words.
    let (now, items) = unsafe { (&*batch, core::slice::from_raw_parts(items.cast::<Item>(), count as usize)) };
    // SAFETY: tables and text are not written while a run is on; `seen` by atomics only, and these are words too.
    let (tables, text, seen) = unsafe { (words::<u32>(now, 0), words::<u32>(now, 1), words::<AtomicU32>(now, 2)) };
    let ground = Ground { tables, text, seen };
    for (index, item) in items.iter().enumerate() {
        ground.run(*item, &mut Said { batch, index: index as u32 });
    }
}

/// # Safety
/// Nobody writes to the buffer, but through atomics where these are its words.
unsafe fn words<'a, T>(batch: &Batch, number: u32) -> &'a [T] {
    match batch.window(number) {
        // SAFETY: a buffer is on a boundary of 64 bytes and stays while its worklist runs.
        Ok(window) => unsafe { core::slice::from_raw_parts(window.address.cast(), (window.bytes / 4) as usize) },
        Err(_) => &[],
    }
}
