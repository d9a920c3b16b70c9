// SPDX-License-Identifier: MIT OR Apache-2.0
//! The elements that lie in a channel: a ring of equal-sized bytes. One machine word is the fast path.

use core::alloc::Layout;

use crate::base::failing;
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicUsize, Ordering};
use crate::base::sync::cell::Cell;

/// Copies one element. A word is copied as a word.
///
/// # Safety
/// `from` is readable and `to` writable for `size` bytes; they do not overlap.
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, size: usize) {
    // SAFETY: by contract; the word case does not ask for alignment.
    unsafe {
        if size == size_of::<u64>() {
            to.cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned());
        } else {
            core::ptr::copy_nonoverlapping(from, to, size);
        }
    }
}

/// A ring. Under the channel's lock. All-zero memory is an empty one without storage.
pub struct Ring {
    storage: Cell<*mut u8>,
    slots: AtomicUsize,
    first: Cell<usize>,
    length: AtomicUsize,
}

impl Ring {
    /// An empty ring without storage.
    pub fn empty() -> Ring {
        Ring {
            storage: Cell::new(core::ptr::null_mut()),
            slots: AtomicUsize::new(0),
            first: Cell::new(0),
            length: AtomicUsize::new(0),
        }
    }

    /// Moves everything into an empty ring.
    pub fn move_into(&self, other: &Ring) {
        other.storage.set(self.storage.replace(core::ptr::null_mut()));
        other.set_slots(self.slots());
        self.set_slots(0);
        other.first.set(self.first.replace(0));
        other.set_len(self.len());
        self.set_len(0);
    }

    /// Elements in it.
    #[inline(always)]
    pub fn len(&self) -> usize {
        // Relaxed: under the lock, or a hint.
        self.length.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set_len(&self, length: usize) {
        self.length.store(length, Ordering::Relaxed);
    }

    /// Room for elements.
    #[inline(always)]
    pub fn slots(&self) -> usize {
        // Relaxed: under the lock, or a hint.
        self.slots.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn set_slots(&self, slots: usize) {
        self.slots.store(slots, Ordering::Relaxed);
    }

    /// Memory for `slots` elements. LIMIT when the product is not a size, NO_MEMORY when it cannot be had.
    pub fn allocate(slots: usize, size: usize) -> Outcome<*mut u8> {
        let bytes = slots.checked_mul(size).ok_or(Status::LIMIT)?;
        if bytes == 0 {
            return Ok(core::ptr::null_mut());
        }
        if failing::now() {
            return Err(Status::NO_MEMORY);
        }
        let layout = Layout::from_size_align(bytes, 16).map_err(|_| Status::LIMIT)?;
        // SAFETY: the size is not 0.
        let storage = unsafe { std::alloc::alloc(layout) };
        if storage.is_null() { Err(Status::NO_MEMORY) } else { Ok(storage) }
    }

    /// Frees what [`Self::allocate`] gave.
    ///
    /// # Safety
    /// The memory came from `allocate` with these numbers and is not used again; null is nothing.
    pub unsafe fn free(storage: *mut u8, slots: usize, size: usize) {
        if !storage.is_null()
            && let Ok(layout) = Layout::from_size_align(slots * size, 16)
        {
            // SAFETY: by contract.
            unsafe { std::alloc::dealloc(storage, layout) };
        }
    }

    /// Gives the ring its first storage, or a larger one: what is in it moves over. Returns the old storage.
    ///
    /// # Safety
    /// `storage` has room for `slots` elements, at least as many as are in the ring.
    pub unsafe fn replace(&self, storage: *mut u8, slots: usize, size: usize) -> (*mut u8, usize) {
        let old = (self.storage.get(), self.slots());
        let length = self.len();
        if size > 0 && length > 0 {
            let straight = length.min(old.1 - self.first.get());
            // SAFETY: the elements lie in at most two stretches of the old storage; the new one has room (contract).
            unsafe {
                let from = old.0.add(self.first.get() * size);
                core::ptr::copy_nonoverlapping(from, storage, straight * size);
                core::ptr::copy_nonoverlapping(old.0, storage.add(straight * size), (length - straight) * size);
            }
        }
        self.storage.set(storage);
        self.set_slots(slots);
        self.first.set(0);
        old
    }

    /// Takes the storage away from an empty ring.
    pub fn take_storage(&self) -> (*mut u8, usize) {
        self.first.set(0);
        self.set_len(0);
        let slots = self.slots();
        self.set_slots(0);
        (self.storage.replace(core::ptr::null_mut()), slots)
    }

    /// The element at a place, counted from the first.
    pub fn element(&self, place: usize, size: usize) -> *mut u8 {
        let position = self.first.get() + place;
        self.at(if position >= self.slots() { position - self.slots() } else { position }, size)
    }

    /// Takes the element at a place out; those behind it move up.
    ///
    /// # Safety
    /// There is such an element, and its size is this.
    pub unsafe fn remove(&self, place: usize, size: usize) {
        for behind in place + 1..self.len() {
            // SAFETY: both are elements of this ring, and different ones.
            unsafe { copy(self.element(behind, size), self.element(behind - 1, size), size) };
        }
        self.set_len(self.len() - 1);
    }

    /// Address of a position. A word is scaled by a shift, which is faster than a product.
    #[inline(always)]
    fn at(&self, position: usize, size: usize) -> *mut u8 {
        let offset = if size == size_of::<u64>() { position << 3 } else { position * size };
        self.storage.get().wrapping_add(offset)
    }

    /// Appends an element; there is room.
    ///
    /// # Safety
    /// `element` is readable for `size` bytes, the size of all elements of this ring.
    #[inline(always)]
    pub unsafe fn push(&self, element: *const u8, size: usize) {
        let length = self.len();
        let mut position = self.first.get() + length;
        if position >= self.slots() {
            position -= self.slots();
        }
        // SAFETY: the position is below the number of slots.
        unsafe { copy(element, self.at(position, size), size) };
        self.set_len(length + 1);
    }

    /// Takes the first element; there is one.
    ///
    /// # Safety
    /// `element` is writable for `size` bytes.
    #[inline(always)]
    pub unsafe fn pop(&self, element: *mut u8, size: usize) {
        let first = self.first.get();
        // SAFETY: the position holds an element.
        unsafe { copy(self.at(first, size), element, size) };
        self.first.set(if first + 1 == self.slots() { 0 } else { first + 1 });
        self.set_len(self.len() - 1);
    }

    /// Calls `act` with the address of each element, the first one first.
    pub fn each(&self, size: usize, mut act: impl FnMut(*mut u8)) {
        for position in 0..self.len() {
            let mut at = self.first.get() + position;
            if at >= self.slots() {
                at -= self.slots();
            }
            act(self.at(at, size));
        }
    }

    /// Address of the first element; there is one.
    pub fn first_element(&self, size: usize) -> *mut u8 {
        self.storage.get().wrapping_add(self.first.get() * size)
    }

    /// Forgets the first element.
    pub fn skip(&self) {
        let first = self.first.get();
        self.first.set(if first + 1 == self.slots() { 0 } else { first + 1 });
        self.set_len(self.len() - 1);
    }
}
