// SPDX-License-Identifier: MIT OR Apache-2.0
//! The message of the last failed call of a strand, or of an OS thread.
//!
//! Statuses that are ordinary answers (WOULD_BLOCK, TIMEOUT, CLOSED, CANCELLED, STALE) leave only their number; the
//! sentence is made when somebody asks. Everything else leaves a sentence about the very call, in a buffer that a
//! strand gets at its first such failure. Where no memory can be had for it, the sentence of the status is given.

use core::cell::RefCell;
use core::fmt;

use super::body::Body;
use super::identity;
use crate::base::failing;
use crate::base::status::{Outcome, Status};

/// Bytes of a message; longer ones are cut.
pub const CAPACITY: usize = 4 << 10;
/// Bytes of the message buffer of a strand.
const STRAND_CAPACITY: usize = 496;

/// A message of a strand, on the heap.
pub struct Message {
    text: Text<STRAND_CAPACITY>,
}

/// A text of fixed capacity that is cut at its end.
pub struct Text<const N: usize> {
    length: usize,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// Nothing.
    pub const fn new() -> Self {
        Text { length: 0, bytes: [0; N] }
    }

    /// What was written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.length = 0;
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = N - self.length;
        let mut take = text.len().min(room);
        while !text.is_char_boundary(take) {
            take -= 1;
        }
        self.bytes[self.length..self.length + take].copy_from_slice(&text.as_bytes()[..take]);
        self.length += take;
        Ok(())
    }
}

struct OfThread {
    status: i32,
    is_new: bool,
    text: Text<CAPACITY>,
}

// No destructor: registering one would allocate, at a moment when memory may be what has run out.
thread_local! {
    static OF_THREAD: RefCell<OfThread> = const { RefCell::new(OfThread { status: 0, is_new: false, text: Text::new() }) };
}

/// Records why a call fails, and gives the status back as an error.
#[cold]
#[inline(never)]
pub fn fail<T>(status: Status, text: fmt::Arguments<'_>) -> Outcome<T> {
    match identity::current() {
        Some(body) => record_on_strand(body, status, text),
        None => record_on_thread(status, text),
    }
    Err(status)
}

/// A call fails with this status. What [`fail`] has just recorded for it stays; else only the number is kept, and the
/// message will be that of the status.
#[cold]
#[inline(never)]
pub fn note(status: Status) {
    match identity::current() {
        Some(body) => {
            if !body.message_is_new.replace(false) {
                body.last_status.set(status.0);
                clear_strand(body);
            }
        }
        None => OF_THREAD.with(|slot| {
            if let Ok(mut slot) = slot.try_borrow_mut()
                && !core::mem::replace(&mut slot.is_new, false)
            {
                slot.status = status.0;
                slot.text.clear();
            }
        }),
    }
}

fn clear_strand(body: &Body) {
    let message = body.message.get();
    if !message.is_null() {
        // SAFETY: owned by this strand, which is the one that runs.
        unsafe { (*message).text.clear() };
    }
}

fn record_on_strand(body: &Body, status: Status, text: fmt::Arguments<'_>) {
    body.last_status.set(status.0);
    body.message_is_new.set(true);
    if body.message.get().is_null() {
        body.message.set(allocate::<Message>());
    }
    let message = body.message.get();
    if !message.is_null() {
        // SAFETY: owned by this strand, which is the one that runs; all-zero memory is an empty message.
        let message = unsafe { &mut *message };
        message.text.clear();
        let _ = fmt::Write::write_fmt(&mut message.text, text);
    }
}

#[inline(never)]
fn record_on_thread(status: Status, text: fmt::Arguments<'_>) {
    OF_THREAD.with(|slot| {
        // A message that is being made cannot fail again, but a user's formatter is not among our arguments anyway.
        let Ok(mut slot) = slot.try_borrow_mut() else { return };
        slot.status = status.0;
        slot.is_new = true;
        slot.text.clear();
        let _ = fmt::Write::write_fmt(&mut slot.text, text);
    });
}

/// Zeroed memory for a `T`, or null.
pub fn allocate<T>() -> *mut T {
    if failing::now() {
        return core::ptr::null_mut();
    }
    // SAFETY: the layout has a non-zero size for every `T` used here.
    unsafe { std::alloc::alloc_zeroed(core::alloc::Layout::new::<T>()).cast() }
}

/// As `Box::new`, but `None` where that would end the process. The value is dropped then.
pub fn try_box<T>(value: T) -> Option<Box<T>> {
    let raw = allocate::<T>();
    if raw.is_null() {
        return None;
    }
    // SAFETY: allocated with the layout of the type by the allocator that Box uses, and written before it is boxed.
    unsafe {
        raw.write(value);
        Some(Box::from_raw(raw))
    }
}

/// Frees what [`allocate`] gave; null is nothing.
///
/// # Safety
/// `pointer` came from [`allocate`] for the same `T` and is not used again.
pub unsafe fn release<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: by contract.
        unsafe { std::alloc::dealloc(pointer.cast(), core::alloc::Layout::new::<T>()) };
    }
}

/// What the running strand's last failed call left, if it failed with `status` and left something.
pub fn last_of(body: &Body, status: Status) -> Option<&[u8]> {
    if body.last_status.get() != status.0 {
        return None;
    }
    // SAFETY: owned by this strand, which is the one that runs; all-zero memory is an empty message.
    let text = unsafe { body.message.get().as_ref() }?.text.as_bytes();
    (!text.is_empty()).then_some(text)
}

/// Frees the message of a strand that ends.
pub fn end_strand(body: &Body) {
    let message = body.message.replace(core::ptr::null_mut());
    // SAFETY: allocated by `record_on_strand`; the strand ends, nobody else knows it.
    unsafe { release(message) };
}

/// Copies the message of the last failed call of this strand or thread; returns its whole length.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes, or `capacity` is 0.
pub unsafe fn last_error(buffer: *mut u8, capacity: usize) -> usize {
    match identity::current() {
        Some(body) => {
            let message = body.message.get();
            // SAFETY: owned by this strand, which is the one that runs.
            let text = if message.is_null() { &[][..] } else { unsafe { (*message).text.as_bytes() } };
            // SAFETY: by contract.
            unsafe { copy_out(choose(text, body.last_status.get()), buffer, capacity) }
        }
        None => OF_THREAD.with(|slot| {
            let Ok(slot) = slot.try_borrow() else { return 0 };
            // SAFETY: by contract.
            unsafe { copy_out(choose(slot.text.as_bytes(), slot.status), buffer, capacity) }
        }),
    }
}

fn choose(text: &[u8], status: i32) -> &[u8] {
    match (text.is_empty(), status) {
        (false, _) => text,
        (true, 0) => b"no call has failed here",
        (true, number) => Status(number).message().to_bytes(),
    }
}

/// Copies `text` with a terminator, cut to fit; returns its whole length.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes, or `capacity` is 0.
pub unsafe fn copy_out(text: &[u8], buffer: *mut u8, capacity: usize) -> usize {
    if capacity > 0 && !buffer.is_null() {
        let count = text.len().min(capacity - 1);
        // SAFETY: `count` bytes and the terminator fit into the buffer.
        unsafe {
            core::ptr::copy_nonoverlapping(text.as_ptr(), buffer, count);
            *buffer.add(count) = 0;
        }
    }
    text.len()
}
