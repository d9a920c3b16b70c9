// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tests change: defects that comparisons have to notice, and bounds that are reached sooner.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::words::{HEAD, ROW};

/// An edge of the tables leads to a wrong state.
pub const EDGE: u32 = 1;
/// The shader reports matches one byte too far.
pub const SHADER: u32 = 2;
/// The shader forgets a state that is active at the end of a window.
pub const END: u32 = 3;
/// The shader takes every state for one that nobody has reached: only the processor claims.
pub const CLAIM: u32 = 4;

/// Which defect is on; 0: none.
pub static DEFECT: AtomicU32 = AtomicU32::new(0);
/// Slots; 0: as many as always.
pub static SLOTS: AtomicU64 = AtomicU64::new(0);
/// Words that tables may have; 0: as many as the device has room for.
pub static WORDS: AtomicU64 = AtomicU64::new(0);
/// Items and records that a worklist holds; 0: as many as always.
pub static WAITING: AtomicU64 = AtomicU64::new(0);
/// Batches that were run as items.
pub static RUN: AtomicU64 = AtomicU64::new(0);
/// Batches that were void, and those that the processor has run.
pub static VOID: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

fn is_on(defect: u32) -> bool {
    DEFECT.load(Ordering::Relaxed) == defect
}

/// How many words tables may have.
pub fn words_max(most: u64) -> u64 {
    match WORDS.load(Ordering::Relaxed) {
        0 => most,
        words => words,
    }
}

/// The last edge leads to the state after the right one.
pub fn spoil_words(words: &mut [u32]) {
    if is_on(EDGE) {
        let states = (words[HEAD] as usize - HEAD) / ROW - 1;
        let edge = words[HEAD + 1] as usize - 2;
        words[edge] = (words[edge] + 1) % states as u32;
    }
}

/// The shader with what is wrong.
pub fn spoil_text(text: String) -> String {
    let (right, wrong) = match DEFECT.load(Ordering::Relaxed) {
        SHADER => {
            ("Record(tables[accept + 2u * cursor], position)", "Record(tables[accept + 2u * cursor], position + 1u)")
        }
        END => ("emit(Record(2147483648u | state, position));", ""),
        CLAIM => ("return select(OLD, NEW, (before & bit) == 0u);", "return NEW;"),
        _ => return text,
    };
    assert!(text.is_empty() || text.contains(right), "{text}");
    text.replace(right, wrong)
}
