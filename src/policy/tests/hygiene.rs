// SPDX-License-Identifier: MIT OR Apache-2.0
//! A million steps: each strand is in one place, the sizes add up, and the memory is what it was after the admissions.

use super::super::defect::{self, Defect};
use super::super::{Cause, Kind, Mark, Rules, Schedule};
use super::history::{Answer, KINDS};
use crate::base::random::Random;

const STRANDS: u32 = 9;

/// What goes wrong within `steps`, if anything does.
fn soak(kind: Kind, steps: u32) -> Result<(), String> {
    let rules = Rules { quantum: 3, age_step: 2, bypass_limit: 5, steps: 100, ..Rules::of(kind) };
    let mut schedule = Schedule::new(&rules).unwrap();
    let mut random = Random::new(u64::from(steps));
    schedule.lane_new(2, 0).unwrap();
    for strand in 0..STRANDS {
        schedule.admit(strand, strand % 2, 0).unwrap();
    }
    let room = schedule.room();
    let (mut ready, mut picks) = ([false; STRANDS as usize], 0_u32);
    for step in 0..steps {
        let word = random.bits();
        let strand = (word >> 32) as u32 % STRANDS;
        let cause = [Cause::Woken, Cause::Message, Cause::Yielded, Cause::Spawned][(word >> 8) as usize % 4];
        match word % 16 {
            0 => schedule.pause(strand),
            1 | 2 => schedule.resume(strand),
            3 => schedule.set_priority(strand, (word >> 16) as i32 % 4),
            4 => schedule
                .move_lane(strand, (word >> 16) as u32 % 2, Mark { step: u64::from(step), ..Mark::default() })
                .unwrap(),
            5 => {
                let lane = schedule.lane_of(strand);
                schedule.retire(strand);
                schedule.admit(strand, lane, 0).unwrap();
                ready[strand as usize] = false;
            }
            6..10 => {
                if let Some(strand) = schedule.pick(&mut Answer(step as usize)) {
                    picks += 1;
                    if !core::mem::replace(&mut ready[strand as usize], false) {
                        return Err(format!("{strand} was picked twice, step {step}"));
                    }
                }
            }
            _ => {
                schedule.ready(strand, cause);
                ready[strand as usize] = true;
            }
        }
        let expected = ready.iter().filter(|ready| **ready).count();
        if schedule.ready_count() != expected {
            return Err(format!("{} are ready instead of {expected}, step {step}", schedule.ready_count()));
        }
        if step % 64 == 0 && schedule.linked().len() != schedule.eligible_count() {
            return Err(format!("{:?} stand for their turn, step {step}", schedule.linked()));
        }
    }
    if picks < steps / 8 {
        return Err(format!("only {picks} picks"));
    }
    if schedule.room() != room {
        return Err(format!("room for {} entries has become {}", room, schedule.room()));
    }
    Ok(())
}

#[test]
fn a_million_steps_leave_queues_and_memory_as_they_were() {
    for kind in KINDS {
        soak(kind, 1_000_000).unwrap_or_else(|what| panic!("{kind:?}: {what}"));
    }
}

#[test]
fn control_a_second_place_in_a_queue_is_noticed() {
    for kind in KINDS {
        assert!(defect::with(Defect::ReadyTwice, || soak(kind, 1_000)).is_err(), "{kind:?}");
    }
}
