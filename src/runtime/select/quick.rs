// SPDX-License-Identifier: MIT OR Apache-2.0
//! The short way: a strand with nothing to attend to, and nothing but plain receives and sends on live channels.
//!
//! The cases are looked at where the caller has them, without a lock; one that is ready is tried at once. They are made
//! into cases of a wait only when none is. Whatever is different, bad input too, is left to the long way.

use core::mem::MaybeUninit;

use super::any::Never;
use super::raw::{KNOWN, RawCase};
use super::{Committed, FIRST_LISTED, INLINE, NONE, RECV, SEND, first_to_publish, winner};
use crate::base::handle::{self, Kind, Parts};
use crate::base::status::{Outcome, Status};
use crate::engine::parallel::worker;
use crate::engine::{self, Worker, choice};
use crate::strand::body::Body;
use crate::strand::waiter::{WaitKind, Waiter};
use crate::strand::{identity, poll};
use crate::sync::cases::{self, Receiving, Sending};
use crate::sync::cell::Channel;
use crate::sync::channel::Lookup;
use crate::sync::{receive, send};
use crate::wait::block::{FOREVER, NO_WAIT};
use crate::wait::several::{self, Entry};

/// Size and kind of a case, as one number.
const OFF: u64 = KNOWN as u64 | (NONE as u64) << 32;
const RECEIVES: u64 = KNOWN as u64 | (RECV as u64) << 32;
const SENDS: u64 = KNOWN as u64 | (SEND as u64) << 32;

/// As [`super::select`]; `None`: this call is not one for the short way, and nothing has happened.
///
/// # Safety
/// Up to `count` cases are readable and writable from `first` on, which is null or aligned, and stay with what they point
/// to as they are until this returns.
#[inline(always)]
pub unsafe fn select(first: *mut RawCase, count: usize, deadline: i64, flags: u32) -> Option<Outcome<usize>> {
    if poll::is_raised(poll::CANCEL | poll::EXPLORED) || count.wrapping_sub(1) >= INLINE {
        return None;
    }
    if first.is_null() || !first.is_aligned() || deadline < FOREVER || flags > FIRST_LISTED {
        return None;
    }
    let body = identity::current()?;
    let worker = worker::of(body);
    let lookup = Lookup::new()?;
    if count == 1 {
        // SAFETY: by contract.
        return unsafe { select_one(&mut *first, lookup, deadline, worker) };
    }
    // The numbers of those that look ready, in their order.
    let mut ready = [0u8; INLINE];
    let mut count_ready = 0;
    let mut index = 0;
    while index < count {
        // SAFETY: by contract: the case before this one had the size by which this one follows.
        let case = unsafe { &*first.add(index) };
        let what = u64::from(case.size) | u64::from(case.kind) << 32;
        if what != OFF {
            let channel = lookup.find(case.handle)?;
            let looks_ready = match what {
                RECEIVES => cases::looks_full(channel),
                SENDS if !channel.is_hooked() => cases::looks_free(channel),
                _ => return None,
            };
            if case.element.is_null() || case.events != 0 {
                return None;
            }
            // Written in any case, counted if so: which one it is, nobody can predict.
            ready[count_ready & (INLINE - 1)] = index as u8;
            count_ready += usize::from(looks_ready);
        }
        index += 1;
    }
    while count_ready != 0 {
        let place = if flags == 0 && count_ready > 1 {
            engine::choose_on(worker, choice::CASES, count_ready as u32) as usize
        } else {
            0
        };
        let index = usize::from(ready[place & (INLINE - 1)]);
        // SAFETY: as above.
        let case = unsafe { &mut *first.add(index) };
        // SAFETY: by contract.
        match unsafe { attempt(case, lookup.find(case.handle)?, worker) } {
            Ok(Some(status)) => {
                case.status = status.0;
                return Some(Ok(index));
            }
            Ok(None) => {
                // It is not: somebody else was faster.
                ready.copy_within(place + 1.., place);
                count_ready -= 1;
            }
            Err(status) => return Some(Err(status)),
        }
    }
    if deadline == NO_WAIT {
        return Some(Err(Status::WOULD_BLOCK));
    }
    // SAFETY: by contract.
    unsafe { wait(body, core::slice::from_raw_parts_mut(first, count), lookup, deadline) }
}

/// A single case is the operation itself.
///
/// # Safety
/// As [`select`].
#[inline(always)]
unsafe fn select_one(case: &mut RawCase, lookup: Lookup, deadline: i64, worker: &Worker) -> Option<Outcome<usize>> {
    let what = u64::from(case.size) | u64::from(case.kind) << 32;
    if what != RECEIVES || case.element.is_null() || case.events != 0 {
        return None;
    }
    let channel = lookup.find(case.handle)?;
    // SAFETY: by contract; a channel that was there a moment ago, and this strand's worker.
    let done = unsafe { receive::receive_on_strand(channel, parts_of(case), case.element.cast(), deadline, worker) };
    Some(match done {
        Ok(()) => {
            case.status = Status::OK.0;
            Ok(0)
        }
        Err(Status::CLOSED | Status::STALE) => {
            case.status = Status::CLOSED.0;
            Ok(0)
        }
        Err(status) => Err(status),
    })
}

#[inline(always)]
fn parts_of(case: &RawCase) -> Parts {
    handle::decode(Kind::Channel, case.handle).unwrap_or(Parts { index: 0, generation: 0 })
}

/// # Safety
/// The element of the case is what its kind asks for.
#[inline(always)]
unsafe fn attempt(case: &RawCase, channel: &'static Channel, worker: &Worker) -> Outcome<Option<Status>> {
    let (parts, element) = (parts_of(case), case.element.cast::<u8>());
    // SAFETY: by contract; a channel that was there a moment ago, and this strand's worker.
    let done = unsafe {
        if case.kind == SEND {
            send::send_on_strand(channel, parts, element, NO_WAIT, worker)
        } else {
            receive::receive_on_strand(channel, parts, element, NO_WAIT, worker)
        }
    };
    cases::judge(done)
}

/// A case of a wait.
enum Plain {
    Off(Never),
    Receive(Receiving),
    Send(Sending),
}

forward_case!(Plain: Off, Receive, Send);

/// # Safety
/// The element is what the kind of the case asks for.
#[inline(always)]
unsafe fn plain_case(case: &RawCase, channel: &'static Channel, element: *mut u8) -> Plain {
    let parts = parts_of(case);
    // SAFETY: by contract.
    unsafe {
        if case.kind == SEND {
            Plain::Send(Sending::new(channel, parts, element))
        } else {
            Plain::Receive(Receiving::new(channel, parts, element))
        }
    }
}

/// # Safety
/// As [`select`].
#[inline(never)]
unsafe fn wait(body: &'static Body, raw: &mut [RawCase], lookup: Lookup, deadline: i64) -> Option<Outcome<usize>> {
    if deadline == FOREVER && raw.iter().all(|case| case.kind == NONE) {
        return None;
    }
    let mut room = [const { MaybeUninit::<Plain>::uninit() }; INLINE];
    for (place, case) in room.iter_mut().zip(&*raw) {
        let element = case.element.cast::<u8>();
        place.write(match case.kind {
            NONE => Plain::Off(Never),
            // SAFETY: by contract.
            _ => unsafe { plain_case(case, lookup.find(case.handle)?, element) },
        });
    }
    // SAFETY: as many as there are cases are written; they have nothing to drop.
    let plain = unsafe { core::slice::from_raw_parts(room.as_ptr().cast::<Plain>(), raw.len()) };
    let status = several::wait(Some(body), plain, first_to_publish(Some(body), plain.len()), deadline);
    let won: Option<Committed> = winner(plain, status);
    Some(match won {
        Some((index, status)) => {
            raw[index].status = status.0;
            Ok(index)
        }
        None => Err(status),
    })
}
