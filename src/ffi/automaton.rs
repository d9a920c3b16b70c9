// SPDX-License-Identifier: MIT OR Apache-2.0
//! Automata
//!
//! Many patterns at once, sought in streams of bytes that come in chunks. A pattern is a regular
//! expression of bytes (the syntax of Rust's regex crate with Unicode switched off), or a literal. A match
//! is a pattern, a stream and an end: some text that ends there is matched by the pattern. All ends are
//! reported, each once, whatever a pattern's repetitions prefer; where a match begins is not said, and a
//! match of no bytes is never reported. Patterns are sought anywhere unless they begin with ^.
//!
//! ^ and $ are the start and the end of the stream, with STRAND_PATTERN_MULTI_LINE also of lines; word
//! boundaries are those of ASCII. They are exact across chunks: a match whose end depends on the byte
//! after it comes with that byte, or with the chunk that is said to be the last. Look-ahead, look-behind, back-references
//! and classes of Unicode are not supported: strand_automaton_compile() says which pattern has one, and where.
//!
//! Text in which none of the patterns' own words occurs is passed at the speed of a filter; the patterns that have no
//! words of three bytes are read by an automaton that is made while it runs. Large counted repetitions of
//! nearly any byte, such as .{0,100}, are what costs most.
//!
//! Where no memory is left compiling and scanning on the processor end with STRAND_ERR_NO_MEMORY, with one exception: the parser of
//! regular expressions ends the process. 512 bytes for each byte of a pattern are looked for before it begins, most patterns need less;
//! a program that cannot have that compiles its patterns first, or literals alone.
//!
//! In STRAND_AUTOMATON_NON_BLOCKING an adapter does more than to seek words: the next windows of all streams of a scan
//! are brought to it at once, and what follows from their words, their starts and what is active before them is done
//! there, by a worklist whose items are states at bytes; patterns of which much is active all the time are stepped byte
//! by byte there, as bits. What was reached is in a set on the device; a batch for which it is too small is made anew
//! with half as many bytes, and one of 64 bytes is done by the processor. Such a scan has one strand. Its limits are looked
//! at between batches of 262,144 bytes at most, and each stream stands behind the last batch that was done. Tables that are
//! larger than a buffer of the device may be stay with the processor, as in STRAND_AUTOMATON_AUTO. This mode is there to
//! be compared, and for devices that are much faster than the processor; on an adapter that is a program AUTO is faster.

use super::automaton_read::{chunks_of, limits_of, patterns_of, shown, stats_of, wish_of};
use super::device::strand_device;
use super::sized::{self, Sized32};
use super::status::strand_status;
use super::ticket::strand_ticket;
use super::{check, guard};
use crate::automata::pattern::{self, Match};
use crate::base::status::Status;
use crate::gpu::automaton::object;
use crate::runtime::automata;
use core::ffi::{c_char, c_void};

/// Names an automaton; below 2^62 and never used again. 0 is no automaton.
pub type strand_automaton = u64;

/// Pattern: upper and lower case of ASCII letters are the same.
pub const STRAND_PATTERN_CASELESS: u32 = 1;
/// Pattern: ^ and $ match at lines too, and $ also before a line feed.
pub const STRAND_PATTERN_MULTI_LINE: u32 = 2;
/// Pattern: . matches a line feed too.
pub const STRAND_PATTERN_DOT_ALL: u32 = 4;
/// Pattern: the text is no regular expression but the very bytes that are sought.
pub const STRAND_PATTERN_LITERAL: u32 = 8;

/// Mode: the fastest engine for the device. On an adapter: patterns' words are sought there, strands do the rest.
pub const STRAND_AUTOMATON_AUTO: u32 = 0;
/// Mode: the baseline, byte for byte, every pattern tried at every byte. On an adapter an invocation reads a stream; a set that is
/// too large for the adapter is read by the processor.
pub const STRAND_AUTOMATON_BLOCKING: u32 = 1;
/// Mode: items of a state and an index, each done once. An adapter does them as a program of a worklist; patterns without words of
/// which much is active all the time, such as x.*y, are stepped there bit by bit. On the processor an engine of its own does both, and
/// with STRAND_AUTOMATON_DIFFERENTIAL the native kernel of that program does all of it too.
pub const STRAND_AUTOMATON_NON_BLOCKING: u32 = 2;

/// Flag: a second engine that shares no loop with the first reads everything too, and both must agree. In
/// STRAND_AUTOMATON_NON_BLOCKING these are the baseline and the engine of the processor, and they must agree with the program of
/// items, in what is found and in what is active behind each window. On an adapter each run of that program is made by its native
/// kernel too, as with STRAND_WORKLIST_DIFFERENTIAL, unless more than 524,288 states can be reached by several ways.
pub const STRAND_AUTOMATON_DIFFERENTIAL: u32 = 1;

/// Chunk: its stream ends with it. What comes with the same number later is another stream.
pub const STRAND_CHUNK_LAST: u32 = 1;

const _: () = assert!(
    STRAND_PATTERN_CASELESS == pattern::CASELESS
        && STRAND_PATTERN_MULTI_LINE == pattern::MULTI_LINE
        && STRAND_PATTERN_DOT_ALL == pattern::DOT_ALL
        && STRAND_PATTERN_LITERAL == pattern::LITERAL
);

/// A pattern of a set. Its number is its place in the array.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_pattern {
    /// sizeof(strand_pattern), the same in all patterns of a call: it is the way to the next one.
    pub size: u32,
    /// STRAND_PATTERN_ bits.
    pub flags: u32,
    /// UTF-8; of a literal any bytes.
    pub text: *const c_char,
    /// Bytes of text, 1 to 65,536.
    pub length: usize,
}

/// Where a set could not be compiled.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_pattern_error {
    /// sizeof(strand_pattern_error)
    pub size: u32,
    /// 0
    pub reserved: u32,
    /// Number of the pattern; UINT64_MAX: it is about the whole set.
    pub pattern: u64,
    /// Byte of its text; UINT64_MAX: not known.
    pub offset: u64,
}

/// How a set is compiled and read: 0 or NULL in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_automaton_options {
    /// sizeof(strand_automaton_options)
    pub size: u32,
    /// STRAND_AUTOMATON_DIFFERENTIAL or 0.
    pub flags: u32,
    /// One of STRAND_AUTOMATON_AUTO, _BLOCKING, _NON_BLOCKING.
    pub mode: u32,
    /// Most states of one pattern: it has one for each byte that a match can have, repetitions written
    /// out. Default and most: 16,384.
    pub pattern_states_max: u32,
    /// Most streams that are open at once. Default: 65,536.
    pub streams_max: u32,
    /// 0
    pub reserved: u32,
    /// Matches that wait to be taken before a scan ends with STRAND_ERR_LIMIT. Default: 2^24.
    pub matches_max: u64,
    /// Filled when a pattern is refused; its size is set by the caller.
    pub error: *mut strand_pattern_error,
}

/// A part of a stream.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_chunk {
    /// sizeof(strand_chunk), the same in all chunks of a call.
    pub size: u32,
    /// Number of the stream. It begins with the first chunk that has the number.
    pub stream: u32,
    /// STRAND_CHUNK_LAST or 0.
    pub flags: u32,
    /// 0
    pub reserved: u32,
    /// The bytes that follow those of the stream's last chunk; may be NULL when length is 0.
    pub data: *const c_void,
    /// Their number.
    pub length: u64,
    /// Written by the scan: how many of them were read.
    pub scanned: u64,
}

/// What bounds a scan: 0 in a field is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_scan_options {
    /// sizeof(strand_scan_options)
    pub size: u32,
    /// Strands that read, each one stream at a time. Default: as many as there are workers. On an adapter in
    /// STRAND_AUTOMATON_NON_BLOCKING: one, all streams at a time.
    pub workers: u32,
    /// States, or sets of states, that may be visited before the scan ends with STRAND_ERR_LIMIT; looked at
    /// every 64 KiB, or between two batches. Default: no limit.
    pub visits_max: u64,
    /// When the scan ends with STRAND_ERR_TIMEOUT, see strand_after(). 0: never.
    pub deadline: i64,
}

/// Text that ends here is matched.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_match {
    /// Number of the pattern.
    pub pattern: u32,
    /// Number of the stream.
    pub stream: u32,
    /// Bytes of the stream before the match's end.
    pub end: u64,
}

const _: () = assert!(size_of::<strand_match>() == size_of::<Match>());

/// What an automaton has, and has done.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strand_automaton_counts {
    /// sizeof(strand_automaton_counts)
    pub size: u32,
    /// Patterns.
    pub patterns: u32,
    /// Those that are found by words of theirs.
    pub patterns_filtered: u32,
    /// Such words.
    pub factors: u32,
    /// States of all patterns, common prefixes counted once.
    pub states: u32,
    /// Streams that are open.
    pub streams: u32,
    /// Scans that were begun.
    pub scans: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Places where a word stood.
    pub hits: u64,
    /// Of them those where a match could have begun before.
    pub seeds: u64,
    /// States, or sets of states, that were visited.
    pub visits: u64,
    /// Matches that were found.
    pub matches: u64,
    /// Matches that wait to be taken.
    pub waiting: u64,
    /// Parts of chunks that two engines have agreed on (STRAND_AUTOMATON_DIFFERENTIAL).
    pub agreed: u64,
    /// Scans in which they did not.
    pub mismatches: u64,
    /// How often an automaton that is made while it runs had become too large and was made anew.
    pub flushes: u64,
}

// SAFETY: repr(C), size first, 8-aligned, no field across a multiple of 8; zero is a value of every field.
unsafe impl Sized32 for strand_pattern {
    const NAME: &'static str = "strand_pattern";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_pattern_error {
    const NAME: &'static str = "strand_pattern_error";
}

// SAFETY: as above; zero is null.
unsafe impl Sized32 for strand_automaton_options {
    const NAME: &'static str = "strand_automaton_options";
}

// SAFETY: as above; zero is null.
unsafe impl Sized32 for strand_chunk {
    const NAME: &'static str = "strand_chunk";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_scan_options {
    const NAME: &'static str = "strand_scan_options";
}

// SAFETY: as above.
unsafe impl Sized32 for strand_automaton_counts {
    const NAME: &'static str = "strand_automaton_counts";
}

/// Compiles patterns. For a strand a thread of the offload pool does the work (see strand_offload()); an OS thread
/// does it itself.
///
/// @param device    what reads streams. The processor (STRAND_DEVICE_CPU) does everything itself; an adapter seeks the patterns' words
///                  in chunks of 16 KiB and more, and the mode says what else it does
/// @param patterns  count of them; copied
/// @param count     1 to 1,048,576
/// @param options   may be NULL; copied, but for the error that it points to
/// @param out       the automaton
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: a pattern is none: its number, the byte and what is wrong are in the message and
///         in options->error; or count is 0, a pattern is empty or matches only the empty text or nothing, patterns
///         or out is NULL, sizes differ, a flag or the mode is unknown, or device names none and never did;
///         STRAND_ERR_UNSUPPORTED: a pattern has look-around, a back-reference or a class of Unicode;
///         STRAND_ERR_LIMIT: a pattern is too large or has too many states, or there are too many patterns, or too
///         many automata are in use, or no thread could be had;
///         STRAND_ERR_STALE, STRAND_ERR_CLOSED: the device was closed;
///         STRAND_ERR_DEVICE: the device is lost;
///         STRAND_ERR_NO_MEMORY: here or on the device;
///         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
///         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches may
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_automaton_compile(
    device: strand_device,
    patterns: *const strand_pattern,
    count: usize,
    options: *const strand_automaton_options,
    out: *mut strand_automaton,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_automaton_compile", "out")?;
        // SAFETY: NULL, or a struct as its size says, by the caller's promise.
        let (wish, error) = unsafe { wish_of(options) }?;
        // SAFETY: as many patterns as count says, with texts that are readable, by the caller's promise.
        let patterns = unsafe { patterns_of(patterns, count) }?;
        let mut refused = None;
        let made = object::compile(device, &patterns, wish, &mut refused);
        if let Some(refused) = refused.filter(|_| !error.is_null()) {
            // SAFETY: a struct as its size says, by the caller's promise; checked by `wish_of`.
            unsafe { sized::write(error, &shown(&refused), "strand_automaton_compile") }?;
        }
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(made?) };
        Ok(())
    })
}

/// Begins to read chunks. Chunks of one stream are read in the order in which they stand, each 64 KiB of a chunk
/// by one strand of the runtime between turns of others; streams are read side by side. A scan that ends
/// early leaves every stream where scanned of its chunks says; the rest can be scanned by another call. The rest of a last chunk may be
/// empty: scanned once more it ends its stream, or does nothing where the stream was over.
///
/// The bytes, and the array of chunks, belong to the scan until the ticket has its result, also when the ticket was cancelled or
/// released.
///
/// @param automaton  the automaton
/// @param chunks     count of them
/// @param count      at most 1,048,576; 0 is a scan that has ended
/// @param options    may be NULL; copied
/// @param out        the ticket. Its result is STRAND_OK: everything was read, what was found can be taken;
///                   STRAND_ERR_LIMIT: visits_max or matches_max, or no ticket or strand could be had for a batch;
///                   STRAND_ERR_TIMEOUT: the deadline;
///                   STRAND_ERR_CANCELLED; STRAND_ERR_CLOSED: the automaton was released or its device closed;
///                   STRAND_ERR_DEVICE: the device is lost; STRAND_ERR_PARITY: two engines disagree, the message has the first difference;
///                   STRAND_ERR_NO_MEMORY
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: chunks or out is NULL, sizes differ, data is NULL, a flag is unknown, the deadline is below -1, or
///         automaton names none and never did;
///         STRAND_ERR_BUSY: another scan reads one of the streams;
///         STRAND_ERR_LIMIT: too many chunks, streams, tickets or strands;
///         STRAND_ERR_STALE: it was released; STRAND_ERR_CLOSED: its device was closed;
///         STRAND_ERR_NO_MEMORY;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_automaton_scan(
    automaton: strand_automaton,
    chunks: *mut strand_chunk,
    count: usize,
    options: *const strand_scan_options,
    out: *mut strand_ticket,
) -> strand_status {
    guard(|| {
        check::pointer(out, "strand_automaton_scan", "out")?;
        // SAFETY: NULL, or a struct as its size says, by the caller's promise.
        let limits = unsafe { limits_of(options) }?;
        // SAFETY: as many chunks as count says, by the caller's promise.
        let chunks = unsafe { chunks_of(chunks, count) }?;
        let ticket = automata::scan(automaton, chunks, limits)?;
        // SAFETY: writable, by the caller's promise.
        unsafe { out.write(ticket) };
        Ok(())
    })
}

/// Takes matches that were found. Those of one stream come in the order of what was read, sorted by pattern and
/// end within 64 KiB, or within a batch.
///
/// @param automaton  the automaton
/// @param matches    room for capacity of them; may be NULL when that is 0
/// @param capacity   how many at most
/// @param count      how many it were
/// @return STRAND_OK;
///         STRAND_ERR_EMPTY: none waits, or capacity is 0;
///         STRAND_ERR_INVALID: matches or count is NULL, or automaton names none and never did;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_automaton_take(
    automaton: strand_automaton,
    matches: *mut strand_match,
    capacity: usize,
    count: *mut usize,
) -> strand_status {
    guard(|| {
        check::pointer(count, "strand_automaton_take", "count")?;
        if capacity > 0 {
            check::pointer(matches, "strand_automaton_take", "matches")?;
        }
        let give = |index: usize, found: Match| {
            let found = strand_match { pattern: found.pattern, stream: found.stream, end: found.end };
            // SAFETY: there is room for capacity of them, by the caller's promise.
            unsafe { matches.add(index).write(found) };
        };
        match object::take(automaton, give, capacity)? {
            0 => Err(Status::EMPTY),
            taken => {
                // SAFETY: writable, by the caller's promise.
                unsafe { count.write(taken) };
                Ok(())
            }
        }
    })
}

/// Forgets a stream: the next chunk with its number is the first of another one. Nothing is reported for its end.
/// A stream that was never begun is forgotten already.
///
/// @param automaton  the automaton
/// @param stream     its number
/// @return STRAND_OK;
///         STRAND_ERR_BUSY: a scan reads it;
///         STRAND_ERR_INVALID: automaton names none and never did;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_automaton_reset(automaton: strand_automaton, stream: u32) -> strand_status {
    guard(|| object::reset(automaton, stream))
}

/// What an automaton has, and what its scans have done so far.
///
/// @param automaton  the automaton
/// @param stats      filled; its size is set by the caller
/// @return STRAND_OK;
///         STRAND_ERR_INVALID: stats is NULL or its size is wrong, or automaton names none and never did;
///         STRAND_ERR_STALE: it was released;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strand_automaton_stats(
    automaton: strand_automaton,
    stats: *mut strand_automaton_counts,
) -> strand_status {
    guard(|| {
        // SAFETY: a struct as its size says, by the caller's promise.
        unsafe { sized::check(stats, "strand_automaton_stats") }?;
        let facts = object::facts(automaton)?;
        // SAFETY: as above.
        unsafe { sized::write(stats, &stats_of(&facts), "strand_automaton_stats") }
    })
}

/// Gives an automaton up, with the matches that were not taken. A scan that goes on ends with
/// STRAND_ERR_CLOSED.
///
/// @param automaton  the automaton
/// @return STRAND_OK;
///         STRAND_ERR_STALE: it was released before;
///         STRAND_ERR_INVALID: automaton names none and never did;
///         STRAND_ERR_CANCELLED: the runtime is shutting down;
///         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
///
/// @context any
/// @switches never
/// @threadsafe yes
/// @signalsafe no
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strand_automaton_release(automaton: strand_automaton) -> strand_status {
    guard(|| object::release(automaton))
}
