// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any bytes as a recording, as one whose CRCs agree, and as the events of a good block: opened, printed, followed.
#![no_main]
#![allow(dead_code, unused_imports, unused_macros, reason = "only part of the included sources is fuzzed")]

// The modules are private to the library, so they are compiled here once more.
#[path = "../../src/base/mod.rs"]
mod base;
#[path = "../../src/record/tests/forge.rs"]
mod forge;
#[path = "../../src/record/tests/obey.rs"]
mod obey;
#[path = "../../src/record/mod.rs"]
mod record;

use record::format::{BLOCK_HEAD, BLOCK_MARK, BLOCK_TAIL, HEADER};

fn try_out(file: &[u8]) {
    let mut text = Vec::new();
    let printed = record::print::print_memory(file.to_vec(), &mut text);
    let opened = record::Replay::in_memory(file.to_vec());
    assert_eq!(printed.is_ok(), opened.is_ok());
    if let Ok(replay) = opened {
        obey::obey(replay);
    }
}

/// A header, and a block with these events; their number is the first byte.
fn framed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (&count, events) = bytes.split_first()?;
    let recorder = record::Recorder::in_memory(&record::Identity::default()).ok()?;
    let mut file = recorder.finish_in_memory(0).ok()?;
    file.truncate(HEADER);
    let mut head = [0; BLOCK_HEAD];
    head[0] = BLOCK_MARK;
    head[16] = count;
    head[20..24].copy_from_slice(&(events.len() as u32).to_le_bytes());
    file.extend(head);
    file.extend(events);
    file.extend([0; BLOCK_TAIL]);
    Some(file)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    try_out(bytes);
    for file in [Some(bytes.to_vec()), framed(bytes)] {
        let mut file = file.unwrap_or_default();
        forge::reseal(&mut file);
        try_out(&file);
    }
});
