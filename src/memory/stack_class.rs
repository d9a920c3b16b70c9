// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stack classes and the arithmetic from an address to a stack.
//!
//! ```text
//! one range:   | class 0 region | class 1 region | ... | class 4 region |      regions of equal size, a power of two
//! one region:  | slot 0 | slot 1 | slot 2 | ...                                slots of equal size, a power of two
//! one slot:    | unused | guard 60 KiB | usable, grows down      | body page |
//!              ^ slot                  ^ limit                               ^ top
//! ```
//! The body page (4 KiB at the top) holds the second part of the strand's control block at a coloured offset and, below
//! it, the first frames. It comes on top of the usable size, so that usable is never less than what was asked for.
//!
//! Colour: stack tops a power of two apart fall into the same few cache sets, and switching among a thousand strands
//! then costs four to six times as much. Each slot's body starts a different number of cache lines below the top.

/// Number of classes.
pub const CLASSES: usize = 5;
/// Usable bytes of each class.
pub const USABLE: [usize; CLASSES] = [32 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20];
/// log2 of the slot size of each class.
pub const SLOT_SHIFT: [u32; CLASSES] = [17, 17, 19, 21, 24];
/// Bytes of the guard below each stack: a frame of up to this size cannot step over it. Sixty and not sixty-four, so
/// that guard, default stack and body page together are a power of two.
pub const GUARD: usize = 60 << 10;
/// Bytes at the top that hold the body and the first frames.
pub const BODY_PAGE: usize = 4096;
/// Class of a strand that asks for nothing.
pub const DEFAULT_CLASS: u8 = 1;

const COLOURS: usize = 32;
const LINE: usize = 64;

/// The smallest class whose usable size is at least `bytes`.
pub const fn class_for(bytes: usize) -> Option<u8> {
    let mut class = 0;
    while class < CLASSES {
        if bytes <= USABLE[class] {
            return Some(class as u8);
        }
        class += 1;
    }
    None
}

/// A stack: class and slot in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackId(u32);

impl StackId {
    /// No stack.
    pub const NONE: StackId = StackId(u32::MAX);

    /// The stack in slot `index` of `class`.
    #[inline]
    pub const fn new(class: u8, index: u32) -> Self {
        StackId((class as u32) << 24 | index)
    }

    /// Its class.
    #[inline]
    pub const fn class(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// Its slot.
    #[inline]
    pub const fn index(self) -> u32 {
        self.0 & 0xFF_FFFF
    }

    /// As one word, for a control block.
    #[inline]
    pub const fn to_word(self) -> u32 {
        self.0
    }

    /// From a control block.
    #[inline]
    pub const fn from_word(word: u32) -> Self {
        StackId(word)
    }
}

/// Address of a body of `size` bytes below the top of its slot. The colour comes from the address: neighbours in every
/// class differ.
#[inline(always)]
pub const fn body_below(top: usize, size: usize) -> usize {
    let colour = ((top >> SLOT_SHIFT[0]) + (top >> SLOT_SHIFT[CLASSES - 1])) % COLOURS;
    top - size - colour * LINE
}

/// Slots are aligned to their size if the range is aligned to the largest.
pub const BASE_ALIGNMENT: usize = 1 << SLOT_SHIFT[CLASSES - 1];

/// Where the range lies. Plain data: copied into a static for the arithmetic of "who am I".
#[derive(Clone, Copy)]
pub struct Layout {
    /// First address of the range.
    pub base: usize,
    /// log2 of the size of a class's region.
    pub region_shift: u32,
}

impl Layout {
    /// Bytes of the whole range.
    pub const fn length(self) -> usize {
        CLASSES << self.region_shift
    }

    /// Slots of a class.
    pub const fn slots(self, class: u8) -> u32 {
        let slots = 1u64 << (self.region_shift - SLOT_SHIFT[class as usize]);
        if slots > 1 << 24 { 1 << 24 } else { slots as u32 }
    }

    /// One past the highest address of a stack.
    #[inline]
    pub const fn top(self, stack: StackId) -> usize {
        let class = stack.class() as usize;
        self.base + (class << self.region_shift) + ((stack.index() as usize + 1) << SLOT_SHIFT[class])
    }

    /// Lowest usable address of a stack; the guard lies below.
    #[inline]
    pub const fn limit(self, stack: StackId) -> usize {
        self.top(stack) - BODY_PAGE - USABLE[stack.class() as usize]
    }

    /// First address of the slot.
    #[cfg(test)]
    pub const fn slot(self, stack: StackId) -> usize {
        self.top(stack) - (1 << SLOT_SHIFT[stack.class() as usize])
    }

    /// The stack whose slot holds `address`.
    #[inline]
    pub fn stack_at(self, address: usize) -> Option<StackId> {
        let offset = address.wrapping_sub(self.base);
        if offset >= self.length() {
            return None;
        }
        let class = offset >> self.region_shift;
        let index = (offset & ((1 << self.region_shift) - 1)) >> SLOT_SHIFT[class];
        Some(StackId::new(class as u8, index as u32))
    }

    /// Address of the body of `size` bytes (a multiple of the line size) in a stack.
    #[inline]
    pub const fn body(self, stack: StackId, size: usize) -> usize {
        body_below(self.top(stack), size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { base: 1 << 40, region_shift: 38 };

    #[test]
    fn the_class_is_the_smallest_that_holds_what_was_asked_for() {
        for (class, usable) in USABLE.iter().enumerate() {
            assert_eq!(class_for(*usable), Some(class as u8));
            assert_eq!(class_for(*usable - 1), Some(class as u8));
            let next = (class + 1 < CLASSES).then_some(class as u8 + 1);
            assert_eq!(class_for(*usable + 1), next);
        }
        assert_eq!(class_for(0), Some(0));
    }

    #[test]
    fn every_address_of_a_slot_finds_its_stack_and_no_other() {
        for class in 0..CLASSES as u8 {
            for index in [0, 1, 2, 77, LAYOUT.slots(class) - 1] {
                let stack = StackId::new(class, index);
                for address in [LAYOUT.slot(stack), LAYOUT.limit(stack), LAYOUT.body(stack, 512), LAYOUT.top(stack) - 1]
                {
                    assert_eq!(LAYOUT.stack_at(address), Some(stack));
                }
                assert!(LAYOUT.limit(stack) - GUARD >= LAYOUT.slot(stack));
                assert!(LAYOUT.body(stack, 512) >= LAYOUT.top(stack) - BODY_PAGE + 1024);
            }
        }
        assert_eq!(LAYOUT.stack_at(LAYOUT.base - 1), None);
        assert_eq!(LAYOUT.stack_at(LAYOUT.base + LAYOUT.length()), None);
    }

    #[test]
    fn neighbours_differ_in_colour() {
        let offset = |index| LAYOUT.top(StackId::new(1, index)) - LAYOUT.body(StackId::new(1, index), 512);
        let mut seen: Vec<usize> = (0..COLOURS as u32).map(offset).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), COLOURS);
    }
}
