// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults that an exploration injects between two steps: what a program must survive whenever it comes.
//!
//! When they come is drawn for each schedule: as many moments as the plan says, uniformly over the picks of the longest
//! schedule before, and for each a kind and a thing. What a number means as a thing is the same in every run of a schedule:
//! the strands in the order of their spawns, the channels in the order of the table.

use crate::base::failing;
use crate::base::random::Random;
use crate::explore::Plan;
use crate::policy::StrandIndex;
use crate::record::token::{INJECTIONS_MAX, Injected, Injection};
use crate::strand::head;
use crate::sync::channel;
use crate::wait::{cancel, end};

/// The injections of one schedule with this seed, ordered by their moment; none while it is not known how many picks a
/// schedule has (0).
pub fn draw(plan: &Plan, seed: u64, picks: u64) -> Vec<Injection> {
    let kinds: Vec<Injected> = Injected::ALL.iter().map(|(kind, _)| *kind).filter(|kind| plan.injects(*kind)).collect();
    if kinds.is_empty() || picks == 0 {
        return Vec::new();
    }
    // Not the numbers that the policy draws.
    let mut random = Random::new(seed ^ 0x696e_6a65_6374);
    let mut list: Vec<Injection> = (0..plan.injections.min(INJECTIONS_MAX as u32))
        .map(|_| Injection {
            kind: kinds[random.below(kinds.len() as u64) as usize],
            step: 1 + random.below(picks),
            object: random.below(1 << 16),
        })
        .collect();
    list.sort_by_key(|injection| injection.step);
    list
}

/// Takes out the injections without which the schedule still fails.
pub fn without_needless(list: Vec<Injection>, mut fails: impl FnMut(&[Injection]) -> bool) -> Vec<Injection> {
    let mut kept = list;
    let mut at = 0;
    while at < kept.len() {
        let mut fewer = kept.clone();
        fewer.remove(at);
        if fails(&fewer) {
            kept = fewer;
        } else {
            at += 1;
        }
    }
    kept
}

/// Upcall of the engine: injects a fault. `strand` is the one that is meant where a strand is.
pub fn inject(kind: Injected, object: u64, strand: Option<StrandIndex>) {
    match (kind, strand) {
        (Injected::Cancel, Some(index)) => {
            cancel::cancel(head::at(index), None, 0, end::finish_dormant);
        }
        (Injected::Close, _) => {
            if let Some(chan) = channel::nth(object) {
                let _ = channel::close(chan);
            }
        }
        (Injected::Oom, _) => failing::next(true),
        // Time is the engine's own.
        (Injected::Cancel, None) | (Injected::Timeout, _) => {}
    }
}
