// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run that is made twice: by the device, and then by the native kernel of the same program over copies of what the
//! device began with. Both share the host side, and no code that decides what an item does.
//!
//! ```text
//! begin_compared     nobody changes the worklist any more: pushes, takes, resumes are refused
//! twin               the copy: queue, tenants, buffers ── then the run on the device, then the run of the twin
//! since              what this run has added, of each
//! judge              the first difference; end_comparing lets the others in again
//! ```

use core::fmt;

use super::calls::PORTION;
use super::host::Host;
use super::list::Worklist;
use super::shape::{Shape, Spill};
use crate::base::status::{Outcome, Status};
use crate::gpu::buffer::Buffer;
use crate::gpu::shared::Shared;
use crate::gpu::ticket;
use crate::wait::block::Woken;
use crate::work::codes;
use crate::work::compare::{Difference, Results, first_difference};
use crate::work::evidence::Parity;
use crate::work::task::Task;

/// What is known of runs that are made twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// One is on.
    on: Option<On>,
    /// What all of them have come to; none before the first.
    parity: Option<Parity>,
}

/// Such a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct On {
    /// Its ticket.
    ticket: u64,
    /// The ticket of the part that is under way; 0 between two parts.
    part: u64,
}

impl Compared {
    /// Whether one is on.
    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// Of all runs: different if one was, else unchecked if one could not be compared.
    pub fn parity(&self) -> Parity {
        self.parity.unwrap_or_default()
    }

    fn add(&mut self, found: Parity) {
        self.parity = Some(match (self.parity, found) {
            (Some(Parity::Different), _) | (_, Parity::Different) => Parity::Different,
            (Some(Parity::Unchecked), _) | (_, Parity::Unchecked) => Parity::Unchecked,
            _ => Parity::Equal,
        });
    }
}

/// What a worklist had counted before a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Before {
    emitted: u64,
    faults: u64,
    paused: u64,
    visits: u64,
    dropped: u64,
}

impl Before {
    /// As it is now.
    pub fn of(host: &Host) -> Before {
        Before {
            emitted: host.emitted(),
            faults: host.faults(),
            paused: host.paused(),
            visits: host.counters.work.visits,
            dropped: host.counters.faults_dropped,
        }
    }
}

/// What a run has come to.
pub struct Found {
    emit_words: usize,
    emitted: Vec<u32>,
    faults: Vec<(u32, Task)>,
    paused: u64,
    left: u64,
    /// How often items ran.
    pub visits: u64,
    /// Faults that were counted and not kept.
    pub dropped: u64,
}

impl Found {
    /// What was added since `before`. NO_MEMORY.
    pub fn since(host: &Host, before: &Before) -> Outcome<Found> {
        Ok(Found {
            emit_words: host.shape().emit_words as usize,
            emitted: host.emitted_since(before.emitted)?,
            faults: host.faults_since(before.faults)?,
            paused: host.paused().saturating_sub(before.paused),
            left: host.queued(),
            visits: host.counters.work.visits - before.visits,
            dropped: host.counters.faults_dropped - before.dropped,
        })
    }

    /// Whether an item was cut off in a loop, which no native kernel is: where it stood then is nobody's promise.
    pub fn was_cut_off(&self) -> bool {
        self.faults.iter().any(|(code, _)| *code == codes::LOOP_LIMIT)
    }
}

/// What is different, for people.
pub enum Unequal<'a> {
    /// Records, faults or buffers.
    Results(Difference<'a>),
    /// How many items wait for an epoch because of the run: on the device, on the processor.
    Paused([u64; 2]),
    /// How many items are left in the queues.
    Left([u64; 2]),
}

impl fmt::Display for Unequal<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unequal::Results(difference) => difference.fmt(out),
            Unequal::Paused([one, other]) => {
                write!(out, "{one} items were paused by {DEVICE} and {other} by {PROCESSOR}")
            }
            Unequal::Left([one, other]) => write!(out, "{one} items were left by {DEVICE} and {other} by {PROCESSOR}"),
        }
    }
}

/// How messages name the two.
const DEVICE: &str = "the device";
const PROCESSOR: &str = "the processor";

/// The first difference of what the device has found and what the processor has, with the buffers of each as both have
/// left them.
pub fn judge<'a>(
    device: (&'a Found, &'a [&'a [u8]]),
    processor: (&'a Found, &'a [&'a [u8]]),
) -> Outcome<Option<Unequal<'a>>> {
    let side = |name, (found, buffers): (&'a Found, &'a [&'a [u8]])| Results {
        name,
        emit_words: found.emit_words,
        emitted: &found.emitted,
        faults: &found.faults,
        buffers,
    };
    if let Some(difference) = first_difference(&side(DEVICE, device), &side(PROCESSOR, processor))? {
        return Ok(Some(Unequal::Results(difference)));
    }
    let ((one, _), (other, _)) = (device, processor);
    if one.paused != other.paused {
        return Ok(Some(Unequal::Paused([one.paused, other.paused])));
    }
    Ok((one.left != other.left).then_some(Unequal::Left([one.left, other.left])))
}

/// How far the copy of a queue is.
#[derive(Default)]
struct Copying {
    queue: usize,
    skip: u64,
}

impl Copying {
    /// Copies up to `most` items more; whether there was something to copy.
    fn go_on(&mut self, from: &Host, to: &mut Host, most: u64) -> Outcome<bool> {
        let Some(copied) = from.copy_queue(to, self.queue, self.skip, most)? else { return Ok(false) };
        (self.queue, self.skip) = if copied == 0 { (self.queue + 1, 0) } else { (self.queue, self.skip + copied) };
        Ok(true)
    }
}

impl Worklist {
    /// Begins a run that is made twice and has this ticket; whether there is anything to do. BUSY.
    pub fn begin_compared(&self, ticket: u64) -> Outcome<bool> {
        let mut state = self.lock();
        if state.is_running() {
            return Err(Status::BUSY);
        }
        if !state.host.has_work() {
            state.host.counters.runs += 1;
            return Ok(false);
        }
        state.compared.on = Some(On { ticket, part: 0 });
        Ok(true)
    }

    /// A worklist without a handle, for the processor: what is queued here, with `buffers` of the host. What it holds and
    /// emits is not bounded, so that it ends as the device does. NO_MEMORY.
    pub fn twin(&self, buffers: Vec<Shared<Buffer>>) -> Outcome<Shared<Worklist>> {
        // One fault more than the device may have found is a difference.
        let faults_max = self.shape.faults_max.saturating_add(1);
        let unbounded = Shape { spill: Spill::Host, spill_items_max: u64::MAX, emitted_max: u64::MAX, ..self.shape };
        let shape = Shape { faults_max, ..unbounded };
        let twin = Worklist::new(self.program.clone(), buffers, shape, self.way, false, 0)?;
        twin.show_as(self);
        let mut copy = twin.lock();
        self.lock().host.copy_tenants(&mut copy.host);
        // A portion under each hold of the lock: nobody changes the queues meanwhile.
        let mut copying = Copying::default();
        while copying.go_on(&self.lock().host, &mut copy.host, PORTION as u64)? {}
        drop(copy);
        Ok(twin)
    }

    /// The part that is under way; 0: none is.
    pub fn compares(&self, part: u64) {
        if let Some(on) = &mut self.lock().compared.on {
            on.part = part;
        }
    }

    /// The part that is under way ends: the run with this ticket was cancelled, or, for none, the worklist released. A cancel
    /// may come late, when another run is on.
    pub fn end_compared(&self, ticket: Option<u64>) {
        let on = self.lock().compared.on.filter(|on| ticket.is_none_or(|ticket| ticket == on.ticket));
        if let Some(on) = on.filter(|on| on.part != 0) {
            // It may have ended by itself meanwhile.
            let _ = ticket::cancel(on.part);
        }
    }

    /// A run that was made twice is over, and has come to this; none: it did not begin.
    pub fn end_comparing(&self, parity: Option<Parity>) {
        let mut woken = Woken::new();
        let mut state = self.lock();
        state.compared.on = None;
        if let Some(parity) = parity {
            state.compared.add(parity);
        }
        state.give_room(&mut woken);
        drop(state);
        woken.wake_all();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::gpu::worklist::shape::Order;
    use crate::work::fields::Fields;
    use crate::work::words::Word;

    fn host(tenants: u32) -> Host {
        Host::new(Shape {
            fields: Fields::new(Word::Param.bit()).unwrap(),
            fan_out_max: 1,
            emit_max: 1,
            emit_words: 2,
            bands: 2,
            tenants,
            order: Order::Fifo,
            spill: Spill::Host,
            capacity: 8,
            host_items_max: u64::MAX,
            spill_items_max: u64::MAX,
            emitted_max: u64::MAX,
            faults_max: 6,
        })
        .unwrap()
    }

    #[test]
    fn a_copied_queue_is_taken_as_the_first_one() {
        let (mut one, mut copy) = (host(2), host(2));
        let many: Vec<u32> = (0..10_000).collect();
        one.push(0, 1, &many).unwrap();
        one.push(1, 0, &[7, 8, 9]).unwrap();
        let mut taken = Vec::with_capacity(100);
        one.take_slice(3, &mut taken).unwrap();
        one.set_tenant(0, true, 2);
        one.copy_tenants(&mut copy);
        let mut copying = Copying::default();
        while copying.go_on(&one, &mut copy, 700).unwrap() {}
        assert_eq!((copy.queued(), copy.tenant(0).quota), (one.queued(), 2));
        let drain = |host: &mut Host| {
            let mut words = Vec::with_capacity(20_000);
            host.set_tenant(0, true, 0);
            while host.take_slice(u64::MAX, &mut words).is_some() {}
            words
        };
        let (mut of_one, mut of_copy) = (drain(&mut one), drain(&mut copy));
        assert_eq!(of_copy.len(), 10_000);
        of_one.sort_unstable();
        of_copy.sort_unstable();
        assert_eq!(of_one, of_copy);
    }

    #[test]
    fn what_was_there_before_is_no_part_of_a_run() {
        let mut host = host(1);
        for number in 0..5000 {
            host.emit(&[number, 1]).unwrap();
        }
        host.fault(1, 0, 0, &[3]).unwrap();
        host.pause(1, 0, 0, &[4]).unwrap();
        let before = Before::of(&host);
        for number in 0..3000 {
            host.emit(&[number, 2]).unwrap();
        }
        host.fault(2, 1, 0, &[5]).unwrap();
        let found = Found::since(&host, &before).unwrap();
        assert_eq!(found.emitted, (0..3000).flat_map(|number| [number, 2]).collect::<Vec<u32>>());
        assert_eq!(found.faults.iter().map(|(code, task)| (*code, task[Word::Param])).collect::<Vec<_>>(), [(2, 5)]);
        assert_eq!((found.paused, found.left), (0, 0));
        assert!(!found.was_cut_off());
        host.fault(codes::LOOP_LIMIT, 0, 0, &[6]).unwrap();
        assert!(Found::since(&host, &before).unwrap().was_cut_off());
        assert_eq!(Found::since(&host, &before).unwrap().dropped, 0);
        let all = Found::since(&host, &Before::default()).unwrap();
        assert_eq!((all.emitted.len(), all.faults.len(), all.paused), (16_000, 3, 1));
        for code in 0..5 {
            host.fault(code, 0, 0, &[7]).unwrap();
        }
        assert_eq!((Found::since(&host, &before).unwrap().dropped, host.faults()), (2, 6));
    }

    #[test]
    fn what_is_paused_or_left_is_compared_too() {
        let found = |paused, left| Found {
            emit_words: 1,
            emitted: vec![1],
            faults: vec![],
            paused,
            left,
            visits: 1,
            dropped: 0,
        };
        let told = |one: Found, other: Found| {
            let unequal = judge((&one, &[]), (&other, &[])).unwrap();
            unequal.map_or_else(String::new, |unequal| unequal.to_string())
        };
        assert_eq!(told(found(1, 2), found(1, 2)), "");
        assert_eq!(told(found(1, 2), found(0, 2)), "1 items were paused by the device and 0 by the processor");
        assert_eq!(told(found(1, 2), found(1, 3)), "2 items were left by the device and 3 by the processor");
        let other = Found { emitted: vec![2], ..found(1, 2) };
        assert_eq!(told(found(1, 2), other), "the record [1] was emitted 1 times by the device and 0 by the processor");
    }

    #[test]
    fn one_run_that_differs_or_was_not_compared_stays_known() {
        let of = |runs: &[Parity]| {
            let mut compared = Compared::default();
            runs.iter().for_each(|parity| compared.add(*parity));
            compared.parity()
        };
        let (equal, different, unchecked) = (Parity::Equal, Parity::Different, Parity::Unchecked);
        assert_eq!(of(&[]), unchecked);
        assert_eq!(of(&[equal, equal]), equal);
        assert_eq!(of(&[unchecked, equal]), unchecked);
        assert_eq!(of(&[equal, unchecked]), unchecked);
        assert_eq!(of(&[unchecked, different, equal, unchecked]), different);
    }
}
