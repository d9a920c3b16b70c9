// SPDX-License-Identifier: MIT OR Apache-2.0
//! Graphs on a device, and searches in them: worklist programs whose items are vertices with an edge cursor.
//!
//! ```text
//! graph     its rows in buffers of the device: offsets, targets, weights
//! search    a worklist of the program "breadth" or "shortest"; its buffers are the caller's distances and the rows
//! run       distances = unreached, the source is pushed, the worklist is dispatched: the ticket is the search's
//! ```
//! A search is kept for the next one of its kind into the same buffer. While its run is on it belongs to nobody else.

mod kernel;
mod search;
mod shader;
#[cfg(all(test, not(loom)))]
mod two_runners;

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::buffer;
use super::device::{self, Device};
use super::named::{Named, enter};
use super::program;
use super::shared::Shared;
use super::worklist::list;
use crate::base::handle::Kind;
use crate::base::room::{NoMemory, exactly};
use crate::base::status::{Outcome, Status};
pub use crate::graph::csr::MOST;
use crate::graph::csr::{self, Fault};
use crate::graph::frontier::Search as What;
use crate::strand::message::fail;
use search::Search;
pub use search::begin;

/// A graph, kept by its handle and by calls that use it.
pub struct Graph {
    device: Shared<Device>,
    vertices: u32,
    rows: Rows,
    kept: Mutex<Kept>,
}

/// Handles of the buffers in which a graph lies.
#[derive(Clone, Copy, Default)]
struct Rows {
    offsets: u64,
    targets: u64,
    /// 0: every edge weighs 1.
    weights: u64,
}

/// What was made for searches.
#[derive(Default)]
struct Kept {
    released: bool,
    /// Handles of the programs, by kind; 0: not made yet.
    programs: [u64; 2],
    searches: Vec<Search>,
    /// Buffers of searches that are being begun.
    beginning: Vec<u64>,
}

/// What a graph is made of. `targets` and `weights` have as many elements as the last of `offsets` says.
pub struct Input<'a> {
    /// One more than vertices, or none for no vertex.
    pub offsets: &'a [u64],
    /// One for each edge.
    pub targets: &'a [u32],
    /// One for each edge, or none.
    pub weights: Option<&'a [u32]>,
}

static GRAPHS: Named<Graph> = Named::new(Kind::Graph, "graph");

/// Makes the table of a runtime that is being initialised.
pub fn start(capacity: u32) -> Outcome<()> {
    GRAPHS.start(capacity)
}

/// Frees the table.
///
/// # Safety
/// As [`Named::stop`].
pub unsafe fn stop() {
    // SAFETY: by contract.
    unsafe { GRAPHS.stop() };
}

/// How many edges these offsets speak of; INVALID or LIMIT where they are none.
pub fn edges(offsets: &[u64]) -> Outcome<usize> {
    csr::check_offsets(offsets).map(|edges| edges as usize).or_else(refuse)
}

/// Copies a graph to a device: its handle.
pub fn create(device: u64, input: &Input<'_>) -> Outcome<u64> {
    let _call = enter()?;
    let vertices = input.offsets.len().saturating_sub(1) as u64;
    csr::check_targets(vertices, input.targets).or_else(refuse)?;
    let device = device::get(device)?;
    let rows = Rows::of(&device, input)?;
    let graph = Graph { device, vertices: vertices as u32, rows, kept: Mutex::default() };
    let made = match Shared::new(graph) {
        Ok(graph) => GRAPHS.add(graph, |_, _| {}),
        Err(status) => fail(status, format_args!("no memory for a graph")),
    };
    if made.is_err() {
        rows.release();
    }
    made
}

fn refuse<T>(fault: Fault) -> Outcome<T> {
    let status = match fault {
        Fault::Vertices(_) | Fault::Edges(_) => Status::LIMIT,
        _ => Status::INVALID,
    };
    fail(status, format_args!("this is no graph: {fault}"))
}

/// Gives the handle up. Searches that are on end with CLOSED.
pub fn release(handle: u64) -> Outcome<()> {
    let _call = enter()?;
    let graph = GRAPHS.remove(handle)?;
    let mut kept = graph.kept();
    kept.released = true;
    let (programs, searches) = (kept.programs, core::mem::take(&mut kept.searches));
    drop(kept);
    searches.into_iter().for_each(Search::release);
    for program in programs.into_iter().filter(|program| *program != 0) {
        let _ = program::release(program);
    }
    graph.rows.release();
    Ok(())
}

impl Graph {
    /// Held while nothing is made and nobody waits.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program of a kind: made at its first search.
    fn program(&self, what: What) -> Outcome<u64> {
        let known = self.kept().programs[what as usize];
        if known != 0 {
            return Ok(known);
        }
        let made = kernel::program(self.device.handle(), what, self.rows.weights != 0)?;
        let mut kept = self.kept();
        if kept.released {
            drop(kept);
            let _ = program::release(made);
            return Err(Status::STALE);
        }
        let place = &mut kept.programs[what as usize];
        if *place == 0 {
            *place = made;
            return Ok(made);
        }
        let first = *place; // somebody else was faster
        drop(kept);
        let _ = program::release(made);
        Ok(first)
    }
}

impl Rows {
    fn of(device: &Device, input: &Input<'_>) -> Outcome<Rows> {
        let most = device.info.binding_bytes_max.min(device.info.buffer_bytes_max);
        let longest = (input.targets.len().max(input.offsets.len()) as u64).saturating_mul(4);
        if longest > most {
            return fail(
                Status::LIMIT,
                format_args!("the graph needs {longest} bytes in one buffer: this device has {most}"),
            );
        }
        let mut rows = Rows::default();
        let filled = rows.fill(device.handle(), input);
        if filled.is_err() {
            rows.release();
        }
        filled.map(|()| rows)
    }

    fn fill(&mut self, device: u64, input: &Input<'_>) -> Outcome<()> {
        self.offsets = buffer::create(device, 4 * input.offsets.len().max(2) as u64)?;
        for (part, offsets) in input.offsets.chunks(PART).enumerate() {
            let mut words = memory(offsets.len())?;
            words.extend(offsets.iter().map(|offset| *offset as u32));
            write(self.offsets, part * PART, &words)?;
        }
        self.targets = buffer::create(device, 4 * input.targets.len().max(1) as u64)?;
        write(self.targets, 0, input.targets)?;
        if let Some(weights) = input.weights {
            self.weights = buffer::create(device, 4 * weights.len().max(1) as u64)?;
            write(self.weights, 0, weights)?;
        }
        Ok(())
    }

    fn release(&self) {
        for buffer in [self.offsets, self.targets, self.weights].into_iter().filter(|buffer| *buffer != 0) {
            let _ = buffer::release(buffer);
        }
    }
}

/// Words that are copied at once.
const PART: usize = 1 << 16;

fn memory(words: usize) -> Outcome<Vec<u32>> {
    exactly(words).or_else(|NoMemory| fail(Status::NO_MEMORY, format_args!("no memory for {words} words of a graph")))
}

/// Writes words to a buffer from word `at` on.
fn write(buffer: u64, at: usize, words: &[u32]) -> Outcome<()> {
    if words.is_empty() {
        return Ok(());
    }
    // SAFETY: the words are readable.
    unsafe { buffer::write(buffer, 4 * at as u64, words.as_ptr().cast(), 4 * words.len() as u64) }
}

/// Writes one word to a part of a buffer, again and again.
fn fill(buffer: u64, words: usize, value: u32) -> Outcome<()> {
    let mut part = memory(words.min(PART))?;
    part.resize(words.min(PART), value);
    let mut at = 0;
    while at < words {
        let count = part.len().min(words - at);
        write(buffer, at, &part[..count])?;
        at += count;
    }
    Ok(())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::ffi::scheduler::{strand_scheduler_init, strand_scheduler_shutdown};
    use crate::gpu::device::{CPU, Label, Options, Wish};
    use crate::wait::block::FOREVER;

    #[test]
    fn two_workers_push_each_vertex_once() {
        use crate::ffi::config::strand_config;
        use crate::ffi::ticket::{strand_ticket_await, strand_ticket_release};
        use crate::graph::distances::UNREACHED;
        use crate::graph::{generate, reference};
        // SAFETY: zero is a valid configuration.
        let mut config: strand_config = unsafe { core::mem::zeroed() };
        config.size = size_of::<strand_config>() as u32;
        config.workers = 2;
        // SAFETY: a configuration.
        assert_eq!(unsafe { strand_scheduler_init(&config) }, 0);
        let wish = Wish { kind: CPU, name: Label::NONE };
        let device = device::open(&Options { wish, in_flight: 0, latency: 0 }).unwrap();
        let drawn = generate::rmat(13, 16, 0, 1);
        let wide: Vec<u64> = drawn.offsets.iter().map(|offset| u64::from(*offset)).collect();
        let source =
            (0..drawn.vertices()).max_by_key(|vertex| wide[*vertex as usize + 1] - wide[*vertex as usize]).unwrap();
        let reached = reference::breadth(&drawn, source).into_iter().filter(|distance| *distance != UNREACHED).count();
        let handle = create(device, &Input { offsets: &wide, targets: &drawn.targets, weights: None }).unwrap();
        let distances = buffer::create(device, 4 * u64::from(drawn.vertices())).unwrap();
        for round in 1..=50 {
            let limits = crate::gpu::worklist::run::Limits::NONE;
            let dispatch = crate::runtime::worklists::dispatch;
            let ticket = begin(handle, What::Breadth, source, distances, limits, dispatch).unwrap();
            assert_eq!((strand_ticket_await(ticket, FOREVER), strand_ticket_release(ticket)), (0, 0));
            let pushed = GRAPHS.get(handle).unwrap().kept().searches[0].pushed();
            assert_eq!(pushed, round * reached as u64, "the source by the call, each other one by one item");
        }
        release(handle).unwrap();
        assert_eq!(strand_scheduler_shutdown(FOREVER), 0);
    }

    #[test]
    fn a_search_that_is_begun_beside_a_release_leaves_no_program() {
        // SAFETY: the defaults.
        assert_eq!(unsafe { strand_scheduler_init(core::ptr::null()) }, 0);
        let wish = Wish { kind: CPU, name: Label::NONE };
        let device = device::open(&Options { wish, in_flight: 0, latency: 0 }).unwrap();
        let input = Input { offsets: &[0, 1, 1], targets: &[1], weights: None };
        let handle = create(device, &input).unwrap();
        let graph = GRAPHS.get(handle).unwrap();
        let made = graph.program(What::Breadth).unwrap();
        assert_eq!(graph.program(What::Breadth), Ok(made), "control: it is kept");
        release(handle).unwrap();
        assert_eq!(program::get(made).err(), Some(Status::STALE), "it is given up with the graph");
        assert_eq!(graph.program(What::Shortest), Err(Status::STALE));
        drop(graph);
        assert_eq!(strand_scheduler_shutdown(FOREVER), 0);
    }
}
