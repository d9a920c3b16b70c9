// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a submission is made of: copies, the control block, rounds, what is read back.

use super::*;
use crate::base::room::Grow;
use crate::gpu::rounds::admission;

impl<F: Frontier> Drive<F> {
    /// Makes room for so many words to come back, or fewer where memory is short; how many.
    pub(super) fn make_room(&mut self, gpu: &Gpu, words: u64) -> u64 {
        let words = words.max(u64::from(BACK_LEAST));
        let _ = self.traffic.prepare(gpu, words); // without memory as many fit as before
        self.room = words.min(self.traffic.fits());
        for kept in [&mut self.words, &mut self.own] {
            kept.clear();
            if kept.room(self.room as usize).is_err() {
                self.room = self.room.min(kept.capacity() as u64);
            }
        }
        self.room
    }

    /// Of `words` words, which are records of `each` words, those that there is room for beside the parts that there are.
    pub(super) fn fitting(&self, words: u32, each: u32) -> u32 {
        let left = self.room.saturating_sub(self.traffic.words()).min(u64::from(u32::MAX)) as u32;
        words.min(left / each.max(1) * each)
    }

    /// What was computed and not read yet comes first.
    pub(super) fn read_rest(&mut self, gpu: &Gpu, store: &Store) {
        self.make_room(gpu, u64::from(self.rest_emits.1) + u64::from(self.rest_reports.1));
        for (piece, each) in [
            (Piece::Emits { guessed: false }, store.space.emit_words),
            (Piece::Reports { guessed: false }, store.space.report_words),
        ] {
            let rest = match piece {
                Piece::Emits { .. } => self.rest_emits,
                _ => self.rest_reports,
            };
            let words = self.fitting(rest.1, each);
            if words != 0 {
                self.traffic.parts.push(Part { piece, from: rest.0, words });
            }
            let later = (rest.0 + words, rest.1 - words);
            match piece {
                Piece::Emits { .. } => self.rest_emits = later,
                _ => self.rest_reports = later,
            }
        }
    }

    /// Rounds that have something to do, of as many: where nothing is appended, what is there is all.
    pub(super) fn needed(&self, pipelines: &Pipelines, rounds: u32) -> u32 {
        if self.appends(pipelines) {
            return rounds;
        }
        let needed = outcome::depth(&self.control).div_ceil(u64::from(self.slice.max(1)));
        needed.clamp(1, u64::from(rounds)) as u32
    }

    /// Whether a round can append something to the queue.
    pub(super) fn appends(&self, pipelines: &Pipelines) -> bool {
        self.manner.fan_out_max != 0 || pipelines.does.requeue
    }

    /// Items that the rounds of this submission admit at most.
    pub(super) fn admitted_most(&self) -> u64 {
        match self.direct {
            true => u64::from(self.control[SLICE]),
            false => u64::from(self.rounds) * u64::from(self.slice),
        }
    }

    /// Has copied what there may be of records and reports: as much as last time, and not more than there can be.
    pub(super) fn guess(&mut self, gpu: &Gpu, pipelines: &Pipelines, store: &Store) {
        let (space, most) = (&store.space, self.admitted_most());
        let at_most =
            |guess: u32, there: u32, each: u64| most.saturating_mul(each).min(u64::from(guess.min(there))) as u32;
        let reports = u64::from(pipelines.does.report);
        let emits = at_most(self.guess_emits, space.emits, u64::from(self.manner.emit_max));
        let reports = at_most(self.guess_reports, space.reports, reports);
        let guesses = [
            (Piece::Emits { guessed: true }, 0, emits * space.emit_words, space.emit_words),
            (Piece::Reports { guessed: true }, space.reports_at(), reports * space.report_words, space.report_words),
            (Piece::Debug, space.debug_at(), space.debug * space.debug_words, space.debug_words),
        ];
        let words: u32 = guesses.iter().map(|(.., words, _)| words).sum();
        self.make_room(gpu, self.traffic.words() + u64::from(words));
        for (piece, from, words, each) in guesses {
            let words = self.fitting(words, each);
            if words != 0 {
                self.traffic.parts.push(Part { piece, from, words });
            }
        }
    }

    pub(super) fn record(
        &mut self,
        gpu: &Gpu,
        pipelines: &Pipelines,
        store: &Store,
        encoder: &mut wgpu::CommandEncoder,
    ) {
        self.begun = sys::monotonic();
        if self.rounds == 0 {
            // What went there for rounds that are not made comes back.
            self.upload.record(encoder);
            return self.traffic.record(store, encoder, false);
        }
        self.before = outcome::depth(&self.control);
        for word in [PEAK, ROUNDS, ADMITTED, LAUNCHED, GUARDED, STOPPED, SLICE] {
            self.control[word] = 0;
        }
        self.control[SLICE_MAX] = self.slice;
        let groups = if self.rounds == 1 { admission::admit(&mut self.control) } else { None };
        self.direct = groups.is_some();
        self.guess(gpu, pipelines, store);
        self.upload.words(gpu, &store.control, &self.control);
        self.upload.words(gpu, &store.counters, &[0; COUNTER_WORDS]);
        self.upload.record(encoder);
        self.traffic.record(store, encoder, false);
        self.timed = store.times.is_some() && (self.shared || !gpu.facts.software);
        let times = store.times.as_ref().filter(|_| self.timed);
        let timestamp_writes = times.map(|times| wgpu::ComputePassTimestampWrites {
            query_set: &times.set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        let fills = self.manner.newest_first && self.appends(pipelines);
        match groups {
            Some(groups) => one_round(&mut pass, pipelines, store, groups, fills),
            None => rounds(&mut pass, pipelines, store, self.rounds, fills),
        }
        drop(pass);
        if !self.direct {
            encoder.copy_buffer_to_buffer(&store.control, 0, &store.status, 0, CONTROL_BYTES);
        }
        encoder.copy_buffer_to_buffer(&store.counters, 0, &store.status, CONTROL_BYTES, COUNTER_BYTES);
        if let Some(times) = times {
            encoder.resolve_query_set(&times.set, 0..2, &times.resolved, 0);
            let at = CONTROL_BYTES + COUNTER_BYTES;
            encoder.copy_buffer_to_buffer(&times.resolved, 0, &store.status, at, STATUS_BYTES - at);
        }
        self.traffic.record(store, encoder, true);
    }
}

/// The rounds of a submission, each of which the device prepares.
fn rounds(pass: &mut wgpu::ComputePass<'_>, pipelines: &Pipelines, store: &Store, count: u32, fills: bool) {
    for _ in 0..count {
        pass.set_pipeline(&pipelines.prep);
        pass.set_bind_group(0, &store.between, &[]);
        pass.dispatch_workgroups(1, 1, 1);
        pass.set_pipeline(&pipelines.step);
        pass.set_bind_group(0, &store.within, &[]);
        pass.set_bind_group(1, &store.program, &[]);
        pass.dispatch_workgroups_indirect(&store.args, 0);
        if fills {
            pass.set_pipeline(&pipelines.fill);
            pass.dispatch_workgroups_indirect(&store.args, 0);
        }
    }
    pass.set_pipeline(&pipelines.finish);
    pass.set_bind_group(0, &store.between, &[]);
    pass.dispatch_workgroups(1, 1, 1);
}

/// The round that the host has prepared.
fn one_round(pass: &mut wgpu::ComputePass<'_>, pipelines: &Pipelines, store: &Store, groups: [u32; 2], fills: bool) {
    pass.set_bind_group(0, &store.within, &[]);
    pass.set_pipeline(&pipelines.step);
    pass.set_bind_group(1, &store.program, &[]);
    pass.dispatch_workgroups(groups[0], groups[1], 1);
    if fills {
        pass.set_pipeline(&pipelines.fill);
        pass.dispatch_workgroups(groups[0], groups[1], 1);
    }
}
