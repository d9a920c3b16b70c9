// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rings of a queue as the host knows them between two submissions. Pure.
//!
//! ```text
//! band   |....ooooooooooo......|     o: items, the oldest at `head`
//!             ^ head     ^ head + count
//! ```
//! What comes from the host goes where it is taken last, and what is spilled is what would be taken last: below the oldest
//! where the newest go first, else behind the newest. The device itself always appends behind the newest.
//!
//! The items that have waited since the device marked the band lie at one end: the oldest where those go first; else below
//! whatever came later from items, and above what came later from the host.

use super::layout::{BANDS, BELOW, CONTROL_WORDS, COUNT, HEAD, LEFT};

/// Items of a band that lie together: number of the first place, and how many.
pub type Run = (u32, u32);

/// See the module documentation. The words of the control block are the state.
pub struct Rings<'a> {
    /// The control block.
    pub control: &'a mut [u32; CONTROL_WORDS],
    /// Places of a ring.
    pub physical: u32,
    /// Whether the newest items go first.
    pub newest_first: bool,
}

impl Rings<'_> {
    /// Items of a band.
    pub fn count(&self, band: u32) -> u32 {
        self.control[COUNT + band as usize]
    }

    /// The one or two runs of `count` items, the first of which is number `first` from the oldest.
    fn runs(&self, band: u32, first: u32, count: u32) -> [Run; 2] {
        let at = (self.control[HEAD + band as usize] + first) % self.physical;
        let straight = count.min(self.physical - at);
        [(band * self.physical + at, straight), (band * self.physical, count - straight)]
    }

    /// Puts so many items in: where they are to be written, oldest first.
    pub fn put(&mut self, band: u32, count: u32) -> [Run; 2] {
        let runs = if self.newest_first {
            let head = &mut self.control[HEAD + band as usize];
            *head = (*head + self.physical - count) % self.physical;
            if self.control[LEFT + band as usize] != 0 {
                self.control[BELOW + band as usize] += count;
            }
            self.runs(band, 0, count)
        } else {
            self.runs(band, self.count(band), count)
        };
        self.control[COUNT + band as usize] += count;
        runs
    }

    /// Takes out so many items that would come last: where they lie, oldest first.
    pub fn spill(&mut self, band: u32, count: u32) -> [Run; 2] {
        let all = self.count(band);
        let count = count.min(all);
        let runs = self.runs(band, if self.newest_first { 0 } else { all - count }, count);
        self.control[COUNT + band as usize] -= count;
        let [left, below] = [LEFT, BELOW].map(|word| self.control[word + band as usize]);
        if self.newest_first {
            let head = &mut self.control[HEAD + band as usize];
            *head = (*head + count) % self.physical;
            self.control[LEFT + band as usize] = left.saturating_sub(count.saturating_sub(below));
            self.control[BELOW + band as usize] = below.saturating_sub(count);
        } else {
            self.control[LEFT + band as usize] = left.min(all - count);
        }
        runs
    }

    /// Bands from the one that matters least.
    pub fn lowest_first() -> impl Iterator<Item = u32> {
        (0..BANDS as u32).rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Runs as the places they name.
    fn places(runs: [Run; 2]) -> Vec<u32> {
        runs.into_iter().flat_map(|(at, count)| at..at + count).collect()
    }

    #[test]
    fn a_ring_does_what_a_deque_does() {
        for newest_first in [false, true] {
            let mut random = crate::base::random::Random::new(7);
            let mut control = [0; CONTROL_WORDS];
            control[HEAD + 1] = 9;
            let mut memory = [0_u32; 33];
            let mut deque: VecDeque<u32> = VecDeque::new();
            // As the device marks it now and then: all that were there at that time.
            let mut marked: Vec<u32> = Vec::new();
            let mut rings = Rings { control: &mut control, physical: 11, newest_first };
            for number in 0..2000_u32 {
                let some = random.below(5) as u32;
                if random.below(2) == 0 {
                    let some = some.min(11 - rings.count(1));
                    let new: Vec<u32> = (0..some).map(|item| 10 * number + item).collect();
                    for (place, item) in places(rings.put(1, some)).into_iter().zip(&new) {
                        assert!((11..22).contains(&place), "band 1 has its own places");
                        memory[place as usize] = *item;
                    }
                    match newest_first {
                        true => new.iter().rev().for_each(|item| deque.push_front(*item)),
                        false => deque.extend(new),
                    }
                } else {
                    let took: Vec<u32> = places(rings.spill(1, some)).iter().map(|at| memory[*at as usize]).collect();
                    let keep = deque.len() - took.len();
                    let expected: Vec<u32> = match newest_first {
                        true => deque.drain(..took.len()).collect(),
                        false => deque.drain(keep..).collect(),
                    };
                    assert_eq!(took, expected);
                }
                assert_eq!(rings.count(1) as usize, deque.len());
                marked.retain(|item| deque.contains(item));
                assert_eq!(rings.control[LEFT + 1] as usize, marked.len());
                if marked.is_empty() || random.below(9) == 0 {
                    marked = deque.iter().copied().collect();
                    (rings.control[LEFT + 1], rings.control[BELOW + 1]) = (marked.len() as u32, 0);
                }
                if newest_first && let Some(oldest) = deque.iter().position(|item| marked.contains(item)) {
                    assert_eq!(rings.control[BELOW + 1] as usize, oldest, "from the host, below those");
                }
            }
        }
    }
}
