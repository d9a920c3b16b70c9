// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waves: windows, or parts of them, that a device reads at once, and what was found in them.

use std::collections::VecDeque;

use crate::automata::bytes::Kinds;
use crate::automata::pack::number_of;
use crate::base::failing;
use crate::base::room::{Grow, NoMemory, filled};
use crate::base::status::Status;
use crate::gpu::service::Failure;

/// A part of a text that is read, as one stream's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first byte.
    pub from: usize,
    /// Its bytes.
    pub length: usize,
    /// Kind of the byte before.
    pub before: Kinds,
}

/// A state with which something can end is active behind some byte of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// Number of the window.
    pub window: u32,
    /// Number of the kernel, as they were wanted.
    pub kernel: u32,
    /// The state.
    pub state: u32,
    /// Bytes of the window before its end.
    pub index: u32,
}

/// What was asked, and what came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The bytes that were read.
    pub text: Vec<u8>,
    /// For each window and kernel what is active behind it, sorted.
    pub active: Vec<Vec<u32>>,
    /// In no order.
    pub ends: Vec<End>,
    /// States that became active, or words that were stepped.
    pub visits: u64,
    /// Waves that were made again because what they found did not fit.
    pub again: u32,
}

/// A window, or what is left of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Number of the window.
    pub window: usize,
    /// Its first byte in the text.
    pub from: usize,
    /// Bytes that are read now.
    pub length: usize,
    /// Bytes that are read later.
    pub rest: usize,
    /// Number of the kind of the byte before.
    pub before: u32,
    /// Bytes of the window before it.
    pub skipped: u32,
}

/// What a wave can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Bytes of text.
    pub text: usize,
    /// Windows.
    pub windows: usize,
    /// States that are active before them.
    pub entering: usize,
    /// Words that can be found.
    pub found: usize,
}

/// Words of a window's record.
const RECORD: usize = 8;
/// Words of what is found.
pub(super) const FOUND: usize = 3;
const LEAVES: u32 = u32::MAX;
const DONE: u32 = u32::MAX - 1;
/// The number of a window is below these bits of its record, which are the kernel's number.
pub(super) const KERNEL_SHIFT: u32 = 28;

/// What a device is given.
#[derive(Default)]
pub(super) struct Wave {
    pub pieces: Vec<Piece>,
    pub text: Vec<u8>,
    /// Records of all windows for each kernel, then the states that are active before them.
    pub inputs: Vec<u32>,
    /// The longest piece.
    pub longest: usize,
}

/// Pieces that wait.
pub(super) struct Plan {
    waiting: VecDeque<Piece>,
    kernels: usize,
    /// States of each.
    states: Vec<usize>,
    pub most: Most,
    /// Most windows of the next wave: fewer after one that found too much.
    few: usize,
}

impl Plan {
    pub fn new(windows: &[Window], text: usize, states: Vec<usize>, most: Most) -> Result<Plan, Failure> {
        let kernels = states.len();
        let mut waiting = VecDeque::new();
        if failing::now() || waiting.try_reserve(windows.len() + 1).is_err() {
            return Err(NoMemory.into());
        }
        for (number, window) in windows.iter().enumerate() {
            if window.from.checked_add(window.length).is_none_or(|end| end > text) || window.length > DONE as usize / 2
            {
                return Err(Failure::new(Status::INVALID, "a window lies outside its text"));
            }
            waiting.push_back(Piece {
                window: number,
                from: window.from,
                length: window.length,
                rest: 0,
                before: number_of(window.before),
                skipped: 0,
            });
        }
        Ok(Plan { waiting, kernels, states, most, few: usize::MAX })
    }

    /// The next wave; without windows when all is done.
    pub fn next(&mut self, text: &[u8], active: &[Vec<u32>], wave: &mut Wave) -> Result<(), Failure> {
        wave.pieces.clear();
        wave.text.clear();
        wave.inputs.clear();
        wave.longest = 0;
        let (mut bytes, mut entering) = (0, 0);
        while let Some(piece) = self.waiting.front_mut() {
            if piece.length > self.most.text {
                piece.rest += piece.length - self.most.text;
                piece.length = self.most.text;
            }
            let own: usize = active[piece.window * self.kernels..][..self.kernels].iter().map(Vec::len).sum();
            let full = wave.pieces.len() >= self.most.windows.min(self.few)
                || bytes + piece.length > self.most.text
                || entering + own > self.most.entering;
            if full && !wave.pieces.is_empty() {
                break;
            }
            if own > self.most.entering {
                return Err(Failure::new(Status::LIMIT, "more states are active than a device has room for"));
            }
            bytes += piece.length;
            entering += own;
            wave.longest = wave.longest.max(piece.length);
            wave.pieces.add(*piece)?;
            self.waiting.pop_front();
        }
        self.fill(text, active, wave, bytes, entering)
    }

    fn fill(
        &self,
        text: &[u8],
        active: &[Vec<u32>],
        wave: &mut Wave,
        bytes: usize,
        entering: usize,
    ) -> Result<(), Failure> {
        wave.text.room(bytes + 4)?;
        let records = wave.pieces.len() * self.kernels * RECORD;
        wave.inputs.room(records + entering)?;
        wave.inputs.resize(records, 0);
        for (number, piece) in wave.pieces.iter().enumerate() {
            let from = wave.text.len() as u32;
            wave.text.extend_from_slice(&text[piece.from..piece.from + piece.length]);
            for kernel in 0..self.kernels {
                let at = wave.inputs.len() as u32;
                wave.inputs.extend_from_slice(&active[piece.window * self.kernels + kernel]);
                let record = [from, piece.length as u32, piece.before, at, wave.inputs.len() as u32];
                let place = (kernel * wave.pieces.len() + number) * RECORD;
                wave.inputs[place..place + record.len()].copy_from_slice(&record);
            }
        }
        let whole = wave.text.len().next_multiple_of(4);
        wave.text.resize(whole, 0);
        Ok(())
    }

    /// A wave that has to be made again as it was.
    pub fn again(&mut self, wave: &Wave) {
        // There is room: they were in it.
        wave.pieces.iter().rev().for_each(|piece| self.waiting.push_front(*piece));
    }

    /// A wave found more than there is room for: it is made again in two, or with half of its only piece.
    pub fn split(&mut self, wave: &Wave) -> Result<(), Failure> {
        match wave.pieces[..] {
            [mut piece] if piece.length > 1 => {
                let half = piece.length / 2;
                piece.rest += piece.length - half;
                piece.length = half;
                self.waiting.push_front(piece);
                Ok(())
            }
            [_] => Err(Failure::new(Status::LIMIT, "one byte leads to more states than a device has room for")),
            _ => {
                self.again(wave);
                self.few = wave.pieces.len().div_ceil(2);
                Ok(())
            }
        }
    }

    /// What a device has found in a wave goes to the outcome; what is left of its windows waits.
    pub fn take(
        &mut self,
        wave: &Wave,
        found: impl Iterator<Item = [u32; FOUND]> + Clone,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let lost = || Failure::new(Status::DEVICE, "the device has not read every window once");
        let mut done = filled(false, wave.pieces.len() * self.kernels)?;
        for piece in &wave.pieces {
            outcome.active[piece.window * self.kernels..][..self.kernels].iter_mut().for_each(Vec::clear);
        }
        for [tag, index, state] in found {
            let (number, kernel) = ((tag & ((1 << KERNEL_SHIFT) - 1)) as usize, tag >> KERNEL_SHIFT);
            let states = *self.states.get(kernel as usize).ok_or_else(lost)?;
            let piece = wave.pieces.get(number).ok_or_else(lost)?;
            let is_state = (state as usize) < states && (index == LEAVES || index as usize <= piece.length);
            if index != DONE && !is_state {
                return Err(lost());
            }
            match index {
                LEAVES => {
                    let active = &mut outcome.active[piece.window * self.kernels + kernel as usize];
                    active.add(state)?;
                }
                DONE => {
                    if core::mem::replace(&mut done[number * self.kernels + kernel as usize], true) {
                        return Err(lost());
                    }
                    outcome.visits += u64::from(state);
                }
                index => {
                    let index = piece.skipped + index;
                    outcome.ends.add(End { window: piece.window as u32, kernel, state, index })?;
                }
            }
        }
        if !done.iter().all(|done| *done) {
            return Err(lost());
        }
        for piece in wave.pieces.iter().rev() {
            outcome.active[piece.window * self.kernels..][..self.kernels]
                .iter_mut()
                .for_each(|all| all.sort_unstable());
            if piece.rest > 0 {
                self.waiting.push_front(Piece {
                    window: piece.window,
                    from: piece.from + piece.length,
                    length: piece.rest,
                    rest: 0,
                    before: number_of(crate::automata::bytes::kind_of(outcome.text[piece.from + piece.length - 1])),
                    skipped: piece.skipped + piece.length as u32,
                });
            }
        }
        // Back to more windows, slowly.
        self.few = self.few.saturating_mul(2);
        Ok(())
    }
}
