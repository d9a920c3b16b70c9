// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process whose schedule was given to it from outside runs it to its end, through every further init.
//!
//! A program may shut its runtime down and initialise it again. The environment still asks for an exploration then, but
//! this process is one schedule of it: the guide goes on where it was.

use core::sync::atomic::{AtomicPtr, Ordering};

use super::guide::Guide;
use super::{install, no_memory};
use crate::base::status::Outcome;
use crate::engine::stepped::Stepped;
use crate::policy::Rules;
use crate::strand::message::try_box;

struct Course {
    rules: Rules,
    seed: u64,
    guide: *mut Guide,
}

static COURSE: AtomicPtr<Course> = AtomicPtr::new(core::ptr::null_mut());

/// This process runs the schedule of `guide`, which stays until the process ends.
pub fn keep(rules: Rules, seed: u64, guide: *mut Guide) -> Outcome<()> {
    let Some(course) = try_box(Course { rules, seed, guide }) else { return no_memory() };
    COURSE.store(Box::into_raw(course), Ordering::Release);
    Ok(())
}

/// Gives a further runtime of this process the schedule that the process runs; `None` where there is none yet.
pub fn go_on(stepped: &Stepped) -> Option<Outcome<()>> {
    // SAFETY: stored by `keep` and never freed.
    let course = unsafe { COURSE.load(Ordering::Acquire).as_ref() }?;
    let _turn = stepped.turn();
    let installed = install(stepped, &course.rules);
    if installed.is_ok() {
        stepped.with_schedule(|schedule| schedule.clear(course.seed));
        // SAFETY: the guide stays (see `keep`); the runtime that it guided is gone, so nobody else refers to it.
        stepped.inject_at(unsafe { (*course.guide).next_injection() });
        // SAFETY: the gate is ours; the guide stays.
        unsafe { stepped.engage(Some(course.guide)) };
    }
    Some(installed)
}
