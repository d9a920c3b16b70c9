// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole program under one schedule, from its token: it fails as it did, with status 1 and the report.

use core::fmt::Write;

use super::guide::{Failure, Guide};
use super::slot::Slot;
use super::{Single, course, install, no_memory};
use crate::base::status::Outcome;
use crate::base::sys;
use crate::engine::stepped::Stepped;
use crate::explore::Plan;
use crate::strand::message::{fail, try_box};

/// Makes the engine run the schedule of a token. The runtime is being initialised; there is no strand.
pub fn begin(stepped: &Stepped, token: &str) -> Outcome<()> {
    if let Some(further) = course::go_on(stepped) {
        return further;
    }
    let single = Single::of(token)?;
    let _turn = stepped.turn();
    install(stepped, &single.rules)?;
    stepped.with_schedule(|schedule| schedule.clear(single.seed));
    let slot = match Slot::map() {
        Ok(slot) => slot,
        Err(status) => return fail(status, format_args!("no memory to replay a schedule")),
    };
    // SAFETY: mapped just now, and never unmapped.
    let ledger = unsafe { &raw mut (*slot).ledger };
    let Some(mut guide) = try_box(Guide::new(ledger, Plan::of(crate::explore::Strategy::Pct).max_steps)) else {
        return no_memory();
    };
    let mode = single.mode();
    guide.explorer.begin(mode, false);
    guide.strict = true;
    stepped.inject_at(guide.set_injections(single.injections));
    guide.keep_story(true);
    guide.on_failure = Some(end_the_process);
    let guide = Box::into_raw(guide);
    // SAFETY: the guide is leaked: it stays until the process ends.
    unsafe { stepped.engage(Some(guide)) };
    course::keep(single.rules, single.seed, guide)
}

/// The schedule has failed: the report, and status 1.
fn end_the_process(guide: &Guide, failure: Failure) -> ! {
    let mut text = String::from("libstrand: ");
    guide.report(failure, &mut text);
    let _ = writeln!(text);
    // SAFETY: flushes what the program has printed; then the process ends without running its exit handlers, since it
    // stands in the middle of a strand.
    unsafe {
        libc::fflush(core::ptr::null_mut());
        sys::write_error(text.trim_end().as_bytes());
        sys::write_error(b"\n");
        libc::_exit(1);
    }
}
