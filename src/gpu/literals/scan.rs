// SPDX-License-Identifier: MIT OR Apache-2.0
//! The job that searches the pieces of a request, batch after batch.
//!
//! ```text
//! encode     a free lane: fill its batch, upload, collect / arrange / verify for each slice and filter (pass_on alone, where
//!            the host verifies), copy what is likely
//! submitted  map the copy
//! completed  matches of that lane; more than were copied: all are copied by the next submission; more than have room: the
//!            batch is searched on the processor
//! ```

use crate::gpu::service::words::as_bytes;
use std::collections::VecDeque;
use std::sync::Arc;

use super::batch::{self, Piece};
use super::lane::{EACH, GROUP, HEAD, Lane, SLICE, STRIDE};
use super::resident::{BITMAP, Kernels, Resident};
use crate::automata::pattern::Match;
use crate::automata::prefilter::Scratch;
use crate::base::room::Grow;
use crate::base::status::Status;
use crate::gpu::service::{Failure, Gpu, Held, Job, Reply, Step};

/// Bytes of text in a batch; less where the device is the processor, and its caches are what counts.
const BATCH: usize = 16 << 20;
const BATCH_SOFTWARE: usize = 4 << 20;
/// Smallest batch for which memory is had.
const BATCH_LEAST: usize = 64 << 10;
/// Pairs that a batch can find.
const ROOM: usize = 1 << 20;
/// Pairs that are copied although nobody knows yet that there are so many.
const GUESS_LEAST: usize = 1 << 14;

/// What is to be searched.
pub struct Request {
    /// The memory that the pieces lie in.
    pub memory: Arc<dyn AsRef<[u8]> + Send + Sync>,
    /// The pieces.
    pub pieces: Vec<Piece>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Every match, in no order.
    pub matches: Vec<Match>,
    /// Bytes that were searched on the device.
    pub on_device: u64,
    /// Bytes that were searched on the processor, because what they have did not fit.
    pub on_processor: u64,
}

/// See the module documentation.
pub struct Scan {
    resident: Arc<Held<Resident>>,
    request: Request,
    next: usize,
    depth: usize,
    batch: usize,
    room: usize,
    free: Vec<Lane>,
    flying: VecDeque<Lane>,
    /// Those of which more has to be copied.
    again: VecDeque<Lane>,
    guess: usize,
    found: Found,
    /// What the processor needs to search, once it does.
    scratch: Option<Scratch>,
    reply: Option<Reply<Found>>,
}

impl Scan {
    /// A job; `reply` gets what was found.
    pub fn new(resident: Arc<Held<Resident>>, request: Request, reply: Reply<Found>) -> Scan {
        let batch = if resident.uniform { BATCH_SOFTWARE } else { BATCH };
        Scan::with_room(resident, request, reply, batch, ROOM)
    }

    /// As [`Scan::new`], with batches of so many bytes at most that can find so many pairs.
    pub fn with_room(
        resident: Arc<Held<Resident>>,
        request: Request,
        reply: Reply<Found>,
        batch: usize,
        room: usize,
    ) -> Scan {
        let longest = resident.lengths.iter().copied().max().unwrap_or(0) as usize;
        let Request { memory, pieces } = request;
        let pieces = cut(pieces, longest.saturating_sub(1), batch);
        let total: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
        // One position in a hundred passes.
        let guess = if resident.by_host() { GUESS_LEAST.max(total.min(batch) / 64) } else { GUESS_LEAST };
        Scan {
            resident,
            request: Request { memory, pieces },
            next: 0,
            depth: if total > batch { 2 } else { 1 },
            batch: batch.min(total.next_power_of_two().max(BATCH_LEAST)),
            room,
            free: Vec::new(),
            flying: VecDeque::new(),
            again: VecDeque::new(),
            guess: guess.min(room),
            found: Found::default(),
            scratch: None,
            reply: Some(reply),
        }
    }

    fn lane(&mut self, gpu: &Gpu) -> Result<Lane, Failure> {
        match self.free.pop() {
            Some(lane) => Ok(lane),
            None => self.resident.lane(gpu, self.batch, self.room),
        }
    }

    /// Fills a lane's batch with the next pieces and records its search.
    fn record(&mut self, gpu: &Gpu, lane: &mut Lane, encoder: &mut wgpu::CommandEncoder) -> Result<(), Failure> {
        self.upload(lane, encoder)?;
        let resident: &Resident = &self.resident;
        let (mut params, mut sizes) = (Vec::new(), Vec::new());
        for first in (0..lane.batch.length).step_by(SLICE) {
            for (number, filter) in resident.filters.iter().enumerate() {
                let whole = (lane.batch.length + 1).saturating_sub(filter.width as usize);
                let end = (first + SLICE).min(whole);
                if first >= end {
                    continue;
                }
                let [candidates, texts, cases] = resident.places;
                let words = [
                    lane.batch.length as u32,
                    first as u32,
                    end as u32,
                    filter.mask,
                    filter.fold,
                    filter.word_shift,
                    filter.slot_shift,
                    filter.bitmap,
                    filter.slots,
                    candidates,
                    texts,
                    cases,
                    self.room as u32,
                    number as u32,
                ];
                params.extend_from_slice(as_bytes(&words));
                params.resize((sizes.len() + 1) * STRIDE, 0);
                let bits = if resident.uniform { number * BITMAP } else { 0 };
                sizes.push(((end - first).div_ceil(EACH * GROUP) as u32, bits as u32));
            }
        }
        if !params.is_empty() {
            gpu.queue.write_buffer(&lane.params, 0, &params);
        }
        encoder.clear_buffer(&lane.found, 0, Some(HEAD as u64));
        if !resident.by_host() {
            encoder.clear_buffer(&lane.hits, 0, Some(HEAD as u64));
        }
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for (number, (groups, bits)) in sizes.iter().enumerate() {
            pass.set_bind_group(0, &lane.scanned, &[(number * STRIDE) as u32, *bits]);
            match &resident.kernels {
                Kernels::ByHost { pass_on } => {
                    pass.set_pipeline(pass_on);
                    pass.dispatch_workgroups(*groups, 1, 1);
                }
                Kernels::ByDevice { collect, arrange, verify } => {
                    pass.set_pipeline(collect);
                    pass.dispatch_workgroups(*groups, 1, 1);
                    pass.set_pipeline(arrange);
                    pass.set_bind_group(1, &lane.arguments, &[]);
                    pass.dispatch_workgroups(1, 1, 1);
                    pass.set_pipeline(verify);
                    pass.dispatch_workgroups_indirect(&lane.args, 0);
                }
            }
        }
        drop(pass);
        lane.copied = self.guess;
        encoder.copy_buffer_to_buffer(&lane.found, 0, &lane.staging, 0, (HEAD + 8 * lane.copied) as u64);
        Ok(())
    }

    /// Brings the batch's text to the device; what is left of the last word is zero.
    fn upload(&mut self, lane: &mut Lane, encoder: &mut wgpu::CommandEncoder) -> Result<(), Failure> {
        self.next = lane.batch.fill(&self.request.pieces, self.next, self.batch);
        let size = lane.batch.length.next_multiple_of(4);
        if size == 0 {
            return Ok(());
        }
        let failed = |_| Failure::new(Status::DEVICE, "memory that brings a text to a device cannot be written");
        let outside = || Failure::new(Status::INVALID, "a piece lies outside its memory");
        let mut view = lane.upload.slice(..size as u64).get_mapped_range_mut().map_err(failed)?;
        let memory = (*self.request.memory).as_ref();
        let mut at = 0;
        for range in lane.batch.ranges(&self.request.pieces) {
            let bytes = memory.get(range).ok_or_else(outside)?;
            view.slice(at..at + bytes.len()).copy_from_slice(bytes);
            at += bytes.len();
        }
        view.slice(at..).copy_from_slice(&[0; 4][..size - at]);
        drop(view);
        lane.upload.unmap();
        lane.writable = false;
        encoder.copy_buffer_to_buffer(&lane.upload, 0, &lane.text, 0, size as u64);
        Ok(())
    }

    /// Takes what a lane has found. False: more has to be copied first.
    fn take(&mut self, lane: &mut Lane) -> Result<bool, Failure> {
        let bytes = HEAD + 8 * lane.copied;
        let lost = || Failure::new(Status::DEVICE, "what was found cannot be seen");
        let view = lane.staging.slice(..bytes as u64).get_mapped_range().map_err(|_| lost())?;
        let word = |at: usize| u32::from_le_bytes([view[at], view[at + 1], view[at + 2], view[at + 3]]);
        let count = word(0) as usize;
        self.guess = (count + count / 4).max(GUESS_LEAST).min(self.room);
        if count > self.room {
            return self.search(lane).map(|()| true);
        }
        if count > lane.copied {
            lane.copied = count;
            return Ok(false);
        }
        self.found.on_device += lane.batch.length as u64;
        if self.resident.by_host() {
            let pairs = view.get(HEAD..HEAD + 8 * count).ok_or_else(lost)?;
            return self.verify(lane, pairs).map(|()| true);
        }
        for pair in 0..count {
            let (text, end) = (word(HEAD + 8 * pair), word(HEAD + 8 * pair + 4) as usize);
            let length = *self.resident.lengths.get(text as usize).ok_or_else(lost)? as usize;
            let Some(place) = lane.batch.place(&self.request.pieces, length, end) else { continue };
            let ids = self.resident.literals.ids_of(text);
            self.found.matches.extend(ids.iter().map(|id| batch::found(*id, place)));
        }
        Ok(true)
    }

    /// Verifies what has passed the filters: pairs of filter and position.
    fn verify(&mut self, lane: &Lane, pairs: &[u8]) -> Result<(), Failure> {
        let outside = || Failure::new(Status::INVALID, "a piece lies outside its memory");
        let memory = (*self.request.memory).as_ref();
        let (pieces, resident) = (&self.request.pieces, &*self.resident);
        let ranges = lane.batch.ranges(pieces);
        let mut own = Vec::new();
        let text = match &ranges[..] {
            [range] => memory.get(range.clone()).ok_or_else(outside)?,
            ranges => {
                own.room(lane.batch.length).map_err(|_| lacking())?;
                for range in ranges {
                    own.extend_from_slice(memory.get(range.clone()).ok_or_else(outside)?);
                }
                &own
            }
        };
        let scratch = scratch_in(&mut self.scratch)?;
        let word = |bytes: &[u8]| bytes.first_chunk().map_or(u32::MAX, |word| u32::from_le_bytes(*word));
        for number in 0..resident.filters.len() {
            let of_filter = pairs.chunks_exact(8).filter(|pair| word(pair) as usize == number);
            let positions = of_filter.map(|pair| word(&pair[4..]));
            resident.literals.verify_at(scratch, number, text, positions, |found, end| {
                let length = resident.lengths.get(found as usize).map_or(0, |length| *length as usize);
                let Some(place) = lane.batch.place(pieces, length, end) else { return };
                let ids = resident.literals.ids_of(found);
                self.found.matches.extend(ids.iter().map(|id| batch::found(*id, place)));
            });
        }
        Ok(())
    }

    /// The batch on the processor.
    #[cold]
    fn search(&mut self, lane: &Lane) -> Result<(), Failure> {
        let memory = (*self.request.memory).as_ref();
        let scratch = scratch_in(&mut self.scratch)?;
        for piece in lane.batch.pieces() {
            let Piece { stream, bytes, known, offset } = self.request.pieces[piece].clone();
            let lost = || Failure::new(Status::INVALID, "a piece lies outside its memory");
            let text = memory.get(bytes).ok_or_else(lost)?;
            let matches = &mut self.found.matches;
            self.resident.literals.scan(scratch, text, |id, end| {
                if end > known {
                    matches.push(batch::found(id, (stream, offset + end as u64)));
                }
            });
            self.found.on_processor += text.len() as u64;
        }
        Ok(())
    }

    fn answer(&mut self, outcome: Result<Found, Failure>) {
        if let Some(reply) = self.reply.take() {
            reply.send(outcome);
        }
    }

    /// Records the next batch, or says why there is none.
    fn next(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Result<Step, Failure> {
        if gpu.is_closing() {
            return Err(Failure::new(Status::CLOSED, "the device was closed"));
        }
        if let Some(lane) = self.again.pop_front() {
            encoder.copy_buffer_to_buffer(&lane.found, 0, &lane.staging, 0, (HEAD + 8 * lane.copied) as u64);
            self.flying.push_back(lane);
            return Ok(Step::Submit);
        }
        match self.request.pieces.get(self.next) {
            None if self.flying.is_empty() => return Ok(Step::Done),
            None => return Ok(Step::Idle(i64::MAX)),
            Some(piece) if piece.bytes.len() > self.batch => {
                let text = format!("a piece has more than the {} bytes of a batch", self.batch);
                return Err(Failure::new(Status::LIMIT, text));
            }
            Some(_) => {}
        }
        let mut lane = self.lane(gpu)?;
        self.record(gpu, &mut lane, encoder)?;
        self.flying.push_back(lane);
        Ok(Step::Submit)
    }
}

fn lacking() -> Failure {
    Failure::new(Status::NO_MEMORY, "no memory to search")
}

/// What the processor needs to search, made when it first does.
fn scratch_in(place: &mut Option<Scratch>) -> Result<&mut Scratch, Failure> {
    match place {
        Some(scratch) => Ok(scratch),
        none => Ok(none.insert(Scratch::new().map_err(|_| lacking())?)),
    }
}

/// Cuts pieces that are longer than a batch into some that overlap by as much as a literal can lie in two of them. Where
/// not even that fits they stay whole.
fn cut(pieces: Vec<Piece>, overlap: usize, batch: usize) -> Vec<Piece> {
    if overlap >= batch || pieces.iter().all(|piece| piece.bytes.len() <= batch) {
        return pieces;
    }
    let mut all = Vec::new();
    for mut piece in pieces {
        while piece.bytes.len() > batch {
            let middle = piece.bytes.start + batch;
            all.push(Piece { bytes: piece.bytes.start..middle, ..piece.clone() });
            piece.bytes.start = middle - overlap;
            piece.offset += (batch - overlap) as u64;
            piece.known = piece.known.saturating_sub(batch - overlap).max(overlap);
        }
        all.push(piece);
    }
    all
}

impl Job for Scan {
    fn encode(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Step {
        if self.reply.is_none() {
            return Step::Done;
        }
        match self.next(gpu, encoder) {
            Ok(Step::Done) => {
                let found = core::mem::take(&mut self.found);
                self.resident.keep(core::mem::take(&mut self.free));
                self.answer(Ok(found));
                Step::Done
            }
            Ok(step) => step,
            Err(failure) => {
                self.answer(Err(failure));
                Step::Done
            }
        }
    }

    fn submitted(&mut self, _gpu: &Gpu) {
        if let Some(lane) = self.flying.back() {
            if !lane.writable {
                lane.upload.slice(..).map_async(wgpu::MapMode::Write, |_| {});
            }
            lane.staging.slice(..(HEAD + 8 * lane.copied) as u64).map_async(wgpu::MapMode::Read, |_| {});
        }
    }

    fn completed(&mut self, _gpu: &Gpu) {
        let Some(mut lane) = self.flying.pop_front() else { return };
        let taken = if self.reply.is_some() { self.take(&mut lane) } else { Ok(true) };
        lane.staging.unmap();
        lane.writable = true;
        match taken {
            Ok(true) => self.free.push(lane),
            Ok(false) => self.again.push_back(lane),
            Err(failure) => self.answer(Err(failure)),
        }
    }

    fn lost(mut self: Box<Self>, failure: &Failure) {
        self.answer(Err(failure.clone()));
    }

    fn depth(&self) -> usize {
        self.depth
    }
}
