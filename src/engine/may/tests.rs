// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the may crate does by itself: the controls of the claims of `c_tests/may.c`.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::time::Instant;

use may::coroutine;

use super::scheduler;

static LET_GO: AtomicBool = AtomicBool::new(false);
static YIELDS: AtomicBool = AtomicBool::new(false);
static RAN: AtomicBool = AtomicBool::new(false);

fn yield_until_let_go() {
    YIELDS.store(true, Ordering::SeqCst);
    while !LET_GO.load(Ordering::SeqCst) {
        coroutine::yield_now();
    }
}

fn wait_for(flag: &AtomicBool, limit: Duration) -> bool {
    let began = Instant::now();
    while !flag.load(Ordering::SeqCst) && began.elapsed() < limit {
        scheduler::rest();
    }
    flag.load(Ordering::SeqCst)
}

/// `strands_that_yield_all_the_time_keep_nobody_out` would not hold if strands were simply spawned with may.
#[test]
fn control_a_new_coroutine_waits_for_ever_behind_one_that_yields() {
    assert_eq!(scheduler::start(1), Ok(()));
    assert!(scheduler::spawn(0, yield_until_let_go));
    assert!(wait_for(&YIELDS, Duration::from_secs(30)));
    assert!(scheduler::spawn(0, || RAN.store(true, Ordering::SeqCst)));
    let ran = wait_for(&RAN, Duration::from_millis(300));
    LET_GO.store(true, Ordering::SeqCst);
    assert!(!ran, "may has mended it: the pumps may go");
    assert!(wait_for(&RAN, Duration::from_secs(30)), "it runs when that one has ended");
}

#[test]
fn maps_and_the_promise_bound_the_strands() {
    let plain = scheduler::most_strands(false);
    assert!((1..=scheduler::STRANDS_MAX).contains(&plain));
    assert!(scheduler::most_strands(true) <= plain, "guards that are maps leave room for fewer");
}
