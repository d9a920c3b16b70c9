// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locks
//!
//! Mutex, read-write lock, semaphore, condition, wait-group and once-only call, for strands and OS
//! threads together: whoever waits lets other strands run. They lie in the program's own memory,
//! in its objects or statics, and are neither made nor released: all-zero memory is a free mutex,
//! a condition nobody waits for, a semaphore without units. One must not be moved, copied over or
//! freed while somebody holds it or waits for it. But once it is free it may be freed: a strand that
//! unlocks a mutex does not touch it after another one can have it. A condition must also stay until
//! each strand_condition_signal() and strand_condition_broadcast() on it has returned.
//!
//! Waiting is fair: first come, first served, for all but the mutex. A mutex that is given back
//! between two suspensions may be taken at once by a strand that runs, at most
//! STRAND_MUTEX_OVERTAKING_MAX times between two of those who wait; one that is held over a
//! suspension goes to the first who waits. An unlock wakes one.
//!
//! Misuse is answered, where it can be seen: an unlock by somebody else names the owner, a lock by
//! the owner itself is STRAND_ERR_DEADLOCK at once. A strand that ends does not give back what it
//! holds (use strand_on_exit() for that); those who wait for it go on waiting, and the report of the
//! deadlock names it. A cancelled strand gets STRAND_ERR_CANCELLED and holds nothing, but a wait on a
//! condition comes back with the mutex held whatever the status is. A callback on a worker's own
//! stack may use all of them and gets STRAND_ERR_WOULD_SWITCH where it would wait.

use super::status::strand_status;
use super::{check, guard};
use crate::base::status::Outcome;
use crate::sync::condition::{self, Condition};
use crate::sync::mutex::{self, Mutex};
use crate::sync::once::{self, Once};
use crate::sync::rwlock::{self, Access, RwLock};
use crate::sync::semaphore::{self, Semaphore};
use crate::sync::wait_group::{self, WaitGroup};
use core::ffi::c_void;

/// How often strands that run may take a mutex before one of those who wait for it.
pub const STRAND_MUTEX_OVERTAKING_MAX: u32 = 64;
const _: () = assert!(STRAND_MUTEX_OVERTAKING_MAX == mutex::OVERTAKING_MAX);

/// Most units of a semaphore.
pub const STRAND_SEMAPHORE_MAX: u64 = 4611686018427387903;
const _: () = assert!(STRAND_SEMAPHORE_MAX == semaphore::UNITS_MAX);

/// A lock that one holds at a time. All zero, or STRAND_MUTEX_INIT: free.
#[repr(C)]
pub struct strand_mutex {
    /// The library's own.
    pub opaque: [u64; 2],
}

/// A lock that many hold to read, or one to write. All zero, or STRAND_RWLOCK_INIT: free.
#[repr(C)]
pub struct strand_rwlock {
    /// The library's own.
    pub opaque: [u64; 4],
}

/// Units that are taken and given back. All zero: none; STRAND_SEMAPHORE_INIT(n): n of them.
#[repr(C)]
pub struct strand_semaphore {
    /// The library's own.
    pub opaque: [u64; 2],
}

/// What strands wait for that have found something not to be so yet, while others change what a
/// mutex guards. All zero, or STRAND_CONDITION_INIT: nobody waits.
#[repr(C)]
pub struct strand_condition {
    /// The library's own.
    pub opaque: [u64; 2],
}

/// A number of things to be done. All zero, or STRAND_WAIT_GROUP_INIT: none.
#[repr(C)]
pub struct strand_wait_group {
    /// The library's own.
    pub opaque: [u64; 2],
}

/// A call that is made once. All zero, or STRAND_ONCE_INIT: not made.
#[repr(C)]
pub struct strand_once {
    /// The library's own.
    pub opaque: [u64; 2],
}

/// What the program's memory is to the core.
///
/// # Safety
/// The pointer is valid, and the object in its life, by the caller's promise.
#[inline(always)]
unsafe fn object<'a, C, T>(pointer: *mut C, function: &str, argument: &str) -> Outcome<&'a T> {
    const { assert!(cfg!(loom) || size_of::<C>() == size_of::<T>() && align_of::<C>() == align_of::<T>()) };
    check::pointer(pointer, function, argument)?;
    // SAFETY: not null, aligned; the rest by contract. All-zero memory, and what the core writes, is a valid value.
    Ok(unsafe { &*pointer.cast::<T>() })
}

/// Locks the mutex, and waits for it if somebody else holds it. Whoever locks it owns it: the
/// strand, or the OS thread.
///
/// @param mutex     the mutex
/// @param deadline  see strand_after()
/// @return STRAND_OK: the caller holds it;
///         STRAND_ERR_WOULD_BLOCK: it is held, and the deadline is STRAND_NO_WAIT;
///         STRAND_ERR_TIMEOUT: held up to the deadline;
///         STRAND_ERR_DEADLOCK: the caller itself holds it (with STRAND_NO_WAIT:
///         STRAND_ERR_WOULD_BLOCK); or an OS thread waits and every strand does;
///         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
///         STRAND_ERR_INVALID: NULL, misaligned, or the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH: held, and this is a callback;
///         STRAND_ERR_NO_MEMORY: an OS thread would wait;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_mutex_lock(mutex: *mut strand_mutex, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_mutex_lock")?;
        // SAFETY: the caller's promise.
        let mutex: &Mutex = unsafe { object(mutex, "strand_mutex_lock", "mutex") }?;
        mutex::lock(mutex, deadline)
    })
}

/// Unlocks the mutex. If somebody waits for it, one of them is woken. An OS thread may do this also
/// while the runtime shuts down, and afterwards.
///
/// @param mutex  the mutex
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: the caller does not hold it (the message says who does), NULL or
///         misaligned;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_mutex_unlock(mutex: *mut strand_mutex) -> strand_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let mutex: &Mutex = unsafe { object(mutex, "strand_mutex_unlock", "mutex") }?;
        mutex::unlock(mutex)
    })
}

/// Locks to read: together with other readers, but not with a writer, and not before a writer
/// that waits already.
///
/// @param lock      the read-write lock
/// @param deadline  see strand_after()
/// @return as strand_mutex_lock();
///         STRAND_ERR_DEADLOCK: the caller holds it to write, or is a reader and a writer waits in
///         between (seen if no other reader came after the caller)
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_rwlock_read_lock(lock: *mut strand_rwlock, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_rwlock_read_lock")?;
        // SAFETY: the caller's promise.
        let lock: &RwLock = unsafe { object(lock, "strand_rwlock_read_lock", "lock") }?;
        rwlock::lock(lock, Access::Read, deadline)
    })
}

/// Gives back one lock to read. The last reader lets the first writer in who waits.
///
/// @param lock  the read-write lock
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: nobody holds it to read, NULL or misaligned. Which reader gives it
///         back is not known, so that of one who is none is not seen while there are others;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_rwlock_read_unlock(lock: *mut strand_rwlock) -> strand_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let lock: &RwLock = unsafe { object(lock, "strand_rwlock_read_unlock", "lock") }?;
        rwlock::unlock(lock, Access::Read)
    })
}

/// Locks to write: alone. A reader cannot become the writer; it gives back first.
///
/// @param lock      the read-write lock
/// @param deadline  see strand_after()
/// @return as strand_mutex_lock();
///         STRAND_ERR_DEADLOCK: the caller holds it to write, or to read (seen if no other reader
///         came after the caller)
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_rwlock_write_lock(lock: *mut strand_rwlock, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_rwlock_write_lock")?;
        // SAFETY: the caller's promise.
        let lock: &RwLock = unsafe { object(lock, "strand_rwlock_write_lock", "lock") }?;
        rwlock::lock(lock, Access::Write, deadline)
    })
}

/// Gives back the lock to write: to the first who waits, and if that is a reader also to all that
/// come before the next writer.
///
/// @param lock  the read-write lock
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: the caller does not hold it to write (the message says who does),
///         NULL or misaligned;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_rwlock_write_unlock(lock: *mut strand_rwlock) -> strand_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let lock: &RwLock = unsafe { object(lock, "strand_rwlock_write_unlock", "lock") }?;
        rwlock::unlock(lock, Access::Write)
    })
}

/// Takes units. All or none, and nobody overtakes: whoever wants many is not starved by those who
/// want few. Hence STRAND_NO_WAIT takes none while somebody waits.
///
/// @param semaphore  the semaphore
/// @param units      from 1
/// @param deadline   see strand_after()
/// @return STRAND_OK: they are the caller's;
///         STRAND_ERR_LIMIT: more than STRAND_SEMAPHORE_MAX;
///         STRAND_ERR_WOULD_BLOCK, STRAND_ERR_TIMEOUT: not there in time;
///         STRAND_ERR_DEADLOCK: an OS thread waits and every strand does;
///         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
///         STRAND_ERR_INVALID: NULL, misaligned, no units, or the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH: not there, and this is a callback;
///         STRAND_ERR_NO_MEMORY: an OS thread would wait;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_semaphore_acquire(
    semaphore: *mut strand_semaphore,
    units: u64,
    deadline: i64,
) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_semaphore_acquire")?;
        // SAFETY: the caller's promise.
        let semaphore: &Semaphore = unsafe { object(semaphore, "strand_semaphore_acquire", "semaphore") }?;
        semaphore::acquire(semaphore, units, deadline)
    })
}

/// Gives units back, or adds them: it need not be whoever took them. They go to the first who
/// waits, until they are too few for it.
///
/// @param semaphore  the semaphore
/// @param units      from 1
/// @return STRAND_OK;
///         STRAND_ERR_LIMIT: there would be more than STRAND_SEMAPHORE_MAX;
///         STRAND_ERR_INVALID: NULL, misaligned, or no units;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_semaphore_release(semaphore: *mut strand_semaphore, units: u64) -> strand_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let semaphore: &Semaphore = unsafe { object(semaphore, "strand_semaphore_release", "semaphore") }?;
        semaphore::release(semaphore, units)
    })
}

/// Gives the mutex back, waits for a signal, and takes the mutex again. The mutex is held when this
/// returns, whatever the status is; while the call takes it again it is neither cancelled nor
/// timed out. There are no wake-ups without a signal, but what was waited for may have changed
/// again until the mutex was had: ask in a loop. A signal that comes together with the deadline or
/// a cancellation is not lost: the call is then STRAND_OK.
///
/// The exception are OS threads, which cannot wait on when the runtime is shut down, or when with
/// the stepped engine nothing can go on (STRAND_ERR_DEADLOCK, STRAND_ERR_MAX_STEPS,
/// STRAND_ERR_REPLAY): if somebody else holds the mutex then, it is not held when this returns, and
/// strand_mutex_unlock() says so.
///
/// @param condition  the condition
/// @param mutex      held by the caller; all who wait at a time do so with the same mutex or each
///                   with its own
/// @param deadline   see strand_after()
/// @return STRAND_OK: signalled;
///         STRAND_ERR_TIMEOUT: not signalled up to the deadline;
///         STRAND_ERR_WOULD_BLOCK: the deadline is STRAND_NO_WAIT; the mutex was not given back;
///         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
///         STRAND_ERR_INVALID: the caller does not hold the mutex (the message says who does), NULL,
///         misaligned, or the deadline is below -1;
///         STRAND_ERR_DEADLOCK: an OS thread waits and every strand does;
///         STRAND_ERR_WOULD_SWITCH: this is a callback; the mutex was not given back;
///         STRAND_ERR_NO_MEMORY: an OS thread would wait;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_condition_wait(
    condition: *mut strand_condition,
    mutex: *mut strand_mutex,
    deadline: i64,
) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_condition_wait")?;
        // SAFETY: the caller's promise.
        let condition: &Condition = unsafe { object(condition, "strand_condition_wait", "condition") }?;
        // SAFETY: as above.
        let mutex: &Mutex = unsafe { object(mutex, "strand_condition_wait", "mutex") }?;
        condition::wait(condition, mutex, deadline)
    })
}

/// Lets the first of those go on who wait, as soon as it gets its mutex; nothing if nobody waits.
/// The caller need not hold the mutex, but must have held it when it changed what is waited for.
///
/// @param condition  the condition
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: NULL or misaligned;
///         STRAND_ERR_CANCELLED: an OS thread while the runtime shuts down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_condition_signal(condition: *mut strand_condition) -> strand_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let condition: &Condition = unsafe { object(condition, "strand_condition_signal", "condition") }?;
        condition::signal(condition)
    })
}

/// As strand_condition_signal(), for all who wait now. They do not run into each other: they queue
/// for the mutex, and it goes from one to the next.
///
/// @param condition  the condition
/// @return as strand_condition_signal()
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_condition_broadcast(condition: *mut strand_condition) -> strand_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let condition: &Condition = unsafe { object(condition, "strand_condition_broadcast", "condition") }?;
        condition::broadcast(condition)
    })
}

/// Changes the number of things that are to be done. When it comes to zero, all who wait go on. The
/// first add must come before the waits that are to wait for it; whoever waits is let go by the
/// first zero, so the group may be used again at once.
///
/// @param group  the wait-group
/// @param delta  more, or less when it is negative
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: the number would be below zero (it stays as it is), NULL or
///         misaligned;
///         STRAND_ERR_LIMIT: the number would exceed 2^62 - 1;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_wait_group_add(group: *mut strand_wait_group, delta: i64) -> strand_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let group: &WaitGroup = unsafe { object(group, "strand_wait_group_add", "group") }?;
        wait_group::add(group, delta)
    })
}

/// strand_wait_group_add() of -1.
///
/// @param group  the wait-group
/// @return as strand_wait_group_add()
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_wait_group_done(group: *mut strand_wait_group) -> strand_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let group: &WaitGroup = unsafe { object(group, "strand_wait_group_done", "group") }?;
        wait_group::add(group, -1)
    })
}

/// Waits until the number is zero: STRAND_OK when it was so at some moment of the call.
///
/// @param group     the wait-group
/// @param deadline  see strand_after()
/// @return STRAND_OK;
///         STRAND_ERR_WOULD_BLOCK, STRAND_ERR_TIMEOUT: not zero in time;
///         STRAND_ERR_DEADLOCK: an OS thread waits and every strand does;
///         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
///         STRAND_ERR_INVALID: NULL, misaligned, or the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH: not zero, and this is a callback;
///         STRAND_ERR_NO_MEMORY: an OS thread would wait;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_wait_group_wait(group: *mut strand_wait_group, deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_wait_group_wait")?;
        // SAFETY: the caller's promise.
        let group: &WaitGroup = unsafe { object(group, "strand_wait_group_wait", "group") }?;
        wait_group::wait(group, deadline)
    })
}

/// Makes the call if nobody has, on this stack, where it may suspend; if somebody is making it,
/// waits until it has returned. A strand that ends inside the call (strand_fail()) has not made it:
/// the next one does, be it one that waits or one that comes later.
///
/// @param once      the once-only call
/// @param function  what is called
/// @param data      passed to it
/// @param deadline  see strand_after(); how long to wait for somebody else. STRAND_NO_WAIT makes the
///                  call where nobody has
/// @return STRAND_OK: the call was made, and has returned;
///         STRAND_ERR_DEADLOCK: the caller is inside this very call; or an OS thread waits and every
///         strand does;
///         STRAND_ERR_WOULD_BLOCK, STRAND_ERR_TIMEOUT: somebody else was not done in time;
///         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
///         STRAND_ERR_INVALID: NULL, misaligned, or the deadline is below -1;
///         STRAND_ERR_WOULD_SWITCH: somebody else is making it, and this is a callback;
///         STRAND_ERR_NO_MEMORY: an OS thread would wait;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_once_do(
    once: *mut strand_once,
    function: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
    data: *mut c_void,
    deadline: i64,
) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_once_do")?;
        let function = check::callback(function, "strand_once_do", "function")?;
        // SAFETY: the caller's promise.
        let once: &Once = unsafe { object(once, "strand_once_do", "once") }?;
        // SAFETY: as above.
        unsafe { once::run(once, function, data, deadline) }
    })
}
