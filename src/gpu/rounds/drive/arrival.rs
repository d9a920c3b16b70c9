// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a submission has brought: sums that must agree, records, reports, items.

use super::*;
use crate::gpu::rounds::admission;
use crate::gpu::rounds::frontier::Report;
use crate::gpu::rounds::outcome::Told;
use crate::gpu::rounds::traffic;

/// Submissions in a row that admit nothing although items are queued, before the run is given up.
const STALLED_AFTER: u32 = 8;
/// Records and reports that are copied although nobody knows yet that there are so many.
pub(super) const GUESS_LEAST: u32 = 1024;

impl<F: Frontier> Drive<F> {
    /// What a submission has brought.
    pub(super) fn arrived(&mut self, gpu: &Gpu, store: &Store) -> Result<(), Failure> {
        let told = match self.rounds {
            0 => None,
            _ => {
                let mut status = core::mem::take(&mut self.status);
                status.clear();
                let read = traffic::read(&store.status, STATUS_BYTES / 4, &mut status);
                let told = read.map(|()| self.told(gpu, store, &status));
                self.status = status;
                if told.is_err() {
                    self.traffic.drop_arrived();
                }
                Some(told?)
            }
        };
        let mut words = core::mem::take(&mut self.words);
        let arrived = self.traffic.arrived(&mut words);
        let parts = core::mem::take(&mut self.traffic.parts);
        if arrived.is_ok() {
            let mut at = 0;
            for part in &parts {
                let end = at + part.words as usize;
                self.piece(store, part, told.as_ref(), &words[at..end]);
                at = end;
            }
        }
        self.words = words;
        self.traffic.parts = parts;
        arrived?;
        if let Some(mut settled) = self.settled.take() {
            settled.held = self.held();
            match self.rest_reports.1 + self.rest_emits.1 {
                0 => {
                    if let Err(text) = self.frontier.settle(&settled) {
                        self.end(Status::DEVICE, text);
                    }
                }
                _ => self.settled = Some(settled),
            }
        }
        Ok(())
    }

    /// Where nothing is left, the run ends at once: whoever waits does not wait for another turn.
    pub(super) fn end_here(&mut self, gpu: &Gpu) {
        let left = outcome::depth(&self.control) + self.held() + u64::from(self.rest_emits.1 + self.rest_reports.1);
        if left != 0 || self.ending.is_some() || self.settled.is_some() || gpu.is_closing() {
            return;
        }
        match self.frontier.plan(0) {
            Plan::End(status, text) => {
                self.end(status, text);
                self.finish(false);
            }
            plan @ Plan::Run { .. } => self.planned = Some(plan),
            // Until it is asked again something may be pushed.
            _ => {}
        }
    }

    /// Takes over what the device says of its rounds.
    pub(super) fn told(&mut self, gpu: &Gpu, store: &Store, status: &[u32]) -> Told {
        let mut told = Told { control: [0; CONTROL_WORDS], counters: [0; COUNTER_WORDS] };
        told.counters.copy_from_slice(&status[CONTROL_WORDS..CONTROL_WORDS + COUNTER_WORDS]);
        gather(&mut told.counters);
        match self.direct {
            true => {
                told.control = self.control;
                admission::fold(&mut told.control, told.counters[APPENDED]);
            }
            false => told.control.copy_from_slice(&status[..CONTROL_WORDS]),
        }
        let taken = sys::monotonic() - self.begun;
        self.control = told.control;
        self.stopped = told.control[STOPPED];
        match told.settled(self.before, store.space.stride > self.manner.words) {
            Ok(mut settled) => {
                let own = if self.timed { device_time(gpu, store, status) } else { None };
                settled.active_ns = own.unwrap_or(taken.max(0) as u64);
                // What others do in the same submission says nothing of the rounds of this one.
                let taken = own.filter(|_| self.shared).map_or(taken, |own| own as i64);
                self.pace.after(taken, settled.depth != 0 && self.stopped == 0);
                self.watch(&settled);
                self.frontier.count(&settled);
                self.settled = Some(settled);
            }
            Err(text) => self.end(Status::DEVICE, text),
        }
        told
    }

    /// Items are queued and none is admitted: once may happen, again and again may not.
    pub(super) fn watch(&mut self, settled: &Settled) {
        let waits = settled.depth != 0 && settled.tally.admitted == 0 && self.stopped & STOP_BUDGET == 0;
        self.stalled = if waits { self.stalled + 1 } else { 0 };
        if self.stalled >= STALLED_AFTER {
            let text =
                format!("no progress: {} items are queued, and {} submissions took none", settled.depth, self.stalled);
            self.end(Status::DEVICE, text);
        }
    }

    /// Gives the host what a copy holds.
    pub(super) fn piece(&mut self, store: &Store, part: &Part, told: Option<&Told>, words: &[u32]) {
        let space = &store.space;
        let known = |word: usize| told.map_or(0, |told| told.counters[word]);
        let given = match part.piece {
            Piece::Emits { guessed: false } => self.frontier.emit(words),
            Piece::Reports { guessed: false } => self.reports(words, space.report_words),
            Piece::Emits { guessed: true } => {
                let there = known(EMITTED).min(space.emits);
                self.guess_emits = guess(there);
                let all = there * space.emit_words;
                let here = all.min(part.words);
                self.rest_emits = (part.from + here, all - here);
                self.frontier.emit(&words[..here as usize])
            }
            Piece::Reports { guessed: true } => {
                let there = known(REPORTED).min(space.reports);
                self.guess_reports = guess(there);
                let all = there * space.report_words;
                let here = all.min(part.words);
                self.rest_reports = (part.from + here, all - here);
                self.reports(&words[..here as usize], space.report_words)
            }
            Piece::Debug => {
                let (there, each) = (known(DEBUGGED), space.debug_words);
                let here = there.min(part.words / each);
                self.frontier.debug(&words[..(here * each) as usize], each as usize, u64::from(there - here));
                Ok(())
            }
            Piece::Spilled(band) => self.items(band, words, space.stride, true),
            Piece::Returned(band) => self.items(band, words, space.stride, false),
        };
        match (given, part.piece) {
            (Ok(()), _) => {}
            (Err(status), Piece::Spilled(_) | Piece::Returned(_)) => self.drop_items(status),
            (Err(status), _) => self.end(status, "no memory for what a device has computed"),
        }
    }

    pub(super) fn reports(&mut self, words: &[u32], each: u32) -> Result<(), Status> {
        for report in words.chunks_exact(each as usize) {
            let (head, record) = report.split_at(REPORT_HEADER);
            let report = Report { end: head[0], told: head[1], band: head[2], tenant: head[3], record };
            self.frontier.report(report)?;
        }
        Ok(())
    }

    /// Items of a band that come back, oldest first; tenant by tenant where they are tagged.
    pub(super) fn items(&mut self, band: u32, words: &[u32], stride: u32, spilled: bool) -> Result<(), Status> {
        let (each, stride) = (self.manner.words as usize, stride as usize);
        let count = (words.len() / stride) as u32;
        if each == stride {
            return self.frontier.give_back(Slice { band, tenant: 0, count }, words, spilled);
        }
        let mut records = core::mem::take(&mut self.own);
        let mut given = Ok(());
        for tenant in 0..TENANTS as u32 {
            records.clear();
            for item in words.chunks_exact(stride).filter(|item| item[each] == tenant) {
                records.extend_from_slice(&item[..each]);
            }
            if !records.is_empty() {
                let count = (records.len() / each) as u32;
                given = given.and(self.frontier.give_back(Slice { band, tenant, count }, &records, spilled));
            }
        }
        self.own = records;
        given
    }
}

/// A little more than there were this time.
fn guess(there: u32) -> u32 {
    (there + there / 4).max(GUESS_LEAST)
}

/// Nanoseconds between the two times.
fn device_time(gpu: &Gpu, store: &Store, status: &[u32]) -> Option<u64> {
    store.times.as_ref()?;
    let [begun, ended] = [0, 2].map(|at| {
        let words = &status[CONTROL_WORDS + COUNTER_WORDS + at..][..2];
        u64::from(words[0]) | u64::from(words[1]) << 32
    });
    let ticks = ended.checked_sub(begun)?;
    Some((ticks as f64 * f64::from(gpu.queue.get_timestamp_period())) as u64)
}
