// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random histories of calls, given to a schedule and to the reference alike.

use super::super::{Cause, Chooser, Kind, Mark, Rules, Schedule, StrandIndex};
use super::model::Model;
use proptest::prelude::*;

pub const KINDS: [Kind; 9] = [
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

/// Few strands, so that indices are used again and calls meet.
const STRANDS: u32 = 7;

#[derive(Clone, Debug)]
pub enum Op {
    Admit(StrandIndex, u32, i32),
    Retire(StrandIndex),
    Ready(StrandIndex, Cause),
    /// Several turns: each time a pick, and the strand becomes ready again for that reason.
    Turns(u32, Cause, usize),
    Pick(usize),
    Take(StrandIndex),
    KeepsTurn(u32),
    Priority(StrandIndex, i32),
    Pause(StrandIndex),
    Resume(StrandIndex),
    Grant(StrandIndex, u32),
    MoveTokens(StrandIndex, StrandIndex, u32),
    Lane(u32),
    MoveLane(StrandIndex, u32),
    Clear(u64),
}

fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        2 => Just(Cause::Woken),
        2 => Just(Cause::Message),
        2 => Just(Cause::Yielded),
        1 => Just(Cause::Checkpoint),
        1 => Just(Cause::Spawned),
    ]
}

fn priority() -> impl Strategy<Value = i32> {
    prop_oneof![8 => -2..3, 1 => Just(i32::MAX), 1 => Just(i32::MIN)]
}

fn op(kind: Kind) -> impl Strategy<Value = Op> {
    let strand = || 0..STRANDS;
    let spins = if kind == Kind::Pct { 90..210_u32 } else { 1..4 }; // long enough to count as spinning
    prop_oneof![
        6 => (strand(), 0..4_u32, priority()).prop_map(|(strand, lane, priority)| Op::Admit(strand, lane, priority)),
        1 => strand().prop_map(Op::Retire),
        12 => (strand(), cause()).prop_map(|(strand, cause)| Op::Ready(strand, cause)),
        8 => (1..9_u32, cause(), 0..8_usize).prop_map(|(turns, cause, answer)| Op::Turns(turns, cause, answer)),
        1 => spins.prop_map(|turns| Op::Turns(turns, Cause::Yielded, 0)),
        5 => (0..8_usize).prop_map(Op::Pick),
        2 => strand().prop_map(Op::Take),
        6 => (1..5_u32).prop_map(Op::KeepsTurn),
        4 => (strand(), priority()).prop_map(|(strand, priority)| Op::Priority(strand, priority)),
        6 => strand().prop_map(Op::Pause),
        9 => strand().prop_map(Op::Resume),
        3 => (strand(), 0..3_u32).prop_map(|(strand, tokens)| Op::Grant(strand, tokens)),
        2 => (strand(), strand(), 0..3_u32).prop_map(|(from, to, tokens)| Op::MoveTokens(from, to, tokens)),
        1 => (0..4_u32).prop_map(Op::Lane),
        3 => (strand(), 0..4_u32).prop_map(|(strand, lane)| Op::MoveLane(strand, lane)),
        1 => (0..9_u64).prop_map(Op::Clear),
    ]
}

/// Rules of `kind` with small numbers, so that every limit is met.
fn rules(kind: Kind) -> impl Strategy<Value = Rules> {
    (0..1000_u64, 1..4_u32, 0..5_u32, 1..4_u32, 1..4_u32, 1..5_u32, 1..40_u64).prop_map(
        move |(seed, quantum, age_step, bypass_limit, token_cap, depth, steps)| Rules {
            kind,
            seed,
            quantum,
            age_step,
            bypass_limit,
            token_cap,
            depth,
            steps,
            handoffs: 0,
        },
    )
}

/// Rules and a history that begins with all strands, most of them ready, in two lanes.
pub fn history(kind: Kind) -> impl Strategy<Value = (Rules, Vec<Op>)> {
    let mut start = vec![Op::Lane(2)];
    for strand in 0..STRANDS {
        start.push(Op::Admit(strand, u32::from(strand > 4), strand as i32 % 2));
        start.push(Op::Ready(strand, Cause::Spawned));
    }
    (rules(kind), prop::collection::vec(op(kind), 1..150)).prop_map(move |(rules, rest)| {
        let mut ops = start.clone();
        ops.extend(rest);
        (rules, ops)
    })
}

/// Gives one answer, wrapped to the number of choices.
pub struct Answer(pub usize);

impl Chooser for Answer {
    fn choose(&mut self, n: usize) -> usize {
        assert!(n >= 2, "asked without a choice");
        self.0 % n
    }
}

/// Runs the history on both; what they first disagree about.
pub fn agree(rules: &Rules, ops: &[Op]) -> Result<(), String> {
    let mut schedule = Schedule::new(rules).map_err(|status| format!("{status:?}"))?;
    let mut model = Model::new(*schedule.rules());
    for (number, op) in ops.iter().enumerate() {
        equal("the answer", answer(&mut schedule, op), expected(&mut model, op))
            .and_then(|()| same(&schedule, &model))
            .map_err(|what| format!("after {op:?}, number {number}: {what}"))?;
    }
    Ok(())
}

fn equal<T: PartialEq + core::fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what} is {got:?} instead of {expected:?}")) }
}

fn number(strand: Option<StrandIndex>) -> i64 {
    strand.map_or(-1, i64::from)
}

/// What the schedule answers to a call, as numbers.
pub fn answer(schedule: &mut Schedule, op: &Op) -> Vec<i64> {
    match *op {
        Op::Admit(strand, lane, priority) => return vec![i64::from(schedule.admit(strand, lane, priority).is_ok())],
        Op::Retire(strand) => schedule.retire(strand),
        Op::Ready(strand, cause) => schedule.ready(strand, cause),
        Op::Turns(turns, cause, answer) => {
            let turn = |turn| {
                let picked = schedule.pick(&mut Answer(answer + turn as usize));
                picked.inspect(|strand| schedule.ready(*strand, cause))
            };
            return (0..turns).map(turn).map(number).collect();
        }
        Op::Pick(answer) => return vec![number(schedule.pick(&mut Answer(answer)))],
        Op::Take(strand) => return vec![i64::from(schedule.take(strand))],
        Op::KeepsTurn(times) => {
            let strands = (0..times).flat_map(|_| 0..STRANDS);
            return strands.map(|strand| i64::from(schedule.keeps_turn(strand))).collect();
        }
        Op::Priority(strand, priority) => schedule.set_priority(strand, priority),
        Op::Pause(strand) => schedule.pause(strand),
        Op::Resume(strand) => schedule.resume(strand),
        Op::Grant(strand, tokens) => schedule.grant(strand, tokens),
        Op::MoveTokens(from, to, tokens) => return vec![i64::from(schedule.move_tokens(from, to, tokens).is_ok())],
        Op::Lane(weight) => return vec![schedule.lane_new(weight, 0).map_or(-1, i64::from)],
        Op::MoveLane(strand, lane) => {
            return vec![i64::from(schedule.move_lane(strand, lane, Mark::default()).is_ok())];
        }
        Op::Clear(seed) => schedule.clear(seed),
    }
    Vec::new()
}

/// What the reference answers to it.
fn expected(model: &mut Model, op: &Op) -> Vec<i64> {
    match *op {
        Op::Admit(strand, lane, priority) => return vec![i64::from(model.admit(strand, lane, priority))],
        Op::Retire(strand) => model.retire(strand),
        Op::Ready(strand, cause) => model.ready(strand, cause),
        Op::Turns(turns, cause, answer) => {
            let turn = |turn| {
                let picked = model.pick(answer + turn as usize);
                picked.inspect(|strand| model.ready(*strand, cause))
            };
            return (0..turns).map(turn).map(number).collect();
        }
        Op::Pick(answer) => return vec![number(model.pick(answer))],
        Op::Take(strand) => return vec![i64::from(model.take(strand))],
        Op::KeepsTurn(times) => {
            let strands = (0..times).flat_map(|_| 0..STRANDS);
            return strands.map(|strand| i64::from(model.keeps_turn(strand))).collect();
        }
        Op::Priority(strand, priority) => model.set_priority(strand, priority),
        Op::Pause(strand) => model.hold(strand, true),
        Op::Resume(strand) => model.hold(strand, false),
        Op::Grant(strand, tokens) => model.grant(strand, tokens),
        Op::MoveTokens(from, to, tokens) => return vec![i64::from(model.move_tokens(from, to, tokens))],
        Op::Lane(weight) => return vec![model.lane_new(weight)],
        Op::MoveLane(strand, lane) => return vec![i64::from(model.move_lane(strand, lane))],
        Op::Clear(seed) => *model = Model::new(Rules { seed, ..model.rules }),
    }
    Vec::new()
}

/// What can be seen of both is the same, and every eligible strand is linked exactly once.
fn same(schedule: &Schedule, model: &Model) -> Result<(), String> {
    let mut linked = schedule.linked();
    linked.sort_unstable();
    let eligible = model.eligible();
    let mut by_index = eligible.clone();
    by_index.sort_unstable();
    equal("the set of linked strands", linked, by_index.clone())?;
    equal("eligible_count", schedule.eligible_count(), eligible.len())?;
    let held = model.strands.iter().filter(|(_, known)| known.held && known.waiting.is_some());
    let held: Vec<StrandIndex> = held.map(|(strand, _)| *strand).collect();
    equal("ready_count", schedule.ready_count(), eligible.len() + held.len())?;
    let mut listed = Vec::new();
    schedule.for_each_ready(|strand| listed.push(strand));
    if model.rules.kind == Kind::Chosen {
        equal("the list of choices", &listed[..eligible.len()], &eligible[..])?;
    }
    listed[..eligible.len()].sort_unstable();
    equal("for_each_ready", listed, [by_index, held].concat())?;
    for strand in 0..STRANDS {
        let known = model.strands.get(&strand);
        equal("tokens", schedule.tokens(strand), known.map_or(0, |known| known.tokens))?;
        equal("priority", schedule.priority(strand), known.map_or(0, |known| known.priority))?;
        equal("lane_of", schedule.lane_of(strand), known.map_or(0, |known| known.lane))?;
        equal("is_held", schedule.is_held(strand), known.is_some_and(|known| known.held))?;
        equal("is_ready", schedule.is_ready(strand), known.is_some_and(|known| known.waiting.is_some()))?;
    }
    Ok(())
}
