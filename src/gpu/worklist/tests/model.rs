// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host side against a model of deques: random pushes, slices, results, returns, pauses and failures of memory.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::base::random::Random;
use crate::gpu::worklist::host::Slice;
use crate::gpu::worklist::piece::Piece;
use crate::gpu::worklist::segments::{Pool, Records, SEGMENT_WORDS};
use crate::gpu::worklist::staged::Due;
use crate::work::state::State;

/// What the host side should hold: identities of items.
#[derive(Default)]
struct Model {
    queues: BTreeMap<(u32, u32), VecDeque<u32>>,
    paused: VecDeque<(u32, u32, u32, u32)>,
    emitted: VecDeque<u32>,
    faults: VecDeque<(u32, u32, u32, u32)>,
    next: u32,
}

impl Model {
    fn fresh(&mut self, count: usize) -> Vec<u32> {
        let first = self.next;
        self.next += count as u32;
        (first..self.next).collect()
    }

    fn highest(&self) -> Option<(u32, u32)> {
        self.queues.iter().find(|(_, queue)| !queue.is_empty()).map(|(place, _)| *place)
    }
}

struct Trial {
    host: Host,
    model: Model,
    draws: Random,
    /// Memory fails now and then.
    failing: bool,
}

impl Trial {
    fn draw(&mut self, n: u32) -> u32 {
        self.draws.below(u64::from(n)) as u32
    }

    /// Tries a call whose first allocation may fail, and then without.
    fn insist<T>(&mut self, act: impl Fn(&mut Host) -> Result<T, Status>) -> T {
        let fails = self.failing && self.draw(4) == 0;
        failing::next(fails);
        let first = act(&mut self.host);
        failing::next(false);
        match first {
            Ok(value) => value,
            Err(status) => {
                assert_eq!(status, Status::NO_MEMORY);
                assert!(fails);
                act(&mut self.host).unwrap()
            }
        }
    }

    fn place(&mut self) -> (u32, u32) {
        let (bands, tenants) = (self.host.shape().bands, self.host.shape().tenants);
        (self.draw(bands), self.draw(tenants))
    }

    fn push(&mut self) {
        let (band, tenant) = self.place();
        let count = if self.draw(2) == 0 { self.draw(5000) } else { self.draw(5) } as usize;
        let fresh = self.model.fresh(count);
        let packed = words(&fresh);
        if self.draw(2) == 0 {
            self.insist(|host| host.push(band, tenant, &packed));
        } else {
            let mut records = Records::new(2);
            records.push_back(&mut Pool::new(), &packed).unwrap();
            failing::next(false);
            self.host.push_segments(band, tenant, &mut records).unwrap();
        }
        self.model.queues.entry((band, tenant)).or_default().extend(fresh);
    }

    fn take(&mut self) -> Option<(Slice, Vec<u32>)> {
        let limit = self.draw(3000) as usize + 1;
        let mut taken = Vec::with_capacity(limit * 2);
        let in_one_piece = self.draw(2) == 0;
        let slice = match in_one_piece {
            true => self.take_piece(limit, &mut taken),
            false => self.host.take_slice(limit as u64, &mut taken),
        };
        assert_eq!(slice.is_some(), self.model.highest().is_some());
        let Slice { band, tenant, count: taken_count } = slice?;
        let alone = !in_one_piece
            && self.model.queues.iter().filter(|(place, queue)| place.0 == band && !queue.is_empty()).count() == 1;
        let queue = self.model.queues.get_mut(&(band, tenant)).unwrap();
        // Where several tenants share a band, a turn may be shorter.
        let count = if alone { limit.min(queue.len()) } else { taken_count as usize };
        assert!(count > 0);
        let expected: Vec<u32> = match self.host.shape().order {
            Order::Fifo => queue.drain(..count).collect(),
            Order::Lifo => queue.split_off(queue.len() - count).into(),
        };
        assert_eq!(slice, Some(Slice { band, tenant, count: count as u32 }));
        assert_eq!(items(&taken), expected);
        Some((Slice { band, tenant, count: count as u32 }, taken))
    }

    /// A piece, which comes back at once now and then.
    fn take_piece(&mut self, limit: usize, taken: &mut Vec<u32>) -> Option<Slice> {
        let mut piece = Piece::default();
        piece.reserve(limit * 2).unwrap();
        let mut slice = self.host.take_piece(limit as u64, &mut piece)?;
        if self.draw(4) == 0 {
            failing::next(true);
            let (band, tenant, words) = (slice.band, slice.tenant, piece.words().to_vec());
            self.host.put_piece_back(band, tenant, &mut piece).unwrap();
            assert!(failing::now(), "nothing was allocated");
            assert!(piece.words().is_empty());
            slice = self.host.take_piece(limit as u64, &mut piece)?;
            if (slice.band, slice.tenant) == (band, tenant) && slice.count as usize == words.len() / 2 {
                assert_eq!(piece.words(), words, "what came back comes first");
            }
        }
        taken.extend_from_slice(piece.words());
        self.host.empty_piece(&mut piece);
        Some(slice)
    }

    /// All items go on, in memory that becomes a segment where they fill half of one.
    fn go_on_together(&mut self, slice: &Slice, taken: &[u32]) -> Tally {
        let to = self.draw(self.host.shape().bands);
        let mut words = Vec::with_capacity(SEGMENT_WORDS.max(taken.len()));
        words.extend_from_slice(taken);
        failing::next(true);
        self.host.put_whole(to, slice.tenant, &mut words).unwrap();
        let fits = taken.len() <= SEGMENT_WORDS && taken.len() >= SEGMENT_WORDS / 2;
        assert_eq!(words.is_empty(), fits, "it is another segment");
        assert!(words.capacity() >= SEGMENT_WORDS);
        words.clear();
        words.extend(items(taken));
        self.host.emit_whole(&mut words).unwrap();
        self.model.queues.entry((to, slice.tenant)).or_default().extend(items(taken));
        self.model.emitted.extend(items(taken));
        let count = u64::from(slice.count);
        Tally { admitted: count, visits: count, requeued: count, emitted: count, ..Tally::default() }
    }

    fn run_slice(&mut self) {
        let Some((slice, taken)) = self.take() else { return };
        let mut promise = self.insist(|host| host.reserve(slice.tenant, u64::from(slice.count)));
        // Others push meanwhile: what was promised stays.
        self.push();
        failing::next(true);
        let mut tally = Tally { admitted: u64::from(slice.count), visits: u64::from(slice.count), ..Tally::default() };
        if self.draw(3) == 0 {
            tally = self.go_on_together(&slice, &taken);
        } else {
            for record in taken.chunks(2) {
                self.run_item(&slice, record, &mut tally);
            }
        }
        failing::next(false);
        self.host.settle(slice.tenant, &tally, 0).unwrap();
        if self.draw(2) == 0 {
            failing::next(true);
            let _ = self.host.renew(&mut promise, slice.tenant, 100_000);
            failing::next(false);
        }
        self.host.forget(promise);
    }

    fn run_item(&mut self, slice: &Slice, record: &[u32], tally: &mut Tally) {
        let (band, tenant) = (slice.band, slice.tenant);
        let to = self.draw(self.host.shape().bands);
        match self.draw(8) {
            0 => {
                tally.requeued += 1;
                self.host.put(to, tenant, record).unwrap();
                self.model.queues.entry((to, tenant)).or_default().push_back(record[1]);
            }
            1 => {
                let epoch = self.draw(10);
                tally.paused += 1;
                self.host.pause(epoch, band, tenant, record).unwrap();
                self.model.paused.push_back((epoch, band, tenant, record[1]));
            }
            2 => {
                tally.faulted += 1;
                self.host.fault(77, band, tenant, record).unwrap();
                self.model.faults.push_back((77, band, tenant, record[1]));
            }
            3 | 4 => {
                tally.finished += 1;
                let children = self.model.fresh(2);
                tally.pushed += 2;
                self.host.put(to, tenant, &words(&children)).unwrap();
                self.model.queues.entry((to, tenant)).or_default().extend(children);
            }
            _ => {
                tally.finished += 1;
                tally.emitted += 1;
                self.host.emit(&record[1..]).unwrap();
                self.model.emitted.push_back(record[1]);
            }
        }
    }

    fn give_back(&mut self) {
        let Some((slice, taken)) = self.take() else { return };
        let second = self.take();
        if let Some((slice, taken)) = second {
            self.return_slice(slice, &taken, true);
        }
        self.return_slice(slice, &taken, false);
    }

    fn return_slice(&mut self, slice: Slice, taken: &[u32], at_once: bool) {
        if at_once {
            failing::next(true);
            self.host.put_back(slice.band, slice.tenant, taken).unwrap();
            assert!(failing::now(), "nothing was allocated");
        } else {
            self.insist(|host| host.give_back(slice.band, slice.tenant, taken));
        }
        let queue = self.model.queues.entry((slice.band, slice.tenant)).or_default();
        match self.host.shape().order {
            Order::Fifo => items(taken).into_iter().rev().for_each(|item| queue.push_front(item)),
            Order::Lifo => queue.extend(items(taken)),
        }
    }

    fn resume(&mut self) {
        let epoch = self.draw(12);
        let (count, mut resumed) = self.insist(|host| {
            let mut resumed = Due::new(host, epoch)?;
            while !resumed.look(host, 100)? {}
            Ok((resumed.resume(host)?, resumed))
        });
        let (due, rest): (Vec<_>, Vec<_>) = self.model.paused.drain(..).partition(|held| held.0 <= epoch);
        assert_eq!(count, due.len() as u64);
        self.model.paused.extend(rest);
        for (_, band, tenant, item) in due {
            self.model.queues.entry((band, tenant)).or_default().push_back(item);
        }
        self.check();
        // What is pushed and paused meanwhile stays where it is, and all counts are right.
        while !resumed.sweep(&mut self.host, 50) {
            self.push_tasks();
            self.check();
        }
    }

    fn push_tasks(&mut self) {
        let count = if self.draw(4) == 0 { self.draw(5000) } else { self.draw(20) } as usize;
        let places = [self.place(), self.place(), self.place()];
        let mut staged = Staged::new(self.host.shape()).unwrap();
        let mut tasks = Vec::new();
        for item in self.model.fresh(count) {
            let (band, tenant) = places[self.draw(3) as usize];
            let mut task = Task::ready();
            (task[Word::Priority], task[Word::TenantId]) = (band, tenant);
            (task[Word::Param], task[Word::TaskId]) = (!item, item);
            if self.draw(4) == 0 {
                let epoch = self.draw(12);
                (task[Word::State], task[Word::ResumeEpoch]) = (State::Paused.word(), epoch);
                self.model.paused.push_back((epoch, band, tenant, item));
            } else {
                self.model.queues.entry((band, tenant)).or_default().push_back(item);
            }
            staged.task(&task).unwrap();
            tasks.push(task);
        }
        if self.draw(2) == 0 {
            self.insist(|host| host.push_tasks(&tasks));
        } else {
            failing::next(self.failing);
            if self.host.push_staged(&mut staged).is_err() {
                self.host.push_staged(&mut staged).unwrap(); // nothing had changed
            }
            failing::next(false);
        }
    }

    fn take_results(&mut self) {
        let mut out = vec![0; self.draw(3000) as usize];
        let taken = self.host.take_emitted(&mut out);
        assert_eq!(taken, out.len().min(self.model.emitted.len()));
        assert_eq!(out[..taken], self.model.emitted.drain(..taken).collect::<Vec<_>>());
        let Some((code, task)) = self.host.take_fault() else {
            assert!(self.model.faults.is_empty());
            return;
        };
        let found = (code, task[Word::Priority], task[Word::TenantId], task[Word::TaskId]);
        assert_eq!(Some(found), self.model.faults.pop_front());
        assert_eq!(task.state(), Ok(State::Faulted));
    }

    fn take_task(&mut self) {
        let task = self.host.take_task();
        let found = task.map(|task| (task[Word::Priority], task[Word::TenantId], task[Word::TaskId]));
        let expected = match self.model.highest() {
            Some(place) => self.model.queues.get_mut(&place).unwrap().pop_front().map(|item| (place.0, place.1, item)),
            None => self.model.paused.pop_front().map(|(_, band, tenant, item)| (band, tenant, item)),
        };
        assert_eq!(found, expected);
    }

    fn check(&self) {
        let queued: usize = self.model.queues.values().map(VecDeque::len).sum();
        assert_eq!(self.host.queued(), queued as u64);
        assert_eq!(self.host.paused(), self.model.paused.len() as u64);
        assert_eq!(self.host.emitted(), self.model.emitted.len() as u64);
        assert_eq!(self.host.faults(), self.model.faults.len() as u64);
        assert_eq!(self.host.in_flight(), 0);
        assert_eq!(self.host.counters.check(queued as u64, self.model.paused.len() as u64, 0), Ok(()));
    }
}

fn trial(order: Order, bands: u32, tenants: u32, seed: u64, failing: bool) {
    let host = Host::new(shape(order, bands, tenants)).unwrap();
    let mut trial = Trial { host, model: Model::default(), draws: Random::new(seed), failing };
    for _ in 0..60 {
        match trial.draw(11) {
            0 | 1 => trial.push(),
            10 => trial.push_tasks(),
            2..=5 => trial.run_slice(),
            6 => trial.give_back(),
            7 => trial.resume(),
            8 => trial.take_results(),
            _ => trial.take_task(),
        }
        trial.check();
    }
}

proptest! {
    #[test]
    fn the_host_side_is_a_set_of_deques(lifo: bool, bands in 1u32..=5, tenants in 1u32..=4, seed: u64, failing: bool) {
        trial(if lifo { Order::Lifo } else { Order::Fifo }, bands, tenants, seed, failing);
    }
}
