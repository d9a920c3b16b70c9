// SPDX-License-Identifier: MIT OR Apache-2.0
//! Growth that may fail: a lack of memory is an answer here, and never the end of the process.

use core::alloc::Layout;
use core::hash::{BuildHasher, Hash};
use std::collections::HashMap;

use super::failing;
use super::status::Status;

/// No memory is left for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

impl From<NoMemory> for Status {
    fn from(_: NoMemory) -> Status {
        Status::NO_MEMORY
    }
}

/// What needed memory.
pub type Room<T> = Result<T, NoMemory>;

/// What grows.
pub trait Grow<T> {
    /// Room for so many more, so that they can be added without an answer.
    fn room(&mut self, more: usize) -> Room<()>;
    /// One more.
    fn add(&mut self, value: T) -> Room<()>;
    /// More of them.
    fn add_each(&mut self, values: impl Iterator<Item = T>) -> Room<()>;
    /// More of them, that lie side by side.
    fn add_all(&mut self, values: &[T]) -> Room<()>
    where
        T: Copy;
    /// As many as said, new ones being this.
    fn resize_to(&mut self, count: usize, value: T) -> Room<()>
    where
        T: Clone;
}

impl<T> Grow<T> for Vec<T> {
    #[inline]
    fn room(&mut self, more: usize) -> Room<()> {
        if self.capacity() - self.len() >= more { Ok(()) } else { grow(self, more) }
    }

    #[inline]
    fn add(&mut self, value: T) -> Room<()> {
        self.room(1)?;
        self.push(value);
        Ok(())
    }

    fn add_each(&mut self, values: impl Iterator<Item = T>) -> Room<()> {
        self.room(values.size_hint().0)?;
        for value in values {
            self.add(value)?;
        }
        Ok(())
    }

    #[inline]
    fn add_all(&mut self, values: &[T]) -> Room<()>
    where
        T: Copy,
    {
        self.room(values.len())?;
        self.extend_from_slice(values);
        Ok(())
    }

    fn resize_to(&mut self, count: usize, value: T) -> Room<()>
    where
        T: Clone,
    {
        self.room(count.saturating_sub(self.len()))?;
        self.resize(count, value);
        Ok(())
    }
}

#[cold]
fn grow<T>(vec: &mut Vec<T>, more: usize) -> Room<()> {
    if failing::now() || vec.try_reserve(more).is_err() { Err(NoMemory) } else { Ok(()) }
}

/// A list of what comes.
pub fn list<T>(values: impl Iterator<Item = T>) -> Room<Vec<T>> {
    let mut all = Vec::new();
    all.add_each(values)?;
    Ok(all)
}

/// A list of what comes, where each may lack memory of its own.
pub fn each<T>(values: impl Iterator<Item = Room<T>>) -> Room<Vec<T>> {
    let mut all = Vec::new();
    all.room(values.size_hint().0)?;
    for value in values {
        all.add(value?)?;
    }
    Ok(all)
}

/// So many of one value.
pub fn filled<T: Clone>(value: T, count: usize) -> Room<Vec<T>> {
    let mut all = Vec::new();
    all.resize_to(count, value)?;
    Ok(all)
}

/// What is a value of its type when all its bytes are 0.
///
/// # Safety
/// It is.
pub unsafe trait Zero {}

// SAFETY: a number.
unsafe impl Zero for u8 {}
// SAFETY: as above.
unsafe impl Zero for u32 {}

/// So many zeroes. Where there are many, no memory is used for them before something is written there: they come from the
/// system as they are.
pub fn zeroes<T: Zero>(count: usize) -> Room<Vec<T>> {
    let layout = Layout::array::<T>(count).map_err(|_| NoMemory)?;
    if layout.size() == 0 {
        return Ok(Vec::new());
    }
    if failing::now() {
        return Err(NoMemory);
    }
    // SAFETY: the size is not 0.
    let first = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<T>();
    if first.is_null() {
        return Err(NoMemory);
    }
    // SAFETY: allocated for so many of them, which all have a value.
    Ok(unsafe { Vec::from_raw_parts(first, count, count) })
}

/// A list with the same in it.
pub fn copied<T: Copy>(values: &[T]) -> Room<Vec<T>> {
    let mut all = Vec::new();
    all.add_all(values)?;
    Ok(all)
}

/// An empty list with room for so many and no more: a box that it becomes gives nothing back, for which memory may lack as well.
pub fn exactly<T>(count: usize) -> Room<Vec<T>> {
    let mut all = Vec::new();
    if failing::now() || all.try_reserve_exact(count).is_err() {
        return Err(NoMemory);
    }
    Ok(all)
}

/// One value on the heap.
pub fn boxed<T>(value: T) -> Room<Box<T>> {
    let mut one = exactly(1)?;
    one.push(value);
    // SAFETY: a boxed slice of one element is laid out as a box of it.
    Ok(unsafe { Box::from_raw(Box::into_raw(one.into_boxed_slice()).cast()) })
}

/// Room in a map for one more.
pub fn room_in<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>) -> Room<()> {
    if map.capacity() > map.len() {
        return Ok(());
    }
    if failing::now() || map.try_reserve(1).is_err() { Err(NoMemory) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_an_answer_and_what_was_there_stays() {
        let mut numbers = copied(&[1, 2, 3]).unwrap();
        numbers.shrink_to_fit();
        failing::next(true);
        assert_eq!(numbers.add(4), Err(NoMemory));
        failing::next(true);
        assert_eq!(numbers.add_all(&[4, 5]), Err(NoMemory));
        failing::next(true);
        assert_eq!(numbers.resize_to(9, 0), Err(NoMemory));
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(numbers.room(usize::MAX / 8), Err(NoMemory), "the allocator's own answer");
        numbers.room(5).unwrap();
        failing::next(true);
        numbers.add_each(4..9).unwrap();
        assert!(failing::now(), "there was room already");
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
        let mut map = HashMap::new();
        failing::next(true);
        assert_eq!(room_in(&mut map), Err(NoMemory));
        room_in(&mut map).unwrap();
        map.insert(1, 2);
        failing::next(true);
        assert_eq!(filled(0u8, 4), Err(NoMemory));
    }

    #[test]
    fn zeroes_are_as_many_as_said_and_may_fail() {
        assert_eq!(zeroes::<u32>(3).unwrap(), [0; 3]);
        assert!(zeroes::<u8>(0).unwrap().is_empty());
        assert_eq!(zeroes::<u32>(usize::MAX / 4), Err(NoMemory), "no layout");
        assert_eq!(zeroes::<u8>(isize::MAX as usize), Err(NoMemory), "the allocator's own answer");
        failing::next(true);
        assert_eq!(zeroes::<u8>(4), Err(NoMemory));
        let mut some = zeroes::<u32>(2).unwrap();
        some.add(7).unwrap();
        assert_eq!(some, [0, 0, 7], "it is an ordinary list");
    }

    /// Pages of these bytes that are in memory.
    #[cfg(not(loom))]
    fn pages_there(bytes: &[u8]) -> usize {
        const PAGE: usize = 4096;
        let skipped = bytes.as_ptr().align_offset(PAGE);
        let pages = (bytes.len() - skipped) / PAGE;
        let mut there = vec![0u8; pages];
        let first = bytes[skipped..].as_ptr().cast_mut().cast();
        // SAFETY: whole pages that are there, and a byte for each.
        assert_eq!(unsafe { libc::mincore(first, pages * PAGE, there.as_mut_ptr()) }, 0);
        there.iter().filter(|page| **page & 1 != 0).count()
    }

    #[cfg(not(loom))]
    #[test]
    fn zeroes_use_no_memory_before_something_is_written() {
        const COUNT: usize = 64 << 20;
        // A page that was touched may be a large one of the system's.
        const FEW: usize = COUNT / 4096 / 4;
        let written = filled(1u8, COUNT).unwrap();
        assert!(pages_there(&written) > FEW, "the control");
        let mut none = zeroes::<u8>(COUNT).unwrap();
        assert!(pages_there(&none) < FEW, "{} pages are there", pages_there(&none));
        none[COUNT / 2] = 1;
        assert!((1..FEW).contains(&pages_there(&none)));
    }
}
