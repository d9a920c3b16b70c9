// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of worklists on the processor: what needs strands to be made.

use core::ffi::c_void;

use super::comparing;
use super::spawning::{self, SPAWN_UNCOUNTED, SpawnOptions};
use crate::base::status::Outcome;
use crate::engine::{self, parallel};
use crate::gpu::cpu::runner::{self, Runner};
use crate::gpu::named::enter;
use crate::gpu::remote::Remote;
use crate::gpu::shared::Shared;
use crate::gpu::ticket::{self, Pending};
use crate::gpu::worklist::list::{self, Begun, Worklist};
use crate::gpu::worklist::run::{Limits, Verdict};
use crate::strand::identity;
use crate::strand::message::fail;
use crate::strand::on_exit;

/// Begins a run: its ticket.
pub fn dispatch(handle: u64, mut limits: Limits) -> Outcome<u64> {
    let _call = enter()?;
    if limits.workers == 0 {
        limits.workers = parallel::engine().map_or(1, |engine| engine.ordinary_workers());
    }
    let list = list::get_open(handle)?;
    if list.differential {
        return comparing::dispatch(list, limits);
    }
    let remote = list.program.device.remote();
    let pending = pending(&list, remote)?;
    let ticket = pending.handle();
    begin(&list, remote, pending, limits)?;
    Ok(ticket)
}

/// What a run on an adapter, or on the processor, resolves.
pub(super) fn pending(list: &Worklist, remote: Option<&Remote>) -> Outcome<Pending> {
    match remote {
        Some(_) => ticket::create_with(Some(nudge), list.handle()),
        None => ticket::create_by_strands(Some(nudge), list.handle()),
    }
}

/// Begins a run on an adapter, or on the processor. Where it cannot begin the ticket is withdrawn.
pub(super) fn begin(list: &Shared<Worklist>, remote: Option<&Remote>, pending: Pending, limits: Limits) -> Outcome<()> {
    match list.begin(pending, limits) {
        Begun::Done(pending) => pending.succeed(),
        Begun::Refused(pending, status) => {
            pending.withdraw();
            return fail(status, format_args!("a run of worklist {:#x} is on", list.handle()));
        }
        Begun::Running => match remote {
            #[cfg(feature = "gpu")]
            Some(remote) => crate::gpu::rounds::attach::start(list, remote),
            _ => start(list)?,
        },
    }
    Ok(())
}

/// The first runner of a run that has begun. Without it the run has not.
fn start(list: &Shared<Worklist>) -> Outcome<()> {
    let started = Runner::new(list, spawn).and_then(|runner| spawn(runner, false));
    started.or_else(|status| {
        let run = list.lock().run.take();
        if let Some(run) = run {
            run.pending.withdraw();
        }
        fail(status, format_args!("no strand could be made to run a worklist"))
    })
}

/// A ticket was cancelled: the runners of its worklist look.
fn nudge(handle: u64, _: u64) {
    if let Ok(list) = list::get(handle) {
        list.nudge();
    }
}

/// Makes the strand of a runner; a further one of a run goes to whichever worker is idle.
fn spawn(runner: Box<Runner>, further: bool) -> Outcome<()> {
    let argument = runner::into_argument(runner);
    let options = SpawnOptions {
        flags: SPAWN_UNCOUNTED,
        name: b"worklist",
        arg_drop: Some(never_ran),
        ..SpawnOptions::default()
    };
    // SAFETY: the entry takes a runner; nothing is copied.
    match unsafe { spawning::spawn_held(&options, main, argument, 0) } {
        Ok(strand) => {
            if further {
                engine::spawn_apart(strand);
            } else {
                engine::spawn(strand);
            }
            Ok(())
        }
        Err(status) => {
            // SAFETY: made above; no strand has it.
            drop(unsafe { runner::from_argument(argument) });
            Err(status)
        }
    }
}

/// The entry of a runner's strand.
///
/// # Safety
/// The argument is its runner.
unsafe extern "C-unwind" fn main(argument: *mut c_void) -> *mut c_void {
    let runner: *mut Runner = argument.cast();
    if let Some(body) = identity::current()
        && on_exit::push(body, ended_by_kernel, argument).is_ok()
    {
        // SAFETY: this strand's own; a kernel that ends the strand leaves it to `ended_by_kernel`.
        unsafe { (*runner).run(body) };
        on_exit::pop(body, ended_by_kernel);
    } else {
        // SAFETY: as above.
        unsafe { (*runner).stay_out() };
    }
    // SAFETY: it has left, and nobody else has it.
    drop(unsafe { runner::from_argument(argument) });
    core::ptr::null_mut()
}

/// A kernel has ended the strand of its runner.
extern "C" fn ended_by_kernel(argument: *mut c_void) {
    // SAFETY: the frames of the strand are not used any more, this is the only user.
    let mut runner = unsafe { runner::from_argument(argument) };
    if let Some(body) = identity::current() {
        runner.abandon(body);
    }
}

/// The strand of a runner ended before it began.
unsafe extern "C" fn never_ran(argument: *mut c_void) {
    // SAFETY: no strand has it.
    unsafe { runner::from_argument(argument) }.give_up(Verdict::Cancelled);
}
