// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a walk in one process is followed by the same walk in another: a child logs what it met, its parent does the same
//! steps from the log.
//!
//! ```text
//! word   flags in bits 0 to 7 (1: can go on, 2: everything was touched, 4: a pick, 8: a value), number of further words
//!        above
//! ran    the objects touched since the last pick        pick   the ordinals to choose from
//! value  how many there are to choose from
//! ```

use super::footprint::Footprint;
use super::ledger::Ledger;
use super::walk::Walk;

const GOES_ON: u64 = 1;
const EVERYTHING: u64 = 2;
const PICK: u64 = 4;
const VALUE: u64 = 8;

/// Logs a stretch.
pub fn ran(ledger: &mut Ledger, footprint: &Footprint, can_go_on: bool) {
    let objects = footprint.objects().unwrap_or(&[]);
    let everything = if footprint.objects().is_none() { EVERYTHING } else { 0 };
    ledger.log((objects.len() as u64) << 8 | everything | u64::from(can_go_on));
    objects.iter().for_each(|object| ledger.log(*object));
}

/// Logs a pick.
pub fn pick(ledger: &mut Ledger, options: &[u32], can_go_on: bool) {
    ledger.log((options.len() as u64) << 8 | PICK | u64::from(can_go_on));
    options.iter().for_each(|ordinal| ledger.log(u64::from(*ordinal)));
}

/// Logs that one of `n` values is taken.
pub fn value(ledger: &mut Ledger, n: u32) {
    ledger.log(1 << 8 | VALUE);
    ledger.log(u64::from(n));
}

/// Does what was logged.
pub fn follow(walk: &mut Walk, ledger: &Ledger) {
    walk.begin();
    let Some(mut log) = ledger.logged() else { return walk.cut() };
    while let Some((word, rest)) = log.split_first() {
        let (count, can_go_on) = ((word >> 8) as usize, word & GOES_ON != 0);
        let Some((further, rest)) = rest.split_at_checked(count) else { return walk.cut() };
        log = rest;
        if word & VALUE != 0 {
            walk.value(further.first().map_or(1, |n| *n as u32));
            continue;
        }
        if word & PICK != 0 {
            let options: Vec<u32> = further.iter().map(|ordinal| *ordinal as u32).collect();
            if !options.is_empty() {
                walk.choose(&options, can_go_on);
            }
            continue;
        }
        let mut footprint = if word & EVERYTHING != 0 { Footprint::everything() } else { Footprint::default() };
        further.iter().for_each(|object| footprint.touch(*object));
        walk.ran(&footprint, can_go_on);
    }
}
