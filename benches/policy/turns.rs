// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a turn costs the scheduling rules alone: the next strand is picked and becomes ready again, in one lane; and a
//! whole small schedule of an exploration. `cargo run --release --example policy_turns`.
//!
//! The rules are compiled in from their sources, since the library exports only C functions. This is an example and not
//! a bench because cargo compiles benches as tests, in which the rules also look for seeded mistakes.

#![allow(dead_code, reason = "only part of the rules is timed")]

use policy::{Cause, Chooser, Kind, Rules, Schedule};
use std::hint::black_box;
use std::time::Instant;

#[path = "../../src/base"]
mod base {
    pub mod random;
    pub mod status;
}

#[path = "../../src/policy/mod.rs"]
mod policy;

/// Answers like a search that goes through the choices.
struct Counting(usize);

impl Chooser for Counting {
    fn choose(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        self.0 % n
    }
}

const KINDS: &[Kind] = &[
    Kind::Cooperative,
    Kind::RoundRobin,
    Kind::PriorityFixed,
    Kind::PriorityAging,
    Kind::PriorityToken,
    Kind::ProgressAware,
    Kind::Random,
    Kind::Pct,
    Kind::Chosen,
];

/// Nanoseconds for one of `count` calls, the median of nine rounds.
fn nanoseconds(count: u32, mut call: impl FnMut()) -> f64 {
    let mut round = || {
        let start = Instant::now();
        (0..count).for_each(|_| call());
        start.elapsed().as_nanos() as f64 / f64::from(count)
    };
    let mut rounds: [f64; 9] = core::array::from_fn(|_| round());
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

fn turn(kind: Kind, strands: u32) -> Option<f64> {
    let mut schedule = Schedule::new(&Rules::of(kind)).ok()?;
    for strand in 0..strands {
        schedule.admit(strand, 0, (strand % 4) as i32).ok()?;
        schedule.ready(strand, Cause::Spawned);
    }
    let mut chooser = Counting(0);
    Some(nanoseconds(300_000, || {
        if let Some(strand) = schedule.pick(&mut chooser) {
            schedule.ready(black_box(strand), Cause::Woken);
        }
    }))
}

/// Four strands of five steps each, from `clear` to the last `retire`.
fn small_schedule(kind: Kind) -> Option<f64> {
    let mut schedule = Schedule::new(&Rules { steps: 20, ..Rules::of(kind) }).ok()?;
    let (mut chooser, mut seed) = (Counting(0), 0);
    Some(nanoseconds(20_000, || {
        seed += 1;
        schedule.clear(seed);
        for strand in 0..4 {
            if schedule.admit(strand, 0, 0).is_ok() {
                schedule.ready(strand, Cause::Spawned);
            }
        }
        let mut steps = [5; 4];
        while let Some(strand) = schedule.pick(&mut chooser) {
            steps[strand as usize] -= 1;
            if steps[strand as usize] == 0 {
                schedule.retire(strand);
            } else {
                schedule.ready(black_box(strand), Cause::Woken);
            }
        }
    }))
}

fn main() {
    println!("nanoseconds            turn of 4   of 64   of 10,000   schedule of 4 strands, 20 steps");
    for kind in KINDS {
        let turns = [4, 64, 10_000].map(|strands| turn(*kind, strands).unwrap_or(f64::NAN));
        let schedule = small_schedule(*kind).unwrap_or(f64::NAN);
        println!("{kind:<22?} {:>9.1} {:>7.1} {:>11.1} {schedule:>10.0}", turns[0], turns[1], turns[2], kind = kind);
    }
}
