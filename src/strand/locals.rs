// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strand locals: one pointer per key and strand. They are what thread-locals cannot be when strands move.

use core::ffi::c_void;
use std::sync::Mutex;

use super::body::Body;
use super::message::{allocate, release};
use super::root::{Kind, Root, Visit};
use crate::base::status::{Outcome, Status};

/// Keys that a runtime can have; they are given back at its shutdown.
pub const KEYS_MAX: u32 = 256;
/// Flag of a key: a child spawned with INHERIT_LOCALS starts with the spawner's value, which stays the spawner's.
pub const FLAG_INHERIT: u32 = 1;
/// Rounds of drops at the end of a strand: a drop may set locals again.
const DROP_ROUNDS: u32 = 4;

/// Drops the value of a local at the end of its strand.
pub type LocalDrop = extern "C" fn(*mut c_void);

/// The values of one strand.
pub struct LocalArray {
    values: [*mut c_void; KEYS_MAX as usize],
    borrowed: [bool; KEYS_MAX as usize],
}

#[derive(Clone, Copy)]
struct Key {
    drop: Option<LocalDrop>,
    flags: u32,
}

struct Keys {
    count: u32,
    keys: [Key; KEYS_MAX as usize],
}

static KEYS: Mutex<Keys> = Mutex::new(Keys { count: 0, keys: [Key { drop: None, flags: 0 }; KEYS_MAX as usize] });

fn with_keys<T>(read: impl FnOnce(&mut Keys) -> T) -> T {
    // No callback runs under the lock, so it cannot be poisoned by one; a poisoned lock still guards valid data.
    read(&mut KEYS.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Makes a key. LIMIT when all are taken.
pub fn new_key(drop: Option<LocalDrop>, flags: u32) -> Outcome<u32> {
    with_keys(|keys| {
        if keys.count == KEYS_MAX {
            return Err(Status::LIMIT);
        }
        keys.keys[keys.count as usize] = Key { drop, flags };
        keys.count += 1;
        // Key 0 is never given out, so that a zeroed variable is not a key.
        Ok(keys.count)
    })
}

/// The runtime is gone, and with it every key.
pub fn reset() {
    with_keys(|keys| keys.count = 0);
}

fn position(key: u32) -> Option<usize> {
    with_keys(|keys| (key >= 1 && key <= keys.count).then(|| key as usize - 1))
}

/// Sets a value of the running strand. The value it replaces is not dropped.
pub fn set(body: &Body, key: u32, value: *mut c_void) -> Outcome<()> {
    let position = position(key).ok_or(Status::INVALID)?;
    if body.locals.get().is_null() {
        if value.is_null() {
            return Ok(());
        }
        let array = allocate::<LocalArray>();
        if array.is_null() {
            return Err(Status::NO_MEMORY);
        }
        body.locals.set(array);
    }
    // SAFETY: owned by this strand, which is the one that runs.
    let array = unsafe { &mut *body.locals.get() };
    array.values[position] = value;
    array.borrowed[position] = false;
    Ok(())
}

/// A value of the running strand; null when it was never set.
pub fn get(body: &Body, key: u32) -> *mut c_void {
    let array = body.locals.get();
    if array.is_null() || key == 0 || key > KEYS_MAX {
        return core::ptr::null_mut();
    }
    // SAFETY: owned by this strand, which is the one that runs; the key is in range.
    unsafe { (*array).values[key as usize - 1] }
}

/// The values that a child inherits, or null when there are none.
pub fn inherit(body: &Body) -> Outcome<*mut LocalArray> {
    let from = body.locals.get();
    if from.is_null() {
        return Ok(core::ptr::null_mut());
    }
    let array = allocate::<LocalArray>();
    if array.is_null() {
        return Err(Status::NO_MEMORY);
    }
    with_keys(|keys| {
        for position in 0..keys.count as usize {
            if keys.keys[position].flags & FLAG_INHERIT != 0 {
                // SAFETY: both arrays are alive; `from` belongs to the running strand, `array` to nobody yet.
                unsafe {
                    (*array).values[position] = (*from).values[position];
                    (*array).borrowed[position] = true;
                }
            }
        }
    });
    Ok(array)
}

/// Shows the values of a strand to a collector; null has none.
pub fn visit(array: *const LocalArray, owner: u64, visit: Visit<'_>) {
    // SAFETY: the array of a strand that does not run.
    let Some(array) = (unsafe { array.as_ref() }) else { return };
    for value in array.values.iter().filter(|value| !value.is_null()) {
        visit(Root::word(Kind::Local, value, owner));
    }
}

/// Drops and frees the locals of a strand that ends, on its own stack.
pub fn end_strand(body: &Body) {
    for _ in 0..DROP_ROUNDS {
        if !drop_round(body) {
            break;
        }
    }
    // SAFETY: owned by this strand, which ends.
    unsafe { release(body.locals.replace(core::ptr::null_mut())) };
}

fn drop_round(body: &Body) -> bool {
    let mut dropped = false;
    if body.locals.get().is_null() {
        return false;
    }
    for position in 0..KEYS_MAX as usize {
        // SAFETY: owned by this strand; re-read each time because a drop may set locals.
        let (value, borrowed) = unsafe {
            let array = &mut *body.locals.get();
            (core::mem::replace(&mut array.values[position], core::ptr::null_mut()), array.borrowed[position])
        };
        if value.is_null() || borrowed {
            continue;
        }
        if let Some(drop) = with_keys(|keys| keys.keys[position].drop) {
            drop(value);
            dropped = true;
        }
    }
    dropped
}
