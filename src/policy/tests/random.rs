// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Random`: every eligible strand is equally likely at every pick, whatever was picked before; and the same seed gives
//! the same picks.

use super::super::defect::{self, Defect};
use super::super::{Cause, Kind, Rules, Schedule};

const STRANDS: usize = 6;

fn picks(seed: u64, count: usize) -> Vec<usize> {
    let mut schedule = Schedule::new(&Rules { seed, ..Rules::of(Kind::Random) }).unwrap();
    schedule.lane_new(5, 1).unwrap(); // lanes do not weigh here
    for strand in 0..STRANDS as u32 {
        schedule.admit(strand, strand % 2, 0).unwrap();
        schedule.ready(strand, Cause::Spawned);
    }
    let pick = |_| {
        let strand = schedule.pick(&mut ()).unwrap();
        schedule.ready(strand, Cause::Yielded);
        strand as usize
    };
    (0..count).map(pick).collect()
}

/// The sum of (seen - expected)^2 / expected over equally likely cells.
pub fn chi_square(cells: &[u32]) -> f64 {
    let expected = f64::from(cells.iter().sum::<u32>()) / cells.len() as f64;
    cells.iter().map(|seen| (f64::from(*seen) - expected).powi(2) / expected).sum()
}

/// Over single picks and over pairs of picks in a row; both stay below these bounds but once in a million times.
fn uniform(seed: u64) -> bool {
    let picks = picks(seed, 60_000);
    let (mut singles, mut pairs) = ([0; STRANDS], [0; STRANDS * STRANDS]);
    for pair in picks.windows(2) {
        singles[pair[0]] += 1;
        pairs[pair[0] * STRANDS + pair[1]] += 1;
    }
    chi_square(&singles) < 37.0 && chi_square(&pairs) < 88.0
}

#[test]
fn every_eligible_strand_is_equally_likely() {
    for seed in 0..5 {
        assert!(uniform(seed), "seed {seed}");
    }
}

#[test]
fn control_a_skewed_choice_is_noticed() {
    assert!(!defect::with(Defect::RandomSkewed, || uniform(0)));
}

#[test]
fn the_seed_decides() {
    assert_eq!(picks(11, 1_000), picks(11, 1_000));
    assert_ne!(picks(11, 1_000), picks(12, 1_000));
}
