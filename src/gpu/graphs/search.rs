// SPDX-License-Identifier: MIT OR Apache-2.0
//! A search: a worklist over the buffers of a graph and the caller's distances, used again and again.

use super::{GRAPHS, Graph, fill, list, shader, write};
use crate::base::failing;
use crate::base::status::{Outcome, Status};
use crate::gpu::buffer;
use crate::gpu::named::enter;
use crate::gpu::worklist::list::{Options, Way};
use crate::gpu::worklist::run::Limits;
use crate::graph::distances::{Reached, UNREACHED};
use crate::graph::frontier::Search as What;
use crate::strand::message::fail;
use crate::wait::block::NO_WAIT;

/// Searches that a graph keeps.
const KEPT: usize = 4;

/// Begins a run of a worklist: its ticket. What needs strands is above this layer.
pub type Dispatch = fn(u64, Limits) -> Outcome<u64>;

/// See the module documentation.
pub struct Search {
    what: What,
    /// The handle of the caller's buffer.
    distances: u64,
    /// The handle of the worklist.
    list: u64,
    /// The handle of the buffer of bits; 0: none.
    reached: u64,
}

/// Searches from a vertex: the ticket, which is resolved when the distances are in the buffer.
pub fn begin(graph: u64, what: What, source: u32, distances: u64, limits: Limits, dispatch: Dispatch) -> Outcome<u64> {
    let _call = enter()?;
    let graph = GRAPHS.get(graph)?;
    graph.device.look()?;
    if source >= graph.vertices {
        return fail(Status::INVALID, format_args!("vertex {source}: the graph has {}, from 0 on", graph.vertices));
    }
    graph.check_distances(distances)?;
    let _place = Beginning::of(&graph, distances)?;
    let search = match graph.take(what, distances)? {
        Some(search) => search,
        None => Search::new(&graph, what, distances)?,
    };
    let begun = search.run(&graph, source, limits, dispatch);
    graph.put(search);
    begun
}

/// Nobody else begins a search into the same buffer, until it is dropped: the search is on then, or was given up.
struct Beginning<'a> {
    graph: &'a Graph,
    distances: u64,
}

impl Beginning<'_> {
    fn of(graph: &Graph, distances: u64) -> Outcome<Beginning<'_>> {
        let mut kept = graph.kept();
        if kept.beginning.contains(&distances) {
            drop(kept);
            return is_on(distances);
        }
        if failing::now() || kept.beginning.try_reserve(1).is_err() {
            drop(kept);
            return fail(Status::NO_MEMORY, format_args!("no memory for a search"));
        }
        kept.beginning.push(distances);
        Ok(Beginning { graph, distances })
    }
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        self.graph.kept().beginning.retain(|other| *other != self.distances);
    }
}

fn is_on<T>(distances: u64) -> Outcome<T> {
    fail(Status::BUSY, format_args!("a search into buffer {distances:#x} is on"))
}

impl Graph {
    fn check_distances(&self, distances: u64) -> Outcome<()> {
        let (buffer, need) = (buffer::get(distances)?, 4 * u64::from(self.vertices));
        if !buffer.device.is(&self.device) {
            return fail(Status::INVALID, format_args!("buffer {distances:#x} is not of the graph's device"));
        }
        if buffer.bytes < need {
            return fail(
                Status::INVALID,
                format_args!(
                    "the distances of {} vertices need {need} bytes; the buffer has {}",
                    self.vertices, buffer.bytes
                ),
            );
        }
        Ok(())
    }

    /// The kept search into this buffer; BUSY while a run of one is on, of either kind.
    fn take(&self, what: What, distances: u64) -> Outcome<Option<Search>> {
        let mut kept = self.kept();
        if kept.released {
            return Err(Status::STALE);
        }
        let mine = |search: &Search| search.distances == distances;
        if kept.searches.iter().any(|search| mine(search) && search.is_on()) {
            drop(kept);
            return is_on(distances);
        }
        let found = kept.searches.iter().position(|search| mine(search) && search.what == what);
        let found = found.map(|at| kept.searches.swap_remove(at));
        drop(kept);
        Ok(match found {
            // One that was stopped before its end has items left.
            Some(search) if search.has_items() => {
                search.release();
                None
            }
            found => found,
        })
    }

    /// Keeps a search; the oldest one that is not on goes.
    fn put(&self, search: Search) {
        let mut kept = self.kept();
        if kept.released || kept.searches.try_reserve(1).is_err() {
            drop(kept);
            return search.release();
        }
        kept.searches.push(search);
        let spare = kept.searches.iter().position(|search| !search.is_on());
        let gone = spare.filter(|_| kept.searches.len() > KEPT).map(|at| kept.searches.remove(at));
        drop(kept);
        if let Some(gone) = gone {
            gone.release();
        }
    }
}

impl Search {
    fn new(graph: &Graph, what: What, distances: u64) -> Outcome<Search> {
        let program = graph.program(what)?;
        let native = graph.device.remote().is_none();
        let mut search = Search { what, distances, list: 0, reached: 0 };
        if native && what == What::Breadth {
            let words = Reached::words(graph.vertices) as u64;
            search.reached = buffer::create(graph.device.handle(), 4 * words)?;
        }
        let rows = graph.rows;
        let last = if what == What::Breadth { search.reached } else { rows.weights };
        let buffers = [distances, rows.offsets, rows.targets, last];
        let mut options = Options::default();
        options.way = Way::NonBlocking;
        options.levels = native && what == What::Breadth;
        let capacity = graph.vertices.saturating_mul(4).clamp(1 << 16, 1 << 21);
        options.numbers(capacity, if native { 1 } else { shader::BANDS }, 1)?;
        let made = options
            .buffers(if last == 0 { &buffers[..3] } else { &buffers })
            .and_then(|()| list::create(program, &options));
        match made {
            Ok(list) => search.list = list,
            Err(status) => {
                search.release();
                return Err(status);
            }
        }
        Ok(search)
    }

    fn run(&self, graph: &Graph, source: u32, limits: Limits, dispatch: Dispatch) -> Outcome<u64> {
        fill(self.distances, graph.vertices as usize, UNREACHED)?;
        write(self.distances, source as usize, &[0])?;
        if self.reached != 0 {
            fill(self.reached, Reached::words(graph.vertices), 0)?;
            let bit = 1 << (source % 32);
            write(self.reached, 1 + source as usize / 32, &[bit])?;
        }
        let list = list::get(self.list)?;
        let item = if graph.device.remote().is_none() { What::first(source) } else { shader::first(source) };
        list.push(&item[..list.shape.record_words()], 0, 0, NO_WAIT)?;
        dispatch(self.list, limits)
    }

    fn is_on(&self) -> bool {
        list::get(self.list).is_ok_and(|list| list.lock().run.is_some())
    }

    fn has_items(&self) -> bool {
        list::get(self.list).is_ok_and(|list| list.lock().host.queued() > 0)
    }

    /// Vertices that were pushed for all its runs.
    #[cfg(test)]
    pub(super) fn pushed(&self) -> u64 {
        list::get(self.list).map_or(0, |list| {
            let state = list.lock();
            state.host.counters.pushed + state.host.counters.work.pushed
        })
    }

    /// Gives everything up that was made for it. A run that is on ends.
    pub fn release(self) {
        if self.list != 0 {
            let _ = list::release(self.list);
        }
        if self.reached != 0 {
            let _ = buffer::release(self.reached);
        }
    }
}
