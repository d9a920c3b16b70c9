// SPDX-License-Identifier: MIT OR Apache-2.0
//! Channels as the C face sees them: from handles to cells, from the caller to its context.

use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::cell::{Channel, HISTORY, MessageHooks, Options, UNBOUNDED};
use super::elements::Ring;
use super::{receive, send};
use crate::base::bias_lock::{Held, NO_SEAT};
use crate::base::handle::{self, INDEX_MAX, Kind, Parts};
use crate::base::status::{Outcome, Status};
use crate::base::sync::cell::Cell;
use crate::engine::parallel::worker;
use crate::engine::{self, Worker, outside};
use crate::memory::table::Table;
use crate::strand::hooks::{DropHook, TransferHook};
use crate::strand::message::{allocate, fail, release as free, try_box};
use crate::strand::root::{Kind as Stored, Root, Visit};
use crate::strand::{identity, poll};
use crate::wait::block::{NO_WAIT, Woken};
use crate::wait::cancel;

/// Largest element in bytes.
pub const ELEMENT_MAX: usize = 1 << 30;
/// References that a channel can have.
const REFERENCES_MAX: u32 = 1 << 30;

/// What a channel is made with.
pub struct ChannelOptions<'a> {
    /// Bytes of an element.
    pub element_size: usize,
    /// Elements before a sender waits: 0 for a rendezvous, `usize::MAX` for never.
    pub capacity: usize,
    /// Name for dumps.
    pub name: &'a [u8],
    /// Copies a message on the sender's side.
    pub transfer: Option<TransferHook>,
    /// Drops a message that nobody receives.
    pub drop: Option<DropHook>,
    /// Passed to both.
    pub data: *mut c_void,
}

static TABLE: AtomicPtr<Table<Channel>> = AtomicPtr::new(core::ptr::null_mut());

#[inline(always)]
fn table() -> Option<&'static Table<Channel>> {
    // SAFETY: published by `start`, taken back by `stop` after every strand has ended and every call has left.
    unsafe { TABLE.load(Ordering::Acquire).as_ref() }
}

/// Makes the table of a runtime that is being initialised.
pub fn start() -> Outcome<()> {
    let table = try_box(Table::<Channel>::new(INDEX_MAX, &HISTORY)?).ok_or(Status::NO_MEMORY)?;
    TABLE.store(Box::into_raw(table), Ordering::Release);
    Ok(())
}

/// Drops what lies in the channels, and the table.
///
/// # Safety
/// No strand and no call uses a channel any more.
pub unsafe fn stop() {
    let raw = TABLE.load(Ordering::Acquire);
    // SAFETY: made by `start`.
    let Some(table) = (unsafe { raw.as_ref() }) else { return };
    for index in 0..table.fresh() {
        let channel = table.slot(index);
        channel.lock.lock();
        if channel.is_live() {
            end(table, channel, index, None, Held::Plain);
        } else {
            channel.lock.unlock();
        }
    }
    TABLE.store(core::ptr::null_mut(), Ordering::Release);
    // SAFETY: made by `start`, unused by contract.
    drop(unsafe { Box::from_raw(raw) });
}

/// Shows what lies in channels, and what waits to be sent, to a collector. The world is stopped.
pub fn visit(visit: Visit<'_>) {
    let Some(table) = table() else { return };
    for index in 0..table.fresh() {
        let channel = table.slot(index);
        let (bytes, owner) = (channel.element_size(), channel.handle(index));
        if channel.is_live() && bytes > 0 {
            channel.ring.each(bytes, |address| visit(Root { kind: Stored::Element, address, bytes, owner }));
            channel.senders.each_element(|address| visit(Root { kind: Stored::Sending, address, bytes, owner }));
        }
    }
}

/// Where a handle leads: the cell, the handle's parts, and the count of the calling OS thread.
struct Found {
    channel: &'static Channel,
    parts: Parts,
    _call: Option<outside::Call>,
}

/// Why a handle or an element is refused, as the end of a sentence about it.
pub type Refused = (Status, &'static str);

/// What a case of a select is about.
pub struct Target {
    /// The cell.
    pub channel: &'static Channel,
    /// The parts of the handle.
    pub parts: Parts,
    /// The element, or a place for none.
    pub element: *mut u8,
    /// The hooks of its messages and their size, where there are any.
    pub hooks: Option<(MessageHooks, usize)>,
}

/// A live channel for a case of a select, whose caller is on a strand or counted in.
pub fn target(chan: u64, element: *mut u8) -> Result<Target, Refused> {
    engine::touch(chan);
    let parts = handle::decode(Kind::Channel, chan).ok_or((Status::INVALID, "is not the handle of a channel"))?;
    const NEVER: Refused = (Status::INVALID, "is a channel that was never made");
    const GONE: Refused = (Status::STALE, "is a channel that is gone");
    let channel = match table().filter(|table| parts.index < table.fresh()) {
        Some(table) => table.slot(parts.index),
        None if HISTORY.judge_unknown(parts.index, parts.generation) == Status::STALE => return Err(GONE),
        None => return Err(NEVER),
    };
    if channel.is(parts) && channel.hooked.load(Ordering::Relaxed) == 0 && !element.is_null() {
        return Ok(Target { channel, parts, element, hooks: None });
    }
    let held = match channel.lock_by_as(worker::running(), parts) {
        Ok(held) => held,
        Err(Status::STALE) => return Err(GONE),
        Err(_) => return Err(NEVER),
    };
    let (hooks, size) = (channel.message_hooks(), channel.element_size());
    channel.lock.unlock_from(held);
    let element = if size == 0 { core::ptr::NonNull::dangling().as_ptr() } else { element };
    if element.is_null() {
        return Err((Status::INVALID, "has elements with bytes, but element is NULL"));
    }
    Ok(Target { channel, parts, element, hooks: hooks.transfer.is_some().then_some((hooks, size)) })
}

/// The channels there are, for a strand that looks at several.
#[derive(Clone, Copy)]
pub struct Lookup {
    table: &'static Table<Channel>,
    fresh: u32,
}

impl Lookup {
    /// `None` without a runtime.
    #[inline(always)]
    pub fn new() -> Option<Lookup> {
        let table = table()?;
        Some(Lookup { table, fresh: table.fresh() })
    }

    /// The channel of a handle, if it is there; without the lock, so that must be compared again under it.
    #[inline(always)]
    pub fn find(self, chan: u64) -> Option<&'static Channel> {
        let index = chan as u32 & INDEX_MAX;
        if index >= self.fresh {
            return None;
        }
        let channel = self.table.slot(index);
        // A handle of another kind is different too.
        channel.is_named(chan).then_some(channel)
    }
}

#[inline(always)]
fn find(chan: u64) -> Outcome<Found> {
    engine::touch(chan);
    let call = if identity::current().is_some() { None } else { Some(outside::enter()?) };
    if let Some(parts) = handle::decode(Kind::Channel, chan)
        && let Some(table) = table()
        && parts.index < table.fresh()
    {
        return Ok(Found { channel: table.slot(parts.index), parts, _call: call });
    }
    unknown(chan)
}

/// The cell that a handle leads to, if there ever was such a one. The caller keeps the runtime up.
pub(super) fn cell_of(chan: u64) -> Option<(&'static Channel, Parts)> {
    let parts = handle::decode(Kind::Channel, chan)?;
    let table = table()?;
    (parts.index < table.fresh()).then(|| (table.slot(parts.index), parts))
}

/// What a handle without a cell is.
pub(super) fn explain_gone(chan: u64) -> Status {
    match handle::decode(Kind::Channel, chan) {
        Some(parts) => HISTORY.judge_unknown(parts.index, parts.generation),
        None => Status::INVALID,
    }
}

/// The fast path's way from a handle to a cell: on a strand, with nothing to attend to.
#[inline(always)]
fn find_quickly(chan: u64) -> Option<(&'static Channel, Parts, &'static Worker)> {
    if poll::is_raised(poll::CANCEL | poll::EXPLORED) {
        return None;
    }
    let worker = worker::running()?;
    let parts = handle::decode(Kind::Channel, chan)?;
    let table = table()?;
    if parts.index >= table.fresh() {
        return None;
    }
    Some((table.slot(parts.index), parts, worker))
}

#[cold]
fn unknown(chan: u64) -> Outcome<Found> {
    let Some(parts) = handle::decode(Kind::Channel, chan) else {
        return fail(Status::INVALID, format_args!("{chan:#x} is not the handle of a channel"));
    };
    match HISTORY.judge_unknown(parts.index, parts.generation) {
        Status::STALE => Err(Status::STALE),
        status => fail(status, format_args!("channel {chan:#x} was never made")),
    }
}

/// Makes sense of the statuses that `lock_as` gives.
#[cold]
fn explain(chan: u64, status: Status) -> Status {
    if status == Status::INVALID {
        let _: Outcome<()> = fail(status, format_args!("channel {chan:#x} was never made"));
    }
    status
}

/// Refuses a call that could suspend when its strand is cancelled.
#[inline(always)]
fn check_cancelled(deadline: i64) -> Outcome<()> {
    if poll::is_raised(poll::CANCEL | poll::EXPLORED) && deadline != NO_WAIT {
        return check_cancelled_slowly();
    }
    Ok(())
}

#[cold]
fn check_cancelled_slowly() -> Outcome<()> {
    match identity::current() {
        Some(body) => cancel::before_waiting(body),
        None => Ok(()),
    }
}

/// Makes a channel with one reference.
pub fn create(options: &ChannelOptions<'_>) -> Outcome<u64> {
    let _call = if identity::current().is_some() { None } else { Some(outside::enter()?) };
    let Some(table) = table() else { return Err(Status::NOT_INITIALISED) };
    engine::touch(engine::touched::MAKING);
    if options.element_size > ELEMENT_MAX {
        return fail(
            Status::LIMIT,
            format_args!("an element of {} bytes: the largest is {ELEMENT_MAX}", options.element_size),
        );
    }
    let slots = if options.capacity == UNBOUNDED { 0 } else { options.capacity };
    let storage = match Ring::allocate(slots, options.element_size) {
        Ok(storage) => storage,
        Err(status) => {
            return fail(status, format_args!("no memory for {slots} elements of {} bytes each", options.element_size));
        }
    };
    let made = make(table, options, storage, slots);
    if made.is_err() {
        // SAFETY: allocated above, not taken over.
        unsafe { Ring::free(storage, slots, options.element_size) };
    }
    made
}

fn make(table: &Table<Channel>, options: &ChannelOptions<'_>, storage: *mut u8, slots: usize) -> Outcome<u64> {
    let hooks = crate::strand::hooks::get();
    let own = options.transfer.is_some() || options.drop.is_some();
    let mut extra: *mut Options = core::ptr::null_mut();
    if own || !options.name.is_empty() {
        extra = allocate::<Options>();
        if extra.is_null() {
            return Err(Status::NO_MEMORY);
        }
        // SAFETY: just allocated, zeroed, which is a valid value; ours alone.
        fill(unsafe { &mut *extra }, options);
    }
    let mut one = [0];
    let taken = match worker::running() {
        Some(worker) => worker.cache.take_channel(table),
        None => table.take(&mut one).map(|_| one[0]),
    };
    let index = match taken {
        Ok(index) => index,
        Err(status) => {
            // SAFETY: allocated above, not taken over.
            unsafe { free(extra) };
            return fail(status, format_args!("no further channel: {} are in use", table.capacity()));
        }
    };
    let channel = table.slot(index);
    channel.lock.lock();
    channel.closed.store(0, Ordering::Relaxed);
    let hooked = own || hooks.message_transfer.is_some() || hooks.message_drop.is_some();
    channel.hooked.store(u8::from(hooked), Ordering::Relaxed);
    channel.set_element_size(options.element_size);
    channel.set_capacity(options.capacity);
    // SAFETY: the ring of a free slot is empty; the storage has this many slots.
    unsafe { channel.ring.replace(storage, slots, options.element_size) };
    channel.references.set(1);
    channel.options.set(extra);
    channel.set_order(if poll::is_raised(poll::EXPLORED) { next_order() } else { 0 });
    channel.begin();
    let handle = channel.handle(index);
    channel.lock.unlock();
    Ok(handle)
}

fn fill(extra: &mut Options, options: &ChannelOptions<'_>) {
    extra.transfer = options.transfer;
    extra.drop = options.drop;
    extra.data = options.data;
    let length = options.name.len().min(extra.name.len());
    extra.name[..length].copy_from_slice(&options.name[..length]);
    extra.name_length = length as u8;
}

/// Sends one element.
///
/// # Safety
/// `element` is readable for one element of the channel, or null when elements have no bytes.
#[inline(always)]
pub unsafe fn send(chan: u64, element: *const u8, deadline: i64) -> Outcome<()> {
    if let Some((channel, parts, worker)) = find_quickly(chan)
        && !element.is_null()
        && channel.hooked.load(Ordering::Relaxed) == 0
        && channel.is(parts)
    {
        // SAFETY: by contract.
        return unsafe { send::send_on_strand(channel, parts, element, deadline, worker) };
    }
    // SAFETY: by contract.
    unsafe { send_anywhere(chan, element, deadline) }
}

#[inline(never)]
unsafe fn send_anywhere(chan: u64, element: *const u8, deadline: i64) -> Outcome<()> {
    check_cancelled(deadline)?;
    if deadline != NO_WAIT {
        outside::refuse_on_worker()?;
    }
    let found = find(chan)?;
    let (channel, parts) = (found.channel, found.parts);
    if element.is_null() || channel.hooked.load(Ordering::Relaxed) != 0 {
        // SAFETY: by contract.
        return unsafe { send_slowly(&found, chan, element, deadline) };
    }
    // SAFETY: by contract.
    unsafe { send::send(channel, parts, element, deadline) }.map_err(|status| explain(chan, status))
}

#[cold]
unsafe fn send_slowly(found: &Found, chan: u64, element: *const u8, deadline: i64) -> Outcome<()> {
    let (channel, parts) = (found.channel, found.parts);
    channel.lock_as(parts).map_err(|status| explain(chan, status))?;
    let (hooks, size) = (channel.message_hooks(), channel.element_size());
    channel.lock.unlock();
    let element = if size == 0 { core::ptr::NonNull::dangling().as_ptr() } else { element };
    if element.is_null() {
        return fail(Status::INVALID, format_args!("element is NULL, but the channel's elements have {size} bytes"));
    }
    // SAFETY: by contract of `send`.
    unsafe { send::send_transferred(channel, parts, element, deadline, (hooks, size)) }
        .map_err(|status| explain(chan, status))
}

/// Receives one element.
///
/// # Safety
/// `element` is writable for one element of the channel, or null when elements have no bytes.
#[inline(always)]
pub unsafe fn receive(chan: u64, element: *mut u8, deadline: i64) -> Outcome<()> {
    if let Some((channel, parts, worker)) = find_quickly(chan)
        && !element.is_null()
        && channel.is(parts)
    {
        // SAFETY: by contract.
        return unsafe { receive::receive_on_strand(channel, parts, element, deadline, worker) };
    }
    // SAFETY: by contract.
    unsafe { receive_anywhere(chan, element, deadline) }
}

#[inline(never)]
unsafe fn receive_anywhere(chan: u64, element: *mut u8, deadline: i64) -> Outcome<()> {
    check_cancelled(deadline)?;
    if deadline != NO_WAIT {
        outside::refuse_on_worker()?;
    }
    let found = find(chan)?;
    let (channel, parts) = (found.channel, found.parts);
    let element = if element.is_null() { place_for_nothing(channel, parts, chan)? } else { element };
    // SAFETY: by contract.
    unsafe { receive::receive(channel, parts, element, deadline) }.map_err(|status| explain(chan, status))
}

#[cold]
fn place_for_nothing(channel: &Channel, parts: Parts, chan: u64) -> Outcome<*mut u8> {
    channel.lock_as(parts).map_err(|status| explain(chan, status))?;
    let size = channel.element_size();
    channel.lock.unlock();
    if size > 0 {
        return fail(Status::INVALID, format_args!("element is NULL, but the channel's elements have {size} bytes"));
    }
    Ok(core::ptr::NonNull::dangling().as_ptr())
}

/// Refuses a channel into which words cannot be posted. The caller is on a strand or counted in.
pub fn check_mailbox(chan: u64) -> Outcome<()> {
    let found = find(chan)?;
    found.channel.lock_as(found.parts).map_err(|status| explain(chan, status))?;
    let (size, capacity) = (found.channel.element_size(), found.channel.capacity());
    found.channel.lock.unlock();
    match (size, capacity) {
        (8, 1..) => Ok(()),
        (8, _) => {
            fail(Status::INVALID, format_args!("channel {chan:#x} has no room for a message that comes by itself"))
        }
        _ => fail(Status::INVALID, format_args!("the elements of channel {chan:#x} have {size} bytes, not 8")),
    }
}

/// Sends a word to a channel that passed [`check_mailbox`], without waiting; a receiver is woken with `woken`. No transfer
/// function is called. WOULD_BLOCK: it is full.
pub fn post(chan: u64, word: u64, woken: &mut Woken) -> Outcome<()> {
    let parts = handle::decode(Kind::Channel, chan).ok_or(Status::INVALID)?;
    let table = table().filter(|table| parts.index < table.fresh()).ok_or(Status::STALE)?;
    send::post(table.slot(parts.index), parts, word, woken)
}

/// Whether somebody waits to receive from this channel, if it is there. Everything is quiet.
pub fn is_awaited(chan: u64) -> bool {
    describe(chan).is_some_and(|channel| channel.receivers > 0)
}

/// Closes a channel: receivers drain it and then get CLOSED, senders get CLOSED at once.
pub fn close(chan: u64) -> Outcome<()> {
    let found = find(chan)?;
    found.channel.lock_as(found.parts).map_err(|status| explain(chan, status))?;
    let woken = close_locked(found.channel);
    found.channel.lock.unlock();
    woken.wake_all();
    Ok(())
}

fn close_locked(channel: &Channel) -> Woken {
    let mut woken = Woken::new();
    channel.closed.store(1, Ordering::Relaxed);
    for list in [&channel.receivers, &channel.senders] {
        while let Some(node) = list.pop() {
            // SAFETY: a linked node's waiter is in place.
            woken.win_with(unsafe { &*node.waiter.get() }, Status::CLOSED, || node.won.set(true));
        }
    }
    woken
}

/// Channels that were made under exploration. Slots come back in an order that depends on the schedules before.
static MADE: AtomicU32 = AtomicU32::new(0);

#[cold]
fn next_order() -> u32 {
    MADE.fetch_add(1, Ordering::Relaxed) + 1
}

/// The next channel that is made under exploration counts as the first.
pub fn restart_order() {
    MADE.store(0, Ordering::Relaxed);
}

/// One of the channels there are, counted round and round in the order in which they were made; `None` where there is
/// none.
pub fn nth(number: u64) -> Option<u64> {
    let table = table()?;
    let live = || (0..table.fresh()).filter(|index| table.slot(*index).is_live());
    let mut list: Vec<(u32, u32)> = Vec::new();
    list.try_reserve_exact(live().count()).ok()?;
    list.extend(live().map(|index| (table.slot(index).order(), index)));
    list.sort_unstable();
    let place = number.checked_rem(list.len() as u64)? as usize;
    let (_, index) = *list.get(place)?;
    Some(table.slot(index).handle(index))
}

/// Takes one more reference.
pub fn retain(chan: u64) -> Outcome<()> {
    let found = find(chan)?;
    let channel = found.channel;
    channel.lock_as(found.parts).map_err(|status| explain(chan, status))?;
    let references = channel.references.get();
    if references < REFERENCES_MAX {
        channel.references.set(references + 1);
    }
    channel.lock.unlock();
    if references < REFERENCES_MAX {
        Ok(())
    } else {
        fail(Status::LIMIT, format_args!("channel {chan:#x} has {references} references already"))
    }
}

/// Gives one reference back; the last one closes and frees the channel.
pub fn release(chan: u64) -> Outcome<()> {
    let found = find(chan)?;
    let (channel, worker) = (found.channel, worker::running());
    let held = channel.lock_by_as(worker, found.parts).map_err(|status| explain(chan, status))?;
    let references = channel.references.get() - 1;
    channel.references.set(references);
    if references > 0 {
        channel.lock.unlock_from(held);
    } else if let Some(table) = table() {
        end(table, channel, found.parts.index, worker, held);
    }
    Ok(())
}

/// Ends a channel whose lock is held, and gives the lock back.
fn end(table: &Table<Channel>, channel: &Channel, index: u32, worker: Option<&Worker>, held: Held) {
    let hooks = channel.message_hooks();
    let size = channel.element_size();
    let woken = close_locked(channel);
    let rest = Ring::empty();
    channel.ring.move_into(&rest);
    let options = channel.options.replace(core::ptr::null_mut());
    channel.end();
    channel.lock.unlock_for_good(held, worker.map_or(NO_SEAT, |worker| worker.seat));
    woken.wake_all();
    drop_elements(&rest, size, &hooks);
    // SAFETY: taken out of the channel above, so nobody else knows them.
    unsafe { free(options) };
    // Asked for again: a drop function may have switched. A slot whose generations are used up is retired by the table.
    match worker::running() {
        Some(worker) if channel.generation_is_left() => worker.cache.give_channel(table, index),
        _ => table.give(&[index]),
    }
}

fn drop_elements(ring: &Ring, size: usize, hooks: &MessageHooks) {
    while ring.len() > 0 {
        // SAFETY: the element was never received; the ring is ours alone.
        unsafe { hooks.drop_message(ring.first_element(size), size) };
        ring.skip();
    }
    let (storage, slots) = ring.take_storage();
    // SAFETY: the ring gave it up.
    unsafe { Ring::free(storage, slots, size) };
}

/// Elements that lie in the channel now.
pub fn length(chan: u64) -> Outcome<usize> {
    let found = find(chan)?;
    found.channel.lock_as(found.parts).map_err(|status| explain(chan, status))?;
    let length = found.channel.ring.len();
    found.channel.lock.unlock();
    Ok(length)
}

/// What a dump says of a channel.
pub struct Description {
    /// Elements in it.
    pub length: usize,
    /// Elements before a sender waits.
    pub capacity: usize,
    /// Waiting receivers.
    pub receivers: usize,
    /// Waiting senders.
    pub senders: usize,
    /// Closed.
    pub closed: bool,
    /// Bytes of the name used.
    pub name_length: usize,
    /// The name.
    pub name: [u8; 47],
}

/// Shows every channel that is there. The caller keeps the runtime up.
pub fn for_each(mut visit: impl FnMut(u64, &Description)) {
    let Some(table) = table() else { return };
    for index in 0..table.fresh() {
        let channel = table.slot(index);
        channel.lock.lock();
        let handle = channel.is_live().then(|| channel.handle(index));
        channel.lock.unlock();
        if let Some(handle) = handle
            && let Some(description) = describe(handle)
        {
            visit(handle, &description);
        }
    }
}

/// Describes the channel of a handle, if it is still there. The caller keeps the runtime up.
pub fn describe(chan: u64) -> Option<Description> {
    let parts = handle::decode(Kind::Channel, chan)?;
    let channel = table().filter(|table| parts.index < table.fresh())?.slot(parts.index);
    channel.lock_as(parts).ok()?;
    let options: &Cell<*mut Options> = &channel.options;
    // SAFETY: the options live as long as the channel, whose lock is held.
    let (name, name_length) =
        unsafe { options.get().as_ref() }.map_or(([0; 47], 0), |options| (options.name, options.name_length as usize));
    let description = Description {
        length: channel.ring.len(),
        capacity: channel.capacity(),
        receivers: channel.receivers.count(),
        senders: channel.senders.count(),
        closed: channel.is_closed(),
        name_length,
        name,
    };
    channel.lock.unlock();
    Some(description)
}
