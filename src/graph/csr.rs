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

use crate::base::failing;
use crate::base::status::{Outcome, Status};

/// Most vertices, and most edges.
pub const MOST: u64 = u32::MAX as u64 - 1;

/// A checked graph.
#[derive(Debug)]
pub struct Csr {
    offsets: Vec<u32>,
    targets: Vec<u32>,
    weights: Option<Vec<u32>>,
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

/// A graph that is not, or for which there is no memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The input is no graph.
    Fault(Fault),
    /// No memory.
    Memory,
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

impl Csr {
    /// Copies and checks a graph. `offsets` were checked with [`check_offsets`], and `targets` and `weights` have as many
    /// elements as that says.
    pub fn new(offsets: &[u64], targets: &[u32], weights: Option<&[u32]>) -> Result<Csr, Refused> {
        let vertices = offsets.len().saturating_sub(1) as u64;
        if let Some(place) = targets.iter().position(|target| u64::from(*target) >= vertices) {
            return Err(Refused::Fault(Fault::Target(place as u64, targets[place], vertices)));
        }
        let mut short = memory(vertices as usize + 1)?;
        short.extend(offsets.iter().map(|offset| *offset as u32));
        if short.is_empty() {
            short.push(0);
        }
        let weights = weights.map(copy).transpose()?;
        Ok(Csr { offsets: short, targets: copy(targets)?, weights })
    }

    /// How many vertices.
    pub fn vertices(&self) -> u32 {
        (self.offsets.len() - 1) as u32
    }

    /// How many edges.
    pub fn edges(&self) -> u32 {
        self.targets.len() as u32
    }

    /// The offsets, one more than vertices.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The targets of all edges.
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// The weights of all edges; none: each weighs 1.
    pub fn weights(&self) -> Option<&[u32]> {
        self.weights.as_deref()
    }
}

fn memory(length: usize) -> Result<Vec<u32>, Refused> {
    let mut list = Vec::new();
    if failing::now() || list.try_reserve_exact(length).is_err() {
        return Err(Refused::Memory);
    }
    Ok(list)
}

fn copy(words: &[u32]) -> Result<Vec<u32>, Refused> {
    let mut list = memory(words.len())?;
    list.extend_from_slice(words);
    Ok(list)
}

/// A list of so many words.
pub fn words(length: usize, value: u32) -> Outcome<Vec<u32>> {
    let mut list = memory(length).map_err(|_| Status::NO_MEMORY)?;
    list.resize(length, value);
    Ok(list)
}
