// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a worker keeps at hand so that a spawn and an end touch nothing shared: free heads, warm stacks, free channels and tasks.

use core::cell::{Cell, UnsafeCell};

use crate::base::status::Outcome;
use crate::memory::stack_class::{CLASSES, StackId};
use crate::memory::stack_pool::{BATCH, StackPool};
use crate::memory::table::{Slot, Table};
use crate::strand::head::Head;

const HEADS: usize = 128;
const CHANNELS: usize = 32;
const TASKS: usize = 128;
const STACKS: usize = 2 * BATCH;

/// A last-in-first-out cache of `N` things that is filled and emptied by halves.
struct Shelf<T: Copy, const N: usize> {
    things: UnsafeCell<[T; N]>,
    count: Cell<usize>,
}

impl<T: Copy, const N: usize> Shelf<T, N> {
    const fn new(empty: T) -> Self {
        Shelf { things: UnsafeCell::new([empty; N]), count: Cell::new(0) }
    }

    #[inline(always)]
    fn pop(&self, refill: impl FnOnce(&mut [T]) -> Outcome<usize>) -> Outcome<T> {
        // SAFETY: methods of the cache run on the owning worker's thread and do not nest, so this is the only reference.
        let things = unsafe { &mut *self.things.get() };
        let mut count = self.count.get();
        if count == 0 {
            count = refill(&mut things[..N / 2])?;
            // Ascending order comes out ascending: neighbours in memory are used together.
            things[..count].reverse();
        }
        self.count.set(count - 1);
        Ok(things[count - 1])
    }

    #[inline(always)]
    fn push(&self, thing: T, spill: impl FnOnce(&[T])) {
        // SAFETY: as above.
        let things = unsafe { &mut *self.things.get() };
        let mut count = self.count.get();
        if count == N {
            // The oldest half goes: the newest is the one that is still in the processor's cache.
            spill(&things[..N / 2]);
            things.copy_within(N / 2.., 0);
            count = N / 2;
        }
        things[count] = thing;
        self.count.set(count + 1);
    }
}

/// See the module documentation.
pub struct Cache {
    heads: Shelf<u32, HEADS>,
    stacks: [Shelf<StackId, STACKS>; CLASSES],
    channels: Shelf<u32, CHANNELS>,
    tasks: Shelf<u32, TASKS>,
}

impl Cache {
    /// An empty cache.
    pub const fn new() -> Self {
        Cache {
            heads: Shelf::new(0),
            stacks: [const { Shelf::new(StackId::NONE) }; CLASSES],
            channels: Shelf::new(0),
            tasks: Shelf::new(0),
        }
    }

    /// A free head.
    #[inline]
    pub fn take_head(&self, table: &Table<Head>) -> Outcome<u32> {
        self.heads.pop(|room| table.take(room))
    }

    /// Keeps a free head.
    #[inline]
    pub fn give_head(&self, table: &Table<Head>, index: u32) {
        self.heads.push(index, |surplus| table.give(surplus));
    }

    /// A free channel.
    #[inline]
    pub fn take_channel<T: Slot>(&self, table: &Table<T>) -> Outcome<u32> {
        self.channels.pop(|room| table.take(room))
    }

    /// Keeps a free channel.
    #[inline]
    pub fn give_channel<T: Slot>(&self, table: &Table<T>, index: u32) {
        self.channels.push(index, |surplus| table.give(surplus));
    }

    /// A free task.
    #[inline]
    pub fn take_task<T: Slot>(&self, table: &Table<T>) -> Outcome<u32> {
        self.tasks.pop(|room| table.take(room))
    }

    /// Keeps a free task.
    #[inline]
    pub fn give_task<T: Slot>(&self, table: &Table<T>, index: u32) {
        self.tasks.push(index, |surplus| table.give(surplus));
    }

    /// A stack of a class.
    #[inline]
    pub fn take_stack(&self, pool: &StackPool, class: u8) -> Outcome<StackId> {
        self.stacks[class as usize].pop(|room| pool.take(class, room))
    }

    /// Keeps a free stack.
    #[inline]
    pub fn give_stack(&self, pool: &StackPool, stack: StackId) {
        let class = stack.class();
        self.stacks[class as usize].push(stack, |surplus| pool.give(class, surplus));
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}
