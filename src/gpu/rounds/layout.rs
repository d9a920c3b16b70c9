// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words that host and device share, in one table: offsets here and constants in the shaders come from it.
//!
//! ```text
//! control   parameters (the host writes)   state of the queue (both)       slice (prep writes, step reads)
//! counters  appended to each band in this round   totals of this submission (the host sets them to 0)
//! ```

/// Bands of a worklist at most.
pub const BANDS: usize = 5;
/// Tenants at most.
pub const TENANTS: usize = 30;

macro_rules! table {
    ($(#[$doc:meta])* $table:ident, $words:ident = $total:literal; $($name:ident = $first:literal, $text:literal;)*) => {
        $(#[doc = $text] #[allow(dead_code, reason = "shaders have the names of all")] pub const $name: usize = $first;)*
        $(#[$doc])*
        pub const $table: &[(&str, usize)] = &[$((stringify!($name), $first)),*];
        #[doc = concat!("Words of `", stringify!($table), "`.")]
        pub const $words: usize = $total;
    };
}

table! {
    /// Names and offsets of the control block.
    CONTROL, CONTROL_WORDS = 64;
    CAPACITY = 0, "Items that may lie on the device.";
    PHYSICAL = 1, "Places of each band's ring.";
    BAND_COUNT = 2, "Bands of the worklist.";
    NEWEST_FIRST = 3, "1: a slice is the newest items (LIFO), 0: the oldest.";
    FAN_OUT = 4, "Items that one item pushes at most.";
    EMIT_MAX = 5, "Records that one item emits at most.";
    EMIT_SPACE = 6, "Records that fit the emit buffer.";
    REPORT_MAX = 7, "Reports that one item makes at most: 0 or 1.";
    REPORT_SPACE = 8, "Reports that fit.";
    REPORT_FIRST = 9, "The word of the output buffer where reports begin.";
    SLICE_MAX = 10, "Items of a slice at most.";
    SLICE_MIN = 11, "A slice that is smaller for want of space ends the submission: the host makes space.";
    INNER = 12, "Visits of an item by one invocation at most.";
    BUDGET = 13, "Visits of this submission at most.";
    STARVED_AFTER = 14, "A band that was passed over so often is next.";
    GROUP = 15, "Invocations of a workgroup.";
    ROW_MAX = 16, "Workgroups of one dimension at most.";
    NOW = 17, "Rounds of the run that had a slice.";
    AGE_AFTER = 18, "Rounds of waiting that make a band count as one more urgent; 0: none.";
    DEBUG_FIRST = 19, "The word of the output buffer where debug records begin.";
    HEAD = 20, "Of each band: the place of its oldest item.";
    COUNT = 25, "Of each band: its items.";
    PASSED = 30, "Of each band: how often it was passed over since it had a slice.";
    MARKED = 35, "Of each band: the round of its mark.";
    SLICE = 40, "Items of the slice.";
    SLICE_BAND = 41, "Its band.";
    SLICE_FIRST = 42, "The place of its first item.";
    SLICE_BASE = 43, "The first place of its band's ring.";
    SLICE_INNER = 44, "Visits of an item by one invocation, in this round.";
    ROW = 45, "Workgroups of a row of this dispatch.";
    PEAK = 46, "The deepest that the queue was.";
    ROUNDS = 47, "Rounds that had a slice.";
    ADMITTED = 48, "Items of all slices.";
    LAUNCHED = 49, "Invocations of all rounds.";
    STOPPED = 50, "Why rounds are empty: bits STOP_.";
    GUARDED = 51, "Slices that a band got before a more urgent one.";
    LEFT = 52, "Of each band: items that were queued when it was marked and are still there.";
    BELOW = 57, "Of each band, where the newest go first: items that the host has put below those.";
    SLICE_RAISED = 62, "Bands by which waiting has raised the slice.";
    DEBUG_SPACE = 63, "Debug records that fit.";
}

table! {
    /// Names and offsets of the counters.
    COUNTERS, COUNTER_WORDS = 320;
    APPENDED = 0, "Of each band: items appended in this round.";
    FINISHED = 5, "Items that are done.";
    REQUEUED = 6, "Items that went back to the queue.";
    YIELDED = 7, "Items that gave way.";
    PAUSED = 8, "Items that wait for an epoch.";
    FAULTED = 9, "Items that faulted.";
    PUSHED = 10, "Children.";
    EMITTED = 11, "Emitted records.";
    REPORTED = 12, "Reports.";
    AT_ONCE = 13, "Requeues that the same invocation ran at once.";
    LOST = 14, "What had no place although it was admitted: never anything.";
    CHANGE = 16, "Of each tenant, where items are tagged: how many more of its items the queue holds, as a signed number.";
    DEBUGGED = 48, "Debug records, also those that did not fit.";
    SPREAD = 64, "Groups add to one of several copies of the counters up to here, so that few meet; what they hold together counts.";
}

/// Copies of the counters at [`SPREAD`].
pub const COPIES: usize = 16;
/// Words of a copy: no two lie in one line of a cache.
pub const COPY_WORDS: usize = 16;

/// Adds what the copies of the counters hold to the counters.
pub fn gather(counters: &mut [u32; COUNTER_WORDS]) {
    let (sums, copies) = counters.split_at_mut(SPREAD);
    for copy in copies.chunks_exact_mut(COPY_WORDS) {
        for (sum, word) in sums.iter_mut().zip(copy) {
            *sum = sum.wrapping_add(core::mem::take(word));
        }
    }
}

/// The queue has little space left.
pub const STOP_QUEUE: u32 = 1;
/// So the emit buffer.
pub const STOP_EMITS: u32 = 2;
/// So the reports.
pub const STOP_REPORTS: u32 = 4;
/// The budget is used up.
pub const STOP_BUDGET: u32 = 8;

/// What an item has ended with; also the kind of a report.
pub mod end {
    /// It is done.
    pub const DONE: u32 = 0;
    /// It goes on, through the queue.
    pub const REQUEUE: u32 = 1;
    /// It gives way.
    pub const YIELD: u32 = 2;
    /// It waits.
    pub const PAUSE: u32 = 3;
    /// It faulted.
    pub const FAULT: u32 = 4;
    /// No item was taken.
    pub const NONE: u32 = 5;
}

/// Words of a report before the record: kind, code or epoch, band, tag.
pub const REPORT_HEADER: usize = 4;

/// Words of a debug record before the item's: what was said, band, tag.
pub const DEBUG_HEADER: usize = 6;

/// The tables as constants of a shader.
pub fn constants() -> String {
    let mut text = format!("const CONTROL_WORDS = {CONTROL_WORDS}u;\nconst COUNTER_WORDS = {COUNTER_WORDS}u;\n");
    for (name, first) in CONTROL.iter().chain(COUNTERS) {
        text.push_str(&format!("const {name} = {first}u;\n"));
    }
    let stops = [("QUEUE", STOP_QUEUE), ("EMITS", STOP_EMITS), ("REPORTS", STOP_REPORTS), ("BUDGET", STOP_BUDGET)];
    for (name, bit) in stops {
        text.push_str(&format!("const STOP_{name} = {bit}u;\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_words_of_a_table_are_one() {
        for (table, words) in [(CONTROL, CONTROL_WORDS), (COUNTERS, COUNTER_WORDS)] {
            let mut used = vec![false; words];
            for (name, first) in table {
                let width = match *name {
                    "HEAD" | "COUNT" | "PASSED" | "MARKED" | "LEFT" | "BELOW" | "APPENDED" => BANDS,
                    "CHANGE" => TENANTS,
                    "SPREAD" => COPIES * COPY_WORDS,
                    _ => 1,
                };
                for word in &mut used[*first..first + width] {
                    assert!(!*word, "{name}");
                    *word = true;
                }
            }
        }
        assert!(CONTROL_WORDS.is_multiple_of(4), "the step shader reads it as vectors");
        assert_eq!(COUNTER_WORDS, SPREAD + COPIES * COPY_WORDS);
    }

    #[test]
    fn what_was_counted_in_copies_is_counted_once() {
        let mut counters = [0; COUNTER_WORDS];
        (counters[FINISHED], counters[CHANGE]) = (5, 7);
        for copy in 0..COPIES {
            counters[SPREAD + copy * COPY_WORDS + FINISHED] = 10;
            counters[SPREAD + copy * COPY_WORDS + PUSHED] = copy as u32;
        }
        for _ in 0..2 {
            gather(&mut counters);
            assert_eq!((counters[FINISHED], counters[PUSHED], counters[CHANGE]), (165, 120, 7));
        }
    }
}
