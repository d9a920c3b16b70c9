// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the functions of automata are given, read and checked, and what they tell.

use super::automaton::*;
use super::check;
use super::sized::{self, Sized32};
use crate::automata::engine::{Mode, Plan};
use crate::automata::pattern::{self, CompileError, Pattern};
use crate::base::status::{Outcome, Status};
use crate::gpu::automaton::object::{self, Facts, Wish};
use crate::gpu::automaton::scan::{Chunk, Limits};
use crate::strand::message::fail;
use crate::wait::block::FOREVER;

/// # Safety
/// As for a `Sized32`, or null; the error that it points to as well.
pub(super) unsafe fn wish_of(options: *const strand_automaton_options) -> Outcome<(Wish, *mut strand_pattern_error)> {
    const NAME: &str = "strand_automaton_compile";
    let mut wish = Wish {
        plan: Plan { mode: Mode::Auto, differential: false },
        pattern_states: pattern::PATTERN_STATES,
        streams: object::STREAMS,
        matches: object::MATCHES,
    };
    if options.is_null() {
        return Ok((wish, core::ptr::null_mut()));
    }
    // SAFETY: by contract.
    let options = unsafe { sized::read(options, NAME) }?;
    check::flags(options.flags, STRAND_AUTOMATON_DIFFERENTIAL, NAME)?;
    check::zero(u64::from(options.reserved), NAME, "reserved")?;
    check::at_most(options.mode, STRAND_AUTOMATON_NON_BLOCKING, NAME, "mode")?;
    check::at_most(options.pattern_states_max, pattern::PATTERN_STATES as u32, NAME, "pattern_states_max")?;
    if !options.error.is_null() {
        // SAFETY: by contract.
        unsafe { sized::check(options.error, NAME) }?;
    }
    wish.plan.differential = options.flags & STRAND_AUTOMATON_DIFFERENTIAL != 0;
    wish.plan.mode = match options.mode {
        STRAND_AUTOMATON_BLOCKING => Mode::Blocking,
        STRAND_AUTOMATON_NON_BLOCKING => Mode::NonBlocking,
        _ => Mode::Auto,
    };
    if options.pattern_states_max != 0 {
        wish.pattern_states = options.pattern_states_max as usize;
    }
    if options.streams_max != 0 {
        wish.streams = options.streams_max;
    }
    if options.matches_max != 0 {
        wish.matches = options.matches_max;
    }
    Ok((wish, options.error))
}

/// Structs that lie one behind the other, each as large as the first says.
///
/// # Safety
/// `first` is null, or begins so many structs whose sizes are readable.
unsafe fn each<T: Sized32, R>(
    first: *const T,
    count: usize,
    function: &str,
    convert: impl Fn(usize, *const T, T) -> Outcome<R>,
) -> Outcome<Box<[R]>> {
    let mut all = Vec::new();
    if count == 0 {
        return Ok(Box::default());
    }
    if all.try_reserve_exact(count).is_err() {
        return fail(Status::NO_MEMORY, format_args!("{function}: no memory for {count} of them"));
    }
    check::pointer(first, function, T::NAME)?;
    // SAFETY: by contract.
    let stride = unsafe { first.cast::<u32>().read() };
    for index in 0..count {
        let place = first.wrapping_byte_add(index * stride as usize);
        // SAFETY: by contract.
        let value = unsafe { sized::read(place, function) }?;
        // SAFETY: as above.
        if unsafe { place.cast::<u32>().read() } != stride {
            return fail(
                Status::INVALID,
                format_args!("{function}: {} {index} has another size than the first", T::NAME),
            );
        }
        all.push(convert(index, place, value)?);
    }
    Ok(all.into_boxed_slice())
}

/// # Safety
/// `patterns` is null, or so many patterns whose texts are readable for as long as the result is used.
pub(super) unsafe fn patterns_of<'a>(patterns: *const strand_pattern, count: usize) -> Outcome<Box<[Pattern<'a>]>> {
    const NAME: &str = "strand_automaton_compile";
    if count > pattern::PATTERNS_MAX {
        return fail(Status::LIMIT, format_args!("{NAME}: {count} patterns; there can be {}", pattern::PATTERNS_MAX));
    }
    // SAFETY: by contract.
    unsafe {
        each(patterns, count, NAME, |index, _, given: strand_pattern| {
            if given.length > 0 && given.text.is_null() {
                return fail(Status::INVALID, format_args!("{NAME}: the text of pattern {index} is NULL"));
            }
            let text: &[u8] = match given.length {
                0 => &[],
                // More than can be compiled is not looked at.
                length => core::slice::from_raw_parts(given.text.cast(), length.min(pattern::TEXT_MAX + 1)),
            };
            Ok(Pattern { text, flags: given.flags })
        })
    }
}

/// # Safety
/// `chunks` is null, or so many chunks that stay until the scan has ended.
pub(super) unsafe fn chunks_of(chunks: *mut strand_chunk, count: usize) -> Outcome<Box<[Chunk]>> {
    const NAME: &str = "strand_automaton_scan";
    /// Most chunks of a scan.
    const MOST: usize = 1 << 20;
    if count > MOST {
        return fail(Status::LIMIT, format_args!("{NAME}: {count} chunks; there can be {MOST}"));
    }
    // SAFETY: by contract.
    let read = unsafe {
        each(chunks.cast_const(), count, NAME, |index, place, given: strand_chunk| {
            check::flags(given.flags, STRAND_CHUNK_LAST, NAME)?;
            check::zero(u64::from(given.reserved), NAME, "reserved")?;
            if given.length > 0 && given.data.is_null() {
                return fail(Status::INVALID, format_args!("{NAME}: the data of chunk {index} is NULL"));
            }
            if (given.size as usize) < size_of::<strand_chunk>() || given.length > isize::MAX as u64 {
                return fail(
                    Status::INVALID,
                    format_args!("{NAME}: chunk {index} is too small, or its data too large"),
                );
            }
            let scanned = &raw mut (*place.cast_mut()).scanned;
            Ok(Chunk {
                stream: given.stream,
                last: given.flags & STRAND_CHUNK_LAST != 0,
                data: given.data.cast(),
                length: given.length as usize,
                scanned,
            })
        })
    }?;
    // SAFETY: writable by contract, and all of them were found good.
    read.iter().for_each(|chunk| unsafe { chunk.scanned.write(0) });
    Ok(read)
}

/// # Safety
/// As for a `Sized32`, or null.
pub(super) unsafe fn limits_of(options: *const strand_scan_options) -> Outcome<Limits> {
    if options.is_null() {
        return Ok(Limits { deadline: FOREVER, visits: 0, workers: 0 });
    }
    // SAFETY: by contract.
    let options = unsafe { sized::read(options, "strand_automaton_scan") }?;
    check::deadline(options.deadline, "strand_automaton_scan")?;
    let deadline = if options.deadline == 0 { FOREVER } else { options.deadline };
    Ok(Limits { deadline, visits: options.visits_max, workers: options.workers })
}

pub(super) fn shown(error: &CompileError) -> strand_pattern_error {
    strand_pattern_error {
        size: 0,
        reserved: 0,
        pattern: error.pattern.map_or(u64::MAX, |pattern| pattern as u64),
        offset: error.offset.map_or(u64::MAX, |offset| offset as u64),
    }
}

pub(super) fn stats_of(facts: &Facts) -> strand_automaton_counts {
    strand_automaton_counts {
        size: 0,
        patterns: facts.patterns,
        patterns_filtered: facts.patterns_factored,
        factors: facts.factors,
        states: facts.states,
        streams: facts.streams,
        scans: facts.scans,
        bytes: facts.totals.bytes,
        hits: facts.totals.hits,
        seeds: facts.totals.seeds,
        visits: facts.totals.visits,
        matches: facts.totals.matches,
        waiting: facts.waiting,
        agreed: facts.agreed,
        mismatches: facts.mismatches,
        flushes: facts.totals.flushes,
    }
}
