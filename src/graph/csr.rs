// SPDX-License-Identifier: MIT OR Apache-2.0
//! A graph in compressed sparse rows: the edges of vertex v are `targets[offsets[v] .. offsets[v + 1]]`, and the weights
//! lie beside them. Vertices and edges are counted in 32 bits, on every device.
//!
//! ```text
//! offsets  0     2  3     5      one more than vertices
//! targets  1  2  2  0  1         one for each edge
//! weights  7  1  4  2  9         the same, or none: every edge weighs 1
//! ```

use core::fmt;

/// Most vertices, and most edges.
pub const MOST: u64 = u32::MAX as u64 - 1;

/// A graph where it lies. What names no vertex and no edge in it is left out by those who read it.
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a> {
    /// One more than vertices.
    pub offsets: &'a [u32],
    /// One for each edge.
    pub targets: &'a [u32],
    /// One for each edge; none: each weighs 1.
    pub weights: Option<&'a [u32]>,
}

/// Why something is no graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// More vertices than fit.
    Vertices(u64),
    /// More edges than fit.
    Edges(u64),
    /// The first offset is not 0.
    First(u64),
    /// The offset at this place is smaller than the one before: place, offset, the one before.
    Falling(u64, u64, u64),
    /// The edge at this place leads to no vertex: place, target, vertices.
    Target(u64, u32, u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Fault::Vertices(count) => write!(out, "there are {count} vertices, and at most {MOST} fit"),
            Fault::Edges(count) => write!(out, "there are {count} edges, and at most {MOST} fit"),
            Fault::First(offset) => write!(out, "offsets[0] is {offset}, not 0"),
            Fault::Falling(place, offset, before) => {
                write!(out, "offsets[{place}] is {offset}, less than offsets[{}], which is {before}", place - 1)
            }
            Fault::Target(place, target, vertices) => {
                write!(out, "targets[{place}] is {target}, and there are {vertices} vertices")
            }
        }
    }
}

/// How many edges the offsets of a graph speak of, if they are such offsets: from 0, never falling.
pub fn check_offsets(offsets: &[u64]) -> Result<u64, Fault> {
    let Some((first, rest)) = offsets.split_first() else {
        return Ok(0);
    };
    if rest.len() as u64 > MOST {
        return Err(Fault::Vertices(rest.len() as u64));
    }
    if *first != 0 {
        return Err(Fault::First(*first));
    }
    let mut before = 0;
    for (place, offset) in rest.iter().enumerate() {
        if *offset < before {
            return Err(Fault::Falling(place as u64 + 1, *offset, before));
        }
        before = *offset;
    }
    if before > MOST { Err(Fault::Edges(before)) } else { Ok(before) }
}

/// Whether every edge leads to one of so many vertices.
pub fn check_targets(vertices: u64, targets: &[u32]) -> Result<(), Fault> {
    match targets.iter().position(|target| u64::from(*target) >= vertices) {
        Some(place) => Err(Fault::Target(place as u64, targets[place], vertices)),
        None => Ok(()),
    }
}
