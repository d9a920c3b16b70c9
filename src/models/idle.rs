// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wake protocol (`idle`, `search`, `parker`, `inject`, `queues`): published work and a worker that falls asleep
//! find each other, and each strand is taken once. A lost wake-up is a deadlock, which loom reports.

use loom::thread::{self, JoinHandle};
use std::sync::Arc;

use crate::base::model::Defect::{NoFence, Torn};
use crate::base::sync::atomic::{AtomicU32, Ordering};
use crate::engine::parallel::Parallel;
use crate::engine::parallel::worker::Worker;
use crate::models::setting::Setting;
use crate::models::{fails_with, holds};
use crate::strand::head::{self, FLAG_PINNED, Head};
use crate::strand::waiter::Waiter;

/// Strands that workers have still to take; whoever takes the last one stops the engine.
struct Work {
    engine: &'static Parallel,
    left: AtomicU32,
}

impl Work {
    fn new(setting: &Setting, strands: u32) -> Arc<Work> {
        Arc::new(Work { engine: setting.engine, left: AtomicU32::new(strands) })
    }

    /// The thread of a worker that has been woken: takes strands until the engine stops.
    fn run(self: Arc<Self>, worker: u32) -> JoinHandle<Vec<u32>> {
        let worker = become_searching(self.engine, worker);
        thread::spawn(move || {
            let mut taken = Vec::new();
            let mut next = worker.search_or_sleep();
            while let Some(strand) = next {
                taken.push(head::index_of(strand));
                if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.engine.stop();
                }
                next = worker.pick_own().or_else(|| worker.out_of_work());
            }
            taken
        })
    }
}

/// Every strand was taken, by one worker.
fn assert_taken(strands: &[&'static Head], workers: impl IntoIterator<Item = JoinHandle<Vec<u32>>>) {
    let mut taken: Vec<u32> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    taken.sort_unstable();
    let mut wanted: Vec<u32> = strands.iter().map(|strand| head::index_of(strand)).collect();
    wanted.sort_unstable();
    assert_eq!(taken, wanted);
}

/// Nobody searches any more and nobody is counted twice.
fn assert_settled(engine: &Parallel, running: u32) {
    assert_eq!(engine.idle.searching(), 0);
    assert_eq!(engine.idle.count(), engine.workers().len() as u32 - running);
}

/// OS threads that each inject a strand, beside workers that fall asleep.
fn inject(publishers: u32, workers: u32) {
    let setting = Setting::new(workers);
    let strands: Vec<_> = (0..publishers).map(|_| setting.ready_strand()).collect();
    let work = Work::new(&setting, publishers);
    let running: Vec<_> = (0..workers).map(|worker| work.clone().run(worker)).collect();
    let engine = setting.engine;
    let others: Vec<_> = strands[1..].iter().map(|&strand| thread::spawn(move || engine.inject(strand))).collect();
    engine.inject(strands[0]);
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_taken(&strands, running);
    if workers == 1 {
        // A worker that is asleep when the engine stops is not counted out: nobody looks any more.
        assert_settled(engine, 1);
    }
}

/// A worker that runs a strand for long spawns two and does not come back to its queues; another worker falls asleep.
fn offer() {
    let setting = Setting::new(2);
    let strands = [setting.ready_strand(), setting.ready_strand()];
    let work = Work::new(&setting, 1);
    let busy = become_busy(setting.engine, 0);
    let thief = work.run(1);
    strands.iter().for_each(|strand| busy.spawned(strand));
    let taken = thief.join().unwrap();
    assert!(!taken.is_empty());
    assert_settled(setting.engine, 2);
}

/// A worker that was woken and looks for work.
fn become_searching(engine: &'static Parallel, worker: u32) -> &'static Worker {
    let worker = &engine.workers()[worker as usize];
    worker.started.store(true, Ordering::Relaxed);
    assert!(engine.idle.claim_this(worker.index));
    worker
}

/// A worker that runs a strand.
fn become_busy(engine: &'static Parallel, worker: u32) -> &'static Worker {
    let worker = become_searching(engine, worker);
    worker.counts.switches.add(1);
    engine.idle.found();
    worker
}

/// A strand becomes ready behind one that runs for long, while the ticker and the other worker fall asleep: the ticker
/// sees to it that the other worker takes it.
fn tick() {
    let setting = Setting::new(2);
    let strand = setting.waiting_strand();
    let engine = setting.engine;
    engine.lone_credit.store(0, Ordering::Relaxed);
    engine.ticker.poke();
    let work = Work::new(&setting, 1);
    let other = work.run(1);
    let ticker = thread::spawn(move || engine.ticker.run(engine));
    let busy = become_busy(setting.engine, 0);
    busy.ready_next(strand);
    assert_taken(&[strand], [other]);
    ticker.join().unwrap();
}

/// A pinned strand is made ready elsewhere while its worker falls asleep.
fn send_home() {
    let setting = Setting::new(2);
    let strand = setting.ready_strand();
    strand.set(FLAG_PINNED);
    strand.home.store(1, Ordering::Relaxed);
    let work = Work::new(&setting, 1);
    let home = work.run(1);
    setting.engine.inject(strand);
    assert_taken(&[strand], [home]);
    assert_settled(setting.engine, 1);
}

/// A worker gives a strand to another, whose strands it talks to, while that one falls asleep.
fn push_to() {
    let setting = Setting::new(2);
    let strand = setting.ready_strand();
    let work = Work::new(&setting, 1);
    let other = work.run(0);
    if !setting.engine.push_to(0, &[Some(strand)]) {
        setting.engine.inject(strand);
    }
    assert_taken(&[strand], [other]);
    assert_settled(setting.engine, 1);
}

/// A worker sleeps until a timer that is due at once, so it comes back by itself while somebody wakes it.
fn come_back() {
    let setting = Setting::new(1);
    let strand = setting.ready_strand();
    let work = Work::new(&setting, 1);
    // A waiter whose wait is over: its timer fires for nobody.
    let waiter = Waiter::new();
    waiter.timer.deadline.set(1);
    // SAFETY: the waiter outlives the worker's thread, which ends below.
    unsafe { setting.engine.workers()[0].timers.arm(&waiter.timer, 0) };
    let running = work.run(0);
    setting.engine.inject(strand);
    assert_taken(&[strand], [running]);
    assert_settled(setting.engine, 1);
}

/// The only searcher finds two strands and runs one of them for long: it passes the search on to a worker that sleeps.
fn pass_on() {
    let setting = Setting::new(2);
    let strands = [setting.ready_strand(), setting.ready_strand()];
    strands.iter().for_each(|strand| setting.engine.inject.push(strand));
    let sleeper = &setting.engine.workers()[1];
    sleeper.started.store(true, Ordering::Relaxed);
    let first = {
        let worker = become_searching(setting.engine, 0);
        thread::spawn(move || worker.search_or_sleep().map(head::index_of))
    };
    sleeper.parker.park(None);
    let second = sleeper.search_or_sleep().map(head::index_of);
    let mut taken = [first.join().unwrap(), second];
    taken.sort_unstable();
    assert_eq!(taken, strands.map(|strand| Some(head::index_of(strand))));
}

/// As [`tick`], with the other worker asleep all the time.
fn tick_sleeper() {
    let setting = Setting::new(2);
    let strand = setting.waiting_strand();
    let engine = setting.engine;
    engine.workers()[1].started.store(true, Ordering::Relaxed);
    engine.ticker.poke();
    let ticker = thread::spawn(move || engine.ticker.run(engine));
    become_busy(engine, 0).ready_next(strand);
    engine.workers()[1].parker.park(None);
    engine.stop();
    ticker.join().unwrap();
}

/// Two publishers claim while two workers are asleep or fall asleep: no worker is woken for the other's bit.
fn claim_idle() {
    let setting = Setting::new(2);
    let engine = setting.engine;
    let other = thread::spawn(move || engine.idle.claim());
    let claimed = [engine.idle.claim(), other.join().unwrap()];
    assert!(claimed == [Some(0), Some(1)] || claimed == [Some(1), Some(0)], "{claimed:?}");
    assert_eq!((engine.idle.count(), engine.idle.searching()), (0, 2));
}

/// A worker takes its announcement back while somebody claims it: one of the two succeeds.
fn retract() {
    let setting = Setting::new(1);
    let engine = setting.engine;
    let other = thread::spawn(move || engine.idle.claim());
    let retracted = engine.idle.retract(0);
    assert_eq!(other.join().unwrap().is_none(), retracted);
    assert_eq!((engine.idle.count(), engine.idle.searching()), (0, u32::from(!retracted)));
}

#[test]
fn a_strand_injected_while_a_worker_falls_asleep_is_taken() {
    holds(3, || inject(1, 1));
}

#[test]
fn strands_injected_by_two_threads_are_taken() {
    holds(2, || inject(2, 1));
}

#[test]
fn a_strand_injected_while_two_workers_fall_asleep_is_taken_by_one() {
    holds(2, || inject(1, 2));
}

#[test]
fn strands_behind_a_busy_worker_are_taken_by_one_that_falls_asleep() {
    holds(2, offer);
}

#[test]
fn a_pinned_strand_wakes_its_own_worker() {
    holds(3, send_home);
}

#[test]
fn a_strand_given_to_a_worker_that_falls_asleep_is_taken() {
    holds(3, push_to);
}

#[test]
fn a_worker_that_comes_back_by_itself_takes_the_token_of_whoever_woke_it() {
    holds(3, come_back);
}

#[test]
fn the_last_searcher_passes_the_search_on() {
    holds(3, pass_on);
}

#[test]
fn a_strand_behind_one_that_runs_for_long_is_taken_while_the_ticker_falls_asleep() {
    holds(2, tick);
}

#[test]
fn a_poke_wakes_a_ticker_that_falls_asleep() {
    holds(3, tick_sleeper);
}

#[test]
fn two_claims_take_two_idle_workers() {
    holds(3, claim_idle);
}

#[test]
fn an_idle_worker_is_claimed_or_retracts() {
    holds(3, retract);
}

#[test]
fn control_a_publisher_without_its_fence_loses_a_wake_up() {
    fails_with(NoFence, "engine/parallel/idle.rs", "fence::light()", offer);
}

#[test]
fn control_a_worker_that_gives_a_strand_away_and_claims_in_two_steps_loses_a_wake_up() {
    fails_with(Torn, "engine/parallel/idle.rs", ".fetch_and(!bit", push_to);
}

#[test]
fn control_an_announcement_without_its_fence_loses_a_wake_up() {
    fails_with(NoFence, "engine/parallel/idle.rs", "fence::heavy()", || inject(1, 1));
}

#[test]
fn control_a_parker_that_does_not_swap_loses_a_token() {
    fails_with(Torn, "engine/parallel/parker.rs", "if self.0.swap(TOKEN", || inject(1, 1));
}

#[test]
fn control_a_sleeper_that_does_not_compare_overwrites_a_token() {
    fails_with(Torn, "engine/parallel/parker.rs", "if self.0.compare_exchange(EMPTY, ASLEEP", || inject(1, 1));
}

#[test]
fn control_claims_in_two_steps_take_one_worker_twice() {
    fails_with(Torn, "engine/parallel/idle.rs", "if word.fetch_and(", claim_idle);
}

#[test]
fn control_a_retraction_in_two_steps_succeeds_beside_a_claim() {
    fails_with(Torn, "engine/parallel/idle.rs", ".fetch_and(!bit", retract);
}

#[test]
fn control_an_announcement_that_counts_in_two_steps_loses_a_claim() {
    fails_with(Torn, "engine/parallel/idle.rs", "self.searching.fetch_sub(1, Ordering::SeqCst);", send_home);
}

#[test]
fn control_a_ticker_without_its_fence_falls_asleep_beside_work() {
    fails_with(NoFence, "engine/parallel/ticker.rs", "fence::heavy()", tick_sleeper);
}
