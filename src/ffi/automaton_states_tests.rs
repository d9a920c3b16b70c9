// SPDX-License-Identifier: MIT OR Apache-2.0
//! The baseline and the bit-parallel kernel through the functions of the header: random sets and chunks, and kernels that
//! are wrong.

use std::sync::PoisonError;

use super::automaton_tests::{agrees_with_the_baseline, compile, scan, take, with_device};
use super::{automaton::*, device::*, status::*};
use crate::automata::pattern::Pattern;
use crate::base::random::Random;
use crate::gpu::states::{CHANGE, Rewrite};

#[test]
fn the_baseline_on_a_device_has_the_matches_of_the_baseline_on_the_processor() {
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        agrees_with_the_baseline(device, STRAND_AUTOMATON_BLOCKING, 0, 25, 0xb10c);
        agrees_with_the_baseline(device, STRAND_AUTOMATON_BLOCKING, STRAND_AUTOMATON_DIFFERENTIAL, 10, 0xb1d1);
    });
}

const PATTERNS: [Pattern<'_>; 3] =
    [Pattern { text: b"a.*b", flags: 0 }, Pattern { text: b"ab+c", flags: 0 }, Pattern { text: b"[bc]a$", flags: 0 }];

/// How a scan ends, with kernels as `change` makes them, and the matches.
fn scanned(device: u64, mode: u32, change: Option<Rewrite>) -> (strand_status, usize) {
    *CHANGE.lock().unwrap_or_else(PoisonError::into_inner) = change;
    let automaton = compile(device, &PATTERNS, mode, STRAND_AUTOMATON_DIFFERENTIAL);
    *CHANGE.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let mut random = Random::new(2);
    let texts: Vec<Vec<u8>> =
        (0..5).map(|_| (0..200).map(|_| b"aabbc\n"[random.below(6) as usize]).collect()).collect();
    let parts: Vec<(u32, &[u8], bool)> = (0..).zip(&texts).map(|(stream, text)| (stream, &text[..], true)).collect();
    let status = scan(automaton, &parts);
    let found = take(automaton).len();
    assert_eq!(strand_automaton_release(automaton), STRAND_OK);
    (status, found)
}

#[test]
fn control_a_kernel_that_is_wrong_is_no_parity() {
    with_device(STRAND_DEVICE_SOFTWARE, |device| {
        for mode in [STRAND_AUTOMATON_BLOCKING, STRAND_AUTOMATON_NON_BLOCKING] {
            let (status, matches) = scanned(device, mode, None);
            assert_eq!((status, matches > 200), (STRAND_OK, true), "{mode}: {matches} matches");
        }
        let seeded: [(u32, Rewrite); 2] = [
            // Of two bytes beside each other one is taken for the other.
            (STRAND_AUTOMATON_BLOCKING, |text| text.replace("(byte & 31u)) & 1u", "(byte & 30u)) & 1u")),
            // A state that follows itself does not.
            (STRAND_AUTOMATON_NON_BLOCKING, |text| text.replace("& loops_", "& ~loops_")),
        ];
        for (mode, change) in seeded {
            assert_eq!(scanned(device, mode, Some(change)).0, STRAND_ERR_PARITY, "{mode}");
        }
    });
}
