// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scan of a text: positions whose window passes the filter are collected, a segment at a time, and each is then
//! verified. Collecting is done by the widest vectors that the processor has; every way collects the same positions.

use super::filter::Filter;
use super::literals::Literals;
use super::window::{load, load_eight};
use crate::base::room::{Room, filled};

/// Positions collected before they are verified: their text is still in the nearest cache.
pub(super) const SEGMENT: usize = 4096;
/// Room behind the hits for a vector that is stored whole.
pub(super) const SLACK: usize = 16;

/// How positions are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One after the other, on any processor.
    Scalar,
    /// Eight at a time, with gathered loads.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Sixteen at a time, with gathered loads and compressed stores.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Engine {
    /// Whether this processor has it.
    fn is_here(self) -> bool {
        match self {
            Engine::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Engine::Avx2 => std::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Engine::Avx512 => std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512bw"),
        }
    }

    /// Those that this processor has, the fastest last.
    pub fn all() -> impl DoubleEndedIterator<Item = Engine> {
        #[cfg(target_arch = "x86_64")]
        let all = [Engine::Scalar, Engine::Avx2, Engine::Avx512];
        #[cfg(not(target_arch = "x86_64"))]
        let all = [Engine::Scalar];
        all.into_iter().filter(|engine| engine.is_here())
    }

    pub(super) fn best() -> Engine {
        Engine::all().next_back().unwrap_or(Engine::Scalar)
    }

    /// Collects the positions from `from` up to `to` whose window passes, and is whole, into `hits` (relative to
    /// `from`), in any order; answers how many. `to - from` is at most `SEGMENT`.
    #[inline]
    fn collect(self, filter: &Filter, text: &[u8], from: usize, to: usize, hits: &mut Hits) -> usize {
        let to = to.min((text.len() + 1).saturating_sub(filter.shape.width));
        if from >= to {
            return 0;
        }
        match self {
            Engine::Scalar => scalar(filter, text, from, to, hits),
            // SAFETY: an engine comes from `all`, which has looked whether the processor has these instructions.
            #[cfg(target_arch = "x86_64")]
            Engine::Avx2 => unsafe { super::x86::avx2(filter, text, from, to, hits) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Engine::Avx512 => unsafe { super::x86::avx512(filter, text, from, to, hits) },
        }
    }
}

/// Positions collected in one segment.
pub(super) type Hits = [u32; SEGMENT + SLACK];

/// What a scan needs beside the set; one for each thread that scans.
pub struct Scratch {
    hits: Box<Hits>,
    /// Candidates whose eight bytes are there, with the position of their windows.
    standing: Box<[(u32, u32); SEGMENT]>,
}

impl Scratch {
    /// Memory for a scan.
    pub fn new() -> Room<Scratch> {
        Ok(Scratch { hits: zeros()?, standing: zeros()? })
    }
}

/// An array on the heap that never was on the stack.
fn zeros<T: Copy + Default, const COUNT: usize>() -> Room<Box<[T; COUNT]>> {
    let all = filled(T::default(), COUNT)?.into_boxed_slice();
    // SAFETY: a boxed slice of COUNT elements is laid out as a boxed array of them.
    Ok(unsafe { Box::from_raw(Box::into_raw(all).cast()) })
}

/// One position after the other, from `from` on.
pub(super) fn scalar(filter: &Filter, text: &[u8], from: usize, to: usize, hits: &mut Hits) -> usize {
    scalar_from(filter, text, from, from, to, hits, 0)
}

/// As `scalar`, beginning at `at`, with `count` positions collected already.
pub(super) fn scalar_from(
    filter: &Filter,
    text: &[u8],
    from: usize,
    mut at: usize,
    to: usize,
    hits: &mut Hits,
    mut count: usize,
) -> usize {
    let mut take = |at: usize, load: u32, following: u32| {
        if filter.passes(filter.shape.key(load), following) {
            hits[count] = (at - from) as u32;
            count += 1;
        }
    };
    while at + 3 <= to && at + 8 <= text.len() {
        let eight = load_eight(text, at);
        take(at, eight as u32, (eight >> 32) as u32);
        take(at + 1, (eight >> 8) as u32, (eight >> 40) as u32);
        take(at + 2, (eight >> 16) as u32, (eight >> 48) as u32);
        at += 3;
    }
    while at < to {
        let eight = load_eight(text, at);
        take(at, eight as u32, (eight >> 32) as u32);
        at += 1;
    }
    count
}

impl Literals {
    /// Every occurrence that lies in `text`: `found(id, end)` with the offset of the byte after it, in no order.
    #[inline]
    pub fn scan(&self, scratch: &mut Scratch, text: &[u8], mut found: impl FnMut(u32, usize)) {
        let mut report = |number, end| self.ids_of(number).iter().for_each(|id| found(*id, end));
        let mut from = 0;
        while from < text.len() {
            let to = text.len().min(from + SEGMENT);
            for filter in &self.filters {
                let hits = self.engine.collect(filter, text, from, to, &mut scratch.hits);
                self.verify(filter, scratch, hits, text, from, &mut report);
            }
            from = to;
        }
    }

    /// Verifies what somebody else has collected with a filter, which it names by its number: `found(number, end)` with
    /// the number of each distinct text whose window is at one of these positions, and that lies in `text`. A position
    /// that no window passes at is no harm.
    #[cfg(feature = "gpu")]
    pub fn verify_at(
        &self,
        scratch: &mut Scratch,
        filter: usize,
        text: &[u8],
        positions: impl IntoIterator<Item = u32>,
        mut found: impl FnMut(u32, usize),
    ) {
        let Some(filter) = self.filters.get(filter) else { return };
        let mut positions = positions.into_iter();
        loop {
            let mut hits = 0;
            for (place, position) in scratch.hits[..SEGMENT].iter_mut().zip(&mut positions) {
                *place = position;
                hits += 1;
            }
            if hits == 0 {
                return;
            }
            self.verify(filter, scratch, hits, text, 0, &mut found);
        }
    }

    /// Verifies the hits of a segment. Whether eight bytes of a candidate stand there is no branch: there are about as
    /// many yes as no among hits.
    #[inline]
    fn verify(
        &self,
        filter: &Filter,
        scratch: &mut Scratch,
        hits: usize,
        text: &[u8],
        from: usize,
        found: &mut impl FnMut(u32, usize),
    ) {
        let mut standing = 0;
        for position in &scratch.hits[..hits] {
            let at = from + *position as usize;
            let mut index = filter.slots[filter.slot_of(filter.shape.key(load(text, at)))];
            loop {
                let candidate = &self.candidates[index as usize];
                scratch.standing[standing] = (index, *position);
                standing += usize::from(candidate.may_stand(text, at));
                if standing == SEGMENT {
                    self.report(&scratch.standing[..standing], text, from, found);
                    standing = 0;
                }
                if !candidate.more {
                    break;
                }
                index += 1;
            }
        }
        self.report(&scratch.standing[..standing], text, from, found);
    }

    /// Compares the whole of what stands in part, and reports its number and end.
    #[inline]
    fn report(&self, standing: &[(u32, u32)], text: &[u8], from: usize, found: &mut impl FnMut(u32, usize)) {
        for (index, position) in standing {
            let candidate = &self.candidates[*index as usize];
            let length = self.length_of(candidate.text);
            let Some(start) = (from + *position as usize).checked_sub(candidate.offset as usize) else { continue };
            let Some(there) = text.get(start..start + length) else { continue };
            if length <= 8 || self.part_stands(candidate.text, 0, there) {
                found(candidate.text, start + length);
            }
        }
    }
}
