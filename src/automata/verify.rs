// SPDX-License-Identifier: MIT OR Apache-2.0
//! From where factors occur to the states that are active there: the prefix of each occurrence is verified backwards.

use core::ops::Range;

use super::alphabet::Alphabet;
use super::backwards::Backwards;
use super::bytes::ANY;
use super::factor::{FACTOR_MAX, Factor};
use super::prefilter::{Literal, Literals, Refusal, Scratch};
use super::stream::Window;
use super::tables::Tables;
use crate::base::room::{Grow, Room, copied, each, list};

/// A state that is active: the bytes before `end` lead to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seed {
    /// Index of the chunk.
    pub end: u32,
    /// The state, that of a factor's last place.
    pub state: u32,
}

/// Occurrences that somebody else has found: index after the last byte, number of the factor.
pub type Hits<'a> = &'a [(u32, u32)];

/// Of hits that are sorted those that end in a part of the text, as that part counts.
pub fn within(hits: Hits<'_>, part: Range<u32>, out: &mut Vec<(u32, u32)>) -> Room<()> {
    let place = |end: u32| hits.partition_point(|hit| hit.0 <= end);
    let own = &hits[place(part.start)..place(part.end)];
    out.clear();
    out.add_each(own.iter().map(|(end, id)| (end - part.start, *id)))
}

/// Finds seeds.
pub struct Seeker {
    literals: Literals,
    factors: Vec<Kept>,
    /// Of the tables, walked backwards.
    alphabet: Alphabet,
}

/// What is left of a factor.
struct Kept {
    length: u32,
    enter: u32,
    seed: u32,
    /// A match begins with the factor wherever it stands.
    free: bool,
    /// The factor's bytes, where the literal says less.
    places: Option<Vec<super::bytes::ByteSet>>,
}

/// Working memory of a thread.
pub struct Memory {
    scratch: Scratch,
    hits: Vec<(u32, u32)>,
    border: Vec<u8>,
    backwards: Backwards,
}

impl Memory {
    /// Memory for any set.
    pub fn new() -> Room<Memory> {
        Ok(Memory { scratch: Scratch::new()?, hits: Vec::new(), border: Vec::new(), backwards: Backwards::default() })
    }
}

impl Seeker {
    /// For these factors.
    pub fn new(factors: &[Factor], tables: &Tables) -> Result<Seeker, Refusal> {
        let texts: Vec<(Vec<u8>, bool, bool)> = each(factors.iter().map(text_of))?;
        let literals = texts.iter().enumerate();
        let literals: Vec<Literal<'_>> =
            list(literals.map(|(id, (bytes, nocase, _))| Literal { id: id as u32, bytes, nocase: *nocase }))?;
        let kept = |(factor, (_, _, exact)): (&Factor, &(Vec<u8>, bool, bool))| -> Room<Kept> {
            Ok(Kept {
                length: factor.bytes.len() as u32,
                enter: factor.enter,
                seed: factor.seed,
                free: tables.starts(factor.enter) == ANY,
                places: if *exact { None } else { Some(copied(&factor.bytes)?) },
            })
        };
        let factors = each(factors.iter().zip(&texts).map(kept))?;
        let alphabet = Alphabet::new(tables, true)?;
        Ok(Seeker { literals: Literals::new(&literals)?, factors, alphabet })
    }

    /// The literals, whose identifiers are numbers of factors.
    pub fn literals(&self) -> &Literals {
        &self.literals
    }

    /// Seeds of a chunk, sorted, each once; how many occurrences there were. `given`: those that lie in the chunk, if a
    /// device has found them.
    pub fn seek(
        &self,
        tables: &Tables,
        memory: &mut Memory,
        window: &Window<'_>,
        given: Option<Hits<'_>>,
        out: &mut Vec<Seed>,
    ) -> Room<u64> {
        out.clear();
        let Memory { scratch, hits, border, backwards } = memory;
        hits.clear();
        let mut lacked = Ok(());
        let mut keep = |end: usize, id: u32| lacked = lacked.and(hits.add((end as u32, id)));
        let old = window.history.len().min(FACTOR_MAX - 1);
        if old > 0 {
            // Occurrences that began before the chunk.
            border.clear();
            border.add_all(&window.history[window.history.len() - old..])?;
            border.add_all(&window.chunk[..window.chunk.len().min(FACTOR_MAX - 1)])?;
            self.literals.scan(scratch, border, |id, end| {
                if end > old && end - (self.factors[id as usize].length as usize) < old {
                    keep(end - old, id);
                }
            });
        }
        match given {
            // What began before the chunk was found just now.
            Some(given) => {
                let new = given.iter().filter(|(end, id)| *end >= self.factors[*id as usize].length);
                new.for_each(|(end, id)| keep(*end as usize, *id));
            }
            None => self.literals.scan(scratch, window.chunk, |id, end| keep(end, id)),
        }
        lacked?;
        for (end, id) in hits.iter() {
            let factor = &self.factors[*id as usize];
            let start = *end as isize - factor.length as isize;
            if fits(factor, window, start)
                && (factor.free || backwards.reaches(tables, &self.alphabet, window, factor.enter, start)?)
            {
                out.add(Seed { end: *end, state: factor.seed })?;
            }
        }
        out.sort_unstable();
        out.dedup();
        Ok(hits.len() as u64)
    }
}

/// The literal of a factor: its bytes, whether case is ignored, and whether that says all.
fn text_of(factor: &Factor) -> Room<(Vec<u8>, bool, bool)> {
    let nocase = factor.bytes.iter().any(|place| place.len() > 1);
    let bytes: Vec<u8> = list(factor.bytes.iter().filter_map(|place| place.iter().next()))?;
    let both = |place: &super::bytes::ByteSet| place.len() > 1 || !place.iter().any(|byte| byte.is_ascii_alphabetic());
    let exact = !nocase || factor.bytes.iter().all(both);
    Ok((bytes, nocase, exact))
}

/// Whether the places of a factor take what stands there, where its literal does not say so.
fn fits(factor: &Kept, window: &Window<'_>, start: isize) -> bool {
    let Some(places) = &factor.places else { return true };
    let takes = |(index, place): (usize, &super::bytes::ByteSet)| {
        window.before(start + index as isize + 1).is_some_and(|byte| place.contains(byte))
    };
    places.iter().enumerate().all(takes)
}
