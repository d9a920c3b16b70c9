// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scans: what needs strands to be made.

use core::ffi::c_void;

use super::spawning::{self, SPAWN_UNCOUNTED, SpawnOptions};
use super::worklists;
use crate::base::status::{Outcome, Status};
use crate::engine::{self, clock, parallel};
use crate::gpu::automaton::object::{self, Automaton};
use crate::gpu::automaton::scan::{Chunk, Limits, Scan};
use crate::gpu::named::enter;
use crate::gpu::shared::Shared;
use crate::gpu::ticket;
use crate::strand::identity;
use crate::strand::message::{fail, try_box};
use crate::wait::cancel;

/// After so many nanoseconds a reader lets others go first, between two slices of text.
const TURN: i64 = 50_000;

/// Begins a scan: its ticket.
pub fn scan(automaton: u64, chunks: Box<[Chunk]>, limits: Limits) -> Outcome<u64> {
    let _call = enter()?;
    let automaton = object::get(automaton)?;
    automaton.device.look()?;
    begin(&automaton, chunks, limits, false)
}

/// As [`scan`]; `fed`: of a stream that the caller reads from a file.
pub(super) fn begin(automaton: &Shared<Automaton>, chunks: Box<[Chunk]>, limits: Limits, fed: bool) -> Outcome<u64> {
    let scan = Scan::new(automaton, chunks, limits, fed)?;
    let pending = ticket::create_by_strands(None, 0)?;
    let handle = pending.handle();
    if scan.width() == 0 {
        pending.succeed();
        return Ok(handle);
    }
    let workers = parallel::engine().map_or(1, |engine| engine.workers().len() as u32);
    let most = if limits.workers == 0 { workers } else { limits.workers };
    let readers = scan.width().min(most).max(1);
    scan.begin(pending, readers);
    let mut failed = None;
    for reader in 0..readers {
        if let Err(status) = spawn(&scan) {
            if reader == 0 {
                scan.withdraw();
                failed = Some(status);
            }
            // What was not begun is left; those that read do its part.
            for _ in reader..readers {
                if failed.is_some() { scan.give_up() } else { scan.miss() }
            }
            break;
        }
    }
    match failed {
        Some(status) => fail(status, format_args!("no strand could be made to scan")),
        None => Ok(handle),
    }
}

/// Makes the strand of a reader.
fn spawn(scan: &Shared<Scan>) -> Outcome<()> {
    let argument: *mut Shared<Scan> = Box::into_raw(try_box(scan.clone()).ok_or(Status::NO_MEMORY)?);
    let options =
        SpawnOptions { flags: SPAWN_UNCOUNTED, name: b"scan", arg_drop: Some(never_ran), ..SpawnOptions::default() };
    // SAFETY: the entry takes a scan; nothing is copied.
    match unsafe { spawning::spawn_with(&options, main, argument.cast(), 0) } {
        Ok(_) => Ok(()),
        Err(status) => {
            // SAFETY: made above; no strand has it.
            drop(unsafe { Box::from_raw(argument) });
            Err(status)
        }
    }
}

/// The entry of a reader's strand.
///
/// # Safety
/// The argument is its scan.
unsafe extern "C-unwind" fn main(argument: *mut c_void) -> *mut c_void {
    // SAFETY: by contract; this strand's own.
    let scan = unsafe { Box::from_raw(argument.cast::<Shared<Scan>>()) };
    match identity::current() {
        Some(body) => {
            let stepped = parallel::engine().is_some_and(|engine| engine.stepped().is_some());
            let mut began = clock::shown();
            scan.work(worklists::dispatch, || {
                // Where schedules are explored, time decides nothing.
                if stepped || clock::shown() - began >= TURN {
                    // SAFETY: the running strand's body; no lock is held.
                    unsafe { engine::yield_now(body) };
                    began = clock::shown();
                }
                cancel::is_cancelled(body)
            });
        }
        None => scan.give_up(),
    }
    core::ptr::null_mut()
}

/// The strand of a reader ended before it began.
unsafe extern "C" fn never_ran(argument: *mut c_void) {
    // SAFETY: no strand has it.
    unsafe { Box::from_raw(argument.cast::<Shared<Scan>>()) }.give_up();
}
