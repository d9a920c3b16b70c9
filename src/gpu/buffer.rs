// SPDX-License-Identifier: MIT OR Apache-2.0
//! Buffers: memory that the programs of a device work with.
//!
//! ```text
//! processor   host memory; a map is its address, and what is written is there at once
//! adapter     on the device; a map is host memory, filled from there and written back
//! ```

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::device::{self, Device};
use super::memory::HostMemory;
use super::named::{Named, enter};
use super::remote::{Remote, RemoteBuffer};
use super::shared::Shared;
use super::ticket;
use crate::base::handle::Kind;
use crate::base::status::{Outcome, Status};
use crate::engine::outside;
use crate::strand::message::fail;
use crate::wait::block::FOREVER;

/// Map: what is there is read.
pub const READ: u32 = 1;
/// Map: it is written.
pub const WRITE: u32 = 2;

/// Bytes of a buffer, and of what is written to it, come in words.
const WORD: u64 = 4;

/// Where its bytes are.
pub enum Place {
    /// Here.
    Host(HostMemory),
    /// On an adapter.
    Remote(RemoteBuffer),
}

/// What is mapped of a buffer.
struct Map {
    offset: u64,
    flags: u32,
    /// A copy of what is on an adapter; `None` for host memory.
    copy: Option<Shared<HostMemory>>,
}

/// Whether a buffer is mapped.
enum Mapped {
    No,
    Yes(Map),
    /// It was, and what was written is on its way to the device: it cannot be mapped before it is known whether it got there.
    Ending,
}

impl Mapped {
    /// Whether it can be mapped now.
    fn is_free(&self) -> bool {
        matches!(self, Mapped::No)
    }

    /// The map, for the one who is to end it. `None`: there is none, or somebody else ends it.
    fn begin_end(&mut self) -> Option<Map> {
        match core::mem::replace(self, Mapped::Ending) {
            Mapped::Yes(map) => Some(map),
            other => {
                *self = other;
                None
            }
        }
    }

    /// It has ended; or it is still there, when the map comes back.
    fn end(&mut self, still: Option<Map>) {
        *self = still.map_or(Mapped::No, Mapped::Yes);
    }
}

/// A buffer, kept by its handle and by those who use it.
pub struct Buffer {
    /// Whose it is.
    pub device: Shared<Device>,
    /// Where its bytes are.
    pub place: Place,
    /// Their number.
    pub bytes: u64,
    map: Mutex<Mapped>,
    handle: AtomicU64,
}

impl Buffer {
    /// Its handle.
    pub fn handle(&self) -> u64 {
        self.handle.load(Ordering::Relaxed)
    }

    /// Its first byte, where it lies in host memory.
    pub fn host(&self) -> Option<*mut u8> {
        match &self.place {
            Place::Host(memory) => Some(memory.first()),
            Place::Remote(_) => None,
        }
    }

    /// Its adapter, and what it is there.
    pub fn remote(&self) -> Option<(&Remote, &RemoteBuffer)> {
        match &self.place {
            Place::Host(_) => None,
            Place::Remote(buffer) => Some((self.device.remote()?, buffer)),
        }
    }

    fn mapped(&self) -> MutexGuard<'_, Mapped> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, offset: u64, bytes: u64) -> Outcome<()> {
        match offset.checked_add(bytes) {
            Some(end) if end <= self.bytes => Ok(()),
            _ => fail(
                Status::INVALID,
                format_args!("{bytes} bytes from {offset} on: buffer {:#x} has {}", self.handle(), self.bytes),
            ),
        }
    }
}

static BUFFERS: Named<Buffer> = Named::new(Kind::Buffer, "buffer");

/// Makes the table of a runtime that is being initialised.
pub fn start(capacity: u32) -> Outcome<()> {
    BUFFERS.start(capacity)
}

/// Frees the table.
///
/// # Safety
/// As [`Named::stop`].
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { BUFFERS.stop() };
}

/// The buffer that a handle names, whether or not its device is open.
pub fn get(handle: u64) -> Outcome<Shared<Buffer>> {
    BUFFERS.get(handle)
}

/// As [`get`]; CLOSED when the device was closed.
fn get_open(handle: u64) -> Outcome<Shared<Buffer>> {
    let buffer = get(handle)?;
    buffer.device.look()?;
    Ok(buffer)
}

/// Makes a buffer, all zero: its handle.
pub fn create(device: u64, bytes: u64) -> Outcome<u64> {
    outside::refuse_on_worker()?;
    let _call = enter()?;
    let device = device::get(device)?;
    if bytes == 0 || !bytes.is_multiple_of(WORD) {
        return fail(Status::INVALID, format_args!("a buffer of {bytes} bytes: it must be a multiple of 4, and not 0"));
    }
    let most = device.info.buffer_bytes_max;
    if bytes > most {
        return fail(Status::LIMIT, format_args!("a buffer of {bytes} bytes: this device has at most {most}"));
    }
    let place = match device.remote() {
        Some(remote) => Place::Remote(remote.buffer(bytes)?),
        None => Place::Host(host_memory(bytes)?),
    };
    let buffer = Buffer { device, place, bytes, map: Mutex::new(Mapped::No), handle: AtomicU64::new(0) };
    let buffer = Shared::new(buffer).or_else(|status| fail(status, format_args!("no memory for a buffer")))?;
    BUFFERS.add(buffer, |buffer, handle| buffer.handle.store(handle, Ordering::Relaxed))
}

fn host_memory(bytes: u64) -> Outcome<HostMemory> {
    HostMemory::new(bytes).or_else(|status| fail(status, format_args!("no memory for {bytes} bytes")))
}

/// Writes to a buffer; the bytes are copied before it returns.
///
/// # Safety
/// As many bytes are readable at `data`.
pub unsafe fn write(handle: u64, offset: u64, data: *const u8, bytes: u64) -> Outcome<()> {
    let _call = enter()?;
    let buffer = get_open(handle)?;
    buffer.check(offset, bytes)?;
    if !offset.is_multiple_of(WORD) || !bytes.is_multiple_of(WORD) {
        return fail(
            Status::INVALID,
            format_args!("{bytes} bytes to {offset}: a buffer is written in multiples of 4 bytes"),
        );
    }
    match &buffer.place {
        // SAFETY: by contract, and inside the buffer; the two may overlap where it is mapped.
        Place::Host(memory) => unsafe { core::ptr::copy(data, memory.at(offset), bytes as usize) },
        Place::Remote(remote) => {
            let Some(device) = buffer.device.remote() else { return Err(Status::CLOSED) };
            // SAFETY: by contract.
            unsafe { device.write(remote, offset, data, bytes) }?;
        }
    }
    Ok(())
}

/// Reads from a buffer: the ticket, which is resolved when the bytes are there.
///
/// # Safety
/// As many bytes are writable at `data` until then.
pub unsafe fn read(handle: u64, offset: u64, data: *mut u8, bytes: u64) -> Outcome<u64> {
    let _call = enter()?;
    let buffer = get_open(handle)?;
    buffer.check(offset, bytes)?;
    let pending = ticket::create()?;
    let ticket = pending.handle();
    match buffer.remote() {
        // SAFETY: by contract. The buffer stays until it was read.
        Some((device, remote)) => unsafe { device.read(remote, offset, data, bytes, pending, buffer.clone()) },
        None => {
            if let Place::Host(memory) = &buffer.place {
                // SAFETY: by contract, and inside the buffer; the two may overlap where it is mapped.
                unsafe { core::ptr::copy(memory.at(offset), data, bytes as usize) };
            }
            pending.succeed();
        }
    }
    Ok(ticket)
}

/// Maps a part of a buffer: its address. Waits until what is on an adapter is here.
pub fn map(handle: u64, offset: u64, bytes: u64, flags: u32, deadline: i64) -> Outcome<*mut u8> {
    let _call = enter()?;
    let buffer = get_open(handle)?;
    buffer.check(offset, bytes)?;
    if bytes == 0 {
        return fail(Status::INVALID, format_args!("a part of 0 bytes cannot be mapped"));
    }
    if flags & WRITE != 0 && (!offset.is_multiple_of(WORD) || !bytes.is_multiple_of(WORD)) {
        return fail(
            Status::INVALID,
            format_args!("{bytes} bytes at {offset}: what is mapped to be written begins and ends at a multiple of 4"),
        );
    }
    let mut map = Map { offset, flags, copy: None };
    if !buffer.mapped().is_free() {
        return already_mapped(handle);
    }
    let address = match &buffer.place {
        Place::Host(memory) => memory.at(offset),
        Place::Remote(_) => {
            let copy = Shared::new(host_memory(bytes)?)?;
            if flags & READ != 0 {
                fetch(&buffer, offset, &copy, deadline)?;
            }
            let address = copy.first();
            map.copy = Some(copy);
            address
        }
    };
    keep(&buffer, handle, map)?;
    Ok(address)
}

/// A buffer has this map from now on. Whoever has released the buffer, or closed its device, while the map was filled would
/// leave an address that is good for nothing.
fn keep(buffer: &Buffer, handle: u64, map: Map) -> Outcome<()> {
    get_open(handle)?;
    let mut mapped = buffer.mapped();
    if !mapped.is_free() {
        drop(mapped);
        return already_mapped(handle);
    }
    *mapped = Mapped::Yes(map);
    Ok(())
}

#[cold]
fn already_mapped<T>(handle: u64) -> Outcome<T> {
    fail(Status::BUSY, format_args!("buffer {handle:#x} is mapped already"))
}

/// Waits for a copy of what is on an adapter.
fn fetch(buffer: &Shared<Buffer>, offset: u64, copy: &Shared<HostMemory>, deadline: i64) -> Outcome<()> {
    // SAFETY: kept, as large.
    unsafe { fill(buffer, offset, copy.first(), copy.bytes(), copy.clone(), deadline) }
}

/// A copy in host memory of a buffer of an adapter, as what was asked for before has left it. Waits. It has no handle.
pub fn copy_here(buffer: &Shared<Buffer>) -> Outcome<Shared<Buffer>> {
    let (device, bytes) = (buffer.device.clone(), buffer.bytes);
    let memory = host_memory(bytes)?;
    let first = memory.first();
    let copy =
        Buffer { device, place: Place::Host(memory), bytes, map: Mutex::new(Mapped::No), handle: AtomicU64::new(0) };
    let copy = Shared::new(copy)?;
    // SAFETY: kept, as large.
    unsafe { fill(buffer, 0, first, bytes, copy.clone(), FOREVER) }?;
    Ok(copy)
}

/// Waits for bytes of an adapter.
///
/// # Safety
/// As many bytes are writable at `data` while `keep` is kept.
unsafe fn fill<K: Send + 'static>(
    buffer: &Shared<Buffer>,
    offset: u64,
    data: *mut u8,
    bytes: u64,
    keep: K,
    deadline: i64,
) -> Outcome<()> {
    let Some((device, remote)) = buffer.remote() else { return Err(Status::CLOSED) };
    let pending = ticket::create()?;
    let ticket = pending.handle();
    // What is filled stays until it is, also when nobody waits for it any more.
    // SAFETY: by contract.
    unsafe { device.read(remote, offset, data, bytes, pending, (buffer.clone(), keep)) };
    let done = ticket::wait(ticket, deadline);
    ticket::release(ticket)?;
    done
}

/// Ends a map: what was written is in the buffer.
pub fn unmap(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    let buffer = get(handle)?;
    let Some(map) = buffer.mapped().begin_end() else {
        return fail(Status::INVALID, format_args!("buffer {handle:#x} is not mapped"));
    };
    let written = write_back(&buffer, &map);
    let repeatable = matches!(written, Err(Status::NO_MEMORY | Status::WOULD_SWITCH | Status::CANCELLED));
    buffer.mapped().end(repeatable.then_some(map));
    written
}

/// Brings what was written to a map to its adapter.
fn write_back(buffer: &Buffer, map: &Map) -> Outcome<()> {
    buffer.device.look()?;
    match (buffer.remote(), &map.copy) {
        // SAFETY: all of the copy.
        (Some((device, remote)), Some(copy)) if map.flags & WRITE != 0 => unsafe {
            device.write(remote, map.offset, copy.first(), copy.bytes())
        },
        _ => Ok(()),
    }
}

/// Gives the handle up. Worklists and readings that use the buffer keep it.
pub fn release(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    BUFFERS.remove(handle).map(drop)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ffi::scheduler::{strand_scheduler_init, strand_scheduler_shutdown};
    use crate::gpu::device::{CPU, Label, Options, Wish};

    fn some_map() -> Map {
        Map { offset: 0, flags: READ, copy: None }
    }

    /// Between the look for the buffer and the end of a map its bytes come from an adapter: anything may happen meanwhile.
    #[test]
    fn a_map_of_a_buffer_that_was_released_or_closed_meanwhile_is_none() {
        // SAFETY: the defaults.
        assert_eq!(unsafe { strand_scheduler_init(core::ptr::null()) }, 0);
        let wish = Wish { kind: CPU, name: Label::NONE };
        let device = device::open(&Options { wish, in_flight: 0, latency: 0 }).unwrap();
        let handle = create(device, 64).unwrap();
        let buffer = get(handle).unwrap();
        assert_eq!(keep(&buffer, handle, some_map()), Ok(()), "control: nothing has happened");
        assert_eq!(keep(&buffer, handle, some_map()), Err(Status::BUSY), "somebody else was faster");
        unmap(handle).unwrap();
        release(handle).unwrap();
        assert_eq!(keep(&buffer, handle, some_map()), Err(Status::STALE));
        assert!(buffer.mapped().is_free());
        let handle = create(device, 64).unwrap();
        let buffer = get(handle).unwrap();
        device::close(device).unwrap();
        assert_eq!(keep(&buffer, handle, some_map()), Err(Status::CLOSED));
        assert!(buffer.mapped().is_free());
        drop(buffer);
        release(handle).unwrap();
        assert_eq!(strand_scheduler_shutdown(FOREVER), 0);
    }

    #[test]
    fn a_map_whose_end_is_under_way_is_nobody_elses_and_is_there_again_when_the_end_fails() {
        let mut mapped = Mapped::No;
        assert!(mapped.begin_end().is_none() && mapped.is_free(), "what is not mapped stays so");
        mapped = Mapped::Yes(Map { offset: 8, flags: WRITE, copy: None });
        let ending = mapped.begin_end();
        assert!(ending.is_some());
        assert!(!mapped.is_free(), "another map would take the place of one that may come back");
        assert!(mapped.begin_end().is_none() && !mapped.is_free(), "one ends it");
        mapped.end(ending);
        assert!(matches!(mapped, Mapped::Yes(Map { offset: 8, .. })), "the write has failed: it is still mapped");
        let ending = mapped.begin_end();
        assert!(ending.is_some());
        mapped.end(None);
        assert!(mapped.is_free());
    }
}
