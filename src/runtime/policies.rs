// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program may say about who runs next: priorities, holds, lanes, tokens.
//!
//! The stepped engine asks its schedule. On the parallel engine none of it has an effect, but a program that uses it
//! runs there unchanged: the same is checked and remembered in a book, which is a schedule in which nobody is ever
//! ready. The book is made when it is first needed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{count, lifecycle, strands};
use crate::base::status::{Outcome, Status};
use crate::engine::outside::Call;
use crate::engine::parallel::{self, Parallel};
use crate::engine::stepped::Stepped;
use crate::policy::{Handoff, Mark, Rules, Schedule, StrandIndex};
use crate::strand::head::{self, Head};
use crate::strand::message::fail;
use crate::wait::cancel;

/// Lanes that there can be.
pub const LANES_MAX: usize = 1 << 16;
/// Bytes of a lane's name that are kept.
const NAME_MAX: usize = 47;

/// What a lane is made with.
#[derive(Default)]
pub struct LaneOptions<'a> {
    /// Picks in a cycle; 0 is 1.
    pub weight: u32,
    /// How many of its strands run at a time; 0 is any number.
    pub width: u32,
    /// For dumps.
    pub name: &'a [u8],
}

#[derive(Clone, Copy)]
struct Name {
    length: u8,
    bytes: [u8; NAME_MAX],
}

impl Name {
    const NONE: Name = Name { length: 0, bytes: [0; NAME_MAX] };

    fn of(text: &[u8]) -> Name {
        let mut name = Name::NONE;
        let length = text.len().min(NAME_MAX);
        name.bytes[..length].copy_from_slice(&text[..length]);
        name.length = length as u8;
        name
    }
}

/// What the parallel engine remembers of strands that somebody said something about.
struct Book {
    schedule: Schedule,
    /// Of each index: the generation that the schedule knows of it.
    generations: Vec<u64>,
}

impl Book {
    fn new() -> Outcome<Book> {
        Ok(Book { schedule: Schedule::new(&lifecycle::settings().rules)?, generations: Vec::new() })
    }

    /// Forgets what was said about an earlier strand in this place. False when a later one has it.
    fn turn_to(&mut self, strand: StrandIndex, generation: u64) -> bool {
        match self.generations.get(strand as usize) {
            Some(known) if *known > generation => return false,
            Some(known) if *known < generation => self.schedule.retire(strand),
            _ => {}
        }
        true
    }

    /// The strand, which exists, has an entry from now on.
    fn enter(&mut self, strand: StrandIndex, generation: u64, lane: u32, priority: i32) -> Outcome<()> {
        if !self.turn_to(strand, generation) {
            return Err(Status::STALE);
        }
        let length = strand as usize + 1;
        if let Some(more) = length.checked_sub(self.generations.len()) {
            self.generations.try_reserve(more).map_err(|_| Status::NO_MEMORY)?;
            self.generations.resize(length, 0);
        }
        if self.generations[strand as usize] != generation {
            self.schedule.admit(strand, lane, priority)?;
            self.generations[strand as usize] = generation;
        }
        Ok(())
    }
}

struct State {
    /// Of each lane.
    names: Vec<Name>,
    book: Option<Book>,
}

impl State {
    fn book(&mut self) -> Outcome<&mut Book> {
        if self.book.is_none() {
            self.book = Some(Book::new()?);
        }
        self.book.as_mut().ok_or(Status::NO_MEMORY)
    }
}

static STATE: Mutex<State> = Mutex::new(State { names: Vec::new(), book: None });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts anew for a new runtime.
pub fn reset() {
    let mut state = state();
    (state.names, state.book) = (Vec::new(), None);
}

/// The caller, counted in, and the engine.
struct Caller {
    engine: &'static Parallel,
    _call: Option<Call>,
}

fn caller() -> Outcome<Caller> {
    let call = count::enter_anywhere()?;
    let engine = parallel::engine().ok_or(Status::NOT_INITIALISED)?;
    if engine.may().is_some() {
        return not_under_may();
    }
    Ok(Caller { engine, _call: call })
}

#[cold]
fn not_under_may<T>() -> Outcome<T> {
    fail(
        Status::UNSUPPORTED,
        format_args!(
            "the may engine has no priorities, holds, lanes or tokens; the stepped engine has (STRAND_ENGINE_STEPPED), and on the parallel engine they have no effect"
        ),
    )
}

/// A strand that is alive.
#[derive(Clone, Copy)]
struct Who {
    index: StrandIndex,
    generation: u64,
}

fn find(engine: &Parallel, id: u64) -> Outcome<Who> {
    let found = head::lookup(&engine.strands, id)
        .and_then(|(head, generation)| head::compare(head, generation).map(|()| (head, generation)));
    match found {
        Ok((head, generation)) => Ok(Who { index: head::index_of(head), generation }),
        Err(status) => strands::explain(id, status),
    }
}

/// Asks about strands. Nothing is remembered for it.
fn ask<T>(engine: &Parallel, who: &[Who], answer: impl FnOnce(&Schedule) -> T, otherwise: T) -> Outcome<T> {
    if let Some(stepped) = engine.stepped() {
        return Ok(stepped.with_schedule(|schedule| answer(schedule)));
    }
    let mut state = state();
    let Some(book) = &mut state.book else { return Ok(otherwise) };
    match who.iter().all(|who| book.turn_to(who.index, who.generation)) {
        true => Ok(answer(&book.schedule)),
        false => Err(Status::STALE),
    }
}

/// Changes something about strands.
fn change<T>(engine: &Parallel, who: &[Who], act: impl FnOnce(&mut Schedule) -> T) -> Outcome<T> {
    if let Some(stepped) = engine.stepped() {
        return Ok(stepped.with_schedule(act));
    }
    let mut state = state();
    let book = state.book().or_else(no_memory)?;
    for who in who {
        book.enter(who.index, who.generation, 0, 0).or_else(no_memory)?;
    }
    Ok(act(&mut book.schedule))
}

#[cold]
fn no_memory<T>(status: Status) -> Outcome<T> {
    match status {
        Status::NO_MEMORY => fail(status, format_args!("no memory to remember what was said about a strand")),
        status => Err(status),
    }
}

#[cold]
fn no_lane<T>(lane: u32, lanes: usize) -> Outcome<T> {
    fail(Status::INVALID, format_args!("there is no lane {lane}; lanes are numbered 0 to {}", lanes - 1))
}

/// On the parallel engine: lane and priority of a strand that is being spawned.
pub fn spawned(strand: &Head, lane: u32, priority: i32) -> Outcome<()> {
    if parallel::engine().is_some_and(|engine| engine.may().is_some()) {
        return not_under_may();
    }
    let mut state = state();
    let book = state.book().or_else(no_memory)?;
    let lanes = book.schedule.lane_count();
    match book.enter(head::index_of(strand), strand.generation(), lane, priority) {
        Err(Status::INVALID) => no_lane(lane, lanes),
        result => result.or_else(no_memory),
    }
}

/// Sets a strand's priority.
pub fn set_priority(id: u64, priority: i32) -> Outcome<()> {
    let caller = caller()?;
    let who = find(caller.engine, id)?;
    change(caller.engine, &[who], |schedule| schedule.set_priority(who.index, priority))
}

/// A strand's priority.
pub fn priority(id: u64) -> Outcome<i32> {
    let caller = caller()?;
    let who = find(caller.engine, id)?;
    ask(caller.engine, &[who], |schedule| schedule.priority(who.index), 0)
}

fn stepped_only(caller: &Caller) -> Outcome<&Stepped> {
    match caller.engine.stepped() {
        Some(stepped) => Ok(stepped),
        None => fail(
            Status::UNSUPPORTED,
            format_args!(
                "strands are held only by the stepped engine (STRAND_ENGINE_STEPPED, or STRAND_ENGINE=stepped); this is the parallel one"
            ),
        ),
    }
}

/// Holds a strand.
pub fn pause(id: u64) -> Outcome<()> {
    let caller = caller()?;
    let who = find(caller.engine, id)?;
    let stepped = stepped_only(&caller)?;
    if cancel::is_all_cancelled() {
        return Err(Status::CANCELLED);
    }
    stepped.pause(who.index);
    Ok(())
}

/// Lets a strand go.
pub fn resume(id: u64) -> Outcome<()> {
    let caller = caller()?;
    let who = find(caller.engine, id)?;
    stepped_only(&caller)?.with_schedule(|schedule| schedule.resume(who.index));
    Ok(())
}

/// Lets everybody go, so that all can end. For the holder of the gate.
pub fn resume_all(engine: &Parallel) {
    if let Some(stepped) = engine.stepped() {
        stepped.with_schedule(Schedule::resume_all);
    }
}

/// Makes a lane.
pub fn lane_new(options: &LaneOptions<'_>) -> Outcome<u32> {
    let caller = caller()?;
    let mut state = state();
    let made = match caller.engine.stepped() {
        Some(stepped) => stepped.with_schedule(|schedule| make_lane(&mut state.names, schedule, options)),
        None => {
            state.book().or_else(no_memory)?;
            let State { names, book } = &mut *state;
            match book {
                Some(book) => make_lane(names, &mut book.schedule, options),
                None => Err(Status::NO_MEMORY),
            }
        }
    };
    match made {
        Err(Status::LIMIT) => {
            fail(Status::LIMIT, format_args!("there are {LANES_MAX} lanes, and there can be no more"))
        }
        Err(status) => fail(status, format_args!("no memory for one more lane")),
        made => made,
    }
}

fn make_lane(names: &mut Vec<Name>, schedule: &mut Schedule, options: &LaneOptions<'_>) -> Outcome<u32> {
    let lanes = schedule.lane_count();
    if lanes >= LANES_MAX {
        return Err(Status::LIMIT);
    }
    // An exploration forgets the lanes of the schedule before.
    names.truncate(lanes);
    names.try_reserve(lanes + 1 - names.len()).map_err(|_| Status::NO_MEMORY)?;
    let lane = schedule.lane_new(options.weight, options.width)?;
    names.resize(lanes, Name::NONE);
    names.push(Name::of(options.name));
    Ok(lane)
}

/// Moves a strand to another lane.
pub fn set_lane(id: u64, lane: u32, reason: u32) -> Outcome<()> {
    let caller = caller()?;
    let who = find(caller.engine, id)?;
    let mark = Mark { name: id, step: caller.engine.stepped().map_or(0, Stepped::steps), reason };
    let (moved, lanes) =
        change(caller.engine, &[who], |schedule| (schedule.move_lane(who.index, lane, mark), schedule.lane_count()))?;
    moved.or_else(|_| no_lane(lane, lanes))
}

/// A strand's lane.
pub fn lane_of(id: u64) -> Outcome<u32> {
    let caller = caller()?;
    let who = find(caller.engine, id)?;
    ask(caller.engine, &[who], |schedule| schedule.lane_of(who.index), 0)
}

/// Gives a strand tokens.
pub fn grant(id: u64, tokens: u32) -> Outcome<()> {
    let caller = caller()?;
    let who = find(caller.engine, id)?;
    change(caller.engine, &[who], |schedule| schedule.grant(who.index, tokens))
}

/// Moves tokens from one strand to another.
pub fn move_tokens(from: u64, to: u64, tokens: u32) -> Outcome<()> {
    let caller = caller()?;
    let giver = find(caller.engine, from)?;
    let taker = find(caller.engine, to)?;
    let (moved, has, cap) = change(caller.engine, &[giver, taker], |schedule| {
        let has = (schedule.tokens(giver.index), schedule.tokens(taker.index));
        (schedule.move_tokens(giver.index, taker.index, tokens), has, schedule.rules().token_cap)
    })?;
    match moved {
        Ok(()) => Ok(()),
        Err(Status::LIMIT) => fail(
            Status::LIMIT,
            format_args!(
                "strand {to:#x} has {} tokens and can have {cap} (token_cap): {tokens} more are too many",
                has.1
            ),
        ),
        Err(status) => fail(status, format_args!("strand {from:#x} has {} tokens, and not {tokens} to give", has.0)),
    }
}

/// A strand's tokens.
pub fn tokens(id: u64) -> Outcome<u32> {
    let caller = caller()?;
    let who = find(caller.engine, id)?;
    ask(caller.engine, &[who], |schedule| schedule.tokens(who.index), 0)
}

/// Shows the hand-offs that are kept, oldest first; how many there are, and how many were dropped.
pub fn handoffs(mut visit: impl FnMut(usize, &Handoff)) -> Outcome<(usize, u64)> {
    let caller = caller()?;
    let look = |schedule: &Schedule| {
        let mut count = 0;
        for handoff in schedule.handoffs() {
            visit(count, &handoff);
            count += 1;
        }
        (count, schedule.handoffs_dropped())
    };
    ask(caller.engine, &[], look, (0, 0))
}

/// What is known of a strand.
#[derive(Clone, Copy, Default)]
pub struct About {
    /// Its lane.
    pub lane: u32,
    /// Its priority.
    pub priority: i32,
    /// Its progress tokens.
    pub tokens: u32,
    /// It is held.
    pub held: bool,
    /// Its place among those that are ready.
    pub place: Option<u64>,
}

/// What is known of the strand with this index and generation. The caller is counted in.
pub fn about(engine: &Parallel, index: StrandIndex, generation: u64) -> About {
    let look = |schedule: &Schedule| About {
        lane: schedule.lane_of(index),
        priority: schedule.priority(index),
        tokens: schedule.tokens(index),
        held: schedule.is_held(index),
        place: schedule.place_of(index),
    };
    ask(engine, &[Who { index, generation }], look, About::default()).unwrap_or_default()
}

/// The rules that hold, with every default filled in. The caller is counted in.
pub fn rules(engine: &Parallel) -> Outcome<Rules> {
    match engine.stepped() {
        Some(stepped) => Ok(stepped.with_schedule(|schedule| *schedule.rules())),
        None => state().book().map(|book| *book.schedule.rules()),
    }
}

/// One lane.
pub struct Lane {
    /// Picks in a cycle.
    pub weight: u32,
    /// How many of its strands may run at a time; 0 is any number.
    pub width: u32,
    /// Strands that can be picked.
    pub ready: usize,
    name: Name,
}

impl Lane {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name.bytes[..usize::from(self.name.length)]
    }
}

/// A lane, if there is one of this number. The caller is counted in.
pub fn lane(engine: &Parallel, number: u32) -> Option<Lane> {
    let name = state().names.get(number as usize).copied().unwrap_or(Name::NONE);
    let look = |schedule: &Schedule| {
        let (weight, width) = schedule.lane(number)?;
        Some(Lane { weight, width, ready: schedule.eligible_in(number), name })
    };
    let only = (number == 0).then_some(Lane { weight: 1, width: 0, ready: 0, name });
    ask(engine, &[], look, only).unwrap_or_default()
}
