// SPDX-License-Identifier: MIT OR Apache-2.0
//! Graphs
//!
//! Searches in a graph that lies on a device, in compressed sparse rows: the edges of vertex v lead to
//! those targets that begin at number offsets of v, and end before offsets of v + 1. A search is a
//! worklist of the library's own: its items are vertices with a place among their edges, so a vertex
//! may have any number of neighbours. It runs on every device, and fills a buffer with one uint32_t for
//! each vertex: the distance from the source, or STRAND_UNREACHED. A way that is longer than
//! 4,294,967,294 counts as none.

use super::buffer::strand_buffer;
use super::device::strand_device;
use super::sized::{self, Sized32};
use super::status::strand_status;
use super::ticket::strand_ticket;
use super::worklist::strand_run_options;
use super::worklist_read::limits_of;
use super::{check, guard};
use crate::base::status::{Outcome, Status};
use crate::gpu::graphs::{self, Input};
use crate::graph::distances::UNREACHED;
use crate::graph::frontier::Search;
use crate::runtime::worklists;
use crate::strand::message::fail;

/// A graph on a device; 0 is none.
pub type strand_graph = u64;

/// The distance of a vertex to which no way leads.
pub const STRAND_UNREACHED: u32 = u32::MAX;

const _: () = assert!(STRAND_UNREACHED == UNREACHED);

/// What a graph is made of. Everything is copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_graph_options {
    /// sizeof(strand_graph_options)
    pub size: u32,
    /// 0
    pub flags: u32,
    /// How many vertices.
    pub vertices: u64,
    /// vertices + 1 numbers, from 0, none less than the one before; the last is the number of edges. NULL
    /// is for a graph without vertices.
    pub offsets: *const u64,
    /// The vertex to which each edge leads. NULL is for a graph without edges.
    pub targets: *const u32,
    /// What each edge weighs, or NULL: each weighs 1.
    pub weights: *const u32,
}

// SAFETY: repr(C), size first, 8-aligned pairs throughout; zero is null or 0 in every field.
unsafe impl Sized32 for strand_graph_options {
    const NAME: &'static str = "strand_graph_options";
}

/// Copies a graph to a device. Loops and parallel edges are edges like others.
///
/// @param device   where it is searched
/// @param options  the graph
/// @param out      its handle
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: a pointer is NULL that must not be, options has no such size, the offsets
///         do not begin with 0 or fall, an edge leads to no vertex, or device names none and never did;
///         the message has the place;
///         STRAND_ERR_UNSUPPORTED: flags is not 0;
///         STRAND_ERR_STALE: the device was closed before;
///         STRAND_ERR_LIMIT: more than 4,294,967,294 vertices or edges, more than one buffer of the device
///         holds, or there are too many graphs;
///         STRAND_ERR_NO_MEMORY, STRAND_ERR_DEVICE;
///         STRAND_ERR_WOULD_SWITCH: in a callback;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_graph_new(
    device: strand_device,
    options: *const strand_graph_options,
    out: *mut strand_graph,
) -> strand_status {
    guard(|| {
        let function = "strand_graph_new";
        check::pointer(out, function, "out")?;
        // SAFETY: a struct as its size says, by the caller's promise.
        let options = unsafe { sized::read(options, function) }?;
        check::zero(options.flags.into(), function, "flags")?;
        // SAFETY: arrays as long as the struct says, by the caller's promise.
        let graph = graphs::create(device, &unsafe { input(&options, function) }?)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(graph) };
        Ok(())
    })
}

/// Begins a breadth-first search: how many edges each vertex is away from the source.
///
/// @param graph      where
/// @param source     the vertex to begin with
/// @param distances  a buffer of the graph's device, 4 bytes for each vertex; what it holds has a meaning
///                   only when the ticket has resolved, with STRAND_OK
/// @param options    limits of the run, as for strand_worklist_dispatch(), or NULL
/// @param out        the ticket
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: out is NULL, there is no such vertex, the buffer is too small or of another
///         device, options has no such size, STRAND_RUN_UNTIL_CLOSED is set, or graph or distances names
///         none and never did;
///         STRAND_ERR_STALE: the graph or the buffer was released before;
///         STRAND_ERR_BUSY: a search into this buffer is on;
///         STRAND_ERR_CLOSED: the device was closed;
///         STRAND_ERR_UNSUPPORTED, STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY, STRAND_ERR_DEVICE;
///         STRAND_ERR_WOULD_SWITCH: in a callback;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_graph_bfs(
    graph: strand_graph,
    source: u32,
    distances: strand_buffer,
    options: *const strand_run_options,
    out: *mut strand_ticket,
) -> strand_status {
    // SAFETY: by the caller's promise.
    guard(|| unsafe { search(graph, Search::Breadth, source, distances, options, out, "strand_graph_bfs") })
}

/// Begins a search for shortest ways: the least sum of weights on a way from the source to each vertex.
///
/// @param graph      where
/// @param source     the vertex to begin with
/// @param distances  as for strand_graph_bfs()
/// @param options    limits of the run, as for strand_worklist_dispatch(), or NULL
/// @param out        the ticket
/// @return as strand_graph_bfs()
///
/// @context strand, host-thread
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_graph_sssp(
    graph: strand_graph,
    source: u32,
    distances: strand_buffer,
    options: *const strand_run_options,
    out: *mut strand_ticket,
) -> strand_status {
    // SAFETY: by the caller's promise.
    guard(|| unsafe { search(graph, Search::Shortest, source, distances, options, out, "strand_graph_sssp") })
}

/// Gives a graph up. Searches in it that are on end with STRAND_ERR_CLOSED.
///
/// @param graph  the graph
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: graph names none and never did;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_graph_release(graph: strand_graph) -> strand_status {
    guard(|| graphs::release(graph))
}

/// # Safety
/// As the functions above say of their pointers.
unsafe fn search(
    graph: strand_graph,
    what: Search,
    source: u32,
    distances: strand_buffer,
    options: *const strand_run_options,
    out: *mut strand_ticket,
    function: &str,
) -> Outcome<()> {
    check::pointer(out, function, "out")?;
    // SAFETY: null, or a struct as its size says.
    let limits = unsafe { limits_of(options, function) }?;
    if limits.until_closed {
        return fail(Status::INVALID, format_args!("{function}: nobody closes the worklist of a search"));
    }
    let ticket = graphs::begin(graph, what, source, distances, limits, worklists::dispatch)?;
    // SAFETY: writable.
    unsafe { out.write(ticket) };
    Ok(())
}

/// # Safety
/// Arrays as long as the struct says.
unsafe fn input<'a>(options: &strand_graph_options, function: &str) -> Outcome<Input<'a>> {
    if options.vertices > graphs::MOST {
        return fail(
            Status::LIMIT,
            format_args!("{function}: {} vertices; at most {}", options.vertices, graphs::MOST),
        );
    }
    if options.vertices == 0 && options.offsets.is_null() {
        return Ok(Input { offsets: &[], targets: &[], weights: None });
    }
    check::pointer(options.offsets, function, "offsets")?;
    // SAFETY: by contract.
    let offsets = unsafe { core::slice::from_raw_parts(options.offsets, options.vertices as usize + 1) };
    let edges = graphs::edges(offsets)?;
    // SAFETY: by contract, as many as the offsets say.
    let targets = unsafe { array(options.targets, edges, function, "targets") }?;
    let weights = match options.weights.is_null() {
        true => None,
        // SAFETY: as above.
        false => Some(unsafe { array(options.weights, edges, function, "weights") }?),
    };
    Ok(Input { offsets, targets, weights })
}

/// # Safety
/// So many elements are readable, where it is not null.
unsafe fn array<'a>(first: *const u32, length: usize, function: &str, argument: &str) -> Outcome<&'a [u32]> {
    if length == 0 {
        return Ok(&[]);
    }
    check::pointer(first, function, argument)?;
    // SAFETY: by contract.
    Ok(unsafe { core::slice::from_raw_parts(first, length) })
}
