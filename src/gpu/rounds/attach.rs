// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run of a worklist on an adapter: what the drive needs of the host side, under the lock of the worklist.
//!
//! ```text
//! dispatch ── begin ──> Drive<Attached> on the service thread ──> ended: the run is taken out, its ticket resolved
//! push, close, resume, cancel, ... ── `Worklist::rouse` ──> the service looks at the drive again, if it waits
//! ```

use std::sync::Arc;

use super::drive::{Drive, Manner, Resident};
use super::frontier::{Frontier, Plan, Report, Settled};
use super::layout::{DEBUG_HEADER, end};
use super::shape::Variant;
use super::space::Space;
use super::store::Store;
use crate::base::status::{Outcome, Status};
use crate::engine::clock;
use crate::engine::expected;
use crate::engine::outside::{self, Call};
use crate::gpu::apart::Apart;
use crate::gpu::buffer::{Buffer, Place};
use crate::gpu::remote::Remote;
use crate::gpu::service::{Failure, Gpu};
use crate::gpu::shared::Shared;
use crate::gpu::worklist::debug::AT_ONCE;
use crate::gpu::worklist::host::{Promise, Slice};
use crate::gpu::worklist::ledger::Tally;
use crate::gpu::worklist::list::{Way, Worklist};
use crate::gpu::worklist::run::Verdict;
use crate::gpu::worklist::shape::{Order, Spill};
use crate::wait::block::{FOREVER, Woken};
use crate::work::policy::Mode;

/// What a submission should take, unless the device was opened with another latency.
const LATENCY: i64 = 2_000_000;
/// Words that come back at once at the end of a run, at most: 64 MiB.
const RETURNED_MAX: u32 = 16 << 20;
/// Visits of an item by one invocation where items block it, at most.
const BLOCKING_STEPS: u32 = 1 << 14;

/// Begins to drive a run that has begun.
pub fn start(list: &Shared<Worklist>, remote: &Remote) {
    let limits = &list.program.limits;
    let latency = list.program.device.latency;
    let manner = Manner {
        newest_first: list.shape.order == Order::Lifo,
        fan_out_max: limits.fan_out_max,
        emit_max: limits.emit_max,
        words: list.shape.record_words() as u32,
        group_size: limits.group_size,
        latency: if latency > 0 { latency } else { LATENCY },
        groups_max: u32::MAX,
        returned_max: RETURNED_MAX,
    };
    let attached = Attached { list: list.clone(), spilled: 0, mode: Mode::Empty, promise: Promise::NONE };
    let setup = list.clone();
    expected::begin();
    remote.service.start(Box::new(Drive::new(attached, manner, Box::new(move |gpu| resident(gpu, &setup)))));
}

/// What the device has of a worklist: made at its first run.
fn resident(gpu: &Gpu, list: &Worklist) -> Result<Resident, Failure> {
    if let Some(resident) = &list.lock().resident {
        return Ok(Resident::clone(resident));
    }
    let gone = || Failure::new(Status::DEVICE, "the program has nothing that an adapter runs");
    let prepared = &list.program.compiled.as_ref().ok_or_else(gone)?.prepared;
    let tagged = list.shape.tenants > 1;
    let pipelines = prepared.pipelines(gpu, list.shape.bands, tagged)?;
    let variant = Variant { bands: list.shape.bands, tagged, reserve: pipelines.variant.reserve };
    let most = gpu.limits.max_storage_buffer_binding_size;
    let mut space = Space::plan(&prepared.declared, variant, list.shape.capacity, most)?;
    if pipelines.does.debug {
        space = space.with_debug(list.debug.most().min(AT_ONCE), most);
    }
    let buffers: Vec<&wgpu::Buffer> = list.buffers.iter().filter_map(|buffer| on_adapter(buffer)).collect();
    let store = Store::new(gpu, &pipelines, space, &buffers)?;
    let resident = Resident { pipelines, store: Arc::new(gpu.hold(store)) };
    list.lock().resident = Some(Apart::new(resident.clone()));
    Ok(resident)
}

fn on_adapter(buffer: &Buffer) -> Option<&wgpu::Buffer> {
    match &buffer.place {
        Place::Remote(remote) => Some(&remote.held),
        Place::Host(_) => None,
    }
}

/// See the module documentation.
struct Attached {
    list: Shared<Worklist>,
    /// Items that the device had no room for, and that have not come back.
    spilled: u64,
    /// The way of the submission that is under way.
    mode: Mode,
    /// Memory for what may come back.
    promise: Promise,
}

impl Attached {
    /// Lets pushes go on that wait for room. The call is to be kept by whoever may give up a hold.
    fn give_room(&self) -> Option<Call> {
        let call = outside::enter_to_give_back().ok()?;
        let mut woken = Woken::new();
        self.list.lock().give_room(&mut woken);
        woken.wake_all();
        Some(call)
    }
}

impl Frontier for Attached {
    fn plan(&mut self, depth: u64) -> Plan {
        let call = self.give_room();
        let list = self.list.clone();
        let mut state = list.lock();
        let state = &mut *state;
        state.take_device_waits();
        let closed = list.device_is_closed() || state.released;
        let over = || Plan::End(Status::OK, String::new());
        let (Some(run), host) = (&mut state.run, &state.host) else { return over() };
        if run.look(host, self.spilled, closed, clock::shown()).is_some() {
            return over();
        }
        if depth > 0 && host.is_over() {
            return Plan::Recall;
        }
        if depth == 0 && !host.has_ready() {
            if run.limits.until_closed && !state.closed {
                state.device_waits = true;
                if call.is_some() && run.limits.deadline == FOREVER {
                    // Those who could push are strands, or it is a deadlock; as with runners of the processor.
                    state.unheld = true;
                    outside::deliver();
                }
                return Plan::Wait(if run.limits.deadline == FOREVER { i64::MAX } else { run.limits.deadline });
            }
            run.end(Verdict::Drained);
            return over();
        }
        if self.spilled > 0 && list.shape.spill == Spill::Error {
            run.end(Verdict::Spilled);
            return over();
        }
        match run.left(host) {
            Ok((visits, rounds)) => {
                self.mode = match list.way {
                    Way::Auto => state.pace.choose(depth + host.queued()),
                    Way::Blocking => Mode::Blocking,
                    Way::NonBlocking => Mode::NonBlocking,
                };
                let inner = match self.mode {
                    Mode::Blocking => BLOCKING_STEPS,
                    _ => list.program.limits.inner_steps,
                };
                Plan::Run { visits, rounds, inner }
            }
            Err(verdict) => {
                run.end(verdict);
                over()
            }
        }
    }

    fn waiting(&self) -> u64 {
        self.list.lock().host.queued()
    }

    fn reserve(&mut self, items: u64, reports: u64, records: u64) -> Outcome<()> {
        self.list.lock().host.reserve_back(&mut self.promise, items, reports, records)
    }

    fn take(&mut self, limit: u64, into: &mut Vec<u32>) -> Option<Slice> {
        let mut state = self.list.lock();
        let slice = state.host.take_slice(limit, into)?;
        let back = self.spilled.min(u64::from(slice.count));
        self.spilled -= back;
        state.host.counters.refilled += back;
        Some(slice)
    }

    fn give_back(&mut self, slice: Slice, words: &[u32], spilled: bool) -> Outcome<()> {
        let mut state = self.list.lock();
        state.host.put_back(slice.band, slice.tenant, words)?;
        if spilled {
            self.spilled += u64::from(slice.count);
            state.host.counters.spilled += u64::from(slice.count);
        }
        Ok(())
    }

    fn count(&mut self, settled: &Settled) {
        let (mut state, tally) = (self.list.lock(), &settled.tally);
        let left = tally.finished + tally.yielded + tally.paused + tally.faulted;
        let all = [tally.pushed as i64 - left as i64];
        let each = settled.changes.map(|changes| changes.map(i64::from));
        state.host.count_device(tally, each.as_ref().map_or(&all[..], |each| &each[..]));
        state.host.note_device(settled.peak);
        let counters = &mut state.host.counters;
        counters.rounds += settled.rounds;
        counters.guarded += settled.guarded;
        counters.submissions += 1;
        counters.active_ns += settled.active_ns;
    }

    fn emit(&mut self, words: &[u32]) -> Outcome<()> {
        let host = &mut self.list.lock().host;
        host.emit(words)?;
        let emitted = (words.len() / host.shape().emit_words as usize) as u64;
        host.arrived(&Tally { emitted, ..Tally::default() });
        Ok(())
    }

    fn report(&mut self, report: Report<'_>) -> Outcome<()> {
        let Report { end, told, band, tenant, record } = report;
        let host = &mut self.list.lock().host;
        let one = Tally { visits: 1, admitted: 1, ..Tally::default() };
        let tally = match end {
            end::YIELD => {
                host.put(band, tenant, record)?;
                Tally { yielded: 1, ..one }
            }
            end::PAUSE => {
                host.pause(told, band, tenant, record)?;
                Tally { paused: 1, ..one }
            }
            _ => {
                host.fault(told, band, tenant, record)?;
                Tally { faulted: 1, ..one }
            }
        };
        host.arrived(&tally);
        Ok(())
    }

    fn debug(&mut self, words: &[u32], each: usize, lost: u64) {
        let records = words.chunks_exact(each).map(|told| {
            let (head, record) = told.split_at(DEBUG_HEADER);
            ([head[0], head[1], head[2], head[3]], head[4], head[5], record)
        });
        self.list.debug.add(&self.list.shape.fields, records, lost);
    }

    fn settle(&mut self, settled: &Settled) -> Result<(), String> {
        let mut state = self.list.lock();
        let (state, tally) = (&mut *state, &settled.tally);
        let took = i64::try_from(settled.active_ns).unwrap_or(i64::MAX);
        let (items, launched) = (narrow(tally.admitted), narrow(settled.launched));
        state.pace.note(self.mode, items.min(launched), tally.visits, took, launched.max(1));
        tally.check().and_then(|()| state.host.check_sums()).map_err(|violation| violation.to_string())?;
        state.host.check_device(settled.depth + settled.held).map_err(|violation| violation.to_string())
    }

    fn ended(&mut self, status: Status, text: String, lost: bool) {
        let list = self.list.clone();
        let mut state = list.lock();
        // Where all has come back this is nothing; where the sums did not agree, what they were short of.
        state.host.lose_device();
        if lost {
            state.resident = None;
        }
        state.take_device_waits();
        state.host.forget_back(core::mem::replace(&mut self.promise, Promise::NONE));
        if let (true, Some(remote)) = (!lost && status == Status::OK && state.goes_on(), list.program.device.remote()) {
            drop(state);
            return start(&list, remote);
        }
        let decided = state.run.as_ref().is_some_and(|run| run.verdict.is_some());
        let ended = state.leave();
        drop(state);
        drop(self.give_room());
        let Some((run, told)) = ended else { return };
        match decided && !lost && status == Status::OK {
            true => run.resolve(&told),
            false => {
                let status = if status == Status::OK { Status::DEVICE } else { status };
                run.pending.resolve(status, format_args!("{text}"));
            }
        }
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(all(test, not(loom)))]
pub mod tests {
    use super::*;
    use crate::gpu::ticket;
    use crate::gpu::worklist::list::Begun;
    use crate::gpu::worklist::run::Limits;

    /// A run on a device that takes so many items and gives some of them not back: its ticket.
    pub fn run_that_loses(list: &Shared<Worklist>, items: u64, lost: u32) -> u64 {
        let pending = ticket::create().unwrap();
        let ticket = pending.handle();
        assert!(matches!(list.begin(pending, Limits::NONE), Begun::Running));
        let mut attached = Attached { list: list.clone(), spilled: 0, mode: Mode::Empty, promise: Promise::NONE };
        attached.reserve(items, 0, 0).unwrap();
        let each = list.shape.record_words();
        let mut words = Vec::with_capacity(items as usize * each);
        let slice = attached.take(items, &mut words).unwrap();
        let back = Slice { count: slice.count - lost, ..slice };
        attached.give_back(back, &words[lost as usize * each..], false).unwrap();
        attached.ended(Status::DEVICE, "items were lost".to_owned(), false);
        ticket
    }
}
