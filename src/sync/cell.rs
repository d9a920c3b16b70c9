// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cell of a channel: a slot of a table whose memory is never given back while the runtime is up.
//!
//! ```text
//! line 0   lock, flags, element size, generation, capacity, ring        every operation
//! line 1   wait lists, references, options, free link                   blocking, closing
//! ```
//! The generation is compared under the lock, so an operation counts no reference on its way, and a release beside it
//! is either before (STALE) or after it.

use core::ffi::c_void;

use super::elements::Ring;
use super::waiters::List;
use crate::base::bias_lock::{BiasLock, Held};
use crate::base::handle::{self, Kind, Parts};
use crate::base::status::{Outcome, Status};
use crate::base::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::base::sync::cell::Cell;
use crate::engine::Worker;
use crate::memory::table::{History, Slot};
use crate::strand::hooks::{DropHook, TransferHook};

/// Capacity of a channel that never fills.
pub const UNBOUNDED: usize = usize::MAX;

/// Set in the generation of a slot that belongs to no channel.
const FREE: u64 = 1 << 63;

/// Options that need storage.
pub struct Options {
    /// Copies a message on the sender's side.
    pub transfer: Option<TransferHook>,
    /// Drops a message that nobody receives.
    pub drop: Option<DropHook>,
    /// Passed to both.
    pub data: *mut c_void,
    /// Bytes of the name used.
    pub name_length: u8,
    /// The name, cut.
    pub name: [u8; 47],
}

/// See the module documentation.
#[repr(C, align(128))]
pub struct Channel {
    /// Guards everything below.
    pub lock: BiasLock,
    /// 1 once closed.
    pub closed: AtomicU8,
    /// 1 when messages have hooks.
    pub hooked: AtomicU8,
    /// Bytes of an element.
    element_size: Cell<u32>,
    /// The generation, with FREE set while the slot belongs to no channel: one comparison checks both.
    generation: AtomicU64,
    /// Elements before a sender waits.
    capacity: AtomicUsize,
    /// What lies in the channel.
    pub ring: Ring,

    /// Who waits to receive.
    pub receivers: List,
    /// Who waits to send.
    pub senders: List,
    /// Handles held by the program.
    pub references: Cell<u32>,
    /// Hooks and name, or null.
    pub options: Cell<*mut Options>,
    free_link: AtomicU32,
}

const _: () = assert!(cfg!(loom) || size_of::<Channel>() == 128);

// SAFETY: the cells are touched under the lock only.
unsafe impl Sync for Channel {}

// SAFETY: the link is its own field; the generation is written by the table while the slot is free, and by `end`.
unsafe impl Slot for Channel {
    fn free_link(&self) -> &AtomicU32 {
        &self.free_link
    }
    fn set_generation(&self, generation: u64) {
        self.generation.store(generation | FREE, Ordering::Relaxed);
    }
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed) & !FREE
    }
    #[cfg(loom)]
    fn blank() -> Self {
        Channel {
            lock: BiasLock::new(),
            closed: AtomicU8::new(0),
            hooked: AtomicU8::new(0),
            element_size: Cell::new(0),
            generation: AtomicU64::new(0),
            capacity: AtomicUsize::new(0),
            ring: Ring::empty(),
            receivers: List::blank(),
            senders: List::blank(),
            references: Cell::new(0),
            options: Cell::new(core::ptr::null_mut()),
            free_link: AtomicU32::new(0),
        }
    }
}

/// What channels of earlier runtimes left behind.
pub static HISTORY: History = History::new();

impl Channel {
    /// Takes the lock for a strand of this worker, or on its behalf.
    #[inline(always)]
    pub fn lock_by(&self, worker: &Worker) -> Held {
        let held = self.lock.lock_from(worker.seat);
        if let Held::After { seat, waited } = held {
            worker.met(seat, waited);
        }
        held
    }

    /// As [`Self::lock_by`], or without a worker for an OS thread, if the handle still names this channel.
    #[inline(always)]
    pub fn lock_by_as(&self, worker: Option<&Worker>, parts: Parts) -> Outcome<Held> {
        let Some(worker) = worker else { return self.lock_as(parts).map(|()| Held::Plain) };
        let held = self.lock_by(worker);
        if self.is(parts) {
            return Ok(held);
        }
        self.refuse(parts, held)
    }

    /// Bytes of an element.
    #[inline(always)]
    pub fn element_size(&self) -> usize {
        self.element_size.get() as usize
    }

    /// Says how many bytes an element has: at most [`super::channel::ELEMENT_MAX`]. Under the lock.
    pub fn set_element_size(&self, size: usize) {
        self.element_size.set(size as u32);
    }

    /// Takes the lock, if the handle still names this channel.
    #[inline(always)]
    pub fn lock_as(&self, parts: Parts) -> Outcome<()> {
        self.lock.lock();
        if self.is(parts) {
            return Ok(());
        }
        self.refuse(parts, Held::Plain)
    }

    #[cold]
    fn refuse<T>(&self, parts: Parts, held: Held) -> Outcome<T> {
        let now = self.generation.load(Ordering::Relaxed);
        self.lock.unlock_from(held);
        match handle::compare(now & !FREE, parts.generation) {
            // The next generation of a free slot: not yet issued.
            Ok(()) => Err(Status::INVALID),
            Err(other) => Err(other),
        }
    }

    /// Whether the handle names this channel; without the lock a hint.
    #[inline(always)]
    pub fn is(&self, parts: Parts) -> bool {
        self.generation.load(Ordering::Relaxed) == parts.generation
    }

    /// Whether the handle, whose index is that of this slot, is a channel's and names this one; a hint as [`Self::is`].
    #[inline(always)]
    pub fn is_named(&self, handle: u64) -> bool {
        const CHANNEL: u64 = handle::encode(Kind::Channel, 0, 0);
        // Generations of live channels have none of the upper bits, where kinds differ.
        self.generation.load(Ordering::Relaxed) == (handle ^ CHANNEL) >> handle::INDEX_BITS
    }

    /// Whether the slot belongs to a channel. Under the lock.
    pub fn is_live(&self) -> bool {
        self.generation.load(Ordering::Relaxed) & FREE == 0
    }

    /// The slot belongs to a channel from now on. Under the lock.
    pub fn begin(&self) {
        self.generation.store(self.generation(), Ordering::Relaxed);
    }

    /// The slot gets its next generation: every handle is stale. Under the lock.
    pub fn end(&self) {
        self.generation.store((self.generation() + 1) | FREE, Ordering::Relaxed);
    }

    /// Whether it was closed.
    #[inline(always)]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) != 0
    }

    /// Whether its messages have hooks.
    #[inline(always)]
    pub fn is_hooked(&self) -> bool {
        self.hooked.load(Ordering::Relaxed) != 0
    }

    /// Elements before a sender waits.
    #[inline(always)]
    pub fn capacity(&self) -> usize {
        // Relaxed: under the lock, or a hint.
        self.capacity.load(Ordering::Relaxed)
    }

    /// Says how many elements it holds before a sender waits. Under the lock.
    pub fn set_capacity(&self, capacity: usize) {
        self.capacity.store(capacity, Ordering::Relaxed);
    }

    /// Remembers which of the channels of an exploration this is, where a free slot has its link.
    pub fn set_order(&self, order: u32) {
        self.free_link.store(order, Ordering::Relaxed);
    }

    /// What [`Self::set_order`] was told. Of a channel that is in use.
    pub fn order(&self) -> u32 {
        self.free_link.load(Ordering::Relaxed)
    }

    /// Whether the slot can be used once more.
    pub fn generation_is_left(&self) -> bool {
        self.generation() <= handle::GENERATION_MAX
    }

    /// Its handle.
    pub fn handle(&self, index: u32) -> u64 {
        handle::encode(Kind::Channel, self.generation(), index)
    }

    /// The hooks of its messages: its own, or else those of the language. The channel is kept alive by the caller
    /// (the lock, or the generation compared and the slot not freed).
    #[cold]
    pub fn message_hooks(&self) -> MessageHooks {
        let options = self.options.get();
        let language = crate::strand::hooks::get();
        // SAFETY: the options live as long as the channel.
        match unsafe { options.as_ref() } {
            Some(own) if own.transfer.is_some() || own.drop.is_some() => {
                MessageHooks { transfer: own.transfer, drop: own.drop, data: own.data }
            }
            _ => MessageHooks { transfer: language.message_transfer, drop: language.message_drop, data: language.data },
        }
    }
}

/// The hooks of a message, by value: they are called without the lock.
#[derive(Clone, Copy)]
pub struct MessageHooks {
    /// Copies, on the sender's side.
    pub transfer: Option<TransferHook>,
    /// Drops.
    pub drop: Option<DropHook>,
    /// Passed to both.
    pub data: *mut c_void,
}

impl MessageHooks {
    /// Drops a message.
    ///
    /// # Safety
    /// `element` holds a message of `size` bytes that nobody else has.
    pub unsafe fn drop_message(&self, element: *mut u8, size: usize) {
        if let Some(drop) = self.drop {
            // SAFETY: the hook is the program's own; the element by contract.
            unsafe { drop(element.cast(), size, self.data) };
        }
    }
}
