// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a search fills: the distance of each vertex, which only falls.

use core::sync::atomic::{AtomicU32, Ordering};

/// Nobody has come here.
pub const UNREACHED: u32 = u32::MAX;

/// Distances that several workers lower at the same time.
#[derive(Clone, Copy)]
pub struct Distances<'a>(&'a [AtomicU32]);

impl<'a> Distances<'a> {
    /// Over words that somebody owns.
    pub const fn new(words: &'a [AtomicU32]) -> Distances<'a> {
        Distances(words)
    }

    /// The distance of a vertex, or that nobody has come there.
    #[inline(always)]
    pub fn of(self, vertex: u32) -> u32 {
        // Relaxed: a distance is a number of its own. Who pushes a vertex hands its item over through the queue, and
        // whoever takes it reads this distance or a smaller one.
        self.0.get(vertex as usize).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Lowers the distance of a vertex; whether it was greater.
    #[inline(always)]
    pub fn lower(self, vertex: u32, distance: u32) -> bool {
        // Relaxed: as above; the exchange alone decides who has lowered it.
        self.0.get(vertex as usize).is_some_and(|word| word.fetch_min(distance, Ordering::Relaxed) > distance)
    }

    /// Loads the line of a vertex soon to be asked for.
    #[inline(always)]
    pub fn fetch(self, vertex: u32) {
        if let Some(word) = self.0.get(vertex as usize) {
            prefetch(word);
        }
    }
}

/// A bit for each vertex to which a breadth-first search has come: a 32nd of the memory of the distances, so that most
/// edges are decided in the first cache. A bit says that the distance is at most `deepest`, and no more. So an item of a
/// smaller distance must not go by it: it may lower the distance of a vertex whose bit is set.
///
/// ```text
/// who sets     deepest = max(deepest, d); then the bit            (release)
/// who skips    the bit (acquire); then, after all its edges, deepest <= d, else all of them again without the bits
/// ```
/// A bit that is lost because two set bits of one word at the same time costs a look at the distance.
#[derive(Clone, Copy)]
pub struct Reached<'a> {
    deepest: &'a AtomicU32,
    bits: &'a [AtomicU32],
    /// A mistake that a test seeds: items of any distance go by the bits.
    #[cfg(test)]
    pub trusted: bool,
}

impl<'a> Reached<'a> {
    /// Words for so many vertices; all 0: nobody has been reached.
    pub const fn words(vertices: u32) -> usize {
        1 + (vertices as usize).div_ceil(32)
    }

    /// Over words that somebody owns; none where there are not any.
    pub fn new(words: &'a [AtomicU32]) -> Option<Reached<'a>> {
        let (deepest, bits) = words.split_first()?;
        Some(Reached {
            deepest,
            bits,
            #[cfg(test)]
            trusted: false,
        })
    }

    /// Whether the bits can be trusted by an item that brings vertices to this distance.
    #[inline(always)]
    pub fn is_deepest(self, distance: u32) -> bool {
        #[cfg(test)]
        if self.trusted {
            return true;
        }
        // Relaxed: after the acquiring loads of the bits that were gone by.
        self.deepest.load(Ordering::Relaxed) <= distance
    }

    /// Vertices of this distance will have their bits set.
    #[inline(always)]
    pub fn deepen(self, distance: u32) {
        // Relaxed: the bits are stored with release afterwards.
        if self.deepest.load(Ordering::Relaxed) < distance {
            self.deepest.fetch_max(distance, Ordering::Relaxed);
        }
    }

    /// The bit of a vertex.
    #[inline(always)]
    pub fn has(self, vertex: u32) -> bool {
        // Acquire: pairs with the store of `set`; whoever sees a bit sees what `deepest` was before it.
        self.bits.get(vertex as usize / 32).is_some_and(|word| word.load(Ordering::Acquire) >> (vertex % 32) & 1 == 1)
    }

    /// Sets the bit of a vertex.
    #[inline(always)]
    pub fn set(self, vertex: u32) {
        if let Some(word) = self.bits.get(vertex as usize / 32) {
            // Acquire and release: bits of others that are stored again carry their `deepest` along.
            word.store(word.load(Ordering::Acquire) | 1 << (vertex % 32), Ordering::Release);
        }
    }
}

/// Loads a line, where the processor can be told to.
#[inline(always)]
pub fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, whatever the address; every x86-64 has SSE.
    unsafe {
        core::arch::x86_64::_mm_prefetch(place.cast(), core::arch::x86_64::_MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
