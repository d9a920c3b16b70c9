// SPDX-License-Identifier: MIT OR Apache-2.0
//! The walk against brute force, over small programs of strands that touch objects.

use std::collections::BTreeSet;

use super::footprint::Footprint;
use super::walk::Walk;
use crate::base::random::Random;

/// What a strand does in one stretch: touches an object, and can go on afterwards or gives its turn away.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    object: u64,
    goes_on: bool,
}

type Program = Vec<Vec<Stretch>>;

/// The run of one schedule: the order of strands, and what every object saw.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Run {
    order: Vec<u32>,
    seen: Vec<Vec<(u32, usize)>>,
}

fn objects(program: &Program) -> usize {
    program.iter().flatten().map(|stretch| stretch.object as usize + 1).max().unwrap_or(0)
}

/// Runs a program; `choose` picks among the options, which come in the round that begins with the last strand.
fn run(program: &Program, mut choose: impl FnMut(&[u32], bool) -> usize, mut ran: impl FnMut(&Footprint, bool)) -> Run {
    let mut done = vec![0usize; program.len()];
    let mut result = Run { order: Vec::new(), seen: vec![Vec::new(); objects(program)] };
    let (mut last, mut can_go_on) = (0u32, false);
    loop {
        let first = last + u32::from(!can_go_on && !result.order.is_empty());
        let count = program.len() as u32;
        let options: Vec<u32> = (0..count)
            .map(|place| (first + place) % count)
            .filter(|one| done[*one as usize] < program[*one as usize].len())
            .collect();
        if options.is_empty() {
            return result;
        }
        let one = options[choose(&options, can_go_on)];
        let stretch = program[one as usize][done[one as usize]];
        result.seen[stretch.object as usize].push((one, done[one as usize]));
        done[one as usize] += 1;
        result.order.push(one);
        last = one;
        can_go_on = stretch.goes_on && done[one as usize] < program[one as usize].len();
        let mut footprint = Footprint::default();
        footprint.touch(stretch.object);
        ran(&footprint, can_go_on);
    }
}

fn walk(program: &Program, preemptions: u32, reduces: bool) -> Vec<Run> {
    let walk = std::cell::RefCell::new(Walk::new(preemptions, reduces));
    let mut runs = Vec::new();
    loop {
        walk.borrow_mut().begin();
        runs.push(run(
            program,
            |options, can_go_on| walk.borrow_mut().choose(options, can_go_on),
            |footprint, can_go_on| walk.borrow_mut().ran(footprint, can_go_on),
        ));
        if !walk.borrow_mut().next() {
            assert!(walk.borrow().is_complete());
            return runs;
        }
    }
}

/// Every schedule within the bound, by trying all choices.
fn brute(program: &Program, preemptions: u32) -> BTreeSet<Run> {
    let mut found = BTreeSet::new();
    let mut open = vec![Vec::<usize>::new()];
    while let Some(choices) = open.pop() {
        let (mut at, mut spent, mut over) = (0, 0, false);
        let mut further = Vec::new();
        let result = run(
            program,
            |options, can_go_on| {
                if options.len() == 1 {
                    return 0;
                }
                let choice = choices.get(at).copied().unwrap_or(0);
                if at >= choices.len() {
                    further.push((at, options.len()));
                }
                at += 1;
                spent += u32::from(can_go_on && choice != 0);
                over |= spent > preemptions;
                choice
            },
            |_, _| {},
        );
        for (place, options) in further {
            for choice in 1..options {
                let mut next = choices.clone();
                next.resize(place, 0);
                next.push(choice);
                open.push(next);
            }
        }
        if !over {
            found.insert(result);
        }
    }
    found
}

fn outcomes<'a>(runs: impl IntoIterator<Item = &'a Run>) -> BTreeSet<Vec<Vec<(u32, usize)>>> {
    runs.into_iter().map(|run| run.seen.clone()).collect()
}

fn random_program(random: &mut Random) -> Program {
    let strands = 2 + random.below(2) as usize;
    (0..strands)
        .map(|_| {
            (0..1 + random.below(3))
                .map(|_| Stretch { object: random.below(3), goes_on: random.below(3) > 0 })
                .collect()
        })
        .collect()
}

#[test]
fn without_reduction_every_schedule_within_the_bound_comes_exactly_once() {
    let mut random = Random::new(1);
    for _ in 0..150 {
        let program = random_program(&mut random);
        for bound in [0, 1, 2, u32::MAX] {
            let runs = walk(&program, bound, false);
            let expected = brute(&program, bound);
            assert_eq!(runs.len(), expected.len(), "{program:?} with {bound}");
            assert_eq!(runs.into_iter().collect::<BTreeSet<_>>(), expected, "{program:?} with {bound}");
        }
    }
}

#[test]
fn with_reduction_every_outcome_within_the_bound_is_found_with_fewer_schedules() {
    let mut random = Random::new(2);
    let (mut all, mut reduced) = (0, 0);
    for _ in 0..400 {
        let program = random_program(&mut random);
        for bound in [0, 1, 2, u32::MAX] {
            let expected = brute(&program, bound);
            let runs = walk(&program, bound, true);
            assert_eq!(outcomes(&runs), outcomes(&expected), "{program:?} with {bound}");
            all += expected.len();
            reduced += runs.len();
        }
    }
    assert!(reduced * 3 < all * 2, "{reduced} of {all} schedules");
}

#[test]
fn strands_that_touch_nothing_in_common_need_one_schedule() {
    let alone = |object| vec![Stretch { object, goes_on: true }; 3];
    let program = vec![alone(0), alone(1), alone(2)];
    // 9! / (3! 3! 3!) without.
    assert_eq!(walk(&program, u32::MAX, false).len(), 1680);
    assert_eq!(
        walk(&program, u32::MAX, true).iter().filter(|run| run.order.len() == 9).count(),
        walk(&program, u32::MAX, true).len()
    );
    assert!(walk(&program, u32::MAX, true).len() < 60, "{}", walk(&program, u32::MAX, true).len());
}

#[test]
fn an_unsound_reduction_would_be_noticed() {
    // The control: footprints that leave an object out lose outcomes.
    let mut random = Random::new(3);
    let mut lost = 0;
    for _ in 0..100 {
        let program = random_program(&mut random);
        let expected = outcomes(&brute(&program, u32::MAX));
        let walk = std::cell::RefCell::new(Walk::new(u32::MAX, true));
        let mut found = BTreeSet::new();
        loop {
            walk.borrow_mut().begin();
            let result = run(
                &program,
                |options, can_go_on| walk.borrow_mut().choose(options, can_go_on),
                |_, can_go_on| walk.borrow_mut().ran(&Footprint::default(), can_go_on),
            );
            found.insert(result.seen);
            if !walk.borrow_mut().next() {
                break;
            }
        }
        lost += usize::from(found != expected);
    }
    assert!(lost > 20, "{lost}");
}
