// SPDX-License-Identifier: MIT OR Apache-2.0
//! Collectors
//!
//! What a garbage collector asks of the runtime: to stop the world, to say where the library keeps
//! values that belong to the program (roots), and where the stacks are. In a stopped world every
//! strand is suspended where it came to a checkpoint, gave way or waits, but the one that has stopped
//! it, and no OS thread is inside a call of the library; one that comes waits until the world goes on.
//! A call that may wait is such a place before it has taken what it was given: an element that is to be
//! sent counts as the caller's until the call waits or returns.
//! A strand that runs for long without a checkpoint (strand_checkpoint(), or a call that may switch)
//! delays the stop. A function given to strand_offload() may run on, and its strand comes back after the
//! resume: such a function must not use what is collected, but what it got as its argument.
//!
//! OS threads are not stopped, only kept out: what they hold of the program's values is theirs to
//! tell a collector.

use super::spawn::strand_id;
use super::status::strand_status;
use super::{check, guard};
use crate::runtime::{collector, world};
use core::ffi::c_void;

/// The argument of a strand, a task or a generator that has not started: a pointer.
pub const STRAND_ROOT_ARGUMENT: u32 = 1;
/// The copy that arg_bytes made of a strand's argument, also while the strand runs.
pub const STRAND_ROOT_ARGUMENT_COPY: u32 = 2;
/// An element that lies in a channel. The owner is the channel.
pub const STRAND_ROOT_ELEMENT: u32 = 3;
/// An element that somebody waits to send; it lies where the sender keeps it. The owner is the channel.
pub const STRAND_ROOT_SENDING: u32 = 4;
/// A strand local: a pointer.
pub const STRAND_ROOT_LOCAL: u32 = 5;
/// The pointer local of the spawn options.
pub const STRAND_ROOT_LANGUAGE: u32 = 6;
/// The value of a strand_unpark() that strand_park() has not taken yet.
pub const STRAND_ROOT_PARK_VALUE: u32 = 7;
/// What a function given to strand_on_exit() will get: a pointer.
pub const STRAND_ROOT_EXIT_DATA: u32 = 8;
/// The argument of an offloaded call that has not begun: a pointer, or the bytes that were copied.
pub const STRAND_ROOT_CALL_ARGUMENT: u32 = 9;
/// The same of a call that runs: what it points to must stay where it is.
pub const STRAND_ROOT_CALL_RUNNING: u32 = 10;
/// The result of an offloaded call that its strand has not taken yet: a pointer.
pub const STRAND_ROOT_CALL_RESULT: u32 = 11;
/// The value of a task or a promise, until it was taken or dropped: uint64_t. The owner is the task.
pub const STRAND_ROOT_OUTCOME: u32 = 12;
/// A value on its way into a generator or out of it: uint64_t. The owner is the generator.
pub const STRAND_ROOT_GENERATOR: u32 = 13;
/// What a timer sends: uint64_t. The owner is the timer.
pub const STRAND_ROOT_TIMER: u32 = 14;
/// What a function given to strand_cancel_on() will get: a pointer. The owner is its registration.
pub const STRAND_ROOT_CALLBACK: u32 = 15;

/// Flag of a strand_gc_stack: it is the caller's.
pub const STRAND_STACK_CALLER: u32 = 1;

/// A place where the library keeps what the program gave it. A collector that moves objects may write
/// there, but for STRAND_ROOT_CALL_RUNNING.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_gc_root {
    /// sizeof(strand_gc_root)
    pub size: u32,
    /// One of STRAND_ROOT_. A collector treats a kind that it does not know like the others.
    pub kind: u32,
    /// The place. Pointers are aligned; elements as their size has it, since they lie side by side.
    pub address: *mut c_void,
    /// Bytes there.
    pub bytes: usize,
    /// The handle of the strand or channel that it belongs to.
    pub owner: u64,
}

/// A stretch of a stack.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_gc_stack {
    /// sizeof(strand_gc_stack)
    pub size: u32,
    /// STRAND_STACK_ bits.
    pub flags: u32,
    /// The strand; 0 for the stack of the OS thread that calls.
    pub strand: strand_id,
    /// The first address: frames and, stored among them, every register that a function must leave as it
    /// was.
    pub low: *mut c_void,
    /// The address behind the last.
    pub high: *mut c_void,
}

/// Stops the world. The caller goes on: a strand, which until strand_world_resume() makes no call that
/// could wait (STRAND_ERR_WOULD_SWITCH; with STRAND_NO_WAIT they work), or an OS thread, on the stepped
/// engine too. If the caller is a strand that ends or is made to wait all the same, the world goes on
/// and an error is logged. Who finds the world stopped by another waits for its resume like everybody,
/// and then stops it again. It counts as an external hold.
///
/// @param deadline  until when everybody must have come to rest, see strand_after(); a strand that waits for
///                  another's resume does not look at it before
/// @return STRAND_OK: it is stopped;
///         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: somebody did not come to rest in time; the world goes
///         on;
///         STRAND_ERR_ALREADY: the caller has stopped it;
///         STRAND_ERR_INVALID: the deadline is below -1;
///         STRAND_ERR_CANCELLED: the runtime is shutting down and the caller is an OS thread;
///         STRAND_ERR_UNSUPPORTED: the may engine;
///         STRAND_ERR_WOULD_SWITCH: the caller is a callback on a worker's stack or of a call;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_world_stop(deadline: i64) -> strand_status {
    guard(|| {
        check::deadline(deadline, "strand_world_stop")?;
        world::stop(deadline)
    })
}

/// The world goes on.
///
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: the caller has not stopped it;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_world_resume() -> strand_status {
    guard(world::resume)
}

/// Shows every root of a world that the caller has stopped: arguments of strands that have not started,
/// copied arguments, elements in channels and on their way into them, strand locals, and the others of
/// STRAND_ROOT_. What a strand has received, taken or been started with is on its stack.
///
/// @param visitor  called for each, on the caller's stack; makes no call that could wait
/// @param data     handed to it
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: visitor is NULL, or the caller has not stopped the world;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_gc_visit_roots(
    visitor: Option<unsafe extern "C" fn(root: *const strand_gc_root, data: *mut c_void)>,
    data: *mut c_void,
) -> strand_status {
    guard(|| {
        let visitor = check::callback(visitor, "strand_gc_visit_roots", "visitor")?;
        collector::visit_roots(&mut |root| {
            let shown = strand_gc_root {
                size: size_of::<strand_gc_root>() as u32,
                kind: root.kind as u32,
                address: root.address.cast(),
                bytes: root.bytes,
                owner: root.owner,
            };
            // SAFETY: the program's own function.
            unsafe { visitor(&shown, data) };
        })
    })
}

/// Shows the stacks of a world that the caller has stopped: of every strand that has started and not
/// ended, from where its registers are stored to its first frame; the caller's from here.
///
/// @param visitor  called for each, on the caller's stack; makes no call that could wait
/// @param data     handed to it
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: visitor is NULL, or the caller has not stopped the world;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_gc_visit_stacks(
    visitor: Option<unsafe extern "C" fn(stack: *const strand_gc_stack, data: *mut c_void)>,
    data: *mut c_void,
) -> strand_status {
    guard(|| {
        let visitor = check::callback(visitor, "strand_gc_visit_stacks", "visitor")?;
        collector::visit_stacks(&mut |stretch| {
            let shown = strand_gc_stack {
                size: size_of::<strand_gc_stack>() as u32,
                flags: if stretch.of_caller { STRAND_STACK_CALLER } else { 0 },
                strand: stretch.strand,
                low: stretch.low as *mut c_void,
                high: stretch.high as *mut c_void,
            };
            // SAFETY: the program's own function.
            unsafe { visitor(&shown, data) };
        })
    })
}
