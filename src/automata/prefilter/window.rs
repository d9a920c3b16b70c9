// SPDX-License-Identifier: MIT OR Apache-2.0
//! Windows: the one to four bytes at a place of the text by which literals are recognised.

/// The longest window.
pub(super) const MAX_WIDTH: usize = 4;

/// Which bytes of a 32-bit little-endian load make the key of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bytes in the window, 1 to 4.
    pub(super) width: usize,
    /// The bits of a load that belong to the window.
    pub(super) mask: u32,
    /// Bits that are set in every key: 0x20 of each byte where one of the literals ignores case, else none. More texts
    /// than those that differ in case share such a key; verification tells them apart.
    pub(super) fold: u32,
}

impl Shape {
    pub(super) fn new(width: usize, fold: bool) -> Shape {
        let mask = u32::MAX >> (8 * (MAX_WIDTH - width));
        Shape { width, mask, fold: if fold { 0x2020_2020 & mask } else { 0 } }
    }

    /// The key of what a load at the window's first byte has brought.
    #[inline(always)]
    pub(super) fn key(self, load: u32) -> u32 {
        (load & self.mask) | self.fold
    }

    /// The key of what a load behind the window has brought: its first two bytes. A window that is shorter than four
    /// bytes is all of its literals.
    #[inline(always)]
    pub(super) fn follow(self, load: u32) -> u16 {
        load as u16 | self.fold as u16
    }

    /// The key of the window at the front of `bytes`, which has at least `width` of them.
    #[inline]
    pub(super) fn key_of(self, bytes: &[u8]) -> u32 {
        self.key(load(bytes, 0))
    }
}

/// The four bytes at `at`; zeros stand for those beyond the end.
#[inline(always)]
pub(super) fn load(text: &[u8], at: usize) -> u32 {
    match text.get(at..at + 4) {
        Some(bytes) => u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        None => load_end(text, at) as u32,
    }
}

/// The eight bytes at `at`; zeros stand for those beyond the end.
#[inline(always)]
pub(super) fn load_eight(text: &[u8], at: usize) -> u64 {
    match text.get(at..at + 8) {
        Some(b) => u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        None => load_end(text, at),
    }
}

#[cold]
fn load_end(text: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    let rest = text.get(at..).unwrap_or(&[]);
    let count = rest.len().min(8);
    bytes[..count].copy_from_slice(&rest[..count]);
    u64::from_le_bytes(bytes)
}
